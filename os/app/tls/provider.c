/* SPDX-License-Identifier: ISC */
/*
 * The algorithms that TLS 1.3 and 1.2 need of libcrypto, as a provider in the place of its default one (provider-base(7)):
 * what stands in no table here is not linked. That leaves out four fifths of the default provider: old ciphers and digests,
 * what writes keys, finite-field Diffie-Hellman.
 */
#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>

#include <core/archive.h>

#include <app/tls/internal.h>

/* ---- libcrypto's own functions for those who write providers ---- */
typedef struct prov_ctx_st PROV_CTX;
PROV_CTX *ossl_prov_ctx_new(void);
void ossl_prov_ctx_free(PROV_CTX *);
void ossl_prov_ctx_set0_libctx(PROV_CTX *, OSSL_LIB_CTX *);
void ossl_prov_ctx_set0_handle(PROV_CTX *, const OSSL_CORE_HANDLE *);
void ossl_prov_ctx_set0_core_bio_method(PROV_CTX *, BIO_METHOD *);
BIO_METHOD *ossl_prov_ctx_get0_core_bio_method(PROV_CTX *);
BIO_METHOD *ossl_bio_prov_init_bio_method(void);
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH *);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH *);
OSSL_FUNC_provider_get_capabilities_fn ossl_prov_get_capabilities;
OSSL_provider_init_fn ossl_default_provider_init, ossl_base_provider_init;

#define FUNCTIONS(name_) extern const OSSL_DISPATCH ossl_##name_##_functions[]
FUNCTIONS(sha1);
FUNCTIONS(sha224);
FUNCTIONS(sha256);
FUNCTIONS(sha384);
FUNCTIONS(sha512);
FUNCTIONS(md5_sha1);
FUNCTIONS(null);
FUNCTIONS(aes128gcm);
FUNCTIONS(aes256gcm);
FUNCTIONS(aes256cbc);
FUNCTIONS(aes256ctr);
FUNCTIONS(aes256ecb);
FUNCTIONS(chacha20);
FUNCTIONS(chacha20_ossl_poly1305);
FUNCTIONS(hmac);
FUNCTIONS(kdf_hkdf);
FUNCTIONS(kdf_tls1_prf);
FUNCTIONS(drbg_ctr);
FUNCTIONS(ecdh_keyexch);
FUNCTIONS(x25519_keyexch);
FUNCTIONS(ecdsa_signature);
FUNCTIONS(rsa_signature);
FUNCTIONS(ed25519_signature);
FUNCTIONS(mac_legacy_keymgmt);
FUNCTIONS(mac_legacy_hmac_signature);
FUNCTIONS(rsa_keymgmt);
FUNCTIONS(rsapss_keymgmt);
FUNCTIONS(ec_keymgmt);
FUNCTIONS(x25519_keymgmt);
FUNCTIONS(ed25519_keymgmt);
FUNCTIONS(pem_to_der_decoder);
FUNCTIONS(SubjectPublicKeyInfo_der_to_der_decoder);
FUNCTIONS(SubjectPublicKeyInfo_der_to_rsa_decoder);
FUNCTIONS(SubjectPublicKeyInfo_der_to_rsapss_decoder);
FUNCTIONS(SubjectPublicKeyInfo_der_to_ec_decoder);
FUNCTIONS(SubjectPublicKeyInfo_der_to_ed25519_decoder);
FUNCTIONS(PrivateKeyInfo_der_to_rsa_decoder);
FUNCTIONS(PrivateKeyInfo_der_to_rsapss_decoder);
FUNCTIONS(PrivateKeyInfo_der_to_ec_decoder);
FUNCTIONS(PrivateKeyInfo_der_to_ed25519_decoder);
FUNCTIONS(type_specific_keypair_der_to_rsa_decoder);
FUNCTIONS(type_specific_no_pub_der_to_ec_decoder);

/* ---- The tables ---- */
#define OURS "provider=default"
#define END  { .algorithm_names = NULL }

static const OSSL_ALGORITHM digests[] = {
	{ "SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", OURS, ossl_sha1_functions, NULL },
	{ "SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", OURS, ossl_sha224_functions, NULL },
	{ "SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", OURS, ossl_sha256_functions, NULL },
	{ "SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", OURS, ossl_sha384_functions, NULL },
	{ "SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", OURS, ossl_sha512_functions, NULL },
	{ "MD5-SHA1", OURS, ossl_md5_sha1_functions, NULL },
	END,
};
/* CBC is for session tickets, CTR and ECB are the random generator's. */
static const OSSL_ALGORITHM ciphers[] = {
	{ "NULL", OURS, ossl_null_functions, NULL },
	{ "AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", OURS, ossl_aes128gcm_functions,
	  NULL },
	{ "AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", OURS, ossl_aes256gcm_functions,
	  NULL },
	{ "ChaCha20-Poly1305", OURS, ossl_chacha20_ossl_poly1305_functions, NULL },
	{ "ChaCha20", OURS, ossl_chacha20_functions, NULL },
	{ "AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", OURS, ossl_aes256cbc_functions, NULL },
	{ "AES-256-CTR", OURS, ossl_aes256ctr_functions, NULL },
	{ "AES-256-ECB:2.16.840.1.101.3.4.1.41", OURS, ossl_aes256ecb_functions, NULL },
	END,
};
static const OSSL_ALGORITHM macs[] = { { "HMAC", OURS, ossl_hmac_functions, NULL }, END };
static const OSSL_ALGORITHM kdfs[] = {
	{ "HKDF", OURS, ossl_kdf_hkdf_functions, NULL },
	{ "TLS13-KDF", OURS, tls_schedule_functions, NULL },
	{ "TLS1-PRF", OURS, ossl_kdf_tls1_prf_functions, NULL },
	END,
};
static const OSSL_ALGORITHM generators[] = { { "CTR-DRBG", OURS, ossl_drbg_ctr_functions, NULL },
	                                     END };
static const OSSL_ALGORITHM exchanges[] = {
	{ "ECDH", OURS, ossl_ecdh_keyexch_functions, NULL },
	{ "X25519:1.3.101.110", OURS, ossl_x25519_keyexch_functions, NULL },
	END,
};
static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, ossl_rsa_signature_functions, NULL },
	{ "ECDSA", OURS, ossl_ecdsa_signature_functions, NULL },
	{ "ED25519:1.3.101.112", OURS, ossl_ed25519_signature_functions, NULL },
	{ "HMAC", OURS, ossl_mac_legacy_hmac_signature_functions, NULL }, /* binders of tickets */
	END,
};
static const OSSL_ALGORITHM keys[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, ossl_rsa_keymgmt_functions, NULL },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", OURS, ossl_rsapss_keymgmt_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, ossl_ec_keymgmt_functions, NULL },
	{ "X25519:1.3.101.110", OURS, ossl_x25519_keymgmt_functions, NULL },
	{ "ED25519:1.3.101.112", OURS, ossl_ed25519_keymgmt_functions, NULL },
	{ "HMAC", OURS, ossl_mac_legacy_keymgmt_functions, NULL },
	END,
};
#define DER(structure_) OURS ",input=der,structure=" structure_
static const OSSL_ALGORITHM decoders[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", DER("PrivateKeyInfo"),
	  ossl_PrivateKeyInfo_der_to_rsa_decoder_functions, NULL },
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", DER("SubjectPublicKeyInfo"),
	  ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions, NULL },
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", DER("type-specific"),
	  ossl_type_specific_keypair_der_to_rsa_decoder_functions, NULL },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", DER("PrivateKeyInfo"),
	  ossl_PrivateKeyInfo_der_to_rsapss_decoder_functions, NULL },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", DER("SubjectPublicKeyInfo"),
	  ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", DER("PrivateKeyInfo"),
	  ossl_PrivateKeyInfo_der_to_ec_decoder_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", DER("SubjectPublicKeyInfo"),
	  ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", DER("type-specific"),
	  ossl_type_specific_no_pub_der_to_ec_decoder_functions, NULL },
	{ "ED25519:1.3.101.112", DER("PrivateKeyInfo"),
	  ossl_PrivateKeyInfo_der_to_ed25519_decoder_functions, NULL },
	{ "ED25519:1.3.101.112", DER("SubjectPublicKeyInfo"),
	  ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions, NULL },
	{ "DER", DER("SubjectPublicKeyInfo"),
	  ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions, NULL },
	{ "DER", OURS ",input=pem", ossl_pem_to_der_decoder_functions, NULL },
	END,
};

/* ---- The provider ---- */

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_DIGEST:
		return digests;
	case OSSL_OP_CIPHER:
		return ciphers;
	case OSSL_OP_MAC:
		return macs;
	case OSSL_OP_KDF:
		return kdfs;
	case OSSL_OP_RAND:
		return generators;
	case OSSL_OP_KEYMGMT:
		return keys;
	case OSSL_OP_KEYEXCH:
		return exchanges;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_DECODER:
		return decoders;
	default:
		return NULL;
	}
}

static void teardown(void *context)
{
	BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(context));
	ossl_prov_ctx_free(context);
}

ARCHIVE_CALLER(OPENSSL_CORE_CTX *, call_get_libctx,
               (OPENSSL_CORE_CTX * (*fn)(const OSSL_CORE_HANDLE *), const OSSL_CORE_HANDLE *handle),
               handle)

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))ossl_prov_get_capabilities },
	{ 0, NULL },
};

int ossl_default_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                               const OSSL_DISPATCH **out, void **context)
{
	OPENSSL_CORE_CTX *(*get_libctx)(const OSSL_CORE_HANDLE *) = NULL;
	if (!ossl_prov_bio_from_dispatch(in) || !ossl_prov_seeding_from_dispatch(in))
		return 0;
	for (; in->function_id; in++)
		if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
			get_libctx = OSSL_FUNC_core_get_libctx(in);
	if (!get_libctx)
		return 0;
	PROV_CTX *made = ossl_prov_ctx_new();
	BIO_METHOD *method = ossl_bio_prov_init_bio_method();
	if (!made || !method) {
		ossl_prov_ctx_free(made);
		BIO_meth_free(method);
		return 0;
	}
	ossl_prov_ctx_set0_libctx(made, (OSSL_LIB_CTX *)call_get_libctx(get_libctx, handle));
	ossl_prov_ctx_set0_handle(made, handle);
	ossl_prov_ctx_set0_core_bio_method(made, method);
	*out = functions;
	*context = made;
	return 1;
}

/* Readers and writers of keys without algorithms: nobody asks for that one by its name. */
int ossl_base_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                            const OSSL_DISPATCH **out, void **context)
{
	(void)handle, (void)in, (void)out, (void)context;
	return 0;
}

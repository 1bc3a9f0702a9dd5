/* SPDX-License-Identifier: ISC */
/* Keys of the curve P-256: drawn, signed with, and as texts (RFC 5915, RFC 7468). */
#include <app/acme/internal.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <core/error.h>
#include <core/print.h>

#define SCALAR_SIZE 32u

static const uint8_t curve[] = { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }; /* prime256v1 */

void acme_key_forget(struct acme_key *k)
{
	EVP_PKEY_free(k->pair);
	k->pair = NULL;
}

/* Looks at a pair, and owns it. */
static int take(struct acme_key *k, EVP_PKEY *pair)
{
	char group[32] = "";
	size_t size = 0;
	bool fine = pair && EVP_PKEY_is_a(pair, "EC") &&
	            EVP_PKEY_get_group_name(pair, group, sizeof group, NULL) == 1 &&
	            strcmp(group, "prime256v1") == 0 &&
	            EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, k->point,
	                                            sizeof k->point, &size) == 1 &&
	            size == ACME_POINT_SIZE && k->point[0] == 4;
	ERR_clear_error();
	k->pair = pair;
	if (fine)
		return OK;
	acme_key_forget(k);
	return ERR_MALFORMED;
}

int acme_key_new(struct acme_key *k)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	return pair ? take(k, pair) : ERR_MEMORY;
}

int acme_key_read(struct acme_key *k, const char *pem, uint32_t size)
{
	BIO *in = BIO_new_mem_buf(pem, (int)size);
	EVP_PKEY *pair = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	BIO_free(in);
	return take(k, pair);
}

int acme_key_print(const struct acme_key *k, char to[ACME_KEY_TEXT])
{
	static const uint8_t one = 1, zero = 0;
	uint8_t scalar[SCALAR_SIZE], bytes[160];
	char text[BASE64_SIZE(sizeof bytes) + 1];
	BIGNUM *n = NULL;
	struct acme_der d = { .bytes = bytes, .room = sizeof bytes };
	if (EVP_PKEY_get_bn_param(k->pair, OSSL_PKEY_PARAM_PRIV_KEY, &n) != 1 ||
	    BN_bn2binpad(n, scalar, SCALAR_SIZE) != (int)SCALAR_SIZE) {
		BN_clear_free(n);
		ERR_clear_error();
		return ERR_MEMORY;
	}
	BN_clear_free(n);
	uint32_t all = acme_der_begin(&d, 0x30);
	acme_der_value(&d, 0x02, &one, 1);
	acme_der_value(&d, 0x04, scalar, sizeof scalar);
	acme_der_value(&d, 0xa0, curve, sizeof curve);
	uint32_t public = acme_der_begin(&d, 0xa1), point = acme_der_begin(&d, 0x03);
	acme_der_bytes(&d, &zero, 1);
	acme_der_bytes(&d, k->point, ACME_POINT_SIZE);
	acme_der_end(&d, point);
	acme_der_end(&d, public);
	acme_der_end(&d, all);
	text[base64_encode(text, bytes, d.size)] = '\0';
	int size = print_text(
	        to, ACME_KEY_TEXT,
	        "-----BEGIN EC PRIVATE KEY-----\n%.64s\n%.64s\n%s\n-----END EC PRIVATE KEY-----\n",
	        text, text + 64, text + 128);
	explicit_bzero(scalar, sizeof scalar);
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(text, sizeof text);
	return d.failed || size < 0 || size >= (int)ACME_KEY_TEXT ? ERR_TOO_BIG : size;
}

int acme_key_sign_der(const struct acme_key *k, const void *bytes, size_t size,
                      uint8_t to[ACME_SIGNATURE_DER])
{
	size_t room = ACME_SIGNATURE_DER;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool fine = c && EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, k->pair, NULL) == 1 &&
	            EVP_DigestSign(c, to, &room, bytes, size) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return fine ? (int)room : ERR_MEMORY;
}

int acme_key_sign(const struct acme_key *k, const void *bytes, size_t size,
                  uint8_t to[ACME_SIGNATURE_SIZE])
{
	uint8_t der[ACME_SIGNATURE_DER];
	const uint8_t *at = der;
	int n = acme_key_sign_der(k, bytes, size, der);
	ECDSA_SIG *s = n > 0 ? d2i_ECDSA_SIG(NULL, &at, n) : NULL;
	bool fine = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), to, SCALAR_SIZE) == (int)SCALAR_SIZE &&
	            BN_bn2binpad(ECDSA_SIG_get0_s(s), to + SCALAR_SIZE, SCALAR_SIZE) ==
	                    (int)SCALAR_SIZE;
	ECDSA_SIG_free(s);
	return fine ? OK : ERR_MEMORY;
}

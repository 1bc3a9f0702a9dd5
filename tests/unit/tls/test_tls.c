/* SPDX-License-Identifier: ISC */
/* The key schedule against RFC 8448, HMAC, public keys and what is fetched against libcrypto's own. */
#include <app/tls/internal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <core/archive.h>
#include <core/clone.h>

/* ---- What an image has ---- */
const uint32_t *const archive_entries = NULL;

bool archive_search(const uint32_t *entries, const void *fn)
{
	return entries && fn;
}

uint64_t clone_generation(void)
{
	return 0;
}

void public_wrapped(uint8_t *, const uint8_t *) __asm__("__wrap_ossl_x25519_public_from_private");
void public_own(uint8_t *, const uint8_t *) __asm__("__real_ossl_x25519_public_from_private");
unsigned char *mac_own(OSSL_LIB_CTX *, const char *, const char *, const char *, const OSSL_PARAM *,
                       const void *, size_t, const unsigned char *, size_t, unsigned char *, size_t,
                       size_t *) __asm__("__real_EVP_Q_mac");

static void bytes_of(const char *hex, uint8_t *to, size_t size)
{
	assert_int_equal(strlen(hex), 2 * size);
	for (size_t k = 0; k < size; k++) {
		unsigned byte = 0;
		for (int n = 0; n < 2; n++, hex++)
			byte = byte << 4 | (unsigned)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
		to[k] = (uint8_t)byte;
	}
}

/* ---- The key schedule ---- */

/* As libssl asks for it. */
static int derive(int mode, const char *digest, const void *key, size_t key_size, const void *salt,
                  const char *label, const void *data, size_t data_size, uint8_t *to, size_t size)
{
	const OSSL_DISPATCH *f = tls_schedule_functions;
	while (f->function_id != OSSL_FUNC_KDF_DERIVE)
		f++;
	OSSL_PARAM params[8], *p = params;
	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest,
	                                        0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char[]){ "tls13 " }, 6);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (char *)(uintptr_t)label,
	                                         strlen(label));
	if (key)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key,
		                                         key_size);
	if (salt)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
		                                         (void *)(uintptr_t)salt, key_size);
	if (data)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA,
		                                         (void *)(uintptr_t)data, data_size);
	*p = OSSL_PARAM_construct_end();
	return ((OSSL_FUNC_kdf_derive_fn *)f->function)(NULL, to, size, params);
}

#define EXTRACT EVP_KDF_HKDF_MODE_EXTRACT_ONLY
#define EXPAND  EVP_KDF_HKDF_MODE_EXPAND_ONLY

/* RFC 8448 §3: a simple handshake of one round trip. */
static void derives_the_secrets_of_rfc_8448(void **state)
{
	(void)state;
	uint8_t shared[32], hash[32], early[32], handshake[32], server[32], key[16], iv[12],
	        want[32];
	assert_true(derive(EXTRACT, "SHA2-256", NULL, 0, NULL, "derived", NULL, 0, early, 32));
	bytes_of("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a", want, 32);
	assert_memory_equal(early, want, 32);
	bytes_of("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", shared, 32);
	assert_true(
	        derive(EXTRACT, "SHA2-256", shared, 32, early, "derived", NULL, 0, handshake, 32));
	bytes_of("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac", want, 32);
	assert_memory_equal(handshake, want, 32);
	bytes_of("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8", hash, 32);
	assert_true(derive(EXPAND, "SHA256", handshake, 32, NULL, "s hs traffic", hash, 32, server,
	                   32));
	bytes_of("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", want, 32);
	assert_memory_equal(server, want, 32);
	assert_true(derive(EXPAND, "SHA2-256", server, 32, NULL, "key", NULL, 0, key, 16));
	bytes_of("3fce516009c21727d0f2e4e86ee403bc", want, 16);
	assert_memory_equal(key, want, 16);
	assert_true(derive(EXPAND, "SHA2-256", server, 32, NULL, "iv", NULL, 0, iv, 12));
	bytes_of("5d313eb2671276ee13000b30", want, 12);
	assert_memory_equal(iv, want, 12);
}

/* HKDF-Expand of libcrypto, with the info that RFC 8446 §7.1 says. */
static void expands_as_libcrypto_does_by_either_digest(void **state)
{
	(void)state;
	static const char *const names[] = { "SHA2-256", "SHA2-384" };
	uint8_t secret[48], data[48], got[200], want[200];
	RAND_bytes(secret, sizeof secret);
	RAND_bytes(data, sizeof data);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	for (unsigned n = 0; n < 2; n++)
		for (size_t size = 1; size <= sizeof got; size++) {
			uint8_t info[2 + 1 + 11 + 1 + 48] = { 0, (uint8_t)size, 11 };
			int mode = EXPAND;
			memcpy(info + 3, "tls13 c hsx", 11);
			info[14] = 48;
			memcpy(info + 15, data, 48);
			EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
			OSSL_PARAM params[] = {
				OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
				OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
				                                 (char *)(uintptr_t)names[n], 0),
				OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, 48),
				OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
				                                  sizeof info),
				OSSL_PARAM_construct_end()
			};
			assert_int_equal(EVP_KDF_derive(c, want, size, params), 1);
			EVP_KDF_CTX_free(c);
			assert_true(derive(EXPAND, names[n], secret, 48, NULL, "c hsx", data, 48,
			                   got, size));
			assert_memory_equal(got, want, size);
		}
	EVP_KDF_free(kdf);
}

static void refuses_what_it_cannot_derive(void **state)
{
	(void)state;
	static uint8_t to[255 * 48 + 1], data[65];
	char label[251];
	memset(label, 'x', 250);
	label[250] = '\0';
	assert_false(derive(EXPAND, "SHA2-512", to, 48, NULL, "key", NULL, 0, to, 16));
	assert_false(derive(EXPAND, "SHA2-256", NULL, 0, NULL, "key", NULL, 0, to, 16));
	assert_false(derive(7, "SHA2-256", to, 32, NULL, "key", NULL, 0, to, 16));
	assert_false(derive(EXPAND, "SHA2-384", data, 48, NULL, label, NULL, 0, to, 16));
	assert_false(derive(EXPAND, "SHA2-384", data, 48, NULL, "key", data, 65, to, 16));
	assert_false(derive(EXPAND, "SHA2-384", data, 48, NULL, "key", NULL, 0, to, sizeof to));
	assert_false(derive(EXTRACT, "SHA2-384", data, 48, NULL, "derived", NULL, 0, to, 47));
}

/* ---- HMAC ---- */

static void macs_are_libcryptos(void **state)
{
	(void)state;
	static const char *const names[] = { "SHA2-256", "SHA384", "SHA2-512", "SHA1" };
	uint8_t key[300], data[300], got[64], want[64];
	RAND_bytes(key, sizeof key);
	RAND_bytes(data, sizeof data);
	for (unsigned n = 0; n < 4; n++)
		for (size_t size = 0; size < 300; size += 23) {
			size_t got_size = 0, want_size = 0;
			assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, names[n], NULL, key, size,
			                          data, 300 - size, got, 64, &got_size));
			assert_non_null(mac_own(NULL, "HMAC", NULL, names[n], NULL, key, size, data,
			                        300 - size, want, 64, &want_size));
			assert_int_equal(got_size, want_size);
			assert_memory_equal(got, want, want_size);
		}
	assert_null(
	        EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-256", NULL, key, 32, data, 300, got, 31, NULL));
}

/* ---- Public keys ---- */

/* RFC 7748 §6.1. */
static void public_keys_are_rfc_7748s(void **state)
{
	(void)state;
	uint8_t key[32], got[32], want[32];
	bytes_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", key, 32);
	bytes_of("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", want, 32);
	public_wrapped(got, key);
	assert_memory_equal(got, want, 32);
}

static void public_keys_are_libcryptos(void **state)
{
	(void)state;
	uint8_t key[32], got[32], want[32];
	for (unsigned k = 0; k < 4000; k++) {
		if (k < 256) /* every digit at its ends */
			memset(key, (int)k, sizeof key);
		else if (k < 512) {
			memset(key, 0, sizeof key);
			key[k % 32] = (uint8_t)(1u << (k / 32 % 8));
		} else {
			RAND_bytes(key, sizeof key);
		}
		public_wrapped(got, key);
		public_own(want, key);
		assert_memory_equal(got, want, 32);
	}
}

/* ---- What is fetched ---- */

static void take_any(const char *name, void *data)
{
	*(unsigned *)data += name && *name;
}

static void what_is_fetched_again_is_the_same(void **state)
{
	(void)state;
	EVP_MD *first = EVP_MD_fetch(NULL, "SHA2-256", NULL),
	       *again = EVP_MD_fetch(NULL, "SHA2-256", ""),
	       *other = EVP_MD_fetch(NULL, "sha-256", NULL);
	assert_non_null(first);
	assert_ptr_equal(first, again);
	assert_ptr_equal(first, other);
	EVP_MD_free(again);
	EVP_MD_free(other);
	EVP_MD_free(first);
	assert_non_null(first = EVP_MD_fetch(NULL, "SHA2-256", NULL)); /* it has been kept */
	assert_int_equal(EVP_MD_get_size(first), 32);
	assert_null(EVP_MD_fetch(NULL, "SHA2-257", NULL));
	assert_null(EVP_MD_fetch(NULL, "SHA2-257", NULL));
	assert_null(EVP_MD_fetch(NULL, "SHA2-256", "provider=nobody"));
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL); /* an operation of its own */
	assert_non_null(c);
	EVP_CIPHER_free(c);
	unsigned names = 0, names_again = 0;
	EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(NULL, "EC", NULL);
	assert_true(EVP_KEYMGMT_names_do_all(k, take_any, &names));
	assert_true(EVP_KEYMGMT_names_do_all(k, take_any, &names_again));
	assert_true(names >= 2 && names == names_again);
	EVP_KEYMGMT_free(k);
	EVP_MD_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_secrets_of_rfc_8448),
		cmocka_unit_test(expands_as_libcrypto_does_by_either_digest),
		cmocka_unit_test(refuses_what_it_cannot_derive),
		cmocka_unit_test(macs_are_libcryptos),
		cmocka_unit_test(public_keys_are_rfc_7748s),
		cmocka_unit_test(public_keys_are_libcryptos),
		cmocka_unit_test(what_is_fetched_again_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

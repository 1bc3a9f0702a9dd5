/* SPDX-License-Identifier: ISC */
/*
 * X25519's public keys (RFC 7748 §5), of which each handshake makes one: libsodium's take a third of the time of libcrypto's, whose
 * portable C computes with numbers of 26 bits. Shared secrets stay libcrypto's, which has assembly for them.
 */
#include <stddef.h>
#include <stdint.h>

#include <sodium/crypto_scalarmult_curve25519.h>

void tls_x25519_public(uint8_t *to,
                       const uint8_t *key) __asm__("__wrap_ossl_x25519_public_from_private");

void tls_x25519_public(uint8_t *to, const uint8_t *key)
{
	(void)crypto_scalarmult_curve25519_base(to,
	                                        key); /* of a public key it is never other than 0 */
}

/* What these members of libsodium's ask of others, which know of memory that is locked, and of signals. */

int sodium_is_zero(const unsigned char *, size_t);
int sodium_runtime_has_avx(void);

int sodium_is_zero(const unsigned char *bytes, size_t size)
{
	unsigned char all = 0;
	for (size_t i = 0; i < size; i++)
		all |= ((const volatile unsigned char *)bytes)[i];
	return 1 & ((all - 1) >> 8);
}

/* It chooses between ways to make shared secrets. */
int sodium_runtime_has_avx(void)
{
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* SHA-256 (FIPS 180-4), HMAC over it (RFC 2104), and PBKDF2 over that (RFC 8018 §5.2): for passwords and tokens. */
#ifndef CORE_SHA256_H
#define CORE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32u

struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes so far */
	uint8_t block[64];
};
void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *bytes, size_t size);
void sha256_end(struct sha256 *, uint8_t to[SHA256_SIZE]);
void sha256(uint8_t to[SHA256_SIZE], const void *bytes, size_t size);

void sha256_hmac(uint8_t to[SHA256_SIZE], const void *key, size_t key_size, const void *bytes,
                 size_t size);

/* One block of output. `pause`, if not null, is called every 256 iterations: a task may yield there. */
void sha256_pbkdf2(uint8_t to[SHA256_SIZE], const void *password, size_t password_size,
                   const void *salt, size_t salt_size, uint32_t iterations, void (*pause)(void));

/* Compares in a time that does not depend on the contents: for secrets. */
bool bytes_same(const void *a, const void *b, size_t size);

#endif

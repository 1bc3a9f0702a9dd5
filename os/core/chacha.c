/* SPDX-License-Identifier: ISC */
/* ChaCha20 with one row of the state in each vector: a column round is four lanes at once, and a
 * diagonal round is a column round of rotated rows. */
#include <string.h>

#include <core/chacha.h>

typedef uint32_t row __attribute__((vector_size(16)));
_Static_assert(CHACHA_BLOCK == 4 * sizeof(row) && CHACHA_KEY == 2 * sizeof(row) &&
                       CHACHA_NONCE + sizeof(uint32_t) == sizeof(row),
               "RFC 8439 §2.3: constants, key, counter and nonce are four rows");

static inline row rotate(row x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static inline void column_round(row *a, row *b, row *c, row *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

void chacha_blocks(uint8_t *to, size_t blocks, const uint8_t key[CHACHA_KEY], uint32_t counter,
                   const uint8_t nonce[CHACHA_NONCE])
{
	const row constant = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	row key0, key1, last;
	memcpy(&key0, key, 16);
	memcpy(&key1, key + 16, 16);
	memcpy((uint8_t *)&last + 4, nonce, CHACHA_NONCE);
	last[0] = counter;
	for (; blocks > 0; blocks--, to += CHACHA_BLOCK) {
		row a = constant, b = key0, c = key1, d = last;
		for (int i = 0; i < 10; i++) {
			column_round(&a, &b, &c, &d);
			b = __builtin_shufflevector(b, b, 1, 2, 3, 0);
			c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
			d = __builtin_shufflevector(d, d, 3, 0, 1, 2);
			column_round(&a, &b, &c, &d);
			b = __builtin_shufflevector(b, b, 3, 0, 1, 2);
			c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
			d = __builtin_shufflevector(d, d, 1, 2, 3, 0);
		}
		a += constant;
		b += key0;
		c += key1;
		d += last;
		memcpy(to, &a, 16);
		memcpy(to + 16, &b, 16);
		memcpy(to + 32, &c, 16);
		memcpy(to + 48, &d, 16);
		last[0] += 1;
	}
}

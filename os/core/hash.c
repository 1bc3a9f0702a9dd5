/* SPDX-License-Identifier: ISC */
/* SipHash-1-3: one compression round, three finalisation rounds; little-endian words as its authors
 * define it. */
#include <string.h>

#include <core/cold.h>
#include <core/hash.h>
#include <core/random.h>
#include <core/start.h>

static uint64_t boot_key[2];

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

uint64_t hash_bytes_keyed(const uint64_t key[2], const void *bytes, size_t size)
{
	struct sip s = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	const uint8_t *at = bytes;
	uint64_t m;
	for (size_t left = size / 8; left > 0; left--, at += 8) {
		memcpy(&m, at, 8);
		sip_word(&s, m);
	}
	/* The last 0 to 7 bytes, and the length's low byte on top. */
	unsigned rest = size & 7;
	uint32_t low, high;
	m = (uint64_t)size << 56;
	if (rest >= 4) {
		memcpy(&low, at, 4);
		memcpy(&high, at + rest - 4, 4);
		m |= low | (uint64_t)high << (8 * (rest - 4));
	} else if (rest > 0) {
		m |= at[0] | (uint64_t)at[rest / 2] << (8 * (rest / 2)) |
		     (uint64_t)at[rest - 1] << (8 * (rest - 1));
	}
	sip_word(&s, m);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hash_bytes(const void *bytes, size_t size)
{
	return hash_bytes_keyed(boot_key, bytes, size);
}

COLD void hash_start(void)
{
	random_bytes(boot_key, sizeof boot_key);
}

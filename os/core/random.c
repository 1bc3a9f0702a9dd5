/* SPDX-License-Identifier: ISC */
/*
 * The random generator: ChaCha20 with fast key erasure (Bernstein, 2017). Each refill makes a pool
 * of key stream whose first 32 bytes replace the key at once; the rest is handed out and erased
 * while it is. So what memory holds later does not tell what was given before. In a clone the
 * generation number differs, which mixes the clone's fresh seed in before another byte leaves.
 */
#include <stdbool.h>
#include <string.h>

#include <core/boot.h>
#include <core/chacha.h>
#include <core/cold.h>
#include <core/random.h>
#include <core/start.h>

#define POOL_SIZE (12 * CHACHA_BLOCK)
_Static_assert(POOL_SIZE > CHACHA_KEY && POOL_SIZE % CHACHA_BLOCK == 0,
               "a pool is whole blocks, the next key first");

static uint8_t pool[POOL_SIZE]; /* starts with the key */
static uint32_t at = POOL_SIZE; /* first byte not handed out */
static uint64_t generation;
static bool seeded;

static __attribute__((noinline)) void refill(void)
{
	static const uint8_t nonce[CHACHA_NONCE];
	uint8_t key[CHACHA_KEY];
	memcpy(key, pool, sizeof key);
	chacha_blocks(pool, POOL_SIZE / CHACHA_BLOCK, key, 0, nonce);
	explicit_bzero(key, sizeof key);
	at = CHACHA_KEY;
}

/* New key: the stream under (old key xor the seed's first 32 bytes), with the seed's rest as nonce
 * and counter. */
static COLD void mix_seed(void)
{
	_Static_assert(AMP_SEED_SIZE == CHACHA_KEY + CHACHA_NONCE + 4,
	               "the seed fills key, nonce and counter");
	uint8_t key[CHACHA_KEY], block[CHACHA_BLOCK];
	uint32_t counter;
	for (uint32_t i = 0; i < CHACHA_KEY; i++)
		key[i] = pool[i] ^ boot_info->seed[i];
	memcpy(&counter, boot_info->seed + CHACHA_KEY + CHACHA_NONCE, sizeof counter);
	chacha_blocks(block, 1, key, counter, boot_info->seed + CHACHA_KEY);
	memset(pool, 0, sizeof pool);
	memcpy(pool, block, CHACHA_KEY);
	explicit_bzero(key, sizeof key);
	explicit_bzero(block, sizeof block);
	at = POOL_SIZE;
	generation = boot_info->generation;
	seeded = true;
}

/* The next n bytes of the pool, erased there; n <= POOL_SIZE - CHACHA_KEY. */
static inline void take(void *to, uint32_t n)
{
	if (__builtin_expect(
	            generation != __atomic_load_n(&boot_info->generation, __ATOMIC_RELAXED) ||
	                    !seeded,
	            0))
		mix_seed();
	if (n > POOL_SIZE - at)
		refill();
	memcpy(to, pool + at, n);
	memset(pool + at, 0, n);
	at += n;
}

void random_bytes(void *to, size_t size)
{
	uint8_t *p = to;
	while (size > 0) {
		uint32_t n =
		        size < POOL_SIZE - CHACHA_KEY ? (uint32_t)size : POOL_SIZE - CHACHA_KEY;
		take(p, n);
		p += n;
		size -= n;
	}
}

uint32_t random_u32(void)
{
	uint32_t v;
	take(&v, sizeof v);
	return v;
}

uint64_t random_u64(void)
{
	uint64_t v;
	take(&v, sizeof v);
	return v;
}

/* Lemire's method: the high half of a product is uniform once its low half clears the bias. */
uint32_t random_below(uint32_t bound)
{
	if (bound == 0)
		return 0;
	uint64_t product = (uint64_t)random_u32() * bound;
	if ((uint32_t)product < bound) {
		uint32_t bias = -bound % bound;
		while ((uint32_t)product < bias)
			product = (uint64_t)random_u32() * bound;
	}
	return (uint32_t)(product >> 32);
}

void random_start(void)
{
	mix_seed();
}

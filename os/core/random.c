/* SPDX-License-Identifier: ISC */
/*
 * The random generator: ChaCha20 with fast key erasure (Bernstein, 2017). Each refill makes a pool
 * of key stream whose first 32 bytes replace the key at once; the rest is handed out and erased
 * while it is. The seed is erased once it is mixed in. So what memory holds later does not tell what was given before.
 * And what it told once does not tell for ever what comes: a fresh seed is mixed in after RESEED_NS or RESEED_POOLS,
 * whichever is first, which is one gate call. In a clone the generation number differs, which mixes a fresh seed in before
 * another byte leaves.
 */
#include <stdbool.h>
#include <string.h>

#include <core/boot.h>
#include <core/chacha.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/gate.h>
#include <core/random.h>
#include <core/start.h>

#define POOL_SIZE (12 * CHACHA_BLOCK)
_Static_assert(POOL_SIZE > CHACHA_KEY && POOL_SIZE % CHACHA_BLOCK == 0,
               "a pool is whole blocks, the next key first");

static uint8_t pool[POOL_SIZE]; /* starts with the key */
static uint32_t at = POOL_SIZE; /* first byte not handed out */
static uint64_t generation;
static uint64_t reseed_at; /* ns; 0: at once, since nothing has been mixed in yet */
static uint32_t pools;     /* made since the last seed */

#define RESEED_NS    (5 * 60 * NS_PER_S)
#define RESEED_POOLS 1424u /* 1 MiB */
_Static_assert(RESEED_POOLS *(POOL_SIZE - CHACHA_KEY) <= 1u << 20, "a seed gives at most so much");

/* ChaCha's rows and what the compiler put aside of them lie below the stack pointer after it has returned. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[512];
	explicit_bzero(below, sizeof below);
}

/* New key: the stream under (old key xor the seed's first 32 bytes), with the seed's rest as nonce
 * and counter. Erases the seed. */
static COLD void mix(uint8_t seed[AMP_SEED_SIZE])
{
	_Static_assert(AMP_SEED_SIZE == CHACHA_KEY + CHACHA_NONCE + 4,
	               "the seed fills key, nonce and counter");
	uint8_t block[CHACHA_BLOCK];
	uint32_t counter;
	for (uint32_t i = 0; i < CHACHA_KEY; i++)
		seed[i] ^= pool[i];
	memcpy(&counter, seed + CHACHA_KEY + CHACHA_NONCE, sizeof counter);
	chacha_blocks(block, 1, seed, counter, seed + CHACHA_KEY);
	explicit_bzero(pool, sizeof pool);
	memcpy(pool, block, CHACHA_KEY);
	explicit_bzero(seed, AMP_SEED_SIZE);
	explicit_bzero(block, sizeof block);
	wipe_stack();
	at = POOL_SIZE;
	pools = 0;
	generation = boot_info->generation;
	reseed_at = clock_coarse() + RESEED_NS;
}

static COLD void reseed(void)
{
	uint8_t seed[AMP_SEED_SIZE];
	gate_seed(seed);
	mix(seed);
}

static __attribute__((noinline)) void refill(void)
{
	static const uint8_t nonce[CHACHA_NONCE];
	uint8_t key[CHACHA_KEY];
	if (++pools > RESEED_POOLS)
		reseed();
	memcpy(key, pool, sizeof key);
	chacha_blocks(pool, POOL_SIZE / CHACHA_BLOCK, key, 0, nonce);
	explicit_bzero(key, sizeof key);
	wipe_stack();
	at = CHACHA_KEY;
}

/* The next n bytes of the pool, erased there; n <= POOL_SIZE - CHACHA_KEY. */
static inline void take(void *to, uint32_t n)
{
	if (__builtin_expect(
	            generation != __atomic_load_n(&boot_info->generation, __ATOMIC_RELAXED) ||
	                    clock_coarse() >= reseed_at,
	            0))
		reseed();
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

void random_start(uint8_t seed[AMP_SEED_SIZE])
{
	mix(seed);
}

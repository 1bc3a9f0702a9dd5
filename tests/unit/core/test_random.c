/* SPDX-License-Identifier: ISC */
/* ChaCha20 and SipHash-1-3 against published vectors, and the generator's promises. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <core/chacha.h>
#include <core/clock.h>
#include <core/hash.h>
#include <core/random.h>
#include <core/start.h>

#include "fake.h"

static int start(void **state)
{
	(void)state;
	fake_start();
	uint8_t seed[AMP_SEED_SIZE] = { 1 }, zero[AMP_SEED_SIZE] = { 0 };
	random_start(seed);
	assert_memory_equal(seed, zero, sizeof seed);
	return 0;
}

/* RFC 8439 section 2.3.2. */
static void chacha_gives_the_block_of_rfc_8439(void **state)
{
	(void)state;
	static const uint8_t nonce[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a };
	static const uint8_t expected[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
		0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
		0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
		0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	uint8_t key[32], block[64];
	for (uint8_t i = 0; i < 32; i++)
		key[i] = i;
	chacha_blocks(block, 1, key, 1, nonce);
	assert_memory_equal(block, expected, 64);
}

/* RFC 8439 appendix A.1, vectors 1 and 2: two successive blocks under a key of zeros. */
static void chacha_counts_blocks(void **state)
{
	(void)state;
	static const uint8_t zero[32];
	static const uint8_t first[16] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
		                           0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28 };
	static const uint8_t second[16] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a,
		                            0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d };
	uint8_t blocks[128];
	chacha_blocks(blocks, 2, zero, 0, zero);
	assert_memory_equal(blocks, first, 16);
	assert_memory_equal(blocks + 64, second, 16);
}

/* An own SipHash, straight from the paper, with the rounds as parameters; it is right because with
 * 2 and 4 rounds it gives the paper's vector (appendix A), so with 1 and 3 it referees ours. */
static uint64_t paper_siphash(int c, int d, const uint64_t k[2], const uint8_t *in, size_t n)
{
	uint64_t v0 = k[0] ^ 0x736f6d6570736575, v1 = k[1] ^ 0x646f72616e646f6d,
	         v2 = k[0] ^ 0x6c7967656e657261, v3 = k[1] ^ 0x7465646279746573;
#define ROTATE(x_, n_) ((x_) << (n_) | (x_) >> (64 - (n_)))
#define ROUND()                                                                                    \
	do {                                                                                       \
		v0 += v1, v1 = ROTATE(v1, 13), v1 ^= v0, v0 = ROTATE(v0, 32);                      \
		v2 += v3, v3 = ROTATE(v3, 16), v3 ^= v2;                                           \
		v0 += v3, v3 = ROTATE(v3, 21), v3 ^= v0;                                           \
		v2 += v1, v1 = ROTATE(v1, 17), v1 ^= v2, v2 = ROTATE(v2, 32);                      \
	} while (0)
	for (size_t i = 0; i <= n / 8; i++) {
		uint64_t m = 0;
		for (size_t j = 0; j < 8 && i * 8 + j < n; j++)
			m |= (uint64_t)in[i * 8 + j] << (8 * j);
		if (i == n / 8)
			m |= (uint64_t)(n & 255) << 56;
		v3 ^= m;
		for (int r = 0; r < c; r++)
			ROUND();
		v0 ^= m;
	}
	v2 ^= 0xff;
	for (int r = 0; r < d; r++)
		ROUND();
	return v0 ^ v1 ^ v2 ^ v3;
}

static void siphash_agrees_with_the_paper(void **state)
{
	(void)state;
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t in[64];
	for (uint8_t i = 0; i < 64; i++)
		in[i] = i;
	assert_true(paper_siphash(2, 4, key, in, 15) == 0xa129ca6149be45e5ull);
	for (size_t n = 0; n <= 64; n++)
		assert_true(hash_bytes_keyed(key, in, n) == paper_siphash(1, 3, key, in, n));
}

static void the_hash_key_is_drawn_at_boot(void **state)
{
	(void)state;
	hash_start();
	uint64_t before = hash_bytes("ampoule", 7);
	assert_true(before == hash_bytes("ampoule", 7));
	hash_start();
	assert_true(before != hash_bytes("ampoule", 7));
}

/* A clone is a copy of the memory with another generation and seed: a child process is the same. */
static uint64_t next_in_a_clone(uint64_t generation, uint8_t seed)
{
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                        0),
	         value;
	int status;
	pid_t child = fork();
	if (child == 0) {
		fake_boot.generation = generation;
		memset(fake_boot.seed, seed, AMP_SEED_SIZE);
		*shared = random_u64();
		_exit(0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	value = *shared;
	munmap(shared, 4096);
	return value;
}

static void clones_diverge_at_once(void **state)
{
	(void)state;
	uint64_t generation = fake_boot.generation;
	random_u32(); /* leaves bytes in the pool, which every copy has */
	uint64_t same = next_in_a_clone(generation, 1), one = next_in_a_clone(generation + 1, 1),
	         other = next_in_a_clone(generation + 1, 2),
	         again = next_in_a_clone(generation + 1, 1);
	assert_true(one == again); /* the seed alone makes the difference */
	assert_true(one != other && one != same && other != same);
	assert_true(random_u64() == same);
}

static void a_seed_is_mixed_in_again_by_amount(void **state)
{
	(void)state;
	static uint8_t bytes[64 << 10];
	fake_seeds = 0;
	for (int i = 0; i < 15; i++)
		random_bytes(bytes, sizeof bytes);
	assert_int_equal(fake_seeds, 0);
	for (int i = 0; i < 2; i++)
		random_bytes(bytes, sizeof bytes);
	assert_int_equal(fake_seeds, 1);
}

static void a_seed_is_mixed_in_again_by_time(void **state)
{
	(void)state;
	random_u64();
	fake_seeds = 0;
	fake_set_now(clock_now() + 299 * NS_PER_S);
	clock_now();
	random_u64();
	assert_int_equal(fake_seeds, 0);
	fake_set_now(clock_now() + 2 * NS_PER_S);
	clock_now();
	random_u64();
	random_u64();
	assert_int_equal(fake_seeds, 1);
}

static void bytes_are_not_handed_out_twice(void **state)
{
	(void)state;
	enum { COUNT = 3000 };
	static uint64_t seen[COUNT];
	for (int i = 0; i < COUNT; i++) {
		if (i % 3 == 0)
			random_bytes(&seen[i], 8);
		else
			seen[i] = i % 3 == 1 ? random_u64()
			                     : (uint64_t)random_u32() << 32 | random_u32();
		for (int j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	}
}

static void long_requests_are_filled_whole(void **state)
{
	(void)state;
	uint8_t big[5001] = { 0 };
	random_bytes(big, 5000);
	unsigned ones = 0, zero_runs = 0;
	for (int i = 0; i < 5000; i++)
		ones += (unsigned)__builtin_popcount(big[i]);
	for (int i = 0; i + 8 <= 5000; i += 8)
		zero_runs += memcmp(big + i, "\0\0\0\0\0\0\0", 8) == 0;
	assert_in_range(ones, 19000, 21000);
	assert_int_equal(zero_runs, 0);
	assert_int_equal(big[5000], 0);
	random_bytes(NULL, 0);
}

static void below_is_bounded_and_even(void **state)
{
	(void)state;
	unsigned counts[10] = { 0 };
	for (int i = 0; i < 100000; i++)
		counts[random_below(10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], 9500, 10500); /* deviation 95 */
	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
	for (int i = 0; i < 1000; i++)
		assert_true(random_below(0x80000001u) <= 0x80000000u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chacha_gives_the_block_of_rfc_8439),
		cmocka_unit_test(chacha_counts_blocks),
		cmocka_unit_test(siphash_agrees_with_the_paper),
		cmocka_unit_test(the_hash_key_is_drawn_at_boot),
		cmocka_unit_test(clones_diverge_at_once),
		cmocka_unit_test(a_seed_is_mixed_in_again_by_amount),
		cmocka_unit_test(a_seed_is_mixed_in_again_by_time),
		cmocka_unit_test(bytes_are_not_handed_out_twice),
		cmocka_unit_test(long_requests_are_filled_whole),
		cmocka_unit_test(below_is_bounded_and_even),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}

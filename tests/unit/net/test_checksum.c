/* SPDX-License-Identifier: ISC */
/* The Internet checksum (RFC 1071) against one that is written as the RFC says it. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <net/checksum.h>

static uint8_t bytes[70000];

static void fill(unsigned seed)
{
	for (size_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(seed = seed * 1103515245u + 12345u, seed >> 16);
}

static uint16_t ours(const uint8_t *p, size_t n, uint64_t sum)
{
	uint8_t stored[2];
	checksum_store(stored, checksum_add(sum, p, n));
	return bytes_load_u16(stored);
}

static void equals_the_naive_one_at_every_size_and_alignment(void **state)
{
	(void)state;
	fill(1);
	for (uint32_t n = 0; n < 1600; n++) {
		for (uint32_t at = 0; at < 9; at++)
			assert_int_equal(ours(bytes + at, n, 0), naive_checksum(bytes + at, n, 0));
	}
	assert_int_equal(ours(bytes, 65535, 0), naive_checksum(bytes, 65535, 0));
}

static void carries_are_kept(void **state)
{
	(void)state;
	memset(bytes, 0xff, sizeof bytes);
	for (uint32_t n = 0; n < 3000; n++)
		assert_int_equal(ours(bytes, n, 0), naive_checksum(bytes, n, 0));
	/* A sum near the top that comes in from an earlier piece */
	assert_int_equal(checksum_fold(checksum_add(UINT64_MAX, bytes, 64)), 0xffff);
	assert_int_equal(checksum_fold(checksum_add(UINT64_MAX, bytes, 12)), 0xffff);
}

static void pieces_of_even_size_add_up(void **state)
{
	(void)state;
	fill(2);
	for (uint32_t cut = 0; cut <= 1500; cut += 2)
		assert_int_equal(ours(bytes + cut, 1501 - cut, checksum_add(0, bytes, cut)),
		                 naive_checksum(bytes, 1501, 0));
}

static void the_unrolled_header_sum_is_the_same(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 100; seed++) {
		fill(seed);
		assert_int_equal(checksum_fold(checksum_header(bytes)),
		                 checksum_fold(checksum_add(0, bytes, 20)));
	}
}

static void udp_checksum_of_zero_is_sent_as_ones(void **state)
{
	(void)state;
	uint8_t all[2] = { 0xff, 0xff }, at[2];
	checksum_store_udp(at, checksum_add(0, all, 2)); /* RFC 768 */
	assert_int_equal(bytes_load_u16(at), 0xffff);
	checksum_store(at, checksum_add(0, all, 2));
	assert_int_equal(bytes_load_u16(at), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_the_naive_one_at_every_size_and_alignment),
		cmocka_unit_test(carries_are_kept),
		cmocka_unit_test(pieces_of_even_size_add_up),
		cmocka_unit_test(the_unrolled_header_sum_is_the_same),
		cmocka_unit_test(udp_checksum_of_zero_is_sent_as_ones),
	};
	return cmocka_run_group_tests_name("net checksum", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* The cursors of core/bytes.h. */
#include <core/bytes.h>

#include "fake.h"

static const uint8_t sample[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	                          0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10 };

static void reads_big_endian(void **state)
{
	(void)state;
	struct bytes_in in = bytes_in(sample, sizeof sample);
	assert_int_equal(bytes_get_u8(&in), 0x01);
	assert_int_equal(bytes_get_u16(&in), 0x0203);
	assert_int_equal(bytes_get_u32(&in), 0x04050607);
	assert_true(bytes_get_u64(&in) == 0x08090a0b0c0d0e0full);
	assert_int_equal(bytes_left(&in), 1);
	assert_false(in.failed);
}

static void failure_sticks(void **state)
{
	(void)state;
	struct bytes_in in = bytes_in(sample, 3);
	assert_int_equal(bytes_get_u16(&in), 0x0102);
	assert_int_equal(bytes_get_u16(&in), 0);
	assert_true(in.failed);
	assert_int_equal(in.at, 2);
	/* One byte is left, but the cursor has failed for good. */
	assert_int_equal(bytes_get_u8(&in), 0);
	assert_null(bytes_get(&in, 0));
	assert_false(bytes_seek(&in, 0));
	assert_false(bytes_skip(&in, 1));
	assert_int_equal(in.at, 2);
}

static void copy_leaves_target_alone_on_failure(void **state)
{
	(void)state;
	uint8_t to[4] = { 9, 9, 9, 9 };
	struct bytes_in in = bytes_in(sample, 3);
	assert_false(bytes_copy(&in, to, 4));
	assert_int_equal(to[0], 9);
	in = bytes_in(sample, 4);
	assert_true(bytes_copy(&in, to, 4));
	assert_memory_equal(to, sample, 4);
}

static void slices_are_bounded_by_themselves(void **state)
{
	(void)state;
	struct bytes_in in = bytes_in(sample, sizeof sample), part = bytes_slice(&in, 3);
	assert_int_equal(bytes_left(&part), 3);
	assert_int_equal(bytes_get_u32(&part), 0);
	assert_true(part.failed);
	assert_false(in.failed);
	assert_int_equal(bytes_get_u8(&in), 4);
	part = bytes_slice(&in, 100);
	assert_true(part.failed && in.failed);
	assert_int_equal(bytes_left(&part), 0);
}

static void seek_reaches_the_end_and_no_further(void **state)
{
	(void)state;
	struct bytes_in in = bytes_in(sample, 5);
	assert_true(bytes_seek(&in, 5));
	assert_int_equal(bytes_left(&in), 0);
	assert_true(bytes_seek(&in, 1));
	assert_int_equal(bytes_get_u8(&in), 2);
	assert_false(bytes_seek(&in, 6));
	assert_true(in.failed);
}

static void lengths_near_the_type_limit_do_not_wrap(void **state)
{
	(void)state;
	struct bytes_in in = bytes_in(sample, 8);
	bytes_skip(&in, 4);
	assert_null(bytes_get(&in, UINT32_MAX));
	assert_null(bytes_get(&in, UINT32_MAX - 3));
	uint8_t room[8];
	struct bytes_out out = bytes_out(room, sizeof room);
	bytes_put_u32(&out, 1);
	assert_null(bytes_put(&out, UINT32_MAX - 3));
	assert_true(out.failed);
	assert_true(bytes_in(sample, 1ull << 32).failed);
}

static void writes_what_it_reads(void **state)
{
	(void)state;
	uint8_t to[16];
	struct bytes_out out = bytes_out(to, sizeof to);
	bytes_put_u8(&out, 0x01);
	bytes_put_u16(&out, 0x0203);
	bytes_put_u32(&out, 0x04050607);
	bytes_put_u64(&out, 0x08090a0b0c0d0e0full);
	bytes_put_copy(&out, "\x10", 1);
	assert_false(out.failed);
	assert_memory_equal(to, sample, 16);
	assert_int_equal(bytes_room(&out), 0);
	bytes_put_u8(&out, 0);
	assert_true(out.failed);
	assert_int_equal(out.at, 16);
}

static void patches_only_what_was_written(void **state)
{
	(void)state;
	uint8_t to[8] = { 0 };
	struct bytes_out out = bytes_out(to, sizeof to);
	bytes_put_u32(&out, 0);
	assert_true(bytes_patch_u16(&out, 2, 0xabcd));
	assert_int_equal(to[2] << 8 | to[3], 0xabcd);
	assert_false(bytes_patch_u16(&out, 3, 1));
	assert_false(bytes_patch_u16(&out, 5, 1));
	assert_false(bytes_patch_u16(&out, UINT32_MAX, 1));
}

static void rewind_takes_failure_back(void **state)
{
	(void)state;
	uint8_t to[4];
	struct bytes_out out = bytes_out(to, sizeof to);
	bytes_put_u16(&out, 7);
	bytes_put_u32(&out, 8);
	assert_true(out.failed);
	bytes_rewind(&out, 3); /* never written: nothing happens */
	assert_true(out.failed);
	bytes_rewind(&out, 1);
	assert_false(out.failed);
	assert_int_equal(out.at, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_big_endian),
		cmocka_unit_test(failure_sticks),
		cmocka_unit_test(copy_leaves_target_alone_on_failure),
		cmocka_unit_test(slices_are_bounded_by_themselves),
		cmocka_unit_test(seek_reaches_the_end_and_no_further),
		cmocka_unit_test(lengths_near_the_type_limit_do_not_wrap),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(patches_only_what_was_written),
		cmocka_unit_test(rewind_takes_failure_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

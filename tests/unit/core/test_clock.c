/* SPDX-License-Identifier: ISC */
/* The clock's arithmetic and its retry; boot information's device table; a gate that takes little.
 */
#include <pthread.h>

#include <core/boot.h>
#include <core/clock.h>
#include <core/gate.h>

#include "fake.h"

static int start(void **state)
{
	(void)state;
	fake_start();
	return 0;
}

static void scales_the_tsc(void **state)
{
	(void)state;
	/* 2^-10 ns a tick: slow enough for two readings to be near each other. */
	fake_boot.clock = (struct amp_clock){ .shift = 42,
		                              .multiplier = 1ull << 32,
		                              .base_ns = 1000,
		                              .base_tsc = __builtin_ia32_rdtsc(),
		                              .wall_offset = 500 };
	uint64_t tsc = __builtin_ia32_rdtsc(), now = clock_now();
	uint64_t expected = 1000 + ((tsc - fake_boot.clock.base_tsc) >> 10);
	assert_true(now >= expected && now < expected + 100000);
	assert_true(clock_coarse() == now);
	int64_t wall = clock_wall();
	assert_true(wall >= (int64_t)now + 500);
}

static void never_goes_back(void **state)
{
	(void)state;
	fake_set_now(50 * NS_PER_S);
	assert_true(clock_now() == 50 * NS_PER_S);
	fake_set_now(49 * NS_PER_S); /* what the tender must not do */
	assert_true(clock_now() == 50 * NS_PER_S);
	fake_boot.clock.base_tsc =
	        __builtin_ia32_rdtsc() + (1ull << 40); /* another core's, which is ahead */
	fake_boot.clock.multiplier = 1ull << 32;
	fake_boot.clock.shift = 32;
	fake_set_now(51 * NS_PER_S);
	assert_true(clock_now() == 51 * NS_PER_S);
}

static void *finish_writing(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		__builtin_ia32_pause();
	fake_set_now(200 * NS_PER_S);
	__atomic_store_n(&fake_boot.clock.seq, 2, __ATOMIC_RELEASE);
	return NULL;
}

static void waits_while_the_tender_writes(void **state)
{
	(void)state;
	pthread_t writer;
	fake_set_now(100 * NS_PER_S);
	fake_boot.clock.seq = 1;
	assert_int_equal(pthread_create(&writer, NULL, finish_writing, NULL), 0);
	assert_true(clock_now() == 200 * NS_PER_S);
	pthread_join(writer, NULL);
}

static void devices_are_found_by_name_and_type(void **state)
{
	(void)state;
	struct amp_device devices[3] = {
		{ .name = "service", .type = AMP_DEVICE_NET },
		{ .name = "absent", .type = 0 },
		{ .name = "disk", .type = AMP_DEVICE_BLOCK },
	};
	fake_boot.devices = (uint64_t)devices;
	fake_boot.device_count = 3;
	assert_ptr_equal(boot_device("service", AMP_DEVICE_NET), &devices[0]);
	assert_ptr_equal(boot_device("disk", AMP_DEVICE_BLOCK), &devices[2]);
	assert_null(boot_device("disk", AMP_DEVICE_NET));
	assert_null(boot_device("absent", AMP_DEVICE_NET));
	assert_null(boot_device("serv", AMP_DEVICE_NET));
}

static unsigned calls;
static char taken[64];
static size_t taken_size;

static int64_t take_three(uint64_t call, uint64_t stream, uint64_t bytes, uint64_t size)
{
	(void)call;
	(void)stream;
	uint64_t n = size < 3 ? size : 3;
	if (++calls > 20)
		return 0;
	memcpy(taken + taken_size, (const void *)bytes, n);
	taken_size += n;
	return (int64_t)n;
}

static void puts_goes_on_until_all_is_taken(void **state)
{
	(void)state;
	fake_boot.gate = (uint64_t)take_three;
	gate_puts(AMP_STREAM_OUTPUT, "0123456789", 10);
	assert_int_equal(taken_size, 10);
	assert_memory_equal(taken, "0123456789", 10);
	assert_int_equal(calls, 4);
	gate_puts(AMP_STREAM_OUTPUT, "", 0);
	assert_int_equal(calls, 4);
	calls = 20; /* nobody takes anything any more: it must come back */
	gate_puts(AMP_STREAM_OUTPUT, "abc", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(scales_the_tsc, start),
		cmocka_unit_test_setup(never_goes_back, start),
		cmocka_unit_test_setup(waits_while_the_tender_writes, start),
		cmocka_unit_test_setup(devices_are_found_by_name_and_type, start),
		cmocka_unit_test_setup(puts_goes_on_until_all_is_taken, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

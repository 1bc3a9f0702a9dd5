/* SPDX-License-Identifier: ISC */
/* An image that is given packets without end is given none for a while where a picture of it is wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tender/pump.h>

static enum device_pass last;
static enum device_pass last_of_store;

static uint32_t pass(struct device *d, enum device_pass which)
{
	*(d->index ? &last_of_store : &last) = which;
	return 1;
}

static bool never_busy(const struct device *d)
{
	(void)d;
	return false;
}

static uint32_t no_polls(const struct device *d, struct pollfd *to)
{
	(void)d, (void)to;
	return 0;
}

static const struct device_kind wire = { .pass = pass, .polls = no_polls },
                                store = { .pass = pass, .polls = no_polls, .busy = never_busy };
static struct devices devices;
static struct clock image_clock;
static struct pump pump;

static int begin(void **state)
{
	struct defect why;
	(void)state;
	devices.count = 2;
	devices.all[0] = (struct device){ .kind = &wire, .watch = -1 };
	devices.all[1] = (struct device){ .kind = &store, .watch = -1, .index = 1 };
	return pump_open(&pump, PUMP_OUTSIDE, &devices, &image_clock, &why);
}

static void pass_all(void)
{
	last = last_of_store = DEVICE_PASS_WAIT;
	assert_true(pump_pass(&pump));
	assert_int_equal(last_of_store, DEVICE_PASS_ALL);
}

static void pass_until(enum device_pass which)
{
	do
		pass_all();
	while (last != which);
}

static void one_that_does_not_wait_is_given_none_by_turns(void **state)
{
	(void)state;
	pump_press(&pump);
	pass_all();
	assert_int_equal(last, DEVICE_PASS_ALL);
	for (int n = 0; n < 3; n++) {
		pass_until(DEVICE_PASS_KICK);
		pump_press(&pump); /* it still does not */
		pass_until(DEVICE_PASS_ALL);
	}
	pass_until(DEVICE_PASS_KICK);
	pump_goes_on(&pump);
	pass_all();
	assert_int_equal(last, DEVICE_PASS_ALL);
}

static void it_is_not_starved(void **state)
{
	(void)state;
	pump_press(&pump);
	pump.quiet_from -= 3000000000u;
	uint64_t from = clock_mono();
	while (clock_mono() < from + 100000000u) {
		pass_all();
		assert_int_equal(last, DEVICE_PASS_ALL);
	}
	pump_goes_on(&pump);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_does_not_wait_is_given_none_by_turns),
		cmocka_unit_test(it_is_not_starved),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}

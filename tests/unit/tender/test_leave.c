/* SPDX-License-Identifier: ISC */
/* An image that ends behind a picture is told some time before: when, how often, and which image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tender/leave.h>

static struct amp_boot boot;
static const struct clock image_clock = { .zero = 1000 };

static void begin(uint16_t minor)
{
	leave_place(&boot, 3, &image_clock);
	leave_over();
	boot.leave_at_ns = 0;
	leave_news = false;
	leave_place(&boot, minor, &image_clock);
}

static void it_is_told_once_and_has_some_time(void **state)
{
	(void)state;
	begin(3);
	uint64_t before = clock_mono(), due = leave_due();
	assert_true(due >= before + LEAVE_NS && due <= clock_mono() + LEAVE_NS);
	assert_true(leave_news && leave_is_told());
	assert_int_equal(boot.leave_at_ns, due + LEAVE_SPARE_NS - image_clock.zero);
	leave_news = false;
	assert_int_equal(leave_due(), due);
	assert_false(leave_news);
}

static void it_is_told_that_it_goes_on(void **state)
{
	(void)state;
	begin(3);
	leave_due();
	leave_news = false;
	leave_over();
	assert_true(leave_news);
	assert_false(leave_is_told());
	assert_int_equal(boot.leave_at_ns, 0);
	leave_news = false;
	leave_over();
	assert_false(leave_news);
}

static void it_is_told_again_where_the_picture_came_too_late(void **state)
{
	(void)state;
	begin(3);
	uint64_t due = leave_due();
	while (clock_mono() < due + LEAVE_SPARE_NS)
		;
	leave_news = false;
	assert_true(leave_due() >= due + LEAVE_SPARE_NS + LEAVE_NS);
	assert_true(leave_news);
}

static void an_image_of_an_older_minor_is_pictured_at_once(void **state)
{
	(void)state;
	begin(2);
	assert_int_equal(leave_due(), 0);
	assert_false(leave_news || leave_is_told());
	assert_int_equal(boot.leave_at_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_once_and_has_some_time),
		cmocka_unit_test(it_is_told_that_it_goes_on),
		cmocka_unit_test(it_is_told_again_where_the_picture_came_too_late),
		cmocka_unit_test(an_image_of_an_older_minor_is_pictured_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

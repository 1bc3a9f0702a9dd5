/* SPDX-License-Identifier: ISC */
/* Dates beside the host's own calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include <core/date.h>

static void every_day_of_twelve_thousand_years_is_the_hosts(void **state)
{
	(void)state;
	for (int64_t day = -719468 - 366 * 1000; day < 366 * 9000; day++) {
		time_t at = (time_t)day * DATE_DAY_S;
		struct tm want;
		assert_non_null(gmtime_r(&at, &want));
		struct date d = date_of(day);
		assert_int_equal(d.year, want.tm_year + 1900);
		assert_int_equal(d.month, want.tm_mon + 1);
		assert_int_equal(d.day, want.tm_mday);
		assert_int_equal(date_day(d), day);
		assert_in_range(d.day, 1, date_month_days(d.year, d.month));
	}
}

static void a_month_ends_where_the_next_begins(void **state)
{
	(void)state;
	for (int32_t year = 1600; year <= 2400; year++) {
		for (uint8_t month = 1; month < 12; month++) {
			int64_t days = date_day((struct date){ year, (uint8_t)(month + 1), 1 }) -
			               date_day((struct date){ year, month, 1 });
			assert_int_equal(date_month_days(year, month), days);
		}
		assert_int_equal(date_month_days(year, 12), 31);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_twelve_thousand_years_is_the_hosts),
		cmocka_unit_test(a_month_ends_where_the_next_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Days are counted in eras of 400 years whose years begin in March, so that the leap day comes last. */
#include <core/date.h>

#define ERA_DAYS 146097
#define EPOCH    719468 /* 1970-01-01, from 0000-03-01 */

struct date date_of(int64_t day)
{
	int64_t z = day + EPOCH, era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
	int64_t of_era = z - era * ERA_DAYS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100),
	        m = (5 * of_year + 2) / 153; /* 0: March */
	uint8_t month = (uint8_t)(m < 10 ? m + 3 : m - 9);
	return (struct date){ .year = (int32_t)(year + era * 400 + (month <= 2)),
		              .month = month,
		              .day = (uint8_t)(of_year - (153 * m + 2) / 5 + 1) };
}

int64_t date_day(struct date d)
{
	int64_t year = (int64_t)d.year - (d.month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

uint32_t date_month_days(int64_t year, uint32_t month)
{
	if (month == 2)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

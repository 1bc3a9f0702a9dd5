/* SPDX-License-Identifier: ISC */
/* Dates of the Gregorian calendar, before its time too. A day is a count of days since 1970-01-01, which may be negative. */
#ifndef CORE_DATE_H
#define CORE_DATE_H

#include <stdint.h>

#define DATE_DAY_S 86400 /* seconds; there are no leap seconds here */

struct date {
	int32_t year;
	uint8_t month, day; /* 1 to 12, 1 to 31 */
};

/* Of a day within 2 million years. */
struct date date_of(int64_t day);
/* The day of a date; what a month does not have counts on into the next. */
int64_t date_day(struct date);
/* Days that a month of 1 to 12 has. */
uint32_t date_month_days(int64_t year, uint32_t month);

#endif

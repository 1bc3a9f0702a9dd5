/* SPDX-License-Identifier: ISC */
/* Times, as texts and as seconds since 1970. */
#include <app/acme/internal.h>

#include <stdlib.h>

#include <core/clock.h>
#include <core/date.h>
#include <core/print.h>

int64_t acme_now(void)
{
	return clock_wall() / (int64_t)NS_PER_S;
}

int64_t acme_time(int year, int month, int day, int hour, int minute, int second)
{
	const struct date d = { .year = year, .month = (uint8_t)month, .day = (uint8_t)day };
	return date_day(d) * DATE_DAY_S + (hour * 60 + minute) * 60 + second;
}

/* Two digits or four, up to a bound; -1: there are none. */
static int number(const char **at, int digits, int least, int most)
{
	int n = 0;
	while (digits--) {
		char c = *(*at)++;
		if (c < '0' || c > '9')
			return -1;
		n = 10 * n + (c - '0');
	}
	return n < least || n > most ? -1 : n;
}

static bool passes(const char **at, char c)
{
	return *(*at)++ == c;
}

static bool read_zone(const char **at, int64_t *seconds)
{
	char sign = *(*at)++;
	int hours, minutes;
	*seconds = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (sign != '+' && sign != '-')
		return false;
	if ((hours = number(at, 2, 0, 23)) < 0 || !passes(at, ':') ||
	    (minutes = number(at, 2, 0, 59)) < 0)
		return false;
	*seconds = (sign == '+' ? 60 : -60) * (60 * hours + minutes);
	return true;
}

bool acme_time_read(const char *text, int64_t *to)
{
	int year, month, day, hour, minute, second;
	int64_t zone;
	if ((year = number(&text, 4, 1970, 9999)) < 0 || !passes(&text, '-') ||
	    (month = number(&text, 2, 1, 12)) < 0 || !passes(&text, '-') ||
	    (day = number(&text, 2, 1, 31)) < 0)
		return false;
	if (*text != 'T' && *text != 't' && *text != ' ')
		return false;
	text++;
	if ((hour = number(&text, 2, 0, 23)) < 0 || !passes(&text, ':') ||
	    (minute = number(&text, 2, 0, 59)) < 0 || !passes(&text, ':') ||
	    (second = number(&text, 2, 0, 60)) < 0)
		return false;
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return false;
		while (*text >= '0' && *text <= '9')
			text++;
	}
	if (!read_zone(&text, &zone) || *text)
		return false;
	*to = acme_time(year, month, day, hour, minute, second) - zone;
	return true;
}

const char *acme_time_print(char to[ACME_TIME_TEXT], int64_t seconds)
{
	int64_t day = seconds / DATE_DAY_S, rest = seconds % DATE_DAY_S;
	if (rest < 0) {
		day--;
		rest += DATE_DAY_S;
	}
	struct date d = date_of(day);
	print_text(to, ACME_TIME_TEXT, "%04d-%02u-%02u %02u:%02u:%02u", (int)(d.year % 10000),
	           d.month, d.day, (unsigned)(rest / 3600), (unsigned)(rest / 60 % 60),
	           (unsigned)(rest % 60));
	return to;
}

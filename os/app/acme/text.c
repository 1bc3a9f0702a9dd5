/* SPDX-License-Identifier: ISC */
/* Times, as texts and as seconds since 1970. */
#include <app/acme/internal.h>

#include <stdlib.h>

#include <core/clock.h>
#include <core/print.h>

int64_t acme_now(void)
{
	return clock_wall() / (int64_t)NS_PER_S;
}

/* Days since 1970-01-01 of the Gregorian calendar, whose years begin in March here, so that a leap day is a year's last. */
int64_t acme_time(int year, int month, int day, int hour, int minute, int second)
{
	int64_t y = month > 2 ? year : year - 1, era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400,
	        of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
	return ((days * 24 + hour) * 60 + minute) * 60 + second;
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
	int64_t days = seconds / 86400, rest = seconds % 86400;
	if (rest < 0) {
		days--;
		rest += 86400;
	}
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097,
	        of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100),
	        m = (5 * of_year + 2) / 153;
	int64_t month = m < 10 ? m + 3 : m - 9;
	print_text(to, ACME_TIME_TEXT, "%04d-%02d-%02d %02d:%02d:%02d",
	           (int)((year + era * 400 + (month <= 2)) % 10000), (int)month,
	           (int)(of_year - (153 * m + 2) / 5 + 1), (int)(rest / 3600),
	           (int)(rest / 60 % 60), (int)(rest % 60));
	return to;
}

/* SPDX-License-Identifier: ISC */
/* HTTP's dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/date.h>

static const char days[] = "SunMonTueWedThuFriSat",
                  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static COLD void put2(char *to, uint32_t v)
{
	to[0] = (char)('0' + v / 10 % 10);
	to[1] = (char)('0' + v % 10);
}

void http_date_print(char to[HTTP_DATE_SIZE], int64_t seconds)
{
	if (seconds < 0 || seconds > 253402300799) /* outside of 1970 to 9999 */
		seconds = 0;
	int64_t day = seconds / DATE_DAY_S;
	uint32_t time = (uint32_t)(seconds % DATE_DAY_S);
	struct date d = date_of(day);
	memcpy(to, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_SIZE);
	memcpy(to, days + 3 * ((day + 4) % 7), 3);
	put2(to + 5, d.day);
	memcpy(to + 8, months + 3 * (d.month - 1), 3);
	put2(to + 12, (uint32_t)d.year / 100);
	put2(to + 14, (uint32_t)d.year % 100);
	put2(to + 17, time / 3600);
	put2(to + 20, time / 60 % 60);
	put2(to + 23, time % 60);
}

/* What a date is made of, as digits in the words of a form; all else in it stands for itself. */
enum { DAY = '1', SPACED_DAY, YEAR, SHORT_YEAR, HOUR, MINUTE, SECOND, MONTH, PARTS_END };
#define PARTS       (PARTS_END - DAY)
#define PART(which) parts[which - DAY]
static const char asctime_form[] = " 8 2 5:6:7 3", fixdate_form[] = ", 1 8 3 5:6:7 GMT",
                  old_form[] = ", 1-8-4 5:6:7 GMT"; /* RFC 850's */

/* Of 1 to 12; 0: there is none. */
static COLD uint32_t month_of(const char *p)
{
	uint32_t k = 12;
	while (k && memcmp(p, months + 3 * (k - 1), 3) != 0)
		k--;
	return k;
}

/* Reads a number or a month of `size` bytes. */
static COLD bool read_part(const char *p, uint32_t size, uint32_t which, uint32_t *to)
{
	if (which == MONTH)
		return (*to = month_of(p));
	for (uint32_t k = 0; k < size; k++) {
		uint32_t digit = (uint32_t)(uint8_t)p[k] - '0';
		if (which == SPACED_DAY && !k && p[k] == ' ')
			digit = 0;
		if (digit > 9)
			return false;
		*to = *to * 10 + digit;
	}
	return true;
}

static COLD bool read_form(const char *form, const char *p, const char *end, uint32_t parts[PARTS])
{
	for (; *form; form++) {
		uint32_t which = (uint8_t)*form, size = which == YEAR                       ? 4
		                                        : which == MONTH                    ? 3
		                                        : which >= DAY && which < PARTS_END ? 2
		                                                                            : 1;
		if (end - p < (int64_t)size ||
		    (size == 1 ? *p != *form : !read_part(p, size, which, &PART(which))))
			return false;
		p += size;
	}
	return p == end;
}

int http_date_parse(struct http_text t, int64_t *to)
{
	uint32_t name = 0, parts[PARTS] = { 0 };
	while (name < t.size && http_lower(t.bytes[name]) >= 'a' &&
	       http_lower(t.bytes[name]) <= 'z')
		name++;
	const char *form = name < t.size && t.bytes[name] == ' ' ? asctime_form
	                   : name > 3                            ? old_form
	                                                         : fixdate_form;
	if (name < 3 || !read_form(form, t.bytes + name, t.bytes + t.size, parts))
		return ERR_MALFORMED;
	uint32_t day = PART(DAY) + PART(SPACED_DAY), year = PART(YEAR) + PART(SHORT_YEAR),
	         time = PART(HOUR) * 3600 + PART(MINUTE) * 60 + PART(SECOND);
	if (form == old_form) { /* not more than 50 years ahead */
		uint32_t now = 1970 + (uint32_t)(clock_wall() / (int64_t)NS_PER_S / 31556952);
		year += now / 100 * 100;
		if (year > now + 50)
			year -= 100;
	}
	if (PART(HOUR) > 23 || PART(MINUTE) > 59 || PART(SECOND) > 60 || day < 1 || year < 1900 ||
	    day > date_month_days(year, PART(MONTH)))
		return ERR_MALFORMED;
	*to = date_day((struct date){ (int32_t)year, (uint8_t)PART(MONTH), (uint8_t)day }) *
	              DATE_DAY_S +
	      time;
	return OK;
}

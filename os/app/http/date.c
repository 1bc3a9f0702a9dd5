/* SPDX-License-Identifier: ISC */
/* HTTP's dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/date.h>

static const char days[] = "SunMonTueWedThuFriSat",
                  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void put2(char *to, uint32_t v)
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

struct reader {
	const char *p, *end;
	bool bad;
};

static void expect(struct reader *r, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		r->bad = true;
	else
		r->p += n;
}

static uint32_t number(struct reader *r, uint32_t digits, bool spaced)
{
	uint32_t v = 0;
	for (uint32_t k = 0; k < digits; k++) {
		char c = r->p < r->end ? *r->p : 0;
		if (!(c >= '0' && c <= '9') && !(spaced && !k && c == ' ')) {
			r->bad = true;
			return 0;
		}
		v = v * 10 + (c == ' ' ? 0 : (uint32_t)(c - '0'));
		r->p++;
	}
	return v;
}

static uint32_t month_of(struct reader *r)
{
	for (uint32_t k = 0; k < 12; k++) {
		if (r->end - r->p >= 3 && memcmp(r->p, months + 3 * k, 3) == 0) {
			r->p += 3;
			return k + 1;
		}
	}
	r->bad = true;
	return 1;
}

static uint32_t time_of(struct reader *r)
{
	uint32_t h = number(r, 2, false);
	expect(r, ":");
	uint32_t m = number(r, 2, false);
	expect(r, ":");
	uint32_t s = number(r, 2, false);
	r->bad |= h > 23 || m > 59 || s > 60;
	return h * 3600 + m * 60 + s;
}

int http_date_parse(struct http_text t, int64_t *to)
{
	if (!t.size)
		return ERR_MALFORMED;
	struct reader r = { t.bytes, t.bytes + t.size, false };
	uint32_t year, month, day, time;
	uint32_t name = 0;
	while (name < t.size && http_lower(t.bytes[name]) >= 'a' &&
	       http_lower(t.bytes[name]) <= 'z')
		name++;
	r.p += name;
	r.bad = name < 3;
	if (name < t.size && t.bytes[name] == ' ') { /* asctime: Sun Nov  6 08:49:37 1994 */
		expect(&r, " ");
		month = month_of(&r);
		expect(&r, " ");
		day = number(&r, 2, true);
		expect(&r, " ");
		time = time_of(&r);
		expect(&r, " ");
		year = number(&r, 4, false);
	} else {
		expect(&r, ", ");
		day = number(&r, 2, false);
		bool old = name > 3; /* RFC 850: Sunday, 06-Nov-94 08:49:37 GMT */
		expect(&r, old ? "-" : " ");
		month = month_of(&r);
		expect(&r, old ? "-" : " ");
		year = number(&r, old ? 2 : 4, false);
		if (old) { /* not more than 50 years ahead */
			uint32_t now =
			        1970 + (uint32_t)(clock_wall() / (int64_t)NS_PER_S / 31556952);
			year += now / 100 * 100;
			if (year > now + 50)
				year -= 100;
		}
		expect(&r, " ");
		time = time_of(&r);
		expect(&r, " GMT");
	}
	if (r.bad || r.p != r.end || day < 1 || year < 1900 || day > date_month_days(year, month))
		return ERR_MALFORMED;
	*to = date_day((struct date){ (int32_t)year, (uint8_t)month, (uint8_t)day }) * DATE_DAY_S +
	      time;
	return OK;
}

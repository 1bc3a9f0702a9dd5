/* SPDX-License-Identifier: ISC */
#include <app/http/cookie.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <core/print.h>

/* ---- Of requests ---- */

static struct http_text trimmed(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct http_text){ from, (uint32_t)(to - from) };
}

static struct http_text find(struct http_text list, const char *name)
{
	const char *p = list.bytes, *end = p + list.size;
	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		stop = stop ? stop : end;
		const char *sign = memchr(p, '=', (size_t)(stop - p));
		if (sign && http_text_is(trimmed(p, sign), name))
			return trimmed(sign + 1, stop);
		p = stop + 1;
	}
	return (struct http_text){ NULL, 0 };
}

struct http_text http_cookie(const struct http_exchange *x, const char *name)
{
	struct http_text list, value = { NULL, 0 };
	for (uint32_t at = 0; !value.bytes && (list = http_header_next(x, "cookie", &at)).bytes;)
		value = find(list, name);
	return value;
}

/* ---- Of responses ---- */

static bool name_fits(const char *p)
{
	const char *start = p;
	while (http_is_token(*p))
		p++;
	return p > start && !*p;
}

/* cookie-octet, between quotes or not. */
static bool value_fits(const char *p)
{
	size_t size = strlen(p);
	const char *end = p + size;
	if (size >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
	}
	for (; p < end; p++) {
		if (*p <= 0x20 || *p >= 0x7f || strchr("\",;\\", *p))
			return false;
	}
	return true;
}

static bool attribute_fits(const char *p)
{
	for (; p && *p; p++) {
		if (*p < 0x20 || *p >= 0x7f || *p == ';')
			return false;
	}
	return true;
}

/* What browsers ask of it (RFC 6265bis §4.1.3, 5.7). */
static bool kept(const struct http_cookie *c)
{
	struct http_text name = { c->name, (uint32_t)strlen(c->name) };
	bool secure = name.size >= 9 &&
	              http_text_is_nocase((struct http_text){ c->name, 9 }, "__Secure-");
	bool host =
	        name.size >= 7 && http_text_is_nocase((struct http_text){ c->name, 7 }, "__Host-");
	if (c->plain && (secure || host || c->same_site == HTTP_SAME_SITE_NONE))
		return false;
	return !host || (!c->domain && (!c->path || strcmp(c->path, "/") == 0));
}

static int set(struct http_exchange *x, const struct http_cookie *c, const char *value,
               const char *age)
{
	static const char *const sites[] = { "Lax", "Strict", "None" };
	char line[HTTP_COOKIE_MAX + 1];
	if (!name_fits(c->name) || !value_fits(value) || !attribute_fits(c->path) ||
	    !attribute_fits(c->domain) || c->same_site > HTTP_SAME_SITE_NONE || !kept(c))
		return ERR_INVALID;
	int n = print_text(line, sizeof line, "%s=%s; Path=%s%s%s%s%s%s; SameSite=%s", c->name,
	                   value, c->path ? c->path : "/", c->domain ? "; Domain=" : "",
	                   c->domain ? c->domain : "", age, c->plain ? "" : "; Secure",
	                   c->readable ? "" : "; HttpOnly", sites[c->same_site]);
	return n >= (int)sizeof line ? ERR_TOO_BIG : http_set(x, "Set-Cookie", line);
}

int http_cookie_set(struct http_exchange *x, const struct http_cookie *c)
{
	char age[40] = "";
	if (c->max_age_s)
		print_text(age, sizeof age, "; Max-Age=%llu", (unsigned long long)c->max_age_s);
	return set(x, c, c->value, age);
}

int http_cookie_clear(struct http_exchange *x, const struct http_cookie *c)
{
	return set(x, c, "", "; Max-Age=0");
}

/* SPDX-License-Identifier: ISC */
#include <app/http/fetch.h>

#include <string.h>

#include <core/error.h>

/* What may stand in a URL is ASCII without blanks; these are never sent as they are (RFC 3986 appendix A). */
static bool is_fit(const char *text, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++)
		if (text[k] <= ' ' || text[k] >= 0x7f || strchr("\"\\<>^`{|}", text[k]))
			return false;
	return true;
}

/* Where the first of these characters stands, or the end. */
static uint32_t until(const char *text, uint32_t size, const char *any)
{
	uint32_t n = 0;
	while (n < size && !strchr(any, text[n]))
		n++;
	return n;
}

static bool begins(const char *text, uint32_t size, const char *with)
{
	uint32_t n = (uint32_t)strlen(with);
	for (uint32_t k = 0; k < n; k++)
		if (k >= size ||
		    (text[k] | (text[k] >= 'A' && text[k] <= 'Z' ? 0x20 : 0)) != with[k])
			return false;
	return true;
}

static bool read_port(const char *text, uint32_t size, uint16_t *port)
{
	uint32_t n = 0;
	if (!size) /* "host:" is as without */
		return true;
	for (uint32_t k = 0; k < size; k++) {
		if (text[k] < '0' || text[k] > '9' || n > UINT16_MAX)
			return false;
		n = 10 * n + (uint32_t)(text[k] - '0');
	}
	*port = (uint16_t)n;
	return n && n <= UINT16_MAX;
}

/* "host:port" */
static int read_authority(struct http_url *u, const char *text, uint32_t size)
{
	uint32_t name = until(text, size, ":");
	if (size && text[0] == '[') {
		name = until(text, size, "]") + 1;
		if (name > size)
			return ERR_MALFORMED;
	}
	if (!name || memchr(text, '@', size) ||
	    (name < size &&
	     (text[name] != ':' || !read_port(text + name + 1, size - name - 1, &u->port))))
		return ERR_MALFORMED;
	if (name >= sizeof u->host)
		return ERR_TOO_BIG;
	memcpy(u->host, text, name);
	u->host[name] = '\0';
	return OK;
}

/* Takes "." and ".." out of a path (RFC 3986 §5.2.4). It begins with a slash; the query stays. */
static void take_dots_out(char *target)
{
	char *end = target + until(target, (uint32_t)strlen(target), "?"), *to = target;
	for (char *at = target; at < end;) {
		uint32_t n = 1 + until(at + 1, (uint32_t)(end - at - 1), "/");
		bool is_last = at + n == end;
		if (n == 2 && at[1] == '.') {
			if (is_last)
				*to++ = '/';
		} else if (n == 3 && at[1] == '.' && at[2] == '.') {
			while (to > target && *--to != '/')
				;
			if (is_last)
				*to++ = '/';
		} else {
			memmove(to, at, n);
			to += n;
		}
		at += n;
	}
	memmove(to, end, strlen(end) + 1);
}

/* A path of the authority's, or nothing, and a query; `size` without a fragment. */
static int put_target(struct http_url *u, const char *head, uint32_t head_size, const char *text,
                      uint32_t size)
{
	if (head_size + size + 2 > sizeof u->target)
		return ERR_TOO_BIG;
	char made[HTTP_URL_MAX];
	memcpy(made, head, head_size);
	memcpy(made + head_size, text, size);
	made[head_size + size] = '\0';
	uint32_t slash = made[0] != '/';
	u->target[0] = '/';
	memcpy(u->target + slash, made, head_size + size + 1);
	take_dots_out(u->target);
	return OK;
}

/* "//host/path" */
static int read_from_authority(struct http_url *u, const char *text, uint32_t size)
{
	u->port = u->is_secure ? 443 : 80;
	uint32_t n = 2 + until(text + 2, size - 2, "/?");
	int error = read_authority(u, text + 2, n - 2);
	return error ? error : put_target(u, "", 0, text + n, size - n);
}

int http_url_read(struct http_url *u, const char *text, uint32_t size)
{
	size = until(text, size, "#");
	if (size >= HTTP_URL_MAX)
		return ERR_TOO_BIG;
	u->is_secure = begins(text, size, "https://");
	if (!is_fit(text, size) || (!u->is_secure && !begins(text, size, "http://")))
		return ERR_MALFORMED;
	uint32_t scheme = u->is_secure ? 6 : 5;
	return read_from_authority(u, text + scheme, size - scheme);
}

int http_url_resolve(struct http_url *u, const struct http_url *base, const char *text,
                     uint32_t size)
{
	struct http_url made = *base;
	int error;
	size = until(text, size, "#");
	uint32_t scheme = until(text, size, ":/?");
	if (size >= HTTP_URL_MAX)
		return ERR_TOO_BIG;
	if (!is_fit(text, size))
		return ERR_MALFORMED;
	uint32_t path = until(base->target, (uint32_t)strlen(base->target), "?"), folder = path;
	while (base->target[folder - 1] != '/')
		folder--;
	if (scheme < size && text[scheme] == ':')
		error = http_url_read(&made, text, size);
	else if (begins(text, size, "//"))
		error = read_from_authority(&made, text, size);
	else if (!size)
		error = OK;
	else if (text[0] == '/')
		error = put_target(&made, "", 0, text, size);
	else
		error = put_target(&made, base->target, text[0] == '?' ? path : folder, text, size);
	if (!error)
		*u = made;
	return error;
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
	return a->is_secure == b->is_secure && a->port == b->port &&
	       http_text_is_nocase((struct http_text){ a->host, (uint32_t)strlen(a->host) },
	                           b->host);
}

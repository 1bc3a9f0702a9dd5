/* SPDX-License-Identifier: ISC */
/* Cookies (RFC 6265), those of a request and those that a response sets. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include <app/http/http.h>

/* The value of the first cookie of that name, as it came (a server of another path or domain may have set it); null bytes:
 * there is none. */
struct http_text http_cookie(const struct http_exchange *, const char *name);

enum http_same_site { HTTP_SAME_SITE_LAX, HTTP_SAME_SITE_STRICT, HTTP_SAME_SITE_NONE };

struct http_cookie {
	const char *name, *value;
	const char *path, *domain; /* null: "/"; the host that was asked, and none below it */
	uint64_t max_age_s;        /* 0: until the browser ends */
	enum http_same_site same_site;
	bool plain;    /* sent by HTTP, too; else by HTTPS only (Secure) */
	bool readable; /* scripts of the page see it; else they do not (HttpOnly) */
};
/*
 * Adds a Set-Cookie to the response. ERR_INVALID: the name is no token, the value has other bytes than RFC 6265 §4.1.1 lets
 * it have (encode it), path or domain have a semicolon or control characters; or what browsers would throw away: SameSite=None
 * of a plain one, "__Secure-" or "__Host-" before the name of one that is not so. ERR_TOO_BIG: more than HTTP_COOKIE_MAX bytes,
 * or no room among the response's fields.
 */
#define HTTP_COOKIE_MAX 1024u
int http_cookie_set(struct http_exchange *, const struct http_cookie *);
/* Makes the browser forget it: name, path and domain count, and are what they were. */
int http_cookie_clear(struct http_exchange *, const struct http_cookie *);

#endif

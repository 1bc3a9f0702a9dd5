/* SPDX-License-Identifier: ISC */
/* Whose page made a browser send a request: against forgery across sites, and for those that are let in on purpose (CORS). */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include <app/http/http.h>

/* Does the request come from a page of this very host, or from no page, as far as the browser says (Sec-Fetch-Site, Origin)? A
 * sibling of the host's name is another's. Of programs, which say nothing, it is true: they have no user's cookies. */
bool http_same_origin(const struct http_exchange *);

/* Cross-origin resource sharing (the Fetch Standard's): whose scripts may read the answers. Not copied. */
struct http_cors {
	/* "https://example.org", each as browsers write it, up to a null. Null: anybody's, but without their cookies. */
	const char *const *origins;
	const char *methods; /* besides GET, HEAD and POST: "PUT, DELETE"; null: none */
	const char *fields;  /* that a script may set: "Content-Type, Authorization"; null: none */
	const char *exposed; /* fields that it may read: "X-Request-Id"; null: those that all may */
	uint32_t max_age_s;  /* how long a browser remembers; 0: 600 */
	bool credentials;    /* with cookies; only with a list of origins */
};
/* For http_before; the context is a struct http_cors. Answers what browsers ask before (OPTIONS), and sets the fields of all
 * other answers. It refuses nothing: browsers do. */
bool http_cors_before(struct http_exchange *, void *cors);

#endif

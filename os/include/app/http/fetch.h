/* SPDX-License-Identifier: ISC */
/*
 * A request by URL, for tasks, which follows redirections (RFC 9110 §15.4):
 *
 *	struct http_fetch f = { .layer = &tls_client_layer, .context = &tls };
 *	if (http_fetch(&f, "https://example.org/", &response, deadline) == OK)
 *		while ((n = http_client_read(f.client, buffer, sizeof buffer, deadline)) > 0) ...
 *	http_fetch_close(&f);
 *
 * 303 is fetched by GET (HEAD stays HEAD), 301 and 302 likewise where it was POST; 307 and 308 send the same request again. From
 * https nothing leads to http. What is sent to another origin has no Authorization, Proxy-Authorization, Cookie nor Host among
 * its fields. A 3xx without a Location is the answer, as is a 300 or a 304.
 */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include <app/http/client.h>

#define HTTP_URL_MAX          2048u /* with its NUL */
#define HTTP_URL_HOST_MAX     256u
#define HTTP_REDIRECTIONS_MAX 10u
#define HTTP_FETCH_FIELDS_MAX                                                                      \
	4096u /* bytes of further fields that can be sent on to another origin */

/* http or https (RFC 3986, RFC 9110 §4.2); a fragment is left out. */
struct http_url {
	bool is_secure;
	uint16_t port;                /* 80 or 443, if it says none */
	char host[HTTP_URL_HOST_MAX]; /* an IPv6 address in brackets */
	char target[HTTP_URL_MAX];    /* path and query; "/" at least */
};
/* ERR_MALFORMED: it is none, holds a user's name, or what no URL may hold. ERR_TOO_BIG. */
int http_url_read(struct http_url *, const char *text, uint32_t size);
/* A reference of a page at `base` (RFC 3986 §5.2): "/x", "../x", "?x", "//host/x", or a URL. Errors as http_url_read. */
int http_url_resolve(struct http_url *, const struct http_url *base, const char *text,
                     uint32_t size);
bool http_url_same_origin(const struct http_url *, const struct http_url *);

struct http_fetch {
	/* The caller's: zero means GET, none of it, the default. */
	const char *method, *fields, *type; /* as http_client_request */
	const void *body;
	uint32_t size;
	const struct tcp_client_layer
	        *layer; /* of https, as http_client_open_over; null: https is ERR_INVALID */
	void *context;
	uint32_t
	        redirections_max; /* default: HTTP_REDIRECTIONS_MAX; more of them are ERR_TOO_BIG */

	/* What became of it. */
	struct http_client *client; /* of whom the body is read; null: there is none */
	struct http_url url;        /* whose answer it is */
	uint32_t redirections;
};
/* Errors as http_client_open and http_client_request; ERR_REFUSED: a redirection from https to http; ERR_MALFORMED: its Location is no
 * URL. To be closed after an error, too. */
int http_fetch(struct http_fetch *, const char *url, struct http_response *, uint64_t deadline_ns);
void http_fetch_close(struct http_fetch *);

#endif

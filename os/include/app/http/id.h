/* SPDX-License-Identifier: ISC */
/* A name for each request, by which log lines here, at the client and at servers behind find each other: 32 hexadecimal digits
 * (128 random bits), or what a trusted proxy in front has drawn. */
#ifndef HTTP_ID_H
#define HTTP_ID_H

#include <app/http/http.h>

#define HTTP_ID_MAX                                                                                \
	64u /* bytes of a name that is taken over: of A to Z, a to z, 0 to 9, "-", "_", "." */

/* NUL-terminated, good as long as the exchange. Drawn when it is first asked for. */
const char *http_id(struct http_exchange *);

/* For http_before: puts it into the response as X-Request-Id. The context is null, or whatever else: then a request's own
 * X-Request-Id counts, which only a proxy in front that sets it itself may be trusted with. */
bool http_id_before(struct http_exchange *, void *trusted);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Functions of a server that see every request, whatever its route: before its handler, to answer it instead, or to set fields
 * of what will be answered; after its response, to count or to log it. They run on the event loop and must not block. The order
 * is that in which they were registered.
 *
 * A request that is routed to a task is shown to them when its body has been gathered (http_route_gather), and before a task
 * is spawned for it. What the server refuses by itself, since it does not parse or is too large, is shown to the later ones
 * only. An image that registers none carries nothing of this.
 */
#ifndef HTTP_HOOK_H
#define HTTP_HOOK_H

#include <app/http/http.h>

/* True: the request goes on. False: this function has answered it, or will (as a handler that answers later). */
typedef bool http_before_fn(struct http_exchange *, void *context);
/* The response was written, or, with http_status 0, the client went or was dropped before it was. */
typedef void http_after_fn(struct http_exchange *, void *context);

/* ERR_MEMORY. */
int http_before(struct http_server *, http_before_fn *, void *context);
int http_after(struct http_server *, http_after_fn *, void *context);

/* For those that come after. */
uint32_t http_status(const struct http_exchange *);
uint64_t http_body_bytes_out(const struct http_exchange *);
/* Since it was shown to those before; 0: it was not. */
uint64_t http_took_ns(const struct http_exchange *);

#endif

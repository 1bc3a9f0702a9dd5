/* SPDX-License-Identifier: ISC */
/* Connections to one server that are kept for the next request, for as many tasks as there are. */
#ifndef HTTP_POOL_H
#define HTTP_POOL_H

#include <app/http/client.h>

#define HTTP_POOL_KEPT_DEFAULT 16u                  /* connections that idle; 18 KiB each */
#define HTTP_POOL_IDLE_NS      (30ull * 1000000000) /* then one is closed, when the next is asked for */

struct http_pool_options {                    /* zero means the default */
	const struct tcp_client_layer *layer; /* null: none; as http_client_open_over */
	void *context;
	uint32_t kept_max;
	uint64_t idle_ns;
};
struct http_pool;

/* host as http_client_open; nothing is connected yet. ERR_MEMORY, ERR_INVALID. */
int http_pool_open(struct http_pool **, const char *host, uint16_t port,
                   const struct http_pool_options *);
void http_pool_close(struct http_pool *); /* no client is out any more */

/* A client for one task: one that was kept, unless `fresh` (a request that must not be sent twice), or a new one. Errors as
 * http_client_open. It goes back by http_pool_give, which keeps it if another request may follow, or by http_client_close. */
int http_pool_take(struct http_pool *, struct http_client **, bool fresh, uint64_t deadline_ns);
void http_pool_give(struct http_pool *, struct http_client *);

#endif

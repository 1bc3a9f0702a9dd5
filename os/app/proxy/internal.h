/* SPDX-License-Identifier: ISC */
/*
 * upstream.c  the servers: which one is asked, and whether it is well
 * fields.c    which fields go on, either way
 * relay.c     a request and its answer
 */
#ifndef PROXY_INTERNAL_H
#define PROXY_INTERNAL_H

#include <app/http/pool.h>
#include <app/proxy/proxy.h>
#include <core/metric.h>

struct proxy_upstream {
	char *host;
	uint16_t port;
	uint64_t down_until; /* CLOCK_NEVER: until it passes a check; 0: it is up */
	struct http_pool *pool;
};

struct proxy {
	struct proxy_options options;
	struct proxy_counters counters;
	struct metric_source metrics;
	uint32_t next; /* whose turn it is */
	uint32_t count;
	struct proxy_upstream upstreams[PROXY_UPSTREAMS_MAX];
};

void proxy_metrics_add(struct proxy *); /* metrics.c */

/* ---- upstream.c ---- */
/* By turns, those first that are up. `tried` has a bit for each that is not to be asked again; null: none is left. */
struct proxy_upstream *proxy_upstream_next(struct proxy *, uint32_t *tried);
void proxy_upstream_failed(struct proxy *, struct proxy_upstream *); /* no connection came about */

/* ---- fields.c ---- */
#define PROXY_FIELDS_MAX (HTTP_HEAD_MAX + 2048u)
/* Complete lines for the server, a NUL behind them; false: they do not fit. */
bool proxy_fields_request(const struct proxy *, struct http_exchange *, char to[PROXY_FIELDS_MAX]);
/* For the client: how many bytes; -1: they do not fit. */
int proxy_fields_response(const struct http_client *, char to[PROXY_FIELDS_MAX]);

/* ---- relay.c ---- */
void proxy_handle(struct http_exchange *, void *proxy);

#endif

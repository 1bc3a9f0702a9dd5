/* SPDX-License-Identifier: ISC */
/* What tests/http2/run talks to. */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>

#include <app/http/http.h>
#include <app/http2/http2.h>
#include <app/tls/tls.h>
#include <core/clock.h>
#include <core/heap.h>
#include <core/task.h>

#define BIG (8u << 20)

static struct http_server *servers[2]; /* TLS, clear */

static void hello(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, 200, "Hello, world\n");
}

static void counters(struct http_exchange *x, void *context)
{
	struct http2_counters a, b;
	struct http_counters n;
	char text[512];
	(void)context;
	http2_counters(servers[0], &a);
	http2_counters(servers[1], &b);
	http_counters(servers[1], &n);
	snprintf(text, sizeof text,
	         "connections=%llu streams=%llu refused=%llu calmed=%llu failed=%llu stalled=%llu "
	         "now=%llu used=%llu\n",
	         (unsigned long long)(a.connections + b.connections),
	         (unsigned long long)(a.streams + b.streams),
	         (unsigned long long)(a.refused + b.refused),
	         (unsigned long long)(a.calmed + b.calmed),
	         (unsigned long long)(a.failed + b.failed),
	         (unsigned long long)(a.stalled + b.stalled), (unsigned long long)n.connections_now,
	         (unsigned long long)heap_figures().used);
	http_reply_text(x, 200, text);
}

static void big(struct http_exchange *x, void *context)
{
	http_reply_static(x, 200, "application/octet-stream", context, BIG);
}

/* What the client sends comes back, by a task. */
static void echo(struct http_exchange *x, void *context)
{
	char piece[10000];
	int64_t n;
	(void)context;
	http_begin(x, 200, "application/octet-stream", http_body_size(x));
	while ((n = http_read(x, piece, sizeof piece, CLOCK_NEVER)) > 0)
		http_write(x, piece, (uint32_t)n);
	http_end(x);
}

static void slow(struct http_exchange *x, void *context)
{
	(void)context;
	task_sleep_until(clock_now() + NS_PER_S);
	http_reply_text(x, 200, "slow\n");
}

static int routes(struct http_server *s, uint8_t *bytes)
{
	return http_route(s, "GET", "/", hello, NULL) ||
	       http_route(s, "GET", "/counters", counters, NULL) ||
	       http_route(s, "GET", "/big", big, bytes) ||
	       http_route_task(s, "GET", "/slow", slow, NULL) ||
	       http_route_task(s, "POST", "/echo", echo, NULL) ||
	       http_route_gather(s, "POST", "/echo", 0);
}

int main(void)
{
	const struct tls_options options_tls = { .protocols = http2_protocols };
	const struct http_options secure = { .port = 443, .body_max = BIG },
	                          clear = { .port = 80, .body_max = BIG };
	const struct http2_options two = { .streams_max = arg_streams(), .clear = true };
	struct boot_secret chain = arg_certificate(), key = arg_key();
	struct tls *tls;
	uint8_t *bytes = malloc(BIG);

	for (uint32_t i = 0; bytes && i < BIG; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	if (!bytes || tls_open(&tls, &options_tls) ||
	    tls_certificate(tls, "certificate", chain.bytes, chain.size, key.bytes, key.size))
		return 1;
	boot_secret_erase(key);
	if (http_serve_over(&servers[0], &secure, &tls_layer, tls) ||
	    http2_enable(servers[0], &two) || routes(servers[0], bytes) ||
	    http_serve(&servers[1], &clear) || http2_enable(servers[1], &two) ||
	    routes(servers[1], bytes))
		return 1;
	return http_run(servers[0]) || http_run(servers[1]);
}

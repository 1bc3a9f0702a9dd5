/* SPDX-License-Identifier: ISC */
/* What tests/tls/run talks to. */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>

#include <app/dns/dns.h>
#include <app/http/http.h>
#include <app/memcache/memcache.h>
#include <app/tls/secrets.h>
#include <core/clock.h>
#include <core/file.h>

#define BIG (8u << 20)

static struct tls *tls;

static void info(struct http_exchange *x, void *context)
{
	struct tls_info i;
	char text[1024];
	(void)context;
	if (!http_served(x) || !tls_info(http_served(x), &i)) {
		http_fail(x, 500);
		return;
	}
	snprintf(text, sizeof text, "%s %s name=%s resumed=%d verified=%d client=%s\n", i.version,
	         i.cipher, i.server_name ? i.server_name : "", i.resumed, i.client_verified,
	         i.client_name);
	http_reply_text(x, 200, text);
}

static void counters(struct http_exchange *x, void *context)
{
	struct tls_counters n;
	char text[256];
	(void)context;
	tls_counters(tls, &n);
	snprintf(text, sizeof text,
	         "handshakes=%llu resumed=%llu failed=%llu waiting=%llu in_place=%llu\n",
	         (unsigned long long)n.handshakes, (unsigned long long)n.resumed,
	         (unsigned long long)n.failed, (unsigned long long)n.waiting,
	         (unsigned long long)n.in_place);
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

/* Chain and key in one text become the first certificate's. */
static void renew(struct http_exchange *x, void *context)
{
	static char text[32768];
	uint32_t size = 0;
	int64_t n;
	(void)context;
	while (size < sizeof text &&
	       (n = http_read(x, text + size, (uint32_t)sizeof text - size, CLOCK_NEVER)) > 0)
		size += (uint32_t)n;
	n = tls_certificate_renew(tls, "first", text, size, text, size);
	http_reply_text(x, 200, n ? "refused\n" : "renewed\n");
}

/* Name server and memcached through the same layer. */
static int serve_others(void)
{
	static const char *const protocols[] = { "dot", NULL };
	struct boot_secret chain = arg_certificate(), key = arg_key();
	struct tls *dot;
	struct memcache_server *items;
	struct dns_server *names;
	return tls_open(&dot, &(struct tls_options){ .protocols = protocols }) ||
	       tls_certificate(dot, "names", chain.bytes, chain.size, key.bytes, key.size) ||
	       dns_serve(&names, file_find("zones"), NULL) ||
	       dns_serve_over(names, &tls_layer, dot, 0, NULL) ||
	       memcache_serve_over(&items, &(struct memcache_options){ .memory = 16u << 20 },
	                           &tls_layer, tls);
}

static int certificate(const char *name, const struct tls_secrets *s)
{
	int error = tls_secrets(tls, name, s);
	boot_secret_erase(s->key);
	return error;
}

int main(void)
{
	static const char *const protocols[] = { "http/1.1", NULL };
	struct tls_options options = { .handshake_ns = arg_handshake(),
		                       .ticket_ns = arg_ticket(),
		                       .protocols = protocols,
		                       .clients = (enum tls_clients)arg_clients(),
		                       .authorities = arg_authorities().bytes,
		                       .authorities_size = arg_authorities().size };
	const struct http_options options_http = { .port = 443, .body_max = BIG };
	const struct tls_secrets first = { arg_certificate(), arg_key(), arg_staple() },
	                         second = { arg_certificate2(), arg_key2(), arg_staple2() };
	struct http_server *server;
	uint8_t *bytes = malloc(BIG);

	for (uint32_t i = 0; bytes && i < BIG; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	if (!bytes || tls_open(&tls, &options) || serve_others() || certificate("first", &first) ||
	    (second.certificate.size && certificate("second", &second)))
		return 1;
	return http_serve_over(&server, &options_http, &tls_layer, tls) ||
	       http_route(server, "GET", "/", info, NULL) ||
	       http_route(server, "GET", "/counters", counters, NULL) ||
	       http_route(server, "GET", "/big", big, bytes) ||
	       http_route_task(server, "POST", "/echo", echo, NULL) ||
	       http_route_gather(server, "POST", "/echo", 0) ||
	       http_route_task(server, "PUT", "/renew", renew, NULL) || http_run(server);
}

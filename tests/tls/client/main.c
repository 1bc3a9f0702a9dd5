/* SPDX-License-Identifier: ISC */
/* What tests/tls/run asks over HTTP to connect by TLS: /raw by tls_start, /http by the HTTP client, /fetch by a URL and where it is sent. */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/client.h>
#include <app/http/fetch.h>
#include <app/http/http.h>
#include <app/tls/client.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/sha256.h>

#define PEER       "10.0.0.1"
#define PATIENCE   (20 * NS_PER_S)
#define REQUEST    "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"
#define UPLOAD_MAX (4u << 20)

static struct tls_client *trust;

struct digest {
	struct sha256 state;
	uint64_t size;
};

static void take(struct digest *d, const void *bytes, int64_t n)
{
	sha256_add(&d->state, bytes, (size_t)n);
	d->size += (uint64_t)n;
}

static void put_digest(struct digest *d, char *to, size_t room)
{
	uint8_t sum[SHA256_SIZE];
	int at = snprintf(to, room, "size=%llu sha256=", (unsigned long long)d->size);
	sha256_end(&d->state, sum);
	for (uint32_t k = 0; k < sizeof sum; k++)
		at += snprintf(to + at, room - (size_t)at, "%02x", sum[k]);
}

static void value(struct http_exchange *x, const char *name, char *to, uint32_t size)
{
	if (http_form_value(http_query(x), name, to, size) < 0)
		to[0] = '\0';
}

static void refuse(struct http_exchange *x, int error)
{
	char text[256];
	snprintf(text, sizeof text, "error %d %s: %s\n", error, error_text(error),
	         tls_client_reason(trust));
	http_reply_text(x, 200, text);
}

/* Asks, and reads to the end: by tls_read, or, if `peeks`, by tls_peek. */
static int talk(struct tls_stream *s, const char *host, const char *path, bool peeks,
                struct digest *d, uint64_t deadline)
{
	char text[1000];
	int64_t n;
	int size = snprintf(text, sizeof text, REQUEST, path, host);
	int error = tls_write(s, text, (uint32_t)size, deadline);
	if (error)
		return error;
	sha256_begin(&d->state);
	if (!peeks) {
		while ((n = tls_read(s, text, sizeof text, deadline)) > 0)
			take(d, text, n);
		return (int)n;
	}
	const uint8_t *bytes;
	while ((n = tls_peek(s, &bytes, deadline)) > 0) {
		n = n > 100 ? n / 2 : n;
		take(d, bytes, n);
		tls_consume(s, (uint32_t)n);
	}
	return (int)n;
}

static void raw(struct http_exchange *x, void *context)
{
	char name[300], port[8], path[200], peeks[4], text[512], sum[128];
	struct digest d = { .size = 0 };
	struct tls_stream_info i;
	struct tcp_connection *tcp;
	struct net_address peer;
	struct tls_stream *s;
	uint64_t deadline = clock_now() + PATIENCE;
	(void)context;
	value(x, "name", name, sizeof name);
	value(x, "port", port, sizeof port);
	value(x, "path", path, sizeof path);
	value(x, "peek", peeks, sizeof peeks);
	net_address_parse(PEER, &peer);
	int error = tcp_connect(&tcp, peer, (uint16_t)atoi(port), NULL, deadline);
	if (error) {
		refuse(x, error);
		return;
	}
	error = tls_start(&s, trust, tcp, name, deadline);
	if (error) {
		tcp_close(tcp);
		refuse(x, error);
		return;
	}
	error = talk(s, name, *path ? path : "/", *peeks, &d, deadline);
	tls_stream_info(s, &i);
	put_digest(&d, sum, sizeof sum);
	snprintf(text, sizeof text, "open %s %s protocol=%s resumed=%d end=%d %s\n", i.version,
	         i.cipher, i.protocol, i.resumed, error, sum);
	tls_close(s);
	http_reply_text(x, 200, text);
}

/* Writes only, and is sure that it arrived. */
static void send(struct http_exchange *x, void *context)
{
	static char bytes[100000];
	char port[8], text[100];
	struct tls_stream *s;
	uint64_t deadline = clock_now() + PATIENCE;
	(void)context;
	value(x, "port", port, sizeof port);
	memset(bytes, 'x', sizeof bytes);
	int error = tls_connect(&s, trust, PEER, (uint16_t)atoi(port), deadline);
	if (error) {
		refuse(x, error);
		return;
	}
	error = tls_write(s, bytes, sizeof bytes, deadline);
	error = error ? error : tls_finish(s, deadline);
	tls_close(s);
	snprintf(text, sizeof text, "sent %d\n", error);
	http_reply_text(x, 200, text);
}

/* The answer at a URL's end: `url` is a path's, of http at `port`. */
static void follow(struct http_exchange *x, void *context)
{
	char port[8], path[200], url[300], text[1000], sum[128] = "";
	struct http_response r = { .status = 0 };
	struct http_fetch f = { .layer = &tls_client_layer, .context = trust };
	struct digest d = { .size = 0 };
	int64_t n = 0;
	uint64_t deadline = clock_now() + PATIENCE;
	(void)context;
	value(x, "port", port, sizeof port);
	value(x, "path", path, sizeof path);
	snprintf(url, sizeof url, "http://" PEER ":%s%s", port, path);
	int error = http_fetch(&f, url, &r, deadline);
	sha256_begin(&d.state);
	while (!error && (n = http_client_read(f.client, text, sizeof text, deadline)) > 0)
		take(&d, text, n);
	error = error ? error : n < 0 ? (int)n : OK;
	put_digest(&d, sum, sizeof sum);
	snprintf(text, sizeof text, "status=%u error=%s redirections=%u at=%s://%s:%u%s %s\n",
	         r.status, error_text(error), f.redirections, f.url.is_secure ? "https" : "http",
	         f.url.host, f.url.port, f.url.target, sum);
	http_fetch_close(&f);
	http_reply_text(x, 200, text);
}

/* Two requests on one connection by the HTTP client; with `upload`, as many bytes are posted first. */
static void fetch(struct http_exchange *x, void *context)
{
	char host[300], port[8], path[200], upload[12], text[512], sum[128] = "";
	struct http_response r = { .status = 0 };
	struct http_client *c;
	uint64_t deadline = clock_now() + PATIENCE;
	(void)context;
	value(x, "host", host, sizeof host);
	value(x, "port", port, sizeof port);
	value(x, "path", path, sizeof path);
	value(x, "upload", upload, sizeof upload);
	int error = http_client_open_over(&c, host, (uint16_t)atoi(port), &tls_client_layer, trust,
	                                  deadline);
	if (error) {
		refuse(x, error);
		return;
	}
	uint32_t size = (uint32_t)atoi(upload) % UPLOAD_MAX;
	char *bytes = calloc(1, size + 1);
	for (uint32_t turn = 0; !error && bytes && turn < 2; turn++) {
		struct digest d = { .size = 0 };
		int64_t n = 0;
		error = http_client_request(c, size ? "POST" : "GET", path, NULL, NULL, bytes, size,
		                            &r, deadline);
		sha256_begin(&d.state);
		while (!error && (n = http_client_read(c, text, sizeof text, deadline)) > 0)
			take(&d, text, n);
		error = error ? error : n < 0 ? (int)n : OK;
		put_digest(&d, sum, sizeof sum);
	}
	http_client_close(c);
	free(bytes);
	snprintf(text, sizeof text, "status=%u error=%d %s\n", r.status, error, sum);
	http_reply_text(x, 200, text);
}

static void counters(struct http_exchange *x, void *context)
{
	struct tls_client_counters n;
	char text[256];
	(void)context;
	tls_client_counters(trust, &n);
	snprintf(text, sizeof text, "handshakes=%llu resumed=%llu failed=%llu distrusted=%llu\n",
	         (unsigned long long)n.handshakes, (unsigned long long)n.resumed,
	         (unsigned long long)n.failed, (unsigned long long)n.distrusted);
	http_reply_text(x, 200, text);
}

int main(void)
{
	static const char *const protocols[] = { "http/1.1", NULL };
	const char *revoked[] = { arg_revoked(), NULL };
	struct boot_secret own = arg_certificate(), key = arg_key();
	const struct tls_client_options options = { .authorities = arg_authorities().bytes,
		                                    .authorities_size = arg_authorities().size,
		                                    .revoked = *arg_revoked() ? revoked : NULL,
		                                    .protocols = protocols,
		                                    .handshake_ns = arg_handshake(),
		                                    .no_sessions = !arg_sessions() };
	struct http_server *server;

	if (tls_client_open(&trust, &options) ||
	    (own.size && tls_client_certificate(trust, "certificate and key", own.bytes, own.size,
	                                        key.bytes, key.size)))
		return 1;
	if (key.size)
		boot_secret_erase(key);
	int error = http_serve(&server, NULL) ||
	            http_route_task(server, "GET", "/raw", raw, NULL) ||
	            http_route_task(server, "GET", "/send", send, NULL) ||
	            http_route_task(server, "GET", "/http", fetch, NULL) ||
	            http_route_task(server, "GET", "/fetch", follow, NULL) ||
	            http_route(server, "GET", "/counters", counters, NULL) || http_run(server);
	tls_client_close(trust);
	return error;
}

/* SPDX-License-Identifier: ISC */
/* The routes. /echo and /count take a body on the loop, /task in a task; /ignore leaves it; /later
 * answers by a timer. */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/http_internal.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>

/* The tests of HTTP/2 have it. */
#ifndef HTTP_CARRIED
#define HTTP_CARRIED false
#endif
const bool http_carried = HTTP_CARRIED;

struct app app;

static void hello(struct http_exchange *x, void *context)
{
	http_reply_text(x, 200, context ? context : "Hello");
}

static void peer(struct http_exchange *x, void *context)
{
	char text[64];
	uint16_t port = 0;
	struct net_address address = http_peer(x, &port), again = http_peer(x, NULL);
	(void)context;
	snprintf(text, sizeof text, "%08x:%u %d", net_ip4_of(address), port,
	         net_address_same(again, address));
	http_reply_text(x, 200, text);
}

/* "METHOD path?query host parameter=value ..." */
static void show(struct http_exchange *x, void *context)
{
	static const char *const names[] = { "id", "post", "rest" };
	char text[9000];
	struct http_text m = http_method(x), p = http_path(x), q = http_query(x), h = http_host(x);
	int n = snprintf(text, sizeof text, "%s %.*s %.*s?%.*s %.*s", (const char *)context,
	                 (int)m.size, m.bytes, (int)p.size, p.bytes, (int)q.size, q.bytes,
	                 (int)h.size, h.bytes ? h.bytes : "");
	for (unsigned k = 0; k < 3 && n < (int)sizeof text; k++) {
		struct http_text v = http_parameter(x, names[k]);
		if (v.bytes)
			n += snprintf(text + n, sizeof text - (size_t)n, " %s=%.*s", names[k],
			              (int)v.size, v.bytes);
	}
	http_reply(x, 200, "text/plain", text,
	           n < (int)sizeof text ? (uint32_t)n : (uint32_t)sizeof text - 1);
}

struct body {
	uint32_t size;
	bool streams;
	char bytes[8192];
};

static void echo_body(struct http_exchange *x, void *context, const uint8_t *bytes, uint32_t size,
                      int error)
{
	struct body *b = context;
	for (uint32_t k = 0; k < size && b->size < sizeof b->bytes; k++)
		b->bytes[b->size++] = (char)bytes[k];
	if (size)
		return;
	if (error == OK)
		http_reply(x, 200, "application/octet-stream", b->bytes, b->size);
	app.body_error = error;
	app.bodies--;
	free(b);
}

static void echo(struct http_exchange *x, void *context)
{
	(void)context;
	if (!http_body_size(x)) {
		http_reply(x, 200, NULL, NULL, 0);
		return;
	}
	app.bodies++;
	http_on_body(x, echo_body, calloc(1, sizeof(struct body)));
}

/* Answers a body's error by itself. */
static void strict_body(struct http_exchange *x, void *context, const uint8_t *bytes, uint32_t size,
                        int error)
{
	(void)context, (void)bytes;
	if (size)
		return;
	app.bodies--;
	app.body_error = error;
	http_reply_text(x, error ? 422 : 200, "body");
}

static void strict(struct http_exchange *x, void *context)
{
	app.bodies++;
	http_on_body(x, strict_body, context);
}

static void in_task(struct http_exchange *x, void *context)
{
	char bytes[8192], piece[7];
	uint32_t size = 0;
	int64_t n;
	(void)context;
	app.tasks++;
	uint64_t patience = app.patience ? app.patience : NS_PER_S * 5;
	while ((n = http_read(x, piece, sizeof piece, clock_now() + patience)) > 0) {
		for (int64_t k = 0; k < n && size < sizeof bytes; k++)
			bytes[size++] = piece[k];
	}
	app.body_error = (int)n;
	if (n == 0)
		http_reply(x, 200, "text/plain", bytes, size);
	else
		http_fail(x, n == ERR_TOO_BIG ? 413 : n == ERR_TIMEOUT ? 408 : 400);
}

static void task_stream(struct http_exchange *x, void *context)
{
	http_begin(x, 200, "text/plain", HTTP_UNKNOWN);
	for (int k = 0; k < 4; k++) {
		http_write(x, "piece ", 6);
		task_sleep_until(clock_now() + NS_PER_S);
	}
	http_write_static(x, "end", 3);
	http_end(x);
	(void)context;
}

static void task_silent(struct http_exchange *x, void *context)
{
	(void)x, (void)context;
}

struct later {
	struct timer timer;
	struct http_exchange *exchange;
};

static void later_gone(struct http_exchange *x, void *context)
{
	struct later *l = context;
	(void)x;
	app.gone++;
	app.waiting--;
	timer_stop(&l->timer);
	free(l);
}

static void later_fires(struct timer *t)
{
	struct later *l = container_of(t, struct later, timer);
	struct http_exchange *x = l->exchange;
	app.waiting--;
	free(l);
	show(x, (char *)"later");
}

static void later(struct http_exchange *x, void *context)
{
	struct later *l = calloc(1, sizeof *l);
	(void)context;
	l->exchange = x;
	app.waiting++;
	http_on_gone(x, later_gone, l);
	timer_set_in(&l->timer, NS_PER_S, later_fires);
}

static void stream(struct http_exchange *x, void *context)
{
	http_set(x, "X-Kind", "stream");
	http_begin(x, 200, "text/plain", context ? 21 : HTTP_UNKNOWN);
	http_write(x, "first ", 6);
	http_write(x, "", 0);
	http_write_static(x, "second, static.", 15);
	http_end(x);
}

static void short_of(struct http_exchange *x, void *context)
{
	(void)context;
	http_begin(x, 200, NULL, 10);
	http_write(x, "1234", 4);
	http_end(x);
}

static void flood(struct http_exchange *x, void *context)
{
	static char much[1 << 16];
	(void)context;
	http_begin(x, 200, NULL, HTTP_UNKNOWN);
	for (uint32_t k = 0; k < app.flood; k++) /* returns are not looked at, on purpose */
		http_write(x, much, sizeof much);
	http_end(x);
}

static void big(struct http_exchange *x, void *context)
{
	char *bytes = malloc(app.big + 1);
	(void)context;
	for (uint32_t k = 0; k < app.big; k++)
		bytes[k] = (char)('a' + k % 23);
	app.big_error = http_reply(x, 200, "text/plain", bytes, app.big);
	free(bytes);
}

static void prepared(struct http_exchange *x, void *context)
{
	static const char fields[] = "Content-Type: text/css\r\nContent-Length: 5\r\n";
	(void)context;
	http_reply_prepared(x, 200, fields, sizeof fields - 1, "body!", 5);
}

static void resource(struct http_exchange *x, void *context)
{
	static const char plain[] =
	        "Content-Type: text/plain\r\nETag: \"plain\"\r\n"
	        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nVary: Accept-Encoding\r\n";
	static const char gzip[] =
	        "Content-Type: text/plain\r\nETag: \"gzip\"\r\nContent-Encoding: gzip\r\n"
	        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nVary: Accept-Encoding\r\n";
	static const struct http_resource r = {
		.identity = { (const uint8_t *)APP_FILE, sizeof APP_FILE - 1, plain, "\"plain\"",
		              sizeof plain - 1 },
		.gzip = { (const uint8_t *)APP_GZIP, sizeof APP_GZIP - 1, gzip, "\"gzip\"",
		          sizeof gzip - 1 },
		.modified = APP_MODIFIED,
	};
	static const char br[] =
	        "Content-Type: text/plain\r\nETag: \"br\"\r\nContent-Encoding: br\r\n"
	        "Content-Language: en\r\nCache-Control: max-age=60\r\n";
	struct http_resource one = r;
	const char *which = context ? context : "";
	if (strcmp(which, "bare") == 0) /* nothing is known about it but its bytes */
		one = (struct http_resource){ .identity = { (const uint8_t *)APP_FILE,
			                                    sizeof APP_FILE - 1, "", NULL, 0 } };
	if (strcmp(which, "nothing") == 0)
		one = (struct http_resource){ .identity = { (const uint8_t *)"", 0, plain,
			                                    "\"plain\"", sizeof plain - 1 } };
	if (strcmp(which, "three") == 0)
		one.br = (struct http_variant){ (const uint8_t *)APP_BR, sizeof APP_BR - 1, br,
			                        "\"br\"", sizeof br - 1 };
	http_reply_resource(x, &one);
}

static void fields(struct http_exchange *x, void *context)
{
	char text[64];
	static const struct {
		const char *name, *value;
	} bad[] = { { "X", "a\r\nSet-Cookie: b" },
		    { "X", "a\nb" },
		    { "X Y", "a" },
		    { "", "a" },
		    { "X:", "a" },
		    { "Content-Length", "1" },
		    { "transfer-encoding", "chunked" },
		    { "Date", "now" },
		    { "X", "\x7f" },
		    { "connection", "close" },
		    { "content-type", "a/b" } };
	int refused = 0;
	(void)context;
	for (unsigned k = 0; k < sizeof bad / sizeof *bad; k++)
		refused += http_set(x, bad[k].name, bad[k].value) == ERR_INVALID;
	http_set(x, "X-Good", "value, with \ttab");
	snprintf(text, sizeof text, "%d of %d", refused, (int)(sizeof bad / sizeof *bad));
	http_reply_text(x, 200, text);
}

static void form(struct http_exchange *x, void *context)
{
	char text[64], value[16];
	int n = http_form_value(http_query(x), "name", value, sizeof value);
	(void)context;
	if (n == ERR_MALFORMED) {
		http_fail(x, 400);
		return;
	}
	snprintf(text, sizeof text, "%d %s", n, n < 0 ? "" : value);
	http_reply_text(x, 200, text);
}

/* Was about to send a file, and fails. */
static void unsure(struct http_exchange *x, void *context)
{
	(void)context;
	http_set(x, "Content-Encoding", "br");
	http_set(x, "X-Kept", "yes");
	http_set(x, "ETag", "\"file\"");
	http_set(x, "Content-Disposition", "attachment");
	http_set(x, "Content-Security-Policy", "default-src 'self'");
	http_fail(x, 500);
}

static void host(struct http_exchange *x, void *context)
{
	struct http_text all = http_host(x), name = http_host_name(x);
	char text[600];
	(void)context;
	snprintf(text, sizeof text, "%.*s|%.*s", (int)all.size, all.bytes, (int)name.size,
	         name.bytes);
	http_reply_text(x, 200, text);
}

static void empty(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply(x, 204, NULL, "never sent", 10);
}

void app_start(const struct http_options *options)
{
	struct http_server *s;
	memset(&app, 0, sizeof app);
	if (http_serve(&s, options))
		abort();
	app.server = s;
	int error = http_route(s, "GET", "/", hello, NULL);
	error |= http_route(s, "GET", "/peer", peer, NULL);
	error |= http_route(s, "GET", "/users/me", show, (char *)"me");
	error |= http_route(s, "GET", "/users/:id", show, (char *)"user");
	error |= http_route(s, "GET", "/users/:id/posts/:post", show, (char *)"post");
	error |= http_route(s, "GET", "/users/*rest", show, (char *)"star");
	error |= http_route(s, NULL, "/any", show, (char *)"any");
	error |= http_route(s, "GET", "/any", show, (char *)"named");
	error |= http_route(s, "POST", "/echo", echo, NULL);
	error |= http_route(s, "PUT", "/echo", echo, NULL);
	error |= http_route(s, "POST", "/strict", strict, NULL);
	error |= http_route(s, "POST", "/ignore", hello, (char *)"ignored");
	error |= http_route_task(s, "POST", "/task", in_task, NULL);
	error |= http_route_gather(s, "POST", "/task", 0);
	error |= http_route_task(s, "POST", "/gathered", in_task, NULL);
	error |= http_route_gather(s, "POST", "/gathered", 1000);
	error |= http_route(s, "GET", "/big", big, NULL);
	error |= http_route_task(s, "GET", "/task/big", big, NULL);
	error |= http_route_task(s, "GET", "/task/flood", flood, NULL);
	error |= http_route_task(s, "GET", "/task/stream", task_stream, NULL);
	error |= http_route_task(s, "GET", "/task/silent", task_silent, NULL);
	error |= http_route(s, NULL, "/later", later, NULL);
	error |= http_route(s, "GET", "/stream", stream, NULL);
	error |= http_route(s, "GET", "/sized", stream, (char *)"sized");
	error |= http_route(s, "GET", "/short", short_of, NULL);
	error |= http_route(s, "GET", "/flood", flood, NULL);
	error |= http_route(s, "GET", "/prepared", prepared, NULL);
	error |= http_route(s, NULL, "/file", resource, NULL);
	error |= http_route(s, NULL, "/bare", resource, (char *)"bare");
	error |= http_route(s, NULL, "/three", resource, (char *)"three");
	error |= http_route(s, NULL, "/nothing", resource, (char *)"nothing");
	error |= http_route(s, "GET", "/unsure", unsure, NULL);
	error |= http_route(s, "GET", "/host", host, NULL);
	error |= http_route(s, "GET", "/fields", fields, NULL);
	error |= http_route(s, "GET", "/form", form, NULL);
	error |= http_route(s, "GET", "/empty", empty, NULL);
	if (error)
		abort();
}

void app_stop(void)
{
	struct http_server *s = app.server;
	timer_stop(&s->served.stop_timer);
	if (s->served.counters.now || s->served.charged || app.bodies || app.waiting) {
		fprintf(stderr,
		        "a connection (%u, %u bytes), a body (%u) or an answer (%u) is left\n",
		        (unsigned)s->served.counters.now, (unsigned)s->served.charged, app.bodies,
		        app.waiting);
		abort();
	}
	while (s->routes) {
		struct http_route *r = s->routes;
		s->routes = r->next;
		heap_free(r);
	}
	while (s->pool) {
		struct http_exchange *x = s->pool;
		s->pool = x->next;
		heap_free(x);
	}
	heap_free(s);
}

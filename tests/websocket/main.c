/* SPDX-License-Identifier: ISC */
/* What tests/websocket/run talks to. Of most paths there is one with a task and one with handlers. */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/http.h>
#include <app/http2/http2.h>
#include <app/tls/tls.h>
#include <app/websocket/websocket.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/task.h>

#define BIG (16u << 20)

static const char *const chat[] = { "chat.2", "chat.1", NULL };
static const char *const anybody[] = { "*", NULL };
static const struct websocket_options
        plain = { .message_max = BIG, .unsent_max = BIG, .slow = WEBSOCKET_SLOW_WAIT },
        squeezed = { .message_max = BIG,
	             .unsent_max = BIG,
	             .slow = WEBSOCKET_SLOW_WAIT,
	             .deflate = &websocket_deflate,
	             .origins = anybody,
	             .protocols = chat },
        contexts = { .message_max = BIG,
	             .unsent_max = BIG,
	             .deflate = &websocket_deflate,
	             .deflate_context = true },
        small = { .message_max = 1000, .deflate = &websocket_deflate },
        pieces = { .pieces = true, .piece_max = 1000, .slow = WEBSOCKET_SLOW_WAIT },
        brisk = { .ping_ns = NS_PER_S / 4, .pong_ns = NS_PER_S / 2, .close_ns = NS_PER_S / 4 },
        idle = { .idle_ns = NS_PER_S / 2 }, slow_end = { .unsent_max = 100000 },
        slow_skip = { .unsent_max = 100000, .slow = WEBSOCKET_SLOW_SKIP };

/* ---- Echoes ---- */

static void echo(struct websocket *w, void *context)
{
	struct websocket_message m;
	(void)context;
	while (websocket_read(w, &m, CLOCK_NEVER) == OK) {
		if (m.first && m.last)
			websocket_send(w, m.kind, m.bytes, m.size);
		else
			websocket_send_piece(w, m.kind, m.bytes, m.size, m.last);
	}
}

static void enter(struct http_exchange *x, void *options)
{
	websocket_accept(x, options, echo, NULL);
}

static void echo_now(struct websocket *w, void *context, const struct websocket_message *m)
{
	(void)context;
	if (m->first && m->last)
		websocket_send(w, m->kind, m->bytes, m->size);
	else
		websocket_send_piece(w, m->kind, m->bytes, m->size, m->last);
}

static void enter_watch(struct http_exchange *x, void *options)
{
	static const struct websocket_handlers handlers = { .message = echo_now };
	struct websocket *w;
	websocket_accept_watch(x, &w, options, &handlers, NULL);
}

/* ---- A reader that takes its time, and one that says how it was ---- */

static void sleeper(struct websocket *w, void *context)
{
	struct websocket_message m;
	(void)context;
	while (websocket_read(w, &m, CLOCK_NEVER) == OK) {
		task_sleep_until(clock_now() + NS_PER_S / 20);
		websocket_send(w, m.kind, m.bytes, m.size);
	}
}

static void enter_sleeper(struct http_exchange *x, void *context)
{
	(void)context;
	websocket_accept(x, NULL, sleeper, NULL);
}

static char last[200];

static void teller(struct websocket *w, void *context)
{
	struct websocket_message m;
	char code[8] = "";
	(void)context;
	const char *protocol = websocket_protocol(w);
	while (websocket_read(w, &m, CLOCK_NEVER) == OK) {
		uint32_t n = m.size < sizeof code - 1 ? m.size : (uint32_t)sizeof code - 1;
		memcpy(code, m.bytes, n);
		code[n] = 0;
		if (atoi(code))
			websocket_close(w, (uint32_t)atoi(code), "as you like it");
		else
			websocket_ping(w, code, n);
	}
	snprintf(last, sizeof last, "code=%u protocol=%s deflated=%d", websocket_code(w),
	         protocol ? protocol : "", websocket_is_deflated(w));
}

static void enter_teller(struct http_exchange *x, void *context)
{
	websocket_accept(x, context, teller, NULL);
}

static void tell(struct http_exchange *x, void *context)
{
	http_reply_text(x, 200, context);
}

/* ---- Everybody hears everybody ---- */

struct member {
	struct list all;
	struct websocket *socket;
};
static struct list members = LIST_INIT(members);

static void room(struct websocket *w, void *context)
{
	struct websocket_message m;
	struct member self = { .socket = w };
	(void)context;
	list_append(&members, &self.all);
	while (websocket_read(w, &m, CLOCK_NEVER) == OK) {
		list_each (at, &members)
			websocket_send(container_of(at, struct member, all)->socket, m.kind,
			               m.bytes, m.size);
	}
	list_remove(&self.all);
}

static void enter_room(struct http_exchange *x, void *options)
{
	websocket_accept(x, options, room, NULL);
}

static void counters(struct http_exchange *x, void *context)
{
	struct websocket_counters n;
	char text[512];
	(void)context;
	websocket_counters(&n);
	snprintf(text, sizeof text,
	         "connections=%llu now=%llu refused=%llu in=%llu out=%llu failed=%llu too_big=%llu "
	         "slow=%llu silent=%llu late=%llu skipped=%llu used=%llu\n",
	         (unsigned long long)n.connections, (unsigned long long)n.now,
	         (unsigned long long)n.refused, (unsigned long long)n.messages_in,
	         (unsigned long long)n.messages_out, (unsigned long long)n.failed,
	         (unsigned long long)n.too_big, (unsigned long long)n.slow,
	         (unsigned long long)n.silent, (unsigned long long)n.late,
	         (unsigned long long)n.skipped, (unsigned long long)heap_figures().used);
	http_reply_text(x, 200, text);
}

static void hello(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, 200, "Hello, world\n");
}

/* For a browser: it shows what came. */
static void page(struct http_exchange *x, void *context)
{
	static const char text[] =
	        "<!DOCTYPE html><p id=o>waits</p><script>\n"
	        "const o = document.getElementById('o'); let n = 0;\n"
	        "const w = new WebSocket(`wss://${location.host}/deflate`, 'chat.2');\n"
	        "w.onopen = () => w.send('Hello from a page, hello, hello, hello, hello');\n"
	        "w.onmessage = e => { n++; w.close(3001); };\n"
	        "w.onclose = e => {\n"
	        "\to.textContent = `messages=${n} code=${e.code} ${w.protocol} ${w.extensions}`;\n"
	        "};\n"
	        "w.onerror = () => { o.textContent = 'error'; };\n"
	        "</script>";
	(void)context;
	http_reply_static(x, 200, "text/html", text, sizeof text - 1);
}

static int path(struct http_server *s, const char *pattern, http_handler_fn *fn,
                const struct websocket_options *o)
{
	return http_route(s, "GET", pattern, fn, (void *)(uintptr_t)o);
}

static int routes(struct http_server *s)
{
	return path(s, "/echo", enter, &plain) || path(s, "/watch", enter_watch, &plain) ||
	       path(s, "/deflate", enter, &squeezed) ||
	       path(s, "/deflate/watch", enter_watch, &squeezed) ||
	       path(s, "/context", enter, &contexts) || path(s, "/small", enter, &small) ||
	       path(s, "/pieces", enter, &pieces) ||
	       path(s, "/pieces/watch", enter_watch, &pieces) || path(s, "/brisk", enter, &brisk) ||
	       path(s, "/idle", enter, &idle) || path(s, "/room", enter_room, &slow_end) ||
	       path(s, "/room/skip", enter_room, &slow_skip) ||
	       path(s, "/sleeper", enter_sleeper, NULL) ||
	       path(s, "/teller", enter_teller, &squeezed) ||
	       http_route(s, "GET", "/last", tell, last) ||
	       http_route(s, "GET", "/", hello, NULL) ||
	       http_route(s, "GET", "/page", page, NULL) ||
	       http_route(s, "GET", "/counters", counters, NULL);
}

int main(void)
{
	const struct tls_options options_tls = { .protocols = http2_protocols };
	const struct http_options secure = { .port = 443 }, clear = { .port = 80 };
	struct boot_secret chain = arg_certificate(), key = arg_key();
	struct http_server *servers[2];
	struct tls *tls;

	if (tls_open(&tls, &options_tls) ||
	    tls_certificate(tls, "certificate", chain.bytes, chain.size, key.bytes, key.size))
		return 1;
	boot_secret_erase(key);
	if (http_serve_over(&servers[0], &secure, &tls_layer, tls) ||
	    http2_enable(servers[0], NULL) || routes(servers[0]) ||
	    http_serve(&servers[1], &clear) || routes(servers[1]))
		return 1;
	return http_run(servers[0]) || http_run(servers[1]);
}

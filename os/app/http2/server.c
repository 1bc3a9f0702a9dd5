/* SPDX-License-Identifier: ISC */
/* Connections of both versions: the first bytes, or ALPN, say which one it is. Those of HTTP/1 are app/http's as before. */
#include <app/http2/internal.h>

#include <string.h>

#include <core/heap.h>

#define MEMORY_LEAST (64u << 10)
#define WINDOW_LEAST 65535u
#define WINDOW_MOST  0x7fffffffu
#define UNSENT_MAX   (256u << 10) /* bytes that lie with TCP and are not sent */

const char *const http2_protocols[] = { "h2", "http/1.1", NULL };

static struct http2_server *servers;

static struct http2_link *of(struct tcp_served *c)
{
	return container_of(c, struct http2_link, http.served);
}

static struct http2_server *server_of(const struct http_server *http)
{
	struct http2_server *s = servers;
	while (s && s->http != http)
		s = s->next;
	return s;
}

static bool opened(struct tcp_served *c)
{
	struct http2_link *l = of(c);
	http_protocol.opened(c);
	l->server = server_of(l->http.server);
	return true;
}

/* Which version does the client speak? False: its first bytes are not all here. */
static bool decide(struct http2_link *l, const uint8_t *bytes, uint32_t size)
{
	static const char preface[] = NGHTTP2_CLIENT_MAGIC;
	const struct tcp_layer *layer = tcp_served_layer(&l->http.served);
	bool two;
	if (layer) {
		two = layer->speaks && layer->speaks(&l->http.served, "h2");
	} else {
		uint32_t n = size < sizeof preface - 1 ? size : sizeof preface - 1;
		two = l->server->options.clear && memcmp(bytes, preface, n) == 0;
		if (two && n < sizeof preface - 1)
			return false;
	}
	l->decided = true;
	if (!two)
		return true;
	l->session = http2_session_new(l);
	if (!l->session) {
		tcp_served_drop(&l->http.served);
		return true;
	}
	l->http.served.duplex = true;
	if (!layer)
		tcp_set_unsent_max(l->http.served.tcp, UNSENT_MAX);
	return true;
}

static uint32_t received(struct tcp_served *c, const uint8_t *bytes, uint32_t size)
{
	struct http2_link *l = of(c);
	if (!l->decided && !decide(l, bytes, size)) {
		if (c->state == TCP_SERVED_IDLE)
			tcp_served_busy(c, l->http.server->options.head_ns);
		return 0;
	}
	if (!c->tcp)
		return size;
	return l->session ? http2_session_take(l->session, bytes, size)
	                  : http_protocol.received(c, bytes, size);
}

static void finished(struct tcp_served *c)
{
	if (of(c)->session)
		http2_session_finished(of(c)->session);
	else
		http_protocol.finished(c);
}

static void writable(struct tcp_served *c)
{
	if (of(c)->session)
		http2_pump(of(c)->session);
}

static void expired(struct tcp_served *c)
{
	if (!of(c)->session)
		http_protocol.expired(c);
}

static void crowded(struct tcp_served *c)
{
	if (!of(c)->session)
		http_protocol.crowded(c);
}

static void stopping(struct tcp_served *c)
{
	if (of(c)->session)
		http2_say_goodbye(of(c)->session);
}

static void ended(struct tcp_served *c)
{
	struct http2_link *l = of(c);
	if (l->session)
		http2_session_free(l->session);
	l->session = NULL;
	http_protocol.ended(c);
}

static const struct tcp_served_protocol protocol = { .size = sizeof(struct http2_link),
	                                             .opened = opened,
	                                             .received = received,
	                                             .finished = finished,
	                                             .writable = writable,
	                                             .expired = expired,
	                                             .crowded = crowded,
	                                             .stopping = stopping,
	                                             .ended = ended };

int http2_enable(struct http_server *http, const struct http2_options *options)
{
	static const struct http2_options none;
	const struct http2_options *o = options ? options : &none;
	if (server_of(http))
		return ERR_EXISTS;
	if ((o->memory_max && o->memory_max < MEMORY_LEAST) ||
	    (o->window && (o->window < WINDOW_LEAST || o->window > WINDOW_MOST)))
		return ERR_INVALID;
	struct http2_server *s = heap_alloc_zero(1, sizeof *s);
	if (!s)
		return ERR_MEMORY;
	s->http = http;
	s->options = (struct http2_options){
		.streams_max = o->streams_max ? o->streams_max : HTTP2_STREAMS_MAX,
		.memory_max = o->memory_max ? o->memory_max : HTTP2_MEMORY_MAX,
		.window = o->window ? o->window : HTTP2_WINDOW,
		.control_max = o->control_max ? o->control_max : HTTP2_CONTROL_MAX,
		.control_rate = o->control_rate ? o->control_rate : HTTP2_CONTROL_RATE,
		.clear = o->clear,
	};
	s->next = servers;
	servers = s;
	http->served.protocol = &protocol;
	if (metric_shown)
		http2_metrics_add(s);
	return OK;
}

void http2_counters(const struct http_server *http, struct http2_counters *to)
{
	const struct http2_server *s = server_of(http);
	*to = s ? s->counters : (struct http2_counters){ .streams = 0 };
}

void http2_forget(struct http_server *http)
{
	for (struct http2_server **at = &servers; *at; at = &(*at)->next) {
		struct http2_server *s = *at;
		if (s->http != http)
			continue;
		*at = s->next;
		metric_forget(&s->metrics);
		heap_free(s);
		return;
	}
}

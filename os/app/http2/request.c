/* SPDX-License-Identifier: ISC */
/*
 * Heads. nghttp2 decodes them, and refuses what RFC 9113 §8.1 to 8.3 call malformed: it resets the stream. Of what is left a head of
 * HTTP/1.1 is made, as §8.3.1 has it for those who convert, so that the same parser reads it, with the same bounds. A head is in the
 * session's buffer; a request that has to wait keeps a copy.
 */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>

#define HEAD_ROOM    1024u
#define REQUEST_ROOM 4096u /* bytes that a request takes, about: without them, none is begun */
#define TOO_MUCH     4u    /* heads that are so many times too large end the connection */

/* ---- The buffer ---- */

static bool make_room(struct http2_session *h, size_t size)
{
	uint32_t room = h->head_room ? h->head_room : HEAD_ROOM;
	if (size <= h->head_room - h->head_size)
		return true;
	while (room - h->head_size < size)
		room *= 2;
	char *head = http2_resize(h, h->head, room);
	if (!head)
		return false;
	h->head = head;
	h->head_room = room;
	return true;
}

static bool add(struct http2_session *h, const void *bytes, size_t size)
{
	if (!make_room(h, size))
		return false;
	memcpy(h->head + h->head_size, bytes, size);
	h->head_size += (uint32_t)size;
	return true;
}

static bool add_text(struct http2_session *h, const char *text)
{
	return add(h, text, strlen(text));
}

/* What is in the buffer already, which may move. */
static bool add_kept(struct http2_session *h, struct http2_text t)
{
	return make_room(h, t.size) && add(h, h->head + t.at, t.size);
}

/* ---- Fields ---- */

static struct http_text text_of(const struct http2_session *h, struct http2_text t)
{
	return (struct http_text){ t.size ? h->head + t.at : "", t.size };
}

/* The request line, and Host of what was asked: pseudo-fields are all before the others. CONNECT has no path. */
static bool begin_text(struct http2_session *h, struct http2_stream *s)
{
	bool connect = http_text_is(text_of(h, s->method), "CONNECT");
	if (s->text_at)
		return true;
	if (!add(h, " ", 1)) /* so that it is not at 0 */
		return false;
	s->text_at = h->head_size;
	return add_kept(h, s->method) && add_text(h, " ") &&
	       add_kept(h, connect ? s->authority : s->path) && add_text(h, " HTTP/1.1\r\n") &&
	       (!s->authority.size ||
	        (add_text(h, "host: ") && add_kept(h, s->authority) && add_text(h, "\r\n")));
}

static bool is(const uint8_t *bytes, size_t size, const char *name)
{
	return size == strlen(name) && memcmp(bytes, name, size) == 0;
}

static bool pseudo(struct http2_session *h, struct http2_stream *s, const uint8_t *name,
                   size_t name_size, const uint8_t *value, size_t size)
{
	struct http2_text *to = is(name, name_size, ":method")      ? &s->method
	                        : is(name, name_size, ":path")      ? &s->path
	                        : is(name, name_size, ":authority") ? &s->authority
	                                                            : NULL;
	if (!to)
		return true;
	*to = (struct http2_text){ h->head_size, (uint32_t)size };
	return add(h, value, size);
}

/* Their parts come as fields of their own (§8.2.3). */
static bool cookie(struct http2_session *h, struct http2_stream *s, const uint8_t *value,
                   size_t size)
{
	uint32_t before = s->cookie_size, gap = before ? 2 : 0;
	char *all = http2_resize(h, s->cookie, before + gap + (uint32_t)size + 1);
	if (!all)
		return false;
	memcpy(all + before, "; ", gap);
	memcpy(all + before + gap, value, size);
	s->cookie = all;
	s->cookie_size = before + gap + (uint32_t)size;
	return true;
}

static bool regular(struct http2_session *h, struct http2_stream *s, const uint8_t *name,
                    size_t name_size, const uint8_t *value, size_t size)
{
	if (!begin_text(h, s))
		return false;
	if (is(name, name_size, "cookie"))
		return cookie(h, s, value, size);
	if (is(name, name_size, "host") && s->authority.size) {
		struct http_text asked = text_of(h, s->authority);
		/* They must not differ (§8.3.1). */
		if (size != asked.size || memcmp(value, asked.bytes, size) != 0)
			s->status = 400;
		return true;
	}
	return add(h, name, name_size) && add_text(h, ": ") && add(h, value, size) &&
	       add_text(h, "\r\n");
}

static bool has_line_end(const uint8_t *bytes, size_t size)
{
	return memchr(bytes, '\r', size) || memchr(bytes, '\n', size) || memchr(bytes, 0, size);
}

int http2_on_header(nghttp2_session *engine, const nghttp2_frame *f, const uint8_t *name,
                    size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
                    void *context)
{
	struct http2_session *h = context;
	struct http2_stream *s = http2_stream_of(h, f->hd.stream_id);
	uint32_t most = h->server->http->options.head_max;
	(void)engine, (void)flags;
	if (!s)
		return 0;
	uint64_t all = s->listed + (uint64_t)name_size + size + 4;
	if (all > (uint64_t)TOO_MUCH * most) {
		http2_calm(h);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	s->listed = (uint32_t)all;
	if (f->headers.cat != NGHTTP2_HCAT_REQUEST || s->begun)
		return 0; /* trailers */
	if (all > most)
		s->status = 431;
	if (s->status)
		return 0;
	bool there = !has_line_end(name, name_size) && !has_line_end(value, size);
	if (!there)
		s->status = 400;
	else if (!(name[0] == ':' ? pseudo : regular)(h, s, name, name_size, value, size))
		s->status = 503;
	return 0;
}

int http2_on_invalid_header(nghttp2_session *engine, const nghttp2_frame *f, const uint8_t *name,
                            size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
                            void *context)
{
	(void)name, (void)name_size, (void)value, (void)size, (void)flags, (void)context;
	/* §8.2.1: malformed, and not to be passed over. */
	nghttp2_submit_rst_stream(engine, NGHTTP2_FLAG_NONE, f->hd.stream_id,
	                          NGHTTP2_PROTOCOL_ERROR);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int http2_on_begin_headers(nghttp2_session *engine, const nghttp2_frame *f, void *context)
{
	struct http2_session *h = context;
	if (f->headers.cat != NGHTTP2_HCAT_REQUEST) { /* trailers */
		h->heading = http2_stream_of(h, f->hd.stream_id);
		h->head_since = h->heading ? clock_coarse() : 0;
		return 0;
	}
	bool room = h->stream_count < h->server->options.streams_max &&
	            http2_memory_left(h, sizeof(struct http_exchange) + REQUEST_ROOM) &&
	            tcp_served_room(http2_served(h), REQUEST_ROOM);
	h->heading = room ? http2_stream_new(h, f->hd.stream_id) : NULL;
	h->head_size = 0;
	h->head_since = h->heading ? clock_coarse() : 0;
	if (h->heading)
		return 0;
	h->server->counters.refused++;
	nghttp2_submit_rst_stream(engine, NGHTTP2_FLAG_NONE, f->hd.stream_id,
	                          NGHTTP2_REFUSED_STREAM);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* ---- The request ---- */

static void count_bad(struct http_server *http, uint32_t status)
{
	if (status == 431 || status == 414)
		http->counters.too_large++;
	else if (status != 503)
		http->counters.malformed++;
}

/* What cannot be parsed has a head without anything. */
static void refuse(struct http2_stream *s, uint32_t status)
{
	struct http_exchange *x = s->exchange;
	count_bad(s->server->http, status);
	if (!x->head.size) {
		x->head.base = "";
		x->head.field_count = 0;
		x->head.method = x->head.target = (struct http_span){ 0, 0 };
	}
	x->head.minor = 1;
	x->head.expect_continue = false;
	http_fail(x, status);
}

/* Streams share the connection piece by piece, unless the client has said what it wants (RFC 9218). */
static void share(struct http2_stream *s, const struct http_head *head)
{
	const nghttp2_extpri shared = { .urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1 };
	uint32_t at = 0;
	if (!HTTP_FIELD(head, "priority", &at).bytes)
		nghttp2_session_change_extpri_stream_priority(s->session->engine, s->id, &shared,
		                                              0);
}

static void start(struct http2_stream *s, const char *text, uint32_t size)
{
	struct http2_session *h = s->session;
	struct http_server *http = s->server->http;
	struct http_connection *c = &h->link->http;
	struct http_exchange *x = http_exchange_take(http);
	c->requests++;
	http->counters.requests++;
	s->server->counters.streams++;
	if (!x) {
		http2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
		return;
	}
	s->exchange = x;
	http2_stream_hold(s, sizeof *x);
	x->stream = &s->http;
	x->connection = c;
	x->peer = c->served.remote;
	x->peer_port = c->served.remote_port;
	x->head.size = 0;
	uint32_t status = s->status ? s->status : http_head_request(&x->head, text, size);
	if (status) {
		refuse(s, status);
		return;
	}
	share(s, &x->head);
	if (!x->head.has_length && !s->in_ended)
		x->head.length = HTTP_UNKNOWN;
	x->body_left = s->length = x->head.length;
	x->body_done = s->in_ended && !s->in_size;
	if (http->options.requests_max && c->requests >= http->options.requests_max)
		h->goodbye = !nghttp2_submit_goaway(h->engine, NGHTTP2_FLAG_NONE, s->id,
		                                    NGHTTP2_NO_ERROR, NULL, 0);
	http_connection_handle(c, x);
	if (s->exchange != x)
		return;
	if (x->phase != PHASE_DONE) {
		http_keep_head(x); /* what it lies in goes now */
		http2_stream_hold(s, x->head.size);
	}
	if (s->listening || s->gather)
		http2_body_show(s);
}

/* More than unsent_max of responses is here: the request waits, and costs its head. */
static void wait(struct http2_stream *s, const char *text, uint32_t size)
{
	struct http2_session *h = s->session;
	s->head = http2_alloc(h, size ? size : 1);
	if (!s->head) {
		http2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
		return;
	}
	memcpy(s->head, text, size);
	s->head_size = size;
	list_append(&h->waiting, &s->wait);
}

static bool many_unsent(const struct http2_session *h)
{
	return h->copied > http2_served(h)->server->limits.unsent_max;
}

bool http2_request_next(struct http2_session *h)
{
	if (list_empty(&h->waiting) || many_unsent(h))
		return false;
	struct http2_stream *s = container_of(list_pop(&h->waiting), struct http2_stream, wait);
	char *head = s->head;
	s->head = NULL;
	h->depth++;
	start(s, head, s->head_size);
	h->depth--;
	http2_free(h, head);
	return true;
}

void http2_request_whole(struct http2_stream *s, bool ended)
{
	struct http2_session *h = s->session;
	s->begun = true;
	s->listed = 0; /* trailers are counted for themselves */
	s->in_ended = ended;
	if (!s->status) {
		bool fits = begin_text(h, s);
		if (fits && s->cookie)
			fits = add_text(h, "cookie: ") && add(h, s->cookie, s->cookie_size) &&
			       add_text(h, "\r\n");
		if (!fits || !add_text(h, "\r\n"))
			s->status = 503;
	}
	http2_free(h, s->cookie);
	s->cookie = NULL;
	struct http_text text = { s->status ? "" : h->head + s->text_at,
		                  s->status ? 0 : h->head_size - s->text_at };
	if (many_unsent(h) || !list_empty(&h->waiting))
		wait(s, text.bytes, text.size);
	else
		start(s, text.bytes, text.size);
}

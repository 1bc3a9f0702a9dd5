/* SPDX-License-Identifier: ISC */
/*
 * Bodies of requests. Bytes go to a handler on the loop as they come. Those for a task, and those that nobody has asked for yet, are
 * kept; the client's window opens when they are taken, so that it bounds them.
 */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>

#define IN_ROOM 512u

static struct http2_stream *of(const struct http_exchange *x)
{
	return (struct http2_stream *)x->stream;
}

/* The client may send so many bytes more. */
static void open_window(struct http2_stream *s, uint32_t size)
{
	struct http2_session *h = s->session;
	if (!size)
		return;
	if (s->gone || s->in_ended)
		nghttp2_session_consume_connection(h->engine, size);
	else
		nghttp2_session_consume(h->engine, s->id, size);
	http2_soon(h);
}

void http2_body_open(struct http2_stream *s)
{
	uint32_t size = s->in_owed;
	s->in_owed = 0;
	open_window(s, size);
}

void http2_body_owed(struct http2_stream *s)
{
	s->owed_at = clock_coarse();
	s->got = 0;
}

void http2_body_forget(struct http2_stream *s)
{
	uint32_t left = s->in_owed;
	http2_free(s->session, s->in);
	s->in = NULL;
	s->in_size = s->in_at = s->in_room = s->in_owed = 0;
	if (left) {
		nghttp2_session_consume_connection(s->session->engine, left);
		http2_soon(s->session);
	}
}

static bool keep(struct http2_stream *s, const uint8_t *bytes, uint32_t size)
{
	if (s->in_at) {
		memmove(s->in, s->in + s->in_at, s->in_size - s->in_at);
		s->in_size -= s->in_at;
		s->in_at = 0;
	}
	if (size > s->in_room - s->in_size) {
		uint32_t room = s->in_room ? s->in_room : IN_ROOM;
		while (room - s->in_size < size)
			room *= 2;
		uint8_t *in = http2_resize(s->session, s->in, room);
		if (!in)
			return false;
		s->in = in;
		s->in_room = room;
	}
	memcpy(s->in + s->in_size, bytes, size);
	s->in_size += size;
	return true;
}

/* ---- To a handler on the loop ---- */

static void ended(struct http2_stream *s)
{
	struct http_exchange *x = s->exchange;
	http_body_fn *fn = x->on_body;
	x->body_done = true;
	x->on_body = NULL;
	s->listening = false;
	if (fn)
		fn(x, x->body_context, NULL, 0, OK);
}

void http2_body_fail(struct http2_stream *s, int error, uint32_t status)
{
	struct http_exchange *x = s->exchange;
	http_body_fn *fn = x->on_body;
	x->on_body = NULL;
	s->listening = false;
	s->gather = 0;
	if (fn)
		fn(x, x->body_context, NULL, 0, error);
	if (s->exchange == x && x->phase == PHASE_HANDLER)
		http_fail(x, status);
	else if (s->exchange == x)
		http2_stream_reset(s, NGHTTP2_CANCEL);
}

/* False: the body is too large, or nobody wants it any more. */
static bool hand_on(struct http2_stream *s, const uint8_t *bytes, uint32_t size)
{
	struct http_exchange *x = s->exchange;
	struct http_server *http = s->server->http;
	x->body_taken += size;
	if (x->body_taken > http_body_max(http, x->route)) {
		http->counters.too_large++;
		http2_body_fail(s, ERR_TOO_BIG, 413);
		return false;
	}
	x->on_body(x, x->body_context, bytes, size, OK);
	return s->exchange == x && s->listening && x->on_body;
}

void http2_body_show(struct http2_stream *s)
{
	struct http_exchange *x = s->exchange;
	s->show_due = false;
	if (!x || s->gone)
		return;
	if (s->gather && (s->in_ended || s->in_size >= s->gather)) {
		http2_stream_task(s);
		return;
	}
	if (!s->listening || x->in_task)
		return;
	uint8_t *in = s->in;
	uint32_t size = s->in_size;
	s->in = NULL;
	s->in_size = s->in_at = s->in_room = 0;
	http2_body_open(s);
	bool more = !size || hand_on(s, in, size);
	http2_free(s->session, in);
	if (more && s->in_ended)
		ended(s);
}

void http2_body_listen(struct http_exchange *x)
{
	struct http2_stream *s = of(x);
	if (x->in_task || s->listening)
		return;
	s->listening = true;
	http_continue(x);
	http2_body_owed(s);
	s->show_due = s->in_size || s->in_ended;
	if (s->show_due)
		http2_soon(s->session);
}

/* ---- From the client ---- */

static void gather(struct http2_stream *s, const uint8_t *bytes, uint32_t size)
{
	struct http_server *http = s->server->http;
	if (s->in_size + (uint64_t)size >
	    http_body_max(http, s->exchange ? s->exchange->route : NULL)) {
		http->counters.too_large++;
		http2_body_fail(s, ERR_TOO_BIG, 413);
		return;
	}
	if (!keep(s, bytes, size)) {
		http->counters.connections_refused++;
		http2_body_fail(s, ERR_MEMORY, 503);
		return;
	}
	if (s->in_size >= s->gather)
		http2_stream_task(s);
}

int http2_on_data(nghttp2_session *engine, uint8_t flags, int32_t id, const uint8_t *bytes,
                  size_t n, void *context)
{
	struct http2_stream *s = http2_stream_of(context, id);
	uint32_t size = (uint32_t)n;
	(void)flags;
	if (s)
		s->came += size;
	if (!s || (!s->exchange && !s->head) || s->gone) { /* it has been answered */
		nghttp2_session_consume_connection(engine, size);
		return 0;
	}
	struct http_exchange *x = s->exchange;
	s->got += size;
	if (x && s->gather) {
		open_window(s, size);
		gather(s, bytes, size);
		return 0;
	}
	if (x && s->listening && !s->in_size) {
		open_window(s, size);
		hand_on(s, bytes, size);
		return 0;
	}
	if (!keep(s, bytes, size)) {
		nghttp2_session_consume_connection(engine, size);
		http2_stream_reset(s, NGHTTP2_ENHANCE_YOUR_CALM);
		return 0;
	}
	s->in_owed += size;
	task_wake_all(&s->waiters);
	return 0;
}

void http2_body_ended(struct http2_stream *s)
{
	struct http_exchange *x = s->exchange;
	s->in_ended = true;
	task_wake_all(&s->waiters);
	if (!x)
		return;
	if (s->gather)
		http2_stream_task(s);
	else if (s->listening && !s->in_size)
		ended(s);
}

/* ---- In a task ---- */

int64_t http2_body_peek(struct http_exchange *x, const uint8_t **bytes, uint64_t deadline_ns)
{
	struct http2_stream *s = of(x);
	for (;;) {
		if (!s->session || s->gone)
			return ERR_CLOSED;
		if (s->in_at < s->in_size) {
			*bytes = s->in + s->in_at;
			return s->in_size - s->in_at;
		}
		if (s->in_ended)
			return 0;
		if (clock_now() >= deadline_ns)
			return ERR_TIMEOUT;
		task_wait(&s->waiters, deadline_ns);
	}
}

void http2_body_consume(struct http_exchange *x, uint32_t size)
{
	struct http2_stream *s = of(x);
	s->in_at += size;
	uint32_t left = s->in_size - s->in_at, open = s->in_owed > left ? s->in_owed - left : 0;
	if (!left)
		s->in_at = s->in_size = 0;
	s->in_owed -= open;
	open_window(s, open);
}

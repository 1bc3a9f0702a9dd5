/* SPDX-License-Identifier: ISC */
/* A request and its response: birth, tasks, end. */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>

static struct http2_stream *of(const struct http_exchange *x)
{
	return (struct http2_stream *)x->stream;
}

struct http2_stream *http2_stream_of(struct http2_session *h, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(h->engine, id) : NULL;
}

struct http2_stream *http2_stream_new(struct http2_session *h, int32_t id)
{
	struct http2_stream *s = http2_alloc(h, sizeof *s);
	if (!s)
		return NULL;
	memset(s, 0, sizeof *s);
	s->http.carrier = &http2_carrier;
	s->session = h;
	s->server = h->server;
	s->id = id;
	s->out_last = &s->out;
	list_init(&s->wait);
	task_queue_init(&s->waiters);
	if (nghttp2_session_set_stream_user_data(h->engine, id, s)) {
		http2_free(h, s);
		return NULL;
	}
	list_append(&h->streams, &s->all);
	h->stream_count++;
	return s;
}

void http2_stream_hold(struct http2_stream *s, uint32_t size)
{
	uint32_t held = size ? s->held + size : 0;
	if (s->session)
		s->session->allocated += (int64_t)held - s->held;
	s->held = held;
}

void http2_stream_reset(struct http2_stream *s, uint32_t code)
{
	if (!s->session || s->gone)
		return;
	nghttp2_submit_rst_stream(s->session->engine, NGHTTP2_FLAG_NONE, s->id, code);
	http2_soon(s->session);
}

/* ---- The end ---- */

void http2_stream_leave(struct http2_stream *s)
{
	struct http2_session *h = s->session;
	if (s->exchange) /* its task keeps it */
		h->allocated -= s->held;
	list_remove(&s->all);
	list_remove(&s->wait);
	h->stream_count--;
	http2_pieces_free(s);
	http2_free(h, s->head);
	http2_free(h, s->cookie);
	http2_free(h, s->in);
	s->head = s->cookie = NULL;
	s->in = NULL;
	s->in_size = s->in_at = s->in_owed = 0;
	s->session = NULL;
	if (!s->exchange)
		http2_free(h, s);
}

void http2_stream_gone(struct http2_stream *s)
{
	struct http2_session *h = s->session;
	struct http_exchange *x = s->exchange;
	if (s->gone)
		return;
	s->gone = true;
	http2_pieces_free(s);
	if (h->heading == s) {
		h->heading = NULL;
		h->head_since = 0;
	}
	if (x && x->in_task) { /* the task's end is the stream's */
		x->connection = NULL;
		task_wake_all(&s->waiters);
		return;
	}
	if (x) {
		s->exchange = NULL;
		http_exchange_gone(h->server->http, x);
		http2_stream_hold(s, 0);
		http_exchange_give(h->server->http, x);
	}
	http2_stream_leave(s);
}

/* ---- Tasks ---- */

/* The handler has returned. */
static void task_ends(struct http_exchange *x, struct http2_stream *s, struct http_server *http)
{
	x->in_task = false;
	if (!x->connection)
		http_exchange_unanswered(http, x);
	s->exchange = NULL;
	http2_stream_hold(s, 0);
	http_exchange_give(http, x);
	struct http2_session *h = s->session;
	if (!h) {
		http2_free(NULL, s);
		return;
	}
	http2_body_forget(s);
	if (s->gone)
		http2_stream_leave(s);
	http2_soon(h);
}

static void run_task(void *arg)
{
	struct http_exchange *x = arg;
	struct http2_stream *s = of(x);
	if (x->connection) /* else it has gone since */
		x->route->handler(x, x->route->context);
	if (x->phase == PHASE_HANDLER && x->connection)
		http_fail(x, 500);
	if (x->phase == PHASE_STREAM)
		http_failed(x, ERR_CLOSED);
	task_ends(x, s, s->server->http);
}

void http2_stream_task(struct http2_stream *s)
{
	struct http_exchange *x = s->exchange;
	s->gather = 0;
	http_keep_head(x);
	x->in_task = x->copy != NULL;
	if (x->copy && task_spawn("http", run_task, x))
		return;
	x->in_task = false;
	http_fail(x, 503);
}

/* ---- What app/http asks for ---- */

/* Small bodies come before there is a task for them (http_route_gather). */
static void start_task(struct http_exchange *x)
{
	struct http2_stream *s = of(x);
	const struct http_head *head = &x->head;
	uint32_t most = x->route->gather;
	if (s->in_ended || !most || (head->has_length && head->length > most)) {
		http2_stream_task(s);
		return;
	}
	http_continue(x);
	s->gather = most;
	http2_body_open(s);
	http2_body_owed(s);
}

static void complete(struct http_exchange *x)
{
	struct http2_stream *s = of(x);
	struct http2_session *h = s->session;
	http2_answer_done(s);
	if (x->in_task)
		return;
	s->exchange = NULL;
	s->gather = 0;
	s->listening = false;
	http2_body_forget(s);
	http2_stream_hold(s, 0);
	http_exchange_give(h->server->http, x);
}

static void failed(struct http_exchange *x)
{
	http2_stream_reset(of(x), NGHTTP2_INTERNAL_ERROR);
}

const struct http_carrier http2_carrier = { .head = http2_answer_head,
	                                    .send = http2_answer_send,
	                                    .room = http2_answer_room,
	                                    .unsent = http2_answer_unsent,
	                                    .complete = complete,
	                                    .failed = failed,
	                                    .say_continue = http2_answer_continue,
	                                    .body = http2_body_listen,
	                                    .start_task = start_task,
	                                    .peek = http2_body_peek,
	                                    .consume = http2_body_consume };

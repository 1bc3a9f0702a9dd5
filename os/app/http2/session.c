/* SPDX-License-Identifier: ISC */
/* A connection of HTTP/2: nghttp2 reads and writes frames, knows their states and windows, and calls us. */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/log.h>

#define WINDOW_STREAM 65535u

static int on_frame(nghttp2_session *engine, const nghttp2_frame *f, void *context)
{
	struct http2_session *h = context;
	struct http2_stream *s = http2_stream_of(h, f->hd.stream_id);
	bool end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)engine;
	if (f->hd.type == NGHTTP2_HEADERS) {
		h->heading = NULL;
		h->head_since = 0;
	}
	if (!s)
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST)
		http2_request_whole(s, end);
	else if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && end)
		http2_body_ended(s);
	return 0;
}

/* Can the rest of the body come without a window being opened? Then it is on its way, or soon. */
static bool fits(const struct http2_stream *s)
{
	int32_t window = nghttp2_session_get_stream_local_window_size(s->session->engine, s->id);
	return window > 0 && s->length != HTTP_UNKNOWN && s->came <= s->length &&
	       s->length - s->came <= (uint64_t)window;
}

/* A response has gone before all of the request's body came: the rest is not wanted (RFC 9113 §8.1). But who hears of that in
 * the middle of sending may take it for a failure of all: a rest that is small is let come. */
static int on_sent(nghttp2_session *engine, const nghttp2_frame *f, void *context)
{
	struct http2_session *h = context;
	if (f->hd.type == NGHTTP2_RST_STREAM) {
		http2_flood_reset(h, f->rst_stream.error_code);
		return 0;
	}
	struct http2_stream *s = http2_stream_of(h, f->hd.stream_id);
	bool ends = (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
	            f->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (s && ends && !s->in_ended) {
		if (fits(s))
			s->rest_since = clock_coarse();
		else
			nghttp2_submit_rst_stream(engine, NGHTTP2_FLAG_NONE, s->id,
			                          NGHTTP2_NO_ERROR);
	}
	return 0;
}

static int on_close(nghttp2_session *engine, int32_t id, uint32_t code, void *context)
{
	struct http2_stream *s = http2_stream_of(context, id);
	(void)engine, (void)code;
	if (s)
		http2_stream_gone(s);
	return 0;
}

/* What all sessions share; made once. */
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *engine_options;

static bool prepare(void)
{
	nghttp2_session_callbacks *c;
	if (callbacks && engine_options)
		return true;
	if (!engine_options && nghttp2_option_new(&engine_options))
		return false;
	nghttp2_option_set_no_auto_window_update(engine_options, 1);
	nghttp2_option_set_no_closed_streams(engine_options, 1);
	nghttp2_option_set_max_outbound_ack(engine_options, 100);
	nghttp2_option_set_max_settings(engine_options, 32);
	nghttp2_option_set_max_continuations(engine_options, 8);
	if (nghttp2_session_callbacks_new(&c))
		return false;
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, http2_on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, http2_on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, http2_on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, http2_on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, http2_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_send_data_callback(c, http2_on_send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(c, http2_on_read_length);
	callbacks = c;
	return true;
}

static bool settings(struct http2_session *h)
{
	const struct http2_options *o = &h->server->options;
	const nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->streams_max },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_STREAM },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h->server->http->options.head_max },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	return nghttp2_submit_settings(h->engine, NGHTTP2_FLAG_NONE, entries,
	                               sizeof entries / sizeof *entries) == 0 &&
	       nghttp2_session_set_local_window_size(h->engine, NGHTTP2_FLAG_NONE, 0,
	                                             (int32_t)o->window) == 0;
}

struct http2_session *http2_session_new(struct http2_link *l)
{
	struct http2_session *h = prepare() ? heap_alloc_zero(1, sizeof *h) : NULL;
	if (!h)
		return NULL;
	h->link = l;
	h->server = l->server;
	h->credit = l->server->options.control_max;
	h->credit_at = clock_coarse();
	list_init(&h->streams);
	list_init(&h->waiting);
	nghttp2_mem memory = http2_memory(h);
	if (nghttp2_session_server_new3(&h->engine, callbacks, h, engine_options, &memory) ||
	    !settings(h)) {
		nghttp2_session_del(h->engine);
		heap_free(h);
		return NULL;
	}
	h->server->counters.connections++;
	return h;
}

/* Nothing more is said to them. */
static void forget_streams(struct http2_session *h)
{
	while (!list_empty(&h->streams)) {
		struct http2_stream *s = container_of(h->streams.next, struct http2_stream, all);
		bool task_has_it = s->exchange && s->exchange->in_task;
		nghttp2_session_set_stream_user_data(h->engine, s->id, NULL);
		http2_stream_gone(s);
		if (task_has_it)
			http2_stream_leave(s);
	}
}

void http2_session_free(struct http2_session *h)
{
	forget_streams(h);
	timer_stop(&h->turn);
	timer_stop(&h->watch);
	nghttp2_session_del(h->engine);
	http2_free(h, h->head);
	heap_free(h);
}

/* nghttp2 does not go on: it is told to the peer, if there is a way. */
static void fail(struct http2_session *h, int error)
{
	log_debug("http2", "a connection ends: %s", nghttp2_strerror(error));
	if (error == NGHTTP2_ERR_NOMEM)
		h->server->counters.refused++;
	else if (!h->failed)
		h->server->counters.failed++;
	h->failed = true;
	nghttp2_session_terminate_session(h->engine,
	                                  error == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
	                                  : error == NGHTTP2_ERR_NOMEM ? NGHTTP2_INTERNAL_ERROR
	                                                               : NGHTTP2_PROTOCOL_ERROR);
}

uint32_t http2_session_take(struct http2_session *h, const uint8_t *bytes, uint32_t size)
{
	if (h->failed)
		return size;
	h->depth++;
	ssize_t n = nghttp2_session_mem_recv(h->engine, bytes, size);
	if (n < 0)
		fail(h, (int)n);
	h->depth--;
	http2_pump(h);
	return size;
}

void http2_session_finished(struct http2_session *h)
{
	http2_settle(h);
}

void http2_say_goodbye(struct http2_session *h)
{
	if (h->goodbye)
		return;
	h->goodbye = true;
	nghttp2_submit_goaway(h->engine, NGHTTP2_FLAG_NONE,
	                      nghttp2_session_get_last_proc_stream_id(h->engine), NGHTTP2_NO_ERROR,
	                      NULL, 0);
	http2_pump(h);
}

/* ---- Where it is ---- */

void http2_settle(struct http2_session *h)
{
	struct tcp_served *c = http2_served(h);
	if (!c->tcp || c->state == TCP_SERVED_LINGER || h->depth)
		return;
	bool works = h->stream_count || h->head_since;
	/* nghttp2 ends it for an error of the peer's by itself. */
	bool over = !nghttp2_session_want_read(h->engine) && !nghttp2_session_want_write(h->engine);
	if (over && works && !h->failed)
		h->server->counters.failed++;
	if (h->failed || over || (!works && h->goodbye)) {
		forget_streams(h);
		http2_account(h);
		tcp_served_end(c);
		return;
	}
	if (!works && c->finished) {
		tcp_served_close(c);
		return;
	}
	if (works) {
		if (c->state == TCP_SERVED_IDLE)
			tcp_served_busy(c, CLOCK_NEVER);
		http2_watch(h);
	} else if (c->state != TCP_SERVED_IDLE) {
		http2_free(h, h->head);
		h->head = NULL;
		h->head_room = h->head_size = 0;
		tcp_served_idle(c);
	}
}

static void turn(struct timer *t)
{
	struct http2_session *h = container_of(t, struct http2_session, turn);
	struct tcp_served *c = http2_served(h);
	h->depth++;
	list_each (at, &h->streams) {
		struct http2_stream *s = container_of(at, struct http2_stream, all);
		if (s->show_due)
			http2_body_show(s);
	}
	h->depth--;
	tcp_served_enter(c);
	http2_pump(h);
	tcp_served_leave(c);
}

void http2_soon(struct http2_session *h)
{
	if (!timer_is_set(&h->turn))
		timer_set(&h->turn, clock_coarse(), turn);
}

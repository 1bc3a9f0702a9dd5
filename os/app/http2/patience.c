/* SPDX-License-Identifier: ISC */
/* A connection that has something under way is looked at each second: heads that do not end, bodies that come too slowly, responses
 * that the client takes nothing of. */
#include <app/http2/internal.h>

#include <core/clock.h>

/* What h1 says after the same time. */
static void body_late(struct http2_stream *s)
{
	s->session->server->http->counters.timed_out++;
	http2_body_fail(s, ERR_TIMEOUT, 408);
}

static void look_at(struct http2_stream *s, uint64_t now)
{
	struct http2_session *h = s->session;
	bool owes = s->exchange && !s->in_ended && (s->listening || s->gather);
	uint64_t age = now - s->owed_at;
	if (s->gone)
		return;
	if (s->rest_since && !s->in_ended && now - s->rest_since >= NS_PER_S)
		http2_stream_reset(s, NGHTTP2_NO_ERROR);
	if (owes && age >= HTTP_BODY_GRACE_NS && s->got < age / NS_PER_S * HTTP_BODY_RATE_MIN)
		body_late(s);
	else if (s->out_size && now - s->moved_at >= h->server->http->options.send_ns) {
		h->server->counters.stalled++;
		http2_stream_reset(s, NGHTTP2_CANCEL);
	}
}

static void look(struct timer *t)
{
	struct http2_session *h = container_of(t, struct http2_session, watch);
	uint64_t now = clock_coarse();
	h->depth++;
	if (h->head_since && now - h->head_since >= h->server->http->options.head_ns) {
		h->server->http->counters.timed_out++;
		h->goodbye = h->failed = true;
		nghttp2_session_terminate_session(h->engine, NGHTTP2_NO_ERROR);
	}
	list_each (at, &h->streams)
		look_at(container_of(at, struct http2_stream, all), now);
	h->depth--;
	if (h->stream_count || h->head_since)
		timer_set_in(&h->watch, NS_PER_S, look);
	http2_soon(h);
}

void http2_watch(struct http2_session *h)
{
	if (!timer_is_set(&h->watch))
		timer_set(&h->watch, clock_coarse() + NS_PER_S, look);
}

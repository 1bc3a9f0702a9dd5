/* SPDX-License-Identifier: ISC */
/*
 * What this library's files know of each other.
 *
 *   server.c    connections of both versions: which one it is, and whose callbacks are called; the end in order
 *   session.c   a connection of HTTP/2: its session of nghttp2, its settings, whether it idles
 *   stream.c    a request and its response: birth, tasks, end
 *   request.c   heads: decoded fields become a head of HTTP/1.1, which app/http parses as any
 *   body.c      of requests
 *   answer.c    responses: what app/http does by http_carrier
 *   output.c    frames to TCP
 *   memory.c    what a connection has allocated
 *   flood.c     frames that move nothing; patience.c times
 *
 * Callbacks of nghttp2 and handlers only change state: frames are sent when the turn's input has been taken (received), when TCP has
 * room (writable), or by a timer in the loop's next turn (http2_soon). So no stream ends while a handler works on it.
 */
#ifndef HTTP2_INTERNAL_H
#define HTTP2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include <core/timer.h>

#include <app/http/http_internal.h>
#include <app/http2/http2.h>

/* ---- server.c ---- */
struct http2_server {
	struct http2_server *next;
	struct http_server *http;
	struct http2_options options;
	struct http2_counters counters;
	struct metric_source metrics;
};
void http2_metrics_add(struct http2_server *); /* metrics.c */
struct http2_link {                            /* a connection of either version */
	struct http_connection http;           /* the first member */
	struct http2_server *server;
	struct http2_session *session; /* null: HTTP/1, or it is not known yet */
	bool decided;
};
void http2_forget(struct http_server *); /* for tests, whose servers come and go */

/* ---- session.c ---- */
struct http2_session {
	struct http2_link *link;
	struct http2_server *server;
	nghttp2_session *engine;
	struct list streams;
	struct list waiting;   /* those whose request waits until less of the responses is there */
	uint32_t stream_count; /* of `streams` */
	uint32_t depth;        /* nghttp2 or a handler runs: nothing is sent */
	uint64_t allocated;    /* bytes, all of it */
	uint64_t copied;       /* of them, responses */
	/* The head that is coming: names and values of pseudo-fields, then the text that is made of all. */
	struct http2_stream *heading;
	char *head;
	uint32_t head_size, head_room;
	uint64_t head_since;
	int64_t credit; /* frames that move nothing may still come */
	uint64_t credit_at;
	struct timer turn, watch;
	bool failed;  /* it is dropped in the loop's next turn */
	bool goodbye; /* GOAWAY was said */
};
/* Begins; null: no memory. */
struct http2_session *http2_session_new(struct http2_link *);
uint32_t http2_session_take(struct http2_session *, const uint8_t *bytes, uint32_t size);
void http2_session_finished(struct http2_session *); /* the peer says no more */
void http2_session_free(struct http2_session *);     /* the connection has ended */
void http2_say_goodbye(struct http2_session *);      /* GOAWAY: no request is begun any more */
void http2_settle(struct http2_session *);           /* idle, busy or at its end? (ends) */
/* Frames go out in the loop's next turn, if not before. */
void http2_soon(struct http2_session *);
static inline struct tcp_served *http2_served(const struct http2_session *h)
{
	return &h->link->http.served;
}

/* ---- stream.c ---- */
struct http2_piece {
	struct http2_piece *next;
	const uint8_t *bytes; /* `data`, or constant */
	uint64_t size, room;
	uint8_t data[];
};
struct http2_text { /* a value in the head's buffer */
	uint32_t at, size;
};
struct http2_stream {
	struct http_stream http; /* the first member */
	struct list all,
	        wait; /* the session's; of those whose request waits, or a list of itself */
	struct http2_server *server;
	struct http2_session *session;  /* null: it has ended, and a task has the exchange */
	struct http_exchange *exchange; /* null: there is none yet, or it has been answered */
	int32_t id;
	/* The head, while it comes (request.c). */
	struct http2_text method, path, authority;
	uint32_t text_at; /* of the text in the head's buffer; 0: not begun */
	uint32_t listed;  /* bytes of names and values */
	char *cookie;     /* all of them; owned */
	uint32_t cookie_size;
	uint16_t status; /* what it is to be answered with; 0: what its handler says */
	/* One that waits. */
	char *head;
	uint32_t head_size;
	/* The body. */
	uint8_t *in; /* what nobody has read */
	uint32_t in_at, in_size, in_room;
	uint32_t in_owed; /* of its bytes, the last ones, for which no window was opened */
	uint32_t
	        gather; /* bytes that come before its task is spawned; 0: it has been, or there is none */
	uint64_t length, came; /* as its head says, or HTTP_UNKNOWN; bytes that are or were here */
	uint64_t rest_since; /* the response has gone, and the rest of it is let come; 0: not so */
	uint64_t owed_at, got; /* since when it is waited for; bytes that came since */
	/* The response. */
	struct http2_piece *out, **out_last;
	uint32_t out_at;           /* of the first piece, sent */
	uint64_t out_size, copied; /* bytes queued; of them, copied ones */
	uint64_t out_left;         /* until all is queued; HTTP_UNKNOWN: not known */
	uint64_t moved_at;
	uint32_t held;             /* bytes of its exchange, on the session's account */
	struct task_queue waiters; /* its task: for a body, or for room */
	bool begun;                /* its request is whole */
	bool gone;                 /* nghttp2 has closed it */
	bool in_ended;             /* all of the body is here */
	bool listening;            /* the handler wants the body by callbacks */
	bool show_due;             /* what is there of it, in the loop's next turn */
	bool out_done;             /* all of the response is queued */
	bool deferred;             /* nghttp2 waits for more of it */
};
struct http2_stream *http2_stream_new(struct http2_session *, int32_t id);
struct http2_stream *http2_stream_of(struct http2_session *, int32_t id);
void http2_stream_gone(struct http2_stream *); /* the client, or nghttp2, has ended it */
/* It leaves its session: gives back what is owned, but for what its task still has. */
void http2_stream_leave(struct http2_stream *);
/* Its exchange has so many bytes more; 0: it has none any more. */
void http2_stream_hold(struct http2_stream *, uint32_t size);
void http2_stream_reset(struct http2_stream *, uint32_t code);
void http2_stream_task(struct http2_stream *); /* its request goes to a task */
extern const struct http_carrier http2_carrier;

/* ---- request.c ---- */
int http2_on_begin_headers(nghttp2_session *, const nghttp2_frame *, void *);
int http2_on_header(nghttp2_session *, const nghttp2_frame *, const uint8_t *name, size_t name_size,
                    const uint8_t *value, size_t value_size, uint8_t flags, void *);
int http2_on_invalid_header(nghttp2_session *, const nghttp2_frame *, const uint8_t *name,
                            size_t name_size, const uint8_t *value, size_t value_size,
                            uint8_t flags, void *);
void http2_request_whole(struct http2_stream *, bool ended);
bool http2_request_next(struct http2_session *); /* one that waits goes on; false: none may */

/* ---- body.c ---- */
int http2_on_data(nghttp2_session *, uint8_t flags, int32_t id, const uint8_t *bytes, size_t size,
                  void *);
void http2_body_ended(struct http2_stream *);
void http2_body_fail(struct http2_stream *, int error, uint32_t status);
void http2_body_owed(struct http2_stream *); /* it is waited for, from now on */
void http2_body_open(struct http2_stream *); /* the client may send as much as is here, too */
void http2_body_listen(struct http_exchange *);
void http2_body_show(struct http2_stream *);   /* to its handler */
void http2_body_forget(struct http2_stream *); /* nobody reads it any more */
int64_t http2_body_peek(struct http_exchange *, const uint8_t **, uint64_t deadline_ns);
void http2_body_consume(struct http_exchange *, uint32_t size);

/* ---- answer.c ---- */
int http2_answer_head(struct http_exchange *, uint32_t status, const char *lines, uint32_t size,
                      const char *more, uint64_t length);
int http2_answer_send(struct http_exchange *, const void *, uint64_t size, bool is_static);
bool http2_answer_room(struct http_exchange *, uint64_t size, bool whole);
uint64_t http2_answer_unsent(struct http_exchange *);
void http2_answer_continue(struct http_exchange *);
void http2_answer_done(struct http2_stream *);

/* ---- output.c ---- */
/* Sends what there is, and goes on with requests that wait. */
void http2_pump(struct http2_session *);
int http2_on_send_data(nghttp2_session *, nghttp2_frame *, const uint8_t *head, size_t size,
                       nghttp2_data_source *, void *);
ssize_t http2_on_read_length(nghttp2_session *, uint8_t type, int32_t id, int32_t session_window,
                             int32_t stream_window, uint32_t frame_max, void *);
ssize_t http2_on_read(nghttp2_session *, int32_t id, uint8_t *to, size_t size, uint32_t *flags,
                      nghttp2_data_source *, void *);
void http2_pieces_free(struct http2_stream *);

/* ---- memory.c ---- */
nghttp2_mem http2_memory(struct http2_session *);
void *http2_alloc(struct http2_session *, uint32_t size); /* within memory_max */
void *http2_resize(struct http2_session *, void *, uint32_t size);
void http2_free(struct http2_session *, void *); /* the session may be null */
/* Responses: they count, and have no bound here. */
struct http2_piece *http2_piece_new(struct http2_session *, uint64_t room);
void http2_piece_free(struct http2_session *, struct http2_piece *);
bool http2_memory_left(const struct http2_session *, uint32_t size);
void http2_account(struct http2_session *); /* tells the server what it all is now */

/* ---- flood.c ---- */
int http2_on_begin_frame(nghttp2_session *, const nghttp2_frame_hd *, void *);
void http2_flood_count(struct http2_session *, uint32_t cost);
void http2_flood_reset(struct http2_session *, uint32_t code); /* we had to reset a stream */
void http2_flood_forgive(struct http2_session *, uint32_t);
/* GOAWAY, and the end. */
void http2_calm(struct http2_session *);

/* ---- patience.c ---- */
void http2_watch(struct http2_session *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * What this library's files know of each other.
 *
 *   server.c      listens (net/tcp_served.h: connections, their times, bounds and memory), counts, owns the pool of
 * exchanges
 *   connection.c  what a connection's bytes are: waits for a head, has one in work, reads a body
 *   gather.c      a body that is put together before a task is spawned for it
 *   fields.c      a head's lines: where it ends, names and values; head.c what they say; target.c the path
 *   chunk.c       chunked bodies coming in
 *   exchange.c    what handlers ask about a request, and its body
 *   route.c       which handler; hook.c what is asked before and told after
 *   reply.c       responses; reply_head.c their heads; resource.c those of files: condition.c, range.c, encoding.c;
 *                 representation.c which fields belong to what is sent; events.c server-sent events
 *   take.c        a connection that goes on in another protocol
 *   client.c      the other side
 *
 * A head is parsed where it lies. An exchange that outlives its handler's call gets a copy of it: everything refers to it
 * by offsets.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <core/clock.h>
#include <core/error.h>
#include <core/list.h>
#include <core/metric.h>
#include <core/raw.h>
#include <core/task.h>
#include <net/tcp_served.h>

#include <app/http/hook.h>
#include <app/http/http.h>
#include <app/http/id.h>

/* ---- text.c ---- */
#define HTTP_TOKEN 1u /* RFC 9110 §5.6.2: tchar */
#define HTTP_HOST  2u /* RFC 3986 §2.2, 2.3: unreserved and sub-delims */
extern const uint8_t http_characters[256];
static inline bool http_is_token(char c)
{
	return http_characters[(uint8_t)c] & HTTP_TOKEN;
}
/* "host:port", by RFC 3986 §3.2.2 and without a user before it: all of the text, which may be empty. The host has its
 * brackets. False: it is none, or its port exceeds 65535. */
bool http_authority_split(struct http_text, struct http_text *host);
uint8_t http_hex(char); /* 0 to 15; 255: none */
static inline char http_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}
/* The next element of a comma-separated list, without white space around; false: no more. *rest goes on. */
bool http_list_next(struct http_text *rest, struct http_text *element);
/* A decimal number that is all of the text; false: it is not one, or exceeds 2^63 - 1. */
bool http_number(struct http_text, uint64_t *);
uint32_t http_number_print(char *to, uint64_t); /* at most 20 digits; how many */

/* ---- head.c ---- */
struct http_span { /* of a head */
	uint16_t at, size;
};
struct http_field {
	struct http_span name, value;
};
struct http_head {
	const char *base;
	uint32_t size;
	struct http_span method, target; /* requests */
	uint16_t status;                 /* responses */
	uint8_t minor;                   /* HTTP/1.minor */
	uint8_t field_count;
	bool chunked, has_length, close, keep_alive, expect_continue;
	bool coded; /* responses: transfer codings besides chunked */
	uint64_t length;
	/* http_name_bit() of all fields, and those of several: most that are asked for are not there. */
	uint64_t names, twice;
	struct http_field fields[HTTP_FIELDS_MAX]; /* the last member */
};
/* Parses a whole request head. 0, or the status that it is to be answered with. */
uint32_t http_head_request(struct http_head *, const char *bytes, uint32_t size);
/* The same for a response's; false: it is none. */
bool http_head_response(struct http_head *, const char *bytes, uint32_t size);
static inline struct http_text http_span_text(const struct http_head *h, struct http_span s)
{
	return (struct http_text){ h->base + s.at, s.size };
}

/* ---- fields.c ---- */
/* Looks for the end of a head, line by line, from *at on. Its size; 0: more is needed; negative: it cannot become one. */
int64_t http_head_scan(const char *bytes, uint32_t size, uint32_t *at);
/* What is left of a head that was scanned: each line ends in CRLF, and nothing else is CR, LF or NUL. */
struct http_lines {
	const char *at, *end;
};
struct http_text http_line_next(struct http_lines *); /* the next one without CRLF */
/* All fields. 0 or a status. */
uint32_t http_fields_parse(struct http_head *, struct http_lines *);
/* Goes on over what a value may have (RFC 9110 §5.5: visible characters, obs-text, spaces and tabs). */
const char *http_value_end(const char *, const char *end);
static inline struct http_span http_span(const struct http_head *h, const char *from,
                                         const char *to)
{
	return (struct http_span){ (uint16_t)(from - h->base), (uint16_t)(to - from) };
}
struct http_text http_head_find(const struct http_head *, const char *name, uint32_t size,
                                uint32_t *at);
/* All of them, one by one; false: no more. */
static inline bool http_head_next(const struct http_head *h, uint32_t *at, struct http_text *name,
                                  struct http_text *value)
{
	if (*at >= h->field_count)
		return false;
	const struct http_field *f = &h->fields[(*at)++];
	*name = http_span_text(h, f->name);
	*value = http_span_text(h, f->value);
	return true;
}
/* The same with a literal's name. */
#define HTTP_FIELD(head_, name_, at_) http_head_find(head_, name_, sizeof name_ - 1, at_)
/* One of 64, by a name's length and first letter. */
static inline uint64_t http_name_bit(const char *name, uint32_t size)
{
	return 1ull << (5 * size + ((uint8_t)*name | 0x20)) % 64;
}
#define HTTP_NAME(text_) http_name_bit(text_, sizeof text_ - 1)
/* Can one of these fields be there? The bits of their names. */
static inline bool http_head_may_have(const struct http_head *h, uint64_t names)
{
	return h->names & names;
}

/* ---- target.c ---- */
struct http_target {
	struct http_text raw_path, query,
	        authority; /* authority: of absolute-form; null bytes otherwise */
	bool asterisk;
	bool plain; /* the path needs no decoding */
};
bool http_target_parse(struct http_target *, struct http_text target, struct http_text method);
/* Decodes percent signs and removes dot segments; `to` has room for path.size bytes. Its size; 0: it may not be. */
uint32_t http_path_decode(char *to, struct http_text path);

/* ---- chunk.c ---- */
struct http_chunk {
	uint64_t left; /* bytes of data in this chunk */
	uint32_t line; /* bytes of the line so far; of all trailer lines */
	uint8_t state;
	bool folds; /* trailers may be folded: a response's (RFC 9112 §5.2) */
};
enum http_chunk_result { CHUNK_MORE, CHUNK_DATA, CHUNK_END, CHUNK_BAD };
/* Takes from bytes; *used says how many. CHUNK_DATA: [*data, *data_size) are the body's (part of what was used). */
enum http_chunk_result http_chunk_next(struct http_chunk *, const uint8_t *bytes, uint32_t size,
                                       uint32_t *used, const uint8_t **data, uint32_t *data_size);

/* ---- route.c ---- */
struct http_parameter {
	const char *name; /* in the pattern, name_size bytes */
	uint16_t name_size;
	struct http_text value;
};
struct http_route {
	struct http_route *next;
	const char *method, *pattern;
	http_handler_fn *handler;
	void *context;
	bool task;
	uint32_t gather;   /* of a task's: bytes of body that are there before it is spawned */
	uint64_t body_max; /* http_route_body; 0: the server's */
};
/* The best route for method and path. Null: *allowed tells whether another method would do (as http_route.method list). */
const struct http_route *http_route_find(const struct http_server *, struct http_text method,
                                         struct http_text path, struct http_parameter *,
                                         uint32_t *count);
/* Writes "GET, HEAD, POST" for what the path allows; 0: nothing does. */
uint32_t http_route_allowed(const struct http_server *, struct http_text path, char *to,
                            uint32_t size);
/* Some route has a bound of its own. Only http_route_body writes it: an image that does not call that has its tests folded
 * away at link time. */
extern bool http_route_bounded;

/* ---- Exchange ---- */
enum http_phase {
	PHASE_HANDLER, /* the handler has it, or will answer later */
	PHASE_STREAM,  /* http_begin ... http_end */
	PHASE_DONE,    /* all of the response is TCP's */
};

struct http_exchange { /* http_exchange_take clears all of it but the arrays, whose counts are in front */
	struct http_connection *connection; /* null: the client has gone */
	struct http_exchange *next;         /* in the pool */
	char *copy;                         /* the head's, if it had to be copied; owned */
	char *path_copy;                    /* decoded path; owned */
	struct http_target target;
	struct http_text path;
	const struct http_route *route;
	uint32_t status;
	struct net_address peer;
	uint16_t peer_port;
	uint8_t phase;
	bool head_only; /* HEAD: the body is left away */
	bool chunked_out, close_after, in_task, continued, broken;
	bool body_done, no_body; /* it has been read; the response has none (204, 304) */
	uint64_t body_left;      /* of Content-Length; HTTP_UNKNOWN: in chunks, until its end */
	uint64_t body_taken;
	uint64_t body_waited; /* ns that http_read has waited for the client */
	struct http_chunk chunk;
	const char *gathered; /* the body's first bytes, in `copy` */
	uint32_t gathered_size, gathered_at;
	http_body_fn *on_body;
	void *body_context;
	void (*on_gone)(struct http_exchange *, void *);
	void *gone_context;
	uint64_t out_bytes,
	        out_left; /* body bytes that went; of http_begin: what is still to come */
	uint64_t began;   /* clock_coarse(): hooks were asked */
	uint8_t id_size;  /* of `id`; 0: it was not asked for yet */
	uint32_t parameter_count, fields_size;
	struct http_head head; /* its array is the last member */
	struct http_parameter parameters[HTTP_PARAMETERS_MAX];
	char fields[HTTP_RESPONSE_FIELDS_MAX];
	char id[HTTP_ID_MAX + 1];
	struct http_stream
	        *stream; /* null: HTTP/1, and the connection is its own. Only where http_carried */
};

/* ---- A version of HTTP whose exchanges share a connection ---- */

/*
 * What such a library (app/http2) does in place of connection.c. Its streams begin with http_stream, and x->stream names it.
 * x->connection is the one that they share, or null when the stream has gone: then its task hears ERR_CLOSED. An image without such
 * a library has http_carried false, a constant, and nothing of this.
 */
struct http_carrier {
	/* As http_send_head_and. It is sent with what follows. */
	int (*head)(struct http_exchange *, uint32_t status, const char *lines, uint32_t size,
	            const char *more, uint64_t length);
	/* As http_send and http_send_static. */
	int (*send)(struct http_exchange *, const void *bytes, uint64_t size, bool is_static);
	/* On the loop: is there memory for a response's body (`whole`), or for a part of one, within the send buffer? */
	bool (*room)(struct http_exchange *, uint64_t size, bool whole);
	uint64_t (*unsent)(struct http_exchange *); /* as http_unsent */
	void (*complete)(struct http_exchange *);   /* not in a task: the exchange goes */
	void (*failed)(struct http_exchange *);     /* it is broken: the stream is reset, later */
	void (*say_continue)(struct http_exchange *);
	void (*body)(struct http_exchange *); /* on_body was set: calls it from now on, later */
	void (*start_task)(struct http_exchange *);
	/* Of its body: as tcp_served_peek (0: it is complete) and tcp_served_consume. */
	int64_t (*peek)(struct http_exchange *, const uint8_t **bytes, uint64_t deadline_ns);
	void (*consume)(struct http_exchange *, uint32_t size);
};
struct http_stream {
	const struct http_carrier *carrier;
};
static inline const struct http_carrier *http_carrier(const struct http_exchange *x)
{
	return http_carried && x->stream ? x->stream->carrier : NULL;
}

/* ---- connection.c ---- */
#define HTTP_BODY_GRACE_NS (10 * NS_PER_S) /* before HTTP_BODY_RATE_MIN holds */
enum http_state {
	STATE_HEAD,   /* idle, or a head is coming */
	STATE_GATHER, /* a head and the begin of its body are in `head`, no exchange yet */
	STATE_BODY,   /* an exchange is at work, and its body goes to its handler */
	STATE_WAIT,   /* an exchange is at work: what comes waits */
	STATE_DRAIN, /* the response went before the request's body was read: the rest is thrown away */
};
struct http_connection {
	struct tcp_served
	        served; /* the first member; its state: BUSY while there is a head, or an exchange */
	struct http_server *server;
	struct http_exchange *exchange;
	char *head; /* an incomplete head, or one and a body that is gathered; owned */
	uint32_t head_size, head_room,
	        head_at;         /* bytes there; allocated; looked at, or the head's own */
	uint32_t body_most;      /* STATE_GATHER: bytes that it may have */
	struct http_chunk chunk; /* STATE_GATHER: of the body */
	uint64_t body_left;
	uint32_t gather; /* bytes of body until the task is spawned */
	uint32_t requests;
	uint32_t undrained; /* responses since bytes came while none was on its way */
	uint8_t state;
	bool continued; /* STATE_GATHER: 100 was said */
	bool entered;   /* in received(): it goes on by itself with what is there */
	void *taken;    /* http_take: its new protocol's */
};
extern const struct tcp_served_protocol http_protocol;
void http_connection_drop_soon(
        struct http_connection *); /* in the loop's next turn: its exchange is broken */
/* The exchange's response is complete and nobody works on it: on to the next request, or to the end. */
void http_connection_next(struct http_connection *);
/* The handler wants the body by callbacks, now. */
void http_connection_body(struct http_connection *);
/* A whole request in an exchange: finds its handler and calls it. */
void http_connection_handle(struct http_connection *, struct http_exchange *);
/* An exchange for an error response, whose request is not there; null: the response was sent without one. */
void http_connection_refuse(struct http_connection *, uint32_t status);
/* What the connection holds but for answers is so much now; false: there is no room for more. */
bool http_connection_keep(struct http_connection *);
/* Says 100 Continue, if the client waits for it and nothing was said yet. */
void http_continue(struct http_exchange *);
void http_keep_head(struct http_exchange *); /* copies the head, before what it lies in goes */

/* ---- take.c ---- */
/* On the loop, in place of a response: says 101 with the given lines, the empty one included, and hands the connection on, BUSY and
 * without a deadline. From then on it is `protocol`'s, which finds `taken` in it, and the exchange is no more. ERR_INVALID: it is a
 * stream of HTTP/2, a task's, has a body, or the server stops; the exchange is as before. ERR_CLOSED, ERR_MEMORY: as a reply's. */
int http_take(struct http_exchange *, const char *lines, uint32_t size,
              const struct tcp_served_protocol *protocol, void *taken);
/* The connection below, for that protocol. */
static inline struct http_connection *http_connection_of(struct tcp_served *c)
{
	return container_of(c, struct http_connection, served);
}

/* ---- gather.c ---- */
/* Is the body of this request to be gathered first? Then it begins with that, and the exchange is given back. */
bool http_gather_begin(struct http_connection *, struct http_exchange *);
uint32_t http_gather_take(struct http_connection *, const uint8_t *bytes, uint32_t size);
/* The exchange of what was gathered; null: no memory. */
struct http_exchange *http_gather_exchange(struct http_connection *);

/* ---- server.c ---- */
struct http_server {
	struct tcp_server served;
	struct http_options options;
	struct http_route *routes;
	struct http_exchange *pool;
	struct http_hook *hooks; /* in their order */
	uint32_t pool_count;
	struct http_counters counters;
	struct metric_source metrics;
};
void http_metrics_add(struct http_server *); /* metrics.c */
static inline uint64_t http_body_max(const struct http_server *s, const struct http_route *r)
{
	return http_route_bounded && r && r->body_max ? r->body_max : s->options.body_max;
}
struct http_exchange *http_exchange_take(struct http_server *);
void http_exchange_give(struct http_server *, struct http_exchange *);
/* It ends without a response, or with a part of one: counts it, and tells hooks. */
void http_exchange_unanswered(struct http_server *, struct http_exchange *);
/* Its client has gone, and it is in no task: the same where it is not done, and tells its handler. */
void http_exchange_gone(struct http_server *, struct http_exchange *);

/* ---- reply.c ---- */
/* "Date: ...\r\n", made once a second; DATE_LINE_SIZE bytes. */
#define DATE_LINE_SIZE 37u
const char *http_date_line(void);
/* Status line, Date, Connection, the given lines, Content-Length (HTTP_UNKNOWN: none); then the body is the caller's. */
int http_send_head(struct http_exchange *, uint32_t status, const char *lines, uint32_t size,
                   uint64_t length);
/* The same with one line more. */
int http_send_head_and(struct http_exchange *, uint32_t status, const char *lines, uint32_t size,
                       const char *more, uint64_t length);
int http_send(struct http_exchange *, const void *bytes, uint32_t size);
int http_send_static(struct http_exchange *, const void *bytes, uint64_t size);
void http_complete(struct http_exchange *); /* the response is */
/* Bytes of responses to this client, without constant ones, that it has not taken. */
uint64_t http_unsent(struct http_exchange *);
int http_failed(struct http_exchange *, int error); /* it cannot be: the connection goes */
/* A status's first digit, without a division; 0 beyond 599, as below 100. */
static inline uint32_t http_class(uint32_t status)
{
	return status < 600 ? status * 41u >> 12 : 0;
}

/* ---- representation.c ---- */
/* Does a line "Name: value" describe the bytes that a message carries (RFC 9110 §8.3 to 8.6), so that no other message may have it? */
bool http_describes_content(const char *line, uint32_t size);
/* Takes such lines out of those that the handler has set, and ETag and Last-Modified, too, unless they are to stay: what is
 * answered is something else. */
void http_forget_representation(struct http_exchange *, bool keep_validators);

/* ---- condition.c, range.c, encoding.c ---- */
/* RFC 9110 §13.2.2: 0: go on, 304, 412. */
uint32_t http_condition(const struct http_exchange *, const char *etag, int64_t modified);
bool http_if_range(const struct http_exchange *, const char *etag,
                   int64_t modified); /* Range may be looked at */
#define HTTP_RANGES_MAX 16u
struct http_range {
	uint64_t from, size;
};
/* How many; 0: the field is to be ignored; -1: none can be satisfied (416). */
int http_ranges(struct http_text field, uint64_t size, struct http_range *);
/* Which of the codings that there are does Accept-Encoding want most, and at least as much as none (RFC 9110 §12.5.3)? */
enum http_coding { CODING_NONE, CODING_GZIP, CODING_BR };
enum http_coding http_choose_coding(const struct http_exchange *, bool gzip, bool br);

/* ---- log.c ---- */
#define HTTP_LOG_TEXT_MAX 480u /* bytes of a field that are told */
void http_log(const struct http_exchange *);
/* For lines of another form: room for so many bytes, at most 8192; then they are put; then they go out soon. */
void http_log_room(uint32_t bytes);
void http_log_put(const char *bytes, uint32_t size);
void http_log_soon(void);

/* ---- hook.c ---- */
struct http_hook {
	struct http_hook *next;
	http_before_fn *before; /* one of both */
	http_after_fn *after;
	void *context;
};
/* Some server has hooks; as http_route_bounded. */
extern bool http_hooked;
/* Asks all hooks; false: one of them has answered, or will. */
bool http_hooks_before(struct http_connection *, struct http_exchange *);
void http_hooks_after(struct http_server *, struct http_exchange *);

#endif

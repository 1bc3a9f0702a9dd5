/* SPDX-License-Identifier: ISC */
/*
 * An HTTP/1.1 server (RFC 9110, 9112) over net/tcp.h:
 *
 *	static void hello(struct http_exchange *x, void *context)
 *	{
 *		http_reply_text(x, 200, "Hello, world\n");
 *	}
 *	...
 *	http_serve(&server, &(struct http_options){ .port = arg_port() });
 *	http_route(server, "GET", "/", hello, NULL);
 *
 * Connections live on the event loop: one that idles costs a few hundred bytes and no stack. A handler is called
 * once a request's head is complete and checked. A plain one runs on the loop and must not block; one routed with
 * http_route_task runs on a task of its own for that request, and may (read the body, resolve names, sleep).
 * Requests that come pipelined are answered in order, one at a time.
 *
 * Everything that a client controls has a bound below. The server answers wrong requests itself (400, 404, 405,
 * 408, 413, 414, 417, 431, 500, 501, 503, 505), and closes the connection where RFC 9112 requires it. It never asks for
 * a length (411) or an upgrade (426; app/websocket does): bodies may come in chunks, and HTTP/1.0 is served.
 *
 * No text that this library decodes has a NUL in it, so that its length and its terminator say the same: %00 in a path
 * is 400, in a form or a query ERR_MALFORMED, which a handler should answer with 400.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct interface;
struct http_server;
struct http_exchange; /* one request and its response; good until the response is complete */

/* ---- Bounds ---- */
#define HTTP_TARGET_MAX          8000u  /* RFC 9112 §3: at least 8000; more: 414 */
#define HTTP_HEAD_MAX            16384u /* bytes of request line and fields; more: 431 */
#define HTTP_FIELDS_MAX          100u   /* more: 431 */
#define HTTP_PARAMETERS_MAX      8u     /* of a route's pattern */
#define HTTP_CHUNK_LINE_MAX      256u   /* a chunk's size line with its extensions; more: 400 */
#define HTTP_TRAILER_MAX         4096u  /* bytes of trailer fields, which are read and dropped */
#define HTTP_RESPONSE_FIELDS_MAX 2048u  /* bytes of fields that a handler may set */
#define HTTP_BODY_DEFAULT        (1u << 20) /* bytes of a request's body; more: 413 */
#define HTTP_HEAD_NS                                                                               \
	(10ull * 1000000000) /* from a request's first byte to the end of its head; then 408 */
#define HTTP_IDLE_NS (60ull * 1000000000) /* between requests; then the connection is closed */
#define HTTP_BODY_RATE_MIN                                                                         \
	1024u /* bytes a second that a body has to come at, after 10 s; else 408 */
#define HTTP_GATHER_DEFAULT (64u << 10) /* bytes of a body that come before its task is spawned */
#define HTTP_SEND_NS        (60ull * 1000000000) /* without any progress of a response; then reset */
/* Bytes of responses that are not acknowledged: no request is begun while there are more. */
#define HTTP_UNSENT_MAX      (64u << 10)
#define HTTP_CONNECTIONS_MAX 16384u /* at once; more: the longest idle one goes, or the new one */

struct http_options {                /* zero means the default above */
	struct interface *interface; /* null: all */
	uint16_t port;               /* 80 */
	uint32_t connections_max, head_max;
	uint32_t requests_max;    /* on one connection; 0: no limit */
	uint32_t per_address_max; /* connections of one address; 0: no bound but connections_max */
	uint32_t gather_max;      /* of routes with tasks; http_route_gather sets another for one */
	uint32_t unsent_max;
	uint64_t body_max;
	/* Bytes that all connections hold: heads, bodies being gathered, responses that are not acknowledged. Half
	 * of the heap. When there are more, requests are answered 503, and clients go that would take longest at the
	 * rate that they have shown. */
	uint64_t buffers_max;
	uint64_t head_ns, idle_ns, send_ns;
	bool access_log;  /* a line a request on standard output (Combined Log Format) */
	const char *name; /* Server field; null: none is sent */
};

/* Listens. ERR_EXISTS, ERR_MEMORY; the reason is logged. Options may be null. */
int http_serve(struct http_server **, const struct http_options *);

/* The same through a layer between TCP and HTTP (net/tcp_served.h): tls_layer of app/tls/tls.h, which says what the context
 * is. */
struct tcp_layer;
int http_serve_over(struct http_server **, const struct http_options *, const struct tcp_layer *,
                    void *context);

/* The orderly end: no new connections; each that idles is closed at once, each response from now on is the last of
 * its connection and says so. `stopped` (may be null) is called once on the loop: when all have ended, or at the
 * deadline, when the others were reset but for `left`, which tasks hold. */
void http_stop(struct http_server *, uint64_t deadline_ns,
               void (*stopped)(void *context, uint32_t left), void *context);

/* Serves until the image is asked to end (core/stop.h) and has answered what was under way, or until http_stop has. main()
 * ends with it, once its routes are there. */
int http_run(struct http_server *);

/* ---- Routes ---- */
typedef void http_handler_fn(struct http_exchange *, void *context);

/*
 * method: "GET" (it serves HEAD too: the server leaves the body out), "POST", ...; null: any, and the handler looks at
 * it. pattern: "/users/:id/posts/:post"; "*rest" as the last segment takes the rest of the path, slashes
 * included. A literal segment goes before a parameter, and a parameter before a star. Matching is on the path after
 * percent-decoding and removal of dot segments; a segment that decodes to a slash or NUL matches nothing (400).
 * Not copied. ERR_MEMORY, ERR_EXISTS, ERR_INVALID (pattern).
 */
int http_route(struct http_server *, const char *method, const char *pattern, http_handler_fn *,
               void *context);
int http_route_task(struct http_server *, const char *method, const char *pattern,
                    http_handler_fn *, void *context);
/* A task's route: bodies of up to so many bytes are put together before the task is spawned, of larger ones in
 * chunks the first so many. 0: the task reads all of it as it comes. Expect: 100-continue is answered without asking
 * the handler for bodies that are gathered. ERR_ABSENT: no such route. */
int http_route_gather(struct http_server *, const char *method, const char *pattern,
                      uint32_t bytes);
/* A route's own bound of bodies instead of body_max, at least one byte: what is larger is 413. No more than that is gathered.
 * ERR_ABSENT: no such route; ERR_INVALID: 0 bytes. */
int http_route_body(struct http_server *, const char *method, const char *pattern, uint64_t bytes);

/* ---- The request ---- */
struct http_text { /* bytes of the request, in place; not NUL-terminated */
	const char *bytes;
	uint32_t size;
};
bool http_text_is(struct http_text, const char *); /* equal, case matters */
bool http_text_is_nocase(struct http_text, const char *);

struct http_text http_method(const struct http_exchange *);
struct http_text http_target(const struct http_exchange *); /* all of it, as it came */
struct http_text
http_path(const struct http_exchange *); /* decoded, dot segments removed; begins with / */
struct http_text http_query(const struct http_exchange *); /* after ?, as it came */
struct http_text
http_raw_path(const struct http_exchange *); /* before ?, as it came: for another server */
/* What was asked: the target's authority, or else Host; checked (RFC 3986 §3.2.2), a port of at most 65535 with it.
 * Empty: the client names none; null bytes: nor has it the field (HTTP/1.0). */
struct http_text http_host(const struct http_exchange *);
struct http_text http_host_name(const struct http_exchange *); /* the same without the port */
/* A field by name (any case): its value without white space around; several of one name: the first; none: null bytes.
 * http_header_next goes on from *at (start with 0). */
struct http_text http_header(const struct http_exchange *, const char *name);
struct http_text http_header_next(const struct http_exchange *, const char *name, uint32_t *at);
/* All fields in the order in which they came; false: no more. *at starts with 0. */
bool http_field_next(const struct http_exchange *, uint32_t *at, struct http_text *name,
                     struct http_text *value);
struct http_text http_parameter(const struct http_exchange *,
                                const char *name); /* of the pattern, decoded */
/* Finds a name in a query or a form (application/x-www-form-urlencoded), decodes its value into `to` (NUL-terminated).
 * Its length, ERR_ABSENT, ERR_TOO_BIG, ERR_MALFORMED (a percent sign without two digits, a NUL: here or in what stands
 * before it). */
int http_form_value(struct http_text form, const char *name, char *to, uint32_t size);
struct net_address http_peer(const struct http_exchange *,
                             uint16_t *port); /* host byte order; port may be null */

/* The connection that it came by, for what its layer knows (tls_info of app/tls/tls.h); null: the client has gone. */
struct tcp_served;
const struct tcp_served *http_served(const struct http_exchange *);

/* The body. http_body_size: what Content-Length says, HTTP_UNKNOWN if it comes in chunks, 0 if there is none. */
#define HTTP_UNKNOWN UINT64_MAX
uint64_t http_body_size(const struct http_exchange *);
/* In a task: the next bytes; how many, 0 at the end, ERR_TIMEOUT (the deadline, or they come slower than
 * HTTP_BODY_RATE_MIN), ERR_CLOSED, ERR_MALFORMED, ERR_TOO_BIG. */
int64_t http_read(struct http_exchange *, void *to, uint32_t size, uint64_t deadline_ns);
/* In a task: the whole body and a NUL behind it, into `room` bytes. Its size, or a negative error of http_read's, after which
 * the exchange is answered: 413 (also for more than fits), 408 or 400. */
int64_t http_read_all(struct http_exchange *, char *to, uint32_t room, uint64_t deadline_ns);
/* On the loop: bytes as they come (all of them are taken), then once with size 0 and error OK at the end, or with a
 * negative error (the exchange is then gone). Expect: 100-continue is answered when either is called first. */
typedef void http_body_fn(struct http_exchange *, void *context, const uint8_t *bytes,
                          uint32_t size, int error);
void http_on_body(struct http_exchange *, http_body_fn *, void *context);

/* ---- The response: one of the replies, or http_begin ... http_end ---- */
/* Sets a field, before the reply. ERR_TOO_BIG. ERR_INVALID: name or value holds bytes that a field must not (so that
 * responses cannot be split), or the server sets it: Date, Connection, Content-Length, Transfer-Encoding, Content-Type. */
int http_set(struct http_exchange *, const char *name, const char *value);

/* `type`: Content-Type, null: none. The body is copied, and the handler goes on: the client takes it in its own
 * time. If there is no memory for it, the client gets 503, and the caller ERR_MEMORY; in a task it blocks instead,
 * as http_write. */
int http_reply(struct http_exchange *, uint32_t status, const char *type, const void *bytes,
               uint32_t size);
int http_reply_text(struct http_exchange *, uint32_t status,
                    const char *text); /* text/plain; charset=utf-8 */
/* The body is compiled in, or never changes: not copied. */
int http_reply_static(struct http_exchange *, uint32_t status, const char *type, const void *bytes,
                      uint64_t size);
/* Body compiled in; `fields` are copied: complete lines, each with CRLF, Content-Length and Content-Type among them; the
 * server puts the status line, Date and Connection before them. The fastest way; app/site uses it. */
int http_reply_prepared(struct http_exchange *, uint32_t status, const char *fields,
                        uint32_t fields_size, const void *body, uint64_t size);
/*
 * A file of a site: all that can be said about it was prepared at build time. The server looks at the method, at
 * Accept-Encoding, at conditions (RFC 9110 §13.2.2) and at Range, and answers 200, 206, 304, 405, 412 or 416. Several
 * ranges of what has a Content-Encoding are ignored, as is any range of nothing: then all is sent. Bodies are never copied. `fields`: Content-Type, ETag, Last-Modified, Vary, Content-Encoding, Cache-Control... as complete lines, each
 * with CRLF; the server adds Content-Length, Accept-Ranges and Content-Range.
 */
struct http_variant {
	const uint8_t *bytes;
	uint64_t size;
	const char *fields,
	        *etag; /* etag: with its quotes, NUL-terminated, as `fields` has it; null: there is none */
	uint32_t fields_size;
};
struct http_resource {
	struct http_variant identity, gzip,
	        br;       /* bytes null: there is none; identity has to be there */
	int64_t modified; /* seconds since 1970; 0: not known */
};
int http_reply_resource(struct http_exchange *, const struct http_resource *);

/* As it is made: size may be HTTP_UNKNOWN (chunked; to HTTP/1.0 clients: until the connection closes). http_write
 * blocks in a task; on the loop it takes everything, buffering (ERR_MEMORY past the send buffer). http_end completes;
 * if less than `size` was written, the connection is closed. ERR_CLOSED: the client has gone. */
int http_begin(struct http_exchange *, uint32_t status, const char *type, uint64_t size);
/* The same with fields as complete lines, each with CRLF, none of which is the server's own (http_set), but Content-Type. They
 * may be many, and go out as they are. */
int http_begin_with(struct http_exchange *, uint32_t status, const char *fields,
                    uint32_t fields_size, uint64_t size);
int http_write(struct http_exchange *, const void *bytes, uint32_t size);
int http_write_static(struct http_exchange *, const void *bytes, uint64_t size);
int http_end(struct http_exchange *);
/* A handler on the loop that returns without a response has it made later: from http_on_body's callback, a timer... It
 * may ask whether the client is still there; after `gone`, which is called at most once, the exchange is no more. */
void http_on_gone(struct http_exchange *, void (*gone)(struct http_exchange *, void *context),
                  void *context);
/* A status with its reason as a small page: 404 and the like. Of the fields that were set, those that describe content
 * (Content-Encoding, Content-Disposition, ETag...) are forgotten. */
int http_fail(struct http_exchange *, uint32_t status);

const char *http_reason(uint32_t status); /* "Not Found" */
/* IMF-fixdate (RFC 9110 §5.6.7), 29 bytes and a NUL; and back, all three forms: seconds since 1970, or ERR_MALFORMED. */
#define HTTP_DATE_SIZE 30u
void http_date_print(char to[HTTP_DATE_SIZE], int64_t seconds);
int http_date_parse(struct http_text, int64_t *seconds);

/* ---- Figures ---- */
struct http_counters {
	uint64_t connections, connections_now;
	uint64_t connections_refused;    /* reset or told 503: too many, or no memory for them */
	uint64_t made_room, crowded;     /* ended while idle for new ones; for their memory */
	uint64_t requests, responses[6]; /* by the first digit of the status; [0]: aborted */
	uint64_t bytes_out;              /* of bodies */
	uint64_t malformed, timed_out, too_large;
};
void http_counters(const struct http_server *, struct http_counters *);

extern const bool http_carried; /* the builder's: the image has HTTP/2 */

#endif

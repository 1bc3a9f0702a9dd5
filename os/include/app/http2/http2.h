/* SPDX-License-Identifier: ISC */
/*
 * HTTP/2 (RFC 9113) for a server of app/http, by Debian's libnghttp2: its routes and handlers serve both versions, and do not see
 * which one it is.
 *
 *	static const struct tls_options tls = { .protocols = http2_protocols };
 *	...
 *	http_serve_over(&server, &options, &tls_layer, context) || http2_enable(server, NULL) || http_route(...)
 *
 * Over TLS the client chooses by ALPN. Over clear TCP one that begins with HTTP/2's preface is served if `clear` says so (prior
 * knowledge, RFC 9113 §3.3). Upgrade: h2c is not answered, nor are RFC 7540's priorities: streams share a connection frame by
 * frame, but for a client that orders them by RFC 9218's Priority field. Nothing is pushed. Trailers of requests are read and
 * dropped; responses have none. CONNECT is answered with 501.
 *
 * What is the same: http.h's bounds on heads, bodies and times; the memory of all connections (buffers_max). A response that
 * cannot be completed resets its stream and not the connection. A task whose stream has gone hears ERR_CLOSED.
 *
 * What a client can do, and its bound:
 *   - requests at once: streams_max, those included whose handler still works after the client has reset them;
 *   - memory: memory_max for all of a connection's but the bodies of its responses, of which more than unsent_max (http.h) keeps the
 *     next request waiting;
 *   - heads: head_max (http.h), counted as they are decoded: 431; four times as much ends the connection, as do more than 8
 *     CONTINUATION frames;
 *   - frames that move nothing (resets, pings, settings, priorities, window updates, empty ones): control_max at once, of which
 *     control_rate a second and 2 for each DATA frame of ours come back. A reset counts as 8;
 *   - bodies that wait to be read: window.
 * One who exceeds the last but one gets GOAWAY with ENHANCE_YOUR_CALM.
 */
#ifndef HTTP2_HTTP2_H
#define HTTP2_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

struct http_server;

#define HTTP2_STREAMS_MAX  100u
#define HTTP2_MEMORY_MAX   (1u << 20)
#define HTTP2_WINDOW       (256u << 10) /* 64 KiB at least, which is each stream's share at most */
#define HTTP2_CONTROL_MAX  1000u
#define HTTP2_CONTROL_RATE 50u

struct http2_options {        /* zero means the default above */
	uint32_t streams_max; /* requests at once on a connection */
	uint32_t memory_max;  /* bytes of a connection; 64 KiB at least */
	uint32_t window;      /* bytes of a connection's request bodies that nobody has read */
	uint32_t control_max, control_rate; /* frames; frames a second */
	bool clear;                         /* also over clear TCP */
};

/* For tls_options.protocols: "h2", "http/1.1". */
extern const char *const http2_protocols[];

/* Serves HTTP/2, too, on connections that come from now on. Options may be null. ERR_MEMORY, ERR_INVALID (a bound below what is
 * said), ERR_EXISTS. */
int http2_enable(struct http_server *, const struct http2_options *);

struct http2_counters {
	uint64_t connections; /* ever */
	uint64_t streams;     /* requests */
	uint64_t refused;     /* streams: too many, or no memory */
	uint64_t
	        calmed; /* connections ended for frames that move nothing, or for heads without end */
	uint64_t failed;  /* connections ended for other errors of the peer's */
	uint64_t stalled; /* streams whose response the client took nothing of */
};
void http2_counters(const struct http_server *, struct http2_counters *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Server-sent events (WHATWG HTML §9.2), for handlers on the loop, by either version of HTTP:
 *
 *	static void watch(struct http_exchange *x, void *context)
 *	{
 *		struct http_text last = http_events_last_id(x);
 *		if (http_events_begin(x, &client->events, NULL, client_left, client))
 *			...
 *	}
 *	...
 *	http_events_send(client->events, &(struct http_event){ .id = "7", .data = text, .size = strlen(text) });
 *
 * Nobody waits for a client: one that has not taken `unsent_max` bytes when the next event comes is ended, and begins again
 * with the identifier of the last event that it has (Last-Event-ID). One that hears nothing else is sent a comment now and then, so
 * that proxies keep the connection, and one that has gone is noticed. At the image's end clients are reset at the deadline, unless
 * they are ended before (core/stop.h).
 */
#ifndef HTTP_EVENTS_H
#define HTTP_EVENTS_H

#include <stdint.h>

#include <app/http/http.h>

struct http_events; /* one client's; from the heap */

#define HTTP_EVENTS_UNSENT_MAX (64u << 10)
#define HTTP_EVENTS_KEEP_NS    (15ull * 1000000000)

struct http_events_options { /* zero means the default above */
	uint32_t unsent_max; /* bytes that the client has not taken; more: it is ended */
	uint64_t keep_ns;    /* a comment after so long without an event; CLOCK_NEVER: none */
	uint32_t retry_ms;   /* how long it is to wait before it comes again; 0: its own choice */
};

struct http_event {
	const char *name; /* "message" is what null means to browsers */
	const char *id;   /* null: none; "": the client forgets the last one */
	const char *data; /* lines end in LF, CR LF or CR; the client joins them by LF */
	uint32_t size;
};

/* What the client has seen last; null bytes: it says nothing, or what no id may be. */
struct http_text http_events_last_id(const struct http_exchange *);

/* Answers 200 with text/event-stream, which no cache keeps. `ended` is called once on the loop when the client has gone, or was too
 * slow, but from within no function here, and not after http_events_end. Errors as http_begin's, or ERR_MEMORY: nothing was
 * answered but 503. */
int http_events_begin(struct http_exchange *, struct http_events **,
                      const struct http_events_options *, void (*ended)(void *context),
                      void *context);
/* ERR_INVALID: a name or id of several lines. ERR_TOO_BIG (the client is too slow), ERR_MEMORY, ERR_CLOSED: it takes no more
 * events, and `ended` follows. */
int http_events_send(struct http_events *, const struct http_event *);
void http_events_end(struct http_events *); /* the response is complete */

#endif

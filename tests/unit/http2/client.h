/* SPDX-License-Identifier: ISC */
/* A client of HTTP/2 for the tests, by nghttp2, over the fake TCP; and frames of our own making. */
#ifndef TEST_HTTP2_CLIENT_H
#define TEST_HTTP2_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include <app/http2/http2.h>

#include "app.h"
#include "fake.h"

#define ANSWERS_MAX 512u

struct answer {
	uint32_t status; /* 0: none came */
	uint32_t continues;
	char fields[4096]; /* lines "name: value\n" */
	uint8_t *body;
	uint64_t size;
	bool closed;
	uint32_t code; /* that it was closed with */
	uint32_t first,
	        last; /* DATA frames of the connection that had come before its first and its last */
};

struct client {
	struct client *next; /* of those that are open */
	struct tcp_connection *tcp;
	nghttp2_session *session;
	uint64_t seen; /* bytes of what the server wrote */
	bool raw;      /* what comes is only counted */
	uint32_t data_frames;
	bool goaway;
	uint32_t goaway_code;
	int32_t goaway_last;
	uint32_t resets, pings;
	struct answer answers[ANSWERS_MAX]; /* by stream / 2 */
};

/* A server with app.h's routes, and HTTP/2 over clear TCP. */
void client_serve(const struct http_options *, const struct http2_options *);
void client_open(struct client *);
/* What both have to say, until nothing moves. */
void client_run(struct client *);
void client_read(struct client *); /* only what has come */
void client_close(struct client *);
/* Lines "name: value" up to a null follow the four fields. The stream. */
int32_t client_ask(struct client *, const char *method, const char *path, const char *const *fields,
                   const void *body, uint64_t size);
struct answer *client_answer(struct client *, int32_t stream);
struct answer *client_get(struct client *, const char *path); /* asks and runs */
/* All connections have ended; the server goes. Blocks that are left. */
int client_end(void);

/* ---- Bytes ---- */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
void client_raw(struct client *, const void *, uint64_t size); /* queued as they are */
void client_frame(struct client *, uint8_t type, uint8_t flags, int32_t stream, const void *payload,
                  uint32_t size);
/* A connection without nghttp2 for what we say: preface and empty SETTINGS are queued. What the server says is read. */
void client_open_raw(struct client *);

#endif

/* SPDX-License-Identifier: ISC */
/* A client over the fake TCP: requests, masked frames, and what came back. Included behind cmocka. */
#ifndef TEST_WEBSOCKET_CLIENT_H
#define TEST_WEBSOCKET_CLIENT_H

#include <stdio.h>
#include <string.h>

#include <app/websocket/internal.h>
#include <core/error.h>

#include "talk.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

/* What the routes below share. */
static struct {
	struct websocket_options options;
	struct websocket *socket; /* null: there was none, or it has ended */
	int accepted;             /* what accept said */
	uint32_t code;
	unsigned ended, messages;
	uint64_t seen;  /* bytes of the answers that were looked at */
	char parts[64]; /* of the last messages: f, l, b (first, last, both) or - */
	bool silent;    /* messages are only counted */
} it;

static inline void on_message(struct websocket *w, void *context, const struct websocket_message *m)
{
	assert_ptr_equal(context, &it);
	it.parts[it.messages++ % (sizeof it.parts - 1)] = m->first  ? m->last ? 'b' : 'f'
	                                                  : m->last ? 'l'
	                                                            : '-';
	if (it.silent)
		return;
	if (m->first && m->last)
		websocket_send(w, m->kind, m->bytes, m->size);
	else
		websocket_send_piece(w, m->kind, m->bytes, m->size, m->last);
}

static inline void on_ended(struct websocket *w, void *context, uint32_t code)
{
	assert_ptr_equal(w, it.socket);
	assert_ptr_equal(context, &it);
	it.socket = NULL;
	it.ended++;
	it.code = code;
}

static inline void enter_watch(struct http_exchange *x, void *context)
{
	static const struct websocket_handlers handlers = { on_message, on_ended };
	it.accepted = websocket_accept_watch(x, &it.socket, &it.options, &handlers, context);
}

static inline void run_echo(struct websocket *w, void *context)
{
	struct websocket_message m;
	it.socket = w;
	while (websocket_read(w, &m, CLOCK_NEVER) == OK)
		on_message(w, context, &m);
	it.ended++;
	it.code = websocket_code(w);
	it.socket = NULL;
}

static inline void enter_task(struct http_exchange *x, void *context)
{
	it.accepted = websocket_accept(x, &it.options, run_echo, context);
}

static inline int set_up_routes(void **state)
{
	set_up(state);
	memset(&it, 0, sizeof it);
	return http_route(app.server, "GET", "/watch", enter_watch, &it) ||
	       http_route(app.server, "POST", "/watch", enter_watch, &it) ||
	       http_route(app.server, "GET", "/task", enter_task, &it);
}

static inline int tear_down_routes(void **state)
{
	(void)state;
	if (c && fake_open(c))
		fake_queue_fin(c);
	if (c)
		fake_run(c);
	fake_advance(200 * SECOND);
	websocket_deflate_forget();
	return tear_down(state);
}

static inline void request_with(const char *path, const char *fields)
{
	char text[4096];
	snprintf(text, sizeof text,
	         "GET %s HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
	         "Upgrade\r\n"
	         "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
	         path, fields);
	queue(text);
}

/* Opens one; what was said is looked at. */
static inline void open_with(const char *path, const char *fields)
{
	request_with(path, fields);
	fake_run(c);
	assert_starts(c->out, "HTTP/1.1 101 ");
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
}

static inline void open_watch(void)
{
	open_with("/watch", "");
}

/* A frame with a mask, in pieces of `cut` bytes; 0: whole. */
static inline void frame_cut(uint8_t first, const void *payload, uint64_t size, uint32_t cut)
{
	uint8_t *bytes = malloc(size + WEBSOCKET_HEAD_MAX);
	const uint8_t mask[4] = { 0x5a, 0x01, 0xff, 0x80 };
	uint32_t n = websocket_frame_print(bytes, first, size);
	bytes[1] |= 0x80;
	memcpy(bytes + n, mask, 4);
	websocket_unmask(bytes + n + 4, payload, (uint32_t)size, mask, 0);
	for (uint64_t at = 0; at < n + 4 + size; at += cut) {
		uint64_t left = n + 4 + size - at;
		cut = cut ? cut : (uint32_t)left;
		fake_queue(c, bytes + at, left < cut ? left : cut);
	}
	free(bytes);
}

static inline void frame(uint8_t first, const char *text)
{
	frame_cut(first, text, strlen(text), 0);
}

static inline void close_frame(uint32_t code, const char *reason)
{
	uint8_t payload[130] = { (uint8_t)(code >> 8), (uint8_t)code };
	memcpy(payload + 2, reason, strlen(reason));
	frame_cut(0x88, payload, 2 + strlen(reason), 0);
}

/* The next frame of ours: its first byte; 0: there is none. */
static inline uint8_t next(const uint8_t **payload, uint64_t *size)
{
	const uint8_t *p = (const uint8_t *)c->out + it.seen;
	uint64_t left = c->out_size - it.seen, n = 2;
	if (!left)
		return 0;
	assert_true(left >= 2 && p[1] < 0x80); /* no mask */
	*size = p[1];
	if (p[1] >= 126) {
		uint32_t more = p[1] == 126 ? 2 : 8;
		*size = 0;
		for (uint32_t k = 0; k < more; k++)
			*size = *size << 8 | p[2 + k];
		n += more;
	}
	assert_true(left >= n + *size);
	*payload = p + n;
	it.seen += n + *size;
	return p[0];
}

#define assert_frame(first_, text_)                                                                \
	do {                                                                                       \
		const uint8_t *p_;                                                                 \
		uint64_t n_;                                                                       \
		assert_int_equal(next(&p_, &n_), first_);                                          \
		assert_int_equal(n_, strlen(text_));                                               \
		assert_memory_equal(p_, text_, n_);                                                \
	} while (0)
#define assert_close(code_)                                                                        \
	do {                                                                                       \
		const uint8_t *p_;                                                                 \
		uint64_t n_;                                                                       \
		assert_int_equal(next(&p_, &n_), 0x88);                                            \
		assert_true(n_ >= 2);                                                              \
		assert_int_equal((uint32_t)p_[0] << 8 | p_[1], code_);                             \
		assert_nothing();                                                                  \
	} while (0)
#define assert_nothing() assert_int_equal(c->out_size, it.seen)

#endif

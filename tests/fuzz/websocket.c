/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes WebSocket connections: a handshake, then what the input says. Its first byte chooses handlers or a task, pieces, compression, contexts, a slow
 * client; the second how it ends. Then come records of a frame's first byte, a size and so many bytes, which become a masked
 * frame; or, with a size of 255, as many bytes as they are. Whatever comes, everything is given back at the end.
 */
#include <stdlib.h>
#include <string.h>

#include <app/websocket/internal.h>
#include <core/error.h>

#include "app.h"
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MESSAGE_MAX 3000u
#define RAW_BYTES   255u /* a record's size: no frame */
#define RECORDS_MAX 300u

enum {
	TASK = 1,
	PIECES = 2,
	DEFLATE = 4,
	CONTEXT = 8,
	SLOW = 16,
	CLOSES = 32,
	SKIPS = 64,
	CUT = 128
};
static struct websocket_options options;
static uint8_t flags;

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct websocket_message *m)
{
	struct websocket_utf8 u = { 0 };
	need(m->kind == WEBSOCKET_TEXT || m->kind == WEBSOCKET_BINARY);
	need(m->size <= (options.pieces ? options.piece_max : options.message_max));
	need(options.pieces || (m->first && m->last));
	if (m->kind == WEBSOCKET_TEXT && !options.pieces)
		need(websocket_utf8_next(&u, m->bytes, m->size) && !u.more);
}

static void answer(struct websocket *w, const struct websocket_message *m)
{
	check(m);
	if (m->size == 1 && flags & CLOSES)
		websocket_close(w, 1000u + m->bytes[0], "as asked");
	else if (m->first && m->last)
		websocket_send(w, m->kind, m->bytes, m->size);
	else
		websocket_send_piece(w, m->kind, m->bytes, m->size, m->last);
	need(websocket_unsent(w) < (1u << 20));
}

static void on_message(struct websocket *w, void *context, const struct websocket_message *m)
{
	(void)context;
	answer(w, m);
}

static void on_ended(struct websocket *w, void *ended, uint32_t code)
{
	(void)w;
	need(code && !*(bool *)ended);
	*(bool *)ended = true;
}

static void run(struct websocket *w, void *ended)
{
	struct websocket_message m;
	while (websocket_read(w, &m, CLOCK_NEVER) == OK)
		answer(w, &m);
	need(websocket_code(w));
	*(bool *)ended = true;
}

static void enter(struct http_exchange *x, void *ended)
{
	static const struct websocket_handlers handlers = { on_message, on_ended };
	struct websocket *w;
	if (flags & TASK)
		need(websocket_accept(x, &options, run, ended) == OK);
	else
		need(websocket_accept_watch(x, &w, &options, &handlers, ended) == OK);
}

static void queue(struct tcp_connection *c, const uint8_t *bytes, uint32_t size)
{
	uint32_t cut = flags & CUT ? 3 : 0;
	for (uint32_t at = 0; at < size; at += cut) {
		cut = cut && cut < size - at ? cut : size - at;
		fake_queue(c, bytes + at, cut);
	}
}

static void queue_records(struct tcp_connection *c, const uint8_t *data, size_t size)
{
	static const uint8_t mask[4] = { 1, 2, 4, 128 };
	for (uint32_t k = 0; size >= 2 && k < RECORDS_MAX; k++) {
		uint32_t n = data[1] < size - 2 ? data[1] : (uint32_t)size - 2;
		uint8_t frame[WEBSOCKET_HEAD_MAX + 255];
		if (data[1] == RAW_BYTES) {
			queue(c, data + 2, n);
		} else {
			uint32_t head = websocket_frame_print(frame, data[0], n);
			frame[1] |= 0x80;
			memcpy(frame + head, mask, 4);
			websocket_unmask(frame + head + 4, data + 2, n, mask, 0);
			queue(c, frame, head + 4 + n);
		}
		data += 2 + n;
		size -= 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char request[] =
	        "GET /w HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	        "Sec-WebSocket-Version: 13\r\n\r\n";
	bool ended = false;
	if (size < 2)
		return 0;
	flags = data[0];
	options =
	        (struct websocket_options){ .message_max = MESSAGE_MAX,
		                            .pieces = flags & PIECES,
		                            .piece_max = 100,
		                            .unsent_max = 5000,
		                            .slow = flags & SKIPS ? WEBSOCKET_SLOW_SKIP
		                                                  : WEBSOCKET_SLOW_WAIT,
		                            .deflate = flags & DEFLATE ? &websocket_deflate : NULL,
		                            .deflate_context = flags & CONTEXT };
	fake_start();
	app_start(NULL);
	need(http_route(app.server, "GET", "/w", enter, &ended) == OK);
	struct tcp_connection *c = fake_accept();
	c->rate = flags & SLOW ? 2000 : 0;
	fake_queue(c, request, sizeof request - 1);
	queue_records(c, data + 2, size - 2);
	if (data[1] & 1)
		fake_queue_fin(c);
	fake_run(c);
	for (int k = 0; k < data[1] % 16 && !c->closed && !c->aborted; k++)
		fake_advance(SECOND);
	need(app.server->served.charged < (1u << 20));
	c->rate = 0;
	if (!(data[1] & 1))
		fake_queue_fin(c);
	fake_run(c);
	for (int k = 0; k < 40 && !c->closed && !c->aborted; k++)
		fake_advance(10 * SECOND);
	need(c->closed || c->aborted);
	fake_advance(10 * SECOND);
	need(ended);
	websocket_deflate_forget();
	app_stop();
	need(!fake.allocated);
	fake_stop();
	return 0;
}

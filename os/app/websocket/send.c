/* SPDX-License-Identifier: ISC */
/* Frames out. Nobody waits for a client but who asks to: what it does not take counts, and has a bound. */
#include <app/websocket/internal.h>

#include <string.h>

#include <core/heap.h>

#define DEFLATE_LEAST 32u /* bytes; a smaller message only grows */

int websocket_put(struct websocket *w, uint8_t first, const void *bytes, uint32_t size)
{
	uint8_t small[TCP_SERVED_SMALL] RAW;
	struct tcp_served *s = w->served;
	uint32_t n = websocket_frame_print(small, first, size);
	if (!s)
		return ERR_CLOSED;
	bool one = size <= sizeof small - n;
	if (one && size)
		memcpy(small + n, bytes, size);
	int error = one || tcp_served_reserve(s, (uint64_t)size + n) ? OK : ERR_MEMORY;
	if (!error)
		error = tcp_served_write(s, small, one ? n + size : n);
	if (!error && !one)
		error = tcp_served_write(s, bytes, size);
	if (error)
		websocket_drop(w, WEBSOCKET_ABNORMAL);
	return error;
}

int websocket_put_close(struct websocket *w, uint32_t code, const char *reason, uint32_t size)
{
	uint8_t payload[WEBSOCKET_CONTROL_MAX] = { (uint8_t)(code >> 8), (uint8_t)code };
	if (size)
		memcpy(payload + 2, reason, size);
	return websocket_put(w, 0x80 | OPCODE_CLOSE, payload, code ? 2 + size : 0);
}

uint64_t websocket_unsent(struct websocket *w)
{
	if (!w->served)
		return 0;
	tcp_served_look(w->served);
	return w->served->copied;
}

static bool is_open(const struct websocket *w)
{
	return w->served && !w->close_said;
}

/* A task waits for room, or for the end. */
static int wait_for_room(struct websocket *w)
{
	w->uses++;
	task_wait(&w->senders, CLOCK_NEVER);
	w->uses--;
	websocket_release(w);
	return is_open(w) ? OK : ERR_CLOSED;
}

static int slow(struct websocket *w)
{
	websocket_all.slow++;
	websocket_drop(w, WEBSOCKET_POLICY);
	return ERR_TOO_BIG;
}

static int find_room(struct websocket *w, uint32_t size, enum websocket_slow policy)
{
	for (;;) {
		uint64_t unsent = websocket_unsent(w);
		if (!unsent || unsent + size <= w->options.unsent_max)
			return OK;
		if (policy == WEBSOCKET_SLOW_END)
			return slow(w);
		if (policy == WEBSOCKET_SLOW_SKIP || !task_self()) {
			websocket_all.skipped++;
			return ERR_AGAIN;
		}
		int error = wait_for_room(w);
		if (error)
			return error;
	}
}

static bool is_kind(enum websocket_kind kind)
{
	return kind == WEBSOCKET_TEXT || kind == WEBSOCKET_BINARY;
}

static int put_deflated(struct websocket *w, uint8_t first, const void *bytes, uint32_t size)
{
	uint8_t *out;
	uint32_t out_size;
	int error = w->options.deflate->deflate(w, bytes, size, &out, &out_size);
	websocket_account(w);
	if (error) { /* what the client has to know for the next one is lost */
		websocket_drop(w, WEBSOCKET_ABNORMAL);
		return error;
	}
	if (!out)
		return websocket_put(w, first, bytes, size);
	error = websocket_put(w, first | 0x40, out, out_size);
	heap_free(out);
	return error;
}

int websocket_send(struct websocket *w, enum websocket_kind kind, const void *bytes, uint32_t size)
{
	if (!is_kind(kind))
		return ERR_INVALID;
	if (!is_open(w))
		return ERR_CLOSED;
	int error = find_room(w, size, w->options.slow);
	if (error)
		return error;
	if (w->sending_pieces) {
		websocket_all.skipped++;
		return ERR_AGAIN;
	}
	uint8_t first = (uint8_t)(0x80 | kind);
	error = w->agreed.deflate && size >= DEFLATE_LEAST ? put_deflated(w, first, bytes, size)
	                                                   : websocket_put(w, first, bytes, size);
	websocket_all.messages_out += !error;
	return error;
}

int websocket_send_text(struct websocket *w, const char *text)
{
	size_t size = strlen(text);
	return size > UINT32_MAX ? ERR_INVALID
	                         : websocket_send(w, WEBSOCKET_TEXT, text, (uint32_t)size);
}

int websocket_send_piece(struct websocket *w, enum websocket_kind kind, const void *bytes,
                         uint32_t size, bool last)
{
	enum websocket_slow policy = w->options.slow;
	bool begins = !w->sending_pieces;
	if (!is_kind(kind))
		return ERR_INVALID;
	if (!is_open(w))
		return ERR_CLOSED;
	if (!begins && policy == WEBSOCKET_SLOW_SKIP) /* its begin is there */
		policy = WEBSOCKET_SLOW_WAIT;
	if (policy == WEBSOCKET_SLOW_WAIT && !task_self())
		policy = begins ? WEBSOCKET_SLOW_SKIP : WEBSOCKET_SLOW_END;
	w->sending_pieces = true;
	int error = find_room(w, size, policy);
	if (error) {
		w->sending_pieces = !begins;
		return error;
	}
	uint8_t first = (uint8_t)((last ? 0x80 : 0) | (begins ? kind : OPCODE_MORE));
	w->sending_pieces = !last;
	error = websocket_put(w, first, bytes, size);
	websocket_all.messages_out += !error && last;
	return error;
}

int websocket_ping(struct websocket *w, const void *bytes, uint32_t size)
{
	if (size > WEBSOCKET_CONTROL_MAX)
		return ERR_INVALID;
	return is_open(w) ? websocket_put(w, 0x80 | OPCODE_PING, bytes, size) : ERR_CLOSED;
}

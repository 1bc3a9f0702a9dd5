/* SPDX-License-Identifier: ISC */
/* The message that comes: gathered until it is whole, or handed on in pieces; each byte of text is looked at as it comes. */
#include <app/websocket/internal.h>

#include <string.h>

#include <core/heap.h>

#define ROOM_LEAST 512u

void websocket_account(struct websocket *w)
{
	uint32_t n =
	        (uint32_t)sizeof *w + w->in.room + w->waiting.room + w->shown.room + w->contexts;
	if (w->served && !tcp_served_keep(w->served, n))
		w->short_of_memory = true;
}

static uint32_t most(const struct websocket *w)
{
	return w->options.pieces ? w->options.piece_max : w->options.message_max;
}

bool websocket_message_waits(const struct websocket *w)
{
	if (!w->is_ready || w->close_said)
		return false;
	return !w->options.pieces || w->in.size == w->options.piece_max || w->at == w->frame.size;
}

uint32_t websocket_message_frame(struct websocket *w)
{
	const struct websocket_frame *f = &w->frame;
	bool begins = f->opcode != OPCODE_MORE;
	if (begins == w->in_message || (f->rsv1 && (!begins || !w->agreed.deflate)))
		return WEBSOCKET_PROTOCOL;
	if (begins) {
		w->in_message = true;
		w->deflated = f->rsv1;
		w->kind = f->opcode;
		w->given = false;
		w->in.size = 0;
		memset(&w->utf8, 0, sizeof w->utf8);
		if (!w->options.pieces)
			tcp_served_owed(w->served, WEBSOCKET_GRACE_NS, w->options.rate_min);
	}
	if (!w->options.pieces && !w->close_said && f->size > w->options.message_max - w->in.size)
		return WEBSOCKET_TOO_BIG;
	return 0;
}

/* Room for so many bytes more. */
static bool make_room(struct websocket *w, uint32_t n)
{
	struct websocket_buffer *b = &w->in;
	uint32_t room = b->room ? b->room : ROOM_LEAST;
	if (b->size + n <= b->room)
		return true;
	while (room < b->size + n)
		room = room <= most(w) / 2 ? room * 2 : most(w);
	if (!tcp_served_room(w->served, room - b->room))
		return false;
	uint8_t *bytes = heap_resize(b->bytes, room);
	if (!bytes)
		return false;
	b->bytes = bytes;
	b->room = room;
	websocket_account(w);
	return !w->short_of_memory;
}

uint32_t websocket_message_take(struct websocket *w, const uint8_t *bytes, uint32_t size,
                                uint32_t *code)
{
	if (w->close_said) /* nobody reads any more */
		return size;
	uint32_t left = most(w) - w->in.size, n = size < left ? size : left;
	if (!make_room(w, n)) {
		*code = WEBSOCKET_TRY_LATER;
		return size;
	}
	uint8_t *to = w->in.bytes + w->in.size;
	websocket_unmask(to, bytes, n, w->frame.mask, w->at);
	w->in.size += n;
	if (w->kind == OPCODE_TEXT && !w->deflated && !websocket_utf8_next(&w->utf8, to, n))
		*code = WEBSOCKET_BAD_DATA;
	return n;
}

/* What is there goes to whom it is for. */
static void hand_on(struct websocket *w, bool last)
{
	struct websocket_message m = { .kind = w->kind,
		                       .bytes = w->in.bytes,
		                       .size = w->in.size,
		                       .first = !w->given,
		                       .last = last };
	struct websocket_buffer in = w->in;
	w->in = (struct websocket_buffer){ .bytes = NULL };
	w->given = true;
	if (!w->handlers) {
		w->waiting = in;
		w->ready = m;
		w->is_ready = true;
		task_wake_all(&w->readers);
		return;
	}
	if (w->handlers->message)
		w->handlers->message(w, w->context, &m);
	heap_free(in.bytes);
}

void websocket_message_show(struct websocket *w)
{
	if (w->options.pieces && w->in_message && w->in.size && !w->is_ready && !w->close_said)
		hand_on(w, false);
	websocket_account(w);
}

static uint32_t inflate_all(struct websocket *w)
{
	struct websocket_buffer out = { .bytes = NULL };
	int error = w->options.deflate->inflate(w, w->in.bytes, w->in.size, w->options.message_max,
	                                        &out.bytes, &out.size);
	heap_free(w->in.bytes);
	out.room = out.bytes ? (uint32_t)heap_size(out.bytes) : 0;
	w->in = out;
	if (error)
		return error == ERR_TOO_BIG  ? WEBSOCKET_TOO_BIG
		       : error == ERR_MEMORY ? WEBSOCKET_TRY_LATER
		                             : WEBSOCKET_BAD_DATA;
	if (w->kind == OPCODE_TEXT && !websocket_utf8_next(&w->utf8, out.bytes, out.size))
		return WEBSOCKET_BAD_DATA;
	return 0;
}

uint32_t websocket_message_frame_end(struct websocket *w)
{
	if (!w->frame.fin)
		return 0;
	w->in_message = false;
	tcp_served_busy(w->served, CLOCK_NEVER);
	if (w->close_said)
		return 0;
	uint32_t code = w->deflated ? inflate_all(w) : 0;
	if (code)
		return code;
	if (w->kind == OPCODE_TEXT && w->utf8.more)
		return WEBSOCKET_BAD_DATA;
	w->message_at = clock_coarse();
	websocket_all.messages_in++;
	hand_on(w, true);
	return 0;
}

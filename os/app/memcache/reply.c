/* SPDX-License-Identifier: ISC */
/*
 * Answers, on their way to TCP: short ones and small values by way of the server's batch, large
 * values from where they lie. What TCP does not take is kept: bytes in `held`, a value by
 * reference.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <app/memcache/number.h>
#include <core/heap.h>
#include <core/panic.h>

#define HELD_MAX                                                                                   \
	(1u                                                                                        \
	 << 20) /* bytes; nothing comes near it: commands are not begun while anything is held  \
	            */

static bool hold(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	if (c->held_size + size > c->held_room) {
		uint32_t room = c->held_room ? c->held_room : 1024;
		while (room < c->held_size + size)
			room *= 2;
		bool fits = room <= HELD_MAX && memcache_connection_keep(c, c->line_room, room);
		char *held = fits ? heap_resize(c->held, room) : NULL;
		if (!held) {
			memcache_connection_drop(c);
			return false;
		}
		c->held = held;
		c->held_room = room;
	}
	memcpy(c->held + c->held_size, bytes, size);
	c->held_size += size;
	return true;
}

static void let_go(struct memcache_connection *c)
{
	heap_free(c->held);
	c->held = NULL;
	c->held_size = c->held_sent = c->held_room = 0;
	memcache_connection_keep(c, c->line_room, 0);
}

/* Whether what was done so far has to be made permanent before it is told. */
static bool must_wait(struct memcache_connection *c)
{
	const struct memcache_backend *b = c->server->store.backend;
	uint64_t ticket;
	if (!b || !b->pending(b->of, &ticket))
		return c->is_waiting;
	c->ticket = ticket;
	if (!c->is_waiting) {
		c->is_waiting = true;
		list_append(&c->server->waiting, &c->waiting);
	}
	return true;
}

uint32_t memcache_reply_give(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t n = tcp_served_write_some(&c->served, bytes, size);
	c->server->counters.bytes_out += n;
	return n;
}

bool memcache_reply_flush(struct memcache_connection *c)
{
	struct memcache_server *s = c->server;
	uint32_t size = s->batch_size, n = 0;

	s->batch_size = 0;
	if (!c->served.tcp)
		return false;
	if (must_wait(c) || c->held_size) {
		if (size)
			hold(c, s->batch, size);
		return false;
	}
	if (size)
		n = memcache_reply_give(c, s->batch, size);
	if (n < size)
		hold(c, s->batch + n, size - n);
	return n == size;
}

void memcache_reply_bytes(struct memcache_connection *c, const void *bytes, uint32_t size)
{
	struct memcache_server *s = c->server;
	if (size > BATCH_SIZE - s->batch_size)
		memcache_reply_flush(c);
	ensure(size <= BATCH_SIZE);
	memcpy(s->batch + s->batch_size, bytes, size);
	s->batch_size += size;
}

void memcache_reply_line(struct memcache_connection *c, const char *text)
{
	if (c->quiet)
		return;
	memcache_reply_bytes(c, text, (uint32_t)strlen(text));
	REPLY(c, "\r\n");
}

void memcache_reply_number(struct memcache_connection *c, uint64_t value)
{
	char text[NUMBER_SIZE];
	memcache_reply_bytes(c, text, memcache_number_print(text, value));
}

bool memcache_reply_item(struct memcache_connection *c, struct memcache_item *i, uint32_t from,
                         uint32_t to)
{
	struct memcache_server *s = c->server;
	uint32_t size = to - from;
	if (size <= BATCH_VALUE) {
		memcache_reply_bytes(c, i->text + from, size);
		return true;
	}
	uint32_t n = 0;
	if (memcache_reply_flush(c))
		n = memcache_reply_give(c, i->text + from, size);
	if (n == size)
		return true;
	if (!c->served.tcp)
		return false;
	memcache_memory_pin(&s->store.memory, i);
	if (!memcache_memory_may_wait(&s->store.memory)) {
		memcache_memory_unpin(&s->store.memory, i);
		memcache_connection_drop(c);
		return false;
	}
	c->sending = i;
	c->sending_at = from + n;
	c->sending_end = to;
	return false;
}

void memcache_reply_facts(struct memcache_connection *c, const struct memcache_item *i)
{
	REPLY(c, " cas=");
	memcache_reply_number(c, i->cas);
	if (i->bits & ITEM_FETCHED)
		REPLY(c, " fetch=yes");
	else
		REPLY(c, " fetch=no");
	REPLY(c, " cls=1 size=");
	memcache_reply_number(c, i->room);
}

bool memcache_reply_go_on(struct memcache_connection *c)
{
	struct memcache_server *s = c->server;
	if (c->is_waiting)
		return false;
	if (c->held_size) {
		c->held_sent +=
		        memcache_reply_give(c, c->held + c->held_sent, c->held_size - c->held_sent);
		if (c->held_sent < c->held_size)
			return false;
		let_go(c);
	}
	if (c->sending) {
		c->sending_at += memcache_reply_give(c, c->sending->text + c->sending_at,
		                                     c->sending_end - c->sending_at);
		if (c->sending_at < c->sending_end)
			return false;
		memcache_memory_unpin(&s->store.memory, c->sending);
		c->sending = NULL;
	}
	return true;
}

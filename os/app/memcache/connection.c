/* SPDX-License-Identifier: ISC */
/*
 * A connection's stream: lines and values are found where TCP shows them, and copied only where a
 * segment ends in the middle of one: a line's begin into `line`, a value right into its item. While
 * an answer is stuck, nothing more is taken, and the peer's window closes.
 *
 * A command may end the connection: it is then marked (tcp null), and freed when the handler is
 * left.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>

#define LINE_ROOM 512u

static const struct tcp_handlers handlers;
static void check(struct timer *);

/* ---- Birth and end ---- */

bool memcache_connection_open(struct memcache_server *s, struct tcp_connection *tcp)
{
	struct memcache_connection *c = heap_alloc_zero(1, sizeof *c);
	if (!c)
		return false;
	c->server = s;
	c->tcp = tcp;
	c->active = c->sent_at = clock_coarse();
	list_append(&s->connections, &c->all);
	list_init(&c->waiting);
	s->counters.connections++;
	s->counters.connections_now++;
	timer_set_in(&c->timer, CHECK_NS, check);
	tcp_watch(tcp, &handlers, c);
	return true;
}

/* TCP's handle is gone, or has been given back. */
static void end(struct memcache_connection *c)
{
	struct memcache_server *s = c->server;
	c->tcp = NULL;
	if (c->upload.item)
		memcache_abandon(&s->store, c->upload.item);
	if (c->sending)
		memcache_memory_unpin(&s->store.memory, c->sending);
	c->upload.item = c->sending = NULL;
	timer_stop(&c->timer);
	list_remove(&c->all);
	list_remove(&c->waiting);
	heap_free(c->line);
	heap_free(c->held);
	c->line = c->held = NULL;
	c->line_size = c->held_size = 0;
	c->is_waiting = false;
	s->counters.connections_now--;
	if (!c->entered)
		heap_free(c);
}

void memcache_connection_drop(struct memcache_connection *c)
{
	if (!c->tcp)
		return;
	tcp_abort(c->tcp);
	end(c);
}

void memcache_connection_hang_up(struct memcache_connection *c)
{
	c->state = STATE_CLOSING;
}

bool memcache_keep_line(struct memcache_connection *c, const char *text, uint32_t size)
{
	if (size > c->line_room) {
		uint32_t room = LINE_ROOM;
		while (room < size)
			room *= 2;
		char *line = heap_alloc(room); /* the text may lie in the old one */
		if (!line) {
			memcache_connection_drop(c);
			return false;
		}
		memcpy(line, text, size);
		heap_free(c->line);
		c->line = line;
		c->line_room = room;
	} else if (size) {
		memmove(c->line, text, size);
	}
	c->line_size = size;
	return true;
}

static void forget_line(struct memcache_connection *c)
{
	c->line_size = 0;
	if (c->line_room > LINE_MAX) {
		heap_free(c->line);
		c->line = NULL;
		c->line_room = 0;
	}
}

/* ---- In ---- */

static bool is_get(const char *line, uint32_t size)
{
	uint32_t at = 0;
	while (at < size && line[at] == ' ')
		at++;
	return size - at >= 4 && line[at] == 'g' &&
	       (!memcmp(line + at + 1, "et", 2) || !memcmp(line + at + 1, "at", 2));
}

/* However it comes: a longer line is not from a client that we could help. */
static bool fits(const char *line, uint32_t size)
{
	return size <= LINE_MAX || (size <= LINE_GET_MAX && is_get(line, size));
}

/* Does a line; how many bytes behind it were its value. */
static uint32_t line_done(struct memcache_connection *c, const char *line, uint32_t size,
                          const char *rest, uint32_t rest_size)
{
	if (size && line[size - 1] == '\r')
		size--;
	uint32_t used = memcache_command(c, line, size, rest, rest_size);
	if (c->tcp && c->line_size && c->state != STATE_GET &&
	    !(c->state == STATE_VALUE && c->upload.meta))
		forget_line(c);
	return used;
}

/* More of the line that c->line begins; false: the connection is dropped. */
static bool append_line(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t whole = c->line_size + size;
	if (whole > c->line_room) {
		uint32_t room = c->line_room;
		while (room < whole)
			room *= 2;
		char *line = heap_resize(c->line, room);
		if (!line) {
			memcache_connection_drop(c);
			return false;
		}
		c->line = line;
		c->line_room = room;
	}
	memcpy(c->line + c->line_size, bytes, size);
	c->line_size = whole;
	return true;
}

/* How many bytes were taken: of the line, and of its value. */
static uint32_t take_line(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	const char *newline = memchr(bytes, '\n', size);
	uint32_t n = newline ? (uint32_t)(newline - bytes) : size, used = newline ? n + 1 : n;
	bool begins = !c->line_size;
	bool bad = begins ? (uint8_t)bytes[0] == 0x80 ||
	                            !fits(bytes, n) /* 0x80: the binary protocol */
	                  : c->line_size + n > LINE_GET_MAX;

	if (!bad && !begins) {
		if (!append_line(c, bytes, n))
			return used;
		bad = !fits(c->line, c->line_size);
	}
	if (bad) {
		c->server->counters.malformed++;
		c->line_size = 0;
		memcache_connection_hang_up(c);
		return used;
	}
	if (newline)
		return used + line_done(c, begins ? bytes : c->line, begins ? n : c->line_size,
		                        bytes + used, size - used);
	if (begins)
		memcache_keep_line(c, bytes, n);
	return used;
}

static uint32_t take_value(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	struct upload *u = &c->upload;
	uint32_t want = u->item->value_size + 2 - u->have, n = size < want ? size : want;
	memcpy(memcache_item_value(u->item) + u->have, bytes, n);
	u->have += n;
	if (n == want) {
		memcache_command_uploaded(c, c->line, c->line_size);
		if (c->tcp)
			forget_line(c);
	}
	return n;
}

/* Commands, until something is stuck. How many bytes were taken. */
static uint32_t take(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t at = 0;
	while (at < size && c->tcp && !memcache_reply_is_stuck(c)) {
		uint32_t left = size - at;
		switch ((enum connection_state)c->state) {
		case STATE_LINE:
			at += take_line(c, bytes + at, left);
			break;
		case STATE_VALUE:
			at += take_value(c, bytes + at, left);
			break;
		case STATE_SWALLOW: {
			uint32_t n = left < c->swallow ? left : (uint32_t)c->swallow;
			at += n;
			c->swallow -= n;
			if (!c->swallow)
				c->state = STATE_LINE;
			break;
		}
		case STATE_GET:
			memcache_command_get_on(c);
			break;
		case STATE_CLOSING:
			at = size;
		}
	}
	return at;
}

/* ---- Entering and leaving ---- */

static void enter(struct memcache_connection *c)
{
	struct memcache_store *s = &c->server->store;
	uint64_t ticket;
	c->entered = true;
	memcache_tick(s, clock_coarse());
	if (s->backend) /* what others have changed is not this one's to wait for */
		s->backend->pending(s->backend->of, &ticket);
}

/* True: the connection is still there. */
static bool leave(struct memcache_connection *c)
{
	memcache_reply_flush(c);
	c->entered = false;
	if (!c->tcp) {
		heap_free(c);
		return false;
	}
	if (memcache_reply_is_stuck(c) || c->state == STATE_GET)
		return true;
	if (!c->line_size && c->line_room > LINE_MAX)
		forget_line(c);
	if (c->finished) {
		tcp_close(c->tcp);
		end(c);
		return false;
	}
	if (c->state == STATE_CLOSING && !c->shut) {
		c->shut = true;
		tcp_shutdown(c->tcp);
		timer_set_in(&c->timer, LINGER_NS, check);
		tcp_resume(c->tcp); /* what waits is thrown away: unread bytes would make a reset of
		                       our close */
	}
	return true;
}

static bool is_amid(const struct memcache_connection *c)
{
	return c->line_size || c->state == STATE_VALUE || c->state == STATE_SWALLOW;
}

static uint32_t received(void *context, struct tcp_connection *tcp, const uint8_t *bytes,
                         uint32_t size)
{
	struct memcache_connection *c = context;
	(void)tcp;
	struct memcache_counters *count = &c->server->counters;
	uint64_t commands = count->commands;
	bool going_on = is_amid(c);
	enter(c);
	uint32_t taken = take(c, (const char *)bytes, size);
	count->bytes_in += taken;
	if (!going_on || commands != count->commands)
		c->active = clock_coarse();
	leave(c);
	return taken;
}

static void go_on(struct memcache_connection *c)
{
	enter(c);
	while (memcache_reply_go_on(c) && c->state == STATE_GET && c->tcp)
		memcache_command_get_on(c);
	if (leave(c) && !memcache_reply_is_stuck(c))
		tcp_resume(c->tcp);
}

static void writable(void *context, struct tcp_connection *tcp)
{
	struct memcache_connection *c = context;
	(void)tcp;
	if (memcache_reply_is_stuck(c) || c->state == STATE_GET)
		go_on(c);
}

void memcache_connection_committed(struct memcache_connection *c, int error)
{
	c->is_waiting = false;
	list_remove(&c->waiting);
	if (error) {
		if (c->sending)
			memcache_memory_unpin(&c->server->store.memory, c->sending);
		c->sending = NULL;
		c->held_size = c->held_sent = c->line_size = 0;
		c->state = STATE_CLOSING;
		enter(c);
		REPLY(c, "SERVER_ERROR not stored: the device failed, or is full\r\n");
		leave(c);
		return;
	}
	go_on(c);
}

static void finished(void *context, struct tcp_connection *tcp)
{
	struct memcache_connection *c = context;
	c->finished = true;
	if (memcache_reply_is_stuck(c) || c->state == STATE_GET)
		return;
	tcp_close(tcp);
	end(c);
}

static void closed(void *context, struct tcp_connection *tcp, int reason)
{
	(void)tcp, (void)reason;
	end(context);
}

static const struct tcp_handlers handlers = { .received = received,
	                                      .finished = finished,
	                                      .writable = writable,
	                                      .drained = writable,
	                                      .closed = closed };

/* ---- Patience ---- */

static void give_up(struct memcache_connection *c)
{
	c->server->counters.timed_out++;
	memcache_connection_drop(c);
}

static void check(struct timer *t)
{
	struct memcache_connection *c = container_of(t, struct memcache_connection, timer);
	const struct memcache_options *o = &c->server->options;
	uint64_t now = clock_coarse();
	struct tcp_info info;

	tcp_info(c->tcp, &info);
	if (info.bytes_sent != c->sent_before || !(info.unsent || info.unacknowledged)) {
		c->sent_before = info.bytes_sent;
		c->sent_at = now;
	}
	if (c->shut) {
		memcache_connection_drop(c);
	} else if (now - c->sent_at >= o->stall_ns ||
	           (is_amid(c) && !memcache_reply_is_stuck(c) && now - c->active >= o->stall_ns)) {
		give_up(c);
	} else if (o->idle_ns && !memcache_reply_is_stuck(c) && now - c->active >= o->idle_ns) {
		c->server->counters.timed_out++;
		tcp_close(c->tcp);
		end(c);
	} else {
		timer_set_in(t, CHECK_NS, check);
	}
}

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

static struct memcache_connection *of(struct tcp_served *s)
{
	return container_of(s, struct memcache_connection, served);
}

/* ---- Birth and end ---- */

static bool opened(struct tcp_served *s)
{
	struct memcache_connection *c = of(s);
	c->server = container_of(s->server, struct memcache_server, served);
	list_init(&c->waiting);
	c->number = ++c->server->numbers;
	if (c->server->store.watched & MEMCACHE_CONNECTIONS)
		memcache_watch_connection(c, false);
	return true;
}

static void ended(struct tcp_served *s)
{
	struct memcache_connection *c = of(s);
	if (c->watching)
		memcache_watch_end(c);
	if (c->server->store.watched & MEMCACHE_CONNECTIONS)
		memcache_watch_connection(c, true);
	if (c->upload.item)
		memcache_abandon(&c->server->store, c->upload.item);
	if (c->sending)
		memcache_memory_unpin(&c->server->store.memory, c->sending);
	c->upload.item = c->sending = NULL;
	list_remove(&c->waiting);
	heap_free(c->line);
	heap_free(c->held);
	c->line = c->held = NULL;
	c->line_size = c->held_size = 0;
	c->is_waiting = false;
}

void memcache_connection_drop(struct memcache_connection *c)
{
	tcp_served_drop(&c->served);
}

bool memcache_connection_keep(struct memcache_connection *c, uint32_t line_room, uint32_t held_room)
{
	uint32_t ring = c->watching ? c->watching->size : 0;
	return tcp_served_keep(&c->served, line_room + held_room + ring);
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
		char *line = memcache_connection_keep(c, room, c->held_room)
		                     ? heap_alloc(room) /* the text may lie in the old one */
		                     : NULL;
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
		memcache_connection_keep(c, 0, c->held_room);
	}
}

/* ---- In ---- */

/* Does a line; how many bytes behind it were its value. */
static uint32_t line_done(struct memcache_connection *c, const char *line, uint32_t size,
                          const char *rest, uint32_t rest_size)
{
	if (size && line[size - 1] == '\r')
		size--;
	uint32_t used = memcache_command(c, line, size, rest, rest_size);
	if (c->served.tcp && c->line_size && c->state != STATE_GET &&
	    !(c->state == STATE_VALUE && c->upload.kind == UPLOAD_META))
		forget_line(c);
	return used;
}

bool memcache_append_line(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t whole = c->line_size + size;
	if (whole > c->line_room) {
		uint32_t room = c->line_room;
		while (room < whole)
			room *= 2;
		char *line = memcache_connection_keep(c, room, c->held_room)
		                     ? heap_resize(c->line, room)
		                     : NULL;
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

/* A line longer than LINE_MAX: a get, or nothing from a client that we could help. */
static uint32_t take_long_line(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t used = 0, head;
	if (c->line_size) {
		used = LINE_MAX - c->line_size;
		if (!memcache_append_line(c, bytes, used))
			return size;
		head = memcache_command_long_get(c, c->line, LINE_MAX);
		if (head) {
			memcache_keep_line(c, c->line + head, LINE_MAX - head);
			memcache_command_get_on(c);
		}
	} else {
		head = used = memcache_command_long_get(c, bytes, LINE_MAX);
	}
	if (head)
		return used;
	c->server->counters.malformed++;
	c->line_size = 0;
	memcache_connection_hang_up(c);
	return size;
}

/* How many bytes were taken: of the line, and of its value. */
static uint32_t take_line(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	const char *newline = memchr(bytes, '\n', size);
	uint32_t n = newline ? (uint32_t)(newline - bytes) : size, used = newline ? n + 1 : n;
	bool begins = !c->line_size;
	if (c->line_size + n > LINE_MAX)
		return take_long_line(c, bytes, size);
	if (!begins && !memcache_append_line(c, bytes, n))
		return used;
	if (newline)
		return used + line_done(c, begins ? bytes : c->line, begins ? n : c->line_size,
		                        bytes + used, size - used);
	if (begins)
		memcache_keep_line(c, bytes, n);
	return used;
}

static uint32_t take_command(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	if (c->protocol == PROTOCOL_UNKNOWN)
		c->protocol = (uint8_t)bytes[0] == PACKET_REQUEST ? PROTOCOL_BINARY : PROTOCOL_TEXT;
	return c->protocol == PROTOCOL_TEXT ? take_line(c, bytes, size)
	                                    : memcache_binary(c, bytes, size);
}

static uint32_t take_value(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	struct upload *u = &c->upload;
	uint32_t want = memcache_upload_size(u) - u->have, n = size < want ? size : want;
	memcpy(memcache_item_value(u->item) + u->have, bytes, n);
	u->have += n;
	if (n == want) {
		memcache_command_uploaded(c, c->line, c->line_size);
		if (c->served.tcp)
			forget_line(c);
	}
	return n;
}

/* Commands, until something is stuck. How many bytes were taken. */
static uint32_t take(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t at = 0;
	while (at < size && c->served.tcp && !memcache_reply_is_stuck(c)) {
		uint32_t left = size - at;
		switch ((enum connection_state)c->state) {
		case STATE_LINE:
			at += take_command(c, bytes + at, left);
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
		case STATE_KEYS:
			at += memcache_command_keys(c, bytes + at, left);
			break;
		case STATE_DUMP:
			memcache_dump_on(c);
			break;
		case STATE_WATCH:
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
	memcache_tick(s, clock_coarse());
	c->server->acting = c->number;
	if (s->backend) /* what others have changed is not this one's to wait for */
		s->backend->pending(s->backend->of, &ticket);
}

static bool is_amid(const struct memcache_connection *c)
{
	return c->line_size || c->state == STATE_VALUE || c->state == STATE_SWALLOW ||
	       c->state == STATE_KEYS;
}

/* It has more to say by itself, once there is room. */
static bool is_telling(const struct memcache_connection *c)
{
	return c->state == STATE_GET || c->state == STATE_DUMP ||
	       (c->state == STATE_WATCH && c->watching->used);
}

/* Where the connection is now. `news`: something was done for it, or has begun to come. */
static void settle(struct memcache_connection *c, bool news)
{
	struct tcp_served *s = &c->served;
	if (memcache_reply_is_stuck(c) || is_telling(c)) {
		tcp_served_busy(s, CLOCK_NEVER); /* what is being sent is watched */
		return;
	}
	if (!c->line_size && c->line_room > LINE_MAX)
		forget_line(c);
	if (s->finished)
		tcp_served_close(s);
	else if (c->state == STATE_WATCH)
		tcp_served_busy(s, CLOCK_NEVER); /* it need never say anything more */
	else if (c->state == STATE_CLOSING)
		tcp_served_end(s);
	else if (is_amid(c) && (news || !s->rate))
		tcp_served_owed(s, c->server->options.stall_ns, RATE_MIN);
	else if (!is_amid(c))
		tcp_served_idle(s);
}

/* True: the connection is still there. */
static bool leave(struct memcache_connection *c, bool news)
{
	memcache_reply_flush(c);
	if (c->served.tcp)
		settle(c, news);
	return c->served.tcp && c->served.state != TCP_SERVED_LINGER;
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct memcache_connection *c = of(s);
	struct memcache_counters *count = &c->server->counters;
	uint64_t commands = count->commands;
	bool going_on = is_amid(c);
	if (!c->server->begun) /* memcache_begin resumes it */
		return 0;
	enter(c);
	uint32_t taken = take(c, (const char *)bytes, size);
	count->bytes_in += taken;
	s->got += taken;
	leave(c, !going_on || commands != count->commands);
	return taken;
}

static void go_on(struct memcache_connection *c)
{
	enter(c);
	while (memcache_reply_go_on(c) && is_telling(c) && c->served.tcp) {
		if (c->state == STATE_GET)
			memcache_command_get_on(c);
		else if (c->state == STATE_DUMP)
			memcache_dump_on(c);
		else if (!memcache_watch_on(c))
			break;
	}
	if (leave(c, true) && !memcache_reply_is_stuck(c))
		tcp_resume(c->served.tcp);
}

static void writable(struct tcp_served *s)
{
	struct memcache_connection *c = of(s);
	if (memcache_reply_is_stuck(c) || is_telling(c))
		go_on(c);
}

void memcache_connection_committed(struct memcache_connection *c, int error)
{
	c->is_waiting = false;
	list_remove(&c->waiting);
	tcp_served_enter(&c->served);
	if (error) {
		if (c->sending)
			memcache_memory_unpin(&c->server->store.memory, c->sending);
		c->sending = NULL;
		c->held_size = c->held_sent = c->line_size = 0;
		c->state = STATE_CLOSING;
		enter(c);
		if (c->protocol == PROTOCOL_BINARY)
			memcache_binary_failed(c);
		else
			REPLY(c, "SERVER_ERROR " NOT_PERMANENT "\r\n");
		leave(c, true);
	} else {
		go_on(c);
	}
	tcp_served_leave(&c->served);
}

static void finished(struct tcp_served *s)
{
	struct memcache_connection *c = of(s);
	if ((!memcache_reply_is_stuck(c) && !is_telling(c)) || c->state == STATE_WATCH)
		tcp_served_close(s);
}

/* A watcher is never idle, and would be waited for. */
static void stopping(struct tcp_served *s)
{
	if (of(s)->state == STATE_WATCH)
		tcp_served_end(s);
}

static void expired(struct tcp_served *s)
{
	of(s)->server->counters.timed_out++;
	tcp_served_drop(s);
}

const struct tcp_served_protocol memcache_protocol = { .size = sizeof(struct memcache_connection),
	                                               .opened = opened,
	                                               .received = received,
	                                               .finished = finished,
	                                               .stopping = stopping,
	                                               .writable = writable,
	                                               .expired = expired,
	                                               .ended = ended };

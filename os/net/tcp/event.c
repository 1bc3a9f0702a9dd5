/* SPDX-License-Identifier: ISC */
/*
 * Handlers, and the tasks that wait. Each handler may do anything with its connection, so that
 * nothing is read of it after a call but `gone` and `detached`.
 */
#include <net/tcp/internal.h>

#include <string.h>

void tcp_event_opened(struct tcp_connection *c)
{
	task_wake_all(&c->waiters);
	if (c->handlers && c->handlers->opened)
		c->handlers->opened(c->context, c);
}

uint32_t tcp_event_received(struct tcp_connection *c, const uint8_t *bytes, uint32_t size)
{
	if (c->read_room) {
		uint32_t n = size < c->read_room ? size : c->read_room;
		memcpy(c->read_to, bytes, n);
		c->read_to += n;
		c->read_room -= n;
		return n;
	}
	if (!c->handlers || !c->handlers->received)
		return 0;
	uint32_t taken = c->handlers->received(c->context, c, bytes, size);
	return taken < size ? taken : size;
}

/* The last call, once everything that came was taken. */
static void tell_closed(struct tcp_connection *c)
{
	const struct tcp_handlers *h = c->handlers;
	void *context = c->context;
	ensure(c->detached && h);
	c->handlers = NULL;
	if (h->closed)
		h->closed(context, c, c->error);
	if (!c->gone)
		tcp_connection_free_soon(c);
}

void tcp_event_show(struct tcp_connection *c, uint64_t now)
{
	const uint8_t *bytes;
	uint32_t size;
	while (c->handlers && (size = tcp_receive_peek(&c->receive, &bytes))) {
		uint32_t taken = tcp_event_received(c, bytes, size);
		if (c->gone)
			return;
		if (taken) {
			tcp_receive_take(&c->receive, taken, now);
			tcp_connection_work(c, WORK_OUTPUT); /* the window may open */
		}
		if (taken < size)
			return;
	}
	if (!c->handlers)
		return;
	if (c->finished && !c->told_finished) {
		c->told_finished = true;
		if (c->handlers->finished)
			c->handlers->finished(c->context, c);
	}
	if (!c->gone && c->handlers && c->close_told_later)
		tell_closed(c);
}

/* There is room again for half of what bounds it, after a write came back short. */
static void tell_writable(struct tcp_connection *c)
{
	uint32_t most = c->unsent_max && c->unsent_max < c->send_max ? c->unsent_max : c->send_max;
	if (!c->short_write || tcp_connection_room(c) < most / 2)
		return;
	c->short_write = false;
	if (c->handlers && c->handlers->writable)
		c->handlers->writable(c->context, c);
}

void tcp_event_sent(struct tcp_connection *c)
{
	if (c->short_write)
		task_wake_all(&c->waiters);
	tell_writable(c);
}

void tcp_event_acknowledged(struct tcp_connection *c)
{
	bool empty = !c->queue.total && !c->told_drained;
	task_wake_all(&c->waiters);
	c->told_drained |= empty;
	tell_writable(c);
	if (empty && !c->gone && c->handlers && c->handlers->drained)
		c->handlers->drained(c->context, c);
}

void tcp_event_closed(struct tcp_connection *c, int reason)
{
	task_wake_all(&c->waiters);
	if (!c->handlers)
		return;
	if (reason == OK && (tcp_receive_unread(&c->receive) || !c->told_finished)) {
		c->close_told_later = true;
		tcp_connection_work(c, WORK_SHOW);
		return;
	}
	tell_closed(c);
}

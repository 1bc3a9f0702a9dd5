/* SPDX-License-Identifier: ISC */
/*
 * A connection ends: it leaves the table at once and tells whoever uses it. Its memory goes when nobody
 * holds the handle any more, at the end of the turn.
 */
#include <net/tcp/internal.h>

void tcp_connection_free_soon(struct tcp_connection *c)
{
	c->gone = true;
	c->handlers = NULL;
	tcp_receive_close(&c->receive);
	tcp_connection_work(c, WORK_FREE);
}

void tcp_connection_cut(struct tcp_connection *c)
{
	c->cut = true;
	tcp_connection_work(c, WORK_END);
}

void tcp_connection_end(struct tcp_connection *c, int reason, enum tcp_state state)
{
	if (c->detached)
		return;
	ensure(!c->gone && (state == TCP_CLOSED || state == TCP_TIME_WAIT));
	ensure(!tcp_connection_synchronized(c) || tcp_counts[TCP_NOW_OPEN]);
	if (tcp_connection_synchronized(c))
		tcp_counts[TCP_NOW_OPEN]--;
	else
		tcp_count(TCP_COUNT_FAILED);
	c->state = (uint8_t)state;
	c->error = reason;
	c->detached = true;
	tcp_table_remove(c);
	timer_stop(&c->timer);
	tcp_queue_close(&c->queue);
	tcp_recovery_close(&c->recovery);
	if (c->listener) { /* nobody has got it yet */
		tcp_listener_forget(c);
		c->orphan = true;
	}
	if (c->orphan)
		tcp_connection_free_soon(c);
	else
		tcp_event_closed(c, reason);
}

void tcp_connection_reset(struct tcp_connection *c, int reason)
{
	if (c->detached)
		return;
	tcp_output_reset(c, clock_now());
	tcp_connection_end(c, reason, TCP_CLOSED);
}

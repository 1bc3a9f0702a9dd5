/* SPDX-License-Identifier: ISC */
/*
 * One timer a connection, for the earliest of its deadlines. It is moved only forward in time by
 * firing: a deadline that went further away (each acknowledgment does that) leaves it as it is, so
 * that most segments touch no timer.
 */
#include <net/tcp/internal.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the peer has to have answered something by (RFC 9293 §3.8.3: R2). */
static uint64_t give_up_at(const struct tcp_connection *c)
{
	if (c->recovery.timeouts)
		return c->progress_at + c->user_timeout_ns;
	/* A peer that answers probes of its closed window may keep it closed (§3.8.6.1), as long as
	 * there is somebody who may lose patience. */
	uint64_t since = c->orphan ? c->progress_at : c->heard_at;
	return c->persist_backoff ? since + c->user_timeout_ns : CLOCK_NEVER;
}

static uint64_t earliest(const struct tcp_connection *c)
{
	uint64_t at = least(tcp_recovery_deadline(&c->recovery), c->ack_at);
	at = least(at, least(c->persist_at, c->alive_at));
	at = least(at, c->again_at);
	return least(at, least(c->end_at, give_up_at(c)));
}

void tcp_timer_update(struct tcp_connection *c)
{
	uint64_t at = earliest(c);
	if (c->detached || at == CLOCK_NEVER) {
		timer_stop(&c->timer);
		return;
	}
	if (!timer_is_set(&c->timer) || at < c->timer.deadline)
		timer_set(&c->timer, at, c->timer.fn);
}

/* One silence may be a lost packet. */
static void suspect(const struct tcp_connection *c, uint32_t silences)
{
	if (silences >= 2)
		tcp_lost_suspect(c);
}

/* False: the connection has ended. */
static bool recover(struct tcp_connection *c, uint64_t now)
{
	switch (tcp_recovery_expired(&c->recovery, now)) {
	case RECOVERY_NOTHING:
		break;
	case RECOVERY_PROBE:
		c->probe = true;
		tcp_connection_work(c, WORK_OUTPUT);
		break;
	case RECOVERY_TIMEOUT:
		tcp_count(TCP_COUNT_TIMEOUTS);
		if (c->state == TCP_SYN_RECEIVED && c->recovery.timeouts > TCP_SYN_RETRIES) {
			tcp_connection_end(c, ERR_TIMEOUT, TCP_CLOSED);
			return false;
		}
		tcp_path_timed_out(c, now);
		suspect(c, c->recovery.timeouts);
		tcp_connection_work(c, WORK_OUTPUT);
		break;
	case RECOVERY_OUTPUT:
		tcp_connection_work(c, WORK_OUTPUT);
		break;
	}
	return true;
}

/* RFC 9293 §3.8.4. False: the connection has ended. */
static bool keep_alive(struct tcp_connection *c, uint64_t now)
{
	uint64_t idle_until = c->heard_at + c->keep_alive_ns;
	if (!c->alive_probes && now < idle_until) {
		c->alive_at = idle_until;
		return true;
	}
	if (c->recovery.count) { /* the retransmission timer sees to it */
		c->alive_at = now + c->keep_alive_ns;
		return true;
	}
	if (c->alive_probes >= TCP_KEEP_ALIVE_PROBES) {
		tcp_count(TCP_COUNT_KEEP_ALIVE_LOST);
		tcp_connection_reset(c, ERR_TIMEOUT);
		return false;
	}
	suspect(c, c->alive_probes);
	c->alive_probes++;
	c->alive_at = now + least(TCP_KEEP_ALIVE_INTERVAL_NS, c->keep_alive_ns);
	tcp_output_keep_alive(c, now);
	return true;
}

void tcp_timer_expired(struct tcp_connection *c)
{
	uint64_t now = clock_now();
	if (c->detached)
		return;
	ensure(!c->gone && c->state != TCP_CLOSED);
	if (now >= give_up_at(c) || now >= c->end_at) {
		int reason = c->state == TCP_FIN_WAIT_2 ? OK : ERR_TIMEOUT;
		if (tcp_connection_synchronized(c))
			tcp_connection_reset(c, reason);
		else
			tcp_connection_end(c, reason, TCP_CLOSED);
		return;
	}
	if (!recover(c, now) || (now >= c->alive_at && !keep_alive(c, now)))
		return;
	if (now >= c->ack_at) {
		c->ack_at = CLOCK_NEVER;
		tcp_output_ack(c, now);
	}
	if (now >= c->again_at) {
		c->again_at = CLOCK_NEVER;
		tcp_connection_work(c, WORK_OUTPUT);
	}
	if (now >= c->persist_at) {
		c->persist_at = CLOCK_NEVER;
		if (c->window_probe) /* the last one was not answered */
			suspect(c, c->persist_backoff);
		tcp_output_window_probe(c, now);
		tcp_connection_work(c, WORK_OUTPUT); /* which sets the next one */
	}
	tcp_timer_update(c);
}

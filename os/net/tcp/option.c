/* SPDX-License-Identifier: ISC */
/* A connection's options: at first, and changed while it is open. */
#include <net/tcp/internal.h>

#define MAX_LEAST 4096u /* bytes */
#define DSCP_MAX  63u

_Static_assert(TCP_SEND_MAX <= TCP_BYTES_MAX && TCP_RECEIVE_MAX <= TCP_BYTES_MAX,
               "the defaults hold");
_Static_assert(TCP_TIMEOUT_MAX_NS < UINT64_MAX / 8, "a few of them and the time have a sum");

static uint64_t time_span(uint64_t ns)
{
	return ns < TCP_TIMEOUT_MAX_NS ? ns : TCP_TIMEOUT_MAX_NS;
}

uint32_t tcp_option_bytes(uint32_t bytes, uint32_t usual)
{
	bytes = bytes ? bytes : usual;
	return bytes < MAX_LEAST ? MAX_LEAST : bytes < TCP_BYTES_MAX ? bytes : TCP_BYTES_MAX;
}

void tcp_set_no_delay(struct tcp_connection *c, bool on)
{
	c->no_delay = on;
	if (!c->detached)
		tcp_connection_work(c, WORK_OUTPUT); /* what was held back may go */
}

void tcp_set_keep_alive(struct tcp_connection *c, uint64_t ns)
{
	c->keep_alive_ns = time_span(ns);
	c->alive_probes = 0;
	c->alive_at = CLOCK_NEVER;
	if (tcp_connection_synchronized(c)) {
		if (c->keep_alive_ns)
			c->alive_at = c->heard_at + c->keep_alive_ns;
		tcp_timer_update(c);
	}
}

void tcp_set_user_timeout(struct tcp_connection *c, uint64_t ns)
{
	c->user_timeout_ns = ns ? time_span(ns) : TCP_USER_TIMEOUT_NS;
	tcp_timer_update(c);
}

void tcp_set_dscp(struct tcp_connection *c, uint8_t dscp)
{
	c->route.tos = (uint8_t)((dscp & DSCP_MAX) << 2);
}

void tcp_set_send_max(struct tcp_connection *c, uint32_t bytes)
{
	c->send_max = c->queue.max = tcp_option_bytes(bytes, TCP_SEND_MAX);
}

void tcp_set_receive_max(struct tcp_connection *c, uint32_t bytes)
{
	uint32_t most = (uint32_t)UINT16_MAX << c->receive_scale;
	bytes = tcp_option_bytes(bytes, TCP_RECEIVE_MAX);
	tcp_receive_set_max(&c->receive, bytes < most ? bytes : most);
}

void tcp_set_unsent_max(struct tcp_connection *c, uint32_t bytes)
{
	c->unsent_max = bytes;
}

void tcp_option_start(struct tcp_connection *c, const struct tcp_options *o)
{
	c->no_delay = o->no_delay;
	c->no_ecn = o->no_ecn;
	c->keep_alive_ns = time_span(o->keep_alive_ns);
	c->close_rate = o->close_rate ? o->close_rate : TCP_CLOSE_RATE;
	c->unsent_max = o->unsent_max;
	c->send_max = tcp_option_bytes(o->send_max, TCP_SEND_MAX);
	c->user_timeout_ns =
	        o->user_timeout_ns ? time_span(o->user_timeout_ns) : TCP_USER_TIMEOUT_NS;
	tcp_set_dscp(c, o->dscp);
}

/* SPDX-License-Identifier: ISC */
/* A connection is made, agrees on what the handshake said, and is open. */
#include <net/tcp/internal.h>

#include <core/heap.h>

static void connection_timer(struct timer *t)
{
	tcp_timer_expired(container_of(t, struct tcp_connection, timer));
}

struct tcp_connection *tcp_connection_new(const struct tcp_address *a,
                                          const struct ip4_route *route,
                                          const struct tcp_options *o)
{
	if (!tcp_table_ready())
		return NULL;
	struct tcp_connection *c = heap_alloc_zero(1, sizeof *c);
	if (!c) {
		tcp_count(TCP_COUNT_NO_MEMORY);
		return NULL;
	}
	c->address = *a;
	ip6_keep(a->local);
	ip6_keep(a->remote);
	c->route = *route;
	c->route.protocol = IP4_PROTOCOL_TCP;
	c->route.mac_known = false;
	tcp_option_start(c, o);
	c->ack_at = c->persist_at = c->again_at = c->alive_at = c->end_at = CLOCK_NEVER;
	c->path_mtu = tcp_path_mtu(route->interface, a->remote);
	c->timestamp_offset = tcp_secret_timestamp_offset(a);
	c->peer_mss = tcp_mss_default(a->remote);
	list_init(&c->turn);
	list_init(&c->pending);
	task_queue_init(&c->waiters);
	uint32_t most = tcp_option_bytes(o->receive_max, TCP_RECEIVE_MAX);
	tcp_receive_open(&c->receive, 0, most < TCP_RECEIVE_DEFAULT ? most : TCP_RECEIVE_DEFAULT,
	                 most);
	while (c->receive_scale < TCP_SCALE_MAX && most >> c->receive_scale > UINT16_MAX)
		c->receive_scale++;
	tcp_queue_open(&c->queue, c->send_max);
	c->recovery.algorithm = o->congestion;
	c->timer.fn = connection_timer;
	tcp_table_add(c);
	return c;
}

void tcp_connection_agree(struct tcp_connection *c, const struct tcp_segment *syn)
{
	ensure(c->state == TCP_CLOSED || c->state == TCP_SYN_SENT);
	ensure((!syn->has_scale || syn->scale <= TCP_SCALE_MAX) &&
	       c->receive_scale <= TCP_SCALE_MAX);
	c->irs = syn->seq;
	c->peer_mss = tcp_segment_mss(syn, c->address.remote);
	/* Timestamps that a SYN-ACK has agreed on are kept wherever they fit (RFC 7323 §3.2). */
	bool roomy = c->peer_mss >= TCP_OPTIONS_MSS_MIN;
	c->timestamps = c->timestamps && syn->has_timestamps &&
	                (roomy || (!c->passive && c->peer_mss > TCP_TIMESTAMP_SIZE));
	c->sack = c->sack && syn->sack_permitted && roomy;
	c->scaling = c->scaling && syn->has_scale;
	if (c->scaling)
		c->send_scale = syn->scale;
	else
		c->send_scale = c->receive_scale = 0;
	c->mss = tcp_output_mss(c);
	if (c->timestamps) {
		c->recent = syn->value;
		c->recent_at = clock_coarse();
	}
	c->receive.taken = c->receive.next = syn->seq + 1;
	c->acked = c->edge = syn->seq + 1;
	c->send_window = c->max_window = syn->window; /* not scaled in a SYN (RFC 7323 §2.2) */
	c->window_seq = syn->seq;
}

void tcp_connection_established(struct tcp_connection *c, uint64_t now)
{
	ensure(c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED);
	c->state = TCP_ESTABLISHED;
	c->end_at = CLOCK_NEVER;
	c->progress_at = c->heard_at = now;
	if (c->keep_alive_ns)
		c->alive_at = now + c->keep_alive_ns;
	tcp_recovery_agreed(&c->recovery, c->mss, c->sack, c->timestamps);
	tcp_count(c->passive ? TCP_COUNT_ACCEPTED : TCP_COUNT_CONNECTED);
	tcp_counts[TCP_NOW_OPEN]++;
	if (c->listener)
		tcp_listener_opened(c);
	else
		tcp_event_opened(c);
}

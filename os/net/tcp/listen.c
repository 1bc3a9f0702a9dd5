/* SPDX-License-Identifier: ISC */
/*
 * A SYN makes a half-open connection, whose SYN-ACK the connection's own timer repeats. With
 * TCP_HALF_OPEN_MAX of them a SYN is answered with a cookie instead, and only the ACK that returns
 * it makes a connection.
 */
#include <net/tcp/internal.h>

#include <core/heap.h>
#include <net/interface_internal.h>

#define COOKIES_NS (128 * NS_PER_S) /* how long after the last one an ACK may return one */

static struct tcp_listener *listeners;

struct tcp_listener *tcp_listener_find(const struct interface *i, uint16_t port)
{
	struct tcp_listener *l = listeners;
	while (l && (l->port != port || (i && l->interface && l->interface != i)))
		l = l->next;
	return l;
}

int tcp_listen(struct tcp_listener **to, struct interface *i, uint16_t port,
               const struct tcp_options *o)
{
	static const struct tcp_options none;
	o = o ? o : &none;
	if (!port)
		return ERR_INVALID;
	for (struct tcp_listener *l = listeners; l; l = l->next) {
		if (l->port == port && (!l->interface || !i || l->interface == i))
			return ERR_EXISTS;
	}
	struct tcp_listener *l = heap_alloc_zero(1, sizeof *l);
	if (!l)
		return ERR_MEMORY;
	tcp_start();
	l->options = *o;
	l->options.backlog = o->backlog ? o->backlog : TCP_BACKLOG_DEFAULT;
	l->interface = i;
	l->port = port;
	list_init(&l->half_open);
	list_init(&l->ready);
	task_queue_init(&l->acceptors);
	l->next = listeners;
	listeners = l;
	*to = l;
	return OK;
}

void tcp_listener_close(struct tcp_listener *l)
{
	struct tcp_listener **at = &listeners;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	struct list *both[] = { &l->half_open, &l->ready };
	for (uint32_t k = 0; k < 2; k++) {
		while (!list_empty(both[k])) {
			struct tcp_connection *c =
			        container_of(both[k]->next, struct tcp_connection, pending);
			tcp_connection_reset(c, ERR_CLOSED);
		}
	}
	ensure(!l->half_open_count && !l->ready_count);
	l->closed = true;
	if (l->blocked)
		task_wake_all(&l->acceptors);
	else
		heap_free(l);
}

void tcp_listener_forget(struct tcp_connection *c)
{
	struct tcp_listener *l = c->listener;
	ensure(l && (c->half_open ? l->half_open_count : l->ready_count));
	list_remove(&c->pending);
	if (c->half_open)
		l->half_open_count--;
	else
		l->ready_count--;
	c->listener = NULL;
}

/* ---- Half-open connections ---- */

static struct tcp_address address_of(const struct tcp_input *in)
{
	return (struct tcp_address){ .local = in->packet->destination,
		                     .remote = in->packet->source,
		                     .local_port = in->segment.destination,
		                     .remote_port = in->segment.source };
}

static struct tcp_connection *make(struct tcp_listener *l, const struct tcp_input *in,
                                   const struct tcp_segment *syn, uint32_t iss)
{
	struct tcp_address a = address_of(in);
	struct ip4_route route = { .tos = 0 };
	if (ip4_route(&route, in->packet->interface, a.remote))
		return NULL;
	route.source = a.local;
	struct tcp_connection *c = tcp_connection_new(&a, &route, &l->options);
	if (!c)
		return NULL;
	c->passive = c->timestamps = c->sack = c->scaling = true;
	c->iss = iss;
	c->ecn = !c->no_ecn && (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
	tcp_connection_agree(c, syn);
	tcp_recovery_open(&c->recovery,
	                  &(struct recovery_setup){ .iss = iss,
	                                            .mss = c->mss,
	                                            .sack = c->sack,
	                                            .timestamps = c->timestamps,
	                                            .congestion = l->options.congestion },
	                  in->now);
	c->queue_seq = iss + 1;
	c->small_end = iss + 1;
	c->state = TCP_SYN_RECEIVED;
	c->listener = l;
	c->half_open = c->told_drained = true;
	list_append(&l->half_open, &c->pending);
	l->half_open_count++;
	return c;
}

/* The SYN-ACK that nobody will repeat. False: none can say what this SYN does. */
static bool send_cookie(struct tcp_listener *l, const struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if (tcp_segment_mss(s, in->packet->source) < TCP_COOKIE_MSS_MIN)
		return false;
	struct tcp_address a = address_of(in);
	uint32_t mtu = in->packet->interface->device.features & AMP_NET_RX_SEGMENTS
	                       ? AMP_NET_SEGMENT_MTU
	                       : tcp_path_mtu(in->packet->interface, a.remote);
	uint32_t most = l->options.receive_max ? l->options.receive_max : TCP_RECEIVE_MAX;
	uint8_t scale = 0;
	while (scale < TCP_SCALE_MAX && most >> scale > UINT16_MAX)
		scale++;
	struct tcp_segment answer = { .flags = TCP_SYN | TCP_ACK,
		                      .ack = s->seq + 1,
		                      .window = UINT16_MAX,
		                      .has_mss = true,
		                      .mss = (uint16_t)(mtu - tcp_headers(a.remote)),
		                      .has_timestamps = s->has_timestamps,
		                      .sack_permitted = s->sack_permitted && s->has_timestamps,
		                      .has_scale = s->has_scale && s->has_timestamps,
		                      .scale = scale,
		                      .value = (uint32_t)(in->now / NS_PER_MS) +
		                               tcp_secret_timestamp_offset(&a),
		                      .echo = s->value };
	if (most < UINT16_MAX)
		answer.window = (uint16_t)most;
	bool ecn = (s->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) && s->has_timestamps;
	answer.flags |= ecn && !l->options.no_ecn ? TCP_ECE : 0;
	answer.seq = tcp_cookie_make(&a, s, in->now, &answer.value);
	l->cookies_until = in->now + COOKIES_NS;
	tcp_count(TCP_COUNT_COOKIES_SENT);
	tcp_output_stray(in, &answer);
	return true;
}

/* The connection in TIME-WAIT ends, since another one has taken its addresses and ports. */
static void reuse(struct tcp_wait *w)
{
	tcp_wait_forget(w);
	tcp_count(TCP_COUNT_TIME_WAIT_REUSED);
}

/* w: what is left of an earlier connection; null: nothing. It stays unless the SYN is taken. */
static void syn(struct tcp_listener *l, struct tcp_input *in, struct tcp_wait *w)
{
	/* More would only be refused when they are open: the peer tries again. */
	if (l->ready_count >= l->options.backlog) {
		tcp_count(TCP_COUNT_BACKLOG_FULL);
		return;
	}
	if (l->half_open_count >= TCP_HALF_OPEN_MAX) {
		if (send_cookie(l, in) && w)
			reuse(w);
		return;
	}
	struct tcp_address a = address_of(in);
	uint32_t iss = tcp_secret_iss(&a, in->now);
	if (w && seq_le(iss, tcp_wait_send_next(w)))
		iss = tcp_wait_send_next(w) +
		      65537; /* RFC 6191 §2: above all that the old one had */
	struct tcp_connection *c = make(l, in, &in->segment, iss);
	if (!c)
		return;
	if (w)
		reuse(w);
	tcp_connection_work(c, WORK_OUTPUT);
}

static void cookie(struct tcp_listener *l, struct tcp_input *in)
{
	struct tcp_segment syn;
	struct tcp_address a = address_of(in);
	if (in->now > l->cookies_until || !tcp_cookie_check(&a, &in->segment, in->now, &syn)) {
		if (in->now <= l->cookies_until)
			tcp_count(TCP_COUNT_COOKIES_BAD);
		tcp_output_stray_reset(in);
		return;
	}
	tcp_count(TCP_COUNT_COOKIES_GOOD);
	if (l->ready_count >= l->options.backlog) {
		tcp_count(TCP_COUNT_BACKLOG_FULL);
		return; /* it will send data again, which returns the cookie once more */
	}
	struct tcp_connection *c = make(l, in, &syn, in->segment.ack - 1);
	if (!c)
		return;
	if (tcp_recovery_ready(&c->recovery)) /* as if the SYN-ACK had just been sent */
		tcp_recovery_sent(&c->recovery, c->iss, c->iss + 1, true, in->now);
	/* What the SYN-ACK had said: its window. */
	uint32_t most = c->receive.max < UINT16_MAX ? c->receive.max : UINT16_MAX;
	c->edge = c->receive.next + most;
	tcp_input_connection(c, in);
}

void tcp_listener_input(struct tcp_listener *l, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	struct tcp_address a = address_of(in);
	struct tcp_wait *w = tcp_wait_find(&a);
	if (w && !tcp_wait_opens(w, s)) {
		tcp_wait_input(w, in);
		return;
	}
	if (s->flags & TCP_RST) /* RFC 9293 §3.10.7.2 */
		return;
	if (s->flags & TCP_ACK) {
		if (s->flags & TCP_SYN)
			tcp_output_stray_reset(in);
		else
			cookie(l, in);
		return;
	}
	if (s->flags & TCP_SYN && !(s->flags & TCP_FIN))
		syn(l, in, w);
}

/* ---- Open connections ---- */

void tcp_listener_opened(struct tcp_connection *c)
{
	struct tcp_listener *l = c->listener;
	ensure(c->half_open && l->half_open_count);
	list_remove(&c->pending);
	c->half_open = false;
	l->half_open_count--;
	if (l->accept) {
		c->listener = NULL;
		if (!l->accept(l->context, c)) {
			c->orphan = true;
			tcp_connection_reset(c, ERR_REFUSED);
		}
		return;
	}
	list_append(&l->ready, &c->pending);
	l->ready_count++;
	task_wake_one(&l->acceptors);
}

static struct tcp_connection *take(struct tcp_listener *l)
{
	ensure(l->ready_count);
	struct tcp_connection *c = container_of(l->ready.next, struct tcp_connection, pending);
	list_remove(&c->pending);
	l->ready_count--;
	c->listener = NULL;
	return c;
}

int tcp_accept(struct tcp_listener *l, struct tcp_connection **to, uint64_t deadline_ns)
{
	while (list_empty(&l->ready)) {
		l->blocked++;
		int error = task_wait(&l->acceptors, deadline_ns);
		l->blocked--;
		if (l->closed) {
			if (!l->blocked)
				heap_free(l);
			return ERR_CLOSED;
		}
		if (error && list_empty(&l->ready))
			return error;
	}
	*to = take(l);
	return OK;
}

void tcp_listen_watch(struct tcp_listener *l, tcp_accept_fn *accept, void *context)
{
	l->accept = accept;
	l->context = context;
	while (accept && !list_empty(&l->ready)) {
		struct tcp_connection *c = take(l);
		if (!accept(context, c)) {
			c->orphan = true;
			tcp_connection_reset(c, ERR_REFUSED);
		}
	}
}

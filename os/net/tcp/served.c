/* SPDX-License-Identifier: ISC */
/*
 * A served connection's life: tcp_served.h. Each has one timer, which is moved only when it has to
 * fire earlier, and looks again when it fires: a request costs no work on the wheel.
 */
#include <net/tcp/served.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>

#define LOOKS       4u  /* at a connection that sends, in stall_ns */
#define SENDING_MAX 64u /* idle connections that are passed over because they send */

static const struct tcp_handlers handlers;
static void fired(struct timer *);

/* ---- Times ---- */

COLD void tcp_served_set(struct tcp_served *c, uint64_t at)
{
	if (at != CLOCK_NEVER)
		timer_set(&c->timer, at, fired);
}

void tcp_served_deadline(struct tcp_served *c, uint64_t from_now)
{
	c->deadline = from_now == CLOCK_NEVER ? CLOCK_NEVER : clock_coarse() + from_now;
	tcp_served_arm(c, c->deadline);
}

static void count_as(struct tcp_served *c, enum tcp_served_state state)
{
	struct tcp_server *s = c->server;
	c->state = (uint8_t)state;
	c->strict = false;
	c->rate = 0;
	list_move(state == TCP_SERVED_IDLE ? &s->idle : &s->busy, &c->all);
}

void tcp_served_busy(struct tcp_served *c, uint64_t from_now)
{
	count_as(c, TCP_SERVED_BUSY);
	tcp_served_deadline(c, from_now);
}

void tcp_served_owed(struct tcp_served *c, uint64_t grace, uint32_t rate)
{
	tcp_served_busy(c, grace);
	c->strict = true;
	c->rate = rate;
	c->got = 0;
	c->owed_at = clock_coarse();
}

void tcp_served_idle(struct tcp_served *c)
{
	if (c->server->stopping) {
		tcp_served_end(c);
		return;
	}
	count_as(c, TCP_SERVED_IDLE);
	tcp_served_deadline(c, c->server->limits.idle_ns);
	if (c->spare)
		heap_free(c->spare);
	c->spare = NULL;
}

/* ---- The end ---- */

/* Takes the members of a list one by one, though the work on one may end others. */
static struct tcp_served *next_of(struct list *batch, struct list *home)
{
	struct list *m = list_pop(batch);
	if (!m)
		return NULL;
	list_append(home, m);
	return container_of(m, struct tcp_served, all);
}

static void batch_of(struct list *batch, struct list *all)
{
	list_init(batch);
	for (struct list *m; (m = list_pop(all));)
		list_append(batch, m);
}

static void report(struct timer *t)
{
	struct tcp_server *s = container_of(t, struct tcp_server, stop_timer);
	struct list batch;
	struct tcp_served *c;
	batch_of(&batch, &s->idle);
	while ((c = next_of(&batch, &s->idle)))
		tcp_served_drop(c);
	batch_of(&batch, &s->busy);
	while ((c = next_of(&batch, &s->busy))) {
		if (c->in_task)
			c->broken = true;
		else
			tcp_served_drop(c);
	}
	if (s->reported)
		return;
	s->reported = true;
	task_wake_all(&s->waiters);
	if (s->holds)
		stop_release();
	s->holds = false;
	if (s->stopped)
		s->stopped(s->stopped_context, (uint32_t)s->counters.now);
}

/* TCP's handle is gone, or has been given back. */
static void end(struct tcp_served *c)
{
	struct tcp_server *s = c->server;
	c->tcp = NULL;
	c->depth++;
	if (c->protocol->ended)
		c->protocol->ended(c);
	if (tcp_served_layer(c))
		tcp_served_layer(c)->ended(c);
	timer_stop(&c->timer);
	list_remove(&c->all);
	tcp_served_release(c);
	if (!--s->counters.now && s->stopping)
		timer_set_in(&s->stop_timer, 0, report);
	tcp_served_leave(c);
}

void tcp_served_left(struct tcp_served *c)
{
	if (!c->depth)
		heap_free(c);
}

void tcp_served_drop(struct tcp_served *c)
{
	if (!c->tcp)
		return;
	tcp_abort(c->tcp);
	end(c);
}

void tcp_served_drop_soon(struct tcp_served *c)
{
	c->broken = true;
	tcp_served_arm(c, clock_coarse());
}

static void close_now(struct tcp_served *c)
{
	if (tcp_served_layer(c))
		tcp_served_layer(c)->ending(c);
	tcp_close(c->tcp);
	end(c);
}

/* Everything is TCP's: our FIN. */
static void say_goodbye(struct tcp_served *c)
{
	c->fin_due = false;
	if (c->finished) {
		close_now(c);
		return;
	}
	if (tcp_served_layer(c))
		tcp_served_layer(c)->ending(c);
	tcp_shutdown(c->tcp);
	tcp_served_deadline(c, c->server->limits.linger_ns);
	/* What waits is thrown away: unread bytes would make a reset of our close (RFC 2525 §2.17). */
	tcp_resume(c->tcp);
}

void tcp_served_end(struct tcp_served *c)
{
	if (!c->tcp || c->state == TCP_SERVED_LINGER)
		return;
	count_as(c, TCP_SERVED_LINGER);
	c->fin_due = true;
	if (c->pieces || !tcp_served_flushed(c))
		tcp_served_deadline(c, c->server->limits.stall_ns);
	else
		say_goodbye(c);
}

void tcp_served_close(struct tcp_served *c)
{
	if (!c->tcp)
		return;
	if (c->pieces || !tcp_served_flushed(c))
		tcp_served_end(c);
	else
		close_now(c);
}

/* ---- Patience ---- */

static void flow(struct tcp_served *);

/* It goes for its memory. */
static void make_way(struct tcp_served *c)
{
	const struct tcp_served_protocol *p = c->protocol;
	c->crowded = false;
	c->server->counters.crowded++;
	if (p->crowded)
		p->crowded(c);
	if (c->tcp && c->state != TCP_SERVED_LINGER)
		tcp_served_drop(c);
}

/* Looks after what is being sent. False: it has ended. *next comes nearer. */
static bool watch_sending(struct tcp_served *c, uint64_t now, bool *due, uint64_t *next)
{
	uint64_t stall = c->server->limits.stall_ns, look = now + stall / LOOKS;
	tcp_served_look(c);
	if (c->pieces)
		flow(c);
	if (!c->tcp || !tcp_served_sending(c))
		return c->tcp;
	if (now - c->moved_at >= stall) {
		c->server->counters.stalled++;
		tcp_served_drop(c);
		return false;
	}
	look = look < c->moved_at + stall ? look : c->moved_at + stall;
	if (*due && !c->strict) { /* its time runs when it has got what was sent */
		*due = false;
		c->deadline = *next = look;
	}
	*next = *next < look ? *next : look;
	return true;
}

/* False: it has ended. */
static bool last_words(struct tcp_served *c)
{
	if (!tcp_served_duplex || !c->duplex)
		return true;
	tcp_served_enter(c);
	c->protocol->stopping(c);
	return tcp_served_leave(c);
}

static void over(struct tcp_served *c, uint64_t now)
{
	const struct tcp_served_protocol *p = c->protocol;
	switch ((enum tcp_served_state)c->state) {
	case TCP_SERVED_IDLE:
		c->server->counters.idled++;
		if (last_words(c))
			tcp_served_close(c);
		return;
	case TCP_SERVED_LINGER:
		tcp_served_drop(c);
		return;
	case TCP_SERVED_BUSY:
		if (c->rate && c->got >= (now - c->owed_at) / NS_PER_S * c->rate)
			tcp_served_deadline(c, NS_PER_S);
		else if (p->expired)
			p->expired(c);
		else
			tcp_served_drop(c);
	}
}

static void fired(struct timer *t)
{
	struct tcp_served *c = container_of(t, struct tcp_served, timer);
	uint64_t now = clock_coarse(), next = c->deadline;
	bool due = now >= next;
	if (c->in_task) { /* its calls have deadlines of their own */
		tcp_served_arm(c, now + c->server->limits.stall_ns);
		return;
	}
	tcp_served_enter(c);
	if (c->broken) {
		tcp_served_drop(c);
	} else if (c->crowded) {
		make_way(c);
	} else if (!tcp_served_sending(c) || watch_sending(c, now, &due, &next)) {
		if (due)
			over(c, now);
		else
			tcp_served_arm(c, next);
	}
	if (!tcp_served_leave(c) || timer_is_set(&c->timer))
		return;
	tcp_served_arm(c, c->deadline > now ? c->deadline : now + c->server->limits.stall_ns);
}

/* ---- Events ---- */

static uint32_t received(void *context, struct tcp_connection *tcp, const uint8_t *bytes,
                         uint32_t size)
{
	struct tcp_served *c = context;
	(void)tcp;
	if (c->state == TCP_SERVED_LINGER)
		return size;
	if (!(tcp_served_duplex && c->duplex) && tcp_served_full(c))
		return 0;
	tcp_served_enter(c);
	uint32_t used = tcp_served_layer(c) ? tcp_served_layer(c)->received(c, bytes, size)
	                                    : c->protocol->received(c, bytes, size);
	return tcp_served_leave(c) && c->state != TCP_SERVED_LINGER ? used : size;
}

static void finished(void *context, struct tcp_connection *tcp)
{
	struct tcp_served *c = context;
	(void)tcp;
	c->finished = true;
	tcp_served_enter(c);
	if (c->state == TCP_SERVED_LINGER && c->fin_due)
		; /* FIN follows what is held */
	else if (c->state == TCP_SERVED_LINGER || !c->protocol->finished)
		tcp_served_close(c);
	else
		c->protocol->finished(c);
	tcp_served_leave(c);
}

/* There is room again. */
static void flow(struct tcp_served *c)
{
	tcp_served_enter(c);
	if (c->pieces || tcp_served_layer(c))
		tcp_served_pump(c);
	if (c->fin_due && !c->pieces && tcp_served_flushed(c))
		say_goodbye(c);
	if (c->tcp && c->state != TCP_SERVED_LINGER) {
		if (c->protocol->writable)
			c->protocol->writable(c);
		if (c->tcp && c->paused) {
			c->paused = false;
			if (!tcp_served_full(c))
				tcp_resume(c->tcp);
		}
	}
	tcp_served_leave(c);
}

static void writable(void *context, struct tcp_connection *tcp)
{
	(void)tcp;
	tcp_served_look(context);
	flow(context);
}

static void drained(void *context, struct tcp_connection *tcp)
{
	struct tcp_served *c = context;
	(void)tcp;
	tcp_served_drained(c);
	bool opening = tcp_served_layer(c) && !tcp_served_layer_state(c)->open;
	if (c->state == TCP_SERVED_IDLE && !opening)
		tcp_served_deadline(c, c->server->limits.idle_ns);
	if (c->pieces || c->paused || c->fin_due || c->protocol->writable || tcp_served_layer(c))
		flow(c);
}

static void closed(void *context, struct tcp_connection *tcp, int reason)
{
	(void)tcp, (void)reason;
	end(context);
}

static const struct tcp_handlers handlers = { .received = received,
	                                      .finished = finished,
	                                      .writable = writable,
	                                      .drained = drained,
	                                      .closed = closed };

/* ---- Birth ---- */

/* Addresses of one host, as far as anybody can tell: of IPv6, all of a network of 64 bits are one subscriber's. */
static bool same_host(struct net_address a, struct net_address b)
{
	return a.halves[0] == b.halves[0] && (a.halves[0] || a.halves[1] == b.halves[1]);
}

/* Ends the one that is idle for longest; of a host if that is not null. One whose answer is still on its way only
 * if the first ones all are. */
static bool make_room(struct tcp_server *s, const struct net_address *remote)
{
	struct tcp_served *oldest = NULL;
	uint32_t sending = 0;
	list_each (at, &s->idle) {
		struct tcp_served *c = container_of(at, struct tcp_served, all);
		if (remote && !same_host(c->remote, *remote))
			continue;
		bool quiet = !tcp_served_sending(c);
		if (quiet || !oldest)
			oldest = c;
		if (quiet || ++sending == SENDING_MAX)
			break;
	}
	if (!oldest)
		return false;
	s->counters.made_room++;
	tcp_served_drop(oldest);
	return true;
}

static uint32_t same_address(const struct tcp_server *s, struct net_address remote)
{
	const struct list *lists[] = { &s->idle, &s->busy };
	uint32_t n = 0;
	for (uint32_t k = 0; k < 2; k++) {
		list_each (at, lists[k])
			n += same_host(container_of(at, struct tcp_served, all)->remote, remote);
	}
	return n;
}

/* Where the layer's state lies in what is allocated for a connection. */
static uint32_t tcp_served_layer_at(const struct tcp_server *s)
{
	return (s->protocol->size + 15) & ~15u;
}

struct tcp_layer_state *tcp_served_layer_state(const struct tcp_served *c)
{
	return (struct tcp_layer_state *)((uintptr_t)c + tcp_served_layer_at(c->server));
}

void tcp_served_layer_open(struct tcp_served *c)
{
	tcp_served_layer_state(c)->open = true;
	if (c->state == TCP_SERVED_IDLE)
		tcp_served_idle(c);
	if (c->tcp && c->pieces)
		tcp_served_pump(c);
}

static bool open(struct tcp_server *s, struct tcp_connection *tcp)
{
	const struct tcp_server_limits *l = &s->limits;
	struct tcp_info info;
	tcp_info(tcp, &info);
	if (l->per_address_max && same_address(s, info.remote) >= l->per_address_max &&
	    !make_room(s, &info.remote))
		return false;
	if (s->counters.now >= l->connections_max && !make_room(s, NULL))
		return false;
	const struct tcp_layer *layer = tcp_served_layered ? s->layer : NULL;
	struct tcp_served *c = heap_alloc_zero(1, layer ? tcp_served_layer_at(s) + layer->size
	                                                : s->protocol->size);
	if (!c)
		return false;
	c->server = s;
	c->protocol = s->protocol;
	c->tcp = tcp;
	c->remote = info.remote;
	c->remote_port = info.remote_port;
	c->last = &c->pieces;
	list_init(&c->all);
	if (s->protocol->opened && !s->protocol->opened(c)) {
		heap_free(c);
		return false;
	}
	s->counters.connections++;
	s->counters.now++;
	tcp_served_idle(c);
	if (layer) {
		layer->opened(c);
		c->strict = true;
	}
	tcp_watch(tcp, &handlers, c);
	return true;
}

static bool accepted(void *context, struct tcp_connection *tcp)
{
	struct tcp_server *s = context;
	bool taken = open(s, tcp);
	s->counters.refused += !taken;
	return taken;
}

/* What is left of the time when the last connections are reset. */
#define STOP_MARGIN_NS (250 * NS_PER_MS)

static void image_stops(struct stop_handler *h, uint64_t deadline_ns)
{
	struct tcp_server *s = container_of(h, struct tcp_server, on_stop);
	uint64_t now = clock_now(), time = deadline_ns > now ? deadline_ns - now : 0;
	if (s->reported)
		return;
	stop_hold();
	s->holds = true;
	tcp_server_stop(s, now + time - (time / 4 < STOP_MARGIN_NS ? time / 4 : STOP_MARGIN_NS),
	                s->stopped, s->stopped_context);
}

void tcp_server_wait(struct tcp_server *s)
{
	stop_hold();
	while (!s->reported)
		task_wait(&s->waiters, CLOCK_NEVER);
	if (!stop_asked())
		stop_release();
}

int tcp_server_open(struct tcp_server *s, const struct tcp_served_protocol *protocol,
                    struct interface *interface, uint16_t port, const struct tcp_options *options,
                    const struct tcp_server_limits *limits)
{
	static const struct tcp_server_limits none;
	const struct tcp_server_limits *l = limits ? limits : &none;
	*s = (struct tcp_server){
		.protocol = protocol,
		.limits = {
			.connections_max = l->connections_max ? l->connections_max : TCP_SERVED_CONNECTIONS_MAX,
			.per_address_max = l->per_address_max,
			.unsent_max = l->unsent_max ? l->unsent_max : TCP_SERVED_UNSENT_MAX,
			.buffers_max = l->buffers_max ? l->buffers_max : heap_figures().total / TCP_SERVED_BUFFERS_SHARE,
			.idle_ns = l->idle_ns ? l->idle_ns : TCP_SERVED_IDLE_NS,
			.stall_ns = l->stall_ns ? l->stall_ns : TCP_SERVED_STALL_NS,
			.linger_ns = l->linger_ns ? l->linger_ns : TCP_SERVED_LINGER_NS,
		},
	};
	list_init(&s->idle);
	list_init(&s->busy);
	task_queue_init(&s->waiters);
	int error = tcp_listen(&s->listener, interface, port, options);
	if (error)
		return error;
	tcp_listen_watch(s->listener, accepted, s);
	s->on_stop.stop = image_stops;
	stop_on(&s->on_stop);
	return OK;
}

/* Such a one's next request may be on its way: with FIN now it would be lost, and its client would see an error. */
static bool was_busy_lately(const struct tcp_served *c)
{
	uint64_t idle_ns = c->server->limits.idle_ns;
	return c->written &&
	       (idle_ns == CLOCK_NEVER || c->deadline - idle_ns + NS_PER_S > clock_coarse());
}

void tcp_server_stop(struct tcp_server *s, uint64_t deadline_ns, tcp_server_stopped_fn *stopped,
                     void *context)
{
	struct list batch;
	struct tcp_served *c;
	if (s->stopping)
		return;
	tcp_listener_close(s->listener);
	s->listener = NULL;
	s->stopping = true;
	s->stopped = stopped;
	s->stopped_context = context;
	batch_of(&batch, &s->idle);
	while ((c = next_of(&batch, &s->idle))) {
		if (!last_words(c))
			continue;
		if (!(tcp_served_duplex && c->duplex) && was_busy_lately(c)) {
			tcp_served_deadline(c, TCP_SERVED_STOP_GRACE_NS);
			c->strict = true;
		} else {
			tcp_served_end(c);
		}
	}
	batch_of(&batch, &s->busy);
	while ((c = next_of(&batch, &s->busy))) {
		if (c->state != TCP_SERVED_BUSY || c->in_task || !c->protocol->stopping)
			continue;
		tcp_served_enter(c);
		c->protocol->stopping(c);
		tcp_served_leave(c);
	}
	timer_set(&s->stop_timer, s->counters.now ? deadline_ns : clock_now(), report);
}

/* ---- Tasks ---- */

void tcp_served_to_task(struct tcp_served *c)
{
	c->in_task = true;
	tcp_watch(c->tcp, NULL, NULL);
}

void tcp_served_from_task(struct tcp_served *c)
{
	c->in_task = c->crowded = false;
	if (c->broken) {
		tcp_served_drop(c);
		return;
	}
	tcp_served_look(c);
	tcp_watch(c->tcp, &handlers, c);
}

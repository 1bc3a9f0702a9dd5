/* SPDX-License-Identifier: ISC */
/* The table of connections grows with them; its hash is keyed, since peers choose ports. */
#include <net/tcp/internal.h>

#include <core/check.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/loop.h>
#include <core/random.h>
#include <net/interface_internal.h>
#include <net/icmp.h>

#define BUCKETS_FIRST   64u
#define EPHEMERAL_FIRST 32768u /* below are services, ours and those of our peers */
#define EPHEMERAL_LAST  60999u

static struct tcp_connection **table;
static uint32_t buckets, connections;
static struct list turn = LIST_INIT(turn);
static uint64_t memory_max;
static struct list stalled = LIST_INIT(stalled); /* connections whose output waits for the device */

static struct tcp_connection **bucket(const struct tcp_address *a)
{
	return &table[hash_bytes(a, sizeof *a) & (buckets - 1)];
}

static bool same(const struct tcp_address *a, const struct tcp_address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* ---- TCP's turn ---- */

/* Who has something to send while others wait for the device waits behind them: else those whose
 * segments happen to be worked on first take all that it has room for, again and again. */
static bool waits_in_line(const struct tcp_connection *c)
{
	return !list_empty(&stalled) && !tcp_output_ready(c);
}

static void work_on(struct tcp_connection *c, uint64_t now)
{
	uint8_t work = c->work;
	c->work = 0;
	c->blocked = false;
	if (work & WORK_SHOW && !c->gone)
		tcp_event_show(c, now);
	if (work & WORK_OUTPUT && !c->gone && !c->detached) {
		if (waits_in_line(c)) {
			c->blocked = true;
			c->work |= WORK_OUTPUT;
		} else {
			tcp_output(c, now);
		}
	}
	if (c->gone) {
		list_remove(&c->turn);
		timer_stop(&c->timer);
		heap_free(c);
	} else if (c->blocked) {
		list_remove(&c->turn);
		list_append(&stalled, &c->turn);
	}
}

static struct tcp_connection *first_of(const struct list *l)
{
	return list_empty(l) ? NULL : container_of(l->next, struct tcp_connection, turn);
}

static bool poll(struct loop_source *source)
{
	struct tcp_connection *c;
	uint64_t now = 0;
	(void)source;
	/* One that the device refuses again leaves it without room: this ends. */
	while ((c = first_of(&stalled)) && tcp_output_ready(c)) {
		now = now ? now : clock_now();
		list_remove(&c->turn);
		work_on(c, now);
	}
	if (list_empty(&turn))
		return now;
	struct list batch = turn; /* what comes into the list meanwhile is for the next turn */
	batch.next->prev = batch.prev->next = &batch;
	list_init(&turn);
	now = now ? now : clock_now();
	while ((c = first_of(&batch))) {
		list_remove(&c->turn);
		work_on(c, now);
	}
	return true;
}

static uint64_t events(struct loop_source *source)
{
	(void)source;
	return list_empty(&stalled) ? AMP_WAIT_RECEIVE : AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE;
}

void tcp_connection_work(struct tcp_connection *c, enum tcp_work work)
{
	/* One that waits for the device has other work done meanwhile. */
	if (!c->work || (c->blocked && work != WORK_OUTPUT)) {
		list_remove(&c->turn);
		list_append(&turn, &c->turn);
	}
	c->work |= (uint8_t)work;
}

static struct loop_source source = { .poll = poll, .events = events };
static bool started;

void tcp_start(void)
{
	if (started)
		return;
	started = true;
	ip4_protocol_set(IP4_PROTOCOL_TCP, tcp_input);
	tcp_path_start();
	memory_max = heap_figures().total / TCP_MEMORY_SHARE;
	loop_add(&source);
}

uint64_t tcp_connection_memory_left(void)
{
	uint64_t used = tcp_queue_memory() + tcp_receive_memory();
	return used < memory_max ? memory_max - used : 0;
}

bool tcp_connection_memory_short(void)
{
	return tcp_connection_memory_left() < memory_max / 4;
}

/* ---- The table ---- */

struct tcp_connection *tcp_connection_find(const struct tcp_address *a)
{
	if (!table)
		return NULL;
	struct tcp_connection *c = *bucket(a);
	while (c && !same(&c->address, a))
		c = c->chain;
	return c;
}

static bool table_grow(void)
{
	uint32_t old = buckets, size = old ? 2 * old : BUCKETS_FIRST;
	struct tcp_connection **from = table,
	                      **to = heap_alloc_zero(size, sizeof(struct tcp_connection *));
	if (!to)
		return table != NULL; /* longer chains, then */
	table = to;
	buckets = size;
	for (uint32_t k = 0; k < old; k++) {
		for (struct tcp_connection *c = from[k], *next; c; c = next) {
			next = c->chain;
			struct tcp_connection **at = bucket(&c->address);
			c->chain = *at;
			*at = c;
		}
	}
	heap_free(from);
	return true;
}

/* Address and ports under a secret, drawn when first used: RFC 6528 §3. */
static uint32_t secret_hash(const struct tcp_address *a, uint32_t which)
{
	static uint64_t keys[3][2];
	if (!keys[which][0])
		random_bytes(keys[which], sizeof keys[which]);
	return (uint32_t)hash_bytes_keyed(keys[which], a, sizeof *a);
}

uint32_t tcp_connection_iss(const struct tcp_address *a, uint64_t now)
{
	return secret_hash(a, 0) + (uint32_t)(now / 4000); /* a tick each 4 us (RFC 9293 §3.4.1) */
}

uint32_t tcp_connection_timestamp_offset(const struct tcp_address *a)
{
	return secret_hash(a, 1);
}

uint16_t tcp_connection_port(uint32_t local, uint32_t remote, uint16_t port)
{
	static uint32_t counter;
	struct tcp_address a = { .local = local, .remote = remote, .remote_port = port };
	uint32_t total = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1, start = secret_hash(&a, 2);
	for (uint32_t k = 0; k < total; k++) {
		a.local_port = (uint16_t)(EPHEMERAL_FIRST + (start + counter++) % total);
		if (!tcp_connection_find(&a) && !tcp_wait_find(&a) &&
		    !tcp_listener_find(NULL, a.local_port))
			return a.local_port;
	}
	return 0;
}

static void connection_timer(struct timer *t);

struct tcp_connection *tcp_connection_new(const struct tcp_address *a,
                                          const struct ip4_route *route,
                                          const struct tcp_options *o)
{
	if (connections >= buckets && !table_grow())
		return NULL;
	struct tcp_connection *c = heap_alloc_zero(1, sizeof *c);
	if (!c) {
		tcp_count(TCP_COUNT_NO_MEMORY);
		return NULL;
	}
	c->address = *a;
	c->route = *route;
	c->route.protocol = IP4_PROTOCOL_TCP;
	c->route.mac_known = false;
	c->route.tos = 0;
	c->no_delay = o->no_delay;
	c->no_ecn = o->no_ecn;
	c->keep_alive_ns = o->keep_alive_ns;
	c->user_timeout_ns = o->user_timeout_ns ? o->user_timeout_ns : TCP_USER_TIMEOUT_NS;
	c->send_max = o->send_max ? o->send_max : TCP_SEND_MAX;
	c->send_max = c->send_max < 4096 ? 4096 : c->send_max;
	c->ack_at = c->persist_at = c->again_at = c->alive_at = c->end_at = CLOCK_NEVER;
	c->path_mtu = tcp_path_mtu(route->interface, a->remote);
	c->timestamp_offset = tcp_connection_timestamp_offset(a);
	c->peer_mss = TCP_MSS_DEFAULT;
	list_init(&c->turn);
	list_init(&c->pending);
	task_queue_init(&c->waiters);
	uint32_t most = o->receive_max ? o->receive_max : TCP_RECEIVE_MAX;
	most = most < 4096 ? 4096 : most;
	tcp_receive_open(&c->receive, 0, most < TCP_RECEIVE_DEFAULT ? most : TCP_RECEIVE_DEFAULT,
	                 most);
	while (c->receive_scale < TCP_SCALE_MAX && most >> c->receive_scale > UINT16_MAX)
		c->receive_scale++;
	tcp_queue_open(&c->queue, c->send_max);
	c->recovery.algorithm = o->congestion;
	c->timer.fn = connection_timer;
	struct tcp_connection **at = bucket(a);
	c->chain = *at;
	*at = c;
	connections++;
	return c;
}

static void table_remove(struct tcp_connection *c)
{
	struct tcp_connection **at = bucket(&c->address);
	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	connections--;
}

static void connection_timer(struct timer *t)
{
	tcp_timer_expired(container_of(t, struct tcp_connection, timer));
}

/* ---- Birth ---- */

void tcp_connection_agree(struct tcp_connection *c, const struct tcp_segment *syn)
{
	c->irs = syn->seq;
	c->timestamps = c->timestamps && syn->has_timestamps;
	c->sack = c->sack && syn->sack_permitted;
	c->scaling = c->scaling && syn->has_scale;
	if (c->scaling)
		c->send_scale = syn->scale;
	else
		c->send_scale = c->receive_scale = 0;
	c->peer_mss = syn->has_mss ? syn->mss : TCP_MSS_DEFAULT;
	c->peer_mss = c->peer_mss < TCP_MSS_MIN ? TCP_MSS_MIN : c->peer_mss;
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

/* ---- End ---- */

void tcp_connection_free_soon(struct tcp_connection *c)
{
	c->gone = true;
	c->handlers = NULL;
	tcp_receive_close(&c->receive);
	tcp_connection_work(c, WORK_FREE);
}

void tcp_connection_end(struct tcp_connection *c, int reason, enum tcp_state state)
{
	if (c->detached)
		return;
	if (tcp_connection_synchronized(c))
		tcp_counts[TCP_NOW_OPEN]--;
	else
		tcp_count(TCP_COUNT_FAILED);
	c->state = (uint8_t)state;
	c->error = reason;
	c->detached = true;
	table_remove(c);
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

void tcp_stop(void)
{
	for (uint32_t k = 0; k < buckets; k++) {
		while (table[k])
			tcp_abort(table[k]);
	}
	for (struct list *l; (l = list_pop(&stalled));) /* all of them are gone: nothing is sent */
		list_append(&turn, l);
	while (poll(&source))
		;
	tcp_wait_clear();
	heap_free(table);
	table = NULL;
	buckets = 0;
	memset(tcp_counts, 0, sizeof tcp_counts);
	if (started)
		loop_remove(&source);
	started = false;
}

/* ---- For checks ---- */

/* Of every connection in the table; `holds` null: the table itself. */
static bool all_hold(bool (*holds)(const struct tcp_connection *))
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < buckets; k++)
		for (const struct tcp_connection *c = table[k]; c; c = c->chain)
			if (n++ == connections || (holds && !c->gone && !holds(c)))
				return false;
	return n == connections;
}

static bool queue_holds(const struct tcp_connection *c)
{
	return tcp_queue_is_valid(&c->queue);
}

static bool receive_holds(const struct tcp_connection *c)
{
	return tcp_receive_is_valid(&c->receive);
}

static bool recovery_holds(const struct tcp_connection *c)
{
	return tcp_recovery_is_valid(&c->recovery);
}

CHECK("net", "TCP: the table holds as many connections as are counted", table_holds)
{
	return all_hold(NULL) && list_is_valid(&turn) && list_is_valid(&stalled);
}

CHECK("net", "TCP: what is to be sent adds up to its pieces", queues_hold)
{
	return all_hold(queue_holds);
}

CHECK("net", "TCP: what was received lies in order, holes between it", receivers_hold)
{
	return all_hold(receive_holds);
}

CHECK("net", "TCP: what was sent is under way, acknowledged or lost, and counted once",
      recoveries_hold)
{
	return all_hold(recovery_holds);
}

/* SPDX-License-Identifier: ISC */
/* The fake TCP and the fakes of core. The contract is in fake.h. */
#include "fake.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <core/task.h>
#include <core/timer.h>
#include <core/stop.h>
#include <net/resolver.h>
#include <net/tcp_served.h>

#ifndef TCP_LAYERED
#define TCP_LAYERED false
#endif
const bool tcp_served_layered = TCP_LAYERED, tcp_served_duplex = true;

struct fake fake;

static struct tcp_connection *all;
static struct timer *timers;
static tcp_accept_fn *accept_fn;
static void *accept_context;

struct spawned {
	task_fn *fn;
	void *arg;
};
#define SPAWNED_MAX 64u
#define SEGMENT     1448u /* bytes: what a slow reader acknowledges at once, to one who waits */
static struct spawned spawned[SPAWNED_MAX];
static uint32_t spawned_count;
static bool in_task;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "the library misuses the fake: %s\n", what);
	abort();
}

/* The same after each start. */
static uint64_t random_state;

uint32_t random_u32(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 32);
}

/* ---- Time ---- */

uint64_t clock_now(void)
{
	return fake.now;
}

uint64_t clock_coarse(void)
{
	return fake.now;
}

int64_t clock_wall(void)
{
	return FAKE_WALL * (int64_t)NS_PER_S + (int64_t)fake.now;
}

void timer_stop(struct timer *t)
{
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
}

void timer_set(struct timer *t, uint64_t deadline, timer_fn *fn)
{
	timer_stop(t);
	t->deadline = deadline;
	t->fn = fn;
	t->next = timers;
	if (timers)
		timers->link = &t->next;
	t->link = &timers;
	timers = t;
}

void timer_set_in(struct timer *t, uint64_t from_now, timer_fn *fn)
{
	timer_set(t, fake.now + from_now, fn);
}

static struct timer *earliest(void)
{
	struct timer *best = timers;
	for (struct timer *t = timers; t; t = t->next) {
		if (t->deadline < best->deadline)
			best = t;
	}
	return best;
}

static bool fire(uint64_t until)
{
	struct timer *t = earliest();
	if (!t || t->deadline > until)
		return false;
	if (t->deadline > fake.now)
		fake.now = t->deadline;
	timer_stop(t);
	t->fn(t);
	return true;
}

/* ---- Memory, output ---- */

void *heap_alloc(size_t size)
{
	void *p = fake.memory_fails ? NULL : malloc(size);
	fake.allocated += p != NULL;
	fake.allocations++;
	return p;
}

void *heap_alloc_zero(size_t n, size_t size)
{
	void *p = heap_alloc(n * size);
	return p ? memset(p, 0, n * size) : NULL;
}

void *heap_resize(void *old, size_t size)
{
	void *p = fake.memory_fails ? NULL : realloc(old, size);
	fake.allocated += p && !old;
	fake.allocations++;
	return p;
}

void heap_free(void *p)
{
	fake.allocated -= p != NULL;
	free(p);
}

size_t heap_size(void *p)
{
	return malloc_usable_size(p);
}

struct heap_figures heap_figures(void)
{
	return (struct heap_figures){ .total = fake.heap };
}

void gate_puts(enum amp_stream stream, const void *bytes, uint64_t size)
{
	check(stream == AMP_STREAM_OUTPUT, "not standard output");
	fake.console = realloc(fake.console, fake.console_size + size + 1);
	memcpy(fake.console + fake.console_size, bytes, size);
	fake.console_size += size;
	fake.console[fake.console_size] = 0;
	fake.console_writes++;
}

bool log_wants(enum log_level level)
{
	(void)level;
	return false;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	(void)level, (void)who, (void)format;
}

/* ---- Tasks ---- */

struct task *task_spawn(const char *name, task_fn *fn, void *arg)
{
	(void)name;
	if (fake.tasks_fail || spawned_count == SPAWNED_MAX)
		return NULL;
	spawned[spawned_count++] = (struct spawned){ fn, arg };
	return (struct task *)spawned; /* not looked at */
}

void task_sleep_until(uint64_t deadline_ns)
{
	if (deadline_ns > fake.now)
		fake.now = deadline_ns;
}

int resolver_connect(struct tcp_connection **to, const char *name, uint16_t port,
                     const struct tcp_options *o, uint64_t deadline_ns)
{
	if (strncmp(name, "absent", 6) == 0)
		return ERR_ABSENT;
	return tcp_connect(to, net_ip4(0x0a000001), port, o, deadline_ns);
}

/* ---- Connections ---- */

struct tcp_connection *fake_new(void)
{
	struct tcp_connection *c = calloc(1, sizeof *c);
	c->last = &c->pieces;
	c->out = calloc(1, 1);
	c->out_room = TCP_SEND_MAX;
	c->next = all;
	all = c;
	return c;
}

bool fake_open(const struct tcp_connection *c)
{
	return !c->shut && !c->closed && !c->aborted && !c->gone;
}

static bool usable(const struct tcp_connection *c)
{
	return !c->closed && !c->aborted && !c->gone;
}

static struct fake_piece *piece_add(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	struct fake_piece *p = calloc(1, sizeof *p + size);
	p->size = (uint32_t)size;
	if (size)
		memcpy(p->bytes, bytes, size);
	*c->last = p;
	c->last = &p->next;
	return p;
}

void fake_queue(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	piece_add(c, bytes, size);
}

void fake_queue_fin(struct tcp_connection *c)
{
	piece_add(c, NULL, 0)->fin = true;
}

void fake_queue_reset(struct tcp_connection *c)
{
	piece_add(c, NULL, 0)->reset = true;
}

static void set_in(struct tcp_connection *c, const uint8_t *a, uint32_t a_size, const uint8_t *b,
                   uint32_t b_size)
{
	uint8_t *in = malloc(a_size + b_size + 1);
	if (a_size)
		memcpy(in, a, a_size);
	if (b_size)
		memcpy(in + a_size, b, b_size);
	free(c->in);
	c->in = in;
	c->in_size = a_size + b_size;
}

/* Shows what is there; then the end, if that is. */
static void show(struct tcp_connection *c)
{
	c->resume = false;
	if (c->in_size && c->handlers && c->handlers->received && usable(c)) {
		uint32_t size = c->in_size;
		uint8_t *copy = malloc(size);
		memcpy(copy, c->in, size);
		uint32_t taken = c->handlers->received(c->context, c, copy, size);
		memset(copy, 0xee, size);
		free(copy);
		check(taken <= size, "more was taken than shown");
		set_in(c, c->in + taken, size - taken, NULL, 0);
	}
	if (!c->in_size && c->fin_in && !c->fin_told && c->handlers && usable(c)) {
		c->fin_told = true;
		if (c->handlers->finished)
			c->handlers->finished(c->context, c);
	}
}

/* Brings the next piece in, without showing it. */
static bool arrive(struct tcp_connection *c)
{
	struct fake_piece *p = c->pieces;
	if (!p)
		return false;
	c->pieces = p->next;
	if (!c->pieces)
		c->last = &c->pieces;
	c->fin_in |= p->fin;
	if (p->size)
		set_in(c, c->in, c->in_size, p->bytes, p->size);
	if (p->reset && usable(c)) {
		c->gone = true;
		if (c->handlers && c->handlers->closed)
			c->handlers->closed(c->context, c, ERR_RESET);
	}
	free(p);
	return true;
}

/* How many bytes more the peer acknowledges by now. */
static uint64_t acknowledges(struct tcp_connection *c)
{
	uint64_t left = c->out_size - c->acknowledged;
	if (!left || c->stalled)
		return 0;
	if (!c->rate)
		return left;
	uint64_t n = (fake.now - c->rate_at) * c->rate / SECOND;
	if (!n)
		return 0;
	c->rate_at = n < left ? c->rate_at + n * SECOND / c->rate : 0;
	return n < left ? n : left;
}

void fake_turn(void)
{
	while (fire(fake.now))
		;
	while (spawned_count) { /* one that waits has the loop turn */
		struct spawned s = spawned[0];
		memmove(spawned, spawned + 1, --spawned_count * sizeof s);
		in_task = true;
		s.fn(s.arg);
		in_task = false;
	}
	for (struct tcp_connection *c = all; c; c = c->next) {
		uint64_t more = acknowledges(c);
		if (more) {
			c->acknowledged += more;
			if (c->acknowledged == c->out_size && usable(c) && c->handlers &&
			    c->handlers->drained)
				c->handlers->drained(c->context, c);
			if (c->wrote_short && tcp_write_room(c) >= c->out_room / 2 && usable(c) &&
			    c->handlers && c->handlers->writable) {
				c->wrote_short = false;
				c->handlers->writable(c->context, c);
			}
		}
		if (c->resume)
			show(c);
	}
	while (fire(fake.now))
		;
}

static bool moves(void)
{
	for (struct tcp_connection *c = all; c; c = c->next) {
		if (usable(c) &&
		    ((!c->stalled && !c->rate && c->acknowledged < c->out_size) || c->resume))
			return true;
	}
	return spawned_count > 0;
}

void fake_run(struct tcp_connection *c)
{
	do {
		if (arrive(c))
			show(c);
		fake_turn();
	} while (c->pieces || moves());
}

void fake_advance(uint64_t ns)
{
	uint64_t until = fake.now + ns;
	fake_turn();
	while (fire(until))
		fake_turn();
	fake.now = until;
	do
		fake_turn();
	while (moves());
}

struct tcp_connection *fake_accept(void)
{
	return fake_accept_from(0);
}

struct tcp_connection *fake_accept_from(uint32_t remote)
{
	check(fake.listening, "a connection comes though nobody listens");
	struct tcp_connection *c = fake_new();
	c->remote = remote;
	if (accept_fn(accept_context, c))
		return c;
	c->aborted = true;
	return NULL;
}

void fake_start(void)
{
	memset(&fake, 0, sizeof fake);
	random_state = 1;
	fake.now = SECOND;
	fake.heap = 64u << 20;
}

void fake_forget(struct tcp_connection *c)
{
	struct tcp_connection **at = &all;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	while (arrive(c))
		;
	free(c->in);
	free(c->out);
	free(c);
}

void fake_stop(void)
{
	while (all)
		fake_forget(all);
	free(fake.console);
	fake.console = NULL;
	timers = NULL;
	accept_fn = NULL;
	spawned_count = 0;
}

/* ---- net/tcp.h ---- */

int tcp_listen(struct tcp_listener **l, struct interface *i, uint16_t port,
               const struct tcp_options *options)
{
	(void)i, (void)options;
	if (port == 1)
		return ERR_EXISTS;
	*l = (struct tcp_listener *)&accept_fn;
	fake.listening = true;
	return OK;
}

void tcp_listener_close(struct tcp_listener *l)
{
	check(l == (struct tcp_listener *)&accept_fn && fake.listening, "tcp_listener_close");
	fake.listening = false;
}

void tcp_listen_watch(struct tcp_listener *l, tcp_accept_fn *fn, void *context)
{
	(void)l;
	accept_fn = fn;
	accept_context = context;
}

void tcp_watch(struct tcp_connection *c, const struct tcp_handlers *h, void *context)
{
	check(usable(c), "tcp_watch");
	c->handlers = h;
	c->context = context;
	c->resume = h != NULL;
}

void tcp_resume(struct tcp_connection *c)
{
	check(usable(c), "tcp_resume");
	c->resume = true;
}

void tcp_info(const struct tcp_connection *c, struct tcp_info *to)
{
	check(!c->closed && !c->aborted, "tcp_info");
	*to = (struct tcp_info){ .remote = net_ip4(c->remote ? c->remote : 0xc0000207),
		                 .remote_port = 4711,
		                 .unread = c->in_size,
		                 .unacknowledged = (uint32_t)(c->out_size - c->acknowledged),
		                 .bytes_sent = c->acknowledged };
}

static void out(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	check(usable(c) && !c->shut, "written after the end");
	if (c->rate && !c->rate_at)
		c->rate_at = fake.now;
	if (c->out_size + size + 1 > c->out_most) {
		c->out_most = 2 * (c->out_size + size + 1);
		c->out = realloc(c->out, c->out_most);
	}
	if (size)
		memcpy(c->out + c->out_size, bytes, size);
	c->out_size += size;
	c->out[c->out_size] = 0;
}

uint32_t tcp_write_some(struct tcp_connection *c, const void *bytes, uint32_t size)
{
	uint64_t waiting = c->out_size - c->acknowledged,
	         room = waiting < c->out_room ? c->out_room - waiting : 0;
	if (c->gone)
		return 0;
	c->wrote_short |= size > room;
	size = size < room ? size : (uint32_t)room;
	out(c, bytes, size);
	c->writes++;
	return size;
}

/* In two parts, so that who fills it in meets where they part. */
bool tcp_write_in_place(struct tcp_connection *c, uint32_t size, struct tcp_room *to)
{
	static const uint8_t zeros[32 << 10];
	uint32_t first = size / 3;
	if (c->gone || !size || size > sizeof zeros || size > tcp_write_room(c)) {
		c->wrote_short = true;
		return false;
	}
	out(c, zeros, size);
	c->writes++;
	uint8_t *at = (uint8_t *)c->out + c->out_size - size;
	*to = (struct tcp_room){ { { at, first }, { at + first, size - first } } };
	return true;
}

void tcp_set_unsent_max(struct tcp_connection *c, uint32_t bytes)
{
	(void)c, (void)bytes;
}

uint32_t tcp_write_room(const struct tcp_connection *c)
{
	uint64_t waiting = c->out_size - c->acknowledged;
	return waiting < c->out_room ? (uint32_t)(c->out_room - waiting) : 0;
}

int tcp_write(struct tcp_connection *c, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	uint64_t waiting = c->out_size - c->acknowledged;
	if (c->gone)
		return ERR_RESET;
	if ((c->stalled || c->rate) && waiting + size > c->out_room) {
		check(deadline_ns != CLOCK_NEVER, "blocks for ever");
		uint64_t want = waiting + size - c->out_room;
		want = want > SEGMENT ? want : SEGMENT;
		uint64_t wait = c->stalled ? 0 : want * SECOND / c->rate + 1;
		bool late = !wait || fake.now + wait > deadline_ns;
		fake.now = late ? deadline_ns : fake.now + wait;
		c->acknowledged += acknowledges(c);
		if (late)
			return ERR_TIMEOUT;
	}
	out(c, bytes, size);
	c->writes++;
	return OK;
}

int tcp_write_static(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	out(c, bytes, size);
	c->statics++;
	return OK;
}

int tcp_drain(struct tcp_connection *c, uint64_t deadline_ns)
{
	if (c->stalled) {
		fake.now = deadline_ns;
		return ERR_TIMEOUT;
	}
	c->acknowledged = c->out_size;
	return OK;
}

int64_t tcp_peek(struct tcp_connection *c, const uint8_t **bytes, uint64_t deadline_ns)
{
	check(!c->closed && !c->aborted, "tcp_peek");
	if (!c->in_size && !c->pieces && fake.peers)
		fake.peers();
	while (!c->in_size && !c->fin_in && !c->gone &&
	       (!c->pace || fake.now + c->pace <= deadline_ns) && arrive(c))
		fake.now += c->pace;
	if (c->gone)
		return ERR_RESET;
	if (!c->in_size && c->fin_in)
		return 0;
	if (!c->in_size) {
		check(deadline_ns != CLOCK_NEVER, "blocks for ever");
		fake.now = deadline_ns > fake.now ? deadline_ns : fake.now;
		return ERR_TIMEOUT;
	}
	*bytes = c->in;
	return c->in_size;
}

void tcp_consume(struct tcp_connection *c, uint32_t size)
{
	check(size <= c->in_size, "more is consumed than there");
	set_in(c, c->in + size, c->in_size - size, NULL, 0);
}

void tcp_shutdown(struct tcp_connection *c)
{
	check(usable(c) && !c->shut, "tcp_shutdown");
	c->shut = true;
}

void tcp_close(struct tcp_connection *c)
{
	check(!c->closed && !c->aborted, "tcp_close");
	c->closed = true;
}

void tcp_abort(struct tcp_connection *c)
{
	check(!c->closed && !c->aborted, "tcp_abort");
	c->aborted = true;
}

int tcp_connect(struct tcp_connection **to, struct net_address address, uint16_t port,
                const struct tcp_options *options, uint64_t deadline_ns)
{
	(void)address, (void)port, (void)options, (void)deadline_ns;
	if (fake.connect_error || fake.connects == fake.servers)
		return fake.connect_error ? fake.connect_error : ERR_REFUSED;
	*to = fake.next_server[fake.connects++];
	return OK;
}

/* ---- The end of the image ---- */

void stop_on(struct stop_handler *h)
{
	list_init(&h->all);
	fake.on_stop = h;
}

bool stop_asked(void)
{
	return fake.asked;
}

void stop_hold(void)
{
	fake.holds++;
}

void stop_release(void)
{
	if (!fake.holds--)
		abort();
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

/* Tasks that wait, the last one first: what it does while it waits is on its stack. */
static struct waiter {
	struct waiter *outer;
	struct task_queue *queue;
	bool woken;
} *waiters;

bool task_wake_one(struct task_queue *q)
{
	for (struct waiter *w = waiters; w; w = w->outer)
		w->woken |= w->queue == q;
	return true;
}

void task_wake_all(struct task_queue *q)
{
	task_wake_one(q);
}

struct task *task_self(void)
{
	return in_task ? (struct task *)spawned : NULL;
}

/* The next pieces of all connections come in, and the loop turns, until it is woken or its deadline is there. */
static int wait(struct waiter *self, uint64_t deadline_ns)
{
	while (!self->woken) {
		bool moves = false;
		for (struct tcp_connection *c = all; c; c = c->next) {
			if (arrive(c)) {
				moves = true;
				show(c);
			}
		}
		fake_turn();
		if (fake.peers)
			fake.peers();
		if (self->woken)
			break;
		struct timer *t = earliest();
		uint64_t next = t && t->deadline < deadline_ns ? t->deadline : deadline_ns;
		if (moves)
			continue;
		check(next != CLOCK_NEVER, "waits for ever");
		fake.now = next > fake.now ? next : fake.now;
		if (fake.now >= deadline_ns)
			return ERR_TIMEOUT;
	}
	return OK;
}

int task_wait(struct task_queue *q, uint64_t deadline_ns)
{
	struct waiter self = { .outer = waiters, .queue = q };
	bool was_task = in_task;
	waiters = &self;
	in_task = false;
	int error = wait(&self, deadline_ns);
	in_task = was_task;
	waiters = self.outer;
	return error;
}

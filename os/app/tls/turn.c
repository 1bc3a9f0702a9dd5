/* SPDX-License-Identifier: ISC */
/*
 * Handshakes take turns: in each turn of the loop a step of one, and of more in the order in which they came as long as those
 * before were short. So a flood of them leaves room for all else that comes in between, and what several short steps send goes out at once.
 */
#include <app/tls/internal.h>

#include <core/clock.h>
#include <core/timer.h>

#define STEPS_NS    (200 * NS_PER_US) /* into a turn's steps no other begins after this */
#define CALLED_MAX  8u                /* for a turn */
#define PATIENCE_NS (100 * NS_PER_MS) /* for who is called to be shown its bytes */

static struct list waiters = { &waiters, &waiters };
static bool is_taken;     /* a step was, in this turn of the loop */
static uint64_t began_at; /* when the first was */

static struct timer timer;

static void leave(struct tls_connection *c)
{
	list_remove(&c->waiting);
	list_init(&c->waiting);
	c->may_go = false;
	c->tls->counters.waiting--;
}

/* Who was called and did not come has lost its place: it gets another when it comes. */
static void forget_called(void)
{
	struct list *m = waiters.next;
	for (uint32_t k = 0; k < CALLED_MAX && m != &waiters; k++) {
		struct tls_connection *c = container_of(m, struct tls_connection, waiting);
		m = m->next;
		if (c->may_go)
			leave(c);
	}
}

static void fired(struct timer *t)
{
	(void)t;
	uint32_t called = 0;
	is_taken = false;
	forget_called();
	list_each (m, &waiters) {
		struct tls_connection *c = container_of(m, struct tls_connection, waiting);
		if (called == CALLED_MAX)
			break;
		called++;
		c->may_go = true;
		tcp_resume(c->served->tcp);
	}
	if (called)
		timer_set_in(&timer, PATIENCE_NS, fired);
}

bool tls_turn_take(struct tls_connection *c)
{
	bool waits = !list_empty(&c->waiting), is_next = waits ? c->may_go : list_empty(&waiters);
	if (is_next && (!is_taken || clock_now() - began_at < STEPS_NS)) {
		if (waits)
			leave(c);
		if (!is_taken)
			began_at = clock_now();
		is_taken = true;
		timer_set_in(&timer, 0, fired);
		return true;
	}
	c->may_go = false;
	if (!waits) {
		list_append(&waiters, &c->waiting);
		c->tls->counters.waiting++;
	}
	return false;
}

void tls_turn_leave(struct tls_connection *c)
{
	if (list_empty(&c->waiting))
		return;
	bool was_called = c->may_go;
	leave(c);
	if (was_called)
		timer_set_in(&timer, 0, fired);
}

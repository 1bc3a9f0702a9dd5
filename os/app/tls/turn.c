/* SPDX-License-Identifier: ISC */
/*
 * Handshakes take turns: one step in each turn of the loop, in the order in which they came. So a flood of them leaves room for
 * all else that comes in between.
 */
#include <app/tls/internal.h>

#include <core/clock.h>
#include <core/timer.h>

#define PATIENCE_NS (100 * NS_PER_MS) /* for whose turn it is to be shown its bytes */

static struct list waiters = { &waiters, &waiters };
static struct tls_connection *next; /* whose turn it is, and who has not come yet */
static bool is_taken;               /* in this turn of the loop */

static struct timer timer;

static void fired(struct timer *t)
{
	(void)t;
	struct list *m = list_pop(&waiters);
	is_taken = false;
	if (next)
		next->may_go = false; /* it did not come */
	next = NULL;
	if (!m)
		return;
	next = container_of(m, struct tls_connection, waiting);
	list_init(&next->waiting);
	next->may_go = true;
	is_taken = true;
	next->tls->counters.waiting--;
	tcp_resume(next->served->tcp);
	timer_set_in(&timer, PATIENCE_NS, fired);
}

bool tls_turn_take(struct tls_connection *c)
{
	if (c->may_go) {
		c->may_go = false;
		next = NULL;
		timer_set_in(&timer, 0, fired);
		return true;
	}
	if (is_taken) {
		if (list_empty(&c->waiting)) {
			list_append(&waiters, &c->waiting);
			c->tls->counters.waiting++;
		}
		return false;
	}
	is_taken = true;
	timer_set_in(&timer, 0, fired);
	return true;
}

void tls_turn_leave(struct tls_connection *c)
{
	if (!list_empty(&c->waiting)) {
		list_remove(&c->waiting);
		c->tls->counters.waiting--;
	}
	if (next == c) {
		next = NULL;
		timer_set_in(&timer, 0, fired);
	}
}

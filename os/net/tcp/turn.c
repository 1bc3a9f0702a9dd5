/* SPDX-License-Identifier: ISC */
/*
 * TCP's turn in the loop. A connection that has something to do gets into a list, and does all of it
 * when TCP's source is polled, after the device's batch. One whose output the device refuses waits in
 * a second list until there is room.
 */
#include <core/check.h>
#include <net/tcp/internal.h>

#include <core/boot.h>
#include <core/clone.h>
#include <core/heap.h>
#include <core/loop.h>
#include <core/metric.h>
#include <core/stop.h>

static struct list turn = LIST_INIT(turn);
static struct list stalled = LIST_INIT(stalled); /* connections whose output waits for the device */

/* Who has something to send while others wait for the device waits behind them: else those whose
 * segments happen to be worked on first take all that it has room for, again and again. */
static bool waits_in_line(const struct tcp_connection *c)
{
	return !list_empty(&stalled) && !tcp_output_ready(c);
}

static void work_on(struct tcp_connection *c, uint64_t now)
{
	uint8_t work = c->work;
	ensure(work); /* or it is in no list */
	c->work = 0;
	c->blocked = false;
	if (work & WORK_END)
		tcp_connection_end(c, c->error ? c->error : ERR_UNREACHABLE, TCP_CLOSED);
	if (work & WORK_SHOW && !c->gone)
		tcp_event_show(c, now);
	if (work & WORK_OUTPUT && !c->gone && !c->detached) {
		if (waits_in_line(c)) {
			c->blocked = true;
			c->work |= WORK_OUTPUT;
		} else {
			tcp_output(c, now);
			if (c->unsent_max)
				tcp_event_sent(c);
		}
	}
	if (c->gone) {
		ensure(c->detached && !c->listener && list_empty(&c->pending));
		list_remove(&c->turn);
		timer_stop(&c->timer);
		ip6_drop(c->address.local);
		ip6_drop(c->address.remote);
		heap_free(c);
	} else if (c->blocked) {
		list_move(&stalled, &c->turn);
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
	if (__builtin_expect(__atomic_load_n(&boot_info->leave_at_ns, __ATOMIC_RELAXED) !=
	                             tcp_leave_seen,
	                     0))
		tcp_leave_look();
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
		list_move(&turn, &c->turn);
	}
	c->work |= (uint8_t)work;
}

static struct loop_source source = { .poll = poll, .events = events };
static bool started;

/* The image ends: whoever is still connected hears of it. What a full ring does not take, it takes after a while. */
static void reset_all(void)
{
	struct tcp_connection *c;
	for (uint32_t left = tcp_table_size(); left && (c = tcp_table_any()); left--) {
		if (!tcp_output_ready(c))
			loop_settle();
		tcp_abort(c);
	}
	loop_settle();
}

static int answer(void)
{
	static const struct ip4_protocol protocol = { .input = tcp_input,
		                                      .address_gone = tcp_lost_address,
		                                      .unreachable = tcp_lost_hop };
	ip4_protocol_set(IP4_PROTOCOL_TCP, &protocol);
	ON_CLONE_WITH_THIS(150, tcp_leave_done);
	ON_CLONE_WITH_THIS(150, tcp_lost_all);
	ON_CLONE_WITH_THIS(250, tcp_moved);
	tcp_path_start();
	if (metric_shown)
		tcp_metrics_add();
	return OK;
}

void tcp_start(void)
{
	/* Whoever comes before the first listener is refused, and not told that there is no TCP. */
	BOOT_START_WITH_THIS(90, answer);
	if (started)
		return;
	started = true;
	tcp_memory_start();
	loop_add(&source);
	static struct stop_last last = { .last = reset_all };
	if (!last.all.next)
		stop_at_end(&last);
}

void tcp_stop(void)
{
	for (struct tcp_connection *c; (c = tcp_table_any());)
		tcp_abort(c);
	for (struct list *l; (l = list_pop(&stalled));) /* all of them are gone: nothing is sent */
		list_append(&turn, l);
	while (poll(&source))
		;
	tcp_leave_stop();
	tcp_wait_clear();
	tcp_table_clear();
	memset(tcp_counts, 0, sizeof tcp_counts);
	if (started)
		loop_remove(&source);
	started = false;
}

CHECK("net", "TCP: each connection is in one list of the turn at most", turn_holds)
{
	return list_is_valid(&turn) && list_is_valid(&stalled);
}

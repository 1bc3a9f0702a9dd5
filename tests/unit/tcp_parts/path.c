/* SPDX-License-Identifier: ISC */
/*
 * Events in a heap by time: a packet arrives at the receiver, an acknowledgment at the sender, or a
 * delayed acknowledgment falls due. The sender's own timer is asked for between them.
 */
#include "path.h"

#include <stdlib.h>

#include <net/tcp.h>
#include <net/tcp/receive.h>

#include "base.h"

#define START_NS       (5 * NS_PER_S) /* no time is zero */
#define DELAYED_ACK_NS (40 * NS_PER_MS)
#define TICK_NS        NS_PER_MS
#define HEADERS        66u
#define BURST          65536u /* a super-segment */

enum kind { DATA, ACK, DELAYED };

struct event {
	uint64_t at, order;
	enum kind kind;
	uint32_t seq, end;
	uint64_t stamp; /* the sender's clock, there and back */
	bool ce;
	struct recovery_ack ack;
};

struct path {
	const struct path_setup *setup;
	struct random random;
	struct path_result result;
	uint64_t now, order, link_free, data_sent;
	struct event *events;
	size_t count, capacity;

	struct tcp_recovery sender;
	uint32_t iss, window_edge;
	uint64_t left, acknowledged; /* bytes not sent yet; acknowledged */

	struct tcp_receive receiver;
	uint64_t recent; /* TS.Recent */
	uint32_t acked;
	bool owed, ece;
	uint64_t delayed_order;
	uint64_t steps;
};

/* ---- Events ---- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct path *p, struct event e)
{
	e.order = ++p->order;
	if (p->count == p->capacity) {
		p->capacity = p->capacity ? 2 * p->capacity : 64;
		p->events = realloc(p->events, p->capacity * sizeof e);
		assert_non_null(p->events);
	}
	size_t k = p->count++;
	for (; k && before(&e, &p->events[(k - 1) / 2]); k = (k - 1) / 2)
		p->events[k] = p->events[(k - 1) / 2];
	p->events[k] = e;
}

static struct event pop(struct path *p)
{
	struct event top = p->events[0], last = p->events[--p->count];
	size_t k = 0, child;
	while ((child = 2 * k + 1) < p->count) {
		if (child + 1 < p->count && before(&p->events[child + 1], &p->events[child]))
			child++;
		if (!before(&p->events[child], &last))
			break;
		p->events[k] = p->events[child];
		k = child;
	}
	p->events[k] = last;
	return top;
}

static bool in_outage(const struct path *p)
{
	uint64_t at = p->now - START_NS;
	return p->setup->outage_ns && at >= p->setup->outage_at &&
	       at < p->setup->outage_at + p->setup->outage_ns;
}

/* ---- The receiver ---- */

static uint8_t pattern(uint32_t seq)
{
	return (uint8_t)(seq * 2654435761u >> 24);
}

static void send_ack(struct path *p)
{
	const struct path_setup *s = p->setup;
	struct event e = { .kind = ACK,
		           .stamp = p->recent,
		           .ack = { .ack = p->receiver.next, .ece = p->ece } };
	if (!s->no_sack)
		e.ack.sack_count = (uint8_t)tcp_receive_sacks(&p->receiver, e.ack.sack,
		                                              s->no_timestamps ? 4 : 3);
	uint64_t rtt = 2 * s->delay_ns;
	uint32_t window = tcp_receive_window(&p->receiver, rtt, false, p->now);
	e.end = p->receiver.next + window;
	p->owed = false;
	p->delayed_order = 0;
	p->acked = p->receiver.next;
	if (random_chance(&p->random, s->ack_loss) || in_outage(p))
		return;
	e.at = p->now + s->delay_ns;
	push(p, e);
}

static void data_arrives(struct path *p, const struct event *e)
{
	static uint8_t bytes[BURST];
	struct tcp_receive *r = &p->receiver;
	uint32_t seq = e->seq, end = e->end, before_next = r->next;
	p->ece |= e->ce;
	if (seq_le(e->seq, p->acked) && e->stamp > p->recent)
		p->recent = e->stamp; /* RFC 7323 §4.3 */
	if (seq_le(end, r->next)) {
		tcp_receive_duplicate(r, seq, end);
		send_ack(p);
		return;
	}
	bool was_ahead = false;
	for (uint32_t k = 0; k < r->run_count; k++)
		was_ahead |= seq_le(r->runs[k].seq, seq) && seq_le(end, r->runs[k].end);
	if (was_ahead)
		tcp_receive_duplicate(r, seq, end);
	seq = seq_max(seq, r->next);
	for (uint32_t k = 0; k < end - seq; k++)
		bytes[k] = pattern(seq + k);
	bool had_runs = r->run_count;
	int64_t moved = tcp_receive_put(r, seq, bytes, end - seq);
	const uint8_t *shown;
	uint32_t size;
	while ((size = tcp_receive_peek(r, &shown))) {
		for (uint32_t k = 0; k < size; k += 1 + k / 8)
			assert_int_equal(shown[k], pattern(r->taken + k));
		tcp_receive_take(r, size, p->now);
	}
	assert_true(tcp_receive_is_valid(r));
	assert_int_equal(moved < 0 ? 0 : moved, r->next - before_next);
	if (moved <= 0 || had_runs || p->owed || r->next - p->acked >= 2 * p->sender.mss) {
		send_ack(p);
	} else {
		p->owed = true;
		p->delayed_order = p->order + 1;
		push(p, (struct event){ .at = p->now + DELAYED_ACK_NS, .kind = DELAYED });
	}
}

/* ---- The bottleneck ---- */

static void transmit(struct path *p, uint32_t seq, uint32_t end)
{
	const struct path_setup *s = p->setup;
	uint32_t limit = s->queue ? s->queue : 256u << 10;
	uint64_t free_at = p->link_free > p->now ? p->link_free : p->now;
	uint64_t waiting = (free_at - p->now) * s->rate / NS_PER_S;
	p->result.sent++;
	p->data_sent++;
	for (size_t k = 0; k < 8; k++) {
		if (s->lose[k] && s->lose[k] == p->data_sent)
			return;
	}
	if (waiting > p->result.queue_peak)
		p->result.queue_peak = (uint32_t)waiting;
	if (waiting + (end - seq) > limit) {
		p->result.dropped++;
		return;
	}
	p->link_free = free_at + (end - seq + HEADERS) * NS_PER_S / s->rate;
	if (random_chance(&p->random, s->loss) || in_outage(p))
		return;
	struct event e = { .kind = DATA,
		           .at = p->link_free + s->delay_ns,
		           .seq = seq,
		           .end = end,
		           .stamp = p->now,
		           .ce = s->mark_at && waiting > s->mark_at };
	uint64_t at = p->now - START_NS;
	if (s->stall_ns && at >= s->stall_at && at < s->stall_at + s->stall_ns)
		e.at += s->stall_ns;
	if (random_chance(&p->random, s->reorder))
		e.at += s->reorder_ns;
	push(p, e);
	if (random_chance(&p->random, s->duplicate))
		push(p, e);
}

/* ---- The sender, as out.c does it ---- */

static void check(struct path *p)
{
	struct tcp_recovery *r = &p->sender;
	if (r->count < 64 || p->steps++ % 32 == 0)
		assert_true(tcp_recovery_is_valid(r));
	if (r->count > p->result.records_peak)
		p->result.records_peak = r->count;
}

static void send_run(struct path *p, uint32_t seq, uint32_t end, bool last)
{
	assert_true(tcp_recovery_ready(&p->sender));
	for (uint32_t at = seq; at != end;) {
		uint32_t part = end - at < p->sender.mss ? end - at : p->sender.mss;
		transmit(p, at, at + part);
		at += part;
	}
	tcp_recovery_sent(&p->sender, seq, end, last, p->now);
	check(p);
}

static void tcp_output(struct path *p, bool probe)
{
	struct tcp_recovery *r = &p->sender;
	uint32_t seq, end;
	while (tcp_recovery_lost(r, BURST, &seq, &end)) {
		uint32_t room = tcp_recovery_room(r);
		if (room < end - seq) {
			if (room < r->mss)
				break;
			end = seq + room / r->mss * r->mss;
		}
		send_run(p, seq, end, false);
	}
	if (r->lost && !probe)
		return;
	while (p->left) {
		uint32_t room = probe ? r->mss : tcp_recovery_room(r);
		uint32_t window = seq_lt(r->next, p->window_edge) ? p->window_edge - r->next : 0;
		uint64_t size = room < window ? room : window;
		size = size < BURST ? size : BURST / r->mss * r->mss;
		size = size < p->left ? (size < r->mss ? 0 : size / r->mss * r->mss) : p->left;
		if (!size)
			break;
		p->left -= size;
		send_run(p, r->next, r->next + (uint32_t)size, !p->left);
		if (probe)
			return;
	}
	if (probe && tcp_recovery_last(r, &seq, &end))
		send_run(p, seq, end, false);
}

static void ack_arrives(struct path *p, struct event *e)
{
	struct tcp_recovery *r = &p->sender;
	struct recovery_ack *a = &e->ack;
	if (seq_lt(a->ack, r->una))
		return;
	a->window_changed = e->end != p->window_edge && a->ack != r->una;
	p->window_edge = seq_max(p->window_edge, e->end);
	if (!p->setup->no_timestamps && e->stamp) {
		a->echo_rtt_ns = (p->now - e->stamp) / TICK_NS * TICK_NS + TICK_NS;
		a->echo_tick_ns = TICK_NS;
	}
	struct recovery_result result = tcp_recovery_acknowledged(r, a, p->now);
	check(p);
	p->acknowledged += result.acknowledged;
	if (!p->result.skipped_ns && p->acknowledged >= p->setup->skip)
		p->result.skipped_ns = p->now - START_NS;
	if (result.cut) {
		p->result.cuts++;
		p->ece = false; /* CWR, as if it arrived at once */
	}
	tcp_output(p, false);
}

static void timer(struct path *p)
{
	switch (tcp_recovery_expired(&p->sender, p->now)) {
	case RECOVERY_NOTHING:
		return;
	case RECOVERY_PROBE:
		tcp_output(p, true);
		break;
	case RECOVERY_OUTPUT:
	case RECOVERY_TIMEOUT:
		tcp_output(p, false);
	}
	check(p);
}

struct path_result path_run(const struct path_setup *s)
{
	struct path p = { .setup = s, .random = { s->seed }, .now = START_NS, .left = s->bytes };
	uint32_t mss = s->mss ? s->mss : 1448, max = s->window ? s->window : 4u << 20;
	uint64_t until = START_NS + (s->until_ns ? s->until_ns : 1000 * NS_PER_S);
	p.iss = (uint32_t)random_next(&p.random);
	tcp_recovery_open(&p.sender,
	                  &(struct recovery_setup){ .iss = p.iss,
	                                            .mss = mss,
	                                            .sack = !s->no_sack,
	                                            .timestamps = !s->no_timestamps,
	                                            .congestion = s->congestion },
	                  p.now);
	tcp_receive_open(&p.receiver, p.iss, max < 64u << 10 ? max : 64u << 10, max);
	p.acked = p.iss;
	p.window_edge = p.iss + p.receiver.window;
	tcp_output(&p, false);
	while ((p.left || p.sender.count) && p.now < until) {
		uint64_t deadline = tcp_recovery_deadline(&p.sender);
		if (!p.count || deadline < p.events[0].at) {
			assert_true(deadline != CLOCK_NEVER); /* else it would hang */
			p.now = deadline > p.now ? deadline : p.now;
			timer(&p);
			continue;
		}
		struct event e = pop(&p);
		p.now = e.at;
		if (e.kind == DATA)
			data_arrives(&p, &e);
		else if (e.kind == ACK)
			ack_arrives(&p, &e);
		else if (e.order == p.delayed_order)
			send_ack(&p);
	}
	p.result.complete =
	        !p.left && !p.sender.count && p.receiver.next == p.iss + (uint32_t)s->bytes;
	p.result.took_ns = p.now - START_NS;
	if (!s->skip)
		p.result.skipped_ns = 0;
	p.result.rate = (double)(s->bytes - s->skip) * 1e9 /
	                (double)(p.result.took_ns - p.result.skipped_ns);
	tcp_recovery_figures(&p.sender, &p.result.figures);
	tcp_recovery_close(&p.sender);
	tcp_receive_close(&p.receiver);
	free(p.events);
	return p.result;
}

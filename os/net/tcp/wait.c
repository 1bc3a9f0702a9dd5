/* SPDX-License-Identifier: ISC */
/*
 * TIME-WAIT (RFC 9293 §3.4.2): what is left of a connection that we closed first, for 2 MSL: enough
 * to acknowledge the peer's FIN again, and to tell a new connection's SYN from an old one's (RFC
 * 6191). One timer serves all: they expire in the order in which they were (re)started, but for
 * restarts, which move to the end.
 */
#include <net/tcp/internal.h>

#include <core/hash.h>
#include <core/heap.h>

#define BUCKETS 1024u

struct tcp_wait {
	struct tcp_wait *chain;
	struct list age; /* oldest first */
	struct tcp_address address;
	uint32_t send_next, receive_next;
	uint32_t recent, timestamp_offset;
	uint32_t end_ms; /* of clock_now() */
	bool timestamps;
	bool challenged; /* a SYN that may not open it anew was answered with an ACK */
};
_Static_assert(sizeof(struct tcp_wait) <= 64, "the smallest thing that TIME-WAIT can be");

_Static_assert(!(BUCKETS & (BUCKETS - 1)), "hashes are masked");
_Static_assert(TCP_TIME_WAIT_NS / NS_PER_MS < INT32_MAX,
               "the milliseconds that are left have a sign");

static struct tcp_wait **table;
static struct list ages = LIST_INIT(ages);
static struct timer timer;
static uint32_t count;

static struct tcp_wait **bucket(const struct tcp_address *a)
{
	return &table[hash_bytes(a, sizeof *a) & (BUCKETS - 1)];
}

void tcp_wait_forget(struct tcp_wait *w)
{
	ensure(count);
	struct tcp_wait **at = bucket(&w->address);
	while (*at != w)
		at = &(*at)->chain;
	*at = w->chain;
	list_remove(&w->age);
	ip6_drop(w->address.local);
	ip6_drop(w->address.remote);
	heap_free(w);
	count--;
	tcp_counts[TCP_NOW_TIME_WAIT] = count;
}

static struct tcp_wait *oldest(void)
{
	return list_empty(&ages) ? NULL : container_of(ages.next, struct tcp_wait, age);
}

static void expire(struct timer *t)
{
	uint64_t now = clock_now();
	struct tcp_wait *w;
	while ((w = oldest()) && (int32_t)((uint32_t)(now / NS_PER_MS) - w->end_ms) >= 0)
		tcp_wait_forget(w);
	if (w)
		timer_set_in(t, (uint64_t)(w->end_ms - (uint32_t)(now / NS_PER_MS)) * NS_PER_MS,
		             expire);
}

static void start(struct tcp_wait *w, uint64_t now)
{
	w->end_ms = (uint32_t)((now + TCP_TIME_WAIT_NS) / NS_PER_MS);
	list_move(&ages, &w->age);
	if (!timer_is_set(&timer))
		timer_set_in(&timer, TCP_TIME_WAIT_NS, expire);
}

void tcp_wait_enter(struct tcp_connection *c, uint64_t now)
{
	struct tcp_wait *w = NULL;
	ensure(!tcp_wait_find(&c->address));
	if (count >= TCP_WAIT_MAX)
		tcp_wait_forget(oldest());
	if (table || (table = heap_alloc_zero(BUCKETS, sizeof *table)))
		w = heap_alloc(sizeof *w);
	if (!w) {
		tcp_count(TCP_COUNT_NO_MEMORY); /* then there is none: the peer's repeated FIN meets
		                                   a reset */
		return;
	}
	*w = (struct tcp_wait){ .address = c->address,
		                .send_next = c->recovery.next,
		                .receive_next = tcp_connection_rcv_nxt(c),
		                .recent = c->recent,
		                .timestamp_offset = c->timestamp_offset,
		                .timestamps = c->timestamps };
	ip6_keep(w->address.local);
	ip6_keep(w->address.remote);
	struct tcp_wait **at = bucket(&w->address);
	w->chain = *at;
	*at = w;
	list_init(&w->age);
	tcp_counts[TCP_NOW_TIME_WAIT] = ++count;
	start(w, now);
}

struct tcp_wait *tcp_wait_find(const struct tcp_address *a)
{
	struct tcp_wait *w = table ? *bucket(a) : NULL;
	while (w && memcmp(&w->address, a, sizeof *a) != 0)
		w = w->chain;
	return w;
}

/* RFC 6191 §2: newer by its timestamp, or where that says nothing by its sequence number. */
bool tcp_wait_opens(const struct tcp_wait *w, const struct tcp_segment *s)
{
	bool stamped = w->timestamps && s->has_timestamps;
	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	return stamped && s->value != w->recent ? seq_lt(w->recent, s->value)
	                                        : seq_lt(w->receive_next, s->seq);
}

uint32_t tcp_wait_send_next(const struct tcp_wait *w)
{
	return w->send_next;
}

void tcp_wait_input(struct tcp_wait *w, const struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if (s->flags & TCP_RST) {
		/* RFC 1337: it does not end early. But one with exactly the number that our answer
		 * to a SYN acknowledged comes from a peer that has received this answer, and that
		 * knows nothing of the old connection any more: it is about to repeat its SYN. */
		if (w->challenged && s->seq == w->receive_next)
			tcp_wait_forget(w);
		return;
	}
	w->challenged |= (s->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN;
	/* A repeated FIN restarts the time; all else that is not exactly expected is answered, too.
	 */
	if ((s->flags & (TCP_FIN | TCP_SYN)) == TCP_FIN && s->seq + s->size + 1 == w->receive_next)
		start(w, in->now);
	else if (!tcp_segment_length(s) && s->seq == w->receive_next)
		return;
	struct tcp_segment answer = { .seq = w->send_next,
		                      .ack = w->receive_next,
		                      .flags = TCP_ACK,
		                      .has_timestamps = w->timestamps,
		                      .value =
		                              (uint32_t)(in->now / NS_PER_MS) + w->timestamp_offset,
		                      .echo = w->recent };
	tcp_output_stray(in, &answer);
}

void tcp_wait_clear(void)
{
	for (struct tcp_wait *w; (w = oldest());)
		tcp_wait_forget(w);
	timer_stop(&timer);
	heap_free(table);
	table = NULL;
}

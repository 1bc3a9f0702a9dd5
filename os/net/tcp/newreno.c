/* SPDX-License-Identifier: ISC */
/* NewReno: RFC 5681's window. Slow start counts all bytes that an acknowledgment covers (RFC 3465
 * without its limit): a receiver that takes large segments acknowledges many at once. */
#include <net/tcp.h>
#include <net/tcp/congestion.h>

static uint32_t two_segments(const struct congestion *c, uint32_t window)
{
	return window > 2 * c->mss ? window : 2 * c->mss;
}

static void open(struct congestion *c, uint32_t mss)
{
	*c = (struct congestion){ .window = CONGESTION_INITIAL_SEGMENTS * mss,
		                  .threshold = UINT32_MAX,
		                  .mss = mss };
}

static void acknowledged(struct congestion *c, const struct congestion_ack *a)
{
	uint32_t acked = a->acked;
	if (!a->limited)
		return;
	if (c->window < c->threshold) {
		uint32_t room = c->threshold - c->window, step = acked < room ? acked : room;
		c->window += step;
		acked -= step;
	}
	if (!acked)
		return;
	c->acked += acked; /* a segment for each window acknowledged (RFC 5681 §3.1) */
	if (c->acked >= c->window) {
		c->acked -= c->window;
		c->window += c->mss;
	}
}

static void reduced(struct congestion *c, uint32_t in_flight, bool ecn, uint64_t now)
{
	(void)ecn, (void)now;
	c->prior.window = c->window;
	c->prior.threshold = c->threshold;
	c->threshold = two_segments(c, in_flight / 2);
	c->window = c->threshold;
	c->acked = 0;
}

static void timed_out(struct congestion *c, uint32_t in_flight, uint64_t now)
{
	reduced(c, in_flight, false, now);
	c->window = c->mss;
}

static void undone(struct congestion *c, uint64_t now)
{
	(void)now;
	c->window = c->prior.window > c->window ? c->prior.window : c->window;
	c->threshold = c->prior.threshold;
}

static void resumed(struct congestion *c, uint64_t idle_ns, uint64_t rto_ns, uint64_t now)
{
	(void)now;
	uint32_t restart = CONGESTION_INITIAL_SEGMENTS * c->mss;
	for (; idle_ns > rto_ns && c->window > restart; idle_ns -= rto_ns) {
		c->threshold = c->window / 4 * 3 > c->threshold || c->threshold == UINT32_MAX
		                       ? c->window / 4 * 3
		                       : c->threshold;
		c->window /= 2;
		c->window = c->window < restart ? restart : c->window;
	}
}

const struct tcp_congestion tcp_newreno = { .name = "newreno",
	                                    .open = open,
	                                    .acknowledged = acknowledged,
	                                    .reduced = reduced,
	                                    .timed_out = timed_out,
	                                    .undone = undone,
	                                    .resumed = resumed };

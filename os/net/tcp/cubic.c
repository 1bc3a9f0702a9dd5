/* SPDX-License-Identifier: ISC */
/*
 * CUBIC (RFC 9438) in integers: bytes and milliseconds. W(t) = C (t - K)^3 + W_max with C = 0.4
 * segments/s^3 is mss * 4 * (t - K)^3 / 10^10 bytes with t in ms. Slow start ends by HyStart++ (RFC
 * 9406) before it overflows the path's buffer; it counts all bytes acknowledged, since receivers of
 * large segments acknowledge many at once.
 */
#include <net/tcp.h>
#include <net/tcp/congestion.h>

#include <core/clock.h>
#include <net/tcp/recovery.h>

#define T_MAX_MS                                                                                   \
	100000ll /* further from K it does not matter any more, and the cube fits 63 bits */
#define ROUND_SAMPLES     8u /* RFC 9406 §4.3: N_RTT_SAMPLE */
#define RTT_THRESHOLD_MIN (4 * NS_PER_MS)
#define RTT_THRESHOLD_MAX (16 * NS_PER_MS)
#define CSS_DIVISOR       4u
#define CSS_ROUNDS        5u

_Static_assert(T_MAX_MS *T_MAX_MS *T_MAX_MS / 10000 * 4 <= INT64_MAX / UINT16_MAX,
               "the cube of the time, times a segment, has room");

static uint64_t cube_root(uint64_t v)
{
	uint64_t root = 0;
	for (int bit = 20; bit >= 0; bit--) { /* 2^63 has a root of 2^21 */
		uint64_t next = root | 1ull << bit;
		if (next * next * next <= v)
			root = next;
	}
	return root;
}

static void open(struct congestion *c, uint32_t mss)
{
	*c = (struct congestion){ .window = CONGESTION_INITIAL_SEGMENTS * mss,
		                  .threshold = UINT32_MAX,
		                  .mss = mss };
}

/* ---- HyStart++ ---- */

static void slow_start(struct congestion *c, const struct congestion_ack *a)
{
	if (c->threshold !=
	    UINT32_MAX) { /* RFC 9406 §4.3: for the first slow start, which knows no threshold */
		uint32_t room = c->threshold - c->window;
		c->window += a->acked < room ? a->acked : room;
		return;
	}
	if (!c->slow_started || seq_lt(c->round_end, a->ack)) { /* a round trip has passed */
		if (c->css && ++c->css_rounds >= CSS_ROUNDS) {
			c->threshold = c->window;
			return;
		}
		c->slow_started = true;
		c->round_end = a->next;
		c->rtt_last_ns = c->rtt_round_ns;
		c->rtt_round_ns = UINT64_MAX;
		c->rtt_samples = 0;
	}
	if (a->rtt_ns) {
		c->rtt_samples++;
		if (a->rtt_ns < c->rtt_round_ns)
			c->rtt_round_ns = a->rtt_ns;
	}
	if (c->rtt_samples >= ROUND_SAMPLES && c->rtt_last_ns && c->rtt_last_ns != UINT64_MAX) {
		uint64_t eta = c->rtt_last_ns / 8;
		eta = eta < RTT_THRESHOLD_MIN   ? RTT_THRESHOLD_MIN
		      : eta > RTT_THRESHOLD_MAX ? RTT_THRESHOLD_MAX
		                                : eta;
		if (!c->css && c->rtt_round_ns >= c->rtt_last_ns + eta) {
			c->css = true;
			c->css_rounds = 0;
			c->rtt_baseline_ns = c->rtt_round_ns;
		} else if (c->css && c->rtt_round_ns < c->rtt_baseline_ns) {
			c->css = false; /* it was noise */
		}
	}
	c->window += c->css ? a->acked / CSS_DIVISOR : a->acked;
}

/* ---- The cubic ---- */

static uint64_t w_cubic(const struct congestion *c, uint64_t t_ns)
{
	int64_t d = (int64_t)(t_ns / NS_PER_MS) - (int64_t)(c->k_ns / NS_PER_MS);
	d = d > T_MAX_MS ? T_MAX_MS : d < -T_MAX_MS ? -T_MAX_MS : d;
	int64_t off = d * d * d / 10000 * 4 * (int64_t)c->mss / 1000000;
	int64_t w = (int64_t)c->w_max + off;
	return w < (int64_t)c->mss ? c->mss : (uint64_t)w;
}

static void epoch_start(struct congestion *c, uint64_t now)
{
	c->epoch_ns = now;
	c->w_est = c->window;
	c->acked = c->est_acked = 0;
	if (c->window < c->w_max) {
		c->k_ns = cube_root((uint64_t)(c->w_max - c->window) * 2500000000ull / c->mss) *
		          NS_PER_MS;
	} else {
		c->k_ns = 0;
		c->w_max = c->window;
	}
}

static void avoidance(struct congestion *c, const struct congestion_ack *a)
{
	if (!c->epoch_ns)
		epoch_start(c, a->now);
	uint64_t t = a->now - c->epoch_ns, window = c->window;
	/* §4.3: what Reno would have by now; alpha is 9/17 until it has made up for the smaller
	 * reduction, then 1. */
	uint64_t more =
	        c->est_acked + (uint64_t)a->acked * c->mss * (c->w_est < c->cwnd_prior ? 9 : 17);
	c->w_est += (uint32_t)(more / (17 * window));
	c->est_acked =
	        (uint32_t)((more % (17 * window)) > UINT32_MAX ? UINT32_MAX : more % (17 * window));
	if (w_cubic(c, t) < c->w_est) {
		if (c->window < c->w_est)
			c->window = c->w_est;
		return;
	}
	uint64_t target = w_cubic(c, t + a->srtt_ns); /* §4.4, 4.5 */
	if (target > window + window / 2)
		target = window + window / 2;
	if (target <= window)
		return;
	uint64_t sum = c->acked + (uint64_t)a->acked * (target - window);
	c->window += (uint32_t)(sum / window);
	c->acked = (uint32_t)(sum % window);
}

static void acknowledged(struct congestion *c, const struct congestion_ack *a)
{
	if (!a->limited) { /* §5.8: time in which it was not used does not count */
		if (!c->pause_ns)
			c->pause_ns = a->now;
		return;
	}
	if (c->pause_ns) {
		c->epoch_ns += c->epoch_ns ? a->now - c->pause_ns : 0;
		c->pause_ns = 0;
	}
	if (c->window > 1u << 30)
		return;
	if (c->window < c->threshold)
		slow_start(c, a);
	else
		avoidance(c, a);
}

static void reduced(struct congestion *c, uint32_t in_flight, bool ecn, uint64_t now)
{
	(void)in_flight, (void)ecn, (void)now;
	c->prior.window = c->window;
	c->prior.threshold = c->threshold;
	c->prior.w_max = c->w_max;
	c->prior.epoch_ns = c->epoch_ns;
	c->prior.k_ns = c->k_ns;
	c->cwnd_prior = c->window;
	c->w_max = c->window < c->w_max ? (uint32_t)((uint64_t)c->window * 17 / 20)
	                                : c->window; /* §4.7 */
	uint64_t threshold = (uint64_t)c->window * 7 / 10;
	c->threshold = threshold > 2 * c->mss ? (uint32_t)threshold : 2 * c->mss;
	c->window = c->threshold;
	c->epoch_ns = c->pause_ns = 0;
	c->css = false;
}

static void timed_out(struct congestion *c, uint32_t in_flight, uint64_t now)
{
	reduced(c, in_flight, false, now);
	c->window = c->mss;
	c->slow_started = false;
}

static void undone(struct congestion *c, uint64_t now)
{
	(void)now;
	c->window = c->prior.window > c->window ? c->prior.window : c->window;
	c->threshold = c->prior.threshold;
	c->w_max = c->prior.w_max;
	c->epoch_ns = c->prior.epoch_ns;
	c->k_ns = c->prior.k_ns;
	c->pause_ns = 0;
}

static void resumed(struct congestion *c, uint64_t idle_ns, uint64_t rto_ns, uint64_t now)
{
	uint32_t restart = CONGESTION_INITIAL_SEGMENTS * c->mss;
	if (c->epoch_ns && !c->pause_ns) /* the curve stands still meanwhile */
		c->pause_ns = now - idle_ns > c->epoch_ns ? now - idle_ns : c->epoch_ns;
	for (; idle_ns > rto_ns && c->window > restart; idle_ns -= rto_ns) {
		if (c->threshold == UINT32_MAX || c->threshold < c->window / 4 * 3)
			c->threshold = c->window / 4 * 3;
		c->window = c->window / 2 < restart ? restart : c->window / 2;
	}
}

const struct tcp_congestion tcp_cubic = { .name = "cubic",
	                                  .open = open,
	                                  .acknowledged = acknowledged,
	                                  .reduced = reduced,
	                                  .timed_out = timed_out,
	                                  .undone = undone,
	                                  .resumed = resumed };

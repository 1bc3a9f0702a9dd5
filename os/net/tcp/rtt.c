/* SPDX-License-Identifier: ISC */
/*
 * RFC 6298's estimator. The lower bound applies to the margin, not to the sum (as Linux has it): a
 * peer that delays its acknowledgments does not cause time-outs on a fast path.
 */
#include <net/tcp/recovery.h>

#include <core/clock.h>
#include <core/panic.h>

#define MIN_WINDOW_NS (10 * NS_PER_S)

void tcp_rtt_open(struct tcp_rtt *r)
{
	*r = (struct tcp_rtt){ .rto = RECOVERY_RTO_INITIAL_NS };
}

void tcp_rtt_seen(struct tcp_rtt *r, uint64_t rtt, uint64_t now)
{
	if (!rtt)
		rtt = 1;
	if (!r->min || rtt <= r->min) {
		r->min = rtt;
		r->min_at = now;
		r->min_next = 0;
		return;
	}
	if (!r->min_next || rtt < r->min_next)
		r->min_next = rtt;
	if (now - r->min_at > MIN_WINDOW_NS) { /* the path may have become longer */
		r->min = r->min_next;
		r->min_at = now;
		r->min_next = 0;
	}
}

void tcp_rtt_sample(struct tcp_rtt *r, uint64_t rtt, uint64_t now)
{
	if (!rtt)
		rtt = 1;
	tcp_rtt_seen(r, rtt, now);
	if (!r->srtt) { /* §2.2 */
		r->srtt = rtt;
		r->variation = rtt / 2;
	} else { /* §2.3 */
		uint64_t off = rtt > r->srtt ? rtt - r->srtt : r->srtt - rtt;
		r->variation = (3 * r->variation + off) / 4;
		r->srtt = (7 * r->srtt + rtt) / 8;
	}
	uint64_t margin = 4 * r->variation;
	r->rto = r->srtt + (margin < RECOVERY_RTO_MIN_NS ? RECOVERY_RTO_MIN_NS : margin);
	if (r->rto > RECOVERY_RTO_MAX_NS)
		r->rto = RECOVERY_RTO_MAX_NS;
	ensure(r->rto >= RECOVERY_RTO_MIN_NS && r->min);
}

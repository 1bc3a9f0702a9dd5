/* SPDX-License-Identifier: ISC */
/*
 * RACK-TLP (RFC 8985): what was sent sufficiently long before something that has arrived is lost;
 * and a probe when acknowledgments stop coming, so that a lost tail is found without a time-out.
 */
#include <net/tcp/recovery.h>

#include <core/clock.h>

#define DSACK_ROUNDS 16u /* that the wider window persists (§6.2 step 4) */
#define REORDER_MIN_NS                                                                             \
	(2 * NS_PER_MS) /* the timer's, as Linux has it; acknowledgments are judged at once */
#define DELAYED_ACK_MAX_NS (200 * NS_PER_MS) /* §7.2: WCDelAckT */

/* Was a sent after b (§6.1)? */
static bool after(uint64_t a_ns, uint32_t a_end, uint64_t b_ns, uint32_t b_end)
{
	return a_ns > b_ns || (a_ns == b_ns && seq_lt(b_end, a_end));
}

void tcp_rack_arrived(struct tcp_recovery *r, const struct tcp_sent *s, uint64_t now)
{
	uint64_t rtt = now - s->sent_ns;
	if (s->flags & SENT_RETRANSMITTED) {
		/* §6.2 step 2: it may be the original that arrived; not if a lone packet was just a
		 * little faster. */
		if (rtt < r->rtt.min - r->rtt.min / 16)
			return;
	} else {
		if (seq_lt(s->end, r->rack.fack)) /* step 3 */
			r->rack.reordered = true;
		tcp_rtt_seen(&r->rtt, rtt, now);
	}
	r->rack.fack = seq_max(r->rack.fack, s->end);
	if (!r->rack.sent_ns || after(s->sent_ns, s->end, r->rack.sent_ns, r->rack.end)) {
		r->rack.sent_ns = s->sent_ns;
		r->rack.end = s->end;
		r->rack.rtt = rtt;
	}
}

/* A retransmission was not needed: once a round trip, the window for reordering grows. */
void tcp_rack_dsack(struct tcp_recovery *r)
{
	if (r->rack.dsack)
		return;
	r->rack.dsack = true;
	r->rack.round_end = r->next;
	if (r->rack.multiplier < 20)
		r->rack.multiplier++;
	r->rack.persist = DSACK_ROUNDS;
}

static uint64_t reorder_window(struct tcp_recovery *r)
{
	if (r->rack.dsack && seq_le(r->rack.round_end, r->una))
		r->rack.dsack = false;
	if (!r->rack.reordered && (r->state != RECOVERY_OPEN || r->sacked >= 3 * r->mss))
		return 0;
	uint64_t window = (1 + (uint64_t)r->rack.multiplier) * r->rtt.min / 4;
	return window > r->rtt.srtt ? r->rtt.srtt : window;
}

bool tcp_rack_detect(struct tcp_recovery *r, uint64_t now)
{
	bool found = false;
	r->rack.reorder_deadline = CLOCK_NEVER;
	/* Nothing was overtaken: all that is under way was sent after the last thing that arrived.
	 */
	if (!r->rack.sent_ns || (!r->sacked && !r->lost && r->state == RECOVERY_OPEN && r->count &&
	                         !after(r->rack.sent_ns, r->rack.end, r->sent[r->first].sent_ns,
	                                r->sent[r->first].end)))
		return false;
	uint64_t wait = r->rack.rtt + reorder_window(r);
	for (uint32_t k = 0; k < r->count; k++) {
		struct tcp_sent *s = &r->sent[r->first + k];
		if (s->flags & (SENT_SACKED | SENT_LOST))
			continue;
		if (!after(r->rack.sent_ns, r->rack.end, s->sent_ns, s->end)) {
			/* Originals ascend in time: behind one that is too young there are only
			 * copies to look at. */
			if (!(s->flags & SENT_RETRANSMITTED) && seq_le(r->rack.fack, s->seq))
				break;
			continue;
		}
		if (s->sent_ns + wait <= now) {
			tcp_recovery_mark_lost(r, s);
			found = true;
		} else if (s->sent_ns + wait < r->rack.reorder_deadline) {
			r->rack.reorder_deadline = s->sent_ns + wait;
		}
	}
	/* Where round trips are short, three SACKs are to find the loss before the timer does: what
	 * is sent again is then followed by new data, whose SACKs tell if it is lost too. */
	if (r->rack.reorder_deadline != CLOCK_NEVER &&
	    r->rack.reorder_deadline < now + REORDER_MIN_NS)
		r->rack.reorder_deadline = now + REORDER_MIN_NS;
	return found;
}

uint64_t tcp_rack_probe_deadline(const struct tcp_recovery *r)
{
	if (!r->sack || !r->probe_allowed || r->probing || r->state != RECOVERY_OPEN || r->sacked ||
	    r->lost || !r->rtt.srtt || !r->count)
		return CLOCK_NEVER;
	uint64_t wait = 2 * r->rtt.srtt;
	if (r->pipe <= r->mss)
		wait += DELAYED_ACK_MAX_NS;
	else if (wait < 2 * NS_PER_MS)
		wait = 2 * NS_PER_MS;
	return r->last_sent + wait;
}

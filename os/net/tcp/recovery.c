/* SPDX-License-Identifier: ISC */
/*
 * The records ascend without holes from snd_una to snd_nxt in an array that is used from `first`
 * on: acknowledgment moves `first`, sending appends, and a SACK or a partial retransmission splits
 * one. What neither is SACKed nor lost is `pipe`. Transmissions of the same moment share a record,
 * so that a window of thousands of segments is a few dozen.
 *
 * An acknowledgment is heard in the order in which things depend on each other: what arrived, how
 * long it took, was the episode a mistake, is it over, is something else lost, what may be sent
 * now.
 */
#include <net/tcp/recovery.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>
#include <net/tcp.h>

#define RECORDS_FIRST 8u
#define RECORDS_IDLE  32u /* a larger array is given back when nothing is under way */
#define RECORDS_NEW                                                                                \
	(RECOVERY_SENT_MAX / 8 * 7) /* new data stops here: what repairs must find room */
#define RECORDS_SACK (RECOVERY_SENT_MAX / 4 * 3) /* SACKs split no further */
#define RECORDS_EXACT                                                                              \
	512u /* and from here on only between segments: hostile ones cost no more than honest ones \
	      */
#define RECORD_MAX 65536u /* sequence numbers that transmissions of one moment are gathered to */
#define DUPLICATES 3u     /* RFC 5681 §3.2 */

_Static_assert(RECORDS_FIRST <= RECORDS_IDLE && RECORDS_IDLE < RECORDS_EXACT &&
                       RECORDS_EXACT < RECORDS_SACK && RECORDS_SACK < RECORDS_NEW &&
                       RECORDS_NEW < RECOVERY_SENT_MAX,
               "what repairs has room when what is new has none");
_Static_assert(RECOVERY_RTO_MIN_NS < RECOVERY_RTO_INITIAL_NS &&
                       RECOVERY_RTO_INITIAL_NS < RECOVERY_RTO_MAX_NS,
               "RFC 6298 §2");

static struct tcp_sent *at(const struct tcp_recovery *r, uint32_t k)
{
	return &r->sent[r->first + k];
}

static uint32_t size_of(const struct tcp_sent *s)
{
	return s->end - s->seq;
}

/* The first record that ends after seq; count if there is none. */
static uint32_t find(const struct tcp_recovery *r, uint32_t seq)
{
	uint32_t low = 0, high = r->count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (seq_le(at(r, middle)->end, seq))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is taken to be under way. Each duplicate ACK without SACK says that a segment has left. */
static uint32_t under_way(const struct tcp_recovery *r)
{
	return r->sack || r->pipe > r->sacked ? r->pipe - (r->sack ? 0 : r->sacked) : 0;
}

static struct congestion *window(struct tcp_recovery *r)
{
	return &r->congestion;
}

/* What the window is now: PRR's in an episode. */
static uint32_t window_now(const struct tcp_recovery *r)
{
	return r->state == RECOVERY_FAST ? r->prr_window : r->congestion.window;
}

/* ---- Records ---- */

void tcp_recovery_open(struct tcp_recovery *r, const struct recovery_setup *s, uint64_t now)
{
	*r = (struct tcp_recovery){ .una = s->iss,
		                    .next = s->iss,
		                    .mss = s->mss,
		                    .sack = s->sack,
		                    .timestamps = s->timestamps,
		                    .algorithm = s->congestion ? s->congestion : &tcp_cubic,
		                    .lost_from = s->iss,
		                    .point = s->iss,
		                    .cut_end = s->iss,
		                    .limited_end = s->iss,
		                    .deadline = CLOCK_NEVER,
		                    .last_sent = now };
	ensure(s->mss);
	r->rack.fack = r->rack.end = s->iss;
	r->rack.reorder_deadline = CLOCK_NEVER;
	tcp_rtt_open(&r->rtt);
	r->algorithm->open(window(r), s->mss);
}

void tcp_recovery_close(struct tcp_recovery *r)
{
	heap_free(r->sent);
	r->sent = NULL;
	r->first = r->count = r->capacity = 0;
	r->timer = TIMER_NONE;
	r->deadline = CLOCK_NEVER;
}

void tcp_recovery_agreed(struct tcp_recovery *r, uint32_t mss, bool sack, bool timestamps)
{
	ensure(mss && !r->sacked);
	r->mss = mss;
	r->sack = sack;
	r->timestamps = timestamps;
	r->algorithm->open(window(r), mss);
	if (r->timeouts_total >
	    1) /* RFC 6928 §2, but for one loss, which is no sign of congestion */
		r->congestion.window = mss;
	if (r->timeouts_total && !r->rtt.srtt)
		r->rtt.rto = 3 * NS_PER_S; /* RFC 6298 §5.7 */
	r->state = RECOVERY_OPEN;
}

/* Room for two more records: what a send needs at most. */
static bool room_make(struct tcp_recovery *r)
{
	if (r->first + r->count + 2 <= r->capacity)
		return true;
	if (r->first && r->first >= r->capacity / 2) {
		memmove(r->sent, at(r, 0), r->count * sizeof *r->sent);
		r->first = 0;
		return true;
	}
	uint32_t capacity = r->capacity ? 2 * r->capacity : RECORDS_FIRST;
	struct tcp_sent *sent = heap_alloc(capacity * sizeof *sent);
	if (!sent)
		return false;
	if (r->count)
		memcpy(sent, at(r, 0), r->count * sizeof *sent);
	heap_free(r->sent);
	r->sent = sent;
	r->first = 0;
	r->capacity = capacity;
	return true;
}

bool tcp_recovery_ready(struct tcp_recovery *r)
{
	return (r->lost || r->count < RECORDS_NEW) && room_make(r);
}

/* Splits record k at seq, which lies inside; the shorter side moves. False: no room; it stays
 * whole. */
static bool split(struct tcp_recovery *r, uint32_t k, uint32_t seq)
{
	if (r->count >= RECOVERY_SENT_MAX || !room_make(r))
		return false;
	ensure(k < r->count && seq_lt(at(r, k)->seq, seq) && seq_lt(seq, at(r, k)->end));
	struct tcp_sent *s = at(r, 0);
	if (r->first && k < r->count / 2) {
		memmove(s - 1, s, (k + 1) * sizeof *s);
		r->first--;
	} else {
		memmove(s + k + 1, s + k, (r->count - k) * sizeof *s);
	}
	r->count++;
	s = at(r, k);
	s[1] = s[0];
	s[0].end = s[1].seq = seq;
	return true;
}

/* Makes one of the records [low, high), all SACKed: so there are as many as there are holes. */
static void join(struct tcp_recovery *r, uint32_t low, uint32_t high)
{
	ensure(low < high && high <= r->count);
	uint32_t less = high - low - 1;
	struct tcp_sent *s = at(r, low), *last = at(r, high - 1);
	for (struct tcp_sent *t = s; t < last;
	     t++) { /* in case the peer takes it back (time_out) */
		last->flags |= t->flags;
		last->sent_ns = last->sent_ns > t->sent_ns ? last->sent_ns : t->sent_ns;
	}
	last->seq = s->seq;
	if (low < r->count - high) {
		memmove(at(r, less), at(r, 0), low * sizeof *s);
		r->first += less;
	} else {
		memmove(s, last, (r->count - high + 1) * sizeof *s);
	}
	r->count -= less;
}

/* Takes a record out of the sums, or puts it back in as its flags say. */
static void sum_add(struct tcp_recovery *r, const struct tcp_sent *s)
{
	if (s->flags & SENT_SACKED)
		r->sacked += size_of(s);
	else if (s->flags & SENT_LOST)
		r->lost += size_of(s);
	else
		r->pipe += size_of(s);
}

static void sum_take(struct tcp_recovery *r, const struct tcp_sent *s)
{
	uint32_t *sum = s->flags & SENT_SACKED ? &r->sacked
	                : s->flags & SENT_LOST ? &r->lost
	                                       : &r->pipe;
	ensure(size_of(s) <= *sum);
	*sum -= size_of(s);
}

static void flags_set(struct tcp_recovery *r, struct tcp_sent *s, uint8_t flags)
{
	sum_take(r, s);
	s->flags = flags;
	sum_add(r, s);
}

void tcp_recovery_mark_lost(struct tcp_recovery *r, struct tcp_sent *s)
{
	if (!r->lost || seq_lt(s->seq, r->lost_from))
		r->lost_from = s->seq;
	flags_set(r, s, s->flags | SENT_LOST);
}

/* ---- Timers ---- */

static uint64_t rto_now(const struct tcp_recovery *r)
{
	uint64_t rto = r->rtt.rto << (r->backoff < 16 ? r->backoff : 16);
	return rto > RECOVERY_RTO_MAX_NS ? RECOVERY_RTO_MAX_NS : rto;
}

static void timer_choose(struct tcp_recovery *r)
{
	r->timer = TIMER_NONE;
	r->deadline = CLOCK_NEVER;
	if (!r->count)
		return;
	r->timer = TIMER_RTO;
	r->deadline = r->rto_start + rto_now(r);
	uint64_t probe = tcp_rack_probe_deadline(r);
	if (probe !=
	    CLOCK_NEVER) { /* RFC 8985 §7.2: at the time-out's time at the latest, and before it */
		r->timer = TIMER_PROBE;
		r->deadline = probe < r->deadline ? probe : r->deadline;
	}
	if (r->rack.reorder_deadline < r->deadline) {
		r->timer = TIMER_REORDER;
		r->deadline = r->rack.reorder_deadline;
	}
}

uint64_t tcp_recovery_deadline(const struct tcp_recovery *r)
{
	return r->deadline;
}

/* ---- Sending ---- */

uint32_t tcp_recovery_room(const struct tcp_recovery *r)
{
	uint32_t most = window_now(r), pipe = under_way(r);
	return most > pipe ? most - pipe : 0;
}

bool tcp_recovery_lost(struct tcp_recovery *r, uint32_t most, uint32_t *seq, uint32_t *end)
{
	if (!r->lost)
		return false;
	uint32_t k = find(r, r->lost_from);
	while (k < r->count && (at(r, k)->flags & (SENT_LOST | SENT_SACKED)) != SENT_LOST)
		k++;
	ensure(k < r->count);
	*seq = r->lost_from = at(r, k)->seq;
	*end = at(r, k)->end;
	while (++k < r->count && *end - *seq < most &&
	       (at(r, k)->flags & (SENT_LOST | SENT_SACKED)) == SENT_LOST)
		*end = at(r, k)->end;
	if (*end - *seq > most)
		*end = *seq + most;
	return true;
}

/* New data: with what was sent at the same moment, in one record. */
static void sent_new(struct tcp_recovery *r, uint32_t seq, uint32_t end, uint64_t now)
{
	struct tcp_sent *last = r->count ? at(r, r->count - 1) : NULL;
	ensure(!last || last->end == seq);
	r->pipe += end - seq;
	r->next = end;
	/* (Between whole segments only: RECORDS_EXACT counts on it.) */
	if (last && last->sent_ns == now && !last->flags && end - last->seq <= RECORD_MAX &&
	    !(size_of(last) % r->mss)) {
		last->end = end;
		return;
	}
	ensure(r->first + r->count < r->capacity);
	r->sent[r->first + r->count++] =
	        (struct tcp_sent){ .sent_ns = now, .seq = seq, .end = end };
}

static void sent_again(struct tcp_recovery *r, uint32_t seq, uint32_t end, uint64_t now)
{
	uint32_t k = find(r, seq);
	ensure(k < r->count && seq_le(at(r, k)->seq, seq));
	if (at(r, k)->seq != seq && split(r, k, seq))
		k++;
	for (; k < r->count && seq_lt(at(r, k)->seq, end); k++) {
		if (seq_lt(end, at(r, k)->end))
			split(r, k, end);
		struct tcp_sent *s = at(r, k);
		if (s->flags & SENT_SACKED)
			continue;
		flags_set(r, s, (uint8_t)((s->flags & ~SENT_LOST) | SENT_RETRANSMITTED));
		s->sent_ns = now;
	}
	uint32_t segments = (end - seq + r->mss - 1) / r->mss;
	r->retransmitted += segments;
	r->undo_low = r->undo_copies ? seq_min(r->undo_low, seq) : seq;
	r->undo_high = r->undo_copies ? seq_max(r->undo_high, end) : end;
	r->undo_copies += segments;
	bool fresh = now - r->rack.copied_at > 2 * r->rtt.srtt;
	r->rack.copied_low = fresh ? seq : seq_min(r->rack.copied_low, seq);
	r->rack.copied_high = fresh ? end : seq_max(r->rack.copied_high, end);
	r->rack.copied_at = now;
	if (r->may_undo && !r->undo_first)
		r->undo_first = now;
	if (r->lost && seq_le(seq, r->lost_from)) /* a probe goes past what is lost */
		r->lost_from = seq_max(r->lost_from, end);
}

void tcp_recovery_sent(struct tcp_recovery *r, uint32_t seq, uint32_t end, bool app_limited,
                       uint64_t now)
{
	bool first = !r->count;
	ensure(seq_lt(seq, end) && seq_le(r->una, seq) && seq_le(seq, r->next));
	if (r->probe_fresh) {
		r->probe_fresh = false;
		r->probe_copies = seq != r->next;
		r->probe_end = r->probe_copies ? r->next : end;
	}
	if (seq == r->next) {
		sent_new(r, seq, end, now);
		r->probe_allowed = !r->probing;
	} else {
		sent_again(r, seq, end, now);
	}
	if (r->state == RECOVERY_FAST)
		r->prr_out += end - seq;
	if (!app_limited && tcp_recovery_room(r) < r->mss)
		r->limited_end = r->next;
	r->last_sent = now;
	if (first)
		r->rto_start = now; /* RFC 6298 §5.1 */
	timer_choose(r);
}

void tcp_recovery_resume(struct tcp_recovery *r, uint64_t now)
{
	uint64_t rto = rto_now(r);
	if (r->count || now - r->last_sent <= rto || r->state != RECOVERY_OPEN)
		return;
	r->algorithm->resumed(window(r), now - r->last_sent, rto, now);
}

bool tcp_recovery_last(const struct tcp_recovery *r, uint32_t *seq, uint32_t *end)
{
	if (!r->count)
		return false;
	const struct tcp_sent *s = at(r, r->count - 1);
	*end = s->end;
	*seq = s->end - s->seq > r->mss ? s->end - r->mss : s->seq;
	return true;
}

void tcp_recovery_set_mss(struct tcp_recovery *r, uint32_t mss, bool lost, uint64_t now)
{
	(void)now;
	bool shrinks = mss < r->mss;
	ensure(mss);
	r->mss = r->congestion.mss = mss;
	if (r->congestion.window < mss)
		r->congestion.window = mss;
	if (!lost || !shrinks)
		return;
	for (uint32_t k = 0; k < r->count; k++) {
		struct tcp_sent *s = at(r, k);
		if (!(s->flags & (SENT_SACKED | SENT_LOST)) && size_of(s) > mss)
			tcp_recovery_mark_lost(r, s);
	}
	timer_choose(r);
}

void tcp_recovery_moved(struct tcp_recovery *r)
{
	for (uint32_t k = 0; k < r->count; k++) {
		struct tcp_sent *s = at(r, k);
		if (!(s->flags & (SENT_SACKED | SENT_LOST)))
			tcp_recovery_mark_lost(r, s);
	}
	timer_choose(r);
}

/* ---- Episodes ---- */

static void undo_open(struct tcp_recovery *r)
{
	r->may_undo = true;
	r->undo_copies = 0;
	r->undo_first = 0;
}

static void enter_fast(struct tcp_recovery *r, uint64_t now)
{
	uint32_t flight = r->next - r->una;
	undo_open(r);
	r->undo_fast = true;
	r->algorithm->reduced(window(r), flight, false, now);
	r->state = RECOVERY_FAST;
	r->point = r->next;
	r->flight = flight ? flight : 1;
	r->prr_delivered = r->prr_out = 0;
	r->cut_end = r->next; /* ECN's mark for the same loss cuts no second time */
	r->recoveries++;
	r->probing = false;
}

static void leave(struct tcp_recovery *r)
{
	if (r->state == RECOVERY_FAST && r->congestion.window > r->congestion.threshold)
		r->congestion.window = r->congestion.threshold;
	r->state = RECOVERY_OPEN;
	r->duplicates = 0;
	if (!r->sack)
		r->sacked = 0;
}

/* The losses were none: what was marked is under way after all. */
static void undo(struct tcp_recovery *r, uint64_t now)
{
	for (uint32_t k = 0; r->lost && k < r->count; k++) {
		struct tcp_sent *s = at(r, k);
		if ((s->flags & (SENT_LOST | SENT_SACKED)) == SENT_LOST)
			flags_set(r, s, s->flags & (uint8_t)~SENT_LOST);
	}
	if (r->undo_fast)
		tcp_rack_dsack(r);
	r->rack.reordered |= r->undo_fast; /* or RACK's copies hide it for ever */
	r->algorithm->undone(window(r), now);
	r->state = RECOVERY_OPEN;
	r->backoff = 0;
	r->may_undo = false;
	r->duplicates = 0;
	if (!r->sack)
		r->sacked = 0;
	r->spurious++;
}

/* PRR (RFC 6937 with the slow-start bound only where nothing more is lost; RFC 9937 §6.2). */
static void prr(struct tcp_recovery *r, uint32_t delivered, bool more_lost, bool entered)
{
	uint32_t pipe = under_way(r), threshold = r->congestion.threshold;
	uint64_t may;
	r->prr_delivered += delivered;
	if (pipe > threshold) {
		uint64_t whole =
		        ((uint64_t)r->prr_delivered * threshold + r->flight - 1) / r->flight;
		may = whole > r->prr_out ? whole - r->prr_out : 0;
	} else {
		uint64_t limit = r->prr_delivered > r->prr_out ? r->prr_delivered - r->prr_out : 0;
		limit = limit > delivered ? limit : delivered;
		limit += more_lost ? 0 : r->mss;
		may = threshold - pipe < limit ? threshold - pipe : limit;
	}
	if (entered && may < r->mss)
		may = r->mss; /* the first retransmission goes at once */
	r->prr_window = pipe + (uint32_t)may;
}

/* ---- Hearing ---- */

struct heard {
	uint32_t delivered; /* bytes that have left the path */
	uint64_t rtt;       /* of the oldest record newly acknowledged, if it went once */
	bool copied;        /* one newly acknowledged was retransmitted */
	uint64_t echoed; /* what the echoed timestamp stamped left at least so long ago; 0: unknown
	                  */
};

static void arrived(struct tcp_recovery *r, const struct tcp_sent *s, struct heard *h, uint64_t now)
{
	h->delivered += size_of(s);
	if (s->flags & SENT_RETRANSMITTED) {
		h->copied = true;
		if (h->echoed > now - s->sent_ns)
			return; /* the original came, not the copy (RFC 8985 §6.2 step 2) */
	} else {
		uint64_t rtt = now - s->sent_ns ? now - s->sent_ns : 1;
		h->rtt = h->rtt ? h->rtt : rtt;
		r->rtt_least = r->rtt_least && r->rtt_least < rtt ? r->rtt_least : rtt;
	}
	tcp_rack_arrived(r, s, now);
}

/* The cumulative part: takes [una, ack) away. */
static void take_acknowledged(struct tcp_recovery *r, uint32_t ack, struct heard *h, uint64_t now)
{
	uint32_t gone = 0;
	for (; gone < r->count && seq_lt(at(r, gone)->seq, ack); gone++) {
		struct tcp_sent *s = at(r, gone), part = *s;
		part.end = seq_min(part.end, ack);
		if (!(s->flags & SENT_SACKED) || !r->sack)
			arrived(r, &part, h, now);
		sum_take(r, &part);
		if (seq_lt(ack, s->end)) {
			s->seq = ack;
			break;
		}
	}
	r->first += gone;
	r->count -= gone;
	ensure(r->count ? at(r, 0)->seq == ack : r->next == ack);
	r->una = ack;
	if (!r->count) {
		r->first = 0;
		if (r->capacity > RECORDS_IDLE) {
			heap_free(r->sent);
			r->sent = NULL;
			r->capacity = 0;
		}
	}
	if (r->lost)
		r->lost_from = seq_max(r->lost_from, ack);
	r->limited_end = seq_max(r->limited_end, ack);
	r->cut_end = seq_max(r->cut_end, ack);
	r->rack.fack = seq_max(r->rack.fack, ack);
	if (r->state == RECOVERY_OPEN)
		r->point = ack;
}

/* Where inside of a record a SACK may split it: `seq`, or with many records the segment's boundary
 * towards `up`. */
static uint32_t boundary(const struct tcp_recovery *r, const struct tcp_sent *s, uint32_t seq,
                         bool up)
{
	if (r->count < RECORDS_EXACT)
		return seq;
	uint32_t off = seq - s->seq;
	off = (off + (up ? r->mss - 1 : 0)) / r->mss * r->mss;
	return off < size_of(s) ? s->seq + off : s->end;
}

/* Marks what is inside [left, right), splitting the records at its ends. */
static void take_sack(struct tcp_recovery *r, uint32_t left, uint32_t right, struct heard *h,
                      uint64_t now)
{
	uint32_t k = find(r, left);
	if (k < r->count && seq_lt(at(r, k)->seq, left) && !(at(r, k)->flags & SENT_SACKED)) {
		uint32_t from = boundary(r, at(r, k), left, true);
		if (from != at(r, k)->end && r->count < RECORDS_SACK)
			split(r, k, from); /* else the part in it is not noted */
		k++;
	}
	uint32_t low = k;
	for (; k < r->count && seq_lt(at(r, k)->seq, right); k++) {
		struct tcp_sent *s = at(r, k);
		if (s->flags & SENT_SACKED)
			continue;
		if (seq_lt(right, s->end)) {
			uint32_t to = boundary(r, s, right, false);
			if (to == s->seq || r->count >= RECORDS_SACK || !split(r, k, to))
				break;
			s = at(r, k);
		}
		arrived(r, s, h, now);
		flags_set(r, s, s->flags | SENT_SACKED);
	}
	if (k == low)
		return;
	if (low && at(r, low - 1)->flags & SENT_SACKED)
		low--;
	if (k < r->count && at(r, k)->flags & SENT_SACKED)
		k++;
	join(r, low, k);
}

/* RFC 2883 §4: a first block below the ACK, or inside the second one, tells of a duplicate. */
static bool is_dsack(const struct recovery_ack *a)
{
	if (!a->sack_count)
		return false;
	const uint32_t *first = a->sack[0], *second = a->sack[1];
	if (seq_le(first[1], a->ack))
		return true;
	return a->sack_count > 1 && seq_le(second[0], first[0]) && seq_le(first[1], second[1]);
}

/* By ascending sequence numbers, whatever their order in the segment: RACK sees reordering where
 * one comes after a higher one (RFC 8985 §6.2 step 3). */
static void take_sacks(struct tcp_recovery *r, const struct recovery_ack *a, uint32_t from,
                       struct heard *h, uint64_t now)
{
	uint32_t done = a->ack;
	h->echoed = 0; /* what is out of order is not echoed (RFC 7323 §4.3) */
	for (uint32_t k = from; k < a->sack_count && k < RECOVERY_SACKS_MAX; k++) {
		uint32_t left = 0, right = 0;
		bool found = false;
		for (uint32_t n = from; n < a->sack_count && n < RECOVERY_SACKS_MAX; n++) {
			uint32_t l = a->sack[n][0], e = a->sack[n][1];
			if (!seq_lt(l, e) || seq_le(e, done) || seq_lt(r->next, e))
				continue; /* nonsense, old news, or what was never sent */
			if (!found || seq_lt(l, left)) {
				left = l;
				right = e;
				found = true;
			}
		}
		if (!found)
			return;
		take_sack(r, seq_max(left, done), right, h, now);
		done = right;
	}
}

/* RFC 8985 §7.4.2: has the probe shown that something was lost, by repairing it? */
static void probe_answered(struct tcp_recovery *r, const struct recovery_ack *a, bool dsack,
                           bool advance, uint64_t now)
{
	if (!r->probing || seq_lt(a->ack, r->probe_end))
		return;
	if (!r->probe_copies || dsack || r->state != RECOVERY_OPEN) {
		r->probing = false; /* new data; or original and copy have both arrived */
	} else if (a->ack != r->probe_end) {
		r->probing = false;
		r->algorithm->reduced(window(r), r->next - r->una, false, now);
		r->may_undo = false;
		r->recoveries++;
	} else if (!advance && !a->has_data && !a->window_changed) {
		r->probing = false; /* a duplicate: of the copy, without saying so */
	}
}

/* Without SACK (RFC 6582): three duplicates, and then each partial acknowledgment, tell of one lost
 * segment. */
static bool newreno_detect(struct tcp_recovery *r, const struct recovery_ack *a, uint32_t advance)
{
	bool partial = r->state == RECOVERY_FAST && advance && r->count;
	if (advance) {
		uint32_t off = advance > r->mss ? advance - r->mss : 0;
		r->sacked -= off < r->sacked ? off : r->sacked;
		r->duplicates = 0;
		if (r->state == RECOVERY_OPEN)
			r->sacked = 0;
	} else if (!a->has_data && !a->window_changed && r->count) {
		if (r->duplicates < UINT8_MAX)
			r->duplicates++;
		if (r->sacked + r->mss <= r->pipe)
			r->sacked += r->mss;
	}
	if (!r->count || r->state == RECOVERY_LOSS || (!partial && r->duplicates != DUPLICATES) ||
	    (r->state == RECOVERY_FAST && !partial))
		return false;
	struct tcp_sent *s = at(r, 0);
	if (s->flags & (SENT_LOST))
		return false;
	if (size_of(s) > r->mss && !split(r, 0, s->seq + r->mss))
		return false;
	tcp_recovery_mark_lost(r, at(r, 0));
	if (r->sacked > r->pipe)
		r->sacked = r->pipe;
	return true;
}

struct recovery_result tcp_recovery_acknowledged(struct tcp_recovery *r,
                                                 const struct recovery_ack *a, uint64_t now)
{
	struct recovery_result result = { .acknowledged = a->ack - r->una };
	struct heard h = { .echoed = a->echo_rtt_ns > a->echo_tick_ns
		                             ? a->echo_rtt_ns - a->echo_tick_ns
		                             : 0 };
	ensure(seq_le(r->una, a->ack) && seq_le(a->ack, r->next));
	bool limited = seq_lt(r->una, r->limited_end), was_lost = r->lost != 0;
	bool dsack = r->sack && is_dsack(a), was_fast = r->state == RECOVERY_FAST;
	uint64_t since_first = r->undo_first ? now - r->undo_first : 0;

	take_acknowledged(r, a->ack, &h, now);
	h.echoed = 0; /* what is SACKed is not what is echoed (RFC 7323 §4.3) */
	if (r->sack)
		take_sacks(r, a, dsack ? 1 : 0, &h, now);
	if (dsack) { /* of what was sent again; else the network has doubled it */
		const uint32_t *d = a->sack[0];
		if (seq_le(r->rack.copied_low, d[0]) && seq_le(d[1], r->rack.copied_high))
			tcp_rack_dsack(r);
		if (r->undo_copies && seq_le(r->undo_low, d[0]) && seq_le(d[1], r->undo_high))
			r->undo_copies--;
	} else if (r->rack.persist && result.acknowledged && r->state != RECOVERY_OPEN &&
	           seq_le(r->point, r->una)) {
		if (!--r->rack.persist)
			r->rack.multiplier = 0;
	}

	/* Time (Karn: not where it may have been the copy; the echo tells which it was). */
	uint64_t sample = h.copied ? a->echo_rtt_ns : h.rtt;
	if (result.acknowledged && sample)
		tcp_rtt_sample(&r->rtt, sample, now);
	if (result.acknowledged) {
		r->backoff = 0;
		r->timeouts = 0;
		r->rto_start = now;
		r->probe_allowed = true;
	}
	probe_answered(r, a, dsack, result.acknowledged, now);

	/* A mistake? Eifel: what is acknowledged left before the first copy did; or all copies were
	 * told of twice, which may happen when the episode is over already. */
	if (r->may_undo && r->undo_first) {
		bool eifel = r->state != RECOVERY_OPEN && result.acknowledged && h.copied &&
		             a->echo_rtt_ns > since_first + a->echo_tick_ns;
		if (eifel || (dsack && !r->undo_copies)) {
			undo(r, now);
			result.undone = true;
		}
	}
	if (r->state != RECOVERY_OPEN && seq_le(r->point, r->una))
		leave(r);

	/* (What tells nothing new finds nothing lost that the timer would not: a flood of such
	 * costs little.) */
	bool more_lost = !r->sack ? newreno_detect(r, a, result.acknowledged)
	                          : h.delivered && tcp_rack_detect(r, now);
	if (more_lost && r->state == RECOVERY_OPEN) {
		enter_fast(r, now);
		result.entered = true;
	}

	if (a->ece && r->state == RECOVERY_OPEN && seq_le(r->cut_end, r->una) &&
	    result.acknowledged) {
		r->algorithm->reduced(window(r), r->next - r->una, true,
		                      now); /* RFC 3168 §6.1.2: once a round trip */
		r->cut_end = r->next;
		r->may_undo = false;
		result.cut = true;
	} else if (r->state == RECOVERY_FAST) {
		prr(r, h.delivered, more_lost,
		    result.entered || (more_lost && !r->sack)); /* RFC 6582 §3.2, 3 */
		result.cut = a->ece; /* it has been: the peer need not say it any more */
	} else if (result.acknowledged &&
	           !was_fast) { /* what ends an episode sets the window only */
		r->algorithm->acknowledged(window(r),
		                           &(struct congestion_ack){ .acked = result.acknowledged,
		                                                     .ack = a->ack,
		                                                     .next = r->next,
		                                                     .rtt_ns = r->rtt_least,
		                                                     .srtt_ns = r->rtt.srtt,
		                                                     .limited = limited,
		                                                     .now = now });
	}
	if (result.acknowledged)
		r->rtt_least = 0;
	ensure(r->congestion.window >= r->mss && (r->count || !r->lost));
	timer_choose(r);
	result.send = r->lost || was_lost || tcp_recovery_room(r) >= r->mss;
	return result;
}

/* ---- Time ---- */

static void time_out(struct tcp_recovery *r, uint64_t now)
{
	ensure(r->count);
	uint32_t flight = r->pipe + r->lost;
	bool first = r->state != RECOVERY_LOSS;
	if (at(r, 0)->flags &
	    SENT_SACKED) { /* the peer has thrown away what it had (RFC 2018 §8) */
		for (uint32_t k = 0; k < r->count; k++)
			flags_set(r, at(r, k), at(r, k)->flags & (uint8_t)~SENT_SACKED);
	}
	if (!r->sack)
		r->sacked = 0;
	for (uint32_t k = 0; k < r->count; k++) {
		struct tcp_sent *s = at(r, k);
		if (!(s->flags & (SENT_SACKED | SENT_LOST)))
			tcp_recovery_mark_lost(r, s);
	}
	ensure(!r->pipe && r->lost);
	r->lost_from = r->una;
	if (first) { /* RFC 5681 §3.1: a second time-out in a row does not lower the threshold again
		      */
		undo_open(r);
		r->undo_fast = false;
		r->algorithm->timed_out(window(r), flight, now);
	}
	r->congestion.window = r->mss;
	r->state = RECOVERY_LOSS;
	r->point = r->next;
	r->probing = r->probe_allowed = false;
	r->duplicates = 0;
	r->rack.reorder_deadline = CLOCK_NEVER;
	r->backoff = (uint8_t)(r->backoff < 16 ? r->backoff + 1 : 16);
	r->timeouts++;
	r->timeouts_total++;
	r->rto_start = now;
}

enum recovery_action tcp_recovery_expired(struct tcp_recovery *r, uint64_t now)
{
	if (now < r->deadline || r->timer == TIMER_NONE)
		return RECOVERY_NOTHING;
	enum recovery_action action = RECOVERY_OUTPUT;
	switch ((enum recovery_timer)r->timer) {
	case TIMER_REORDER:
		if (tcp_rack_detect(r, now) && r->state == RECOVERY_OPEN) {
			enter_fast(r, now);
			prr(r, 0, true, true);
		} else if (r->state == RECOVERY_FAST) {
			prr(r, 0, true, r->prr_window <= under_way(r));
		}
		break;
	case TIMER_PROBE:
		r->probing = r->probe_fresh = true;
		r->probe_allowed = false;
		r->probe_end = r->next;
		r->probes++;
		r->rto_start = now;
		action = RECOVERY_PROBE;
		break;
	default:
		time_out(r, now);
		action = RECOVERY_TIMEOUT;
	}
	timer_choose(r);
	return action;
}

/* ---- Looking ---- */

void tcp_recovery_figures(const struct tcp_recovery *r, struct recovery_figures *f)
{
	*f = (struct recovery_figures){ .una = r->una,
		                        .next = r->next,
		                        .pipe = under_way(r),
		                        .window = window_now(r),
		                        .threshold = r->congestion.threshold,
		                        .srtt_ns = r->rtt.srtt,
		                        .rttvar_ns = r->rtt.variation,
		                        .rtt_min_ns = r->rtt.min,
		                        .rto_ns = rto_now(r),
		                        .timeouts = r->timeouts,
		                        .retransmitted = r->retransmitted,
		                        .probes = r->probes,
		                        .recoveries = r->recoveries,
		                        .spurious = r->spurious,
		                        .timeouts_total = r->timeouts_total,
		                        .in_recovery = r->state != RECOVERY_OPEN };
}

bool tcp_recovery_is_valid(const struct tcp_recovery *r)
{
	uint32_t seq = r->una, pipe = 0, sacked = 0, lost = 0;
	for (uint32_t k = 0; k < r->count; k++) {
		const struct tcp_sent *s = at(r, k);
		if (s->seq != seq || !seq_lt(s->seq, s->end))
			return false;
		seq = s->end;
		if (s->flags & SENT_SACKED)
			sacked += size_of(s);
		else if (s->flags & SENT_LOST)
			lost += size_of(s);
		else
			pipe += size_of(s);
		if ((s->flags & (SENT_LOST | SENT_SACKED)) == SENT_LOST &&
		    seq_lt(s->seq, r->lost_from))
			return false;
	}
	return seq == r->next && pipe == r->pipe && lost == r->lost &&
	       (!r->sack || sacked == r->sacked) && r->first + r->count <= r->capacity &&
	       (r->count == 0) == (r->timer == TIMER_NONE) && r->congestion.window >= r->mss;
}

/* SPDX-License-Identifier: ISC */
/*
 * A segment's way: checksum, connection, and then RFC 9293 §3.10.7 in its order: SYN-SENT by
 * itself; else sequence number and timestamp, RST, SYN, ACK, data, FIN, each with RFC 5961's care.
 * Each step returns whether to go on. Steps that call handlers come back to a connection that may
 * be gone.
 */
#include <net/tcp/internal.h>

#include <net/checksum.h>
#include <net/icmp.h>
#include <net/interface_internal.h>
#include <net/wire.h>

#define CE          3u  /* RFC 3168 §5, of the TOS byte's low bits */
#define CHECKSUM_AT 16u /* in the TCP header */
#define PAWS_IDLE_NS                                                                               \
	(24ull * 86400 * NS_PER_S) /* RFC 7323 §5.5: after so long TS.Recent is worth nothing */

/* ---- SYN-SENT (§3.10.7.3) ---- */

static void syn_sent(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	bool acks = s->flags & TCP_ACK;
	if (acks && (s->ack != c->iss + 1 || seq_lt(c->recovery.next, s->ack))) {
		if (!(s->flags & TCP_RST))
			tcp_output_stray_reset(in);
		return;
	}
	if (s->flags & TCP_RST) {
		if (acks) {
			tcp_count(TCP_COUNT_RESET_IN);
			tcp_connection_end(c, ERR_REFUSED, TCP_CLOSED);
		}
		return;
	}
	/* RFC 7323 §3.2: an echo has to be of our SYN. */
	if (acks && c->timestamps && s->has_timestamps &&
	    seq_lt(tcp_connection_timestamp(c, in->now), s->echo))
		return;
	if (!(s->flags & TCP_SYN))
		return;
	tcp_connection_agree(c, s);
	if (!acks) { /* simultaneous open: both have sent a SYN */
		c->state = TCP_SYN_RECEIVED;
		tcp_recovery_set_mss(&c->recovery, c->mss, false, in->now);
		if (c->recovery.count) /* the SYN-ACK takes the SYN's number, and goes at once */
			tcp_recovery_mark_lost(&c->recovery, &c->recovery.sent[c->recovery.first]);
		tcp_connection_work(c, WORK_OUTPUT);
		return;
	}
	uint64_t echo = c->timestamps ? (uint64_t)(tcp_connection_timestamp(c, in->now) - s->echo) *
	                                        NS_PER_MS
	                              : 0;
	tcp_recovery_acknowledged(
	        &c->recovery,
	        &(struct recovery_ack){ .ack = s->ack,
	                                .has_data = true,
	                                .echo_rtt_ns = c->recovery.timeouts_total ? echo : 0,
	                                .echo_tick_ns = NS_PER_MS },
	        in->now);
	c->window_ack = s->ack;
	tcp_output_ack(c, in->now);
	tcp_connection_established(c, in->now);
}

/* ---- Sequence number and timestamp (§3.10.7.4, first check; RFC 7323 §5) ---- */

static bool acceptable(struct tcp_connection *c, struct tcp_input *in)
{
	struct tcp_segment *s = &in->segment;
	uint32_t next = tcp_connection_rcv_nxt(c), length = tcp_segment_length(s);
	uint32_t window = seq_lt(next, c->edge) ? c->edge - next : 0;
	/* (One without timestamps passes, as with most stacks, though RFC 7323 §3.2 would rather
	 * not.) */
	if (c->timestamps && s->has_timestamps && seq_lt(s->value, c->recent) &&
	    !(s->flags & TCP_RST) && in->now - c->recent_at < PAWS_IDLE_NS) {
		tcp_count(TCP_COUNT_PAWS);
		/* Of what has been received only: the peer would take anything else for received.
		 */
		if (s->size && seq_le(s->seq + s->size, next))
			tcp_receive_duplicate(&c->receive, s->seq, s->seq + s->size);
		tcp_output_challenge(c, in->now);
		return false;
	}
	uint32_t last = s->seq + (length ? length - 1 : 0);
	bool start_in = seq_le(next, s->seq) && seq_lt(s->seq, next + window);
	bool end_in = seq_le(next, last) && seq_lt(last, next + window);
	bool good = length ? window && (start_in || end_in ||
	                                (seq_lt(s->seq, next) && seq_lt(next, last)))
	                   : s->seq == next || start_in;
	if (good) {
		c->heard_at = in->now;
		c->alive_probes = 0;
		return true;
	}
	tcp_count(TCP_COUNT_OUT_OF_WINDOW);
	if (s->flags & TCP_RST)
		return false;
	/* The SYN again: our SYN-ACK was lost. */
	if (c->state == TCP_SYN_RECEIVED && s->flags & TCP_SYN && s->seq == c->irs) {
		if (!c->passive && s->flags & TCP_ACK)
			return true; /* simultaneous open: it acknowledges ours */
		if (c->recovery.count && !c->recovery.lost)
			tcp_recovery_mark_lost(&c->recovery, &c->recovery.sent[c->recovery.first]);
		tcp_connection_work(c, WORK_OUTPUT);
		return false;
	}
	if (length && seq_le(s->seq + length, next)) { /* all of it again: RFC 2883 */
		tcp_count(TCP_COUNT_DUPLICATE);
		if (s->size)
			tcp_receive_duplicate(&c->receive, s->seq, s->seq + s->size);
		tcp_output_ack(c, in->now);
		return false;
	}
	if (length && !(s->flags & TCP_SYN)) {
		tcp_output_ack(c, in->now); /* a window probe among others */
		return (s->flags & TCP_ACK) &&
		       s->seq == next; /* RFC 9293 §3.10.7.4: ACKs even with a zero window */
	}
	if (!length && s->seq == next - 1) {
		c->heard_at = in->now;
		tcp_output_ack(c, in->now); /* a keep-alive */
	} else {
		tcp_output_challenge(c, in->now);
	}
	return false;
}

/* RFC 7323 §4.3: only what covers Last.ACK.sent may be echoed; and only after its ACK was looked
 * at, so that nobody off the path makes all that follows look old. */
static void remember_timestamp(struct tcp_connection *c, const struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if (c->timestamps && s->has_timestamps && seq_le(s->seq, c->acked) &&
	    seq_le(c->recent, s->value)) {
		c->recent = s->value;
		c->recent_at = in->now;
	}
}

/* ---- RST and SYN (RFC 5961 §3, 4) ---- */

static bool no_reset(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if (s->flags & TCP_RST) {
		if (s->seq != tcp_connection_rcv_nxt(c)) {
			tcp_output_challenge(c, in->now);
			return false;
		}
		tcp_count(TCP_COUNT_RESET_IN);
		tcp_connection_end(
		        c, c->state == TCP_SYN_RECEIVED && !c->passive ? ERR_REFUSED : ERR_RESET,
		        TCP_CLOSED);
		return false;
	}
	if (s->flags & TCP_SYN) {
		if (c->state == TCP_SYN_RECEIVED && !c->passive && s->flags & TCP_ACK &&
		    s->seq == c->irs)
			return true;
		tcp_output_challenge(c, in->now);
		return false;
	}
	return true;
}

/* ---- ACK ---- */

static void set_window(struct tcp_connection *c, const struct tcp_segment *s)
{
	/* RFC 9293 §3.10.7.4: not from an old segment. */
	if (seq_lt(s->seq, c->window_seq) ||
	    (s->seq == c->window_seq && seq_lt(s->ack, c->window_ack)))
		return;
	c->send_window = (uint32_t)s->window << (s->flags & TCP_SYN ? 0 : c->send_scale);
	c->window_seq = s->seq;
	c->window_ack = s->ack;
	if (c->send_window > c->max_window)
		c->max_window = c->send_window;
}

/* Both sides have finished, we first. */
static void to_time_wait(struct tcp_connection *c, uint64_t now)
{
	ensure(c->finished && c->fin_sent);
	if (c->ack_now)
		tcp_output(c, now); /* TIME-WAIT only repeats it */
	tcp_wait_enter(c, now);
	tcp_connection_end(c, OK, TCP_TIME_WAIT);
}

/* Our FIN has been acknowledged. False: the connection has ended. */
static bool fin_acknowledged(struct tcp_connection *c, uint64_t now)
{
	switch ((enum tcp_state)c->state) {
	case TCP_FIN_WAIT_1:
		c->state = TCP_FIN_WAIT_2;
		if (c->orphan) /* nobody will read what the peer has to say: it need not take for
		                  ever */
			c->end_at = now + TCP_FIN_WAIT_NS;
		return true;
	case TCP_CLOSING:
		to_time_wait(c, now);
		return false;
	case TCP_LAST_ACK:
		tcp_connection_end(c, OK, TCP_CLOSED);
		return false;
	default:
		return true;
	}
}

static void acknowledge_queue(struct tcp_connection *c, uint32_t ack)
{
	uint32_t data = c->fin_sent && ack == c->fin_seq + 1 ? c->fin_seq : ack;
	if (!seq_lt(c->queue_seq, data))
		return;
	ensure(data - c->queue_seq <= c->queue.total);
	tcp_queue_acknowledge(&c->queue, data - c->queue_seq);
	c->queue_seq = data;
}

static bool acknowledged(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	struct tcp_recovery *r = &c->recovery;
	if (!(s->flags & TCP_ACK))
		return false;
	if (c->state == TCP_SYN_RECEIVED) {
		if (s->ack != c->iss + 1) {
			tcp_output_stray_reset(in);
			return false;
		}
	} else if (seq_lt(s->ack, r->una - c->max_window) ||
	           seq_lt(r->next + (c->window_probe ? 1 : 0), s->ack)) {
		tcp_output_challenge(c, in->now); /* RFC 5961 §5 */
		return false;
	}
	remember_timestamp(c, in);
	if (c->window_probe && s->ack == r->next + 1 &&
	    tcp_recovery_ready(r)) /* the probe's byte was taken */
		tcp_recovery_sent(r, r->next, r->next + 1, true, in->now);
	if (seq_lt(r->next, s->ack))
		return false;
	if (seq_lt(s->ack, r->una)) /* an old one; its data may be good */
		return true;
	c->window_probe = c->window_probe && s->ack != r->next;
	uint32_t window = (uint32_t)s->window << (s->flags & TCP_SYN ? 0 : c->send_scale);
	struct recovery_ack ack = { .ack = s->ack,
		                    .sack_count = s->sack_count,
		                    .has_data = tcp_segment_length(s) != 0,
		                    .window_changed = window != c->send_window,
		                    .ece = c->ecn && s->flags & TCP_ECE && !(s->flags & TCP_SYN),
		                    .echo_tick_ns = NS_PER_MS };
	_Static_assert(sizeof ack.sack == sizeof s->sacks, "the same blocks");
	_Static_assert(RECOVERY_SACKS_MAX == TCP_SACK_BLOCKS_MAX, "as many of them");
	memcpy(ack.sack, s->sacks, sizeof ack.sack);
	uint32_t age = tcp_connection_timestamp(c, in->now) - s->echo;
	if (c->timestamps && s->has_timestamps && s->echo && age < 1u << 30)
		ack.echo_rtt_ns = ((uint64_t)age + !age) * NS_PER_MS;
	uint64_t spurious = r->spurious, recoveries = r->recoveries;
	struct recovery_result result = tcp_recovery_acknowledged(r, &ack, in->now);
	tcp_counts[TCP_COUNT_SPURIOUS] += r->spurious - spurious;
	tcp_counts[TCP_COUNT_RECOVERIES] += r->recoveries - recoveries;
	c->cwr |= result.cut;
	if (seq_lt(c->small_end, s->ack))
		c->small_end = s->ack;
	if (c->state == TCP_SYN_RECEIVED) {
		c->window_seq = s->seq;
		c->send_window = window;
		c->window_ack = s->ack;
		c->max_window = window;
		tcp_connection_established(c, in->now);
		if (c->gone || c->detached)
			return false;
		if (!c->passive)
			tcp_output_ack(c, in->now);
	}
	set_window(c, s);
	if (result.acknowledged) {
		c->progress_at = in->now;
		acknowledge_queue(c, s->ack);
	}
	if (result.acknowledged || result.send || c->queue.total || c->fin_wanted)
		tcp_connection_work(c, WORK_OUTPUT);
	if (c->fin_sent && s->ack == c->fin_seq + 1 && !fin_acknowledged(c, in->now))
		return false;
	if (result.acknowledged) {
		tcp_event_acknowledged(c);
		return !c->gone && !c->detached;
	}
	return true;
}

/* ---- Data ---- */

static bool may_receive(const struct tcp_connection *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

/* May bytes up to `end` be kept? Beyond TCP's share of the memory, what comes is dropped, and comes
 * again: but each connection may have the smallest ring, so that it goes on. */
static bool may_keep(const struct tcp_connection *c, uint32_t end)
{
	const struct tcp_receive *r = &c->receive;
	uint64_t span = end - r->taken, ring = RECEIVE_RING_MIN;
	while (ring < span)
		ring *= 2;
	return ring <= r->size || ring == RECEIVE_RING_MIN || ring <= tcp_memory_left();
}

/* How many of the bytes from seq on have come before, and in order by now; so many have come again. */
static uint32_t skip_known(struct tcp_receive *r, uint32_t seq, uint32_t size)
{
	uint32_t known = seq_lt(seq, r->next) ? r->next - seq : 0;
	known = known < size ? known : size;
	if (known)
		tcp_receive_duplicate(r, seq, seq + known);
	return known;
}

/* One contiguous part, which starts at seq >= rcv_nxt. False: the connection is gone, or there was
 * no memory. */
static bool take_part(struct tcp_connection *c, uint32_t seq, const uint8_t *bytes, uint32_t size)
{
	struct tcp_receive *r = &c->receive;
	uint32_t taken = 0;
	if (seq == r->next && !tcp_receive_unread(r)) {
		taken = tcp_event_received(c, bytes, size);
		if (c->gone || c->detached)
			return false;
		if (taken)
			tcp_receive_pass(r, taken);
	}
	/* What it left may have come before, out of order. */
	taken += skip_known(r, seq + taken, size - taken);
	if (taken == size)
		return true;
	if (!may_keep(c, seq + size)) {
		tcp_count(TCP_COUNT_NO_MEMORY);
		return false;
	}
	if (tcp_receive_put(r, seq + taken, bytes + taken, size - taken) >= 0)
		return true;
	tcp_count(TCP_COUNT_NO_MEMORY);
	return false;
}

static bool take_data(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	struct tcp_receive *r = &c->receive;
	uint32_t skip = seq_lt(s->seq, r->next) ? r->next - s->seq : 0;
	uint32_t before = r->next, was_apart = r->run_count, waited = tcp_receive_unread(r);
	if (!s->size || skip >= s->size || s->flags & TCP_SYN) /* a SYN's comes again */
		return true;
	if (c->orphan) { /* nobody will read it (RFC 2525 §2.17) */
		tcp_connection_reset(c, ERR_CLOSED);
		return false;
	}
	if (skip)
		tcp_receive_duplicate(r, s->seq, r->next);
	uint32_t left =
	        seq_lt(c->edge, s->seq + s->size) ? c->edge - s->seq - skip : s->size - skip;
	uint32_t seq = s->seq + skip, fresh = s->size - skip;
	const struct ip4_packet *p = in->packet;
	const uint8_t *bytes = p->payload + s->header_size;
	uint32_t there = p->size - s->header_size;
	for (const struct frame *f = p->rest;;) {
		uint32_t n = there > skip ? there - skip : 0;
		n = n < left ? n : left;
		uint32_t known = skip_known(r, seq, n); /* a gap closed on the way */
		if (n > known && !take_part(c, seq + known, bytes + skip + known, n - known)) {
			if (c->gone || c->detached)
				return false;
			break;
		}
		seq += n;
		left -= n;
		skip = there > skip ? 0 : skip - there;
		if (!f || !left)
			break;
		bytes = frame_base(f) + f->start;
		there = f->size;
		f = f->next;
	}
	uint32_t moved = r->next - before;
	c->shut = c->shut && tcp_leaving; /* it sends: it knows better */
	ensure(moved <= TCP_BYTES_MAX && seq_le(r->taken, r->next));
	c->ack_owed += moved;
	tcp_counts[TCP_COUNT_BYTES_IN] += moved;
	if (!moved || was_apart || r->run_count) {
		c->ack_now = true; /* RFC 5681 §4.2: at once, while there are gaps */
		if (!moved)
			tcp_count(TCP_COUNT_OUT_OF_ORDER);
	}
	tcp_connection_work(c, WORK_OUTPUT);
	if (moved)
		task_wake_all(&c->waiters);
	if (moved && c->handlers && (waited || moved > fresh))
		tcp_connection_work(
		        c, WORK_SHOW); /* more has come into order than what was shown in place */
	return true;
}

/* ---- FIN ---- */

static void finish(struct tcp_connection *c, uint64_t now)
{
	ensure(!c->finished && c->receive.next == c->peer_fin);
	c->finished = true;
	c->ack_now = true;
	tcp_connection_work(c, WORK_OUTPUT | WORK_SHOW);
	task_wake_all(&c->waiters);
	switch ((enum tcp_state)c->state) {
	case TCP_ESTABLISHED:
		c->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1:
		c->state = TCP_CLOSING; /* our FIN is not acknowledged: else it were FIN-WAIT-2 */
		break;
	case TCP_FIN_WAIT_2:
		to_time_wait(c, now);
		break;
	default:
		ensure(false); /* may_receive */
	}
}

static void take_fin(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if ((s->flags & (TCP_FIN | TCP_SYN)) == TCP_FIN && !c->finished && may_receive(c)) {
		uint32_t fin = s->seq + s->size;
		c->peer_fin_known |= seq_le(c->receive.next, fin);
		c->peer_fin = seq_le(c->receive.next, fin) ? fin : c->peer_fin;
		if (c->receive.next != c->peer_fin)
			tcp_output_ack(
			        c, in->now); /* something is missing before it (RFC 5681 §4.2) */
	}
	if (c->peer_fin_known && !c->finished && c->receive.next == c->peer_fin)
		finish(c, in->now);
}

/* ---- A segment ---- */

void tcp_input_connection(struct tcp_connection *c, struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	ensure(!c->gone && !c->detached && c->state != TCP_CLOSED && c->state != TCP_LISTEN);
	if (c->state == TCP_SYN_SENT) {
		syn_sent(c, in);
		return;
	}
	if (!acceptable(c, in) || !no_reset(c, in) || !acknowledged(c, in))
		return;
	if (c->ecn) {
		if (s->flags & TCP_CWR)
			c->ece = false;
		if (in->congested && s->size) {
			c->ece = true;
			c->ack_now = true;
		}
	}
	if (may_receive(c) && take_data(c, in))
		take_fin(c, in);
}

void tcp_input(struct ip4_packet *p)
{
	struct tcp_input in = { .packet = p, .now = clock_now(), .congested = (p->tos & CE) == CE };
	struct tcp_segment *s = &in.segment;
	tcp_count(TCP_COUNT_SEGMENTS_IN);
	if (p->group || !interface_has(p->interface, p->destination) ||
	    !tcp_segment_parse(s, p->payload, p->size) || !s->source || !s->destination) {
		tcp_count(TCP_COUNT_BAD_SEGMENT);
		return;
	}
	if (!p->checked) {
		if (p->rest || !ip4_checksum_good(p, (uint16_t)p->size, CHECKSUM_AT)) {
			tcp_count(TCP_COUNT_BAD_CHECKSUM);
			return;
		}
	}
	s->size += p->rest_size;
	struct tcp_address a = { .local = p->destination,
		                 .remote = p->source,
		                 .local_port = s->destination,
		                 .remote_port = s->source };
	struct tcp_connection *c = tcp_table_find(&a);
	if (c) {
		tcp_input_connection(c, &in);
		return;
	}
	struct tcp_listener *l = tcp_listener_find(p->interface, s->destination);
	if (l) {
		tcp_listener_input(l, &in);
		return;
	}
	struct tcp_wait *w = tcp_wait_find(&a);
	if (w) { /* a SYN, too: nobody listens who could open it anew */
		tcp_wait_input(w, &in);
		return;
	}
	tcp_count(TCP_COUNT_NO_LISTENER);
	tcp_output_stray_reset(&in);
}

/* SPDX-License-Identifier: ISC */
/*
 * tcp_output() says all that a connection has to say now: what is lost, what is new, and if none of it
 * carried the acknowledgment, that. It asks recovery for room, the peer's window for permission,
 * the queue for bytes, and hands packet_send() segments as large as the device cuts by itself.
 */
#include <net/tcp/internal.h>

#include <core/raw.h>
#include <net/interface_internal.h>
#include <net/packet.h>

#define ECT0 2u /* RFC 3168 §5 */
#define STALLED_ROOM                                                                               \
	16u /* packets that the device has to take, until what it refused is tried again */

uint16_t tcp_output_mss(const struct tcp_connection *c)
{
	uint32_t headers = tcp_headers(c->address.remote);
	uint32_t mss = c->path_mtu < TCP_OPTIONS_MSS_MIN + headers ? TCP_OPTIONS_MSS_MIN
	                                                           : c->path_mtu - headers;
	mss = mss < c->peer_mss ? mss : c->peer_mss; /* never more than the peer takes (§3.7.1) */
	uint32_t options = c->timestamps ? TCP_TIMESTAMP_SIZE : 0;
	ensure(mss > options);
	return (uint16_t)(mss - options);
}

/* ---- The window that we offer ---- */

/* Bytes from rcv_nxt on. Its right edge never moves back, and forward by a segment at least (RFC
 * 9293 §3.8.6.2.2). */
static uint32_t window_now(struct tcp_connection *c, uint64_t now)
{
	uint32_t next = tcp_connection_rcv_nxt(c);
	uint32_t old = seq_lt(next, c->edge) ? c->edge - next : 0;
	uint64_t rtt = c->recovery.rtt.srtt;
	uint32_t window = tcp_receive_window(&c->receive, rtt, tcp_memory_short(), now);
	uint32_t step = c->receive.window / 2 < c->mss ? c->receive.window / 2 : c->mss;
	if (tcp_memory_short() && window > old)
		window = old > c->mss ? old : window < 2u * c->mss ? window : 2u * c->mss;
	return window < old + step ? old : window;
}

static uint16_t window_field(const struct tcp_connection *c, uint32_t window, uint32_t old)
{
	uint32_t scaled = window >> c->receive_scale;
	if (scaled << c->receive_scale < old) /* rounding down would take back what was offered */
		scaled++;
	return scaled > UINT16_MAX ? UINT16_MAX : (uint16_t)scaled;
}

/* ---- Segments ---- */

/* Everything in the header that is the connection's state. */
static void fill(struct tcp_connection *c, struct tcp_segment *s, uint64_t now)
{
	uint32_t window = window_now(c, now), next = tcp_connection_rcv_nxt(c);
	bool syn = s->flags & TCP_SYN;
	s->source = c->address.local_port;
	s->destination = c->address.remote_port;
	if (s->flags & TCP_ACK)
		s->ack = next;
	s->has_timestamps = c->timestamps;
	s->value = tcp_connection_timestamp(c, now);
	s->echo = s->flags & TCP_ACK ? c->recent : 0;
	if (syn) {
		s->window = window > UINT16_MAX ? UINT16_MAX : (uint16_t)window;
		s->has_mss = true;
		s->mss = (uint16_t)(interface_segment_mtu(c->route.interface) -
		                    tcp_headers(c->address.remote));
		s->sack_permitted = c->sack;
		s->has_scale = c->scaling;
		s->scale = c->receive_scale;
	} else {
		s->window = tcp_leaving ? 0
		                        : window_field(c, window,
		                                       seq_lt(next, c->edge) ? c->edge - next : 0);
		if (c->sack && s->flags & TCP_ACK)
			s->sack_count = (uint8_t)tcp_receive_sacks(&c->receive, s->sacks,
			                                           c->timestamps ? 3 : 4);
		if (c->ece)
			s->flags |= TCP_ECE;
	}
	tcp_segment_header_size(s);
}

/* What a segment that went says, it has said. */
static void said(struct tcp_connection *c, const struct tcp_segment *s)
{
	tcp_count(TCP_COUNT_SEGMENTS_OUT);
	if (!(s->flags & TCP_ACK))
		return;
	uint32_t edge =
	        s->ack + ((uint32_t)s->window << (s->flags & TCP_SYN ? 0 : c->receive_scale));
	c->edge = seq_max(c->edge, edge);
	c->shut |= tcp_leaving;
	c->acked = s->ack;
	c->ack_now = false;
	c->ack_owed = 0;
	c->ack_at = CLOCK_NEVER;
}

/* Empty, and its many parts raw: each is written before it counts. */
static void begin(struct packet *p)
{
	p->lease = NULL;
	p->segment_size = 0;
	p->part_count = 0;
}

static int send(struct tcp_connection *c, struct tcp_segment *s, struct packet *p,
                const struct ip4_route *r)
{
	if (c->cut)
		return OK; /* nothing that it says matters any more */
	p->head = packet_head(r, s->header_size);
	if (!p->head)
		return ERR_MEMORY;
	p->header_size = s->header_size;
	p->checksum_at = 16;
	tcp_segment_write(s, frame_base(p->head) + p->head->start);
	int error = packet_send(r, p);
	if (error == ERR_UNREACHABLE && c->state == TCP_SYN_SENT)
		tcp_connection_cut(c);          /* nobody waits for what has not begun */
	if (!error || error == ERR_UNREACHABLE) /* a lost packet is lost, wherever */
		said(c, s);
	return error == ERR_UNREACHABLE ? OK : error;
}

/* One without payload. */
static int send_bare(struct tcp_connection *c, uint32_t seq, uint8_t flags, uint64_t now)
{
	struct tcp_segment s = { .seq = seq, .flags = flags };
	struct packet p RAW;
	begin(&p);
	fill(c, &s, now);
	return send(c, &s, &p, &c->route);
}

static uint32_t fin_end(const struct tcp_connection *c)
{
	return c->fin_seq + 1;
}

/* Sequence numbers [seq, *end), new or again; *end comes back lower if they do not fit. ERR_MEMORY:
 * not now. */
static int send_range(struct tcp_connection *c, uint32_t seq, uint32_t *end, bool again,
                      uint64_t now)
{
	struct tcp_segment s = { .seq = seq, .flags = TCP_ACK };
	struct packet p RAW;
	ensure(seq_lt(seq, *end));
	begin(&p);
	if (seq == c->iss) {
		s.flags = c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;
		if (c->state == TCP_SYN_RECEIVED && c->ecn)
			s.flags |= TCP_ECE;
		*end = seq + 1;
		fill(c, &s, now);
		return send(c, &s, &p, &c->route);
	}
	bool fin = c->fin_sent && *end == fin_end(c);
	fill(c, &s, now);
	uint32_t full = c->mss - (s.header_size - TCP_HEADER_SIZE -
	                          (c->timestamps ? TCP_TIMESTAMP_SIZE : 0));
	uint32_t left = *end - seq - (fin ? 1 : 0);
	ensure(full && full <= c->mss);
	uint32_t most = left > full ? packet_payload_max(&c->route, full) : 0;
	most = most > full ? most / full * full : full;
	if (left > most) {
		left = most;
		fin = false;
	}
	ensure(seq_le(c->queue_seq, seq));
	uint32_t offset = seq - c->queue_seq, got = 0;
	p.lease = c->lease;
	while (got < left && p.part_count < PACKET_PARTS_MAX) {
		struct packet_part *part = &p.parts[p.part_count];
		enum queue_kind kind;
		part->size = tcp_queue_peek(&c->queue, (uint64_t)offset + got, left - got,
		                            &part->bytes, &kind);
		if (!part->size)
			break;
		part->is_static = kind == QUEUE_STATIC;
		part->is_lent = kind == QUEUE_LENT && c->lease;
		got += part->size;
		p.part_count++;
	}
	if (got < left)
		fin = false;
	*end = seq + got + (fin ? 1 : 0);
	if (got > full)
		p.segment_size = (uint16_t)full;
	if (fin)
		s.flags |= TCP_FIN;
	if (got && (uint64_t)offset + got == c->queue.total)
		s.flags |= TCP_PSH;
	struct ip4_route r = c->route;
	if (c->ecn && got && !again) { /* RFC 3168 §6.1.5: not what is sent again */
		r.tos |= ECT0;
		if (c->cwr)
			s.flags |= TCP_CWR;
	}
	int error = send(c, &s, &p, &r);
	if (error)
		return error;
	if (c->ecn && got && !again)
		c->cwr = false;
	if (got < full ? got : got % full) /* most often without a division */
		c->small_end = *end;
	tcp_counts[TCP_COUNT_BYTES_OUT] += got;
	if (again)
		tcp_counts[TCP_COUNT_RETRANSMITTED] += got > full ? (got + full - 1) / full : 1;
	return OK;
}

static int send_and_record(struct tcp_connection *c, uint32_t seq, uint32_t end, bool app_limited,
                           uint64_t now)
{
	if (!tcp_recovery_ready(&c->recovery))
		return ERR_MEMORY;
	if (!c->recovery.count)
		c->progress_at = now;
	int error = send_range(c, seq, &end, seq != c->recovery.next, now);
	if (!error && end != seq)
		tcp_recovery_sent(&c->recovery, seq, end, app_limited, now);
	return end == seq ? ERR_MEMORY : error;
}

/* ---- What goes ---- */

static int send_lost(struct tcp_connection *c, uint64_t now)
{
	uint32_t seq, end;
	while (tcp_recovery_lost(&c->recovery, 1u << 16, &seq, &end)) {
		uint32_t room = tcp_recovery_room(&c->recovery);
		if (room < end - seq) {
			if (room < c->mss)
				break;
			end = seq + room / c->mss * c->mss;
		}
		int error = send_and_record(c, seq, end, false, now);
		if (error)
			return error;
	}
	return OK;
}

/* How much of `left` new bytes to send, in one segment or in several full ones that the device
 * cuts. */
static uint32_t portion(const struct tcp_connection *c, uint64_t left, uint32_t window, bool probe)
{
	const struct tcp_recovery *r = &c->recovery;
	uint32_t room = probe ? c->mss : tcp_recovery_room(r), most = window < room ? window : room;
	if (left <= most) {
		uint32_t small = left < c->mss ? (uint32_t)left : (uint32_t)left % c->mss;
		/* Nagle (RFC 9293 §3.7.4), as Minshall has it: not while an earlier small segment
		 * is under way. */
		if (small && !c->no_delay && !c->fin_wanted && !probe &&
		    seq_lt(r->una, c->small_end))
			return (uint32_t)left - small;
		return (uint32_t)left;
	}
	if (most >= c->mss)
		return most / c->mss * c->mss;
	/* Silly windows (§3.8.6.2.1): a part only if it is half of what the peer ever offered. */
	if (window <= room && window && 2 * window >= c->max_window)
		return window;
	return 0;
}

static int send_new(struct tcp_connection *c, uint64_t now)
{
	struct tcp_recovery *r = &c->recovery;
	for (;;) {
		uint32_t seq = r->next;
		uint64_t left = c->fin_sent ? 0 : c->queue.total - (uint32_t)(seq - c->queue_seq);
		if (!left && (!c->fin_wanted || c->fin_sent))
			return OK;
		uint32_t edge = r->una + c->send_window,
		         window = seq_lt(seq, edge) ? edge - seq : 0;
		bool probe = c->probe;
		if (!r->count)
			tcp_recovery_resume(r, now);
		uint32_t size = left ? portion(c, left, window, probe) : 0;
		if (left && !size)
			return OK;
		bool fin =
		        c->fin_wanted && size == left; /* with the last bytes; it needs no room */
		if (fin) {
			ensure(seq + size == c->queue_seq + (uint32_t)c->queue.total);
			c->fin_seq = seq + size;
			c->fin_sent = true;
		}
		int error = send_and_record(c, seq, seq + size + (fin ? 1 : 0), left == size, now);
		if (fin && r->next != fin_end(c))
			c->fin_sent = false; /* it did not fit: next time */
		if (error)
			return error;
		c->persist_backoff = 0;
		if (probe) {
			c->probe = false;
			return OK;
		}
	}
}

/* The tail loss probe (RFC 8985 §7.3): something new if there is, else the last segment again. */
static int send_probe(struct tcp_connection *c, uint64_t now)
{
	uint32_t seq, end;
	int error = send_new(c, now);
	bool sent = !c->probe;
	if (!error && !sent && tcp_recovery_last(&c->recovery, &seq, &end)) {
		error = send_and_record(c, seq, end, true, now);
		sent = true;
	}
	if (error)
		return error;
	c->probe = false; /* everything may have been acknowledged meanwhile */
	if (sent)
		tcp_count(TCP_COUNT_PROBES);
	return OK;
}

/* Is there much more room than the peer knows of (RFC 9293 §3.8.6.2.2)? */
static bool window_opened(struct tcp_connection *c, uint64_t now)
{
	if (c->finished || c->orphan || tcp_leaving)
		return false;
	uint32_t next = tcp_connection_rcv_nxt(c), old = seq_lt(next, c->edge) ? c->edge - next : 0;
	uint32_t window = window_now(c, now), half = c->receive.window / 2;
	return window - old >= (half < 2u * c->mss ? half : 2u * c->mss) && window > old;
}

/* One by one, connections that wait would try in vain, and each get a single segment out. */
bool tcp_output_ready(const struct tcp_connection *c)
{
	const struct interface *i = c->route.interface;
	uint32_t quarter = i->device.tx.size / 4;
	return packet_room(i) >= (quarter < STALLED_ROOM ? quarter : STALLED_ROOM);
}

void tcp_output(struct tcp_connection *c, uint64_t now)
{
	int error = OK;
	ensure(!c->gone && !c->detached && c->mss);
	if (!tcp_connection_synchronized(c)) {
		if (c->recovery.next == c->iss)
			error = send_and_record(c, c->iss, c->iss + 1, true, now);
		else
			error = send_lost(c, now);
		if (!error && c->ack_now && c->state == TCP_SYN_RECEIVED)
			error = send_bare(c, c->recovery.next, TCP_ACK, now);
	} else {
		error = send_lost(c, now);
		if (!error && c->probe)
			error = send_probe(c, now);
		if (!error && !c->recovery.lost)
			error = send_new(c, now);
		uint32_t owed = tcp_leaving ? 1 : 2u * c->mss;
		if (!error &&
		    (c->ack_now || c->ack_owed >= owed || c->say_window || window_opened(c, now))) {
			error = send_bare(c, c->recovery.next, TCP_ACK, now);
			c->say_window = error != OK;
		} else if (c->ack_owed && c->ack_at == CLOCK_NEVER)
			c->ack_at = now + TCP_DELAYED_ACK_NS;
	}
	if (error && tcp_output_ready(c)) { /* it was memory */
		c->again_at = now + TCP_AGAIN_NS;
	} else if (error) { /* frames and ring entries come back: again then */
		c->blocked = true;
		tcp_connection_work(c, WORK_OUTPUT);
	}
	bool waits = tcp_connection_synchronized(c) && !c->recovery.count && !error &&
	             c->recovery.next - c->queue_seq < c->queue.total;
	if (!waits)
		c->persist_at = CLOCK_NEVER;
	else if (c->persist_at == CLOCK_NEVER) {
		/* Often enough that silence for the user timeout means that probes were not
		 * answered. */
		uint64_t most = c->user_timeout_ns / 2 < RECOVERY_RTO_MAX_NS
		                        ? c->user_timeout_ns / 2
		                        : RECOVERY_RTO_MAX_NS;
		uint64_t wait = c->recovery.rtt.rto
		                << (c->persist_backoff < 10 ? c->persist_backoff : 10);
		c->persist_at = now + (wait < most ? wait : most);
	}
	tcp_timer_update(c);
}

/* ---- Single segments ---- */

void tcp_output_ack(struct tcp_connection *c, uint64_t now)
{
	c->ack_now = true;
	(void)now;
	tcp_connection_work(c, WORK_OUTPUT);
}

void tcp_output_challenge(struct tcp_connection *c, uint64_t now)
{
	if (now - c->challenges_from >= TCP_CHALLENGE_NS) {
		c->challenges_from = now;
		c->challenges = 0;
	}
	if (c->challenges >= TCP_CHALLENGES)
		return;
	c->challenges++;
	tcp_count(TCP_COUNT_CHALLENGES);
	tcp_output_ack(c, now);
}

void tcp_output_reset(struct tcp_connection *c, uint64_t now)
{
	if (c->state == TCP_SYN_SENT || c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT)
		return;
	tcp_count(TCP_COUNT_RESET_OUT);
	/* A peer believes only what its window has room for, and its window may have shrunk, or be closed. */
	uint32_t edge = c->recovery.una + c->send_window;
	send_bare(c, seq_min(c->recovery.next, edge), TCP_RST | TCP_ACK, now);
}

void tcp_output_window_probe(struct tcp_connection *c, uint64_t now)
{
	struct tcp_recovery *r = &c->recovery;
	uint32_t sent = r->next - c->queue_seq;
	if (sent >= c->queue.total || r->count)
		return;
	uint32_t edge = r->una + c->send_window;
	if (seq_lt(r->next,
	           edge)) { /* the sender's side of silly windows: what there is, after all */
		send_and_record(c, r->next, edge, true, now);
		return;
	}
	struct tcp_segment s = { .seq = r->next, .flags = TCP_ACK };
	struct packet p = { .part_count = 1 };
	fill(c, &s, now);
	enum queue_kind kind;
	p.parts[0].size = tcp_queue_peek(&c->queue, sent, 1, &p.parts[0].bytes, &kind);
	c->window_probe = true;
	send(c, &s, &p, &c->route);
	if (c->persist_backoff < UINT8_MAX)
		c->persist_backoff++;
}

void tcp_output_keep_alive(struct tcp_connection *c, uint64_t now)
{
	send_bare(c, c->recovery.next - 1, TCP_ACK, now); /* RFC 9293 §3.8.4 */
}

/* ---- For no connection ---- */

void tcp_output_stray(const struct tcp_input *in, struct tcp_segment *s)
{
	const struct ip4_packet *p = in->packet;
	struct ip4_route r;
	ip4_route_back(&r, p, p->destination);
	r.tos = 0;
	s->source = in->segment.destination;
	s->destination = in->segment.source;
	uint32_t size = tcp_segment_header_size(s);
	r.protocol = IP4_PROTOCOL_TCP;
	struct packet out = { .head = packet_head(&r, size),
		              .header_size = s->header_size,
		              .checksum_at = 16 };
	if (!out.head)
		return;
	tcp_segment_write(s, frame_base(out.head) + out.head->start);
	tcp_count(TCP_COUNT_SEGMENTS_OUT);
	packet_send(&r, &out);
}

void tcp_output_stray_reset(const struct tcp_input *in)
{
	const struct tcp_segment *s = &in->segment;
	if (s->flags & TCP_RST)
		return;
	struct tcp_segment answer = { .flags = TCP_RST };
	if (s->flags & TCP_ACK) {
		answer.seq = s->ack;
	} else {
		answer.flags |= TCP_ACK;
		answer.ack = s->seq + tcp_segment_length(s);
	}
	tcp_count(TCP_COUNT_RESET_OUT);
	tcp_output_stray(in, &answer);
}

/* SPDX-License-Identifier: ISC */
/*
 * The sender's memory of a connection: what was sent when, what has been acknowledged or SACKed, what is taken for
 * lost, how long a round trip takes, and how much may be under way. It sends nothing and sets no timer: out.c
 * asks it what may be sent and tells it what was; in.c tells it each acknowledgment; timer.c asks when it
 * wants to be called. So it is tested without a network.
 *
 * Sources: RFC 6298 (RTO), 2018 and 6675 (SACK; pipe by RACK's marks), 8985 (RACK-TLP), 6582 (NewReno without SACK),
 * 6937 (PRR), 5681 (limits; restart after idle), 3042 (limited transmit), 6928 (IW10), 4015/3522 (Eifel: undoing a
 * spurious episode by timestamps or DSACK, RFC 2883), 3168 (ECN's reaction), 2861/7661 (unused window does not grow).
 *
 * Sequence numbers are the wire's; SYN and FIN take one each, and are recorded like bytes.
 */
#ifndef NET_TCP_RECOVERY_H
#define NET_TCP_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp/congestion.h>

#define RECOVERY_RTO_INITIAL_NS 1000000000ull /* RFC 6298 §2.1 */
#define RECOVERY_RTO_MIN_NS     200000000ull  /* below the RFC's 1 s, as everybody's (Linux, BSD) */
#define RECOVERY_RTO_MAX_NS     60000000000ull
#define RECOVERY_SENT_MAX                                                                          \
	8192u /* records of a connection; more is not sent until some are acknowledged */
#define RECOVERY_SACKS_MAX 4u /* blocks in one acknowledgment */

/* One transmission of a run of sequence numbers, at most one super-segment long. */
struct tcp_sent {
	uint64_t sent_ns;  /* of its last transmission */
	uint32_t seq, end; /* [seq, end) */
	uint8_t flags;     /* SENT_* */
};
#define SENT_SACKED        1u
#define SENT_LOST          2u /* and not retransmitted since */
#define SENT_RETRANSMITTED 4u

/* rtt.c: round trips, and the time-out that follows from them (RFC 6298). ns; 0: no sample yet. */
struct tcp_rtt {
	uint64_t srtt, variation;
	uint64_t min,
	        min_at; /* over the last 10 to 20 s, and when it was seen: for RACK and HyStart++ */
	uint64_t min_next; /* the smallest since min_at, which follows it */
	uint64_t rto;      /* without back-off */
};
void tcp_rtt_open(struct tcp_rtt *);
void tcp_rtt_sample(struct tcp_rtt *, uint64_t rtt_ns, uint64_t now);
void tcp_rtt_seen(struct tcp_rtt *, uint64_t rtt_ns,
                  uint64_t now); /* counts for the minimum only */

enum recovery_state {
	RECOVERY_OPEN, /* the window grows */
	RECOVERY_FAST, /* loss seen by SACK, RACK or duplicate ACKs: PRR, until `point` is acknowledged */
	RECOVERY_LOSS, /* after a time-out: slow start, until `point` */
};
enum recovery_timer { TIMER_NONE, TIMER_RTO, TIMER_PROBE, TIMER_REORDER };

/* Embedded in a connection; its fields are for recovery.c, rack.c and rtt.c only. */
struct tcp_recovery {
	struct tcp_sent *sent; /* [first, first + count) of `capacity`: [una, next) without holes */
	uint32_t first, count, capacity;
	uint32_t una, next, mss;
	uint32_t pipe; /* bytes neither SACKed nor lost */
	uint32_t sacked,
	        lost;       /* bytes so marked; for NewReno, sacked is mss for each duplicate ACK */
	uint32_t lost_from; /* nothing below this is lost */
	bool sack, timestamps;
	uint8_t state, timer; /* enum recovery_state, recovery_timer */
	uint8_t backoff;      /* time-outs in a row, for the next one's length */
	uint8_t duplicates;   /* duplicate ACKs in a row (without SACK) */
	const struct tcp_congestion *algorithm;
	struct congestion congestion;
	struct tcp_rtt rtt;
	uint64_t deadline; /* of `timer` */
	uint64_t
	        rtt_least; /* for the congestion control: the smallest since the last advance; 0: none */
	uint64_t rto_start;   /* RFC 6298 §5: when the retransmission timer was last (re)started */
	uint64_t last_sent;   /* for idle restart and probes */
	uint32_t timeouts;    /* in a row */
	uint32_t limited_end; /* up to here the window was what held sending back */
	/* the episode: */
	uint32_t point;  /* its end */
	uint32_t flight; /* RecoverFS of RFC 6937 */
	uint32_t prr_delivered, prr_out, prr_window;
	uint32_t cut_end; /* ECN: no second cut before this is acknowledged */
	/* undoing it (RFC 3522, 4015, and by DSACK): */
	bool may_undo, undo_fast; /* undo_fast: it was no time-out that began it */
	uint32_t
	        undo_copies; /* retransmissions that no DSACK has told of; all in [undo_low, undo_high) */
	uint32_t undo_low, undo_high;
	uint64_t undo_first; /* when the first was sent; 0: none yet */
	/* RACK (RFC 8985 §6): */
	struct {
		uint64_t sent_ns, rtt, reorder_deadline;
		uint32_t end, fack, round_end;
		uint32_t copied_low, copied_high; /* what was sent again of late is in there */
		uint64_t copied_at;
		uint8_t multiplier, persist;
		bool reordered, dsack;
	} rack;
	/* the tail loss probe under way (§7): */
	uint32_t probe_end;
	bool probing, probe_copies,
	        probe_fresh; /* fresh: tcp_recovery_sent has not told yet what it was */
	bool probe_allowed;  /* new data or an advance since the last probe or time-out */
	uint64_t retransmitted, probes, recoveries, spurious, timeouts_total;
};

struct recovery_setup {
	uint32_t iss;          /* first sequence number, the SYN's */
	uint32_t mss;          /* payload bytes of a full segment */
	bool sack, timestamps; /* agreed in the handshake */
	const struct tcp_congestion *congestion;
};

/* Starts with nothing sent and snd_una = iss. Cannot fail: records are allocated as they are needed. */
void tcp_recovery_open(struct tcp_recovery *, const struct recovery_setup *, uint64_t now);
void tcp_recovery_close(struct tcp_recovery *);
/* What the handshake has agreed on; the first RTT comes by tcp_recovery_acknowledged of the SYN as any other. */
void tcp_recovery_agreed(struct tcp_recovery *, uint32_t mss, bool sack, bool timestamps);
/* The path carries less: mss shrinks; what is under way is split and, if `lost`, counted as lost without the window
 * being cut (RFC 1191 §6.5). */
void tcp_recovery_set_mss(struct tcp_recovery *, uint32_t mss, bool lost, uint64_t now);

/* The host is another one: what was under way is taken for lost, by nobody's congestion. */
void tcp_recovery_moved(struct tcp_recovery *);

/* ---- Sending ---- */

/* How many bytes may be sent now: by the congestion window, PRR and limited transmit. Not by the peer's window. */
uint32_t tcp_recovery_room(const struct tcp_recovery *);
/* The first run that is lost and not yet retransmitted: [*seq, *end), at most `most` bytes. It goes before new data. */
bool tcp_recovery_lost(struct tcp_recovery *, uint32_t most, uint32_t *seq, uint32_t *end);
/* Makes sure that the next tcp_recovery_sent can be recorded. False: no memory or too many records; do not send. */
bool tcp_recovery_ready(struct tcp_recovery *);
/* [seq, end) is on its way. New data starts at the end of what was sent before; anything below is a
 * retransmission. app_limited: there was nothing more to send (RFC 7661: the window was not used up). */
void tcp_recovery_sent(struct tcp_recovery *, uint32_t seq, uint32_t end, bool app_limited,
                       uint64_t now);
/* The connection was idle: shrinks the window to the restart window (RFC 5681 §4.1). Call before sending new data. */
void tcp_recovery_resume(struct tcp_recovery *, uint64_t now);

/* ---- Hearing ---- */

struct recovery_ack {
	uint32_t ack; /* SEG.ACK; in.c has checked snd_una <= ack <= snd_nxt */
	uint32_t sack[RECOVERY_SACKS_MAX]
	             [2]; /* [left, right) as received, unchecked; the first may be a DSACK */
	uint8_t sack_count;
	bool has_data; /* the segment carries data, SYN or FIN: not a duplicate ACK (RFC 5681 §2) */
	bool window_changed; /* SEG.WND differs: nor this */
	bool ece;            /* ECN-Echo, on a connection that agreed on ECN */
	uint64_t
	        echo_rtt_ns; /* by the echoed timestamp, 0: none. Used where sent_ns is ambiguous, and for Eifel */
	uint64_t echo_tick_ns; /* the timestamp clock's resolution */
};
struct recovery_result {
	uint32_t acknowledged; /* sequence numbers newly acknowledged, snd_una's advance */
	bool send;             /* something is lost, or the window has room again: call output */
	bool cut; /* the window was reduced for ECN: set CWR in the next new data (RFC 3168 §6.1.2) */
	bool entered, undone; /* a loss episode began; was found spurious */
};
struct recovery_result tcp_recovery_acknowledged(struct tcp_recovery *, const struct recovery_ack *,
                                                 uint64_t now);

/* ---- Time ---- */

/* When tcp_recovery_expired wants to be called; CLOCK_NEVER. Changes with every call above. */
uint64_t tcp_recovery_deadline(const struct tcp_recovery *);
enum recovery_action {
	RECOVERY_NOTHING, /* too early */
	RECOVERY_OUTPUT,  /* RACK has marked something lost: call output */
	RECOVERY_PROBE, /* tail loss probe: send one new segment if window and data allow, else retransmit the
				    * last one (tcp_recovery_last), whatever tcp_recovery_room says */
	RECOVERY_TIMEOUT, /* RTO: everything is marked lost, the window is one segment, the timer backed off;
				    * call output, which sends the first segment whatever tcp_recovery_room says */
};
enum recovery_action tcp_recovery_expired(struct tcp_recovery *, uint64_t now);
/* The last run that was sent, at most mss long: what a probe repeats. False: nothing is under way. */
bool tcp_recovery_last(const struct tcp_recovery *, uint32_t *seq, uint32_t *end);

/* ---- Looking ---- */

struct recovery_figures {
	uint32_t una, next;         /* oldest unacknowledged; next new sequence number */
	uint32_t pipe;              /* bytes taken to be under way */
	uint32_t window, threshold; /* bytes: cwnd, ssthresh (UINT32_MAX at first) */
	uint64_t srtt_ns, rttvar_ns, rtt_min_ns, rto_ns; /* 0: no sample yet */
	uint32_t timeouts; /* RTOs in a row without an acknowledgment of new data */
	uint64_t retransmitted, probes, recoveries, spurious, timeouts_total; /* since the start */
	bool in_recovery;
};
void tcp_recovery_figures(const struct tcp_recovery *, struct recovery_figures *);
/* For tests, after each operation: records ascend, do not overlap, pipe is the sum that it should be... */
bool tcp_recovery_is_valid(const struct tcp_recovery *);

/* ---- Between recovery.c and rack.c ---- */

/* Something sent at sent_ns and up to `end` has arrived; `copied`: it had been sent more than once. */
void tcp_rack_arrived(struct tcp_recovery *, const struct tcp_sent *, uint64_t now);
void tcp_rack_dsack(struct tcp_recovery *);
/* Marks what must be lost by now; true: there was something. Sets the time of the next look. */
bool tcp_rack_detect(struct tcp_recovery *, uint64_t now);
/* The probe's time-out from now on (RFC 8985 §7.2), CLOCK_NEVER: no probe is due. */
uint64_t tcp_rack_probe_deadline(const struct tcp_recovery *);
void tcp_recovery_mark_lost(struct tcp_recovery *, struct tcp_sent *);

/* ---- Sequence arithmetic (RFC 9293 §3.4), for all of TCP ---- */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}
static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}
static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? b : a;
}
static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

#endif

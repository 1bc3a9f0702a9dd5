/* SPDX-License-Identifier: ISC */
/*
 * Congestion control: how the window grows, and how far it falls. When it falls, and what is lost, is
 * recovery.c's to find out. Two algorithms: tcp_newreno.c (RFC 5681, 3465 with L=2) and tcp_cubic.c (RFC 9438, with
 * HyStart++, RFC 9406). Windows are in bytes.
 */
#ifndef NET_TCP_CONGESTION_H
#define NET_TCP_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

#define CONGESTION_INITIAL_SEGMENTS 10u /* RFC 6928 */

struct congestion { /* an algorithm's state in a connection */
	uint32_t window, threshold, mss;
	/* CUBIC (RFC 9438 §4), zero for NewReno: */
	uint64_t epoch_ns;     /* when the current growth began; 0: none */
	uint64_t pause_ns;     /* since when the window has not been used up; 0: it is */
	uint64_t k_ns;         /* K */
	uint32_t w_max, w_est; /* bytes */
	uint32_t cwnd_prior;
	uint32_t acked;     /* bytes towards the next increase */
	uint32_t est_acked; /* the same for w_est */
	/* HyStart++ (RFC 9406): */
	uint32_t round_end;   /* sequence number that ends the round */
	uint32_t rtt_samples; /* in this round */
	uint64_t rtt_round_ns, rtt_last_ns, rtt_baseline_ns; /* minima of this and the last round */
	uint8_t css_rounds;
	bool css, slow_started;
	/* before the last reduction, for undo: */
	struct {
		uint32_t window, threshold, w_max;
		uint64_t epoch_ns, k_ns;
	} prior;
};

struct congestion_ack {
	uint32_t acked;     /* bytes newly delivered */
	uint32_t ack, next; /* SEG.ACK and snd_nxt: for rounds */
	uint64_t rtt_ns;    /* this acknowledgment's sample, 0: none */
	uint64_t srtt_ns;
	bool limited; /* the window was used up: only then it grows (RFC 7661) */
	uint64_t now;
};

struct tcp_congestion {
	const char *name;
	void (*open)(struct congestion *, uint32_t mss);
	/* Acknowledgments outside of recovery. */
	void (*acknowledged)(struct congestion *, const struct congestion_ack *);
	/* A loss episode begins, or ECN says so: sets threshold (and with it the window at the end of the episode);
	 * in_flight: bytes under way. */
	void (*reduced)(struct congestion *, uint32_t in_flight, bool ecn, uint64_t now);
	/* RTO: threshold as above, window one segment. */
	void (*timed_out)(struct congestion *, uint32_t in_flight, uint64_t now);
	/* The last reduction was not deserved. */
	void (*undone)(struct congestion *, uint64_t now);
	/* The connection was idle for so long: RFC 9438 §4.2 (the time does not count), RFC 5681 §4.1. */
	void (*resumed)(struct congestion *, uint64_t idle_ns, uint64_t rto_ns, uint64_t now);
};

#endif

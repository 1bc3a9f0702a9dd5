/* SPDX-License-Identifier: ISC */
/*
 * A path in simulated time: a sender made of tcp_recovery and a congestion control, a bottleneck with a queue, a delay
 * each way, what a bad link does to packets, and a receiver made of tcp_receive. It carries bytes of a pattern to the
 * end, checks each part's invariants on the way, and tells how it went.
 */
#ifndef TCP_PARTS_PATH_H
#define TCP_PARTS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp/recovery.h>

struct path_setup {
	uint64_t seed, bytes; /* to carry */
	uint64_t skip;        /* the rate is measured from the acknowledgment of so many bytes on */
	uint64_t rate;        /* bytes a second of the bottleneck */
	uint64_t delay_ns;    /* each way */
	uint32_t queue;       /* bytes in front of the bottleneck; 0: 256 KiB */
	uint32_t mark_at;     /* bytes in the queue from which on it marks CE; 0: never */
	uint32_t loss, ack_loss, reorder,
	        duplicate;             /* per million packets; reorder: of those held back */
	uint64_t reorder_ns;           /* ... by so much */
	uint64_t outage_at, outage_ns; /* nothing passes then */
	uint64_t stall_at,
	        stall_ns; /* the path becomes this much longer for packets sent in this time (spurious RTO) */
	uint32_t mss;     /* 0: 1448 */
	uint32_t window;  /* the receiver's maximum; 0: 4 MiB */
	uint32_t lose[8]; /* these transmissions of data (1: the first) are lost */
	bool no_sack, no_timestamps;
	const struct tcp_congestion *congestion;
	uint64_t until_ns; /* gives up then; 0: 1000 s */
};

struct path_result {
	bool complete;
	uint64_t took_ns, skipped_ns;
	double rate;            /* bytes a second */
	uint64_t sent, dropped; /* packets of data; of those, dropped by the queue */
	uint64_t cuts;          /* for ECN */
	uint32_t records_peak, queue_peak;
	struct recovery_figures figures; /* at the end */
};

struct path_result path_run(const struct path_setup *);

#endif

/* SPDX-License-Identifier: ISC */
/* What TCP counts, for whoever watches the image. */
#include <core/metric.h>
#include <net/tcp/internal.h>

#define COUNT(what_, name_, help_)                                                                 \
	{ name_, help_, (what_) * sizeof(uint64_t), METRIC_COUNTER, METRIC_ONE }
#define NOW(what_, name_, help_)                                                                   \
	{ name_, help_, (what_) * sizeof(uint64_t), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	NOW(TCP_NOW_OPEN, "open", "Connections that are open."),
	NOW(TCP_NOW_TIME_WAIT, "time_wait", "Connections in TIME-WAIT."),
	NOW(TCP_NOW_MEMORY, "memory_bytes", "Buffers of all connections."),
	COUNT(TCP_COUNT_CONNECTED, "connected_total", "Connections opened from here."),
	COUNT(TCP_COUNT_ACCEPTED, "accepted_total", "Connections opened by peers."),
	COUNT(TCP_COUNT_FAILED, "failed_total", "Connections that were not opened."),
	COUNT(TCP_COUNT_RESET_IN, "reset_in_total", "Connections reset by peers."),
	COUNT(TCP_COUNT_RESET_OUT, "reset_out_total", "Resets sent."),
	COUNT(TCP_COUNT_SEGMENTS_IN, "segments_in_total", "Segments received."),
	COUNT(TCP_COUNT_SEGMENTS_OUT, "segments_out_total", "Segments sent."),
	COUNT(TCP_COUNT_BYTES_IN, "in_bytes_total", "Bytes received in order."),
	COUNT(TCP_COUNT_BYTES_OUT, "out_bytes_total", "Bytes sent."),
	COUNT(TCP_COUNT_RETRANSMITTED, "retransmitted_total", "Segments sent again."),
	COUNT(TCP_COUNT_TIMEOUTS, "timeouts_total", "Retransmissions by time-out."),
	COUNT(TCP_COUNT_PROBES, "probes_total", "Tail loss probes."),
	COUNT(TCP_COUNT_RECOVERIES, "recoveries_total", "Episodes of loss."),
	COUNT(TCP_COUNT_SPURIOUS, "spurious_total", "Episodes of loss in which nothing was lost."),
	COUNT(TCP_COUNT_BAD_SEGMENT, "bad_segment_total", "Segments that do not parse."),
	COUNT(TCP_COUNT_BAD_CHECKSUM, "bad_checksum_total", "Segments with a wrong checksum."),
	COUNT(TCP_COUNT_OUT_OF_WINDOW, "out_of_window_total", "Segments outside of the window."),
	COUNT(TCP_COUNT_PAWS, "paws_total", "Segments with an old timestamp."),
	COUNT(TCP_COUNT_OUT_OF_ORDER, "out_of_order_total", "Segments kept for later."),
	COUNT(TCP_COUNT_DUPLICATE, "duplicate_total", "Segments without new data."),
	COUNT(TCP_COUNT_CHALLENGES, "challenges_total", "Challenge ACKs sent."),
	COUNT(TCP_COUNT_COOKIES_SENT, "cookies_sent_total", "SYN cookies sent."),
	COUNT(TCP_COUNT_COOKIES_GOOD, "cookies_good_total", "SYN cookies that came back."),
	COUNT(TCP_COUNT_COOKIES_BAD, "cookies_bad_total", "SYN cookies that were none of ours."),
	COUNT(TCP_COUNT_BACKLOG_FULL, "backlog_full_total",
	      "Connections for which a listener had no room."),
	COUNT(TCP_COUNT_NO_LISTENER, "no_listener_total", "Segments for a port that nobody has."),
	COUNT(TCP_COUNT_NO_MEMORY, "no_memory_total", "What there was no memory for."),
	COUNT(TCP_COUNT_KEEP_ALIVE_LOST, "keep_alive_lost_total",
	      "Connections whose peers were silent."),
	COUNT(TCP_COUNT_PMTU_REDUCED, "pmtu_reduced_total", "Paths that have become narrower."),
	COUNT(TCP_COUNT_BLACK_HOLES, "black_holes_total", "Paths that swallow large packets."),
	COUNT(TCP_COUNT_TIME_WAIT_REUSED, "time_wait_reused_total",
	      "Connections opened anew out of TIME-WAIT."),
};
_Static_assert(sizeof rows / sizeof *rows == TCP_COUNT_MAX, "a row for each");
_Static_assert(TCP_COUNT_MAX * sizeof(uint64_t) <= METRIC_FIGURES_MAX, "there is room for all");

static void read(const void *of, void *to)
{
	uint64_t *figures = to;
	(void)of;
	for (uint32_t k = 0; k < TCP_COUNT_MAX; k++)
		figures[k] = tcp_counter(k);
}

static const struct metric_group group = METRIC_GROUP("tcp", NULL, rows, read);

void tcp_metrics_add(void)
{
	static struct metric_source source = { .group = &group };
	metric_add(&source);
}

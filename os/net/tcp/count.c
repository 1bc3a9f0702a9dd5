/* SPDX-License-Identifier: ISC */
/* Figures and names. */
#include <net/tcp/internal.h>

uint64_t tcp_counts[TCP_COUNT_MAX];

uint64_t tcp_counter(enum tcp_count what)
{
	if (what == TCP_NOW_MEMORY)
		return tcp_queue_memory() + tcp_receive_memory();
	return what < TCP_COUNT_MAX ? tcp_counts[what] : 0;
}

const char *tcp_counter_name(enum tcp_count what)
{
	static const char *const names[TCP_COUNT_MAX] = {
		[TCP_NOW_OPEN] = "open",
		[TCP_NOW_TIME_WAIT] = "time_wait",
		[TCP_NOW_MEMORY] = "memory",
		[TCP_COUNT_CONNECTED] = "connected",
		[TCP_COUNT_ACCEPTED] = "accepted",
		[TCP_COUNT_FAILED] = "failed",
		[TCP_COUNT_RESET_IN] = "reset_in",
		[TCP_COUNT_RESET_OUT] = "reset_out",
		[TCP_COUNT_SEGMENTS_IN] = "segments_in",
		[TCP_COUNT_SEGMENTS_OUT] = "segments_out",
		[TCP_COUNT_BYTES_IN] = "bytes_in",
		[TCP_COUNT_BYTES_OUT] = "bytes_out",
		[TCP_COUNT_RETRANSMITTED] = "retransmitted",
		[TCP_COUNT_TIMEOUTS] = "timeouts",
		[TCP_COUNT_PROBES] = "probes",
		[TCP_COUNT_RECOVERIES] = "recoveries",
		[TCP_COUNT_SPURIOUS] = "spurious",
		[TCP_COUNT_BAD_SEGMENT] = "bad_segment",
		[TCP_COUNT_BAD_CHECKSUM] = "bad_checksum",
		[TCP_COUNT_OUT_OF_WINDOW] = "out_of_window",
		[TCP_COUNT_PAWS] = "paws",
		[TCP_COUNT_OUT_OF_ORDER] = "out_of_order",
		[TCP_COUNT_DUPLICATE] = "duplicate",
		[TCP_COUNT_CHALLENGES] = "challenges",
		[TCP_COUNT_COOKIES_SENT] = "cookies_sent",
		[TCP_COUNT_COOKIES_GOOD] = "cookies_good",
		[TCP_COUNT_COOKIES_BAD] = "cookies_bad",
		[TCP_COUNT_BACKLOG_FULL] = "backlog_full",
		[TCP_COUNT_NO_LISTENER] = "no_listener",
		[TCP_COUNT_NO_MEMORY] = "no_memory",
		[TCP_COUNT_KEEP_ALIVE_LOST] = "keep_alive_lost",
		[TCP_COUNT_PMTU_REDUCED] = "pmtu_reduced",
		[TCP_COUNT_BLACK_HOLES] = "black_holes",
		[TCP_COUNT_TIME_WAIT_REUSED] = "time_wait_reused",
	};
	return what < TCP_COUNT_MAX ? names[what] : NULL;
}

const char *tcp_state_name(enum tcp_state state)
{
	static const char *const names[] = {
		[TCP_CLOSED] = "CLOSED",           [TCP_LISTEN] = "LISTEN",
		[TCP_SYN_SENT] = "SYN-SENT",       [TCP_SYN_RECEIVED] = "SYN-RECEIVED",
		[TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_CLOSING] = "CLOSING",         [TCP_LAST_ACK] = "LAST-ACK",
		[TCP_TIME_WAIT] = "TIME-WAIT",
	};
	return names[state];
}

void tcp_info(const struct tcp_connection *c, struct tcp_info *to)
{
	struct recovery_figures f;
	tcp_recovery_figures(&c->recovery, &f);
	uint32_t sent = f.next - c->queue_seq; /* of the queue's bytes; a FIN may come on top */
	sent = sent > c->queue.total ? (uint32_t)c->queue.total : sent;
	uint64_t unsent = c->queue.total - sent;
	bool seen = c->state != TCP_SYN_SENT && c->state != TCP_CLOSED;
	*to = (struct tcp_info){ .state = c->state,
		                 .local = ip6_address_of(c->address.local),
		                 .remote = ip6_address_of(c->address.remote),
		                 .local_port = c->address.local_port,
		                 .remote_port = c->address.remote_port,
		                 .mss = c->mss,
		                 .sack = seen && c->sack,
		                 .timestamps = seen && c->timestamps,
		                 .window_scaling = seen && c->scaling,
		                 .ecn = c->ecn,
		                 .unread = tcp_receive_unread(&c->receive),
		                 .unsent = unsent > UINT32_MAX ? UINT32_MAX : (uint32_t)unsent,
		                 .unacknowledged = sent,
		                 .congestion_window = f.window,
		                 .slow_start_threshold = f.threshold,
		                 .send_window = c->send_window,
		                 .receive_window = c->edge - tcp_connection_rcv_nxt(c),
		                 .rtt_ns = f.srtt_ns,
		                 .rtt_variation_ns = f.rttvar_ns,
		                 .rtt_min_ns = f.rtt_min_ns,
		                 .rto_ns = f.rto_ns,
		                 .retransmitted = f.retransmitted,
		                 .bytes_received = c->receive.next - c->irs - 1,
		                 .bytes_sent = c->queue_seq - c->iss - 1 };
}

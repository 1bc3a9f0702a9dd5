/* SPDX-License-Identifier: ISC */
/*
 * What TCP's files know of each other. By direction and noun:
 *
 *   in.c       a segment comes: finds whose it is, and walks RFC 9293 §3.10.7
 *   out.c      what a connection may send now; acknowledgments, probes, resets
 *   timer.c    one timer a connection, for all that it waits for
 *   turn.c     TCP's turn in the loop; table.c who is there; secret.c numbers that nobody may guess
 *   birth.c    a connection is made and opens; end.c it ends; memory.c the bound of all buffers
 *   listen.c   listeners, half-open connections; cookie.c those that take no memory
 *   wait.c     TIME-WAIT, in 64 bytes each
 *   path.c     path MTU, black holes, ICMP
 *   leave.c    before a picture that a clone goes on from; moved.c, lost.c in the clone
 *   event.c    handlers; socket.c the calls of tasks; option.c what may be changed; count.c figures
 *
 * Nothing is sent while input is worked on: a connection that has something to say gets into the list of the turn
 * (tcp_connection_work), and says all of it at once when TCP's source is polled, after the device's batch. A connection
 * that ends stays in memory until then too, so that callbacks may end it at any time: who has called one looks at
 * `gone` before going on.
 */
#ifndef NET_TCP_INTERNAL_H
#define NET_TCP_INTERNAL_H

#include <core/clock.h>
#include <core/error.h>
#include <core/list.h>
#include <core/panic.h>
#include <core/task.h>
#include <core/timer.h>
#include <net/ip4.h>
#include <net/tcp.h>
#include <net/tcp/queue.h>
#include <net/tcp/receive.h>
#include <net/tcp/recovery.h>
#include <net/tcp/segment.h>

#define TCP_DELAYED_ACK_NS (40 * NS_PER_MS) /* RFC 9293 §3.8.6.3: at most 500 */
#define TCP_AGAIN_NS       (10 * NS_PER_MS) /* until output that found no memory is tried again */
#define TCP_SYN_RETRIES    5u  /* SYN-ACKs without an answer, until a half-open one is given up */
#define TCP_CHALLENGES     10u /* a connection's in TCP_CHALLENGE_NS (RFC 5961 §7) */
#define TCP_CHALLENGE_NS   (5 * NS_PER_S)
#define TCP_TIMEOUT_MAX_NS                                                                         \
	(1ull << 60)              /* longer ones are taken as this: sums of times do not overflow */
#define TCP_WAIT_MAX       16384u /* connections in TIME-WAIT; the oldest goes */
#define TCP_PATH_MTU_MIN   296u   /* a report of less is taken as this */
#define TCP_COOKIE_MSS_MIN 64u    /* the smallest MSS that a SYN cookie can say */

struct tcp_address { /* hashed as it lies: no padding. Words (ip6/ip6.h): who keeps one holds their numbers */
	uint32_t local, remote;
	uint16_t local_port, remote_port;
};

enum tcp_work {
	WORK_OUTPUT = 1, /* there may be something to send */
	WORK_SHOW = 2,   /* waiting bytes are to be shown to the handlers */
	WORK_FREE = 4,   /* nobody holds it any more */
	WORK_END = 8,    /* it is cut off */
};

struct tcp_connection {
	struct tcp_connection *chain; /* in the table */
	struct tcp_address address;
	struct ip4_route route;
	uint8_t state; /* enum tcp_state */
	uint8_t work;  /* enum tcp_work, while in the turn's list */
	struct list turn;
	struct tcp_listener *listener; /* until it is accepted */
	struct list pending;           /* in the listener's half_open or ready */

	/* Who uses it */
	const struct tcp_handlers *handlers;
	void *context;
	struct task_queue waiters;
	uint8_t *
	        read_to; /* a task waits in tcp_read, and nothing is unread: what comes in order goes there, */
	uint32_t read_room; /* at most so many bytes; 0: none does */
	struct frame_lease
	        *lease;    /* of the task that has lent its bytes to the queue; null: none has */
	int32_t error;     /* what tasks are told once it has ended */
	bool gone : 1;     /* its memory goes at the end of the turn: touch nothing */
	bool orphan : 1;   /* given back by tcp_close: finishes by itself */
	bool detached : 1; /* out of the table: only the handle is left */
	bool cut : 1; /* its address or the way to the peer is gone: it sends nothing, and ends in this turn */
	bool told_finished : 1, told_drained : 1;
	bool close_told_later : 1; /* ended, but the handlers have not taken everything yet */
	bool short_write : 1;      /* `writable` is owed */
	bool no_delay : 1, no_ecn : 1;

	/* Agreed in the handshake */
	bool timestamps : 1, sack : 1, scaling : 1, ecn : 1;
	bool passive : 1;   /* SYN-RECEIVED came from LISTEN */
	bool half_open : 1; /* in the listener's list of that name */
	uint8_t send_scale, receive_scale;
	uint16_t peer_mss; /* as told, or the default */
	uint16_t mss;      /* payload of a full segment with timestamps, without SACK blocks */
	uint16_t path_mtu; /* IP bytes */

	/* Sending */
	bool fin_wanted : 1, fin_sent : 1;
	bool blocked : 1;      /* the device took nothing more */
	bool probe : 1;        /* a tail loss probe is to go */
	bool window_probe : 1; /* a byte beyond the window is out, and not recorded */
	bool cwr : 1;          /* tell the peer that the window was cut */
	bool ece : 1;          /* tell the peer of congestion, until it says CWR */
	uint32_t iss;
	uint32_t queue_seq;               /* sequence number of the queue's first byte */
	uint32_t fin_seq;                 /* of our FIN, once it is sent */
	uint32_t send_window, max_window; /* the peer's, from snd_una; the largest ever */
	uint32_t window_seq, window_ack;  /* SND.WL1, SND.WL2 */
	uint32_t small_end; /* end of the last segment that was not full, for Nagle's algorithm */
	uint32_t send_max, unsent_max; /* unsent_max: 0: none */
	struct tcp_queue queue;
	struct tcp_recovery recovery;

	/* Receiving */
	bool peer_fin_known : 1;
	bool finished : 1; /* everything up to the peer's FIN has come */
	bool ack_now : 1;
	bool shut : 1; /* the peer was told that the window is closed, and may not know better yet: leave.c */
	bool say_window : 1; /* by itself: of what is sent again a peer that has it believes nothing else, either */
	uint32_t irs;
	uint32_t peer_fin; /* its sequence number */
	uint32_t edge;     /* right edge of the window as last told */
	uint32_t acked;    /* Last.ACK.sent */
	uint32_t ack_owed; /* bytes since then */
	uint32_t recent;   /* TS.Recent */
	uint64_t recent_at;
	uint32_t timestamp_offset;
	struct tcp_receive receive;

	/* Time: deadlines, CLOCK_NEVER if there is none */
	struct timer timer;
	uint64_t ack_at, persist_at, alive_at,
	        end_at;    /* after tcp_close it is over by then: nothing that comes moves this */
	uint64_t again_at; /* there was no memory for output: it is tried again */
	uint64_t heard_at; /* when the last segment came, for keep-alive */
	uint64_t progress_at; /* when something was last acknowledged, or sending began */
	uint64_t keep_alive_ns, user_timeout_ns;
	uint32_t close_rate;
	uint8_t persist_backoff, alive_probes;
	uint8_t challenges;
	uint64_t challenges_from;
};

struct tcp_listener {
	struct tcp_listener *next;
	struct interface *interface; /* null: all */
	struct tcp_options options;
	struct list half_open, ready; /* of tcp_connection.pending */
	uint32_t half_open_count, ready_count;
	struct task_queue acceptors;
	uint32_t blocked; /* tasks inside tcp_accept: the last one frees a closed listener */
	tcp_accept_fn *accept;
	void *context;
	uint64_t cookies_until; /* cookies that were sent may come back until then */
	uint16_t port;
	bool closed;
};

/* What a segment carries, for in.c and those it calls. */
struct tcp_input {
	struct tcp_segment segment;
	struct ip4_packet *packet;
	uint64_t now;
	bool congested; /* the path's mark (RFC 3168) */
};

/* ---- turn.c ---- */
void tcp_start(
        void); /* TCP takes its turns from now on; that it is in the image has it registered at start */
void tcp_stop(
        void); /* for tests: all connections end, everything is given back; listeners are closed before */
void tcp_connection_work(struct tcp_connection *, enum tcp_work); /* puts it into the turn's list */

/* ---- table.c ---- */
struct tcp_connection *tcp_table_find(const struct tcp_address *);
bool tcp_table_ready(void);                  /* room for one more; false: no memory */
void tcp_table_add(struct tcp_connection *); /* after tcp_table_ready */
void tcp_table_remove(struct tcp_connection *);
/* Shows each connection to fn, which must not add or remove any. */
void tcp_table_each(void (*fn)(struct tcp_connection *, const void *), const void *what);
struct tcp_connection *tcp_table_any(void); /* for tests; null: it is empty */
uint32_t tcp_table_size(void);
void tcp_table_clear(void);

/* ---- secret.c ---- */
uint32_t tcp_secret_iss(const struct tcp_address *, uint64_t now); /* RFC 6528 */
struct tcp_address
tcp_secret_address(const struct tcp_address *); /* of IPv6: digests in place of numbers */
uint32_t tcp_secret_timestamp_offset(const struct tcp_address *);
uint16_t tcp_secret_port(uint32_t local, uint32_t remote,
                         uint16_t port); /* RFC 6056 §3.3.3; 0: none is free */

/* ---- memory.c ---- */
void tcp_memory_start(void);
bool tcp_memory_short(void);    /* buffers have come close to their share of the heap */
uint64_t tcp_memory_left(void); /* bytes that they may still grow by */

/* ---- birth.c ---- */
/* A connection in the table, in state CLOSED. Null: no memory. */
struct tcp_connection *tcp_connection_new(const struct tcp_address *, const struct ip4_route *,
                                          const struct tcp_options *);
/* Opens the parts with what was agreed. */
void tcp_connection_agree(struct tcp_connection *, const struct tcp_segment *syn);
void tcp_connection_established(struct tcp_connection *, uint64_t now);

/* ---- option.c ---- */
void tcp_option_start(struct tcp_connection *, const struct tcp_options *);
uint32_t tcp_option_bytes(uint32_t bytes, uint32_t usual); /* of a bound: `usual` for 0 */

/* ---- leave.c ---- */
extern bool tcp_leaving;        /* peers are told that no window is open */
extern uint64_t tcp_leave_seen; /* leave_at_ns of struct amp_boot, as it was looked at last */
void tcp_leave_look(void);      /* it is another */
void tcp_leave_done(void);      /* of clones */
void tcp_leave_stop(void);      /* for tests */

/* ---- end.c ---- */
/* Takes it out of the table and tells whoever uses it; state: what it is shown as from now on. */
void tcp_connection_end(struct tcp_connection *, int reason, enum tcp_state);
void tcp_connection_reset(struct tcp_connection *, int reason); /* sends a reset first */
void tcp_connection_free_soon(struct tcp_connection *);
/* It sends nothing from now on, not even a reset, and ends with ERR_UNREACHABLE in TCP's turn. No callback is made here. */
void tcp_connection_cut(struct tcp_connection *);

/* ---- A connection's numbers ---- */
static inline uint32_t tcp_connection_rcv_nxt(const struct tcp_connection *c)
{
	return c->receive.next + (c->finished ? 1 : 0);
}
/* Milliseconds of so many nanoseconds, rounded down, by a multiplication where the compiler would divide to save bytes.
 * 2^82 / 10^6, rounded up: exact for all 64 bits (Granlund and Montgomery, "Division by invariant integers"). */
static inline uint64_t tcp_ms(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * 0x431bde82d7b634dbull >> 82);
}
static inline uint32_t tcp_connection_timestamp(const struct tcp_connection *c, uint64_t now)
{
	return (uint32_t)tcp_ms(now) + c->timestamp_offset;
}
/* Bytes queued and not sent yet. */
static inline uint64_t tcp_connection_unsent(const struct tcp_connection *c)
{
	uint32_t sent =
	        seq_lt(c->queue_seq, c->recovery.next) ? c->recovery.next - c->queue_seq : 0;
	return sent < c->queue.total ? c->queue.total - sent : 0; /* a FIN has a number, too */
}
/* Bytes that a write may take, memory allowing. */
static inline uint32_t tcp_connection_room(const struct tcp_connection *c)
{
	uint32_t room = tcp_queue_room(&c->queue);
	if (!c->unsent_max)
		return room;
	uint64_t unsent = tcp_connection_unsent(c),
	         left = unsent < c->unsent_max ? c->unsent_max - unsent : 0;
	return left < room ? (uint32_t)left : room;
}
static inline bool tcp_connection_synchronized(const struct tcp_connection *c)
{
	return c->state >= TCP_ESTABLISHED;
}

/* Bytes before a segment's options: of IP and TCP. */
static inline uint32_t tcp_headers(uint32_t remote)
{
	return ip4_header_size(remote) + TCP_HEADER_SIZE;
}

/* ---- in.c ---- */
void tcp_input(struct ip4_packet *);
void tcp_input_connection(struct tcp_connection *, struct tcp_input *);

/* ---- out.c ---- */
void tcp_output(struct tcp_connection *, uint64_t now);
bool tcp_output_ready(
        const struct tcp_connection *); /* the device has room for a good part of what waits */
void tcp_output_ack(struct tcp_connection *, uint64_t now); /* at once, without data */
void tcp_output_challenge(struct tcp_connection *,
                          uint64_t now);                      /* an ACK, if the rate allows it */
void tcp_output_reset(struct tcp_connection *, uint64_t now); /* with snd_nxt */
void tcp_output_window_probe(struct tcp_connection *, uint64_t now);
void tcp_output_keep_alive(struct tcp_connection *, uint64_t now);
/* Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1); `ack_only`: with an ACK instead (TIME-WAIT). */
void tcp_output_stray_reset(const struct tcp_input *);
void tcp_output_stray(const struct tcp_input *, struct tcp_segment *answer);
uint16_t tcp_output_mss(
        const struct tcp_connection *); /* what the path and the peer allow, options taken off */

/* ---- listen.c ---- */
struct tcp_listener *tcp_listener_find(const struct interface *, uint16_t port);
void tcp_listener_input(struct tcp_listener *, struct tcp_input *);
void tcp_listener_opened(struct tcp_connection *); /* a half-open one is open */
void tcp_listener_forget(struct tcp_connection *); /* it ends before it was accepted */

/* ---- cookie.c ---- */
uint32_t tcp_cookie_make(const struct tcp_address *, const struct tcp_segment *syn, uint64_t now,
                         uint32_t *timestamp);
/* Checks the cookie that an ACK returns; what the SYN had said is put into *syn. */
bool tcp_cookie_check(const struct tcp_address *, const struct tcp_segment *ack, uint64_t now,
                      struct tcp_segment *syn);

/* ---- wait.c ---- */
void tcp_wait_enter(struct tcp_connection *, uint64_t now);
struct tcp_wait;
struct tcp_wait *tcp_wait_find(const struct tcp_address *);
/* Is it a SYN that may open the connection anew? Who opens one forgets the old; its ISS has to be above send_next. */
bool tcp_wait_opens(const struct tcp_wait *, const struct tcp_segment *);
uint32_t tcp_wait_send_next(const struct tcp_wait *);
void tcp_wait_forget(struct tcp_wait *);
/* Any other segment for a connection in TIME-WAIT. */
void tcp_wait_input(struct tcp_wait *, const struct tcp_input *);
void tcp_wait_clear(void); /* for tests */

/* ---- timer.c ---- */
void tcp_timer_update(struct tcp_connection *);
void tcp_timer_expired(struct tcp_connection *);

/* ---- event.c ---- */
void tcp_event_opened(struct tcp_connection *);
/* Shows payload in place, if it may be; how many bytes were taken. */
uint32_t tcp_event_received(struct tcp_connection *, const uint8_t *bytes, uint32_t size);
void tcp_event_show(struct tcp_connection *,
                    uint64_t now); /* shows what waits; then FIN and end, if they came */
void tcp_event_acknowledged(struct tcp_connection *); /* writable, drained */
void tcp_event_sent(struct tcp_connection *);         /* writable: less is unsent */
void tcp_event_closed(struct tcp_connection *, int reason);

/* ---- path.c ---- */
void tcp_path_start(void);
void tcp_path_forget(void); /* what routers said was of another network */
uint16_t tcp_path_mtu(const struct interface *, uint32_t destination);
void tcp_path_timed_out(struct tcp_connection *, uint64_t now); /* a black hole? */

/* ---- lost.c ---- */
/* What IPv4 tells (struct ip4_protocol): an address, or a neighbour, is no more. */
void tcp_lost_address(struct interface *, uint32_t address);
void tcp_lost_hop(struct interface *, uint32_t next_hop);
/* In a clone: the peers are the parent's. Connections end with ERR_RESET in TCP's turn, and their peers get resets when they
 * are next heard. */
void tcp_lost_all(void);
/* ... but if the clone is in its original's place (moved.c): once its devices are there, they go on. */
void tcp_moved(void);
/* Nothing is heard through the next hop: ARP should look whether it is still there (RFC 1122 §2.3.2.1). */
void tcp_lost_suspect(const struct tcp_connection *);

/* ---- count.c ---- */
extern uint64_t tcp_counts[TCP_COUNT_MAX];
static inline void tcp_count(enum tcp_count what)
{
	tcp_counts[what]++;
}

/* ---- metrics.c ---- */
void tcp_metrics_add(void);

#endif

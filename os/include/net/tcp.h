/* SPDX-License-Identifier: ISC */
/*
 * TCP (RFC 9293) for applications. A connection is used in one of two ways, or in both by turns:
 *
 *   tasks   call functions that block, each with a deadline: tcp_accept, tcp_connect, tcp_read, tcp_write...
 *   events  go to handlers, which run on the event loop and must not block: tcp_watch gives a connection its handlers.
 *           Received bytes are shown where the device put them; bytes that the handler leaves are kept and shown again.
 *
 * A write sends nothing by itself. All that a handler or a task writes in one go leaves together, when the
 * handler returns or the task blocks, in segments as full as they can be.
 *
 * Addresses are of either family (net/address.h): a listener takes connections of both. Ports are in host byte order. Deadlines are times of clock_now(); CLOCK_NEVER is none.
 * When the interface loses a connection's address, the connection ends with ERR_UNREACHABLE, which every call on it returns
 * from then on and `closed` is told; nothing is sent from the lost address.
 * A handle is good until tcp_close, tcp_abort, or (with handlers) until `closed` has been called.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include <net/address.h>

struct file;
struct interface;
struct tcp_connection;
struct tcp_listener;

/* ---- Bounds and defaults ---- */

#define TCP_BACKLOG_DEFAULT   1024u /* connections that are open and not yet accepted */
#define TCP_HALF_OPEN_MAX     1024u /* a listener's; more are answered with SYN cookies (RFC 4987) */
#define TCP_RECEIVE_DEFAULT   (64u << 10) /* bytes of the window at first */
#define TCP_RECEIVE_MAX       (4u << 20) /* the most that auto-tuning makes of it, memory allowing */
#define TCP_SEND_MAX          (4u << 20) /* bytes written and not acknowledged; files do not count */
#define TCP_BYTES_MAX         (1u << 30) /* receive_max and send_max: the largest window (RFC 7323 §2.3) */
#define TCP_MEMORY_SHARE      2u         /* all buffers together: at most 1/2 of the heap */
#define TCP_MSS_DEFAULT       536u  /* RFC 9293 §3.7.1: if the peer sends no MSS option */
#define TCP_MSS_DEFAULT6      1220u /* ... over IPv6 */
#define TCP_KEEP_ALIVE_PROBES 9u    /* unanswered, before a connection is given up */
#define TCP_KEEP_ALIVE_INTERVAL_NS                                                                 \
	(75ull * 1000000000) /* between them; a shorter keep_alive_ns shortens it */
#define TCP_USER_TIMEOUT_NS (100ull * 1000000000) /* RFC 1122 §4.2.3.5's R2 */
#define TCP_CLOSE_RATE      1024u /* bytes a second that the peer has to acknowledge after tcp_close */
#define TCP_TIME_WAIT_NS    (60ull * 1000000000) /* RFC 9293 §3.4.2: 2 MSL, MSL as Linux has it */
#define TCP_FIN_WAIT_NS                                                                            \
	(60ull * 1000000000) /* in FIN-WAIT-2 after tcp_close, when no data can be read any more */

struct tcp_options {                 /* zero means the default */
	struct interface *interface; /* connect: through it (null: as routes say) */
	uint32_t backlog;            /* TCP_BACKLOG_DEFAULT */
	uint32_t receive_max;        /* TCP_RECEIVE_MAX; at least 4096 */
	uint32_t send_max;           /* TCP_SEND_MAX; at least 4096 */
	uint32_t unsent_max;         /* a low-water mark: tcp_set_unsent_max; 0: none */
	uint64_t keep_alive_ns;      /* idle time before the first probe; 0: no keep-alive */
	uint64_t user_timeout_ns;    /* TCP_USER_TIMEOUT_NS */
	uint32_t close_rate;         /* TCP_CLOSE_RATE */
	uint16_t local_port;         /* connect: from this port; 0: any (RFC 6056) */
	uint8_t dscp;                /* 0 to 63: of what is sent (RFC 2474) */
	bool no_delay;               /* Nagle's algorithm (RFC 9293 §3.7.4) off */
	bool no_ecn; /* refuses ECN (RFC 3168), which is otherwise agreed to if the peer wants it */
	const struct tcp_congestion *congestion; /* tcp_cubic (default) or tcp_newreno */
};
extern const struct tcp_congestion tcp_cubic, tcp_newreno;

/* ---- Opening ---- */

/* Listens on a port (not 0) of one interface, or of all (null). ERR_EXISTS, ERR_MEMORY, ERR_INVALID. Options may be null;
 * connections have them too. */
int tcp_listen(struct tcp_listener **, struct interface *, uint16_t port,
               const struct tcp_options *);
/* Resets waiting and half-open connections; accepted ones go on. */
void tcp_listener_close(struct tcp_listener *);

/* Blocks until there is a connection. ERR_TIMEOUT, ERR_CLOSED (the listener). */
int tcp_accept(struct tcp_listener *, struct tcp_connection **, uint64_t deadline_ns);

/* The alternative to tcp_accept: each new connection goes to the handler, on the event loop. The handler calls tcp_watch,
 * or leaves the connection to a task that it spawns. If it returns false, the connection is reset. It must not close it. */
typedef bool tcp_accept_fn(void *context, struct tcp_connection *);
void tcp_listen_watch(struct tcp_listener *, tcp_accept_fn *, void *context);

/* Blocks until the connection is open. ERR_REFUSED, ERR_TIMEOUT, ERR_UNREACHABLE (no route; ARP has no answer, after 3 s; a
 * router says so), ERR_MEMORY, ERR_EXISTS (local_port
 * in use to there), ERR_INVALID (port or address 0, group). *connection is set on success only. */
int tcp_connect(struct tcp_connection **, struct net_address, uint16_t port,
                const struct tcp_options *, uint64_t deadline_ns);

/* ---- Events ---- */

struct tcp_handlers { /* any may be null */
	/* tcp_connect_watch: the connection is open. */
	void (*opened)(void *context, struct tcp_connection *);
	/* Bytes in order. Returns how many it took; the rest is kept and shown again, at the start of `bytes`, when
	 * more has come or after tcp_resume. `bytes` is one contiguous part; more may follow once it is taken.
	 * While nothing is taken, the window closes: that is the back-pressure. */
	uint32_t (*received)(void *context, struct tcp_connection *, const uint8_t *bytes,
	                     uint32_t size);
	/* The peer has finished sending (FIN), and all bytes before that were taken. */
	void (*finished)(void *context, struct tcp_connection *);
	/* After a write came back short: there is room again for half of send_max, or of unsent_max. */
	void (*writable)(void *context, struct tcp_connection *);
	/* Everything written was acknowledged. Called once each time that this becomes so. */
	void (*drained)(void *context, struct tcp_connection *);
	/* The last call: the connection is gone, and the handle with it. reason: OK (both sides finished, everything
	 * arrived), ERR_RESET, ERR_REFUSED, ERR_TIMEOUT, ERR_UNREACHABLE. Not called after tcp_close or tcp_abort. */
	void (*closed)(void *context, struct tcp_connection *, int reason);
};

/* From now on events go to these handlers. Null: to none (a task may take over). Bytes that wait are shown soon. */
void tcp_watch(struct tcp_connection *, const struct tcp_handlers *, void *context);
/* Starts opening, without blocking; `opened` or `closed` follows. Errors as tcp_connect's that are known at once. */
int tcp_connect_watch(struct tcp_connection **, struct net_address, uint16_t port,
                      const struct tcp_options *, const struct tcp_handlers *, void *context);
/* Shows waiting bytes again, in the loop's next turn. */
void tcp_resume(struct tcp_connection *);

/* ---- Reading ---- */

/* Copies the bytes that are there, at most `size`; blocks until there is one. Returns how many, 0 at the peer's end;
 * ERR_TIMEOUT, ERR_RESET, ERR_CLOSED. */
int64_t tcp_read(struct tcp_connection *, void *to, uint32_t size, uint64_t deadline_ns);
/* Fills all of `to`. ERR_CLOSED if the end came first, ERR_TIMEOUT, ERR_RESET; bytes read until then are lost. */
int tcp_read_all(struct tcp_connection *, void *to, uint32_t size, uint64_t deadline_ns);
/* tcp_read without a copy: shows the bytes in place, valid until the task's next call on the connection. tcp_consume then
 * takes some of them. */
int64_t tcp_peek(struct tcp_connection *, const uint8_t **bytes, uint64_t deadline_ns);
void tcp_consume(struct tcp_connection *, uint32_t size);

/* ---- Writing ---- */

/* Copies all of it into the send buffer, blocking while that is full. ERR_TIMEOUT, ERR_RESET, ERR_CLOSED
 * (shut down), ERR_MEMORY. After an error it is not known how much was taken: close the connection. */
int tcp_write(struct tcp_connection *, const void *bytes, uint32_t size, uint64_t deadline_ns);
/* tcp_write with one copy less for large writes on a short path (64 KiB, a round trip of less than a millisecond). The
 * bytes go out from where they lie; those not acknowledged in quick succession are copied before it returns. */
int tcp_write_through(struct tcp_connection *, const void *bytes, uint32_t size,
                      uint64_t deadline_ns);
/* Takes as much as there is room for, and never blocks. Returns how many bytes; 0 after a reset or shut-down. */
uint32_t tcp_write_some(struct tcp_connection *, const void *bytes, uint32_t size);
/* Room in the send buffer for so many bytes, one part behind the other, which the caller fills in before it does anything else. Never
 * blocks. False: there is not so much now; a handler is told when there is, as after tcp_write_some. */
struct tcp_room {
	struct {
		uint8_t *at;
		uint32_t size; /* of the second, 0: all is in the first */
	} parts[2];
};
bool tcp_write_in_place(struct tcp_connection *, uint32_t size, struct tcp_room *);
/* Room for tcp_write_some now. */
uint32_t tcp_write_room(const struct tcp_connection *);
/* Queues bytes that never change (compiled in), without a copy, whatever their size; never blocks. ERR_MEMORY
 * (too many pieces: TCP_PIECES_MAX), ERR_CLOSED, ERR_RESET. `bytes` stays untouched for the image's life. */
int tcp_write_static(struct tcp_connection *, const void *bytes, uint64_t size);
#define TCP_PIECES_MAX                                                                             \
	256u /* pieces of the send queue: runs of static bytes, and of copied ones between them */
/* tcp_write_static for a part of a compiled-in file. ERR_INVALID: the part does not lie in the file. */
int tcp_send_file(struct tcp_connection *, const struct file *, uint64_t offset, uint64_t size);
/* Blocks until everything written has been acknowledged. ERR_TIMEOUT, ERR_RESET. */
int tcp_drain(struct tcp_connection *, uint64_t deadline_ns);

/* ---- Options of an open connection ---- */

/* Each changes a value of struct tcp_options from now on; 0 means the same as there. None blocks or calls a handler. */
void tcp_set_no_delay(struct tcp_connection *, bool);
void tcp_set_keep_alive(struct tcp_connection *, uint64_t ns);
void tcp_set_user_timeout(struct tcp_connection *, uint64_t ns);
void tcp_set_dscp(struct tcp_connection *, uint8_t dscp);
/* If more bytes are queued already, no more are taken until they fit. */
void tcp_set_send_max(struct tcp_connection *, uint32_t bytes);
/* The peer may still send the bytes that it has been offered. A size beyond the handshake's window scale is cut to that. */
void tcp_set_receive_max(struct tcp_connection *, uint32_t bytes);
/* Bounds the unsent bytes: writes take no more than that (static bytes count, but are always taken), and `writable` comes when
 * there is room for half of them. Bytes that are written late are then sent soon. 0: only send_max counts. */
void tcp_set_unsent_max(struct tcp_connection *, uint32_t bytes);

/* ---- Ending ---- */

/* Ends writing: a FIN follows the queued bytes. Reading goes on (half-close, RFC 9293 §3.6). */
void tcp_shutdown(struct tcp_connection *);
/* Gives the handle back. Queued bytes are still sent, then a FIN. If received bytes were not read, or more come, the
 * peer is reset (RFC 2525 §2.17); also if it acknowledges nothing for the user timeout, though it keeps its window
 * closed and answers probes, and if it has not acknowledged everything at close_rate, the user timeout on top. */
void tcp_close(struct tcp_connection *);
/* Gives the handle back and resets the connection. Queued bytes are dropped. */
void tcp_abort(struct tcp_connection *);

/* ---- Looking ---- */

enum tcp_state {
	TCP_CLOSED,
	TCP_LISTEN,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
};
const char *tcp_state_name(enum tcp_state); /* "ESTABLISHED", as the RFC spells it */

struct tcp_info {
	enum tcp_state state;
	struct net_address local, remote;
	uint16_t local_port, remote_port;
	uint16_t mss; /* payload bytes of a full segment to the peer, options taken off */
	bool sack, timestamps, window_scaling, ecn;
	uint32_t unread, unsent, unacknowledged;          /* bytes */
	uint32_t congestion_window, slow_start_threshold; /* bytes */
	uint32_t send_window, receive_window;             /* bytes, as last told */
	uint64_t rtt_ns, rtt_variation_ns, rtt_min_ns, rto_ns;
	uint64_t retransmitted;              /* segments */
	uint64_t bytes_received, bytes_sent; /* payload, in order; acknowledged */
};
void tcp_info(const struct tcp_connection *, struct tcp_info *);

void *tcp_context(const struct tcp_connection *); /* of tcp_watch */

/* Counters of all connections since the start. The first three are current values. */
enum tcp_count {
	TCP_NOW_OPEN, /* connections with a struct of their own, half-open ones not counted */
	TCP_NOW_TIME_WAIT,
	TCP_NOW_MEMORY, /* bytes of buffers */
	TCP_COUNT_CONNECTED,
	TCP_COUNT_ACCEPTED,
	TCP_COUNT_FAILED, /* opened by us, by peers; not opened */
	TCP_COUNT_RESET_IN,
	TCP_COUNT_RESET_OUT,
	TCP_COUNT_SEGMENTS_IN,
	TCP_COUNT_SEGMENTS_OUT,
	TCP_COUNT_BYTES_IN,
	TCP_COUNT_BYTES_OUT,
	TCP_COUNT_RETRANSMITTED, /* segments */
	TCP_COUNT_TIMEOUTS,      /* of the retransmission timer */
	TCP_COUNT_PROBES,        /* tail loss probes */
	TCP_COUNT_RECOVERIES,
	TCP_COUNT_SPURIOUS,    /* episodes of loss; undone ones */
	TCP_COUNT_BAD_SEGMENT, /* does not parse */
	TCP_COUNT_BAD_CHECKSUM,
	TCP_COUNT_OUT_OF_WINDOW,
	TCP_COUNT_PAWS,         /* dropped for sequence number or timestamp */
	TCP_COUNT_OUT_OF_ORDER, /* segments kept for later */
	TCP_COUNT_DUPLICATE,    /* segments without new data */
	TCP_COUNT_CHALLENGES,   /* challenge ACKs sent (RFC 5961) */
	TCP_COUNT_COOKIES_SENT,
	TCP_COUNT_COOKIES_GOOD,
	TCP_COUNT_COOKIES_BAD,
	TCP_COUNT_BACKLOG_FULL,
	TCP_COUNT_NO_LISTENER,
	TCP_COUNT_NO_MEMORY,
	TCP_COUNT_KEEP_ALIVE_LOST,
	TCP_COUNT_PMTU_REDUCED,
	TCP_COUNT_BLACK_HOLES,
	TCP_COUNT_TIME_WAIT_REUSED,
	TCP_COUNT_MAX
};
uint64_t tcp_counter(enum tcp_count);
const char *tcp_counter_name(enum tcp_count); /* "retransmitted" */

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Served connections: what a server over TCP needs beside its protocol's grammar. It accepts up to a bound, makes
 * room by ending who idles, watches that bytes move, holds answers that TCP has no room for, bounds the memory of
 * all connections together, and ends in order. A protocol embeds a tcp_server in its own server and begins its own
 * connection with a tcp_served:
 *
 *	struct line_client { struct tcp_served served; char line[80]; };
 *	static const struct tcp_served_protocol lines = { .size = sizeof(struct line_client), .received = line_received };
 *	...
 *	tcp_server_open(&server, &lines, NULL, arg_port(), NULL, NULL);
 *
 * States. A connection is IDLE at first: nothing of a request is here, and it may be ended at any time to make room.
 * It is BUSY from a request's first byte until its answer is written. It is LINGER when everything was said: FIN
 * follows what is still to be sent, and what the peer still says is thrown away.
 *
 *	IDLE   --tcp_served_busy, tcp_served_owed-->  BUSY  --tcp_served_idle-->  IDLE
 *	IDLE, BUSY  --tcp_served_end-->  LINGER;  any  --tcp_served_close, tcp_served_drop, the peer-->  ended
 *
 * Who owns what. The server allocates a connection (zeroed, protocol->size bytes) and frees it. The protocol's
 * buffers are its own, and go in `ended`, which is called once for each connection that was opened. `served.tcp` is
 * null from then on. The memory stays until the callback returns that the end came in. Outside of callbacks it is
 * gone at once.
 *
 * What may end the connection: all functions that are marked (ends). They may be called from each callback but
 * `ended`. A callback looks at served.tcp after calling one.
 *
 * Time runs by progress. While bytes wait to be acknowledged, only stall_ns without a single new acknowledgment ends
 * the connection. It is noticed within two times stall_ns. The deadline of the state itself counts from when the
 * peer has everything that was written, but for tcp_served_owed, which bounds what the peer has to send. Times are
 * nanoseconds, sizes bytes.
 */
#ifndef NET_TCP_SERVED_H
#define NET_TCP_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/list.h>
#include <core/stop.h>
#include <core/task.h>
#include <core/timer.h>
#include <net/tcp.h>

#define TCP_SERVED_CONNECTIONS_MAX 16384u
#define TCP_SERVED_IDLE_NS         (60ull * 1000000000)
#define TCP_SERVED_STALL_NS        (60ull * 1000000000)
#define TCP_SERVED_LINGER_NS       (5ull * 1000000000)
#define TCP_SERVED_UNSENT_MAX      (64u << 10)
#define TCP_SERVED_STOP_GRACE_NS   (30ull * 1000000)
#define TCP_SERVED_BUFFERS_SHARE   2u /* of the heap: one half */

struct tcp_served;
struct tcp_server;
struct tcp_served_piece;

struct tcp_server_limits { /* zero means the default above */
	/* Connections at once. For one more, the one goes that is idle for longest, with a reset, which gives its
	 * memory back at once. If none is idle, the new one is refused. */
	uint32_t connections_max;
	uint32_t per_address_max; /* the same for those of one address; 0: no such bound */
	/* Bytes that one peer has not acknowledged. While there are more, nothing is received from it. */
	uint32_t unsent_max;
	/* Bytes that all connections hold together: what the peers have not acknowledged, what is held for TCP, and
	 * what protocols declared by tcp_served_keep. Constant bytes do not count. */
	uint64_t buffers_max;
	uint64_t idle_ns;   /* in IDLE; then FIN. CLOCK_NEVER: no end */
	uint64_t stall_ns;  /* while bytes wait, without an acknowledgment; then a reset */
	uint64_t linger_ns; /* in LINGER, after FIN was written; then a reset */
};

struct tcp_served_protocol { /* all but size and received may be null */
	uint32_t size;       /* of the protocol's connection, which begins with a tcp_served */
	/* A connection came; false: it is not wanted, and `ended` is not called. Must not end it otherwise. */
	bool (*opened)(struct tcp_served *);
	/* As tcp_handlers.received, but not while more than unsent_max waits for the peer. */
	uint32_t (*received)(struct tcp_served *, const uint8_t *bytes, uint32_t size);
	/* The peer says no more. Null: tcp_served_close. */
	void (*finished)(struct tcp_served *);
	/* After a short tcp_write_some, or when everything was acknowledged. */
	void (*writable)(struct tcp_served *);
	/* BUSY is over its deadline. Null: it is dropped. */
	void (*expired)(struct tcp_served *);
	/* It has to go, because others need its memory. Null: it is dropped, which also follows if it is not in
	 * LINGER afterwards. */
	void (*crowded)(struct tcp_served *);
	/* tcp_server_stop, in BUSY: the request under way is to be the last one. One that is `duplex` is also told in IDLE, and
	 * before it is closed for its idle time: FIN follows what it writes. */
	void (*stopping)(struct tcp_served *);
	/* The last call: give back what the protocol owns. */
	void (*ended)(struct tcp_served *);
};

enum tcp_served_state { TCP_SERVED_IDLE, TCP_SERVED_BUSY, TCP_SERVED_LINGER };

struct tcp_served { /* read by the protocol; written by the functions below, but for what is said */
	struct list all; /* the server's idle or busy ones */
	struct tcp_server *server;
	/* The server's. A protocol may hand the connection on to another, which finds what it needs in the same bytes: to one that
	 * was agreed on (HTTP's 101). */
	const struct tcp_served_protocol *protocol;
	struct tcp_connection *tcp; /* null: it has ended */
	struct timer timer;
	uint64_t deadline;         /* of the state */
	uint64_t written, drained; /* bytes given to TCP; of them, known to be acknowledged */
	uint64_t moved_at;         /* when an acknowledgment was last seen */
	uint64_t owed_at, got; /* tcp_served_owed: since; bytes that came: the protocol adds them */
	uint64_t since, since_moved;             /* it has buffers since; what had moved by then */
	struct tcp_served_piece *pieces, **last; /* answers behind what TCP has */
	struct tcp_served_piece *spare;
	uint64_t copied, held; /* bytes of answers on its account; of them, in pieces */
	uint32_t kept;         /* bytes of the protocol's on its account */
	uint32_t acknowledged; /* tcp_info's bytes_sent when last looked at, for seeing a change */
	uint32_t rate;         /* tcp_served_owed: bytes a second; 0: nothing is owed */
	struct net_address remote; /* the peer */
	uint16_t remote_port;
	uint8_t state, depth; /* depth: callbacks of it that run */
	bool finished;        /* the peer has sent its FIN */
	bool strict;          /* the deadline counts though answers are on their way */
	bool paused;          /* it was full: tcp_resume is due */
	bool broken,
	        crowded; /* to be dropped, or asked to go for its memory, in the loop's next turn */
	bool in_task;
	bool fin_due; /* in LINGER: FIN follows the pieces */
	bool duplex; /* set by the protocol: it receives whatever waits for the peer, and bounds that itself */
};

/*
 * A layer between TCP and the protocol: TLS. It turns what the peer sends into what the protocol receives, and what the
 * protocol writes into what TCP gets, so that a protocol serves over it unchanged. A connection's layer has its state behind
 * the protocol's connection. An image whose libraries have no layer carries nothing of this: tcp_served_layered is false.
 */
struct tcp_layer_state { /* the first member of the layer's; zero at first */
	uint32_t
	        kept; /* bytes of the layer's own on the connection's account: tcp_served_layer_keep */
	bool open;    /* the protocol may write */
};
struct tcp_layer {
	uint32_t size; /* of its state */
	/* A connection came. Until it is open, it is IDLE, and its deadline, which is set here, holds whatever is sent. */
	void (*opened)(struct tcp_served *);
	/* What TCP shows, and how much of it was taken. Hands the protocol what it is, by protocol->received. */
	uint32_t (*received)(struct tcp_served *, const uint8_t *bytes, uint32_t size);
	/* Takes as much as TCP has room for, once it is open; what it gave to TCP it counts by tcp_served_wrote. */
	uint64_t (*write)(struct tcp_served *, const void *bytes, uint64_t size);
	/* Gives TCP what is left of the last write. False: some is still left, and a write was short. */
	bool (*flush)(struct tcp_served *);
	int (*flush_in_task)(struct tcp_served *, uint64_t deadline_ns); /* the same, blocking */
	/* FIN comes next: says goodbye. */
	void (*ending)(struct tcp_served *);
	/* tcp_peek and tcp_consume of what the protocol is to see. */
	int64_t (*peek)(struct tcp_served *, const uint8_t **bytes, uint64_t deadline_ns);
	void (*consume)(struct tcp_served *, uint32_t size);
	/* Was this protocol agreed on, by ALPN (RFC 7301)? */
	bool (*speaks)(const struct tcp_served *, const char *protocol);
	void (*ended)(struct tcp_served *); /* the last call: gives back what it owns */
};
extern const bool tcp_served_layered;
extern const bool tcp_served_duplex; /* the same of protocols that are `duplex` */

struct tcp_server_counters {
	uint64_t connections, now; /* ever; as of now */
	uint64_t refused;          /* not taken: too many, or no memory for them */
	uint64_t made_room;        /* ended while idle, for new ones */
	uint64_t crowded;          /* ended for their memory */
	uint64_t stalled;          /* dropped: they acknowledged nothing */
	uint64_t idled;            /* closed after idle_ns */
};

typedef void tcp_server_stopped_fn(void *context, uint32_t left);

struct tcp_server { /* read by the protocol */
	const struct tcp_served_protocol *protocol;
	struct tcp_listener *listener; /* null: stopped */
	struct tcp_server_limits limits;
	struct list idle, busy; /* idle: the longest first */
	uint64_t charged;       /* bytes of all accounts */
	uint64_t counted_at;    /* when all accounts were last looked at */
	struct tcp_server_counters counters;
	struct timer stop_timer;
	uint64_t stop_at;
	tcp_server_stopped_fn *stopped;
	void *stopped_context;
	struct stop_handler on_stop; /* the image is asked to end: tcp_server_stop */
	struct task_queue waiters;
	bool stopping, reported, holds;
	const struct tcp_layer *layer; /* null: none */
	void *layer_context;
};

/* ---- The server ---- */

/* Listens; connections come from now on. Errors as tcp_listen's. `protocol` stays the caller's. */
int tcp_server_open(struct tcp_server *, const struct tcp_served_protocol *, struct interface *,
                    uint16_t port, const struct tcp_options *, const struct tcp_server_limits *);

/* Connections from now on go through the layer, whose functions find the context in the server. */
static inline void tcp_server_layer(struct tcp_server *s, const struct tcp_layer *layer,
                                    void *context)
{
	s->layer = layer;
	s->layer_context = context;
}

/*
 * The orderly end: no connection is accepted any more. An idle one gets FIN: at once, or after TCP_SERVED_STOP_GRACE_NS if it
 * was busy within the last second, so that a request that is on its way is answered. A busy one is told by
 * `stopping`, and ends when it would become idle. `stopped` (may be null) is called once, on the loop: when none is
 * left, or at the deadline (clock_now's time), after everybody was reset whom no task uses. `left` tells how many
 * those are; they are reset when their task gives them back.
 */
void tcp_server_stop(struct tcp_server *, uint64_t deadline_ns, tcp_server_stopped_fn *stopped,
                     void *context);

/* Blocks until the server has stopped: by tcp_server_stop, or because the image is asked to end (core/stop.h), which stops every
 * server that is open, a little before the deadline. In the second case its caller is expected to return from main(). */
void tcp_server_wait(struct tcp_server *);

/* ---- Where a connection is ---- */

void tcp_served_idle(struct tcp_served *); /* (ends, when the server stops) */
/* Something is under way. After from_now (CLOCK_NEVER: never) `expired` follows, unless this is called again. */
void tcp_served_busy(struct tcp_served *, uint64_t from_now);
void tcp_served_deadline(struct tcp_served *, uint64_t from_now); /* only the time */
/* Busy, and the peer owes bytes: after `grace`, `got` (zero now, counted by the protocol) must not fall below `rate`
 * bytes for each second since this call. Else, or after grace if rate is 0, `expired` follows, whatever is being
 * sent. */
void tcp_served_owed(struct tcp_served *, uint64_t grace, uint32_t rate);

void tcp_served_end(struct tcp_served *); /* (ends) LINGER */
void tcp_served_close(
        struct tcp_served *); /* (ends) FIN after what was written; held bytes: as tcp_served_end */
void tcp_served_drop(struct tcp_served *);      /* (ends) with a reset */
void tcp_served_drop_soon(struct tcp_served *); /* in the loop's next turn */

/* Around code that is no callback of the connection and may end it: `leave` tells whether it is still there. */
static inline void tcp_served_enter(struct tcp_served *c)
{
	c->depth++;
}
void tcp_served_left(struct tcp_served *); /* for the next one only: it has ended meanwhile */
static inline bool tcp_served_leave(struct tcp_served *c)
{
	c->depth--;
	if (c->tcp)
		return true;
	tcp_served_left(c);
	return false;
}

/* ---- Answers ---- */

/* Takes all of it: what TCP has no room for is held, and follows. ERR_MEMORY: there is no room (tcp_served_room);
 * nothing was taken, unless the connection is `broken`. ERR_CLOSED. Up to TCP_SERVED_SMALL bytes find room in any
 * case: to say no. */
#define TCP_SERVED_SMALL 1024u
int tcp_served_write(struct tcp_served *, const void *bytes, uint32_t size);
int tcp_served_write_static(struct tcp_served *, const void *bytes,
                            uint64_t size); /* as tcp_write_static */
/* Are so many bytes more within buffers_max? If not, those are ended, in the loop's next turn, who would hold their
 * bytes for longest at the rate that they have shown, and longer than this one: `crowded`. */
bool tcp_served_room(struct tcp_served *, uint64_t size);
/* Sees to it that the next writes of so many bytes succeed; false: they would not. */
bool tcp_served_reserve(struct tcp_served *, uint64_t size);
/* Bytes were given to tcp_write_some itself. Only while nothing is held. */
void tcp_served_wrote(struct tcp_served *, uint64_t size, bool copied);
/* Looks at TCP: brings `drained` and `copied` up to date. True: something was acknowledged since it was last looked
 * at. */
bool tcp_served_look(struct tcp_served *);
/* Something is on its way, as far as is known without a look. */
static inline bool tcp_served_sending(const struct tcp_served *c)
{
	return c->written != c->drained || c->pieces;
}
/* More than unsent_max waits for the peer: the protocol stops amid what it received. It gets the rest when there is
 * room. */
bool tcp_served_over(struct tcp_served *); /* for the next one only: it looks at TCP, and pauses */
static inline bool tcp_served_full(struct tcp_served *c)
{
	bool within = !c->pieces && c->written - c->drained <= c->server->limits.unsent_max;
	return !within && tcp_served_over(c);
}
/* The protocol stops for a reason of its own. It gets the rest when everything was acknowledged, or after a short
 * tcp_write_some. Only while something is on its way. */
static inline void tcp_served_pause(struct tcp_served *c)
{
	c->paused = true;
}
/* The protocol's own buffers of this connection are so many bytes now. False: there is no room for more than before.
 * Less is always OK. */
bool tcp_served_keep(struct tcp_served *, uint32_t size);

/* As much as there is room for, which may be nothing: `writable` follows then. Counted. Only while nothing is held. */
static inline uint32_t tcp_served_write_some(struct tcp_served *c, const void *bytes, uint32_t size)
{
	if (tcp_served_layered && c->server->layer)
		return (uint32_t)c->server->layer->write(c, bytes, size);
	uint32_t n = tcp_write_some(c->tcp, bytes, size);
	tcp_served_wrote(c, n, true);
	return n;
}

/* ---- A connection that a task uses ---- */

/* From now on no callback comes but `ended` after tcp_served_from_task, and nothing ends it. */
void tcp_served_to_task(struct tcp_served *);
void tcp_served_from_task(struct tcp_served *); /* (ends) by the task, when it is done */
/* In the task: all of it, or ERR_TIMEOUT (stall_ns without an acknowledgment), ERR_RESET, ERR_CLOSED, ERR_MEMORY. */
int tcp_served_task_write(struct tcp_served *, const void *bytes, uint32_t size);
int tcp_served_task_write_static(struct tcp_served *, const void *bytes, uint64_t size);

/* tcp_peek and tcp_consume, through the layer. */
static inline int64_t tcp_served_peek(struct tcp_served *c, const uint8_t **bytes,
                                      uint64_t deadline_ns)
{
	return tcp_served_layered && c->server->layer
	               ? c->server->layer->peek(c, bytes, deadline_ns)
	               : tcp_peek(c->tcp, bytes, deadline_ns);
}
static inline void tcp_served_consume(struct tcp_served *c, uint32_t size)
{
	if (tcp_served_layered && c->server->layer)
		c->server->layer->consume(c, size);
	else
		tcp_consume(c->tcp, size);
}

/* ---- For layers ---- */

static inline const struct tcp_layer *tcp_served_layer(const struct tcp_served *c)
{
	return tcp_served_layered ? c->server->layer : NULL;
}
/* The layer's state of a connection. */
struct tcp_layer_state *tcp_served_layer_state(const struct tcp_served *);
/* Its own buffers are so many bytes now: as tcp_served_keep. */
bool tcp_served_layer_keep(struct tcp_served *, uint32_t size);
/* It is open: what the protocol has written meanwhile goes out. */
void tcp_served_layer_open(struct tcp_served *);

#endif

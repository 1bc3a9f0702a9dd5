/* SPDX-License-Identifier: ISC */
/*
 * WebSocket (RFC 6455), server side: a handler of app/http's accepts what asks for it (http_route, GET), over clear TCP or TLS:
 *
 *	static void talk(struct websocket *w, void *context)
 *	{
 *		struct websocket_message m;
 *		while (websocket_read(w, &m, CLOCK_NEVER) == OK)
 *			websocket_send(w, m.kind, m.bytes, m.size);
 *	}
 *	static void enter(struct http_exchange *x, void *context)
 *	{
 *		websocket_accept(x, NULL, talk, NULL);
 *	}
 *
 * A connection has a task of its own (websocket_accept), or handlers on the event loop, which cost no stack (websocket_accept_watch).
 * Both get messages whole, or in pieces as they come. Any task and any callback may send at any time: nobody waits for a client, but
 * who asks to (`slow`). Frames, masks, fragments, pings, the closing handshake and UTF-8 are looked after here, and each by its RFC:
 * a client that breaks a rule is told by its code, and ended: 1002 (frames), 1007 (text that is no UTF-8, with the first wrong
 * byte; data that cannot be inflated), 1009 (a message beyond its bound).
 *
 * What a client can do, and its bound. Bytes of a message: message_max, before and behind inflating; of those that it does not take:
 * unsent_max; time without a sign of life: ping_ns and pong_ns; the pace of a message that has begun: rate_min; all connections' memory:
 * buffers_max (http.h), which also counts what lies here; how many there are: connections_max and per_address_max (http.h), for which
 * no WebSocket makes room. A connection that is quiet costs some 700 bytes, beside its task's stack. A message costs up to twice its
 * size while it comes, and another message_max while the reader has not taken the one before. Nothing more is then taken from TCP, nor while more than http.h's
 * unsent_max waits for the client. Close, and what breaks a rule, wait for a task to answer the messages before (close_ns at most).
 *
 * By HTTP/2 (RFC 8441) there is none: browsers open their WebSockets by HTTP/1.1 beside it.
 */
#ifndef WEBSOCKET_WEBSOCKET_H
#define WEBSOCKET_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

struct http_exchange;
struct websocket; /* a connection; from the heap */

#define WEBSOCKET_MESSAGE_MAX (64u << 10)
#define WEBSOCKET_PIECE_MAX   (16u << 10)
#define WEBSOCKET_UNSENT_MAX  (256u << 10)
#define WEBSOCKET_PING_NS     (30ull * 1000000000)
#define WEBSOCKET_PONG_NS     (20ull * 1000000000)
#define WEBSOCKET_CLOSE_NS    (5ull * 1000000000)
#define WEBSOCKET_RATE_MIN    1024u
#define WEBSOCKET_GRACE_NS    (10ull * 1000000000)
#define WEBSOCKET_REASON_MAX  123u /* bytes (RFC 6455 §5.5) */

/* RFC 6455 §7.4.1 and IANA's list. Applications have 3000 to 4999. */
enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001, /* the image is asked to end */
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_UNSUPPORTED = 1003,
	WEBSOCKET_NO_CODE = 1005,  /* never sent: the peer's Close had none */
	WEBSOCKET_ABNORMAL = 1006, /* never sent: the connection ended without a Close */
	WEBSOCKET_BAD_DATA = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_FAILED = 1011,
	WEBSOCKET_TRY_LATER = 1013,
};

enum websocket_kind { WEBSOCKET_TEXT = 1, WEBSOCKET_BINARY = 2 };

/* When a message would leave more than unsent_max bytes that the client has not taken. One that finds nothing in front of it is
 * always taken, whatever its size is. */
enum websocket_slow {
	WEBSOCKET_SLOW_END,  /* the client is ended by a reset; ERR_TOO_BIG */
	WEBSOCKET_SLOW_SKIP, /* the message is not sent; ERR_AGAIN, and the next one may be */
	WEBSOCKET_SLOW_WAIT, /* a task waits until there is room, or the end; in a callback as SKIP */
};

struct websocket_deflate;
struct websocket_options { /* zero means the default above; what it points to is not copied */
	/* Subprotocols that are spoken here, the best first, up to a null: the first that the client asks for, too, is chosen.
	 * Null: none. A client that asks for none of them is accepted, without one: websocket_protocol. */
	const char *const *protocols;
	/* Whose pages may come: "https://example.org", each as browsers write it, up to a null; "*" is anybody's. Null: this
	 * host's own (http_same_origin). Others get 403. Programs, which say nothing, may come. */
	const char *const *origins;
	uint32_t message_max; /* bytes of a message; more: 1009 */
	bool pieces;          /* messages are read as they come; then message_max is no bound */
	uint32_t piece_max;   /* bytes of a piece, with `pieces` */
	uint32_t unsent_max;  /* bytes that the client has not taken */
	enum websocket_slow slow;
	uint64_t
	        ping_ns; /* without a byte of the client's; then it is sent a ping. CLOCK_NEVER: none */
	uint64_t pong_ns;  /* from that ping without a byte: it is ended by a reset */
	uint64_t close_ns; /* for the client's Close behind ours */
	uint64_t idle_ns;  /* without a message of the client's: 1001. 0 or CLOCK_NEVER: no end */
	/* Bytes a second that a message (not with `pieces`) has to come at, WEBSOCKET_GRACE_NS after its first one; else 1008. */
	uint32_t rate_min;
	/* Compression (permessage-deflate, RFC 7692): &websocket_deflate, where the client offers it. Null: none, and the image has
	 * nothing of zlib. Not with `pieces`. */
	const struct websocket_deflate *deflate;
	/* Both sides keep what they have said for compressing the next message. It helps small messages, and costs each connection
	 * up to 41 KiB for reading and WEBSOCKET_DEFLATE_MEMORY for sending, from its first message on. Else one of each serves all
	 * connections. */
	bool deflate_context;
};
extern const struct websocket_deflate websocket_deflate; /* Debian's zlib */
#define WEBSOCKET_DEFLATE_MEMORY                                                                   \
	(40u                                                                                       \
	 << 10) /* bytes, about: a window of 4 KiB (client_max_window_bits=12 makes 12 KiB of the 41) */

struct websocket_message {
	enum websocket_kind kind;
	const uint8_t *bytes; /* of text: UTF-8, checked; without a NUL behind it */
	uint32_t size;
	/* Without `pieces` both are true. Pieces of text may be cut amid a character. */
	bool first, last;
};

/* ---- Accepting ---- */

/*
 * Answers 101, and spawns a task for the connection. When `fn` returns, the connection is closed (1000, unless it has been before)
 * and its handle is no more. Only in a handler on the loop (http_route), which has nothing of its exchange any more behind it;
 * fields that it has set (http_set) go with the answer. Errors, after which the client has been answered: ERR_MALFORMED (400; 426:
 * another version, or it asks for no WebSocket), ERR_REFUSED (403: a foreign page), ERR_MEMORY (503: also when no stack is left, or
 * when the server stops), ERR_CLOSED. ERR_INVALID: not on the loop; nothing was answered.
 */
typedef void websocket_fn(struct websocket *, void *context);
int websocket_accept(struct http_exchange *, const struct websocket_options *, websocket_fn *,
                     void *context);

/* The same without a task: callbacks on the loop, which must not block. */
struct websocket_handlers {
	/* A message, or a piece of one, which is gone when it returns. Not after this side's websocket_close. */
	void (*message)(struct websocket *, void *context, const struct websocket_message *);
	/* The last call, once, but from within no function here: the handle is no more. The code is the client's, or why it was
	 * ended; may be null. */
	void (*ended)(struct websocket *, void *context, uint32_t code);
};
int websocket_accept_watch(struct http_exchange *, struct websocket **,
                           const struct websocket_options *, const struct websocket_handlers *,
                           void *context);

/* The subprotocol that was chosen, as in the options; null: none. */
const char *websocket_protocol(const struct websocket *);
bool websocket_is_deflated(const struct websocket *); /* permessage-deflate was agreed on */

/* ---- Reading: in the connection's own task ---- */

/* The next message, or the next piece of one; good until the next call. OK, ERR_TIMEOUT, ERR_CLOSED: there is none any more
 * (websocket_code says why). */
int websocket_read(struct websocket *, struct websocket_message *, uint64_t deadline_ns);
/* The code of the client's Close, or that it was sent away with; WEBSOCKET_NO_CODE, WEBSOCKET_ABNORMAL. 0: it is open. */
uint32_t websocket_code(const struct websocket *);

/* ---- Sending: in any task or callback, as long as the handle is good ---- */

/* A whole message; copied. Text has to be UTF-8, which is the caller's to see to: clients end a connection for what is not.
 * ERR_CLOSED: the client has gone, or one of both has said Close. ERR_TOO_BIG, ERR_AGAIN: `slow`. ERR_MEMORY: it goes, too. */
int websocket_send(struct websocket *, enum websocket_kind, const void *bytes, uint32_t size);
int websocket_send_text(struct websocket *, const char *text);
/* A message as it is made: frames, the last one with `last`. Meanwhile all other messages get ERR_AGAIN. Never
 * compressed. Errors as above; where the first frame was not skipped, the others are not: they wait, or the client is ended. */
int websocket_send_piece(struct websocket *, enum websocket_kind, const void *bytes, uint32_t size,
                         bool last);
/* Up to 125 bytes (else ERR_INVALID). What answers it is not told. */
int websocket_ping(struct websocket *, const void *bytes, uint32_t size);
/* Bytes of messages that the client has not taken. */
uint64_t websocket_unsent(struct websocket *);
/* Says Close, with a code that may be sent and up to WEBSOCKET_REASON_MAX bytes of UTF-8 (null: none); else ERR_INVALID. Nothing is
 * read or sent from then on. The client answers it within close_ns. ERR_CLOSED: it was said before, or the client has gone. */
int websocket_close(struct websocket *, uint32_t code, const char *reason);

/* ---- Figures: of all connections ---- */
struct websocket_counters {
	uint64_t connections, now; /* ever; as of now */
	uint64_t refused;          /* not accepted */
	uint64_t messages_in, messages_out;
	uint64_t failed; /* broke a rule: 1002, 1007 */
	uint64_t too_big, slow, silent,
	        late;     /* 1009; unsent_max; no answer to a ping; rate_min, idle_ns */
	uint64_t skipped; /* messages */
};
void websocket_counters(struct websocket_counters *);

#endif

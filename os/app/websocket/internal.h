/* SPDX-License-Identifier: ISC */
/*
 * What this library's files know of each other.
 *
 *   handshake.c   what a request has to say, and the answer; extension.c offers of permessage-deflate
 *   connection.c  a connection: bytes of frames in, its times, its end
 *   message.c     the message that comes: its bytes, whether they are UTF-8, and whom they go to
 *   send.c        frames out
 *   task.c        a connection that has a task
 *   frame.c       heads of frames, masks; utf8.c; sha1.c for the handshake
 *   deflate.c     zlib: only in images that name websocket_deflate
 *
 * A connection is HTTP's until http_take; from then on its struct tcp_served has our callbacks. All of it is driven by the loop. A task
 * only waits for what the loop has put together.
 */
#ifndef WEBSOCKET_INTERNAL_H
#define WEBSOCKET_INTERNAL_H

#include <core/task.h>
#include <core/timer.h>

#include <app/http/http_internal.h>
#include <app/websocket/websocket.h>

/* ---- sha1.c ---- */
#define WEBSOCKET_SHA1_SIZE 20u
/* FIPS 180-4. Up to 119 bytes: what the handshake needs. */
void websocket_sha1(uint8_t to[WEBSOCKET_SHA1_SIZE], const void *bytes, uint32_t size);

/* ---- utf8.c ---- */
struct websocket_utf8 {      /* zero at first */
	uint8_t more;        /* bytes that the character still has */
	uint8_t least, most; /* of the next one */
};
/* Goes on (RFC 3629 §4). False: these bytes begin no text, whatever follows. The text is whole if `more` is 0. */
bool websocket_utf8_next(struct websocket_utf8 *, const uint8_t *bytes, uint32_t size);

/* ---- frame.c ---- */
enum websocket_opcode {
	OPCODE_MORE = 0,
	OPCODE_TEXT = 1,
	OPCODE_BINARY = 2,
	OPCODE_CLOSE = 8,
	OPCODE_PING = 9,
	OPCODE_PONG = 10,
};
#define WEBSOCKET_CONTROL_MAX 125u
#define WEBSOCKET_HEAD_MAX    14u
struct websocket_frame {
	bool fin, rsv1;
	uint8_t opcode;
	uint8_t mask[4];
	uint64_t size;
};
/* A client's head: its size; 0: more is needed; ERR_MALFORMED: reserved bits but RSV1, opcodes, no mask, a control frame that is
 * long or a fragment, a length that is not the shortest or has its top bit. */
int32_t websocket_frame_parse(struct websocket_frame *, const uint8_t *bytes, uint32_t size);
/* Ours, without a mask: its size, up to 10. `first` is the first byte. */
uint32_t websocket_frame_print(uint8_t to[WEBSOCKET_HEAD_MAX], uint8_t first, uint64_t size);
/* Copies bytes that lie `at` bytes behind the frame's head. */
void websocket_unmask(uint8_t *to, const uint8_t *from, uint32_t size, const uint8_t mask[4],
                      uint64_t at);
bool websocket_code_is_sent(uint32_t code); /* by a Close (RFC 6455 §7.4) */

/* ---- extension.c ---- */
struct websocket_agreed {                         /* RFC 7692 §7.1 */
	bool deflate, server_fresh, client_fresh; /* fresh: no context takeover */
	uint8_t server_bits, client_bits;         /* windows; 0: not spoken of, 15 */
};
#define WEBSOCKET_AGREED_MAX 160u
/* Looks at one element of Sec-WebSocket-Extensions. False: it is none that we take. */
bool websocket_offer(struct websocket_agreed *, struct http_text offer, bool context, uint8_t bits);
/* The answer's value; its size. */
uint32_t websocket_agreed_print(char to[WEBSOCKET_AGREED_MAX], const struct websocket_agreed *);

/* ---- deflate.c ---- */
struct websocket_deflate {
	uint8_t bits; /* our window's */
	/* A message: *to from the heap, or OK and null if it is better sent as it is. ERR_MEMORY: its context is broken. */
	int (*deflate)(struct websocket *, const void *bytes, uint32_t size, uint8_t **to,
	               uint32_t *to_size);
	/* ERR_MEMORY, ERR_TOO_BIG (than `most`), ERR_MALFORMED. */
	int (*inflate)(struct websocket *, const uint8_t *bytes, uint32_t size, uint32_t most,
	               uint8_t **to, uint32_t *to_size);
	void (*ended)(struct websocket *);
};
void websocket_deflate_forget(void); /* what all connections share: for tests */

/* ---- Connections ---- */
struct websocket_buffer {
	uint8_t *bytes; /* owned */
	uint32_t size, room;
};
struct websocket {
	struct tcp_served *served; /* null: it has ended */
	struct websocket_options options;
	const struct websocket_handlers *handlers; /* null: it has a task */
	websocket_fn *fn;
	void *context;
	const char *protocol;
	struct websocket_agreed agreed;
	void *deflater, *inflater; /* with contexts; null: not used yet */
	uint32_t contexts;         /* bytes of these */

	/* The frame that comes. */
	uint8_t head[WEBSOCKET_HEAD_MAX];
	uint8_t head_size; /* bytes there */
	bool in_frame;     /* the head is whole */
	struct websocket_frame frame;
	uint64_t at; /* bytes of its payload that came */
	uint8_t control[WEBSOCKET_CONTROL_MAX];

	/* The message that comes. */
	bool in_message, deflated, given; /* given: a piece of it */
	uint8_t kind;
	struct websocket_utf8 utf8;
	struct websocket_buffer in;
	/* What its task has not taken; it is `shown` then until the next read. */
	struct websocket_message ready;
	bool is_ready;
	struct websocket_buffer waiting, shown;

	/* Time. */
	struct timer timer;
	uint64_t heard_at, message_at, pinged_at; /* pinged_at: 0: no ping is open */
	uint64_t close_by;                        /* 0: we have not said Close */

	uint64_t end_by; /* what ends it waits for its task until then; 0: it does not */

	uint32_t code;       /* why it ends; 0: it does not */
	uint32_t broken;     /* the rule that it breaks; 0: none */
	bool is_read;        /* its task has a message, and has not come back */
	bool hurried;        /* what ends it waits no more */
	bool close_said;     /* by us */
	bool sending_pieces; /* a message of ours has begun */
	bool paused;         /* its reader has to take what is there */
	bool short_of_memory;
	bool left;     /* its task has gone, or its handlers have been told */
	uint32_t uses; /* tasks that wait in one of our functions */
	struct task_queue readers, senders;
};

/* ---- connection.c ---- */
extern const struct tcp_served_protocol websocket_served;
extern struct websocket_counters websocket_all;
void websocket_begin(struct websocket *, struct tcp_served *); /* it is ours from now on */
/* It breaks a rule, or we do not go on: Close with that code, and FIN. */
void websocket_fail(struct websocket *, uint32_t code);
void websocket_drop(struct websocket *, uint32_t code); /* with a reset, in the loop's next turn */
/* Frees it if nobody has it any more. */
void websocket_release(struct websocket *);
void websocket_arm(struct websocket *);
void websocket_resume(struct websocket *); /* what comes is wanted again */

/* ---- message.c ---- */
/* A data frame's head. 0, or the code that it is refused with. */
uint32_t websocket_message_frame(struct websocket *);
/* Its payload: how many bytes were taken; *code as above. */
uint32_t websocket_message_take(struct websocket *, const uint8_t *bytes, uint32_t size,
                                uint32_t *code);
/* The frame is whole. */
uint32_t websocket_message_frame_end(struct websocket *);
/* Pieces that are there go to their reader. */
void websocket_message_show(struct websocket *);
/* The connection's account says what we hold. */
void websocket_account(struct websocket *);
/* There is no place for what comes. */
bool websocket_message_waits(const struct websocket *);

/* ---- send.c ---- */
int websocket_put(struct websocket *, uint8_t first, const void *bytes, uint32_t size);
int websocket_put_close(struct websocket *, uint32_t code, const char *reason, uint32_t size);

/* ---- task.c ---- */
void websocket_run(void *);

#endif

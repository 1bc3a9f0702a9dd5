/* SPDX-License-Identifier: ISC */
/*
 * A TCP of the tests' own behind net/tcp.h, with time, timers, tasks and memory to it. Bytes for a
 * connection are queued in pieces; fake_run() delivers them one by one, with a turn of the loop
 * behind each. What is shown to a handler is a copy that is freed afterwards, so that the sanitizer
 * sees who keeps it. A task runs to its end in the turn after it was spawned: where it would block
 * for bytes, it gets the next piece; where there is none, its deadline comes.
 */
#ifndef TEST_HTTP_FAKE_H
#define TEST_HTTP_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <core/stop.h>
#include <net/tcp.h>

#define FAKE_WALL 784111777ll /* Sun, 06 Nov 1994 08:49:37 GMT: when simulated time is 0 */
#define SECOND    1000000000ull

struct fake_piece {
	struct fake_piece *next;
	uint32_t size;
	bool fin, reset;
	uint8_t bytes[];
};

struct tcp_connection {
	struct tcp_connection *next;
	const struct tcp_handlers *handlers;
	void *context;
	struct fake_piece *pieces, **last;
	uint8_t *in; /* what was not taken */
	uint32_t in_size;
	char *out;                             /* all that was written, NUL behind it */
	uint64_t out_size, out_room, out_most; /* out_most: as much as has place */
	uint64_t acknowledged;
	uint32_t writes, statics;
	uint64_t pace;          /* ns from one piece to the next, for a task that waits */
	bool stalled;           /* the peer acknowledges nothing */
	uint64_t rate, rate_at; /* or so many bytes a second; 0: all in the next turn */
	bool wrote_short;
	uint32_t remote; /* 0: 192.0.2.7 */
	bool fin_in, fin_told, resume;
	bool shut, closed, aborted, gone;
};

struct fake {
	uint64_t now;
	uint64_t heap; /* what heap_figures() says; 64 MiB */
	bool listening;
	bool memory_fails, tasks_fail;
	long allocated;       /* blocks */
	uint64_t allocations; /* ever */
	char *console;
	uint64_t console_size;
	uint32_t console_writes;
	uint32_t connects;
	int connect_error;
	struct stop_handler *on_stop; /* the last one registered */
	uint32_t holds;               /* of the image's end */
	bool asked;                   /* it has been asked for */
	void (*peers)(void); /* answer what has been written, while a task waits; or null */
	/* The client's next connection is given this. */
	struct tcp_connection *next_server[8];
	uint32_t servers;
};
extern struct fake fake;

void fake_start(void);
void fake_stop(void);                     /* frees all; aborts if a block of the library is left */
struct tcp_connection *fake_new(void);    /* a connection that nobody has yet */
struct tcp_connection *fake_accept(void); /* comes in; null: not wanted */
struct tcp_connection *fake_accept_from(uint32_t remote);
void fake_forget(
        struct tcp_connection *); /* one that has ended; its memory goes before fake_stop() */
void fake_queue(struct tcp_connection *, const void *bytes, uint64_t size);
void fake_queue_fin(struct tcp_connection *);
void fake_queue_reset(struct tcp_connection *);
void fake_turn(void);
void fake_run(struct tcp_connection *); /* until all pieces were delivered and nothing moves */
void fake_advance(uint64_t ns);         /* timers fire at their times */
bool fake_open(const struct tcp_connection *); /* neither side has ended it */

#endif

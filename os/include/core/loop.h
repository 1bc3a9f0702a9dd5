/* SPDX-License-Identifier: ISC */
/*
 * The event loop. One turn polls every source, then runs due timers and ready tasks. With nothing left to do, the loop
 * polls on for a while if a source says that polling pays (adaptively: as long as recent waits were short). Then
 * it waits at the gate for a source or the next timer. main() and all tasks run on it. Applications never call
 * it.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/list.h>

/* A source of work from outside: a network device, a block device. Its owner embeds it. */
struct loop_source {
	struct list all;
	/* Takes in a bounded batch of work and hands out finished work. True if there was any. */
	bool (*poll)(struct loop_source *);
	/* The events that end a wait, AMP_WAIT_* bits. Null: AMP_WAIT_RECEIVE. */
	uint64_t (*events)(struct loop_source *);
	/* Called when the loop has been busy for LOOP_FLUSH_NS since the last wait or flush, so that the tender
	 * sees the work that was handed out; a wait has the same effect. May be null. */
	void (*flush)(struct loop_source *);
	bool concurrent; /* AMP_NET_CONCURRENT: polling pays */
	uint64_t
	        soon_ns; /* work is expected within this time: the loop polls that long, whatever it has learnt; 0: not known */
};
#define LOOP_FLUSH_NS 50000ull
#define LOOP_SIGN_NS                                                                               \
	500000000ull /* at most so long without a wait: whoever watches the image sees that it turns */
#define LOOP_POLL_MAX_NS 50000ull /* at most, before it waits */

void loop_add(struct loop_source *);
void loop_remove(struct loop_source *);

struct loop_figures {
	uint64_t turns, waits;         /* counts */
	uint64_t waited_ns, polled_ns; /* time asleep at the gate; time polled in vain */
};
struct loop_figures loop_figures(void);

/* For the end of an image: polls each source once, and lets the tender work on all that was handed out. */
void loop_settle(void);

/* For task.c: runs turns for ever, and idles where nothing is left to do. */
_Noreturn void loop_run(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The event loop: one turn polls every source, runs due timers and ready tasks. With nothing left to do it
 * polls on for a while if a source says that polling pays (adaptively: as long as recent waits were short),
 * then waits at the gate for a source or the next timer. main() and all tasks run on it; it is never called
 * by applications.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/list.h>

/* Something that brings work from outside: a network device, a block device. Embedded by its owner. */
struct loop_source {
	struct list all;
	/* Takes a bounded batch of work in and hands finished work out. True: there was some. */
	bool (*poll)(struct loop_source *);
	/* What must end a wait: AMP_WAIT_* bits. Null: AMP_WAIT_RECEIVE. */
	uint64_t (*events)(struct loop_source *);
	/* Called when the loop has been busy for LOOP_FLUSH_NS since the last wait or flush, so that the tender
	 * sees handed-out work; a wait does it anyway. May be null. */
	void (*flush)(struct loop_source *);
	bool concurrent; /* AMP_NET_CONCURRENT: polling pays */
	uint64_t
	        soon_ns; /* work is expected within this time: it is polled for so long, whatever was learnt; 0: not known */
};
#define LOOP_FLUSH_NS    50000ull
#define LOOP_POLL_MAX_NS 50000ull /* the most that it polls before it waits */

void loop_add(struct loop_source *);
void loop_remove(struct loop_source *);

struct loop_figures {
	uint64_t turns, waits;         /* counts */
	uint64_t waited_ns, polled_ns; /* time asleep at the gate; time spun in vain */
};
struct loop_figures loop_figures(void);

/* For task.c: endless; it idles where nothing is left to do. */
_Noreturn void loop_run(void);

#endif

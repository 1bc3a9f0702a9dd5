/* SPDX-License-Identifier: ISC */
/*
 * Cooperative tasks, each on an own stack with an unmapped page below it. A task runs until it blocks, yields
 * or ends. All functions are called from tasks, except task_wake and task_spawn, which callbacks may call too.
 * Stacks are laid out at build time (manifest: tasks, stack); the one that runs main() is the first.
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include <core/list.h>

struct task;
typedef void task_fn(void *arg);

/* Starts a task; it first runs in the loop's next turn. Null: all stacks are in use. `name` (not copied)
 * appears in crash reports and logs. */
struct task *task_spawn(const char *name, task_fn *, void *arg);

void task_yield(void);
void task_sleep(
        uint64_t
                ns); /* a span from now; deadlines, here and elsewhere, are points in time (clock.h) */
struct task *task_self(void);               /* null in a callback */
const char *task_name(const struct task *); /* of null: "loop" */
/* Bytes of its stack that were never written, by looking at all of them: for finding a size, not for each day. */
uint32_t task_stack_unused(const struct task *);

/* Waiting for an event. A queue is owned by who embeds it; list of waiting tasks, first come first served. */
struct task_queue {
	struct list waiting;
};
#define TASK_QUEUE_INIT(name_) { LIST_INIT((name_).waiting) }
void task_queue_init(struct task_queue *);

/* Blocks until woken through the queue (0) or until the deadline (ERR_TIMEOUT). Woken does not mean that
 * the thing waited for is still there: test in a loop. */
int task_wait(struct task_queue *, uint64_t deadline_ns);
bool task_wake_one(struct task_queue *); /* false: nobody waits */
void task_wake_all(struct task_queue *);

#endif

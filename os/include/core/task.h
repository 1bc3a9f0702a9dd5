/* SPDX-License-Identifier: ISC */
/*
 * Cooperative tasks. Each has a stack of its own, with an unmapped page below it, and runs until it blocks, yields
 * or ends. Tasks call these functions. Callbacks may call task_spawn, task_wake_one, task_wake_all and task_self.
 * Stacks are laid out at build time (manifest: tasks, stack). The first task runs main().
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include <core/list.h>

struct task;
typedef void task_fn(void *arg);

/* Starts a task, which first runs in the loop's next turn. Null: all stacks are in use. `name` (not copied)
 * appears in crash reports and logs. */
struct task *task_spawn(const char *name, task_fn *, void *arg);

void task_yield(void);
/* Returns at the deadline; CLOCK_NEVER: not at all. Like all deadlines it is a point in time of clock_now() (clock.h): a span
 * from now is clock_now() + NS. One that has passed lets the others run once. */
void task_sleep_until(uint64_t deadline_ns);
struct task *task_self(void);               /* null in a callback */
const char *task_name(const struct task *); /* of null: "loop" */
/* Bytes of its stack that were never written. It looks at the whole stack: use it to choose a size, not in production. */
uint32_t task_stack_unused(const struct task *);

struct task_figures {
	uint64_t live;   /* tasks that have begun and not ended, main's included */
	uint64_t stacks; /* the most that there can be */
};
struct task_figures task_figures(void);

/* A queue of tasks that wait for an event, first come, first served. The structure that embeds it owns it. */
struct task_queue {
	struct list waiting;
};
#define TASK_QUEUE_INIT(name_) { LIST_INIT((name_).waiting) }
void task_queue_init(struct task_queue *);

/* Blocks until woken through the queue (0) or until the deadline (ERR_TIMEOUT). A wake-up does not mean that the
 * condition still holds: test it in a loop. */
int task_wait(struct task_queue *, uint64_t deadline_ns);
bool task_wake_one(struct task_queue *); /* false: no task waits */
void task_wake_all(struct task_queue *);

#endif

/* SPDX-License-Identifier: ISC */
/* The end of life: handlers, each called once, and holds, without which the image ends. */
#include <stdint.h>
#include <stdlib.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/panic.h>
#include <core/stop.h>
#include <core/stop_turn.h>
#include <core/task.h>

static struct list handlers = LIST_INIT(handlers); /* the newest first */
static struct list lasts = LIST_INIT(lasts);       /* the newest first */
static struct task_queue waiters = TASK_QUEUE_INIT(waiters);
static uint32_t holds;
static bool asked; /* the loop has seen it */

/* list_append puts it before its argument: before the first one. */
COLD void stop_on(struct stop_handler *h)
{
	list_append(handlers.next, &h->all);
}

COLD void stop_cancel(struct stop_handler *h)
{
	list_remove(&h->all);
}

bool stop_asked(void)
{
	return asked;
}

COLD uint64_t stop_deadline(void)
{
	return asked ? boot_info->stop_at_ns : CLOCK_NEVER;
}

COLD bool stop_is_awaited(void)
{
	return !list_empty(&handlers) || !list_empty(&waiters.waiting);
}

COLD void stop_hold(void)
{
	holds++;
}

COLD void stop_release(void)
{
	ensure(holds > 0);
	holds--;
}

COLD void stop_wait(void)
{
	stop_hold();
	while (!asked)
		task_wait(&waiters, CLOCK_NEVER);
}

COLD void stop_at_end(struct stop_last *l)
{
	list_append(lasts.next, &l->all);
}

COLD void stop_end(void)
{
	struct list *next;
	while ((next = list_pop(&lasts)) != NULL)
		container_of(next, struct stop_last, all)->last();
}

COLD bool stop_turn(void)
{
	bool worked = !asked;
	if (!asked) {
		asked = true;
		task_wake_all(&waiters);
	}
	struct list *next;
	while ((next = list_pop(&handlers)) != NULL) {
		struct stop_handler *h = container_of(next, struct stop_handler, all);
		list_init(&h->all); /* may be cancelled after it was called, too */
		h->stop(h, boot_info->stop_at_ns);
		worked = true;
	}
	if (!holds)
		exit(0);
	return worked;
}

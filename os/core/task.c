/* SPDX-License-Identifier: ISC */
/*
 * Tasks. A task that blocks hands over to the next of the turn's batch directly. The batch's last one
 * hands over to the event loop, which runs on the layout's last stack. Tasks that become ready
 * meanwhile form the next turn's batch, so that tasks that wake each other do not starve timers and
 * devices.
 */
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <core/canary.h>
#include <core/check.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/config.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/loop.h>
#include <core/panic.h>
#include <core/start.h>
#include <core/switch.h>
#include <core/task.h>
#include <core/task_turn.h>
#include <core/timer.h>

struct task {
	struct list link; /* in `ready`, `batch`, `idle` or a queue's list */
	void *sp;         /* its stack pointer while it does not run */
	uint64_t canary;  /* its stack's */
	const char *name;
	task_fn *fn;
	void *arg;
	struct timer timer; /* task_wait's deadline */
	int result;         /* what task_wait will return */
};

static struct task *tasks;   /* [stack_layout.count - 1]; task i lives on stack i */
static uint32_t spawned;     /* tasks[spawned] and later have never run */
static struct task *current; /* null while the loop runs */
static void *loop_sp;        /* the loop's, while a task runs */
static uint64_t loop_canary;
static struct list ready = LIST_INIT(ready);
static struct list batch = LIST_INIT(batch);
static struct list idle = LIST_INIT(idle); /* ended tasks, the latest first: its stack is warm */

/* The lowest byte of stack i, above its guard. */
static inline uint64_t stack_low(uint64_t i)
{
	uint64_t stride = (uint64_t)stack_layout.size + stack_layout.guard;
	return stack_layout.base + i * stride + stack_layout.guard;
}

/* All stacks are laid out alike, so equal depths would compete for the same cache sets: spread
 * their tops. */
static void *stack_top(uint32_t i)
{
	uint64_t colour = stack_layout.size >= 16384 ? (i % 16) * 64 : 0;
	return (void *)(stack_low(i) + stack_layout.size - colour);
}

/* Runs the batch's next task, or the loop; returns when the caller is run again. */
static void give_way(void)
{
	struct task *self = current;
	struct list *next = list_pop(&batch);
	if (next) {
		current = container_of(next, struct task, link);
		switch_stack(&self->sp, current->sp, current->canary);
	} else {
		current = NULL;
		switch_stack(&self->sp, loop_sp, loop_canary);
	}
}

static _Noreturn void task_begin(void)
{
	struct task *self = current;
	self->fn(self->arg);
	ensure(self == current && !timer_is_set(&self->timer));
	/* No task is spawned on this stack before the switch, which is the last thing that
	 * happens on it. */
	self->link.next = idle.next;
	self->link.prev = &idle;
	idle.next->prev = &self->link;
	idle.next = &self->link;
	give_way();
	__builtin_trap();
}

struct task *task_spawn(const char *name, task_fn *fn, void *arg)
{
	struct list *m = list_pop(&idle);
	struct task *t;
	if (m)
		t = container_of(m, struct task, link);
	else if (spawned < stack_layout.count - 1)
		t = &tasks[spawned++];
	else
		return NULL;
	ensure(fn != NULL);
	t->name = name;
	t->fn = fn;
	t->arg = arg;
	t->canary = canary_draw();
	t->sp = switch_prepare(stack_top((uint32_t)(t - tasks)), task_begin);
	list_append(&ready, &t->link);
	return t;
}

struct task_figures task_figures(void)
{
	uint32_t ended = 0;
	list_each (at, &idle)
		ended++;
	return (struct task_figures){ .live = spawned - ended, .stacks = stack_layout.count - 1 };
}

bool task_turn(void)
{
	if (list_empty(&ready))
		return false;
	ensure(current == NULL && list_empty(&batch));
	batch.next = ready.next;
	batch.prev = ready.prev;
	batch.next->prev = batch.prev->next = &batch;
	list_init(&ready);

	current = container_of(list_pop(&batch), struct task, link);
	switch_stack(&loop_sp, current->sp, current->canary);
	return true;
}

bool task_is_ready(void)
{
	return !list_empty(&ready);
}

void task_yield(void)
{
	ensure(current != NULL);
	list_append(&ready, &current->link);
	give_way();
}

static void task_timeout(struct timer *timer)
{
	struct task *t = container_of(timer, struct task, timer);
	t->result = ERR_TIMEOUT;
	list_move(&ready, &t->link);
}

int task_wait(struct task_queue *q, uint64_t deadline_ns)
{
	ensure(current != NULL);
	current->result = OK;
	list_append(&q->waiting, &current->link);
	if (deadline_ns != CLOCK_NEVER)
		timer_set(&current->timer, deadline_ns, task_timeout);
	give_way();
	return current->result;
}

void task_sleep_until(uint64_t deadline_ns)
{
	struct task_queue nobody;

	if (deadline_ns <= clock_now()) {
		task_yield();
		return;
	}
	task_queue_init(&nobody);
	task_wait(&nobody, deadline_ns);
}

bool task_wake_one(struct task_queue *q)
{
	struct list *m = list_pop(&q->waiting);
	if (!m)
		return false;
	struct task *t = container_of(m, struct task, link);
	timer_stop(&t->timer);
	list_append(&ready, &t->link);
	return true;
}

void task_wake_all(struct task_queue *q)
{
	while (task_wake_one(q))
		;
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

struct task *task_self(void)
{
	return current;
}

const char *task_name(const struct task *t)
{
	return t ? t->name : "loop";
}

COLD uint32_t task_stack_unused(const struct task *t)
{
	const uint64_t *low = (const uint64_t *)stack_low((uint64_t)(t - tasks));
	uint32_t unused = 0;
	while (unused < stack_layout.size && low[unused / 8] == 0)
		unused += 8;
	return unused;
}

COLD void task_start(void)
{
	ensure(stack_layout.count >= 2);
	uint64_t size = (uint64_t)(stack_layout.count - 1) * sizeof *tasks;
	tasks = extent_alloc((size + AMP_PAGE - 1) / AMP_PAGE);
	if (!tasks)
		panic("no memory for %u tasks", stack_layout.count - 1);
	tasks[0].name = "main";
	tasks[0].canary = canary_get();
	loop_canary = canary_draw();
	spawned = 1;
	current = &tasks[0];
	loop_sp = switch_prepare(stack_top(stack_layout.count - 1), loop_run);
}

/* Every task hangs in one ring, its stack pointer within its stack; between turns of the loop no batch is under way. */
COLD bool task_is_valid(void)
{
	if (!list_is_valid(&ready) || !list_is_valid(&batch) || !list_is_valid(&idle))
		return false;
	for (uint32_t i = 0; i < spawned; i++) {
		const struct task *t = &tasks[i];
		uint64_t stack = stack_low(i), sp = (uint64_t)t->sp;
		if (t == current)
			continue;
		if (t->link.next->prev != &t->link || t->link.prev->next != &t->link)
			return false;
		/* main's stack is the one that task_start was called on. */
		if (i > 0 && (sp < stack || sp >= stack + stack_layout.size))
			return false;
	}
	return spawned < stack_layout.count && (current || list_empty(&batch));
}

CHECK("core", "every task waits, is ready or has ended, on a stack of its own", tasks_hold)
{
	return task_is_valid();
}

/* SPDX-License-Identifier: ISC */
/* The registry: a list of sources, which begins with core's own. */
#include <core/metric.h>

#include <stddef.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/heap.h>
#include <core/loop.h>
#include <core/task.h>

struct appliance {
	uint64_t uptime, wall, generation;
};

static void read_appliance(const void *of, void *to)
{
	(void)of;
	*(struct appliance *)to =
	        (struct appliance){ clock_now(), (uint64_t)clock_wall(), clone_generation() };
}

static void read_memory(const void *of, void *to)
{
	(void)of;
	*(struct heap_figures *)to = heap_figures();
}

static void read_loop(const void *of, void *to)
{
	(void)of;
	*(struct loop_figures *)to = loop_figures();
}

static void read_tasks(const void *of, void *to)
{
	(void)of;
	*(struct task_figures *)to = task_figures();
}

static const struct metric appliance[] = {
	{ "uptime_seconds", "Time since the start; a clone goes on from its picture's.",
	  offsetof(struct appliance, uptime), METRIC_GAUGE, METRIC_NS },
	{ "wall_clock_seconds", "What the appliance takes the time to be, since 1970.",
	  offsetof(struct appliance, wall), METRIC_GAUGE, METRIC_NS },
	{ "generation", "0 in an appliance that was started; more in clones.",
	  offsetof(struct appliance, generation), METRIC_GAUGE, METRIC_ONE },
};
static const struct metric memory[] = {
	{ "heap_bytes", "Memory that the appliance was given.",
	  offsetof(struct heap_figures, total), METRIC_GAUGE, METRIC_ONE },
	{ "used_bytes", "Memory in use.", offsetof(struct heap_figures, used), METRIC_GAUGE,
	  METRIC_ONE },
	{ "peak_bytes", "The most that has been in use.", offsetof(struct heap_figures, peak),
	  METRIC_GAUGE, METRIC_ONE },
	{ "failures_total", "Allocations for which there was no memory.",
	  offsetof(struct heap_figures, failures), METRIC_COUNTER, METRIC_ONE },
};
static const struct metric loop[] = {
	{ "turns_total", "Turns of the event loop.", offsetof(struct loop_figures, turns),
	  METRIC_COUNTER, METRIC_ONE },
	{ "waits_total", "Waits for events or timers.", offsetof(struct loop_figures, waits),
	  METRIC_COUNTER, METRIC_ONE },
	{ "waited_seconds_total", "Time asleep.", offsetof(struct loop_figures, waited_ns),
	  METRIC_COUNTER, METRIC_NS },
	{ "polled_seconds_total", "Time polled in vain.", offsetof(struct loop_figures, polled_ns),
	  METRIC_COUNTER, METRIC_NS },
};
static const struct metric tasks[] = {
	{ "live", "Tasks that have begun and not ended.", offsetof(struct task_figures, live),
	  METRIC_GAUGE, METRIC_ONE },
	{ "stacks", "The most tasks that there can be.", offsetof(struct task_figures, stacks),
	  METRIC_GAUGE, METRIC_ONE },
};

static const struct metric_group groups[] = {
	METRIC_GROUP("appliance", NULL, appliance, read_appliance),
	METRIC_GROUP("memory", NULL, memory, read_memory),
	METRIC_GROUP("loop", NULL, loop, read_loop),
	METRIC_GROUP("tasks", NULL, tasks, read_tasks),
};
_Static_assert(sizeof(struct heap_figures) <= METRIC_FIGURES_MAX &&
                       sizeof(struct loop_figures) <= METRIC_FIGURES_MAX,
               "there is room for them");

static struct metric_source of_core[] = {
	{ .next = &of_core[1], .group = &groups[0] },
	{ .next = &of_core[2], .group = &groups[1] },
	{ .next = &of_core[3], .group = &groups[2] },
	{ .next = NULL, .group = &groups[3] },
};

/* Behind the last source of its group, or behind all. */
void metric_register(struct metric_source *s)
{
	struct metric_source *after = NULL, *last = of_core;
	uint32_t number = 0;
	for (struct metric_source *at = of_core; at; at = at->next) {
		last = at;
		if (at->group != s->group)
			continue;
		after = at;
		number = at->number > number ? at->number : number;
	}
	if (!s->is && !s->number)
		s->number = number + 1;
	after = after ? after : last;
	s->next = after->next;
	after->next = s;
}

void metric_drop(struct metric_source *s)
{
	for (struct metric_source *at = of_core; at->next; at = at->next) {
		if (at->next != s)
			continue;
		at->next = s->next;
		return;
	}
}

const struct metric_source *metric_next(const struct metric_source *s)
{
	return s ? s->next : of_core;
}

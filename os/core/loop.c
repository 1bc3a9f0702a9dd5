/* SPDX-License-Identifier: ISC */
/*
 * The event loop. A turn gives sources, timers and tasks one chance each, so none can starve
 * another. Whether to poll before waiting is learnt from how long the loop was idle lately: polling
 * pays while the next piece of work usually comes within LOOP_POLL_MAX_NS.
 *
 * Where timers shall be punctual, a wait is asked to end earlier by how late waits have lately
 * ended (the estimate rises by a quarter of what it was short of, and by a little at once, and
 * falls by 1/1024 a wait, so that about one in a hundred is later), and the rest of the time is
 * polled away.
 */
#include <core/check.h>
#include <core/clock.h>
#include <core/clone.h>
#include <core/cold.h>
#include <core/gate.h>
#include <core/log.h>
#include <core/loop.h>
#include <core/panic.h>
#include <core/stop.h>
#include <core/stop_turn.h>
#include <core/task_turn.h>
#include <core/timer.h>

#define IDLE_COUNTED_MAX                                                                           \
	(8 *                                                                                       \
	 LOOP_POLL_MAX_NS) /* one long idle time counts as this, so that it is soon forgotten  \
	                        */
/* Where nobody moves packets beside us, a kick costs two switches, and under KVM an exit: more than a batch of small requests takes. */
#define FLUSH_ALONE_NS 250000u
#define POLL_TRIAL     32 /* waits */
#define WAITS_MEASURED 4
#define AHEAD_MAX      250000u /* ns that a wait is ended earlier, at most */
#define LATE_STEP      16000u
#define CREDIT_MAX     (10 * NS_PER_MS)
_Static_assert(LATE_STEP < AHEAD_MAX && AHEAD_MAX < CREDIT_MAX,
               "what is learnt in a step is paid for");

static struct list sources = LIST_INIT(sources);
static struct loop_figures figures;
static uint64_t flushed_at; /* ns: when the tender last saw what we handed out */
static uint64_t came_at;    /* ns: when we last were at the gate */
static uint64_t idle_average = LOOP_POLL_MAX_NS / 2; /* ns: decaying average of idle times */
static uint64_t wait_cost; /* ns that a wait takes that waits for nothing; 0: not known */

static struct {
	uint32_t percent;
	uint64_t credit, credited_at; /* ns that may be polled away; when it last grew */
	uint64_t late;                /* ns */
} punctual;

static inline struct loop_source *source_of(struct list *l)
{
	return container_of(l, struct loop_source, all);
}

COLD void loop_add(struct loop_source *s)
{
	ensure(s->poll != NULL);
	list_append(&sources, &s->all);
}

COLD void loop_remove(struct loop_source *s)
{
	list_remove(&s->all);
}

static COLD void figures_begin(void)
{
	figures = (struct loop_figures){ 0 };
	wait_cost = 0; /* a clone may run under another tender */
}
ON_CLONE(100, figures_begin);

struct loop_figures loop_figures(void)
{
	return figures;
}

static __attribute__((noinline)) bool poll_sources(void)
{
	bool worked = false;
	for (struct list *at = sources.next, *next; at != &sources; at = next) {
		next = at->next; /* poll may remove its own source */
		worked |= source_of(at)->poll(source_of(at));
	}
	return worked;
}

/* A wait for nothing. A clone may return from it, as from each wait. */
static COLD void pass_the_gate(void)
{
	if (gate_wait(0, 0))
		clone_begin();
}

static __attribute__((noinline)) void flush_sources(uint64_t now)
{
	flushed_at = now;
	list_each (at, &sources) {
		if (source_of(at)->flush)
			source_of(at)->flush(source_of(at));
	}
	/* A loop that never has to wait shows now and then that it turns. */
	if (now - came_at >= LOOP_SIGN_NS) {
		came_at = now;
		pass_the_gate();
	}
}

/* Does somebody move packets beside us? */
static bool any_concurrent(void)
{
	bool concurrent = false;
	list_each (at, &sources)
		concurrent |= source_of(at)->concurrent;
	return concurrent;
}

/* True if anything was done. */
static bool loop_turn(void)
{
	figures.turns++;
	bool worked = poll_sources();
	uint64_t now = clock_now();
	if (timer_due(now)) {
		timer_run(now);
		worked = true; /* even if none fired: there may be more to do at once */
	}
	worked |= task_turn();
	if (stop_is_due())
		worked |= stop_turn();
	uint64_t busy_ns = now - flushed_at;
	if (busy_ns >= FLUSH_ALONE_NS || (busy_ns >= LOOP_FLUSH_NS && any_concurrent()))
		flush_sources(now);
	return worked;
}

COLD void loop_settle(void)
{
	poll_sources();
	flush_sources(clock_now());
	pass_the_gate(); /* a wait includes all kicks */
}

/* The least of a few, measured once. */
static COLD uint64_t cost_of_a_wait(void)
{
	for (unsigned k = wait_cost ? WAITS_MEASURED : 0; k < WAITS_MEASURED; k++) {
		uint64_t before = clock_now();
		pass_the_gate();
		uint64_t took = clock_now() - before + 1;
		if (!wait_cost || took < wait_cost)
			wait_cost = took;
	}
	return wait_cost;
}

/* How long to poll before waiting: 0, or ns. */
static COLD uint64_t polling_pays(void)
{
	uint64_t soon = 0;
	list_each (at, &sources)
		if (source_of(at)->soon_ns > soon)
			soon = source_of(at)->soon_ns;
	if (soon || !any_concurrent())
		return soon;
	/* A wait costs time itself, which hides how soon the work was there: now and then, polling
	 * is tried. */
	if (idle_average > LOOP_POLL_MAX_NS && figures.waits % POLL_TRIAL != 0)
		return 0;
	return LOOP_POLL_MAX_NS;
}

/* Polls until a source had work (true), or time is up, or a timer is due. */
static bool poll_for_a_while(uint64_t start, uint64_t ns)
{
	uint64_t end = start + ns, next_timer = timer_next();
	uint64_t now = start;
	flush_sources(now);
	while (now < end && now < next_timer) {
		if (poll_sources())
			return true;
		__builtin_ia32_pause();
		now = clock_now();
	}
	figures.polled_ns += now - start;
	return now >= next_timer;
}

void timer_punctual(uint32_t percent)
{
	punctual.percent = percent < 100 ? percent : 100;
	punctual.credited_at = clock_now();
}

/* When a wait for a timer has to end: earlier, if that can be paid. */
static COLD uint64_t wake_time(uint64_t now, uint64_t deadline)
{
	if (deadline == CLOCK_NEVER || deadline <= now || punctual.credit < punctual.late)
		return deadline;
	return deadline - now > punctual.late ? deadline - punctual.late : now;
}

/* How long to poll for a timer that a wait would miss: 0, or ns. */
static COLD uint64_t due_soon(uint64_t now)
{
	uint64_t deadline = timer_next();
	punctual.credit += (now - punctual.credited_at) * punctual.percent / 100;
	if (punctual.credit > CREDIT_MAX)
		punctual.credit = CREDIT_MAX;
	punctual.credited_at = now;
	if (deadline <= now || wake_time(now, deadline) > now)
		return 0;
	punctual.credit -= deadline - now;
	return deadline - now;
}

static COLD void learn_lateness(uint64_t now, uint64_t wanted)
{
	if (now < wanted)
		return; /* something else came first */
	uint64_t late = now - wanted;
	punctual.late -= punctual.late / 1024;
	if (late > punctual.late) {
		uint64_t step = (late - punctual.late) / 4;
		punctual.late += step < LATE_STEP ? step : LATE_STEP;
	}
	if (punctual.late > AHEAD_MAX)
		punctual.late = AHEAD_MAX;
}

static COLD void wait_at_gate(void)
{
	static bool warned;
	uint64_t events = stop_asked() ? 0 : AMP_WAIT_STOP, before = clock_now(),
	         deadline = timer_next();
	list_each (at, &sources) {
		struct loop_source *s = source_of(at);
		events |= s->events ? s->events(s) : AMP_WAIT_RECEIVE;
	}
	if (clone_is_ready())
		events |= AMP_WAIT_WARM;
	if (deadline == CLOCK_NEVER && list_empty(&sources) && !stop_is_awaited() && !warned) {
		warned = true;
		log_warning("loop", "all tasks wait, and nothing is left that could wake one");
	}
	if (punctual.percent)
		deadline = wake_time(before, deadline);
	if (__builtin_expect(gate_wait(deadline, events), 0))
		clone_begin();
	flushed_at = came_at = clock_now(); /* a wait includes all kicks */
	if (punctual.percent && deadline != CLOCK_NEVER)
		learn_lateness(flushed_at, deadline);
	figures.waits++;
	figures.waited_ns += flushed_at - before;
}

static void loop_idle(void)
{
	uint64_t start = clock_now(), ns = polling_pays(), timer = timer_next();
	if (timer < start + LOOP_POLL_MAX_NS && timer < start + cost_of_a_wait()) {
		ns = LOOP_POLL_MAX_NS;
	} else if (punctual.percent) {
		uint64_t soon = due_soon(start);
		ns = soon > ns ? soon : ns;
	}
	bool found = ns && poll_for_a_while(start, ns);
	if (!found && !task_is_ready()) /* a poll that found nothing may still have woken one */
		wait_at_gate();
	uint64_t idle = clock_now() - start;
	if (idle > IDLE_COUNTED_MAX)
		idle = IDLE_COUNTED_MAX;
	if (found && idle_average > LOOP_POLL_MAX_NS)
		idle_average = idle; /* a trial that found work: what the waits took says nothing */
	else
		idle_average += idle / 8 - idle_average / 8;
}

void loop_run(void)
{
	for (;;) {
		bool worked = loop_turn();
		check_all();
		if (!worked && !task_is_ready())
			loop_idle();
	}
}

CHECK("core", "the loop's sources hang together, and what it has learnt is within bounds",
      loop_holds)
{
	return list_is_valid(&sources) && idle_average <= IDLE_COUNTED_MAX &&
	       punctual.percent <= 100 && punctual.credit <= CREDIT_MAX &&
	       punctual.late <= AHEAD_MAX;
}

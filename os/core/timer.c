/* SPDX-License-Identifier: ISC */
/*
 * The timer wheel. Time in ticks is a number in base 64; a timer lies at the level of the highest
 * digit in which its tick differs from the wheel's, in the slot of that digit. So every occupied
 * slot of a level lies ahead of the wheel, within one turn, and the earliest one is the lowest bit
 * of the lowest level's bit map. When the wheel reaches a slot above level 0, the slot's timers
 * fall to lower levels; each falls LEVELS - 1 times at most. Timers whose tick has passed already
 * wait in `due` for the next run.
 *
 * A slot can hold millions. So a run fires, and lets fall, no more than TIMER_RUN_MAX each, and the
 * rest in the runs after it: other sources get their turn, and while many fall, the lower levels go
 * on being fired.
 */
#include <core/check.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/timer.h>

#define TICK_BITS 12u
#define SLOT_BITS 6u
#define SLOTS     (1u << SLOT_BITS)
#define SEEN_MAX  8u
#define LEVELS    9u /* 9 * 6 bits hold every tick: 64 - 12 = 52 */
_Static_assert(TIMER_TICK_NS == 1ull << TICK_BITS, "timer.h and the wheel agree");

static struct timer *slots[LEVELS * SLOTS];
static uint64_t occupied[LEVELS];     /* bit s: slot s of the level is not empty */
static uint64_t wheel_now;            /* ticks up to and including it have been run */
static struct timer *due;             /* to fire in the next run */
static struct timer *firing;          /* being fired; callbacks may take timers out of it */
static struct timer *falling[LEVELS]; /* of the level's slot that the wheel reached last */
static bool unfinished;               /* the last run left something to do at once */

static inline void link_in(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->link = head;
	if (t->next)
		t->next->link = &t->next;
	*head = t;
}

static inline void unlink(struct timer *t)
{
	struct timer **link = t->link;
	*link = t->next;
	if (t->next) {
		t->next->link = link;
	} else {
		/* The last of its slot? Then link is the slot. */
		size_t slot = ((uintptr_t)link - (uintptr_t)slots) / sizeof slots[0];
		if (slot < LEVELS * SLOTS)
			occupied[slot / SLOTS] &= ~(1ull << slot % SLOTS);
	}
	t->link = NULL;
}

/* Rounded up: never early. */
static inline uint64_t tick_of(uint64_t deadline)
{
	return (deadline >> TICK_BITS) + ((deadline & (TIMER_TICK_NS - 1)) != 0);
}

/* Puts it into the wheel; its tick must be wheel_now (while that is being run) or later. */
static inline void place(struct timer *t, uint64_t tick)
{
	uint64_t differ = tick ^ wheel_now;
	unsigned level = differ == 0 ? 0 : (63 - (unsigned)__builtin_clzll(differ)) / SLOT_BITS;
	unsigned slot = (unsigned)(tick >> (level * SLOT_BITS)) & (SLOTS - 1);
	link_in(&slots[level * SLOTS + slot], t);
	occupied[level] |= 1ull << slot;
}

void timer_set(struct timer *t, uint64_t deadline_ns, timer_fn *fn)
{
	if (t->link)
		unlink(t);
	t->deadline = deadline_ns;
	t->fn = fn;
	uint64_t tick = tick_of(deadline_ns);
	if (tick <= wheel_now || deadline_ns <= clock_coarse())
		link_in(&due, t);
	else
		place(t, tick);
}

void timer_set_in(struct timer *t, uint64_t from_now_ns, timer_fn *fn)
{
	uint64_t deadline;
	if (__builtin_add_overflow(clock_now(), from_now_ns, &deadline))
		deadline = CLOCK_NEVER;
	timer_set(t, deadline, fn);
}

void timer_stop(struct timer *t)
{
	if (t->link)
		unlink(t);
}

/* The first occupied slot of the lowest occupied level and the tick at which it starts. */
static bool first_slot(unsigned *level, unsigned *slot, uint64_t *tick)
{
	for (unsigned l = 0; l < LEVELS; l++) {
		if (occupied[l] == 0)
			continue;
		unsigned s = (unsigned)__builtin_ctzll(occupied[l]);
		unsigned below = l * SLOT_BITS;
		*level = l;
		*slot = s;
		*tick = (wheel_now >> below >> SLOT_BITS << SLOT_BITS | s) << below;
		return true;
	}
	return false;
}

/* Moves a whole list to an empty head. */
static inline void move(struct timer **to, struct timer **from)
{
	*to = *from;
	*from = NULL;
	if (*to)
		(*to)->link = to;
}

static unsigned fire(unsigned most)
{
	unsigned fired = 0;
	while (firing && fired < most) {
		struct timer *t = firing;
		unlink(t);
		t->fn(t);
		fired++;
	}
	return fired;
}

/* Puts the timers of a slot above level 0 where they belong by now. */
static unsigned fall(unsigned level, unsigned most)
{
	unsigned fallen = 0;
	while (falling[level] && fallen < most) {
		struct timer *t = falling[level];
		uint64_t tick = tick_of(t->deadline);
		unlink(t);
		if (tick < wheel_now)
			link_in(&due, t);
		else
			place(t, tick);
		fallen++;
	}
	return fallen;
}

unsigned timer_run(uint64_t now)
{
	uint64_t target = now >> TICK_BITS, tick;
	unsigned level, slot, fired, fallen = 0;

	if (unfinished) {
		for (unsigned l = 0; l < LEVELS; l++)
			fallen += fall(l, TIMER_RUN_MAX - fallen);
	}
	if (!firing)
		move(&firing, &due);
	fired = fire(TIMER_RUN_MAX);
	unfinished = firing || fallen == TIMER_RUN_MAX;
	while (first_slot(&level, &slot, &tick) && tick <= target) {
		if (firing || (level && falling[level])) {
			unfinished = true;
			return fired;
		}
		wheel_now = tick;
		occupied[level] &= ~(1ull << slot);
		if (level == 0) {
			move(&firing, &slots[slot]);
			fired += fire(TIMER_RUN_MAX - fired);
		} else {
			move(&falling[level], &slots[level * SLOTS + slot]);
			fallen += fall(level, TIMER_RUN_MAX - fallen);
		}
		unfinished |= firing || falling[level];
	}
	if (target > wheel_now)
		wheel_now = target;
	return fired;
}

bool timer_due(uint64_t now)
{
	unsigned level, slot;
	uint64_t tick;
	return due || unfinished || (first_slot(&level, &slot, &tick) && tick <= now >> TICK_BITS);
}

__attribute__((noinline)) uint64_t timer_next(void)
{
	unsigned level, slot, seen = 0;
	uint64_t tick, first = UINT64_MAX;
	if (due || unfinished)
		return 0;
	if (!first_slot(&level, &slot, &tick))
		return CLOCK_NEVER;
	if (level == 0)
		return tick << TICK_BITS;
	/* Few are looked at, so that nobody wakes only to let them fall. */
	for (const struct timer *t = slots[level * SLOTS + slot]; t; t = t->next) {
		uint64_t at = tick_of(t->deadline);
		first = at < first ? at : first;
		if (++seen > SEEN_MAX)
			return tick << TICK_BITS;
	}
	return first > CLOCK_NEVER >> TICK_BITS ? CLOCK_NEVER : first << TICK_BITS;
}

/* ---- For checks ---- */

#define LOOKED_AT_MAX 64u /* timers of a list: there may be millions */

/* Do its first timers know what leads to them? */
static COLD bool list_holds(struct timer *const *head)
{
	struct timer *const *link = head;
	for (unsigned n = 0; *link && n < LOOKED_AT_MAX; n++) {
		if ((*link)->link != link || !(*link)->fn)
			return false;
		link = &(*link)->next;
	}
	return true;
}

/* Does the slot lie ahead of the wheel, and do its timers belong there? */
static COLD bool slot_holds(unsigned level, unsigned slot)
{
	const struct timer *t = slots[level * SLOTS + slot];
	if ((t != NULL) != (bool)(occupied[level] >> slot & 1))
		return false;
	for (unsigned n = 0; t && n < LOOKED_AT_MAX; n++, t = t->next) {
		uint64_t number = tick_of(t->deadline) >> level * SLOT_BITS;
		if (number % SLOTS != slot || number - (wheel_now >> level * SLOT_BITS) >= SLOTS)
			return false;
	}
	return list_holds(&slots[level * SLOTS + slot]);
}

COLD bool timer_is_valid(void)
{
	if (!list_holds(&due) || !list_holds(&firing))
		return false;
	for (unsigned l = 0; l < LEVELS; l++) {
		if (!list_holds(&falling[l]))
			return false;
		for (unsigned s = 0; s < SLOTS; s++)
			if (!slot_holds(l, s))
				return false;
	}
	return !(due || firing) || timer_next() == 0;
}

CHECK("core", "timers hang where the wheel will look for them", wheel_holds)
{
	return timer_is_valid();
}

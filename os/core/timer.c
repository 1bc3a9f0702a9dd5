/* SPDX-License-Identifier: ISC */
/*
 * The timer wheel. A slot of level L is 64^L ticks wide, and a level has 128 slots. A timer lies at the lowest level whose
 * slots reach its tick from where the wheel stands. So every occupied slot of a level lies ahead of the wheel, within one
 * turn, and above level 0 at least two slots ahead.
 *
 * A slot can hold millions, and its timers have to fall to lower levels before their time comes. They begin to when the wheel
 * enters the slot before theirs: the level below reaches over both. So there is the time of a whole slot for it, and it is
 * done in small steps, FALL_MAX a run, between which timers fire in time. Each falls LEVELS - 1 times at most. What is late
 * all the same, because nobody called for a while, waits in `due` for the next run.
 *
 * A run fires no more than TIMER_RUN_MAX either; the rest goes in the runs after it, so that other sources get their turn.
 */
#include <core/check.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/timer.h>

#define TICK_BITS 12u
#define SLOT_BITS 6u
#define SLOTS     (2u << SLOT_BITS)
#define SEEN_MAX  8u
#define LEVELS    9u   /* 8 * 6 + 7 bits hold every tick: 64 - 12 = 52 */
#define FALL_MAX  256u /* timers: some 20 us */
_Static_assert(TIMER_TICK_NS == 1ull << TICK_BITS, "timer.h and the wheel agree");
_Static_assert((LEVELS - 1) * SLOT_BITS + SLOT_BITS + 1 >= 64 - TICK_BITS, "every tick has a slot");

static struct timer *slots[LEVELS * SLOTS];
static unsigned __int128 occupied[LEVELS]; /* bit s: slot s of the level is not empty */
static uint64_t wheel_now;                 /* ticks up to and including it have been run */
static uint64_t soonest = UINT64_MAX;      /* tick: nothing happens to the wheel before it */
static struct timer *due;                  /* to fire in the next run */
static struct timer *firing;               /* being fired; callbacks may take timers out of it */
static struct timer *falling[LEVELS]; /* of the level's slot after the one that the wheel is in */
static bool unfinished;               /* the last run left something to do at once */

static inline void link_in(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->link = head;
	if (t->next)
		t->next->link = &t->next;
	*head = t;
}

static inline unsigned __int128 bit(unsigned slot)
{
	return (unsigned __int128)1 << slot;
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
			occupied[slot / SLOTS] &= ~bit(slot % SLOTS);
	}
	t->link = NULL;
}

/* Rounded up: never early. */
static inline uint64_t tick_of(uint64_t deadline)
{
	return (deadline >> TICK_BITS) + ((deadline & (TIMER_TICK_NS - 1)) != 0);
}

/* When the wheel has to look after the level's slot of that number: its own tick, or where the slot before it begins. */
static inline uint64_t turn_of(unsigned level, uint64_t number)
{
	return level ? (number - 1) << level * SLOT_BITS : number;
}

/* Puts it into the wheel; its tick must be wheel_now (while that is being run) or later. */
static inline void place(struct timer *t, uint64_t tick)
{
	uint64_t ahead = tick - wheel_now;
	unsigned level = ahead < SLOTS ? 0 : (62 - (unsigned)__builtin_clzll(ahead)) / SLOT_BITS;
	if ((tick >> level * SLOT_BITS) - (wheel_now >> level * SLOT_BITS) >= SLOTS)
		level++;
	uint64_t number = tick >> level * SLOT_BITS, turn = turn_of(level, number);
	unsigned slot = number % SLOTS;
	link_in(&slots[level * SLOTS + slot], t);
	occupied[level] |= bit(slot);
	if (turn < soonest)
		soonest = turn;
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

/* The number of the level's first occupied slot from `from` on, which is not before the wheel. */
static inline bool first_of(unsigned level, uint64_t from, uint64_t *number)
{
	uint64_t now = wheel_now >> level * SLOT_BITS;
	unsigned start = now % SLOTS;
	unsigned __int128 o = occupied[level];
	if (start)
		o = o >> start | o << (SLOTS - start);
	if (from - now >= SLOTS)
		return false;
	o = o >> (from - now) << (from - now);
	if (!o)
		return false;
	uint64_t low = (uint64_t)o;
	*number = now + (low ? (unsigned)__builtin_ctzll(low)
	                     : 64 + (unsigned)__builtin_ctzll((uint64_t)(o >> 64)));
	return true;
}

/* What the wheel has to do next: a level, the number of its slot, and when. */
static bool next_turn(unsigned *level, uint64_t *number, uint64_t *turn)
{
	bool any = false;
	for (unsigned l = 0; l < LEVELS; l++) {
		uint64_t n;
		if (!occupied[l] || !first_of(l, wheel_now >> l * SLOT_BITS, &n) ||
		    (any && turn_of(l, n) >= *turn))
			continue;
		any = true;
		*level = l;
		*number = n;
		*turn = turn_of(l, n);
	}
	return any;
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
	uint64_t target = now >> TICK_BITS, number, turn = UINT64_MAX;
	unsigned level = 0, fired, fallen = 0;

	if (unfinished) {
		for (unsigned l = 0; l < LEVELS; l++)
			fallen += fall(l, FALL_MAX - fallen);
	}
	if (!firing)
		move(&firing, &due);
	fired = fire(TIMER_RUN_MAX);
	unfinished = firing || fallen == FALL_MAX;
	bool any;
	while ((any = next_turn(&level, &number, &turn)) && turn <= target) {
		if (firing || (level && falling[level])) {
			unfinished = true;
			soonest = turn;
			return fired;
		}
		wheel_now = turn;
		unsigned slot = number % SLOTS;
		occupied[level] &= ~bit(slot);
		if (level == 0) {
			move(&firing, &slots[slot]);
			fired += fire(TIMER_RUN_MAX - fired);
		} else {
			move(&falling[level], &slots[level * SLOTS + slot]);
			fallen += fall(level, FALL_MAX - fallen);
		}
		unfinished |= firing || falling[level];
	}
	soonest = any ? turn : UINT64_MAX;
	if (target > wheel_now)
		wheel_now = target;
	return fired;
}

bool timer_due(uint64_t now)
{
	return due || unfinished || soonest <= now >> TICK_BITS;
}

/* The earliest tick of a slot with few timers; UINT64_MAX: it has many. */
static uint64_t earliest(unsigned level, uint64_t number)
{
	uint64_t first = UINT64_MAX - 1;
	unsigned seen = 0;
	for (const struct timer *t = slots[level * SLOTS + number % SLOTS]; t; t = t->next) {
		uint64_t at = tick_of(t->deadline);
		first = at < first ? at : first;
		if (++seen > SEEN_MAX)
			return UINT64_MAX;
	}
	return first;
}

/* Above level 0, slots with few timers are looked into, so that nobody wakes only to let them fall. */
__attribute__((noinline)) uint64_t timer_next(void)
{
	uint64_t first = UINT64_MAX, number;
	if (due || unfinished)
		return 0;
	for (unsigned l = 0; l < LEVELS; l++) {
		uint64_t from = wheel_now >> l * SLOT_BITS;
		while (occupied[l] && first_of(l, from, &number) && turn_of(l, number) < first) {
			uint64_t tick = l ? earliest(l, number) : number;
			if (tick == UINT64_MAX)
				tick = turn_of(l, number);
			first = tick < first ? tick : first;
			from = number + 1;
		}
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
		uint64_t number = tick_of(t->deadline) >> level * SLOT_BITS,
		         ahead = number - (wheel_now >> level * SLOT_BITS);
		if (number % SLOTS != slot || ahead >= SLOTS || (level && ahead < 2))
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

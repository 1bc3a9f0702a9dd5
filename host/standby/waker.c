/* SPDX-License-Identifier: ISC */
/*
 * One loop over epoll(7). A sleeper's descriptor is armed for one event at a time (EPOLLONESHOT): while it is awake, its
 * frames are its own business. Whatever has no descriptor has a time in `struct life`, which exists for those who are awake
 * only, so that a thousand who sleep cost nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <standby/life.h>
#include <standby/port.h>
#include <supervisor/child.h>
#include <supervisor/record.h>
#include <supervisor/restart.h>
#include <tender/notify.h>

#define EVENTS      64
#define PORT_BUDGET 256u  /* frames of a port, before others have their turn */
#define PASS_ON_MS  1000u /* ... since it was woken: what came before the bridge knew */
/* After a wake no devices are made ahead for so long: those who start need the processors. */
#define REST_MS 50u
enum {
	OF_WIRE,
	OF_PICTURES,
	OF_SIGNALS,
	OF_PORT,
	OF_WATCH
}; /* what an event is of: the upper half of its number */

struct waker {
	const struct standby_wish *wish;
	struct roster roster;
	int epoll, signals;
	uint32_t awake, left; /* left: those whose interface is there */
	uint32_t *active;     /* who is awake or pauses: numbers */
	uint32_t active_count;
	uint32_t *waiting; /* a ring of wish->count: who waits for one that is awake to end */
	uint32_t waiting_first, waiting_count;
	bool stops, is_full; /* full: it was said */
	uint64_t rest;       /* ms: from then on there may be time for what is not urgent */
};

static uint32_t index_of(const struct waker *w, const struct standby *s)
{
	return (uint32_t)(s - w->wish->all);
}

static void set_state(struct waker *w, const struct standby *s, enum roster_state state)
{
	struct roster_entry *e = &w->roster.entries[index_of(w, s)];
	e->since = record_now();
	e->pid = s->life ? s->life->pid : 0;
	__atomic_store_n(&e->state, state, __ATOMIC_RELEASE);
}

static enum roster_state state_of(const struct waker *w, const struct standby *s)
{
	return (enum roster_state)w->roster.entries[index_of(w, s)].state;
}

static void set_active(struct waker *w, const struct standby *s, bool is)
{
	uint32_t i = index_of(w, s);
	if (is) {
		w->active[w->active_count++] = i;
		return;
	}
	for (uint32_t k = 0; k < w->active_count; k++)
		if (w->active[k] == i) {
			w->active[k] = w->active[--w->active_count];
			return;
		}
}

/* ---- Asleep ---- */

static void gone(struct waker *w, struct standby *s, bool is_said)
{
	const struct wire *lost = &s->wires[0];
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (wire_is_gone(&s->wires[i]))
			lost = &s->wires[i];
	if (is_said && lost->kind == WIRE_BRIDGE)
		say("%s: its bridge %s was deleted: make it again, then start its standby anew",
		    s->wires[0].name, port_bridge(lost->port));
	else if (is_said && lost->kind == WIRE_PACKET)
		say("%s: its interface %s was deleted: make it again, then start its standby anew",
		    s->wires[0].name, lost->name);
	else if (is_said)
		say("%s: its TAP device %s was deleted: make it again (ip tuntap add dev %s mode "
		    "tap), then start its standby anew",
		    s->wires[0].name, lost->name, lost->name);
	for (uint32_t i = 0; i < s->wire_count; i++)
		wire_close(&s->wires[i]);
	set_state(w, s, ROSTER_GONE);
	w->left--;
}

static bool is_gone(const struct standby *s)
{
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (wire_is_gone(&s->wires[i]))
			return true;
	return false;
}

static void arm(struct waker *w, struct standby *s, int how)
{
	for (uint32_t i = 0; i < s->wire_count; i++) {
		if (s->wires[i].kind == WIRE_BRIDGE)
			continue;
		struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT,
			                 .data.u64 = (uint64_t)OF_WIRE << 32 | index_of(w, s) };
		if (epoll_ctl(w->epoll, how, s->wires[i].fd, &e))
			say("%s: is not heard any more: %s", s->wires[0].name, strerror(errno));
	}
	set_state(w, s, ROSTER_ASLEEP);
}

/* Only what is for it comes from here on. */
static bool hush(struct standby *s)
{
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (!wire_filter(&s->wires[i], s->filters[i], s->filter_sizes[i]))
			return false;
	return true;
}

/* ---- Awake ---- */

static void pause_after(struct waker *w, struct standby *s)
{
	w->roster.entries[index_of(w, s)].failures++;
	s->pause_ms = !s->pause_ms                        ? RESTART_FIRST_MS
	              : s->pause_ms * 2 > RESTART_LAST_MS ? RESTART_LAST_MS
	                                                  : s->pause_ms * 2;
	s->until = life_now() + s->pause_ms;
	set_state(w, s, ROSTER_PAUSED);
	set_active(w, s, true);
}

static bool is_full(const struct waker *w)
{
	return w->awake == w->wish->awake_max;
}

static void wait_for_turn(struct waker *w, struct standby *s)
{
	uint32_t at = (w->waiting_first + w->waiting_count++) % w->wish->count;
	w->waiting[at] = index_of(w, s);
	set_state(w, s, ROSTER_WAITING);
	if (!is_full(w))
		return;
	if (!w->is_full)
		say("%s: waits: %u are awake, as many as may be at once: --awake", s->wires[0].name,
		    w->awake);
	w->is_full = true;
}

static bool lend(struct standby *s)
{
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (s->wires[i].kind == WIRE_BRIDGE && !port_lend(&s->wires[i]))
			return false;
	return true;
}

static void wake(struct waker *w, struct standby *s)
{
	if (is_full(w)) {
		wait_for_turn(w, s);
		return;
	}
	w->roster.entries[index_of(w, s)].wakes++;
	if (!lend(s) || !life_begin(s, w->wish->run)) {
		hush(s);
		pause_after(w, s);
		return;
	}
	w->awake++;
	w->rest = life_now() + REST_MS;
	set_active(w, s, true);
	set_state(w, s, ROSTER_AWAKE);
	if (s->life->pictures < 0)
		return;
	struct epoll_event e = { .events = EPOLLIN,
		                 .data.u64 = (uint64_t)OF_PICTURES << 32 | index_of(w, s) };
	epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->life->pictures, &e);
}

/* What was held of it wakes it at once, as what is in a queue does by its descriptor. */
static void wait_again(struct waker *w, struct standby *s)
{
	arm(w, s, EPOLL_CTL_MOD);
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (s->wires[i].held.first) {
			wake(w, s);
			return;
		}
}

static void sleep_again(struct waker *w, struct standby *s, bool is_said)
{
	if (w->stops)
		set_state(w, s, ROSTER_ASLEEP);
	else if (!hush(s) || is_gone(s))
		gone(w, s, is_said);
	else
		wait_again(w, s);
}

static bool is_behind_bridge(const struct standby *s)
{
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (s->wires[i].kind == WIRE_BRIDGE)
			return true;
	return false;
}

static bool has_turn(const struct waker *w)
{
	return w->waiting_count && !w->stops && !is_full(w);
}

/* One at a time: whoever asks for an address meanwhile is answered between two of them. */
static void take_turn(struct waker *w)
{
	struct standby *s = &w->wish->all[w->waiting[w->waiting_first]];
	w->waiting_first = (w->waiting_first + 1) % w->wish->count;
	w->is_full = --w->waiting_count && w->is_full;
	arm(w, s, EPOLL_CTL_MOD); /* its frame is still there */
	if (is_behind_bridge(s))
		wake(w, s);
}

static void ended(struct waker *w, struct standby *s, int status)
{
	life_answer(s);
	const struct life *l = s->life;
	bool asked = l->end == LIFE_ASKED || (l->end == LIFE_KEPT && l->is_written),
	     idle = !status && !life_traffic(l), bad = !asked && (status || idle);
	uint64_t lived = life_now() - l->began;
	life_over(s);
	w->awake--;
	set_active(w, s, false);
	if (!bad || lived >= RESTART_LIFE_MS)
		s->pause_ms = 0;
	if (!bad || w->stops || is_gone(s)) {
		sleep_again(w, s, false);
		return;
	}
	hush(s);
	for (uint32_t i = 0; i < s->wire_count; i++)
		wire_empty(&s->wires[i]); /* what it may have ended of */
	pause_after(w, s);
	if (idle)
		say("%s: ended without a look at its network; is not woken for %u ms",
		    s->wires[0].name, s->pause_ms);
	else
		say("%s: ended with status %d; is not woken for %u ms", s->wires[0].name, status,
		    s->pause_ms);
}

/* ---- What comes in ---- */

static void show_end(struct waker *w, const struct standby *s, enum life_end before)
{
	if (s->life->end != before)
		set_state(w, s, s->life->end == LIFE_GOES_ON ? ROSTER_AWAKE : ROSTER_ENDING);
}

static void take_answer(struct waker *w, struct standby *s)
{
	enum life_end before = s->life->end;
	life_answer(s);
	show_end(w, s, before);
}

static void take_ended(struct waker *w)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (uint32_t k = 0; k < w->active_count; k++) {
			struct standby *s = &w->wish->all[w->active[k]];
			if (!s->life || s->life->pid != pid)
				continue;
			ended(w, s, child_exit_status(status));
			break;
		}
}

static void stop(struct waker *w)
{
	bool again = w->stops;
	w->stops = true;
	for (uint32_t k = 0; k < w->active_count; k++) {
		struct standby *s = &w->wish->all[w->active[k]];
		if (!s->life)
			continue;
		if (again)
			kill(s->life->pid, SIGKILL);
		else if (s->life->end != LIFE_GOES_ON)
			continue;
		else if (s->plan->folder)
			life_keep(s);
		else
			life_ask(s);
	}
}

static void take_signals(struct waker *w)
{
	struct signalfd_siginfo i;
	while (read(w->signals, &i, sizeof i) == sizeof i)
		if (i.ssi_signo != SIGCHLD)
			stop(w);
	take_ended(w);
}

/* A frame by a bridge's port, for one. */
static void came(struct waker *w, struct standby *s, const struct port_frame *f)
{
	struct wire *wire = &s->wires[f->wire];
	bool goes_on = s->life && s->life->end == LIFE_GOES_ON, passes = goes_on;
	if (f->kind == PORT_FOR_ONE) {
		if (state_of(w, s) == ROSTER_ASLEEP)
			wait_for_turn(w, s);
		passes = s->life ? goes_on && life_now() - s->life->began < PASS_ON_MS
		                 : state_of(w, s) == ROSTER_WAITING;
	}
	if (passes)
		port_pass_on(wire, f->bytes, f->size);
}

static void tell_all(struct waker *w, const struct port *p, const struct port_frame *f)
{
	for (uint32_t k = 0; k < w->active_count; k++) {
		struct standby *s = &w->wish->all[w->active[k]];
		for (uint32_t i = 0; s->life && i < s->wire_count; i++)
			if (s->wires[i].port == p)
				port_pass_on(&s->wires[i], f->bytes, f->size);
	}
}

static struct port *port_of(uint32_t number)
{
	struct port *p = port_first();
	while (number--)
		p = port_next(p);
	return p;
}

static void take_port(struct waker *w, struct port *p)
{
	struct port_frame f;
	uint32_t budget = PORT_BUDGET;
	while (!w->stops && port_read(p, &f, &budget)) {
		if (f.kind == PORT_NEWS)
			tell_all(w, p, &f);
		else
			came(w, &w->wish->all[f.standby], &f);
	}
}

/* Of those who are awake it is noticed when they end. */
static void take_watch(struct waker *w, struct port *p)
{
	if (!port_is_gone(p))
		return;
	say("bridge %s was deleted: make it again, then start its standbys anew", port_bridge(p));
	for (uint32_t i = 0; i < w->wish->count; i++) {
		struct standby *s = &w->wish->all[i];
		bool is_its = false;
		for (uint32_t k = 0; k < s->wire_count; k++)
			is_its |= s->wires[k].port == p;
		if (is_its && state_of(w, s) == ROSTER_ASLEEP)
			gone(w, s, false);
	}
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, port_fd(p), NULL);
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, port_watch(p), NULL);
}

static void take_event(struct waker *w, const struct epoll_event *e)
{
	unsigned of = (unsigned)(e->data.u64 >> 32);
	if (of == OF_PORT || of == OF_WATCH) {
		struct port *p = port_of((uint32_t)e->data.u64);
		of == OF_PORT ? take_port(w, p) : take_watch(w, p);
		return;
	}
	struct standby *s = &w->wish->all[(uint32_t)e->data.u64];
	if (of == OF_SIGNALS)
		take_signals(w);
	else if (of == OF_PICTURES && s->life)
		take_answer(w, s);
	/* One of several of its wires may have woken it already. */
	if (of != OF_WIRE || w->stops || state_of(w, s) != ROSTER_ASLEEP)
		return;
	if (e->events & (EPOLLERR | EPOLLHUP) && is_gone(s))
		gone(w, s, true);
	else if (e->events & EPOLLIN)
		wake(w, s);
	else
		arm(w, s, EPOLL_CTL_MOD);
}

static void take_time(struct waker *w)
{
	uint64_t now = life_now();
	for (uint32_t k = 0; k < w->active_count; k++) {
		struct standby *s = &w->wish->all[w->active[k]];
		if (s->life) {
			enum life_end before = s->life->end;
			life_turn(s, now, w->stops);
			show_end(w, s, before);
		} else if (now >= s->until) {
			set_active(w, s, false);
			k--;
			sleep_again(w, s, true);
		}
	}
}

static int timeout(const struct waker *w, bool wants)
{
	uint64_t at = LIFE_NEVER, now = life_now();
	for (uint32_t k = 0; k < w->active_count; k++) {
		const struct standby *s = &w->wish->all[w->active[k]];
		uint64_t due = s->life ? life_due(s->life) : s->until;
		at = due < at ? due : at;
	}
	if (wants && w->rest < at)
		at = w->rest;
	return at == LIFE_NEVER ? -1 : at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

/* ---- The process ---- */

static int prepare(struct waker *w, struct defect *why)
{
	const struct standby_wish *wish = w->wish;
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)OF_SIGNALS << 32 };
	sigset_t mine;
	sigemptyset(&mine);
	for (unsigned i = 0; i < 4; i++)
		sigaddset(&mine, (const int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP }[i]);
	sigprocmask(SIG_SETMASK, &mine, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	w->active = calloc(wish->count, sizeof *w->active);
	w->waiting = calloc(wish->count, sizeof *w->waiting);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!w->active || !w->waiting)
		return defect_set(why, "no memory");
	if (w->epoll < 0 || w->signals < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->signals, &e))
		return defect_set(why, "no descriptor is left: %s", strerror(errno));
	return roster_make(&w->roster, wish->folder, wish->count, why);
}

static void begin(struct waker *w)
{
	const struct standby_wish *wish = w->wish;
	w->left = wish->count;
	for (uint32_t i = 0; i < wish->count; i++) {
		struct standby *s = &wish->all[i];
		struct roster_entry *e = &w->roster.entries[i];
		const char *slash = strrchr(s->plan->source->path, '/');
		strncpy(e->name, s->wires[0].name, sizeof e->name - 1);
		strncpy(e->image, slash ? slash + 1 : s->plan->source->path, sizeof e->image - 1);
		if (hush(s))
			arm(w, s, EPOLL_CTL_ADD);
		else
			gone(w, s, true);
	}
	uint32_t n = 0;
	for (struct port *p = port_first(); p; p = port_next(p), n++) {
		struct epoll_event e = { .events = EPOLLIN,
			                 .data.u64 = (uint64_t)OF_PORT << 32 | n };
		struct epoll_event news = { .events = EPOLLIN,
			                    .data.u64 = (uint64_t)OF_WATCH << 32 | n };
		if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, port_fd(p), &e) ||
		    epoll_ctl(w->epoll, EPOLL_CTL_ADD, port_watch(p), &news))
			say("bridge %s is not heard: %s", port_bridge(p), strerror(errno));
	}
	/* Whoever is woken has nothing to tell them. */
	notify_open();
	notify_ready(false);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int standby_serve(const struct standby_wish *wish)
{
	static struct waker waker;
	struct waker *w = &waker;
	struct defect why;
	w->wish = wish;
	if (prepare(w, &why)) {
		say("%s", why.text);
		return AMP_EXIT_TENDER;
	}
	begin(w);
	while (w->awake || (!w->stops && w->left)) {
		struct epoll_event events[EVENTS];
		struct port *wants = port_first();
		while (wants && (w->stops || !port_wants_more(wants)))
			wants = port_next(wants);
		bool turn = has_turn(w);
		int n = epoll_wait(w->epoll, events, EVENTS, turn ? 0 : timeout(w, wants));
		if (!n && wants && !turn && life_now() >= w->rest)
			port_make_one(wants);
		for (int i = 0; i < n; i++)
			take_event(w, &events[i]);
		take_time(w);
		if (has_turn(w))
			take_turn(w);
	}
	/* A lasting TAP device is left as it was found. */
	for (uint32_t i = 0; i < wish->count; i++)
		for (uint32_t k = 0; k < wish->all[i].wire_count; k++)
			if (wish->all[i].wires[k].fd >= 0)
				wire_pass(&wish->all[i].wires[k]);
	port_close_all();
	if (w->stops)
		return 0;
	say("no interface is left to wait on");
	return AMP_EXIT_TENDER;
}

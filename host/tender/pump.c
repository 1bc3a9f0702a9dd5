/* SPDX-License-Identifier: ISC */
/*
 * Passes, and who sleeps where. Two kinds of wake-up must not get lost:
 *
 * image -> pump: before it sleeps, the pump sets NEED_WAKEUP, makes a full fence and looks at the
 * rings again; the image produces, makes a full fence, reads NEED_WAKEUP. One of them sees the
 * other. An image that skips its fence is served at its next wait at the latest, since a wait
 * includes all kicks.
 *
 * pump -> image: both the pump's thread and pump_wait hold the lock from looking at the rings to
 * writing `asleep`, so nothing comes between; the futex's value does the rest.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <tender/defect.h>
#include <tender/leave.h>
#include <tender/picture.h>
#include <tender/pump.h>
#include <tender/renewal.h>
#include <tender/stop.h>

#define THREAD_STACK 65536u
#define SOON_NS      100000u
/* The most that a pump stays awake for packets: about what a sleep costs. */
#define AWAKE_NS 25000u
/* The least slice that the kernel takes, ns. */
#define KICK_SLICE  100000u
#define AWAKE_TRIAL 32u /* waits, of which one tries it although it did not pay lately */
/* Turns of pump_press, and how many there are. */
#define QUIET_NS    20000000u
#define QUIET_TURNS 100u

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
}

struct slice { /* sched_setattr(2), of its first version; libc and the kernel's header do not go together */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/*
 * Inline, on one CPU, the kick of an image that does not sleep would wait for the end of its turn, some milliseconds. So the
 * thread that serves kicks asks for short turns: the kernel (Linux 6.12 and newer; older ones take no notice) lets it run
 * before others of its priority that want longer ones, and for no greater share of the processor. A higher priority
 * would be a greater share, and that thread does what the image makes it do. The slice is inherited: its maker has it while
 * the thread is made. Who runs in another scheduling class stays as they are.
 */
static bool take_slice(struct slice *before)
{
	*before = (struct slice){ .size = sizeof *before };
	if (syscall(SYS_sched_getattr, 0, before, sizeof *before, 0) ||
	    before->policy != SCHED_OTHER)
		return false;
	struct slice a = *before;
	a.runtime = KICK_SLICE;
	return !syscall(SYS_sched_setattr, 0, &a, 0);
}

/* Edge-triggered: packets that wait for a free frame must not keep the pump awake. */
static int add_polls(struct pump *p, uint32_t i)
{
	struct pollfd fds[AMP_NET_QUEUES_MAX];
	const struct device *d = &p->devices->all[i];
	uint32_t count = d->kind->polls(d, fds);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = i };
	int failed = 0;
	for (uint32_t k = 0; k < count; k++)
		failed |= epoll_ctl(p->epoll, EPOLL_CTL_ADD, fds[k].fd, &e);
	return failed;
}

static int add_watch(struct pump *p, uint32_t i)
{
	int watch = p->devices->all[i].watch;
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = PUMP_WATCH + i };
	return watch < 0 ? 0 : epoll_ctl(p->epoll, EPOLL_CTL_ADD, watch, &e);
}

int pump_open(struct pump *p, enum pump_mode mode, struct devices *devices, struct clock *clock,
              struct defect *why)
{
	p->mode = mode;
	p->devices = devices;
	p->clock = clock;
	p->kick = p->epoll = -1;
	p->asleep = 0;
	pthread_mutex_init(&p->lock, NULL);
	p->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->kick < 0 || p->epoll < 0)
		return defect_set(why, "cannot make an event queue: %s", strerror(errno));
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = PUMP_KICK };
	int failed = epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->kick, &e);
	for (uint32_t i = 0; i < devices->count; i++)
		failed |= (mode == PUMP_INLINE ? 0 : add_polls(p, i)) | add_watch(p, i);
	if (failed)
		return defect_set(why, "cannot watch a device: %s", strerror(errno));
	pump_need_wakeup(p, true);
	return 0;
}

void pump_event(struct pump *p, const struct epoll_event *e)
{
	uint32_t what = e->data.u32, count = p->devices->count;
	struct device *all = p->devices->all;
	if (what < count && e->events & EPOLLERR)
		p->gone(&all[what]);
	if (what < PUMP_WATCH || what - PUMP_WATCH >= count)
		return;
	struct device *d = &all[what - PUMP_WATCH];
	if (d->kind->lost(d))
		p->gone(d);
}

/* The first turn is not: most images wait meanwhile. */
static bool is_quiet(const struct pump *p)
{
	uint64_t turn = (clock_mono() - p->quiet_from) / QUIET_NS;
	return turn % 2 && turn < QUIET_TURNS;
}

static uint32_t pass(struct pump *p, enum device_pass which)
{
	uint32_t work = 0;
	bool quiet = __builtin_expect(p->quiet_from, 0) && is_quiet(p);
	for (uint32_t i = 0; i < p->devices->count; i++) {
		struct device *d = &p->devices->all[i];
		work |= d->kind->pass(d, quiet && !d->kind->busy ? DEVICE_PASS_KICK : which);
		if (d->gone)
			p->gone(d);
	}
	return work;
}

bool pump_pass(struct pump *p)
{
	return pass(p, DEVICE_PASS_ALL);
}

/* The pass of the image's own thread. */
static bool waiting_pass(struct pump *p)
{
	return pass(p, p->mode == PUMP_THREAD ? DEVICE_PASS_WAIT : DEVICE_PASS_ALL);
}

/* A wait includes all kicks: those of requests that the image has not announced, too. */
static void poke_thread(struct pump *p)
{
	const uint64_t one = 1;
	if (pump_pending(p) && write(p->kick, &one, sizeof one) < 0)
		return; /* it is announced already */
}

bool pump_ready(const struct pump *p, uint64_t events)
{
	if (stop_ready(events) || renewal_ready(events))
		return true;
	for (uint32_t i = 0; i < p->devices->count; i++) {
		const struct device *d = &p->devices->all[i];
		if (d->kind->ready(d, events))
			return true;
	}
	return false;
}

bool pump_rests(struct pump *p)
{
	bool busy = false;
	if (!picture_wanted()) {
		pump_goes_on(p); /* who wanted one does not any more */
		return false;
	}
	for (uint32_t i = 0; i < p->devices->count; i++) {
		struct device *d = &p->devices->all[i];
		d->hold = true;
		busy |= d->kind->busy && d->kind->busy(d);
	}
	return !busy;
}

void pump_press(struct pump *p)
{
	if (!p->quiet_from)
		p->quiet_from = clock_mono();
}

void pump_goes_on(struct pump *p)
{
	p->quiet_from = 0;
	for (uint32_t i = 0; i < p->devices->count; i++)
		p->devices->all[i].hold = picture_asked;
}

bool pump_pending(struct pump *p)
{
	for (uint32_t i = 0; i < p->devices->count; i++) {
		struct device *d = &p->devices->all[i];
		if (d->kind->pending(d))
			return true;
	}
	return false;
}

void pump_need_wakeup(struct pump *p, bool need)
{
	for (uint32_t i = 0; i < p->devices->count; i++) {
		struct device *d = &p->devices->all[i];
		if (d->kind->wakeup)
			d->kind->wakeup(d, need);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void wake_image(struct pump *p)
{
	if (!p->asleep || !pump_ready(p, p->asleep_for))
		return;
	__atomic_store_n(&p->asleep, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &p->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* The thread's pass. Inline, it only sends: receiving or reaping here would take packets and
 * answers from under the sleep of pump_wait, which watches the devices and not the rings. */
static bool locked_pass(struct pump *p)
{
	pthread_mutex_lock(&p->lock);
	if (__builtin_expect(picture_asked, 0) && p->mode == PUMP_THREAD)
		pump_press(p);
	bool work = pass(p, p->mode == PUMP_THREAD ? DEVICE_PASS_ALL : DEVICE_PASS_KICK);
	if (!work)
		clock_refresh(p->clock);
	wake_image(p);
	pthread_mutex_unlock(&p->lock);
	return work;
}

bool pump_expects(const struct pump *p)
{
	uint64_t now = clock_mono();
	for (uint32_t i = 0; i < p->devices->count; i++) {
		const struct device *d = &p->devices->all[i];
		if (d->kind->soon && d->kind->soon(d, now))
			return true;
	}
	return false;
}

/* While answers are expected soon and the image polls for them, the thread stays awake. True: there
 * was work. A system call in each turn is where the kernel notes what is done. */
static bool stay(struct pump *p)
{
	while (pump_expects(p) && !__atomic_load_n(&p->asleep, __ATOMIC_RELAXED)) {
		sched_yield();
		if (locked_pass(p))
			return true;
	}
	return false;
}

static void *thread(void *arg)
{
	struct pump *p = arg;
	struct epoll_event events[PUMP_EVENTS];
	if (p->begun)
		p->begun(p);
	for (;;) {
		int timeout = -1;
		while (locked_pass(p) || (p->mode == PUMP_THREAD && stay(p)))
			;
		if (p->mode == PUMP_THREAD) {
			pump_need_wakeup(p, true);
			pthread_mutex_lock(&p->lock);
			bool pending = pump_pending(p);
			if (p->quiet_from) /* what comes meanwhile is told once, and left there */
				timeout = QUIET_NS / 1000000;
			pthread_mutex_unlock(&p->lock);
			if (pending) {
				pump_need_wakeup(p, false);
				continue;
			}
		}
		int n = epoll_wait(p->epoll, events, PUMP_EVENTS, timeout);
		if (n < 0 && errno != EINTR) {
			say("cannot wait: %s", strerror(errno));
			_exit(AMP_EXIT_TENDER);
		}
		for (int i = 0; i < n; i++) {
			uint64_t kicks;
			if (events[i].data.u32 != PUMP_KICK)
				pump_event(p, &events[i]);
			else if (read(p->kick, &kicks, sizeof kicks) < 0)
				continue;
		}
		if (p->mode == PUMP_THREAD)
			pump_need_wakeup(p, false);
	}
	return NULL;
}

int pump_start(struct pump *p, struct defect *why)
{
	if (p->mode == PUMP_OUTSIDE || !p->devices->count)
		return 0;
	/* Signals are for the thread that runs the image: they end its stay there. */
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t id;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	struct slice slice;
	bool taken = p->mode == PUMP_INLINE && take_slice(&slice);
	int error = pthread_create(&id, &attributes, thread, p);
	if (taken)
		syscall(SYS_sched_setattr, 0, &slice, 0);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error ? defect_set(why, "cannot start a thread: %s", strerror(error)) : 0;
}

/* Sleeps until a device has packets that there is room for, or the deadline; or for a short time,
 * if something is awaited that no descriptor tells of. */
static void sleep_inline(struct pump *p, uint64_t deadline, uint64_t events)
{
	struct pollfd fds[AMP_DEVICES_MAX * AMP_NET_QUEUES_MAX];
	uint32_t counts[AMP_DEVICES_MAX], count = 0, devices = p->devices->count;
	bool soon = false;
	for (uint32_t i = 0; i < devices; i++) {
		struct device *d = &p->devices->all[i];
		counts[i] = d->kind->polls(d, fds + count);
		count += counts[i];
		soon |= d->untold && (events & AMP_WAIT_COMPLETE || d->kind->pending(d));
	}
	uint64_t now = clock_mono(), ns = deadline > now ? deadline - now : 0;
	if (soon && ns > SOON_NS)
		ns = SOON_NS;
	struct timespec left = to_timespec(ns);
	if (ppoll(fds, count, deadline == UINT64_MAX && !soon ? NULL : &left, NULL) <= 0)
		return;
	for (uint32_t i = 0, f = 0; i < devices; i++) {
		struct device *d = &p->devices->all[i];
		short told = 0;
		for (uint32_t k = 0; k < counts[i]; k++)
			told |= fds[f++].revents;
		if (told & POLLERR)
			p->gone(d);
		if (told && d->kind->woke)
			d->kind->woke(d);
	}
}

/* Sleep and waking up take longer than a packet that comes soon. So before it sleeps, a pump that
 * moves packets by system calls looks for a while, if that has paid: what an image's loop does by
 * itself where it sees them. */
static bool awake_pays(const struct pump *p)
{
	bool pays = false;
	for (uint32_t i = 0; i < p->devices->count; i++)
		pays |= p->devices->all[i].by_calls;
	return pays && (p->idle_average <= AWAKE_NS || p->waits % AWAKE_TRIAL == 0);
}

/* How long a pump that slept had nothing to do. */
static void learn(struct pump *p, uint64_t idle)
{
	idle = idle < 8 * AWAKE_NS ? idle : 8 * AWAKE_NS;
	p->idle_average += idle / 8 - p->idle_average / 8;
}

/* True: something came. */
static bool stay_inline(struct pump *p, uint64_t from, uint64_t deadline, uint64_t events)
{
	uint64_t end = from + AWAKE_NS < deadline ? from + AWAKE_NS : deadline;
	p->waits++;
	if (!awake_pays(p))
		return false;
	do {
		sched_yield(); /* whoever sends may want this CPU */
		waiting_pass(p);
		if (pump_ready(p, events)) {
			p->idle_average = clock_mono() - from;
			return true;
		}
	} while (clock_mono() < end);
	return false;
}

bool pump_stay(struct pump *p)
{
	uint64_t from = clock_mono(), now;
	p->waits++;
	p->slept_from = from;
	if (!awake_pays(p))
		return false;
	do {
		sched_yield();
		bool moved = pump_pass(p);
		now = clock_mono();
		if (moved) {
			p->idle_average = now - from;
			return true;
		}
	} while (now < from + AWAKE_NS);
	return false;
}

void pump_woke(struct pump *p)
{
	learn(p, clock_mono() - p->slept_from);
}

/* A picture is asked for, or something is left to do behind one, and the image waits. When to look again; 0: at once; UINT64_MAX: there
 * is no reason to. */
static uint64_t picture_step(struct pump *p)
{
	uint64_t due = picture_due();
	p->quiet_from = 0;
	if (due <= clock_mono()) {
		due = UINT64_MAX;
		if (pump_rests(p)) {
			p->still();
			pump_goes_on(p);
		}
	}
	return picture_behind() ? 0 : due;
}

void pump_wait(struct pump *p, uint64_t deadline_ns, uint64_t events)
{
	uint64_t deadline = clock_deadline(p->clock, deadline_ns), from = 0;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		uint64_t again = __builtin_expect(picture_asked, 0) ? picture_step(p) : UINT64_MAX;
		if (__builtin_expect(leave_news, 0)) {
			leave_news = false;
			break;
		}
		/* All of tx before we sleep; the image stands still, so this ends. Packets that
		 * are dropped as they come may have no end: the deadline holds all the same. */
		while (waiting_pass(p) && !pump_ready(p, events) &&
		       (clock_mono() < deadline || pump_pending(p)))
			;
		if (pump_ready(p, events))
			break;
		clock_refresh(p->clock);
		if (deadline != UINT64_MAX && clock_mono() >= deadline)
			break;
		if (__builtin_expect(!again, 0))
			continue;
		if (p->mode == PUMP_INLINE) {
			if (!from) {
				from = clock_mono();
				if (stay_inline(p, from, deadline, events)) {
					from = 0;
					break;
				}
			}
			pthread_mutex_unlock(&p->lock);
			sleep_inline(p, deadline < again ? deadline : again, events);
			pthread_mutex_lock(&p->lock);
			continue;
		}
		uint64_t end = deadline < again ? deadline : again;
		struct timespec until = to_timespec(end);
		p->asleep_for = events;
		__atomic_store_n(&p->asleep, 1, __ATOMIC_RELEASE);
		poke_thread(p);
		pthread_mutex_unlock(&p->lock);
		syscall(SYS_futex, &p->asleep, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 1,
		        end == UINT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
		pthread_mutex_lock(&p->lock);
		p->asleep = 0;
	}
	clock_refresh(p->clock); /* whoever woke after hours shall not see yesterday's clock */
	if (from)
		learn(p, clock_mono() - from);
	pthread_mutex_unlock(&p->lock);
}

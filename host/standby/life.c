/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <standby/keep.h>
#include <standby/life.h>
#include <supervisor/control.h>
#include <tender/picture_request.h>

#define TRAFFIC_BYTES  AMP_PAGE
#define LOOKS          4u /* in the time after which it is idle */
#define LOOK_MIN_MS    10u
#define KILL_MORE_MS   2000u /* beyond what it has to end in */
#define AGAIN_FIRST_MS 10u
#define AGAIN_MAX_MS   1000u /* ... until its state is given up */
_Static_assert(AMP_DEVICES_MAX * sizeof(uint64_t) <= TRAFFIC_BYTES, "a count for each device");

uint64_t life_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- Beginning and end ---- */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All descriptors but the standard ones and what it is to have. */
static void close_others(const struct standby_order *order)
{
	const struct standby *s = order->standby;
	int kept[STANDBY_WIRES_MAX + 4], count = 0;
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (s->wires[i].fd >= 0)
			kept[count++] = s->wires[i].fd;
	kept[count++] = 2;
	kept[count++] = order->source->image.fd;
	if (order->source->opened)
		kept[count++] = order->source->opened->from.fd;
	if (order->pictures >= 0)
		kept[count++] = order->pictures;
	qsort(kept, (size_t)count, sizeof *kept, by_number);
	for (int i = 0; i < count; i++) {
		unsigned first = (unsigned)kept[i] + 1,
		         last = i + 1 < count ? (unsigned)kept[i + 1] : UINT_MAX;
		if (first < last)
			close_range(first, last == UINT_MAX ? last : last - 1, 0);
	}
}

static _Noreturn void become(struct standby *s, pid_t parent, const struct standby_order *order,
                             int (*run)(const struct standby_order *))
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE };
	sigset_t none;
	char number[16];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(AMP_EXIT_TENDER);
	close_others(order);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* In a bridge they pass already (port_lend). */
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (s->wires[i].kind != WIRE_BRIDGE)
			wire_pass(&s->wires[i]);
	if (order->pictures >= 0) {
		snprintf(number, sizeof number, "%d", order->pictures);
		setenv(PICTURE_SOCKET, number, 1);
	}
	_exit(run(order));
}

static bool prepare(struct standby *s, struct life *l, int pair[2])
{
	pair[0] = pair[1] = -1;
	if (s->plan->folder && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		say("%s: cannot be woken: no socket: %s", s->wires[0].name, strerror(errno));
		return false;
	}
	l->traffic = mmap(NULL, TRAFFIC_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                  -1, 0);
	if (l->traffic != MAP_FAILED)
		return true;
	say("%s: cannot be woken: no memory", s->wires[0].name);
	return false;
}

/* Each lies at other addresses, so that what a peer has learnt of one who was awake may be of no use with the next. */
static const struct source *drawn(const struct standby_plan *plan)
{
	uint32_t n = 0;
	if (plan->pool_count > 1 && getrandom(&n, sizeof n, GRND_NONBLOCK) != sizeof n)
		n = (uint32_t)life_now();
	return plan->pool[n % plan->pool_count];
}

bool life_begin(struct standby *s, int (*run)(const struct standby_order *))
{
	static char words[STANDBY_WORDS_MAX];
	struct life *l = calloc(1, sizeof *l);
	int pair[2];
	pid_t self = getpid();
	if (!l || !prepare(s, l, pair)) {
		free(l);
		return false;
	}
	memcpy(words, s->plan->words, s->plan->words_size);
	const struct standby_order order = { s,          drawn(s->plan), words, s->plan->words_size,
		                             l->traffic, pair[1] };
	l->pid = source_lend(order.source, true) ? fork() : -1;
	if (!l->pid)
		become(s, self, &order, run);
	int error = errno;
	source_lend(order.source, false);
	explicit_bzero(words, s->plan->words_size);
	/* Those who are woken from here on do not have it. */
	madvise(l->traffic, TRAFFIC_BYTES, MADV_DONTFORK);
	if (pair[1] >= 0)
		close(pair[1]);
	l->pictures = pair[0];
	l->began = l->changed = life_now();
	l->look_at = l->began + s->plan->idle_ms;
	l->kill_at = l->again_at = LIFE_NEVER;
	s->life = l;
	if (l->pid > 0)
		return true;
	say("%s: cannot be woken: no process: %s", s->wires[0].name, strerror(error));
	life_over(s);
	return false;
}

void life_over(struct standby *s)
{
	struct life *l = s->life;
	if (l->end == LIFE_KEPT && !l->is_written)
		keep_drop(s);
	munmap(l->traffic, TRAFFIC_BYTES);
	if (l->pictures >= 0)
		close(l->pictures);
	free(l);
	s->life = NULL;
}

uint64_t life_traffic(const struct life *l)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < AMP_DEVICES_MAX; i++)
		sum += __atomic_load_n(&l->traffic[i], __ATOMIC_RELAXED);
	return sum;
}

/* ---- Asked to end ---- */

void life_ask(struct standby *s)
{
	struct life *l = s->life;
	l->end = LIFE_ASKED;
	l->look_at = LIFE_NEVER;
	l->kill_at = life_now() + s->plan->stop_ms + KILL_MORE_MS;
	kill(l->pid, s->plan->stop_ms ? SIGTERM : SIGKILL);
}

static void go_on(struct life *l)
{
	l->end = LIFE_GOES_ON;
	l->again_at = LIFE_NEVER;
	l->changed = life_now();
	l->look_at = l->changed; /* the next one is when it is idle again */
}

void life_keep(struct standby *s)
{
	struct life *l = s->life;
	int fd = keep_open(s);
	l->look_at = LIFE_NEVER;
	if (fd < 0 || !control_send(l->pictures, PICTURE_STOP, fd)) {
		if (fd >= 0) {
			say("%s: its state is not kept: it takes no requests", s->wires[0].name);
			keep_drop(s);
		}
		go_on(l);
	} else {
		l->end = LIFE_KEPT;
		l->is_written = false;
		l->again_ms = AGAIN_FIRST_MS;
		l->again_at = life_now() + l->again_ms;
	}
	if (fd >= 0)
		close(fd);
}

void life_answer(struct standby *s)
{
	struct life *l = s->life;
	char text[PICTURE_TEXT];
	ssize_t n;
	while (l->pictures >= 0 &&
	       (n = recv(l->pictures, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
		text[n] = 0;
		if (l->end != LIFE_KEPT || l->is_written)
			continue;
		if (!strcmp(text, PICTURE_BEGUN)) {
			l->again_at = LIFE_NEVER;
		} else if (!strncmp(text, "ok", 2)) {
			l->again_at = LIFE_NEVER;
			l->is_written = keep_done(s);
			l->kill_at = life_now() + KILL_MORE_MS;
		} else {
			say("%s: its state is not kept: %s", s->wires[0].name, defect_clean(text));
			keep_drop(s);
			go_on(l);
		}
	}
	if (l->pictures < 0 || n)
		return;
	close(l->pictures); /* it has ended, or takes none */
	l->pictures = -1;
}

static void ask_again(struct standby *s, uint64_t now)
{
	struct life *l = s->life;
	bool ends = l->again_ms > AGAIN_MAX_MS;
	control_send(l->pictures, ends ? PICTURE_CANCEL : PICTURE_AGAIN, -1);
	l->again_ms *= 2;
	l->again_at = now + l->again_ms;
	if (!ends)
		return;
	say("%s: its state is not kept: it is busy, and has not waited for 2 s", s->wires[0].name);
	keep_drop(s);
	go_on(l);
}

/* ---- Has it anything to do? ---- */

/* No frame is to come between the last look and the end: what comes now is not heard, and asked again by whoever has sent it. */
static bool is_done(struct standby *s)
{
	bool waits = false;
	for (uint32_t i = 0; i < s->wire_count; i++) {
		wire_deaf(&s->wires[i]);
		waits |= wire_has(&s->wires[i]);
	}
	if (!waits && life_traffic(s->life) == s->life->seen)
		return true;
	for (uint32_t i = 0; i < s->wire_count; i++)
		wire_pass(&s->wires[i]);
	return false;
}

static void look(struct standby *s, uint64_t now)
{
	struct life *l = s->life;
	uint64_t idle = s->plan->idle_ms, step = idle / LOOKS, traffic = life_traffic(l);
	if (traffic != l->seen) {
		l->seen = traffic;
		l->changed = now;
	} else if (now - l->changed >= idle) {
		if (s->plan->folder) {
			life_keep(s); /* frames that it does not take stay for the next one */
			return;
		}
		if (is_done(s)) {
			life_ask(s);
			return;
		}
		l->changed = now;
	}
	step = step < LOOK_MIN_MS ? LOOK_MIN_MS : step;
	uint64_t end = l->changed + idle;
	l->look_at = now + step < end ? now + step : end;
}

void life_turn(struct standby *s, uint64_t now, bool stops)
{
	struct life *l = s->life;
	if (now >= l->kill_at) {
		l->kill_at = LIFE_NEVER;
		kill(l->pid, SIGKILL);
	}
	if (now >= l->again_at)
		ask_again(s, now);
	if (now < l->look_at)
		return;
	/* What could not be kept is lost: the waker ends. */
	if (stops)
		life_ask(s);
	else
		look(s, now);
}

uint64_t life_due(const struct life *l)
{
	uint64_t at = l->look_at < l->kill_at ? l->look_at : l->kill_at;
	return at < l->again_at ? at : l->again_at;
}

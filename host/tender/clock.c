/* SPDX-License-Identifier: ISC */
/*
 * TSC against CLOCK_MONOTONIC. Start-up does not wait for a calibration: the hypervisor's word
 * (KVM_GET_TSC_KHZ) or the milliseconds that start-up took anyway give the first rate; refreshes,
 * first after 20 ms and then in growing steps, measure it over an ever longer baseline. An image
 * clock that lags jumps forward; one that is ahead is slowed until true time has caught up: it
 * never goes back. Wall-clock time is what the host has it to be at each refresh, and so goes with its steps,
 * and with a host that was suspended.
 */
#include <time.h>
#include <x86intrin.h>

#include <tender/clock.h>

#define SHIFT          32
#define INTERVAL_FIRST 20000000ull
#define INTERVAL_MAX   4000000000ull
#define SLEW_MAX       0.001 /* the most that the clock is slowed */

uint64_t clock_mono(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

int64_t clock_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The tightest of a few brackets, so that a preemption between the two readings does not count. */
struct clock_sample clock_sample(void)
{
	struct clock_sample best = { 0 };
	uint64_t width = UINT64_MAX;
	for (int i = 0; i < 4; i++) {
		uint64_t before = __rdtsc(), ns = clock_mono(), after = __rdtsc();
		if (after - before < width) {
			width = after - before;
			best = (struct clock_sample){ before + width / 2, ns };
		}
	}
	return best;
}

static uint64_t image_now(const struct amp_clock *c, uint64_t tsc)
{
	return c->base_ns +
	       (uint64_t)((unsigned __int128)(tsc - c->base_tsc) * c->multiplier >> c->shift);
}

/* The tightest of a few brackets, here too. */
static int64_t wall_offset(const struct amp_clock *c)
{
	int64_t best = 0;
	uint64_t width = UINT64_MAX;
	for (int i = 0; i < 4; i++) {
		uint64_t before = __rdtsc();
		int64_t wall = clock_wall();
		uint64_t after = __rdtsc();
		if (after - before < width) {
			width = after - before;
			best = wall - (int64_t)image_now(c, before + width / 2);
		}
	}
	return best;
}

static uint64_t multiplier(double hz)
{
	return (uint64_t)(1e9 / hz * (double)(1ull << SHIFT));
}

void clock_start(struct clock *c, struct amp_clock *shared, const struct clock_sample *since,
                 uint64_t tsc_khz, uint64_t image_ns)
{
	struct clock_sample s = clock_sample();

	*c = (struct clock){ .shared = shared,
		             .start = *since,
		             .zero = s.ns - image_ns,
		             .interval = INTERVAL_FIRST };
	c->next = s.ns + c->interval;
	c->hz = (double)tsc_khz * 1e3;
	double hz = c->hz;
	if (hz <= 0 && s.ns > since->ns)
		hz = (double)(s.tsc - since->tsc) / ((double)(s.ns - since->ns) * 1e-9);
	if (hz < 1e8 || hz > 1e11)
		hz = 1e9; /* absurd: be monotonic at least, refreshes do the rest */
	*shared = (struct amp_clock){
		.shift = SHIFT, .multiplier = multiplier(hz), .base_tsc = s.tsc, .base_ns = image_ns
	};
	shared->wall_offset = wall_offset(shared);
}

uint64_t clock_image(const struct clock *c)
{
	return image_now(c->shared, __rdtsc());
}

void clock_refresh(struct clock *c)
{
	struct amp_clock *a = c->shared;
	if (clock_mono() < c->next)
		return;

	/* Readers retry from here on, so none can use the old rate past the sample taken now. */
	uint32_t seq = a->seq;
	__atomic_store_n(&a->seq, seq + 1, __ATOMIC_SEQ_CST);
	_mm_lfence();
	struct clock_sample s = clock_sample();
	uint64_t tsc = __rdtsc(), was = image_now(a, tsc), elapsed = s.ns - c->start.ns;
	double hz = elapsed ? (double)(s.tsc - c->start.tsc) / ((double)elapsed * 1e-9) : c->hz;
	if (hz < 1e8 || hz > 1e11)
		hz = 1e9;
	uint64_t truth = s.ns - c->zero + (uint64_t)((double)(tsc - s.tsc) / hz * 1e9);
	double slow = 0;
	if (was > truth) {
		slow = (double)(was - truth) / (double)c->interval;
		if (slow > SLEW_MAX)
			slow = SLEW_MAX;
	}
	a->base_tsc = tsc;
	a->base_ns = was > truth ? was : truth;
	a->multiplier = (uint64_t)((double)multiplier(hz) * (1 - slow));
	a->wall_offset = wall_offset(a);
	__atomic_store_n(&a->seq, seq + 2, __ATOMIC_RELEASE);

	c->next = s.ns + c->interval;
	if (c->interval < INTERVAL_MAX)
		c->interval *= 2;
}

int clock_due_ms(const struct clock *c)
{
	uint64_t now = clock_mono();
	return now >= c->next ? 0 : (int)((c->next - now) / 1000000 + 1);
}

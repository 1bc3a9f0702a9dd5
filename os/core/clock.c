/* SPDX-License-Identifier: ISC */
/* The clock: TSC scaled by boot information's parameters, read under their sequence number. */
#include <stdbool.h>

#include <core/boot.h>
#include <core/clock.h>

/* The greatest value given so far. Time never goes backwards, even if the TSCs of the host's cores
 * differ a bit. */
static uint64_t latest;

static inline uint64_t tsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Under an odd or changing number the tender is writing: try again. */
/* (a * b) >> shift in words: the compiler has no code of its own for it where it saves space. */
static inline uint64_t scaled(uint64_t a, uint64_t b, uint32_t shift)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
	if (shift >= 64)
		return high >> (shift - 64);
	return shift ? high << (64 - shift) | low >> shift : low;
}

static uint64_t read_clock(int64_t *wall_offset)
{
	const struct amp_clock *c = &boot_info->clock;
	for (;;) {
		uint32_t seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
		int64_t ticks = (int64_t)(tsc() - __atomic_load_n(&c->base_tsc, __ATOMIC_RELAXED));
		uint64_t multiplier = __atomic_load_n(&c->multiplier, __ATOMIC_RELAXED);
		uint32_t shift = __atomic_load_n(&c->shift, __ATOMIC_RELAXED) & 127;
		uint64_t base_ns = __atomic_load_n(&c->base_ns, __ATOMIC_RELAXED);
		*wall_offset = __atomic_load_n(&c->wall_offset, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((seq & 1) || seq != __atomic_load_n(&c->seq, __ATOMIC_RELAXED)) {
			__builtin_ia32_pause();
			continue;
		}
		if (ticks < 0)
			ticks = 0;
		uint64_t now = base_ns + scaled((uint64_t)ticks, multiplier, shift);
		if (now > latest)
			latest = now;
		return latest;
	}
}

__attribute__((noinline)) uint64_t clock_now(void)
{
	int64_t wall_offset;
	return read_clock(&wall_offset);
}

uint64_t clock_coarse(void)
{
	return latest;
}

int64_t clock_wall(void)
{
	int64_t wall_offset;
	uint64_t now = read_clock(&wall_offset);
	return (int64_t)(now + (uint64_t)wall_offset);
}

/* SPDX-License-Identifier: ISC */
/*
 * The rate is the hypervisor's word where it gives one: KVM's clock, Xen's, or CPUID's leaves 0x40000010 and 0x15. Else it is measured,
 * against QEMU's local APIC, or the PIT's third channel, which counts 1,193,182 times a second: shortly at the start, then, where
 * ACPI has a timer, over an ever longer time while the image runs. A correction never lets the image's time go back.
 */
#include <stdbool.h>

#include <boot/acpi.h>
#include <boot/clock.h>
#include <boot/memory.h>
#include <boot/processor.h>
#include <boot/xen.h>

#define PIT_HZ        1193182u
#define PIT_MIN       480u /* of its ticks: 400 us */
#define TRIES         2000000u
#define LOOKS_MAX     20u
#define APIC          0xfee00000u
#define APIC_MIN      200000u /* ns */
#define TIMER_HZ      3579545u
#define TIMER_BITS    0xffffffu
#define SHIFT         32
#define MSR_KVM_TIME  0x4b564d01u
#define MSR_KVM_WALL  0x4b564d00u
#define GHZ           1000000000ull
#define REFRESH_FIRST 100000000ull
#define REFRESH_MAX   2000000000ull /* the timer must not wrap: 4.6 s */

struct kvm_time {
	uint32_t version, pad;
	uint64_t tsc, system;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags, pads[2];
};
static struct kvm_time kvm_time __attribute__((aligned(64)));
static struct {
	uint32_t version, seconds, ns;
} kvm_wall __attribute__((aligned(64)));

static uint64_t hz;
static bool measured; /* by a short look: to be corrected, if there is something to do that by */
static const char *source;
static struct amp_clock *image;
static uint64_t next_refresh, interval;
/* Of the ACPI timer: what it has counted since the first look, and then. */
static uint64_t counted, first_tsc;
static uint32_t last_count;

/* a * b / c, whose result has 64 bits: UINT64_MAX where it would not. */
static uint64_t scaled(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
	if (high >= c)
		return UINT64_MAX;
	__asm__("divq %2" : "+a"(low), "+d"(high) : "r"(c));
	return low;
}

static uint16_t pit(void)
{
	out8(0x43, 0x80); /* latch channel 2 */
	uint8_t low = in8(0x42);
	return (uint16_t)(low | in8(0x42) << 8);
}

static uint64_t by_kvm(void)
{
	uint32_t leaf = processor_hypervisor("KVMKVMKVM\0\0\0");
	if (!leaf || !(cpuid(leaf + 1, 0).a >> 3 & 1))
		return 0;
	write_msr(MSR_KVM_TIME, (uint64_t)&kvm_time | 1);
	volatile struct kvm_time *t = &kvm_time;
	if (!t->multiplier)
		return 0;
	/* ns = (ticks << shift) * multiplier >> 32 */
	uint64_t rate = (GHZ << 32) / t->multiplier;
	return t->shift < 0 ? rate << -t->shift : rate >> t->shift;
}

static uint64_t by_cpuid(void)
{
	for (uint32_t leaf = 0x40000000; cpuid(1, 0).c >> 31 && leaf < 0x40000200; leaf += 0x100)
		if (cpuid(leaf, 0).a >= leaf + 0x10 && cpuid(leaf, 0).a < leaf + 0x100 &&
		    cpuid(leaf + 0x10, 0).a)
			return cpuid(leaf + 0x10, 0).a * 1000ull;
	if (cpuid(0, 0).a >= 0x15) {
		struct cpuid r = cpuid(0x15, 0);
		if (r.a && r.b && r.c)
			return (uint64_t)r.c * r.b / r.a;
	}
	return 0;
}

/* Ticks of the TSC a second, by a short look; 0: that clock is not there. */
static uint64_t pit_once(void)
{
	uint16_t begin, gone;
	uint32_t tries = 0;
	out8(0x61, (uint8_t)((in8(0x61) & ~2u) | 1u)); /* it counts, silently */
	out8(0x43, 0xb4);                              /* channel 2, both bytes, over and over */
	out8(0x42, 0xff);
	out8(0x42, 0xff);
	begin = pit();
	uint64_t from = read_tsc(), to;
	if (begin == UINT16_MAX && pit() == UINT16_MAX)
		return 0;
	do {
		gone = (uint16_t)(begin - pit());
		to = read_tsc();
	} while (gone < PIT_MIN && ++tries < TRIES);
	return gone < PIT_MIN ? 0 : scaled(to - from, PIT_HZ, gone);
}

/* QEMU's local APIC counts nanoseconds, and may be all that there is (-M microvm,pit=off). */
static uint64_t apic_once(void)
{
	volatile uint8_t *r = memory_device(APIC, 4096);
	volatile uint32_t *divide = (volatile uint32_t *)(r + 0x3e0),
	                  *initial = (volatile uint32_t *)(r + 0x380);
	if (!platform_is_qemu())
		return 0;
	*divide = 0xb; /* by one */
	*initial = UINT32_MAX;
	uint64_t begin = read_tsc(), gone = 0;
	for (uint32_t tries = 0; gone < APIC_MIN && tries < TRIES; tries++)
		gone = UINT32_MAX - *(volatile uint32_t *)(r + 0x390);
	uint64_t ticks = read_tsc() - begin;
	*initial = 0;
	return gone < APIC_MIN ? 0 : scaled(ticks, GHZ, gone);
}

/* Two looks in a row that say the same: who was stopped amid one, or for longer than the clock's turn, says something else. */
static uint64_t measured_by(uint64_t (*once)(void))
{
	uint64_t before = once(), rate;
	for (unsigned looks = 0; before && looks < LOOKS_MAX; looks++, before = rate) {
		rate = once();
		uint64_t apart = rate > before ? rate - before : before - rate;
		if (apart <= rate / 100)
			return (rate + before) / 2;
	}
	return 0;
}

static bool is_rate(uint64_t v)
{
	return v >= 100000000u && v <= 100 * GHZ;
}

void clock_begin(void)
{
	source = "KVM's clock";
	if (is_rate(hz = by_kvm()))
		return;
	source = "Xen";
	if (is_rate(hz = xen_rate()))
		return;
	source = "CPUID";
	if (is_rate(hz = by_cpuid()))
		return;
	measured = true;
	source = "QEMU's APIC";
	if (is_rate(hz = measured_by(apic_once)))
		return;
	source = "the PIT";
	if (is_rate(hz = measured_by(pit_once)))
		return;
	source = "nothing: 1 GHz is assumed";
	hz = GHZ;
}

const char *clock_source(void)
{
	return source;
}

uint64_t clock_ticks(uint64_t ns)
{
	return scaled(ns, hz, GHZ);
}

static uint64_t at(uint64_t tsc)
{
	return image->base_ns +
	       (uint64_t)((unsigned __int128)(tsc - image->base_tsc) * image->multiplier >> SHIFT);
}

uint64_t clock_now(void)
{
	return at(read_tsc());
}

uint64_t clock_tsc(uint64_t ns)
{
	if (ns <= image->base_ns)
		return image->base_tsc;
	uint64_t ticks = scaled(ns - image->base_ns, 1ull << SHIFT, image->multiplier);
	return ticks >= UINT64_MAX - image->base_tsc ? UINT64_MAX : image->base_tsc + ticks + 1;
}

static uint8_t cmos(uint8_t which)
{
	out8(0x70, which);
	return in8(0x71);
}

static unsigned plain(uint8_t v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15u);
}

/* Days from 1970 of a day in the Gregorian calendar, whose years are taken to begin in March. */
static int64_t days(int64_t year, unsigned month, unsigned day)
{
	year -= month < 3;
	month = month < 3 ? month + 9 : month - 3;
	return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 -
	       719468;
}

/* The clock of PCs, by its two same readings. Seconds since 1970; 0: there is none. */
static int64_t wall_by_cmos(void)
{
	uint8_t r[2][6];
	static const uint8_t which[6] = { 0, 2, 4, 7, 8, 9 };
	for (unsigned tries = 0, same = 0; !same; tries++) {
		if (tries == 100)
			return 0;
		for (unsigned k = 0; k < 2; k++)
			for (unsigned i = 0; i < 6; i++)
				r[k][i] = cmos(which[i]);
		same = 1;
		for (unsigned i = 0; i < 6; i++)
			same &= r[0][i] == r[1][i];
		if (cmos(10) & 0x80 && cmos(10) != 0xff) /* it is being set */
			same = 0;
	}
	uint8_t form = cmos(11);
	bool binary = form & 4;
	unsigned month = plain(r[0][4], binary), day = plain(r[0][3], binary);
	unsigned hour = plain(r[0][2] & 0x7f, binary);
	if (!(form & 2)) /* twelve hours */
		hour = hour % 12 + (r[0][2] & 0x80 ? 12 : 0);
	if (form == 0xff || month < 1 || month > 12 || day < 1 || day > 31)
		return 0;
	return days(2000 + plain(r[0][5], binary), month, day) * 86400 + hour * 3600 +
	       plain(r[0][1], binary) * 60 + plain(r[0][0], binary);
}

static int64_t wall_by_kvm(void)
{
	if (!kvm_time.multiplier)
		return 0;
	write_msr(MSR_KVM_WALL, (uint64_t)&kvm_wall);
	volatile struct kvm_time *t = &kvm_time;
	uint64_t ticks = read_tsc() - t->tsc;
	ticks = t->shift < 0 ? ticks >> -t->shift : ticks << t->shift;
	uint64_t up = t->system + (uint64_t)((unsigned __int128)ticks * t->multiplier >> 32);
	return (int64_t)(kvm_wall.seconds * GHZ + kvm_wall.ns + up);
}

void clock_start(struct amp_clock *shared)
{
	int64_t wall = xen_is_there() ? xen_wall() : wall_by_kvm();
	if (!wall && !xen_is_there())
		wall = wall_by_cmos() * (int64_t)GHZ;
	image = shared;
	*image = (struct amp_clock){ .shift = SHIFT,
		                     .multiplier = (GHZ << SHIFT) / hz,
		                     .base_tsc = read_tsc(),
		                     .wall_offset = wall };
	interval = REFRESH_FIRST;
	counted = 0;
	next_refresh = acpi.timer && measured ? interval : UINT64_MAX;
	first_tsc = image->base_tsc;
	last_count = acpi.timer ? in32(acpi.timer) & TIMER_BITS : 0;
}

/* Only where the rate was measured shortly, and there is a timer to measure it for longer. */
void clock_refresh(void)
{
	uint64_t tsc = read_tsc(), was = at(tsc);
	if (was < next_refresh)
		return;
	uint32_t count = in32(acpi.timer) & TIMER_BITS;
	tsc = read_tsc();
	was = at(tsc);
	counted += (count - last_count) & TIMER_BITS;
	last_count = count;
	uint64_t truth = scaled(counted, GHZ, TIMER_HZ), gone = tsc - first_tsc;
	next_refresh = was + interval;
	if (interval < REFRESH_MAX)
		interval *= 2;
	uint64_t rate = counted ? scaled(gone, TIMER_HZ, counted) : 0;
	/* After a sleep beyond the timer's turn, or a pause of the machine, what it says is of no use. */
	if (!is_rate(rate) || rate > hz + hz / 20 || rate < hz - hz / 20) {
		first_tsc = tsc;
		counted = 0;
		return;
	}
	hz = rate;
	__atomic_store_n(&image->seq, image->seq + 1, __ATOMIC_SEQ_CST);
	uint64_t multiplier = (GHZ << SHIFT) / hz;
	if (first_tsc == image->base_tsc || was <= truth)
		image->base_ns = was > truth ? was : truth;
	else /* ahead: slower until true time has caught up */
		image->base_ns = was, multiplier -= multiplier / 1000;
	image->base_tsc = tsc;
	image->multiplier = multiplier;
	__atomic_store_n(&image->seq, image->seq + 1, __ATOMIC_RELEASE);
}

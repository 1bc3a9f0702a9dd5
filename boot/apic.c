/* SPDX-License-Identifier: ISC */
/*
 * The local APIC (Intel SDM 3A, chapter 11), by x2APIC's registers where that is on, and the I/O APICs. The timer is TSC-deadline
 * where the processor has it; else one-shot, whose rate is measured against the TSC over a part of a millisecond.
 */
#include <stdbool.h>

#include <boot/acpi.h>
#include <boot/apic.h>
#include <boot/clock.h>
#include <boot/memory.h>
#include <boot/processor.h>

#define MSR_APIC     0x1bu
#define MSR_DEADLINE 0x6e0u
#define MSR_X2       0x800u
#define ENABLED      (1u << 11)
#define X2           (1u << 10)

enum {
	ID = 0x20,
	EOI = 0xb0,
	SPURIOUS = 0xf0,
	TIMER = 0x320,
	LINT0 = 0x350,
	LINT1 = 0x360,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0
};
#define MASKED       (1u << 16)
#define BY_DEADLINE  (2u << 17)
#define DIVIDE_BY_16 3u
#define MEASURE_NS   200000u
#define ONE_SHOT_MAX 0xffffffffull
#define IOAPIC_USUAL 0xfec00000u

static bool x2, deadline;
static volatile uint8_t *registers;
static uint64_t ticks_per_tsc; /* of the timer, by 2^32 */

static void set(unsigned which, uint32_t v)
{
	if (x2)
		write_msr(MSR_X2 + which / 16, v);
	else
		*(volatile uint32_t *)(registers + which) = v;
}

static uint32_t get(unsigned which)
{
	return x2 ? (uint32_t)read_msr(MSR_X2 + which / 16)
	          : *(volatile uint32_t *)(registers + which);
}

static void measure(void)
{
	set(DIVIDE, DIVIDE_BY_16);
	set(TIMER, MASKED);
	set(INITIAL, 0xffffffff);
	uint64_t begin = read_tsc(), end = begin + clock_ticks(MEASURE_NS);
	while (read_tsc() < end)
		relax();
	uint64_t took = read_tsc() - begin, ticks = 0xffffffffu - get(CURRENT);
	set(INITIAL, 0);
	ticks_per_tsc = (ticks << 32) / (took ? took : 1);
}

void apic_begin(void)
{
	/* The old controllers stay silent. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	uint64_t base = read_msr(MSR_APIC) | ENABLED;
	x2 = base & X2;
	write_msr(MSR_APIC, base);
	registers = memory_device(base & 0xffffff000ull, 4096);
	set(SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	set(LINT0, MASKED);
	set(LINT1, MASKED);
	if (!acpi.ioapic_count)
		acpi.ioapics[acpi.ioapic_count++].at = IOAPIC_USUAL;
}

void apic_time(void)
{
	deadline = cpuid(1, 0).c >> 24 & 1;
	if (!deadline)
		measure();
	set(TIMER, VECTOR_WAKE | (deadline ? BY_DEADLINE : 0));
}

void apic_end(void)
{
	set(EOI, 0);
}

static uint32_t own(void)
{
	return x2 ? get(ID) : get(ID) >> 24;
}

uint32_t apic_message(void)
{
	return VECTOR_WAKE;
}

void apic_line(uint32_t line)
{
	for (uint32_t i = 0; i < acpi.ioapic_count; i++) {
		volatile uint32_t *io = memory_device(acpi.ioapics[i].at, 4096);
		if (!io || line < acpi.ioapics[i].first)
			continue;
		uint32_t pin = line - acpi.ioapics[i].first;
		io[0] = 1;
		if (pin > (io[4] >> 16 & 0xff))
			continue;
		io[0] = 0x11 + 2 * pin;
		io[4] = own() << 24;
		io[0] = 0x10 + 2 * pin;
		io[4] = VECTOR_WAKE;
		return;
	}
}

void apic_sleep(uint64_t tsc)
{
	uint64_t now = read_tsc();
	if (tsc <= now)
		return;
	if (deadline) {
		write_msr(MSR_DEADLINE, tsc == UINT64_MAX ? 0 : tsc);
	} else {
		uint64_t left = tsc - now;
		unsigned __int128 ticks = (unsigned __int128)left * ticks_per_tsc >> 32;
		set(INITIAL, tsc == UINT64_MAX      ? 0
		             : ticks > ONE_SHOT_MAX ? (uint32_t)ONE_SHOT_MAX
		                                    : (uint32_t)ticks + 1);
	}
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* SPDX-License-Identifier: ISC */
/* Xen's public headers: xen.h, arch-x86/cpuid.h, hvm/params.h, io/console.h, event_channel.h, sched.h. Calls go through a page that
 * Xen fills, at 32 bytes a call. */
#include <stddef.h>
#include <string.h>

#include <boot/console.h>
#include <boot/memory.h>
#include <boot/processor.h>
#include <boot/xen.h>

enum { MEMORY_OP = 12, SCHED_OP = 29, EVENT_OP = 32, HVM_OP = 34 };
#define ADD_TO_PHYSMAP 7
#define SHUTDOWN       2
#define EVENT_SEND     4
#define GET_PARAM      1
#define CONSOLE_PFN    17u
#define CONSOLE_EVENT  18u
#define SELF           0x7ff0u
#define SHARED_INFO    0u
#define CALL_SIZE      32u
#define CONSOLE_OUT    2048u
#define CONSOLE_IN     1024u
#define TRIES          10000000u /* looks until a console that nobody reads is given up */
#define GHZ            1000000000ull
/* In the page that is shared with Xen. */
#define TIME_AT 32u
#define WALL_AT 3072u

struct console {
	char in[CONSOLE_IN], out[CONSOLE_OUT];
	uint32_t in_read, in_written, out_read, out_written;
};

extern char xen_calls[]; /* gate.S */
static uint32_t leaf, console_event;
static volatile struct console *console;
static volatile uint8_t *shared;

static int64_t call(unsigned which, uint64_t a, const void *b)
{
	int64_t result;
	__asm__ volatile("call *%[to]"
	                 : "=a"(result), "+D"(a), "+S"(b)
	                 : [to] "r"(xen_calls + which * CALL_SIZE)
	                 : "memory", "rcx", "rdx", "r8", "r9", "r10", "r11");
	return result;
}

bool xen_is_there(void)
{
	return leaf;
}

static uint64_t parameter(uint32_t index)
{
	struct {
		uint16_t domain, pad;
		uint32_t index;
		uint64_t value;
	} p = { .domain = SELF, .index = index };
	return call(HVM_OP, GET_PARAM, &p) ? 0 : p.value;
}

static void tell_console(void)
{
	call(EVENT_OP, EVENT_SEND, &console_event);
}

static void put(const char *bytes, size_t size)
{
	uint32_t at = console->out_written;
	for (size_t i = 0; i < size; i++) {
		for (uint32_t tries = 0; at - console->out_read >= CONSOLE_OUT; tries++) {
			__atomic_store_n(&console->out_written, at, __ATOMIC_RELEASE);
			if (!(tries % 4096))
				tell_console();
			if (tries == TRIES)
				return;
			relax();
		}
		console->out[at++ % CONSOLE_OUT] = bytes[i];
	}
	__atomic_store_n(&console->out_written, at, __ATOMIC_RELEASE);
	tell_console();
}

static void share(void)
{
	struct {
		uint16_t domain, size;
		uint32_t space;
		uint64_t index, page;
	} p = { SELF, 0, SHARED_INFO, 0, 0 };
	uint8_t *page = memory_take(4096);
	p.page = (uint64_t)page >> 12;
	if (!call(MEMORY_OP, ADD_TO_PHYSMAP, &p))
		shared = page;
}

void xen_begin(void)
{
	leaf = processor_hypervisor("XenVMMXenVMM");
	if (!leaf)
		return;
	write_msr(cpuid(leaf + 2, 0).b, (uint64_t)xen_calls);
	uint64_t page = parameter(CONSOLE_PFN);
	console_event = (uint32_t)parameter(CONSOLE_EVENT);
	console = page ? (volatile struct console *)memory_device(page << 12, 4096) : NULL;
	if (console && console_event)
		console_add(put);
	share();
}

uint64_t xen_rate(void)
{
	return leaf ? (uint64_t)cpuid(leaf + 3, 0).c * 1000u : 0;
}

int64_t xen_wall(void)
{
	struct {
		uint32_t version, pad;
		uint64_t tsc, system;
		uint32_t multiplier;
		int8_t shift;
	} t;
	uint32_t wall[4];
	if (!shared)
		return 0;
	memcpy(&t, (const uint8_t *)(uintptr_t)shared + TIME_AT, sizeof t);
	memcpy(wall, (const uint8_t *)(uintptr_t)shared + WALL_AT, sizeof wall);
	uint64_t ticks = read_tsc() - t.tsc;
	ticks = t.shift < 0 ? ticks >> (-t.shift & 63) : ticks << (t.shift & 63);
	uint64_t up = t.system + (uint64_t)((unsigned __int128)ticks * t.multiplier >> 32);
	return (int64_t)(((uint64_t)wall[3] << 32 | wall[1]) * GHZ + wall[2] + up);
}

void xen_off(void)
{
	static const uint32_t poweroff = 0;
	if (leaf)
		call(SCHED_OP, SHUTDOWN, &poweroff);
}

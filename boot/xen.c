/* SPDX-License-Identifier: ISC */
/* Xen's public headers: xen.h, arch-x86/cpuid.h, hvm/params.h, io/console.h, event_channel.h, memory.h, sched.h. Calls go through a page that
 * Xen fills, at 32 bytes a call. */
#include <stddef.h>
#include <string.h>

#include <boot/console.h>
#include <boot/memory.h>
#include <boot/processor.h>
#include <boot/xen.h>
#include <boot/xen_call.h>
#include <boot/xen_events.h>
#include <boot/xen_store.h>

#define ADD_TO_PHYSMAP 7
#define SHUTDOWN       2
#define EVENT_SEND     4
#define GET_PARAM      1
#define STORE_PFN      1u
#define STORE_EVENT    2u
#define CONSOLE_PFN    17u
#define CONSOLE_EVENT  18u
#define CALL_SIZE      32u
#define CONSOLE_OUT    2048u
#define CONSOLE_IN     1024u
#define TRIES          10000000u /* looks until a console that nobody reads is given up */
#define GHZ            1000000000ull
#define WORD           16u
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

static uint32_t watch = STORE_NONE;
static enum { POWEROFF, REBOOT } reason;

int64_t xen_call(unsigned which, uint64_t a, const void *b)
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

uint64_t xen_parameter(uint32_t index)
{
	struct {
		uint16_t domain, pad;
		uint32_t index;
		uint64_t value;
	} p = { .domain = XEN_SELF, .index = index };
	return xen_call(XEN_HVM_OP, GET_PARAM, &p) ? 0 : p.value;
}

static void tell_console(void)
{
	xen_call(XEN_EVENT_OP, EVENT_SEND, &console_event);
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

int xen_map(uint32_t space, uint64_t index, void *page)
{
	const struct {
		uint16_t domain, size;
		uint32_t space;
		uint64_t index, page;
	} p = { XEN_SELF, 0, space, index, (uint64_t)page >> 12 };
	return xen_call(XEN_MEMORY_OP, ADD_TO_PHYSMAP, &p) ? -1 : 0;
}

void xen_begin(void)
{
	leaf = processor_hypervisor("XenVMMXenVMM");
	if (!leaf)
		return;
	write_msr(cpuid(leaf + 2, 0).b, (uint64_t)xen_calls);
	uint64_t page = xen_parameter(CONSOLE_PFN);
	console_event = (uint32_t)xen_parameter(CONSOLE_EVENT);
	console = page ? (volatile struct console *)memory_device(page << 12, 4096) : NULL;
	if (console && console_event)
		console_add(put);
	uint8_t *page_shared = memory_take(4096);
	if (!xen_map(XEN_SHARED_INFO, 0, page_shared))
		shared = page_shared;
}

void xen_devices(void)
{
	uint64_t page = leaf && shared ? xen_parameter(STORE_PFN) : 0;
	uint32_t event = page ? (uint32_t)xen_parameter(STORE_EVENT) : 0;
	volatile void *ring = event ? memory_device(page << 12, 4096) : NULL;
	if (!ring)
		return;
	events_begin(shared);
	store_begin(ring, event);
	watch = store_watch("control/shutdown");
	store_write("control/feature-poweroff", "1");
	store_write("control/feature-reboot", "1");
}

bool xen_asked(void)
{
	char word[WORD];
	if (watch == STORE_NONE || !store_fired(watch) ||
	    store_read("control/shutdown", word, sizeof word) <= 0)
		return false;
	bool reboot = !strcmp(word, "reboot");
	if (!reboot && strcmp(word, "poweroff") && strcmp(word, "halt"))
		return false;
	reason = reboot ? REBOOT : POWEROFF;
	store_write("control/shutdown", ""); /* it is taken */
	return true;
}

uint64_t xen_rate(void)
{
	return leaf ? (uint64_t)cpuid(leaf + 3, 0).c * 1000u : 0;
}

uint64_t xen_up(void)
{
	struct {
		uint32_t version, pad;
		uint64_t tsc, system;
		uint32_t multiplier;
		int8_t shift;
	} t;
	if (!shared)
		return 0;
	/* Xen writes it only while this domain's processor does not run. */
	memcpy(&t, (const uint8_t *)(uintptr_t)shared + TIME_AT, sizeof t);
	uint64_t ticks = read_tsc() - t.tsc;
	ticks = t.shift < 0 ? ticks >> (-t.shift & 63) : ticks << (t.shift & 63);
	return t.system + (uint64_t)((unsigned __int128)ticks * t.multiplier >> 32);
}

int64_t xen_wall(void)
{
	uint32_t wall[4];
	if (!shared)
		return 0;
	memcpy(wall, (const uint8_t *)(uintptr_t)shared + WALL_AT, sizeof wall);
	return (int64_t)(((uint64_t)wall[3] << 32 | wall[1]) * GHZ + wall[2] + xen_up());
}

void xen_off(void)
{
	const uint32_t why = reason;
	if (leaf)
		xen_call(XEN_SCHED_OP, SHUTDOWN, &why);
}

/* SPDX-License-Identifier: ISC */
/*
 * A wait works on all devices first, so that nothing has to be told between two; then it looks whether what is waited for is
 * there, has the devices send interrupts, looks once more, and sleeps. Interrupts are off but for that sleep, so that none is
 * missed between the look and it.
 */
#include <string.h>
#include <sys/random.h>

#include <boot/apic.h>
#include <boot/calls.h>
#include <boot/clock.h>
#include <boot/console.h>
#include <boot/devices.h>
#include <boot/lazy.h>
#include <boot/power.h>
#include <boot/processor.h>
#include <boot/xen_events.h>

#define STOP_MINOR  3u
#define CANONICAL   47 /* bits of an address of ring 3 */
#define STOP_NS     10000000000ull
#define DRAIN_NS    100000000ull
#define STOP_STATUS (128u + 15u)

static struct calls now;

void calls_begin(const struct calls *c)
{
	now = *c;
}

/* The button asks the image to end; twice, or an older image, and it is ended. */
static void look_at_button(void)
{
	if (power_asked()) {
		if (now.abi_minor < STOP_MINOR || now.boot->stop_at_ns)
			power_off(STOP_STATUS);
		__atomic_store_n(&now.boot->stop_at_ns, clock_now() + STOP_NS, __ATOMIC_RELEASE);
	}
	if (now.boot->stop_at_ns && clock_now() > now.boot->stop_at_ns) {
		say("the image has not ended within %llu s of being asked to",
		    STOP_NS / 1000000000ull);
		power_off(STOP_STATUS);
	}
}

static bool is_there(uint64_t events)
{
	return devices_ready(events) || (events & AMP_WAIT_STOP && now.boot->stop_at_ns);
}

static void wait(uint64_t deadline, uint64_t events)
{
	for (;;) {
		events_settle(); /* what Xen tells from here on ends the sleep */
		devices_pass();
		look_at_button();
		clock_refresh();
		if (is_there(events) || clock_now() >= deadline)
			return;
		devices_listen(events);
		/* A device that has done something meanwhile has sent no interrupt for it. */
		if (!devices_pass() && !is_there(events)) {
			uint64_t until = deadline;
			if (now.boot->stop_at_ns && now.boot->stop_at_ns < until)
				until = now.boot->stop_at_ns;
			uint64_t tsc = until == UINT64_MAX ? UINT64_MAX : clock_tsc(until);
			uint64_t device = devices_until();
			apic_sleep(device < tsc ? device : tsc);
		}
		devices_woke();
	}
}

/* More than there is room for is no answer: a part of it would be another one. */
static void keep(const char *bytes, uint64_t size)
{
	if (size > now.room)
		now.ended(AMP_EXIT_USAGE);
	memcpy(now.output, bytes, size);
	now.output += size;
	now.room -= (uint32_t)size;
	*now.output = 0;
}

static int64_t puts_call(uint64_t stream, uint64_t at, uint64_t size)
{
	uint64_t done = 0, follow;
	if (stream != AMP_STREAM_OUTPUT && stream != AMP_STREAM_LOG)
		return AMP_GATE_BAD;
	if (size > AMP_PUTS_MAX)
		size = AMP_PUTS_MAX;
	while (done < size) {
		const uint8_t *from = space_bytes(now.space, at + done, RIGHT_R, &follow);
		if (!from)
			return done ? (int64_t)done : AMP_GATE_BAD;
		if (follow > size - done)
			follow = size - done;
		lazy_touch(now.pages, at + done, follow);
		if (now.ended && stream == AMP_STREAM_OUTPUT)
			keep((const char *)from, follow);
		else
			console_write((unsigned)stream, (const char *)from, follow);
		done += follow;
	}
	return (int64_t)done;
}

static int64_t seed_call(uint64_t at)
{
	uint64_t follow;
	uint8_t *to = space_bytes(now.space, at, RIGHT_R | RIGHT_W, &follow);
	if (!to || follow < AMP_SEED_SIZE)
		return AMP_GATE_BAD;
	lazy_touch(now.pages, at, AMP_SEED_SIZE);
	getrandom(to, AMP_SEED_SIZE, 0);
	return 0;
}

/* What was sent last goes out, if the machine's devices take it in time. */
static void drain(void)
{
	uint64_t end = clock_now() + DRAIN_NS;
	do
		devices_pass();
	while (!devices_idle() && clock_now() < end);
}

int64_t gate_call(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	switch (call) {
	case AMP_GATE_EXIT:
		if (now.ended)
			now.ended(a & 255);
		drain();
		power_off(a & 255);
	case AMP_GATE_WAIT:
		wait(a, b);
		return 0;
	case AMP_GATE_KICK:
		if (!devices_has(a))
			return AMP_GATE_BAD;
		devices_pass();
		return 0;
	case AMP_GATE_PUTS:
		return puts_call(a, b, c);
	case AMP_GATE_SEED:
		return seed_call(a);
	case AMP_GATE_FS_BASE:
		if (!(now.boot->flags & AMP_BOOT_FS_BASE_BY_GATE) || a >> CANONICAL)
			return AMP_GATE_BAD;
		processor_fs_base(a);
		return 0;
	}
	return AMP_GATE_BAD;
}

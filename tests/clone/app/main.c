/* SPDX-License-Identifier: ISC */
/* Tells what is new in a clone, asks for a name, and tries to connect: its packets have numbers and ports of the clone's own. */
#include "appliance.h"

#include <stdio.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/random.h>
#include <core/task.h>
#include <net/interface.h>
#include <net/resolver.h>
#include <net/tcp.h>

#define DISCARD_PORT 9

static bool begun;       /* a clone has, and nothing else has run since */
static unsigned records; /* functions of ON_CLONE that were called */
static uint64_t canary;  /* of the last task that began */
static uint64_t secret;  /* FNV-1a of what this one was given, which is erased; 0: nothing */

static void take_secret(void)
{
	struct boot_secret s = arg_token();
	secret = s.bytes ? 0xcbf29ce484222325 : 0;
	for (size_t i = 0; i < s.size; i++)
		secret = (secret ^ (uint8_t)s.bytes[i]) * 0x100000001b3;
	boot_secret_erase(s);
}

static void count(void)
{
	records++;
	take_secret();
}
ON_CLONE(900, count);

static void tell(const char *what)
{
	uint8_t bytes[16];
	char text[33];
	random_bytes(bytes, sizeof bytes);
	for (unsigned i = 0; i < sizeof bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	printf("%s %llu %s %s %u %lld %llx %llx\n", what, (unsigned long long)clone_generation(),
	       arg_label(), text, records, (long long)(clock_wall() / (int64_t)NS_PER_S),
	       (unsigned long long)canary, (unsigned long long)secret);
}

static void begin(struct clone_handler *h)
{
	(void)h;
	begun = true;
	canary = 0;
	tell("begins");
}

static void look(void *arg)
{
	(void)arg;
	__asm__ volatile("movq %%fs:0x28, %0" : "=r"(canary)); /* core/canary.h */
}

static void ask(void)
{
	struct net_address server = net_ip4(arg_peer()), found;
	struct tcp_connection *c;
	resolver_use(&server, 1);
	resolver_lookup("unique.example", &found, 1, clock_now() + 200 * NS_PER_MS);
	resolver_forget();
	if (!tcp_connect(&c, server, DISCARD_PORT, NULL, clock_now() + 200 * NS_PER_MS))
		tcp_abort(c);
}

/* Behind the end of a task's stack. */
__attribute__((noinline)) static uint64_t sink(uint64_t depth)
{
	volatile uint64_t room[32];
	room[depth & 31] = depth;
	return room[depth & 31] == UINT64_MAX ? 0 : sink(depth + 1) + room[(depth + 1) & 31];
}

static void deep(void *arg)
{
	(void)arg;
	printf("%llu\n", (unsigned long long)sink(0));
}

int main(void)
{
	static struct clone_handler handler = { .begin = begin };
	clone_on(&handler);
	take_secret();
	tell("starts");
	for (;;) {
		/* A clone says it again, since packets are lost, but seldom: hundreds of others still begin. */
		uint64_t ms = !clone_generation() ? 40 : begun ? 400 : 3000;
		task_sleep_until(clock_now() + ms * NS_PER_MS);
		task_spawn("look", look, NULL);
		if (arg_deep())
			task_spawn("deep", deep, NULL);
		task_sleep_until(clock_now() + NS_PER_MS);
		tell(begun ? "first" : "then");
		begun = false;
		ask();
		if (arg_warm())
			clone_ready();
	}
}

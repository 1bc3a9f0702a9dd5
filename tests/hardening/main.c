/* SPDX-License-Identifier: ISC */
/*
 * An appliance that attacks itself, as a hole in it would let others do: one mode an attack. An attack that works says so
 * in a line that begins with "open:"; one that finds nothing to attack ends in one that begins with "closed:". All others
 * have to end in a report that names what was tried.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/boot.h>
#include <core/chacha.h>
#include <core/config.h>
#include <core/heap.h>
#include <core/random.h>
#include <core/task.h>

#include "appliance.h"

#define HIDDEN(pointer_) __asm__ volatile("" : "+r"(pointer_) : : "memory")
#define RAW              __attribute__((noinline, no_stack_protector))

/* ---- A frame over a guard ---- */

static uint64_t stack_pointer(void)
{
	uint64_t sp;
	__asm__ volatile("movq %%rsp, %0" : "=r"(sp));
	return sp;
}

/* A buffer of which only the beginning, its lowest bytes, is used. */
#define STEP(size_)                                                                                \
	static RAW void step_##size_(void)                                                         \
	{                                                                                          \
		__attribute__((uninitialized)) char frame[size_ * 1024];                           \
		char *p = frame;                                                                   \
		HIDDEN(p);                                                                         \
		memset(p, 0x5a, 64);                                                               \
		printf("open: wrote %llx, %u KiB down\n", (unsigned long long)(uint64_t)p, size_); \
		HIDDEN(p);                                                                         \
	}
STEP(8)
STEP(80)

static uint64_t low; /* of the attacker's stack */

static RAW void deeper(void (*step)(void))
{
	__attribute__((uninitialized)) char some[256];
	char *p = some;
	HIDDEN(p);
	if (stack_pointer() - low > 2048)
		deeper(step);
	else
		step();
	HIDDEN(p);
}

static void clash(void *step)
{
	low = stack_pointer() & -(uint64_t)AMP_PAGE;
	uint64_t stride = (uint64_t)stack_layout.size + stack_layout.guard;
	low = stack_layout.base + (low - stack_layout.base) / stride * stride + stack_layout.guard;
	deeper((void (*)(void))step);
}

/* ---- Return addresses and canaries ---- */

static __attribute__((noinline)) void overwrite(uint64_t word)
{
	uint64_t buffer[4] = { 0 };
	uint64_t *p = buffer;
	HIDDEN(p);
	for (int i = 0; i < 12; i++)
		p[i] = word;
	HIDDEN(p);
}

static uint64_t canaries[3];

static uint64_t canary(void)
{
	uint64_t word;
	__asm__ volatile("movq %%fs:0x28, %0" : "=r"(word));
	return word;
}

static void other_task(void *arg)
{
	canaries[(uintptr_t)arg] = canary();
	task_yield();
	if (canaries[(uintptr_t)arg] != canary())
		printf("open: a task's canary changed while it ran\n");
}

/* What a task learns of another's canary does not help it. */
static void reuse(void *arg)
{
	(void)arg;
	overwrite(canaries[0]);
	printf("open: returned with another task's canary\n");
}

/* ---- The heap ---- */

/* By the size that the heap stores objects in, one byte past it. */
static void overflow(size_t size)
{
	char *p = malloc(size);
	size_t room = heap_size(p);
	HIDDEN(p);
	memset(p, 'x', room + 1);
	HIDDEN(p);
	free(p);
	printf("open: %zu bytes in %zu\n", room + 1, room);
}

static void write_after_free(size_t size)
{
	enum { COUNT = 4096 };
	char *p = malloc(size);
	HIDDEN(p);
	free(p);
	p[size / 2] = 'x';
	HIDDEN(p);
	for (int i = 0; i < COUNT; i++) {
		char *q = malloc(size);
		HIDDEN(q);
		free(q);
	}
	printf("open: wrote into freed memory\n");
}

static void read_after_free(void)
{
	struct thing {
		uint64_t words[4];
		char *text;
	} *p = malloc(sizeof *p);
	p->text = strdup("secret");
	HIDDEN(p);
	free(p);
	HIDDEN(p);
	printf("open: %c\n", p->text[0]);
}

/* How often the next object of the size takes the freed one's place. */
static void reuse_after_free(void)
{
	enum { TRIES = 2000 };
	unsigned same = 0;
	for (int i = 0; i < TRIES; i++) {
		char *p = malloc(48);
		HIDDEN(p);
		free(p);
		char *q = malloc(48);
		HIDDEN(q);
		same += p == q;
		free(q);
	}
	printf("%s: %u of %u take the place of what was just freed\n", same ? "open" : "closed",
	       same, TRIES);
}

/* How often an object lies directly behind the one before it. */
static void neighbours(void)
{
	enum { COUNT = 2000 };
	static char *all[COUNT];
	unsigned next = 0;
	for (int i = 0; i < COUNT; i++) {
		all[i] = malloc(32);
		uint64_t apart = i ? (uint64_t)all[i] - (uint64_t)all[i - 1] : 0;
		next += i && apart <= heap_size(all[i]) + 16;
	}
	printf("%s: %u of %u lie directly behind the one before\n",
	       next > COUNT / 20 ? "open" : "closed", next, COUNT);
}

static void twice(void)
{
	char *p = malloc(100), *q = malloc(100);
	HIDDEN(p);
	free(p);
	free(q);
	free(p);
	printf("open: freed twice\n");
}

/* ---- The seed ---- */

/* The generator's first output after a seed, as random.c makes it. */
static void outputs_of(const uint8_t seed[AMP_SEED_SIZE], uint8_t out[CHACHA_BLOCK])
{
	static const uint8_t nonce[CHACHA_NONCE];
	uint8_t block[CHACHA_BLOCK];
	uint32_t counter;
	memcpy(&counter, seed + CHACHA_KEY + CHACHA_NONCE, sizeof counter);
	chacha_blocks(block, 1, seed, counter, seed + CHACHA_KEY);
	chacha_blocks(out, 1, block, 0, nonce);
}

/* The canary of main is the first word that is drawn. */
static bool is_seed(const uint8_t *at)
{
	static uint8_t out[CHACHA_BLOCK];
	uint64_t first;
	outputs_of(at, out);
	memcpy(&first, out + CHACHA_KEY, sizeof first);
	return (first & ~0xffull) == canary();
}

static void look(const char *where, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at + AMP_SEED_SIZE <= to; at += 8) {
		const uint64_t *word = (const uint64_t *)at;
		if ((word[0] | word[1] | word[2]) && is_seed((const uint8_t *)at))
			printf("open: the seed lies in %s\n", where);
	}
}

extern char __constants_end[], ampoule_stacks[];

static void seed_back(void)
{
	uint8_t any = 0;
	for (unsigned i = 0; i < AMP_SEED_SIZE; i++)
		any |= boot_info->seed[i];
	if (any)
		printf("open: boot information has the seed\n");
	look("boot information", (uint64_t)boot_info, (uint64_t)(boot_info + 1));
	look("data", ((uint64_t)__constants_end + AMP_PAGE - 1) & -(uint64_t)AMP_PAGE,
	     (uint64_t)ampoule_stacks);
	look("the heap", boot_info->extents[0].base, boot_info->extents[0].base + (2 << 20));
	uint64_t stride = (uint64_t)stack_layout.size + stack_layout.guard;
	for (uint32_t i = 0; i < stack_layout.count; i++)
		look("a stack", stack_layout.base + i * stride + stack_layout.guard,
		     stack_layout.base + (i + 1) * stride);
	printf("closed: looked everywhere\n");
}

int main(void)
{
	const char *mode = arg_mode();
	int here;
	if (!strcmp(mode, "places"))
		printf("%p %p %p %p %p\n", (void *)main, (void *)"a constant", (void *)&canaries,
		       (void *)&here, malloc(8));
	else if (!strcmp(mode, "clash"))
		task_spawn("attacker", clash, (void *)step_8);
	else if (!strcmp(mode, "long-clash"))
		task_spawn("attacker", clash, (void *)step_80);
	else if (!strcmp(mode, "return"))
		overwrite((uint64_t)main);
	else if (!strcmp(mode, "canaries")) {
		canaries[0] = canary();
		task_spawn("one", other_task, (void *)1);
		task_spawn("two", other_task, (void *)2);
		task_yield();
		bool same = canaries[0] == canaries[1] || canaries[0] == canaries[2] ||
		            canaries[1] == canaries[2];
		printf("%s: canaries of three tasks\n",
		       same || canaries[0] != canary() ? "open" : "closed");
	} else if (!strcmp(mode, "switch")) { /* it ends with the switch, and compares its canary */
		task_sleep_until(0);
		printf("closed: a change of stacks changes no canary too early\n");
	} else if (!strcmp(mode, "reuse-canary")) {
		canaries[0] = canary();
		task_spawn("attacker", reuse, NULL);
	} else if (!strcmp(mode, "overflow"))
		overflow(64);
	else if (!strcmp(mode, "overflow-large"))
		overflow(2048);
	else if (!strcmp(mode, "overflow-run"))
		overflow(10000);
	else if (!strcmp(mode, "write-after-free"))
		write_after_free(48);
	else if (!strcmp(mode, "write-after-free-run"))
		write_after_free(20000);
	else if (!strcmp(mode, "read-after-free"))
		read_after_free();
	else if (!strcmp(mode, "reuse"))
		reuse_after_free();
	else if (!strcmp(mode, "neighbours"))
		neighbours();
	else if (!strcmp(mode, "twice"))
		twice();
	else if (!strcmp(mode, "seed"))
		seed_back();
	else
		printf("open: no such mode\n");
	for (int i = 0; i < 4; i++) /* the attackers' turns */
		task_yield();
	return 0;
}

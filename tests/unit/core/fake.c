/* SPDX-License-Identifier: ISC */
/* The fake tender. Its clock has multiplier 0, so that now is base_ns whatever the TSC says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <core/archive.h>
#include <core/boot.h>

#include "fake.h"

struct amp_boot fake_boot;
const uint32_t *const archive_entries = NULL;
char fake_output[1 << 20], fake_log[1 << 16];
size_t fake_output_size, fake_log_size;
unsigned fake_puts, fake_waits, fake_seeds;
uint64_t fake_wait_deadline, fake_wait_events;
void (*fake_on_wait)(void);
uint64_t fake_wait_takes, fake_resume;
bool fake_as_clone;

static int panic_pipe = -1;

static void keep(char *to, size_t room, size_t *used, const void *bytes, size_t size)
{
	if (size > room - 1 - *used)
		size = room - 1 - *used;
	memcpy(to + *used, bytes, size);
	*used += size;
	to[*used] = '\0';
}

/* Enters at `resume` as a tender does (abi, section 6): RSP behind the word, all other registers zero. */
static void enter_clone(uint64_t resume)
{
	fake_as_clone = false;
	__asm__ volatile("movq %0, %%rax\n\t"
	                 "leaq 8(%%rax), %%rsp\n\t"
	                 "movq (%%rax), %%rax\n\t"
	                 "xorl %%ebx, %%ebx\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "xorl %%r12d, %%r12d\n\t"
	                 "xorl %%r13d, %%r13d\n\t"
	                 "xorl %%r14d, %%r14d\n\t"
	                 "xorl %%r15d, %%r15d\n\t"
	                 "jmp *%%rax"
	                 :
	                 : "r"(resume), "D"(boot_info)
	                 : "memory");
}

static int64_t gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	switch (call) {
	case AMP_GATE_WAIT:
		fake_waits++;
		fake_wait_deadline = a;
		fake_wait_events = b;
		fake_resume = c;
		if (a != UINT64_MAX && a > fake_boot.clock.base_ns)
			fake_boot.clock.base_ns = a;
		fake_boot.clock.base_ns += fake_wait_takes;
		if (fake_on_wait)
			fake_on_wait();
		if (fake_as_clone)
			enter_clone(c);
		return 0;
	case AMP_GATE_KICK:
		return 0;
	case AMP_GATE_SEED:
		fake_seeds++;
		memcpy((void *)a, fake_boot.seed, AMP_SEED_SIZE);
		return 0;
	case AMP_GATE_PUTS:
		fake_puts++;
		if (c > AMP_PUTS_MAX)
			return AMP_GATE_BAD;
		if (a == AMP_STREAM_OUTPUT)
			keep(fake_output, sizeof fake_output, &fake_output_size, (void *)b, c);
		else
			keep(fake_log, sizeof fake_log, &fake_log_size, (void *)b, c);
		if (panic_pipe >= 0 && write(panic_pipe, (void *)b, c) < 0)
			_exit(1);
		return (int64_t)c;
	default:
		return AMP_GATE_BAD;
	}
}

void fake_start(void)
{
	fake_boot = (struct amp_boot){
		.magic = AMP_BOOT_MAGIC,
		.abi_major = AMP_ABI_MAJOR,
		.abi_minor = AMP_ABI_MINOR,
		.size = sizeof fake_boot,
		.gate = (uint64_t)gate,
		.log_level = 1,
		.clock = { .base_ns = 0, .wall_offset = 1700000000000000000 },
	};
	boot_info = &fake_boot;
	fake_output_size = fake_log_size = fake_puts = fake_waits = fake_seeds = 0;
	fake_output[0] = fake_log[0] = '\0';
	fake_on_wait = NULL;
	fake_wait_takes = 0;
	fake_as_clone = false;
}

void fake_set_now(uint64_t ns)
{
	fake_boot.clock.base_ns = ns;
}

void *fake_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	return p;
}

bool fake_panics(void (*fn)(void *), void *arg, const char *text)
{
	int pipes[2], status;
	char words[1024];
	fflush(NULL);
	if (pipe(pipes) != 0)
		return false;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGILL, SIG_DFL);
		panic_pipe = pipes[1];
		fn(arg);
		_exit(0);
	}
	close(pipes[1]);
	ssize_t n = read(pipes[0], words, sizeof words - 1);
	close(pipes[0]);
	words[n > 0 ? n : 0] = '\0';
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	bool good =
	        WIFSIGNALED(status) && WTERMSIG(status) == SIGILL && strstr(words, text) != NULL;
	if (!good)
		printf("status %#x, last words: %s\n", (unsigned)status, words);
	return good;
}

uint64_t fake_random(void)
{
	static uint64_t x = 88172645463325252ull;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dull;
}

/* SPDX-License-Identifier: ISC */
/*
 * An image without a library OS: it does what its argument `mode` says, to see what the tender
 * makes of it. Linked by hand (run), since `ampoule build` rightly refuses most of what is done
 * here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>

#define STACK_SIZE 65536u
#define STACKS     3u
#ifndef PROBE_MEMORY
#define PROBE_MEMORY_MIN (1 << 20)
#define PROBE_MEMORY     (4 << 20)
#endif
#define EXIT_WRONG 99 /* the tender did not keep the contract */

extern uint8_t stacks[];

enum { ARG_MODE, ARG_CODE, ARG_FIXED, ARGS };

static const struct __attribute__((packed)) {
	uint32_t name_size, desc_size, type;
	char name[8];
	struct amp_note note;
	struct amp_note_device devices[1];
	struct amp_note_arg args[ARGS];
	struct amp_note_library libraries[1];
} note __attribute__((used, section(".note.ampoule"), aligned(4))) = {
	8,
	sizeof note - 20,
	AMP_NOTE_TYPE,
	AMP_NOTE_NAME,
	{ .abi_major = AMP_ABI_MAJOR,
	  .abi_minor = AMP_ABI_MINOR,
	  .size = sizeof note - 20,
	  .name = "probe",
	  .version = "1",
	  .build_id = { 0x70, 0x72, 0x6f, 0x62, 0x65 },
	  .memory_min = PROBE_MEMORY_MIN,
	  .memory_default = PROBE_MEMORY,
	  .stack_base = (uint64_t)stacks,
	  .stack_size = STACK_SIZE,
	  .stack_count = STACKS,
	  .cpu_level = 1,
	  .device_count = 1,
	  .arg_count = ARGS,
	  .library_count = 1 },
	{ { .name = "net0",
	    .type = AMP_DEVICE_NET,
	    .flags = AMP_NOTE_DEVICE_OPTIONAL,
	    .ring_size = 64,
	    .frame_count = 128 } },
	{ { .name = "mode",
	    .type = AMP_ARG_STRING,
	    .flags = AMP_NOTE_ARG_DYNAMIC,
	    .value = "hello" },
	  { .name = "code", .type = AMP_ARG_U32, .flags = AMP_NOTE_ARG_DYNAMIC, .value = "0" },
	  { .name = "fixed", .type = AMP_ARG_U16, .value = "53", .help = "cannot be set" } },
	{ { .name = "core" } },
};

/* Named by assembler, too. */
__attribute__((used)) static const struct amp_boot *boot;
__attribute__((used)) static uint64_t start_registers; /* all that should be zero, or'ed together */
__attribute__((used)) static uint64_t start_flags, start_stack;
/* All that XCR0 knows of, as XSAVE writes it; larger than any processor's. */
__attribute__((used, aligned(64))) static uint8_t start_extended[16384];
static uint8_t data_code[16] = { 0xc3 };
static const uint64_t constant = 1;

static int64_t gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	return ((int64_t (*)(uint64_t, uint64_t, uint64_t, uint64_t))boot->gate)(call, a, b, c);
}

static _Noreturn void leave(int code)
{
	gate(AMP_GATE_EXIT, (uint64_t)code, 0, 0);
	__builtin_trap();
}

static size_t length(const char *text)
{
	size_t n = 0;
	while (text[n])
		n++;
	return n;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void print(const char *text)
{
	gate(AMP_GATE_PUTS, AMP_STREAM_OUTPUT, (uint64_t)text, length(text));
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	print("wrong: ");
	print(what);
	print("\n");
	leave(EXIT_WRONG);
}

static uint64_t now(void)
{
	const volatile struct amp_clock *c = &boot->clock;
	for (;;) {
		uint32_t seq = c->seq;
		__asm__ volatile("lfence" ::: "memory");
		uint64_t ns = c->base_ns +
		              (uint64_t)((unsigned __int128)(__builtin_ia32_rdtsc() - c->base_tsc) *
		                                 c->multiplier >>
		                         c->shift);
		__asm__ volatile("lfence" ::: "memory");
		if (!(seq & 1) && seq == c->seq)
			return ns;
	}
}

/* ---- Faults: each in a function of its own, for the backtrace ---- */

/* Under KVM descriptors and stubs of the tender's lie there, in the gate's 2 MiB (host/tender/space.c). */
static uint64_t system_area(void)
{
	const uint64_t large = 0x200000, block = boot->gate & -large;
	return boot->gate - block >= 0x10000 ? block : block + large / 2;
}

__attribute__((noinline)) void fault_null(void)
{
	volatile uint64_t *p = (volatile uint64_t *)8;
	__asm__("" : "+r"(p));
	*p = 1;
}

__attribute__((noinline)) void fault_null_call(void)
{
	void (*volatile f)(void) = NULL;
	f();
	__asm__ volatile("");
}

__attribute__((noinline)) void fault_jump_data(void)
{
	void (*volatile f)(void) = (void (*)(void))(void *)data_code;
	f();
	__asm__ volatile("");
}

__attribute__((noinline)) void fault_jump_stack(void)
{
	volatile uint8_t code[16] = { 0xc3 };
	void (*volatile f)(void) = (void (*)(void))(void *)code;
	f();
	__asm__ volatile("" ::"r"(code));
}

__attribute__((noinline)) void fault_write_text(void)
{
	*(volatile uint8_t *)(void *)fault_null = 0x90;
}

__attribute__((noinline)) void fault_write_constant(void)
{
	*(volatile uint64_t *)(uintptr_t)&constant = 2;
}

__attribute__((noinline)) void fault_write_boot(void)
{
	*(volatile uint64_t *)(uintptr_t)&boot->gate = 2;
}

__attribute__((noinline)) void fault_write_gate(void)
{
	*(volatile uint64_t *)boot->gate = 2;
}

__attribute__((noinline)) void fault_nowhere(void)
{
	*(volatile uint64_t *)(AMP_IMAGE_LOW - AMP_PAGE) = 2;
}

__attribute__((noinline)) void fault_system(void)
{
	(void)*(volatile uint64_t *)(system_area() + 0x1000);
}

__attribute__((noinline)) uint64_t fault_overflow(uint64_t depth)
{
	volatile uint64_t room[32];
	room[depth & 31] = depth;
	if (room[depth & 31] == UINT64_MAX)
		return 0;
	return fault_overflow(depth + 1) + room[(depth + 1) & 31];
}

/* The same on stack 2. */
__attribute__((noinline)) void fault_overflow_task(void)
{
	uint64_t top = (uint64_t)stacks + 3 * (STACK_SIZE + AMP_PAGE) - 16;
	__asm__ volatile(
	        "mov %0, %%rsp\n\txor %%ebp, %%ebp\n\txor %%edi, %%edi\n\tcall fault_overflow" ::
	                "r"(top)
	        : "memory");
	__builtin_unreachable();
}

__attribute__((noinline)) void fault_syscall(void)
{
	__asm__ volatile("syscall" ::"a"(39) : "rcx", "r11", "memory");
	print("system call done\n");
}

/* As an image would that aims at what the sandbox's filter allows. */
__attribute__((noinline)) void fault_syscall_write(void)
{
	__asm__ volatile("syscall" ::"a"(1), "D"(1), "S"("x\n"), "d"(2) : "rcx", "r11", "memory");
}

__attribute__((noinline)) void fault_int80(void)
{
	__asm__ volatile("int $0x80" ::"a"(20) : "memory");
	print("system call done\n");
}

__attribute__((noinline)) void fault_trap(void)
{
	__builtin_trap();
}

__attribute__((noinline)) void fault_breakpoint(void)
{
	__asm__ volatile("int3");
	__asm__ volatile("");
}

__attribute__((noinline)) void fault_divide(void)
{
	__asm__ volatile("div %%ecx" ::"a"(1), "c"(0), "d"(0));
}

__attribute__((noinline)) void fault_halt(void)
{
	__asm__ volatile("hlt");
}

__attribute__((noinline)) void fault_port(void)
{
	__asm__ volatile("outb %%al, %%dx" ::"a"(1), "d"(0x80 + 14));
}

__attribute__((noinline)) void fault_address(void)
{
	*(volatile uint64_t *)0x8000000000000000 = 1;
}

/* clang's trap for a failed check of kind 18: index out of bounds. */
__attribute__((noinline)) void fault_check(void)
{
	__asm__ volatile("ud1l 18(%eax), %eax");
}

/* What clang makes of an addition that overflows: the number of that check is 0, and so there is no displacement. */
__attribute__((noinline)) void fault_check_add(void)
{
	__asm__ volatile("ud1l (%eax), %eax");
}

/* ---- Lies ---- */

/* Sandbox only (tender/gate.h): the page that the tender reads hints and figures from. */
static void forge(int32_t output_error)
{
	uint64_t control = *(const uint64_t *)(boot->gate + 2048 + 8);
	*(volatile uint64_t *)(control + 8) = 1;           /* first instruction */
	*(volatile uint64_t *)(control + 16) = 1ull << 63; /* first output */
	*(volatile int32_t *)(control + 32 + 258 * 8) = output_error;
}

/* ---- The contract ---- */

/* Makes gate call 4 with known values in the registers that a gate must keep; zero if it kept them.
 */
__attribute__((naked)) static uint64_t gate_changes(uint64_t gate, int64_t *result)
{
	__asm__ volatile(
	        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush "
	        "%r15\n\tpush %rsi\n\t"
	        "mov $1, %ebx\n\tmov $2, %ebp\n\tmov $3, %r12d\n\tmov $4, %r13d\n\tmov $5, "
	        "%r14d\n\t"
	        "mov $6, %r15d\n\tmovq %r15, %xmm7\n\t"
	        "mov %rdi, %rax\n\tmov $99, %edi\n\tcall *%rax\n\t"
	        "pop %rsi\n\tmov %rax, (%rsi)\n\t"
	        "movq %xmm7, %rax\n\tsub %r15, %rax\n\t"
	        "sub $1, %rbx\n\tsub $2, %rbp\n\tsub $3, %r12\n\tsub $4, %r13\n\tsub $5, "
	        "%r14\n\tsub $6, %r15\n\t"
	        "or %rbx, %rax\n\tor %rbp, %rax\n\tor %r12, %rax\n\tor %r13, %rax\n\tor %r14, "
	        "%rax\n\tor %r15, %rax\n\t"
	        "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret");
}

/* x87, SSE, AVX, AVX-512, PKRU, AMX: nothing is left of whoever used them before. Intel's manual, volume 1, 13.6. */
static void extended(void)
{
	uint64_t any = 0;
	uint16_t control;
	uint32_t mxcsr;
	__builtin_memcpy(&control, start_extended, sizeof control);
	__builtin_memcpy(&mxcsr, start_extended + 24, sizeof mxcsr);
	need(control == 0x37f && mxcsr == 0x1f80, "floating-point control at entry, as saved");
	for (unsigned i = 2; i < 24; i++)
		any |= start_extended[i];
	need(!any, "x87 state at entry");
	for (unsigned i = 32; i < 416; i++)
		any |= start_extended[i];
	need(!any, "x87 or SSE registers at entry");
	for (unsigned i = 576; i < sizeof start_extended; i++)
		any |= start_extended[i];
	need(!any, "extended registers at entry");
}

/* FS base is the image's, by instruction or, where boot information says so, by the gate. */
static void fs_base(void)
{
	static uint64_t word = 0x123456789, there;
	if (boot->flags & AMP_BOOT_FS_BASE_BY_GATE) {
		need(gate(AMP_GATE_FS_BASE, (uint64_t)&word, 0, 0) == 0, "FS base by the gate");
		__asm__ volatile("mov %%fs:0, %0" : "=r"(there));
		need(there == word, "FS base by the gate has come");
		need(gate(AMP_GATE_FS_BASE, 1ull << 63, 0, 0) == AMP_GATE_BAD,
		     "an FS base that is no address");
		return;
	}
	uint64_t fs, gs;
	need(gate(AMP_GATE_FS_BASE, (uint64_t)&word, 0, 0) == AMP_GATE_BAD,
	     "FS base by the gate where the instruction works");
	__asm__ volatile("rdfsbase %0\n\trdgsbase %1" : "=r"(fs), "=r"(gs));
	need(!fs && !gs, "FS and GS base at entry");
	__asm__ volatile("wrfsbase %0" ::"r"(&word));
	__asm__ volatile("mov %%fs:0, %0" : "=r"(there));
	need(there == word, "wrfsbase");
}

static void contract(void)
{
	extended();
	need(boot->magic == AMP_BOOT_MAGIC && boot->size >= sizeof *boot, "boot information");
	need(boot->abi_major == AMP_ABI_MAJOR && boot->abi_minor >= AMP_ABI_MINOR, "ABI version");
	need(!start_registers, "a register was not zero at entry");
	need((start_flags & ~0x202ull) == 0, "flags at entry");
	need(start_stack == (uint64_t)stacks + STACK_SIZE + AMP_PAGE - 8, "stack at entry");
	uint32_t mxcsr;
	uint16_t control;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(control));
	need(mxcsr == 0x1f80 && control == 0x37f, "floating-point control at entry");
	fs_base();

	need(boot->extent_count >= 1 && boot->extents[0].size == 4 << 20, "extents");
	bool any_seed = false;
	for (unsigned i = 0; i < AMP_SEED_SIZE / 8; i++)
		any_seed |= ((uint64_t *)boot->extents[0].base)[i] != 0;
	for (uint64_t at = 0; at < boot->extents[0].size; at += AMP_PAGE) {
		volatile uint64_t *p = (volatile uint64_t *)(boot->extents[0].base + at);
		need(!*p || !at, "memory is not zero at start");
		*p = at;
	}
	for (uint32_t i = 1; i < STACKS; i++) {
		volatile uint64_t *p =
		        (volatile uint64_t *)(stacks + i * (STACK_SIZE + AMP_PAGE) + AMP_PAGE);
		need(!*p, "a stack is not zero at start");
		*p = 1;
	}
	uint8_t told = 0, *fresh = (uint8_t *)boot->extents[0].base, any = 0;
	for (unsigned i = 0; i < AMP_SEED_SIZE; i++)
		told |= boot->seed[i];
	need(!told, "a seed that cannot be erased");
	need(any_seed, "seed");
	need(gate(AMP_GATE_SEED, (uint64_t)fresh, 0, 0) == 0, "a fresh seed");
	for (unsigned i = 0; i < AMP_SEED_SIZE; i++)
		any |= fresh[i];
	need(any, "a fresh seed of zeros");
	need(gate(AMP_GATE_SEED, 16, 0, 0) == AMP_GATE_BAD, "a seed to page zero");
	need(gate(AMP_GATE_SEED, (uint64_t)&note, 0, 0) == AMP_GATE_BAD, "a seed to constants");
	need(gate(AMP_GATE_SEED, (uint64_t)boot, 0, 0) == AMP_GATE_BAD,
	     "a seed to boot information");
	need(gate(AMP_GATE_SEED, (uint64_t)stacks, 0, 0) == AMP_GATE_BAD, "a seed to a guard");
	need(gate(AMP_GATE_SEED, system_area() + 0x1000, 0, 0) == AMP_GATE_BAD,
	     "a seed to the system area");
	need(gate(AMP_GATE_SEED, UINT64_MAX - 8, 0, 0) == AMP_GATE_BAD,
	     "a seed to the end of all addresses");
	need(boot->device_count == 1 && boot->arg_count == ARGS, "counts");
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot->args;
	need(args[ARG_MODE].set && args[ARG_FIXED].number == 53 && !args[ARG_FIXED].set,
	     "arguments");
	need(((const char *)args[ARG_MODE].text)[args[ARG_MODE].text_size] == 0,
	     "text ends with NUL");

	/* The gate keeps what it must keep, and refuses what it does not know. */
	int64_t result;
	uint64_t changed = gate_changes(boot->gate, &result);
	need(result == AMP_GATE_BAD, "an unknown gate call");
	need(!changed, "the gate changed a register that it must keep");
	need(gate(UINT64_MAX, 0, 0, 0) == AMP_GATE_BAD, "gate call -1");
	need(gate(1ull << 32, 0, 0, 0) == AMP_GATE_BAD, "gate call 2^32");
	need(gate(AMP_GATE_KICK, 1, 0, 0) == AMP_GATE_BAD, "kick of a device that is not there");
	need(gate(AMP_GATE_KICK, 1ull << 32, 0, 0) == AMP_GATE_BAD, "kick of device 2^32");
	need(gate(AMP_GATE_KICK, 0, 0, 0) == 0, "kick");

	need(gate(AMP_GATE_PUTS, 0, (uint64_t)"x", 1) == AMP_GATE_BAD, "puts on stream 0");
	need(gate(AMP_GATE_PUTS, 3, (uint64_t)"x", 1) == AMP_GATE_BAD, "puts on stream 3");
	need(gate(AMP_GATE_PUTS, 1ull << 32 | 1, (uint64_t)"x", 1) == AMP_GATE_BAD,
	     "puts on stream 2^32 + 1");
	need(gate(AMP_GATE_PUTS, 1, 16, 1) == AMP_GATE_BAD, "puts from page zero");
	need(gate(AMP_GATE_PUTS, 1, UINT64_MAX, 8) == AMP_GATE_BAD,
	     "puts from the end of all addresses");
	need(gate(AMP_GATE_PUTS, 1, system_area() + 0x1000, 8) == AMP_GATE_BAD,
	     "puts from the system area");
	need(gate(AMP_GATE_PUTS, 1, (uint64_t)stacks, 8) == AMP_GATE_BAD, "puts from a guard page");
	need(gate(AMP_GATE_PUTS, 1, (uint64_t)"x", 0) == 0, "puts of nothing");
}

static void waits(void)
{
	uint64_t t = now(), last = t;
	need(gate(AMP_GATE_WAIT, 0, AMP_WAIT_RECEIVE, 0) == 0, "a wait for a time that is over");
	for (int i = 0; i < 5; i++) {
		uint64_t deadline = now() + 10000000;
		unsigned early = 0;
		while (now() < deadline) {
			need(gate(AMP_GATE_WAIT, deadline, AMP_WAIT_RECEIVE, 0) == 0, "wait");
			need(early++ < 1000, "a wait that returns at once");
		}
	}
	need(now() - t >= 50000000, "five waits of 10 ms");
	/* Past two refreshes of the clock. */
	while (last < t + 150000000) {
		uint64_t n = now();
		need(n >= last, "the clock went back");
		last = n;
		if (!(n & 1023))
			gate(AMP_GATE_WAIT, 0, 0, 0);
	}
	print("waited\n");
}

static void big(void)
{
	char *p = (char *)boot->extents[0].base;
	for (uint32_t i = 0; i < 200000; i++)
		p[i] = i % 50 == 49 ? '\n' : 'x';
	uint64_t done = 0;
	while (done < 200000) {
		int64_t n =
		        gate(AMP_GATE_PUTS, AMP_STREAM_OUTPUT, (uint64_t)p + done, 200000 - done);
		need(n >= 0 && n <= (int64_t)AMP_PUTS_MAX, "puts of much");
		done += (uint64_t)n;
	}
}

/* A thousand packets, some announced and some left to the wait; each frame has to come back. */
static void sends(void)
{
	const struct amp_device *d = (const struct amp_device *)boot->devices;
	need(d->type == AMP_DEVICE_NET && d->mtu >= 1280, "a network device");
	volatile uint32_t *put = (volatile uint32_t *)d->tx.producer,
	                  *back = (volatile uint32_t *)d->completion.producer,
	                  *taken = (volatile uint32_t *)d->completion.consumer;
	struct amp_desc *descs = (struct amp_desc *)d->tx.entries;
	for (uint32_t n = 0; n < 1000; n++) {
		descs[n % d->tx.size] =
		        (struct amp_desc){ .addr = n % d->frame_count * d->frame_size, .len = 60 };
		__atomic_store_n(put, n + 1, __ATOMIC_RELEASE);
		if (n % 3)
			need(gate(AMP_GATE_KICK, 0, 0, 0) == 0, "kick");
		for (uint64_t end = now() + 5000000000; *back != n + 1;) {
			need(now() < end, "a packet that is not taken");
			gate(AMP_GATE_WAIT, end, AMP_WAIT_COMPLETE, 0);
		}
		need(((const uint64_t *)d->completion.entries)[n % d->completion.size] ==
		             n % d->frame_count * d->frame_size,
		     "a frame that is another one's");
		__atomic_store_n(taken, n + 1, __ATOMIC_RELEASE);
	}
	print("sent\n");
}

__attribute__((noinline, used)) static _Noreturn void begin(void)
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot->args;
	const char *mode = (const char *)args[ARG_MODE].text;
	static const struct {
		const char *name;
		void (*fault)(void);
	} faults[] = { { "null", fault_null },
		       { "null-call", fault_null_call },
		       { "jump-data", fault_jump_data },
		       { "jump-stack", fault_jump_stack },
		       { "write-text", fault_write_text },
		       { "write-constant", fault_write_constant },
		       { "write-boot", fault_write_boot },
		       { "write-gate", fault_write_gate },
		       { "nowhere", fault_nowhere },
		       { "system", fault_system },
		       { "overflow-task", fault_overflow_task },
		       { "syscall", fault_syscall },
		       { "syscall-write", fault_syscall_write },
		       { "int80", fault_int80 },
		       { "trap", fault_trap },
		       { "breakpoint", fault_breakpoint },
		       { "divide", fault_divide },
		       { "halt", fault_halt },
		       { "port", fault_port },
		       { "address", fault_address },
		       { "check", fault_check },
		       { "check-add", fault_check_add } };
	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
		if (same(mode, faults[i].name)) {
			faults[i].fault();
			print("still there\n");
			leave(EXIT_WRONG);
		}
	if (same(mode, "overflow")) {
		fault_overflow(0);
	} else if (same(mode, "hello")) {
		print("hello\n");
	} else if (same(mode, "log")) {
		gate(AMP_GATE_PUTS, AMP_STREAM_LOG, (uint64_t)"log\n", 4);
	} else if (same(mode, "contract")) {
		contract();
		print("kept\n");
	} else if (same(mode, "waits")) {
		waits();
	} else if (same(mode, "big")) {
		big();
	} else if (same(mode, "spin")) {
		print("spinning\n");
		for (;;)
			__builtin_ia32_pause();
	} else if (same(mode, "sleep")) {
		print("sleeping\n");
		for (;;)
			gate(AMP_GATE_WAIT, UINT64_MAX, AMP_WAIT_RECEIVE, 0);
	} else if (same(mode, "absent")) {
		const struct amp_device *d = (const struct amp_device *)boot->devices;
		need(d->type == 0, "an optional device that is not there");
		print("absent\n");
	} else if (same(mode, "forge")) {
		forge(-(int32_t)args[ARG_CODE].number);
		leave(0);
	} else if (same(mode, "send")) {
		sends();
	} else if (!same(mode, "exit")) {
		print("no such mode\n");
		leave(EXIT_WRONG);
	}
	leave((int)args[ARG_CODE].number);
}

/* RDI is boot information; the rest is looked at before the compiler touches it. */
__attribute__((naked, used)) void _start(void)
{
	__asm__ volatile("mov %rdi, boot(%rip)\n\t"
	                 "mov %rsp, start_stack(%rip)\n\t"
	                 "pushfq\n\t"
	                 "popq start_flags(%rip)\n\t"
	                 "or %rbx, %rax\n\t"
	                 "or %rcx, %rax\n\t"
	                 "or %rdx, %rax\n\t"
	                 "or %rsi, %rax\n\t"
	                 "or %rbp, %rax\n\t"
	                 "or %r8, %rax\n\t"
	                 "or %r9, %rax\n\t"
	                 "or %r10, %rax\n\t"
	                 "or %r11, %rax\n\t"
	                 "or %r12, %rax\n\t"
	                 "or %r13, %rax\n\t"
	                 "or %r14, %rax\n\t"
	                 "or %r15, %rax\n\t"
	                 "mov %rax, start_registers(%rip)\n\t"
	                 "mov $-1, %eax\n\t"
	                 "mov %eax, %edx\n\t"
	                 "xsave start_extended(%rip)\n\t"
	                 "jmp begin");
}

void *memset(void *to, int value, size_t size);
void *memset(void *to, int value, size_t size)
{
	for (volatile uint8_t *p = to; size--; p++)
		*p = (uint8_t)value;
	return to;
}

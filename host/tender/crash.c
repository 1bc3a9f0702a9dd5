/* SPDX-License-Identifier: ISC */
/*
 * From a fault to words. The address, the instruction's bytes and the map of regions say what went
 * wrong; the frame pointers say how the image got there. All that is read from the image is read
 * through `read`, which checks; a chain of frames ends where it leaves writable memory, goes down,
 * or reaches CRASH_FRAMES.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/crash.h>

#define CRASH_FRAMES 32
#define CRASH_LINES  8 /* frames whose addresses are given to be looked up */

enum { DIVIDE = 0, DEBUG = 1, BREAKPOINT = 3, OPCODE = 6, STACK = 12, PROTECTION = 13, PAGE = 14 };
#define ERROR_WRITE 2u

static const char *vector_name(int vector)
{
	static const char *const names[32] = { [0] = "divide error",
		                               [1] = "debug",
		                               [2] = "non-maskable interrupt",
		                               [3] = "breakpoint",
		                               [4] = "overflow",
		                               [5] = "bound range",
		                               [6] = "invalid opcode",
		                               [7] = "no FPU",
		                               [8] = "double fault",
		                               [10] = "invalid TSS",
		                               [11] = "segment missing",
		                               [12] = "stack fault",
		                               [13] = "general protection",
		                               [14] = "page fault",
		                               [16] = "x87 floating point",
		                               [17] = "alignment check",
		                               [18] = "machine check",
		                               [19] = "SIMD floating point",
		                               [20] = "virtualization",
		                               [21] = "control protection" };
	return vector >= 0 && vector < 32 && names[vector] ? names[vector] : "unknown exception";
}

/* clang's SanitizerHandler numbers (clang/lib/CodeGen/SanitizerHandler.h), which -fsanitize-trap
 * puts into its ud1 instructions. */
static const char *check_name(unsigned kind)
{
	static const char *const names[] = {
		"integer overflow in an addition",
		"code that must not be reached",
		"call of a function of another type (control-flow integrity)",
		"division by zero or overflow in it",
		"use of an object of another type",
		"overflow in a conversion from floating point",
		"call of a function of another type",
		"value changed by a conversion",
		"invalid use of a builtin",
		"bad cast",
		"invalid value of a bool or enum",
		"function ended without a return",
		"integer overflow in a multiplication",
		"integer overflow in a negation",
		"null given for a nonnull argument",
		"null returned as nonnull",
		"null given for a nonnull argument",
		"null returned as nonnull",
		"index out of bounds",
		"pointer overflow",
		"shift by too much",
		"integer overflow in a subtraction",
		"null or misaligned pointer",
		"wrong alignment assumption",
		"array of negative size"
	};
	return kind < sizeof names / sizeof *names ? names[kind] : "a check";
}

static const char *region_name(const struct region *r)
{
	switch (r->kind) {
	case REGION_SEGMENT:
		return r->rights & RIGHT_X   ? "text"
		       : r->rights & RIGHT_W ? "data"
		                             : "read-only data";
	case REGION_STACKS:
		return "a stack";
	case REGION_BOOT:
		return "boot information";
	case REGION_RINGS:
		return "the rings";
	case REGION_QUEUES:
		return "the kernel's rings";
	case REGION_FRAMES:
		return "the frames";
	case REGION_HEAP:
		return "the heap";
	case REGION_GATE:
		return "the gate";
	case REGION_SYSTEM:
		break;
	}
	return "the system area";
}

static void page_fault(const struct crash *c, const struct space *s, char *to, uint64_t size)
{
	unsigned long long at = c->address;
	const struct region *r = space_find(s, at), *code = space_find(s, c->registers.rip);
	bool executable = code && code->rights & RIGHT_X;
	uint32_t stack;
	const char *what = "access to";
	if (c->error_known)
		what = c->error & ERROR_WRITE ? "write to" : "read of";
	else if (r && !(r->rights & RIGHT_W))
		what = "write to"; /* reading would have worked */

	/* The processor fetched an instruction where there is none. */
	if (!executable && at - c->registers.rip < 16) {
		if (at < AMP_PAGE)
			snprintf(to, size, "jump through a null pointer, to 0x%llx", at);
		else if (r)
			snprintf(to, size, "jump into %s, at 0x%llx",
			         r->rights & RIGHT_W ? "data" : region_name(r), at);
		else
			snprintf(to, size, "jump to 0x%llx, where nothing is", at);
	} else if (at < AMP_PAGE) {
		snprintf(to, size, "null dereference, %s 0x%llx", what, at);
	} else if (space_guard(s, at, &stack)) {
		snprintf(to, size, "stack overflow of task stack %u, %s 0x%llx", stack, what, at);
	} else if (r) {
		snprintf(to, size, "%s %s, at 0x%llx", what, region_name(r), at);
	} else {
		snprintf(to, size, "%s 0x%llx, where nothing is", what, at);
	}
}

/*
 * The number in a `ud1 NUMBER(%eax), %eax`, which is how clang traps: an address size prefix, the opcode, then a base register
 * with no displacement where the number is 0 (an addition), one byte, or four. -1: no such instruction. A form that clang
 * does not write is a check without a name.
 */
static int64_t trap_kind(const uint8_t *i, unsigned size)
{
	unsigned at = size && i[0] == 0x67;
	if (at + 3 > size || i[at] != 0x0f || i[at + 1] != 0xb9)
		return -1;
	uint8_t mode = i[at + 2] >> 6, base = i[at + 2] & 7;
	unsigned bytes = mode == 1 ? 1 : mode == 2 ? 4 : 0, kind = 0;
	at += 3;
	if (mode == 3 || base == 4 || (mode == 0 && base == 5) || at + bytes > size)
		return UINT32_MAX;
	for (unsigned k = 0; k < bytes; k++)
		kind |= (unsigned)i[at + k] << 8 * k;
	return kind;
}

static void opcode(const struct crash *c, char *to, uint64_t size)
{
	uint8_t i[8] = { 0 };
	uint64_t n = c->read(c->of, c->registers.rip, i, sizeof i);
	int64_t kind;
	if (n >= 2 && i[0] == 0x0f && i[1] == 0x05)
		snprintf(to, size, "system call instruction, which no image may use");
	else if (n >= 2 && i[0] == 0xcd)
		snprintf(to, size, "int 0x%x instruction, which no image may use", i[1]);
	else if (n >= 2 && i[0] == 0x0f && i[1] == 0x34)
		snprintf(to, size, "sysenter instruction, which no image may use");
	else if ((kind = trap_kind(i, (unsigned)n)) >= 0)
		snprintf(to, size, "trap of a compiled-in check: %s", check_name((unsigned)kind));
	else if (n >= 2 && i[0] == 0x0f && i[1] == 0x0b)
		snprintf(to, size, "trap: the image ended itself (ud2)");
	else
		snprintf(to, size, "invalid instruction");
}

void crash_describe(const struct crash *c, const struct space *s, char *to, uint64_t size)
{
	uint8_t i[2] = { 0 };
	switch (c->vector) {
	case -1:
		snprintf(to, size, "%s", c->other);
		break;
	case PAGE:
		page_fault(c, s, to, size);
		break;
	case OPCODE:
		opcode(c, to, size);
		break;
	case DIVIDE:
		snprintf(to, size, "division by zero or overflow in it");
		break;
	case PROTECTION:
		if (c->read(c->of, c->registers.rip, i, 2) == 2 && i[0] == 0xcd)
			snprintf(to, size, "int 0x%x instruction, which no image may use", i[1]);
		else
			snprintf(to, size,
			         "general protection: a privileged instruction or an impossible "
			         "address");
		break;
	default:
		snprintf(to, size, "%s", vector_name(c->vector));
	}
}

/* A text being composed; what does not fit is cut. */
struct text {
	char bytes[8192];
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->bytes + t->size, sizeof t->bytes - t->size, format, args);
	va_end(args);
	if (n > 0)
		t->size += (size_t)n < sizeof t->bytes - t->size ? (size_t)n
		                                                 : sizeof t->bytes - t->size - 1;
}

static void name(const struct symbols *y, const struct space *s, uint64_t at, char *to, size_t size)
{
	const struct region *r = space_find(s, at);
	if (!symbols_name(y, at - s->moved, to, size))
		snprintf(to, size, "%s", r ? region_name(r) : "nowhere");
}

static bool in_text(const struct space *s, uint64_t at)
{
	const struct region *r = space_find(s, at);
	return r && r->rights & RIGHT_X;
}

/* An address as the file has it, for who looks it up there. */
static uint64_t shown(const struct space *s, uint64_t at)
{
	const struct region *r = space_find(s, at);
	return r && r->kind == REGION_SEGMENT ? at - s->moved : at;
}

static void backtrace(struct text *t, const struct crash *c, const struct space *s,
                      const struct symbols *y, const char *image)
{
	static struct text
	        lines; /* addresses of instructions: a return address is behind its call */
	uint64_t frame[2], rbp = c->registers.rbp, depth = 0;
	char who[128];
	name(y, s, c->registers.rip, who, sizeof who);
	put(t, "  #%-2llu 0x%012llx %s\n", (unsigned long long)depth++,
	    (unsigned long long)shown(s, c->registers.rip), who);
	lines.size = 0;
	put(&lines, " 0x%llx", (unsigned long long)shown(s, c->registers.rip));
	/* After a jump to where no code is, the return address is still on top of the stack. */
	if (!in_text(s, c->registers.rip) &&
	    c->read(c->of, c->registers.rsp, frame, sizeof *frame) == sizeof *frame &&
	    in_text(s, *frame)) {
		name(y, s, *frame - 1, who, sizeof who);
		put(t, "  #%-2llu 0x%012llx %s\n", (unsigned long long)depth++,
		    (unsigned long long)shown(s, *frame), who);
		put(&lines, " 0x%llx", (unsigned long long)shown(s, *frame - 1));
	}
	while (depth < CRASH_FRAMES && !(rbp & 7)) {
		const struct region *r = space_find(s, rbp);
		if (!r || !(r->rights & RIGHT_W) ||
		    c->read(c->of, rbp, frame, sizeof frame) != sizeof frame ||
		    !in_text(s, frame[1]))
			break;
		/* A return address belongs to the call before it. */
		name(y, s, frame[1] - 1, who, sizeof who);
		put(t, "  #%-2llu 0x%012llx %s\n", (unsigned long long)depth++,
		    (unsigned long long)shown(s, frame[1]), who);
		if (depth <= CRASH_LINES)
			put(&lines, " 0x%llx", (unsigned long long)shown(s, frame[1] - 1));
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
	if (image)
		put(t, "  file and line: llvm-symbolizer-19 -e %s.debug%s\n", image, lines.bytes);
}

void crash_report(const struct crash *c, const struct space *s, const struct image *image,
                  struct symbols *y)
{
	static struct text t;
	char what[256], who[128];
	const struct registers *r = &c->registers;
	bool named = symbols_find(y, image);

	t.size = 0;
	crash_describe(c, s, what, sizeof what);
	name(y, s, r->rip, who, sizeof who);
	uint64_t caller;
	if (!in_text(s, r->rip) &&
	    c->read(c->of, r->rsp, &caller, sizeof caller) == sizeof caller && in_text(s, caller)) {
		char from[128];
		name(y, s, caller - 1, from, sizeof from);
		snprintf(who, sizeof who, "%s", from);
	}
	put(&t, "%s%s crashed: %s, in %s\n", say_prefix, image->note.name, what, who);
	if (c->vector >= 0) {
		put(&t, "  exception %d (%s)", c->vector, vector_name(c->vector));
		if (c->error_known)
			put(&t, ", error code 0x%llx", (unsigned long long)c->error);
		if (c->vector == PAGE)
			put(&t, ", address 0x%llx", (unsigned long long)c->address);
		if (c->signal)
			put(&t, ", signal %d (SIG%s)", c->signal,
			    sigabbrev_np(c->signal) ? sigabbrev_np(c->signal) : "?");
		put(&t, "\n");
	}
	const struct {
		const char *name;
		uint64_t value;
	} list[] = { { "rip", r->rip },      { "rsp", r->rsp }, { "rbp", r->rbp },
		     { "flags", r->rflags }, { "rax", r->rax }, { "rbx", r->rbx },
		     { "rcx", r->rcx },      { "rdx", r->rdx }, { "rsi", r->rsi },
		     { "rdi", r->rdi },      { "r8", r->r8 },   { "r9", r->r9 },
		     { "r10", r->r10 },      { "r11", r->r11 }, { "r12", r->r12 },
		     { "r13", r->r13 },      { "r14", r->r14 }, { "r15", r->r15 } };
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		put(&t, "  %-5s %016llx%s", list[i].name, (unsigned long long)list[i].value,
		    i % 4 == 3 || i == sizeof list / sizeof *list - 1 ? "\n" : "");
	backtrace(&t, c, s, y, named ? image->note.name : NULL);
	if (s->moved)
		put(&t,
		    "  (this run moved the image by 0x%llx: addresses after # are those of its "
		    "file)\n",
		    (unsigned long long)s->moved);
	if (!named)
		put(&t, "  (no function names: there is no %s of this build beside the image)\n",
		    "NAME.debug");
	for (size_t done = 0; done < t.size;) {
		ssize_t n = write(2, t.bytes + done, t.size - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
}

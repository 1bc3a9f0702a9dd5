/* SPDX-License-Identifier: ISC */
/*
 * Classic BPF over struct seccomp_data. Each rule is a straight run of tests that jumps to its own
 * end, where the next rule begins, if one fails; code[0] holds the refusal until filter_end.
 */
#include <limits.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/filter.h>

#define LOW(field_)  (offsetof(struct seccomp_data, field_))
#define HIGH(field_) (offsetof(struct seccomp_data, field_) + 4)

static void emit(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (f->count == FILTER_CODE_MAX)
		abort(); /* ours to size */
	f->code[f->count++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

void filter_begin(struct filter *f, uint32_t refusal)
{
	f->count = f->kept_count = 0;
	load(f, LOW(arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	emit(f, BPF_RET | BPF_K, 0, 0, refusal);
}

void filter_within(struct filter *f, uint64_t low, uint64_t high)
{
	uint32_t refusal = f->code[2].k;
	load(f, HIGH(instruction_pointer));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)(low >> 32));
	load(f, LOW(instruction_pointer));
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)low);
	emit(f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)(high - 1));
	emit(f, BPF_RET | BPF_K, 0, 0, refusal);
}

/* Is the rule from `start` to the end there before? Rules begin with loading the call's number and hold that once, so
 * that what is equal begins a rule, too. */
static bool is_there(const struct filter *f, unsigned start)
{
	size_t size = (f->count - start) * sizeof *f->code;
	for (unsigned at = 0; at + (f->count - start) <= start; at++)
		if (!memcmp(&f->code[at], &f->code[start], size))
			return true;
	return false;
}

void filter_allow_if(struct filter *f, int call, const struct filter_arg *args, unsigned count)
{
	unsigned start = f->count, end = start + 3 + 4 * count;
	load(f, LOW(nr));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(end - f->count - 1), (uint32_t)call);
	for (unsigned i = 0; i < count; i++) {
		size_t at = LOW(args) + args[i].index * 8;
		load(f, at + 4);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(end - f->count - 1),
		     (uint32_t)(args[i].value >> 32));
		load(f, at);
		if (args[i].test == FILTER_EQUAL)
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(end - f->count - 1),
			     (uint32_t)args[i].value);
		else
			emit(f, BPF_JMP | BPF_JGT | BPF_K, (uint8_t)(end - f->count - 1), 0,
			     (uint32_t)args[i].value);
	}
	emit(f, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	if (is_there(f, start))
		f->count = start;
}

void filter_allow(struct filter *f, int call)
{
	filter_allow_if(f, call, NULL, 0);
}

void filter_keep(struct filter *f, int fd)
{
	for (unsigned i = 0; i < f->kept_count; i++)
		if (f->kept[i] == fd)
			return;
	if (fd < 0)
		return;
	if (f->kept_count == FILTER_KEPT_MAX)
		abort(); /* ours to size */
	f->kept[f->kept_count++] = fd;
}

void filter_allow_on(struct filter *f, int call, int fd, const struct filter_arg *args,
                     unsigned count)
{
	struct filter_arg all[6] = { { 0, FILTER_EQUAL, (uint64_t)fd } };
	for (unsigned i = 0; i < count; i++)
		all[1 + i] = args[i];
	if (fd < 0)
		return;
	filter_allow_if(f, call, all, 1 + count);
	filter_keep(f, fd);
}

/* The least that is kept from `from` on; INT_MAX: none. */
static int next_kept(const struct filter *const *filters, unsigned count, int from)
{
	int least = INT_MAX;
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < filters[i]->kept_count; k++)
			if (filters[i]->kept[k] >= from && filters[i]->kept[k] < least)
				least = filters[i]->kept[k];
	return least;
}

int filter_close_others(const struct filter *const *filters, unsigned count)
{
	for (int from = 0;;) {
		int kept = next_kept(filters, count, from);
		unsigned last = kept == INT_MAX ? ~0u : (unsigned)kept - 1;
		if ((kept == INT_MAX || kept > from) &&
		    syscall(SYS_close_range, (unsigned)from, last, 0))
			return -1;
		if (kept == INT_MAX)
			return 0;
		from = kept + 1;
	}
}

void filter_end(struct filter *f)
{
	emit(f, BPF_RET | BPF_K, 0, 0, f->code[2].k);
}

int filter_install(const struct filter *f, unsigned flags)
{
	struct sock_fprog program = { (unsigned short)f->count, (struct sock_filter *)f->code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	/* The mitigation that a filter brings along on older kernels would slow the image and
	 * guards nothing of ours: nothing secret shares its address space. */
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                    flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

/* SPDX-License-Identifier: ISC */
/*
 * Classic BPF over struct seccomp_data: a search by halves for the call's number, and then its rules in their order, each a
 * straight run of tests that jumps to its own end if one fails. The kernel walks the filter for every number of a call that
 * there is when it is installed, to learn which are allowed in any case: a list of rules from the first to the last made
 * that three quarters of the time that it took.
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

/* ---- Rules ---- */

/* A rule is a word with its call and how many tests it has, and two words a test: which argument and how, and the value. */
#define CALL(word_)  ((int)((word_) >> 32))
#define TESTS(word_) ((unsigned)((word_) & 0xffffffff))
#define INDEX(word_) ((unsigned)((word_) >> 8))
#define TEST(word_)  ((enum filter_test)((word_) & 0xff))

void filter_begin(struct filter *f, uint32_t refusal)
{
	f->refusal = refusal;
	f->low = f->high = 0;
	f->word_count = f->kept_count = f->count = 0;
}

void filter_within(struct filter *f, uint64_t low, uint64_t high)
{
	f->low = low;
	f->high = high;
}

static unsigned size_of(uint64_t rule)
{
	return 1 + 2 * TESTS(rule);
}

void filter_allow_if(struct filter *f, int call, const struct filter_arg *args, unsigned count)
{
	uint64_t *rule = f->words + f->word_count;
	unsigned size = 1 + 2 * count;
	if (size > FILTER_WORDS_MAX - f->word_count)
		abort(); /* ours to size */
	rule[0] = (uint64_t)(unsigned)call << 32 | count;
	for (unsigned i = 0; i < count; i++) {
		rule[1 + 2 * i] = args[i].index << 8 | args[i].test;
		rule[2 + 2 * i] = args[i].value;
	}
	for (unsigned at = 0; at < f->word_count; at += size_of(f->words[at]))
		if (!memcmp(f->words + at, rule, size * sizeof *rule))
			return;
	f->word_count += size;
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

/* ---- Code ---- */

static void emit(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (f->count == FILTER_CODE_MAX || f->word_count + f->count == FILTER_WORDS_MAX)
		abort(); /* ours to size */
	f->code[f->count++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void refuse(struct filter *f)
{
	emit(f, BPF_RET | BPF_K, 0, 0, f->refusal);
}

/* Behind it goes on whoever fails one of its tests. */
static void rule_code(struct filter *f, const uint64_t *rule)
{
	unsigned tests = TESTS(*rule), end = f->count + 4 * tests + 1;
	for (unsigned i = 0; i < tests; i++) {
		uint64_t what = rule[1 + 2 * i], value = rule[2 + 2 * i];
		size_t at = LOW(args) + INDEX(what) * 8;
		load(f, at + 4);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(end - f->count - 1),
		     (uint32_t)(value >> 32));
		load(f, at);
		if (TEST(what) == FILTER_EQUAL)
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(end - f->count - 1),
			     (uint32_t)value);
		else
			emit(f, BPF_JMP | BPF_JGT | BPF_K, (uint8_t)(end - f->count - 1), 0,
			     (uint32_t)value);
	}
	emit(f, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

static void call_code(struct filter *f, int call)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)call);
	refuse(f);
	for (unsigned at = 0; at < f->word_count; at += size_of(f->words[at]))
		if (CALL(f->words[at]) == call)
			rule_code(f, f->words + at);
	refuse(f);
}

/* Of calls that ascend. Conditional jumps reach 255 instructions only. */
static void tree(struct filter *f, const int *calls, unsigned count)
{
	if (count == 1) {
		call_code(f, *calls);
		return;
	}
	unsigned half = count / 2, at = f->count;
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)calls[half]);
	emit(f, BPF_JMP | BPF_JA, 0, 0, 0);
	tree(f, calls, half);
	f->code[at + 1].k = f->count - (at + 2);
	tree(f, calls + half, count - half);
}

/* Ascending, each once; how many. */
static unsigned list_calls(const struct filter *f, int calls[FILTER_CALLS_MAX])
{
	unsigned count = 0;
	for (unsigned w = 0; w < f->word_count; w += size_of(f->words[w])) {
		int call = CALL(f->words[w]);
		unsigned at = 0;
		while (at < count && calls[at] < call)
			at++;
		if (at < count && calls[at] == call)
			continue;
		if (count == FILTER_CALLS_MAX)
			abort(); /* ours to size */
		memmove(calls + at + 1, calls + at, (count - at) * sizeof *calls);
		calls[at] = call;
		count++;
	}
	return count;
}

static void within_code(struct filter *f)
{
	load(f, HIGH(instruction_pointer));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)(f->low >> 32));
	load(f, LOW(instruction_pointer));
	emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)f->low);
	emit(f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)(f->high - 1));
	refuse(f);
}

void filter_end(struct filter *f)
{
	int calls[FILTER_CALLS_MAX];
	unsigned count = list_calls(f, calls);
	f->code = (struct sock_filter *)(f->words + f->word_count);
	load(f, LOW(arch));
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	refuse(f);
	if (f->high)
		within_code(f);
	load(f, LOW(nr));
	if (count)
		tree(f, calls, count);
	else
		refuse(f);
}

int filter_install(const struct filter *f, unsigned flags)
{
	struct sock_fprog program = { (unsigned short)f->count, f->code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	/* The mitigation that a filter brings along on older kernels would slow the image and
	 * guards nothing of ours: nothing secret shares its address space. */
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                    flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

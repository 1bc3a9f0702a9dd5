/* SPDX-License-Identifier: ISC */
/*
 * Filters against the rules that they are made of. The programs are run as the kernel runs them, here: an interpreter of the
 * instructions that filter.c writes. What they answer is compared with rules that are evaluated in the plain way, for lists of
 * rules that are drawn, and for those of each thread of a tender.
 */
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cmocka.h>

#include <tender/confinement.h>
#include <tender/filter.h>

#include "filter_run.h"

#define KILL SECCOMP_RET_KILL_PROCESS

static uint32_t ask(const struct filter *f, int call, const uint64_t args[6], uint64_t from)
{
	struct seccomp_data d = { .nr = call,
		                  .arch = AUDIT_ARCH_X86_64,
		                  .instruction_pointer = from };
	memcpy(d.args, args, sizeof d.args);
	return filter_run(f, &d);
}

/* ---- Rules in the plain way ---- */

struct rule {
	int call;
	unsigned count;
	struct filter_arg args[4];
};

static bool allows(const struct rule *rules, unsigned count, int call, const uint64_t args[6])
{
	for (unsigned i = 0; i < count; i++) {
		bool all = rules[i].call == call;
		for (unsigned k = 0; all && k < rules[i].count; k++) {
			const struct filter_arg *a = &rules[i].args[k];
			uint64_t v = args[a->index];
			/* AT_MOST is of numbers below 2^32. */
			all = a->test == FILTER_EQUAL ? v == a->value : v <= a->value;
		}
		if (all)
			return true;
	}
	return false;
}

/* Vigna's xorshift64*. */
static uint64_t state = 1;
static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t near(uint64_t v)
{
	switch (draw() % 8) {
	case 0:
		return v + 1;
	case 1:
		return v - 1;
	case 2:
		return v ^ 1ull << 32;
	case 3:
		return v ^ 1ull << draw() % 64;
	case 4:
		return v << 32;
	case 5:
		return draw();
	default:
		return v;
	}
}

static const uint64_t some[] = { 0,          1,          2,
	                         3,          8,          65536,
	                         0x7fffffff, 0x80000000, 0xffffffff,
	                         0xae80,     1ull << 32, (1ull << 32) + 1,
	                         1ull << 63, UINT64_MAX, 0x10203040506 };
#define SOME (sizeof some / sizeof *some)

static void drawn_rules_are_what_the_filter_does(void **test_state)
{
	static struct filter f;
	struct rule rules[24];
	(void)test_state;
	unsigned allowed = 0, asked = 0;
	for (unsigned n = 0; n < 2000; n++) {
		unsigned count = (unsigned)(draw() % (sizeof rules / sizeof *rules + 1));
		uint64_t low = draw() & ~0xfffull, high = low + 1 + draw() % 4096;
		bool within = draw() % 4 == 0;
		filter_begin(&f, KILL);
		if (within)
			filter_within(&f, low, high);
		for (unsigned i = 0; i < count; i++) {
			struct rule *r = &rules[i];
			*r = (struct rule){ .call = (int)(draw() % 6),
				            .count = (unsigned)(draw() % 4) };
			for (unsigned k = 0; k < r->count; k++) {
				bool most = draw() % 4 == 0;
				r->args[k] =
				        (struct filter_arg){ (unsigned)(draw() % 6),
					                     most ? FILTER_AT_MOST : FILTER_EQUAL,
					                     most ? (uint32_t)some[draw() % SOME]
					                          : some[draw() % SOME] };
			}
			filter_allow_if(&f, r->call, r->args, r->count);
		}
		filter_end(&f);
		assert_true(f.count <= FILTER_CODE_MAX);
		for (unsigned k = 0; k < 200; k++) {
			uint64_t args[6],
			        from = within ? near(draw() % 2 ? low : high - 1) : draw();
			for (unsigned i = 0; i < 6; i++)
				args[i] = near(some[draw() % SOME]);
			int call = (int)(draw() % 7);
			/* As near to a rule as can be: one argument is another one, or none. */
			if (count && draw() % 4) {
				const struct rule *r = &rules[draw() % count];
				call = r->call;
				for (unsigned i = 0; i < r->count; i++)
					args[r->args[i].index] = draw() % 8
					                                 ? r->args[i].value
					                                 : near(r->args[i].value);
			}
			bool want = (!within || (from >= low && from < high)) &&
			            allows(rules, count, call, args);
			uint32_t is = ask(&f, call, args, from);
			assert_int_equal(is, want ? SECCOMP_RET_ALLOW : KILL);
			allowed += want;
			asked++;
		}
	}
	/* Both answers are common: else this shows nothing. */
	assert_true(allowed > asked / 10 && allowed < asked - asked / 10);
}

static void only_this_machines_calls_are_allowed(void **test_state)
{
	static struct filter f;
	(void)test_state;
	filter_begin(&f, KILL);
	for (int call = 0; call < 512; call++)
		filter_allow(&f, call);
	filter_end(&f);
	struct seccomp_data d = { .nr = 39, .arch = AUDIT_ARCH_X86_64 };
	assert_int_equal(filter_run(&f, &d), SECCOMP_RET_ALLOW);
	d.nr = 39 | 0x40000000; /* x32 */
	assert_int_equal(filter_run(&f, &d), KILL);
	d.nr = 39;
	for (unsigned bit = 0; bit < 32; bit++) {
		d.arch = AUDIT_ARCH_X86_64 ^ 1u << bit;
		assert_int_equal(filter_run(&f, &d), KILL);
	}
	d.arch = AUDIT_ARCH_I386;
	assert_int_equal(filter_run(&f, &d), KILL);
}

static void a_rule_that_is_there_is_not_added_again(void **test_state)
{
	static struct filter f;
	const struct filter_arg args[] = { { 1, FILTER_EQUAL, 7 } };
	(void)test_state;
	filter_begin(&f, KILL);
	filter_allow_on(&f, SYS_write, 5, args, 1);
	filter_allow(&f, SYS_futex);
	unsigned count = f.word_count;
	filter_allow_on(&f, SYS_write, 5, args, 1);
	filter_allow(&f, SYS_futex);
	assert_int_equal(f.word_count, count);
	assert_int_equal(f.kept_count, 1);
	filter_allow_on(&f, SYS_write, -1, args, 1);
	assert_int_equal(f.word_count, count);
}

/* ---- What each thread of a tender may do, in words of this test's own ---- */

enum { KICK = 11, EPOLL, VCPU, SIGNALS, BELL, CHILD = 4321 };

#define ON(call_, fd_)                                                                             \
	{                                                                                          \
		call_, 1,                                                                          \
		{                                                                                  \
			{                                                                          \
				0, FILTER_EQUAL, fd_                                               \
			}                                                                          \
		}                                                                                  \
	}
#define ANY(call_) { .call = (call_) }
#define TWO(call_, first_, second_)                                                                \
	{                                                                                          \
		call_, 2,                                                                          \
		{                                                                                  \
			{ 0, FILTER_EQUAL, first_ },                                               \
			{                                                                          \
				1, FILTER_EQUAL, second_                                           \
			}                                                                          \
		}                                                                                  \
	}
#define COMMON                                                                                     \
	ON(SYS_write, 2), ANY(SYS_futex), ANY(SYS_clock_gettime), ANY(SYS_poll), ANY(SYS_ppoll),   \
	        ANY(SYS_sched_yield), ANY(SYS_restart_syscall), ANY(SYS_rt_sigreturn),             \
	        ANY(SYS_exit_group)

static const struct rule of_image[] = {
	TWO(SYS_ioctl, VCPU, KVM_RUN),
	TWO(SYS_ioctl, VCPU, KVM_GET_SREGS),
	ON(SYS_write, KICK),
	ON(SYS_write, 1),
	{ SYS_getrandom, 2, { { 1, FILTER_EQUAL, 48 }, { 2, FILTER_EQUAL, 0 } } },
	ON(SYS_setitimer, ITIMER_REAL),
	COMMON,
};
static const struct rule of_pump[] = { ON(SYS_epoll_wait, EPOLL), ON(SYS_read, KICK), COMMON };
static const struct rule of_watcher[] = {
	ON(SYS_epoll_wait, EPOLL),
	ON(SYS_read, KICK),
	ON(SYS_write, BELL),
	ON(SYS_read, SIGNALS),
	TWO(SYS_ptrace, PTRACE_GETSIGINFO, CHILD),
	TWO(SYS_ptrace, PTRACE_GETREGS, CHILD),
	TWO(SYS_ptrace, PTRACE_CONT, CHILD),
	TWO(SYS_ptrace, PTRACE_LISTEN, CHILD),
	ON(SYS_wait4, CHILD),
	TWO(SYS_kill, CHILD, SIGKILL),
	ON(SYS_process_vm_readv, CHILD),
	ON(SYS_setitimer, ITIMER_REAL),
	COMMON,
};

/* Every call with every first argument that is near to one that is allowed, and second ones, and third ones. */
static void compare(const struct filter *f, const struct rule *rules, unsigned count)
{
	uint64_t first[48], second[32];
	unsigned firsts = 0, seconds = 0, allowed = 0;
	for (uint64_t fd = 0; fd < 20; fd++)
		first[firsts++] = fd;
	const uint64_t more[] = {
		CHILD,          CHILD - 1,         CHILD + 1,         CHILD | 1ull << 32,
		UINT64_MAX,     KICK | 1ull << 32, VCPU | 1ull << 63, PTRACE_GETSIGINFO,
		PTRACE_GETREGS, PTRACE_CONT,       PTRACE_LISTEN,     PTRACE_SEIZE
	};
	const uint64_t others[] = { 0,
		                    1,
		                    2,
		                    SIGKILL,
		                    SIGTERM,
		                    CHILD,
		                    CHILD | 1ull << 32,
		                    KVM_RUN,
		                    KVM_RUN | 1ull << 32,
		                    KVM_GET_SREGS,
		                    KVM_SET_SREGS,
		                    KVM_SET_REGS,
		                    KVM_CREATE_VM,
		                    0x5412,
		                    48,
		                    47,
		                    49,
		                    UINT64_MAX };
	for (unsigned i = 0; i < sizeof more / sizeof *more; i++)
		first[firsts++] = more[i];
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
		second[seconds++] = others[i];
	for (int call = -1; call < 1024; call++)
		for (unsigned i = 0; i < firsts; i++)
			for (unsigned k = 0; k < seconds; k++)
				for (uint64_t third = 0; third < 2; third++) {
					const uint64_t args[6] = { first[i], second[k], third };
					bool want = allows(rules, count, call, args);
					if ((ask(f, call, args, 0) == SECCOMP_RET_ALLOW) != want)
						fail_msg("call %d (%llx, %llx, %llx) is %s", call,
						         (unsigned long long)args[0],
						         (unsigned long long)args[1],
						         (unsigned long long)third,
						         want ? "refused" : "allowed");
					allowed += want;
				}
	assert_true(allowed > 1000);
}

static void each_thread_may_call_what_it_needs_and_no_more(void **test_state)
{
	static struct filter image, pump, watcher;
	static struct devices none;
	const struct confinement_fds fds = { KICK, EPOLL, VCPU, SIGNALS, BELL, CHILD };
	(void)test_state;
	confinement_image(&image, &fds, &none);
	confinement_pump(&pump, &fds, &none);
	confinement_watcher(&watcher, &fds, &none);
	compare(&image, of_image, sizeof of_image / sizeof *of_image);
	compare(&pump, of_pump, sizeof of_pump / sizeof *of_pump);
	compare(&watcher, of_watcher, sizeof of_watcher / sizeof *of_watcher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn_rules_are_what_the_filter_does),
		cmocka_unit_test(only_this_machines_calls_are_allowed),
		cmocka_unit_test(a_rule_that_is_there_is_not_added_again),
		cmocka_unit_test(each_thread_may_call_what_it_needs_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

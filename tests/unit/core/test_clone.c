/* SPDX-License-Identifier: ISC */
/* A wait that a clone returns from, as a tender enters it (abi, section 6), and what runs first then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdbool.h>

#include <core/boot.h>
#include <core/clone.h>
#include <core/gate.h>

#include "fake.h"

static uint64_t resume;
static bool as_clone;

/* Enters at `resume` as a tender does: RSP behind the word, all other registers zero. */
static int64_t gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	(void)a;
	(void)b;
	if (call != AMP_GATE_WAIT)
		return 0;
	resume = c;
	if (as_clone)
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
		                 : "r"(c), "D"(boot_info) /* as the ABI has it */
		                 : "memory");
	return 0;
}

static char order[16];
static unsigned ran;

static void note(char which)
{
	order[ran++] = which;
	order[ran] = 0;
}
static void late(void)
{
	note('l');
}
static void early(void)
{
	note('e');
}
static void between(void)
{
	note('b');
}
ON_CLONE(900, late);
ON_CLONE(100, early);
ON_CLONE(300, between);

static void handler_begins(struct clone_handler *h)
{
	(void)h;
	note('h');
}

static void a_wait_returns_once_as_the_parent_and_once_as_a_clone(void **state)
{
	(void)state;
	volatile uint64_t kept = 0x1234;
	uint64_t sum = strlen("in a register");
	fake_boot.gate = (uint64_t)gate;
	as_clone = false;
	assert_false(gate_wait(0, 0));
	assert_int_equal(resume % 16, 0);
	as_clone = true;
	assert_true(gate_wait(0, 0));
	assert_int_equal(kept + sum, 0x1234 + 13);
	as_clone = false;
	assert_false(gate_wait(0, 0));
}

static void records_run_in_their_order_and_then_handlers(void **state)
{
	(void)state;
	static struct clone_handler one = { .begin = handler_begins },
	                            two = { .begin = handler_begins };
	clone_on(&one);
	clone_on(&two);
	ran = 0;
	clone_begin();
	assert_string_equal(order, "eblhh");
	fake_boot.generation = 7;
	assert_int_equal(clone_generation(), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_returns_once_as_the_parent_and_once_as_a_clone),
		cmocka_unit_test(records_run_in_their_order_and_then_handlers),
	};
	fake_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

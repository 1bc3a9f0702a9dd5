/* SPDX-License-Identifier: ISC */
/* A wait that a clone returns from, as a tender enters it (abi, section 6), and what runs first then. */
#include <core/boot.h>
#include <core/clone.h>
#include <core/gate.h>

#include "fake.h"

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
	assert_false(gate_wait(0, 0));
	assert_int_equal(fake_resume % 16, 0);
	fake_as_clone = true;
	assert_true(gate_wait(0, 0));
	assert_int_equal(kept + sum, 0x1234 + 13);
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

/* SPDX-License-Identifier: ISC */
/* core/list.h. */
#include <core/list.h>

#include "fake.h"

struct item {
	int value;
	struct list link;
};

static int sum_in_order(struct list *l)
{
	int all = 0;
	list_each (at, l)
		all = all * 10 + container_of(at, struct item, link)->value;
	return all;
}

static void appends_and_pops_in_order(void **state)
{
	(void)state;
	struct list l = LIST_INIT(l);
	struct item items[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	assert_true(list_empty(&l));
	assert_null(list_pop(&l));
	for (int i = 0; i < 3; i++)
		list_append(&l, &items[i].link);
	assert_int_equal(sum_in_order(&l), 123);
	assert_ptr_equal(list_pop(&l), &items[0].link);
	assert_int_equal(sum_in_order(&l), 23);
}

static void removes_from_anywhere_and_twice(void **state)
{
	(void)state;
	struct list l;
	struct item items[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	list_init(&l);
	for (int i = 0; i < 3; i++)
		list_append(&l, &items[i].link);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(sum_in_order(&l), 13);
	list_remove(&items[2].link);
	list_remove(&items[0].link);
	assert_true(list_empty(&l));
	list_append(&l, &items[1].link);
	assert_int_equal(sum_in_order(&l), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_pops_in_order),
		cmocka_unit_test(removes_from_anywhere_and_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * What another process has written to: one that gives its descriptor away, and then writes where it is told to. Skipped where the
 * kernel cannot tell (before Linux 6.7, or in a container that forbids userfaultfd).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <ampoule_abi.h>
#include <tender/written.h>

#define PAGES 1024u

struct other {
	pid_t pid;
	int page_map, orders, done;
	uint8_t *memory; /* the same address in both */
};

static struct other o;

static _Noreturn void obey(int orders, int done)
{
	uint32_t page;
	written_give();
	(void)!write(done, &page, 1);
	while (read(orders, &page, sizeof page) == sizeof page) {
		o.memory[page * AMP_PAGE + 100]++;
		(void)!write(done, &page, 1);
	}
	_exit(0);
}

static void wait_for_it(void)
{
	char byte;
	assert_int_equal(read(o.done, &byte, 1), 1);
}

static void touch(uint32_t page)
{
	assert_int_equal(write(o.orders, &page, sizeof page), sizeof page);
	wait_for_it();
}

static int begin(void **state)
{
	int orders[2], done[2];
	char path[64];
	bool shared = *state;
	written_prepare();
	if (pipe(orders) || pipe(done))
		return -1;
	o.memory = mmap(NULL, PAGES * AMP_PAGE, PROT_READ | PROT_WRITE,
	                (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	o.pid = fork();
	if (!o.pid) {
		close(orders[1]);
		obey(orders[0], done[1]);
	}
	close(orders[0]);
	o.orders = orders[1];
	o.done = done[0];
	wait_for_it();
	snprintf(path, sizeof path, "/proc/%d/pagemap", o.pid);
	o.page_map = open(path, O_RDONLY | O_CLOEXEC);
	return 0;
}

static int end(void **state)
{
	int status;
	(void)state;
	close(o.orders);
	waitpid(o.pid, &status, 0);
	close(o.done);
	close(o.page_map);
	munmap(o.memory, PAGES * AMP_PAGE);
	return 0;
}

/* Pages that were written to, as bits; how many. */
static uint32_t ask(bool again, uint8_t seen[PAGES])
{
	struct written_range ranges[WRITTEN_RANGES];
	uint64_t at = (uint64_t)o.memory, end_at = at + PAGES * AMP_PAGE;
	uint32_t count = 0;
	memset(seen, 0, PAGES);
	while (at < end_at) {
		int n = written_scan(o.page_map, &at, end_at, 64, again, false, ranges);
		assert_true(n >= 0);
		for (int i = 0; i < n; i++)
			for (uint64_t p = ranges[i].from; p < ranges[i].to;
			     p += AMP_PAGE, count++) {
				assert_true(p >= (uint64_t)o.memory && p < end_at);
				assert_false(seen[(p - (uint64_t)o.memory) / AMP_PAGE]++);
			}
	}
	return count;
}

static void each_write_is_told_once(void **state)
{
	static uint8_t seen[PAGES];
	(void)state;
	for (uint32_t p = 0; p < PAGES; p += 2)
		touch(p);
	if (!written_watch(o.page_map, (uint64_t)o.memory, PAGES * AMP_PAGE))
		skip();
	assert_int_equal(ask(true, seen), PAGES / 2);
	for (uint32_t p = 0; p < PAGES; p++)
		assert_int_equal(seen[p], !(p & 1));
	assert_int_equal(ask(true, seen), 0);
	/* One that was there, the same again, one that was not, the last one. */
	touch(10);
	touch(10);
	touch(33);
	touch(PAGES - 1);
	assert_int_equal(ask(false, seen), 3);
	assert_true(seen[10] && seen[33] && seen[PAGES - 1]);
	/* They were not to be watched again. */
	assert_int_equal(ask(true, seen), 3);
	assert_int_equal(ask(true, seen), 0);
	/* To begin once more changes nothing. */
	touch(500);
	assert_true(written_watch(o.page_map, (uint64_t)o.memory, PAGES * AMP_PAGE));
	assert_int_equal(ask(true, seen), 1);
	assert_true(seen[500]);
}

static void without_its_descriptor_nothing_is_known(void **state)
{
	(void)state;
	assert_false(written_watch(-1, (uint64_t)o.memory, AMP_PAGE));
}

int main(void)
{
	static bool yes = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_write_is_told_once, begin, end),
		cmocka_unit_test_prestate_setup_teardown(each_write_is_told_once, begin, end, &yes),
		cmocka_unit_test_setup_teardown(without_its_descriptor_nothing_is_known, begin,
		                                end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

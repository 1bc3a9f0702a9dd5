/* SPDX-License-Identifier: ISC */
/* Log lines, error texts, last words, finding files. */
#include <stdio.h>

#include <core/error.h>
#include <core/file.h>
#include <core/log.h>
#include <core/panic.h>

#include "fake.h"

const struct file files[] = {
	{ "a", (const uint8_t *)"1", 1 },
	{ "motd", (const uint8_t *)"22", 2 },
	{ "www/index.html", (const uint8_t *)"333", 3 },
};
const uint32_t file_count = 3;
/* What host/builder/names.c makes of these. */
const struct file_names file_names = { 14695981039346656037u, 1, 0 };
const uint32_t file_buckets[] = { 1 }, file_slots[] = { 0, 1, 2 };

static int start(void **state)
{
	(void)state;
	fake_start();
	return 0;
}

static void writes_one_line_with_time_and_noun(void **state)
{
	(void)state;
	fake_set_now(12003004567);
	log_warning("arp", "%s is %d", "x", 5);
	assert_string_equal(fake_log, "[  12.003004] arp: x is 5\n");
	assert_int_equal(fake_puts, 1);
	assert_int_equal(fake_output_size, 0);
}

static char seen[600];
static int shown;

static void see(enum log_level level, const char *who, const char *text, size_t size)
{
	snprintf(seen, sizeof seen, "%d %s %.*s", (int)level, who, (int)size, text);
	shown++;
	log_warning("seen", "again");
}

static void a_watcher_sees_what_is_written(void **state)
{
	(void)state;
	log_watch(see);
	log_warning("arp", "a\n%s", "b");
	assert_int_equal(shown, 1); /* not what it logs itself */
	assert_string_equal(seen, "1 arp a\\x0ab");
	log_debug("arp", "not written");
	assert_int_equal(shown, 1);
	log_watch(NULL);
	log_warning("arp", "c");
	assert_int_equal(shown, 1);
}

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

static void is_quiet_unless_asked(void **state)
{
	(void)state;
	evaluated = 0;
	log_info("x", "%d", evaluate());
	log_debug("x", "%d", evaluate());
	assert_int_equal(fake_puts, 0);
	assert_int_equal(evaluated, 0);
	fake_boot.log_level = 3;
	log_info("x", "%d", evaluate());
	log_debug("x", "%d", evaluate());
	assert_int_equal(fake_puts, 2);
	fake_boot.log_level = 0;
	log_warning("x", "%d", evaluate());
	log_error("x", "%d", evaluate());
	assert_int_equal(fake_puts, 3);
	assert_int_equal(evaluated, 3);
}

static void text_cannot_forge_a_line(void **state)
{
	(void)state;
	log_error("dns", "name %s", "a\n[   0.000000] arp: \x1b[2J\x7f\x9b\x01\t~");
	assert_string_equal(strchr(fake_log, ']') + 2,
	                    "dns: name a\\x0a[   0.000000] arp: \\x1b[2J\\x7f\\x9b\\x01\\x09~\n");
}

static void long_lines_are_cut_at_512_bytes(void **state)
{
	(void)state;
	char text[2000];
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = i % 2 ? 'a' : '\n'; /* the cut may fall within an escape, which is then
		                                 left out whole */
	text[sizeof text - 1] = '\0';
	log_error("x", "%s", text);
	assert_true(fake_log_size <= 512 && fake_log_size > 500);
	assert_int_equal(fake_log[fake_log_size - 1], '\n');
	assert_null(memchr(fake_log, '\n', fake_log_size - 1));
	const char *end = fake_log + fake_log_size - 1;
	assert_true(end[-1] == 'a' || (end[-4] == '\\' && end[-1] == 'a'));
}

static void fall(void *arg)
{
	panic("number %d, text %s", 7, (const char *)arg);
}

static void fail_a_check(void *arg)
{
	ensure(arg != arg);
}

static void panic_says_why_and_traps(void **state)
{
	(void)state;
	assert_true(fake_panics(fall, (char *)"abc", "panic in task none: number 7, text abc\n"));
	assert_true(fake_panics(fall, (char *)"a\nb", "text a?b\n"));
	assert_true(
	        fake_panics(fail_a_check, NULL, "panic in task none: test_log.c:120: ensure\n"));
}

static void errors_have_words(void **state)
{
	(void)state;
	for (int e = ERR_FAILED; e <= OK; e++) {
		assert_non_null(error_text(e));
		for (int other = e + 1; other <= OK; other++)
			assert_string_not_equal(error_text(e), error_text(other));
	}
	assert_string_equal(error_text(ERR_TIMEOUT), "timed out");
	assert_string_equal(error_text(ERR_FAILED - 1), "unknown error");
	assert_string_equal(error_text(-2147483647 - 1), "unknown error");
	assert_string_equal(error_text(5), "no error");
}

static void files_are_found_by_name(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < file_count; i++)
		assert_ptr_equal(file_find(files[i].name), &files[i]);
	assert_null(file_find(""));
	assert_null(file_find("b"));
	assert_null(file_find("www"));
	assert_null(file_find("zzz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_one_line_with_time_and_noun, start),
		cmocka_unit_test_setup(a_watcher_sees_what_is_written, start),
		cmocka_unit_test_setup(is_quiet_unless_asked, start),
		cmocka_unit_test_setup(text_cannot_forge_a_line, start),
		cmocka_unit_test_setup(long_lines_are_cut_at_512_bytes, start),
		cmocka_unit_test_setup(panic_says_why_and_traps, start),
		cmocka_unit_test_setup(errors_have_words, start),
		cmocka_unit_test_setup(files_are_found_by_name, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Standard output and error over the gate: what leaves, and when. */
#include "fake.h"

/* musl's FILE, which only our stdio knows from the inside. */
typedef struct os_file OS_FILE;
extern OS_FILE *const os_stdout, *const os_stderr, *const os_stdin;
int os_printf(const char *, ...);
int os_fprintf(OS_FILE *, const char *, ...);
int os_puts(const char *);
int os_putchar(int);
int os_fputc(int, OS_FILE *);
int os_fputs(const char *, OS_FILE *);
size_t os_fwrite(const void *, size_t, size_t, OS_FILE *);
int os_fflush(OS_FILE *);

static int start(void **state)
{
	(void)state;
	os_fflush(NULL);
	fake_start();
	return 0;
}

static void output_leaves_at_the_end_of_a_line(void **state)
{
	(void)state;
	assert_int_equal(os_printf("one %d", 1), 5);
	assert_int_equal(fake_puts, 0);
	assert_int_equal(os_puts(" two"), 0);
	assert_int_equal(fake_puts, 1);
	assert_string_equal(fake_output, "one 1 two\n");
	assert_int_equal(os_putchar('x'), 'x');
	assert_int_equal(os_fputs("y", os_stdout), 0);
	assert_int_equal(fake_puts, 1);
	os_putchar('\n');
	assert_int_equal(fake_puts, 2);
	assert_string_equal(fake_output, "one 1 two\nxy\n");
}

static void the_begun_line_stays_until_flushed(void **state)
{
	(void)state;
	os_printf("a\nb\nc");
	assert_int_equal(fake_puts, 1);
	assert_string_equal(fake_output, "a\nb\n");
	assert_int_equal(os_fflush(os_stdout), 0);
	assert_string_equal(fake_output, "a\nb\nc");
	os_fflush(os_stdout);
	assert_int_equal(fake_puts, 2);
}

static void errors_leave_at_once(void **state)
{
	(void)state;
	os_printf("kept");
	os_fprintf(os_stderr, "oops %d", 3);
	assert_string_equal(fake_log, "oops 3");
	assert_int_equal(fake_puts, 1);
	assert_int_equal(os_fputc('!', os_stderr), '!');
	assert_string_equal(fake_log, "oops 3!");
	assert_string_equal(fake_output, "");
}

static void nothing_is_lost_however_long(void **state)
{
	(void)state;
	static char expected[200000];
	char piece[9000];
	size_t size = 0;
	for (int round = 0; size < sizeof expected - sizeof piece; round++) {
		size_t n = fake_random() % (round % 10 ? 50 : 8999) + 1;
		for (size_t i = 0; i < n; i++)
			piece[i] = fake_random() % 40 ? (char)('a' + fake_random() % 26) : '\n';
		piece[n] = '\0';
		switch (round % 4) {
		case 0:
			assert_int_equal(os_printf("%s", piece), n);
			break;
		case 1:
			assert_int_equal(os_fwrite(piece, 1, n, os_stdout), n);
			break;
		case 2:
			os_fputs(piece, os_stdout);
			break;
		default:
			n--;
			os_printf("%.*s", (int)n, piece);
		}
		memcpy(expected + size, piece, n);
		size += n;
	}
	os_fflush(NULL);
	assert_int_equal(fake_output_size, size);
	assert_memory_equal(fake_output, expected, size);
}

static void other_files_are_refused(void **state)
{
	(void)state;
	assert_int_equal(os_fprintf(os_stdin, "x"), -1);
	assert_int_equal(os_fwrite("x", 1, 1, os_stdin), 0);
	assert_int_equal(os_fwrite("x", (size_t)-1, 3, os_stdout), 0);
	assert_int_equal(os_fwrite("x", 0, 5, os_stdout), 0);
	os_fflush(NULL);
	assert_int_equal(fake_puts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(output_leaves_at_the_end_of_a_line, start),
		cmocka_unit_test_setup(the_begun_line_stays_until_flushed, start),
		cmocka_unit_test_setup(errors_leave_at_once, start),
		cmocka_unit_test_setup(nothing_is_lost_however_long, start),
		cmocka_unit_test_setup(other_files_are_refused, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

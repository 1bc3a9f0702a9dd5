/* SPDX-License-Identifier: ISC */
/* Messages of RFC 5424, and the queue's bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <app/syslog/internal.h>
#include <core/heap.h>

static bool memory_fails;
static uint32_t live;

void *heap_alloc(size_t size)
{
	live += !memory_fails;
	return memory_fails ? NULL : malloc(size);
}

void heap_free(void *p)
{
	live -= p != NULL;
	free(p);
}

static char to[SYSLOG_MESSAGE_MAX];

static const char *made(const struct syslog_origin *o, enum log_level level, int64_t wall,
                        uint64_t sequence, const char *who, const char *text)
{
	static char copy[SYSLOG_MESSAGE_MAX + 1];
	uint32_t n = syslog_message(to, o, level, wall, sequence, who, text, strlen(text));
	assert_true(n <= SYSLOG_MESSAGE_MAX);
	memcpy(copy, to, n);
	copy[n] = '\0';
	return copy;
}

/* RFC 5424 §6, §6.2.1: 16 * 8 + 4 is local0.warning. */
static void a_message_has_all_fields(void **state)
{
	const struct syslog_origin o = { "shop-1", "shop", "1.2", 16 };
	(void)state;
	assert_string_equal(
	        made(&o, LOG_WARNING, 1764432309123456789, 7, "net", "text"),
	        "<132>1 2025-11-29T16:05:09.123456Z shop-1 shop - net "
	        "[origin software=\"shop\" swVersion=\"1.2\"][meta sequenceId=\"7\"] text");
}

static void levels_are_severities(void **state)
{
	const struct syslog_origin o = { "h", "a", NULL, 1 };
	(void)state;
	assert_memory_equal(made(&o, LOG_ERROR, 0, 1, "x", ""), "<11>1 1970-01-01T00:00:00.000000Z",
	                    33);
	assert_memory_equal(made(&o, LOG_WARNING, 0, 1, "x", ""), "<12>", 4);
	assert_memory_equal(made(&o, LOG_INFO, 0, 1, "x", ""), "<14>", 4);
	assert_memory_equal(made(&o, LOG_DEBUG, 0, 1, "x", ""), "<15>", 4);
}

/* RFC 5424 §6.2.4 to §6.2.7 and §6.3.3: names have no blanks, values escape three characters. */
static void what_breaks_the_form_is_replaced(void **state)
{
	const struct syslog_origin o = { "", "a b\n", "1 \"2]\\", 16 };
	(void)state;
	assert_string_equal(
	        made(&o, LOG_INFO, -5, 1, "a b\x80", "x"),
	        "<134>1 1970-01-01T00:00:00.000000Z - a_b_ - a_b_ [origin "
	        "software=\"a b_\" swVersion=\"1 \\\"2\\]\\\\\"][meta sequenceId=\"1\"] x");
}

/* §7.3.1: at most 2147483647, then 1. */
static void sequence_ids_begin_again(void **state)
{
	const struct syslog_origin o = { "h", "a", NULL, 16 };
	(void)state;
	assert_non_null(strstr(made(&o, LOG_INFO, 0, 2147483647, "x", ""), "\"2147483647\""));
	assert_non_null(strstr(made(&o, LOG_INFO, 0, 2147483648, "x", ""), "sequenceId=\"1\""));
}

static void the_longest_fields_leave_room_for_text(void **state)
{
	static char name[2000], text[4000];
	(void)state;
	memset(name, '"', sizeof name - 1);
	memset(text, 'x', sizeof text - 1);
	const struct syslog_origin o = { name, name, name, 23 };
	const char *m = made(&o, LOG_DEBUG, INT64_MAX, UINT32_MAX, name, text);
	assert_int_equal(strlen(m), SYSLOG_MESSAGE_MAX);
	assert_true(strspn(strrchr(m, ' ') + 1, "x") >= 100);
}

static void dates_are_those_of_the_host(void **state)
{
	const struct syslog_origin o = { "h", "a", NULL, 16 };
	(void)state;
	for (int64_t s = 0; s < 5000000000; s += 86400 * 13 + 3601) {
		time_t t = s;
		struct tm tm;
		char want[64];
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&t, &tm));
		assert_memory_equal(made(&o, LOG_INFO, s * 1000000000, 1, "x", "") + 7, want,
		                    strlen(want));
	}
}

static void the_queue_keeps_to_its_bytes(void **state)
{
	struct syslog_queue q;
	uint32_t count = 0;
	char line[100];
	(void)state;
	memset(line, 'x', sizeof line);
	syslog_queue_open(&q, 4096);
	for (; syslog_queue_put(&q, line, sizeof line); count++)
		line[0] = (char)('a' + count);
	assert_int_equal(count, 4096 / (sizeof(struct syslog_line) + sizeof line));
	assert_true(q.bytes <= 4096);
	assert_int_equal(syslog_queue_first(&q)->bytes[0], 'x');
	syslog_queue_drop_first(&q);
	assert_int_equal(syslog_queue_first(&q)->bytes[0], 'a');
	assert_true(syslog_queue_put(&q, line, sizeof line));
	assert_false(syslog_queue_put(&q, line, sizeof line));
	while (syslog_queue_first(&q))
		syslog_queue_drop_first(&q);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(live, 0);
	memory_fails = true;
	assert_false(syslog_queue_put(&q, line, sizeof line));
	memory_fails = false;
	assert_int_equal(q.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_all_fields),
		cmocka_unit_test(levels_are_severities),
		cmocka_unit_test(what_breaks_the_form_is_replaced),
		cmocka_unit_test(sequence_ids_begin_again),
		cmocka_unit_test(the_longest_fields_leave_room_for_text),
		cmocka_unit_test(dates_are_those_of_the_host),
		cmocka_unit_test(the_queue_keeps_to_its_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

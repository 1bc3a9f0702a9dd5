/* SPDX-License-Identifier: ISC */
/* What a supervisor decides and writes: restarts, its log, requests, questions about health; and the words that a wrong one is near
 * to. Processes are tests/daily's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cli/near.h>
#include <supervisor/control.h>
#include <supervisor/health.h>
#include <supervisor/log.h>
#include <supervisor/place.h>
#include <supervisor/record.h>
#include <supervisor/restart.h>

static void policies_are_read(void **state)
{
	struct restart r;
	char room[32];
	static const char *const good[] = { "no", "on-failure", "on-failure:7", "always" };
	static const char *const bad[] = { "",
		                           "yes",
		                           "on-failure:",
		                           "on-failure:0",
		                           "on-failure:x",
		                           "on-failure:1x",
		                           "on-failure:9999999",
		                           "alwaysx",
		                           "on-failurex" };
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(restart_parse(&r, good[i]));
		assert_string_equal(restart_text(&r, room), good[i]);
	}
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(restart_parse(&r, bad[i]));
}

static void pauses_double_up_to_ten_seconds_and_begin_again(void **state)
{
	static const uint32_t pauses[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct restart r;
	uint32_t pause;
	(void)state;
	restart_parse(&r, "always");
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < sizeof pauses / sizeof *pauses; i++) {
			assert_true(restart_next(&r, 0, i ? 5 : RESTART_LIFE_MS, &pause));
			assert_int_equal(pause, pauses[i]);
		}
}

static void attempts_are_counted_by_life(void **state)
{
	struct restart r;
	uint32_t pause;
	(void)state;
	restart_parse(&r, "on-failure:2");
	assert_false(restart_next(&r, 0, 0, &pause));
	assert_true(restart_next(&r, 1, 0, &pause));
	assert_true(restart_next(&r, 1, 0, &pause));
	assert_false(restart_next(&r, 1, 0, &pause));
	assert_true(restart_next(&r, 1, RESTART_LIFE_MS, &pause));
}

static void requests_are_read(void **state)
{
	static const char *const bad[] = { "",
		                           "sto",
		                           "stopp",
		                           "stop ",
		                           "stop x",
		                           "stop -1",
		                           "stop 1x",
		                           "kill",
		                           "kill 0",
		                           "kill 65",
		                           "stop 99999999999999999999" };
	(void)state;
	assert_int_equal(control_parse("stop").verb, CONTROL_STOP);
	assert_int_equal(control_parse("stop").number, -1);
	assert_int_equal(control_parse("stop 20").number, 20);
	assert_int_equal(control_parse("kill 9").verb, CONTROL_KILL);
	assert_int_equal(control_parse("restart 0").verb, CONTROL_RESTART);
	assert_int_equal(control_parse("secrets").verb, CONTROL_SECRETS);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(control_parse(bad[i]).verb, CONTROL_NONE);
}

static void questions_are_read(void **state)
{
	struct health h;
	struct defect why;
	static const char *const good[] = { "tcp:1",
		                            "tcp:10.0.0.2:65535",
		                            "http:80",
		                            "http:80/",
		                            "http:1.2.3.4:80/a?b=c",
		                            "dns:53/a",
		                            "dns:53/a.example.org",
		                            "dns:53/a.",
		                            "command:1.2.3.4:1/a b\\x3d\\r\\n==b" };
	static const char *const bad[] = { "",
		                           "tcp",
		                           "tcp:",
		                           "tcp:0",
		                           "tcp:65536",
		                           "tcp:80/",
		                           "tcp:x:80",
		                           "tcp:999999999999999999999:80",
		                           "http:80/a b",
		                           "http:80/\r\n",
		                           "dns:53",
		                           "dns:53/",
		                           "dns:53/.",
		                           "dns:53/a..b",
		                           "udp:53",
		                           "command:1",
		                           "command:1/",
		                           "command:1/a",
		                           "command:1/a=",
		                           "command:1/a\\y=b",
		                           "command:1/a\\x4=b",
		                           "tcp:-1",
		                           "tcp:1:2:3" };
	char long_name[400];
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
		if (health_parse(&h, good[i], &why))
			fail_msg("%s: %s", good[i], why.text);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!health_parse(&h, bad[i], &why))
			fail_msg("%s is taken", bad[i]);
	memset(long_name, 'a', sizeof long_name);
	memcpy(long_name, "dns:53/", 7);
	long_name[7 + 64] = 0; /* a label of 64 bytes */
	assert_int_equal(health_parse(&h, long_name, &why), -1);
	long_name[7 + 63] = 0;
	assert_int_equal(health_parse(&h, long_name, &why), 0);
}

static void a_command_is_its_bytes(void **state)
{
	struct health h;
	struct defect why;
	char room[AMP_TEXT_MAX];
	(void)state;
	assert_int_equal(health_parse(&h, "command:1/a\\x3d\\=\\r\\n\\t\\\\=\\xffb=c", &why), 0);
	assert_int_equal(health_note_bytes(&h.note, 0, room), 7);
	assert_memory_equal(room, "a==\r\n\t\\", 7);
	assert_int_equal(health_note_bytes(&h.note, 1, room), 4);
	assert_memory_equal(room,
	                    "\xff"
	                    "b=c",
	                    4);
}

static void an_images_port_is_asked_where_it_is_published(void **state)
{
	static const char *const ports[] = { "9999:80/udp", "8000-8010:90-100",
		                             "127.0.0.2:8080:80" };
	struct amp_note_health note;
	struct health h;
	struct defect why;
	char room[HEALTH_ADDRESSED_MAX];
	(void)state;
	assert_int_equal(health_note_parse(&note, AMP_HEALTH_HTTP, "80/x", &why), 0);
	assert_true(health_of_image(&h, &note, false, ports, 3));
	assert_string_equal(health_text(&h, room), "http:127.0.0.2:8080/x");
	static const char *const six[] = { "8080:80", "[2001:db8::7]:8081:81", "[::]:8082:82",
		                           "0.0.0.0:8083:83" };
	assert_true(health_of_image(&h, &note, true, six, 4));
	assert_string_equal(health_text(&h, room), "http:[::1]:8080/x");
	note.port = 81;
	assert_true(health_of_image(&h, &note, false, six, 4));
	assert_string_equal(health_text(&h, room), "http:[2001:db8::7]:8081/x");
	assert_int_equal(health_parse(&h, "http:[2001:db8::7]:8081/x", &why), 0);
	assert_string_equal(health_text(&h, room), "http:[2001:db8::7]:8081/x");
	note.port = 82;
	assert_true(health_of_image(&h, &note, false, six, 4));
	assert_string_equal(health_text(&h, room), "http:[::1]:8082/x");
	note.port = 83;
	assert_true(health_of_image(&h, &note, false, six, 4));
	assert_string_equal(health_text(&h, room), "http:8083/x");
	static const char *const wrong[] = { "tcp:[::1]",        "tcp:[::1:80", "tcp:[::1]80",
		                             "tcp:[1.2.3.4]:80", "tcp:::1:80",  "tcp:[]:80" };
	for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++)
		assert_int_equal(health_parse(&h, wrong[k], &why), -1);
	note.port = 95;
	assert_true(health_of_image(&h, &note, false, ports, 3));
	assert_string_equal(health_text(&h, room), "http:8005/x");
	note.port = 101;
	assert_false(health_of_image(&h, &note, false, ports, 3));
	assert_int_equal(h.note.kind, 0);
	assert_int_equal(health_note_parse(&note, AMP_HEALTH_DNS, "80/a", &why), 0);
	assert_true(health_of_image(&h, &note, false, ports, 3));
	assert_string_equal(health_text(&h, room), "dns:9999/a");
}

static int temporary(char *path)
{
	strcpy(path, "/tmp/ampoule-supervisor-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY);
}

static char *content(int folder, const char *name)
{
	static char text[1 << 20];
	int fd = openat(folder, name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[n] = 0;
	return text;
}

static void a_line_is_whole_however_it_comes(void **state)
{
	static struct log l;
	static char many[LOG_LINE_MAX + 11];
	char path[64];
	int folder = temporary(path);
	(void)state;
	log_open(&l, folder, LOG_SIZE_MIN);
	log_bytes(&l, LOG_STDOUT, "he", 2);
	log_bytes(&l, LOG_STDERR, "other\n", 6);
	log_bytes(&l, LOG_STDOUT, "llo\n\nend", 8);
	log_end(&l);
	char *text = content(folder, PLACE_LOG);
	assert_non_null(strstr(text, " stderr F other\n"));
	assert_non_null(strstr(text, " stdout F hello\n"));
	assert_non_null(strstr(text, " stdout F \n"));
	assert_non_null(strstr(text, " stdout F end\n"));
	memset(many, 'x', sizeof many);
	many[sizeof many - 1] = '\n';
	log_bytes(&l, LOG_STDOUT, many, sizeof many);
	text = content(folder, PLACE_LOG);
	assert_non_null(strstr(text, " stdout P xxx"));
	assert_non_null(strstr(text, " stdout F xxxxxxxxxx\n"));
	memset(many, '\n', sizeof many);
	for (unsigned i = 0; i < 100; i++) /* what grows most: 40 bytes for one */
		log_bytes(&l, LOG_STDERR, many, sizeof many);
	struct stat st;
	assert_int_equal(fstatat(folder, PLACE_OLD_LOG, &st, 0), 0);
	assert_true(st.st_size <= (off_t)LOG_SIZE_MIN);
	close(l.fd);
	assert_int_equal(place_remove(AT_FDCWD, path, folder), 0);
	close(folder);
}

static void a_log_that_cannot_be_written_holds_nothing_up(void **state)
{
	static struct log l;
	(void)state;
	memset(&l, 0, sizeof l);
	l.folder = -1;
	l.max = LOG_SIZE_MIN;
	l.fd = open("/dev/full", O_WRONLY);
	for (unsigned i = 0; i < 100000; i++)
		log_bytes(&l, LOG_STDOUT, "lost\n", 5);
	close(l.fd);
}

static void state_is_json_whatever_a_path_holds(void **state)
{
	char path[64];
	int folder = temporary(path);
	struct record r = { .id = "0123456789ab",
		            .name = "a",
		            .image = "a\"b\\c\n\xff\xc3\xa9\xed\xa0\x80.amp",
		            .folder = "/",
		            .exit_status = -1 };
	(void)state;
	assert_int_equal(record_write(folder, &r), 0);
	assert_non_null(strstr(content(folder, PLACE_STATE),
	                       "\"image\": \"a\\u0022b\\u005cc\\u000a?\xc3\xa9???.amp\""));
	assert_int_equal(place_remove(AT_FDCWD, path, folder), 0);
	close(folder);
}

static void a_name_is_taken_once_and_its_lock_is_held(void **state)
{
	char path[64];
	int root = temporary(path), folder, lock, other, other_lock;
	struct defect why;
	(void)state;
	assert_int_equal(place_take(root, "one", false, &folder, &lock, &why), 0);
	assert_true(place_is_held(folder));
	assert_int_equal(place_lock(folder, false), -1);
	assert_int_equal(place_take(root, "one", false, &other, &other_lock, &why), -1);
	assert_int_equal(place_take(root, "one", true, &other, &other_lock, &why), -1);
	close(lock);
	assert_false(place_is_held(folder));
	assert_int_equal(place_take(root, "one", true, &other, &other_lock, &why), 0);
	assert_true(place_is_held(folder));
	assert_int_equal(place_remove(root, "one", other), 0);
	/* Who waited for the lock of a folder that is gone does not get it. */
	close(other_lock);
	assert_int_equal(place_lock(folder, true), -1);
	close(folder);
	close(other);
	close(root);
	assert_int_equal(rmdir(path), 0);
}

static void names_are_of_one_path_element(void **state)
{
	static const char *const bad[] = { "",    ".",   "..",       ".new-1", "-x",
		                           "a/b", "a b", "\xc3\xa9", "a\n" };
	char name[PLACE_NAME_MAX + 1];
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(place_name_is_valid(bad[i]));
	memset(name, 'a', sizeof name);
	name[PLACE_NAME_MAX] = 0;
	assert_false(place_name_is_valid(name));
	name[PLACE_NAME_MAX - 1] = 0;
	assert_true(place_name_is_valid(name));
}

static void wrong_words_are_near_to_right_ones(void **state)
{
	static const char *const words[] = { "new",  "build", "run",  "ps",      "logs", "stop",
		                             "kill", "rm",    "wait", "restart", "stats" };
	static const char *const pairs[][2] = { { "buidl", "build" },     { "lgos", "logs" },
		                                { "pss", "ps" },          { "bui", "build" },
		                                { "restrat", "restart" }, { "stat", "stats" },
		                                { "sop", "stop" } };
	static const char *const far[] = { "frobnicate", "x", "", "../build", "image" };
	(void)state;
	for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		const char *near = near_find(pairs[i][0], words, sizeof words / sizeof *words);
		if (!near || strcmp(near, pairs[i][1]) != 0)
			fail_msg("%s: %s", pairs[i][0], near ? near : "nothing");
	}
	for (unsigned i = 0; i < sizeof far / sizeof *far; i++)
		if (near_find(far[i], words, sizeof words / sizeof *words))
			fail_msg("%s: %s", far[i],
			         near_find(far[i], words, sizeof words / sizeof *words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(pauses_double_up_to_ten_seconds_and_begin_again),
		cmocka_unit_test(attempts_are_counted_by_life),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(questions_are_read),
		cmocka_unit_test(a_command_is_its_bytes),
		cmocka_unit_test(an_images_port_is_asked_where_it_is_published),
		cmocka_unit_test(a_line_is_whole_however_it_comes),
		cmocka_unit_test(a_log_that_cannot_be_written_holds_nothing_up),
		cmocka_unit_test(state_is_json_whatever_a_path_holds),
		cmocka_unit_test(a_name_is_taken_once_and_its_lock_is_held),
		cmocka_unit_test(names_are_of_one_path_element),
		cmocka_unit_test(wrong_words_are_near_to_right_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

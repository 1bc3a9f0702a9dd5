/* SPDX-License-Identifier: ISC */
/* Filters run in the kernel: on a pair of sockets, whose packets are the frames. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <standby/filter.h>
#include <standby/lines.h>
#include <standby/roster.h>
#include <supervisor/place.h>

static const uint8_t own[6] = { 2, 0, 0, 0xab, 0xcd, 0xef };
static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t node[6] = { 0x33, 0x33, 0xff, 0, 0, 1 };

static bool passes(const struct filter_wish *wish, const uint8_t *bytes, size_t size)
{
	struct sock_filter program[FILTER_MAX];
	unsigned n = filter_make(wish, program);
	const struct sock_fprog p = { (unsigned short)n, program };
	int pair[2];
	char got[256];
	assert_true(n <= FILTER_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p), 0);
	send(pair[0], bytes, size, 0); /* one that is filtered fails on some kernels */
	ssize_t came = recv(pair[1], got, sizeof got, 0);
	close(pair[0]);
	close(pair[1]);
	assert_true(came < 0 || (size_t)came == size);
	return came >= 0;
}

static bool frame(const struct filter_wish *wish, const uint8_t to[6], uint16_t type,
                  const uint8_t *more, size_t size)
{
	uint8_t bytes[200] = { 0 };
	memcpy(bytes, to, 6);
	bytes[12] = (uint8_t)(type >> 8);
	bytes[13] = (uint8_t)type;
	memcpy(bytes + 14, more, size);
	return passes(wish, bytes, 14 + size);
}

static bool arp(const struct filter_wish *wish, uint8_t op, uint8_t last)
{
	uint8_t more[46] = { 0, 1, 8, 0, 6, 4, 0, op };
	const uint8_t target[] = { 10, 0, 0, last };
	memcpy(more + 24, target, 4);
	return frame(wish, all, 0x806, more, sizeof more);
}

static bool solicitation(const struct filter_wish *wish, uint8_t next, uint8_t type, uint8_t first,
                         uint8_t last)
{
	uint8_t more[64] = { 0x60 };
	more[6] = next;
	more[40] = type;
	more[48] = first;
	more[63] = last;
	return frame(wish, node, 0x86dd, more, sizeof more);
}

static void what_is_sent_to_it_passes(void **state)
{
	struct filter_wish w = { 0 };
	const uint8_t other[6] = { 2, 0, 0, 0xab, 0xcd, 0xee }, more[20] = { 0 };
	(void)state;
	memcpy(w.mac, own, 6);
	assert_true(filter_add(&w, "10.0.0.2/24"));
	assert_true(frame(&w, own, 0x800, more, sizeof more));
	assert_true(frame(&w, own, 0x86dd, more, sizeof more));
	assert_false(frame(&w, other, 0x800, more, sizeof more));
	assert_false(frame(&w, all, 0x800, more, sizeof more));
	assert_false(passes(&w, all, 6)); /* too short to say what it is */
	assert_false(passes(&w, own, 4));
}

static void questions_for_its_addresses_pass(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= FILTER_ADDRESSES; count += 5) {
		struct filter_wish w = { 0 };
		char text[64];
		memcpy(w.mac, own, 6);
		for (uint32_t i = 0; i < count; i++) {
			snprintf(text, sizeof text, "10.0.0.%u", 2 + i);
			assert_true(filter_add(&w, text));
			snprintf(text, sizeof text, "fd00::%x/64", 2 + i);
			assert_true(filter_add(&w, text));
		}
		for (uint32_t i = 0; i < count; i++) {
			assert_true(arp(&w, 1, (uint8_t)(2 + i)));
			assert_false(arp(&w, 2, (uint8_t)(2 + i)));
			assert_true(solicitation(&w, 58, 135, 0xfd, (uint8_t)(2 + i)));
			assert_false(solicitation(&w, 58, 136, 0xfd, (uint8_t)(2 + i)));
			assert_false(solicitation(&w, 17, 135, 0xfd, (uint8_t)(2 + i)));
			assert_false(solicitation(&w, 58, 135, 0xfe, (uint8_t)(2 + i)));
		}
		assert_false(arp(&w, 1, 1));
		assert_false(arp(&w, 1, (uint8_t)(2 + count)));
		assert_false(solicitation(&w, 58, 135, 0xfd, (uint8_t)(2 + count)));
	}
}

static void one_family_leaves_the_other_asleep(void **state)
{
	struct filter_wish four = { 0 }, six = { 0 }, any = { 0 };
	(void)state;
	assert_true(filter_add(&four, "10.0.0.2"));
	assert_true(filter_add(&six, "fd00::2"));
	assert_true(arp(&four, 1, 2) && !solicitation(&four, 58, 135, 0xfd, 2));
	assert_true(!arp(&six, 1, 2) && solicitation(&six, 58, 135, 0xfd, 2));
	/* Nothing is known of its addresses: each question wakes. */
	assert_true(arp(&any, 1, 9) && solicitation(&any, 58, 135, 0xfe, 9));
	assert_false(arp(&any, 2, 9) || solicitation(&any, 58, 134, 0xfe, 9));
	assert_false(filter_add(&any, "nobody") || filter_add(&any, "") ||
	             filter_add(&any, "10.0.0"));
}

/* ---- Lines ---- */

static char path[] = "/tmp/ampoule-standby-XXXXXX";

static void put(const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
}

static void line_is(struct lines *l, const char *want, uint32_t number)
{
	struct defect why;
	char *words, *argv[LINES_WORDS_MAX + 1], all_of_it[256] = "";
	uint32_t size;
	assert_int_equal(lines_next(l, &words, &size, &why), 1);
	int count = lines_split(words, size, argv);
	for (int i = 0; i < count; i++) {
		strcat(all_of_it, argv[i]);
		strcat(all_of_it, "|");
	}
	assert_string_equal(all_of_it, want);
	assert_null(argv[count]);
	assert_int_equal(l->number, number);
}

static void lines_are_words(void **state)
{
	static const char text[] =
	        "# none\n\n  a b\tc  \n'x y' \"q'\\\"\" a\\ b \"\"\r\n \t\n--net='s=t,a'b last";
	struct lines l;
	struct defect why;
	char *words;
	uint32_t size;
	(void)state;
	put(text, sizeof text - 1);
	assert_int_equal(lines_open(&l, path, &why), 0);
	line_is(&l, "a|b|c|", 3);
	line_is(&l, "x y|q'\"|a b||", 4);
	line_is(&l, "--net=s=t,ab|last|", 6);
	assert_int_equal(lines_next(&l, &words, &size, &why), 0);
}

static void bad_lines_are_told(void **state)
{
	struct lines l;
	struct defect why;
	char *words, many[3000];
	uint32_t size;
	(void)state;
	put("a 'b\nc\n", 7);
	assert_int_equal(lines_open(&l, path, &why), 0);
	assert_int_equal(lines_next(&l, &words, &size, &why), -1);
	assert_string_equal(why.text, "a quote has no end");
	line_is(&l, "c|", 2);
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 ? ' ' : 'w';
	put(many, sizeof many);
	assert_int_equal(lines_open(&l, path, &why), 0);
	assert_int_equal(lines_next(&l, &words, &size, &why), -1);
	put("a\0b", 3);
	assert_int_equal(lines_open(&l, path, &why), -1);
	assert_non_null(strstr(why.text, "a byte is 0"));
	assert_int_equal(lines_open(&l, "/tmp", &why), -1);
	assert_int_equal(lines_open(&l, "/nowhere/at/all", &why), -1);
	put("", 0);
	assert_int_equal(lines_open(&l, path, &why), 0);
	assert_int_equal(lines_next(&l, &words, &size, &why), 0);
}

static void words_are_kept(void **state)
{
	char one[] = "one", two[] = "", *words[] = { one, two }, *argv[LINES_WORDS_MAX + 1];
	uint32_t size;
	(void)state;
	char *own_words = lines_keep(words, 2, &size);
	assert_int_equal(size, 5);
	assert_int_equal(lines_split(own_words, size, argv), 2);
	assert_string_equal(argv[0], "one");
	assert_string_equal(argv[1], "");
}

/* ---- What `ampoule ps` reads ---- */

static void a_roster_is_read_as_it_is_written(void **state)
{
	char folder[] = "/tmp/ampoule-roster-XXXXXX";
	struct roster made, read;
	struct defect why;
	(void)state;
	assert_non_null(mkdtemp(folder));
	int at = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(roster_read(&read, at), -1);
	assert_int_equal(roster_make(&made, folder, 3, &why), 0);
	strcpy(made.entries[2].name, "tap2");
	made.entries[2].wakes = 7;
	made.entries[2].state = ROSTER_PAUSED;
	assert_int_equal(roster_read(&read, at), 0);
	assert_int_equal(read.head->count, 3);
	assert_string_equal(read.entries[2].name, "tap2");
	assert_int_equal(read.entries[2].wakes, 7);
	assert_string_equal(roster_state_name(read.entries[2].state), "paused");
	assert_string_equal(roster_state_name(99), "?");
	roster_close(&read);
	/* More than there is. */
	made.head->count = 4;
	assert_int_equal(roster_read(&read, at), -1);
	made.head->count = 3;
	made.head->magic++;
	assert_int_equal(roster_read(&read, at), -1);
	roster_close(&made);
	int fd = openat(at, PLACE_ROSTER, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "short", 5), 5);
	assert_int_equal(roster_read(&read, at), -1);
	close(fd);
	unlinkat(at, PLACE_ROSTER, 0);
	close(at);
	rmdir(folder);
	assert_int_equal(roster_make(&made, "/nowhere/at/all", 1, &why), -1);
}

int main(void)
{
	close(mkstemp(path));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_to_it_passes),
		cmocka_unit_test(questions_for_its_addresses_pass),
		cmocka_unit_test(one_family_leaves_the_other_asleep),
		cmocka_unit_test(lines_are_words),
		cmocka_unit_test(bad_lines_are_told),
		cmocka_unit_test(words_are_kept),
		cmocka_unit_test(a_roster_is_read_as_it_is_written),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}

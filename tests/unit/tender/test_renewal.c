/* SPDX-License-Identifier: ISC */
/* New versions of secrets: what comes is checked as a whole before the image hears of it, and what the image says is believed of two words
 * alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/renewal.h>

static struct image image;
static struct amp_secrets *box;

static void name(uint32_t i, const char *text, uint32_t flags)
{
	strcpy(image.args[i].name, text);
	image.args[i].type = AMP_ARG_SECRET;
	image.args[i].flags = AMP_NOTE_ARG_DYNAMIC | flags;
}

static int begin(void **state)
{
	(void)state;
	image.note.arg_count = 3;
	name(0, "key", AMP_NOTE_ARG_RENEWABLE);
	name(1, "fixed", 0);
	name(2, "other", AMP_NOTE_ARG_RENEWABLE);
	box = calloc(1, sizeof *box);
	renewal_place(box, &image);
	return renewal_open(eventfd(0, EFD_NONBLOCK));
}

static struct renewal_head head(const char *first, uint32_t size)
{
	struct renewal_head h = { .magic = RENEWAL_MAGIC, .count = 1 };
	strcpy(h.entries[0].name, first);
	h.entries[0].size = size;
	return h;
}

/* What is said to a file of these bytes. */
static const char *hand(const void *bytes, size_t size, const char *more)
{
	int fd = memfd_create("secrets", 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	assert_int_equal(write(fd, more, strlen(more)), (ssize_t)strlen(more));
	const char *wrong = renewal_take(fd);
	close(fd);
	return wrong;
}

static void refuses(struct renewal_head h, size_t size, const char *more, const char *why)
{
	uint64_t before = box->sequence;
	const char *wrong = hand(&h, size, more);
	assert_non_null(wrong);
	assert_non_null(strstr(wrong, why));
	assert_int_equal(box->sequence, before);
	assert_false(renewal_pending);
	for (uint32_t k = 0; k < AMP_SECRETS_SIZE; k++)
		assert_int_equal(box->bytes[k], 0);
}

static void what_does_not_fit_is_refused_as_a_whole(void **state)
{
	struct renewal_head h = head("key", 3), two = h, many = h, bad = h;
	(void)state;
	refuses(h, sizeof h - 1, "", "no versions");
	refuses(h, sizeof h, "ab", "cut off");
	refuses(head("none", 3), sizeof h, "abc", "no argument of that name");
	refuses(head("fixed", 3), sizeof h, "abc", "no new version of that argument");
	refuses(head("key", AMP_SECRET_MAX + 1), sizeof h, "abc", "too long");
	refuses(head("key", UINT32_MAX), sizeof h, "abc", "too long");
	memset(bad.entries[0].name, 'k', AMP_NAME_MAX); /* without an end */
	refuses(bad, sizeof h, "abc", "no argument of that name");
	bad.magic++;
	refuses(bad, sizeof h, "abc", "no versions");
	two.count = 2;
	two.entries[1] = two.entries[0];
	refuses(two, sizeof h, "abcabc", "twice");
	many.count = AMP_ARGS_MAX + 1;
	refuses(many, sizeof h, "abc", "no versions");
	many.count = 0;
	refuses(many, sizeof h, "abc", "no versions");
	int pair[2];
	assert_int_equal(pipe(pair), 0);
	assert_non_null(renewal_take(pair[0])); /* no file */
}

static void both_lie_there_at_once(void **state)
{
	struct renewal_head h = head("other", 3);
	(void)state;
	h.count = 2;
	strcpy(h.entries[1].name, "key");
	h.entries[1].size = 2;
	assert_null(hand(&h, sizeof h, "abcde"));
	assert_int_equal(box->sequence, 1);
	assert_int_equal(box->count, 2);
	assert_int_equal(box->versions[0].arg, 2);
	assert_string_equal((char *)box->bytes + box->versions[0].at, "abc");
	assert_int_equal(box->versions[1].arg, 0);
	assert_string_equal((char *)box->bytes + box->versions[1].at, "de");
	assert_true(renewal_ready(AMP_WAIT_SECRETS));
	assert_false(renewal_ready(AMP_WAIT_RECEIVE));
	assert_null(renewal_done());
	assert_non_null(strstr(hand(&h, sizeof h, "abcde"), "before yet"));
	box->taken = 1;
	assert_false(renewal_ready(AMP_WAIT_SECRETS));
	assert_string_equal(renewal_done(), "ok");
	assert_null(renewal_done());
	memset(box->bytes, 0, sizeof box->bytes);
}

static void what_the_image_says_is_no_more_than_yes_or_no(void **state)
{
	const struct renewal_head h = head("key", 1);
	(void)state;
	uint64_t told = box->sequence;
	box->sequence = UINT64_MAX; /* its own: what follows is the tender's count all the same */
	box->count = UINT32_MAX;
	box->taken = told + 1; /* before it was handed over */
	assert_null(hand(&h, sizeof h, "a"));
	assert_int_equal(box->sequence, told + 1);
	box->taken = UINT64_MAX;
	assert_null(renewal_done());
	box->taken = told + 1;
	box->refused = 77;
	assert_non_null(strstr(renewal_done(), "refuses them"));
	assert_null(hand(&h, sizeof h, "a"));
	renewal_cancel(); /* nobody waits any more: the next one hears of the next one's */
	box->taken = told + 2;
	assert_null(renewal_done());
	assert_null(hand(&h, sizeof h, "a"));
	box->refused = 0;
	box->taken = told + 3;
	assert_string_equal(renewal_done(), "ok");
	memset(box->bytes, 0, sizeof box->bytes);
}

static void nothing_is_taken_without_a_place(void **state)
{
	const struct renewal_head h = head("key", 1);
	(void)state;
	renewal_place(NULL, &image);
	assert_non_null(strstr(hand(&h, sizeof h, "a"), "takes no new secrets"));
	renewal_place(box, &image);
	assert_true(renewal_possible(&image));
	image.args[0].flags = image.args[2].flags = AMP_NOTE_ARG_DYNAMIC;
	assert_false(renewal_possible(&image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_refused_as_a_whole),
		cmocka_unit_test(both_lie_there_at_once),
		cmocka_unit_test(what_the_image_says_is_no_more_than_yes_or_no),
		cmocka_unit_test(nothing_is_taken_without_a_place),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}

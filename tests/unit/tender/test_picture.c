/* SPDX-License-Identifier: ISC */
/* An image whose memory is copied while it goes on has time to go on: the copying is counted here, and not done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <tender/clock.h>
#include <tender/picture.h>
#include <tender/picture_file.h>
#include <tender/picture_request.h>
#include <tender/rights.h>

#define PAGES     40u /* that the image writes to between two rounds */
#define ROUND_NS  3000000u
#define SLOWER_NS 1000000u /* this process may have stood still */

static unsigned rounds, steps;
static uint64_t round_ended, least_rest;

/* ---- In the file's place ---- */

bool picture_file_begin(const struct picture_subject *of, int fd, int page_map, bool any_page,
                        bool forks)
{
	(void)of, (void)fd, (void)page_map, (void)any_page, (void)forks;
	return true;
}

bool picture_file_watch(void)
{
	return true;
}

bool picture_file_image(void)
{
	return false;
}

bool picture_file_touched(bool watch)
{
	(void)watch;
	return false;
}

/* A round of two steps, which takes its time. */
bool picture_file_written(bool again, uint64_t *pages)
{
	(void)again;
	if (steps++ % 2 == 0) {
		uint64_t rest = clock_mono() - round_ended;

		if (round_ended && rest < least_rest)
			least_rest = rest;
		return true;
	}
	for (uint64_t end = clock_mono() + ROUND_NS; clock_mono() < end;)
		;
	*pages += PAGES;
	rounds++;
	round_ended = clock_mono();
	return false;
}

const char *picture_file_error(int *error)
{
	(void)error;
	return NULL;
}

bool picture_file_table(void)
{
	return false;
}

uint64_t picture_file_pages(void)
{
	return 0;
}

void picture_file_room(const struct space *s)
{
	(void)s;
}

void picture_file_allow(struct filter *f, const struct space *s, int fd)
{
	(void)f, (void)s, (void)fd;
}

void picture_file_point(const struct picture_subject *of, uint64_t entry, bool ends)
{
	(void)of, (void)entry, (void)ends;
}

void picture_file_frames(void)
{
}

void picture_file_end(void)
{
}

/* ---- Tests ---- */

static int ends[2];

static int begin(void **state)
{
	char text[16];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return -1;
	snprintf(text, sizeof text, "%d", ends[1]);
	setenv(PICTURE_SOCKET, text, 1);
	picture_open();
	return !picture_is_offered();
}

/* The answer to what was asked for, behind those that it has begun. */
static const char *answer(void)
{
	static char text[PICTURE_TEXT];
	ssize_t n;

	do {
		n = recv(ends[0], text, sizeof text - 1, MSG_DONTWAIT);
		text[n > 0 ? n : 0] = 0;
	} while (n > 0 && !strcmp(text, PICTURE_BEGUN));
	return text;
}

/* It is looked at all the time and never waits: between two rounds it has as long as one takes, and is given up in time. */
static void an_image_that_is_busy_goes_on_between_rounds(void **state)
{
	const struct picture_subject subject = { .child = getpid() };
	unsigned looks = 0, awake = 0;
	int file = eventfd(0, 0);

	(void)state;
	least_rest = UINT64_MAX;
	assert_true(rights_send(ends[0], PICTURE_TAKE, sizeof PICTURE_TAKE - 1, file, 0));
	while (picture_wanted()) {
		bool little = picture_ahead(&subject);

		looks += little;
		awake += little && picture_is_busy(); /* a rest is over by now */
	}
	assert_non_null(strstr(answer(), "has not waited"));
	assert_in_range(rounds, 2, 2000 / (ROUND_NS / 1000000) / 2 + 1);
	assert_true(looks > rounds);
	assert_true(awake <= rounds); /* who rests has nothing to do */
	assert_true(least_rest + SLOWER_NS >= ROUND_NS);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_that_is_busy_goes_on_between_rounds),
	};

	return cmocka_run_group_tests_name("picture", tests, begin, NULL);
}

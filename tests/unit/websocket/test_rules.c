/* SPDX-License-Identifier: ISC */
/* What a client must not do (RFC 6455 §5, §7, §8.1), and the code that it is told; and what it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client.h"

/* Says these bytes as they are. */
static void raw(const char *bytes, uint32_t size)
{
	fake_queue(c, bytes, size);
	fake_run(c);
}

static void ends_with(uint32_t code)
{
	fake_run(c);
	assert_close(code);
	assert_true(c->shut);
	fake_advance(SECOND);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.code, code);
	assert_int_equal(it.messages, 0);
}

static void again(void)
{
	if (fake_open(c))
		fake_queue_fin(c);
	fake_run(c);
	fake_advance(20 * SECOND);
	it.ended = it.messages = 0;
	c = fake_accept();
	open_watch();
}

static void frames_that_break_a_rule_end_with_1002(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t size;
	} some[] = {
		{ "\x81\x02hi", 4 },     /* no mask */
		{ "\xc1\x82maskhi", 8 }, /* RSV1, which was not agreed on */
		{ "\xa1\x82maskhi", 8 }, /* RSV2 */
		{ "\x83\x80mask", 6 },   /* opcodes */
		{ "\x8b\x80mask", 6 },
		{ "\x80\x80mask", 6 }, /* goes on with nothing */
		{ "\x00\x80mask", 6 },
		{ "\x01\x80mask\x01\x80mask", 12 }, /* a message in a message */
		{ "\x01\x80mask\x82\x80mask", 12 },
		{ "\x09\x80mask", 6 },                               /* a fragment of a ping */
		{ "\x89\xfe\x00\x7emask", 8 },                       /* a long ping */
		{ "\x88\x81maskx", 7 },                              /* half a code */
		{ "\x81\xfe\x00\x01mask", 8 },                       /* not the shortest length */
		{ "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffm", 11 }, /* the top bit */
	};
	(void)state;
	open_watch();
	for (uint32_t k = 0; k < sizeof some / sizeof *some; k++) {
		raw(some[k].bytes, some[k].size);
		ends_with(WEBSOCKET_PROTOCOL);
		again();
	}
}

static void codes_of_close_are_looked_at(void **state)
{
	static const uint32_t bad[] = { 0,    999,  1004, 1005, 1006, 1015,
		                        1016, 1100, 2000, 2999, 5000, 65535 },
	                      good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009,
		                         1010, 1011, 3000, 3999, 4000, 4999 };
	(void)state;
	open_watch();
	for (uint32_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		close_frame(bad[k], "");
		ends_with(WEBSOCKET_PROTOCOL);
		again();
	}
	for (uint32_t k = 0; k < sizeof good / sizeof *good; k++) {
		close_frame(good[k], "because");
		ends_with(good[k]);
		again();
	}
	close_frame(1000, "\xce\xba\xe1"); /* a reason that is no UTF-8 */
	ends_with(WEBSOCKET_BAD_DATA);
}

static void a_close_without_a_code_is_answered_by_one(void **state)
{
	(void)state;
	open_watch();
	frame(0x88, "");
	fake_run(c);
	assert_frame(0x88, "");
	assert_nothing();
	fake_advance(SECOND);
	assert_int_equal(it.code, WEBSOCKET_NO_CODE);
}

static void nothing_counts_behind_close(void **state)
{
	(void)state;
	open_watch();
	close_frame(1000, "");
	frame(0x81, "still here");
	frame(0x89, "ping");
	ends_with(1000);
}

static void text_fails_with_its_first_wrong_byte(void **state)
{
	(void)state;
	open_watch();
	raw("\x81\x8a\0\0\0\0abc\xed\xa0", 11); /* five bytes more are to come */
	ends_with(WEBSOCKET_BAD_DATA);
	again();
	frame(0x01, "\xce");
	frame(0x00, "\xba"); /* a character cut by frames is none the worse */
	fake_run(c);
	assert_nothing();
	frame(0x80, "\xe2\x82");
	ends_with(WEBSOCKET_BAD_DATA); /* but it has to be whole at the end */
	again();
	frame(0x82, "\xff\xfe\x80");
	fake_run(c);
	assert_frame(0x82, "\xff\xfe\x80"); /* binary may be anything */
}

static void a_message_has_a_bound(void **state)
{
	char text[1001];
	(void)state;
	memset(text, 'x', sizeof text);
	it.options.message_max = 1000;
	open_watch();
	frame_cut(0x81, text, 1000, 100);
	fake_run(c);
	assert_int_equal(it.messages, 1);
	it.seen = c->out_size;
	it.messages = 0;
	raw("\x82\xfe\x03\xe9", 4); /* 1001; its head is not yet whole */
	assert_nothing();
	raw("mask", 4);
	ends_with(WEBSOCKET_TOO_BIG);
	again();
	frame_cut(0x01, text, 600, 0);
	frame_cut(0x00, text, 401, 0);
	ends_with(WEBSOCKET_TOO_BIG);
	again();
	raw("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 14);
	ends_with(WEBSOCKET_TOO_BIG);
}

static void fragments_and_control_frames_mix(void **state)
{
	(void)state;
	open_watch();
	frame(0x01, "Hel");
	frame(0x89, "are you there?");
	frame(0x00, "");
	frame(0x8a, "nobody asked");
	frame(0x00, "lo");
	frame(0x80, "");
	fake_run(c);
	assert_frame(0x8a, "are you there?");
	assert_frame(0x81, "Hello");
	assert_nothing();
	frame(0x81, "");
	frame(0x82, "");
	fake_run(c);
	assert_frame(0x81, "");
	assert_frame(0x82, "");
	assert_nothing();
}

static void messages_come_whole_however_they_are_cut(void **state)
{
	static char big[70000];
	const uint8_t *p;
	uint64_t n;
	(void)state;
	for (uint32_t k = 0; k < sizeof big; k++)
		big[k] = (char)(k * 31 >> 3);
	it.options.message_max = sizeof big;
	open_watch();
	for (uint32_t cut = 0; cut < 12; cut++) {
		uint32_t size = cut == 0 ? 70000 : cut * 100;
		frame_cut(0x82, big, size, cut);
		fake_run(c);
		assert_int_equal(next(&p, &n), 0x82);
		assert_int_equal(n, size);
		assert_memory_equal(p, big, n);
	}
	assert_nothing();
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up_routes, tear_down_routes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_that_break_a_rule_end_with_1002),
		TEST(codes_of_close_are_looked_at),
		TEST(a_close_without_a_code_is_answered_by_one),
		TEST(nothing_counts_behind_close),
		TEST(text_fails_with_its_first_wrong_byte),
		TEST(a_message_has_a_bound),
		TEST(fragments_and_control_frames_mix),
		TEST(messages_come_whole_however_they_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

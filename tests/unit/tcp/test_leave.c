/* SPDX-License-Identifier: ISC */
/* Before a picture that a clone goes on from: peers hold back what would be lost, and hear at once when that is over. */
#include "harness.h"

#include <string.h>

#define SOON (20 * MILLI)

static void leave(void)
{
	world_leave(world_now() + SOON);
}

static void move(void)
{
	world_move(us_mac);
	peer_says(peer_mac);
	pass(1);
}

static void each_peer_hears_that_the_window_is_closed(void **state)
{
	(void)state;
	opened_fully();
	leave();
	out(ACK, .ack = FIRST, .win = NO_WINDOW);
	quiet();
	move();
	out(ACK, .ack = FIRST);
	assert_true(h.last.win >= 512);
}

static void what_was_on_its_way_is_taken_and_the_window_stays_closed(void **state)
{
	(void)state;
	opened_fully();
	leave();
	out(ACK, .win = NO_WINDOW);
	in(ACK, .data = "abc");
	assert_int_equal(h.got_size, 3);
	out(ACK, .ack = FIRST + 3, .win = NO_WINDOW); /* at once: it has no time */
	counted(TCP_COUNT_OUT_OF_WINDOW, 0);
	move();
	out(ACK, .ack = FIRST + 3);
	assert_true(h.last.win >= 512);
	in(ACK, .data = "def");
	assert_int_equal(h.got_size, 6);
}

static void a_probe_is_answered_with_the_closed_window(void **state)
{
	(void)state;
	opened_fully();
	leave();
	out(ACK, .win = NO_WINDOW);
	in(ACK, .seq = FIRST - 1);
	out(ACK, .ack = FIRST, .win = NO_WINDOW);
}

static void an_answer_goes_out_meanwhile(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	in(ACK, .data = "get");
	out(ACK, .ack = FIRST + 3, .win = NO_WINDOW);
	write_text("got");
	out(ACK, .ack = FIRST + 3, .win = NO_WINDOW, .data = "got");
	move();
	out(ACK, .ack = FIRST + 3, .seq = 1, .data = "got"); /* it may have been lost */
}

/* One that has it drops the segment, with all that it says (§3.10.7.4, first check). */
static void a_window_is_not_opened_by_what_the_peer_has(void **state)
{
	(void)state;
	opened_fully();
	write_text("got");
	out(ACK, .seq = 1, .data = "got");
	leave();
	out(ACK, .seq = 4, .win = NO_WINDOW);
	move();
	out(ACK, .seq = 1, .data = "got");
	out(ACK, .seq = 4);
	assert_true(h.last.win >= 512);
}

static void one_that_goes_on_after_all_opens_its_windows_at_once(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	world_leave(0);
	out(ACK, .ack = FIRST);
	assert_true(h.last.win >= 512);
	pass(1);
	in(ACK, .data = "abc");
	pass(100);
	out(ACK, .ack = FIRST + 3);
	quiet();
}

static void windows_open_when_the_time_has_passed(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	pass(19);
	quiet();
	pass(2);
	out(ACK, .ack = FIRST);
	assert_true(h.last.win >= 512);
}

static void a_second_time_is_as_the_first(void **state)
{
	(void)state;
	opened_fully();
	for (unsigned k = 0; k < 2; k++) {
		leave();
		out(ACK, .win = NO_WINDOW);
		world_leave(0);
		out(ACK);
		assert_true(h.last.win >= 512);
		in(ACK, .data = "abc");
		pass(100);
		skip_all();
	}
}

static void a_longer_time_is_not_told_anew(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	pass(10);
	leave();
	quiet();
	pass(15);
	quiet();
	pass(6);
	out(ACK);
	assert_true(h.last.win >= 512);
}

static void who_stays_silent_hears_it_again(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	move();
	assert_int_equal(skip_all(), 1);
	pass(10);
	out(ACK, .ack = FIRST);
	assert_true(h.last.win >= 512);
	pass(30);
	out(ACK, .ack = FIRST);
	pass(1000);
	quiet();
}

static void who_was_heard_does_not_hear_it_again(void **state)
{
	(void)state;
	opened_fully();
	leave();
	skip_all();
	move();
	skip_all();
	pass(1);
	in(ACK, .data = "abc");
	write_text("d");
	skip_all();
	in(ACK);
	pass(1000);
	quiet();
}

static void an_idle_connection_is_left_alone(void **state)
{
	(void)state;
	opened_fully();
	pass(10000);
	skip_all();
	leave();
	quiet();
	move();
	assert_int_equal(skip_all(), 1);
	pass(1000);
	quiet();
}

static void a_new_connection_opens_meanwhile(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	world_leave(world_now() + SOON);
	out(SYN | ACK, .ack = FIRST);
	assert_true(h.last.win > 0);
	in(ACK, .data = "abc");
	assert_int_equal(h.got_size, 3);
	out(ACK, .ack = FIRST + 3, .win = NO_WINDOW);
}

int main(void)
{
	static const struct scenario list[] = {
		S("abi 6", each_peer_hears_that_the_window_is_closed),
		S("9293 §3.8.6", what_was_on_its_way_is_taken_and_the_window_stays_closed),
		S("9293 §3.8.6.1", a_probe_is_answered_with_the_closed_window),
		S("abi 6", an_answer_goes_out_meanwhile),
		S("9293 §3.10.7.4", a_window_is_not_opened_by_what_the_peer_has),
		S("abi 6", one_that_goes_on_after_all_opens_its_windows_at_once),
		S("abi 6", windows_open_when_the_time_has_passed),
		S("abi 6", a_second_time_is_as_the_first),
		S("abi 6", a_longer_time_is_not_told_anew),
		S("abi 6", who_stays_silent_hears_it_again),
		S("abi 6", who_was_heard_does_not_hear_it_again),
		S("abi 6", an_idle_connection_is_left_alone),
		S("abi 6", a_new_connection_opens_meanwhile),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}

/* SPDX-License-Identifier: ISC */
/* A clone in its original's place: connections go on, and what was on its way is sent again at once. */
#include "harness.h"

#include <string.h>

/* Whoever was known is asked for anew: it answers. */
static void move(void)
{
	world_move(us_mac);
	peer_says(peer_mac);
	pass(1);
}

static void what_was_on_its_way_is_sent_again_at_once(void **state)
{
	(void)state;
	opened_fully();
	write_text("lost");
	move();
	out(ACK, .seq = 1, .data = "lost");
	in(ACK);
	pass(1000);
	quiet();
	counted(TCP_COUNT_TIMEOUTS, 0);
	in(ACK, .data = "more");
	assert_int_equal(h.got_size, 4);
	write_text("and back");
	out(ACK, .data = "and back");
}

static void the_peer_hears_at_once_what_has_arrived(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .data = "abc");
	skip_all();
	move();
	out(ACK, .ack = FIRST + 3);
}

static void a_window_is_not_cut_for_the_move(void **state)
{
	(void)state;
	opened_fully();
	write_bytes(1448 * 8);
	assert_int_equal(skip_all(), 8);
	move();
	assert_int_equal(skip_all(), 8);
}

static void a_handshake_goes_on_by_its_timeout(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	move();
	pass(1100);
	out(SYN | ACK, .ack = FIRST);
	in(ACK);
	assert_int_equal(h.c->state, TCP_ESTABLISHED);
}

static void a_connection_that_is_closed_is_remembered(void **state)
{
	(void)state;
	opened_fully();
	tcp_close(h.c);
	out(FIN | ACK);
	in(ACK);
	in(FIN | ACK);
	out(ACK, .ack = FIRST + 1);
	move();
	skip_all();
	in(FIN | ACK, .seq = FIRST); /* our answer was lost */
	out(ACK, .ack = FIRST + 1);
}

int main(void)
{
	static const struct scenario list[] = {
		S("abi 6", what_was_on_its_way_is_sent_again_at_once),
		S("abi 6", the_peer_hears_at_once_what_has_arrived),
		S("abi 6", a_window_is_not_cut_for_the_move),
		S("abi 6", a_handshake_goes_on_by_its_timeout),
		S("9293 §3.6", a_connection_that_is_closed_is_remembered),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}

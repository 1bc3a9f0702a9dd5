/* SPDX-License-Identifier: ISC */
/* Options, most of them changed while the connection is open; and the calls that hand connections and bytes over. */
#include "harness.h"

#include <string.h>

#include <core/file.h>

/* ---- Changed while it is open ---- */

static void what_nagle_holds_back_goes_when_he_is_sent_away(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .data = "a");
	write_text("b");
	quiet();
	tcp_set_no_delay(h.c, true);
	out(ACK, .data = "b");
	write_text("c");
	out(ACK, .data = "c");
	tcp_set_no_delay(h.c, false);
	write_text("d");
	quiet();
}

static void keep_alive_begins_and_ends_on_an_open_connection(void **state)
{
	(void)state;
	opened();
	pass(8000);
	tcp_set_keep_alive(h.c, 10 * SECOND); /* idle for 8 s already */
	pass(1900);
	quiet();
	pass(200);
	out(ACK, .ack = FIRST);
	tcp_set_keep_alive(h.c, 0);
	for (uint32_t k = 0; k < 1000; k++) {
		pass(1000);
		quiet();
	}
	state_is(TCP_ESTABLISHED);
}

static void a_shorter_user_timeout_holds_at_once(void **state)
{
	(void)state;
	opened();
	write_text("hello");
	for (uint32_t k = 0; k < 15; k++) {
		pass(1000);
		skip_all();
	}
	state_is(TCP_ESTABLISHED);
	tcp_set_user_timeout(h.c, 10 * SECOND);
	pass(1);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_TIMEOUT);
	skip_all();
}

static void a_longer_user_timeout_holds_too(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 5 * SECOND;
	opened();
	write_text("hello");
	pass(4000);
	tcp_set_user_timeout(h.c, 20 * SECOND);
	for (uint32_t k = 0; k < 15; k++) {
		pass(1000);
		skip_all();
	}
	state_is(TCP_ESTABLISHED);
	tcp_set_user_timeout(h.c, 0); /* the default */
	for (uint32_t k = 0; k < 60; k++) {
		pass(1000);
		skip_all();
	}
	state_is(TCP_ESTABLISHED);
}

static void what_is_sent_has_the_dscp_of_the_options(void **state)
{
	(void)state;
	h.options.dscp = 46;
	in(SYN, .mss = 1460);
	out(SYN | ACK, .dscp = 46);
	in(ACK);
	write_text("x");
	out(ACK, .data = "x", .dscp = 46);
	tcp_set_dscp(h.c, 10);
	pass(250);
	out(ACK, .data = "x", .dscp = 10);
	tcp_set_dscp(h.c, 0xff); /* no more than six bits */
	in(ACK, .data = "y");
	pass(50);
	out(ACK, .dscp = 63);
	assert_false(h.last.ect);
}

static void ecn_and_dscp_share_a_byte(void **state)
{
	(void)state;
	h.options.dscp = 46;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK | ECE, .dscp = 46);
	assert_false(h.last.ect);
	in(ACK);
	write_text("x");
	out(ACK, .data = "x", .dscp = 46, .ect = true);
}

static void a_smaller_send_buffer_takes_no_more(void **state)
{
	(void)state;
	opened();
	write_bytes(20000);
	tcp_set_send_max(h.c, 8192);
	assert_int_equal(tcp_write_room(h.c), 0);
	assert_int_equal(tcp_write_some(h.c, "x", 1), 0);
	assert_int_equal(skip_all(), 10);
	in(ACK, .ack = 14601);
	skip_all();
	assert_int_equal(tcp_write_room(h.c), 8192 - 5400);
	assert_int_equal(h.writable, 0);
	in(ACK, .ack = 20001);
	assert_int_equal(h.writable, 1);
	assert_int_equal(tcp_write_room(h.c), 8192);
	tcp_set_send_max(h.c, 0); /* the default */
	assert_int_equal(tcp_write_room(h.c), TCP_SEND_MAX);
	tcp_set_send_max(h.c, 1); /* the least */
	assert_int_equal(tcp_write_room(h.c), 4096);
}

static uint32_t window(void)
{
	struct tcp_info i;
	tcp_info(h.c, &i);
	return i.receive_window;
}

static void a_smaller_receive_buffer_takes_nothing_back(void **state)
{
	(void)state;
	opened();
	uint32_t before = window();
	assert_true(before > 60000);
	h.take = 0;
	tcp_set_receive_max(h.c, 8192);
	in(ACK, .size = 1460);
	in(ACK, .size = 1460);
	skip_all();
	assert_int_equal(window(), before - 2920); /* its right edge stays */
	for (uint32_t k = 0; k < 40; k++) {        /* all of what was offered is still taken */
		in(ACK, .size = 1460);
		skip_all();
	}
	assert_int_equal(window(), before - 42 * 1460);
	h.take = UINT32_MAX;
	tcp_resume(h.c);
	skip_all();
	assert_int_equal(h.got_size, 42 * 1460);
	assert_true(window() <= 8192); /* and from then on no more */
	assert_true(tcp_receive_is_valid(&h.c->receive));
}

static void a_larger_receive_buffer_is_offered_as_far_as_the_scale_goes(void **state)
{
	(void)state;
	h.options.receive_max = 8192;
	opened_fully();
	assert_int_equal(window(), 8192);
	tcp_set_receive_max(h.c, 1u << 20);
	assert_int_equal(h.c->receive.max, 65535); /* that needed no scale */
	for (uint32_t k = 0; k < 100; k++) {       /* it grows by what is taken in a round trip */
		h.got_size = 0;
		for (uint32_t n = 0; n < 4; n++)
			in(ACK, .size = 1448);
		pass(10);
		if (skip_all())
			in(ACK);
	}
	assert_in_range(window(), 16000, 65535);
}

/* ---- A low-water mark ---- */

static void writes_stop_at_the_low_water_mark(void **state)
{
	(void)state;
	h.options.unsent_max = 10000;
	opened();
	write_bytes(10000); /* leaves at once */
	assert_int_equal(tcp_write_room(h.c), 10000);
	assert_int_equal(skip_all(), 7);
	static uint8_t bytes[30000];
	assert_int_equal(tcp_write_some(h.c, bytes, sizeof bytes), 10000);
	assert_int_equal(tcp_write_room(h.c), 0);
	world_turn(); /* three more segments fit into the congestion window */
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_in_range(i.unsent, 5001, 6000);
	assert_int_equal(tcp_write_room(h.c), 10000 - i.unsent);
	assert_int_equal(h.writable, 0); /* not half of it yet */
	in(ACK, .ack = 2921);
	skip_all();
	assert_int_equal(h.writable, 1);
	tcp_set_unsent_max(h.c, 0);
	assert_true(tcp_write_room(h.c) > 4000000);
}

static void static_bytes_count_as_unsent_and_are_taken(void **state)
{
	(void)state;
	static const uint8_t bytes[100000];
	opened();
	tcp_set_unsent_max(h.c, 5000);
	assert_int_equal(tcp_write_static(h.c, bytes, sizeof bytes), OK);
	assert_int_equal(tcp_write_some(h.c, "x", 1), 0);
	skip_all();
	uint32_t acknowledged = 0;
	while (!h.writable && acknowledged < 100000) {
		acknowledged += 1460;
		in(ACK, .ack = 1 + acknowledged);
		skip_all();
	}
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_true(i.unsent <= 2500);
	assert_int_equal(tcp_write_some(h.c, "x", 1), 1);
}

static uint32_t waits;

static bool the_peer_acknowledges(uint64_t deadline)
{
	(void)deadline;
	waits++;
	assert_true(tcp_connection_unsent(h.c) <= 5000);
	world_turn();
	skip_all();
	if (h.ack > 1)
		in(ACK);
	return true;
}

static void a_task_writes_past_the_mark_bit_by_bit(void **state)
{
	(void)state;
	static const uint8_t bytes[60000];
	opened();
	tcp_watch(h.c, NULL, NULL);
	tcp_set_unsent_max(h.c, 5000);
	world.on_wait = the_peer_acknowledges;
	assert_int_equal(tcp_write(h.c, bytes, sizeof bytes, CLOCK_NEVER), OK);
	assert_true(waits > 3);
	assert_int_equal(tcp_drain(h.c, CLOCK_NEVER), OK);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.bytes_sent, 60000);
}

/* With static bytes alone in the queue there is something to wait for, too. */
static void a_task_waits_behind_static_bytes(void **state)
{
	(void)state;
	static const uint8_t bytes[30000];
	opened();
	tcp_watch(h.c, NULL, NULL);
	tcp_write_static(h.c, bytes, sizeof bytes);
	world_turn();
	tcp_set_unsent_max(h.c, 5000);
	world.on_wait = NULL;
	assert_int_equal(tcp_write(h.c, "x", 1, world_now() + SECOND), ERR_TIMEOUT);
}

/* ---- Handing over ---- */

static bool a_client_comes(uint64_t deadline)
{
	(void)deadline;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .data = "hello");
	return true;
}

static void a_task_accepts_what_comes(void **state)
{
	(void)state;
	struct tcp_connection *c = NULL;
	char text[5];
	assert_int_equal(tcp_listen(&h.listener, NULL, 80, NULL), OK);
	assert_int_equal(tcp_accept(h.listener, &c, world_now() + SECOND), ERR_TIMEOUT);
	assert_null(c);
	world.on_wait = a_client_comes;
	assert_int_equal(tcp_accept(h.listener, &c, CLOCK_NEVER), OK);
	h.c = c;
	state_is(TCP_ESTABLISHED);
	assert_int_equal(tcp_read_all(c, text, 5, 0), OK);
	assert_memory_equal(text, "hello", 5);
	tcp_abort(c);
	skip_all();
}

static void what_came_before_the_task_is_accepted_in_order(void **state)
{
	(void)state;
	struct tcp_connection *c;
	struct tcp_info i;
	assert_int_equal(tcp_listen(&h.listener, NULL, 80, NULL), OK);
	for (uint16_t k = 0; k < 3; k++) {
		h.peer = (uint16_t)(4000 + k);
		h.seq = ISS;
		h.ack = 0;
		in(SYN, .mss = 1460);
		out(SYN | ACK);
		in(ACK);
	}
	for (uint16_t k = 0; k < 3; k++) {
		assert_int_equal(tcp_accept(h.listener, &c, 0), OK);
		tcp_info(c, &i);
		assert_int_equal(i.remote_port, 4000 + k);
		tcp_abort(c);
	}
	skip_all();
}

static bool the_listener_goes(uint64_t deadline)
{
	(void)deadline;
	tcp_listener_close(h.listener);
	h.listener = NULL;
	return true;
}

static void a_task_that_accepts_hears_of_the_listeners_end(void **state)
{
	(void)state;
	struct tcp_connection *c;
	assert_int_equal(tcp_listen(&h.listener, NULL, 80, NULL), OK);
	world.on_wait = the_listener_goes;
	h.deaf = true;
	assert_int_equal(tcp_accept(h.listener, &c, CLOCK_NEVER), ERR_CLOSED);
}

static void a_listener_of_another_interface_does_not_answer(void **state)
{
	(void)state;
	static char other; /* is compared only */
	struct tcp_listener *l;
	h.deaf = true;
	assert_int_equal(tcp_listen(&h.listener, (struct interface *)(void *)&other, 80, NULL), OK);
	assert_int_equal(tcp_listen(&l, NULL, 80, NULL), ERR_EXISTS);
	in(SYN, .mss = 1460);
	out(RST | ACK, .ack = FIRST);
	assert_int_equal(tcp_listen(&l, world.interface, 80, NULL), OK);
	h.seq = ISS;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	tcp_listener_close(l);
	skip_all();
}

static void a_part_of_a_file_is_sent(void **state)
{
	(void)state;
	static const uint8_t data[] = "0123456789";
	const struct file f = { .name = "digits", .data = data, .size = 10 };
	opened();
	assert_int_equal(tcp_send_file(h.c, &f, 2, 5), OK);
	out(ACK, .seq = 1, .data = "23456");
	assert_int_equal(tcp_send_file(h.c, &f, 10, 0), OK); /* nothing at its end */
	quiet();
	assert_int_equal(tcp_send_file(h.c, &f, 11, 0), ERR_INVALID);
	assert_int_equal(tcp_send_file(h.c, &f, 2, 9), ERR_INVALID);
	assert_int_equal(tcp_send_file(h.c, &f, 1, UINT64_MAX), ERR_INVALID);
	quiet();
	tcp_shutdown(h.c);
	assert_int_equal(tcp_send_file(h.c, &f, 0, 1), ERR_CLOSED);
	skip_all();
}

static void context_is_what_watch_was_given(void **state)
{
	(void)state;
	static const struct tcp_handlers none;
	int mine;
	opened();
	assert_null(tcp_context(h.c));
	tcp_watch(h.c, &none, &mine);
	assert_ptr_equal(tcp_context(h.c), &mine);
	tcp_watch(h.c, NULL, NULL);
	assert_null(tcp_context(h.c));
}

static void times_in_milliseconds_are_rounded_down(void **state)
{
	(void)state;
	static const uint64_t ms[] = { 0, 1, 2, 999, 1u << 20, UINT32_MAX, UINT64_MAX / NS_PER_MS };
	for (unsigned i = 0; i < sizeof ms / sizeof *ms; i++) {
		assert_int_equal(tcp_ms(ms[i] * NS_PER_MS), ms[i]);
		if (ms[i])
			assert_int_equal(tcp_ms(ms[i] * NS_PER_MS - 1), ms[i] - 1);
	}
	assert_int_equal(tcp_ms(UINT64_MAX), UINT64_MAX / NS_PER_MS);
}

int main(void)
{
	static const struct scenario list[] = {
		S("9293 §3.7.4", what_nagle_holds_back_goes_when_he_is_sent_away),
		S("9293 §3.8.4", keep_alive_begins_and_ends_on_an_open_connection),
		S("9293 §3.8.3", a_shorter_user_timeout_holds_at_once),
		S("9293 §3.8.3", a_longer_user_timeout_holds_too),
		S("2474 §3", what_is_sent_has_the_dscp_of_the_options),
		S("3168 §5", ecn_and_dscp_share_a_byte),
		S("9293 §3.9.1", a_smaller_send_buffer_takes_no_more),
		S("9293 §3.8.6", a_smaller_receive_buffer_takes_nothing_back),
		S("7323 §2", a_larger_receive_buffer_is_offered_as_far_as_the_scale_goes),
		S("9293 §3.9.1", writes_stop_at_the_low_water_mark),
		S("9293 §3.9.1", static_bytes_count_as_unsent_and_are_taken),
		S("9293 §3.9.1", a_task_writes_past_the_mark_bit_by_bit),
		S("9293 §3.9.1", a_task_waits_behind_static_bytes),
		S("9293 §3.9.1", a_task_accepts_what_comes),
		S("9293 §3.9.1", what_came_before_the_task_is_accepted_in_order),
		S("9293 §3.9.1", a_task_that_accepts_hears_of_the_listeners_end),
		S("9293 §3.9.1", a_listener_of_another_interface_does_not_answer),
		S("9293 §3.9.1", a_part_of_a_file_is_sent),
		S("9293 §3.9.1", context_is_what_watch_was_given),
		S("7323 §5.4", times_in_milliseconds_are_rounded_down),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}

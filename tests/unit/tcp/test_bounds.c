/* SPDX-License-Identifier: ISC */
/*
 * Each connection has an end that its peer cannot move, and hears when what it stands on is gone: orphans behind a closed
 * window, TIME-WAIT in front of a new connection, neighbours that do not answer or have moved, and
 * addresses that are taken away.
 */
#include "harness.h"

#include <string.h>

#include <core/bytes.h>

/* ---- Closed connections ---- */

/* The peer keeps its window closed, and acknowledges each probe. */
static bool open_after(uint32_t seconds)
{
	for (uint32_t k = 0; k < seconds; k++) {
		pass(1000);
		if (skip_all() && state_now() != TCP_CLOSED)
			in(ACK, .ack = 1, .win = NO_WINDOW);
	}
	return state_now() != TCP_CLOSED;
}

static void behind_a_closed_window(void)
{
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .win = NO_WINDOW);
	write_bytes(10000);
	quiet();
}

static void a_closed_connection_behind_a_closed_window_ends(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 5 * SECOND;
	behind_a_closed_window();
	tcp_close(h.c);
	h.c = NULL;
	assert_true(open_after(4));
	assert_false(open_after(3));
	counted(TCP_NOW_MEMORY, 0);
	counted(TCP_COUNT_RESET_OUT, 1);
}

static void it_ends_by_the_default_too(void **state)
{
	(void)state;
	behind_a_closed_window();
	tcp_close(h.c);
	h.c = NULL;
	assert_true(open_after(90));
	assert_false(open_after(20));
}

/* How long it was probed before does not count: the application was patient. */
static void its_time_counts_from_the_close(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 10 * SECOND;
	behind_a_closed_window();
	assert_true(open_after(100));
	tcp_close(h.c);
	h.c = NULL;
	assert_true(open_after(9));
	assert_false(open_after(3));
}

/* Acknowledging a byte now and then is progress, but not for ever. */
static void a_trickle_of_acknowledgments_does_not_keep_it(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 5 * SECOND;
	h.options.close_rate = 1000;
	behind_a_closed_window(); /* 10000 bytes: 10 s, and the user timeout */
	tcp_close(h.c);
	h.c = NULL;
	uint32_t taken = 1, seconds = 0;
	for (; state_now() != TCP_CLOSED && seconds < 100; seconds++) {
		pass(1000);
		if (skip_all())
			in(ACK, .ack = ++taken, .win = NO_WINDOW);
	}
	assert_in_range(seconds, 15, 17);
}

static void what_is_read_at_the_rate_is_sent_to_its_end(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 5 * SECOND;
	h.options.close_rate = 1000;
	behind_a_closed_window();
	tcp_close(h.c);
	h.c = NULL;
	uint32_t taken = 1;
	for (uint32_t k = 0; k < 10; k++) {
		in(ACK, .ack = taken, .win = 1000);
		skip_all();
		taken += 1000;
		in(ACK, .ack = taken, .win = NO_WINDOW);
		pass(1000);
	}
	in(ACK, .ack = 10002);
	state_is(TCP_FIN_WAIT_2);
	counted(TCP_COUNT_RESET_OUT, 0);
}

static void an_endless_user_timeout_is_not_over_at_once(void **state)
{
	(void)state;
	h.options.user_timeout_ns = UINT64_MAX;
	opened();
	write_text("x");
	skip_all();
	pass(300000);
	skip_all();
	state_is(TCP_ESTABLISHED);
	tcp_close(h.c);
	h.c = NULL;
	pass(1000);
	skip_all();
	assert_int_not_equal(state_now(), TCP_CLOSED);
}

/* ---- TIME-WAIT ---- */

/* A client behind a NAT with few ports: no timestamps, a lower ISN. */
static void a_lower_isn_in_time_wait_waits_a_second_and_not_a_minute(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	in(SYN, .seq = next - 5000, .mss = 1460);
	out(ACK, .ack = next);
	in(RST, .seq = next); /* RFC 9293 §3.10.7.3: the client's answer to that */
	state_is(TCP_CLOSED);
	counted(TCP_NOW_TIME_WAIT, 0);
	pass(1000);
	in(SYN, .seq = next - 5000, .mss = 1460);
	out(SYN | ACK, .ack = next - 4999);
}

static void an_older_timestamp_in_time_wait_waits_a_second_too(void **state)
{
	(void)state;
	opened_fully();
	tcp_shutdown(h.c);
	out(FIN | ACK);
	in(ACK);
	in(FIN | ACK);
	out(ACK);
	in(SYN, .seq = h.seq + 5000, .mss = 1460, .value = h.clock - 100);
	out(ACK);
	uint32_t next = h.last.ack;
	in(RST, .seq = next);
	state_is(TCP_CLOSED);
}

static void no_other_reset_ends_time_wait(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	in(RST, .seq = next); /* nothing was asked */
	state_is(TCP_TIME_WAIT);
	in(ACK, .seq = next - 5, .data = "old"); /* answered, but no SYN */
	out(ACK, .ack = next);
	in(RST, .seq = next);
	state_is(TCP_TIME_WAIT);
	in(SYN, .seq = next - 5000, .mss = 1460);
	out(ACK, .ack = next);
	in(RST, .seq = next + 1);
	in(RST, .seq = next - 1);
	state_is(TCP_TIME_WAIT);
	quiet();
}

static void syn_with_fin_does_not_end_time_wait(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	in(SYN | FIN, .seq = next + 1000, .mss = 1460);
	state_is(TCP_TIME_WAIT);
	out(ACK, .ack = next);
	in(RST, .seq = next); /* nor does its answer */
	state_is(TCP_TIME_WAIT);
	quiet();
}

static void a_syn_for_which_there_is_no_memory_does_not_end_time_wait(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	world.memory_fails = true;
	in(SYN, .seq = h.seq + 1000, .mss = 1460);
	world.memory_fails = false;
	quiet();
	state_is(TCP_TIME_WAIT);
	counted(TCP_COUNT_TIME_WAIT_REUSED, 0);
}

static void a_syn_for_a_full_backlog_does_not_end_time_wait(void **state)
{
	(void)state;
	h.options.backlog = 1;
	to_state(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	tcp_listen_watch(h.listener, NULL, NULL);
	h.peer = 4001;
	h.seq = ISS;
	h.ack = 0;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK);
	h.peer = 4000;
	in(SYN, .seq = next + 1000, .mss = 1460);
	quiet();
	counted(TCP_COUNT_BACKLOG_FULL, 1);
	state_is(TCP_TIME_WAIT);
}

static void a_syn_for_a_port_that_was_closed_does_not_end_time_wait(void **state)
{
	(void)state;
	connected(); /* from a port where nobody listens */
	tcp_shutdown(h.c);
	out(FIN | ACK);
	in(ACK);
	in(FIN | ACK);
	out(ACK);
	state_is(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	in(SYN, .seq = next + 1000, .mss = 1460);
	out(ACK, .ack = next);
	state_is(TCP_TIME_WAIT);
}

/* ---- Neighbours ---- */

#define SILENT (US + 5) /* nobody is there */

static uint32_t told;
static int told_reason;

static void on_closed(void *context, struct tcp_connection *c, int reason)
{
	(void)context, (void)c;
	told++;
	told_reason = reason;
}

static const struct tcp_handlers silent_handlers = { .closed = on_closed };

static void connect_silent(uint32_t address)
{
	struct tcp_connection *c;
	told = 0;
	assert_int_equal(
	        tcp_connect_watch(&c, address_of(address), 7, NULL, &silent_handlers, NULL), OK);
	world_turn();
}

static void connecting_to_nobody_fails_in_three_seconds(void **state)
{
	(void)state;
	connect_silent(SILENT);
	pass(2500);
	assert_int_equal(told, 0);
	pass(1000);
	assert_int_equal(told, 1);
	assert_int_equal(told_reason, ERR_UNREACHABLE);
	/* ARP remembers that for a while: the next one fails at once. */
	connect_silent(SILENT);
	assert_int_equal(told, 1);
	assert_int_equal(told_reason, ERR_UNREACHABLE);
	skip_all();
}

static bool time_passes(uint64_t deadline)
{
	(void)deadline;
	pass(100);
	skip_all();
	return true;
}

static void a_task_that_connects_to_nobody_hears_it(void **state)
{
	(void)state;
	struct tcp_connection *c;
	uint64_t from = world_now();
	world.on_wait = time_passes;
	assert_int_equal(tcp_connect(&c, address_of(SILENT), 7, NULL, CLOCK_NEVER),
	                 ERR_UNREACHABLE);
	assert_in_range(world_now() - from, 2 * SECOND, 4 * SECOND);
}

static void connecting_beyond_a_gateway_that_is_gone_fails_too(void **state)
{
	(void)state;
	connect_silent(FAR);
	pass(3500);
	assert_int_equal(told, 1);
	assert_int_equal(told_reason, ERR_UNREACHABLE);
}

static void an_open_connection_survives_a_neighbour_that_is_away(void **state)
{
	(void)state;
	opened();
	write_text("hello");
	for (uint32_t k = 0; k < 20; k++) { /* nobody answers ARP */
		pass(1000);
		world_drain();
	}
	state_is(TCP_ESTABLISHED);
	assert_int_equal(h.closed, 0);
}

static bool asks_everybody(const struct packet *p)
{
	if (SIX)
		return bytes_load_u16(p->bytes + 12) == 0x86dd && p->bytes[20] == 58 &&
		       p->bytes[54] == 135 && p->bytes[0] == 0x33;
	return bytes_load_u16(p->bytes + 12) == 0x0806 && p->bytes[21] == 1 &&
	       memcmp(p->bytes, all_mac, 6) == 0;
}

/* What comes out meanwhile: is everybody asked for the peer's address, and how late? */
static uint32_t broadcast_request_after(uint32_t limit_ms)
{
	struct packet p;
	for (uint32_t ms = 0; ms < limit_ms; ms += 50) {
		while (world_sent(&p)) {
			if (asks_everybody(&p))
				return ms;
		}
		pass(50);
		world_turn();
	}
	return limit_ms;
}

static void a_silent_change_of_the_next_hops_mac_costs_seconds(void **state)
{
	(void)state;
	opened();
	pass(20000);
	write_text("hello"); /* goes to the old MAC address, which nobody has any more */
	uint32_t ms = broadcast_request_after(30000);
	assert_in_range(ms, 1000, 5000);
	struct packet p;
	peer_says(other_mac);
	bool there = false;
	for (uint32_t k = 0; k < 40 && !there; k++) {
		while (world_sent(&p))
			there |= bytes_load_u16(p.bytes + 12) == (SIX ? 0x86dd : 0x0800) &&
			         memcmp(p.bytes, other_mac, 6) == 0;
		pass(50);
		world_turn();
	}
	assert_true(there);
	skip_all();
}

static void a_single_time_out_does_not_make_a_neighbour_suspect(void **state)
{
	(void)state;
	opened();
	pass(20000);
	write_text("hello");
	pass(250);
	struct packet p;
	while (world_sent(&p))
		assert_int_equal(bytes_load_u16(p.bytes + 12), SIX ? 0x86dd : 0x0800);
}

static void keep_alives_without_an_answer_make_a_neighbour_suspect(void **state)
{
	(void)state;
	h.options.keep_alive_ns = 2 * SECOND;
	opened();
	pass(1900);
	assert_in_range(broadcast_request_after(30000), 1000, 9000);
}

/* ---- Addresses ---- */

static uint32_t frames_from(uint32_t source)
{
	struct packet p;
	uint32_t n = 0;
	world_turn();
	while (world_sent(&p))
		n += SIX ? p.bytes[20] == 6 && bytes_load_u32(p.bytes + 34) == source
		         : bytes_load_u16(p.bytes + 12) == 0x0800 &&
		                     bytes_load_u32(p.bytes + 26) == source;
	return n;
}

static void an_address_that_is_taken_away_ends_its_connections(void **state)
{
	(void)state;
	opened();
	write_bytes(5000);
	address_changes();
	assert_int_equal(frames_from(US), 4); /* what the device had got before */
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_UNREACHABLE);
	pass(200000);
	assert_int_equal(frames_from(US), 0);
	counted(TCP_NOW_OPEN, 0);
	counted(TCP_COUNT_RESET_OUT, 0);
}

static void an_address_that_is_given_up_ends_its_connections(void **state)
{
	(void)state;
	opened();
	world_drain();
	address_goes_away();
	tcp_abort(h.c); /* before the turn: no reset either */
	h.c = NULL;
	pass(200000);
	assert_int_equal(frames_from(US), 0);
	counted(TCP_NOW_OPEN, 0);
}

static bool address_goes(uint64_t deadline)
{
	(void)deadline;
	if (interface_has(world.interface, word_of(US)))
		address_changes();
	world_turn();
	return true;
}

static void tasks_hear_that_the_address_is_gone(void **state)
{
	(void)state;
	char byte;
	opened();
	tcp_watch(h.c, NULL, NULL);
	write_text("hello");
	world.on_wait = address_goes;
	assert_int_equal(tcp_read(h.c, &byte, 1, CLOCK_NEVER), ERR_UNREACHABLE);
	assert_int_equal(tcp_write(h.c, "x", 1, CLOCK_NEVER), ERR_UNREACHABLE);
	assert_int_equal(tcp_drain(h.c, CLOCK_NEVER), ERR_UNREACHABLE);
	tcp_close(h.c);
	world_drain();
}

static void what_is_being_opened_hears_it_too(void **state)
{
	(void)state;
	connecting();
	address_goes_away();
	world_turn();
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_UNREACHABLE);
}

static void half_open_and_waiting_connections_end_with_the_address(void **state)
{
	(void)state;
	struct tcp_connection *c;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	tcp_listen_watch(h.listener, NULL, NULL);
	h.peer = 4001;
	h.seq = ISS;
	h.ack = 0;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK);
	address_goes_away();
	world_turn();
	assert_int_equal(tcp_accept(h.listener, &c, 0), ERR_TIMEOUT);
	counted(TCP_NOW_OPEN, 0);
	assert_null(tcp_table_any());
	assert_int_equal(frames_from(US), 0);
}

/* Its handlers may end others and open new ones while all of them end. */
static struct tcp_connection *others[8];

static void on_closed_end_others(void *context, struct tcp_connection *c, int reason)
{
	(void)context;
	told++;
	assert_int_equal(reason, ERR_UNREACHABLE);
	for (uint32_t k = 0; k < 8; k++) {
		if (others[k] == c)
			others[k] = NULL;
		if (others[k] && k % 2) {
			tcp_abort(others[k]);
			others[k] = NULL;
		}
	}
	assert_int_equal(tcp_connect_watch(&c, address_of(PEER), 9, NULL, &silent_handlers, NULL),
	                 SIX || interface_address(world.interface) ? OK : ERR_UNREACHABLE);
}

static void handlers_may_do_anything_while_an_address_ends(void **state)
{
	(void)state;
	static const struct tcp_handlers handlers = { .closed = on_closed_end_others };
	for (uint32_t k = 0; k < 8; k++)
		assert_int_equal(tcp_connect_watch(&others[k], address_of(PEER),
		                                   (uint16_t)(100 + k), NULL, &handlers, NULL),
		                 OK);
	world_turn();
	told = 0;
	address_changes();
	world_turn();
	assert_in_range(told, 1, 8);
	for (uint32_t k = 0; k < 8; k++)
		assert_null(others[k]);
	world_drain();
}

static void what_routers_said_is_forgotten_with_the_address(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	skip_all();
	world_drain();
	report_in(3, 4, 1000, 1);
	assert_int_equal(tcp_path_mtu(world.interface, PEER), 1000);
	interface_set_address(world.interface, US + 1, 24, GATEWAY);
	assert_int_equal(tcp_path_mtu(world.interface, PEER), 1500);
	world_drain();
}

int main(void)
{
	static const struct scenario list[] = {
		S("9293 §3.8.6.1", a_closed_connection_behind_a_closed_window_ends),
		S("9293 §3.8.6.1", it_ends_by_the_default_too),
		S("9293 §3.8.6.1", its_time_counts_from_the_close),
		S("9293 §3.8.3", a_trickle_of_acknowledgments_does_not_keep_it),
		S("9293 §3.8.3", what_is_read_at_the_rate_is_sent_to_its_end),
		S("9293 §3.8.3", an_endless_user_timeout_is_not_over_at_once),
		S("9293 §3.10.7.3", a_lower_isn_in_time_wait_waits_a_second_and_not_a_minute),
		S("6191 §2", an_older_timestamp_in_time_wait_waits_a_second_too),
		S("1337 §3", no_other_reset_ends_time_wait),
		S("6191 §2", syn_with_fin_does_not_end_time_wait),
		S("6191 §2", a_syn_for_which_there_is_no_memory_does_not_end_time_wait),
		S("6191 §2", a_syn_for_a_full_backlog_does_not_end_time_wait),
		S("6191 §2", a_syn_for_a_port_that_was_closed_does_not_end_time_wait),
		S("1122 §2.3.2", connecting_to_nobody_fails_in_three_seconds),
		S("1122 §2.3.2", a_task_that_connects_to_nobody_hears_it),
		S("1122 §2.3.2", connecting_beyond_a_gateway_that_is_gone_fails_too),
		S("1122 §4.2.3.9", an_open_connection_survives_a_neighbour_that_is_away),
		S("1122 §2.3.2.1", a_silent_change_of_the_next_hops_mac_costs_seconds),
		S("1122 §2.3.2.1", a_single_time_out_does_not_make_a_neighbour_suspect),
		S("1122 §2.3.2.1", keep_alives_without_an_answer_make_a_neighbour_suspect),
		S("1122 §3.3.4.2", an_address_that_is_taken_away_ends_its_connections),
		S("1122 §3.3.4.2", an_address_that_is_given_up_ends_its_connections),
		S("1122 §3.3.4.2", tasks_hear_that_the_address_is_gone),
		S("1122 §3.3.4.2", what_is_being_opened_hears_it_too),
		S("1122 §3.3.4.2", half_open_and_waiting_connections_end_with_the_address),
		S("1122 §3.3.4.2", handlers_may_do_anything_while_an_address_ends),
		S4("1191 §6.3", what_routers_said_is_forgotten_with_the_address),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}

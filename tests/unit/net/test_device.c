/* SPDX-License-Identifier: ISC */
/* The device: rings, frames, batches, back-pressure, kicks, and a tender that makes mistakes. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/boot.h>
#include <core/error.h>

static struct udp_socket *echo_socket;
static uint32_t calls;

static void echo(void *context, struct udp_packet *p)
{
	(void)context;
	calls++;
	udp_reply(p, p->size);
}

static int setup_with(struct options o)
{
	world_open(o);
	calls = 0;
	return udp_open(&echo_socket, NULL, 7, echo, NULL);
}

static int setup(void **state)
{
	(void)state;
	return setup_with((struct options){ 0 });
}

static int setup_small(void **state)
{
	(void)state;
	return setup_with((struct options){ .ring = 64, .frames = 64 });
}

static int setup_concurrent(void **state)
{
	(void)state;
	return setup_with((struct options){ .concurrent = true });
}

static int teardown(void **state)
{
	(void)state;
	udp_close(echo_socket);
	world_close();
	return 0;
}

static struct packet question(void)
{
	struct packet p;
	packet_udp(&p, PEER, US, 5000, 7, "question", 8);
	return p;
}

static struct loop_source *source(void)
{
	return &world.interface->device.source;
}

static void fills_the_ring_and_leaves_frames_for_sending(void **state)
{
	(void)state;
	struct device *d = &world.interface->device;
	assert_true(d->queue->receiving >= 16 && d->queue->receiving <= 32);
	assert_true(d->frames.free_count >= 32);
	for (int k = 0; k < 5000; k++) { /* and goes on for ever */
		struct packet in = question(), out;
		assert_true(world_exchange(&in, &out));
	}
	assert_true(world_frames_balanced());
}

static void takes_a_bounded_batch_in_a_turn_and_publishes_once(void **state)
{
	(void)state;
	struct packet in = question(), out;
	for (int k = 0; k < 100; k++)
		assert_true(world_receive(&in));
	uint32_t before = *(uint32_t *)world.device.tx.producer;
	assert_true(device_poll(source()));
	assert_int_equal(calls, DEVICE_BATCH);
	assert_int_equal(*(uint32_t *)world.device.tx.producer - before, DEVICE_BATCH);
	assert_true(device_poll(source()));
	assert_int_equal(calls, 100);
	assert_false(device_poll(source()));
	for (int k = 0; k < 100; k++)
		assert_true(world_sent(&out));
	assert_true(world_frames_balanced());
}

static void counters_of_rings_wrap(void **state)
{
	(void)state;
	/* 2^32 packets are too many: start near the end instead */
	struct device *d = &world.interface->device;
	world_drain();
	*(uint32_t *)world.device.rx.consumer = *(uint32_t *)world.device.rx.producer =
	        d->queue->rx.mine = d->queue->rx.theirs = UINT32_MAX - 100;
	for (int k = 0; k < 1000; k++) {
		struct packet in = question(), out;
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
	}
}

static void takes_nothing_in_while_there_is_no_room_to_answer(void **state)
{
	(void)state;
	struct packet in = question(), out;
	world.hold_tx = true;
	uint32_t received = 0;
	for (int k = 0; k < 1000; k++) {
		received += world_receive(&in);
		world_turn();
	}
	assert_int_equal(calls, 256);
	assert_int_equal(count(COUNT_TX_RING_FULL), 0);
	assert_int_equal(source()->events(source()), AMP_WAIT_COMPLETE);
	world.hold_tx = false;
	for (uint32_t k = 0; k < received; k++) {
		assert_true(world_sent(&out));
		world_turn();
	}
	assert_int_equal(calls, received);
	assert_int_equal(source()->events(source()), AMP_WAIT_RECEIVE);
	assert_true(world_frames_balanced());
}

static void waits_for_completions_when_frames_ran_out(void **state)
{
	(void)state;
	struct packet in, out;
	world.hold_completions = true;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	while (udp_send(echo_socket, PEER, 9, "x", 1) == 0) {
		world_turn();
		world_sent(&out);
	}
	assert_true(count(COUNT_TX_NO_FRAME) == 1);
	assert_int_equal(source()->events(source()), AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE);
}

static void waits_for_packets_only_otherwise(void **state)
{
	(void)state;
	struct packet in = question(), out;
	world.hold_completions = true;
	assert_true(world_exchange(&in, &out));
	assert_int_equal(source()->events(source()), AMP_WAIT_RECEIVE);
}

static void what_a_task_sends_is_published_before_a_wait(void **state)
{
	(void)state;
	struct packet out;
	assert_int_equal(udp_send(echo_socket, UINT32_MAX, 9, "x", 1), 0);
	assert_false(world_sent(&out));
	source()->events(source());
	assert_true(world_sent(&out));
}

static void a_tender_that_works_in_waits_is_kicked_by_flush_only(void **state)
{
	(void)state;
	struct packet in = question(), out;
	*world.tx_flags = *world.fill_flags = AMP_RING_NEED_WAKEUP;
	for (int k = 0; k < 1000; k++)
		assert_true(world_exchange(&in, &out));
	assert_int_equal(world.kicks, 0);
	world_receive(&in);
	world_turn();
	source()->flush(source());
	assert_int_equal(world.kicks, 1);
	world_drain();
	source()->flush(source()); /* nothing to hand out */
	assert_int_equal(world.kicks, 1);
}

static void a_concurrent_tender_is_kicked_if_it_sleeps(void **state)
{
	(void)state;
	struct packet in = question(), out;
	for (int k = 0; k < 100; k++)
		assert_true(world_exchange(&in, &out));
	assert_int_equal(world.kicks, 0);
	*world.tx_flags = AMP_RING_NEED_WAKEUP;
	for (int k = 0; k < 10; k++)
		world_receive(&in);
	world_turn();
	assert_int_equal(world.kicks, 1); /* a batch, not a packet */
	*world.tx_flags = 0;
	*world.fill_flags = AMP_RING_NEED_WAKEUP;
	world_drain();
	for (int k = 0; k < 200; k++)
		assert_true(world_exchange(&in, &out));
	assert_in_range(world.kicks, 2, 6); /* a refill is a batch too */
}

/* ---- A tender that makes mistakes ---- */

static void descriptors_that_do_not_fit_are_dropped(void **state)
{
	(void)state;
	struct packet in = question(), out;
	struct device *d = &world.interface->device;
	uint64_t area = (uint64_t)d->frames.count * AMP_FRAME_SIZE;
	uint32_t bad = 0;
	const struct amp_desc none[] = {
		{ .addr = area, .len = 60 }, /* past the area */
		{ .addr = UINT64_MAX, .len = 60 },
		{ .addr = UINT64_MAX - 20, .len = UINT32_MAX },
		{ .addr = area - AMP_FRAME_SIZE, .len = 60 }, /* ours: free */
	};
	for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
		world_receive_raw(none[k]);
		world_turn();
		assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), ++bad);
	}
	for (int k = 0; k < 5; k++) {
		struct amp_desc desc = world_place(&in, AMP_FRAME_HEADROOM);
		desc.len = k == 0   ? 13
		           : k == 1 ? AMP_FRAME_SIZE - AMP_FRAME_HEADROOM + 1
		                    : desc.len;
		desc.len = k == 2 ? UINT32_MAX : k == 3 ? 0 : desc.len;
		if (k == 4) { /* one frame twice */
			world_receive_raw(desc);
		}
		world_receive_raw(desc);
		world_turn();
		assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), ++bad);
	}
	assert_true(world_sent(&out)); /* the one that was right, once */
	assert_false(world_sent(&out));
	assert_true(world_frames_balanced());
}

static void packets_in_several_frames_are_dropped_whole(void **state)
{
	(void)state;
	struct packet in = question(), out;
	for (int k = 0; k < 3; k++) {
		struct amp_desc desc = world_place(&in, AMP_FRAME_HEADROOM);
		desc.options = k < 2 ? AMP_DESC_CONTINUED : 0;
		world_receive_raw(desc);
	}
	world_turn();
	assert_false(world_sent(&out));
	assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), 1);
	assert_true(world_exchange(&in, &out));
	assert_true(world_frames_balanced());
}

static void completions_of_what_was_not_sent_are_ignored(void **state)
{
	(void)state;
	struct amp_ring *r = &world.device.completion;
	const uint64_t bad[] = { 0, 5 * AMP_FRAME_SIZE, UINT64_MAX, 1024ull * AMP_FRAME_SIZE };
	for (size_t k = 0; k < 4; k++) {
		((uint64_t *)r->entries)[*world.completion_producer & (r->size - 1)] = bad[k];
		++*world.completion_producer;
	}
	world_turn();
	assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), 4);
	assert_true(world_frames_balanced());
}

static void a_packet_anywhere_in_its_frame_is_served(void **state)
{
	(void)state;
	struct packet in = question(), out;
	const uint32_t at[] = { 0, 1, 255, 257, 1024, AMP_FRAME_SIZE - 50 };
	for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
		world_receive_raw(world_place(&in, at[k]));
		world_turn();
		assert_true(world_sent(&out));
		assert_true(packet_is_right(&out));
		assert_memory_equal(out.bytes + 42, "question", 8);
		world_turn();
	}
}

static void a_reply_cannot_leave_its_frame(void **state)
{
	(void)state;
	struct packet in, out;
	/* With 60 bytes of header before it, the payload starts late: room shrinks with what is
	 * left */
	packet_udp(&in, PEER, US, 5000, 7, "question", 8);
	world_receive_raw(world_place(&in, AMP_FRAME_SIZE - 50));
	world_turn();
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
	assert_int_equal(out.size, 50);
}

static void a_device_of_nonsense_is_refused(void **state)
{
	(void)state;
	struct amp_device d = world.device;
	struct frames p;
	d.frame_size = 1000;
	assert_int_equal(frames_open(&p, &d), ERR_INVALID);
	d.frame_size = 8192;
	assert_int_equal(frames_open(&p, &d), ERR_INVALID);
	d = world.device;
	d.frame_count = 0;
	assert_int_equal(frames_open(&p, &d), ERR_INVALID);
	d = world.device;
	world.memory_fails = true;
	assert_int_equal(frames_open(&p, &d), ERR_MEMORY);
	world.memory_fails = false;
}

#define TEST(setup_, f_) cmocka_unit_test_setup_teardown(f_, setup_, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(setup_small, fills_the_ring_and_leaves_frames_for_sending),
		TEST(setup, takes_a_bounded_batch_in_a_turn_and_publishes_once),
		TEST(setup, counters_of_rings_wrap),
		TEST(setup, takes_nothing_in_while_there_is_no_room_to_answer),
		TEST(setup_small, waits_for_completions_when_frames_ran_out),
		TEST(setup, waits_for_packets_only_otherwise),
		TEST(setup, what_a_task_sends_is_published_before_a_wait),
		TEST(setup, a_tender_that_works_in_waits_is_kicked_by_flush_only),
		TEST(setup_concurrent, a_concurrent_tender_is_kicked_if_it_sleeps),
		TEST(setup, descriptors_that_do_not_fit_are_dropped),
		TEST(setup, packets_in_several_frames_are_dropped_whole),
		TEST(setup, completions_of_what_was_not_sent_are_ignored),
		TEST(setup, a_packet_anywhere_in_its_frame_is_served),
		TEST(setup, a_reply_cannot_leave_its_frame),
		TEST(setup, a_device_of_nonsense_is_refused),
	};
	return cmocka_run_group_tests_name("net device", tests, NULL, NULL);
}

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

static int setup_queues(void **state)
{
	(void)state;
	return setup_with((struct options){ .queues = 3 });
}

static int setup_queues_concurrent(void **state)
{
	(void)state;
	return setup_with((struct options){ .queues = 3, .concurrent = true });
}

static int setup_most_queues_fewest_frames(void **state)
{
	(void)state;
	return setup_with(
	        (struct options){ .ring = 64, .frames = 64, .queues = AMP_NET_QUEUES_MAX });
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
	assert_true(net_device_poll(source()));
	assert_int_equal(calls, DEVICE_BATCH);
	assert_int_equal(*(uint32_t *)world.device.tx.producer - before, DEVICE_BATCH);
	assert_true(net_device_poll(source()));
	assert_int_equal(calls, 100);
	assert_false(net_device_poll(source()));
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

/* So many packets come, by turns into so many queues, while nothing can be sent. */
static void take_nothing_without_room(uint32_t packets, uint32_t queues)
{
	struct packet in = question(), out;
	world.hold_tx = true;
	uint32_t received = 0;
	for (uint32_t k = 0; k < packets; k++) {
		world_queue(k % queues);
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

static void takes_nothing_in_while_there_is_no_room_to_answer(void **state)
{
	(void)state;
	take_nothing_without_room(1000, 1);
}

static void waits_for_completions_when_frames_ran_out(void **state)
{
	(void)state;
	struct packet in, out;
	world.hold_completions = true;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	while (udp_send(echo_socket, net_ip4(PEER), 9, "x", 1) == 0) {
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
	assert_int_equal(udp_send(echo_socket, net_ip4(UINT32_MAX), 9, "x", 1), 0);
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

/* ---- Several queues ---- */

/* How many frames the tender may receive into, in the queue that was chosen. */
static uint32_t filled(void)
{
	return *(uint32_t *)world.fill->producer - *world.fill_consumer;
}

static void packets_of_all_queues_are_answered(void **state)
{
	(void)state;
	struct packet in = question(), out;
	for (int n = 0; n < 3000; n++) { /* and each is filled up again */
		world_queue((uint32_t)n % 3);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
	}
	for (int n = 0; n < 1000; n++) { /* while nothing comes in the others */
		world_queue(1);
		assert_true(world_exchange(&in, &out));
	}
	assert_int_equal(calls, 4000);
	assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), 0);
	assert_true(world_frames_balanced());
}

static void each_queue_has_its_share_of_the_frames(void **state)
{
	(void)state;
	struct device *d = &world.interface->device;
	struct packet in = question(), out;
	for (uint32_t k = 0; k < AMP_NET_QUEUES_MAX; k++) {
		world_queue(k);
		assert_in_range(filled(), 1, 2);
	}
	assert_true(d->frames.free_count >= 32);
	for (uint32_t n = 0; n < 5000; n++) {
		world_queue(n % 7);
		assert_true(world_exchange(&in, &out));
	}
	for (uint32_t k = 0; k < AMP_NET_QUEUES_MAX; k++) {
		world_queue(k);
		assert_in_range(filled(), 1, 2);
	}
	assert_true(world_frames_balanced());
}

static void a_queue_that_is_always_full_leaves_the_others_their_turn(void **state)
{
	(void)state;
	struct packet in = question(), rare, out;
	packet_udp(&rare, PEER, US, 5001, 7, "rare", 4);
	uint32_t found = 0;
	for (uint32_t n = 0; n < 60; n++) {
		world_queue(0);
		while (*world.rx_producer - *(uint32_t *)world.rx->consumer <= DEVICE_BATCH &&
		       world_receive(&in))
			;
		if (n % 6 == 0) {
			world_queue(1 + n / 6 % 2);
			assert_true(world_receive(&rare));
		}
		uint32_t before = calls;
		assert_true(net_device_poll(source()));
		assert_in_range(calls - before, 1, DEVICE_BATCH); /* of all together */
		while (world_sent(&out))
			found += udp_of(&out)->destination[1] == (5001 & 255);
		if (n % 6 == 1) /* it waited for one turn of the full one at most */
			assert_int_equal(found, 1 + n / 6);
	}
	assert_int_equal(found, 10);
	for (uint32_t k = 0; k < 3; k++) {
		world_queue(k);
		world_drain();
	}
	assert_true(world_frames_balanced());
}

static void two_full_queues_get_equal_shares(void **state)
{
	(void)state;
	struct packet in[2], out;
	uint32_t shares[2] = { 0, 0 };
	packet_udp(&in[0], PEER, US, 5000, 7, "question", 8);
	packet_udp(&in[1], PEER, US, 5001, 7, "question", 8);
	for (int n = 0; n < 100; n++) {
		for (uint32_t k = 0; k < 2; k++) {
			world_queue(2 * k);
			while (*world.rx_producer - *(uint32_t *)world.rx->consumer <
			               2 * DEVICE_BATCH &&
			       world_receive(&in[k]))
				;
		}
		assert_true(net_device_poll(source()));
		while (world_sent(&out))
			shares[udp_of(&out)->destination[1] & 1]++;
	}
	assert_int_equal(shares[0] + shares[1], 100 * DEVICE_BATCH);
	assert_in_range(shares[0], 49 * DEVICE_BATCH, 51 * DEVICE_BATCH);
	world_drain();
	assert_true(world_frames_balanced());
}

static void nothing_is_taken_from_any_queue_while_there_is_no_room(void **state)
{
	(void)state;
	take_nothing_without_room(1500, 3);
}

static void who_sleeps_for_want_of_frames_is_kicked_of_whatever_queue(void **state)
{
	(void)state;
	struct packet in = question(), out;
	for (uint32_t k = 0; k < 3; k++) {
		world_queue(k);
		*world.fill_flags = AMP_RING_NEED_WAKEUP;
		uint32_t before = world.kicks;
		for (int n = 0; n < 200; n++)
			assert_true(world_exchange(&in, &out));
		assert_in_range(world.kicks, before + 2, before + 6);
		before = world.kicks;
		source()->flush(source()); /* it came to want them after we had looked */
		assert_int_equal(world.kicks, before + 1);
		*world.fill_flags = 0;
		source()->flush(source());
		assert_int_equal(world.kicks, before + 1);
	}
}

static void descriptors_of_further_queues_are_checked(void **state)
{
	(void)state;
	struct packet in = question(), out;
	world_queue(2);
	world_receive_raw((struct amp_desc){ .addr = UINT64_MAX, .len = 60 });
	world_receive_raw((struct amp_desc){ .addr = 1024ull * AMP_FRAME_SIZE, .len = 60 });
	struct amp_desc desc = world_place(&in, AMP_FRAME_HEADROOM);
	world_receive_raw(desc);
	world_receive_raw(desc); /* twice */
	world_turn();
	assert_true(world_sent(&out));
	assert_false(world_sent(&out));
	assert_int_equal(count(COUNT_RX_BAD_DESCRIPTOR), 3);
	assert_true(world_exchange(&in, &out));
	assert_true(world_frames_balanced());
}

static void more_queues_than_the_abi_has_are_refused(void **state)
{
	(void)state;
	struct interface *i = calloc(1, sizeof *i);
	struct amp_device d = world.device;
	d.queue_count = AMP_NET_QUEUES_MAX;
	assert_int_equal(net_device_open(&i->device, &d), ERR_INVALID);
	d.queue_count = UINT32_MAX;
	assert_int_equal(net_device_open(&i->device, &d), ERR_INVALID);
	free(i);
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
	assert_int_equal(frame_area_open(&p, &d), ERR_INVALID);
	d.frame_size = 8192;
	assert_int_equal(frame_area_open(&p, &d), ERR_INVALID);
	d = world.device;
	d.frame_count = 0;
	assert_int_equal(frame_area_open(&p, &d), ERR_INVALID);
	d = world.device;
	world.memory_fails = true;
	assert_int_equal(frame_area_open(&p, &d), ERR_MEMORY);
	world.memory_fails = false;
}

static uint32_t owned(const struct frames *p, enum frame_owner owner)
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < p->count; k++)
		n += p->all[k].owner == owner;
	return n;
}

/* What it could receive into before it can at once, and by the same frames: who looks at few writes to few pages. */
static void a_clone_gives_its_frames_to_the_device_again(void **state)
{
	(void)state;
	struct device *d = &world.interface->device;
	struct packet in = question(), out;
	for (int k = 0; k < 20; k++)
		assert_true(world_exchange(&in, &out));
	world.hold_tx = true;
	assert_true(world_receive(&in));
	assert_true(net_device_poll(source()));
	assert_int_equal(owned(&d->frames, FRAME_SENDING), 1);
	uint32_t had = d->queue->receiving, free = d->frames.free_count;
	assert_true(had > 3 * DEVICE_BATCH);
	world.hold_tx = false;
	world_move(us_mac);
	world_drain();
	assert_int_equal(d->queue->receiving, had);
	assert_int_equal(owned(&d->frames, FRAME_RECEIVING), had);
	assert_int_equal(ring_free(&d->queue->fill, UINT32_MAX), d->queue->fill.size - had);
	assert_int_equal(d->sending, 0);
	assert_int_equal(d->frames.free_count, free + 1);
	assert_true(frame_area_is_valid(&d->frames));
	assert_true(world_exchange(&in, &out));
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
		TEST(setup_queues, packets_of_all_queues_are_answered),
		TEST(setup_most_queues_fewest_frames, each_queue_has_its_share_of_the_frames),
		TEST(setup_queues, a_queue_that_is_always_full_leaves_the_others_their_turn),
		TEST(setup_queues, two_full_queues_get_equal_shares),
		TEST(setup_queues, nothing_is_taken_from_any_queue_while_there_is_no_room),
		TEST(setup_queues_concurrent,
		     who_sleeps_for_want_of_frames_is_kicked_of_whatever_queue),
		TEST(setup_queues, descriptors_of_further_queues_are_checked),
		TEST(setup, more_queues_than_the_abi_has_are_refused),
		TEST(setup, descriptors_that_do_not_fit_are_dropped),
		TEST(setup, packets_in_several_frames_are_dropped_whole),
		TEST(setup, completions_of_what_was_not_sent_are_ignored),
		TEST(setup, a_packet_anywhere_in_its_frame_is_served),
		TEST(setup, a_reply_cannot_leave_its_frame),
		TEST(setup, a_clone_gives_its_frames_to_the_device_again),
		TEST(setup, a_device_of_nonsense_is_refused),
	};
	return cmocka_run_group_tests_name("net device", tests, NULL, NULL);
}

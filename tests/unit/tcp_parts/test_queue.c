/* SPDX-License-Identifier: ISC */
/* The send queue by behaviour, and against a flat array of the same bytes. */
#include <net/tcp/queue.h>

#include <stdlib.h>

#include "base.h"

#define MAX 100000u

static uint8_t fixed[1u << 20];

static int start(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof fixed; k++)
		fixed[k] = (uint8_t)(k * 7 + k / 251);
	base_allocations_left = UINT64_MAX;
	return 0;
}

static int no_leak(void **state)
{
	(void)state;
	base_allocations_left = UINT64_MAX;
	return base_allocated || tcp_queue_memory() ? -1 : 0;
}

/* Reads [offset, offset + size), however many parts it takes. */
static void read_all(struct tcp_queue *q, uint64_t offset, uint8_t *to, uint32_t size)
{
	for (uint32_t got = 0; got < size;) {
		const uint8_t *bytes;
		enum queue_kind kind;
		uint32_t n = tcp_queue_peek(q, offset + got, size - got, &bytes, &kind);
		assert_true(n && n <= size - got);
		memcpy(to + got, bytes, n);
		got += n;
	}
}

static void holds_nothing_at_first(void **state)
{
	(void)state;
	struct tcp_queue q;
	const uint8_t *bytes;
	enum queue_kind kind;
	tcp_queue_open(&q, MAX);
	assert_true(tcp_queue_is_valid(&q));
	assert_int_equal(tcp_queue_room(&q), MAX);
	assert_int_equal(tcp_queue_peek(&q, 0, 10, &bytes, &kind), 0);
	assert_int_equal(tcp_queue_memory(), 0);
	tcp_queue_close(&q);
}

/* What is put into reserved room comes out between what was copied before and behind it, wherever the ring begins. */
static void reserved_room_is_filled_in_place(void **state)
{
	(void)state;
	struct tcp_queue q;
	struct tcp_room room;
	uint8_t got[900];
	bool was_in_two = false;
	tcp_queue_open(&q, 5000);
	assert_false(tcp_queue_reserve(&q, 5001, &room));
	assert_false(tcp_queue_reserve(&q, 0, &room));
	for (uint32_t k = 0, at = 0, left = 0; k < 100; k++, at += 900, left = 450) {
		assert_int_equal(tcp_queue_copy(&q, fixed + at, 300), 300);
		assert_true(tcp_queue_reserve(&q, 300, &room));
		assert_int_equal(room.parts[0].size + room.parts[1].size, 300);
		was_in_two |= room.parts[1].size != 0;
		memcpy(room.parts[0].at, fixed + at + 300, room.parts[0].size);
		memcpy(room.parts[1].at, fixed + at + 300 + room.parts[0].size, room.parts[1].size);
		assert_int_equal(tcp_queue_copy(&q, fixed + at + 600, 300), 300);
		assert_true(tcp_queue_is_valid(&q));
		read_all(&q, left, got, 900);
		assert_memory_equal(got, fixed + at, 900);
		tcp_queue_acknowledge(&q, left + 450);
	}
	assert_true(was_in_two);
	base_allocations_left = 0;
	assert_false(tcp_queue_reserve(&q, 4900, &room));
	assert_true(tcp_queue_is_valid(&q));
	tcp_queue_close(&q);
}

static void copies_what_fits_and_no_more(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, 5000);
	assert_int_equal(tcp_queue_copy(&q, fixed, 3000), 3000);
	assert_int_equal(tcp_queue_copy(&q, fixed + 3000, 3000), 2000);
	assert_int_equal(tcp_queue_copy(&q, fixed, 1), 0);
	assert_int_equal(tcp_queue_room(&q), 0);
	assert_int_equal(q.piece_count, 1); /* runs that follow each other are one */
	uint8_t got[5000];
	read_all(&q, 0, got, 5000);
	assert_memory_equal(got, fixed, 5000);
	tcp_queue_acknowledge(&q, 1);
	assert_int_equal(tcp_queue_room(&q), 1);
	tcp_queue_close(&q);
}

static void static_bytes_are_shown_where_they_lie_and_do_not_count(void **state)
{
	(void)state;
	struct tcp_queue q;
	const uint8_t *bytes;
	enum queue_kind kind;
	tcp_queue_open(&q, 100);
	assert_int_equal(tcp_queue_static(&q, fixed, sizeof fixed), OK);
	assert_int_equal(tcp_queue_room(&q), 100);
	assert_int_equal(tcp_queue_peek(&q, 1000, 500, &bytes, &kind), 500);
	assert_ptr_equal(bytes, fixed + 1000);
	assert_int_equal(kind, QUEUE_STATIC);
	assert_int_equal(tcp_queue_memory(), 0);
	tcp_queue_close(&q);
}

static void adjoining_static_bytes_are_one_piece(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, MAX);
	for (uint32_t k = 0; k < 1000; k++)
		assert_int_equal(tcp_queue_static(&q, fixed + 16 * k, 16), OK);
	assert_int_equal(q.piece_count, 1);
	assert_int_equal(tcp_queue_static(&q, fixed, 0), OK);
	assert_int_equal(q.total, 16000);
	tcp_queue_close(&q);
}

static void pieces_are_bounded(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, MAX);
	uint32_t k = 0;
	while (k < 2 * TCP_PIECES_MAX && tcp_queue_static(&q, fixed + 32 * k, 16) == OK)
		k++;
	assert_int_equal(k, TCP_PIECES_MAX);
	assert_int_equal(tcp_queue_static(&q, fixed, 16), ERR_MEMORY);
	assert_int_equal(tcp_queue_copy(&q, fixed, 10), 0);
	assert_true(tcp_queue_is_valid(&q));
	tcp_queue_acknowledge(&q, 16);
	assert_int_equal(tcp_queue_copy(&q, fixed, 10), 10);
	tcp_queue_close(&q);
}

static void gives_memory_back_when_empty(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, MAX);
	for (uint32_t k = 0; k < 20; k++) {
		tcp_queue_copy(&q, fixed, 3000);
		tcp_queue_static(&q, fixed + 1000 * k, 100);
	}
	assert_true(tcp_queue_memory() >= 60000);
	tcp_queue_acknowledge(&q, q.total);
	assert_int_equal(tcp_queue_memory(), 0);
	assert_int_equal(base_allocated, 0);
	assert_int_equal(tcp_queue_copy(&q, fixed, 10), 10); /* and goes on */
	tcp_queue_close(&q);
}

static void without_memory_takes_what_the_ring_holds(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, MAX);
	base_allocations_left = 0;
	assert_int_equal(tcp_queue_copy(&q, fixed, 10), 0);
	assert_true(tcp_queue_is_valid(&q));
	base_allocations_left = 1;
	assert_int_equal(tcp_queue_copy(&q, fixed, 1000), 1000);
	assert_int_equal(tcp_queue_copy(&q, fixed + 1000, 5000), QUEUE_RING_MIN - 1000);
	assert_int_equal(tcp_queue_copy(&q, fixed, 1), 0);
	for (uint32_t k = 0; k < 3; k++)
		assert_int_equal(tcp_queue_static(&q, fixed + 100 * k, 10), OK);
	assert_int_equal(tcp_queue_static(&q, fixed + 1000, 10),
	                 ERR_MEMORY); /* a fifth piece needs a heap */
	assert_true(tcp_queue_is_valid(&q));
	tcp_queue_close(&q);
}

static void lent_bytes_are_shown_where_they_lie_until_they_are_kept(void **state)
{
	(void)state;
	struct tcp_queue q;
	const uint8_t *bytes;
	enum queue_kind kind;
	uint8_t got[3000];
	tcp_queue_open(&q, 10000);
	tcp_queue_copy(&q, fixed, 1000);
	assert_int_equal(tcp_queue_lend(&q, fixed + 1000, 5000), OK);
	assert_int_equal(tcp_queue_room(&q), 4000);
	assert_int_equal(tcp_queue_copy(&q, fixed + 6000, 9000),
	                 4000); /* others may write behind them */
	assert_int_equal(tcp_queue_room(&q), 0);
	assert_int_equal(tcp_queue_peek(&q, 1500, 500, &bytes, &kind), 500);
	assert_ptr_equal(bytes, fixed + 1500);
	assert_int_equal(kind, QUEUE_LENT);
	tcp_queue_acknowledge(&q, 4000);
	assert_int_equal(q.lent, 2000);
	assert_true(tcp_queue_keep(&q));
	assert_int_equal(q.lent, 0);
	assert_true(tcp_queue_is_valid(&q));
	assert_int_equal(tcp_queue_room(&q), 4000);
	read_all(&q, 0, got, 3000);
	assert_memory_equal(got, fixed + 4000, 3000);
	tcp_queue_peek(&q, 0, 500, &bytes, &kind);
	assert_int_equal(kind, QUEUE_KEPT);
	assert_ptr_not_equal(bytes, fixed + 4000);
	tcp_queue_acknowledge(&q, 2000);
	assert_true(tcp_queue_is_valid(&q));
	assert_int_equal(tcp_queue_room(&q), 6000);
	tcp_queue_acknowledge(&q, q.total);
	assert_int_equal(tcp_queue_memory(), 0);
	tcp_queue_close(&q);
}

static void without_memory_lent_bytes_stay_lent(void **state)
{
	(void)state;
	struct tcp_queue q;
	tcp_queue_open(&q, MAX);
	assert_int_equal(tcp_queue_lend(&q, fixed, 5000), OK);
	base_allocations_left = 0;
	assert_false(tcp_queue_keep(&q));
	assert_int_equal(q.lent, 5000);
	assert_true(tcp_queue_is_valid(&q));
	tcp_queue_acknowledge(&q, 4000);
	base_allocations_left = 1;
	assert_true(tcp_queue_keep(&q));
	assert_int_equal(q.kept, 1000);
	tcp_queue_close(&q); /* what is kept goes with it */
}

/* ---- Against a flat array ---- */

static uint8_t flat[4u << 20];

static void is_the_bytes_that_were_put_in(void **state)
{
	(void)state;
	struct random random = { 1 };
	struct tcp_queue q;
	static uint8_t got[70000];
	uint64_t from = 0, to = 0, reading = 0;
	tcp_queue_open(&q, MAX);
	for (uint32_t k = 0; k < 60000; k++) {
		uint32_t size = random_below(&random, random_chance(&random, 100000) ? 60000 : 900);
		base_allocations_left = random_chance(&random, 20000) ? 0 : UINT64_MAX;
		switch (random_below(&random, 6)) {
		case 0: {
			const uint8_t *source = fixed + random_below(&random, sizeof fixed - 60000);
			uint32_t n = tcp_queue_copy(&q, source, size);
			assert_true(n <= size);
			if (to + n > sizeof flat)
				goto restart;
			memcpy(flat + to, source, n);
			to += n;
			break;
		}
		case 1: {
			const uint8_t *source = fixed + random_below(&random, sizeof fixed - 60000);
			if (to + size > sizeof flat)
				goto restart;
			if (tcp_queue_static(&q, source, size) == OK) {
				memcpy(flat + to, source, size);
				to += size;
			}
			break;
		}
		case 4: {
			const uint8_t *source = fixed + random_below(&random, sizeof fixed - 60000);
			size = size < tcp_queue_room(&q) ? size : tcp_queue_room(&q);
			if (to + size > sizeof flat)
				goto restart;
			if (tcp_queue_lend(&q, source, size) == OK) {
				memcpy(flat + to, source, size);
				to += size;
			}
			break;
		}
		case 5: {
			uint32_t lent = q.lent;
			if (tcp_queue_keep(&q))
				assert_int_equal(q.lent, 0);
			else
				assert_true(lent && !base_allocations_left);
			break;
		}
		case 2: /* in order as output does, or anywhere as a retransmission */
			if (from == to)
				break;
			reading = random_chance(&random, 700000) && reading >= from && reading < to
			                  ? reading
			                  : from + random_next(&random) % (to - from);
			size = size < to - reading ? size : (uint32_t)(to - reading);
			read_all(&q, reading - from, got, size);
			assert_memory_equal(got, flat + reading, size);
			reading += size;
			break;
		default:
			if (from == to)
				break;
			size = (uint32_t)(random_next(&random) % (to - from + 1)) /
			       (random_chance(&random, 900000) ? 8 : 1);
			tcp_queue_acknowledge(&q, size);
			from += size;
		}
		assert_int_equal(q.total, to - from);
		assert_true(tcp_queue_is_valid(&q));
		assert_true(tcp_queue_taken(&q) <= MAX);
		continue;
restart:
		tcp_queue_acknowledge(&q, q.total);
		from = to = reading = 0;
	}
	tcp_queue_close(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(holds_nothing_at_first, start, no_leak),
		cmocka_unit_test_setup_teardown(copies_what_fits_and_no_more, start, no_leak),
		cmocka_unit_test_setup_teardown(
		        static_bytes_are_shown_where_they_lie_and_do_not_count, start, no_leak),
		cmocka_unit_test_setup_teardown(adjoining_static_bytes_are_one_piece, start,
		                                no_leak),
		cmocka_unit_test_setup_teardown(pieces_are_bounded, start, no_leak),
		cmocka_unit_test_setup_teardown(gives_memory_back_when_empty, start, no_leak),
		cmocka_unit_test_setup_teardown(reserved_room_is_filled_in_place, start, no_leak),
		cmocka_unit_test_setup_teardown(without_memory_takes_what_the_ring_holds, start,
		                                no_leak),
		cmocka_unit_test_setup_teardown(
		        lent_bytes_are_shown_where_they_lie_until_they_are_kept, start, no_leak),
		cmocka_unit_test_setup_teardown(without_memory_lent_bytes_stay_lent, start,
		                                no_leak),
		cmocka_unit_test_setup_teardown(is_the_bytes_that_were_put_in, start, no_leak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * The image's side of a block device against a tender of the test's, which reads the rings as the
 * ABI says and answers when the test wants it to: what reaches the rings, what comes back to whom,
 * and what never gets that far.
 */
#include <stdlib.h>

#include <core/boot.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/log.h>
#include <core/loop.h>
#include <core/task.h>
#include <store/block.h>

#include "../core/fake.h"

#define RING 64u
#define SIZE (1ull << 20)

/* ---- What block.c and block_device.c need of core ---- */

static struct list sources = LIST_INIT(sources);
static void (*on_wait)(void); /* the tender at work while a task waits */

void loop_add(struct loop_source *s)
{
	list_append(&sources, &s->all);
}

static struct loop_source *source(void)
{
	return container_of(sources.next, struct loop_source, all);
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

int task_wait(struct task_queue *q, uint64_t deadline_ns)
{
	(void)q;
	(void)deadline_ns;
	source()->poll(source());
	on_wait();
	source()->poll(source());
	return 0;
}

void task_wake_all(struct task_queue *q)
{
	(void)q;
}

void *heap_alloc_zero(size_t count, size_t size)
{
	return calloc(count, size);
}

void heap_free(void *p)
{
	free(p);
}

bool log_wants(enum log_level level)
{
	(void)level;
	return false;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	(void)level;
	(void)who;
	(void)format;
}

extern const struct boot_start __start_boot_start[]; /* block_device.c's is the only one */

/* ---- The tender ---- */

static struct amp_device devices[3];
static struct amp_block_request asked[RING];
static struct amp_block_answer given[RING];
static uint32_t counters[6];
static struct block *block, *rom;

static void lay_out(struct amp_device *d, const char *name, uint32_t features)
{
	d->type = AMP_DEVICE_BLOCK;
	d->features = features;
	strcpy(d->name, name);
	d->block.size = SIZE;
	d->block.sector_size = 512;
	d->block.requests = (struct amp_ring){ (uint64_t)&counters[0],
		                               (uint64_t)&counters[1],
		                               (uint64_t)&counters[2],
		                               (uint64_t)asked,
		                               RING,
		                               0 };
	d->block.answers = (struct amp_ring){ (uint64_t)&counters[3],
		                              (uint64_t)&counters[4],
		                              (uint64_t)&counters[5],
		                              (uint64_t)given,
		                              RING,
		                              0 };
}

static uint32_t waiting(void)
{
	return counters[0] - counters[1];
}

static struct amp_block_request take(void)
{
	assert_true(waiting() > 0);
	return asked[counters[1]++ & (RING - 1)];
}

static void give(uint64_t id, int32_t result)
{
	given[counters[3]++ & (RING - 1)] = (struct amp_block_answer){ .id = id, .result = result };
}

static void answer_all(void)
{
	while (waiting())
		give(take().id, 0);
}

/* ---- Requests ---- */

static uint8_t memory[64 * 4096] __attribute__((aligned(4096)));

struct asking {
	struct block_request request;
	struct block_part part;
	unsigned done;
};

static void done(struct block_request *r)
{
	((struct asking *)r->of)->done++;
}

static void ask(struct asking *a, enum block_op op, uint64_t at, uint64_t offset, uint64_t size)
{
	*a = (struct asking){ .part = { memory + offset, size } };
	a->request = (struct block_request){ .op = op,
		                             .at = at,
		                             .size = size,
		                             .parts = &a->part,
		                             .part_count = 1,
		                             .done = done,
		                             .of = a };
	block_submit(block, &a->request);
}

static int set_up(void **state)
{
	(void)state;
	if (block)
		return 0;
	fake_start();
	lay_out(&devices[0], "data", 0);
	lay_out(&devices[2], "rom", AMP_BLOCK_READ_ONLY);
	strcpy(devices[1].name, "absent"); /* an optional one: type 0 */
	fake_boot.devices = (uint64_t)devices;
	fake_boot.device_count = 3;
	assert_int_equal(__start_boot_start->start(), OK);
	block = block_find("data");
	rom = block_find("rom");
	return !block || !rom;
}

static void finds_what_is_there(void **state)
{
	(void)state;
	assert_string_equal(block->name, "data");
	assert_int_equal(block->size, SIZE);
	assert_int_equal(block->sector_size, 512);
	assert_false(block->read_only);
	assert_true(rom->read_only);
	assert_null(block_find("absent"));
	assert_null(block_find("dat"));
	assert_null(block_find(""));
}

static void a_request_reaches_the_ring_as_it_is(void **state)
{
	struct asking a;
	struct block_part parts[3] = { { memory + 4096, 512 },
		                       { memory, 1024 },
		                       { memory + 8192, 4096 } };
	(void)state;
	ask(&a, BLOCK_WRITE, 512, 0, 512);
	a.request.parts = parts;
	assert_int_equal(waiting(), 0); /* handed out in one piece, by the loop */
	source()->poll(source());
	struct amp_block_request q = take();
	assert_int_equal(q.op, AMP_BLOCK_WRITE);
	assert_int_equal(q.offset, 512);
	assert_int_equal(q.size, 512);
	assert_int_equal(q.part_count, 1);
	assert_int_equal(q.reserved, 0);
	assert_int_equal(((struct amp_block_part *)q.parts)->addr, (uint64_t)memory);
	assert_int_equal(a.done, 0);
	assert_int_equal(source()->events(source()), AMP_WAIT_BLOCK);
	give(q.id, 0);
	assert_true(source()->poll(source()));
	assert_int_equal(a.done, 1);
	assert_int_equal(a.request.result, OK);
	assert_int_equal(source()->events(source()), 0);

	a.request.part_count = 3;
	a.request.at = 4096;
	block_submit(block, &a.request);
	source()->poll(source());
	q = take();
	assert_int_equal(q.part_count, 3);
	assert_int_equal(q.size, 512 + 1024 + 4096);
	for (unsigned i = 0; i < 3; i++) {
		const struct amp_block_part *p = (struct amp_block_part *)q.parts + i;
		assert_int_equal(p->addr, (uint64_t)parts[i].bytes);
		assert_int_equal(p->size, parts[i].size);
	}
	give(q.id, 0);
	source()->poll(source());
	assert_int_equal(a.done, 2);
}

static void answers_in_any_order_find_their_requests(void **state)
{
	struct asking a[8];
	uint64_t ids[8];
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		ask(&a[i], BLOCK_READ, i * 512, i * 4096, 512);
	source()->poll(source());
	for (unsigned i = 0; i < 8; i++)
		ids[i] = take().id;
	for (unsigned i = 8; i-- > 0;) {
		give(ids[i], i == 3 ? AMP_BLOCK_FAILED : i == 5 ? AMP_BLOCK_BAD : 0);
		source()->poll(source());
		for (unsigned k = 0; k < 8; k++)
			assert_int_equal(a[k].done, k >= i);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(a[i].request.result, i == 3 ? ERR_IO : i == 5 ? ERR_INVALID : OK);
}

static void more_than_the_ring_holds_wait_their_turn(void **state)
{
	enum { MANY = 5 * RING + 3 };
	static struct asking a[MANY];
	unsigned finished = 0;
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		ask(&a[i], BLOCK_READ, i * 512, 0, 512);
	source()->poll(source());
	assert_int_equal(waiting(), RING);
	for (unsigned next = 0; finished < MANY; finished++) {
		struct amp_block_request q = take();
		assert_int_equal(q.offset, next++ * 512); /* first come, first served */
		give(q.id, 0);
		source()->poll(source());
		assert_true(waiting() <= RING);
	}
	assert_int_equal(waiting(), 0);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(a[i].done, 1);
}

/* done submits the same request again, as a server would. */
static void again(struct block_request *r)
{
	struct asking *a = r->of;
	if (++a->done < 3)
		block_submit(block, r);
}

static void a_request_may_be_submitted_from_its_own_done(void **state)
{
	struct asking a;
	(void)state;
	ask(&a, BLOCK_READ, 0, 0, 512);
	a.request.done = again;
	for (unsigned i = 0; i < 3; i++) {
		source()->poll(source());
		answer_all();
		source()->poll(source());
		assert_int_equal(a.done, i + 1);
	}
	source()->poll(source());
	assert_int_equal(waiting(), 0);
}

static void an_answer_to_nothing_does_nothing(void **state)
{
	struct asking a;
	(void)state;
	ask(&a, BLOCK_READ, 0, 0, 512);
	source()->poll(source());
	uint64_t id = take().id;
	give(RING, 0);
	give(UINT64_MAX, 0);
	give((id + 1) % RING, 0);
	source()->poll(source());
	assert_int_equal(a.done, 0);
	give(id, 0);
	give(id, 0);
	source()->poll(source());
	assert_int_equal(a.done, 1);
	ask(&a, BLOCK_READ, 0, 0, 512); /* and the device goes on; the late answer is nobody's */
	source()->poll(source());
	answer_all();
	source()->poll(source());
	assert_int_equal(a.done, 1);
}

static void what_does_not_fit_is_refused_at_once(void **state)
{
	struct asking a;
	uint64_t errors = block->errors;
	(void)state;
#define REFUSED(op_, at_, offset_, size_)                                                          \
	do {                                                                                       \
		ask(&a, op_, at_, offset_, size_);                                                 \
		assert_int_equal(a.done, 1);                                                       \
		assert_int_equal(a.request.result, ERR_INVALID);                                   \
	} while (0)
	REFUSED(BLOCK_READ, 1, 0, 512);
	REFUSED(BLOCK_READ, 0, 1, 512);
	REFUSED(BLOCK_READ, 0, 0, 511);
	REFUSED(BLOCK_READ, 0, 0, 0);
	REFUSED(BLOCK_READ, SIZE, 0, 512);
	REFUSED(BLOCK_READ, SIZE - 512, 0, 1024);
	REFUSED(BLOCK_READ, -512ull, 0, 1024);
	REFUSED(BLOCK_WRITE, SIZE, 0, 512);
	REFUSED(BLOCK_WRITE, 0, 0, -512ull);
	REFUSED(BLOCK_DISCARD, 1, 0, 512);
	REFUSED(BLOCK_DISCARD, 0, 0, 1);
	REFUSED(BLOCK_DISCARD, 512, 0, SIZE);
	REFUSED(BLOCK_DISCARD, 512, 0, -512ull);
	REFUSED((enum block_op)7, 0, 0, 512);
	struct block_part parts[2] = { { memory, 1ull << 63 }, { memory, 1ull << 63 } };
	assert_int_equal(block_read_parts(block, 0, parts, 2), ERR_INVALID); /* its sum is zero */
	assert_int_equal(block_read_parts(block, 0, parts, 0), ERR_INVALID);
	assert_int_equal(block_read_parts(block, 0, parts, BLOCK_PARTS_MAX + 1), ERR_INVALID);
	assert_int_equal(block_write(rom, 0, memory, 512), ERR_READ_ONLY);
	assert_int_equal(block_discard(rom, 0, 512), ERR_READ_ONLY);
	source()->poll(source());
	assert_int_equal(waiting(), 0);
	assert_int_equal(block->errors, errors);
}

static void fail_all(void)
{
	while (waiting())
		give(take().id, AMP_BLOCK_FAILED);
}

static void a_task_gets_its_result(void **state)
{
	uint64_t reads = block->reads, bytes = block->bytes_read, writes = block->writes,
	         flushes = block->flushes;
	(void)state;
	on_wait = answer_all;
	assert_int_equal(block_read(block, 0, memory, 4096), OK);
	assert_int_equal(block_write(block, 4096, memory, 512), OK);
	assert_int_equal(block_flush(block), OK);
	assert_int_equal(block_discard(block, 0, SIZE), OK);
	assert_int_equal(block->reads - reads, 1);
	assert_int_equal(block->bytes_read - bytes, 4096);
	assert_int_equal(block->writes - writes, 1);
	assert_int_equal(block->flushes - flushes, 1);
	uint64_t errors = block->errors;
	on_wait = fail_all;
	assert_int_equal(block_read(block, 0, memory, 4096), ERR_IO);
	assert_int_equal(block_flush(block), ERR_IO);
	assert_int_equal(block->errors - errors, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_there),
		cmocka_unit_test(a_request_reaches_the_ring_as_it_is),
		cmocka_unit_test(answers_in_any_order_find_their_requests),
		cmocka_unit_test(more_than_the_ring_holds_wait_their_turn),
		cmocka_unit_test(a_request_may_be_submitted_from_its_own_done),
		cmocka_unit_test(an_answer_to_nothing_does_nothing),
		cmocka_unit_test(what_does_not_fit_is_refused_at_once),
		cmocka_unit_test(a_task_gets_its_result),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}

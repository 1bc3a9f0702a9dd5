/* SPDX-License-Identifier: ISC */
/* The NVMe driver against a controller with one disk, which answers as a test wants. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <boot/clock.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <boot/nvme.h>

#define SECTOR  512u
#define SECTORS 8192u
#define RING    16u
#define HEAP    (1u << 20)
#define HEAP_AT 0x300000000000ull
#define BELLS   (NVME_DOORBELLS + 0x1000u)

static void *taken[64];
static unsigned taken_count;
static bool late;

void *memory_take(uint64_t bytes)
{
	bytes = (bytes + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	assert_true(taken_count < sizeof taken / sizeof *taken);
	return taken[taken_count++] = memset(aligned_alloc(AMP_PAGE, bytes), 0, bytes);
}

void lazy_touch(const struct pages *p, uint64_t address, uint64_t size)
{
	(void)p, (void)address, (void)size;
}

uint64_t clock_ticks(uint64_t ns)
{
	return late ? 0 : ns << 20;
}

/* ---- The controller ---- */

static struct machine {
	bool is_silent, is_read_only, allowed;
	uint32_t stride, csts, resets, of_queue,
	        of_command; /* of_*: added to what a completion says */
	uint64_t asq, acq;
	struct queue {
		struct nvme_command *sq;
		struct nvme_completion *cq;
		uint16_t depth, tail, head, back;
		bool phase;
	} queues[2];
	uint8_t disk[SECTORS * SECTOR];
	uint32_t commands, flushes, discards;
} m;

static void identify(uint8_t *to, uint32_t what)
{
	memset(to, 0, AMP_PAGE);
	if (what == 1) {
		memcpy(to + 4, "data                ", NVME_SERIAL);
		to[77] = 1; /* 8 KiB a command */
		to[512] = 0x66;
		to[513] = 0x44;
		to[520] = 4;
		to[525] = 1;
	} else if (what == 2) {
		to[0] = 1;
	} else {
		to[1] = SECTORS >> 8;
		to[130] = 9;
		to[99] = m.is_read_only;
	}
}

static void transfer(const struct nvme_command *c, bool in)
{
	uint64_t size = ((c->d[2] & 0xffff) + 1ull) * SECTOR, done = 0;
	bool listed = size > 2 * AMP_PAGE - c->prp[0] % AMP_PAGE;
	assert_true(size <= 2 * AMP_PAGE);
	for (unsigned page = 0; done < size; page++) {
		uint64_t at = !page    ? c->prp[0]
		              : listed ? ((uint64_t *)c->prp[1])[page - 1]
		                       : c->prp[1];
		uint64_t n = AMP_PAGE - at % AMP_PAGE;
		uint8_t *of = m.disk + c->d[0] * (uint64_t)SECTOR + done;
		assert_true(!page || n == AMP_PAGE);
		n = n < size - done ? n : size - done;
		memcpy(in ? (void *)at : of, in ? of : (void *)at, n);
		done += n;
	}
}

static void obey(unsigned which, const struct nvme_command *c)
{
	struct queue *q = &m.queues[which];
	uint32_t op = c->first & 255, made = c->d[0] & 0xffff;
	m.commands += which;
	if (!which && op == 6)
		identify((uint8_t *)c->prp[0], c->d[0]);
	else if (!which && op == 5)
		m.queues[made] = (struct queue){ .cq = (void *)c->prp[0],
			                         .depth = (uint16_t)((c->d[0] >> 16) + 1),
			                         .phase = true };
	else if (!which && op == 1)
		m.queues[made].sq = (void *)c->prp[0];
	else if (which && op)
		op == 9 ? (void)m.discards++ : transfer(c, op == 2);
	m.flushes += which && !op;
	q->cq[q->back].result = 0;
	q->cq[q->back].head = (which + m.of_queue) << 16;
	q->cq[q->back].status = ((c->first >> 16) + m.of_command) | (uint32_t)q->phase << 16;
	q->back = (uint16_t)((q->back + 1) % q->depth);
	q->phase ^= !q->back;
}

static uint32_t get(struct nvme *n, uint32_t at)
{
	(void)n;
	return at == 0 ? 63 : at == 4 ? 1u << 5 | m.stride : at == 0x1c ? m.csts : 0;
}

static void set(struct nvme *n, uint32_t at, uint32_t v)
{
	uint32_t bell = (at - NVME_DOORBELLS) / n->stride;
	if (at == 0x14) {
		m.csts = v & 1;
		m.resets += !v;
		m.queues[1] = (struct queue){ 0 };
		m.queues[0] = (struct queue){ (void *)m.asq, (void *)m.acq, 4, 0, 0, 0, true };
	} else if (at == 0x28 || at == 0x30) {
		*(at == 0x28 ? &m.asq : &m.acq) = v;
	} else if (at == 0x2c || at == 0x34) {
		*(at == 0x2c ? &m.asq : &m.acq) |= (uint64_t)v << 32;
	} else if (at >= NVME_DOORBELLS && !(bell & 1)) {
		struct queue *q = &m.queues[bell / 2];
		q->tail = (uint16_t)v;
		for (; (!bell || !m.is_silent) && q->head != q->tail;
		     q->head = (uint16_t)((q->head + 1) % q->depth))
			obey(bell / 2, &q->sq[q->head]);
	}
}

static void allow(struct nvme *n, bool on)
{
	(void)n;
	m.allowed = on;
}

static bool reach(struct nvme *n, uint32_t bytes)
{
	(void)n;
	return bytes <= BELLS;
}

static const struct nvme_transport transport = { get, set, allow, reach };
static struct nvme n;
static struct nvme_disk *d;
static struct amp_device view;
static uint8_t *heap, *rings;

static int begin(void **state)
{
	static const struct amp_note_device note = { .name = "data", .ring_size = RING };
	struct defect why;
	(void)state;
	memset(&m, 0, sizeof m);
	late = false;
	for (unsigned i = 0; i < sizeof m.disk; i++)
		m.disk[i] = (uint8_t)(i * 2654435761u >> 24);
	n = (struct nvme){ .transport = &transport, .place = "here" };
	assert_int_equal(nvme_open(&n, &why), 0);
	assert_int_equal(n.disk_count, 1);
	d = n.disks[0];
	heap = memory_take(HEAP);
	rings = memory_take(block_rings_size(RING));
	const struct driver_room room = { .rings = { (uint64_t)rings, block_rings_size(RING),
		                                     rings },
		                          .heap = { HEAP_AT, HEAP, heap },
		                          .view = &view };
	d->note = &note;
	return nvme_driver.place(d, &room, &why);
}

static int end(void **state)
{
	(void)state;
	while (taken_count)
		free(taken[--taken_count]);
	return 0;
}

static void ask(uint32_t op, uint64_t offset, uint64_t size, uint32_t part_count)
{
	uint32_t at = (*(uint32_t *)view.block.requests.producer)++;
	((struct amp_block_request *)view.block.requests.entries)[at % RING] =
	        (struct amp_block_request){ at, op, part_count, offset, size, HEAP_AT, 0 };
}

static void part(unsigned i, uint64_t at, uint64_t size)
{
	((struct amp_block_part *)heap)[i] = (struct amp_block_part){ HEAP_AT + at, size };
}

/* The next answer's result; 1: there is none. */
static int32_t answer(void)
{
	uint32_t *taken_to = (uint32_t *)view.block.answers.consumer;
	if (*(uint32_t *)view.block.answers.producer == *taken_to)
		return 1;
	return ((struct amp_block_answer *)view.block.answers.entries)[(*taken_to)++ % RING].result;
}

static int32_t done(uint32_t op, uint64_t offset, uint64_t size, uint32_t part_count)
{
	ask(op, offset, size, part_count);
	for (unsigned i = 0; i < 8; i++)
		nvme_driver.pass(d);
	assert_true(nvme_driver.idle(d));
	return answer();
}

/* ---- Tests ---- */

static void parts_that_fit_no_list_of_pages_are_commands_of_their_own(void **state)
{
	(void)state;
	part(0, 8192 + 512, 1024); /* ends amid a page */
	part(1, 32768, 20480);     /* more than a command may have */
	part(2, 12288, 4096);
	assert_int_equal(done(AMP_BLOCK_READ, 5 * SECTOR, 25600, 3), 0);
	assert_memory_equal(heap + 8192 + 512, m.disk + 5 * SECTOR, 1024);
	assert_memory_equal(heap + 32768, m.disk + 5 * SECTOR + 1024, 20480);
	assert_memory_equal(heap + 12288, m.disk + 5 * SECTOR + 21504, 4096);
	assert_int_equal(m.commands, 4); /* 1024; 8192, 8192; 4096 + 4096 */
	memset(heap + 32768, 7, 20480);
	assert_int_equal(done(AMP_BLOCK_WRITE, 0, 25600, 3), 0);
	assert_memory_equal(m.disk + 1024, heap + 32768, 20480);
}

static void flush_and_discard_are_commands(void **state)
{
	(void)state;
	assert_int_equal(done(AMP_BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(done(AMP_BLOCK_DISCARD, SECTOR, 4 * SECTOR, 0), 0);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(m.discards, 1);
}

static void more_requests_than_a_queue_has_room_for_are_all_done(void **state)
{
	(void)state;
	part(0, 4096, 65536 * 4);
	for (unsigned i = 0; i < 6; i++)
		ask(AMP_BLOCK_READ, i * SECTOR, 65536 * 4, 1); /* 32 commands each */
	for (unsigned i = 0; i < 64; i++)
		nvme_driver.pass(d);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(answer(), 0);
	assert_int_equal(answer(), 1);
}

static void a_completion_of_nobody_is_no_answer(void **state)
{
	(void)state;
	part(0, 4096, SECTOR);
	m.of_queue = 1;
	ask(AMP_BLOCK_READ, 0, SECTOR, 1);
	for (unsigned i = 0; i < 4; i++)
		nvme_driver.pass(d);
	assert_int_equal(answer(), 1);
	m.of_queue = 0;
	m.of_command = 5;
	ask(AMP_BLOCK_READ, 0, SECTOR, 1);
	for (unsigned i = 0; i < 4; i++)
		nvme_driver.pass(d);
	assert_int_equal(answer(), 1);
	assert_int_equal(
	        d->q.lies,
	        3); /* one of a queue's, which is none of a command's either; one of a command's */
	assert_int_equal(d->in_flight, 2);
}

static void a_silent_controller_is_reset_once_and_its_requests_fail(void **state)
{
	(void)state;
	part(0, 4096, SECTOR);
	for (unsigned times = 1; times <= 2; times++) {
		m.is_silent = late = true;
		ask(AMP_BLOCK_READ, 0, SECTOR, 1);
		nvme_driver.pass(d);
		assert_int_equal(answer(), 1);
		assert_true(nvme_driver.until(d) < UINT64_MAX);
		late = false;
		nvme_driver.pass(d);
		assert_int_equal(answer(), AMP_BLOCK_FAILED);
		assert_int_equal(m.resets, 2);
		m.is_silent = false;
		assert_int_equal(done(AMP_BLOCK_READ, 0, SECTOR, 1),
		                 times == 1 ? 0 : AMP_BLOCK_FAILED);
	}
	assert_true(n.dead);
	assert_false(m.allowed); /* it writes nowhere any more */
}

static void registers_that_lie_are_refused(void **state)
{
	struct defect why;
	(void)state;
	m.stride = 15; /* doorbells 128 KiB apart */
	assert_int_equal(nvme_open(&n, &why), -1);
	assert_non_null(strstr(why.text, "doorbells beyond its registers"));
}

static void a_namespace_that_is_protected_is_read_only(void **state)
{
	struct defect why;
	(void)state;
	m.is_read_only = true;
	n = (struct nvme){ .transport = &transport, .place = "here" };
	assert_int_equal(nvme_open(&n, &why), 0);
	assert_true(n.disks[0]->extent.read_only);
	assert_int_equal(n.disks[0]->extent.size, SECTORS * SECTOR);
	assert_string_equal(n.serial, "data");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parts_that_fit_no_list_of_pages_are_commands_of_their_own),
		TEST(flush_and_discard_are_commands),
		TEST(more_requests_than_a_queue_has_room_for_are_all_done),
		TEST(a_completion_of_nobody_is_no_answer),
		TEST(a_silent_controller_is_reset_once_and_its_requests_fail),
		TEST(registers_that_lie_are_refused),
		TEST(a_namespace_that_is_protected_is_read_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

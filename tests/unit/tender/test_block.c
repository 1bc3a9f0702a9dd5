/* SPDX-License-Identifier: ISC */
/*
 * The tender's block device over a file of the test's: an honest image gets what it wrote, by
 * io_uring and without; a lying one is answered or survived. Rings and heap are blocks of exactly
 * their size, so that AddressSanitizer sees a step outside. And the file behind it: what is opened,
 * what is refused, who may share, what a cut leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/device/block_rings.h>

#define RING    64u
#define HEAP    (1u << 20)
#define HEAP_AT 0x300000000000ull
#define SIZE    (1u << 20) /* of the file */
#define ASKED   7u         /* fills the answer before it is given */

static char folder[64];

struct fixture {
	struct block_file file;
	struct block_rings d;
	struct amp_device view;
	uint8_t *rings, *heap;
};

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static const char *make(const char *name, uint64_t size)
{
	const char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	return path;
}

static struct fixture *open_with(const char *options, bool uring)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct defect why;
	char text[256];
	snprintf(text, sizeof text, "%s%s", make("device", SIZE), options);
	if (block_file_open(&f->file, text, false, &why))
		fail_msg("%s", why.text);
	f->rings = calloc(1, block_rings_size(RING));
	assert_int_equal(posix_memalign((void **)&f->heap, 4096, HEAP), 0);
	memset(f->heap, 0xee, HEAP);
	const struct block_layout layout = {
		.file = &f->file,
		.ring_size = RING,
		.rings = { (uint64_t)f->rings, block_rings_size(RING), f->rings },
		.heap = { HEAP_AT, HEAP, f->heap },
		.view = &f->view,
	};
	block_rings_open(&f->d, &layout);
	if (uring)
		block_rings_start(&f->d, RING);
	return f;
}

static int with_uring(void **state)
{
	*state = open_with("", true);
	return 0;
}

static int without_uring(void **state)
{
	*state = open_with("", false);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	block_rings_close(&f->d);
	block_file_close(&f->file);
	free(f->rings);
	free(f->heap);
	free(f);
	unlink(path_of("device"));
	return 0;
}

/* ---- The image's side ---- */

static uint32_t *word(uint64_t address)
{
	return (uint32_t *)address;
}

static void ask(struct fixture *f, struct amp_block_request q)
{
	const struct amp_ring *r = &f->view.block.requests;
	((struct amp_block_request *)r->entries)[(*word(r->producer))++ & (RING - 1)] = q;
}

static uint32_t answers(const struct fixture *f)
{
	return *word(f->view.block.answers.producer) - *word(f->view.block.answers.consumer);
}

static struct amp_block_answer take(struct fixture *f)
{
	const struct amp_ring *r = &f->view.block.answers;
	assert_true(answers(f) > 0);
	return ((struct amp_block_answer *)r->entries)[(*word(r->consumer))++ & (RING - 1)];
}

static uint32_t work_once(struct fixture *f)
{
	uint32_t reaped = block_rings_reap(&f->d);
	return reaped + block_rings_take(&f->d);
}

/* Works until there are n answers. */
static void work(struct fixture *f, uint32_t n)
{
	while (work_once(f) || answers(f) < n) {
		struct pollfd p = { .fd = f->d.event, .events = POLLIN };
		if (answers(f) < n && f->d.event >= 0)
			assert_true(poll(&p, 1, 10000) > 0);
		uint64_t events;
		if (p.revents && read(f->d.event, &events, sizeof events) < 0)
			fail();
	}
	assert_int_equal(answers(f), n);
}

static void put_part(struct fixture *f, uint64_t parts, uint32_t n, uint64_t at, uint64_t size)
{
	struct amp_block_part p = { HEAP_AT + at, size };
	memcpy(f->heap + parts + n * sizeof p, &p, sizeof p);
}

/* One request of one part at `from` of the heap; its result. The array of parts is the heap's end.
 */
static int32_t one(struct fixture *f, uint32_t op, uint64_t offset, uint64_t from, uint64_t size)
{
	uint64_t parts = HEAP - sizeof(struct amp_block_part);
	put_part(f, parts, 0, from, size);
	ask(f, (struct amp_block_request){ .id = ASKED,
	                                   .op = op,
	                                   .part_count = op <= AMP_BLOCK_WRITE,
	                                   .offset = offset,
	                                   .size = op == AMP_BLOCK_FLUSH ? 0 : size,
	                                   .parts = op <= AMP_BLOCK_WRITE ? HEAP_AT + parts : 0 });
	work(f, 1);
	struct amp_block_answer a = take(f);
	assert_int_equal(a.id, ASKED);
	return a.result;
}

/* ---- Rings ---- */

static void tells_the_image_what_it_has(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->view.type, AMP_DEVICE_BLOCK);
	assert_int_equal(f->view.features & AMP_BLOCK_READ_ONLY, 0);
	assert_int_equal(f->view.block.size, SIZE);
	assert_true(f->view.block.sector_size == 512 || f->view.block.sector_size == 4096);
	const struct amp_ring *r[] = { &f->view.block.requests, &f->view.block.answers };
	uint64_t low[8], high[8];
	unsigned n = 0;
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t words[] = { r[i]->producer, r[i]->consumer, r[i]->flags };
		for (unsigned w = 0; w < 3; w++, n++)
			low[n] = words[w], high[n] = words[w] + 4;
		low[n] = r[i]->entries;
		high[n++] = r[i]->entries + RING * (i ? sizeof(struct amp_block_answer)
		                                      : sizeof(struct amp_block_request));
		assert_int_equal(r[i]->size, RING);
		assert_int_equal(r[i]->entries % 16, 0);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_true(low[i] >= (uint64_t)f->rings);
		assert_true(high[i] <= (uint64_t)f->rings + block_rings_size(RING));
		for (unsigned j = 0; j < i; j++)
			assert_true(high[i] <= low[j] || high[j] <= low[i]);
	}
}

static void reads_what_was_written(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 4096; i++)
		f->heap[8192 + i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(one(f, AMP_BLOCK_WRITE, 16384, 8192, 4096), 0);
	assert_int_equal(one(f, AMP_BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(one(f, AMP_BLOCK_READ, 16384, 65536, 4096), 0);
	assert_memory_equal(f->heap + 65536, f->heap + 8192, 4096);
	assert_int_equal(f->heap[65536 + 4096], 0xee);
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, 65536, 16384), 0);
	for (unsigned i = 0; i < 16384; i++)
		assert_int_equal(f->heap[65536 + i], 0);
	assert_int_equal(one(f, AMP_BLOCK_DISCARD, 16384, 0, 4096), 0);
	assert_int_equal(f->d.counts.reads, 2);
	assert_int_equal(f->d.counts.bytes_read, 4096 + 16384);
	assert_int_equal(f->d.counts.writes, 1);
	assert_int_equal(f->d.counts.bytes_written, 4096);
	assert_int_equal(f->d.counts.flushes, 1);
	assert_int_equal(f->d.counts.discards, 1);
	assert_int_equal(f->d.counts.bad + f->d.counts.failed, 0);
}

/* Whoever takes pictures of the heap copies again what the device has read into it. */
static void what_was_read_into_is_logged(void **state)
{
	struct fixture *f = *state;
	uint64_t log[HEAP / AMP_PAGE / 64] = { 0 };
	f->d.heap_log = log;
	assert_int_equal(one(f, AMP_BLOCK_WRITE, 0, 8 * AMP_PAGE, 4 * AMP_PAGE), 0);
	assert_int_equal(one(f, AMP_BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(log[0], 0);
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, 70 * AMP_PAGE, 2 * AMP_PAGE), 0);
	assert_int_equal(log[0], 0);
	assert_int_equal(log[1], 3u << 6);
	/* Parts that lie apart, of which two share a page. */
	const uint64_t parts = HEAP - AMP_PAGE;
	put_part(f, parts, 0, 100 * AMP_PAGE - 512, 4096);
	put_part(f, parts, 1, 130 * AMP_PAGE, 4096);
	ask(f, (struct amp_block_request){ .id = ASKED,
	                                   .op = AMP_BLOCK_READ,
	                                   .part_count = 2,
	                                   .size = 8192,
	                                   .parts = HEAP_AT + parts });
	work(f, 1);
	assert_int_equal(take(f).result, 0);
	assert_int_equal(log[1], 3u << 6 | 3ull << 35);
	assert_int_equal(log[2], 1u << 2);
	assert_int_equal(log[0] | log[3], 0);
}

static void gathers_and_scatters(void **state)
{
	struct fixture *f = *state;
	const uint64_t parts = HEAP / 2 + 24, sector = 4096;
	for (unsigned i = 0; i < AMP_BLOCK_PARTS_MAX; i++) {
		put_part(f, parts, i, (AMP_BLOCK_PARTS_MAX - 1 - i) * sector, sector);
		memset(f->heap + (AMP_BLOCK_PARTS_MAX - 1 - i) * sector, (int)i + 1, sector);
	}
	struct amp_block_request q = { .id = 1,
		                       .op = AMP_BLOCK_WRITE,
		                       .part_count = AMP_BLOCK_PARTS_MAX,
		                       .size = AMP_BLOCK_PARTS_MAX * sector,
		                       .parts = HEAP_AT + parts };
	ask(f, q);
	work(f, 1);
	assert_int_equal(take(f).result, 0);
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, HEAP / 2 + 8192, AMP_BLOCK_PARTS_MAX * sector),
	                 0);
	for (unsigned i = 0; i < AMP_BLOCK_PARTS_MAX * sector; i++)
		assert_int_equal(f->heap[HEAP / 2 + 8192 + i], i / sector + 1);
}

/* Every id comes back once, whatever the order; rings wrap many times. */
static void answers_each_request_once(void **state)
{
	struct fixture *f = *state;
	enum { ALL = 1000 };
	static uint8_t seen[ALL];
	uint32_t asked = 0, taken = 0, out = 0;
	memset(seen, 0, sizeof seen);
	for (uint32_t k = 0; k < RING; k++)
		put_part(f, HEAP - 4096, k, 8192 * (uint64_t)k % (HEAP / 2), 4096);
	while (taken < ALL) {
		for (; asked < ALL && out < RING; asked++, out++)
			ask(f, (struct amp_block_request){
			               .id = asked,
			               .op = asked % 5 == 4 ? AMP_BLOCK_FLUSH
			                     : asked & 1    ? AMP_BLOCK_READ
			                                    : AMP_BLOCK_WRITE,
			               .part_count = 1,
			               .offset = asked % 5 == 4 ? 0 : asked * 4096ull % SIZE,
			               .size = asked % 5 == 4 ? 0 : 4096,
			               .parts = HEAP_AT + HEAP - 4096 + asked % RING * 16 });
		work_once(f);
		while (answers(f)) {
			struct amp_block_answer a = take(f);
			assert_true(a.id < ALL);
			assert_int_equal(seen[a.id]++, 0);
			assert_int_equal(a.result, 0);
			taken++;
			out--;
		}
	}
	assert_int_equal(work_once(f), 0);
	assert_int_equal(f->d.in_flight, 0);
}

struct bad {
	const char *what;
	struct amp_block_request q;
};
#define PARTS                                                                                      \
	(HEAP_AT + HEAP - 4096) /* good ones, of a sector each; the second is bad in most cases */

static void answers_what_does_not_fit(void **state)
{
	struct fixture *f = *state;
	const uint64_t s = f->file.sector_size;
	const struct amp_block_request good = {
		.op = AMP_BLOCK_READ, .part_count = 1, .size = s, .parts = PARTS
	};
	struct amp_block_request q;
#define BAD(...)                                                                                   \
	do {                                                                                       \
		q = good;                                                                          \
		__VA_ARGS__;                                                                       \
		q.id = (uint64_t)__LINE__;                                                         \
		ask(f, q);                                                                         \
		work(f, 1);                                                                        \
		struct amp_block_answer a = take(f);                                               \
		assert_int_equal(a.id, __LINE__);                                                  \
		if (a.result != AMP_BLOCK_BAD)                                                     \
			fail_msg("%s gave %d", #__VA_ARGS__, a.result);                            \
	} while (0)
#define PART(at_, size_) put_part(f, HEAP - 4096, 0, (at_), (size_))
	PART(0, s);
	put_part(f, HEAP - 4096, 1, s, s);
	BAD(q.op = 4);
	BAD(q.op = UINT32_MAX);
	BAD(q.reserved = 1);
	BAD(q.part_count = 0);
	BAD(q.part_count = AMP_BLOCK_PARTS_MAX + 1);
	BAD(q.part_count = UINT32_MAX);
	BAD(q.offset = 1);
	BAD(q.offset = SIZE);
	BAD(q.offset = UINT64_MAX - s + 1);
	BAD(q.offset = SIZE - s; q.size = 2 * s; q.part_count = 2);
	BAD(q.size = 0);
	BAD(q.size = 2 * s);   /* more than the parts */
	BAD(q.part_count = 2); /* less than the parts */
	BAD(q.size = AMP_BLOCK_SIZE_MAX + s);
	BAD(q.size = UINT64_MAX - s + 1);
	BAD(q.parts = 0);
	BAD(q.parts = HEAP_AT - 8);
	BAD(q.parts = HEAP_AT + HEAP - 15);
	BAD(q.parts = HEAP_AT + HEAP);
	BAD(q.parts = UINT64_MAX - 7);
	BAD(q.parts = HEAP_AT + HEAP - 16; q.part_count = 2);
	BAD(PART(1, s));
	BAD(PART(0, s - 1));
	BAD(PART(0, 0));
	BAD(PART(HEAP, s));
	BAD(PART(HEAP - s, 2 * s); q.size = 2 * s);
	BAD(PART(-s, s));
	BAD(PART(-s, 2 * s); q.size = 2 * s);
	BAD(PART(-HEAP_AT, s)); /* page zero */
	BAD(PART(0, UINT64_MAX - s + 1));
	BAD(PART(0, 1ull << 63); put_part(f, HEAP - 4096, 1, 0, 1ull << 63); q.part_count = 2;
	    q.size = 0);
	PART(0, s);
	BAD(q.op = AMP_BLOCK_DISCARD; q.offset = 1);
	BAD(q.op = AMP_BLOCK_DISCARD; q.size = 1);
	BAD(q.op = AMP_BLOCK_DISCARD; q.size = 0);
	BAD(q.op = AMP_BLOCK_DISCARD; q.offset = s; q.size = SIZE);
	BAD(q.op = AMP_BLOCK_DISCARD; q.offset = s; q.size = UINT64_MAX - s + 1);
	f->file.read_only = true;
	BAD(q.op = AMP_BLOCK_WRITE);
	BAD(q.op = AMP_BLOCK_DISCARD);
	f->file.read_only = false;
	assert_true(f->d.counts.bad >= 35);
	assert_int_equal(f->d.counts.reads + f->d.counts.writes + f->d.counts.discards, 0);
	for (unsigned i = 0; i < HEAP - 4096; i++)
		assert_int_equal(f->heap[i], 0xee);
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, 0, s), 0); /* and goes on */
}

static void an_impossible_counter_is_nothing_to_do(void **state)
{
	struct fixture *f = *state;
	*word(f->view.block.requests.producer) = RING + 1;
	assert_int_equal(work_once(f), 0);
	assert_true(f->d.requests.lies > 0);
	assert_false(block_rings_pending(&f->d));
	*word(f->view.block.requests.producer) = 0x80000000u;
	assert_int_equal(work_once(f), 0);
	*word(f->view.block.requests.producer) = 0;
	*word(f->view.block.answers.consumer) = 5; /* what was never produced */
	ask(f, (struct amp_block_request){ .op = AMP_BLOCK_FLUSH });
	assert_int_equal(work_once(f), 0);
	assert_true(f->d.answers.lies > 0);
	*word(f->view.block.answers.consumer) = 0;
	work(f, 1);
}

static void what_has_no_place_for_its_answer_waits(void **state)
{
	struct fixture *f = *state;
	for (uint32_t k = 0; k < RING; k++)
		ask(f, (struct amp_block_request){ .id = k, .op = AMP_BLOCK_FLUSH });
	work(f, RING);
	for (uint32_t k = 0; k < RING; k++)
		ask(f, (struct amp_block_request){ .id = RING + k, .op = AMP_BLOCK_FLUSH });
	assert_int_equal(work_once(f), 0);
	assert_false(block_rings_pending(&f->d));
	assert_int_equal(answers(f), RING);
	uint64_t sum = take(f).id;
	assert_true(block_rings_pending(&f->d));
	work(f, RING);
	for (uint32_t k = 0; k < RING; k++)
		sum += take(f).id;
	work(f, RING - 1);
	while (answers(f))
		sum += take(f).id;
	assert_int_equal(sum, (2 * RING - 1) * (2 * RING) / 2); /* each id once */
}

static void a_file_cut_short_fails(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(truncate(path_of("device"), SIZE / 2), 0);
	assert_int_equal(one(f, AMP_BLOCK_READ, SIZE / 2, 0, 4096), AMP_BLOCK_FAILED);
	assert_int_equal(one(f, AMP_BLOCK_READ, SIZE / 2 - 4096, 0, 8192), AMP_BLOCK_FAILED);
	assert_int_equal(one(f, AMP_BLOCK_READ, SIZE / 2 - 4096, 0, 4096), 0);
	assert_int_equal(f->d.counts.failed, 2);
}

static void the_request_that_is_to_fail_fails(void **state)
{
	struct fixture *f = *state = open_with(",fail=3", true);
	assert_int_equal(one(f, AMP_BLOCK_WRITE, 0, 0, 4096), 0);
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, 0, 4096), 0);
	assert_int_equal(one(f, AMP_BLOCK_FLUSH, 0, 0, 0), AMP_BLOCK_FAILED);
	assert_int_equal(one(f, AMP_BLOCK_FLUSH, 0, 0, 0), 0);
}

/* ---- The file ---- */

/* ---- A copier beside it ---- */

static bool noted(const struct fixture *f, uint64_t chunk)
{
	const uint8_t *notes = (const uint8_t *)f->d.copy.shared + BLOCK_COPY_NOTES;
	return notes[chunk / 8] >> (chunk % 8) & 1;
}

static void what_is_written_is_noted_for_who_copies(void **state)
{
	struct fixture *f = *state;
	struct block_copy_shared *s = f->d.copy.shared;
	assert_non_null(s);
	assert_memory_equal(s->magic, BLOCK_COPY_MAGIC, 8);
	assert_int_equal(s->size, SIZE);
	assert_int_equal(one(f, AMP_BLOCK_WRITE, 0, 0, 4096), 0);
	assert_false(noted(f, 0));
	s->word = BLOCK_COPY_NOTE;
	assert_int_equal(one(f, AMP_BLOCK_READ, 0, 0, 4096), 0);
	assert_int_equal(one(f, AMP_BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(one(f, AMP_BLOCK_WRITE, 3 * BLOCK_COPY_CHUNK - 4096, 0, 8192), 0);
	assert_int_equal(one(f, AMP_BLOCK_DISCARD, 9 * BLOCK_COPY_CHUNK, 0, BLOCK_COPY_CHUNK), 0);
	assert_int_equal(one(f, AMP_BLOCK_WRITE, SIZE - 512, 0, 512), 0);
	for (uint64_t k = 0; k < SIZE / BLOCK_COPY_CHUNK; k++)
		assert_int_equal(noted(f, k),
		                 k == 2 || k == 3 || k == 9 || k == SIZE / BLOCK_COPY_CHUNK - 1);
	assert_int_equal(s->busy, 0);
}

static void a_hold_keeps_requests_until_its_end(void **state)
{
	struct fixture *f = *state;
	struct block_copy_shared *s = f->d.copy.shared;
	s->until = clock_mono() + 60000000000u;
	s->word = BLOCK_COPY_HOLD;
	ask(f, (struct amp_block_request){ .id = 1, .op = AMP_BLOCK_FLUSH });
	assert_int_equal(block_rings_take(&f->d), 0);
	assert_true(f->d.copy.held);
	assert_true(block_rings_pending(&f->d));
	assert_int_equal(answers(f), 0);
	assert_int_equal(s->busy, 0);
	s->word = BLOCK_COPY_NOTE;
	work(f, 1);
	assert_false(f->d.copy.held);
	assert_int_equal(s->busy, 0);
}

static void a_hold_that_is_overdue_holds_nobody(void **state)
{
	struct fixture *f = *state;
	struct block_copy_shared *s = f->d.copy.shared;
	s->until = clock_mono() - 1;
	s->word = BLOCK_COPY_HOLD;
	ask(f, (struct amp_block_request){ .id = 1, .op = AMP_BLOCK_FLUSH });
	work(f, 1);
	/* So that the copier sees it. */
	assert_int_equal(s->word, BLOCK_COPY_NOTE);
}

static void refuse(const char *text, bool read_only, const char *line)
{
	struct block_file f;
	struct defect why = { "" };
	if (!block_file_open(&f, text, read_only, &why))
		fail_msg("%s was opened", text);
	assert_int_equal(f.fd, -1);
	if (!strstr(why.text, line) || strchr(why.text, '\n'))
		fail_msg("%s: says '%s', not one line with '%s'", text, why.text, line);
}

static void opens_only_what_is_a_device(void **state)
{
	char text[256];
	(void)state;
	refuse("", false, "");
	refuse(path_of("absent"), false, "No such file");
	refuse(make("odd", 4096 + 100), false, "odd");
	refuse(make("empty", 0), false, "empty");
	refuse(folder, false, folder);
	refuse(folder, true, folder);
	refuse("/dev/null", false, "/dev/null");
	unlink(path_of("fifo"));
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	refuse(path_of("fifo"), false, "fifo");
	refuse(path_of("fifo"), true, "fifo"); /* without waiting for a writer */
	static const char *const words[] = { ",cut=0",
		                             ",cut=",
		                             ",cut=1x",
		                             ",cut=-1",
		                             ",seed=x",
		                             ",fail=0",
		                             ",cut=99999999999999999999" };
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		snprintf(text, sizeof text, "%s%s", make("good", 4096), words[i]);
		refuse(text, false, words[i] + 1);
	}
}

static void a_word_that_is_no_option_is_the_files_name(void **state)
{
	struct block_file f;
	struct defect why;
	char text[256];
	(void)state;
	snprintf(text, sizeof text, "%s", make("a,b=c,cut", 8192));
	assert_int_equal(block_file_open(&f, text, false, &why), 0);
	assert_int_equal(f.size, 8192);
	assert_false(f.read_only);
	block_file_close(&f);
	snprintf(text, sizeof text, "%s,ro,seed=3", make("a,b=c,cut", 8192));
	assert_int_equal(block_file_open(&f, text, false, &why), 0);
	assert_true(f.read_only);
	block_file_close(&f);
}

static void one_writes_or_many_read(void **state)
{
	struct block_file a, b, c;
	struct defect why;
	char text[256];
	(void)state;
	snprintf(text, sizeof text, "%s", make("shared", 4096));
	assert_int_equal(block_file_open(&a, text, false, &why), 0);
	refuse(text, false, "in use");
	refuse(text, true, "in use");
	block_file_close(&a);
	assert_int_equal(block_file_open(&a, text, true, &why), 0);
	assert_int_equal(block_file_open(&b, text, true, &why), 0);
	refuse(text, false, "in use");
	block_file_close(&a);
	refuse(text, false, "in use");
	block_file_close(&b);
	assert_int_equal(block_file_open(&c, text, false, &why), 0);
	block_file_close(&c);
	block_file_close(&c); /* does no harm */
}

static void put_bytes(const char *path, off_t at, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, size, at), size);
	close(fd);
}

static int check_format(const char *format, off_t at, const void *bytes, size_t size)
{
	char note[AMP_FORMAT_MAX] = "";
	struct block_file f;
	struct defect why;
	const char *path = make("format", 8192);
	if (size)
		put_bytes(path, at, bytes, size);
	memcpy(note, format, strlen(format));
	assert_int_equal(block_file_open(&f, path, true, &why), 0);
	int result = block_file_check(&f, note, &why);
	block_file_close(&f);
	return result;
}

static void knows_what_is_on_it(void **state)
{
	static const uint8_t boot[2] = { 0x55, 0xaa };
	(void)state;
	assert_int_equal(check_format("btree", 0, "", 0), 0);
	assert_int_equal(check_format("fat", 0, "", 0), 0);
	assert_int_equal(check_format("fat", 510, boot, 2), 0);
	assert_int_equal(check_format("btree", 510, boot, 2), -1);
	assert_int_equal(check_format("fat", 100, "x", 1), -1);
	assert_int_equal(check_format("btree", 4095, "x", 1), -1);
	assert_int_equal(check_format("btree", 4096, "x", 1), 0); /* begins with nothing */
	assert_int_equal(check_format("", 0, "anything", 8), 0);
	assert_int_equal(check_format("unknown", 0, "anything", 8), 0);
}

/* ---- Power ---- */

/* In a process of its own, since the power goes with it: writes round 1 everywhere, flushes, then
 * round 2 and half of round 3 until the cut. Returns what is left. */
static void cut(uint64_t seed, uint8_t *left)
{
	char options[64];
	snprintf(options, sizeof options, ",cut=48,seed=%llu", (unsigned long long)seed);
	pid_t pid = fork();
	if (!pid) {
		struct fixture *f = open_with(options, true);
		fclose(stderr);
		for (int round = 1;; round++) {
			for (uint64_t k = 0; k < 16; k++) {
				memset(f->heap, round, 4096);
				if (one(f, AMP_BLOCK_WRITE, k * 4096, 0, 4096))
					_exit(1);
				memset(f->heap, 0, 4096);
				if (one(f, AMP_BLOCK_READ, k * 4096, 0, 4096) ||
				    f->heap[0] != round || f->heap[4095] != round)
					_exit(2); /* lies about nothing before */
			}
			if (round == 1 && one(f, AMP_BLOCK_FLUSH, 0, 0, 0))
				_exit(3);
		}
	}
	int status, fd;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), AMP_EXIT_CUT);
	fd = open(path_of("device"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, left, 65536, 0), 65536);
	close(fd);
}

static void a_cut_leaves_each_sector_in_one_of_its_versions(void **state)
{
	static uint8_t left[65536], again[65536];
	unsigned versions[4] = { 0 }, torn = 0, older_after_newer = 0;
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		cut(seed, left);
		for (unsigned s = 0; s < sizeof left / 512; s++) {
			uint8_t v = left[s * 512];
			assert_in_range(v, 1, 3); /* round 1 was flushed: never zero */
			for (unsigned i = 1; i < 512; i++)
				assert_int_equal(left[s * 512 + i], v);
			versions[v]++;
			torn += s % 8 && left[(s - 1) * 512] != v;
			older_after_newer += s && left[(s - 1) * 512] > v;
		}
	}
	assert_true(versions[1] > 50 && versions[2] > 50 && versions[3] > 50);
	assert_true(torn > 50 && older_after_newer > 50);
	cut(8, again);
	assert_memory_equal(left, again, sizeof left);
}

int main(void)
{
#define BOTH(test_)                                                                                \
	cmocka_unit_test_setup_teardown(test_, with_uring, tear_down),                             \
	        cmocka_unit_test_setup_teardown(test_, without_uring, tear_down)
	const struct CMUnitTest tests[] = {
		BOTH(tells_the_image_what_it_has),
		BOTH(reads_what_was_written),
		BOTH(what_was_read_into_is_logged),
		BOTH(gathers_and_scatters),
		BOTH(answers_each_request_once),
		BOTH(answers_what_does_not_fit),
		BOTH(an_impossible_counter_is_nothing_to_do),
		BOTH(what_has_no_place_for_its_answer_waits),
		BOTH(a_file_cut_short_fails),
		BOTH(what_is_written_is_noted_for_who_copies),
		BOTH(a_hold_keeps_requests_until_its_end),
		BOTH(a_hold_that_is_overdue_holds_nobody),
		cmocka_unit_test_teardown(the_request_that_is_to_fail_fails, tear_down),
		cmocka_unit_test(opens_only_what_is_a_device),
		cmocka_unit_test(a_word_that_is_no_option_is_the_files_name),
		cmocka_unit_test(one_writes_or_many_read),
		cmocka_unit_test(knows_what_is_on_it),
		cmocka_unit_test(a_cut_leaves_each_sector_in_one_of_its_versions),
	};
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.40s/block-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command) || failed;
}

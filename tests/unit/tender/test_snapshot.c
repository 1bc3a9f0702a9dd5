/* SPDX-License-Identifier: ISC */
/* Hostile snapshots: each is refused with one line that says why; a good one is what clones go on from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/boot.h>
#include <tender/snapshot_stream.h>
#include <tender/space_memory.h>

#include "picture_make.h"

static struct picture_parts good;
static struct snapshot snapshot;

static void assert_one_line(const struct defect *why)
{
	assert_true(strlen(why->text) > 5);
	assert_null(strchr(why->text, '\n'));
}

/* All that is looked at before a clone has memory. */
static int look_at(int fd, struct image *image, struct defect *why)
{
	memset(why, 0, sizeof *why);
	image->fd = -1;
	if (snapshot_open(&snapshot, fd, why))
		return -1;
	int failed = snapshot_verify(&snapshot, why) ||
	             snapshot_image(&snapshot, image, "x", why) || image_check(image, why) ||
	             snapshot_fits(&snapshot, image, why);
	if (failed) {
		image_close(image);
		snapshot_close(&snapshot);
	}
	return failed ? -1 : 0;
}

static struct space_need need_of(void)
{
	struct space_need need = {
		.from = &snapshot, .heap = PICTURE_HEAP, .boot = AMP_PAGE, .rings = AMP_PAGE
	};
	need.frames[0] = PICTURE_FRAMES;
	return need;
}

/* Each region has the bytes of the file, at the address that it had. */
static void a_clone_finds_its_memory(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	if (look_at(picture_file(&good, 0), &image, &why))
		fail_msg("%s", why.text);
	for (int kind = SPACE_GUEST; kind <= SPACE_CHILD; kind++) {
		struct space s;
		struct space_need need = need_of();
		if (space_make(&s, (enum space_kind)kind, &image, &need, &why))
			fail_msg("%s", why.text);
		assert_true(space_is_valid(&s));
		assert_int_equal(s.entry, good.header.entry);
		assert_int_equal(s.stack, good.header.stack);
		for (uint32_t i = 0; i < 4; i++) {
			const struct snapshot_region *k = &good.header.regions[i];
			const struct region *r =
			        space_region(&s, (enum region_kind)k->kind, k->index);
			assert_non_null(r);
			assert_int_equal(r->at, k->at);
			assert_int_equal(r->host[2 * AMP_PAGE + 5], i + 1);
			assert_int_equal(r->host[k->size - 1], 0);
			r->host[2 * AMP_PAGE + 5] = 99; /* its own: the next one does not see it */
		}
		space_free(&s);
	}
	struct args args = { 0 };
	snapshot_args(&snapshot, &args);
	assert_int_equal(args.values[0].set, 0);
	assert_int_equal(args.values[1].number, 0x0a00000718);
	assert_true(snapshot_has(&snapshot, &snapshot.header.regions[2], 2));
	assert_false(snapshot_has(&snapshot, &snapshot.header.regions[2], 3));
	image_close(&image);
	snapshot_close(&snapshot);
}

/* Where its parent's gate was may be something of its own; and it needs few page tables more than its parent. */
static void a_clone_has_its_gate_beside_its_boot_information(void **state)
{
	(void)state;
	struct image image = { .fd = -1 };
	struct space_need need = need_of();
	struct defect why;
	uint64_t first = 0, differs = 0;
	if (snapshot_open(&snapshot, picture_file(&good, 0), &why) ||
	    snapshot_image(&snapshot, &image, "x", &why) || image_check(&image, &why) ||
	    snapshot_fits(&snapshot, &image, &why))
		fail_msg("%s", why.text);
	for (int i = 0; i < 200; i++) {
		struct space s;
		if (space_make(&s, i & 1 ? SPACE_CHILD : SPACE_GUEST, &image, &need, &why))
			fail_msg("%s", why.text);
		uint64_t gate = space_region(&s, REGION_GATE, 0)->at;
		assert_true(space_is_valid(&s));
		assert_int_equal(gate >> 30, space_region(&s, REGION_BOOT, 0)->at >> 30);
		first = first ? first : gate;
		differs += gate != first;
		space_free(&s);
	}
	assert_true(differs > 190);
	image_close(&image);
	snapshot_close(&snapshot);
}

static struct picture_parts forked;

/* A fork's picture, of which the base has all pages of the heap but two, from its second page on. */
static int fork_file(int *base, uint64_t base_size)
{
	static uint8_t page[AMP_PAGE];
	forked = good;
	forked.header.base_at = AMP_PAGE;
	forked.header.base_size = base_size;
	picture_seal(&forked);
	*base = memfd_create("base", MFD_CLOEXEC);
	for (unsigned i = 0; i < 5; i++) {
		memset(page, 0x50 + (int)i, sizeof page);
		assert_int_equal(pwrite(*base, page, sizeof page, i * AMP_PAGE), sizeof page);
	}
	assert_int_equal(ftruncate(*base, AMP_PAGE + (off_t)base_size), 0);
	return picture_file(&forked, 0);
}

/* Pages of the base, over them those in which the parent differed; and no write reaches either. */
static void a_fork_has_its_parents_heap(void **state)
{
	(void)state;
	struct image image = { .fd = -1 };
	struct defect why;
	uint8_t byte;
	int base, fd = fork_file(&base, PICTURE_HEAP - AMP_PAGE);
	if (snapshot_open_fork(&snapshot, fd, base, &why) ||
	    snapshot_image(&snapshot, &image, "x", &why) || image_check(&image, &why) ||
	    snapshot_fits(&snapshot, &image, &why))
		fail_msg("%s", why.text);
	for (int kind = 0; kind < 3; kind++) {
		struct space s;
		struct space_need need = need_of();
		need.heap_shared = need.heap_needed = kind == 2; /* copied, then */
		if (space_make(&s, kind ? SPACE_CHILD : SPACE_GUEST, &image, &need, &why))
			fail_msg("%s", why.text);
		const struct region *heap = space_region(&s, REGION_HEAP, 0);
		assert_int_equal(heap->host[0], 0x51);
		assert_int_equal(heap->host[AMP_PAGE], 0x52);
		assert_int_equal(heap->host[2 * AMP_PAGE], 3); /* the run's */
		assert_int_equal(heap->host[3 * AMP_PAGE], 0x54);
		assert_int_equal(heap->host[4 * AMP_PAGE], 0);
		assert_int_equal(heap->host[PICTURE_HEAP - 1], 0);
		assert_int_equal(s.base.fd, kind == 2 ? -1 : base);
		assert_false(s.base.own);
		memset(heap->host, 9, PICTURE_HEAP);
		space_free(&s);
		assert_int_equal(pread(base, &byte, 1, AMP_PAGE), 1);
		assert_int_equal(byte, 0x51);
	}
	image_close(&image);
	snapshot_close(&snapshot);
	/* One that ends too early, and what is no file. */
	fd = fork_file(&base, PICTURE_HEAP);
	assert_int_equal(ftruncate(base, PICTURE_HEAP), 0);
	assert_int_equal(snapshot_open_fork(&snapshot, fd, base, &why), -1);
	assert_non_null(strstr(why.text, "not its parent's"));
	assert_one_line(&why);
	fd = fork_file(&base, PICTURE_HEAP);
	close(base);
	assert_int_equal(snapshot_open_fork(&snapshot, fd, open("/dev/zero", O_RDONLY), &why), -1);
	assert_one_line(&why);
}

/* A heap that may be forked: parted from its base it keeps that as it was; made one with it again, the base has what was written. */
static void a_heap_is_parted_and_joined(void **state)
{
	(void)state;
	const uint64_t size = SPACE_BASE_MIN + 3 * AMP_PAGE;
	struct image image = { .fd = -1 };
	struct defect why;
	struct space s;
	uint8_t byte;
	int page_map = open("/proc/self/pagemap", O_RDONLY);
	assert_int_equal(look_at(picture_file(&good, 0), &image, &why), 0);
	struct space_need need = { .heap = size, .boot = AMP_PAGE, .base = true };
	assert_int_equal(space_make(&s, SPACE_GUEST, &image, &need, &why), 0);
	const struct region *heap = space_region(&s, REGION_HEAP, 0);
	assert_true(s.base.own && s.base.fd >= 0 && s.base.view && !s.base.parted);
	assert_int_equal(write(s.base.fd, "x", 1), -1);
	assert_true(mmap(NULL, AMP_PAGE, PROT_WRITE, MAP_SHARED, s.base.fd, 0) == MAP_FAILED);
	for (int turn = 1; turn < 3; turn++) {
		heap->host[5] = heap->host[size - 1] = (uint8_t)turn;
		assert_int_equal(space_memory_part(&s), 0);
		assert_int_equal(heap->host[5], turn);
		heap->host[5] = heap->host[size - 1] = 77;
		heap->host[3 << 20] = 78;
		assert_int_equal(pread(s.base.fd, &byte, 1, 5), 1);
		assert_int_equal(byte, turn);
		while (space_memory_join(&s, page_map))
			assert_int_equal(heap->host[5], 77);
		assert_false(s.base.parted);
		assert_int_equal(heap->host[size - 1], 77);
		assert_int_equal(pread(s.base.fd, &byte, 1, (off_t)size - 1), 1);
		assert_int_equal(byte, 77);
		assert_int_equal(pread(s.base.fd, &byte, 1, 3 << 20), 1);
		assert_int_equal(byte, 78);
		heap->host[6] = 79; /* shared again */
		assert_int_equal(pread(s.base.fd, &byte, 1, 6), 1);
		assert_int_equal(byte, 79);
	}
	assert_int_equal(space_memory_part(&s), 0);
	while (space_memory_drop(&s))
		;
	assert_int_equal(heap->host[5], 77);
	assert_false(space_memory_join(&s, page_map)); /* nothing is left to join with */
	space_free(&s);
	close(page_map);
	image_close(&image);
	snapshot_close(&snapshot);
}

/* New ones lie behind all that its parent had, which it finds as it was; the tender keeps no copy that the image does not have. */
static void a_clone_is_given_secrets(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	struct space s;
	struct amp_device *views;
	static struct args args;
	static const char secret[] = "a new one";
	assert_int_equal(look_at(picture_file(&good, 0), &image, &why), 0);
	args.values[1].secret = (uint8_t *)(uintptr_t)secret;
	args.values[1].secret_size = sizeof secret - 1;
	for (int kind = SPACE_GUEST; kind <= SPACE_CHILD; kind++) {
		struct space_need need = need_of();
		need.boot = boot_size(&image);
		need.secrets = boot_secrets_size(&image, &args);
		assert_int_equal(need.secrets, AMP_PAGE);
		if (space_make(&s, (enum space_kind)kind, &image, &need, &why))
			fail_msg("%s", why.text);
		const struct region *heap = space_region(&s, REGION_HEAP, 0);
		assert_int_equal(heap->size, PICTURE_HEAP + AMP_PAGE);
		const struct amp_boot *b = boot_fill(&s, &image, &args, "test", 1, &views);
		const struct amp_arg_value *v =
		        (const void *)(space_region(&s, REGION_BOOT, 0)->host +
		                       (b->args - space_region(&s, REGION_BOOT, 0)->at));
		assert_int_equal(b->extents[0].size, PICTURE_HEAP);
		assert_int_equal(v[1].text, heap->at + PICTURE_HEAP);
		assert_int_equal(v[1].text_size, sizeof secret - 1);
		assert_string_equal((const char *)heap->host + PICTURE_HEAP, secret);
		boot_forget(&s);
		assert_int_equal(heap->host[2 * AMP_PAGE + 5], 3);
		assert_int_equal(heap->host[PICTURE_HEAP], kind == SPACE_CHILD ? 0 : 'a');
		space_free(&s);
	}
	struct space_need need = need_of();
	need.secrets = AMP_IMAGE_HIGH - AMP_IMAGE_LOW; /* more than there is room for */
	assert_int_equal(space_make(&s, SPACE_GUEST, &image, &need, &why), -1);
	assert_one_line(&why);
	image_close(&image);
	snapshot_close(&snapshot);
}

/* A network of another MTU has frames of another size, whose numbers an image keeps. */
static void a_clone_with_other_frames_is_refused(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	struct space s;
	assert_int_equal(look_at(picture_file(&good, 0), &image, &why), 0);
	struct space_need need = need_of();
	need.frames[0] *= 2;
	assert_int_equal(space_make(&s, SPACE_GUEST, &image, &need, &why), -1);
	assert_non_null(strstr(why.text, "service"));
	assert_one_line(&why);
	image_close(&image);
	snapshot_close(&snapshot);
}

struct broken {
	const char *says; /* part of the line */
	size_t at, size;  /* the field, in struct picture_parts */
	uint64_t value;
};
#define HEADER(field_, value_, says_)                                                              \
	{ says_, offsetof(struct picture_parts, header.field_), sizeof good.header.field_, value_ }

static const struct broken broken[] = {
	HEADER(magic, 1, "is not a snapshot"),
	HEADER(version, 3, "version 3"),
	HEADER(size, 100, "version 2"),
	HEADER(file_size, 1 << 30, "cut short"),
	HEADER(file_size, 100, "damaged"),
	HEADER(run_count, SNAPSHOT_RUNS_MAX + 1, "impossible"),
	HEADER(run_count, PICTURE_RUNS - 1, "not as long"),
	HEADER(device_count, 17, "impossible"),
	HEADER(device_count, 1, "another image"),
	HEADER(arg_count, 65, "impossible"),
	HEADER(arg_count, 2, "another image"),
	HEADER(region_count, 33, "33 regions"),
	HEADER(region_count, 4, "regions"),
	HEADER(abi_major, 2, "ABI 2"),
	HEADER(abi_minor, 2, "ABI 1.2"),
	HEADER(abi_minor, 9, "ABI 1.9"),
	HEADER(cpu_level, 4, "another image"),
	HEADER(build_id[0], 7, "another image"),
	HEADER(name[1], '\n', "name"),
	HEADER(tender[1], 7, "name"),
	HEADER(devices[0].name[0], 3, "name"),
	HEADER(devices[0].name[0], 'x', "other devices"),
	HEADER(devices[0].type, 0, "frames"),
	HEADER(devices[0].type, 2, "other devices"),
	HEADER(devices[0].size, 4096, "frames"),
	HEADER(devices[1].type, 1, "frames"),
	HEADER(generation, UINT64_MAX, "impossible"),
	HEADER(image_ns, UINT64_MAX, "impossible"),
	HEADER(moved, 4096, "cannot lie"),
	HEADER(entry, 0, "no code"),
	HEADER(entry, SAMPLE_BASE + 4 * AMP_PAGE, "no code"),
	HEADER(stack, 16, "no stack"),
	HEADER(stack, SAMPLE_BASE + 8, "no stack"),
	HEADER(touched, 9, "4 pages of 9"),
	HEADER(image_at, 0, "nowhere"),
	HEADER(image_size, UINT64_MAX, "nowhere"),
	HEADER(table_at, 0, "nowhere"),
	HEADER(base_size, AMP_PAGE, "not whole"),
	HEADER(base_size, 5, "base"),
	HEADER(base_size, PICTURE_HEAP + AMP_PAGE, "base"),
	HEADER(base_at, AMP_PAGE, "base"),
	HEADER(regions[0].kind, REGION_GATE, "nowhere"),
	HEADER(regions[0].kind, REGION_RINGS, "nowhere"),
	HEADER(regions[0].index, 16, "nowhere"),
	HEADER(regions[0].index, 1, "segment 2"),
	HEADER(regions[0].at, 4096, "nowhere"),
	HEADER(regions[0].at, SAMPLE_BASE + 5 * AMP_PAGE, "segment 2"),
	HEADER(regions[0].size, 0, "nowhere"),
	HEADER(regions[0].size, 4097, "nowhere"),
	HEADER(regions[0].size, 1ull << 63, "nowhere"),
	HEADER(regions[0].file_at, 0, "nowhere"),
	HEADER(regions[0].file_at, 1ull << 63, "nowhere"),
	HEADER(regions[1].size, 8 * AMP_PAGE, "stacks"),
	HEADER(regions[1].kind, REGION_HEAP, "twice"),
	HEADER(regions[2].at, SAMPLE_BASE, "nowhere"),
	HEADER(regions[3].index, 1, "frames"),
	HEADER(regions[4].kind, REGION_FRAMES, "nowhere"),
	{ "run 0", offsetof(struct picture_parts, runs[0].region), 4, 5 },
	{ "run 0", offsetof(struct picture_parts, runs[0].page), 8, 4 },
	{ "run 0", offsetof(struct picture_parts, runs[0].page), 8, UINT64_MAX },
	{ "run 0", offsetof(struct picture_parts, runs[0].pages), 8, 0 },
	{ "run 0", offsetof(struct picture_parts, runs[0].pages), 8, UINT64_MAX },
	{ "run 2", offsetof(struct picture_parts, runs[1].region), 4, 3 },
	{ "does not match its sum", offsetof(struct picture_parts, runs[1].sum), 4, 3 },
	{ "argument 0", offsetof(struct picture_parts, args[0].set), 4, 2 },
	{ "argument 0", offsetof(struct picture_parts, args[0].text[AMP_TEXT_MAX - 1]), 1, 'x' },
};

static void each_defect_is_refused_with_its_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
		static struct picture_parts p;
		struct image image;
		struct defect why;
		p = good;
		memcpy((uint8_t *)&p + broken[i].at, &broken[i].value, broken[i].size);
		picture_seal(&p);
		if (!look_at(picture_file(&p, 0), &image, &why))
			fail_msg("defect %u is accepted: %s", i, broken[i].says);
		if (!strstr(why.text, broken[i].says))
			fail_msg("defect %u: \"%s\" says nothing of \"%s\"", i, why.text,
			         broken[i].says);
		assert_one_line(&why);
	}
}

/* A byte anywhere in header, arguments, pages, or table; and any end that is missing. */
static void damage_is_seen(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	for (unsigned i = 0; i < 300; i++) {
		int fd = picture_file(&good, 0);
		const uint64_t spans[][2] = {
			{ 0, sizeof good.header },
			{ SNAPSHOT_ARGS_AT, sizeof good.args },
			{ good.header.regions[i % 4].file_at + 2 * AMP_PAGE, AMP_PAGE },
			{ good.header.table_at, sizeof good.runs },
		};
		uint64_t at = spans[i % 4][0] + i * 7919 % spans[i % 4][1];
		uint8_t byte;
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= (uint8_t)(1 << i % 8);
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		if (!look_at(fd, &image, &why))
			fail_msg("a changed byte at %llu is not seen", (unsigned long long)at);
		assert_one_line(&why);
	}
	for (uint64_t cut = 1; cut < good.header.file_size; cut += 1 + cut / 8) {
		if (!look_at(picture_file(&good, cut), &image, &why))
			fail_msg("%llu missing bytes are not seen", (unsigned long long)cut);
		assert_one_line(&why);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	assert_int_equal(look_at(open("/dev/zero", O_RDONLY), &image, &why), -1);
	assert_one_line(&why);
	assert_int_equal(look_at(open("/", O_RDONLY), &image, &why), -1);
	assert_int_equal(look_at(memfd_create("empty", 0), &image, &why), -1);
	assert_int_equal(look_at(-1, &image, &why), -1);
}

/* What is sent through a pipe is the same snapshot; one that is cut off or changed on its way is none. */
static void a_stream_is_the_same_snapshot(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	static uint8_t bytes[PICTURE_FILE_SIZE];
	assert_int_equal(look_at(picture_file(&good, 0), &image, &why), 0);
	int stream = memfd_create("stream", 0);
	assert_int_equal(snapshot_stream_write(&snapshot, stream, &why), 0);
	image_close(&image);
	snapshot_close(&snapshot);
	ssize_t size = pread(stream, bytes, sizeof bytes, 0);
	assert_true(size > 0 && size < (ssize_t)good.header.file_size);
	lseek(stream, 0, SEEK_SET);
	int fd = snapshot_stream_read(stream, &why);
	assert_true(fd >= 0);
	if (look_at(fd, &image, &why))
		fail_msg("%s", why.text);
	assert_memory_equal(&snapshot.header, &good.header, sizeof good.header);
	image_close(&image);
	snapshot_close(&snapshot);
	for (unsigned i = 0; i < 200; i++) {
		int other = memfd_create("other", 0);
		uint64_t at = i * 7919u % (uint64_t)size;
		bool cut = i % 2;
		bytes[at] ^= !cut;
		assert_true(write(other, bytes, cut ? at : (size_t)size) >= 0);
		bytes[at] ^= !cut;
		lseek(other, 0, SEEK_SET);
		fd = snapshot_stream_read(other, &why);
		if (fd >= 0 && !look_at(fd, &image, &why)) {
			/* Of header and image, only what means something is under a digest. */
			image_close(&image);
			snapshot_close(&snapshot);
			assert_false(cut);
		} else {
			assert_one_line(&why);
		}
		close(other);
	}
	close(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clone_finds_its_memory),
		cmocka_unit_test(a_clone_is_given_secrets),
		cmocka_unit_test(a_clone_with_other_frames_is_refused),
		cmocka_unit_test(a_clone_has_its_gate_beside_its_boot_information),
		cmocka_unit_test(a_fork_has_its_parents_heap),
		cmocka_unit_test(a_heap_is_parted_and_joined),
		cmocka_unit_test(each_defect_is_refused_with_its_reason),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(a_stream_is_the_same_snapshot),
	};
	picture_make(&good);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* The address space and its page tables: exactly the rights that the image's file says, for exactly
 * its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tender/args.h>
#include <tender/boot.h>
#include <tender/moves.h>
#include <tender/crash.h>
#include <tender/pages.h>
#include <tender/space.h>

#include "sample.h"

static struct sample file;
static struct image image;
static struct space space;
static struct pages pages;

static int make(enum space_kind kind, uint64_t heap)
{
	struct defect why;
	struct space_need need = {
		.heap = heap, .boot = boot_size(&image), .rings = 20000, .frames = { 256 * 2048, 0 }
	};
	return space_make(&space, kind, &image, &need, &why);
}

static int set_up(void **state)
{
	(void)state;
	struct defect why;
	sample_make(&file);
	memset(file.rest, 0x77, sizeof file.rest);
	if (image_open(&image, sample_write(&file, sizeof file), &why))
		fail_msg("%s", why.text);
	sample_remove();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	image_close(&image);
	return 0;
}

/* What the image may do at an address by its file and the ABI, apart from the page tables. */
static uint32_t rights_at(uint64_t at)
{
	uint64_t follow;
	uint32_t rights = 0;
	for (uint32_t right = 1; right < 8; right <<= 1)
		if (space_bytes(&space, at, right, &follow))
			rights |= right;
	return rights;
}

static void assert_page(uint64_t at)
{
	struct pages_right p = pages_walk(&pages, at);
	uint32_t want = rights_at(at);
	uint64_t follow;
	if (p.present != !!want)
		fail_msg("0x%lx: present %d, rights %u", at, p.present, want);
	if (!want)
		return;
	assert_true(p.user);
	assert_int_equal(p.write, !!(want & RIGHT_W));
	assert_int_equal(p.execute, !!(want & RIGHT_X));
	assert_false(p.write && p.execute);
	assert_ptr_equal(space.arena + p.physical, space_bytes(&space, at, RIGHT_R, &follow));
}

static void tables_say_what_the_segments_say(void **state)
{
	(void)state;
	assert_int_equal(make(SPACE_GUEST, 5 << 20), 0);
	assert_true(space_is_valid(&space));
	pages_build(&pages, &space);
	for (uint32_t i = 0; i < space.region_count; i++) {
		const struct region *r = &space.regions[i];
		for (uint64_t at = r->at - 2 * AMP_PAGE; at < r->at + r->size + 2 * AMP_PAGE;
		     at += AMP_PAGE)
			assert_page(at);
		assert_page(r->at + r->size - 1);
	}
	assert_int_equal(rights_at(SAMPLE_BASE), RIGHT_R | RIGHT_X);
	assert_int_equal(rights_at(SAMPLE_BASE + AMP_PAGE), RIGHT_R);
	assert_int_equal(rights_at(SAMPLE_BASE + 4 * AMP_PAGE), RIGHT_R | RIGHT_W);
	assert_int_equal(rights_at(space_region(&space, REGION_BOOT, 0)->at), RIGHT_R);
	assert_int_equal(rights_at(space_region(&space, REGION_GATE, 0)->at), RIGHT_R | RIGHT_X);
	assert_int_equal(rights_at(space_region(&space, REGION_HEAP, 0)->at), RIGHT_R | RIGHT_W);
	space_free(&space);
}

static void page_zero_and_guards_are_unmapped(void **state)
{
	(void)state;
	assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
	pages_build(&pages, &space);
	assert_false(pages_walk(&pages, 0).present);
	assert_false(pages_walk(&pages, 8).present);
	for (uint32_t i = 0; i < 5; i++) {
		uint64_t guard = image.note.stack_base + i * (16384 + AMP_PAGE);
		uint32_t stack = 99;
		assert_false(pages_walk(&pages, guard).present);
		assert_false(pages_walk(&pages, guard + AMP_PAGE - 1).present);
		assert_true(pages_walk(&pages, guard + AMP_PAGE).write);
		assert_true(space_guard(&space, guard + 5, &stack));
		assert_int_equal(stack, i);
		assert_false(space_guard(&space, guard + AMP_PAGE, &stack));
		assert_null(space_find(&space, guard));
	}
	space_free(&space);
}

static void system_area_is_not_the_images(void **state)
{
	(void)state;
	assert_int_equal(make(SPACE_GUEST, 64 << 20), 0);
	pages_build(&pages, &space);
	for (uint64_t at = 0; at < SPACE_SYSTEM_SIZE; at += AMP_PAGE) {
		assert_true(pages_walk(&pages, space.system_at + at).present);
		assert_false(pages_walk(&pages, space.system_at + at).user);
	}
	/* In the page table that the gate has, beside it. */
	uint64_t gate = space_region(&space, REGION_GATE, 0)->at;
	assert_int_equal(space.system_at >> 21, gate >> 21);
	assert_int_equal((space.system_at + SPACE_SYSTEM_SIZE - 1) >> 21, gate >> 21);
	assert_true(gate < space.system_at || gate >= space.system_at + SPACE_SYSTEM_SIZE);
	/* No page of the image's leads to the system area or to the tables. */
	for (uint32_t i = 0; i < space.region_count; i++)
		for (uint64_t at = 0; at < space.regions[i].size; at += AMP_PAGE) {
			struct pages_right p = pages_walk(&pages, space.regions[i].at + at);
			assert_true(!p.present ||
			            p.physical >= space.tables_at + space.tables_size);
			assert_true(!p.present || p.physical < space.arena_size);
		}
	space_free(&space);
}

static void no_two_regions_share_memory(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 200; n++) {
		assert_int_equal(make(SPACE_GUEST, (1 + n % 7) * (1 << 20) + n * AMP_PAGE), 0);
		assert_true(space_is_valid(&space));
		for (uint32_t i = 0; i < space.region_count; i++)
			for (uint32_t j = 0; j < i; j++) {
				const struct region *a = &space.regions[i], *b = &space.regions[j];
				assert_true(a->physical >= b->physical + b->size ||
				            b->physical >= a->physical + a->size);
			}
		space_free(&space);
	}
}

static void loads_segments_and_zeroes_the_rest(void **state)
{
	(void)state;
	uint64_t follow;
	assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
	assert_memory_equal(space_bytes(&space, SAMPLE_BASE, RIGHT_X, &follow), file.code,
	                    AMP_PAGE);
	assert_memory_equal(space_bytes(&space, SAMPLE_BASE + AMP_PAGE, RIGHT_R, &follow),
	                    &file.note, sizeof file.note);
	const uint8_t *data = space_bytes(&space, SAMPLE_BASE + 4 * AMP_PAGE, RIGHT_W, &follow);
	assert_memory_equal(data, &file.note, 256);
	assert_int_equal(follow, 4 * AMP_PAGE);
	for (uint64_t i = 256; i < follow; i++)
		assert_int_equal(data[i], 0);
	space_free(&space);
}

/* A segment large enough to be mapped instead of copied: its last page must not show what follows
 * in the file. */
static void zeroes_the_end_of_mapped_segments(void **state)
{
	(void)state;
	size_t large = (1 << 20) + 123, size = sizeof file + large + 8192;
	uint8_t *bytes = malloc(size);
	struct image other;
	struct defect why;
	struct space s;
	struct space_need need = { .heap = 1 << 20, .boot = 4096 };
	memset(bytes, 0x99, size);
	struct sample *f = (struct sample *)bytes;
	*f = file;
	f->data.p_offset = (sizeof file + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	f->data.p_filesz = large;
	f->data.p_memsz = large + 5000;
	f->tls.p_type = PT_GNU_STACK;
	f->note.note.stack_base = SAMPLE_BASE + (8 << 20);
	if (image_open(&other, sample_write(bytes, size), &why))
		fail_msg("%s", why.text);
	for (enum space_kind kind = SPACE_GUEST; kind <= SPACE_CHILD; kind++) {
		if (space_make(&s, kind, &other, &need, &why))
			fail_msg("%s", why.text);
		uint64_t follow;
		const uint8_t *data = space_bytes(&s, SAMPLE_BASE + 4 * AMP_PAGE, RIGHT_W, &follow);
		for (size_t i = 0; i < large; i += 501)
			assert_int_equal(data[i], 0x99);
		for (size_t i = large; i < follow; i++)
			assert_int_equal(data[i], 0);
		space_free(&s);
	}
	sample_remove();
	image_close(&other);
	free(bytes);
}

static void maps_a_childs_space_at_its_addresses(void **state)
{
	(void)state;
	assert_int_equal(make(SPACE_CHILD, 1 << 20), 0);
	assert_true(space_is_valid(&space));
	for (uint32_t i = 0; i < space.region_count; i++)
		assert_ptr_equal(space.regions[i].host, (void *)space.regions[i].at);
	assert_memory_equal((void *)SAMPLE_BASE, file.code, AMP_PAGE);
	space_free(&space);
}

static void draws_new_addresses_each_time(void **state)
{
	(void)state;
	uint64_t seen[20];
	for (unsigned n = 0; n < 20; n++) {
		assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
		seen[n] = space_region(&space, REGION_GATE, 0)->at;
		for (unsigned i = 0; i < n; i++)
			assert_true(seen[i] != seen[n]);
		space_free(&space);
	}
}

/* The sample with a table of addresses of these bytes, opened. */
static void open_movable(struct image *other, const uint8_t *table, size_t size)
{
	struct defect why;
	struct sample f = file;
	uint8_t *at = (uint8_t *)&f + f.rodata.p_offset + f.rodata.p_filesz;
	const uint32_t bytes = (uint32_t)size;
	f.note.note.flags = AMP_NOTE_MOVES;
	memcpy(at, &bytes, sizeof bytes);
	memcpy(at + sizeof bytes, table, size);
	if (image_open(other, sample_write(&f, sizeof f), &why))
		fail_msg("%s", why.text);
	sample_remove();
}

static uint64_t word_at(const struct space *s, uint64_t at)
{
	uint64_t follow, word;
	const uint8_t *p = space_bytes(s, at, RIGHT_R, &follow);
	assert_non_null(p);
	memcpy(&word, p, sizeof word);
	return word;
}

static void moves_an_image_and_the_words_of_its_table(void **state)
{
	(void)state;
	/* Of data, which begins 4 pages in: 8 bytes in, 13 more, 0x2000 more (where the file has no bytes). */
	static const uint8_t table[] = { 0x88, 0x80, 0x01, 0x0d, 0x80, 0x40 };
	static const uint64_t words[] = { 8, 21, 21 + 0x2000 };
	const struct space_need need = { .heap = 1 << 20, .boot = 4096 };
	struct image other;
	struct defect why;
	struct space s;
	uint64_t seen[2];
	for (enum space_kind kind = SPACE_GUEST; kind <= SPACE_CHILD; kind++) {
		open_movable(&other, table, sizeof table);
		moves_draw(&other);
		seen[kind] = other.moved;
		assert_true(other.moved && other.moved % AMP_PAGE == 0);
		assert_int_equal(other.entry, SAMPLE_BASE + 16 + other.moved);
		assert_int_equal(other.note.stack_base, SAMPLE_BASE + (1 << 20) + other.moved);
		if (space_make(&s, kind, &other, &need, &why))
			fail_msg("%s", why.text);
		assert_true(space_is_valid(&s));
		const uint64_t base = SAMPLE_BASE + other.moved, data = base + 4 * AMP_PAGE;
		for (unsigned i = 0; i < 3; i++) {
			uint64_t before = 0;
			if (words[i] < 256)
				memcpy(&before, (const uint8_t *)&file.note + words[i], 8);
			assert_int_equal(word_at(&s, data + words[i]), before + other.moved);
		}
		/* Bytes beside them, and all code, are as in the file. */
		assert_int_equal(word_at(&s, data), *(const uint64_t *)&file.note);
		assert_memory_equal(space_region(&s, REGION_SEGMENT, 0)->host, file.code, AMP_PAGE);
		space_free(&s);
		image_close(&other);
	}
	assert_int_not_equal(seen[0], seen[1]);
}

static void refuses_words_outside_of_data(void **state)
{
	(void)state;
	static const struct {
		uint8_t size, bytes[12];
		const char *says;
	} tables[] = {
		{ 1, { 0x10 }, "lies in no data" },                   /* in code */
		{ 3, { 0xfd, 0x9f, 0x00 }, "lies in no data" },       /* half in code */
		{ 3, { 0xfc, 0xff, 0x01 }, "lies in no data" },       /* over the end of data */
		{ 4, { 0x80, 0x80, 0x80, 0x01 }, "lies in no data" }, /* where nothing is */
		{ 10,
		  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 },
		  "ends amid a number" },
		{ 2, { 0xff, 0xff }, "ends amid a number" },
	};
	const struct space_need need = { .heap = 1 << 20, .boot = 4096 };
	struct image other;
	struct defect why;
	struct space s;
	for (unsigned i = 0; i < sizeof tables / sizeof *tables; i++) {
		open_movable(&other, tables[i].bytes, tables[i].size);
		moves_draw(&other);
		assert_int_equal(space_make(&s, SPACE_GUEST, &other, &need, &why), -1);
		if (!strstr(why.text, tables[i].says))
			fail_msg("table %u: %s", i, why.text);
		image_close(&other);
	}
}

static void bytes_end_where_rights_end(void **state)
{
	(void)state;
	uint64_t follow;
	assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
	assert_null(space_bytes(&space, SAMPLE_BASE, RIGHT_W, &follow));
	assert_null(space_bytes(&space, 0, RIGHT_R, &follow));
	assert_null(space_bytes(&space, UINT64_MAX, RIGHT_R, &follow));
	assert_null(space_bytes(&space, space.system_at, RIGHT_R, &follow));
	assert_non_null(space_bytes(&space, SAMPLE_BASE + AMP_PAGE - 1, RIGHT_R, &follow));
	assert_int_equal(follow, 1);
	/* From a stack not into the next one's guard. */
	assert_non_null(space_bytes(&space, image.note.stack_base + AMP_PAGE + 16384 - 3, RIGHT_R,
	                            &follow));
	assert_int_equal(follow, 3);
	space_free(&space);
}

static void boot_information_is_complete(void **state)
{
	(void)state;
	struct args args;
	struct defect why;
	struct amp_device *devices;
	const char *sets[] = { "greeting=hi" };
	assert_int_equal(args_make(&args, &image, sets, 1, &why), 0);
	assert_int_equal(make(SPACE_GUEST, 3 << 20), 0);
	const struct amp_boot *b = boot_fill(&space, &image, &args, "kvm", 9, &devices);
	const struct region *r = space_region(&space, REGION_BOOT, 0);
	assert_int_equal(b->magic, AMP_BOOT_MAGIC);
	assert_int_equal(b->size, sizeof *b);
	assert_int_equal(b->log_level, 3);
	assert_int_equal(b->extent_count, 1);
	assert_int_equal(b->extents[0].size, 3 << 20);
	assert_int_equal(b->gate, space_region(&space, REGION_GATE, 0)->at);
	assert_string_equal(b->tender, "kvm");
	assert_int_equal(b->device_count, 2);
	assert_string_equal(devices[1].name, "control");
	const struct amp_arg_value *v = (const struct amp_arg_value *)(r->host + (b->args - r->at));
	assert_int_equal(v[0].number, 53);
	assert_int_equal(v[0].set, 0);
	assert_int_equal(v[1].number, 0x0a00000218);
	assert_int_equal(v[2].set, 1);
	assert_int_equal(v[2].text_size, 2);
	assert_true(v[2].text >= r->at && v[2].text + AMP_TEXT_MAX <= r->at + r->size);
	assert_string_equal((const char *)r->host + (v[2].text - r->at), "hi");
	space_free(&space);
}

/* ---- Words for faults ---- */

static uint64_t read_space(void *of, uint64_t at, void *to, uint64_t size)
{
	uint64_t follow;
	const uint8_t *from = space_bytes(of, at, RIGHT_R, &follow);
	if (!from)
		return 0;
	if (size > follow)
		size = follow;
	memcpy(to, from, size);
	return size;
}

static void describes(struct crash c, const char *says)
{
	char text[256];
	c.read = read_space;
	c.of = &space;
	crash_describe(&c, &space, text, sizeof text);
	if (!strstr(text, says))
		fail_msg("'%s' does not say '%s'", text, says);
}

/* Every check that clang traps with, in each form that its number may have. */
static void names_the_check_that_trapped(void **state)
{
	static const struct {
		uint8_t code[8];
		const char *says;
	} traps[] = {
		{ { 0x67, 0x0f, 0xb9, 0x00 }, "integer overflow in an addition" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x00 }, "integer overflow in an addition" },
		{ { 0x0f, 0xb9, 0x00 }, "integer overflow in an addition" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x01 }, "must not be reached" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x02 }, "control-flow integrity" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x03 }, "division by zero" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x0c }, "overflow in a multiplication" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x0d }, "overflow in a negation" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x12 }, "index out of bounds" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x13 }, "pointer overflow" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x14 }, "shift by too much" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x15 }, "overflow in a subtraction" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x16 }, "null or misaligned pointer" },
		{ { 0x67, 0x0f, 0xb9, 0x80, 0x12, 0, 0, 0 }, "index out of bounds" },
		{ { 0x67, 0x0f, 0xb9, 0x40, 0x7f }, "compiled-in check: a check" },
		{ { 0x67, 0x0f, 0xb9, 0x80, 0, 0, 0, 0x80 }, "compiled-in check: a check" },
		{ { 0x67, 0x0f, 0xb9, 0xc0 }, "compiled-in check: a check" },
		{ { 0x67, 0x0f, 0xb9, 0x05 }, "compiled-in check: a check" },
		{ { 0x67, 0x0f, 0xba, 0x40 }, "invalid instruction" },
		{ { 0x0f, 0x0b }, "the image ended itself" },
	};
	(void)state;
	assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
	uint64_t follow;
	uint8_t *text = space_bytes(&space, SAMPLE_BASE + 100, RIGHT_X, &follow);
	for (unsigned i = 0; i < sizeof traps / sizeof *traps; i++) {
		memcpy(text, traps[i].code, sizeof traps[i].code);
		describes((struct crash){ .vector = 6, .registers.rip = SAMPLE_BASE + 100 },
		          traps[i].says);
	}
	/* At the end of text, where fewer bytes can be read than the longest has. */
	text = space_bytes(&space, SAMPLE_BASE + AMP_PAGE - 4, RIGHT_X, &follow);
	memcpy(text, traps[0].code, 4);
	describes((struct crash){ .vector = 6, .registers.rip = SAMPLE_BASE + AMP_PAGE - 4 },
	          "integer overflow in an addition");
	memcpy(text, traps[1].code, 4);
	describes((struct crash){ .vector = 6, .registers.rip = SAMPLE_BASE + AMP_PAGE - 4 },
	          "a check");
	space_free(&space);
}

static void names_what_went_wrong(void **state)
{
	(void)state;
	assert_int_equal(make(SPACE_GUEST, 1 << 20), 0);
	uint64_t text = SAMPLE_BASE + 100, data = SAMPLE_BASE + 4 * AMP_PAGE, follow;
#define FAULT(rip_, address_, error_)                                                              \
	(struct crash)                                                                             \
	{                                                                                          \
		.vector = 14, .address = (address_), .error_known = true, .error = (error_),       \
		.registers.rip = (rip_)                                                            \
	}
#define SIGNAL(rip_, address_)                                                                     \
	(struct crash)                                                                             \
	{                                                                                          \
		.vector = 14, .address = (address_), .signal = 11, .registers.rip = (rip_)         \
	}
	describes(FAULT(text, 8, 6), "null dereference, write to 0x8");
	describes(FAULT(text, 8, 4), "null dereference, read of 0x8");
	describes(SIGNAL(text, 8), "null dereference");
	describes(FAULT(0, 0, 0x14), "jump through a null pointer");
	describes(SIGNAL(0, 0), "jump through a null pointer");
	describes(FAULT(data, data, 0x15), "jump into data");
	describes(SIGNAL(data, data), "jump into data");
	describes(FAULT(data - 1, data, 0x15), "jump");
	describes(FAULT(text, SAMPLE_BASE, 7), "write to text");
	describes(SIGNAL(text, SAMPLE_BASE), "write to text");
	describes(FAULT(text, SAMPLE_BASE + AMP_PAGE, 7), "write to read-only data");
	describes(SIGNAL(text, space_region(&space, REGION_BOOT, 0)->at),
	          "write to boot information");
	describes(FAULT(text, image.note.stack_base + 3 * (16384 + AMP_PAGE) + 4088, 6),
	          "stack overflow of task stack 3");
	describes(FAULT(text, 0x400000000000 - 8, 6), "where nothing is");
	uint8_t *code = space_bytes(&space, text, RIGHT_X, &follow);
	memcpy(code, "\x0f\x05", 2);
	describes((struct crash){ .vector = 6, .registers.rip = text }, "system call instruction");
	memcpy(code, "\x0f\x0b", 2);
	describes((struct crash){ .vector = 6, .registers.rip = text }, "ended itself");
	memcpy(code, "\x67\x0f\xb9\x40\x02", 5);
	describes((struct crash){ .vector = 6, .registers.rip = text }, "control-flow integrity");
	memcpy(code, "\x67\x0f\xb9\x40\xff", 5);
	describes((struct crash){ .vector = 6, .registers.rip = text }, "compiled-in check");
	memcpy(code, "\xcd\x80", 2);
	describes((struct crash){ .vector = 13, .registers.rip = text }, "int 0x80");
	describes((struct crash){ .vector = 13, .registers.rip = 5 }, "general protection");
	describes((struct crash){ .vector = 0 }, "division");
	describes((struct crash){ .vector = 31 }, "unknown exception");
	describes((struct crash){ .vector = -1, .other = "triple fault" }, "triple fault");
	space_free(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_say_what_the_segments_say),
		cmocka_unit_test(page_zero_and_guards_are_unmapped),
		cmocka_unit_test(system_area_is_not_the_images),
		cmocka_unit_test(no_two_regions_share_memory),
		cmocka_unit_test(loads_segments_and_zeroes_the_rest),
		cmocka_unit_test(zeroes_the_end_of_mapped_segments),
		cmocka_unit_test(maps_a_childs_space_at_its_addresses),
		cmocka_unit_test(draws_new_addresses_each_time),
		cmocka_unit_test(moves_an_image_and_the_words_of_its_table),
		cmocka_unit_test(refuses_words_outside_of_data),
		cmocka_unit_test(bytes_end_where_rights_end),
		cmocka_unit_test(boot_information_is_complete),
		cmocka_unit_test(names_the_check_that_trapped),
		cmocka_unit_test(names_what_went_wrong),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

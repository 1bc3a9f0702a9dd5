/* SPDX-License-Identifier: ISC */
/*
 * The host's tool for stores, beside the library of images: what each makes the other finds sound and the same; what is damaged is
 * told, and gone around; a copy of a store that is written to is one of its states, or is said to be none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <store/format.h>
#include <store/spool.h>
#include <store/tree_copy.h>

#include "image.h"

#define PAGES 600u
#define SIZE  ((uint64_t)PAGES * TREE_PAGE)
#define KEYS  400u

/* ---- Entries, as one text ---- */

struct list {
	uint8_t *bytes;
	size_t size, room;
	uint64_t count;
};

static void list_add(struct list *l, const void *bytes, size_t size)
{
	if (l->size + size > l->room) {
		l->room = 2 * (l->size + size) + 65536;
		l->bytes = realloc(l->bytes, l->room);
	}
	if (size)
		memcpy(l->bytes + l->size, bytes, size);
	l->size += size;
}

static void take(void *of, const void *key, uint32_t key_size, const void *value,
                 uint32_t value_size)
{
	struct list *l = of;
	list_add(l, &key_size, sizeof key_size);
	list_add(l, &value_size, sizeof value_size);
	list_add(l, key, key_size);
	list_add(l, value, value_size);
	l->count++;
}

/* What the host tells of a store. */
struct report {
	struct list entries;
	uint64_t damages, found, page,
	        cut; /* page: the first damaged one; cut: values that are not all there */
	bool ranges; /* each lost one was named */
	char first[200];
};

static void tell(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	struct report *report = of;
	if (!what) {
		report->found++;
		return;
	}
	if (!report->damages++) {
		report->page = page;
		report->ranges = true;
		snprintf(report->first, sizeof report->first, "page %llu: %s",
		         (unsigned long long)page, what);
	}
	report->ranges &= r != NULL;
}

static void tell_entry(void *of, struct key key, const uint8_t *value, uint32_t size)
{
	struct report *report = of;
	if (value)
		take(&report->entries, key.bytes, key.size, value, size);
	else
		report->cut++;
}

static struct tree look(struct disk *d, uint8_t *bytes, struct report *report)
{
	struct content c;
	struct defect why;
	disk_memory(d, bytes, SIZE);
	memset(report, 0, sizeof *report);
	assert_int_equal(format_look(&c, d, &why), 0);
	assert_int_equal(c.format, FORMAT_BTREE);
	assert_int_equal(c.tree_found, TREE_FOUND);
	struct tree t = {
		.disk = d, .state = c.state, .damage = tell, .entry = tell_entry, .of = report
	};
	assert_int_equal(tree_open(&t), 0);
	return t;
}

static struct report check(uint8_t *bytes)
{
	struct disk d;
	struct report report;
	struct tree t = look(&d, bytes, &report);
	tree_check(&t);
	tree_close(&t);
	return report;
}

static struct report salvage(uint8_t *bytes)
{
	struct disk d;
	struct report report;
	struct tree t = look(&d, bytes, &report);
	tree_map_read(&t);
	tree_walk(&t);
	if (t.lost)
		tree_orphans_find(&t);
	free(report.entries.bytes);
	memset(&report, 0, sizeof report);
	memset(t.seen, 0, t.state.pages / 8 + 1);
	t.lost = false;
	t.salvage = true;
	tree_walk(&t);
	tree_close(&t);
	return report;
}

static void same(const struct list *a, const struct list *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->size, b->size);
	if (a->size)
		assert_memory_equal(a->bytes, b->bytes, a->size);
}

static uint8_t *store_new(uint64_t seed, uint32_t changes)
{
	uint8_t *bytes = calloc(1, SIZE);
	image_create(bytes, SIZE);
	image_change(bytes, SIZE, &seed, changes, KEYS);
	return bytes;
}

/* ---- One format, two readers ---- */

static void what_an_image_made_is_sound_and_the_same(void **state)
{
	(void)state;
	for (uint32_t changes = 0; changes < 1200; changes = changes * 2 + 1) {
		uint8_t *bytes = store_new(changes + 1, changes);
		struct list want = { .size = 0 };
		image_walk(bytes, SIZE, take, &want);
		struct report is = check(bytes);
		if (is.damages)
			fail_msg("%u changes: %s", changes, is.first);
		same(&is.entries, &want);
		free(is.entries.bytes);
		free(want.bytes);
		free(bytes);
	}
}

static uint8_t *rebuild(uint8_t *from, uint64_t *used)
{
	uint8_t *bytes = calloc(1, SIZE);
	struct disk d;
	struct defect why;
	struct report is = check(from);
	disk_memory(&d, bytes, SIZE);
	struct tree_build *b = tree_build_new(&d, PAGES);
	for (size_t at = 0; at < is.entries.size;) {
		uint32_t key, value;
		memcpy(&key, is.entries.bytes + at, 4);
		memcpy(&value, is.entries.bytes + at + 4, 4);
		const uint8_t *bytes_of = is.entries.bytes + at + 8;
		const struct tree_entry e = { { bytes_of, key }, bytes_of + key, value };
		if (tree_build_add(b, &e, &why))
			fail_msg("%s", why.text);
		at += 8 + key + value;
	}
	if (tree_build_end(b, &why))
		fail_msg("%s", why.text);
	*used = tree_build_pages(b);
	tree_build_free(b);
	free(is.entries.bytes);
	return bytes;
}

static void what_the_host_makes_an_image_finds_sound_and_goes_on_with(void **state)
{
	(void)state;
	for (uint32_t changes = 0; changes < 2500; changes = changes * 2 + 1) {
		uint64_t used, seed = changes;
		uint8_t *from = store_new(changes + 7, changes), *to = rebuild(from, &used);
		struct list a = { .size = 0 }, b = { .size = 0 };
		image_walk(from, SIZE, take, &a);
		assert_int_equal(image_check(to, SIZE), a.count);
		image_walk(to, SIZE, take, &b);
		same(&a, &b);
		struct report is = check(to);
		if (is.damages)
			fail_msg("%u changes: %s", changes, is.first);
		image_change(to, SIZE, &seed, 300, KEYS);
		assert_true(image_check(to, SIZE) > 0);
		free(is.entries.bytes);
		free(a.bytes);
		free(b.bytes);
		free(from);
		free(to);
	}
}

static void a_store_without_room_is_refused(void **state)
{
	(void)state;
	uint8_t *bytes = calloc(1, 16 * TREE_PAGE), value[3000] = { 0 };
	struct disk d;
	struct defect why = { "" };
	disk_memory(&d, bytes, 16 * TREE_PAGE);
	struct tree_build *b = tree_build_new(&d, 16);
	int failed = 0;
	for (uint8_t k = 1; k < 30 && !failed; k++) {
		const struct tree_entry e = { { &k, 1 }, value, sizeof value };
		failed = tree_build_add(b, &e, &why);
	}
	assert_int_equal(failed, -1);
	assert_non_null(strstr(why.text, "too little"));
	tree_build_free(b);
	free(bytes);
}

/* ---- Damage ---- */

/* Each page of the store in turn: what is told is that page, with the keys that go with it, and all others are there. */
static void each_damaged_page_is_told_and_gone_around(void **state)
{
	(void)state;
	uint8_t *bytes = store_new(3, 1000), *bad = malloc(SIZE);
	struct disk d;
	struct report all = check(bytes), report;
	struct tree t = look(&d, bytes, &report);
	tree_check(&t);
	free(report.entries.bytes);
	uint64_t recovered = 0, lost = 0;
	for (uint64_t page = AMP_BTREE_ROOTS; page < PAGES; page++) {
		memcpy(bad, bytes, SIZE);
		bad[page * TREE_PAGE + 7 * page % TREE_PAGE] ^= (uint8_t)(1 + page % 255);
		bool used = t.seen[page / 8] >> (page % 8) & 1;
		struct report is = check(bad), saved = salvage(bad);
		assert_int_equal(is.damages > 0, used);
		if (used)
			assert_int_equal(is.page, page);
		/* Entries are lost by their leaf or value only, and each is named. */
		assert_true(saved.entries.count + saved.cut <= all.entries.count);
		if (saved.entries.count < all.entries.count) {
			assert_int_equal(saved.damages, 1);
			assert_int_equal(saved.page, page);
			assert_true(saved.ranges);
			assert_int_equal(saved.found, 0);
			lost++;
		} else {
			same(&saved.entries, &all.entries);
			recovered += saved.damages;
			assert_int_equal(saved.found > 0, saved.damages > 0);
		}
		free(is.entries.bytes);
		free(saved.entries.bytes);
	}
	assert_true(recovered > 0 && lost > 10); /* branches; leaves and values */
	tree_close(&t);
	free(all.entries.bytes);
	free(bytes);
	free(bad);
}

static void either_root_is_looked_at(void **state)
{
	(void)state;
	uint8_t *bytes = store_new(5, 100);
	struct disk d;
	struct tree_root roots[2];
	enum tree_found found;
	struct tree_state newest, is;
	disk_memory(&d, bytes, SIZE);
	assert_true(tree_roots(&d, roots, &found, &newest));
	uint64_t at = newest.generation % 2 * TREE_PAGE;
	assert_false(roots[0].damaged || roots[1].damaged);
	bytes[at + 40] ^= 1; /* one copy of the newest */
	assert_true(tree_roots(&d, roots, &found, &is));
	assert_int_equal(is.generation, newest.generation);
	assert_true(roots[newest.generation % 2].damaged);
	bytes[at + TREE_PAGE - 100] ^= 1; /* and the other one */
	assert_true(tree_roots(&d, roots, &found, &is));
	assert_int_equal(found, TREE_FOUND);
	assert_int_equal(is.generation, newest.generation - 1);
	assert_int_equal(roots[newest.generation % 2].found, RECORD_DAMAGED);
	memset(bytes, 0, 2 * TREE_PAGE);
	assert_true(tree_roots(&d, roots, &found, &is));
	assert_int_equal(found, TREE_BLANK);
	free(bytes);
}

/* ---- A copy while it is written to ---- */

/* The copier sees a store that changes between two rounds, and within one: pages of several states. */
static void a_copy_is_one_state_or_none(void **state)
{
	(void)state;
	uint64_t seed = 11, states = 0, moved = 0;
	for (uint32_t run = 0; run < 25; run++) {
		uint8_t *before = store_new(run, 300), *now = malloc(SIZE), *mixed = malloc(SIZE),
		        *copy = calloc(1, SIZE);
		struct disk from, to;
		struct tree_copy c;
		struct defect why;
		disk_memory(&from, mixed, SIZE);
		disk_memory(&to, copy, SIZE);
		assert_int_equal(tree_copy_open(&c, &from, &to, &why), 0);
		enum tree_copied done = TREE_MOVED_ON;
		for (uint32_t round = 0; round < 20 && done == TREE_MOVED_ON; round++) {
			memcpy(now, before, SIZE);
			image_change(now, SIZE, &seed, 150 + 5 * run, KEYS);
			memcpy(mixed, now, SIZE);
			/* The root that it read is the older one; of the pages it sees some of either. */
			memcpy(mixed, before, 2 * TREE_PAGE);
			for (uint32_t page = 2; page < PAGES && round < 3; page++)
				if (page * 7 % 5 > round)
					memcpy(mixed + page * TREE_PAGE, before + page * TREE_PAGE,
					       TREE_PAGE);
			if (round >= 3)
				memcpy(mixed, before, SIZE);
			done = tree_copy_round(&c, &why);
			if (done == TREE_NOT_COPIED)
				fail_msg("%s", why.text);
			if (done == TREE_COPIED)
				break;
			moved++;
			memcpy(before, now, SIZE);
		}
		assert_int_equal(done, TREE_COPIED);
		if (tree_copy_end(&c, &why))
			fail_msg("%s", why.text);
		struct report want = check(before), is = check(copy);
		if (is.damages)
			fail_msg("run %u: %s", run, is.first);
		same(&is.entries, &want.entries);
		assert_int_equal(image_check(copy, SIZE), is.entries.count);
		states++;
		tree_copy_close(&c);
		free(want.entries.bytes);
		free(is.entries.bytes);
		free(before);
		free(now);
		free(mixed);
		free(copy);
	}
	assert_true(moved > 10);
	(void)states;
}

static void a_damaged_store_is_never_copied(void **state)
{
	(void)state;
	uint8_t *bytes = store_new(13, 200), *copy = calloc(1, SIZE);
	struct disk from, to;
	struct tree_copy c;
	struct defect why;
	disk_memory(&from, bytes, SIZE);
	disk_memory(&to, copy, SIZE);
	struct report report;
	struct tree t = look(&from, bytes, &report);
	bytes[t.state.root.page * TREE_PAGE + 100] ^= 1;
	uint64_t page = t.state.root.page;
	tree_close(&t);
	assert_int_equal(tree_copy_open(&c, &from, &to, &why), 0);
	for (int round = 0; round < 3; round++)
		assert_int_equal(tree_copy_round(&c, &why), TREE_MOVED_ON);
	assert_int_equal(c.bad, page);
	tree_copy_close(&c);
	free(bytes);
	free(copy);
}

/* ---- Dumps ---- */

static FILE *text_file(const void *bytes, size_t size)
{
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	rewind(f);
	return f;
}

/* Reads all of a dump: entries, or -1 with the line. */
static long read_dump(const void *bytes, size_t size, struct list *to, struct defect *why)
{
	FILE *f = text_file(bytes, size);
	struct dump_reader r;
	struct tree_entry e;
	int what = DUMP_BAD;
	long count = 0;
	if (!dump_reader_open(&r, f, "dump", why)) {
		while ((what = dump_next(&r, &e, why)) == DUMP_ENTRY) {
			count++;
			if (to)
				take(to, e.key.bytes, e.key.size, e.value, e.value_size);
		}
		dump_reader_close(&r);
	}
	fclose(f);
	return what == DUMP_END ? count : -1;
}

static void a_dump_gives_back_each_byte(void **state)
{
	(void)state;
	static uint8_t value[AMP_BTREE_VALUE_MAX];
	static const char *const texts[] = { "",
		                             "a",
		                             "\"\\/",
		                             "\x01\x1f\x7f",
		                             "\xc3\xa9\xe2\x82\xac",
		                             "\xf0\x9f\x98\x80",
		                             "\xed\xa0\x80",
		                             "\xc0\x80",
		                             "\xf4\x90\x80\x80",
		                             "\xe2\x82",
		                             "a\nb\tc\r",
		                             "\xff\xfe" };
	for (int raw = 0; raw < 2; raw++) {
		struct list want = { .size = 0 }, got = { .size = 0 };
		char *out = NULL;
		size_t size;
		FILE *f = open_memstream(&out, &size);
		struct defect why = { "" };
		if (raw)
			dump_raw_begin(f);
		for (uint32_t k = 0; k < 600; k++) {
			uint8_t key[AMP_BTREE_KEY_MAX];
			uint32_t key_size = 1 + k * 37 % (k % 50 ? 20 : AMP_BTREE_KEY_MAX),
			         value_size = k % 100 == 99 ? sizeof value : k % 70;
			for (uint32_t n = 0; n < key_size; n++)
				key[n] = (uint8_t)(k % 3 ? 'a' + n % 26 : n * 11 + k);
			for (uint32_t n = 0; n < value_size; n++)
				value[n] = (uint8_t)(k % 2 ? n * 7 + k : 'A' + n % 26);
			if (k < sizeof texts / sizeof *texts) {
				value_size = (uint32_t)strlen(texts[k]);
				memcpy(value, texts[k], value_size);
			}
			(raw ? dump_raw : dump_json)(f, (struct key){ key, key_size }, value,
			                             value_size);
			take(&want, key, key_size, value, value_size);
		}
		if (raw)
			dump_raw_end(f, want.count);
		fclose(f);
		if (read_dump(out, size, &got, &why) != 600)
			fail_msg("%s", why.text);
		same(&got, &want);
		free(want.bytes);
		free(got.bytes);
		free(out);
	}
}

static void a_bad_dump_is_told_by_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{\"key\":\"a\",\"value\":\"b\"}\n{\"key\":\"a\"", "line 2: no JSON" },
		{ "{\"key\":\"a\"}\n", "line 1: want one of \"value\" and \"value64\"" },
		{ "{\"key\":\"\",\"value\":\"\"}", "line 1: the key is empty" },
		{ "\n\n{\"key\":1,\"value\":\"\"}", "line 3: \"key\" is no string" },
		{ "[]\n", "line 1: want an object" },
		{ "{\"key\":\"a\",\"key64\":\"YQ==\",\"value\":\"\"}",
		  "line 1: want one of \"key\"" },
		{ "{\"key\":\"a\",\"key\":\"b\",\"value\":\"\"}", "line 1: no JSON: duplicate" },
		{ "{\"key\":\"a\",\"value64\":\"YQ=\"}", "\"value64\" is no base64" },
		{ "{\"key\":\"a\",\"value64\":\"YR==\"}", "\"value64\" is no base64" },
		{ "{\"key\":\"a\",\"value64\":\"=Q==\"}", "\"value64\" is no base64" },
		{ "{\"key\":\"a\",\"value64\":\"YQ==YQ==\"}", "\"value64\" is no base64" },
		{ "{\"key\":\"a\",\"value\":\"\",\"ttl\":\"1\"}", "more than a key and a value" },
		{ "hello\n", "line 1: no JSON" },
		{ "ampdump2", "is no dump" },
		{ "am", "is no dump" },
	};
	for (unsigned k = 0; k < sizeof bad / sizeof *bad; k++) {
		struct defect why = { "" };
		assert_int_equal(read_dump(bad[k].text, strlen(bad[k].text), NULL, &why), -1);
		if (!strstr(why.text, bad[k].says))
			fail_msg("%s: %s", bad[k].text, why.text);
	}
}

static void a_raw_dump_that_is_cut_is_told(void **state)
{
	(void)state;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	struct defect why;
	dump_raw_begin(f);
	for (uint8_t k = 1; k < 5; k++)
		dump_raw(f, (struct key){ &k, 1 }, &k, 1);
	dump_raw_end(f, 4);
	fclose(f);
	assert_int_equal(read_dump(out, size, NULL, &why), 4);
	for (size_t n = 1; n < size; n++)
		assert_int_equal(read_dump(out, n, NULL, &why), -1);
	out[size - 1] ^= 1;
	assert_int_equal(read_dump(out, size, NULL, &why), -1);
	assert_non_null(strstr(why.text, "the dump had 5 entries"));
	free(out);
}

static void a_spool_puts_entries_in_order_and_finds_twins(void **state)
{
	(void)state;
	for (int twin = 0; twin < 2; twin++) {
		char *out = NULL;
		size_t size;
		FILE *f = open_memstream(&out, &size);
		for (uint32_t k = 0; k < 1000; k++)
			fprintf(f, "{\"key\":\"%u\",\"value\":\"%u\"}\n",
			        k * 7919 % (twin ? 999 : 1000), k);
		fclose(f);
		FILE *in = text_file(out, size);
		struct dump_reader r;
		struct spool s;
		struct defect why = { "" };
		assert_int_equal(dump_reader_open(&r, in, "dump", &why), 0);
		assert_int_equal(spool_fill(&s, &r, &why), twin ? -1 : 0);
		if (twin)
			assert_non_null(strstr(why.text, "comes twice"));
		for (uint64_t k = 1; !twin && k < 1000; k++)
			assert_true(key_compare(spool_entry(&s, k - 1).key,
			                        spool_entry(&s, k).key) < 0);
		spool_close(&s);
		dump_reader_close(&r);
		fclose(in);
		free(out);
	}
}

/* ---- Volumes ---- */

static void both_sides_hash_alike(void **state)
{
	(void)state;
	const uint64_t key[2] = { 0x123456789abcdef, 0xfedcba987654321 };
	uint8_t bytes[64];
	for (uint32_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(k * 31 + 1);
	for (uint32_t n = 0; n <= sizeof bytes; n++)
		assert_true(sip_hash(key, bytes, n) == image_hash(key, bytes, n));
}

static void a_volume_gives_back_its_database(void **state)
{
	(void)state;
	const uint64_t size = 200000, room = 1 << 20;
	uint8_t *bytes = calloc(1, room), *database = malloc(size), *got = malloc(size);
	struct disk d;
	struct volume v;
	enum volume_found found;
	struct defect why;
	for (uint64_t k = 0; k < size; k++)
		database[k] = (uint8_t)(k * k >> 3);
	disk_memory(&d, bytes, room);
	FILE *f = text_file(database, size);
	assert_int_equal(volume_make(&d, f, size, &why), 0);
	fclose(f);
	assert_true(volume_look(&v, &d, &found));
	assert_int_equal(found, VOLUME_FOUND);
	assert_true(volume_read(&v, AMP_VOLUME_FILE_DATABASE, 0, got, size));
	assert_memory_equal(got, database, size);
	assert_false(volume_read(&v, AMP_VOLUME_FILE_DATABASE, size - 1, got, 2));
	bytes[40] ^= 1; /* of the only root */
	assert_true(volume_look(&v, &d, &found));
	assert_int_equal(found, VOLUME_BLANK); /* as the library has it: nothing was committed */
	memcpy(bytes + 4096, bytes, 512);
	assert_true(volume_look(&v, &d, &found));
	assert_int_equal(found, VOLUME_DAMAGED);
	disk_memory(&d, bytes, 300000);
	f = text_file(database, size);
	assert_int_equal(volume_make(&d, f, size, &why), 0);
	rewind(f);
	assert_int_equal(volume_make(&d, f, 295000, &why), -1);
	fclose(f);
	free(bytes);
	free(database);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_image_made_is_sound_and_the_same),
		cmocka_unit_test(what_the_host_makes_an_image_finds_sound_and_goes_on_with),
		cmocka_unit_test(a_store_without_room_is_refused),
		cmocka_unit_test(each_damaged_page_is_told_and_gone_around),
		cmocka_unit_test(either_root_is_looked_at),
		cmocka_unit_test(a_copy_is_one_state_or_none),
		cmocka_unit_test(a_damaged_store_is_never_copied),
		cmocka_unit_test(a_dump_gives_back_each_byte),
		cmocka_unit_test(a_bad_dump_is_told_by_its_line),
		cmocka_unit_test(a_raw_dump_that_is_cut_is_told),
		cmocka_unit_test(a_spool_puts_entries_in_order_and_finds_twins),
		cmocka_unit_test(both_sides_hash_alike),
		cmocka_unit_test(a_volume_gives_back_its_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * FAT against a model that is a list of names and their bytes, on volumes made by mkfs.fat: random
 * operations with openings anew; exchange with mtools both ways; power that goes at writes, after
 * which what was synced is there and fsck.fat finds nothing; full volumes, volumes that lie,
 * devices and memory that fail. FULL=1: ten times as much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <core/error.h>

#include "../store/fake.h"
#include <store/fat/internal.h>

#include "volume.h"

#define FILES_MAX 64u
#define SIZE_MAX_ (96u << 10)

static bool full;
static uint64_t seed;

static uint32_t below(uint32_t n)
{
	return (uint32_t)(disk_random(&seed) % n);
}

struct kind {
	const char *name, *options;
	uint32_t kib;
};
static const struct kind kinds[] = {
	{ "FAT12", "-F 12", 1440 },
	{ "FAT12, four sectors a cluster", "-F 12 -s 4 -r 64", 2880 },
	{ "FAT16", "-F 16 -s 1", 8192 },
	{ "FAT32", "-F 32 -s 1", 34000 },
	{ "sectors of 4096", "-F 12 -S 4096", 8192 },
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- The model ---- */

struct file {
	bool there, directory;
	uint32_t size;
	uint64_t changed; /* by which operation, last */
	uint8_t *bytes;   /* SIZE_MAX_ */
};
struct model {
	struct file all[FILES_MAX];
	uint64_t operation;
};

/* Number k's path: names that need long names and such that do not, in three directories and the
 * root. */
static const char *path_of(uint32_t k)
{
	static const char *const folders[] = { "", "dir/", "A long directory/", "dir/inner/" };
	static const char *const names[] = {
		"FILE%02u.TXT",
		"lower%02u.txt",
		"Name with spaces %02u.text",
		"f%02u",
		"gr\xc3\xbc\xc3\x9f dich %02u",
		"a.b.c.%02u",
		"\xe6\x97\xa5\xe6\x9c\xac %02u.html",
		"averylongnamethatgoesonandonandonandonandonandonandonandon%02u.extension"
	};
	static char path[2][256];
	static int which;
	char name[128];
	which ^= 1;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof name, names[k % 8], k);
#pragma GCC diagnostic pop
	snprintf(path[which], sizeof path[which], "%s%s", folders[k / 8 % 4], name);
	return path[which];
}

static void model_open(struct model *m)
{
	memset(m, 0, sizeof *m);
	for (uint32_t k = 0; k < FILES_MAX; k++)
		m->all[k].bytes = calloc(1, SIZE_MAX_);
}

static void model_close(struct model *m)
{
	for (uint32_t k = 0; k < FILES_MAX; k++)
		free(m->all[k].bytes);
}

static void model_copy(struct model *to, const struct model *from)
{
	for (uint32_t k = 0; k < FILES_MAX; k++) {
		uint8_t *bytes = to->all[k].bytes;
		to->all[k] = from->all[k];
		to->all[k].bytes = bytes;
		memcpy(bytes, from->all[k].bytes, from->all[k].size);
	}
	to->operation = from->operation;
}

static void make_folders(struct fat *f)
{
	assert_int_equal(fat_make_directory(f, "dir"), OK);
	assert_int_equal(fat_make_directory(f, "A long directory"), OK);
	assert_int_equal(fat_make_directory(f, "/dir/inner"), OK);
	assert_int_equal(fat_make_directory(f, "dir"), ERR_EXISTS);
}

/* Is it as the model says? */
static void compare_one(struct fat *f, const struct file *want, uint32_t k)
{
	struct fat_file *file;
	uint8_t *got = malloc(SIZE_MAX_ + 1);
	int error = fat_file_open(f, path_of(k), 0, &file);
	assert_int_equal(error, want->there ? OK : ERR_ABSENT);
	if (!error) {
		assert_int_equal(fat_file_size(file), want->size);
		assert_int_equal(fat_file_read(file, 0, got, SIZE_MAX_ + 1), want->size);
		assert_memory_equal(got, want->bytes, want->size);
		fat_file_close(file);
	}
	free(got);
}

static void compare(struct fat *f, const struct model *m)
{
	for (uint32_t k = 0; k < FILES_MAX; k++)
		compare_one(f, &m->all[k], k);
}

/* ---- Operations ---- */

static void write_some(struct fat *f, struct model *m, uint32_t k)
{
	struct file *e = &m->all[k];
	struct fat_file *file;
	static uint8_t bytes[SIZE_MAX_] __attribute__((aligned(4096)));
	int error = fat_file_open(f, path_of(k), FAT_WRITE | FAT_CREATE, &file);
	if (error == ERR_TOO_BIG && !e->there)
		return; /* a full directory or volume */
	assert_int_equal(error, OK);
	if (!e->there)
		e->size = 0;
	e->there = true;
	e->changed = m->operation;
	uint32_t at = below(3) ? e->size : below(e->size + 1 + below(5000));
	uint32_t size = below(4) ? below(3000) : below(40000);
	if (at > SIZE_MAX_)
		at = SIZE_MAX_;
	if (size > SIZE_MAX_ - at)
		size = SIZE_MAX_ - at;
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)disk_random(&seed);
	int64_t n = fat_file_write(file, at, bytes, size);
	if (n == ERR_TOO_BIG)
		n = 0;
	assert_true(n >= 0 && n <= size);
	uint32_t now = fat_file_size(file);
	if (n) {
		if (at > e->size)
			memset(e->bytes + e->size, 0, at - e->size);
		memcpy(e->bytes + at, bytes, (size_t)n);
		if (at + n > e->size)
			e->size = at + (uint32_t)n;
		assert_int_equal(now, e->size);
	} else {
		/* As much of the gap as there was room for. */
		assert_true(now >= e->size && now <= (at > e->size ? at : e->size));
		memset(e->bytes + e->size, 0, now - e->size);
		e->size = now;
	}
	fat_file_close(file);
}

static void truncate_some(struct fat *f, struct model *m, uint32_t k)
{
	struct file *e = &m->all[k];
	struct fat_file *file;
	if (!e->there)
		return;
	assert_int_equal(fat_file_open(f, path_of(k), FAT_WRITE, &file), OK);
	uint32_t size = below(2) ? below(e->size + 1) : below(20000);
	int error = fat_file_truncate(file, size);
	e->changed = m->operation;
	if (error == ERR_TOO_BIG) {
		assert_true(size > e->size);
		size = fat_file_size(file);
	} else {
		assert_int_equal(error, OK);
	}
	if (size > e->size)
		memset(e->bytes + e->size, 0, size - e->size);
	e->size = size;
	assert_int_equal(fat_file_size(file), size);
	fat_file_close(file);
}

static void rename_some(struct fat *f, struct model *m, uint32_t from, uint32_t to)
{
	struct file *a = &m->all[from], *b = &m->all[to];
	char old[256];
	strcpy(old, path_of(from));
	int error = fat_rename(f, old, path_of(to));
	if (!a->there) {
		assert_int_equal(error, ERR_ABSENT);
		return;
	}
	if (error == ERR_TOO_BIG && !b->there)
		return;
	assert_int_equal(error, OK);
	if (from == to)
		return;
	uint8_t *bytes = b->bytes;
	*b = *a;
	a->bytes = bytes;
	a->there = false;
	a->changed = b->changed = m->operation;
}

static void operate(struct fat *f, struct model *m)
{
	uint32_t k = below(FILES_MAX), what = below(20);
	m->operation++;
	if (what < 10) {
		write_some(f, m, k);
	} else if (what < 12) {
		truncate_some(f, m, k);
	} else if (what < 15) {
		assert_int_equal(fat_remove(f, path_of(k)), m->all[k].there ? OK : ERR_ABSENT);
		m->all[k].there = false;
		m->all[k].changed = m->operation;
	} else if (what < 18) {
		rename_some(f, m, k, below(FILES_MAX));
	} else {
		compare_one(f, &m->all[k], k);
	}
}

/* The entries of all directories are the model's, each once. */
static void compare_names(struct fat *f, const struct model *m)
{
	static const char *const folders[] = { "", "dir", "A long directory", "dir/inner" };
	uint32_t seen = 0, there = 0;
	for (uint32_t k = 0; k < 4; k++) {
		struct fat_directory *d;
		struct fat_info i;
		int error;
		assert_int_equal(fat_directory_open(f, folders[k], &d), OK);
		while (!(error = fat_directory_next(d, &i))) {
			char path[1024];
			bool known = i.directory;
			snprintf(path, sizeof path, "%s%s%s", folders[k], k ? "/" : "", i.name);
			for (uint32_t n = 0; n < FILES_MAX && !known; n++)
				known = m->all[n].there && !strcmp(path, path_of(n)) &&
				        i.size == m->all[n].size;
			assert_true(known);
			seen += !i.directory;
		}
		assert_int_equal(error, ERR_ABSENT);
		fat_directory_close(d);
	}
	for (uint32_t n = 0; n < FILES_MAX; n++)
		there += m->all[n].there;
	assert_int_equal(seen, there);
}

static void need_sound(const struct disk *d)
{
	if (!volume_is_sound(d->bytes, d->block.size))
		fail_msg("fsck.fat: %s", volume_says);
}

static void random_operations(const struct kind *kind, uint32_t operations)
{
	struct disk d;
	struct fat *f;
	static struct model m;
	volume_make(&d, kind->options, kind->kib, false);
	model_open(&m);
	volume_damages = 0;
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	make_folders(f);
	for (uint32_t n = 0; n < operations; n++) {
		operate(f, &m);
		if (n % 97 == 0)
			assert_int_equal(fat_sync(f), OK);
		if (n % 997 == 996) {
			compare(f, &m);
			compare_names(f, &m);
			assert_int_equal(fat_close(f), OK);
			need_sound(&d);
			assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
			compare(f, &m);
		}
	}
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	assert_int_equal(volume_damages, 0);
	assert_int_equal(fake_allocated, 0);
	model_close(&m);
	disk_close(&d);
}

static void random_operations_match_the_model(void **state)
{
	(void)state;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < KINDS; k++) {
		seed = k + 1;
		volume_direct = k & 1;
		random_operations(&kinds[k], full ? 60000 : 4000);
	}
	volume_direct = false;
}

/* ---- mtools ---- */

static void what_is_written_here_mtools_reads(void **state)
{
	(void)state;
	static struct model m;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < KINDS; k++) {
		struct disk d;
		struct fat *f;
		seed = 100 + k;
		volume_make(&d, kinds[k].options, kinds[k].kib, false);
		model_open(&m);
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		make_folders(f);
		for (uint32_t n = 0; n < 600; n++)
			operate(f, &m);
		assert_int_equal(fat_close(f), OK);
		volume_dump("ours", d.bytes, d.block.size);
		if (volume_run(
		            "rm -rf out && mkdir out && LC_ALL=C.UTF-8 mcopy -s -n -i ours :: out"))
			fail_msg("mcopy: %s", volume_says);
		uint8_t *got = malloc(SIZE_MAX_ + 1);
		for (uint32_t n = 0; n < FILES_MAX; n++) {
			char name[300];
			snprintf(name, sizeof name, "out/%s", path_of(n));
			FILE *file = fopen(volume_path(name), "re");
			if (!file != !m.all[n].there)
				fail_msg("%s: %s: %s", kinds[k].name, name,
				         file ? "is there" : "is not there");
			if (!file)
				continue;
			size_t size = fread(got, 1, SIZE_MAX_ + 1, file);
			fclose(file);
			assert_int_equal(size, m.all[n].size);
			assert_memory_equal(got, m.all[n].bytes, size);
		}
		free(got);
		model_close(&m);
		disk_close(&d);
	}
}

static void what_mtools_writes_is_read_here(void **state)
{
	(void)state;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < KINDS; k++) {
		struct disk d;
		struct fat *f;
		struct fat_file *file;
		uint8_t *bytes = malloc(200000), *got = malloc(200001);
		seed = 200 + k;
		volume_make(&d, kinds[k].options, kinds[k].kib, false);
		volume_dump("theirs", d.bytes, d.block.size);
		assert_int_equal(volume_run("rm -rf in && mkdir in in/sub 'in/Another Folder'"), 0);
		for (uint32_t n = 0; n < 24; n++) {
			char name[300];
			static const char *const folders[] = { "in", "in/sub",
				                               "in/Another Folder" };
			snprintf(name, sizeof name, "%s/file %u with \xc3\xa9.dat", folders[n % 3],
			         n);
			uint32_t size = n * n * 97 % 60000;
			for (uint32_t i = 0; i < size; i++)
				bytes[i] = (uint8_t)(i * n + i / 256);
			volume_dump(name, bytes, size);
		}
		if (volume_run("LC_ALL=C.UTF-8 mcopy -s -i theirs in/* ::"))
			fail_msg("mcopy: %s", volume_says);
		volume_load("theirs", d.bytes, d.block.size);
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		for (uint32_t n = 0; n < 24; n++) {
			char name[300];
			static const char *const folders[] = { "", "SUB/", "another folder/" };
			snprintf(name, sizeof name, "%sFile %u with \xc3\x89.dat", folders[n % 3],
			         n); /* whatever its case */
			uint32_t size = n * n * 97 % 60000;
			for (uint32_t i = 0; i < size; i++)
				bytes[i] = (uint8_t)(i * n + i / 256);
			assert_int_equal(fat_file_open(f, name, 0, &file), OK);
			assert_int_equal(fat_file_read(file, 0, got, 200001), size);
			assert_memory_equal(got, bytes, size);
			fat_file_close(file);
		}
		assert_int_equal(fat_close(f), OK);
		need_sound(&d);
		free(bytes);
		free(got);
		disk_close(&d);
	}
}

/* ---- Power ---- */

#define SYNCS_MAX 64u

static void power_cuts(const struct kind *kind, uint64_t from, uint32_t *cuts, uint32_t step)
{
	struct disk d;
	struct disk_cut cut;
	struct fat *f;
	static struct model m, synced[SYNCS_MAX];
	uint32_t syncs = 0, at = 0;
	seed = from;
	volume_make(&d, kind->options, kind->kib, false);
	model_open(&m);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	make_folders(f);
	for (uint32_t n = 0; n < 60; n++)
		operate(f, &m);
	assert_int_equal(fat_close(f), OK);

	/* Recorded from here on; the bytes before are the first write of the record. */
	struct disk r;
	disk_open(&r, d.block.size, true);
	r.record = false;
	memcpy(r.bytes, d.bytes, d.block.size);
	r.record = true;
	assert_int_equal(fat_open(&f, &r.block, &volume_options), OK);
	for (; syncs < SYNCS_MAX - 1; syncs++) {
		model_open(&synced[syncs]);
		model_copy(&synced[syncs], &m);
		disk_note(&r, syncs);
		for (uint32_t n = below(8); n--;)
			operate(f, &m);
		assert_int_equal(fat_sync(f), OK);
	}
	assert_int_equal(fat_close(f), OK);

	struct disk c;
	disk_open(&c, d.block.size, false);
	disk_cut_open(&cut, &r);
	memcpy(cut.durable, d.bytes, d.block.size);
	memcpy(cut.newest, d.bytes, d.block.size);
	uint32_t last = 0;
	for (; at < r.event_count; at++) {
		if (r.events[at].kind == DISK_NOTE)
			last = (uint32_t)r.events[at].at;
		if (r.events[at].kind != DISK_WRITE || below(step))
			continue;
		disk_cut_image(&cut, at + 1, disk_random(&seed), c.bytes);
		volume_damages = 0;
		assert_int_equal(fat_open(&f, &c.block, &volume_options), OK);
		if (volume_damages)
			fail_msg("cut at event %u: damage: %s", at, volume_damage);
		for (uint32_t k = 0; k < FILES_MAX; k++) {
			const struct file *was = &synced[last].all[k];
			/* What was not touched since the last sync is as it was. */
			const struct model *next = last + 1 < syncs ? &synced[last + 1] : &m;
			bool touched = next->all[k].changed > synced[last].operation;
			if (!touched)
				compare_one(f, was, k);
		}
		assert_int_equal(fat_close(f), OK);
		need_sound(&c);
		++*cuts;
	}
	disk_cut_close(&cut);
	for (uint32_t k = 0; k < syncs; k++)
		model_close(&synced[k]);
	model_close(&m);
	disk_close(&c);
	disk_close(&r);
	disk_close(&d);
}

static void power_that_goes_loses_nothing_synced(void **state)
{
	(void)state;
	uint32_t cuts = 0;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < 4; k++)
		for (uint32_t n = 0; n < (full ? 10 : 1); n++)
			power_cuts(&kinds[k], 1000 * k + n + 7, &cuts, full ? 1 : 3);
	printf("%u cuts\n", cuts);
	assert_true(cuts > 500);
}

/* ---- Names ---- */

static void names_that_fat_cannot_hold_are_refused(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	if (!volume_possible())
		skip();
	volume_make(&d, "-F 12", 1440, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	static const char *const bad[] = { "a*b",   "a?b",  "a:b",      "a|b",
		                           "a<b",   "a>b",  "a\"b",     "a\\b",
		                           "a\x01", "\xff", "\xc0\x80", "\xed\xa0\x80" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_int_equal(fat_file_open(f, bad[k], FAT_WRITE | FAT_CREATE, &file),
		                 ERR_INVALID);
	char longest[300];
	memset(longest, 'n', sizeof longest);
	longest[256] = 0;
	assert_int_equal(fat_file_open(f, longest, FAT_WRITE | FAT_CREATE, &file), ERR_TOO_BIG);
	longest[255] = 0;
	assert_int_equal(fat_file_open(f, longest, FAT_WRITE | FAT_CREATE, &file), OK);
	fat_file_close(file);
	assert_int_equal(fat_file_open(f, "no/such", FAT_WRITE | FAT_CREATE, &file), ERR_ABSENT);
	assert_int_equal(fat_file_open(f, "/", 0, &file), ERR_INVALID);
	assert_int_equal(fat_file_open(f, longest, FAT_CREATE, &file), ERR_INVALID);
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	disk_close(&d);
}

static void names_that_are_short_alike_get_tails_of_their_own(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	char name[64];
	if (!volume_possible())
		skip();
	volume_make(&d, "-F 16 -s 1", 8192, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	assert_int_equal(fat_make_directory(f, "many"), OK);
	for (uint32_t k = 0; k < 300; k++) {
		snprintf(name, sizeof name, "many/collision number %03u.text", k);
		assert_int_equal(
		        fat_file_open(f, name, FAT_WRITE | FAT_CREATE | FAT_EXCLUSIVE, &file), OK);
		assert_int_equal(fat_file_write(file, 0, &k, sizeof k), sizeof k);
		fat_file_close(file);
	}
	for (uint32_t k = 0; k < 300; k++) {
		uint32_t got;
		snprintf(name, sizeof name, "MANY/Collision Number %03u.TEXT", k);
		assert_int_equal(fat_file_open(f, name, 0, &file), OK);
		assert_int_equal(fat_file_read(file, 0, &got, sizeof got), sizeof got);
		assert_int_equal(got, k);
		fat_file_close(file);
		assert_int_equal(
		        fat_file_open(f, name, FAT_WRITE | FAT_CREATE | FAT_EXCLUSIVE, &file),
		        ERR_EXISTS);
	}
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	disk_close(&d);
}

/* ---- Directories ---- */

static void directories_move_and_go_only_when_empty(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	struct fat_info i;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < KINDS; k++) {
		volume_make(&d, kinds[k].options, kinds[k].kib, false);
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		make_folders(f);
		assert_int_equal(fat_file_open(f, "dir/inner/x", FAT_WRITE | FAT_CREATE, &file),
		                 OK);
		assert_int_equal(fat_file_write(file, 0, "x", 1), 1);
		fat_file_close(file);
		assert_int_equal(fat_remove(f, "dir"), ERR_INVALID);
		assert_int_equal(fat_rename(f, "dir", "dir/inner/deeper"), ERR_INVALID);
		assert_int_equal(fat_rename(f, "dir/inner", "A long directory/moved"), OK);
		assert_int_equal(fat_stat(f, "a long directory/MOVED/x", &i), OK);
		assert_int_equal(i.size, 1);
		assert_int_equal(fat_stat(f, "dir/inner", &i), ERR_ABSENT);
		assert_int_equal(fat_remove(f, "dir"), OK);
		assert_int_equal(fat_file_open(f, "a long directory", 0, &file), ERR_INVALID);
		assert_int_equal(fat_set_attributes(f, "a long directory/moved/x", FAT_READ_ONLY),
		                 OK);
		assert_int_equal(fat_remove(f, "a long directory/moved/x"), ERR_READ_ONLY);
		assert_int_equal(fat_file_open(f, "a long directory/moved/x", FAT_WRITE, &file),
		                 ERR_READ_ONLY);
		assert_int_equal(fat_close(f), OK);
		need_sound(&d);
		disk_close(&d);
	}
}

static void a_time_of_change_may_be_set(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	struct fat_info i;
	const int64_t when = 1234567890; /* 2009-02-13 23:31:30 */
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < KINDS; k++) {
		volume_make(&d, kinds[k].options, kinds[k].kib, false);
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		assert_int_equal(fat_set_modified(f, "x", when), ERR_ABSENT);
		assert_int_equal(fat_file_open(f, "x", FAT_WRITE | FAT_CREATE, &file), OK);
		fat_file_close(file);
		assert_int_equal(fat_set_modified(f, "x", when), OK);
		assert_int_equal(fat_stat(f, "x", &i), OK);
		assert_true(i.modified == when);
		/* Two seconds are the grain; a time that FAT cannot tell is the nearest that it can. */
		assert_int_equal(fat_set_modified(f, "x", when + 1), OK);
		assert_int_equal(fat_stat(f, "x", &i), OK);
		assert_true(i.modified == when);
		assert_int_equal(fat_close(f), OK);
		/* Others see it, too, and so do we after the next start. */
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		assert_int_equal(fat_stat(f, "x", &i), OK);
		assert_true(i.modified == when);
		assert_int_equal(fat_close(f), OK);
		need_sound(&d);
		disk_close(&d);
	}
}

static void what_is_written_over_in_memory_is_found(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	if (!volume_possible())
		skip();
	volume_make(&d, "-F 16 -s 1", 8192, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	assert_int_equal(fat_file_open(f, "x", FAT_WRITE | FAT_CREATE, &file), OK);
	assert_true(fat_is_valid(f));
	f->dirty++;
	assert_false(fat_is_valid(f));
	f->dirty--;
	struct unit *u = container_of(f->units.prev, struct unit, used); /* the one used last */
	u->at += f->sector;
	assert_false(fat_is_valid(f));
	u->at -= f->sector;
	struct node *n = container_of(f->nodes.next, struct node, list);
	n->users = 0;
	assert_false(fat_is_valid(f));
	n->users = 1;
	assert_true(fat_is_valid(f));
	fat_file_close(file);
	assert_int_equal(fat_close(f), OK);
	disk_close(&d);
}

static void a_removed_file_stays_readable_while_it_is_open(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	struct fat_figures before, after;
	uint8_t bytes[5000], got[5000];
	if (!volume_possible())
		skip();
	volume_make(&d, "-F 16 -s 1", 8192, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	assert_int_equal(fat_figures(f, &before), OK);
	memset(bytes, 7, sizeof bytes);
	assert_int_equal(fat_file_open(f, "x", FAT_WRITE | FAT_CREATE, &file), OK);
	assert_int_equal(fat_file_write(file, 0, bytes, sizeof bytes), sizeof bytes);
	assert_int_equal(fat_remove(f, "x"), OK);
	assert_int_equal(fat_sync(f), OK);
	assert_int_equal(fat_file_read(file, 0, got, sizeof got), sizeof got);
	assert_memory_equal(got, bytes, sizeof got);
	fat_file_close(file);
	assert_int_equal(fat_figures(f, &after), OK);
	assert_int_equal(after.clusters_free, before.clusters_free);
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	disk_close(&d);
}

static void a_full_root_directory_is_said(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	char name[16];
	uint32_t made = 0;
	if (!volume_possible())
		skip();
	volume_make(&d, "-F 12 -r 32", 1440, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	int error;
	for (;; made++) {
		snprintf(name, sizeof name, "F%u", made);
		if ((error = fat_file_open(f, name, FAT_WRITE | FAT_CREATE, &file)))
			break;
		fat_file_close(file);
	}
	assert_int_equal(error, ERR_TOO_BIG);
	assert_in_range(made, 30, 32);
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	disk_close(&d);
}

/* ---- What others give us ---- */

/* Whatever a volume says, nothing crashes, hangs or leaks. */
static void read_all(struct fat *f, const char *path, uint32_t depth, uint32_t *budget)
{
	struct fat_directory *d;
	struct fat_info i;
	static uint8_t bytes[4096];
	if (depth > 8 || fat_directory_open(f, path, &d))
		return;
	while (*budget && !fat_directory_next(d, &i)) {
		char name[4096];
		struct fat_file *file;
		--*budget;
		snprintf(name, sizeof name, "%s/%s", path, i.name);
		if (i.directory) {
			read_all(f, name, depth + 1, budget);
		} else if (!fat_file_open(f, name, 0, &file)) {
			for (uint64_t at = 0; at < fat_file_size(file) && at < 50000;
			     at += sizeof bytes)
				if (fat_file_read(file, at, bytes, sizeof bytes) < 0)
					break;
			fat_file_close(file);
		}
	}
	fat_directory_close(d);
}

static void volumes_that_lie_do_no_harm(void **state)
{
	(void)state;
	static struct model m;
	if (!volume_possible())
		skip();
	for (uint32_t k = 0; k < 4; k++) {
		struct disk d, c;
		struct fat *f;
		seed = 400 + k;
		volume_make(&d, kinds[k].options, kinds[k].kib, false);
		model_open(&m);
		assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
		make_folders(f);
		for (uint32_t n = 0; n < 300; n++)
			operate(f, &m);
		assert_int_equal(fat_close(f), OK);
		disk_open(&c, d.block.size, false);
		for (uint32_t n = 0; n < (full ? 5000 : 400); n++) {
			memcpy(c.bytes, d.bytes, d.block.size);
			/* In the boot sector, the tables, directories; and marked as in use, so
			 * that it is mended. */
			for (uint32_t times = 1 + below(8); times--;) {
				uint32_t area = below(4) ? 40000 : 512;
				c.bytes[below(area)] = (uint8_t)(below(2)   ? disk_random(&seed)
				                                 : below(2) ? 0
				                                            : 255);
			}
			if (below(2))
				c.bytes[k == 3 ? 65 : 37] |= 1;
			uint32_t budget = 300;
			struct fat_options o = volume_options;
			o.read_only = below(2);
			if (!fat_open(&f, &c.block, &o)) {
				struct fat_file *file;
				read_all(f, "", 0, &budget);
				if (!fat_file_open(f, "new file", FAT_WRITE | FAT_CREATE, &file)) {
					fat_file_write(file, 0, c.bytes, 3000);
					fat_file_close(file);
				}
				fat_remove(f, path_of(below(FILES_MAX)));
				fat_close(f);
			}
			assert_int_equal(fake_allocated, 0);
		}
		disk_close(&c);
		disk_close(&d);
		model_close(&m);
	}
}

static void a_device_that_fails_is_told_and_nothing_leaks(void **state)
{
	(void)state;
	if (!volume_possible())
		skip();
	struct disk d, c;
	struct fat *f;
	volume_make(&d, "-F 16 -s 1", 8192, false);
	disk_open(&c, d.block.size, false);
	for (uint32_t at = 1; at < 120; at++) {
		struct fat_file *file;
		memcpy(c.bytes, d.bytes, d.block.size);
		c.requests = 0;
		c.fail_at = at;
		int error = fat_open(&f, &c.block, &volume_options), all = error;
		if (!error) {
			all |= error = fat_make_directory(f, "d");
			all |= error = fat_file_open(f, "d/a file with a name",
			                             FAT_WRITE | FAT_CREATE, &file);
			if (!error) {
				uint8_t bytes[9000] = { 1 };
				int64_t n = fat_file_write(file, 0, bytes, sizeof bytes);
				all |= n < 0 ? (int)n : 0;
				fat_file_close(file);
			}
			all |= fat_close(f);
		}
		assert_int_equal(all != OK, c.requests >= at);
		assert_int_equal(fake_allocated, 0);
	}
	disk_close(&c);
	disk_close(&d);
}

static void memory_that_runs_out_is_told_and_nothing_leaks(void **state)
{
	(void)state;
	if (!volume_possible())
		skip();
	struct disk d;
	struct fat *f;
	volume_make(&d, "-F 16 -s 1", 8192, false);
	for (uint64_t left = 0;; left++) {
		struct fat_file *file;
		fake_memory_left = left;
		int error = fat_open(&f, &d.block, &volume_options);
		if (!error) {
			error = fat_file_open(f, "x", FAT_WRITE | FAT_CREATE, &file);
			if (!error)
				fat_file_close(file);
			fake_memory_left = UINT64_MAX;
			assert_int_equal(fat_close(f), OK);
		}
		fake_memory_left = UINT64_MAX;
		assert_int_equal(fake_allocated, 0);
		if (!error)
			break;
		assert_int_equal(error, ERR_MEMORY);
		assert_true(left < 100);
	}
	disk_close(&d);
}

static void what_is_no_fat_is_refused(void **state)
{
	(void)state;
	struct disk d;
	struct fat *f;
	disk_open(&d, 1 << 20, false);
	assert_int_equal(fat_open(&f, &d.block, NULL), ERR_MALFORMED);
	memset(d.bytes, 0xff, 1 << 20);
	assert_int_equal(fat_open(&f, &d.block, NULL), ERR_MALFORMED);
	assert_int_equal(fake_allocated, 0);
	disk_close(&d);
}

/* What was linear in a folder's files for each of them: four times as many took sixteen times as long. */
static void a_large_folder_takes_time_in_proportion(void **state)
{
	(void)state;
	if (!volume_possible())
		skip();
	struct disk d;
	struct fat *f;
	struct fat_file *file;
	struct fat_info info;
	struct fat_directory *list;
	char path[100];
	uint64_t reads[3];
	volume_make(&d, "-F 32 -s 1", 64 << 10, false);
	assert_int_equal(fat_open(&f, &d.block, &volume_options), OK);
	for (uint32_t k = 0; k < 3; k++) {
		static const char *const folders[] = { "a", "b", "c" };
		uint32_t files = 1000u << k * 2;
		uint64_t before = d.requests;
		assert_int_equal(fat_make_directory(f, folders[k]), OK);
		for (uint32_t n = 0; n < files; n++) {
			sprintf(path, "%s/A long name, number %u.data", folders[k], n);
			assert_int_equal(fat_file_open(f, path,
			                               FAT_WRITE | FAT_CREATE | FAT_EXCLUSIVE,
			                               &file),
			                 OK);
			fat_file_close(file);
		}
		reads[k] = d.requests - before;
	}
	assert_true(reads[2] < reads[1] * 6 + 5000 && reads[2] < 16000 * 8);
	/* The index knows the folder's end, so that no file walks there from its begin. */
	const struct index *x = NULL;
	for (uint32_t k = 0; k < INDEXES; k++)
		x = f->indexes[k].size && (!x || f->indexes[k].used > x->used) ? &f->indexes[k] : x;
	assert_non_null(x);
	assert_true(x->chain.index >= 16000 * 3 * 32 / f->cluster_size);
	/* Gone and renamed ones are not found any more; places are used anew. */
	for (uint32_t n = 0; n < 16000; n += 4) {
		sprintf(path, "c/A long name, number %u.data", n);
		assert_int_equal(fat_remove(f, path), OK);
		assert_int_equal(fat_stat(f, path, &info), ERR_ABSENT);
		sprintf(path, "c/A LONG NAME, number %u.data", n + 1);
		assert_int_equal(fat_rename(f, path, "c/moved"), OK);
		assert_int_equal(fat_stat(f, path, &info), ERR_ABSENT);
		assert_int_equal(fat_remove(f, "c/moved"), OK);
		sprintf(path, "c/new %u.data", n);
		assert_int_equal(fat_file_open(f, path, FAT_WRITE | FAT_CREATE, &file), OK);
		fat_file_close(file);
	}
	uint32_t there = 0;
	assert_int_equal(fat_directory_open(f, "c", &list), OK);
	while (!fat_directory_next(list, &info))
		there++;
	fat_directory_close(list);
	assert_int_equal(there, 12000);
	assert_int_equal(fat_close(f), OK);
	need_sound(&d);
	disk_close(&d);
}

int main(void)
{
	full = getenv("FULL") != NULL;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_fat_is_refused),
		cmocka_unit_test(names_that_fat_cannot_hold_are_refused),
		cmocka_unit_test(names_that_are_short_alike_get_tails_of_their_own),
		cmocka_unit_test(directories_move_and_go_only_when_empty),
		cmocka_unit_test(a_time_of_change_may_be_set),
		cmocka_unit_test(what_is_written_over_in_memory_is_found),
		cmocka_unit_test(a_removed_file_stays_readable_while_it_is_open),
		cmocka_unit_test(a_full_root_directory_is_said),
		cmocka_unit_test(a_large_folder_takes_time_in_proportion),
		cmocka_unit_test(random_operations_match_the_model),
		cmocka_unit_test(what_is_written_here_mtools_reads),
		cmocka_unit_test(what_mtools_writes_is_read_here),
		cmocka_unit_test(power_that_goes_loses_nothing_synced),
		cmocka_unit_test(volumes_that_lie_do_no_harm),
		cmocka_unit_test(a_device_that_fails_is_told_and_nothing_leaks),
		cmocka_unit_test(memory_that_runs_out_is_told_and_nothing_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "appliance.h"

#include <stdio.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/sha256.h>
#include <store/fat/fat.h>
#include <store/tar/tar.h>

#define PIECE (256u << 10)

static uint8_t *piece;
static const char *copy_to;

static int fail(const char *what, const char *name, int error)
{
	printf("failed: %s %s: %s\n", what, name, error_text(error));
	return 1;
}

static void print_sum(const char *kind, const char *name, uint64_t size, struct sha256 *s)
{
	uint8_t sum[SHA256_SIZE];
	sha256_end(s, sum);
	printf("%s %llu ", kind, (unsigned long long)size);
	for (uint32_t k = 0; k < SHA256_SIZE; k++)
		printf("%02x", sum[k]);
	printf(" %s\n", name);
}

static int one_file(struct fat *f, const char *path, const struct fat_info *i)
{
	struct fat_file *file, *copy = NULL;
	struct sha256 s;
	uint64_t at = 0;
	int64_t n = 0;
	char to[1600];
	int error = fat_file_open(f, path, 0, &file);
	if (error)
		return fail("open", path, error);
	sha256_begin(&s);
	if (*copy_to) {
		snprintf(to, sizeof to, "%s/%s", copy_to, i->name);
		error = fat_file_open(f, to, FAT_WRITE | FAT_CREATE | FAT_TRUNCATE, &copy);
	}
	while (!error && (n = fat_file_read(file, at, piece, PIECE)) > 0) {
		sha256_add(&s, piece, (size_t)n);
		if (copy && fat_file_write(copy, at, piece, (uint64_t)n) != n)
			error = ERR_TOO_BIG;
		at += (uint64_t)n;
	}
	if (copy)
		fat_file_close(copy);
	fat_file_close(file);
	if (error || n < 0)
		return fail("copy", path, error ? error : (int)n);
	print_sum("file", path, at, &s);
	return 0;
}

static int folder(struct fat *f, const char *path)
{
	struct fat_directory *d;
	struct fat_info i;
	int error = fat_directory_open(f, path, &d), failed = 0;
	if (error)
		return fail("open", path, error);
	while (!failed && !(error = fat_directory_next(d, &i))) {
		char name[1600];
		snprintf(name, sizeof name, "%s%s%s", path, *path ? "/" : "", i.name);
		if (i.directory)
			failed = !strcmp(name, copy_to) ? 0 : folder(f, name);
		else
			failed = one_file(f, name, &i);
	}
	fat_directory_close(d);
	return failed || error == ERR_ABSENT ? failed : fail("list", path, error);
}

static void damage(void *of, const char *what, uint64_t where)
{
	(void)of;
	printf("damage: %s (%llu)\n", what, (unsigned long long)where);
}

/* Made and opened again; how long it took. */
static int make_many(struct fat *f, uint32_t count)
{
	struct fat_file *file;
	char name[64];
	int error = fat_make_directory(f, "many");
	uint64_t began = clock_now();
	for (uint32_t k = 0; k < 2 * count && !error; k++) {
		snprintf(name, sizeof name, "many/A long name %u.text", k % count);
		error = fat_file_open(
		        f, name, k < count ? FAT_WRITE | FAT_CREATE | FAT_EXCLUSIVE : 0, &file);
		if (!error)
			fat_file_close(file);
	}
	error = error ? error : fat_sync(f);
	printf("many %u in %llu ms\n", count,
	       (unsigned long long)((clock_now() - began) / NS_PER_MS));
	return error;
}

static int volume(struct block *b)
{
	struct fat *f;
	struct fat_figures g;
	int error = fat_open(&f, b, &(struct fat_options){ .damage = damage });
	if (error)
		return fail("open", "volume", error);
	error = fat_figures(f, &g);
	if (!error)
		printf("volume FAT%u mended %d\n", g.bits, g.was_in_use);
	if (!error && *copy_to) {
		error = fat_make_directory(f, copy_to);
		error = error == ERR_EXISTS ? OK : error;
	}
	if (!error && arg_many())
		error = make_many(f, arg_many());
	int failed = error ? fail("copy to", copy_to, error) : folder(f, "");
	error = fat_close(f);
	return failed ? failed : error ? fail("close", "volume", error) : 0;
}

static int archive(struct block *b)
{
	struct tar t;
	struct tar_cursor c = { 0 };
	static struct tar_entry e;
	int error;
	tar_device(&t, b, heap_alloc_aligned(BLOCK_ALIGN, BLOCK_ALIGN));
	while (!(error = tar_next(&t, &c, &e))) {
		struct sha256 s;
		int64_t n = 0;
		sha256_begin(&s);
		for (uint64_t at = 0;
		     e.kind == TAR_FILE && (n = tar_read(&t, &e, at, piece, PIECE)) > 0;
		     at += (uint64_t)n)
			sha256_add(&s, piece, (size_t)n);
		if (n < 0)
			return fail("read", e.name, (int)n);
		print_sum(e.kind == TAR_FILE        ? "tar-file"
		          : e.kind == TAR_DIRECTORY ? "tar-folder"
		                                    : "tar-other",
		          e.name, e.size, &s);
	}
	return error == ERR_ABSENT ? 0 : fail("list", "archive", error);
}

int main(void)
{
	struct block *data = block_find("data"), *tar = block_find("archive");
	copy_to = arg_copy();
	piece = heap_alloc_aligned(PIECE, BLOCK_ALIGN);
	return (data ? volume(data) : 0) || (tar ? archive(tar) : 0);
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes FAT volumes: the input's first bytes lie over the beginning of a small volume, which is
 * then opened, looked at, written to and closed. Nothing may crash, hang, leak, or leave a volume
 * that is not sound to the next opening.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/page.h>
#include <store/fat/fat.h>

#include "disk.h"
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int64_t clock_wall(void)
{
	return 1700000000ll * 1000000000;
}

struct page *page_of(const void *p)
{
	(void)p;
	return NULL;
}

static void look(struct fat *f, const char *path, uint32_t depth, uint32_t *budget)
{
	struct fat_directory *d;
	struct fat_info i;
	uint8_t bytes[1000];
	if (depth > 4 || fat_directory_open(f, path, &d))
		return;
	while (*budget && !fat_directory_next(d, &i)) {
		char name[2000];
		struct fat_file *file;
		--*budget;
		snprintf(name, sizeof name, "%s/%s", path, i.name);
		if (i.directory) {
			look(f, name, depth + 1, budget);
		} else if (!fat_file_open(f, name, FAT_WRITE, &file)) {
			fat_file_read(file, 0, bytes, sizeof bytes);
			fat_file_write(file, fat_file_size(file) / 2, bytes, sizeof bytes);
			fat_file_close(file);
			if (*budget % 3 == 0)
				fat_remove(f, name);
			else if (*budget % 3 == 1)
				fat_rename(f, name, "/moved");
		}
	}
	fat_directory_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t boot[] = { 0xeb, 0x3c, 0x90, 'm', 'k', 'f',  's', '.',
		                        'f',  'a',  't',  0,   2,   1,    1,   0,
		                        2,    16,   0,    128, 0,   0xf8, 1,   0 };
	struct disk d;
	struct fat *f;
	uint32_t budget = 40;
	disk_open(&d, 64 << 10, false);
	memcpy(d.bytes, boot, sizeof boot);
	d.bytes[510] = 0x55;
	d.bytes[511] = 0xaa;
	d.bytes[37] = 1; /* in use: it is mended */
	/* A few bytes over the boot sector, all else over tables, root and data. */
	if (size > 4) {
		d.bytes[11 + data[0] % 40] = data[1];
		d.bytes[11 + data[2] % 40] = data[3];
		memcpy(d.bytes + 512, data + 4, size - 4 < (63 << 10) ? size - 4 : 63 << 10);
	}
	if (!fat_open(&f, &d.block, NULL)) {
		struct fat_file *file;
		look(f, "", 0, &budget);
		fat_make_directory(f, "made here");
		if (!fat_file_open(f, "made here/a file", FAT_WRITE | FAT_CREATE, &file)) {
			fat_file_write(file, 3000, data, size);
			fat_file_close(file);
		}
		fat_close(f);
	}
	if (fake_allocated)
		abort();
	disk_close(&d);
	return 0;
}

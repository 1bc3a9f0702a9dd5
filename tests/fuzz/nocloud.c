/* SPDX-License-Identifier: ISC */
/* Fuzzes the boot kernel's reader of NoCloud's disks, and what it makes of their words: the input is the disk. Whatever is on it, the
 * reader ends, reads whole sectors of the disk only, and its text ends with a zero byte within its room. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <boot/nocloud.h>
#include <boot/words.h>

#define SECTOR    512u
#define READS_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct bytes {
	const uint8_t *at;
	size_t size;
	uint32_t reads;
};

/* The processor's ports are not there. */
bool platform_is_qemu(void)
{
	return false;
}

static int read(void *of, void *to, uint32_t size, uint64_t at)
{
	struct bytes *b = of;
	assert(at % SECTOR == 0 && size % SECTOR == 0 && at <= b->size && size <= b->size - at);
	assert(++b->reads < READS_MAX);
	memcpy(to, b->at + at, size);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct driver driver = { .read = read };
	struct bytes b = { bytes, size / SECTOR * SECTOR, 0 };
	struct block_extent extent = { .size = b.size, .sector_size = SECTOR };
	const struct driver_disk d = {
		.driver = &driver, .of = &b, .extent = &extent, .place = "here", .serial = ""
	};
	struct words w = { 0 };
	struct defect why;
	char *text = malloc(NOCLOUD_MOST + 1);
	if (nocloud_read(&d, text, &why) == 1) {
		assert(strnlen(text, NOCLOUD_MOST + 1) <= NOCLOUD_MOST);
		words_add(&w, text, size & 1, &why);
	}
	free(text);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes tar archives. The input's first byte says which checks are made to fit: those of all
 * blocks with ustar's magic, so that a fuzzer gets past them. Read in memory and on a device, an
 * archive must give the same entries, all of them within it, and the same error at its end, now and
 * when asked again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <store/tar/tar.h>

#include "disk.h"

#define ENTRIES_MAX 64u /* whose contents are read, too */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void fix(uint8_t *h)
{
	char text[8];
	uint32_t sum = 0;
	memset(h + 148, ' ', 8);
	for (uint32_t k = 0; k < TAR_BLOCK; k++)
		sum += h[k];
	snprintf(text, sizeof text, "%06o", sum & 0777777);
	memcpy(h + 148, text, 7);
}

static void read_both(struct tar *memory, struct tar *device, const struct tar_entry *e)
{
	uint8_t bytes[1500];
	uint64_t at = e->size / 3;
	int64_t want = (int64_t)(e->size - at < sizeof bytes ? e->size - at : sizeof bytes);
	need(tar_read(memory, e, at, bytes, sizeof bytes) == want);
	need(!want || !memcmp(bytes, e->data + at, (size_t)want));
	memset(bytes, 0, sizeof bytes);
	need(tar_read(device, e, at, bytes, sizeof bytes) == want);
	need(!want || !memcmp(bytes, e->data + at, (size_t)want));
}

static void walk(struct tar *memory, struct tar *device)
{
	static struct tar_entry a, b, found;
	struct tar_cursor here = { 0 }, there = { 0 };
	int error;
	for (uint64_t count = 0;; count++) {
		error = tar_next(memory, &here, &a);
		need(tar_next(device, &there, &b) == error);
		if (error)
			break;
		need(count <= memory->size / TAR_BLOCK);
		need(a.at <= memory->size && a.size <= memory->size - a.at);
		need(a.data == memory->bytes + a.at && !b.data);
		need(a.kind <= TAR_OTHER && a.kind == b.kind && a.mode == b.mode);
		need(a.modified == b.modified && a.at == b.at && a.size == b.size);
		need(memchr(a.name, 0, sizeof a.name) && memchr(a.link, 0, sizeof a.link));
		need(a.name[0] && !strcmp(a.name, b.name) && !strcmp(a.link, b.link));
		if (count < ENTRIES_MAX)
			read_both(memory, device, &a);
	}
	need(error == ERR_ABSENT || error == ERR_MALFORMED || error == ERR_TOO_BIG);
	need(tar_next(memory, &here, &a) == error && tar_next(device, &there, &b) == error);
	/* The last entry has the last of its name. */
	if (error == ERR_ABSENT && here.at) {
		struct tar_cursor c = { 0 };
		while (!tar_next(memory, &c, &a))
			b = a;
		need(tar_find(device, b.name, &found) == OK && found.at == b.at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(4096) uint8_t window[BLOCK_ALIGN];
	struct tar memory, device;
	struct disk d;
	if (size < 1)
		return 0;
	uint64_t archive = (size - 1 + DISK_UNIT - 1) / DISK_UNIT * DISK_UNIT;
	if (!archive)
		return 0;
	disk_open(&d, archive, false);
	memcpy(d.bytes, data + 1, size - 1);
	for (uint64_t at = 0; data[0] & 1 && at < archive; at += TAR_BLOCK)
		if (!memcmp(d.bytes + at + 257, "ustar", 5))
			fix(d.bytes + at);
	tar_memory(&memory, d.bytes, archive);
	tar_device(&device, &d.block, window);
	walk(&memory, &device);
	disk_close(&d);
	return 0;
}

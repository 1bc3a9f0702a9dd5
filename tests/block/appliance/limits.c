/* SPDX-License-Identifier: ISC */
/* Requests that do not fit. Each must come back with its error, and leave the device as it was. */
#include <string.h>

#include <core/error.h>

#include "try.h"

static uint32_t calls;

static void done(struct block_request *r)
{
	(void)r;
	calls++;
}

/* Through block_submit, which says so by calling done at once. */
static int submit(struct block *b, struct block_request r)
{
	calls = 0;
	r.done = done;
	r.result = 1;
	block_submit(b, &r);
	need(calls == 1, "a request that does not fit was answered %u times, not once", calls);
	return r.result;
}

void limits_try(struct block *b, struct block *rom)
{
	uint64_t sector = b->sector_size, size = b->size;
	uint8_t *page = pages_or_fail(2 * BLOCK_ALIGN);
	struct block_part parts[BLOCK_PARTS_MAX + 1];
	memset(page, 0x5a, BLOCK_ALIGN);
	need(block_write(b, 0, page, BLOCK_ALIGN) == OK, "a good write failed");

#define refused(call_) need((call_) == ERR_INVALID, #call_ " is not refused")
	refused(block_read(b, 1, page, sector));
	refused(block_read(b, 0, page, sector - 1));
	refused(block_read(b, 0, page + 8, sector));
	refused(block_read(b, 0, page, 0));
	refused(block_read(b, size, page, sector));
	refused(block_read(b, size - sector, page, 2 * sector));
	refused(block_read(b, -sector, page, 2 * sector));
	refused(block_write(b, 1, page, sector));
	refused(block_write(b, size, page, sector));
	refused(block_write(b, UINT64_MAX - sector + 1, page, sector));
	refused(block_discard(b, 1, sector));
	refused(block_discard(b, 0, sector + 1));
	refused(block_discard(b, size, sector));
	refused(block_discard(b, sector, UINT64_MAX - sector + 1));
	for (uint32_t i = 0; i <= BLOCK_PARTS_MAX; i++)
		parts[i] = (struct block_part){ page, sector };
	refused(block_read_parts(b, 0, parts, BLOCK_PARTS_MAX + 1));
	refused(block_read_parts(b, 0, parts, 0));
	parts[1].size = 1;
	refused(block_read_parts(b, 0, parts, 2));
	parts[1] = (struct block_part){ page, UINT64_MAX - sector + 1 };
	refused(block_read_parts(b, 0, parts, 3));
	parts[0].size = parts[1].size = 1ull << 63;
	refused(block_read_parts(b, 0, parts, 2)); /* whose sum is zero */
	parts[0].size = sector;
	refused(submit(b, (struct block_request){
	                          .op = (enum block_op)9, .parts = parts, .part_count = 1 }));
	refused(submit(b, (struct block_request){
	                          .op = BLOCK_READ, .at = size, .parts = parts, .part_count = 1 }));
	if (rom) {
		need(rom->read_only, "the read-only device says that it is not");
		need(block_read(rom, 0, page + BLOCK_ALIGN, rom->sector_size) == OK,
		     "the read-only device cannot be read");
		need(block_write(rom, 0, page, rom->sector_size) == ERR_READ_ONLY,
		     "it can be written");
		need(block_discard(rom, 0, rom->sector_size) == ERR_READ_ONLY,
		     "it can be discarded");
	}
	memset(page, 0, BLOCK_ALIGN);
	need(block_read(b, 0, page, BLOCK_ALIGN) == OK, "a good read failed afterwards");
	for (uint32_t i = 0; i < BLOCK_ALIGN; i++)
		need(page[i] == 0x5a, "byte %u was changed by a request that was refused", i);
	/* The last sector is there. */
	need(block_write(b, size - sector, page, sector) == OK,
	     "the last sector cannot be written");
	need(block_read(b, size - sector, page, sector) == OK, "the last sector cannot be read");
}

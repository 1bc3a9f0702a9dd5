/* SPDX-License-Identifier: ISC */
/* Bytes of the device, at any position. Memory that the device can take goes to it as it is; all
 * other, and the edges of what is no whole sector of the device's, goes through one buffer. */
#include <store/fat/internal.h>

#include <core/page.h>

#define PIECE (1u << 20) /* of one request */
_Static_assert(TRANSFER_SIZE % SECTOR_MAX == 0 && PIECE % SECTOR_MAX == 0,
               "whole sectors of any device");

static bool direct(const struct fat *f, uint64_t at, const void *bytes, uint64_t size)
{
	uint64_t mask = f->block->sector_size - 1;
	return bytes && !(at & mask) && !((uintptr_t)bytes & mask) && size > mask && page_of(bytes);
}

/* How much of it the buffer takes, from the sector that `at` is in. */
static uint64_t window(const struct fat *f, uint64_t at, uint64_t size, uint64_t *from,
                       uint64_t *whole)
{
	uint64_t mask = f->block->sector_size - 1;
	*from = at & ~mask;
	uint64_t n = TRANSFER_SIZE - (at - *from);
	n = n < size ? n : size;
	*whole = (at - *from + n + mask) & ~mask;
	return n;
}

int fat_transfer_read(struct fat *f, uint64_t at, void *to, uint64_t size)
{
	uint64_t mask = f->block->sector_size - 1;
	uint8_t *bytes = to;
	int error = OK;
	while (size && !error) {
		uint64_t n, from, whole;
		if (direct(f, at, bytes, size)) {
			n = size < PIECE ? size & ~mask : PIECE;
			error = block_read(f->block, at, bytes, n);
		} else {
			n = window(f, at, size, &from, &whole);
			error = block_read(f->block, from, f->transfer, whole);
			if (!error)
				memcpy(bytes, f->transfer + (at - from), n);
		}
		at += n;
		bytes += n;
		size -= n;
	}
	return error;
}

static int write_window(struct fat *f, uint64_t at, const uint8_t *bytes, uint64_t n, uint64_t from,
                        uint64_t whole)
{
	uint32_t sector = f->block->sector_size;
	uint64_t end = from + whole;
	int error = OK;
	if (at > from || (at + n < end && whole == sector))
		error = block_read(f->block, from, f->transfer, sector);
	if (!error && at + n < end && whole > sector)
		error = block_read(f->block, end - sector, f->transfer + whole - sector, sector);
	if (error)
		return error;
	if (bytes)
		memcpy(f->transfer + (at - from), bytes, n);
	else
		memset(f->transfer + (at - from), 0, n);
	return block_write(f->block, from, f->transfer, whole);
}

int fat_transfer_write(struct fat *f, uint64_t at, const void *bytes_from, uint64_t size)
{
	uint64_t mask = f->block->sector_size - 1;
	const uint8_t *bytes = bytes_from;
	int error = OK;
	while (size && !error) {
		uint64_t n, from, whole;
		if (direct(f, at, bytes, size)) {
			n = size < PIECE ? size & ~mask : PIECE;
			error = block_write(f->block, at, bytes, n);
		} else {
			n = window(f, at, size, &from, &whole);
			error = write_window(f, at, bytes, n, from, whole);
		}
		at += n;
		bytes = bytes ? bytes + n : NULL;
		size -= n;
	}
	f->written = true;
	if (error)
		f->refuses = error;
	return error;
}

int fat_transfer_flush(struct fat *f)
{
	int error = block_flush(f->block);
	if (error)
		f->refuses = error;
	else
		f->written = false;
	return error;
}

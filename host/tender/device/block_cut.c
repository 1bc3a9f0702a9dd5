/* SPDX-License-Identifier: ISC */
/*
 * Power that goes in the middle of writing. Each 512 bytes that were written since the last flush
 * have as many versions as they were written, and the one before; when the power goes, each is left
 * in one of them, drawn on its own. That covers writes that were lost, cut short, torn and swapped.
 * A program that is right for all of these is right for any disk that writes 512 bytes whole or not
 * at all.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/block_file.h>

#define UNIT 512u

struct unit {
	uint64_t number;
	uint32_t count;            /* of versions; 0: the slot is free */
	uint8_t (*versions)[UNIT]; /* the durable one first */
};

struct block_cut {
	uint64_t writes_left, seed;
	struct unit *units; /* a hash table */
	uint64_t size, used;
};

static uint64_t draw(struct block_cut *c)
{
	uint64_t z = c->seed += 0x9e3779b97f4a7c15ull; /* splitmix64 */
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct block_cut *block_cut_new(uint64_t writes, uint64_t seed)
{
	/* Another thread's own arena would be made by system calls that the tender has given up. */
	mallopt(M_ARENA_MAX, 1);
	struct block_cut *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->writes_left = writes;
	c->seed = seed;
	c->size = 1024;
	c->units = calloc(c->size, sizeof *c->units);
	if (c->units)
		return c;
	free(c);
	return NULL;
}

static struct unit *slot(struct unit *units, uint64_t size, uint64_t number)
{
	uint64_t at = number * 0x9e3779b97f4a7c15ull >> 20 & (size - 1);
	while (units[at].count && units[at].number != number)
		at = (at + 1) & (size - 1);
	return &units[at];
}

static bool grow(struct block_cut *c)
{
	if (2 * c->used < c->size)
		return true;
	struct unit *units = calloc(2 * c->size, sizeof *units);
	if (!units)
		return false;
	for (uint64_t k = 0; k < c->size; k++)
		if (c->units[k].count)
			*slot(units, 2 * c->size, c->units[k].number) = c->units[k];
	free(c->units);
	c->units = units;
	c->size *= 2;
	return true;
}

static bool remember(struct unit *u, const uint8_t *bytes)
{
	void *more = realloc(u->versions, (u->count + 1) * sizeof *u->versions);
	if (!more)
		return false;
	u->versions = more;
	memcpy(u->versions[u->count++], bytes, UNIT);
	return true;
}

bool block_cut_writing(struct block_cut *c, int fd, uint64_t at, const uint8_t *bytes,
                       uint64_t size)
{
	for (uint64_t k = 0; k < size; k += UNIT) {
		uint64_t number = (at + k) / UNIT;
		if (!grow(c))
			return false;
		struct unit *u = slot(c->units, c->size, number);
		if (!u->count) {
			uint8_t before[UNIT] = { 0 };
			if (pread(fd, before, UNIT, (off_t)(at + k)) < 0 || !remember(u, before))
				return false;
			u->number = number;
			c->used++;
		}
		if (!remember(u, bytes + k))
			return false;
	}
	return true;
}

void block_cut_flushed(struct block_cut *c)
{
	for (uint64_t k = 0; k < c->size; k++) {
		free(c->units[k].versions);
		c->units[k] = (struct unit){ 0 };
	}
	c->used = 0;
}

void block_cut_free(struct block_cut *c)
{
	if (!c)
		return;
	block_cut_flushed(c);
	free(c->units);
	free(c);
}

bool block_cut_written(struct block_cut *c, int fd)
{
	uint64_t kept = 0;
	if (--c->writes_left)
		return false;
	for (uint64_t k = 0; k < c->size; k++) {
		const struct unit *u = &c->units[k];
		if (!u->count)
			continue;
		uint64_t which = draw(c) % u->count;
		kept += which + 1 == u->count;
		if (pwrite(fd, u->versions[which], UNIT, (off_t)(u->number * UNIT)) != UNIT)
			say("power cut: cannot write what is left");
	}
	fdatasync(fd);
	say("power cut: %llu sectors were not flushed, %llu of them are as they were written last",
	    (unsigned long long)c->used, (unsigned long long)kept);
	return true;
}

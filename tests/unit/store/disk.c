/* SPDX-License-Identifier: ISC */
#include "disk.h"
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <core/list.h>

uint64_t disk_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static struct disk_event *add(struct disk *d)
{
	if (d->event_count == d->event_size) {
		d->event_size = d->event_size ? 2 * d->event_size : 1024;
		d->events = realloc(d->events, d->event_size * sizeof *d->events);
		if (!d->events)
			abort();
	}
	return &d->events[d->event_count++];
}

static void submit(struct block *b, struct block_request *q)
{
	struct disk *d = container_of(b, struct disk, block);
	uint64_t at = q->at;
	fake_check(); /* each place where a store would wait */
	d->requests++;
	if (d->fail_at && (d->fail_once ? d->requests == d->fail_at : d->requests >= d->fail_at)) {
		block_finish(b, q, ERR_IO);
		return;
	}
	if (q->op == BLOCK_FLUSH && d->record)
		*add(d) = (struct disk_event){ .kind = DISK_FLUSH };
	if (q->op == BLOCK_WRITE && d->record) {
		uint8_t *bytes = malloc(q->size), *to = bytes;
		for (uint32_t k = 0; k < q->part_count; to += q->parts[k++].size)
			memcpy(to, q->parts[k].bytes, q->parts[k].size);
		*add(d) = (struct disk_event){ DISK_WRITE, at, q->size, bytes };
	}
	if (q->op == BLOCK_DISCARD) { /* nobody can count on anything that was there */
		memset(d->bytes + at, 0xdd, q->size);
		d->discarded += q->size;
		if (d->record) {
			uint8_t *bytes = malloc(q->size);
			memset(bytes, 0xdd, q->size);
			*add(d) = (struct disk_event){ DISK_WRITE, at, q->size, bytes };
		}
	}
	for (uint32_t k = 0; k < q->part_count && q->op <= BLOCK_WRITE; at += q->parts[k++].size) {
		if (q->op == BLOCK_WRITE)
			memcpy(d->bytes + at, q->parts[k].bytes, q->parts[k].size);
		else
			memcpy(q->parts[k].bytes, d->bytes + at, q->parts[k].size);
	}
	block_finish(b, q, OK);
}

static const struct block_driver driver = { submit };

void disk_open(struct disk *d, uint64_t size, bool record)
{
	*d = (struct disk){
		.block = { .name = "disk", .driver = &driver, .size = size, .sector_size = 512 },
		.bytes = calloc(1, size),
		.record = record
	};
	if (!d->bytes)
		abort();
}

void disk_close(struct disk *d)
{
	for (uint32_t k = 0; k < d->event_count; k++)
		free(d->events[k].bytes);
	free(d->events);
	free(d->bytes);
}

void disk_note(struct disk *d, uint64_t number)
{
	*add(d) = (struct disk_event){ .kind = DISK_NOTE, .at = number };
}

void disk_cut_open(struct disk_cut *c, const struct disk *d)
{
	uint64_t size = d->block.size;
	*c = (struct disk_cut){ .disk = d,
		                .durable = calloc(1, size),
		                .newest = calloc(1, size),
		                .touched = calloc(1, size / DISK_UNIT) };
	if (!c->durable || !c->newest || !c->touched)
		abort();
}

void disk_cut_close(struct disk_cut *c)
{
	free(c->durable);
	free(c->newest);
	free(c->touched);
}

void disk_cut_image(struct disk_cut *c, uint32_t upto, uint64_t seed, uint8_t *image)
{
	uint64_t size = c->disk->block.size;
	for (; c->next < upto; c->next++) {
		const struct disk_event *e = &c->disk->events[c->next];
		if (e->kind == DISK_WRITE) {
			memcpy(c->newest + e->at, e->bytes, e->size);
			memset(c->touched + e->at / DISK_UNIT, 1, e->size / DISK_UNIT);
		} else if (e->kind == DISK_FLUSH) {
			memcpy(c->durable, c->newest, size);
			memset(c->touched, 0, size / DISK_UNIT);
			c->first = c->next + 1;
		}
	}
	memcpy(image, c->durable, size);
	/* Each unit ends in one of its versions: a write that comes later may have come through
	 * where an earlier did not. */
	for (uint64_t u = 0; u < size / DISK_UNIT; u++) {
		if (!c->touched[u])
			continue;
		uint32_t versions = 1, which;
		for (uint32_t k = c->first; k < upto; k++) {
			const struct disk_event *e = &c->disk->events[k];
			versions += e->kind == DISK_WRITE && u * DISK_UNIT >= e->at &&
			            u * DISK_UNIT < e->at + e->size;
		}
		which = (uint32_t)(disk_random(&seed) % versions);
		for (uint32_t k = c->first; k < upto && which; k++) {
			const struct disk_event *e = &c->disk->events[k];
			if (e->kind == DISK_WRITE && u * DISK_UNIT >= e->at &&
			    u * DISK_UNIT < e->at + e->size && !--which)
				memcpy(image + u * DISK_UNIT, e->bytes + (u * DISK_UNIT - e->at),
				       DISK_UNIT);
		}
	}
}

/* SPDX-License-Identifier: ISC */
/* Sectors of tables and directories. Changed ones stay until a commit writes them: fat_commit_room sees
 * to it that there are never so many that none is left to read into. */
#include <store/fat/internal.h>

#include <core/panic.h>

#define AHEAD 8u /* sectors read at once, where they follow each other */
#define BATCH BLOCK_PARTS_MAX
_Static_assert(AHEAD *SECTOR_MAX <= TRANSFER_SIZE, "what is read ahead fits into the buffer");
_Static_assert(AHEAD < UNITS_MIN / 2,
               "as long as the cache is not crowded, there is a place for each sector read");

static struct unit **bucket(struct fat *f, uint64_t at)
{
	return &f->buckets[at / f->sector % BUCKETS];
}

static struct unit *find(struct fat *f, uint64_t at)
{
	struct unit *u = *bucket(f, at);
	while (u && u->at != at)
		u = u->next;
	return u;
}

static void drop(struct fat *f, struct unit *u)
{
	struct unit **p = bucket(f, u->at);
	while (*p != u)
		p = &(*p)->next;
	*p = u->next;
	f->dirty -= u->dirty;
	u->valid = u->dirty = false;
	/* The next to be used anew. */
	list_remove(&u->used);
	list_append(f->units.next, &u->used);
}

static struct unit *take(struct fat *f)
{
	list_each (l, &f->units) {
		struct unit *u = container_of(l, struct unit, used);
		if (u->dirty)
			continue;
		if (u->valid)
			drop(f, u);
		list_move(&f->units, &u->used);
		return u;
	}
	return NULL;
}

static void enter(struct fat *f, struct unit *u, uint64_t at, bool table)
{
	struct unit **b = bucket(f, at);
	u->at = at;
	u->table = table;
	u->valid = true;
	u->next = *b;
	*b = u;
}

int fat_cache_get(struct fat *f, uint64_t at, uint64_t end, bool table, struct unit **to)
{
	at -= (at - f->tables_at) %
	      f->sector; /* tables begin at a sector, and all else behind them */
	struct unit *u = find(f, at);
	if (u) {
		list_move(&f->units, &u->used);
		*to = u;
		return OK;
	}
	uint32_t n = 1;
	while (n < AHEAD && at + (n + 1) * f->sector <= end && !find(f, at + n * f->sector) &&
	       !fat_cache_crowded(f))
		n++;
	/* The buffer is free: it keeps nothing. */
	int error = fat_transfer_read(f, at, f->transfer, (uint64_t)n * f->sector);
	for (uint32_t k = n; k-- && !error;) {
		u = take(f);
		ensure(u);
		memcpy(u->bytes, f->transfer + k * f->sector, f->sector);
		enter(f, u, at + k * f->sector, table);
	}
	*to = u;
	return error;
}

void fat_cache_dirty(struct fat *f, struct unit *u)
{
	ensure(u->valid);
	f->dirty += !u->dirty;
	u->dirty = true;
}

void fat_cache_forget(struct fat *f, uint64_t at, uint64_t size)
{
	for (uint32_t k = 0; k < f->unit_count; k++) {
		struct unit *u = &f->unit_array[k];
		if (u->valid && u->at >= at && u->at - at < size)
			drop(f, u);
	}
}

/* Small enough to need nothing better; already in order but for a few. */
static void sort(struct unit **list, uint32_t count)
{
	for (uint32_t k = 1; k < count; k++) {
		struct unit *u = list[k];
		uint32_t j = k;
		for (; j && list[j - 1]->at > u->at; j--)
			list[j] = list[j - 1];
		list[j] = u;
	}
}

static int write_run(struct fat *f, struct unit *const *list, uint32_t count, uint64_t offset)
{
	struct block_part parts[BATCH];
	if (f->sector < f->block->sector_size) {
		int error = OK;
		for (uint32_t k = 0; k < count && !error; k++)
			error = fat_transfer_write(f, list[k]->at + offset, list[k]->bytes,
			                           f->sector);
		return error;
	}
	for (uint32_t k = 0; k < count; k++)
		parts[k] = (struct block_part){ list[k]->bytes, f->sector };
	int error = block_write_parts(f->block, list[0]->at + offset, parts, count);
	f->written = true;
	if (error)
		f->refuses = error;
	return error;
}

int fat_cache_write(struct fat *f, bool table)
{
	struct unit *list[BATCH];
	int error = OK;
	for (uint32_t next = 0; next < f->unit_count && !error;) {
		uint32_t count = 0, run;
		for (; next < f->unit_count && count < BATCH; next++) {
			struct unit *u = &f->unit_array[next];
			if (u->valid && u->dirty && u->table == table)
				list[count++] = u;
		}
		sort(list, count);
		for (uint32_t k = 0; k < count && !error; k += run) {
			for (run = 1; k + run < count &&
			              list[k + run]->at == list[k]->at + (uint64_t)run * f->sector;)
				run++;
			/* All copies of a table are of one step: which is the right one is known
			 * by its being the first. */
			uint32_t copies = table ? f->table_count : 1;
			for (uint32_t c = 0; c < copies && !error; c++)
				error = write_run(f, list + k, run, c * f->table_size);
			for (uint32_t j = 0; j < run && !error; j++) {
				ensure(f->dirty > 0);
				list[k + j]->dirty = false;
				f->dirty--;
			}
		}
	}
	return error;
}

bool fat_cache_is_valid(const struct fat *f)
{
	uint32_t listed = 0, found = 0, valid = 0, dirty = 0;
	if (!list_is_valid(&f->units))
		return false;
	list_each (l, &f->units)
		listed++;
	for (uint32_t k = 0; k < BUCKETS; k++)
		for (const struct unit *u = f->buckets[k]; u; u = u->next)
			if (!u->valid || u->at / f->sector % BUCKETS != k ||
			    found++ == f->unit_count)
				return false;
	for (uint32_t k = 0; k < f->unit_count; k++) {
		const struct unit *u = &f->unit_array[k];
		if ((u->dirty && !u->valid) || u->bytes != f->unit_bytes + (uint64_t)k * f->sector)
			return false;
		valid += u->valid;
		dirty += u->dirty;
	}
	return listed == f->unit_count && found == valid && dirty == f->dirty;
}

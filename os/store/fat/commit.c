/* SPDX-License-Identifier: ISC */
/*
 * The order in which changes reach the device. Each step is flushed before the next begins:
 *
 *	1  data, which nothing leads to yet; the volume is marked as in use
 *	2  the table: new clusters, which nothing leads to
 *	3  the table: links from clusters that files and directories have to new ones, behind the
 *	   ends that sizes tell
 *	4  directories
 *	5  the table: clusters that directories no longer count on are cut off and freed
 *	6  the volume is marked as clean
 *
 * So whatever a cut leaves, no entry leads to a cluster that is free or another's, and no size is
 * beyond its chain. There may be lost clusters and chains that are too long, which repair.c, or any
 * other system's check, mends. Empty steps cost nothing.
 */
#include <store/fat/internal.h>

static int mark_use(struct fat *f, bool in_use)
{
	uint8_t state;
	int error = fat_transfer_read(f, f->state_offset, &state, 1);
	if (error)
		return error;
	state = (uint8_t)((state & ~1u) | in_use);
	error = fat_transfer_write(f, f->state_offset, &state, 1);
	if (!error)
		f->in_use = in_use;
	return error;
}

/* Writes the count of free clusters for other systems. It is only a hint. */
static int write_info(struct fat *f)
{
	uint8_t fields[8];
	if (!f->info_at)
		return OK;
	fat_store32(fields, f->free);
	fat_store32(fields + 4, fat_cluster_valid(f, f->hint) ? f->hint : 2);
	return fat_transfer_write(f, f->info_at + 488, fields, 8);
}

static int write_step(struct fat *f, bool table)
{
	int error = fat_cache_write(f, table);
	return error || !f->written ? error : fat_transfer_flush(f);
}

/* The second name of a rename is gone for good: the first needs no mark any more. */
static int unmark(struct fat *f)
{
	struct unit *u;
	uint64_t at = f->moved_at;
	if (!at)
		return OK;
	f->moved_at = 0;
	int error = fat_cache_get(f, at, at, false, &u);
	if (error)
		return error;
	uint8_t *raw = u->bytes + (at - u->at);
	if (raw[0] != 0 && raw[0] != 0xe5 && raw[13] == MOVED) {
		raw[13] = f->moved_tenths;
		fat_cache_dirty(f, u);
		error = fat_cache_write(f, false);
	}
	return error;
}

/* Step 5: nothing in it depends on anything else in it. */
static int release(struct fat *f)
{
	if (!f->edit_count && !f->freed_count && !f->moved_at)
		return OK;
	int error = fat_table_apply(f, true);
	if (!error)
		error = fat_table_free_all(f);
	if (!error)
		error = fat_cache_write(f, true);
	if (!error)
		error = unmark(f);
	return error ? error : fat_transfer_flush(f);
}

static int run(struct fat *f, bool clean)
{
	bool changed = f->dirty || f->edit_count || f->freed_count || f->moved_at;
	bool begin = changed && !f->in_use;
	int error = begin ? mark_use(f, true) : OK;
	if (!error && (begin || f->written))
		error = fat_transfer_flush(f);
	if (changed && !error) {
		f->generation++;
		error = write_step(f, true);
		if (!error)
			error = fat_table_apply(f, false);
		if (!error)
			error = write_step(f, true);
		if (!error)
			error = write_step(f, false);
		if (!error) {
			f->erased = 0;
			error = release(f);
		}
	}
	if (!clean || !f->in_use || error)
		return error;
	if (f->table_unclean) { /* as others mark it */
		error = fat_table_clear_use(f);
		f->table_unclean = false;
		if (!error)
			error = fat_cache_write(f, true);
	}
	if (!error)
		error = write_info(f);
	if (!error)
		error = fat_transfer_flush(f);
	if (!error)
		error = mark_use(f, false);
	return error ? error : fat_transfer_flush(f);
}

int fat_commit(struct fat *f, bool clean)
{
	if (f->refuses)
		return f->refuses;
	if (f->read_only)
		return OK;
	int error = run(f, clean);
	if (error)
		f->refuses = error;
	return error;
}

int fat_commit_room(struct fat *f)
{
	if (f->read_only)
		return ERR_READ_ONLY;
	if (f->refuses)
		return f->refuses;
	if (f->edit_count + 4 > EDITS_MAX || f->freed_count + 4 > FREED_MAX || fat_cache_crowded(f))
		return fat_commit(f, false);
	return OK;
}

/* SPDX-License-Identifier: ISC */
/*
 * Repairs a volume that was in use when its power went. These traces follow from our own order of
 * writing (commit.c): the first table counts, clusters that nothing leads to are freed, chains end
 * where sizes say, of a rename's two names the newer stays, parts of long names without a file go.
 * Anything else is reported as damage and made consistent, too, by believing the entry that is met
 * first: otherwise writing would make it worse.
 *
 * Each change is right by itself, so they are written in any order, and a cut in the midst of it is
 * mended like any other.
 */
#include <store/fat/internal.h>

#include <core/heap.h>

#define MIRROR    (32u << 10) /* bytes compared at once */
#define MOVES_MAX 16u         /* one, but for what others make */

struct folder {
	uint32_t first, parent, clusters;
};

struct walk {
	struct fat *fat;
	uint64_t *owned;        /* a bit a cluster: something leads to it */
	struct folder *folders; /* a queue */
	uint32_t folder_count, folder_room;
	uint32_t moves[MOVES_MAX],
	        move_count; /* first clusters of entries marked as the newer name */
	bool look;          /* for moves only */
};

static int mirror(struct fat *f)
{
	uint8_t *one = heap_alloc_aligned(MIRROR, BLOCK_ALIGN),
	        *other = heap_alloc_aligned(MIRROR, BLOCK_ALIGN);
	int error = one && other ? OK : ERR_MEMORY;
	for (uint32_t k = 1; k < f->table_count && !error; k++) {
		for (uint64_t at = 0; at < f->table_size && !error; at += MIRROR) {
			uint64_t n = f->table_size - at < MIRROR ? f->table_size - at : MIRROR;
			uint64_t copy = f->table_at + k * f->table_size + at;
			error = fat_transfer_read(f, f->table_at + at, one, n);
			if (!error)
				error = fat_transfer_read(f, copy, other, n);
			if (!error && memcmp(one, other, n) != 0)
				error = fat_transfer_write(f, copy, one, n);
		}
	}
	heap_free(one);
	heap_free(other);
	return error;
}

/* Keeps the cache from filling up with changes. */
static int settle(struct fat *f)
{
	if (!fat_cache_crowded(f))
		return OK;
	int error = fat_cache_write(f, true);
	return error ? error : fat_cache_write(f, false);
}

static bool is_owned(const struct walk *w, uint32_t cluster)
{
	return w->owned[cluster / 64] >> cluster % 64 & 1;
}

static int set_end(struct walk *w, uint32_t cluster)
{
	w->fat->figures.cut++;
	int error = fat_table_put(w->fat, cluster, TABLE_END);
	return error ? error : settle(w->fat);
}

/* Takes at most so many clusters of a chain, and ends it there. *got: those that were its own. */
static int claim(struct walk *w, uint32_t first, uint32_t most, uint32_t *got)
{
	struct fat *f = w->fat;
	uint32_t cluster = first, last = 0;
	*got = 0;
	while (*got < most) {
		if (!fat_cluster_valid(f, cluster) || is_owned(w, cluster))
			break;
		uint32_t next;
		int error = fat_table_get(f, cluster, &next);
		if (error)
			return error;
		if (next == TABLE_FREE || next == TABLE_BAD) {
			/* The first one of a chain is not there; of a later one it is behind the
			 * end. */
			cluster = 0;
			break;
		}
		w->owned[cluster / 64] |= 1ull << cluster % 64;
		++*got;
		last = cluster;
		cluster = next;
	}
	return w->look || !last || cluster == TABLE_END ? OK : set_end(w, last);
}

static int push(struct walk *w, struct folder folder)
{
	if (w->folder_count == w->folder_room) {
		uint32_t room = w->folder_room ? 2 * w->folder_room : 64;
		struct folder *more = heap_resize(w->folders, room * sizeof *more);
		if (!more)
			return ERR_MEMORY;
		w->folders = more;
		w->folder_room = room;
	}
	w->folders[w->folder_count++] = folder;
	return OK;
}

static bool is_move(const struct walk *w, uint32_t first)
{
	for (uint32_t k = 0; k < w->move_count; k++)
		if (w->moves[k] == first)
			return true;
	return false;
}

static int rewrite(struct scan *s, const struct entry *e)
{
	struct unit *u;
	uint8_t *raw;
	int error = fat_scan_slot(s, e->slot, &u, &raw);
	if (error)
		return error;
	memcpy(raw, e->raw, SLOT);
	fat_cache_dirty(s->fat, u);
	return OK;
}

static int mend_file(struct walk *w, struct scan *s, struct entry *e)
{
	struct fat *f = w->fat;
	uint32_t size = fat_load32(e->raw + 28), first = fat_entry_first(f, e->raw), got = 0;
	uint32_t need = (uint32_t)(((uint64_t)size + f->cluster_size - 1) / f->cluster_size);
	int error = need ? claim(w, first, need, &got) : OK;
	if (error || (got == need && (need || !first)))
		return error;
	f->figures.cut++;
	if (got < need) {
		fat_damaged(f, "a file is shorter than its size", first);
		size = got * f->cluster_size;
		fat_store32(e->raw + 28, size);
	}
	if (!got)
		fat_entry_set_first(f, e->raw, 0);
	return rewrite(s, e);
}

static int mend_directory(struct walk *w, struct scan *s, struct entry *e)
{
	struct fat *f = w->fat;
	uint32_t first = fat_entry_first(f, e->raw), got = 0;
	int error = claim(w, first, SLOTS_MAX / (f->cluster_size / SLOT) + 1, &got);
	if (error)
		return error;
	if (got)
		return push(w, (struct folder){ first, s->chain.first, got });
	fat_damaged(f, "a directory begins nowhere", first);
	f->figures.cut++;
	return fat_entry_erase(s, e);
}

static int mend_entry(struct walk *w, struct scan *s, struct entry *e)
{
	struct fat *f = w->fat;
	uint32_t first = fat_entry_first(f, e->raw);
	if (e->raw[13] != MOVED && first && is_move(w, first)) {
		f->figures.names_mended++;
		return fat_entry_erase(s, e);
	}
	if (e->raw[13] == MOVED) /* until the other is gone */
		f->moved_at = e->at;
	return fat_entry_is_file(e->raw) ? mend_file(w, s, e) : mend_directory(w, s, e);
}

static int look_at(struct walk *w, const struct scan *s, const struct entry *e)
{
	uint32_t first = fat_entry_first(w->fat, e->raw), got = 0;
	if (e->raw[13] == MOVED && first && w->move_count < MOVES_MAX)
		w->moves[w->move_count++] = first;
	if (fat_entry_is_file(e->raw))
		return OK;
	int error = claim(w, first, SLOTS_MAX / (w->fat->cluster_size / SLOT) + 1, &got);
	return error || !got ? error : push(w, (struct folder){ first, s->chain.first, got });
}

/* .. leads to where the directory was found. */
static int mend_parent(struct walk *w, struct scan *s, const struct folder *folder)
{
	struct fat *f = w->fat;
	struct unit *u;
	uint8_t *raw;
	uint32_t parent = folder->parent == f->root_cluster ? 0 : folder->parent;
	int error = fat_scan_slot(s, 1, &u, &raw);
	if (error || raw[0] != '.' || raw[1] != '.' || fat_entry_first(f, raw) == parent)
		return error == ERR_ABSENT ? OK : error;
	fat_entry_set_first(f, raw, parent);
	fat_cache_dirty(f, u);
	f->figures.names_mended++;
	return OK;
}

/* Behind a directory's end there may be slots of which the sector before was not written any more.
 * We do not look there; others do. */
static int clear_behind(struct scan *s)
{
	struct unit *u;
	uint8_t *raw;
	int error;
	for (uint32_t slot = s->slot; !(error = fat_scan_slot(s, slot, &u, &raw)); slot++) {
		if (!raw[0])
			continue;
		raw[0] = 0;
		fat_cache_dirty(s->fat, u);
		s->mended++;
		error = settle(s->fat);
		if (error)
			break;
	}
	return error;
}

static int walk_folder(struct walk *w, struct folder folder, bool root)
{
	struct fat *f = w->fat;
	struct scan s;
	struct entry e;
	int error = OK;
	fat_scan_open(&s, f, folder.first);
	if (folder.first && (uint64_t)folder.clusters * f->cluster_size / SLOT < s.limit)
		s.limit = folder.clusters * (f->cluster_size / SLOT);
	if (!w->look && !root)
		error = mend_parent(w, &s, &folder);
	s.mend = !w->look;
	while (!error && !(error = fat_scan_next(&s, &e))) {
		if (!(e.raw[11] & ATTR_LABEL) && !fat_entry_is_dot(e.raw))
			error = w->look ? look_at(w, &s, &e) : mend_entry(w, &s, &e);
		if (!error)
			error = settle(f);
	}
	if (error == ERR_ABSENT && s.mend)
		error = clear_behind(&s);
	f->figures.names_mended += s.mended;
	return error == ERR_ABSENT ? OK : error;
}

static int walk_all(struct walk *w)
{
	struct fat *f = w->fat;
	struct folder root = { .first = f->bits == 32 ? f->root_cluster : 0 };
	int error = OK;
	memset(w->owned, 0, ((size_t)f->clusters + 2 + 63) / 64 * sizeof *w->owned);
	w->folder_count = 0;
	if (root.first)
		error = claim(w, root.first, SLOTS_MAX / (f->cluster_size / SLOT) + 1,
		              &root.clusters);
	if (!error && root.first && !root.clusters)
		error = fat_damaged(f, "the root directory begins nowhere", root.first);
	if (!error)
		error = walk_folder(w, root, true);
	for (uint32_t k = 0; k < w->folder_count && !error; k++)
		error = walk_folder(w, w->folders[k], false);
	return error;
}

static int free_lost(struct walk *w)
{
	struct fat *f = w->fat;
	uint32_t free = 0;
	for (uint32_t c = 2; c - 2 < f->clusters; c++) {
		uint32_t value;
		int error = fat_table_get(f, c, &value);
		if (!error && value != TABLE_FREE && value != TABLE_BAD && !is_owned(w, c)) {
			error = fat_table_put(f, c, TABLE_FREE);
			value = TABLE_FREE;
			f->figures.lost++;
		}
		free += value == TABLE_FREE;
		if (!error)
			error = settle(f);
		if (error)
			return error;
	}
	f->free = free;
	f->free_exact = true;
	return OK;
}

int fat_repair(struct fat *f)
{
	struct walk w = { .fat = f, .look = true };
	w.owned = heap_alloc_zero(((size_t)f->clusters + 2 + 63) / 64, sizeof *w.owned);
	int error = w.owned ? mirror(f) : ERR_MEMORY;
	if (!error)
		error = walk_all(&w);
	w.look = false;
	if (!error)
		error = walk_all(&w);
	if (!error)
		error = free_lost(&w);
	if (!error)
		error = fat_commit(f, true);
	heap_free(w.owned);
	heap_free(w.folders);
	return error;
}

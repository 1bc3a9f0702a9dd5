/* SPDX-License-Identifier: ISC */
/* Names: listing, making, removing and renaming. */
#include <store/fat/internal.h>

#include <core/heap.h>

struct fat_directory {
	struct node *node;
	struct scan scan;
	struct entry entry;
};

int fat_directory_open(struct fat *f, const char *path, struct fat_directory **to)
{
	struct fat_directory *d = heap_alloc_zero(1, sizeof *d);
	struct name last;
	uint32_t parent;
	if (!d)
		return ERR_MEMORY;
	fat_lock(f);
	int error = fat_path_walk(f, path, 0, &parent, &last);
	if (!error && last.size) {
		fat_scan_open(&d->scan, f, parent);
		error = fat_scan_find(&d->scan, &last, &d->entry);
		if (!error && !(d->entry.raw[11] & ATTR_DIRECTORY))
			error = ERR_INVALID;
	}
	if (!error)
		error = fat_node_open(f, last.size ? &d->entry : NULL, &d->node);
	fat_unlock(f);
	if (error) {
		heap_free(d);
		return error;
	}
	fat_scan_open(&d->scan, f, d->node->chain.first);
	*to = d;
	return OK;
}

int fat_directory_next(struct fat_directory *d, struct fat_info *to)
{
	struct fat *f = d->node->fat;
	int error;
	fat_lock(f);
	while (!(error = fat_scan_next(&d->scan, &d->entry)))
		if (!(d->entry.raw[11] & ATTR_LABEL) && !fat_entry_is_dot(d->entry.raw))
			break;
	fat_unlock(f);
	if (!error)
		fat_entry_info(&d->entry, to);
	return error;
}

void fat_directory_close(struct fat_directory *d)
{
	struct fat *f = d->node->fat;
	fat_lock(f);
	fat_node_close(d->node);
	fat_unlock(f);
	heap_free(d);
}

int fat_stat(struct fat *f, const char *path, struct fat_info *to)
{
	struct scan s;
	struct entry e;
	struct name last;
	uint32_t directory;
	fat_lock(f);
	int error = fat_path_walk(f, path, 0, &directory, &last);
	if (!error && !last.size) {
		memset(to, 0, sizeof *to);
		to->directory = true;
	} else if (!error) {
		fat_scan_open(&s, f, directory);
		error = fat_scan_find(&s, &last, &e);
		if (!error)
			fat_entry_info(&e, to);
	}
	fat_unlock(f);
	return error;
}

/* ---- Making ---- */

static void dot(const struct fat *f, uint8_t raw[SLOT], const char *name, uint32_t cluster)
{
	memset(raw, 0, SLOT);
	memset(raw, ' ', 11);
	memcpy(raw, name, strlen(name));
	raw[11] = ATTR_DIRECTORY;
	fat_entry_stamp(raw, fat_entry_now(), true);
	fat_entry_set_first(f, raw, cluster);
}

/* In . and .. the root is 0, wherever it lies. */
static uint32_t as_parent(const struct fat *f, uint32_t directory)
{
	return f->bits == 32 && directory == f->root_cluster ? 0 : directory;
}

static int make(struct fat *f, uint32_t parent, const struct name *name)
{
	struct scan s;
	struct entry e;
	uint8_t raw[SLOT] = { 0 }, dots[2 * SLOT];
	uint32_t cluster;
	fat_scan_open(&s, f, parent);
	int error = fat_scan_find(&s, name, &e);
	if (error != ERR_ABSENT)
		return error ? error : ERR_EXISTS;
	error = fat_commit_room(f);
	if (!error)
		error = fat_table_allocate(f, 0, &cluster);
	if (error)
		return error;
	dot(f, dots, ".", cluster);
	dot(f, dots + SLOT, "..", as_parent(f, parent));
	error = fat_cluster_zero(f, cluster);
	if (!error)
		error = fat_transfer_write(f, fat_cluster_at(f, cluster), dots, sizeof dots);
	raw[11] = ATTR_DIRECTORY;
	fat_entry_stamp(raw, fat_entry_now(), true);
	fat_entry_set_first(f, raw, cluster);
	if (!error)
		error = fat_entry_make(&s, name, raw, &e);
	if (error && !f->refuses && fat_table_free(f, cluster, true))
		f->refuses = ERR_IO;
	return error;
}

int fat_make_directory(struct fat *f, const char *path)
{
	struct name last;
	uint32_t parent;
	fat_lock(f);
	int error = fat_path_walk(f, path, 0, &parent, &last);
	if (!error && !last.size)
		error = ERR_EXISTS;
	if (!error)
		error = make(f, parent, &last);
	fat_unlock(f);
	return error;
}

/* ---- Removing ---- */

/* Its slots are gone. Its clusters go, too, as soon as it is no longer open. */
static int let_go(struct fat *f, const struct entry *e)
{
	bool directory = e->raw[11] & ATTR_DIRECTORY;
	struct node *n = fat_node_find(f, e->at);
	if (directory)
		fat_index_drop(f, fat_entry_first(f, e->raw));
	uint32_t first = n                                      ? n->chain.first
	                 : directory || fat_load32(e->raw + 28) ? fat_entry_first(f, e->raw)
	                                                        : 0;
	if (n) {
		n->gone = true;
		return OK;
	}
	return fat_cluster_valid(f, first) ? fat_table_free(f, first, directory) : OK;
}

static int remove_entry(struct fat *f, const char *path)
{
	struct scan s;
	struct entry e;
	uint32_t directory;
	int error = fat_path_find(f, path, &s, &e);
	if (error)
		return error;
	if (e.raw[11] & FAT_READ_ONLY)
		return ERR_READ_ONLY;
	if (!fat_entry_is_file(e.raw)) {
		error = fat_path_enter(f, e.raw, &directory);
		if (!error)
			error = fat_entry_empty(f, directory);
		if (error)
			return error;
	}
	error = fat_commit_room(f);
	if (!error)
		error = fat_entry_erase(&s, &e);
	if (!error)
		error = let_go(f, &e);
	return error;
}

int fat_remove(struct fat *f, const char *path)
{
	fat_lock(f);
	int error = remove_entry(f, path);
	fat_unlock(f);
	return error;
}

/* ---- Renaming ---- */

struct move {
	struct scan from, to;
	struct entry source, target; /* target: the entry of the new name, before or after */
	struct name name;
	bool replaces;
};

static int find_move(struct fat *f, const char *from, const char *to, struct move *m)
{
	uint32_t directory, inside = 0;
	int error = fat_path_find(f, from, &m->from, &m->source);
	if (error)
		return error;
	if (m->source.raw[11] & ATTR_DIRECTORY)
		error = fat_path_enter(f, m->source.raw, &inside);
	if (!error)
		error = fat_path_walk(f, to, inside, &directory, &m->name);
	if (error || !m->name.size)
		return error ? error : ERR_EXISTS;
	fat_scan_open(&m->to, f, directory);
	error = fat_scan_find(&m->to, &m->name, &m->target);
	m->replaces = !error && m->target.at != m->source.at;
	if (error == ERR_ABSENT || (!error && !m->replaces))
		return OK;
	if (error)
		return error;
	if (!fat_entry_is_file(m->source.raw) || !fat_entry_is_file(m->target.raw))
		return ERR_EXISTS;
	return m->target.raw[11] & FAT_READ_ONLY ? ERR_READ_ONLY : OK;
}

/* A directory that has moved knows its new parent. */
static int set_parent(struct fat *f, struct move *m)
{
	struct scan s;
	struct unit *u;
	uint8_t *raw;
	uint32_t directory;
	if (fat_entry_is_file(m->source.raw) || m->from.chain.first == m->to.chain.first)
		return OK;
	int error = fat_path_enter(f, m->source.raw, &directory);
	if (error)
		return error;
	fat_scan_open(&s, f, directory);
	error = fat_scan_slot(&s, 1, &u, &raw);
	if (!error && raw[0] == '.' && raw[1] == '.') {
		fat_entry_set_first(f, raw, as_parent(f, m->to.chain.first));
		fat_cache_dirty(f, u);
	}
	return error;
}

/* The new name's slot, marked as the newer one; the source's contents, and of what it replaces, its
 * name. */
static int make_target(struct fat *f, struct move *m)
{
	uint8_t raw[SLOT];
	struct unit *u;
	memcpy(raw, m->source.raw, SLOT);
	if (fat_entry_first(f, raw))
		raw[13] = MOVED;
	if (!m->replaces)
		return fat_entry_make(&m->to, &m->name, raw, &m->target);
	int error = fat_cache_get(f, m->target.at, m->target.at, false, &u);
	if (error)
		return error;
	uint8_t *slot = u->bytes + (m->target.at - u->at);
	memcpy(slot + 11, raw + 11, 1);
	memcpy(slot + 13, raw + 13, SLOT - 13);
	fat_cache_dirty(f, u);
	return OK;
}

static int rename_entry(struct fat *f, const char *from, const char *to)
{
	struct move m;
	int error = fat_commit_room(f);
	if (!error)
		error = find_move(f, from, to, &m);
	if (error)
		return error;
	if (m.source.raw[11] & FAT_READ_ONLY)
		return ERR_READ_ONLY;
	/* Changes that wait for the source's old slot are made before it has two. */
	error = fat_commit(f, false);
	struct entry old = m.target;
	if (!error)
		error = make_target(f, &m);
	if (error)
		return error;
	error = set_parent(f, &m);
	if (!error)
		error = fat_commit(f, false);
	if (!error)
		error = fat_entry_erase(&m.from, &m.source);
	if (!error && m.replaces)
		error = let_go(f, &old);
	if (error) {
		f->refuses = error;
		return error;
	}
	f->moved_at = fat_entry_first(f, m.source.raw) ? m.target.at : 0;
	f->moved_tenths = m.source.raw[13] == MOVED ? 0 : m.source.raw[13];
	struct node *n = fat_node_find(f, m.source.at);
	if (n)
		n->at = m.target.at;
	return OK;
}

int fat_rename(struct fat *f, const char *from, const char *to)
{
	fat_lock(f);
	int error = rename_entry(f, from, to);
	fat_unlock(f);
	return error;
}

/* ---- Attributes ---- */

#define ATTRIBUTES (FAT_READ_ONLY | FAT_HIDDEN | FAT_SYSTEM | FAT_ARCHIVE)

static int change(struct fat *f, const char *path, const uint8_t *attributes,
                  const int64_t *modified)
{
	struct scan s;
	struct entry e;
	struct unit *u;
	uint8_t *raw;
	int error = fat_commit_room(f);
	if (!error)
		error = fat_path_find(f, path, &s, &e);
	if (!error)
		error = fat_scan_slot(&s, e.slot, &u, &raw);
	if (error)
		return error;
	if (attributes)
		raw[11] = (uint8_t)((raw[11] & ~ATTRIBUTES) | (*attributes & ATTRIBUTES));
	if (modified)
		fat_entry_stamp(raw, *modified, false);
	fat_cache_dirty(f, u);
	return OK;
}

int fat_set_attributes(struct fat *f, const char *path, uint8_t attributes)
{
	fat_lock(f);
	int error = change(f, path, &attributes, NULL);
	fat_unlock(f);
	return error;
}

int fat_set_modified(struct fat *f, const char *path, int64_t seconds)
{
	fat_lock(f);
	int error = change(f, path, NULL, &seconds);
	fat_unlock(f);
	return error;
}

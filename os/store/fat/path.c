/* SPDX-License-Identifier: ISC */
/* From paths to slots, and from slots to what is open. */
#include <store/fat/internal.h>

#include <core/heap.h>

static uint32_t root(const struct fat *f)
{
	return f->bits == 32 ? f->root_cluster : 0;
}

int fat_path_enter(struct fat *f, const uint8_t raw[SLOT], uint32_t *directory)
{
	uint32_t first = fat_entry_first(f, raw);
	if (!(raw[11] & ATTR_DIRECTORY))
		return ERR_INVALID;
	if (!fat_cluster_valid(f, first) || first == root(f))
		return fat_damaged(f, "a directory begins nowhere", first);
	*directory = first;
	return OK;
}

/* The next part of a path; false: that was the last. */
static bool next_part(const char **path, const char **part, uint32_t *size)
{
	const char *p = *path;
	while (*p == '/')
		p++;
	*part = p;
	while (*p && *p != '/')
		p++;
	*size = (uint32_t)(p - *part);
	*path = p;
	return *size > 0;
}

int fat_path_walk(struct fat *f, const char *path, uint32_t avoid, uint32_t *directory,
                  struct name *last)
{
	struct scan s;
	struct entry e;
	const char *part, *next;
	uint32_t size, next_size;
	*directory = root(f);
	last->size = 0;
	if (!next_part(&path, &part, &size))
		return OK;
	for (;;) {
		int error = fat_name_parse(last, part, size);
		if (error)
			return error;
		if (avoid && *directory == avoid)
			return ERR_INVALID;
		if (!next_part(&path, &next, &next_size))
			return OK;
		fat_scan_open(&s, f, *directory);
		error = fat_scan_find(&s, last, &e);
		if (!error)
			error = fat_path_enter(f, e.raw, directory);
		if (error)
			return error;
		part = next;
		size = next_size;
	}
}

int fat_path_find(struct fat *f, const char *path, struct scan *s, struct entry *e)
{
	struct name last;
	uint32_t directory;
	int error = fat_path_walk(f, path, 0, &directory, &last);
	if (error)
		return error;
	if (!last.size)
		return ERR_INVALID;
	fat_scan_open(s, f, directory);
	return fat_scan_find(s, &last, e);
}

/* ---- What is open ---- */

struct node *fat_node_find(struct fat *f, uint64_t at)
{
	list_each (l, &f->nodes) {
		struct node *n = container_of(l, struct node, list);
		if (n->at == at && !n->gone)
			return n;
	}
	return NULL;
}

int fat_node_open(struct fat *f, const struct entry *e, struct node **to)
{
	struct node *n = fat_node_find(f, e ? e->at : 0);
	uint32_t first = root(f);
	if (!n) {
		if (e && e->raw[11] & ATTR_DIRECTORY) {
			int error = fat_path_enter(f, e->raw, &first);
			if (error)
				return error;
		}
		n = heap_alloc_zero(1, sizeof *n);
		if (!n)
			return ERR_MEMORY;
		n->fat = f;
		n->directory = !e || e->raw[11] & ATTR_DIRECTORY;
		n->at = e ? e->at : 0;
		n->size = n->directory ? 0 : fat_load32(e->raw + 28);
		/* Without contents a cluster means nothing. */
		fat_chain_open(&n->chain, n->directory ? first
		                          : n->size    ? fat_entry_first(f, e->raw)
		                                       : 0);
		list_append(&f->nodes, &n->list);
	}
	n->users++;
	*to = n;
	return OK;
}

int fat_node_close(struct node *n)
{
	struct fat *f = n->fat;
	int error = OK;
	if (--n->users)
		return OK;
	if (n->gone && n->chain.first) {
		error = fat_commit_room(f);
		if (!error)
			error = fat_table_free(f, n->chain.first, n->directory);
	}
	list_remove(&n->list);
	heap_free(n);
	return error;
}

int fat_node_write(struct node *n)
{
	struct fat *f = n->fat;
	struct unit *u;
	if (n->gone)
		return OK;
	int error = fat_cache_get(f, n->at, n->at, false, &u);
	if (error)
		return error;
	uint8_t *raw = u->bytes + (n->at - u->at);
	fat_entry_set_first(f, raw, n->chain.first);
	fat_store32(raw + 28, n->size);
	raw[11] |= FAT_ARCHIVE;
	fat_entry_stamp(raw, fat_entry_now(), false);
	fat_cache_dirty(f, u);
	return OK;
}

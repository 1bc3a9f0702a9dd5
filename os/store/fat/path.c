/* SPDX-License-Identifier: ISC */
/* From paths to slots, and from slots to what is open. */
#include <store/fat/internal.h>

#include <core/heap.h>

static uint32_t root(const struct fat *f)
{
	return f->bits == 32 ? f->root_cluster : 0;
}

int path_enter(struct fat *f, const uint8_t raw[SLOT], uint32_t *directory)
{
	uint32_t first = entry_first(f, raw);
	if (!(raw[11] & ATTR_DIRECTORY))
		return ERR_INVALID;
	if (!cluster_valid(f, first) || first == root(f))
		return damaged(f, "a directory begins nowhere", first);
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

int path_walk(struct fat *f, const char *path, uint32_t avoid, uint32_t *directory,
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
		int error = name_parse(last, part, size);
		if (error)
			return error;
		if (avoid && *directory == avoid)
			return ERR_INVALID;
		if (!next_part(&path, &next, &next_size))
			return OK;
		scan_open(&s, f, *directory);
		error = scan_find(&s, last, &e);
		if (!error)
			error = path_enter(f, e.raw, directory);
		if (error)
			return error;
		part = next;
		size = next_size;
	}
}

int path_find(struct fat *f, const char *path, struct scan *s, struct entry *e)
{
	struct name last;
	uint32_t directory;
	int error = path_walk(f, path, 0, &directory, &last);
	if (error)
		return error;
	if (!last.size)
		return ERR_INVALID;
	scan_open(s, f, directory);
	return scan_find(s, &last, e);
}

/* ---- What is open ---- */

struct node *node_find(struct fat *f, uint64_t at)
{
	list_each (l, &f->nodes) {
		struct node *n = container_of(l, struct node, list);
		if (n->at == at && !n->gone)
			return n;
	}
	return NULL;
}

int node_open(struct fat *f, const struct entry *e, struct node **to)
{
	struct node *n = node_find(f, e ? e->at : 0);
	uint32_t first = root(f);
	if (!n) {
		if (e && e->raw[11] & ATTR_DIRECTORY) {
			int error = path_enter(f, e->raw, &first);
			if (error)
				return error;
		}
		n = heap_alloc_zero(1, sizeof *n);
		if (!n)
			return ERR_MEMORY;
		n->fat = f;
		n->directory = !e || e->raw[11] & ATTR_DIRECTORY;
		n->at = e ? e->at : 0;
		n->size = n->directory ? 0 : load32(e->raw + 28);
		/* Without contents a cluster means nothing. */
		chain_open(&n->chain, n->directory ? first : n->size ? entry_first(f, e->raw) : 0);
		list_append(&f->nodes, &n->list);
	}
	n->users++;
	*to = n;
	return OK;
}

int node_close(struct node *n)
{
	struct fat *f = n->fat;
	int error = OK;
	if (--n->users)
		return OK;
	if (n->gone && n->chain.first) {
		error = commit_room(f);
		if (!error)
			error = table_free(f, n->chain.first, n->directory);
	}
	list_remove(&n->list);
	heap_free(n);
	return error;
}

int node_write(struct node *n)
{
	struct fat *f = n->fat;
	struct unit *u;
	if (n->gone)
		return OK;
	int error = cache_get(f, n->at, n->at, false, &u);
	if (error)
		return error;
	uint8_t *raw = u->bytes + (n->at - u->at);
	entry_set_first(f, raw, n->chain.first);
	store32(raw + 28, n->size);
	raw[11] |= FAT_ARCHIVE;
	entry_stamp(raw, entry_now(), false);
	cache_dirty(f, u);
	return OK;
}

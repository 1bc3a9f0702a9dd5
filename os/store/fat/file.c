/* SPDX-License-Identifier: ISC */
/*
 * Contents of files. A file grows a few clusters at a time: they are taken, then linked, then
 * written, then its size tells of them; so a commit in between leaves a chain that is too long,
 * never one that is too short.
 */
#include <store/fat/internal.h>

#include <core/heap.h>

#define GROW_MAX 1024u /* clusters at a time */

struct fat_file {
	struct node *node;
	bool write;
};

/* Clusters that its size tells of. */
static uint32_t cluster_count(const struct node *n)
{
	return (uint32_t)(((uint64_t)n->size + n->fat->cluster_size - 1) / n->fat->cluster_size);
}

/* Clusters from number `index` on that lie behind each other: at most `most`. */
static int find_run(struct node *n, uint32_t index, uint32_t most, uint32_t *cluster,
                    uint32_t *count)
{
	int error = fat_chain_get(n->fat, &n->chain, index, cluster);
	if (error)
		return error == ERR_ABSENT ? fat_damaged(n->fat, "a file is shorter than its size",
		                                         n->chain.first)
		                           : error;
	for (*count = 1; *count < most; ++*count) {
		uint32_t next;
		if (fat_chain_get(n->fat, &n->chain, index + *count, &next) ||
		    next != *cluster + *count)
			break;
	}
	return OK;
}

int64_t fat_file_read(struct fat_file *file, uint64_t at, void *to, uint64_t size)
{
	struct node *n = file->node;
	struct fat *f = n->fat;
	uint8_t *bytes = to;
	uint64_t done = 0;
	int error = OK;
	fat_lock(f);
	size = at >= n->size ? 0 : size < n->size - at ? size : n->size - at;
	while (done < size && !error) {
		uint32_t cluster, count, inside = (uint32_t)((at + done) % f->cluster_size);
		uint64_t want = (inside + size - done + f->cluster_size - 1) / f->cluster_size;
		error = find_run(n, (uint32_t)((at + done) / f->cluster_size), (uint32_t)want,
		                 &cluster, &count);
		if (error)
			break;
		uint64_t part = (uint64_t)count * f->cluster_size - inside;
		part = part < size - done ? part : size - done;
		error = fat_transfer_read(f, fat_cluster_at(f, cluster) + inside, bytes + done,
		                          part);
		done += part;
	}
	fat_unlock(f);
	return error ? error : (int64_t)done;
}

/* ---- Writing ---- */

int fat_cluster_zero(struct fat *f, uint32_t cluster)
{
	return fat_transfer_write(f, fat_cluster_at(f, cluster), NULL, f->cluster_size);
}

/* Makes at least one cluster more than its size tells of, at most `want`. */
static int grow(struct node *n, uint64_t want)
{
	struct fat *f = n->fat;
	uint32_t have = cluster_count(n), tail = 0, first = 0, last = 0, next,
	         generation = f->generation;
	int error = OK;
	if (have) {
		error = fat_chain_get(f, &n->chain, have - 1, &tail);
		if (error == ERR_ABSENT)
			error = fat_damaged(f, "a file is shorter than its size", n->chain.first);
		if (!error)
			error = fat_table_get(f, tail, &next);
		if (error)
			return error;
		if (next !=
		    TABLE_END) /* there is more already, of the last growing or of others' making */
			return fat_cluster_valid(f, next)
			               ? OK
			               : fat_damaged(f, "a chain leads nowhere", tail);
	} else if (n->chain.first) {
		return OK;
	}
	want = want < GROW_MAX ? want : GROW_MAX;
	for (uint32_t k = 0; k < want && !error && !(k && fat_cache_crowded(f)); k++) {
		uint32_t cluster;
		error = fat_table_allocate(f, last ? last : tail, &cluster);
		if (!error && last)
			error = fat_table_put(f, last, cluster);
		if (error)
			break;
		last = cluster;
		first = first ? first : cluster;
	}
	if (error && !(error == ERR_TOO_BIG && first)) {
		if (first) /* lost: only opening anew finds them */
			f->refuses = error;
		return error;
	}
	if (!tail)
		fat_chain_open(&n->chain, first);
	else if (n->generation == f->generation)
		error = fat_table_put(f, tail, first);
	else
		error = fat_table_link(f, tail, first);
	n->generation = generation;
	if (error)
		f->refuses = error;
	return error;
}

/* Gives back the clusters that were taken for it and then not written. */
static void shrink_to_size(struct node *n)
{
	struct fat *f = n->fat;
	uint32_t have = cluster_count(n), tail, next;
	if (have) {
		if (fat_chain_get(f, &n->chain, have - 1, &tail) || fat_table_get(f, tail, &next) ||
		    !fat_cluster_valid(f, next) || fat_commit_room(f))
			return;
		if (!fat_table_cut(f, tail))
			fat_table_free(f, next, false);
	} else if (n->chain.first && !fat_commit_room(f)) {
		fat_table_free(f, n->chain.first, false);
	}
	fat_chain_shorten(&n->chain, have);
	n->generation = 0;
}

/* `from` null: zeros. Not behind its end. Bytes, or an error. */
static int64_t put(struct node *n, uint64_t at, const uint8_t *from, uint64_t size)
{
	struct fat *f = n->fat;
	uint64_t done = 0;
	int error = OK;
	while (done < size) {
		uint32_t index = (uint32_t)((at + done) / f->cluster_size), cluster, count;
		uint32_t inside = (uint32_t)((at + done) % f->cluster_size),
		         have = cluster_count(n);
		uint64_t want = (inside + size - done + f->cluster_size - 1) / f->cluster_size;
		error = fat_commit_room(f);
		if (!error && index >= have) {
			error = grow(n, want);
			/* As many as there are now; one at least. */
			want = want < GROW_MAX ? want : GROW_MAX;
		} else if (!error && want > have - index) {
			want = have - index;
		}
		if (!error)
			error = find_run(n, index, (uint32_t)want, &cluster, &count);
		if (error)
			break;
		uint64_t part = (uint64_t)count * f->cluster_size - inside;
		part = part < size - done ? part : size - done;
		error = fat_transfer_write(f, fat_cluster_at(f, cluster) + inside,
		                           from ? from + done : NULL, part);
		if (error)
			break;
		done += part;
		if (at + done > n->size)
			n->size = (uint32_t)(at + done);
		error = fat_node_write(n);
		if (error) {
			f->refuses = error;
			break;
		}
	}
	if (error && !f->refuses)
		shrink_to_size(n);
	return error && !(error == ERR_TOO_BIG && done) ? error : (int64_t)done;
}

/* Zeros up to there. */
static int extend(struct node *n, uint64_t size)
{
	uint64_t before = n->size;
	int64_t done = put(n, before, NULL, size - before);
	if (done < 0)
		return (int)done;
	return (uint64_t)done == size - before ? OK : ERR_TOO_BIG;
}

int64_t fat_file_write(struct fat_file *file, uint64_t at, const void *from, uint64_t size)
{
	struct node *n = file->node;
	struct fat *f = n->fat;
	int64_t done = OK;
	if (!file->write)
		return ERR_READ_ONLY;
	if (!size)
		return 0;
	if (at >= FAT_SIZE_MAX)
		return ERR_TOO_BIG;
	size = size < FAT_SIZE_MAX - at ? size : FAT_SIZE_MAX - at;
	fat_lock(f);
	if (at > n->size)
		done = extend(n, at);
	if (done == OK)
		done = put(n, at, from, size);
	fat_unlock(f);
	return done;
}

static int truncate_to(struct node *n, uint32_t size)
{
	struct fat *f = n->fat;
	uint32_t before = cluster_count(n), first = n->chain.first, tail = 0, next = TABLE_END;
	int error = fat_commit_room(f);
	if (error)
		return error;
	uint32_t old = n->size;
	n->size = size;
	uint32_t have = cluster_count(n);
	if (have && have < before) {
		error = fat_chain_get(f, &n->chain, have - 1, &tail);
		if (error == ERR_ABSENT)
			error = fat_damaged(f, "a file is shorter than its size", first);
		if (!error)
			error = fat_table_get(f, tail, &next);
		if (error) {
			n->size = old;
			return error;
		}
	}
	if (have && fat_cluster_valid(f, next)) {
		error = fat_table_cut(f, tail);
		if (!error)
			error = fat_table_free(f, next, false);
	} else if (!have && first) {
		error = fat_table_free(f, first, false);
	}
	fat_chain_shorten(&n->chain, have);
	n->generation = 0;
	if (!error)
		error = fat_node_write(n);
	if (error)
		f->refuses = error;
	return error;
}

int fat_file_truncate(struct fat_file *file, uint64_t size)
{
	struct node *n = file->node;
	int error = OK;
	if (!file->write)
		return ERR_READ_ONLY;
	if (size > FAT_SIZE_MAX)
		return ERR_TOO_BIG;
	fat_lock(n->fat);
	if (size < n->size)
		error = truncate_to(n, (uint32_t)size);
	else if (size > n->size)
		error = extend(n, size);
	fat_unlock(n->fat);
	return error;
}

int fat_directory_grow(struct scan *s)
{
	struct fat *f = s->fat;
	uint32_t tail, cluster, next, slots = f->cluster_size / SLOT;
	if (!s->chain.first)
		return ERR_TOO_BIG;
	/* From where the search for room has ended, which is most often the tail. */
	uint32_t from = s->chain.cluster ? s->chain.index : 0;
	int error = fat_chain_get(f, &s->chain, from, &tail);
	for (uint32_t index = from + 1; !error && index <= SLOTS_MAX / slots; index++)
		error = fat_chain_get(f, &s->chain, index, &tail);
	if (error != ERR_ABSENT)
		return error ? error : ERR_TOO_BIG;
	tail = s->chain.cluster;
	error = fat_table_get(f, tail, &next);
	if (!error)
		error = fat_table_allocate(f, tail, &cluster);
	if (error)
		return error;
	error = fat_cluster_zero(f, cluster);
	if (!error)
		error = fat_table_link(f, tail, cluster);
	if (error)
		f->refuses = error;
	return error;
}

/* ---- Opening ---- */

static int make(struct fat *f, struct scan *s, const struct name *name, struct entry *e)
{
	uint8_t raw[SLOT] = { 0 };
	int error = fat_commit_room(f);
	if (error)
		return error;
	raw[11] = FAT_ARCHIVE;
	fat_entry_stamp(raw, fat_entry_now(), true);
	return fat_entry_make(s, name, raw, e);
}

static int open_node(struct fat *f, const char *path, uint32_t flags, struct node **to)
{
	struct scan s;
	struct entry e;
	struct name name;
	uint32_t directory;
	int error = fat_path_walk(f, path, 0, &directory, &name);
	if (error || !name.size)
		return error ? error : ERR_INVALID;
	if (flags & FAT_WRITE && f->read_only)
		return ERR_READ_ONLY;
	fat_scan_open(&s, f, directory);
	error = fat_scan_find(&s, &name, &e);
	if (!error && flags & FAT_EXCLUSIVE)
		return ERR_EXISTS;
	if (error == ERR_ABSENT && flags & FAT_CREATE)
		error = make(f, &s, &name, &e);
	if (error)
		return error;
	if (!fat_entry_is_file(e.raw))
		return ERR_INVALID;
	if (flags & FAT_WRITE && e.raw[11] & FAT_READ_ONLY)
		return ERR_READ_ONLY;
	error = fat_node_open(f, &e, to);
	if (!error && flags & FAT_TRUNCATE && (*to)->size) {
		error = truncate_to(*to, 0);
		if (error)
			fat_node_close(*to);
	}
	return error;
}

int fat_file_open(struct fat *f, const char *path, uint32_t flags, struct fat_file **to)
{
	if (flags & ~(uint32_t)(FAT_WRITE | FAT_CREATE | FAT_EXCLUSIVE | FAT_TRUNCATE) ||
	    (flags & (FAT_CREATE | FAT_TRUNCATE) && !(flags & FAT_WRITE)) ||
	    (flags & FAT_EXCLUSIVE && !(flags & FAT_CREATE)))
		return ERR_INVALID;
	struct fat_file *file = heap_alloc_zero(1, sizeof *file);
	if (!file)
		return ERR_MEMORY;
	fat_lock(f);
	int error = open_node(f, path, flags, &file->node);
	fat_unlock(f);
	if (error) {
		heap_free(file);
		return error;
	}
	file->write = flags & FAT_WRITE;
	*to = file;
	return OK;
}

void fat_file_close(struct fat_file *file)
{
	struct fat *f = file->node->fat;
	fat_lock(f);
	fat_node_close(file->node); /* what is lost then is found when the volume is opened */
	fat_unlock(f);
	heap_free(file);
}

uint32_t fat_file_size(const struct fat_file *file)
{
	return file->node->size;
}

/* SPDX-License-Identifier: ISC */
/*
 * The allocation table. Entries of clusters that no directory counts on are changed at once; those that
 * the device's directories lead to wait in fat.edits for their step of a commit, and are seen here
 * as they will be.
 *
 * FAT12 has entries across two sectors, of which a power cut may leave one old and one new. Such
 * clusters are not allocated, so that no file made here has one.
 */
#include <store/fat/internal.h>

static uint32_t mask(const struct fat *f)
{
	return f->bits == 12 ? 0xfff : f->bits == 16 ? 0xffff : 0x0fffffff;
}

static uint64_t offset(const struct fat *f, uint32_t cluster)
{
	return (uint64_t)cluster * f->bits / 8;
}

static bool straddles(const struct fat *f, uint32_t cluster)
{
	return f->bits == 12 && offset(f, cluster) % f->sector == f->sector - 1;
}

static int byte_at(struct fat *f, uint64_t at, struct unit **u, uint8_t **byte)
{
	int error = fat_cache_get(f, f->table_at + at, f->table_at + f->table_size, true, u);
	if (!error)
		*byte = (*u)->bytes + at % f->sector;
	return error;
}

static int load(struct fat *f, uint32_t cluster, uint32_t *value)
{
	struct unit *u;
	uint8_t *p;
	uint64_t at = offset(f, cluster);
	int error = byte_at(f, at, &u, &p);
	if (error)
		return error;
	if (f->bits == 32) {
		*value = fat_load32(p) & 0x0fffffff;
		return OK;
	}
	uint32_t low = *p, high;
	if (straddles(f, cluster)) {
		error = byte_at(f, at + 1, &u, &p);
		if (error)
			return error;
		high = *p;
	} else {
		high = p[1];
	}
	*value = low | high << 8;
	if (f->bits == 12)
		*value = cluster & 1 ? *value >> 4 : *value & 0xfff;
	return OK;
}

static struct edit *edit_of(struct fat *f, uint32_t cluster)
{
	for (uint32_t k = 0; k < f->edit_count; k++)
		if (f->edits[k].cluster == cluster)
			return &f->edits[k];
	return NULL;
}

int fat_table_get(struct fat *f, uint32_t cluster, uint32_t *value)
{
	if (!fat_cluster_valid(f, cluster))
		return fat_damaged(f, "there is no such cluster", cluster);
	struct edit *e = f->edit_count ? edit_of(f, cluster) : NULL;
	if (e) {
		*value = e->value;
		return OK;
	}
	int error = load(f, cluster, value);
	uint32_t m = mask(f);
	if (!error && (*value & m) >= (m & ~7u))
		*value = TABLE_END;
	else if (!error && *value == (m & ~8u))
		*value = TABLE_BAD;
	return error;
}

int fat_table_put(struct fat *f, uint32_t cluster, uint32_t value)
{
	struct unit *u;
	uint8_t *p;
	uint64_t at = offset(f, cluster);
	int error = byte_at(f, at, &u, &p);
	if (error)
		return error;
	if (f->bits == 32) {
		fat_store32(p, (fat_load32(p) & 0xf0000000) | (value & 0x0fffffff));
	} else if (f->bits == 16) {
		fat_store16(p, value);
	} else {
		uint8_t low = (uint8_t)(cluster & 1 ? (*p & 0x0f) | value << 4 : value);
		uint8_t high;
		*p = low;
		if (straddles(f, cluster)) {
			fat_cache_dirty(f, u);
			error = byte_at(f, at + 1, &u, &p);
			if (error)
				return error;
		} else {
			p++;
		}
		high = (uint8_t)(cluster & 1 ? value >> 4 : (*p & 0xf0) | (value >> 8 & 0x0f));
		*p = high;
	}
	fat_cache_dirty(f, u);
	return OK;
}

int fat_table_link(struct fat *f, uint32_t cluster, uint32_t to)
{
	if (f->edit_count == EDITS_MAX || edit_of(f, cluster)) {
		int error = fat_commit(f, false);
		if (error)
			return error;
	}
	f->edits[f->edit_count++] = (struct edit){ cluster, to, false };
	return OK;
}

int fat_table_cut(struct fat *f, uint32_t cluster)
{
	struct edit *e = edit_of(f, cluster);
	if (e && !e->cut) { /* the link has never been made */
		*e = f->edits[--f->edit_count];
		return OK;
	}
	if (f->edit_count == EDITS_MAX) {
		int error = fat_commit(f, false);
		if (error)
			return error;
	}
	if (!e)
		f->edits[f->edit_count++] = (struct edit){ cluster, TABLE_END, true };
	return OK;
}

int fat_table_free(struct fat *f, uint32_t first, bool directory)
{
	if (f->freed_count == FREED_MAX) {
		int error = fat_commit(f, false);
		if (error)
			return error;
	}
	f->freed[f->freed_count++] = (struct freed){ first, directory };
	return OK;
}

int fat_table_apply(struct fat *f, bool cut)
{
	uint32_t kept = 0;
	int error = OK;
	for (uint32_t k = 0; k < f->edit_count; k++) {
		struct edit e = f->edits[k];
		if (e.cut != cut || error) {
			f->edits[kept++] = e;
			continue;
		}
		error = fat_table_put(f, e.cluster, e.value);
		if (!error && fat_cache_crowded(f))
			error = fat_cache_write(f, true);
	}
	f->edit_count = kept;
	return error;
}

/* A cluster that is free already ends a chain, and so a loop ends, too. */
static int free_chain(struct fat *f, struct freed chain)
{
	int error = OK;
	for (uint32_t cluster = chain.first; fat_cluster_valid(f, cluster) && !error;) {
		uint32_t next;
		error = fat_table_get(f, cluster, &next);
		if (error || next == TABLE_FREE || next == TABLE_BAD)
			break;
		error = fat_table_put(f, cluster, TABLE_FREE);
		f->free += !error;
		if (chain.directory)
			fat_cache_forget(f, fat_cluster_at(f, cluster), f->cluster_size);
		if (cluster < f->hint)
			f->hint = cluster;
		if (!error && fat_cache_crowded(f))
			error = fat_cache_write(f, true);
		cluster = next;
	}
	return error;
}

int fat_table_free_all(struct fat *f)
{
	int error = OK;
	for (uint32_t k = 0; k < f->freed_count && !error; k++)
		error = free_chain(f, f->freed[k]);
	if (!error)
		f->freed_count = 0;
	return error;
}

int fat_table_count_free(struct fat *f)
{
	uint32_t count = 0, value;
	for (uint32_t c = 2; c - 2 < f->clusters; c++) {
		int error = fat_table_get(f, c, &value);
		if (error)
			return error;
		count += value == TABLE_FREE;
	}
	f->free = count;
	f->free_exact = true;
	return OK;
}

static uint32_t clean_bit(const struct fat *f)
{
	return f->bits == 32 ? 0x08000000 : f->bits == 16 ? 0x8000 : 0;
}

int fat_table_use(struct fat *f, bool *in_use)
{
	uint32_t value;
	int error = load(f, 1, &value);
	if (!error)
		*in_use = clean_bit(f) && !(value & clean_bit(f));
	return error;
}

int fat_table_clear_use(struct fat *f)
{
	uint32_t value;
	int error = load(f, 1, &value);
	return error ? error : fat_table_put(f, 1, value | clean_bit(f));
}

static int search(struct fat *f, uint32_t from, uint32_t *cluster)
{
	uint32_t c = fat_cluster_valid(f, from) ? from : 2, value;
	for (uint32_t n = 0; n < f->clusters; n++, c = c - 1 < f->clusters ? c + 1 : 2) {
		int error = fat_table_get(f, c, &value);
		if (error)
			return error;
		if (value == TABLE_FREE && !straddles(f, c)) {
			*cluster = c;
			return OK;
		}
	}
	if (f->bits != 12) {
		f->free = 0;
		f->free_exact = true;
	}
	return ERR_TOO_BIG;
}

int fat_table_allocate(struct fat *f, uint32_t near, uint32_t *cluster)
{
	int error = ERR_TOO_BIG;
	for (uint32_t again = 0; again < 2; again++) {
		/* A count that is only believed may be wrong. */
		if (f->free || !f->free_exact)
			error = search(f, near ? near + 1 : f->hint, cluster);
		if (error != ERR_TOO_BIG || !f->freed_count)
			break;
		error = fat_commit(f, false);
		if (error)
			return error;
		error = ERR_TOO_BIG;
	}
	if (error)
		return error;
	error = fat_table_put(f, *cluster, TABLE_END);
	if (error)
		return error;
	f->free -= f->free > 0;
	f->hint = *cluster + 1;
	return OK;
}

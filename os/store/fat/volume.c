/* SPDX-License-Identifier: ISC */
/* A volume's first sector, opening and closing. */
#include <store/fat/internal.h>

#include <core/check.h>
#include <core/heap.h>
#include <core/panic.h>

#define BOOT          512u
#define CACHE_DEFAULT (64u << 10)
#define CLUSTERS_MAX  0x0ffffff5u
#define TABLES_MAX    8u

void fat_lock(struct fat *f)
{
	while (f->locked)
		task_wait(&f->waiting, UINT64_MAX);
	f->locked = true;
}

void fat_unlock(struct fat *f)
{
	ensure(f->locked);
	f->locked = false;
	task_wake_one(&f->waiting);
}

int fat_damaged(struct fat *f, const char *what, uint64_t where)
{
	if (f->options.damage)
		f->options.damage(f->options.damage_of, what, where);
	return ERR_CORRUPT;
}

static bool power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

/* Fields of the boot sector, by the FAT specification; all of them may be anything. */
static int decode(struct fat *f, const uint8_t b[BOOT])
{
	uint32_t per_cluster = b[13], reserved = fat_load16(b + 14), tables = b[16];
	uint32_t table16 = fat_load16(b + 22), table = table16 ? table16 : fat_load32(b + 36);
	uint32_t total = fat_load16(b + 19) ? fat_load16(b + 19) : fat_load32(b + 32);
	f->sector = fat_load16(b + 11);
	f->root_slots = fat_load16(b + 17);
	if (b[510] != 0x55 || b[511] != 0xaa || !power_of_two(f->sector) || f->sector < 512 ||
	    f->sector > SECTOR_MAX || !power_of_two(per_cluster) || !reserved || !tables ||
	    tables > TABLES_MAX || !table || !total)
		return ERR_MALFORMED;
	uint64_t root = ((uint64_t)f->root_slots * SLOT + f->sector - 1) / f->sector;
	uint64_t before = reserved + (uint64_t)tables * table + root;
	if (before >= total || (uint64_t)total * f->sector > f->block->size)
		return ERR_MALFORMED;
	uint64_t clusters = (total - before) / per_cluster, held;
	f->bits = !table16 ? 32 : clusters < 4085 ? 12 : 16;
	f->table_size = (uint64_t)table * f->sector;
	held = f->table_size * 8 / f->bits;
	if (held < 3 || !clusters || (f->bits != 32 && !f->root_slots) ||
	    (f->bits == 32 && f->root_slots))
		return ERR_MALFORMED;
	clusters = clusters < held - 2 ? clusters : held - 2;
	f->clusters = clusters < CLUSTERS_MAX ? (uint32_t)clusters : CLUSTERS_MAX;
	f->cluster_size = per_cluster * f->sector;
	f->tables_at = (uint64_t)reserved * f->sector;
	f->table_at = f->tables_at;
	f->table_count = tables;
	f->root_at = f->tables_at + tables * f->table_size;
	f->data_at = f->root_at + root * f->sector;
	f->state_offset = f->bits == 32 ? 65 : 37;
	if (f->bits != 32)
		return OK;
	uint32_t flags = fat_load16(b + 40), info = fat_load16(b + 48);
	f->root_cluster = fat_load32(b + 44);
	if (fat_load16(b + 42) || !fat_cluster_valid(f, f->root_cluster) ||
	    (flags & 0x80 && (flags & 15) >= tables))
		return ERR_MALFORMED;
	if (flags & 0x80) { /* one table only, whichever it is */
		f->table_at += (flags & 15) * f->table_size;
		f->table_count = 1;
	}
	f->info_at = info && info < reserved ? (uint64_t)info * f->sector : 0;
	return OK;
}

/* Reads the count of free clusters that other systems left; without one they are counted. */
static int read_info(struct fat *f)
{
	uint8_t info[BOOT];
	f->hint = 2;
	if (f->info_at) {
		int error = fat_transfer_read(f, f->info_at, info, sizeof info);
		if (error)
			return error;
		if (fat_load32(info) != 0x41615252 || fat_load32(info + 484) != 0x61417272 ||
		    fat_load32(info + 508) != 0xaa550000)
			f->info_at = 0; /* nor shall it be written */
	}
	if (f->info_at && fat_load32(info + 488) <= f->clusters && !f->in_use) {
		f->free = fat_load32(info + 488);
		f->hint = fat_cluster_valid(f, fat_load32(info + 492)) ? fat_load32(info + 492) : 2;
		return OK;
	}
	return f->in_use ? OK : fat_table_count_free(f);
}

static int open_cache(struct fat *f)
{
	uint32_t cache = f->options.cache ? f->options.cache : CACHE_DEFAULT;
	f->unit_count = cache / f->sector > UNITS_MIN ? cache / f->sector : UNITS_MIN;
	f->unit_array = heap_alloc_zero(f->unit_count, sizeof *f->unit_array);
	f->unit_bytes = heap_alloc_aligned((size_t)f->unit_count * f->sector, BLOCK_ALIGN);
	if (!f->unit_array || !f->unit_bytes)
		return ERR_MEMORY;
	for (uint32_t k = 0; k < f->unit_count; k++) {
		f->unit_array[k].bytes = f->unit_bytes + (size_t)k * f->sector;
		list_append(&f->units, &f->unit_array[k].used);
	}
	return OK;
}

static int open_volume(struct fat *f)
{
	uint8_t boot[BOOT];
	if (f->block->size < BOOT)
		return ERR_MALFORMED;
	int error = fat_transfer_read(f, 0, boot, sizeof boot);
	if (!error)
		error = decode(f, boot);
	if (!error)
		error = open_cache(f);
	if (!error)
		error = fat_table_use(f, &f->table_unclean);
	if (error)
		return error;
	bool in_use = boot[f->state_offset] & 1 || f->table_unclean;
	f->figures = (struct fat_figures){ .bits = f->bits,
		                           .cluster_size = f->cluster_size,
		                           .clusters = f->clusters,
		                           .was_in_use = in_use };
	f->in_use = in_use && !f->read_only;
	error = read_info(f);
	if (!error && f->in_use)
		error = fat_repair(f);
	return error;
}

static void release(struct fat *f)
{
	check_forget(f);
	metric_forget(&f->metrics);
	fat_index_close(f);
	heap_free(f->unit_array);
	heap_free(f->unit_bytes);
	heap_free(f->transfer);
	heap_free(f);
}

/* Each open file or directory is listed once. */
static bool nodes_are_valid(const struct fat *f)
{
	if (!list_is_valid(&f->nodes))
		return false;
	list_each (l, &f->nodes) {
		const struct node *n = container_of(l, struct node, list);
		if (n->fat != f || !n->users)
			return false;
		/* While a name is moved, two may have its place. */
		for (const struct list *o = l->next; o != &f->nodes && !n->gone && !f->locked;
		     o = o->next) {
			const struct node *other = container_of(o, struct node, list);
			if (!other->gone && other->at == n->at)
				return false;
		}
	}
	return true;
}

bool fat_is_valid(const struct fat *f)
{
	for (uint32_t k = 0; k < f->edit_count && k < EDITS_MAX; k++)
		if (!fat_cluster_valid(f, f->edits[k].cluster))
			return false;
	return f->edit_count <= EDITS_MAX && f->freed_count <= FREED_MAX &&
	       (!f->free_exact || f->free <= f->clusters) && nodes_are_valid(f) &&
	       fat_cache_is_valid(f);
}

static bool is_valid(const void *of)
{
	return fat_is_valid(of);
}

int fat_open(struct fat **to, struct block *block, const struct fat_options *options)
{
	struct fat *f = heap_alloc_zero(1, sizeof *f);
	if (!f)
		return ERR_MEMORY;
	f->block = block;
	f->generation = 1;
	f->too_large = INDEX_NONE;
	list_init(&f->units);
	list_init(&f->nodes);
	task_queue_init(&f->waiting);
	if (options)
		f->options = *options;
	f->read_only = block->read_only || f->options.read_only;
	f->transfer = heap_alloc_aligned(TRANSFER_SIZE, BLOCK_ALIGN);
	int error = f->transfer ? open_volume(f) : ERR_MEMORY;
	if (error) {
		release(f);
		return error;
	}
	check_watch(f, is_valid, "store/fat",
	            "sectors in memory, open files and waiting changes are sound");
	if (metric_shown)
		fat_metrics_add(f);
	*to = f;
	return OK;
}

int fat_sync(struct fat *f)
{
	fat_lock(f);
	int error = fat_commit(f, true);
#ifdef AMPOULE_CHECKED /* it looks at every name, which is too much for each turn of the loop */
	ensure(fat_index_is_valid(f));
#endif
	fat_unlock(f);
	return error;
}

int fat_close(struct fat *f)
{
	int error = fat_sync(f);
	release(f);
	return error;
}

static int read_label(struct fat *f)
{
	struct scan s;
	struct entry e;
	uint16_t units[12];
	int error;
	f->figures.label[0] = 0;
	fat_scan_open(&s, f, f->bits == 32 ? f->root_cluster : 0);
	while (!(error = fat_scan_next(&s, &e))) {
		if ((e.raw[11] & (ATTR_LABEL | ATTR_DIRECTORY)) != ATTR_LABEL)
			continue;
		/* A label is eleven letters without a dot. */
		uint8_t raw[11];
		memcpy(raw, e.raw, 11);
		memset(raw + 8, ' ', 3);
		uint32_t size = fat_name_from_short(raw, 0, units);
		memcpy(raw, e.raw + 8, 3);
		memset(raw + 3, ' ', 8);
		while (size < 8 && raw[0] != ' ')
			units[size++] = ' ';
		size += fat_name_from_short(raw, 0, units + size);
		fat_name_print(units, size, f->figures.label, sizeof f->figures.label);
		return OK;
	}
	return error == ERR_ABSENT ? OK : error;
}

int fat_figures(struct fat *f, struct fat_figures *to)
{
	fat_lock(f);
	int error = f->refuses ? OK : fat_commit(f, false);
	if (!error && !f->free_exact)
		error = fat_table_count_free(f);
	if (!error)
		error = read_label(f);
	f->figures.clusters_free = f->free;
	*to = f->figures;
	fat_unlock(f);
	return error;
}

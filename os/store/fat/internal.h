/* SPDX-License-Identifier: ISC */
/*
 * Shared by the parts of FAT. From below: transfer (bytes of the device), cache (sectors of tables and directories), table (the
 * allocation table, and changes of it that must wait), chain (clusters one behind the other), name, entry (slots of a
 * directory), index (where a large directory's names are), commit (the order in which changes reach the device), path, directory,
 * file; volume opens, repair mends.
 *
 * Everything runs under fat.lock, which the public functions take.
 */
#ifndef STORE_FAT_INTERNAL_H
#define STORE_FAT_INTERNAL_H

#include <string.h>

#include <core/error.h>
#include <core/list.h>
#include <core/metric.h>
#include <core/task.h>
#include <store/fat/fat.h>

/* Little-endian fields of a slot, a boot sector. */
static inline uint16_t fat_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t fat_load32(const uint8_t *p)
{
	return fat_load16(p) | (uint32_t)fat_load16(p + 2) << 16;
}
static inline void fat_store16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}
static inline void fat_store32(uint8_t *p, uint32_t v)
{
	fat_store16(p, v);
	fat_store16(p + 2, v >> 16);
}

/* ---- The volume ---- */

#define SECTOR_MAX    4096u
#define TRANSFER_SIZE (64u << 10)
#define EDITS_MAX     64u
#define FREED_MAX     64u
#define BUCKETS       256u
#define UNITS_MIN     64u

/* A sector of a table or a directory in memory. */
struct unit {
	struct list used;  /* in fat.units: the least recently used first */
	struct unit *next; /* of its bucket */
	uint64_t at;       /* on the device; of a table: of the active one */
	uint8_t *bytes;
	bool valid, dirty;
	bool table;
};

/* A change of the table that waits: a link from a cluster that the device knows until what it leads to is there; a cut until
 * no directory counts on what is behind it. */
struct edit {
	uint32_t cluster, value;
	bool cut;
};

/* A chain to be freed when no directory entry leads to it any more. */
struct freed {
	uint32_t first;
	bool directory;
};

struct chain {
	uint32_t first;          /* 0: it has no cluster; of a directory: the fixed root */
	uint32_t index, cluster; /* the one last used; cluster 0: none */
	uint32_t step, count;    /* landmarks: marks[k] is cluster number (k + 1) * step */
	uint32_t marks[24];
};

/* Of a large directory: index.c. */
#define INDEXES 4u
#ifndef INDEX_FROM      /* tests have a smaller one */
#define INDEX_FROM 128u /* slots: what is smaller is searched */
#endif
#define INDEX_DEFAULT (1u << 20)
#define INDEX_NONE    UINT32_MAX
#define ENTRY_SLOTS   21u /* of the longest name */
struct record;
struct index {
	uint32_t directory; /* its first cluster */
	uint32_t size;      /* slots that there is room for: a power of two; 0: it is free */
	struct record *records;
	uint32_t *heads;                /* size / 2 of them */
	uint32_t room[ENTRY_SLOTS + 1]; /* before it no so many free slots in a row begin */
	uint64_t used;
	struct chain chain;
};

/* A file or directory that is open, once however often. */
struct node {
	struct list list; /* in fat.nodes */
	struct fat *fat;
	uint32_t users;
	uint64_t at; /* of its short slot on the device; 0: the root */
	struct chain chain;
	uint32_t size;
	uint32_t generation; /* of the commit that its last cluster waits for, if new */
	bool directory;
	bool gone; /* it has no name any more: freed with its last user */
};

struct fat {
	struct block *block;
	struct fat_options options;
	bool read_only;
	int refuses; /* writing, with this error */

	bool locked;
	struct task_queue waiting;

	uint32_t bits, sector, cluster_size, clusters; /* numbers 2 to clusters + 1 */
	uint64_t table_at, table_size;                 /* of the active one; bytes of each */
	uint64_t tables_at;
	uint32_t table_count; /* that are written; 1 where they are not mirrored */
	uint64_t root_at;     /* fixed root: FAT12, FAT16 */
	uint32_t root_slots, root_cluster;
	uint64_t data_at, info_at; /* info_at 0: none */
	uint32_t state_offset;     /* of the byte in the boot sector that tells of use */

	uint32_t free, hint; /* clusters; where to look first */
	bool free_exact;     /* counted, not believed */
	bool in_use;         /* marked so on the device */
	bool written;        /* since the last flush */
	bool table_unclean;  /* table entry 1 tells of use, too */

	struct list units;
	struct unit *unit_array, *buckets[BUCKETS];
	uint8_t *unit_bytes;
	uint32_t unit_count, dirty;

	struct edit edits[EDITS_MAX];
	struct freed freed[FREED_MAX];
	uint32_t edit_count, freed_count;
	uint32_t generation; /* of commits */
	uint64_t erased;     /* names erased since the last one, a bit each (fat_name_mark) */
	uint64_t moved_at;   /* slot of a rename whose mark is to go; 0: none */
	uint8_t moved_tenths;

	struct index indexes[INDEXES];
	uint64_t index_bytes, index_turn;
	uint64_t too_large_at; /* index_turn of then */
	uint32_t too_large;    /* a directory that has no index, because it did not fit */

	struct list nodes;
	uint8_t *transfer;
	struct fat_figures figures;
	struct metric_source metrics;
};
void fat_metrics_add(struct fat *); /* metrics.c */

void fat_lock(struct fat *);
void fat_unlock(struct fat *);
/* For tests and checks: what is in memory, whatever is under way. Nothing is read. */
bool fat_is_valid(const struct fat *);
int fat_damaged(struct fat *, const char *what, uint64_t where); /* ERR_CORRUPT */

/* ---- transfer.c ---- */
int fat_transfer_read(struct fat *, uint64_t at, void *to, uint64_t size);
/* `from` null: zeros. An error makes the volume refuse writing. */
int fat_transfer_write(struct fat *, uint64_t at, const void *from, uint64_t size);
int fat_transfer_flush(struct fat *);

/* ---- cache.c ---- */
/* The sector that byte `at` is in. It stays until the next fat_cache_get. `end`: no use in reading further than that. */
int fat_cache_get(struct fat *, uint64_t at, uint64_t end, bool table, struct unit **);
void fat_cache_dirty(struct fat *, struct unit *);
void fat_cache_forget(struct fat *, uint64_t at, uint64_t size); /* changes, too */
int fat_cache_write(struct fat *, bool table);                   /* all changed ones of that kind */
bool fat_cache_is_valid(const struct fat *);                     /* for checks */
static inline bool fat_cache_crowded(const struct fat *f)
{
	return f->dirty > f->unit_count / 2;
}

/* ---- table.c ---- */
#define TABLE_FREE 0u
#define TABLE_END  0x0fffffffu
#define TABLE_BAD  0x0ffffff7u
static inline bool fat_cluster_valid(const struct fat *f, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < f->clusters;
}
static inline uint64_t fat_cluster_at(const struct fat *f, uint32_t cluster)
{
	return f->data_at + (uint64_t)(cluster - 2) * f->cluster_size;
}
int fat_table_get(struct fat *, uint32_t cluster, uint32_t *value); /* as it will be */
int fat_table_put(struct fat *, uint32_t cluster,
                  uint32_t value); /* with the next commit's first step */
int fat_table_link(struct fat *, uint32_t cluster, uint32_t to); /* when `to` is there */
int fat_table_cut(struct fat *, uint32_t cluster); /* when the directories are there */
int fat_table_free(struct fat *, uint32_t first, bool directory); /* likewise; a whole chain */
/* A free one, `near` + 1 if that is; its entry is TABLE_END. ERR_TOO_BIG: there is none. */
int fat_table_allocate(struct fat *, uint32_t near, uint32_t *cluster);
int fat_table_count_free(struct fat *);
int fat_table_apply(struct fat *, bool cut);   /* edits of that kind, into the cache */
int fat_table_free_all(struct fat *);          /* fat.freed */
int fat_table_use(struct fat *, bool *in_use); /* as entry 1 tells it */
int fat_table_clear_use(struct fat *);

/* ---- chain.c ---- */
void fat_chain_open(struct chain *, uint32_t first);
/* ERR_ABSENT: it ends before. */
int fat_chain_get(struct fat *, struct chain *, uint32_t index, uint32_t *cluster);
void fat_chain_shorten(struct chain *, uint32_t count); /* clusters that are left */

/* ---- commit.c ---- */
/* Makes room for one more change of anything: call before beginning one. Says whether writing is allowed at all. */
int fat_commit_room(struct fat *);
/* clean: and marks the volume so. */
int fat_commit(struct fat *, bool clean);

/* ---- name.c ---- */
#define NAME_UNITS 255u
struct name {
	uint16_t units[NAME_UNITS + 1];
	uint32_t size;
};
/* One part of a path. ERR_INVALID, ERR_TOO_BIG. */
int fat_name_parse(struct name *, const char *utf8, uint32_t size);
uint32_t fat_name_print(const uint16_t *units, uint32_t size, char *to,
                        uint32_t room); /* with its NUL */
bool fat_name_equal(const uint16_t *a, uint32_t a_size, const uint16_t *b, uint32_t b_size);
uint32_t fat_name_hash(const uint16_t *units,
                       uint32_t size); /* names that are equal have the same */
/* One bit of 64: names that are equal have the same. */
uint64_t fat_name_mark(const uint16_t *units, uint32_t size);
/* A long name that can be shown and asked for; unpaired surrogates are made U+FFFD. */
bool fat_name_clean(uint16_t *units, uint32_t size);
uint32_t fat_name_from_short(const uint8_t raw[11], uint8_t cases, uint16_t units[12]);
uint8_t fat_name_sum(const uint8_t raw[11]);
/* The short name; true: it says all, no long one is needed. Else with tail ~1. */
bool fat_name_to_short(const struct name *, uint8_t raw[11]);
/* The same with another tail: 1 to 9, then by hash. */
void fat_name_tail(const struct name *, uint8_t raw[11], uint32_t number);

/* ---- entry.c ---- */
#define SLOT           32u
#define SLOTS_MAX      65536u
#define ATTR_LABEL     8u
#define ATTR_DIRECTORY 16u
#define ATTR_LONG      15u
#define MOVED          0xffu /* creation tenths of the newer of two entries of a rename: no valid time */

struct entry {
	uint8_t raw[SLOT];    /* the short slot */
	uint64_t at;          /* on the device */
	uint32_t slot, first; /* numbers: of the short slot, and of the first of its long name */
	uint32_t units_count; /* of the long name; 0: none */
	uint16_t units[NAME_UNITS + 6];
};
struct scan {
	struct fat *fat;
	struct chain chain; /* of the directory */
	uint32_t slot;      /* the next */
	uint32_t limit;     /* it ends there at the latest */
	bool mend;          /* parts of long names without a file are erased */
	uint32_t mended;
};
void fat_scan_open(struct scan *, struct fat *, uint32_t directory);
int fat_scan_next(struct scan *, struct entry *); /* labels, . and .. included */
int fat_scan_slot(struct scan *, uint32_t slot, struct unit **,
                  uint8_t **); /* ERR_ABSENT: behind the end */
int fat_scan_find(struct scan *, const struct name *, struct entry *); /* ERR_ABSENT */
bool fat_entry_is_named(const struct entry *, const struct name *);
int fat_entry_erase(struct scan *, const struct entry *);
/* Puts a new one into the directory: raw's fields but its name. e: what became of it. */
int fat_entry_make(struct scan *, const struct name *, const uint8_t raw[SLOT], struct entry *e);
int fat_entry_empty(struct fat *, uint32_t directory); /* OK; ERR_INVALID: it is not */
static inline uint32_t fat_entry_first(const struct fat *f, const uint8_t raw[SLOT])
{
	return fat_load16(raw + 26) |
	       (f->bits == 32 ? (uint32_t)(fat_load16(raw + 20) & 0x0fff) << 16 : 0);
}
static inline void fat_entry_set_first(const struct fat *f, uint8_t raw[SLOT], uint32_t cluster)
{
	fat_store16(raw + 26, cluster);
	if (f->bits == 32)
		fat_store16(raw + 20, cluster >> 16);
}
static inline bool fat_entry_is_file(const uint8_t raw[SLOT])
{
	return !(raw[11] & (ATTR_LABEL | ATTR_DIRECTORY));
}
static inline bool fat_entry_is_dot(const uint8_t raw[SLOT])
{
	return raw[0] == '.' && (raw[1] == ' ' || raw[1] == '.');
}
void fat_entry_stamp(uint8_t raw[SLOT], int64_t seconds, bool created);
int64_t fat_entry_now(void); /* seconds since 1970 */
void fat_entry_info(const struct entry *, struct fat_info *);

/* ---- index.c ---- */
struct index *fat_index_of(const struct scan *); /* null: there is none */
struct index *
fat_index_make(const struct scan *); /* null: it would not fit, or the directory is damaged */
int fat_index_find(struct index *, struct scan *, const struct name *, struct entry *);
bool fat_index_has_short(const struct index *, const uint8_t raw[11]); /* by hash: maybe another */
void fat_index_added(const struct scan *, const struct entry *);
void fat_index_erased(const struct scan *, const struct entry *);
/* From where on so many free slots in a row are to be looked for; and where they were found, and are taken. */
uint32_t fat_index_room(const struct scan *, uint32_t need);
void fat_index_taken(const struct scan *, uint32_t need, uint32_t at);
void fat_index_drop(struct fat *, uint32_t directory);
void fat_index_close(struct fat *);
bool fat_index_is_valid(const struct fat *); /* for checks */

/* ---- path.c ---- */
/* Walks to the directory that the path's last part is in. `avoid`: ERR_INVALID if it leads through that directory. */
int fat_path_walk(struct fat *, const char *path, uint32_t avoid, uint32_t *directory,
                  struct name *last);
/* The entry; ERR_INVALID: the path is the root. */
int fat_path_find(struct fat *, const char *path, struct scan *, struct entry *);
/* The first cluster of a directory that a slot leads to; checked. */
int fat_path_enter(struct fat *, const uint8_t raw[SLOT], uint32_t *directory);
struct node *fat_node_find(struct fat *, uint64_t at);
int fat_node_open(struct fat *, const struct entry *, struct node **); /* entry null: the root */
int fat_node_close(struct node *);
int fat_node_write(struct node *); /* first cluster, size and time into its slot */

/* ---- file.c ---- */
int fat_directory_grow(struct scan *); /* a cluster of zeros behind its end */
int fat_cluster_zero(struct fat *, uint32_t cluster);

/* ---- repair.c ---- */
int fat_repair(struct fat *);

#endif

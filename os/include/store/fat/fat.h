/* SPDX-License-Identifier: ISC */
/*
 * FAT12, FAT16 and FAT32 with long names on a block device, for exchange with other systems. The whole device is one volume
 * (no partition table).
 *
 * Calls are for tasks and block; one runs at a time, and others wait their turn. Paths are UTF-8, with parts separated by '/'. They
 * start at the root whether they begin with '/' or not; . and .. are not interpreted. Case does not matter in finding a name.
 *
 * After a power cut: changes reach the device with fat_sync and fat_close, or before, in an order that keeps all older data:
 * clusters are linked before a directory entry counts on them, and freed after none does. In between the volume
 * is marked as in use. fat_open of a volume in use frees lost clusters and mends the other traces of that order. Files that
 * were not touched since the last fat_sync are as they were. Each later change is there or is not. Bytes
 * overwritten in place may be old or new, sector by sector. A rename always leaves the file under one name (an empty one: under one
 * or both), and where it replaces another, that name stands for the old contents or the new.
 *
 * Errors: ERR_IO; ERR_CORRUPT (the device's data contradict each other: options.damage has been told where); ERR_ABSENT;
 * ERR_EXISTS; ERR_INVALID (a name FAT cannot hold; a directory where a file is meant, or the other way round; a directory that is
 * not empty); ERR_TOO_BIG (the volume, a directory or a file is full, or a name too long); ERR_READ_ONLY; ERR_MEMORY. After
 * a failed write of the device, writing is refused with ERR_IO until the volume is opened anew.
 */
#ifndef STORE_FAT_H
#define STORE_FAT_H

#include <stdbool.h>
#include <stdint.h>

#include <store/block.h>

#define FAT_NAME_MAX 765u        /* bytes of UTF-8: 255 UTF-16 units */
#define FAT_SIZE_MAX 0xffffffffu /* bytes of a file */

struct fat;
struct fat_file;
struct fat_directory;

struct fat_options {
	bool read_only;
	uint32_t cache; /* bytes of allocation table and directories kept in memory; 0: 64 KiB */
	/* Bytes, at most, for finding names in folders of more than about 50 files; 0: 1 MiB. The largest folder that there can be
	 * takes 640 KiB. A folder that does not fit takes time in proportion to its files for each name. */
	uint32_t index;
	/* Told of damage: in words, and the cluster, or byte of the device, that it is about. May be null. */
	void (*damage)(void *of, const char *what, uint64_t where);
	void *damage_of;
};

/* ERR_MALFORMED: the device holds no FAT volume. `options` may be null. */
int fat_open(struct fat **, struct block *, const struct fat_options *);
/* Calls fat_sync, then frees all memory whatever that returned. Files and directories must have been closed. */
int fat_close(struct fat *);
/* When it returns OK, all changes made before are on the device, and the volume is marked as clean. */
int fat_sync(struct fat *);

/* ---- Files ---- */

enum {
	FAT_WRITE = 1,     /* else reading only */
	FAT_CREATE = 2,    /* where it is not there; with WRITE */
	FAT_EXCLUSIVE = 4, /* with CREATE: ERR_EXISTS where it is */
	FAT_TRUNCATE = 8,  /* to nothing; with WRITE */
};
int fat_file_open(struct fat *, const char *path, uint32_t flags, struct fat_file **);
void fat_file_close(struct fat_file *);
uint32_t fat_file_size(const struct fat_file *);
/* Returns the bytes read: fewer than `size` at the end of the file only. Heap memory at a multiple of the device's sector size is
 * given to the device directly if position and size are such multiples, too. All other memory goes through a buffer. */
int64_t fat_file_read(struct fat_file *, uint64_t at, void *to, uint64_t size);
/* Returns the bytes written: fewer than `size` where the volume is full. A gap before `at` is filled with zeros. */
int64_t fat_file_write(struct fat_file *, uint64_t at, const void *from, uint64_t size);
int fat_file_truncate(struct fat_file *, uint64_t size); /* longer: by zeros */

/* ---- Names ---- */

enum { /* attributes */
       FAT_READ_ONLY = 1,
       FAT_HIDDEN = 2,
       FAT_SYSTEM = 4,
       FAT_ARCHIVE = 32,
};
struct fat_info {
	char name[FAT_NAME_MAX + 1];
	char short_name[3 * 12 + 1];
	uint32_t size;
	uint8_t attributes;
	bool directory;
	int64_t created, modified,
	        accessed; /* seconds since 1970, UTC taken for local time; 0: not told */
};
int fat_stat(struct fat *, const char *path, struct fat_info *);
int fat_make_directory(struct fat *, const char *path);
/* Removes a file or an empty directory. A file that is open stays readable until it is closed. */
int fat_remove(struct fat *, const char *path);
/* A file replaces a file of the new name; a directory replaces nothing. ERR_INVALID: a directory into itself. */
int fat_rename(struct fat *, const char *from, const char *to);
int fat_set_attributes(struct fat *, const char *path, uint8_t attributes);
int fat_set_modified(struct fat *, const char *path, int64_t seconds);

/* Lists entries in the order of the directory ("" or "/": the root). It may or may not give entries made or removed meanwhile. */
int fat_directory_open(struct fat *, const char *path, struct fat_directory **);
int fat_directory_next(struct fat_directory *,
                       struct fat_info *); /* ERR_ABSENT: there is no further one */
void fat_directory_close(struct fat_directory *);

/* ---- Looking ---- */

struct fat_figures {
	uint32_t bits; /* 12, 16, 32 */
	uint32_t cluster_size;
	uint32_t clusters, clusters_free;
	char label[3 * 11 + 1];
	bool was_in_use; /* when it was opened; the next counts say what was mended then */
	uint32_t lost;   /* clusters freed */
	uint32_t cut;    /* chains made as long as their files, or files as their chains */
	uint32_t
	        names_mended; /* parts of long names without a file, second names of a rename, parents */
};
/* Writes waiting changes first, so that freed clusters count. */
int fat_figures(struct fat *, struct fat_figures *);

#endif

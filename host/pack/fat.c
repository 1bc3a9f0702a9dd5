/* SPDX-License-Identifier: ISC */
/* Microsoft's "FAT: General Overview of On-Disk Format", 1.03. Each file is one run of clusters. */
#include <stdbool.h>
#include <string.h>

#include <pack/fat.h>

#define SECTOR       512u
#define ENTRY        32u
#define ROOT_ENTRIES 512u
#define RESERVED     1u
#define CLUSTERS_MIN 4085u  /* fewer are FAT12's */
#define CLUSTERS_MAX 65524u /* more are FAT32's */
#define FOLDER       0x10u
#define SLACK        2048u /* clusters that stay free */
#define FILES_MAX    16u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

struct shape {
	uint32_t per_cluster;     /* sectors */
	uint32_t clusters, table; /* sectors of one table of two */
};

static uint64_t clusters_for(const struct fat_file *f, uint64_t cluster)
{
	return f->bytes ? (f->size + cluster - 1) / cluster : 1;
}

static struct shape shape_of(const struct fat_file *files, unsigned count)
{
	struct shape s = { .per_cluster = 1 };
	for (;; s.per_cluster *= 2) {
		uint64_t sum = SLACK;
		for (unsigned i = 0; i < count; i++)
			sum += clusters_for(&files[i], s.per_cluster * SECTOR);
		if (sum < CLUSTERS_MIN + SLACK)
			sum = CLUSTERS_MIN + SLACK;
		if (sum <= CLUSTERS_MAX || s.per_cluster == 64) {
			s.clusters = (uint32_t)sum;
			break;
		}
	}
	s.table = ((s.clusters + 2) * 2 + SECTOR - 1) / SECTOR;
	return s;
}

static uint32_t data_at(const struct shape *s)
{
	return RESERVED + 2 * s->table + ROOT_ENTRIES * ENTRY / SECTOR;
}

uint64_t fat_sectors(const struct fat_file *files, unsigned count)
{
	const struct shape s = shape_of(files, count);
	return data_at(&s) + (uint64_t)s.clusters * s.per_cluster;
}

/* "BOOTX64.EFI" -> "BOOTX64 EFI" */
static void set_name(uint8_t to[11], const char *name)
{
	unsigned n = 0;
	memset(to, ' ', 11);
	for (; *name && n < 11; name++)
		if (*name == '.' && name[1])
			n = 8;
		else
			to[n++] = (uint8_t)*name;
}

static void set_entry(uint8_t *e, const char *name, bool folder, uint32_t cluster, uint32_t size)
{
	set_name(e, name);
	e[11] = folder ? FOLDER : 0x20;
	put16(e + 24, 0x21); /* 1 January 1980 */
	put16(e + 16, 0x21);
	put16(e + 26, cluster);
	put32(e + 28, size);
}

int fat_make(uint8_t *to, uint64_t sectors, uint64_t first, uint32_t serial,
             const struct fat_file *files, unsigned count, struct defect *why)
{
	const struct shape s = shape_of(files, count);
	uint32_t cluster_bytes = s.per_cluster * SECTOR, next = 2, at[FILES_MAX],
	         used[FILES_MAX] = { 0 };
	uint8_t *tables = to + RESERVED * SECTOR, *root = tables + 2 * s.table * SECTOR,
	        *data = to + (uint64_t)data_at(&s) * SECTOR;
	if (count > FILES_MAX || s.clusters > CLUSTERS_MAX || sectors > UINT32_MAX)
		return defect_set(why, "is too large for a boot partition");
	memcpy(to,
	       "\xeb\x3c\x90"
	       "AMPOULE ",
	       11);
	put16(to + 11, SECTOR);
	to[13] = (uint8_t)s.per_cluster;
	put16(to + 14, RESERVED);
	to[16] = 2;
	put16(to + 17, ROOT_ENTRIES);
	put16(to + 19, sectors < 65536 ? (uint32_t)sectors : 0);
	to[21] = 0xf8;
	put16(to + 22, s.table);
	put16(to + 24, 32);
	put16(to + 26, 64);
	put32(to + 28, (uint32_t)first);
	put32(to + 32, sectors < 65536 ? 0 : (uint32_t)sectors);
	to[36] = 0x80;
	to[38] = 0x29;
	put32(to + 39, serial);
	memcpy(to + 43, "AMPOULE    FAT16   ", 19);
	put16(to + 510, 0xaa55);

	put16(tables, 0xfff8);
	put16(tables + 2, 0xffff);
	for (unsigned i = 0; i < count; i++) {
		const struct fat_file *f = &files[i];
		const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
		uint32_t n = (uint32_t)clusters_for(f, cluster_bytes), begin = n ? next : 0;
		uint8_t *folder = root;
		uint32_t parent = 0, *place = NULL;
		static uint32_t root_used;
		if (!i)
			root_used = 0;
		place = &root_used;
		for (unsigned k = 0; slash && k < i; k++)
			if (!files[k].bytes && strlen(files[k].path) == (size_t)(slash - f->path) &&
			    !memcmp(files[k].path, f->path, (size_t)(slash - f->path))) {
				parent = at[k];
				folder = data + (uint64_t)(at[k] - 2) * cluster_bytes;
				place = &used[k];
			}
		if (*place >= SECTOR / ENTRY)
			return defect_set(why, "has too many files for a boot partition");
		set_entry(folder + (*place)++ * ENTRY, name, !f->bytes, begin,
		          f->bytes ? (uint32_t)f->size : 0);
		at[i] = begin;
		for (uint32_t k = 0; k < n; k++)
			put16(tables + 2 * (next + k), k + 1 < n ? next + k + 1 : 0xffff);
		uint8_t *bytes = data + (uint64_t)(begin - 2) * cluster_bytes;
		if (f->bytes && f->size)
			memcpy(bytes, f->bytes, f->size);
		if (!f->bytes) {
			set_entry(bytes, ".", true, begin, 0);
			set_entry(bytes + ENTRY, ".", true, parent, 0);
			bytes[ENTRY + 1] = '.';
			used[i] = 2;
		}
		next += n;
	}
	memcpy(tables + s.table * SECTOR, tables, s.table * SECTOR);
	return 0;
}

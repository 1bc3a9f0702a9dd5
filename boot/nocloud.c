/* SPDX-License-Identifier: ISC */
/* FAT: Microsoft's "FAT: General Overview" 1.03, of which long names have one entry here. ISO 9660: ECMA-119, sections 8.4 and 9.1; of
 * `user-data` it makes USER_DAT, whatever lies beside in other alphabets. */
#include <string.h>

#include <ampoule_abi.h>
#include <boot/nocloud.h>

#define NAME       "user-data"
#define NAME_ISO   "USER_DAT"
#define LABEL      "CIDATA"
#define ISO_SECTOR 2048u
#define ISO_VOLUME (16u * ISO_SECTOR)
#define FAT_SECTOR 512u
#define FAT_ENTRY  32u
#define FAT12_MOST 4084u /* clusters */
#define FAT16_MOST 65524u
#define DIRECTORY  65536u /* bytes of it that are looked at */
#define LONG_NAME  0x0fu
#define LONG_LAST  0x41u /* the only entry of a name */
#define VOLUME     0x08u

static struct defect *defect;
static const struct driver_disk *disk;

/* Bytes from anywhere of the disk, which is read in whole sectors. */
static int get(uint64_t at, void *to, uint32_t size)
{
	static uint8_t piece[AMP_PAGE] __attribute__((aligned(4096)));
	uint64_t end = disk->extent->size;
	if (at > end || size > end - at)
		return defect_set(defect, "NoCloud's disk at %s: leads beyond its end",
		                  disk->place);
	for (uint32_t done = 0; done < size;) {
		uint64_t first = (at + done) & ~(uint64_t)(AMP_PAGE - 1), left = end - first;
		uint32_t n = left < AMP_PAGE ? (uint32_t)left : AMP_PAGE;
		uint32_t from = (uint32_t)(at + done - first), step = n - from;
		if (disk->driver->read(disk->of, piece, n, first))
			return defect_set(defect, "NoCloud's disk at %s cannot be read",
			                  disk->place);
		if (step > size - done)
			step = size - done;
		memcpy((uint8_t *)to + done, piece + from, step);
		done += step;
	}
	return 0;
}

static uint32_t le(const uint8_t *at, unsigned bytes)
{
	uint32_t v = 0;
	for (unsigned i = bytes; i--;)
		v = v << 8 | at[i];
	return v;
}

static bool is_same(const uint8_t *text, const char *upper, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (text[i] != upper[i] &&
		    !(upper[i] >= 'A' && upper[i] <= 'Z' && text[i] == (upper[i] | 0x20)))
			return false;
	return true;
}

static bool is_label(const uint8_t *text, unsigned size)
{
	unsigned n = strlen(LABEL);
	if (!is_same(text, LABEL, n))
		return false;
	for (; n < size; n++)
		if (text[n] != ' ' && text[n])
			return false;
	return true;
}

static int no_file(void)
{
	return defect_set(defect, "NoCloud's disk at %s has no file " NAME, disk->place);
}

static int too_large(uint32_t size)
{
	return defect_set(defect,
	                  "NoCloud's disk at %s: " NAME " has %u bytes; at most %u are taken",
	                  disk->place, size, NOCLOUD_MOST);
}

/* ---- ISO 9660 ---- */

static int read_iso(const uint8_t volume[ISO_SECTOR], char *text)
{
	static uint8_t sector[ISO_SECTOR];
	uint64_t at = (uint64_t)le(volume + 158, 4) * ISO_SECTOR;
	uint32_t size = le(volume + 166, 4);
	for (uint32_t done = 0; done < size && done < DIRECTORY; done += ISO_SECTOR) {
		if (get(at + done, sector, ISO_SECTOR))
			return -1;
		/* Records do not go on into the next sector. */
		for (uint32_t k = 0; k + 34 <= ISO_SECTOR && sector[k]; k += sector[k]) {
			const uint8_t *r = sector + k;
			uint32_t length = r[0], name = r[32], bytes = le(r + 10, 4);
			if (length < 34 || length > ISO_SECTOR - k || name > length - 33)
				return defect_set(defect,
				                  "NoCloud's disk at %s: its directory is damaged",
				                  disk->place);
			if (r[25] & 2 || name < strlen(NAME_ISO) ||
			    !is_same(r + 33, NAME_ISO, strlen(NAME_ISO)))
				continue;
			if (bytes > NOCLOUD_MOST)
				return too_large(bytes);
			text[bytes] = 0;
			return get((uint64_t)le(r + 2, 4) * ISO_SECTOR, text, bytes);
		}
	}
	return no_file();
}

/* ---- FAT ---- */

static struct fat {
	uint64_t table, data; /* bytes from the beginning */
	uint32_t cluster_size, cluster_count, bits;
} fat;

/* Moves *cluster to the next of its chain, or to zero at its end. */
static int follow(uint32_t *cluster)
{
	uint8_t entry[4];
	uint32_t n = *cluster, bytes = fat.bits == 12 ? 2 : fat.bits / 8;
	if (get(fat.table + (uint64_t)n * fat.bits / 8, entry, bytes))
		return -1;
	uint32_t next = le(entry, bytes);
	if (fat.bits == 12)
		next = n & 1 ? next >> 4 : next & 0xfff;
	if (fat.bits == 32)
		next &= 0x0fffffff;
	*cluster = next < 2 || next >= fat.cluster_count + 2 ? 0 : next;
	return 0;
}

/* Reads from `at` of a chain: fewer bytes than `size` where it ends; how many, or -1. */
static int read_chain(uint32_t cluster, void *to, uint32_t size)
{
	uint32_t done = 0;
	while (done < size && cluster >= 2 && cluster < fat.cluster_count + 2) {
		uint32_t n = size - done < fat.cluster_size ? size - done : fat.cluster_size;
		if (get(fat.data + (uint64_t)(cluster - 2) * fat.cluster_size, (uint8_t *)to + done,
		        n) ||
		    follow(&cluster))
			return -1;
		done += n;
	}
	return (int)done;
}

static bool is_name(const uint8_t *e)
{
	static const uint8_t at[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22 };
	for (unsigned i = 0; i < sizeof NAME; i++) /* with the zero at its end */
		if (e[at[i]] != NAME[i] || e[at[i] + 1])
			return false;
	return e[0] == LONG_LAST && e[11] == LONG_NAME;
}

static int read_file(const uint8_t *e, char *text)
{
	uint32_t bytes = le(e + 28, 4), cluster = le(e + 26, 2);
	if (fat.bits == 32)
		cluster |= le(e + 20, 2) << 16;
	if (bytes > NOCLOUD_MOST)
		return too_large(bytes);
	text[bytes] = 0;
	int got = read_chain(cluster, text, bytes);
	if (got >= 0 && (uint32_t)got < bytes)
		return defect_set(defect, "NoCloud's disk at %s: " NAME " is cut short",
		                  disk->place);
	return got < 0 ? -1 : 0;
}

static int read_fat(const uint8_t *b, char *text)
{
	static uint8_t directory[DIRECTORY];
	uint32_t reserved = le(b + 14, 2), tables = b[16], entries = le(b + 17, 2);
	uint32_t table = le(b + 22, 2) ? le(b + 22, 2) : le(b + 36, 4);
	uint32_t sectors = le(b + 19, 2) ? le(b + 19, 2) : le(b + 32, 4);
	uint64_t root = ((uint64_t)reserved + (uint64_t)tables * table) * FAT_SECTOR;
	uint32_t size = entries * FAT_ENTRY;
	fat.table = (uint64_t)reserved * FAT_SECTOR;
	fat.data = root + size;
	fat.cluster_size = b[13] * FAT_SECTOR;
	if (le(b + 11, 2) != FAT_SECTOR || !b[13] || fat.data > (uint64_t)sectors * FAT_SECTOR)
		return defect_set(
		        defect,
		        "NoCloud's disk at %s: its FAT has other sectors than of 512 bytes, "
		        "or no clusters",
		        disk->place);
	fat.cluster_count =
	        (uint32_t)(((uint64_t)sectors * FAT_SECTOR - fat.data) / fat.cluster_size);
	fat.bits = fat.cluster_count <= FAT12_MOST ? 12 : fat.cluster_count <= FAT16_MOST ? 16 : 32;
	if (fat.cluster_count >= 0x0ffffff0)
		return no_file();
	int got = size < DIRECTORY ? (int)size : (int)DIRECTORY;
	if (fat.bits == 32)
		got = read_chain(le(b + 44, 4), directory, DIRECTORY);
	else if (get(root, directory, (uint32_t)got))
		return -1;
	for (int k = 0; k + 2 * (int)FAT_ENTRY <= got && directory[k]; k += FAT_ENTRY)
		if (is_name(directory + k) && !(directory[k + FAT_ENTRY + 11] & VOLUME))
			return read_file(directory + k + FAT_ENTRY, text);
	return got < 0 ? -1 : no_file();
}

int nocloud_read(const struct driver_disk *d, char text[NOCLOUD_MOST + 1], struct defect *why)
{
	static uint8_t head[ISO_SECTOR];
	disk = d;
	defect = why;
	if (d->extent->size >= ISO_VOLUME + ISO_SECTOR) {
		if (get(ISO_VOLUME, head, ISO_SECTOR))
			return 0; /* whoever needs it will tell */
		if (!memcmp(head, "\1CD001\1", 7) && is_label(head + 40, 32))
			return read_iso(head, text) ? -1 : 1;
	}
	if (d->extent->size < ISO_SECTOR || get(0, head, ISO_SECTOR) || head[510] != 0x55 ||
	    head[511] != 0xaa || (!is_label(head + 43, 11) && !is_label(head + 71, 11)))
		return 0;
	return read_fat(head, text) ? -1 : 1;
}

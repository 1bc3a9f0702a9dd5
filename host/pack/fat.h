/* SPDX-License-Identifier: ISC */
/* A FAT16 volume with a few files, made at once: the EFI system partition of a disk. Dates are zero, so that the same files give the
 * same bytes. */
#ifndef PACK_FAT_H
#define PACK_FAT_H

#include <stdint.h>

#include <tender/defect.h>

/* A file, or a folder (null bytes), by its path in capital letters, 8.3 each: "EFI/BOOT/BOOTX64.EFI". A folder comes before
 * what is in it. */
struct fat_file {
	const char *path;
	const void *bytes;
	uint64_t size;
};

/* Sectors of 512 bytes that a volume with these files needs. */
uint64_t fat_sectors(const struct fat_file *, unsigned count);

/* Fills `to`, fat_sectors() of them and zero. `first`: the sector of the disk that it begins at. -1 with a defect. */
int fat_make(uint8_t *to, uint64_t sectors, uint64_t first, uint32_t serial,
             const struct fat_file *, unsigned count, struct defect *why);

#endif

/* SPDX-License-Identifier: ISC */
/* A GPT disk that GRUB boots, by BIOS and by UEFI: a partition with GRUB's core for BIOS, and an EFI system partition with GRUB,
 * the boot kernel and the image. */
#ifndef PACK_DISK_H
#define PACK_DISK_H

#include <stdint.h>

#include <tender/defect.h>

#define DISK_GUID 16u

struct disk_files {
	const void *kernel, *image,
	        *metadata; /* metadata: what asks a cloud's service; null: nobody is asked */
	uint64_t kernel_size, image_size, metadata_size;
	const char *words; /* the kernel's command line; ampoule.disk= is added */
	const uint8_t *id; /* 32 bytes that all GUIDs are made of */
};

/* The disk's bytes, to be freed. Null with a defect. Runs grub-mkimage. */
uint8_t *disk_make(const struct disk_files *, uint64_t *size, struct defect *why);

#endif

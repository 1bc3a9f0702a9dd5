/* SPDX-License-Identifier: ISC */
/* The address of the boot information, and the look-up of a device in it. */
#include <stddef.h>
#include <string.h>

#include <core/boot.h>

const struct amp_boot *boot_info;

const struct amp_device *boot_device(const char *name, enum amp_device_type type)
{
	const struct amp_device *devices = (const struct amp_device *)boot_info->devices;
	for (uint32_t i = 0; i < boot_info->device_count; i++) {
		if (devices[i].type == (uint32_t)type &&
		    strncmp(devices[i].name, name, AMP_NAME_MAX) == 0)
			return &devices[i];
	}
	return NULL;
}

void boot_secret_erase(struct boot_secret s)
{
	if (s.bytes)
		explicit_bzero(s.bytes, s.size);
}

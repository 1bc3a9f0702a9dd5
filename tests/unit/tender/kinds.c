/* SPDX-License-Identifier: ISC */
/* The list of kinds with one more: the linker takes it in the place of host/tender/device/kinds.c. */
#include <tender/device/device.h>

extern const struct device_kind device_tap, device_xdp, device_block, device_null;

const struct device_kind *const device_kinds[] = { &device_tap, &device_xdp, &device_block,
	                                           &device_null };
const uint32_t device_kind_count = sizeof device_kinds / sizeof *device_kinds;

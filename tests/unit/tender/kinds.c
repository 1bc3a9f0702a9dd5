/* SPDX-License-Identifier: ISC */
/* The list of kinds with one more: the linker takes it in the place of host/tender/device/kinds.c. */
#include <tender/device/device.h>

extern const struct device_kind device_passt, device_tap, device_bridge, device_macvtap, device_raw,
        device_handed, device_xdp, device_block, device_null;

const struct device_kind *const device_kinds[] = { &device_passt,   &device_tap,   &device_bridge,
	                                           &device_macvtap, &device_raw,   &device_handed,
	                                           &device_xdp,     &device_block, &device_null };
const uint32_t device_kind_count = sizeof device_kinds / sizeof *device_kinds;

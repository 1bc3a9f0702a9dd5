/* SPDX-License-Identifier: ISC */
/* The kinds of devices: the one place where a new one is entered. */
#include <tender/device/device.h>

extern const struct device_kind device_passt, device_tap, device_bridge, device_macvtap, device_raw,
        device_handed, device_xdp, device_block;

const struct device_kind *const device_kinds[] = { &device_passt,   &device_tap,  &device_bridge,
	                                           &device_macvtap, &device_raw,  &device_handed,
	                                           &device_xdp,     &device_block };
const uint32_t device_kind_count = sizeof device_kinds / sizeof *device_kinds;

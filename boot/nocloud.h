/* SPDX-License-Identifier: ISC */
/*
 * NoCloud (cloud-init's documentation, "NoCloud"): a disk whose whole is a FAT or ISO 9660 volume named CIDATA, with a file `user-data`
 * in its root directory. The disk is whoever's who made the machine; all the same nothing of it is believed: a number that leads
 * outside is an error, and no chain is followed for longer than the file may have bytes.
 */
#ifndef BOOT_NOCLOUD_H
#define BOOT_NOCLOUD_H

#include <boot/driver.h>

#define NOCLOUD_MOST 16384u /* bytes of user-data, as EC2 has it */

/* 1: it is such a disk, and `text` its user-data, which ends with a zero byte; 0: it is none; -1 with a defect. */
int nocloud_read(const struct driver_disk *, char text[NOCLOUD_MOST + 1], struct defect *why);

#endif

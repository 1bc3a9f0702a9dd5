/* SPDX-License-Identifier: ISC */
/*
 * FAT volumes for tests: made by mkfs.fat, checked by fsck.fat, exchanged with mtools, on the simulated disk of
 * tests/unit/store.
 */
#ifndef TEST_FAT_VOLUME_H
#define TEST_FAT_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include <store/fat/fat.h>

#include "../store/disk.h"

extern char volume_folder[]; /* of this run; goes at exit */

/* Are the programs here? Else says so as a skip. */
bool volume_possible(void);

/* mkfs.fat's options, and the size in KiB. */
void volume_make(struct disk *, const char *options, uint32_t kib, bool record);
/* fsck.fat -n of these bytes: does it find nothing? What it says is kept. */
bool volume_is_sound(const uint8_t *bytes, uint64_t size);
extern char volume_says[4096];

/* The path of a file in the folder; volume_dump writes the bytes there, volume_load reads them from there. */
const char *volume_path(const char *name);
void volume_dump(const char *name, const uint8_t *bytes, uint64_t size);
void volume_load(const char *name, uint8_t *bytes, uint64_t size);
/* A shell command, in the folder; its exit status. */
int volume_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern bool volume_direct;      /* memory counts as the heap's */
extern uint32_t volume_damages; /* that volume_options' function was told of */
extern char volume_damage[128];
extern const struct fat_options volume_options;

#endif

/* SPDX-License-Identifier: ISC */
/* The machine's devices as those of the image: which is which, and what all have to do together. */
#ifndef BOOT_DEVICES_H
#define BOOT_DEVICES_H

#include <boot/words.h>
#include <tender/pages.h>

/* What the kernel itself uses: consoles and sources of randomness. */
void devices_own(void);

/* Opens all disks but the one that the kernel came from. The first that is NoCloud's is none of the image's: its words are added.
 * -1 with a defect. */
int devices_disks(struct words *, struct defect *why);

/* Finds a device of the machine for each of the image's. A disk whose serial number is the device's name is that; else
 * they go by their order. -1 with a defect: one is missing. */
int devices_open(const struct image *, const struct words *, struct defect *why);

void devices_need(const struct image *, struct space_need *);
int devices_place(struct space *, const struct pages *, const struct image *,
                  struct amp_device *views, struct defect *why);
/* Writes what is told of networks; how many words. */
uint32_t devices_words(struct amp_net_word *);

/* No device is an image's any more, and none writes to its memory. -1 with a defect: one cannot be taken back. */
int devices_forget(struct defect *why);

/* A batch of each: how much was moved. */
uint32_t devices_pass(void);
bool devices_ready(uint64_t events);
void devices_listen(uint64_t events);
void devices_woke(void);
/* When a device wants to be looked at, by the TSC; UINT64_MAX: never. */
uint64_t devices_until(void);
/* Is nothing under way that the image has sent or asked for? */
bool devices_idle(void);
bool devices_has(uint64_t index);

#endif

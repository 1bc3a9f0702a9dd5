/* SPDX-License-Identifier: ISC */
/* The devices of one image: which are there, and how they come into its address space. */
#ifndef TENDER_DEVICE_DEVICES_H
#define TENDER_DEVICE_DEVICES_H

#include <tender/device/device.h>
#include <tender/space.h>

/* What the command line says: of each type the texts "NAME=TEXT", or "=TEXT" for the first device that no text before it names. */
#define DEVICE_TEXTS_MAX 16u
struct device_texts {
	const char *texts[DEVICE_TEXTS_MAX];
	uint32_t count;
};

struct devices {
	uint32_t count;
	struct device all[AMP_DEVICES_MAX]; /* those that are there, in the note's order */
};

/* Opens what `given` names (indices as in device_types), if it is what the image needs; `path` is the image's, for messages,
 * `ending` as in struct device_wish; macs likewise, by the note's index, zero or null: any. 0, or the exit status: then the
 * reason has been said. devices_close is due in any case. */
int devices_open(struct devices *, const struct image *, const char *path,
                 const struct device_texts given[DEVICE_TYPES], const uint8_t (*macs)[6],
                 void (*ending)(void));
void devices_close(struct devices *);

/* Does the host move the packets of one of them? */
bool devices_by_host(const struct devices *);

/* Adds what they take to what `need` says already. */
void devices_need(const struct devices *, enum space_kind, struct space_need *);

/* A space made of that need, in which the devices are to be laid out. */
struct devices_room {
	struct space *space;
	uint64_t rings_used, boot_used; /* bytes of these regions that are others' */
	struct amp_device *views;       /* the image's, by the note's order */
	struct amp_boot *boot;          /* gets the words of networks: */
	struct amp_net_word *words;     /* AMP_NET_WORDS_MAX of them, in boot information */
	uint32_t concurrent;            /* as in struct device_place */
};

/* 0, or -1 with a defect. May be called again, with another space: the earlier one is not touched any more. */
int devices_place(struct devices *, const struct devices_room *, struct defect *why);

/* Adds the rules for all of them. */
void devices_allow(const struct devices *, struct filter *);

/* Says the counters of those that are placed. */
void devices_report(const struct devices *);

#endif

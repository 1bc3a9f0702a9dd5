/* SPDX-License-Identifier: ISC */
/*
 * The image's address space as the tender owns it: a list of regions, each with its address in the
 * image, its rights there, and where its bytes lie in this process. A space is made in one of three
 * ways:
 *
 *   SPACE_GUEST   all bytes lie in one arena, which becomes guest-physical memory; nothing of it is
 *                 executable here. pages.c makes the image's page tables from the list.
 *   SPACE_CHILD   each region is mapped at the image's own address, so that a forked child has it.
 *                 Boot information, rings, queues, frames, and the heap if a device uses it, are
 *                 shared with the child; all else becomes the child's own.
 *   SPACE_BARE    in the boot kernel: an arena of the machine's own memory, without a system area. Pages of stacks and
 *                 heap are not present until they are touched: clearing them all would take longer than the start.
 */
#ifndef TENDER_SPACE_H
#define TENDER_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/image.h>

enum space_kind { SPACE_GUEST, SPACE_CHILD, SPACE_BARE };

enum region_kind {
	REGION_SEGMENT,
	REGION_STACKS, /* guards included: one at the bottom of each stride */
	REGION_BOOT,
	REGION_RINGS,
	REGION_FRAMES,
	REGION_QUEUES, /* rings that the kernel has made, mapped over this place */
	REGION_HEAP,
	REGION_GATE,
	REGION_SYSTEM, /* SPACE_GUEST only: descriptors, stubs, page tables; not the image's at all
	                */
};

struct region {
	uint64_t at, size; /* in the image; multiples of AMP_PAGE */
	uint64_t physical; /* offset in the arena, if there is one */
	uint8_t *host;     /* in this process */
	enum region_kind kind;
	uint32_t rights; /* RIGHT_*; the image's */
	uint32_t index;  /* which segment or device */
};

#define REGIONS_MAX       56u
#define SPACE_SYSTEM_SIZE 0x10000ull /* bytes at physical 0, before the page tables */

struct snapshot;

/*
 * A file in which the heap's pages lie, so that whoever is forked from this image has them without a copy. A clone's is what it
 * came from. An image that may be forked has one of its own: until the first fork the heap is that file, from then on (`parted`)
 * the file stays as it is, and the image has pages of its own in place of those that it writes to.
 */
struct space_base {
	int fd;            /* to be read only; -1: there is none. Owned if `own` */
	uint64_t at, size; /* in the file; bytes of the heap that it has, from the first one on */
	bool own, parted;
	/* SPACE_GUEST, own: where the heap as it was goes when it is parted: page tables move, where to take them down would stop
	 * the image for as long as they are large. */
	uint8_t *view;    /* null: there was no room */
	uint64_t view_at; /* parted: bytes of the view that are gone again */
};
/* Heaps below it are copied when they are forked: pages of a file cost half as much again when they are touched first. */
#define SPACE_BASE_MIN (128ull << 20)

struct space {
	enum space_kind kind;
	const struct snapshot *from; /* of a clone; null: a fresh start */
	uint64_t entry, stack;       /* where the image begins, and with which RSP */
	bool heap_shared;            /* this process sees the image's memory, */
	int heap_owner; /* ... or did until it was parted: the process that has it; else 0 */
	struct space_base base;
	/* SPACE_CHILD with a shared heap: a bit a page of it that this process has written to, set by devices and cleared by who
	 * takes pictures; else null. */
	uint64_t *heap_log;
	uint32_t region_count;
	struct region regions[REGIONS_MAX];
	uint64_t moved; /* the image's, by which its addresses differ from those in its file */
	uint64_t stack_base, stack_guard, stack_stride, stack_count;
	uint8_t *arena; /* SPACE_GUEST, SPACE_BARE */
	uint64_t arena_size;
	uint64_t arena_at; /* the physical address of its first byte; not 0 only in SPACE_BARE */
	uint64_t tables_at, tables_size; /* offsets in it; for page tables */
	uint64_t
	        system_at; /* SPACE_GUEST: supervisor address of physical 0, in the gate's page table */
};

/* What the image needs beside its segments and stacks. */
struct space_need {
	const struct snapshot *from; /* memory is its, at its addresses; null: a fresh start */
	uint64_t heap;               /* bytes */
	uint64_t secrets;            /* of a clone: bytes behind the heap that its parent had */
	bool heap_needed;            /* heap_shared is by need; else it is welcome */
	bool base;                   /* it may be forked: the heap is to be a file */
	bool heap_shared; /* with this process, since a device uses it; as DEVICE_HEAP_* of device.h says */
	uint64_t boot;                    /* bytes of boot information */
	uint64_t rings;                   /* bytes of all rings */
	uint64_t frames[AMP_DEVICES_MAX]; /* bytes; 0: the device is not there */
	uint64_t queues[AMP_DEVICES_MAX]; /* bytes; 0: its rings are among `rings` */
};

/* Does a private heap get no large pages either, which a shared one hardly ever does? */
bool space_sharing_is_free(void);

/* Lays out and maps; loads the segments. Memory is zero and untouched where the image's file says
 * nothing. */
int space_make(struct space *, enum space_kind, const struct image *, const struct space_need *,
               struct defect *why);
void space_free(struct space *);

/* The first region of that kind (and index), or null. */
struct region *space_region(struct space *, enum region_kind, uint32_t index);

/* The region that holds `address`, or null. Guards are in no region. */
const struct region *space_find(const struct space *, uint64_t address);

/* Is `address` in the guard of a stack? Then *stack is its number. */
bool space_guard(const struct space *, uint64_t address, uint32_t *stack);

/* Where `address` lies in this process, if the image has at least `rights` there, and how many
 * bytes follow with the same rights; else null. */
uint8_t *space_bytes(const struct space *, uint64_t address, uint32_t rights, uint64_t *follow);

/* Regions are sorted, lie apart, inside the image's range, and none is writable and executable. */
bool space_is_valid(const struct space *);

#endif

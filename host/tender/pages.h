/* SPDX-License-Identifier: ISC */
/* x86-64 page tables (4 levels) in guest-physical memory: what gives the image its rights, out of
 * its reach. */
#ifndef TENDER_PAGES_H
#define TENDER_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/space.h>

struct pages {
	uint8_t *arena;         /* host address of */
	uint64_t arena_at;      /* this physical one */
	uint64_t at, end, next; /* physical: the root, and the room for tables */
};

/* Builds the tables of a space with an arena: each region with its rights for ring 3, the system area
 * for ring 0 only. Returns the root's physical address; it always fits, since space.c has counted.
 */
uint64_t pages_build(struct pages *, const struct space *);

/* What the tables say of an address, as the processor would find it. */
struct pages_right {
	bool present, user, write, execute;
	uint64_t physical;
};
struct pages_right pages_walk(const struct pages *, uint64_t address);

/* The entry that decides about an address, or the first one on the way to it that is empty; *size: bytes that it is about. */
uint64_t *pages_entry(const struct pages *, uint64_t address, uint64_t *size);

#endif

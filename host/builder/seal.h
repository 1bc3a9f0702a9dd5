/* SPDX-License-Identifier: ISC */
/*
 * From what the linker made to an image: keeps code, constants, data, note and the thread-local
 * template, leaves out what was needed for relocating, writes the build's identity into the note,
 * and ends the file with its digest.
 */
#ifndef BUILD_SEAL_H
#define BUILD_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <builder/audit.h>
#include <builder/report.h>
#include <builder/symbols.h>

struct sealed {
	uint8_t *image; /* the bytes of NAME.amp */
	size_t image_size;
	uint8_t *debug; /* the bytes of NAME.debug: the linked file with the same identity */
	size_t debug_size;
	struct symbols symbols;
	struct audit_code code[8];
	unsigned code_count;
	struct audit_range tables[AUDIT_TABLES]; /* data among code */
	unsigned table_count;
	uint8_t build_id[32];
	bool movable;                                  /* a tender can run it at other addresses */
	uint64_t base, end;                            /* addresses */
	uint64_t text_size, constants_size, data_size; /* bytes in memory */
};

/* Seals the linked file's bytes, which it changes. `shown` is its name in messages. False: all that
 * is wrong is in the report. `map`: the linker's, or null; what it says is an archive's code may have tables among it (audit.h). The
 * identity is SHA-256 of the linked file, which is a function of
 * sources, tools and configuration, and of the seed. */
bool seal(struct sealed *, uint8_t *linked, size_t size, uint64_t seed, const char *map,
          const char *shown, struct report *);

#endif

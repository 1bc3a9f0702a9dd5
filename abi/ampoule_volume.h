/* SPDX-License-Identifier: ISC */
/*
 * What SQLite's volume looks like on its device (os/store/sqlite; the host's tool is host/store). Two files, the database and
 * its journal. In bytes:
 *
 *     0      root 0   each: a struct amp_volume_root in one sector; the one with the higher sequence number whose sum is
 *     4096   root 1   right counts, and the other one is written next. Sequence s is in root (s - 1) mod 2
 *     8192            the database, growing upwards
 *     end             the journal, growing downwards in chunks: its bytes 0 to 65535 are the chunk that ends at `end`, the
 *                     next ones the chunk before
 *
 * Numbers are little-endian. A device that begins with a page of zeros, and has none of the second root either, is blank.
 */
#ifndef AMPOULE_VOLUME_H
#define AMPOULE_VOLUME_H

#include <stdint.h>

#define AMP_VOLUME_MAGIC    "sqlite\0" /* with the literal's own zero 8 bytes */
#define AMP_VOLUME_VERSION  1u
#define AMP_VOLUME_ROOT     4096u  /* bytes from one root to the other */
#define AMP_VOLUME_DATABASE 8192u  /* bytes: where the database begins */
#define AMP_VOLUME_CHUNK    65536u /* bytes: of the journal's layout */
#define AMP_VOLUME_UNIT     4096u  /* bytes: `end` is a multiple, and the database has whole ones */
#define AMP_VOLUME_MIN      (AMP_VOLUME_DATABASE + 4 * AMP_VOLUME_CHUNK)

enum { AMP_VOLUME_FILE_DATABASE, AMP_VOLUME_FILE_JOURNAL, AMP_VOLUME_FILES };

struct amp_volume_root {
	char magic[8];
	uint32_t version, zero;
	uint64_t sequence; /* from 1 */
	uint64_t end;
	uint64_t size[AMP_VOLUME_FILES]; /* bytes */
	uint64_t sum;                    /* SipHash-1-3 of all before it, by the key below */
};
#define AMP_VOLUME_KEY { 0x656c756f706d61, 0x6574696c7173 }

_Static_assert(sizeof(struct amp_volume_root) == 56, "as it is on the device, without gaps");

#endif

/* SPDX-License-Identifier: ISC */
/* Entries of a dump, gathered in a temporary file and put in order: so that a bad dump is refused before anything is written, and
 * memory holds only where each one is. */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include <store/dump.h>

struct spool {
	FILE *file;
	uint64_t *at; /* of each entry */
	uint64_t count, size;
	const uint8_t *bytes; /* mapped, once it is ended */
	bool unordered;
	uint8_t last[AMP_BTREE_KEY_MAX];
	uint32_t last_size;
};

/* All of the dump. -1 with a defect: a line that is wrong, a key that comes twice, no room. */
int spool_fill(struct spool *, struct dump_reader *, struct defect *);
struct tree_entry spool_entry(const struct spool *, uint64_t k);
void spool_close(struct spool *);

#endif

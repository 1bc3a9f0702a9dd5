/* SPDX-License-Identifier: ISC */
/*
 * What the store holds after transaction g, all being applied in the order of their numbers: each follows from the seed and
 * its own number alone, so whoever knows g knows every key and value.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <store/btree/btree.h>

#define KEYS        160u
#define CHANGES_MAX 12u /* of a transaction, the one of its number not counted */
#define KEY_ROOM    512u
#define VALUE_ROOM  20000u /* bytes: five pages */

struct transaction {
	uint64_t number;
	uint32_t count;
	struct btree_change
	        changes[CHANGES_MAX + 1]; /* the last one notes the number, under NUMBER_KEY */
	uint8_t keys[CHANGES_MAX][KEY_ROOM];
	uint8_t *values; /* CHANGES_MAX * VALUE_ROOM, the caller's */
};
#define NUMBER_KEY "\xff number"

void transaction_make(struct transaction *, uint64_t seed, uint64_t number);

struct model {
	uint64_t seed, number;
	uint64_t written[KEYS]; /* by which transaction; 0: it is not there */
	uint32_t count;
};
/* Goes on to transaction `number`, or begins anew if that was passed. */
void model_advance(struct model *, uint64_t seed, uint64_t number);

/* Is the snapshot exactly what the model says after the transaction whose number it notes? Null, or what is not; *number:
 * that transaction. `room` has VALUE_ROOM bytes, twice. */
const char *model_differs(struct model *, uint64_t seed, struct btree_snapshot *, uint8_t *room,
                          uint64_t *number);

#endif

/* SPDX-License-Identifier: ISC */
/* The place of an image in a run: drawn anew for each, where its file says which words hold its addresses (section 2 of
 * abi/ampoule_abi.h). */
#ifndef TENDER_MOVES_H
#define TENDER_MOVES_H

#include <tender/space.h>

/* Draws a place for segments, stacks and entry, if the image can be moved. */
void moves_draw(struct image *);

/* Moves them by what another run had drawn. -1 with a defect: the image cannot lie there. */
int moves_set(struct image *, uint64_t moved, struct defect *why);

/* Adds what the image was moved by to the words of its table, in its loaded segments. */
int moves_apply(struct space *, const struct image *, struct defect *why);

#endif

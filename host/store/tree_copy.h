/* SPDX-License-Identifier: ISC */
/*
 * A copy of a B-tree that an appliance may be writing to. It needs no lock and no pause: a root names its pages by their sums,
 * down to the last one, so a page that has been written over meanwhile is noticed, and a copy of which all sums are right is
 * exactly the state that the root committed. If one is not, the next round begins at the root that is newest then; of a tree
 * only pages that have changed have to be copied again, since a pointer that was copied before names the same subtree.
 */
#ifndef STORE_TREE_COPY_H
#define STORE_TREE_COPY_H

#include <store/tree.h>

struct tree_copy {
	struct disk *from, *to;
	struct tree_state state; /* of the last round */
	uint64_t *have;          /* sums of pages that `to` has, with all below them; 0: none */
	uint64_t have_bytes;
	uint64_t read; /* pages, of the last round */
	uint64_t bad;  /* a page whose sum was wrong in it */
	uint32_t bad_count;
	bool first; /* the target's pages have been filled as they came, unproved */
};

int tree_copy_open(struct tree_copy *, struct disk *from, struct disk *to, struct defect *);
void tree_copy_close(struct tree_copy *);
enum tree_copied {
	TREE_COPIED,    /* all of c->state is in the target, but for its root */
	TREE_MOVED_ON,  /* not all of it: it was written over, or is damaged */
	TREE_NOT_COPIED /* and never will be, with a defect */
};
enum tree_copied tree_copy_round(struct tree_copy *, struct defect *);
/* Writes the root, and reads all of the copy. */
int tree_copy_end(struct tree_copy *, struct defect *);

#endif

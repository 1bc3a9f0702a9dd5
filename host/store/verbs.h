/* SPDX-License-Identifier: ISC */
/* What `ampoule store` does: each returns the exit status, and has told what went wrong. */
#ifndef STORE_VERBS_H
#define STORE_VERBS_H

#include <stdbool.h>
#include <stdint.h>

struct store_options {
	const char *file;  /* of the store */
	const char *other; /* dump: to, load: from, copy: to; null: standard output or input */
	bool raw, salvage, force;
	bool sql;       /* dump: of a volume */
	uint64_t size;  /* load, grow: bytes; 0: none was given */
	bool size_more; /* grow: so much more */
	const char *as; /* load: "btree", "sqlite" or null */
};

#define STORE_UNSOUND 1 /* exit status: something is damaged or lost */

int store_check(const struct store_options *);
int store_dump(const struct store_options *);
int store_load(const struct store_options *);
int store_copy(const struct store_options *);
int store_grow(const struct store_options *);

#endif

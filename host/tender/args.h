/* SPDX-License-Identifier: ISC */
/* Arguments: their text form, and the values that an image is started with. */
#ifndef TENDER_ARGS_H
#define TENDER_ARGS_H

#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

struct image;

/* Reads `text` as a value of `type`; the number (0 for a string) goes to *number. 0, or -1 with a
 * defect that says what a value of the type looks like. */
int arg_parse(uint32_t type, const char *text, uint64_t *number, struct defect *why);

const char *arg_type_name(uint32_t type); /* "u16"; null: no such type */

struct args {
	struct {
		uint64_t number;
		char text[AMP_TEXT_MAX]; /* strings only */
		uint32_t set;            /* 1: by --set */
	} values[AMP_ARGS_MAX];
};

/* The note's values, then `sets` ("NAME=VALUE", count of them) over them. */
int args_make(struct args *, const struct image *, const char *const *sets, unsigned count,
              struct defect *why);

#endif

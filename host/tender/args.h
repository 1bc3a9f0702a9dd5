/* SPDX-License-Identifier: ISC */
/* Arguments: their text form, and the values that an image is started with. */
#ifndef TENDER_ARGS_H
#define TENDER_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

struct image;

/* Reads `text` as a value of `type`; the number (0 for a string) goes to *number. 0, or -1 with a
 * defect that says what a value of the type looks like. */
int arg_parse(uint32_t type, const char *text, uint64_t *number, struct defect *why);

/* Is its value given to the image as text? */
bool arg_has_text(uint32_t type);

const char *arg_type_name(uint32_t type); /* "u16"; null: no such type */

struct args {
	struct {
		uint64_t number;
		char text[AMP_TEXT_MAX]; /* strings only */
		uint32_t set;            /* 1: by --set */
		uint8_t *secret; /* AMP_ARG_SECRET: owned until args_forget; null: not set */
		uint32_t secret_size;
	} values[AMP_ARGS_MAX];
};

/* The note's values, then `sets` (count of them) over them: "NAME=VALUE"; "NAME=@FILE", for what is no one's to read in the
 * list of processes, is what the file holds without its last line feed; "NAME=@@VALUE" begins with one '@', and "NAME=@" is
 * it. */
int args_make(struct args *, const struct image *, const char *const *sets, unsigned count,
              struct defect *why);

/* Values that a service manager hands over (systemd.exec(5), Credentials): the file ampoule.NAME in `directory`, for each
 * dynamic argument that is not set. `directory` may be null. */
int args_credentials(struct args *, const struct image *, const char *directory,
                     struct defect *why);

/* Erases secrets, once the image has them. */
void args_forget(struct args *);

#endif

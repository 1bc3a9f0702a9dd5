/* SPDX-License-Identifier: ISC */
/* Values of arguments that files hold. Where there are no files (boot/), reading one is a defect. */
#ifndef TENDER_ARGS_FILE_H
#define TENDER_ARGS_FILE_H

#include <tender/args.h>

/* What a file holds without its last line feed: 0, or -1 with a defect. Never says what that is: it may be a secret. */
int args_file_read(const char *path, char text[AMP_TEXT_MAX], struct defect *why);

/* Argument i, a secret, is what a file holds, as it is: 0, or -1 with a defect. */
int args_file_secret(struct args *, uint32_t i, const char *path, struct defect *why);

/* Sets value i from text; `from`: the file that it comes from, or null; `way`: by which, for messages. */
int args_take(struct args *, const struct image *, uint32_t i, const char *text, const char *from,
              const char *way, struct defect *why);

#endif

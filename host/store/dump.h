/* SPDX-License-Identifier: ISC */
/*
 * What a store's entries look like outside of it, in two forms.
 *
 * JSON Lines: {"key":"TEXT","value":"TEXT"}; what is not UTF-8, or has a NUL, is base64 and named "key64" or "value64".
 *
 * Raw: DUMP_MAGIC; for each entry key size 4, value size 4, key, value; then 0 4, 0 4, number of entries 8. Big-endian.
 */
#ifndef STORE_DUMP_H
#define STORE_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include <store/bytes.h>
#include <store/tree.h>
#include <tender/defect.h>

#define DUMP_MAGIC "ampdump1" /* 8 bytes */

void dump_json(FILE *to, struct key, const uint8_t *value, uint32_t value_size);
void dump_raw_begin(FILE *to);
void dump_raw(FILE *to, struct key, const uint8_t *value, uint32_t value_size);
void dump_raw_end(FILE *to, uint64_t count);

/* A key for a message: printable, shortened. */
#define KEY_TEXT_MAX 80u
const char *key_text(char to[KEY_TEXT_MAX], struct key);

/* Reads a dump of either form. */
struct dump_reader {
	FILE *from;
	const char *name; /* of the input, for messages */
	bool raw;
	uint64_t line; /* or entry, from 1; of the last one */
	char *text;    /* a line */
	uint8_t *key, *value;
};
enum { DUMP_ENTRY, DUMP_END, DUMP_BAD };
int dump_reader_open(struct dump_reader *, FILE *, const char *name, struct defect *);
/* DUMP_ENTRY: valid until the next call. DUMP_BAD with a defect that names the place. */
int dump_next(struct dump_reader *, struct tree_entry *, struct defect *);
void dump_reader_close(struct dump_reader *);

#endif

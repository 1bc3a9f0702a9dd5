/* SPDX-License-Identifier: ISC */
/* What `ampoule inspect` knows of an image, and what several of its files say of it. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <jansson.h>
#include <stdbool.h>

#include <builder/audit.h>
#include <builder/sizes.h>
#include <builder/symbols.h>
#include <tender/image.h>
#include <tender/minisign.h>

#define INSPECT_KEYS_MAX 16u

struct subject {
	const char *path;
	struct image image;
	struct symbols symbols;
	bool has_symbols;
	const char *debug_note; /* why there are no symbols */
	struct sizes sizes;
	struct audit_range *tables; /* that the file names among its code */
	struct audit audit;
	const char *key; /* a private key that it holds; null: none */
	size_t key_at;
	bool has_digest;
	struct amp_digest digest;
	const char *digest_defect; /* null: right, or there is none */
	bool is_signed;            /* there is a signature; whether it holds: */
	struct minisign_signature signature;
	const char *signature_defect; /* null: it is one */
	bool is_verified;             /* by one of the keys */
	struct minisign_key keys[INSPECT_KEYS_MAX];
	unsigned key_count;
};

/* "1a2b..."; kept. */
const char *inspect_hex(const uint8_t *bytes, unsigned count);

/* inspect_review.c: the page that a reviewer reads, and the same as JSON. */
void review_print(const struct subject *);
json_t *review_json(const struct subject *);

#endif

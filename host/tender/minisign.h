/* SPDX-License-Identifier: ISC */
/*
 * Public keys and signatures as minisign writes them (jedisct1.github.io/minisign, "Signature format"): Ed25519 over the
 * file, or over its BLAKE2b-512. A signature of FILE is FILE.minisig. All of these files are hostile.
 */
#ifndef TENDER_MINISIGN_H
#define TENDER_MINISIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>

#define MINISIGN_SUFFIX      ".minisig"
#define MINISIGN_ID_SIZE     8u
#define MINISIGN_ID_TEXT     17u   /* bytes that an id takes as text */
#define MINISIGN_COMMENT_MAX 1024u /* bytes of a trusted comment; longer ones are refused */
#define MINISIGN_FILE_MAX    4096u

struct minisign_key {
	uint8_t id[MINISIGN_ID_SIZE];
	uint8_t key[32];
};

struct minisign_signature {
	uint8_t id[MINISIGN_ID_SIZE]; /* of the key that it says it is by */
	bool hashed;                  /* of the BLAKE2b-512 of the file */
	uint8_t signature[64];
	uint8_t whole[64]; /* of `signature` and the trusted comment */
	char comment[MINISIGN_COMMENT_MAX];
};

/* `text` is the key itself in base64, or names its file; a relative path is below `folder` unless that is null. */
int minisign_key(struct minisign_key *, const char *text, const char *folder, struct defect *why);

/* Reads the signature of the file `path`. 0; MINISIGN_NONE if there is none; -1 with a defect. */
#define MINISIGN_NONE 1
int minisign_signature(struct minisign_signature *, const char *path, struct defect *why);
/* In two steps, for who gives up opening files in between. The second one changes the text. */
int minisign_signature_load(const char *path, char text[MINISIGN_FILE_MAX], struct defect *why);
int minisign_signature_parse(struct minisign_signature *, char *text, struct defect *why);

/* Is it this key's signature of these bytes, trusted comment and all? */
bool minisign_verify(const struct minisign_signature *, const struct minisign_key *,
                     const void *bytes, size_t size);

/* As minisign shows it: 16 hexadecimal digits. */
void minisign_id_text(const uint8_t id[MINISIGN_ID_SIZE], char to[MINISIGN_ID_TEXT]);

/* The trusted comment as it may be shown: printable ASCII, with '?' for all else. */
const char *minisign_comment(struct minisign_signature *);

/* Cuts `text` into that many lines; false: it has more or fewer. */
bool minisign_lines(char *text, char *lines[4], unsigned count);
/* Decodes exactly `size` bytes of base64; false: it is something else. */
bool minisign_decode(const char *text, void *to, size_t size);
/* BLAKE2b-512. */
void minisign_hash(const void *bytes, size_t size, uint8_t to[64]);

#endif

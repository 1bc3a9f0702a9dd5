/* SPDX-License-Identifier: ISC */
/*
 * Domain names (RFC 1034 §3.1, RFC 1035 §2.3, §5.1, RFC 4343). A name here is its uncompressed wire form: length
 * bytes and labels, ended by the root's zero byte; at most DNS_NAME_MAX bytes. Letter case is kept, comparison
 * ignores it (ASCII only). Pure functions, no allocation; they serve images and build tools alike.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/bytes.h>

#define DNS_NAME_MAX   255u /* bytes of wire form */
#define DNS_LABEL_MAX  63u
#define DNS_LABELS_MAX 128u /* labels in one name, the root's included */
#define DNS_NAME_TEXT_MAX                                                                          \
	1025u /* bytes of presentation form with its NUL: each byte as \DDD, dots */

struct dns_name {
	uint8_t size; /* bytes of wire form, root byte included; 1 is the root */
	uint8_t wire[DNS_NAME_MAX];
};

/* Reads a name that may be compressed (§4.1.4) from a message; the cursor must span the whole message from
 * its first byte. Pointers must go backwards. ERR_MALFORMED. The cursor ends after the name. */
/*@ requires \valid(message) && bytes_in_holds(*message) && \valid(name);
    requires \separated(message, name, message->base + (0 .. message->size - 1)); */
int dns_name_read(struct bytes_in *message, struct dns_name *name);

/* Presentation form to wire form: escapes \X and \DDD, `@` alone is the origin, a name without final dot is
 * relative to origin (null: ERR_MALFORMED). text need not be NUL-terminated. ERR_MALFORMED (an empty label, a
 * bad escape), ERR_TOO_BIG (label or name). */
int dns_name_parse(struct dns_name *, const char *text, size_t size, const struct dns_name *origin);
/* The same; on error *why says in words what is wrong with the name and what to do. */
int dns_name_parse_why(struct dns_name *, const char *text, size_t size,
                       const struct dns_name *origin, const char **why);

/* Wire form to presentation form with final dot, special bytes escaped; returns the length without the NUL.
 * `to` has room for DNS_NAME_TEXT_MAX. */
size_t dns_name_text(const struct dns_name *, char *to);

bool dns_name_equal(const struct dns_name *, const struct dns_name *);
/* name is at or below ancestor. */
bool dns_name_within(const struct dns_name *name, const struct dns_name *ancestor);
/* Canonical order (RFC 4034 §6.1): <0, 0, >0. */
int dns_name_compare(const struct dns_name *, const struct dns_name *);
unsigned dns_name_labels(const struct dns_name *);  /* without the root: "a.b." has 2 */
bool dns_name_is_wildcard(const struct dns_name *); /* its first label is "*" */
/* Drops the first n labels; the name must have as many. */
void dns_name_strip(struct dns_name *to, const struct dns_name *from, unsigned n);
void dns_name_lower(struct dns_name *); /* ASCII letters to lower case */

static inline uint8_t dns_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

#endif

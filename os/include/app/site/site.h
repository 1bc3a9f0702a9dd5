/* SPDX-License-Identifier: ISC */
/*
 * A directory served by HTTP. ampoule-web-site turns it into a database at build time, which is compiled in and used in
 * place. A file is found by one look-up in a hash table. Its header fields, its validators and its compressed variants
 * are prepared.
 *
 * The database, integers big-endian, offsets in bytes from its start:
 *
 *	magic       8 bytes, SITE_MAGIC
 *	size        u64, of all of it
 *	count       u32, entries; table_bits u32: the table has 1 << table_bits slots; table, entries: u32 offsets
 *	flags       u32, enum site_flag; u32, 0
 *	table       u32 each: entry number + 1, or 0; at site_hash(key) and on from there
 *	entries     SITE_ENTRY_SIZE bytes each (struct site_entry's order)
 *	            then texts and files
 *
 * An entry's key is a path of the site that has no host's name; or a host's name and a path; or what no request can ask
 * for, as no path has a NUL: see enum site_kind.
 */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include <stdint.h>

#include <app/http/http.h>

#define SITE_MAGIC       "ampsite2"
#define SITE_HEADER_SIZE 40u
#define SITE_ENTRY_SIZE  112u
#define SITE_FIELDS_MAX  2048u /* bytes of a variant's header fields */
#define SITE_HOST_MAX    253u  /* bytes of a host's name */

enum site_flag {
	SITE_HAS_HOSTS = 1, /* sites of their own by the request's host */
	SITE_HAS_BELOW = 2, /* rules for what has no file */
	SITE_HAS_ROOT = 4,  /* a site for hosts that are not named */
};
enum site_kind {
	SITE_FILE = 1,
	SITE_REDIRECT,       /* to its Location, which is the last of its fields */
	SITE_BELOW_FILE,     /* key: ".../" and NUL. What is below and has no file is this file */
	SITE_BELOW_REDIRECT, /* the same, to Location */
	SITE_NOT_FOUND,      /* key: a NUL. The page of 404; its fields have Content-Length */
	SITE_HOST,           /* key: a host's name */
};

struct site_variant_at { /* 24 bytes */
	uint64_t at, size;
	uint32_t fields, fields_size; /* complete lines */
};
struct site_entry {
	uint32_t key, key_size; /* decoded, a path with its slash, names in lower case */
	uint32_t kind;
	uint32_t status;                   /* of a redirection */
	uint32_t etag, gzip_etag, br_etag; /* offsets of NUL-terminated texts; 0: none */
	uint32_t rest; /* SITE_BELOW_REDIRECT: 1: what is left of the path comes behind Location */
	int64_t modified;                          /* seconds since 1970 */
	struct site_variant_at identity, gzip, br; /* size 0: there is none, but for identity */
};

/* FNV-1a, to be fed piece by piece: keys come from the builder of the image. */
#define SITE_HASH_START 0xcbf29ce484222325u
static inline uint64_t site_hash_add(uint64_t h, const char *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++)
		h = (h ^ (uint8_t)bytes[k]) * 0x100000001b3u;
	return h;
}
static inline uint32_t site_hash_end(uint64_t h)
{
	return (uint32_t)(h ^ h >> 32);
}

struct file;
struct site;

/* Checks the whole database, so that answering from it needs no checks. ERR_ABSENT (null file), ERR_MALFORMED,
 * ERR_MEMORY; the reason is logged. */
int site_open(struct site **, const struct file *database);
/*
 * Serves the site below "/": of the request's host, if it has one of its own, or of all others (421 if there is none for
 * them). The answer is the file; a redirection, to a folder's slash or by a rule; the file that a rule names for what is
 * not there; or 404, with the site's /404.html if it has one. The application's own routes go before it. Errors are
 * http_route's.
 */
int site_route(struct http_server *, struct site *);

#endif

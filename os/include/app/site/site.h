/* SPDX-License-Identifier: ISC */
/*
 * A directory served by HTTP. ampoule-web-site turns it into a database at build time, which is compiled in and used in
 * place. A file is found by one look-up in a hash table. Its header fields, its validators and its compressed variant are
 * prepared.
 *
 * The database, integers big-endian, offsets in bytes from its start:
 *
 *	magic       8 bytes, SITE_MAGIC
 *	size        u64, of all of it
 *	count       u32, entries; table_bits u32: the table has 1 << table_bits slots; table, entries: u32 offsets
 *	table       u32 each: entry number + 1, or 0; at site_hash(path) and on from there
 *	entries     SITE_ENTRY_SIZE bytes each (struct site_entry's order)
 *	            then texts and files
 */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include <stdint.h>

#include <app/http/http.h>

#define SITE_MAGIC       "ampsite1"
#define SITE_HEADER_SIZE 32u
#define SITE_ENTRY_SIZE  80u
#define SITE_FIELDS_MAX  512u /* bytes of a variant's header fields */

enum site_kind { SITE_FILE = 1, SITE_REDIRECT = 2 }; /* redirect: its last field is Location */

struct site_variant_at { /* 24 bytes */
	uint64_t at, size;
	uint32_t fields, fields_size; /* complete lines */
};
struct site_entry {
	uint32_t path, path_size; /* of the URL, decoded, with its slash */
	uint32_t kind;
	uint32_t etag, gzip_etag; /* offsets of NUL-terminated texts; 0: none */
	uint32_t reserved;
	int64_t modified;                      /* seconds since 1970 */
	struct site_variant_at identity, gzip; /* gzip.size 0: none */
};

static inline uint32_t site_hash(const char *path, uint32_t size)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: paths come from the builder of the image */
	for (uint32_t k = 0; k < size; k++)
		h = (h ^ (uint8_t)path[k]) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

struct file;
struct site;

/* Checks the whole database, so that answering from it needs no checks. ERR_ABSENT (null file), ERR_MALFORMED,
 * ERR_MEMORY; the reason is logged. */
int site_open(struct site **, const struct file *database);
/* Serves the site below "/": the file, a redirection to a folder's slash, or 404 with the site's /404.html if it has one.
 * The application's own routes go before it. Errors are http_route's. */
int site_route(struct http_server *, struct site *);

#endif

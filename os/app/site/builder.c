/* SPDX-License-Identifier: ISC */
/*
 * Writes the database (site.h). Its end grows file by file, each read a piece at a time, and compressed from what
 * was written of it; the table and the entries, which are known then, are put before them at last.
 */
#include "builder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <core/bytes.h>

#define SHRINK_MIN 256u /* bytes; smaller files are not worth a variant */
#define PIECE      (1u << 18)

/* ---- The output ---- */

static const char *output;
static int out = -1;
static uint64_t out_end;    /* of all, what is held included */
static uint8_t held[PIECE]; /* the last bytes of it, which were not written yet */
static size_t waiting;

static void write_at(const void *bytes, size_t size, uint64_t at)
{
	for (size_t n = 0; n < size;) {
		ssize_t got = pwrite(out, (const uint8_t *)bytes + n, size - n, (off_t)(at + n));
		if (got < 0 && errno != EINTR)
			site_fail("%s: %s", output, strerror(errno));
		n += got > 0 ? (size_t)got : 0;
	}
}

static void flush(void)
{
	write_at(held, waiting, out_end - waiting);
	waiting = 0;
}

uint64_t site_put(const void *bytes, size_t size)
{
	uint64_t at = out_end;
	if (size > DATABASE_MAX - out_end)
		site_fail("the site makes a database of more than %llu bytes; serve large files "
		          "from elsewhere",
		          DATABASE_MAX);
	for (size_t n = 0; n < size;) {
		size_t piece = size - n < PIECE - waiting ? size - n : PIECE - waiting;
		if (bytes)
			memcpy(held + waiting, (const uint8_t *)bytes + n, piece);
		else
			memset(held + waiting, 0, piece);
		waiting += piece;
		out_end += piece;
		n += piece;
		if (waiting == PIECE)
			flush();
	}
	return at;
}

uint64_t site_put_end(void)
{
	return out_end;
}

void site_put_back(uint64_t end)
{
	flush();
	out_end = end;
}

void site_put_read(uint64_t at, void *to, size_t size)
{
	flush();
	for (size_t n = 0; n < size;) {
		ssize_t got = pread(out, (uint8_t *)to + n, size - n, (off_t)(at + n));
		if (got == 0 || (got < 0 && errno != EINTR))
			site_fail("%s: %s", output, got ? strerror(errno) : "it was cut short");
		n += got > 0 ? (size_t)got : 0;
	}
}

static uint32_t put_text(const char *text, size_t size)
{
	return (uint32_t)site_put(text, size);
}

/* ---- Files ---- */

/* For entity tags: each step is one-to-one in the digest and in the word, so files that differ in one word differ here. */
static uint64_t digest_add(uint64_t h, const uint8_t *bytes, size_t size)
{
	for (size_t k = 0; k < size; k += 8) {
		uint64_t word = 0;
		for (size_t j = k; j < size && j < k + 8; j++)
			word = word << 8 | bytes[j];
		h = (h ^ word) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	return h;
}

static uint64_t digest_end(uint64_t h)
{
	return h * 0xbf58476d1ce4e5b9 ^ h >> 32;
}

/* Of what was written: a tag is of the bytes that are sent, so that a part of other bytes is never put to them. */
static uint64_t digest_of(uint64_t at, uint64_t size)
{
	static uint8_t piece[PIECE];
	uint64_t h = size;
	for (uint64_t n = 0; n < size; n += PIECE) {
		size_t k = size - n < PIECE ? (size_t)(size - n) : PIECE;
		site_put_read(at + n, piece, k);
		h = digest_add(h, piece, k);
	}
	return digest_end(h);
}

struct body {
	uint64_t at, size, digest;
	bool is_gzip; /* begins as one */
};

static struct body copy_file(const struct site_item *i)
{
	static uint8_t piece[PIECE];
	struct body b = { .at = site_put_end(), .digest = i->size };
	FILE *f = fopen(i->file, "rb");
	if (!f)
		site_fail("%s: %s", i->from, strerror(errno));
	setvbuf(f, NULL, _IONBF, 0);
	while (b.size <= i->size) {
		size_t n = fread(piece, 1, PIECE, f);
		if (!b.size)
			b.is_gzip = n > 2 && piece[0] == 0x1f && piece[1] == 0x8b;
		site_put(piece, n);
		b.digest = digest_add(b.digest, piece, n);
		b.size += n;
		if (n < PIECE)
			break;
	}
	if (ferror(f) || b.size != i->size)
		site_fail("%s: it could not be read to its end, or it changed meanwhile", i->from);
	fclose(f);
	b.digest = digest_end(b.digest);
	return b;
}

/* ---- Entries ---- */

static uint32_t put_etag(struct body b, const char *suffix, char tag[64])
{
	snprintf(tag, 64, "\"%" PRIx64 "-%016" PRIx64 "%s\"", b.size, b.digest, suffix);
	return put_text(tag, strlen(tag) + 1);
}

struct about { /* a file, and what its fields have */
	const struct site_item *item;
	const char *type, *own;
	bool varies;
};

static void put_fields(struct site_variant_at *v, const struct about *a, const char *tag,
                       const char *coding)
{
	char date[64];
	time_t t = (time_t)a->item->modified;
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	char *s = site_text("Content-Type: %s\r\nETag: %s\r\nLast-Modified: %s\r\n%s%s%s%s%s",
	                    a->type, tag, date, coding ? "Content-Encoding: " : "",
	                    coding ? coding : "", coding ? "\r\n" : "",
	                    a->varies ? "Vary: Accept-Encoding\r\n" : "", a->own);
	v->fields_size = (uint32_t)strlen(s);
	if (v->fields_size > SITE_FIELDS_MAX)
		site_fail("%s: its header fields have more than %u bytes; write shorter ones",
		          a->item->from, SITE_FIELDS_MAX);
	v->fields = put_text(s, v->fields_size);
	free(s);
}

static uint64_t input_left; /* bytes of files that are still to come */

/* A variant in that coding, if it has less than `most` bytes and leaves room for all files. */
static struct body encode(enum site_coding coding, const struct body *from, uint64_t most,
                          bool is_text)
{
	uint64_t taken = out_end + input_left + (1024 + SITE_FIELDS_MAX) * (site_item_count + 1);
	uint64_t room = taken < DATABASE_MAX ? DATABASE_MAX - taken : 0;
	struct body b = { .at = out_end };
	most = most < room ? most : room;
	b.size = most ? site_encode(coding, from->at, from->size, most, is_text) : 0;
	if (b.size)
		b.digest = digest_of(b.at, b.size);
	return b;
}

static void put_file(struct site_entry *e, const struct site_item *i, const char *cache_control)
{
	char tag[64], *own = site_rules_fields(i, cache_control, false);
	const char *name = strrchr(i->key + i->host_size, '/') + 1, *type = site_rules_type(i);
	struct about a = { .item = i, .own = own, .type = type ? type : site_type(name) };
	struct body plain = copy_file(i), gzip = { 0 }, br = { 0 };
	input_left -= i->size;
	/* An SVG that is compressed already: browsers take it if they are told so. */
	bool is_svgz = plain.is_gzip && strncmp(a.type, "image/svg+xml", 13) == 0;
	if (site_type_shrinks(a.type) && plain.size >= SHRINK_MIN && !is_svgz) {
		bool is_text = strncmp(a.type, "text/", 5) == 0;
		uint64_t most = plain.size - plain.size / 16; /* less than that is not worth it */
		gzip = encode(SITE_GZIP, &plain, most, is_text);
		br = encode(SITE_BR, &plain, gzip.size ? gzip.size : most, is_text);
	}
	a.varies = gzip.size || br.size;
	e->modified = i->modified;
	e->identity = (struct site_variant_at){ .at = plain.at, .size = plain.size };
	e->etag = put_etag(plain, "", tag);
	put_fields(&e->identity, &a, tag, is_svgz ? "gzip" : NULL);
	if (gzip.size) {
		e->gzip = (struct site_variant_at){ .at = gzip.at, .size = gzip.size };
		e->gzip_etag = put_etag(gzip, "-gz", tag);
		put_fields(&e->gzip, &a, tag, "gzip");
	}
	if (br.size) {
		e->br = (struct site_variant_at){ .at = br.at, .size = br.size };
		e->br_etag = put_etag(br, "-br", tag);
		put_fields(&e->br, &a, tag, "br");
	}
	free(own);
}

/* The page of 404: the file's bytes, under another head. */
static void put_page(struct site_entry *e, const struct site_item *file,
                     const struct site_entry *of)
{
	char *own = site_rules_fields(file, NULL, true);
	const char *type = site_rules_type(file);
	char *s = site_text("Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n%s",
	                    type ? type : "text/html; charset=utf-8", of->identity.size, own);
	e->identity = (struct site_variant_at){ .at = of->identity.at, .size = of->identity.size };
	e->identity.fields_size = (uint32_t)strlen(s);
	e->identity.fields = put_text(s, e->identity.fields_size);
	free(s);
	free(own);
}

static void put_redirect(struct site_entry *e, const struct site_item *i)
{
	char *s = site_text("Content-Length: 0\r\nLocation: %s\r\n", i->location);
	e->status = i->status;
	e->rest = i->rest;
	e->identity.fields_size = (uint32_t)strlen(s);
	if (e->identity.fields_size > SITE_FIELDS_MAX)
		site_fail("%s: its path is too long for a Location; shorten names", i->from);
	e->identity.fields = put_text(s, e->identity.fields_size);
	free(s);
}

static void load_variant(const uint8_t *at, struct site_variant_at *v)
{
	v->at = bytes_load_u64(at);
	v->size = bytes_load_u64(at + 8);
	v->fields = bytes_load_u32(at + 16);
	v->fields_size = bytes_load_u32(at + 20);
}

static void put_variant(struct bytes_out *o, const struct site_variant_at *v)
{
	bytes_put_u64(o, v->at);
	bytes_put_u64(o, v->size);
	bytes_put_u32(o, v->fields);
	bytes_put_u32(o, v->fields_size);
}

static void put_item(uint8_t *entries, size_t n, const char *cache_control)
{
	const struct site_item *i = &site_items[n];
	uint8_t entry[SITE_ENTRY_SIZE];
	struct site_entry e = { .key = put_text(i->key, i->key_size),
		                .key_size = i->key_size,
		                .kind = i->kind };
	if (i->kind == SITE_REDIRECT || i->kind == SITE_BELOW_REDIRECT) {
		put_redirect(&e, i);
	} else if (i->kind == SITE_NOT_FOUND) {
		struct site_entry of;
		load_variant(entries + (i->same_as - 1) * SITE_ENTRY_SIZE + 40, &of.identity);
		put_page(&e, &site_items[i->same_as - 1], &of);
	} else if (i->kind != SITE_HOST && !i->same_as) {
		put_file(&e, i, cache_control);
	}
	struct bytes_out o = bytes_out(entry, sizeof entry);
	bytes_put_u32(&o, e.key);
	bytes_put_u32(&o, e.key_size);
	bytes_put_u32(&o, e.kind);
	bytes_put_u32(&o, e.status);
	if (i->same_as && i->kind != SITE_NOT_FOUND) { /* all the rest is the other's */
		const uint8_t *other = entries + (i->same_as - 1) * SITE_ENTRY_SIZE;
		memcpy(entry + o.at, other + o.at, SITE_ENTRY_SIZE - o.at);
		memcpy(entries + n * SITE_ENTRY_SIZE, entry, sizeof entry);
		return;
	}
	bytes_put_u32(&o, e.etag);
	bytes_put_u32(&o, e.gzip_etag);
	bytes_put_u32(&o, e.br_etag);
	bytes_put_u32(&o, e.rest);
	bytes_put_u64(&o, (uint64_t)e.modified);
	put_variant(&o, &e.identity);
	put_variant(&o, &e.gzip);
	put_variant(&o, &e.br);
	memcpy(entries + n * SITE_ENTRY_SIZE, entry, sizeof entry);
}

static uint32_t flags(void)
{
	uint32_t found = 0;
	for (size_t n = 0; n < site_item_count; n++) {
		const struct site_item *i = &site_items[n];
		if (i->kind == SITE_HOST)
			found |= SITE_HAS_HOSTS;
		else if (!i->host_size)
			found |= SITE_HAS_ROOT;
		if (i->kind == SITE_BELOW_FILE || i->kind == SITE_BELOW_REDIRECT)
			found |= SITE_HAS_BELOW;
	}
	return found;
}

static void put_all(const char *cache_control)
{
	uint32_t bits = 1;
	while (1ull << bits < 2 * site_item_count + 1)
		bits++;
	site_put(NULL, SITE_HEADER_SIZE);
	uint64_t table_size = 4ull << bits, entries_size = site_item_count * SITE_ENTRY_SIZE;
	uint8_t *table = site_checked(calloc(1, table_size)),
	        *entries = site_checked(calloc(1, entries_size + 1)), header[SITE_HEADER_SIZE];
	uint64_t table_at = site_put(NULL, table_size), entries_at = site_put(NULL, entries_size);
	for (size_t n = 0; n < site_item_count; n++)
		input_left += site_items[n].same_as ? 0 : site_items[n].size;
	for (size_t n = 0; n < site_item_count; n++) {
		const struct site_item *i = &site_items[n];
		put_item(entries, n, cache_control);
		uint32_t k = site_hash_end(site_hash_add(SITE_HASH_START, i->key, i->key_size)),
		         mask = (1u << bits) - 1;
		while (bytes_load_u32(table + 4ull * (k & mask)))
			k++;
		bytes_store_u32(table + 4ull * (k & mask), (uint32_t)n + 1);
	}
	flush();
	struct bytes_out o = bytes_out(header, sizeof header);
	bytes_put_copy(&o, SITE_MAGIC, 8);
	bytes_put_u64(&o, out_end);
	bytes_put_u32(&o, (uint32_t)site_item_count);
	bytes_put_u32(&o, bits);
	bytes_put_u32(&o, (uint32_t)table_at);
	bytes_put_u32(&o, (uint32_t)entries_at);
	bytes_put_u32(&o, flags());
	bytes_put_u32(&o, 0);
	write_at(header, sizeof header, 0);
	write_at(table, table_size, table_at);
	write_at(entries, entries_size, entries_at);
	free(table);
	free(entries);
}

void site_build(const char *path, const char *cache_control)
{
	char *temporary = site_text("%s.%d", path, (int)getpid());
	output = path;
	out = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out < 0)
		site_fail("%s: %s", path, strerror(errno));
	site_unfinished = temporary;
	put_all(cache_control);
	/* What was taken back is beyond the end. */
	if (ftruncate(out, (off_t)out_end) || close(out) || rename(temporary, path))
		site_fail("%s: %s", path, strerror(errno));
	site_unfinished = NULL;
	free(temporary);
}

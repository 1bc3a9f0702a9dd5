/* SPDX-License-Identifier: ISC */
/* Looks a path up in the database, and lets http_reply_resource() do the rest. */
#include <app/site/site.h>

#include <string.h>

#include <core/bytes.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/file.h>
#include <core/heap.h>
#include <core/log.h>

struct site {
	const uint8_t *base;
	uint64_t size;
	const uint8_t *table, *entries;
	uint32_t count, mask;
	uint32_t not_found; /* entry of /404.html, plus 1; 0: none */
};

static bool inside(const struct site *s, uint64_t at, uint64_t size)
{
	return at <= s->size && size <= s->size - at;
}

static void variant_load(struct site_variant_at *v, const uint8_t *at)
{
	v->at = bytes_load_u64(at);
	v->size = bytes_load_u64(at + 8);
	v->fields = bytes_load_u32(at + 16);
	v->fields_size = bytes_load_u32(at + 20);
}

static void entry_load(const struct site *s, uint32_t n, struct site_entry *e)
{
	const uint8_t *at = s->entries + (uint64_t)n * SITE_ENTRY_SIZE;
	e->path = bytes_load_u32(at);
	e->path_size = bytes_load_u32(at + 4);
	e->kind = bytes_load_u32(at + 8);
	e->etag = bytes_load_u32(at + 12);
	e->gzip_etag = bytes_load_u32(at + 16);
	e->reserved = bytes_load_u32(at + 20);
	e->modified = (int64_t)bytes_load_u64(at + 24);
	variant_load(&e->identity, at + 32);
	variant_load(&e->gzip, at + 56);
}

/* Entry number plus 1; 0: there is none. */
static uint32_t find(const struct site *s, const char *path, uint32_t size)
{
	for (uint32_t k = site_hash(path, size);; k++) {
		uint32_t n = bytes_load_u32(s->table + (uint64_t)(k & s->mask) * 4);
		if (!n)
			return 0;
		const uint8_t *e = s->entries + (uint64_t)(n - 1) * SITE_ENTRY_SIZE;
		if (bytes_load_u32(e + 4) == size &&
		    memcmp(s->base + bytes_load_u32(e), path, size) == 0)
			return n;
	}
}

static bool text_fits(const struct site *s, uint32_t at)
{
	return !at || (at < s->size && memchr(s->base + at, 0, s->size - at));
}

static bool variant_fits(const struct site *s, const struct site_variant_at *v)
{
	return inside(s, v->at, v->size) && inside(s, v->fields, v->fields_size) &&
	       v->fields_size <= SITE_FIELDS_MAX;
}

static COLD bool entries_fit(const struct site *s)
{
	for (uint32_t n = 0; n < s->count; n++) {
		struct site_entry e;
		entry_load(s, n, &e);
		if (!inside(s, e.path, e.path_size) ||
		    (e.kind != SITE_FILE && e.kind != SITE_REDIRECT) || !text_fits(s, e.etag) ||
		    !text_fits(s, e.gzip_etag) || !variant_fits(s, &e.identity) ||
		    !variant_fits(s, &e.gzip))
			return false;
	}
	uint32_t used = 0;
	for (uint64_t k = 0; k <= s->mask; k++) {
		uint32_t n = bytes_load_u32(s->table + k * 4);
		if (n > s->count)
			return false;
		used += n != 0;
	}
	return used == s->count && used <= s->mask; /* a free slot ends each search */
}

static COLD bool header_fits(struct site *s)
{
	struct bytes_in in =
	        bytes_in(s->base, s->size < SITE_HEADER_SIZE ? s->size : SITE_HEADER_SIZE);
	const uint8_t *magic = bytes_get(&in, 8);
	uint64_t size = bytes_get_u64(&in);
	s->count = bytes_get_u32(&in);
	uint32_t bits = bytes_get_u32(&in), table = bytes_get_u32(&in),
	         entries = bytes_get_u32(&in);
	if (!magic || in.failed || memcmp(magic, SITE_MAGIC, 8) != 0 || size != s->size ||
	    bits > 30)
		return false;
	s->mask = (1u << bits) - 1;
	s->table = s->base + table;
	s->entries = s->base + entries;
	return inside(s, table, 4ull << bits) &&
	       inside(s, entries, (uint64_t)s->count * SITE_ENTRY_SIZE);
}

int site_open(struct site **to, const struct file *database)
{
	if (!database) {
		log_error(
		        "site",
		        "there is no database: name one in the manifest's compile, with: web-site");
		return ERR_ABSENT;
	}
	struct site *s = heap_alloc_zero(1, sizeof *s);
	if (!s)
		return ERR_MEMORY;
	s->base = database->data;
	s->size = database->size;
	if (!header_fits(s) || !entries_fit(s)) {
		log_error(
		        "site",
		        "%s is no site database: name it in the manifest's compile, with: web-site",
		        database->name);
		heap_free(s);
		return ERR_MALFORMED;
	}
	s->not_found = find(s, "/404.html", 9);
	*to = s;
	return OK;
}

static struct http_variant variant(const struct site *s, const struct site_variant_at *v,
                                   uint32_t etag)
{
	return (struct http_variant){ .bytes = s->base + v->at,
		                      .size = v->size,
		                      .fields = (const char *)s->base + v->fields,
		                      .fields_size = v->fields_size,
		                      .etag = etag ? (const char *)s->base + etag : NULL };
}

static void not_found(struct http_exchange *x, const struct site *s)
{
	struct site_entry e;
	if (!s->not_found) {
		http_fail(x, 404);
		return;
	}
	entry_load(s, s->not_found - 1, &e);
	http_reply_static(x, 404, "text/html; charset=utf-8", s->base + e.identity.at,
	                  e.identity.size);
}

/* To a folder's path with its slash, and with the query that it was asked with (as browsers do not
 * add it, RFC 3986 §5.2.2). Not inlined: of this much stack the others have no use. */
static COLD void redirect(struct http_exchange *x, const struct http_variant *v)
{
	struct http_text query = http_query(x);
	char fields[SITE_FIELDS_MAX + 1 + HTTP_TARGET_MAX];
	uint32_t size = v->fields_size - 2; /* Location is the last of them */
	if (query.size - 1 >= HTTP_TARGET_MAX || v->fields_size < 2) {
		http_reply_prepared(x, 301, v->fields, v->fields_size, NULL, 0);
		return;
	}
	memcpy(fields, v->fields, size);
	fields[size] = '?';
	memcpy(fields + size + 1, query.bytes, query.size);
	size += 1 + query.size;
	memcpy(fields + size, "\r\n", 2);
	http_reply_prepared(x, 301, fields, size + 2, NULL, 0);
}

static void site_handler(struct http_exchange *x, void *context)
{
	const struct site *s = context;
	struct http_text path = http_path(x);
	struct site_entry e;
	uint32_t n = find(s, path.bytes, path.size);
	if (!n) {
		not_found(x, s);
		return;
	}
	entry_load(s, n - 1, &e);
	struct http_resource r = { .identity = variant(s, &e.identity, e.etag),
		                   .modified = e.modified };
	if (e.kind == SITE_REDIRECT) {
		redirect(x, &r.identity);
		return;
	}
	if (e.gzip.size)
		r.gzip = variant(s, &e.gzip, e.gzip_etag);
	http_reply_resource(x, &r);
}

int site_route(struct http_server *server, struct site *s)
{
	return http_route(server, "GET", "/*path", site_handler, s);
}

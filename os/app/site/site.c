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
#include <core/raw.h>

struct site {
	const uint8_t *base;
	uint64_t size;
	const uint8_t *table, *entries;
	uint32_t count, mask, flags;
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
	e->key = bytes_load_u32(at);
	e->key_size = bytes_load_u32(at + 4);
	e->kind = bytes_load_u32(at + 8);
	e->status = bytes_load_u32(at + 12);
	e->etag = bytes_load_u32(at + 16);
	e->gzip_etag = bytes_load_u32(at + 20);
	e->br_etag = bytes_load_u32(at + 24);
	e->rest = bytes_load_u32(at + 28);
	e->modified = (int64_t)bytes_load_u64(at + 32);
	variant_load(&e->identity, at + 40);
	variant_load(&e->gzip, at + 64);
	variant_load(&e->br, at + 88);
}

static uint32_t kind_of(const struct site *s, uint32_t n)
{
	return bytes_load_u32(s->entries + (uint64_t)n * SITE_ENTRY_SIZE + 8);
}

/* A key in its three pieces: a host's name, a path, and a NUL or not. */
struct key {
	const char *host, *path;
	uint32_t host_size, path_size;
	bool nul;
	uint64_t hash; /* of the first two */
};

static struct key key_of(const char *host, uint32_t host_size, const char *path, uint32_t path_size)
{
	uint64_t h = site_hash_add(SITE_HASH_START, host, host_size);
	return (struct key){ .host = host,
		             .path = path,
		             .host_size = host_size,
		             .path_size = path_size,
		             .hash = site_hash_add(h, path, path_size) };
}

/* Entry number plus 1; 0: there is none. */
static uint32_t find(const struct site *s, const struct key *key)
{
	uint32_t size = key->host_size + key->path_size + key->nul;
	uint64_t h = key->nul ? site_hash_add(key->hash, "", 1) : key->hash;
	for (uint32_t k = site_hash_end(h);; k++) {
		uint32_t n = bytes_load_u32(s->table + (uint64_t)(k & s->mask) * 4);
		if (!n)
			return 0;
		const uint8_t *e = s->entries + (uint64_t)(n - 1) * SITE_ENTRY_SIZE,
		              *at = s->base + bytes_load_u32(e);
		if (bytes_load_u32(e + 4) == size &&
		    (!key->host_size || memcmp(at, key->host, key->host_size) == 0) &&
		    memcmp(at + key->host_size, key->path, key->path_size) == 0 &&
		    (!key->nul || !at[size - 1]))
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
		bool moved = e.kind == SITE_REDIRECT || e.kind == SITE_BELOW_REDIRECT;
		if (!inside(s, e.key, e.key_size) || e.kind < SITE_FILE || e.kind > SITE_HOST ||
		    (moved && (e.status < 300 || e.status > 399 || e.identity.fields_size < 2)) ||
		    !text_fits(s, e.etag) || !text_fits(s, e.gzip_etag) ||
		    !text_fits(s, e.br_etag) || !variant_fits(s, &e.identity) ||
		    !variant_fits(s, &e.gzip) || !variant_fits(s, &e.br))
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
	s->flags = bytes_get_u32(&in);
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

/* Only what is needed is looked at: most requests of programs want no coding. */
static void file(struct http_exchange *x, const struct site *s, uint32_t n)
{
	const uint8_t *at = s->entries + (uint64_t)n * SITE_ENTRY_SIZE;
	struct site_variant_at v RAW;
	struct http_resource r = { .modified = (int64_t)bytes_load_u64(at + 32) };
	variant_load(&v, at + 40);
	r.identity = variant(s, &v, bytes_load_u32(at + 16));
	if (http_header(x, "accept-encoding").bytes) {
		variant_load(&v, at + 64);
		if (v.size)
			r.gzip = variant(s, &v, bytes_load_u32(at + 20));
		variant_load(&v, at + 88);
		if (v.size)
			r.br = variant(s, &v, bytes_load_u32(at + 24));
	}
	http_reply_resource(x, &r);
}

/* ---- Redirections ---- */

struct location {
	char bytes[SITE_FIELDS_MAX + HTTP_TARGET_MAX + 2];
	uint32_t size;
	bool failed;
};

static void add(struct location *l, const char *bytes, uint32_t size)
{
	if (size > sizeof l->bytes - 2 - l->size) {
		l->failed = true;
		return;
	}
	memcpy(l->bytes + l->size, bytes, size);
	l->size += size;
}

/* As a URL has it: the path came decoded, and nothing of it may end the line. */
static void add_escaped(struct location *l, struct http_text t)
{
	static const char plain[] = "-._~!$&'()*+,;=:@/", digits[] = "0123456789ABCDEF";
	for (uint32_t k = 0; k < t.size; k++) {
		uint8_t c = (uint8_t)t.bytes[k], letter = c | 0x20;
		char coded[3] = { '%', digits[c >> 4], digits[c & 15] };
		bool is_plain = (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') ||
		                (c && strchr(plain, c));
		add(l, is_plain ? t.bytes + k : coded, is_plain ? 1 : 3);
	}
}

/* To Location, with what the rule leaves of the path and with the query that it was asked with, unless it has one of its own
 * (browsers add none, RFC 3986 §5.2.2). Not inlined: of this much stack the others have no use. */
static COLD void redirect(struct http_exchange *x, const struct site *s, const struct site_entry *e,
                          struct http_text rest)
{
	struct http_text query = http_query(x);
	const char *fields = (const char *)s->base + e->identity.fields;
	struct location l;
	l.size = 0;
	l.failed = false;
	add(&l, fields, e->identity.fields_size - 2); /* Location is the last of them */
	if (e->rest) {
		/* A slash that leads it would make a host of what follows. */
		while (rest.size && *rest.bytes == '/') {
			rest.bytes++;
			rest.size--;
		}
		add_escaped(&l, rest);
	}
	if (query.size && !memchr(fields, '?', e->identity.fields_size)) {
		add(&l, "?", 1);
		add(&l, query.bytes, query.size);
	}
	if (l.failed) {
		http_fail(x, 414);
		return;
	}
	memcpy(l.bytes + l.size, "\r\n", 2);
	http_reply_prepared(x, e->status, l.bytes, l.size + 2, NULL, 0);
}

/* ---- What has no file ---- */

/* The longest rule for what is below a folder; *rest: the path behind it. Each byte of the path is hashed once. */
static uint32_t find_below(const struct site *s, const struct key *key, struct http_text *rest)
{
	uint32_t found = 0;
	struct key part = key_of(key->host, key->host_size, key->path, 0);
	part.nul = true;
	for (uint32_t k = 0; k < key->path_size; k++) {
		part.hash = site_hash_add(part.hash, key->path + k, 1);
		part.path_size++;
		uint32_t n = key->path[k] == '/' ? find(s, &part) : 0;
		if (n) {
			found = n;
			*rest = (struct http_text){ key->path + k + 1, key->path_size - k - 1 };
		}
	}
	return found;
}

static COLD void absent(struct http_exchange *x, const struct site *s, const struct key *key)
{
	struct site_entry e;
	struct http_text rest = { "", 0 };
	uint32_t n = s->flags & SITE_HAS_BELOW ? find_below(s, key, &rest) : 0;
	if (!n) {
		struct key page = key_of(key->host, key->host_size, "", 0);
		page.nul = true;
		n = find(s, &page);
	}
	if (!n) {
		http_fail(x, 404);
		return;
	}
	entry_load(s, n - 1, &e);
	if (e.kind == SITE_BELOW_REDIRECT)
		redirect(x, s, &e, rest);
	else if (e.kind == SITE_BELOW_FILE)
		file(x, s, n - 1);
	else
		http_reply_prepared(x, 404, (const char *)s->base + e.identity.fields,
		                    e.identity.fields_size, s->base + e.identity.at,
		                    e.identity.size);
}

/* ---- Requests ---- */

/* The name that the request's site goes by, in lower case: the host's, if it has one; else none. */
static COLD uint32_t host_of(const struct http_exchange *x, const struct site *s,
                             char to[SITE_HOST_MAX])
{
	struct http_text name = http_host_name(x);
	if (name.size && name.bytes[name.size - 1] == '.') /* the root's, which may be said */
		name.size--;
	if (name.size > SITE_HOST_MAX)
		return 0;
	for (uint32_t k = 0; k < name.size; k++) {
		char c = name.bytes[k];
		to[k] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	struct key key = key_of(to, name.size, "", 0);
	uint32_t n = name.size ? find(s, &key) : 0;
	return n && kind_of(s, n - 1) == SITE_HOST ? name.size : 0;
}

static void site_handler(struct http_exchange *x, void *context)
{
	const struct site *s = context;
	struct http_text path = http_path(x);
	char host[SITE_HOST_MAX] RAW;
	uint32_t host_size = s->flags & SITE_HAS_HOSTS ? host_of(x, s, host) : 0;
	struct key key = key_of(host, host_size, path.bytes, path.size);
	uint32_t n = find(s, &key), kind = n ? kind_of(s, n - 1) : 0;
	if (kind == SITE_FILE) {
		file(x, s, n - 1);
		return;
	}
	if (kind == SITE_REDIRECT) {
		struct site_entry e;
		entry_load(s, n - 1, &e);
		redirect(x, s, &e, (struct http_text){ "", 0 });
		return;
	}
	if (!host_size && !(s->flags & SITE_HAS_ROOT))
		http_fail(x, 421);
	else
		absent(x, s, &key);
}

int site_route(struct http_server *server, struct site *s)
{
	return http_route(server, "GET", "/*path", site_handler, s);
}

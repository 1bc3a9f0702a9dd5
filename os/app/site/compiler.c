/* SPDX-License-Identifier: ISC */
/*
 * ampoule-web-site: turns directories into a site's database (site.h). `ampoule build` runs it as
 * docs/manifest.md says (library.yaml, compilers):
 *
 *	ampoule-web-site -o OUTPUT -d DEPFILE -C DIR WHAT...
 *
 * WHAT is a directory, PREFIX=DIRECTORY (it appears below /PREFIX), or cache-control=VALUE (for all
 * files). Names that begin with a dot are left out, .well-known excepted. A directory is served by
 * its index.html. The same files with the same times give the same bytes; SOURCE_DATE_EPOCH, in
 * seconds, makes all later times that one.
 *
 * Exit status: 0; 1 after a line that says what is wrong, nothing written; 2 for a wrong command
 * line.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <core/bytes.h>

#include <app/site/site.h>

#define GZIP_MIN     256u         /* bytes; smaller files are not worth a variant */
#define DATABASE_MAX (1ull << 30) /* what an image's files may have in all (docs/manifest.md) */
#define DEPTH_MAX    64u
#define TIME_MAX     253402300799 /* the last second of a year of four digits */

struct blob {
	uint8_t *bytes;
	size_t size;
};

struct item {
	char *path; /* of the URL */
	enum site_kind kind;
	struct blob plain, gzip;
	const char *type;
	int64_t modified;
	char etag[64], gzip_etag[64];
	char *fields, *gzip_fields;
	char *from;     /* for messages */
	size_t same_as; /* number of the item whose files these are, plus 1; 0: they are its own */
};

static struct item *items;
static size_t item_count, item_room;
static size_t *slots; /* a hash table of item numbers plus 1; 2 * item_room slots, a power of two */
static uint64_t input_size;
static char **read_files; /* for the depfile */
static size_t read_count;
static const char *cache_control;
static int64_t newest = TIME_MAX;

_Noreturn __attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list ap;
	char line[2 * PATH_MAX];
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	for (char *p = line; *p; p++) { /* names may hold anything; this is one line */
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	fprintf(stderr, "%s\n", line);
	exit(1);
}

static void *checked(void *p)
{
	if (!p)
		fail("ampoule-web-site: out of memory");
	return p;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
	char *s;
	va_list ap;
	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		checked(NULL);
	va_end(ap);
	return s;
}

static void note_read(const char *path)
{
	read_files = checked(realloc(read_files, (read_count + 1) * sizeof *read_files));
	read_files[read_count++] = checked(strdup(path));
}

/* ---- Files ---- */

static const char *type_of(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{ "html", "text/html; charset=utf-8" },
		{ "htm", "text/html; charset=utf-8" },
		{ "css", "text/css; charset=utf-8" },
		{ "js", "text/javascript; charset=utf-8" },
		{ "mjs", "text/javascript; charset=utf-8" },
		{ "txt", "text/plain; charset=utf-8" },
		{ "md", "text/markdown; charset=utf-8" },
		{ "csv", "text/csv; charset=utf-8" },
		{ "xml", "application/xml" },
		{ "json", "application/json" },
		{ "map", "application/json" },
		{ "webmanifest", "application/manifest+json" },
		{ "rss", "application/rss+xml" },
		{ "atom", "application/atom+xml" },
		{ "svg", "image/svg+xml" },
		{ "png", "image/png" },
		{ "jpg", "image/jpeg" },
		{ "jpeg", "image/jpeg" },
		{ "gif", "image/gif" },
		{ "webp", "image/webp" },
		{ "avif", "image/avif" },
		{ "ico", "image/x-icon" },
		{ "woff", "font/woff" },
		{ "woff2", "font/woff2" },
		{ "ttf", "font/ttf" },
		{ "otf", "font/otf" },
		{ "wasm", "application/wasm" },
		{ "pdf", "application/pdf" },
		{ "zip", "application/zip" },
		{ "gz", "application/gzip" },
		{ "tar", "application/x-tar" },
		{ "mp3", "audio/mpeg" },
		{ "ogg", "audio/ogg" },
		{ "wav", "audio/wav" },
		{ "mp4", "video/mp4" },
		{ "webm", "video/webm" },
	};
	const char *dot = strrchr(name, '.');
	for (size_t k = 0; dot && k < sizeof types / sizeof *types; k++) {
		if (strcasecmp(dot + 1, types[k].suffix) == 0)
			return types[k].type;
	}
	return "application/octet-stream";
}

static bool shrinks(const char *type)
{
	return strncmp(type, "text/", 5) == 0 || strstr(type, "json") || strstr(type, "xml") ||
	       strstr(type, "wasm") || strcmp(type, "image/x-icon") == 0 ||
	       strcmp(type, "font/ttf") == 0 || strcmp(type, "font/otf") == 0;
}

static struct blob read_file(const char *path, const char *shown)
{
	struct stat st;
	struct blob b = { NULL, 0 };
	FILE *f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st))
		fail("%s: %s", shown, strerror(errno));
	b.size = (size_t)st.st_size;
	b.bytes = checked(malloc(b.size + 1));
	if (fread(b.bytes, 1, b.size, f) != b.size || fgetc(f) != EOF)
		fail("%s: it could not be read to its end, or it changed meanwhile", shown);
	fclose(f);
	return b;
}

static struct blob compressed(struct blob from)
{
	z_stream z = { .next_in = from.bytes, .avail_in = (uInt)from.size };
	struct blob to = { NULL, 0 };
	if (from.size < GZIP_MIN || from.size > UINT_MAX / 2 ||
	    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return to;
	size_t room = deflateBound(&z, (uLong)from.size);
	to.bytes = checked(malloc(room));
	z.next_out = to.bytes;
	z.avail_out = (uInt)room;
	bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
	to.size = z.total_out;
	deflateEnd(&z);
	if (!done ||
	    to.size >= from.size - from.size / 16) { /* less than that is not worth unpacking */
		free(to.bytes);
		return (struct blob){ NULL, 0 };
	}
	return to;
}

/* For entity tags: each step is one-to-one in the digest and in the word, so files that differ in
 * one word differ here. */
static uint64_t digest_of(struct blob b)
{
	uint64_t h = b.size;
	for (size_t k = 0; k < b.size; k += 8) {
		uint64_t word = 0;
		for (size_t j = k; j < b.size && j < k + 8; j++)
			word = word << 8 | b.bytes[j];
		h = (h ^ word) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	return h * 0xbf58476d1ce4e5b9 ^ h >> 32;
}

static char *fields_for(const struct item *i, const char *etag, bool coded)
{
	char date[64];
	time_t t = (time_t)i->modified;
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	char *cache = cache_control ? text("Cache-Control: %s\r\n", cache_control) : text("%s", "");
	char *s = text("Content-Type: %s\r\nETag: %s\r\nLast-Modified: %s\r\n%s%s%s", i->type, etag,
	               date, coded ? "Content-Encoding: gzip\r\n" : "",
	               i->gzip.bytes ? "Vary: Accept-Encoding\r\n" : "", cache);
	free(cache);
	if (strlen(s) > SITE_FIELDS_MAX)
		fail("cache-control: it makes more than %u bytes of header fields; write a shorter "
		     "one",
		     SITE_FIELDS_MAX);
	return s;
}

/* ---- The tree ---- */

static size_t *slot_of(const char *path)
{
	size_t mask = 2 * item_room - 1, k = site_hash(path, (uint32_t)strlen(path));
	for (;; k++) {
		size_t *slot = &slots[k & mask];
		if (!*slot || strcmp(items[*slot - 1].path, path) == 0)
			return slot;
	}
}

static const struct item *find(const char *path)
{
	size_t n = item_room ? *slot_of(path) : 0;
	return n ? &items[n - 1] : NULL;
}

static void grow(void)
{
	item_room = item_room ? 2 * item_room : 64;
	items = checked(realloc(items, item_room * sizeof *items));
	free(slots);
	slots = checked(calloc(2 * item_room, sizeof *slots));
	for (size_t k = 0; k < item_count; k++)
		*slot_of(items[k].path) = k + 1;
}

/* Takes path over. */
static struct item *add(char *path, enum site_kind kind, const char *from)
{
	const struct item *other = find(path);
	if (other)
		fail("%s: %s is at %s already; one of them has to go", from, other->from, path);
	if (item_count == item_room)
		grow();
	*slot_of(path) = item_count + 1; /* its path is read only once it is there */
	items[item_count] =
	        (struct item){ .path = path, .kind = kind, .from = checked(strdup(from)) };
	return &items[item_count++];
}

/* What a URL's path has to escape (RFC 3986 §3.3). */
static char *escaped(const char *path)
{
	char *to = checked(malloc(3 * strlen(path) + 1)), *p = to;
	for (; *path; path++) {
		uint8_t c = (uint8_t)*path;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || strchr("-._~!$&'()*+,;=:@/", c);
		if (plain)
			*p++ = (char)c;
		else
			p += sprintf(p, "%%%02X", c);
	}
	*p = 0;
	return to;
}

static void check_name(const char *name, const char *shown)
{
	for (const char *p = name; *p; p++) {
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			fail("%s: its name has a control character, which is in no URL; rename it",
			     shown);
	}
}

static void add_file(const char *file, const char *shown, const char *url, const char *name)
{
	struct stat st;
	if (stat(file, &st))
		fail("%s: %s", shown, strerror(errno));
	input_size += (uint64_t)st.st_size;
	if (input_size > DATABASE_MAX)
		fail("%s: with it the site has more than %llu bytes; serve large files from "
		     "elsewhere",
		     shown, DATABASE_MAX);
	note_read(file);
	bool index = strcmp(name, "index.html") == 0;
	char *path_of = text("%s/%s", url, name), *sent = escaped(path_of);
	if (strlen(sent) > HTTP_TARGET_MAX)
		fail("%s: its URL would have more than %u bytes; shorten names", shown,
		     HTTP_TARGET_MAX);
	free(sent);
	struct item *i = add(path_of, SITE_FILE, shown);
	i->type = type_of(name);
	i->modified = st.st_mtime < 1 ? 1 : st.st_mtime > newest ? newest : st.st_mtime;
	i->plain = read_file(file, shown);
	uint64_t digest = digest_of(i->plain);
	snprintf(i->etag, sizeof i->etag, "\"%zx-%016" PRIx64 "\"", i->plain.size, digest);
	snprintf(i->gzip_etag, sizeof i->gzip_etag, "\"%zx-%016" PRIx64 "-gz\"", i->plain.size,
	         digest);
	if (shrinks(i->type))
		i->gzip = compressed(i->plain);
	i->fields = fields_for(i, i->etag, false);
	if (i->gzip.bytes)
		i->gzip_fields = fields_for(i, i->gzip_etag, true);
	if (!index)
		return;
	size_t number = (size_t)(i - items);
	struct item *d =
	        add(text("%s/", url), SITE_FILE, shown); /* the directory itself is its index */
	char *path = d->path, *from = d->from;
	*d = items[number];
	d->path = path;
	d->from = from;
	d->same_as = number + 1;
}

static int wanted(const struct dirent *e)
{
	return e->d_name[0] != '.' || strcmp(e->d_name, ".well-known") == 0;
}

/* Whatever the locale: the same order everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Is path the folder, or below it? Both without links. */
static bool within(const char *path, const char *folder)
{
	size_t size = strlen(folder);
	return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == 0);
}

static void walk(const char *root, const char *directory, const char *shown, const char *url,
                 unsigned depth)
{
	struct dirent **list;
	if (depth > DEPTH_MAX)
		fail("%s: folders are nested more than %u deep", shown, DEPTH_MAX);
	char *here = checked(realpath(directory, NULL));
	int n = scandir(directory, &list, wanted, by_bytes);
	if (n < 0)
		fail("%s: %s", shown, strerror(errno));
	note_read(directory);
	for (int k = 0; k < n; k++) {
		const char *name = list[k]->d_name;
		char *path = text("%s/%s", directory, name), *as = text("%s/%s", shown, name),
		     *real = realpath(path, NULL);
		struct stat st;
		check_name(name, as);
		if (!real || stat(real, &st))
			fail("%s: %s%s", as, strerror(errno),
			     errno == ENOENT ? ": it is a link to nothing" : "");
		if (!within(real, root))
			fail("%s: it is a link that leads out of the site, to %s; put the file "
			     "itself there",
			     as, real);
		if (S_ISDIR(st.st_mode)) {
			if (within(here, real))
				fail("%s: it is a link that leads to a folder that it lies in", as);
			char *below = text("%s/%s", url, name);
			walk(root, path, as, below, depth + 1);
			free(below);
		} else if (S_ISREG(st.st_mode)) {
			add_file(path, as, url, name);
		} else {
			fail("%s: it is neither a file nor a folder", as);
		}
		free(path);
		free(as);
		free(real);
		free(list[k]);
	}
	free(list);
	free(here);
	if (!*url)
		return;
	/* So that relative links work: where there is an index to be found. */
	char *with_slash = text("%s/", url);
	if (find(with_slash)) {
		char *location = escaped(with_slash);
		struct item *i = add(checked(strdup(url)), SITE_REDIRECT, shown);
		i->fields = text("Content-Length: 0\r\nLocation: %s\r\n", location);
		free(location);
		if (strlen(i->fields) > SITE_FIELDS_MAX)
			fail("%s: its path is too long for a Location; shorten names", shown);
	}
	free(with_slash);
}

/* ---- The database ---- */

static uint8_t *out;
static size_t out_size, out_room;

static size_t put(const void *bytes, size_t size)
{
	size_t at = out_size;
	if (size > DATABASE_MAX - out_size)
		fail("the site makes a database of more than %llu bytes; serve large files from "
		     "elsewhere",
		     DATABASE_MAX);
	while (out_size + size > out_room) {
		out_room = out_room ? 2 * out_room : 65536;
		out = checked(realloc(out, out_room));
	}
	if (bytes)
		memcpy(out + at, bytes, size);
	else
		memset(out + at, 0, size);
	out_size += size;
	return at;
}

static void put_variant(struct bytes_out *o, struct blob body, const char *fields)
{
	size_t at = body.size ? put(body.bytes, body.size) : 0;
	bytes_put_u64(o, at);
	bytes_put_u64(o, body.size);
	bytes_put_u32(o, (uint32_t)(fields ? put(fields, strlen(fields)) : 0));
	bytes_put_u32(o, (uint32_t)(fields ? strlen(fields) : 0));
}

static void put_item(size_t entries, size_t n)
{
	const struct item *i = &items[n];
	uint8_t entry[SITE_ENTRY_SIZE];
	struct bytes_out o = bytes_out(entry, sizeof entry);
	bytes_put_u32(&o, (uint32_t)put(i->path, strlen(i->path)));
	bytes_put_u32(&o, (uint32_t)strlen(i->path));
	bytes_put_u32(&o, i->kind);
	bytes_put_u32(&o, (uint32_t)(*i->etag ? put(i->etag, strlen(i->etag) + 1) : 0));
	bytes_put_u32(&o,
	              (uint32_t)(i->gzip.bytes ? put(i->gzip_etag, strlen(i->gzip_etag) + 1) : 0));
	bytes_put_u32(&o, 0);
	bytes_put_u64(&o, (uint64_t)i->modified);
	if (i->same_as) {
		size_t other = entries + (i->same_as - 1) * SITE_ENTRY_SIZE;
		memcpy(entry + o.at, out + other + o.at, SITE_ENTRY_SIZE - o.at);
		memcpy(out + entries + n * SITE_ENTRY_SIZE, entry, sizeof entry);
		return;
	}
	put_variant(&o, i->plain, i->fields);
	put_variant(&o, i->gzip, i->gzip_fields);
	memcpy(out + entries + n * SITE_ENTRY_SIZE, entry, sizeof entry);
}

static void build(void)
{
	uint32_t bits = 1;
	while (1ull << bits < 2 * item_count + 1)
		bits++;
	put(NULL, SITE_HEADER_SIZE);
	size_t table = put(NULL, 4ull << bits), entries = put(NULL, item_count * SITE_ENTRY_SIZE);
	for (size_t n = 0; n < item_count; n++) {
		put_item(entries, n);
		uint32_t k = site_hash(items[n].path, (uint32_t)strlen(items[n].path)),
		         mask = (1u << bits) - 1;
		while (bytes_load_u32(out + table + 4ull * (k & mask)))
			k++;
		bytes_store_u32(out + table + 4ull * (k & mask), (uint32_t)n + 1);
	}
	struct bytes_out o = bytes_out(out, SITE_HEADER_SIZE);
	bytes_put_copy(&o, SITE_MAGIC, 8);
	bytes_put_u64(&o, out_size);
	bytes_put_u32(&o, (uint32_t)item_count);
	bytes_put_u32(&o, bits);
	bytes_put_u32(&o, (uint32_t)table);
	bytes_put_u32(&o, (uint32_t)entries);
}

static void write_all(const char *path, const void *bytes, size_t size)
{
	char *temporary = text("%s.%d", path, (int)getpid());
	FILE *f = fopen(temporary, "wb");
	bool ok = f && fwrite(bytes, 1, size, f) == size;
	ok = f && fclose(f) == 0 && ok;
	if (!ok || rename(temporary, path) != 0) {
		int error = errno;
		unlink(temporary);
		fail("%s: %s", path, strerror(error));
	}
	free(temporary);
}

/* In make's syntax: what stands for itself in a rule is escaped. */
static void write_dependencies(const char *path, const char *output)
{
	char *rule;
	size_t size;
	FILE *f = checked(open_memstream(&rule, &size));
	for (size_t k = 0; k <= read_count; k++) {
		for (const char *p = k ? read_files[k - 1] : output; *p; p++) {
			if (*p == ' ' || *p == '#' || *p == '\\')
				fputc('\\', f);
			else if (*p == '$')
				fputc('$', f);
			fputc(*p, f);
		}
		fputs(k == read_count ? "\n" : k ? " \\\n " : ": \\\n ", f);
	}
	if (fclose(f))
		checked(NULL);
	write_all(path, rule, size);
	free(rule);
}

static void check_prefix(const char *prefix)
{
	check_name(prefix, prefix);
	for (const char *p = prefix; *p;) {
		size_t n = strcspn(++p, "/");
		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			fail("%s: no client can ask for a path with empty parts, . or ..; name "
			     "another PREFIX",
			     prefix);
		p += n;
	}
}

static void take(const char *base, char *what)
{
	char *equals = strchr(what, '=');
	if (equals && strncmp(what, "cache-control=", 14) == 0)
		return;
	char *prefix = checked(strdup(""));
	if (equals) {
		*equals = 0;
		free(prefix);
		while (*what == '/')
			what++;
		size_t n = strlen(what);
		while (n && what[n - 1] == '/')
			what[--n] = 0;
		prefix = *what ? text("/%s", what) : checked(strdup(""));
		check_prefix(prefix);
		what = equals + 1;
	}
	char *path = what[0] == '/' ? text("%s", what) : text("%s/%s", base, what);
	struct stat st;
	char *root = realpath(path, NULL);
	if (!root || stat(root, &st))
		fail("%s: %s; name a directory, PREFIX=DIRECTORY or cache-control=VALUE", what,
		     strerror(errno));
	if (!S_ISDIR(st.st_mode))
		fail("%s: it is not a directory; name the folder that has the site's files", what);
	walk(root, path, what, prefix, 0);
	free(root);
	free(path);
	free(prefix);
}

static _Noreturn void usage(FILE *to, int status)
{
	fputs("Usage: ampoule-web-site -o OUTPUT [-d DEPFILE] [-C DIR] "
	      "DIRECTORY|PREFIX=DIRECTORY|cache-control=VALUE...\n"
	      "Compiles directories into one site database.\n",
	      to);
	exit(status);
}

int main(int argc, char **argv)
{
	const char *output = NULL, *dependencies = NULL, *directory = ".";
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int option;
	for (int k = 1; k < argc; k++) {
		if (strcmp(argv[k], "--help") == 0)
			usage(stdout, 0);
	}
	while ((option = getopt(argc, argv, "o:d:C:h")) != -1) {
		switch (option) {
		case 'o':
			output = optarg;
			break;
		case 'd':
			dependencies = optarg;
			break;
		case 'C':
			directory = optarg;
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (!output || optind == argc)
		usage(stderr, 2);
	if (epoch && *epoch) {
		char *end;
		newest = strtoll(epoch, &end, 10);
		if (*end || newest < 1 || newest > TIME_MAX)
			fail("SOURCE_DATE_EPOCH: %s is no number of seconds since 1970", epoch);
	}
	for (int k = optind; k < argc; k++) {
		if (strncmp(argv[k], "cache-control=", 14) == 0)
			cache_control = argv[k] + 14;
	}
	for (const char *p = cache_control; p && *p; p++) {
		if ((uint8_t)*p < 0x20 || (uint8_t)*p > 0x7e)
			fail("cache-control: it may have printable ASCII only");
	}
	for (int k = optind; k < argc; k++)
		take(directory, argv[k]);
	if (!item_count)
		fail("%s: there is no file in it; put an index.html there", argv[optind]);
	build();
	write_all(output, out, out_size);
	if (dependencies)
		write_dependencies(dependencies, output);
	return 0;
}

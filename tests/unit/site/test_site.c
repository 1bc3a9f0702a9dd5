/* SPDX-License-Identifier: ISC */
/*
 * The compiler of sites and the look-up in what it makes: usage: test_site COMPILER. Folders are
 * made, compiled by the program itself, and asked for through site.c. Databases are then spoilt
 * byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include <app/site/site.h>
#include <core/bytes.h>
#include <core/error.h>
#include <core/file.h>

#include "fake.h"

#define EPOCH 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static const char *compiler;
static char root[] = "/tmp/test-site-XXXXXX";
static struct answer answer;
static struct file database = { "site", NULL, 0 };
static char said[65536]; /* by the compiler, on standard error */

/* ---- Folders and the compiler ---- */

static void command(const char *text)
{
	assert_int_equal(system(text), 0);
}

static void put(const char *name, const void *bytes, size_t size)
{
	char *copy = strdup(name);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(copy, 0755);
		*p = '/';
	}
	free(copy);
	FILE *f = fopen(name, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
	const struct timespec times[2] = { { EPOCH, 0 }, { EPOCH, 0 } };
	utimensat(AT_FDCWD, name, times, 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void slurp(const char *path, uint8_t **bytes, size_t *size)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	*bytes = malloc(*size + 1);
	assert_int_equal(fread(*bytes, 1, *size, f), *size);
	(*bytes)[*size] = 0;
	fclose(f);
}

/* Its exit status. Arguments as a shell has them. */
static int compile(const char *arguments)
{
	char *line;
	uint8_t *text;
	size_t size;
	unlink("out");
	unlink("out.d");
	assert_true(asprintf(&line, "%s -o out -d out.d %s 2>said", compiler, arguments) > 0);
	int status = system(line);
	free(line);
	slurp("said", &text, &size);
	snprintf(said, sizeof said, "%s", (char *)text);
	free(text);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void refuses(const char *arguments, const char *why)
{
	assert_int_equal(compile(arguments), 1);
	if (!strstr(said, why))
		fail_msg("said: %s, not: %s", said, why);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
	assert_int_not_equal(access("out", F_OK), 0);
	assert_int_not_equal(access("out.d", F_OK), 0);
}

static struct site *opened(const char *arguments)
{
	struct site *s;
	struct http_server *server;
	if (compile(arguments))
		fail_msg("%s", said);
	free((void *)(uintptr_t)database.data);
	uint8_t *bytes;
	slurp("out", &bytes, &database.size);
	/* Exactly as long as it is, so that the sanitizer sees what is read past its end. */
	database.data = memcpy(malloc(database.size), bytes, database.size);
	free(bytes);
	fake_reset();
	assert_int_equal(site_open(&s, &database), OK);
	assert_int_equal(http_serve(&server, &(struct http_options){ .port = 80 }), OK);
	assert_int_equal(site_route(server, s), OK);
	return s;
}

static const struct answer *get(const char *path)
{
	assert_true(fake_get(80, path, (uint32_t)strlen(path), &answer));
	return &answer;
}

static void is_file(const char *path, const void *bytes, size_t size)
{
	const struct answer *a = get(path);
	if (a->said != SAID_RESOURCE)
		fail_msg("%s is not there", path);
	assert_int_equal(a->resource.identity.size, size);
	assert_memory_equal(a->resource.identity.bytes, bytes, size);
}

static void is_text(const char *path, const char *text)
{
	is_file(path, text, strlen(text));
}

static void is_absent(const char *path)
{
	const struct answer *a = get(path);
	assert_true(a->said == SAID_FAILED || a->said == SAID_STATIC);
	assert_int_equal(a->status, 404);
}

static bool has_line(const struct http_variant *v, const char *line)
{
	const char *at = memmem(v->fields, v->fields_size, line, strlen(line));
	return at && (at == v->fields || at[-1] == '\n') &&
	       strncmp(at + strlen(line), "\r\n", 2) == 0;
}

static int set_up(void **state)
{
	(void)state;
	command("rm -rf ./*");
	unsetenv("SOURCE_DATE_EPOCH");
	return 0;
}

/* ---- What is served ---- */

static void serves_files_by_their_paths(void **state)
{
	(void)state;
	put_text("site/index.html", "<p>first");
	put_text("site/a.css", "a{}");
	put_text("site/deep/er/x.bin", "x");
	put("site/empty.txt", "", 0);
	struct site *s = opened("site");
	is_text("/", "<p>first");
	is_text("/index.html", "<p>first");
	is_text("/a.css", "a{}");
	is_text("/deep/er/x.bin", "x");
	is_file("/empty.txt", "", 0);
	for (const char *const *p =
	             (const char *const[]){ "/a", "/a.cs", "/a.csss", "/A.css", "/deep", "/deep/",
	                                    "/deep/er", "a.css", "//a.css", "/a.css/", "", NULL };
	     *p; p++)
		is_absent(*p);
	free(s);
}

static void leads_folders_with_an_index_to_their_slash(void **state)
{
	(void)state;
	put_text("site/docs/index.html", "docs");
	put_text("site/a b%\xc3\xa4\"/index.html", "odd");
	struct site *s = opened("site");
	const struct answer *a = get("/docs");
	assert_int_equal(a->said, SAID_PREPARED);
	assert_int_equal(a->status, 301);
	assert_string_equal(a->fields, "Content-Length: 0\r\nLocation: /docs/\r\n");
	is_text("/docs/", "docs");
	fake_query = "q=a%20b&r=?/";
	a = get("/docs");
	assert_int_equal(a->status, 301);
	assert_string_equal(a->fields, "Content-Length: 0\r\nLocation: /docs/?q=a%20b&r=?/\r\n");
	fake_query = "";
	a = get("/a b%\xc3\xa4\"");
	assert_int_equal(a->status, 301);
	assert_string_equal(a->fields, "Content-Length: 0\r\nLocation: /a%20b%25%C3%A4%22/\r\n");
	is_text("/a b%\xc3\xa4\"/", "odd");
	free(s);
}

static void answers_404_with_the_sites_page(void **state)
{
	(void)state;
	put_text("site/x.txt", "x");
	struct site *s = opened("site");
	assert_int_equal(get("/nothing")->said, SAID_FAILED);
	free(s);
	put_text("site/404.html", "<p>not here");
	s = opened("site");
	const struct answer *a = get("/nothing");
	assert_int_equal(a->said, SAID_STATIC);
	assert_int_equal(a->status, 404);
	assert_string_equal(a->type, "text/html; charset=utf-8");
	assert_int_equal(a->size, 11);
	assert_memory_equal(a->body, "<p>not here", 11);
	free(s);
}

static void leaves_hidden_files_out_but_well_known(void **state)
{
	(void)state;
	put_text("site/index.html", "i");
	put_text("site/.htpasswd", "secret");
	put_text("site/.git/config", "secret");
	put_text("site/.well-known/security.txt", "Contact:");
	put_text("site/.well-known/.hidden", "secret");
	struct site *s = opened("site");
	is_text("/.well-known/security.txt", "Contact:");
	is_absent("/.htpasswd");
	is_absent("/.git/config");
	is_absent("/.well-known/.hidden");
	assert_null(memmem(database.data, database.size, "secret", 6));
	free(s);
}

static void knows_content_types(void **state)
{
	static const struct {
		const char *name, *type;
	} cases[] = {
		{ "a.html", "text/html; charset=utf-8" },
		{ "a.HTM", "text/html; charset=utf-8" },
		{ "a.css", "text/css; charset=utf-8" },
		{ "a.js", "text/javascript; charset=utf-8" },
		{ "a.txt", "text/plain; charset=utf-8" },
		{ "a.json", "application/json" },
		{ "a.svg", "image/svg+xml" },
		{ "a.png", "image/png" },
		{ "a.tar.gz", "application/gzip" },
		{ "a.woff2", "font/woff2" },
		{ "a.wasm", "application/wasm" },
		{ "a.unknown", "application/octet-stream" },
		{ "html", "application/octet-stream" },
		{ "README", "application/octet-stream" },
	};
	char path[64], line[128];
	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		snprintf(path, sizeof path, "site/%s", cases[k].name);
		put_text(path, "x");
	}
	struct site *s = opened("site");
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		snprintf(path, sizeof path, "/%s", cases[k].name);
		snprintf(line, sizeof line, "Content-Type: %s", cases[k].type);
		if (!has_line(&get(path)->resource.identity, line))
			fail_msg("%s is not %s", path, cases[k].type);
	}
	free(s);
}

static void says_when_and_what_by_validators(void **state)
{
	(void)state;
	put_text("site/one.txt", "the same");
	put_text("site/two.txt", "the same");
	put_text("site/other.txt", "the samf");
	struct site *s = opened("site");
	char one[64], line[128];
	const struct http_variant *v = &get("/one.txt")->resource.identity;
	snprintf(one, sizeof one, "%s", v->etag);
	assert_true(*one == '"' &&
	            strchr(one + 1, '"') == one + strlen(one) - 1); /* strong: no W/ */
	snprintf(line, sizeof line, "ETag: %s", one);
	assert_true(has_line(v, line));
	assert_true(has_line(v, "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT"));
	assert_int_equal(answer.resource.modified, EPOCH);
	assert_string_equal(get("/two.txt")->resource.identity.etag, one);
	assert_string_not_equal(get("/other.txt")->resource.identity.etag, one);
	free(s);
}

static void bounds_times_by_source_date_epoch(void **state)
{
	(void)state;
	put_text("site/a.txt", "a");
	setenv("SOURCE_DATE_EPOCH", "1600000000", 1);
	struct site *s = opened("site");
	assert_int_equal(get("/a.txt")->resource.modified, 1600000000);
	assert_true(has_line(&answer.resource.identity,
	                     "Last-Modified: Sun, 13 Sep 2020 12:26:40 GMT"));
	free(s);
	setenv("SOURCE_DATE_EPOCH", "1800000000", 1);
	s = opened("site");
	assert_int_equal(get("/a.txt")->resource.modified, EPOCH);
	free(s);
	for (const char *const *p = (const char *const[]){ "yesterday", "12x", "-1", "0",
	                                                   "99999999999999999999", NULL };
	     *p; p++) {
		setenv("SOURCE_DATE_EPOCH", *p, 1);
		refuses("site", "no number of seconds since 1970");
	}
}

static void compresses_what_shrinks_and_only_that(void **state)
{
	(void)state;
	uint8_t noise[4096], text[20000], back[20000];
	uint64_t x = 1;
	for (size_t k = 0; k < sizeof noise; k++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		noise[k] = (uint8_t)(x >> 56);
	}
	for (size_t k = 0; k < sizeof text; k++)
		text[k] = "all work and no play "[k % 21];
	put("site/text.html", text, sizeof text);
	put("site/noise.txt", noise, sizeof noise);
	put("site/text.png", text, sizeof text); /* by its type compressed already */
	put("site/short.txt", text, 200);
	struct site *s = opened("site");
	assert_null(get("/noise.txt")->resource.gzip.bytes);
	assert_false(has_line(&answer.resource.identity, "Vary: Accept-Encoding"));
	assert_null(get("/text.png")->resource.gzip.bytes);
	assert_null(get("/short.txt")->resource.gzip.bytes);
	const struct http_resource *r = &get("/text.html")->resource;
	assert_non_null(r->gzip.bytes);
	assert_true(r->gzip.size < 500);
	assert_true(has_line(&r->gzip, "Content-Encoding: gzip"));
	assert_true(has_line(&r->gzip, "Vary: Accept-Encoding"));
	assert_true(has_line(&r->identity, "Vary: Accept-Encoding"));
	assert_false(has_line(&r->identity, "Content-Encoding: gzip"));
	assert_string_not_equal(r->gzip.etag, r->identity.etag);
	assert_int_equal(bytes_load_u32(r->gzip.bytes + 4),
	                 0); /* no time in it: the same bytes each time */
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)r->gzip.bytes,
		       .avail_in = (uInt)r->gzip.size,
		       .next_out = back,
		       .avail_out = sizeof back };
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, sizeof text);
	inflateEnd(&z);
	assert_memory_equal(back, text, sizeof text);
	free(s);
}

static void adds_cache_control_where_it_is_asked_for(void **state)
{
	(void)state;
	put_text("site/a.txt", "a");
	struct site *s = opened("site");
	assert_null(memmem(database.data, database.size, "Cache-Control", 13));
	free(s);
	s = opened("cache-control='public, max-age=600' site");
	assert_true(
	        has_line(&get("/a.txt")->resource.identity, "Cache-Control: public, max-age=600"));
	free(s);
	refuses("\"$(printf 'cache-control=a\\r\\nSet-Cookie: x')\" site", "printable");
}

static void puts_folders_below_prefixes(void **state)
{
	(void)state;
	put_text("one/index.html", "one");
	put_text("two/index.html", "two");
	put_text("two/x/y.txt", "y");
	struct site *s = opened("one /more/of=two");
	is_text("/", "one");
	is_text("/more/of/", "two");
	is_text("/more/of/x/y.txt", "y");
	assert_int_equal(get("/more/of")->status, 301);
	free(s);
}

static void keeps_an_index_once(void **state)
{
	(void)state;
	char big[30000];
	memset(big, 'x', sizeof big);
	for (size_t k = 0; k < sizeof big; k += 7)
		big[k] = (char)('a' + k * k % 23);
	put("site/index.html", big, sizeof big);
	struct site *s = opened("site");
	is_file("/", big, sizeof big);
	const uint8_t *at = answer.resource.identity.bytes, *coded = answer.resource.gzip.bytes;
	is_file("/index.html", big, sizeof big);
	assert_ptr_equal(answer.resource.identity.bytes, at);
	assert_ptr_equal(answer.resource.gzip.bytes, coded);
	assert_ptr_equal(at < database.data || at >= database.data + database.size,
	                 0); /* served from where it lies */
	free(s);
}

static void finds_each_of_many(void **state)
{
	(void)state;
	char name[64], text[32];
	for (int k = 0; k < 3000; k++) {
		snprintf(name, sizeof name, "site/d%d/f%d.txt", k % 7, k);
		snprintf(text, sizeof text, "content %d", k);
		put_text(name, text);
	}
	struct site *s = opened("site");
	for (int k = 0; k < 3000; k++) {
		snprintf(name, sizeof name, "/d%d/f%d.txt", k % 7, k);
		snprintf(text, sizeof text, "content %d", k);
		is_text(name, text);
		snprintf(name, sizeof name, "/d%d/f%d.txt", k % 7, k + 3000);
		is_absent(name);
	}
	free(s);
}

/* ---- Building ---- */

static void makes_the_same_bytes_from_the_same_files(void **state)
{
	(void)state;
	for (int k = 0; k < 40; k++) {
		char name[64];
		snprintf(name, sizeof name, "one/%c%d.html", 'a' + k * 7 % 26, k);
		put_text(name, name);
	}
	command("mkdir two && for f in $(ls -r one); do cp -p one/$f two/; done"); /* made in
	                                                                              another order
	                                                                            */
	assert_int_equal(compile("one"), 0);
	command("mv out first");
	assert_int_equal(compile("two"), 0);
	command("cmp first out");
	command("touch two/*");
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	assert_int_equal(compile("two"), 0);
	command("cmp first out");
}

static void names_files_and_folders_as_dependencies(void **state)
{
	(void)state;
	put_text("site/a b$.html", "x");
	put_text("site/sub/c.txt", "x");
	assert_int_equal(compile("-C . site"), 0);
	uint8_t *text;
	size_t size;
	slurp("out.d", &text, &size);
	char *d = (char *)text;
	assert_memory_equal(d, "out:", 4);
	assert_non_null(strstr(d, "/site \\\n")); /* a file added to the folder is noticed */
	assert_non_null(strstr(d, "/site/a\\ b$$.html"));
	assert_non_null(strstr(d, "/site/sub/c.txt\n"));
	free(text);
}

static void refuses_what_cannot_be_served(void **state)
{
	(void)state;
	put_text("file", "x");
	refuses("none", "none: No such file or directory; name a directory");
	refuses("file", "file: it is not a directory");
	mkdir("empty", 0755);
	refuses("empty", "there is no file in it");
	put_text("odd/a\nb.txt", "x");
	refuses("odd", "control character");
	put_text("pipe/a.txt", "x");
	mkfifo("pipe/p", 0644);
	refuses("pipe", "pipe/p: it is neither a file nor a folder");
}

static void refuses_links_that_lead_out(void **state)
{
	(void)state;
	put_text("outside/secret.txt", "s");
	put_text("site/a.txt", "a");
	assert_int_equal(symlink("../outside/secret.txt", "site/link.txt"), 0);
	refuses("site", "site/link.txt: it is a link that leads out of the site");
	unlink("site/link.txt");
	assert_int_equal(symlink("../outside", "site/link"), 0);
	refuses("site", "site/link: it is a link that leads out of the site");
	unlink("site/link");
	mkdir("site-too", 0755); /* a name that only begins alike */
	put_text("site-too/x", "x");
	assert_int_equal(symlink("../site-too/x", "site/link"), 0);
	refuses("site", "leads out");
	unlink("site/link");
	assert_int_equal(symlink("nothing", "site/link"), 0);
	refuses("site", "link to nothing");
	unlink("site/link");
	assert_int_equal(symlink("a.txt", "site/b.txt"), 0);
	struct site *s = opened("site");
	is_text("/b.txt", "a");
	free(s);
	assert_int_equal(symlink(".", "site/round"), 0);
	refuses("site", "leads to a folder that it lies in");
}

static void refuses_two_files_for_one_path(void **state)
{
	(void)state;
	put_text("one/docs", "a file");
	put_text("two/index.html", "index");
	refuses("one docs=two", "two: one/docs is at /docs already");
	refuses("two x=two x=two", "two/index.html: two/index.html is at /x/index.html already");
}

static void refuses_prefixes_that_nobody_can_ask_for(void **state)
{
	(void)state;
	put_text("site/a", "x");
	refuses("a/../b=site", "name another PREFIX");
	refuses("./a=site", "name another PREFIX");
	refuses("a//b=site", "name another PREFIX");
}

static void refuses_a_site_that_is_too_large(void **state)
{
	(void)state;
	put_text("site/a.bin", "x");
	assert_int_equal(truncate("site/a.bin", (1ll << 30) + 1), 0); /* no bytes on the disk */
	refuses("site", "site/a.bin: with it the site has more than 1073741824 bytes");
}

static void tells_how_it_is_called(void **state)
{
	(void)state;
	assert_int_equal(compile(""), 2);
	assert_non_null(strstr(said, "Usage:"));
	assert_int_equal(compile("-x"), 2);
	assert_int_equal(compile("--help >/dev/null"), 0);
}

/* ---- Databases that are none ---- */

static void opens_no_other_file(void **state)
{
	(void)state;
	struct site *s;
	fake_reset();
	assert_int_equal(site_open(&s, NULL), ERR_ABSENT);
	assert_true(strstr(fake_log, "manifest"));
	assert_int_equal(site_open(&s, &(struct file){ "x", (const uint8_t *)"hello", 5 }),
	                 ERR_MALFORMED);
	assert_true(strstr(fake_log, "x is no site database"));
	assert_int_equal(site_open(&s, &(struct file){ "x", (const uint8_t *)"", 0 }),
	                 ERR_MALFORMED);
	put_text("site/a", "x");
	s = opened("site");
	free(s);
	fake_memory_fails = true;
	assert_int_equal(site_open(&s, &database), ERR_MEMORY);
}

/* Whatever opens can be asked for everything: under the sanitizers nothing is read outside. */
static void ask_all(const struct file *f)
{
	struct site *s;
	struct http_server *server;
	fake_reset();
	if (site_open(&s, f) != OK)
		return;
	assert_int_equal(http_serve(&server, &(struct http_options){ .port = 80 }), OK);
	assert_int_equal(site_route(server, s), OK);
	for (const char *const *p =
	             (const char *const[]){ "/", "/index.html", "/docs", "/docs/", "/none", NULL };
	     *p; p++) {
		const struct answer *a = get(*p);
		const struct http_variant *v[2] = { &a->resource.identity, &a->resource.gzip };
		uint64_t sum = 0;
		for (int k = 0; k < 2 && a->said == SAID_RESOURCE; k++) {
			for (uint64_t j = 0; j < v[k]->size; j++)
				sum += v[k]->bytes[j];
			for (uint64_t j = 0; j < v[k]->fields_size; j++)
				sum += (uint8_t)v[k]->fields[j];
			sum += v[k]->etag ? strlen(v[k]->etag) : 0;
		}
		assert_int_not_equal(sum, UINT64_MAX);
	}
	free(s);
}

static void spoilt_databases_do_no_harm(void **state)
{
	(void)state;
	put_text("site/index.html", "<p>i");
	put_text("site/404.html", "<p>n");
	put_text("site/docs/index.html", "d");
	free(opened("site"));
	struct file f = { "spoilt", NULL, database.size };
	uint8_t *copy = malloc(f.size);
	f.data = copy;
	for (size_t at = 0; at < f.size; at++) {
		static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
		for (size_t k = 0; k < sizeof values; k++) {
			memcpy(copy, database.data, f.size);
			copy[at] = values[k];
			ask_all(&f);
		}
	}
	for (size_t size = 0; size < f.size; size++) { /* cut, with the size told right and wrong */
		struct file cut = { "cut", malloc(size), size };
		memcpy((void *)(uintptr_t)cut.data, database.data, size);
		ask_all(&cut);
		if (size >= 16) {
			bytes_store_u64((void *)(uintptr_t)(cut.data + 8), size);
			ask_all(&cut);
		}
		free((void *)(uintptr_t)cut.data);
	}
	free(copy);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(serves_files_by_their_paths, set_up),
		cmocka_unit_test_setup(leads_folders_with_an_index_to_their_slash, set_up),
		cmocka_unit_test_setup(answers_404_with_the_sites_page, set_up),
		cmocka_unit_test_setup(leaves_hidden_files_out_but_well_known, set_up),
		cmocka_unit_test_setup(knows_content_types, set_up),
		cmocka_unit_test_setup(says_when_and_what_by_validators, set_up),
		cmocka_unit_test_setup(bounds_times_by_source_date_epoch, set_up),
		cmocka_unit_test_setup(compresses_what_shrinks_and_only_that, set_up),
		cmocka_unit_test_setup(adds_cache_control_where_it_is_asked_for, set_up),
		cmocka_unit_test_setup(puts_folders_below_prefixes, set_up),
		cmocka_unit_test_setup(keeps_an_index_once, set_up),
		cmocka_unit_test_setup(finds_each_of_many, set_up),
		cmocka_unit_test_setup(makes_the_same_bytes_from_the_same_files, set_up),
		cmocka_unit_test_setup(names_files_and_folders_as_dependencies, set_up),
		cmocka_unit_test_setup(refuses_what_cannot_be_served, set_up),
		cmocka_unit_test_setup(refuses_links_that_lead_out, set_up),
		cmocka_unit_test_setup(refuses_two_files_for_one_path, set_up),
		cmocka_unit_test_setup(refuses_prefixes_that_nobody_can_ask_for, set_up),
		cmocka_unit_test_setup(refuses_a_site_that_is_too_large, set_up),
		cmocka_unit_test_setup(tells_how_it_is_called, set_up),
		cmocka_unit_test_setup(opens_no_other_file, set_up),
		cmocka_unit_test_setup(spoilt_databases_do_no_harm, set_up),
	};
	if (argc != 2 || !(compiler = realpath(argv[1], NULL)) || !mkdtemp(root) || chdir(root)) {
		fprintf(stderr, "usage: test_site COMPILER\n");
		return 2;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free((void *)(uintptr_t)database.data);
	char line[128];
	snprintf(line, sizeof line, "rm -rf %s", root);
	return system(line) || failed;
}

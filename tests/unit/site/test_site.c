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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <brotli/decode.h>
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
	assert_true(a->said == SAID_FAILED || a->said == SAID_PREPARED);
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
	fake_query = fake_host = "";
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
	assert_int_equal(a->said, SAID_PREPARED);
	assert_int_equal(a->status, 404);
	assert_string_equal(a->fields,
	                    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 11\r\n");
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
		{ "a.xhtml", "application/xhtml+xml" },
		{ "a.vtt", "text/vtt; charset=utf-8" },
		{ "a.m3u8", "application/vnd.apple.mpegurl" },
		{ "a.ts", "video/mp2t" },
		{ "a.mov", "video/quicktime" },
		{ "a.m4a", "audio/mp4" },
		{ "a.flac", "audio/flac" },
		{ "a.opus", "audio/ogg" },
		{ "a.bmp", "image/bmp" },
		{ "a.TIFF", "image/tiff" },
		{ "a.apng", "image/apng" },
		{ "a.jxl", "image/jxl" },
		{ "a.heic", "image/heic" },
		{ "a.svgz", "image/svg+xml" },
		{ "a.ics", "text/calendar; charset=utf-8" },
		{ "a.jsonld", "application/ld+json" },
		{ "a.geojson", "application/geo+json" },
		{ "a.docx",
		  "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
		{ "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ "a.pptx",
		  "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
		{ "a.doc", "application/msword" },
		{ "a.odt", "application/vnd.oasis.opendocument.text" },
		{ "a.epub", "application/epub+zip" },
		{ "a.yaml", "application/yaml" },
		{ "a.yml", "application/yaml" },
		{ "a.log", "text/plain; charset=utf-8" },
		{ "a.eot", "application/vnd.ms-fontobject" },
		{ "a.7z", "application/x-7z-compressed" },
		{ "a.avi", "video/x-msvideo" },
		{ "a.unknown", "application/octet-stream" },
		{ "html", "application/octet-stream" },
		{ "README", "application/octet-stream" },
	};
	char path[64], line[160];
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

static void compresses_by_brotli_where_that_is_less(void **state)
{
	(void)state;
	static uint8_t text[3 << 20], back[3 << 20];
	for (size_t at = 0, k = 0; at < sizeof text; k++) {
		char line[100];
		int n = snprintf(line, sizeof line,
		                 "{\"id\": %zu, \"name\": \"user %zu\", \"score\": %zu}\n", k,
		                 k * 7919 % 1013, k * k % 99991);
		for (int j = 0; j < n && at < sizeof text; j++)
			text[at++] = (uint8_t)line[j];
	}
	put("site/text.html", text, 20000);
	put("site/large.json", text, sizeof text);
	put_text("site/short.txt", "short");
	struct site *s = opened("site");
	assert_null(get("/short.txt")->resource.br.bytes);
	for (int large = 0; large < 2; large++) {
		const struct http_resource *r =
		        &get(large ? "/large.json" : "/text.html")->resource;
		size_t size = sizeof back;
		assert_non_null(r->br.bytes);
		assert_non_null(r->gzip.bytes);
		assert_true(r->br.size < r->gzip.size);
		assert_true(has_line(&r->br, "Content-Encoding: br"));
		assert_true(has_line(&r->br, "Vary: Accept-Encoding"));
		assert_string_not_equal(r->br.etag, r->gzip.etag);
		assert_string_not_equal(r->br.etag, r->identity.etag);
		assert_int_equal(BrotliDecoderDecompress(r->br.size, r->br.bytes, &size, back),
		                 BROTLI_DECODER_RESULT_SUCCESS);
		assert_int_equal(size, large ? sizeof text : 20000);
		assert_memory_equal(back, text, size);
	}
	free(s);
}

static void an_svg_that_is_compressed_already_says_so(void **state)
{
	(void)state;
	put("site/a.svgz", "\x1f\x8b\x08 and so on", 13);
	put_text("site/b.svgz", "<svg/>"); /* is none */
	struct site *s = opened("site");
	assert_true(has_line(&get("/a.svgz")->resource.identity, "Content-Encoding: gzip"));
	assert_false(has_line(&get("/b.svgz")->resource.identity, "Content-Encoding: gzip"));
	free(s);
}

/* ---- Rules ---- */

static void rules_give_types_and_header_fields(void **state)
{
	(void)state;
	put_text("site/index.html", "i");
	put_text("site/a.foo", "a");
	put_text("site/b.FOO", "b");
	put_text("site/data/c.bin", "c");
	put_text("site/assets/d.js", "d");
	put_text("site/404.html", "gone");
	put_text("site/a b*.txt", "odd");
	put_text("rules", "# types\n"
	                  "\n"
	                  "type .foo application/x-foo\r\n"
	                  "type /data/* text/plain; charset=us-ascii\n"
	                  "  header  /*  X-Frame-Options: DENY\n"
	                  "header /*.html Content-Security-Policy: default-src 'self'; img-src *\n"
	                  "header /* Cache-Control: max-age=60\n"
	                  "header /assets/* cache-control: public, max-age=31536000, immutable\n"
	                  "header /data/c.bin X-Frame-Options:\n"
	                  "header /a%20b%2A.txt X-Odd: yes # no comment\n");
	struct site *s = opened("cache-control=no-store rules=rules site");
	assert_true(has_line(&get("/a.foo")->resource.identity, "Content-Type: application/x-foo"));
	assert_true(has_line(&get("/b.FOO")->resource.identity, "Content-Type: application/x-foo"));
	assert_true(has_line(&answer.resource.identity, "X-Frame-Options: DENY"));
	assert_true(has_line(&answer.resource.identity, "Cache-Control: max-age=60"));
	assert_null(memmem(answer.resource.identity.fields, answer.resource.identity.fields_size,
	                   "no-store", 8));
	assert_true(has_line(&get("/data/c.bin")->resource.identity,
	                     "Content-Type: text/plain; charset=us-ascii"));
	assert_null(memmem(answer.resource.identity.fields, answer.resource.identity.fields_size,
	                   "X-Frame", 7));
	assert_true(has_line(&get("/assets/d.js")->resource.identity,
	                     "cache-control: public, max-age=31536000, immutable"));
	assert_false(has_line(&answer.resource.identity, "Cache-Control: max-age=60"));
	assert_true(has_line(&get("/")->resource.identity,
	                     "Content-Security-Policy: default-src 'self'; img-src *"));
	assert_true(has_line(&get("/a b*.txt")->resource.identity, "X-Odd: yes # no comment"));
	/* The page of 404 has them, too, but for how long it may be kept. */
	assert_string_equal(get("/none")->fields,
	                    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 4\r\n"
	                    "X-Frame-Options: DENY\r\n"
	                    "Content-Security-Policy: default-src 'self'; img-src *\r\n");
	free(s);
}

static const char *location(const char *path, uint32_t status)
{
	const struct answer *a = get(path);
	if (a->said != SAID_PREPARED || a->status != status)
		fail_msg("%s: %u", path, a->status);
	const char *at = strstr(a->fields, "\r\nLocation: ");
	assert_non_null(at);
	assert_string_equal(strstr(at + 2, "\r\n"), "\r\n"); /* the last one */
	static char to[12000];
	snprintf(to, sizeof to, "%.*s", (int)strcspn(at + 12, "\r"), at + 12);
	return to;
}

static void rules_redirect_by_path(void **state)
{
	(void)state;
	put_text("site/index.html", "i");
	put_text("site/blog/kept.html", "kept");
	put_text("rules", "redirect /old /new\n"
	                  "redirect 308 /caf%C3%A9 https://example.org/cafe?x=1\n"
	                  "redirect 302 /blog/* /articles/*\n"
	                  "redirect /blog/deep/* /deep\n"
	                  "redirect /out/* https://example.org/*\n"
	                  "redirect /root/* /*\n");
	struct site *s = opened("rules=rules site");
	assert_string_equal(location("/old", 301), "/new");
	is_absent("/old/");
	assert_string_equal(location("/caf\xc3\xa9", 308), "https://example.org/cafe?x=1");
	assert_string_equal(location("/blog/2020/a b%", 302), "/articles/2020/a%20b%25");
	assert_string_equal(location("/blog/", 302), "/articles/");
	is_absent("/blog");
	is_text("/blog/kept.html", "kept");                          /* a file goes before a star */
	assert_string_equal(location("/blog/deep/x", 301), "/deep"); /* the longest path counts */
	assert_string_equal(location("/out/a/b", 301), "https://example.org/a/b");
	fake_query = "q=1&r=%0a";
	assert_string_equal(location("/blog/x", 302), "/articles/x?q=1&r=%0a");
	assert_string_equal(location("/caf\xc3\xa9", 308), "https://example.org/cafe?x=1");
	fake_query = "";
	/* What a client sends ends no line, and names no host. */
	assert_string_equal(location("/blog/a\r\nSet-Cookie: b", 302),
	                    "/articles/a%0D%0ASet-Cookie:%20b");
	assert_string_equal(location("/root//evil.example/x", 301), "/evil.example/x");
	assert_string_equal(location("/root////", 301), "/");
	assert_string_equal(location("/root/\\evil.example", 301), "/%5Cevil.example");
	char *huge = malloc(HTTP_TARGET_MAX + 1);
	memset(huge, '"', HTTP_TARGET_MAX); /* three bytes each */
	memcpy(huge, "/blog/", 6);
	huge[HTTP_TARGET_MAX] = 0;
	assert_int_equal(get(huge)->status, 414);
	free(huge);
	free(s);
}

static void rules_fall_back_to_a_file(void **state)
{
	(void)state;
	put_text("site/index.html", "home");
	put_text("site/app/index.html", "app");
	put_text("site/app/main.js", "js");
	put_text("site/app/admin/index.html", "admin");
	put_text("site/404.html", "gone");
	put_text("rules", "fallback /app/* /app/index.html\nfallback /app/admin/* /app/admin/\n");
	struct site *s = opened("site rules=rules");
	is_text("/app/users/7", "app");
	assert_int_equal(answer.status, 200);
	assert_true(has_line(&answer.resource.identity, "Content-Type: text/html; charset=utf-8"));
	assert_non_null(answer.resource.identity.etag);
	is_text("/app/main.js", "js");
	is_text("/app/", "app");
	is_text("/app/admin/x/y", "admin");
	assert_int_equal(get("/app")->status, 301);
	is_absent("/apps");
	is_absent("/other");
	is_absent("/ap");
	is_text("/", "home");
	free(s);
	put_text("rules", "fallback /* /index.html\n");
	s = opened("site rules=rules");
	is_text("/whatever/there/is", "home");
	free(s);
}

/* A path is up to 8000 bytes of anything: looking for rules must not cost its square. */
static void many_slashes_cost_little(void **state)
{
	(void)state;
	put_text("site/index.html", "home");
	put_text("rules", "redirect /a/* /b\n");
	struct site *s = opened("site rules=rules");
	char *path = malloc(HTTP_TARGET_MAX + 1);
	memset(path, '/', HTTP_TARGET_MAX);
	path[HTTP_TARGET_MAX] = 0;
	struct timespec from, to;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int k = 0; k < 200; k++)
		is_absent(path);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_true(to.tv_sec - from.tv_sec <
	            2); /* 200 squares of 8000 steps would take 10 s and more */
	free(path);
	free(s);
}

static void hosts_have_sites_of_their_own(void **state)
{
	(void)state;
	put_text("one/index.html", "one");
	put_text("one/only.txt", "only one");
	put_text("two/index.html", "two");
	put_text("two/404.html", "not in two");
	put_text("two/docs/index.html", "docs of two");
	put_text("three/index.html", "three");
	put_text("rules", "header //*/* X-All: yes\n"
	                  "header //two.example/* X-Two: yes\n"
	                  "header /* X-Root: yes\n"
	                  "redirect //www.two.example/* http://two.example/*\n"
	                  "fallback //three.example/sub/* /sub/index.html\n");
	struct site *s = opened("one //Two.Example=two //three.example/sub=three rules=rules");
	is_text("/", "one");
	assert_true(has_line(&answer.resource.identity, "X-Root: yes"));
	assert_true(has_line(&answer.resource.identity, "X-All: yes"));
	assert_false(has_line(&answer.resource.identity, "X-Two: yes"));
	for (const char *const *h =
	             (const char *const[]){ "two.example", "TWO.example", "two.example.", NULL };
	     *h; h++) {
		fake_host = *h;
		is_text("/", "two");
		assert_true(has_line(&answer.resource.identity, "X-Two: yes"));
		assert_true(has_line(&answer.resource.identity, "X-All: yes"));
		assert_false(has_line(&answer.resource.identity, "X-Root: yes"));
		is_absent("/only.txt");
		assert_memory_equal(answer.body, "not in two", 10);
		assert_string_equal(location("/docs", 301), "/docs/");
	}
	fake_host = "three.example";
	is_text("/sub/", "three");
	is_text("/sub/any", "three");
	is_absent("/");
	fake_host = "www.two.example";
	assert_string_equal(location("/x/y", 301), "http://two.example/x/y");
	for (const char *const *h =
	             (const char *const[]){ "other.example", "example", "10.0.0.2", "o.example",
	                                    "two.example/", "[::1]", NULL };
	     *h; h++) {
		fake_host = *h; /* nobody's in particular */
		is_text("/", "one");
	}
	fake_host = "";
	is_absent("/two.example/");
	is_absent("//two.example/");
	free(s);
	s = opened("//two.example=two");
	fake_host = "two.example";
	is_text("/", "two");
	fake_host = "other.example";
	assert_int_equal(get("/")->status, 421);
	char *long_host = malloc(1001);
	memset(long_host, 'a', 1000);
	long_host[1000] = 0;
	fake_host = long_host;
	assert_int_equal(get("/")->status, 421);
	free(long_host);
	free(s);
}

static void mistakes_in_rules_are_told_with_file_and_line(void **state)
{
	static const struct {
		const char *rule, *why;
	} table[] = {
		{ "tipe .foo a/b", "no rule tipe; there are type, header, redirect and fallback" },
		{ "type .foo", "is no content type" },
		{ "type .foo text", "text is no content type" },
		{ "type .foo text/html charset", "is no content type" },
		{ "type foo text/html", "foo is no path" },
		{ "type /none.txt text/html", "there is no file at /none.txt" },
		{ "header", " is no path" },
		{ "header /*", "no header field is there" },
		{ "header /* X Y: z", "no header field is there" },
		{ "header /* : z", "no header field is there" },
		{ "header /* Content-Length: 5", "Content-Length is the server's to say" },
		{ "header /* vary: x", "vary is the server's to say" },
		{ "header /* Content-Type: a/b", "a line of its own" },
		{ "header /* X: \x01", "printable ASCII" },
		{ "header /* X: \xc3\xa4", "printable ASCII" },
		{ "header /docs/ X: y", "name its index.html" },
		{ "header /a?b X: y", "is no path of a URL" },
		{ "header /%zz X: y", "is no path of a URL" },
		{ "header /%00 X: y", "is no path of a URL" },
		{ "header /a%2fb X: y", "is no path of a URL" },
		{ "header /../x X: y", "no client can ask for" },
		{ "header //a:80/x X: y", "is no host's name" },
		{ "header //a..b/x X: y", "is no host's name" },
		{ "redirect /x", "'' is no target" },
		{ "redirect /x y", "'y' is no target" },
		{ "redirect /x /y z", "there is more behind the target" },
		{ "redirect 200 /x /y", "200 is no status" },
		{ "redirect /x /y/*", "if one ends the path" },
		{ "redirect /x*y /y", "the last part" },
		{ "redirect /x* /y", "the last part" },
		{ "redirect /x /x", "leads to itself" },
		{ "redirect //*/x /y", "is no host's name" },
		{ "redirect /docs/index.html /y", "is at /docs/index.html already" },
		{ "redirect /docs /y", "is at /docs already" },
		{ "fallback /x /docs/", "write a star behind it" },
		{ "fallback /x/* /none", "there is no file at /none" },
		{ "fallback /x/* /docs", "there is no file at /docs" },
		{ "fallback /x/* /docs/ y", "there is more behind the file" },
		{ "fallback //h.example/x/* /docs/", "there is no file at //h.example/docs/" },
	};
	char text[200], why[300];
	(void)state;
	put_text("site/docs/index.html", "d");
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		snprintf(text, sizeof text, "# one\n\n%s\n", table[k].rule);
		put_text("my.rules", text);
		refuses("site rules=my.rules", table[k].why);
		snprintf(why, sizeof why, "my.rules:3: ");
		if (strncmp(said, why, strlen(why)) != 0)
			fail_msg("no line: %s", said);
	}
	put_text("my.rules", "redirect /x /y\nredirect /x /z\n");
	refuses("site rules=my.rules", "my.rules:2: my.rules:1 is at /x already");
	put("my.rules", "type .a\0 b/c\n", 13);
	refuses("site rules=my.rules", "my.rules:1: a NUL is in it");
	refuses("site rules=none", "none: No such file");
	put_text("my.rules", "header /docs/index.html X: ");
	FILE *f = fopen("my.rules", "a");
	for (int k = 0; k < 2100; k++)
		fputc('x', f);
	fclose(f);
	refuses("site rules=my.rules",
	        "site/docs/index.html: its header fields have more than 2048 bytes");
	/* A folder of that name is still one. */
	put_text("r/index.html", "r");
	struct site *s = opened("rules=r site");
	is_text("/rules/", "r");
	free(s);
}

static void a_rules_file_is_a_dependency(void **state)
{
	(void)state;
	put_text("site/a.html", "x");
	put_text("my.rules", "# nothing\n");
	assert_int_equal(compile("site rules=my.rules"), 0);
	uint8_t *text;
	size_t size;
	slurp("out.d", &text, &size);
	assert_non_null(strstr((char *)text, "/my.rules"));
	free(text);
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

/* The whole site was in memory, twice and more. */
static void a_large_site_takes_little_memory(void **state)
{
	(void)state;
	put_text("site/index.html", "i");
	put_text("site/a.bin", "x");
	put_text("site/b.txt", "x");
	assert_int_equal(truncate("site/a.bin", 200ll << 20), 0); /* no bytes on the disk */
	assert_int_equal(truncate("site/b.txt", 40ll << 20), 0);
	struct rusage used;
	assert_int_equal(compile("site"), 0);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &used), 0);
	print_message("%ld KiB at most\n", used.ru_maxrss);
	assert_true(used.ru_maxrss < 180 * 1024);              /* the sanitizers' share is in it */
	command("ls | grep '^out\\.[0-9]' && exit 1; rm out"); /* nothing unfinished is left */
}

static void tells_how_it_is_called(void **state)
{
	(void)state;
	assert_int_equal(compile(""), 2);
	assert_non_null(strstr(said, "usage:"));
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
	             (const char *const[]){ "/", "/index.html", "/docs", "/docs/", "/none", "/old",
	                                    "/moved/x", "/app/y", NULL };
	     *p; p++) {
		const struct answer *a = get(*p);
		const struct http_variant *v[3] = { &a->resource.identity, &a->resource.gzip,
			                            &a->resource.br };
		uint64_t sum = 0;
		for (int k = 0; k < 3 && a->said == SAID_RESOURCE; k++) {
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
	put_text("other/index.html", "o");
	put_text("rules",
	         "redirect /old /docs/\nredirect /moved/* /docs/*\nfallback /app/* /index.html\n");
	free(opened("site //h=other rules=rules"));
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
		cmocka_unit_test_setup(compresses_by_brotli_where_that_is_less, set_up),
		cmocka_unit_test_setup(an_svg_that_is_compressed_already_says_so, set_up),
		cmocka_unit_test_setup(rules_give_types_and_header_fields, set_up),
		cmocka_unit_test_setup(rules_redirect_by_path, set_up),
		cmocka_unit_test_setup(rules_fall_back_to_a_file, set_up),
		cmocka_unit_test_setup(many_slashes_cost_little, set_up),
		cmocka_unit_test_setup(hosts_have_sites_of_their_own, set_up),
		cmocka_unit_test_setup(mistakes_in_rules_are_told_with_file_and_line, set_up),
		cmocka_unit_test_setup(a_rules_file_is_a_dependency, set_up),
		cmocka_unit_test_setup(a_large_site_takes_little_memory, set_up),
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

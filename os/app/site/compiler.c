/* SPDX-License-Identifier: ISC */
/*
 * ampoule-web-site: turns directories into a site's database (site.h). `ampoule build` runs it as docs/manifest.md says
 * (library.yaml, compilers):
 *
 *	ampoule-web-site -o OUTPUT -d DEPFILE -C DIR WORD...
 *
 * WORD is a directory; PREFIX=DIRECTORY (it appears below /PREFIX); //HOST=DIRECTORY or //HOST/PREFIX=DIRECTORY (for
 * requests to that host); rules=FILE (rules.c); or cache-control=VALUE (for all files). Names that begin with a dot are left
 * out, .well-known excepted. A directory is served by its index.html. The same files with the same times give the same
 * bytes; SOURCE_DATE_EPOCH, in seconds, makes all later times that one.
 *
 * Exit status: 0; 1 after a line that says what is wrong, nothing written; 2 for a wrong command line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <app/words.h>

#include "builder.h"

#define CACHE_CONTROL "cache-control="
#define RULES         "rules="

static const char *base = "."; /* what paths are relative to */

static char *based(const char *path)
{
	return path[0] == '/' ? site_text("%s", path) : site_text("%s/%s", base, path);
}

static void write_all(const char *path, const void *bytes, size_t size)
{
	char *temporary = site_text("%s.%d", path, (int)getpid());
	FILE *f = fopen(temporary, "wb");
	bool ok = f && fwrite(bytes, 1, size, f) == size;
	ok = f && fclose(f) == 0 && ok;
	if (!ok || rename(temporary, path) != 0) {
		int error = errno;
		unlink(temporary);
		site_fail("%s: %s", path, strerror(error));
	}
	free(temporary);
}

/* In make's syntax: what stands for itself in a rule is escaped. */
static void write_dependencies(const char *path, const char *output)
{
	char *rule;
	size_t size;
	FILE *f = site_checked(open_memstream(&rule, &size));
	for (size_t k = 0; k <= site_read_count; k++) {
		for (const char *p = k ? site_read_files[k - 1] : output; *p; p++) {
			if (*p == ' ' || *p == '#' || *p == '\\')
				fputc('\\', f);
			else if (*p == '$')
				fputc('$', f);
			fputc(*p, f);
		}
		fputs(k == site_read_count ? "\n" : k ? " \\\n " : ": \\\n ", f);
	}
	if (fclose(f))
		site_checked(NULL);
	write_all(path, rule, size);
	free(rule);
}

static void check_prefix(const char *prefix)
{
	site_check_name(prefix, prefix);
	for (const char *p = prefix; *p;) {
		size_t n = strcspn(++p, "/");
		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			site_fail(
			        "%s: no client can ask for a path with empty parts, . or ..; name "
			        "another PREFIX",
			        prefix);
		p += n;
	}
}

/* "PREFIX" or "//HOST/PREFIX", and the directory. */
static void take_placed(char *where, const char *directory)
{
	char *host = site_checked(strdup(""));
	if (strncmp(where, "//", 2) == 0) {
		size_t n = strcspn(where + 2, "/");
		free(host);
		host = site_host(where + 2, n, where);
		where += 2 + n;
	}
	while (*where == '/')
		where++;
	size_t n = strlen(where);
	while (n && where[n - 1] == '/')
		where[--n] = 0;
	char *prefix = n ? site_text("/%s", where) : site_checked(strdup("")),
	     *path = based(directory);
	check_prefix(prefix);
	site_walk(path, directory, host, prefix);
	free(path);
	free(prefix);
	free(host);
}

static bool is_rules(const char *word)
{
	struct stat st;
	if (strncmp(word, RULES, strlen(RULES)) != 0)
		return false;
	char *path = based(word + strlen(RULES));
	bool directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	free(path);
	return !directory; /* which may well appear below /rules */
}

static void take(char *word)
{
	char *equals = strchr(word, '=');
	if (strncmp(word, CACHE_CONTROL, strlen(CACHE_CONTROL)) == 0)
		return;
	if (is_rules(word)) {
		char *path = based(word + strlen(RULES));
		site_rules_read(path, word + strlen(RULES));
		free(path);
	} else if (equals) {
		*equals = 0;
		take_placed(word, equals + 1);
	} else {
		char *path = based(word);
		site_walk(path, word, "", "");
		free(path);
	}
}

static _Noreturn void usage(FILE *to, int status)
{
	fputs("usage: ampoule-web-site -o OUTPUT [-d DEPFILE] [-C DIR] "
	      "DIRECTORY|[//HOST/]PREFIX=DIRECTORY|rules=FILE|cache-control=VALUE...\n"
	      "Compiles directories into one site database.\n",
	      to);
	exit(status);
}

static void read_epoch(const char *epoch)
{
	char *end;
	int64_t last = site_newest;
	if (!epoch || !*epoch)
		return;
	site_newest = strtoll(epoch, &end, 10);
	if (*end || site_newest < 1 || site_newest > last)
		site_fail("SOURCE_DATE_EPOCH: %s is no number of seconds since 1970", epoch);
}

/* The last of them; null: there is none. */
static const char *cache_control(char **words)
{
	const char *value = NULL;
	for (; *words; words++) {
		if (strncmp(*words, CACHE_CONTROL, strlen(CACHE_CONTROL)) == 0)
			value = *words + strlen(CACHE_CONTROL);
	}
	for (const char *p = value; p && *p; p++) {
		if ((uint8_t)*p < 0x20 || (uint8_t)*p > 0x7e)
			site_fail("cache-control: it may have printable ASCII only");
	}
	if (value && strlen(value) > SITE_FIELDS_MAX)
		site_fail("cache-control: it has more than %u bytes; write a shorter one",
		          SITE_FIELDS_MAX);
	return value;
}

int main(int argc, char **argv)
{
	const char *output = NULL, *dependencies = NULL;
	int option;
	words_expand(&argc, &argv);
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
			base = optarg;
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (!output || optind == argc)
		usage(stderr, 2);
	read_epoch(getenv("SOURCE_DATE_EPOCH"));
	const char *cache = cache_control(argv + optind);
	for (int k = optind; k < argc; k++)
		take(argv[k]);
	if (!site_item_count)
		site_fail("%s: there is no file in it; put an index.html there", argv[optind]);
	site_rules_apply();
	site_build(output, cache);
	if (dependencies)
		write_dependencies(dependencies, output);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * ampoule-dns-zones: compiles master files into a zone database, which an image embeds and serves
 * in place. `ampoule build` runs it as docs/manifest.md says (library.yaml, compilers):
 *
 *	ampoule-dns-zones -o OUTPUT -d DEPFILE -C DIR [SWITCH...] WORD...
 *
 * WORD stands for one zone or many, as zone_list.h says. Paths are relative to DIR; what a file
 * includes is so too, or else relative to the file that includes it. Exit status: 0; 1 after
 * diagnostics as FILE:LINE: text, nothing written; 2 for a wrong command line.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <core/error.h>

#include <app/dns/builder.h>
#include <app/dns/database.h>
#include <app/dns/zone_list.h>
#include <app/words.h>

/* A file read. Its text is there until its zone is parsed, the rest to the end. */
struct source {
	struct source *next;
	char *path; /* as opened */
	char *as;   /* as shown: relative to DIR where it can be */
	char *text;
	size_t size;
};

struct compiler {
	const char *directory;
	struct source *sources; /* newest first */
	struct dns_builder *builder;
	unsigned problems;
	unsigned warnings, errors;
};

_Noreturn __attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("ampoule-dns-zones: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static char *joined(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		fail("out of memory");
	return path;
}

/* Reads a regular file whole. */
static struct source *read_source(struct compiler *c, const char *path, const char *as,
                                  const char **why)
{
	struct stat st;
	FILE *f = fopen(path, "rb");

	if (!f) {
		*why = strerror(errno);
		return NULL;
	}
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		*why = "it is not a regular file";
		fclose(f);
		return NULL;
	}
	struct source *s = calloc(1, sizeof *s);
	if (!s || !(s->text = malloc((size_t)st.st_size + 1)) || !(s->path = strdup(path)) ||
	    !(s->as = strdup(as)))
		fail("%s: out of memory", path);
	s->size = fread(s->text, 1, (size_t)st.st_size, f);
	if (s->size != (size_t)st.st_size) {
		*why = "it could not be read to its end";
		fclose(f);
		free(s->text);
		free(s->path);
		free(s->as);
		free(s);
		return NULL;
	}
	fclose(f);
	s->text[s->size] = '\0';
	s->next = c->sources;
	c->sources = s;
	return s;
}

static const char *open_source(void *context, const char *from, const char *name, size_t *size,
                               const char **as, const char **why)
{
	struct compiler *c = context;
	struct source *s;
	char *path = name[0] == '/' ? strdup(name) : joined(c->directory, name);

	if (!path)
		fail("out of memory");
	const char *slash = from ? strrchr(from, '/') : NULL;
	if (slash && name[0] != '/' && access(path, F_OK) != 0) {
		char *beside, *shown;
		if (asprintf(&shown, "%.*s/%s", (int)(slash - from), from, name) < 0)
			fail("out of memory");
		beside = shown[0] == '/' ? strdup(shown) : joined(c->directory, shown);
		s = access(beside, F_OK) == 0 ? read_source(c, beside, shown, why)
		                              : read_source(c, path, name, why);
		free(shown);
		free(beside);
	} else {
		s = read_source(c, path, name, why);
	}
	free(path);
	if (!s)
		return NULL;
	*size = s->size;
	*as = s->as;
	return s->text;
}

static void report(void *context, const char *file, uint32_t line, bool error, const char *text)
{
	struct compiler *c = context;

	if (++*(error ? &c->errors : &c->warnings) > DNS_PROBLEMS_MAX && line != 0)
		return; /* main() says how many there were */
	fprintf(stderr, "%s:%u: %s%s\n", file, line, error ? "" : "warning: ", text);
}

static void problem(void *context, const char *file, uint32_t line, const char *text)
{
	struct compiler *c = context;

	c->problems++;
	report(c, file, line, true, text);
}

static int record(void *context, const struct dns_record *r)
{
	struct compiler *c = context;

	return dns_builder_record(c->builder, r);
}

static void compile(struct compiler *c, const struct dns_zone_file *zone)
{
	static const struct dns_name root = { 1, { 0 } };
	struct dns_name origin;

	if (dns_name_parse(&origin, zone->origin, strlen(zone->origin), &root) < 0) {
		fprintf(stderr, "%s: %s is not a domain name\n", zone->where, zone->origin);
		c->problems++;
		return;
	}
	struct dns_master_events events = {
		.context = c, .record = record, .problem = problem, .open = open_source
	};
	int result = dns_builder_zone(c->builder, &origin, zone->file);
	if (result == OK)
		result = dns_master_parse(zone->file, &origin, &events);
	if (result == ERR_MEMORY)
		fail("%s: out of memory", zone->file);
	if (result < 0)
		c->problems++;
	for (struct source *x = c->sources; x && x->text; x = x->next) {
		free(x->text);
		x->text = NULL;
	}
}

static void write_all(const char *path, const void *bytes, size_t size)
{
	char *temporary;

	if (asprintf(&temporary, "%s.%d", path, (int)getpid()) < 0)
		fail("out of memory");
	FILE *f = fopen(temporary, "wb");
	bool ok = f && fwrite(bytes, 1, size, f) == size;
	ok = f && fclose(f) == 0 && ok;
	ok = ok && rename(temporary, path) == 0;
	if (!ok) {
		int error = errno;
		unlink(temporary);
		fail("%s: %s", path, strerror(error));
	}
	free(temporary);
}

/* In make's syntax: what stands for itself in a rule is escaped. */
static void put_path(FILE *f, const char *path)
{
	for (; *path; path++) {
		if (*path == ' ' || *path == '#' || *path == '\\')
			fputc('\\', f);
		else if (*path == '$')
			fputc('$', f);
		fputc(*path, f);
	}
}

static void write_dependencies(const struct compiler *c, const struct dns_zone_list *zones,
                               const char *path, const char *output)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		fail("out of memory");
	put_path(f, output);
	fputc(':', f);
	for (const struct source *s = c->sources; s; s = s->next) {
		fputs(" \\\n ", f);
		put_path(f, s->path);
	}
	for (size_t i = 0; i < zones->input_count; i++) {
		fputs(" \\\n ", f);
		put_path(f, zones->inputs[i]);
	}
	fputc('\n', f);
	if (fclose(f))
		fail("out of memory");
	write_all(path, text, size);
	free(text);
}

static const char usage_text[] =
        "usage: ampoule-dns-zones -o OUTPUT [-d DEPFILE] [-C DIR] [SWITCH...] WORD...\n"
        "Compiles master files (RFC 1035) into one zone database. A WORD is ORIGIN=FILE, a\n"
        "directory of NAME.zone files, a pattern such as 'zones/*.zone', a file whose name is\n"
        "the zone's, or @FILE with such words, one a line.\n"
        "  --out-of-zone=warn  leaves records outside their zone out, with a warning\n"
        "  --signed=transfer   takes signed zones, for transfers alone: queries are REFUSED\n";

static _Noreturn void usage(FILE *to, int status)
{
	fputs(usage_text, to);
	exit(status);
}

/* The value of a switch that has one only. */
static bool is_set(const char *name, const char *value, const char *wanted)
{
	if (strcmp(value, wanted) == 0)
		return true;
	fprintf(stderr, "ampoule-dns-zones: --%s=%s: write --%s=%s\n", name, value, name, wanted);
	exit(2);
}

int main(int argc, char **argv)
{
	enum { OUT_OF_ZONE = 256, SIGNED };
	static const struct option switches[] = {
		{ "out-of-zone", required_argument, NULL, OUT_OF_ZONE },
		{ "signed", required_argument, NULL, SIGNED },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct compiler c = { .directory = "." };
	struct dns_builder_rules rules = { 0 };
	const char *output = NULL, *dependencies = NULL;
	int option;

	words_expand(&argc, &argv);
	while ((option = getopt_long(argc, argv, "o:d:C:h", switches, NULL)) != -1) {
		switch (option) {
		case 'o':
			output = optarg;
			break;
		case 'd':
			dependencies = optarg;
			break;
		case 'C':
			c.directory = optarg;
			break;
		case OUT_OF_ZONE:
			rules.drop_out_of_zone = is_set("out-of-zone", optarg, "warn");
			break;
		case SIGNED:
			rules.signed_for_transfer = is_set("signed", optarg, "transfer");
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (!output || optind == argc)
		usage(stderr, 2);
	struct dns_zone_list zones = { .folder = c.directory };
	for (int i = optind; i < argc; i++)
		dns_zone_list_add(&zones, argv[i]);
	if (zones.failed)
		return 1;
	if (zones.count == 0)
		fail("no zones: the lists are empty");
	c.builder = dns_builder_new(report, &c);
	if (!c.builder)
		fail("out of memory");
	dns_builder_set_rules(c.builder, rules);
	for (size_t i = 0; i < zones.count && c.problems < DNS_PROBLEMS_MAX; i++)
		compile(&c, &zones.at[i]);

	uint8_t *blob = NULL;
	uint64_t size = 0;
	/* After problems in a file, what its zone seems to lack would mislead. */
	int result = c.problems ? 1 : dns_builder_finish(c.builder, &blob, &size);
	if (c.warnings > DNS_PROBLEMS_MAX)
		fprintf(stderr, "ampoule-dns-zones: %u more warnings\n",
		        c.warnings - DNS_PROBLEMS_MAX);
	if (c.errors > DNS_PROBLEMS_MAX)
		fprintf(stderr, "ampoule-dns-zones: %u more errors\n", c.errors - DNS_PROBLEMS_MAX);
	if (result == ERR_MEMORY)
		fail("out of memory");
	if (result == ERR_TOO_BIG)
		fail("the zones make a database of more than 4 GiB: serve them from several "
		     "images");
	if (result != OK)
		return 1;
	write_all(output, blob, size);
	if (dependencies)
		write_dependencies(&c, &zones, dependencies, output);
	free(blob);
	dns_builder_free(c.builder);
	dns_zone_list_free(&zones);
	while (c.sources) {
		struct source *s = c.sources;
		c.sources = s->next;
		free(s->path);
		free(s->as);
		free(s->text);
		free(s);
	}
	return 0;
}

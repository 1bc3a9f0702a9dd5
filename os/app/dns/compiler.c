/* SPDX-License-Identifier: ISC */
/*
 * ampoule-dns-zones: compiles master files into a zone database, which an image embeds and serves
 *in place. `ampoule build` runs it as docs/manifest.md says (library.yaml, compilers):
 *
 *	ampoule-dns-zones -o OUTPUT -d DEPFILE -C DIR ORIGIN=FILE...
 *
 * FILE is relative to DIR; so is what it includes, or else relative to the file that includes it.
 *Exit status: 0; 1 after diagnostics as FILE:LINE: text, nothing written; 2 for a wrong command
 *line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <core/error.h>

#include <app/dns/builder.h>
#include <app/dns/database.h>

/* A file read, kept to the end: records and messages refer to it. */
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
	unsigned warnings;
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

	if (!error && ++c->warnings > DNS_PROBLEMS_MAX)
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

static void compile(struct compiler *c, char *argument)
{
	struct dns_name origin;
	static const struct dns_name root = { 1, { 0 } };
	char *equals = strchr(argument, '=');

	if (!equals || equals == argument || equals[1] == '\0') {
		fprintf(stderr,
		        "%s: write it as ORIGIN=FILE, as in example.org=zones/example.org.zone\n",
		        argument);
		exit(1);
	}
	if (dns_name_parse(&origin, argument, (size_t)(equals - argument), &root) < 0) {
		fprintf(stderr, "%s: %.*s is not a domain name\n", argument,
		        (int)(equals - argument), argument);
		exit(1);
	}
	const char *file = equals + 1;
	struct dns_master_events events = {
		.context = c, .record = record, .problem = problem, .open = open_source
	};
	int result = dns_builder_zone(c->builder, &origin, file);
	if (result == OK)
		result = dns_master_parse(file, &origin, &events);
	if (result == ERR_MEMORY)
		fail("%s: out of memory", file);
	if (result < 0)
		c->problems++;
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
static void write_dependencies(const struct compiler *c, const char *path, const char *output)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		fail("out of memory");
	const char *name = output;
	for (const struct source *s = c->sources;; s = s->next) {
		for (const char *p = name; *p; p++) {
			if (*p == ' ' || *p == '#' || *p == '\\')
				fputc('\\', f);
			else if (*p == '$')
				fputc('$', f);
			fputc(*p, f);
		}
		if (name == output)
			fputc(':', f);
		if (!s)
			break;
		fputs(" \\\n ", f);
		name = s->path;
	}
	fputc('\n', f);
	if (fclose(f))
		fail("out of memory");
	write_all(path, text, size);
	free(text);
}

static _Noreturn void usage(FILE *to, int status)
{
	fputs("Usage: ampoule-dns-zones -o OUTPUT [-d DEPFILE] [-C DIR] ORIGIN=FILE...\n"
	      "Compiles master files (RFC 1035) into one zone database.\n",
	      to);
	exit(status);
}

int main(int argc, char **argv)
{
	struct compiler c = { .directory = "." };
	const char *output = NULL, *dependencies = NULL;
	int option;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		usage(stdout, 0);
	while ((option = getopt(argc, argv, "o:d:C:h")) != -1) {
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
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (!output || optind == argc)
		usage(stderr, 2);
	c.builder = dns_builder_new(report, &c);
	if (!c.builder)
		fail("out of memory");
	for (int i = optind; i < argc; i++)
		compile(&c, argv[i]);

	uint8_t *blob = NULL;
	uint64_t size = 0;
	/* After problems in a file, what its zone seems to lack would mislead. */
	int result = c.problems ? 1 : dns_builder_finish(c.builder, &blob, &size);
	if (c.warnings > DNS_PROBLEMS_MAX)
		fprintf(stderr, "ampoule-dns-zones: %u more warnings\n",
		        c.warnings - DNS_PROBLEMS_MAX);
	if (result == ERR_MEMORY)
		fail("out of memory");
	if (result == ERR_TOO_BIG)
		fail("the zones make a database of more than 4 GiB: serve them from several "
		     "images");
	if (result != OK)
		return 1;
	write_all(output, blob, size);
	if (dependencies)
		write_dependencies(&c, dependencies, output);
	free(blob);
	dns_builder_free(c.builder);
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

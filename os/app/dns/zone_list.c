/* SPDX-License-Identifier: ISC */
/* Zones from words, directories, patterns and lists: zone_list.h. */
#include <app/dns/zone_list.h>

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".zone"

static void *need(void *p)
{
	if (p)
		return p;
	fputs("ampoule-dns-zones: out of memory\n", stderr);
	exit(1);
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
	char *s;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		s = NULL;
	va_end(ap);
	return need(s);
}

__attribute__((format(printf, 3, 4))) static void
complain(struct dns_zone_list *l, const char *where, const char *format, ...)
{
	va_list ap;

	l->failed = true;
	fprintf(stderr, "%s: ", where);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static char *path_of(const struct dns_zone_list *l, const char *name)
{
	return name[0] == '/' ? text("%s", name) : text("%s/%s", l->folder, name);
}

/* Takes the path over. */
static void add_input(struct dns_zone_list *l, char *path)
{
	if (l->input_count == l->input_room) {
		l->input_room = l->input_room ? 2 * l->input_room : 64;
		l->inputs = need(realloc(l->inputs, l->input_room * sizeof *l->inputs));
	}
	l->inputs[l->input_count++] = path;
}

static void add_zone(struct dns_zone_list *l, const char *origin, size_t size, const char *file,
                     const char *where)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->at = need(realloc(l->at, l->room * sizeof *l->at));
	}
	l->at[l->count++] = (struct dns_zone_file){ text("%.*s", (int)size, origin),
		                                    text("%s", file), text("%s", where) };
}

static bool is_zone_name(const char *name)
{
	size_t size = strlen(name), suffix = strlen(SUFFIX);

	return size > suffix && strcmp(name + size - suffix, SUFFIX) == 0;
}

/* A file whose name says which zone it is. */
static void add_named(struct dns_zone_list *l, const char *file)
{
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	size_t size = strlen(name);

	add_zone(l, name, is_zone_name(name) ? size - strlen(SUFFIX) : size, file, file);
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* The zones in a directory and below it; how many. */
static size_t add_folder(struct dns_zone_list *l, const char *name)
{
	char *path = path_of(l, name);
	struct dirent **entries;
	size_t before = l->count;
	int count =
	        l->depth < DNS_ZONE_FOLDERS_MAX ? scandir(path, &entries, no_dots, alphasort) : -1;

	if (count < 0) {
		if (l->depth == DNS_ZONE_FOLDERS_MAX)
			complain(l, name, "%u folders within each other; make it fewer",
			         DNS_ZONE_FOLDERS_MAX);
		else
			complain(l, name, "cannot be read: %s", strerror(errno));
		free(path);
		return 0;
	}
	add_input(l, path);
	l->depth++;
	for (int i = 0; i < count; i++) {
		const char *own = entries[i]->d_name;
		char *inner = text("%s/%s", name, own), *inner_path = path_of(l, inner);
		struct stat st;
		if (lstat(inner_path, &st) == 0 && S_ISDIR(st.st_mode))
			add_folder(l, inner);
		else if (is_zone_name(own) && stat(inner_path, &st) == 0 && S_ISREG(st.st_mode))
			add_named(l, inner);
		free(inner);
		free(inner_path);
		free(entries[i]);
	}
	l->depth--;
	free(entries);
	return l->count - before;
}

/* The path as a pattern that matches itself alone; `size` bytes of it. */
static char *literal(const char *path, size_t size)
{
	char *s = need(malloc(2 * size + 1)), *p = s;

	for (size_t i = 0; i < size; i++) {
		if (strchr("*?[\\", path[i]))
			*p++ = '\\';
		*p++ = path[i];
	}
	*p = '\0';
	return s;
}

static size_t magic(const char *pattern)
{
	return strcspn(pattern, "*?[");
}

/* The directories that a pattern is looked for in: where a new file may change what it matches. */
static void add_pattern_folders(struct dns_zone_list *l, const char *pattern, size_t own)
{
	for (const char *part = pattern + own; *part;) {
		size_t size = strcspn(part, "/");
		if (magic(part) < size) {
			char *above = text("%.*s", (int)(part - pattern), pattern);
			glob_t found;
			if (glob(*above ? above : ".", GLOB_NOSORT | GLOB_ONLYDIR, NULL, &found) ==
			    0)
				for (size_t i = 0; i < found.gl_pathc; i++)
					add_input(l, text("%s", found.gl_pathv[i]));
			globfree(&found);
			free(above);
		}
		part += size;
		part += *part == '/';
	}
}

static void add_pattern(struct dns_zone_list *l, const char *word)
{
	bool absolute = word[0] == '/';
	char *folder = literal(l->folder, strlen(l->folder));
	char *pattern = absolute ? text("%s", word) : text("%s/%s", folder, word);
	size_t own = absolute ? 0 : strlen(folder) + 1, skip = absolute ? 0 : strlen(l->folder) + 1;
	size_t before = l->count;
	glob_t found;
	int result = glob(pattern, 0, NULL, &found);

	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
		struct stat st;
		if (stat(found.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode))
			add_named(l, found.gl_pathv[i] + skip);
	}
	globfree(&found);
	add_pattern_folders(l, pattern, own);
	if (l->count == before)
		complain(l, word,
		         result == GLOB_NOSPACE ? "out of memory"
		                                : "no file matches; correct the pattern");
	free(folder);
	free(pattern);
}

static void add_word(struct dns_zone_list *l, const char *word, const char *where)
{
	const char *equals = strchr(word, '=');
	struct stat st;

	if (equals) {
		if (equals == word || equals[1] == '\0')
			complain(l, where,
			         "write it as ORIGIN=FILE, as in "
			         "example.org=zones/example.org.zone");
		else
			add_zone(l, word, (size_t)(equals - word), equals + 1, where);
		return;
	}
	if (word[magic(word)]) {
		add_pattern(l, word);
		return;
	}
	char *path = path_of(l, word);
	if (stat(path, &st) != 0)
		complain(l, where,
		         "%s; write a directory of *" SUFFIX
		         " files, a pattern, @LIST, or ORIGIN=FILE as in "
		         "example.org=zones/example.org.zone",
		         strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		add_named(l, word);
	else if (add_folder(l, word) == 0 && !l->failed)
		complain(l, where,
		         "no file in it has a name that ends in " SUFFIX
		         "; name them so, or write a pattern");
	free(path);
}

static void add_list(struct dns_zone_list *l, const char *name)
{
	char *path = path_of(l, name), *line = NULL;
	size_t room = 0;
	unsigned number = 0;
	FILE *f = fopen(path, "r");

	if (!f) {
		complain(l, name, "cannot be read: %s", strerror(errno));
		free(path);
		return;
	}
	add_input(l, path);
	for (ssize_t size; (size = getline(&line, &room, f)) >= 0;) {
		char *where = text("%s:%u", name, ++number), *word = line + strspn(line, " \t");
		while (size > 0 && strchr(" \t\r\n", line[size - 1]))
			line[--size] = '\0';
		if (strlen(line) != (size_t)size)
			complain(l, where, "it has a NUL byte; write plain text");
		else if (*word == '@')
			complain(l, where,
			         "a list cannot name another one; name it beside this one");
		else if (*word && *word != '#')
			add_word(l, word, where);
		free(where);
	}
	if (ferror(f))
		complain(l, name, "cannot be read: %s", strerror(errno));
	free(line);
	fclose(f);
}

void dns_zone_list_add(struct dns_zone_list *l, const char *word)
{
	if (word[0] == '@')
		add_list(l, word + 1);
	else
		add_word(l, word, word);
}

void dns_zone_list_free(struct dns_zone_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->at[i].origin);
		free(l->at[i].file);
		free(l->at[i].where);
	}
	for (size_t i = 0; i < l->input_count; i++)
		free(l->inputs[i]);
	free(l->at);
	free(l->inputs);
}

/* SPDX-License-Identifier: ISC */
/* Reads os/NAME/library.yaml and what it requires (library.h). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/fields.h>
#include <builder/library.h>
#include <builder/text.h>

#define LIBRARY_DEPTH 4u /* folders below os/ that may hold a library.yaml */

const struct library *library_find(const struct libraries *ls, const char *name)
{
	for (unsigned i = 0; i < ls->count; i++)
		if (strcmp(ls->list[i]->name, name) == 0)
			return ls->list[i];
	return NULL;
}

const struct compiler *library_compiler(const struct libraries *ls, const char *name)
{
	for (unsigned i = 0; i < ls->count; i++)
		for (unsigned j = 0; j < ls->list[i]->compiler_count; j++)
			if (strcmp(ls->list[i]->compilers[j]->name, name) == 0)
				return ls->list[i]->compilers[j];
	return NULL;
}

static void find_known(struct libraries *ls, const char *below, unsigned depth)
{
	const char *path = keep_format("%s/os%s%s", ls->sdk, *below ? "/" : "", below);
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		struct stat st;

		if (name[0] != '.' && strcmp(name, "library.yaml") == 0 && *below)
			list_add(&ls->known, &ls->known_count, below);
		else if (name[0] != '.' && depth < LIBRARY_DEPTH &&
		         stat(keep_format("%s/%s", path, name), &st) == 0 && S_ISDIR(st.st_mode))
			find_known(ls, keep_format("%s%s%s", below, *below ? "/" : "", name),
			           depth + 1);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void library_read_known(struct libraries *ls)
{
	if (ls->known_is_read)
		return;
	ls->known_is_read = true;
	find_known(ls, "", 0);
	if (ls->known_count > 1)
		qsort(ls->known, ls->known_count, sizeof *ls->known, by_name);
}

const char *library_known_text(struct libraries *ls)
{
	struct text t = { 0 };

	library_read_known(ls);
	for (unsigned i = 0; i < ls->known_count; i++)
		text_add(&t, "%s%s", i ? ", " : "", ls->known[i]);
	return t.size ? t.s : "none";
}

static void read_sources(const struct input *in, struct library *l, const struct node *list,
                         const char *what, const char ***sources, unsigned *count)
{
	if (!field_list(in, list, what))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		const char *s = field_text(in, m, what);

		if (!s)
			continue;
		if (!text_ends(s, ".c") && !text_ends(s, ".S"))
			input_mistake(in, m, "%s: neither a .c nor a .S file", s);
		else if (*s == '/' || strstr(s, "..") || !text_is_clean(s, m->size))
			input_mistake(in, m, "%s: must lie in the library's folder", s);
		else if (access(keep_format("%s/%s", l->folder, s), R_OK) < 0)
			input_mistake(in, m, "%s: no such file", s);
		else
			list_add(sources, count, s);
	}
}

static void read_words(const struct input *in, struct library *l, const struct node *list)
{
	if (!field_list(in, list, "words"))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		const char *s = field_text(in, m, "words");

		if (!s)
			continue;
		if (!*s || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(s))
			input_mistake(in, m, "%s: no word; write lower-case letters, digits and _",
			              s);
		else
			list_add(&l->words, &l->word_count, s);
	}
}

static bool is_file_name(const char *s, size_t size)
{
	return *s && !strchr(s, '/') && *s != '.' && text_is_clean(s, size);
}

static void read_archive(const struct input *in, struct library *l, const struct node *m)
{
	enum { FILE_NAME, PACKAGE, HEADERS, FIELDS };
	struct field f[FIELDS] = { [FILE_NAME] = { "file", true },
		                   [PACKAGE] = { "package", true },
		                   [HEADERS] = { "headers" } };
	struct archive *a = keep(sizeof *a);

	if (!fields_take(in, m, "an archive", f, FIELDS))
		return;
	const char *file = field_text(in, f[FILE_NAME].value, "file");
	const char *package = field_text(in, f[PACKAGE].value, "package");
	if (!file || !package)
		return;
	if (!is_file_name(file, f[FILE_NAME].value->size) || !text_ends(file, ".a")) {
		input_mistake(in, f[FILE_NAME].value,
		              "%s: no name of a static library; write NAME.a, of " ARCHIVE_FOLDER,
		              file);
		return;
	}
	a->path = keep_format(ARCHIVE_FOLDER "/%s", file);
	if (access(a->path, R_OK) < 0)
		input_mistake(in, f[FILE_NAME].value, "%s: no such file; apt-get install %s",
		              a->path, package);
	if (field_list(in, f[HEADERS].value, "headers"))
		for (const struct node *h = f[HEADERS].value->first; h; h = h->next) {
			const char *s = field_text(in, h, "headers");

			if (!s)
				continue;
			if (!is_file_name(s, h->size) || !text_ends(s, ".h") || strchr(s, '"'))
				input_mistake(in, h,
				              "%s: no name of a header; write NAME.h, "
				              "of " ARCHIVE_HEADERS,
				              s);
			else if (access(keep_format(ARCHIVE_HEADERS "/%s", s), R_OK) < 0)
				input_mistake(in, h,
				              ARCHIVE_HEADERS
				              "/%s: no such file; apt-get install %s",
				              s, package);
			else
				list_add(&a->headers, &a->header_count, s);
		}
	list_add(&l->archives, &l->archive_count, a);
}

struct library *library_add(struct libraries *ls, const char *name, struct report *report)
{
	struct library *l = (struct library *)(uintptr_t)library_find(ls, name);

	if (l)
		return l;
	if (!*name || *name == '/' || strchr(name, '.') || strlen(name) > 31)
		return NULL;
	const char *folder = keep_format("%s/os/%s", ls->sdk, name),
	           *path = keep_format("%s/library.yaml", folder);
	if (access(path, R_OK) < 0)
		return NULL;

	l = keep(sizeof *l);
	l->name = keep_text(name, strlen(name));
	l->folder = folder;
	struct input in = { path, report };
	struct node *root = yaml_read(path, path, report);
	enum { NAME, WORDS, SOURCES, SMALL, NATIVE, REQUIRES, ARCHIVES, COMPILERS, FIELDS };
	struct field f[FIELDS] = { [NAME] = { "name", true },   [WORDS] = { "words" },
		                   [SOURCES] = { "sources" },   [SMALL] = { "small" },
		                   [NATIVE] = { "native" },     [REQUIRES] = { "requires" },
		                   [ARCHIVES] = { "archives" }, [COMPILERS] = { "compilers" } };
	/* In the list while its own requirements are read, so that a circle ends; moved behind them
	 * below. */
	list_add(&ls->list, &ls->count, l);
	if (!root || !fields_take(&in, root, "the library", f, FIELDS))
		return l;
	const char *own = field_text(&in, f[NAME].value, "name");
	if (own && strcmp(own, name) != 0)
		input_mistake(&in, f[NAME].value, "name is %s, but the folder says %s", own, name);
	read_words(&in, l, f[WORDS].value);
	read_sources(&in, l, f[SOURCES].value, "sources", &l->sources, &l->source_count);
	read_sources(&in, l, f[SMALL].value, "small", &l->small, &l->small_count);
	read_sources(&in, l, f[NATIVE].value, "native", &l->native, &l->native_count);
	if (field_list(&in, f[REQUIRES].value, "requires"))
		for (const struct node *m = f[REQUIRES].value->first; m; m = m->next) {
			const char *s = field_text(&in, m, "requires");
			struct library *needed = s ? library_add(ls, s, report) : NULL;

			if (needed)
				list_add(&l->requires, &l->require_count, needed);
			else if (s)
				input_mistake(&in, m, "no library %s; there are %s", s,
				              library_known_text(ls));
		}
	if (field_list(&in, f[ARCHIVES].value, "archives"))
		for (const struct node *m = f[ARCHIVES].value->first; m; m = m->next)
			read_archive(&in, l, m);
	if (f[COMPILERS].value && f[COMPILERS].value->kind != NODE_MAP)
		input_mistake(&in, f[COMPILERS].value,
		              "compilers is %s; write a map of name: executable",
		              node_kind_name(f[COMPILERS].value));
	else if (f[COMPILERS].value)
		for (const struct node *m = f[COMPILERS].value->first; m; m = m->next) {
			const char *s = field_text(&in, m, m->key->text);
			struct compiler *c = keep(sizeof *c);

			*c = (struct compiler){ m->key->text, s, l };
			if (s && strncmp(s, "ampoule-", 8) == 0 && !strchr(s, '/'))
				list_add(&l->compilers, &l->compiler_count, c);
			else if (s)
				input_mistake(&in, m,
				              "%s: an executable's name begins with ampoule- and "
				              "has no /",
				              s);
		}
	/* Behind what it needs. */
	unsigned at = 0;
	while (ls->list[at] != l)
		at++;
	memmove(ls->list + at, ls->list + at + 1, (ls->count - at - 1) * sizeof *ls->list);
	ls->list[ls->count - 1] = l;
	return l;
}

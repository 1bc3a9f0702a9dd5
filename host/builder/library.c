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

/* Names of functions, which become words of the linker's command. */
static void read_wraps(const struct input *in, struct archive *a, const struct node *list)
{
	static const char letters[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	if (!field_list(in, list, "wraps"))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		const char *s = field_text(in, m, "a function");

		if (s && (!*s || strspn(s, letters) < m->size))
			input_mistake(in, m, "%s: no name of a function", s);
		else if (s)
			list_add(&a->wrapped, &a->wrapped_count, s);
	}
}

/* Of a library of the SDK: the system's, and its package is named. */
static void read_archive(const struct input *in, struct library *l, const struct node *m)
{
	enum { FILE_NAME, PACKAGE, HEADERS, WRAPS, FIELDS };
	struct field f[FIELDS] = { [FILE_NAME] = { "file", true },
		                   [PACKAGE] = { "package", true },
		                   [HEADERS] = { "headers" },
		                   [WRAPS] = { "wraps" } };
	struct archive *a = keep(sizeof *a);
	const char *why;

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
	a->shown = file;
	a->library = l;
	a->threads_fail = true;
	if (access(a->path, R_OK) < 0)
		input_mistake(in, f[FILE_NAME].value, "%s: no such file; apt-get install %s",
		              a->path, package);
	else if ((why = archive_defect(a->path)) != NULL)
		input_mistake(in, f[FILE_NAME].value, "%s %s", a->path, why);
	if (field_list(in, f[HEADERS].value, "headers"))
		for (const struct node *h = f[HEADERS].value->first; h; h = h->next)
			foreign_headers(in, h, package, &a->headers, &a->header_count);
	read_wraps(in, a, f[WRAPS].value);
	list_add(&l->archives, &l->archive_count, a);
}

static struct library *require(struct libraries *, const struct input *, const struct node *,
                               const struct library *);

/* Behind what it needs. */
static void move_behind(struct libraries *ls, struct library *l)
{
	unsigned at = 0;

	while (ls->list[at] != l)
		at++;
	memmove(ls->list + at, ls->list + at + 1, (ls->count - at - 1) * sizeof *ls->list);
	ls->list[ls->count - 1] = l;
}

static void read_requires(struct libraries *ls, const struct input *in, struct library *l,
                          const struct node *list)
{
	if (!field_list(in, list, "requires"))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		struct library *needed = require(ls, in, m, l);

		if (needed)
			list_add(&l->requires, &l->require_count, needed);
	}
}

static void read_compilers(const struct input *in, struct library *l, const struct node *map)
{
	if (!map)
		return;
	if (map->kind != NODE_MAP) {
		input_mistake(in, map, "compilers is %s; write a map of name: executable",
		              node_kind_name(map));
		return;
	}
	for (const struct node *m = map->first; m; m = m->next) {
		const char *s = field_text(in, m, m->key->text);
		struct compiler *c = keep(sizeof *c);

		*c = (struct compiler){ m->key->text, s, l };
		if (s && strncmp(s, "ampoule-", 8) == 0 && !strchr(s, '/'))
			list_add(&l->compilers, &l->compiler_count, c);
		else if (s)
			input_mistake(in, m,
			              "%s: an executable's name begins with ampoule- and "
			              "has no /",
			              s);
	}
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
	l->shown = path;
	struct input in = { path, report };
	struct node *root = yaml_read(path, path, report);
	enum {
		NAME,
		WORDS,
		SOURCES,
		SMALL,
		NATIVE,
		LAZY,
		REQUIRES,
		ARCHIVES,
		COMPILERS,
		ARGUMENTS,
		FIELDS
	};
	struct field f[FIELDS] = { [NAME] = { "name", true },     [WORDS] = { "words" },
		                   [SOURCES] = { "sources" },     [SMALL] = { "small" },
		                   [NATIVE] = { "native" },       [LAZY] = { "lazy" },
		                   [REQUIRES] = { "requires" },   [ARCHIVES] = { "archives" },
		                   [COMPILERS] = { "compilers" }, [ARGUMENTS] = { "arguments" } };
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
	read_sources(&in, l, f[LAZY].value, "lazy", &l->lazy, &l->lazy_count);
	read_requires(ls, &in, l, f[REQUIRES].value);
	if (field_list(&in, f[ARCHIVES].value, "archives"))
		for (const struct node *m = f[ARCHIVES].value->first; m; m = m->next)
			read_archive(&in, l, m);
	read_compilers(&in, l, f[COMPILERS].value);
	l->arguments = f[ARGUMENTS].value;
	move_behind(ls, l);
	return l;
}

/* ---- folders of one's own ---- */

static bool is_library_name(const char *s)
{
	size_t n = strlen(s);

	return n && n < 32 && *s != '/' && *s != '-' && *s != '_' && s[n - 1] != '/' &&
	       !strstr(s, "//") && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-/") == n;
}

/* The name's last part, as C writes it. */
static const char *word_of(const char *name)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	char *word = keep_text(last, strlen(last));

	for (char *c = word; *c; c++)
		if (*c == '-')
			*c = '_';
	return word;
}

/* A word belongs to one library: else nobody could tell whose a name is. */
static void check_words(struct libraries *ls, const struct input *in, const struct node *n,
                        const struct library *l)
{
	for (unsigned i = 0; i < ls->count; i++)
		for (unsigned j = 0; ls->list[i] != l && j < ls->list[i]->word_count; j++)
			for (unsigned k = 0; k < l->word_count; k++)
				if (strcmp(ls->list[i]->words[j], l->words[k]) == 0)
					input_mistake(in, n,
					              "the word %s is one of library %s: take "
					              "another",
					              l->words[k], ls->list[i]->name);
}

struct library *library_add_folder(struct libraries *ls, const struct input *by,
                                   const struct node *at, const char *base, const char *path)
{
	const char *whole = *path == '/' ? path : keep_format("%s/%s", base, path);
	char *real = realpath(whole, NULL);
	const char *folder = real ? keep_text(real, strlen(real)) : NULL,
	           *file = keep_format("%s/library.yaml", folder ? folder : "");

	free(real);
	if (!folder || access(file, R_OK) < 0)
		return NULL;
	for (unsigned i = 0; i < ls->count; i++)
		if (strcmp(ls->list[i]->folder, folder) == 0)
			return ls->list[i];
	struct library *l = keep(sizeof *l);
	*l = (struct library){ .name = "",
		               .folder = folder,
		               .is_own = true,
		               .shown = keep_format("%s/library.yaml", path) };
	struct input in = { l->shown, by->report };
	struct node *root = yaml_read(file, in.shown, by->report);
	enum {
		NAME,
		WORDS,
		SOURCES,
		SMALL,
		REQUIRES,
		INCLUDE,
		DEFINES,
		FLAGS,
		ARCHIVES,
		PACKAGES,
		ARGUMENTS,
		FIELDS
	};
	struct field f[FIELDS] = { [NAME] = { "name", true },    [WORDS] = { "words" },
		                   [SOURCES] = { "sources" },    [SMALL] = { "small" },
		                   [REQUIRES] = { "requires" },  [INCLUDE] = { "include" },
		                   [DEFINES] = { "defines" },    [FLAGS] = { "flags" },
		                   [ARCHIVES] = { "archives" },  [PACKAGES] = { "packages" },
		                   [ARGUMENTS] = { "arguments" } };
	if (!root || !fields_take(&in, root, "the library", f, FIELDS))
		return l;
	if (!text_is_clean(folder, strlen(folder)) || strpbrk(folder, "=%\\")) {
		input_mistake(by, at,
		              "%s: a path with = %% \\ or control characters cannot be built "
		              "in: move it",
		              folder);
		return l;
	}
	const char *name = field_text(&in, f[NAME].value, "name");
	if (!name)
		return l;
	if (!is_library_name(name)) {
		input_mistake(&in, f[NAME].value,
		              "name: %s is no name of a library; write at most 31 of a-z 0-9 _ - /",
		              name);
		return l;
	}
	if (library_find(ls, name) ||
	    access(keep_format("%s/os/%s/library.yaml", ls->sdk, name), R_OK) == 0) {
		input_mistake(&in, f[NAME].value,
		              "name: there is another library %s: take another name", name);
		return l;
	}
	l->name = keep_text(name, strlen(name));
	list_add(&ls->list, &ls->count, l);
	read_words(&in, l, f[WORDS].value);
	if (!l->word_count)
		list_add(&l->words, &l->word_count, word_of(name));
	read_sources(&in, l, f[SOURCES].value, "sources", &l->sources, &l->source_count);
	read_sources(&in, l, f[SMALL].value, "small", &l->small, &l->small_count);
	read_requires(ls, &in, l, f[REQUIRES].value);
	foreign_read(&l->foreign, &in, folder, l,
	             &(struct foreign_keys){ f[INCLUDE].value, f[DEFINES].value, f[FLAGS].value,
	                                     f[ARCHIVES].value, f[PACKAGES].value });
	l->arguments = f[ARGUMENTS].value;
	check_words(ls, &in, f[WORDS].value ? f[WORDS].value : f[NAME].value, l);
	move_behind(ls, l);
	return l;
}

/* What library.yaml names under `requires`. */
static struct library *require(struct libraries *ls, const struct input *in, const struct node *n,
                               const struct library *by)
{
	const char *s = field_text(in, n, "requires");
	struct library *l = s ? library_add(ls, s, in->report) : NULL;

	if (s && !l && by->is_own)
		l = library_add_folder(ls, in, n, by->folder, s);
	if (s && !l)
		input_mistake(in, n, "no library %s; there are %s%s", s, library_known_text(ls),
		              by->is_own ? ", and folders with a library.yaml" : "");
	return l;
}

/* SPDX-License-Identifier: ISC */
/* Reads the keys include, defines, flags, archives and packages (foreign.h), of a manifest or of a library. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/foreign.h>
#include <builder/package.h>
#include <builder/text.h>

#define DEPTH 8u /* folders in folders of headers */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

static const char *path_in(const char *folder, const char *path)
{
	return *path == '/' ? path : keep_format("%s/%s", folder, path);
}

static bool is_clean_path(const struct input *in, const struct node *n, const char *s)
{
	if (!*s)
		input_mistake(in, n, "an empty path: write its name");
	else if (!text_is_clean(s, n->size) || strlen(s) > 1000 || strpbrk(s, "=%\\"))
		input_mistake(in, n,
		              "a path of more than 1000 bytes or with = %% \\ or control "
		              "characters cannot be built with: rename it");
	else
		return true;
	return false;
}

static void read_includes(struct foreign *f, const struct input *in, const char *folder,
                          const struct node *list)
{
	if (!field_list(in, list, "include"))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		const char *s = field_text(in, m, "a folder of headers");

		if (!s || !is_clean_path(in, m, s))
			continue;
		const char *path = path_in(folder, s);
		char *real = realpath(path, NULL);
		if (!real || !is_folder(real)) {
			input_mistake(in, m,
			              is_file(path) ? "%s is a file; name the folder that holds it"
			                            : "%s: no such folder in %s",
			              s, folder);
			continue;
		}
		if (strcmp(real, ARCHIVE_HEADERS) == 0 || strcmp(real, ARCHIVE_HEADERS_MULTI) == 0)
			input_mistake(in, m,
			              "%s holds the headers of another C library: name the package "
			              "that you want under packages",
			              s);
		else
			list_add(&f->includes, &f->include_count, keep_text(real, strlen(real)));
		free(real);
	}
}

static bool is_identifier(const char *s, size_t size)
{
	static const char letters[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return size && (*s < '0' || *s > '9') && strspn(s, letters) >= size;
}

static void add_define(struct foreign *f, const struct input *in, const struct node *n,
                       const char *name, const char *value)
{
	if (!is_identifier(name, strlen(name)))
		input_mistake(in, n, "%s is no name of a macro: write NAME or NAME=VALUE",
		              *name ? name : "\"\"");
	else if (value && (!text_is_clean(value, strlen(value)) || strlen(value) > 1000))
		input_mistake(in, n, "%s: its value is one line of at most 1000 bytes", name);
	else
		list_add(&f->defines, &f->define_count,
		         value ? keep_format("%s=%s", name, value) : name);
}

/* A list of NAME and NAME=VALUE, or a map of NAME: VALUE. */
static void read_defines(struct foreign *f, const struct input *in, const struct node *n)
{
	if (!n)
		return;
	if (n->kind == NODE_MAP) {
		for (const struct node *m = n->first; m; m = m->next) {
			const char *s = field_text(in, m, m->key->text);

			if (s)
				add_define(f, in, m->key, m->key->text, s);
		}
		return;
	}
	if (!field_list(in, n, "defines"))
		return;
	for (const struct node *m = n->first; m; m = m->next) {
		const char *s = field_text(in, m, "a definition"),
		           *equals = s ? strchr(s, '=') : NULL;

		if (s)
			add_define(f, in, m, equals ? keep_text(s, (size_t)(equals - s)) : s,
			           equals ? equals + 1 : NULL);
	}
}

/* What changes how code is compiled, and leaves in place all that an image is checked by. */
static const char *const allowed[] = {
	"-w",
	"-O0",
	"-O1",
	"-O2",
	"-O3",
	"-Os",
	"-Oz",
	"-Og",
	"-ffast-math",
	"-fno-math-errno",
	"-fno-trapping-math",
	"-ffp-contract=off",
	"-ffp-contract=on",
	"-ffp-contract=fast",
	"-fwrapv",
	"-fstrict-aliasing",
	"-fno-strict-aliasing",
	"-fsigned-char",
	"-funsigned-char",
	"-funroll-loops",
	"-fno-builtin",
	"-finline-functions",
	"-fno-inline",
	"-fms-extensions",
	"-fblocks",
	"-pedantic",
	"-ansi",
};

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

const char *foreign_flag_defect(const char *flag)
{
	for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (strcmp(flag, allowed[i]) == 0)
			return NULL;
	if (starts(flag, "-std=c") || starts(flag, "-std=gnu"))
		return strstr(flag, "++") ? "appliances are written in C" : NULL;
	if (starts(flag, "-Wl,") || starts(flag, "-Wa,") || starts(flag, "-Wp,") ||
	    starts(flag, "-X") || starts(flag, "-T"))
		return "the linker's and the assembler's options are the builder's";
	if (starts(flag, "-W"))
		return NULL;
	if (starts(flag, "-I") || starts(flag, "-isystem") || starts(flag, "-idirafter") ||
	    starts(flag, "-iquote"))
		return "name the folder under include";
	if (starts(flag, "-D") || starts(flag, "-U"))
		return "name the macro under defines";
	if (starts(flag, "-l") || starts(flag, "-L") || text_ends(flag, ".a"))
		return "name the library under packages, or its file under archives";
	if (starts(flag, "-m"))
		return "the processor is the key cpu's";
	if (strstr(flag, "sanitize") || strstr(flag, "stack-protector") || strstr(flag, "lto") ||
	    strstr(flag, "stack-clash") || strstr(flag, "cf-protection") || strstr(flag, "pie") ||
	    strstr(flag, "pic") || strstr(flag, "PIC") || strstr(flag, "PIE"))
		return "an image keeps its checks and its layout";
	return "flags may be -W..., -O..., -std=... and some of -f... (docs/manifest.md)";
}

static void read_flags(struct foreign *f, const struct input *in, const struct node *list)
{
	if (!field_list(in, list, "flags"))
		return;
	for (const struct node *m = list->first; m; m = m->next) {
		const char *s = field_text(in, m, "a flag"),
		           *why = s ? foreign_flag_defect(s) : NULL;

		if (!s)
			continue;
		if (!text_is_clean(s, m->size))
			input_mistake(in, m, "a flag holds control characters");
		else if (why)
			input_mistake(in, m, "the flag %s is refused: %s", s, why);
		else
			list_add(&f->flags, &f->flag_count, s);
	}
}

/* ---- headers ---- */

static void add_header(struct header ***list, unsigned *count, const char *name, const char *path)
{
	struct header *h = keep(sizeof *h);

	*h = (struct header){ name, path };
	list_add(list, count, h);
}

static void add_folder(struct header ***list, unsigned *count, const char *path, const char *name,
                       unsigned depth)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *own = names[i]->d_name, *whole = keep_format("%s/%s", path, own),
		           *below = keep_format("%s/%s", name, own);

		if (*own != '.' && is_folder(whole) && depth < DEPTH)
			add_folder(list, count, whole, below, depth + 1);
		else if (*own != '.' && is_file(whole) && text_is_clean(own, strlen(own)) &&
		         !strpbrk(own, "\"\\"))
			add_header(list, count, below, whole);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

bool foreign_headers(const struct input *in, const struct node *n, const char *package,
                     struct header ***list, unsigned *count)
{
	static const char *const roots[] = { ARCHIVE_HEADERS, ARCHIVE_HEADERS_MULTI };
	const char *s = field_text(in, n, "headers");
	unsigned before = *count;

	if (!s)
		return false;
	size_t size = strlen(s);
	if (!size || *s == '/' || *s == '.' || strstr(s, "/.") || strpbrk(s, "\"\\") ||
	    !text_is_clean(s, n->size) || (!text_ends(s, ".h") && s[size - 1] != '/')) {
		input_mistake(in, n,
		              "%s: no name of a header; write NAME.h, FOLDER/NAME.h or FOLDER/, "
		              "of " ARCHIVE_HEADERS,
		              s);
		return false;
	}
	for (unsigned i = 0; i < sizeof roots / sizeof *roots; i++) {
		const char *path = keep_format("%s/%s", roots[i], s);

		if (s[size - 1] == '/')
			add_folder(list, count, keep_text(path, strlen(path) - 1),
			           keep_text(s, size - 1), 0);
		else if (*count == before && is_file(path))
			add_header(list, count, s, path);
	}
	if (*count == before) {
		input_mistake(in, n, ARCHIVE_HEADERS "/%s: no such %s%s%s", s,
		              s[size - 1] == '/' ? "folder" : "file",
		              package ? "; apt-get install "
		                      : ": install the package that brings it",
		              package ? package : "");
		return false;
	}
	return true;
}

/* ---- archives ---- */

/* `threads: fail`. */
static bool read_threads(const struct input *in, const struct node *n, bool *fail)
{
	const char *s = field_text(in, n, "threads");

	if (s && strcmp(s, "fail") == 0)
		*fail = true;
	else if (s)
		input_mistake(in, n,
		              "threads: %s: there is only `fail`, for code that can do without the "
		              "threads that it asks for",
		              s);
	return *fail;
}

static void read_headers(struct foreign *f, const struct input *in, const struct node *list,
                         const char *set, const char *package)
{
	struct header_set *s = keep(sizeof *s);

	s->name = set;
	if (!field_list(in, list, "headers"))
		return;
	for (const struct node *m = list->first; m; m = m->next)
		foreign_headers(in, m, package, &s->list, &s->count);
	list_add(&f->sets, &f->set_count, s);
}

static void read_archive(struct foreign *f, const struct input *in, const char *folder,
                         const struct library *library, const struct node *n)
{
	enum { FILE_NAME, PACKAGE, HEADERS, THREADS, FIELDS };
	struct field fields[FIELDS] = { [FILE_NAME] = { "file", true },
		                        [PACKAGE] = { "package" },
		                        [HEADERS] = { "headers" },
		                        [THREADS] = { "threads" } };
	struct archive *a = keep(sizeof *a);
	const struct node *at = n;
	const char *s, *package = NULL, *why;

	if (n->kind == NODE_MAP) {
		if (!fields_take(in, n, "an archive", fields, FIELDS))
			return;
		at = fields[FILE_NAME].value;
		package = field_text(in, fields[PACKAGE].value, "package");
		read_threads(in, fields[THREADS].value, &a->threads_fail);
	}
	s = field_text(in, at, "an archive");
	if (!s || !is_clean_path(in, at, s))
		return;
	/* With a package it is one of the system's. */
	const char *path = path_in(package ? ARCHIVE_FOLDER : folder, s);
	char *real = realpath(path, NULL);
	if (!real) {
		if (package)
			input_mistake(in, at, "%s: no such file; apt-get install %s", path,
			              package);
		else
			input_mistake(in, at,
			              "%s: no such file in %s; a library of the system's is named "
			              "under packages",
			              s, folder);
		return;
	}
	a->path = keep_text(real, strlen(real));
	a->shown = s;
	a->library = library;
	free(real);
	if ((why = archive_defect(a->path)) != NULL) {
		input_mistake(in, at, "%s %s", s, why);
		return;
	}
	list_add(&f->archives, &f->archive_count, a);
	const char *slash = strrchr(s, '/');
	if (fields[HEADERS].value)
		read_headers(f, in, fields[HEADERS].value, slash ? slash + 1 : s, package);
}

static void read_package(struct foreign *f, const struct input *in, const struct library *library,
                         const struct node *n)
{
	enum { NAME, HEADERS, THREADS, FIELDS };
	struct field fields[FIELDS] = {
		[NAME] = { "name", true }, [HEADERS] = { "headers" }, [THREADS] = { "threads" }
	};
	const struct node *at = n;
	bool threads_fail = false;

	if (n->kind == NODE_MAP) {
		if (!fields_take(in, n, "a package", fields, FIELDS))
			return;
		at = fields[NAME].value;
		read_threads(in, fields[THREADS].value, &threads_fail);
	}
	const char *s = field_text(in, at, "a package");
	if (!s)
		return;
	if (!*s || *s == '-' || *s == '.' ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._") !=
	            strlen(s)) {
		input_mistake(in, at,
		              "%s is no name of a package: write what pkg-config knows it by",
		              *s ? s : "\"\"");
		return;
	}
	package_read(f, in, at, s, library, threads_fail);
	if (fields[HEADERS].value)
		read_headers(f, in, fields[HEADERS].value, keep_format("%s.more", s), NULL);
}

void foreign_read(struct foreign *f, const struct input *in, const char *folder,
                  const struct library *library, const struct foreign_keys *k)
{
	read_includes(f, in, folder, k->include);
	read_defines(f, in, k->defines);
	read_flags(f, in, k->flags);
	if (field_list(in, k->archives, "archives"))
		for (const struct node *m = k->archives->first; m; m = m->next)
			read_archive(f, in, folder, library, m);
	if (field_list(in, k->packages, "packages"))
		for (const struct node *m = k->packages->first; m; m = m->next)
			read_package(f, in, library, m);
}

/* SPDX-License-Identifier: ISC */
/*
 * Asks pkg-config (package.h). Its -I folders are searched as they are; but a header that lies in /usr/include itself has
 * those of another libc beside it. So the headers of such a package are taken one by one, from Debian's list of the
 * package's files: the package that brings NAME.pc.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/package.h>
#include <builder/plan.h>
#include <builder/text.h>
#include <builder/tool.h>

#define DPKG_LISTS   "/var/lib/dpkg/info"
#define REQUIRES_MAX 64u

struct asked {
	struct foreign *to;
	const struct input *in;
	const struct node *at;
	const char *tool, *name; /* pkg-config; the package that the manifest names */
	const struct library *library;
	bool threads_fail;
	const char **folders; /* of -L */
	unsigned folder_count;
	const char **seen; /* packages whose headers are taken already */
	unsigned seen_count;
	struct header_set *set;
};

static void tell_unknown(const struct asked *a)
{
	char *all = tool_ask((const char *[]){ a->tool, "--list-all", NULL }), *rest = NULL;
	const char **names = NULL;
	unsigned count = 0;

	for (char *line = all ? strtok_r(all, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		list_add(&names, &count, keep_text(line, strcspn(line, " \t")));
	const char *near = nearest(a->name, names, count);
	if (near && strcmp(near, a->name) == 0)
		input_mistake(a->in, a->at,
		              "package %s: something that it requires is missing: `pkg-config "
		              "--exists --print-errors %s` says what",
		              a->name, a->name);
	else if (near)
		input_mistake(a->in, a->at, "no package %s: did you mean %s?", a->name, near);
	else
		input_mistake(a->in, a->at,
		              "no package %s: pkg-config finds no %s.pc; install the -dev package "
		              "that has it, or name its folder in PKG_CONFIG_PATH",
		              a->name, a->name);
}

/* ---- headers ---- */

static bool is_root(const char *folder)
{
	char *real = realpath(folder, NULL);
	bool is = real &&
	          (strcmp(real, ARCHIVE_HEADERS) == 0 || strcmp(real, ARCHIVE_HEADERS_MULTI) == 0);

	free(real);
	return is;
}

static void take_header(struct header_set *set, const char *path)
{
	static const char *const roots[] = { ARCHIVE_HEADERS_MULTI "/", ARCHIVE_HEADERS "/" };
	struct stat st;

	for (unsigned i = 0; i < sizeof roots / sizeof *roots; i++) {
		size_t n = strlen(roots[i]);

		if (strncmp(path, roots[i], n) != 0)
			continue;
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && !strpbrk(path, "\"\\")) {
			struct header *h = keep(sizeof *h);
			*h = (struct header){ path + n, path };
			list_add(&set->list, &set->count, h);
		}
		return;
	}
}

/* The headers among the files of the package that brings `file`. */
static void take_headers(struct header_set *set, const char *file)
{
	const char *line = keep_format("\n%s\n", file);
	struct dirent **names;
	int n = scandir(DPKG_LISTS, &names, NULL, alphasort);
	bool found = false;

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		size_t size;

		if (!found && text_ends(name, ".list")) {
			char *list = (char *)file_read(keep_format(DPKG_LISTS "/%s", name), &size),
			     *rest = NULL;

			found = list && strstr(list, line);
			for (char *path = found ? strtok_r(list, "\n", &rest) : NULL; path;
			     path = strtok_r(NULL, "\n", &rest))
				take_header(set, path);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* Of the package, and of those that it requires: its headers may include theirs. */
static void read_headers(struct asked *a, const char *name)
{
	char *rest = NULL;

	for (unsigned i = 0; i < a->seen_count; i++)
		if (strcmp(a->seen[i], name) == 0)
			return;
	if (a->seen_count == REQUIRES_MAX)
		return;
	list_add(&a->seen, &a->seen_count, name);
	char *folder = tool_ask((const char *[]){ a->tool, "--variable=pcfiledir", name, NULL });
	if (!folder)
		return;
	folder[strcspn(folder, "\n")] = 0;
	char *real = realpath(keep_format("%s/%s.pc", folder, name), NULL);
	take_headers(a->set, keep_format("%s/%s.pc", folder, name));
	if (real && strcmp(real, keep_format("%s/%s.pc", folder, name)) != 0)
		take_headers(a->set, keep_text(real, strlen(real)));
	free(real);
	char *needs = tool_ask((const char *[]){ a->tool, "--print-requires",
	                                         "--print-requires-private", name, NULL });
	for (char *line = needs ? strtok_r(needs, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (strcspn(line, " \t"))
			read_headers(a, keep_text(line, strcspn(line, " \t")));
}

/* ---- words ---- */

/* Words that the shell would make of a line: pkg-config quotes with backslashes. */
static char *next_word(char **at)
{
	char *s = *at + strspn(*at, " \t\n"), *start = s, *to = s;

	if (!*s)
		return NULL;
	for (; *s && !strchr(" \t\n", *s); s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	*at = *s ? s + 1 : s;
	*to = 0;
	return start;
}

static void read_cflags(struct asked *a, char *text)
{
	struct foreign *f = a->to;

	for (char *w, *at = text; (w = next_word(&at)) != NULL;) {
		const char *folder = NULL;

		if (strcmp(w, "-isystem") == 0)
			folder = next_word(&at);
		else if (strncmp(w, "-I", 2) == 0)
			folder = w[2] ? w + 2 : next_word(&at);
		else if (strncmp(w, "-D", 2) == 0 && w[2])
			list_add(&f->defines, &f->define_count, w + 2);
		else if (strcmp(w, "-pthread") == 0 || strcmp(w, "-m64") == 0)
			continue;
		else if (foreign_flag_defect(w))
			input_mistake(a->in, a->at, "package %s asks for the flag %s: %s", a->name,
			              w, foreign_flag_defect(w));
		else
			list_add(&f->flags, &f->flag_count, w);
		if (!folder || is_root(folder))
			continue;
		bool there = false;
		for (unsigned i = 0; i < f->system_count; i++)
			there |= strcmp(f->systems[i], folder) == 0;
		if (!there)
			list_add(&f->systems, &f->system_count, folder);
	}
}

static void add_archive(struct asked *a, const char *path)
{
	struct archive *r = keep(sizeof *r);
	const char *why = archive_defect(path);
	char *real = realpath(path, NULL);

	if (why || !real) {
		input_mistake(a->in, a->at, "package %s: %s %s", a->name, path,
		              why ? why : "is not there");
		free(real);
		return;
	}
	*r = (struct archive){ .path = keep_text(real, strlen(real)),
		               .shown = keep_format("package %s", a->name),
		               .library = a->library,
		               .threads_fail = a->threads_fail };
	free(real);
	list_add(&a->to->archives, &a->to->archive_count, r);
}

/* Of -lNAME. What glibc has in libraries of their own is in the image's C library. */
static void find_archive(struct asked *a, const char *name)
{
	static const char *const libc[] = { "c",      "m",     "dl",  "pthread", "rt",    "util",
		                            "resolv", "crypt", "gcc", "gcc_s",   "atomic" },
	                         *const folders[] = { ARCHIVE_FOLDER, "/usr/local/lib",
		                                      "/usr/lib" };
	const char *shared = NULL;

	for (unsigned i = 0; i < sizeof libc / sizeof *libc; i++)
		if (strcmp(name, libc[i]) == 0)
			return;
	if (strcmp(name, "stdc++") == 0 || strcmp(name, "c++") == 0) {
		input_mistake(a->in, a->at, "package %s is made of C++ (-l%s): images link C only",
		              a->name, name);
		return;
	}
	for (unsigned i = 0; i < a->folder_count + sizeof folders / sizeof *folders; i++) {
		const char *folder =
		        i < a->folder_count ? a->folders[i] : folders[i - a->folder_count];
		const char *path = keep_format("%s/lib%s.a", folder, name);

		if (access(path, R_OK) == 0) {
			add_archive(a, path);
			return;
		}
		path = keep_format("%s/lib%s.so", folder, name);
		if (!shared && access(path, F_OK) == 0)
			shared = path;
	}
	if (shared)
		input_mistake(
		        a->in, a->at,
		        "package %s: there is %s and no lib%s.a: images are static; build the "
		        "library as an archive and name that under archives",
		        a->name, shared, name);
	else
		input_mistake(
		        a->in, a->at,
		        "package %s: lib%s.a, which it asks for, is not installed: install the "
		        "-dev package that has it",
		        a->name, name);
}

static void read_libs(struct asked *a, char *text)
{
	const char **words = NULL;
	unsigned count = 0;

	for (char *w, *at = text; (w = next_word(&at)) != NULL;) {
		if (strncmp(w, "-L", 2) == 0)
			list_add(&a->folders, &a->folder_count, w[2] ? w + 2 : next_word(&at));
		else
			list_add(&words, &count, w);
	}
	for (unsigned i = 0; i < count; i++) {
		if (strncmp(words[i], "-l", 2) == 0)
			find_archive(a, words[i] + 2);
		else if (text_ends(words[i], ".a"))
			add_archive(a, words[i]);
		/* -pthread, -Wl,--as-needed and the like mean nothing in an image. */
	}
}

void package_read(struct foreign *f, const struct input *in, const struct node *at,
                  const char *name, const struct library *library, bool threads_fail)
{
	struct asked a = { f, in, at, plan_find_tool("pkg-config"), name, library, threads_fail };
	char *cflags, *libs;

	if (!a.tool) {
		input_mistake(in, at,
		              "package %s: pkg-config is not installed: apt-get install "
		              "pkg-config",
		              name);
		return;
	}
	if (!tool_ask((const char *[]){ a.tool, "--exists", name, NULL })) {
		tell_unknown(&a);
		return;
	}
	cflags = tool_ask((const char *[]){ a.tool, "--static", "--cflags", name, NULL });
	libs = tool_ask((const char *[]){ a.tool, "--static", "--libs", name, NULL });
	if (!cflags || !libs) {
		input_mistake(in, at,
		              "package %s: something that it requires is missing: `pkg-config "
		              "--static --libs %s` says what",
		              name, name);
		return;
	}
	a.set = keep(sizeof *a.set);
	a.set->name = name;
	read_cflags(&a, cflags);
	read_libs(&a, libs);
	read_headers(&a, name);
	if (a.set->count)
		list_add(&f->sets, &f->set_count, a.set);
}

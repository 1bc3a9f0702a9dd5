/* SPDX-License-Identifier: ISC */
/*
 * Reads lld's errors (complaint.h). Each is a line "ld.lld-19: error: duplicate symbol: NAME" or "... undefined symbol:
 * NAME", then lines that begin with ">>>": "defined in FILE" of bitcode, "defined at PLACE" and FILE:(SECTION) on the next
 * of machine code, "referenced by PLACE (...)". FILE is an object of the plan's, or ARCHIVE(MEMBER).
 */
#include <stdlib.h>
#include <string.h>

#include <builder/complaint.h>
#include <builder/instead.h>
#include <builder/place.h>

/* Without the colours that lld writes for a terminal. */
static char *plain(const char *s, size_t size)
{
	char *to = keep(size + 1);
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (s[i] == 0x1b && i + 1 < size && s[i + 1] == '[') {
			while (i < size && s[i] != 'm')
				i++;
			continue;
		}
		to[n++] = s[i];
	}
	return to;
}

static const char *after(const char *s, const char *text)
{
	const char *at = strstr(s, text);

	return at ? at + strlen(text) : NULL;
}

const char *complaint_plain(const char *line)
{
	return plain(line, strlen(line));
}

static bool is_first(const char *line)
{
	return after(line, "error: duplicate symbol: ") ||
	       after(line, "error: undefined symbol: ") ||
	       after(line, "error: undefined hidden symbol: ");
}

static const char *word(const char *s)
{
	return keep_text(s, strcspn(s, "\n"));
}

/* The owner of the symbols in an object of the plan, or in a member of an archive. */
struct owner {
	const struct library *library; /* null: the application, or libc */
	const struct archive *archive; /* null: it is no archive's */
	bool is_libc;
	const char *file;
};

static bool owner_of(const struct complaint *c, const char *file, struct owner *o)
{
	const char *open = strrchr(file, '('), *slash = strrchr(file, '/');

	*o = (struct owner){ 0 };
	for (unsigned i = 0; i < c->plan->object_count; i++) {
		const struct plan_object *p = c->plan->objects[i];

		if (strcmp(p->path, file) == 0) {
			o->library = p->library;
			o->file = p->source;
			return true;
		}
	}
	if (!open)
		return false;
	o->file = slash ? slash + 1 : file;
	if (strncmp(file, PLAN_LIBC "(", sizeof PLAN_LIBC) == 0 ||
	    strncmp(file, PLAN_BUILTINS "(", sizeof PLAN_BUILTINS) == 0) {
		o->is_libc = true;
		return true;
	}
	for (unsigned i = 0; i < c->manifest->archive_count; i++) {
		const struct archive *a = c->manifest->archives[i];

		if (strlen(a->path) == (size_t)(open - file) &&
		    strncmp(a->path, file, (size_t)(open - file)) == 0) {
			o->library = a->library;
			o->archive = a;
			return true;
		}
	}
	return false;
}

static const char *owner_text(const struct owner *o)
{
	return o->archive && !o->library ? keep_format("%s (%s)", o->archive->shown, o->file)
	       : o->library ? keep_format("the library %s (%s)", o->library->name, o->file)
	       : o->is_libc ? keep_format("the C library (%s)", o->file)
	                    : o->file;
}

static bool is_application(const struct owner *o)
{
	return !o->library && !o->is_libc && !o->archive;
}

/* The application's, or a library's that is a folder of one's own. */
static bool is_ones_own(const struct owner *o)
{
	return is_application(o) || (o->library && o->library->is_own && !o->archive);
}

/* The files that a complaint names as definers: at most `room`. */
static unsigned definers(char *text, const char **files, unsigned room)
{
	unsigned n = 0;
	bool in_next = false;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		const char *in = after(line, ">>> defined in "), *file = NULL;

		if (in) {
			file = word(in);
		} else if (after(line, ">>> defined at ")) {
			in_next = true;
		} else if (in_next && strncmp(line, ">>>", 3) == 0) {
			/* ">>>            FILE:(.text.x+0x0)", and "in archive ARCHIVE" behind it. */
			const char *start = line + 3 + strspn(line + 3, " "),
			           *end = strstr(start, ":("),
			           *archive = after(start, ") in archive ");

			in_next = false;
			if (end) {
				file = keep_text(start, (size_t)(end - start));
				if (archive)
					file = keep_format("%s(%s)", word(archive), file);
			}
		}
		if (file && n < room)
			files[n++] = file;
	}
	return n;
}

static bool tell_duplicate(const struct complaint *c, const char *name, char *text, FILE *to)
{
	const char *files[2];
	struct owner o[2];

	if (definers(text, files, 2) != 2 || !owner_of(c, files[0], &o[0]) ||
	    !owner_of(c, files[1], &o[1]))
		return false;
	if (!is_application(&o[0]) && is_application(&o[1])) {
		struct owner first = o[0];
		o[0] = o[1], o[1] = first;
	}
	fprintf(to, "`%s` is defined by %s and by %s: %s\n", name, owner_text(&o[0]),
	        owner_text(&o[1]),
	        is_application(&o[1])   ? "rename one, or make it static"
	        : is_application(&o[0]) ? "rename yours, or make it static"
	        : o[0].archive && o[1].archive
	                ? "these archives do not fit into one image; leave one out"
	                : "these libraries do not fit into one image");
	return true;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool has_name(const char *path, const char *name)
{
	size_t size, n = strlen(name);
	const char *s = (const char *)file_read(path, &size);

	for (const char *at = s; at && (at = strstr(at, name)); at += n)
		if ((at == s || !strchr(letters, at[-1])) && (!at[n] || !strchr(letters, at[n])))
			return true;
	return false;
}

static bool in_sources(const struct library *l, const char *const *sources, unsigned count,
                       const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (has_name(keep_format("%s/%s", l->folder, sources[i]), name))
			return true;
	return false;
}

/* A library of the SDK that is not linked, has a word that the name begins with, and the name in its sources. */
static const char *unlisted_owner(struct complaint *c, const char *name)
{
	struct libraries all = { .sdk = c->manifest->libraries.sdk };
	struct report ignored = { 0 };
	const char *best = NULL;
	size_t best_size = 0;

	library_read_known(&c->manifest->libraries);
	for (unsigned i = 0; i < c->manifest->libraries.known_count; i++) {
		const char *known = c->manifest->libraries.known[i];
		const struct library *l = library_find(&c->manifest->libraries, known)
		                                  ? NULL
		                                  : library_add(&all, known, &ignored);

		for (unsigned k = 0; l && k < l->word_count; k++) {
			size_t n = strlen(l->words[k]);

			if (n > best_size && strncmp(name, l->words[k], n) == 0 &&
			    (!name[n] || name[n] == '_') &&
			    (in_sources(l, l->sources, l->source_count, name) ||
			     in_sources(l, l->small, l->small_count, name) ||
			     in_sources(l, l->native, l->native_count, name))) {
				best = known;
				best_size = n;
			}
		}
	}
	return best;
}

/* ">>>    MEMBER:(FUNCTION) in archive ARCHIVE", of who asks for the symbol. */
static bool tell_archive(const struct complaint *c, const char *name, const char *text, FILE *to)
{
	const char *by = after(text, ">>> referenced by "), *in = after(text, ") in archive ");
	struct owner o;

	if (!by || !in)
		return false;
	/* The member stands before the last colon of its line; what comes first has no archive. */
	const char *line = in;
	while (line > text && line[-1] != '\n')
		line--;
	const char *start = line + 3 + strspn(line + 3, " "), *end = strstr(start, ":(");
	if (strncmp(start, "referenced by ", 14) == 0)
		start += 14;
	if (!end || end > in)
		return false;
	const char *member = keep_text(start, (size_t)(end - start));
	if (!owner_of(c, keep_format("%s(%s)", word(in), member), &o) || !o.archive)
		return false;
	if (strncmp(name, "_Z", 2) == 0 || strncmp(name, "__cxa_", 6) == 0 ||
	    strncmp(name, "__gxx_", 6) == 0)
		fprintf(to, "`%s` is asked for by %s: that is C++, and images link C only\n", name,
		        owner_text(&o));
	else if (instead_is_known(name))
		fprintf(to,
		        "`%s` is asked for by %s, and an image has none: %s; leave out what needs "
		        "it, or define it in a source\n",
		        name, owner_text(&o), instead_of(name));
	else
		fprintf(to,
		        "`%s` is asked for by %s and nobody defines it: name the package or "
		        "archive that has it, or define it in a source\n",
		        name, owner_text(&o));
	return true;
}

static bool tell_undefined(struct complaint *c, const char *name, const char *text, FILE *to)
{
	const char *by = after(text, ">>> referenced by "), *place = "", *owner;

	/* "main.c:5 (./main.c:5)" */
	if (by && strcspn(by, " \n") < strcspn(by, "(\n"))
		place = keep_format("%.*s: ", (int)strcspn(by, " \n"), by);
	if (strcmp(name, "main") == 0) {
		fprintf(to, "no source defines main(), where an appliance begins: name the one "
		            "that does "
		            "under `sources` in appliance.yaml\n");
		return true;
	}
	owner = unlisted_owner(c, name);
	if (!owner)
		return tell_archive(c, name, text, to);
	fprintf(to, "%s`%s` is of the library %s: add it to `libraries` in appliance.yaml\n", place,
	        name, owner);
	return true;
}

static bool makes_threads(const char *name)
{
	return strcmp(name, "pthread_create") == 0 || strcmp(name, "thrd_create") == 0;
}

struct traced {
	const char *name;
	struct owner by;
};

/* "FILE: reference to NAME" and "FILE: definition of NAME", of PLAN_TRACED. True: the line is done with. */
static bool take_trace(struct complaint *c, const char *s)
{
	static const char reference[] = ": reference to ", definition[] = ": definition of ";
	const char *name = after(s, reference), *defined = after(s, definition);
	struct traced *t = keep(sizeof *t);

	if (!name && !defined)
		return after(s, ": lazy definition of ");
	t->name = word(name ? name : defined);
	size_t n = (size_t)((name ? name : defined) - s) -
	           (name ? sizeof reference : sizeof definition) + 1;
	if (!owner_of(c, keep_text(s, n), &t->by))
		return true;
	if (name)
		list_add(&c->traced, &c->traced_count, t);
	else if (is_ones_own(&t->by) || t->by.archive)
		list_add(&c->defined, &c->defined_count, t->name);
	return true;
}

static void tell_traced(struct complaint *c, FILE *to)
{
	for (unsigned i = 0; i < c->traced_count; i++) {
		const struct traced *t = c->traced[i];
		const struct owner *o = &t->by;
		bool is_theirs = false;

		for (unsigned k = 0; k < c->defined_count; k++)
			is_theirs |= strcmp(c->defined[k], t->name) == 0;
		if (is_theirs)
			continue;
		if (o->archive && !o->archive->threads_fail && makes_threads(t->name)) {
			fprintf(to,
			        "%s asks for threads by `%s`: an image has one, so that call will "
			        "fail (EAGAIN); say `threads: fail` at its entry in the manifest "
			        "if "
			        "it can do without\n",
			        owner_text(o), t->name);
			c->is_refused = true;
		} else if (is_ones_own(o)) {
			const char *folder = o->library ? o->library->folder : c->manifest->folder;
			unsigned line =
			        place_of_call(keep_format("%s/%s", folder, o->file), t->name);
			const char *file = o->library
			                           ? keep_format("%s/%s", o->library->name, o->file)
			                           : o->file;

			fprintf(to, "%s: `%s` cannot work in an image: %s\n",
			        line ? keep_format("%s:%u", file, line) : file, t->name,
			        instead_of(t->name));
			c->is_refused = true;
		}
	}
	c->traced_count = 0;
}

/* "PLACE: error: call to undeclared function 'arg_X'; ..." or "use of undeclared identifier". */
static bool tell_argument(const struct complaint *c, const char *s, FILE *to)
{
	const char *error = after(s, ": error: "),
	           *id = error ? after(error, "undeclared function 'arg_") : NULL;
	const char *ids[AMP_ARGS_MAX];
	unsigned count = c->manifest->arg_count;
	struct text all = { 0 };

	if (error && !id)
		id = after(error, "undeclared identifier 'arg_");
	if (!id)
		return false;
	id = keep_text(id, strcspn(id, "'\n"));
	fprintf(to, "%.*s", (int)(error - s), s);
	for (unsigned i = 0; i < count; i++) {
		const struct manifest_arg *a = c->manifest->args[i];

		ids[i] = a->id;
		text_add(&all, "%s%s", i ? ", " : "", a->name);
		if (strcmp(a->id, id) == 0) {
			fprintf(to,
			        "arg_%s() is declared by appliance.h: #include \"appliance.h\"\n",
			        id);
			return true;
		}
	}
	const char *near = nearest(id, ids, count);
	if (near)
		fprintf(to, "no argument %s in appliance.yaml: did you mean arg_%s()?\n", id, near);
	else if (count)
		fprintf(to, "no argument %s in appliance.yaml: there are %s\n", id, all.s);
	else
		fprintf(to, "no argument %s in appliance.yaml: declare it under `arguments`\n", id);
	return true;
}

static void tell_held(struct complaint *c, FILE *to)
{
	if (!c->held.size)
		return;
	char *text = plain(c->held.s, c->held.size), *first = keep_text(text, strcspn(text, "\n"));
	const char *twice = after(first, "error: duplicate symbol: "),
	           *missing = after(first, "error: undefined symbol: ");

	if (!missing)
		missing = after(first, "error: undefined hidden symbol: ");
	if (!(twice ? tell_duplicate(c, twice, text, to) : tell_undefined(c, missing, text, to)))
		fwrite(c->held.s, 1, c->held.size, to);
	c->held.size = 0;
}

void complaint_end(struct complaint *c, FILE *to)
{
	tell_held(c, to);
	tell_traced(c, to);
}

void complaint_line(struct complaint *c, const char *line, FILE *to)
{
	const char *s = complaint_plain(line);

	if (c->held.size && strncmp(s, ">>>", 3) == 0) {
		text_bytes(&c->held, line, strlen(line));
		return;
	}
	if (take_trace(c, s))
		return;
	bool was_held = c->held.size > 0;
	tell_held(c, to);
	if (tell_argument(c, s, to))
		return;
	if (is_first(s))
		text_bytes(&c->held, line, strlen(line));
	else if (!was_held || *s != '\n') /* the empty line between two complaints */
		fputs(line, to);
}

/* SPDX-License-Identifier: ISC */
/*
 * Writes the work folder (plan.h):
 *
 *     include/appliance.h   what the application includes
 *     config.c note.s files.s image.ld   generated (codegen.c)
 *     object/NAME.HASH.o    one for each source; HASH is of its path, so that names cannot meet
 *     compiled/N            made by libraries' compilers
 *     archive/NAME.h        what leads to the headers of libraries' archives
 *     package/NAME/NAME.h   the same of packages that the manifest or a folder's library names
 *     linked map why        the link's results
 *
 * Compiling does not depend on the seed, linking does. All paths that the compiler sees are mapped
 * to names that are the same on every machine: ampoule/... for the library OS, generated/... for
 * the work folder, and the application's own relative to its folder.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/codegen.h>
#include <builder/draw.h>
#include <builder/plan.h>
#include <builder/text.h>
#include <tender/sha256.h>

#define CLANG_INCLUDE "/usr/lib/llvm-19/lib/clang/19/include"
#define WORDS_MAX                                                                                  \
	(16u                                                                                       \
	 << 10) /* bytes of a compiler's words on its command line; Linux takes 128 KiB of all */
#define MUSL_INCLUDE "/usr/include/x86_64-linux-musl"

static const char common_flags[] =
        "--target=x86_64-pc-linux-gnu -std=gnu17 -O2 -fpie -fvisibility=hidden -ffunction-sections "
        "-fdata-sections "
        "-fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection "
        "-ftrivial-auto-var-init=zero "
        "-fno-asynchronous-unwind-tables -fno-unwind-tables -fcf-protection=none "
        "-fno-strict-aliasing "
        "-fno-common -ftls-model=local-exec -g -gdwarf-aranges -Wall -Wextra -fcolor-diagnostics "
        "-D__AMPOULE__ "
        "-nostdinc -isystem " CLANG_INCLUDE " -isystem " MUSL_INCLUDE;

/* The checks that trap. Not `integer`: unsigned wrap-around is legal, and hashes and sequence numbers live by
 * it. */
static const char trap_flags[] = "-fsanitize=bounds,signed-integer-overflow,shift,integer-divide-"
                                 "by-zero,null,unreachable,vla-bound,bool,"
                                 "enum,return -fsanitize-trap=all";

/* Whole-program, with control-flow integrity on it. */
static const char lto_flags[] = "-flto=full -fsanitize=cfi-icall -fsanitize-trap=all";

/* Sources that are the C library: no LTO that would see through them, no builtin that would call
 * them. */
static const char native_flags[] = "-ffreestanding -fno-builtin";

const char *plan_find_tool(const char *name)
{
	const char *path = getenv("PATH");

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		const char *full = keep_format("%.*s/%s", (int)n, p, name);
		if (n && *p == '/' && access(full, X_OK) == 0)
			return full;
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* A path in build.ninja. A bar ends a path there and cannot be escaped, only come from a variable.
 */
static const char *path_text(const char *s)
{
	struct text t = { 0 };

	for (; *s; s++)
		text_add(&t, *s == '|' ? "${bar}" : strchr("$ :", *s) ? "$%c" : "%c", *s);
	return t.size ? t.s : "";
}

/* A word of a command in build.ninja: quoted for the shell, dollars doubled for ninja. */
static const char *word_text(const char *s)
{
	struct text t = { 0 };

	text_add(&t, "'");
	for (; *s; s++)
		text_add(&t, "%s", *s == '\'' ? "'\\''" : *s == '$' ? "$$" : (char[]){ *s, 0 });
	text_add(&t, "'");
	return t.s;
}

static const char *object_name(const char *work, const char *whose, const char *path)
{
	struct sha256 h;
	uint8_t d[32];
	const char *base = strrchr(path, '/');

	sha256_start(&h);
	sha256_add(&h, whose, strlen(whose) + 1);
	sha256_add(&h, path, strlen(path));
	sha256_end(&h, d);
	/* The linker's list of objects knows no backslash. */
	char *name = keep_text(base ? base + 1 : path, strlen(base ? base + 1 : path));
	for (char *c = name; *c; c++)
		if (*c == '\\')
			*c = '_';
	return keep_format("%s/object/%s.%02x%02x%02x%02x.o", work, name, d[0], d[1], d[2], d[3]);
}

static void update(struct plan *p, const char *path, const struct text *t)
{
	list_add(&p->generated, &p->generated_count, path);
	if (!file_update(path, t))
		die(126, "cannot write %s: %s", path, strerror(errno));
}

struct map {
	const char *from, *to;
};

/* -ffile-prefix-map for each folder; of those that fit a path, the compiler takes the last, so
 * longer ones go last. The SDK's sources know nothing of the application: where two share a work folder, they are compiled
 * once. */
static const char *prefix_maps(const struct plan *p, const struct manifest *m, bool of_sdk)
{
	struct map *maps = keep_array(3 + m->libraries.count, sizeof *maps);
	unsigned count = 0;
	struct text t = { 0 };

	maps[count++] = (struct map){ m->libraries.sdk, "ampoule/" };
	maps[count++] = (struct map){ p->work, "generated/" };
	if (!of_sdk)
		maps[count++] = (struct map){ m->folder, "" };
	for (unsigned i = 0; i < m->libraries.count && !of_sdk; i++) {
		const struct library *l = m->libraries.list[i];

		if (l->is_own)
			maps[count++] =
			        (struct map){ l->folder,
				              keep_format(PLAN_OWN_LIBRARIES "%s/", l->name) };
	}
	text_add(&t, "-ffile-compilation-dir=.");
	for (unsigned done = 0; done < count; done++) {
		unsigned shortest = done;

		for (unsigned i = done + 1; i < count; i++)
			if (strlen(maps[i].from) < strlen(maps[shortest].from))
				shortest = i;
		struct map next = maps[shortest];
		memmove(maps + done + 1, maps + done, (shortest - done) * sizeof *maps);
		maps[done] = next;
		text_add(&t, " %s",
		         word_text(keep_format("-ffile-prefix-map=%s/=%s", next.from, next.to)));
	}
	return t.s;
}

struct ninja {
	struct text t, objects;
	struct text lazy,
	        lazy_words; /* the same as paths of build.ninja and as words of a command */
	bool is_lazy;       /* what is added now */
	const char **object_files;
	unsigned object_file_count;
	struct text archive_words;
	struct plan *plan;
};

/* `shown`: the source as its owner names it. */
static void note_object(struct ninja *n, const char *object, const char *shown,
                        const struct library *library)
{
	struct plan_object *o = keep(sizeof *o);

	*o = (struct plan_object){ object, shown, library };
	list_add(&n->plan->objects, &n->plan->object_count, o);
}

const char *plan_depfile(const struct plan_step *s)
{
	return keep_format("%s.d", s->output);
}

static struct plan_step *add_step(struct plan *p, const char *output)
{
	struct plan_step *s = keep(sizeof *s);

	s->output = output;
	list_add(&p->steps, &p->step_count, s);
	return s;
}

static void add_input(struct plan_step *s, const char *path)
{
	list_add(&s->inputs, &s->input_count, path);
}

/* The tool, and what it is a small part of: an upgrade changes all of them. */
static void add_tool(struct plan_step *s, const char *tool)
{
	static const char *const parts[] = { "/usr/lib/llvm-19/bin/clang",
		                             "/usr/lib/llvm-19/bin/lld",
		                             "/usr/lib/llvm-19/lib/libclang-cpp.so.19.1",
		                             "/usr/lib/llvm-19/lib/libLLVM.so.19.1" };

	add_input(s, tool);
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		if (access(parts[i], F_OK) == 0)
			add_input(s, parts[i]);
}

/* `after`: outputs of other steps that it takes, as paths of build.ninja. Of what nobody makes, ninja hears nothing: the
 * record decides (record.h), by content and not by time. */
static struct plan_step *add_object(struct ninja *n, const char *rule, const char *object,
                                    const char *source, const char *after)
{
	struct plan_step *s = add_step(n->plan, object);

	text_add(&n->t, "build %s: %s%s%s\n  source = %s\n", path_text(object), rule,
	         *after ? " |" : "", after, word_text(source));
	text_add(n->is_lazy ? &n->lazy : &n->objects, " %s", path_text(object));
	if (n->is_lazy)
		text_add(&n->lazy_words, " %s", word_text(object));
	list_add(&n->object_files, &n->object_file_count, object);
	add_input(s, source);
	add_tool(s, n->plan->clang);
	s->by_content = true;
	s->has_depfile = strcmp(rule, "bytes") != 0;
	return s;
}

static void add_sources(struct ninja *n, const struct library *l, const char *rule,
                        const char *assembler, const char *const *sources, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *s = sources[i],
		           *object = object_name(
		                   n->plan->work,
		                   l->is_own ? keep_format("own:%s", l->name) : l->name, s);

		add_object(n, assembler && s[strlen(s) - 1] == 'S' ? assembler : rule, object,
		           keep_format("%s/%s", l->folder, s), "");
		note_object(n, object, s, l);
	}
}

static void add_library(struct ninja *n, const struct manifest *m, unsigned at)
{
	const struct library *l = m->libraries.list[at];

	if (l->is_own) {
		const char *as = keep_format("own%ua", at);

		add_sources(n, l, keep_format("own%u", at), as, l->sources, l->source_count);
		add_sources(n, l, keep_format("own%us", at), as, l->small, l->small_count);
		return;
	}
	add_sources(n, l, "library", "assembly", l->sources, l->source_count);
	add_sources(n, l, "small", NULL, l->small, l->small_count);
	add_sources(n, l, "native", NULL, l->native, l->native_count);
	n->is_lazy = true;
	add_sources(n, l, "small", NULL, l->lazy, l->lazy_count);
	n->is_lazy = false;
}

/* Headers of archives and packages stand beside those of another libc, which nobody must find: each is reached
 * through a file of its own that includes it by its full name. */
static void lead_to(struct ninja *n, const char *folder, struct header *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *path = keep_format("%s/%s", folder, list[i]->name),
		           *slash = strrchr(path, '/');
		struct text t = { 0 };

		if (!folder_make(keep_text(path, (size_t)(slash - path))))
			die(126, "cannot make the folder of %s: %s", path, strerror(errno));
		text_add(&t, "#include \"%s\"\n", list[i]->path);
		update(n->plan, path, &t);
	}
}

static void add_sets(struct ninja *n, const struct foreign *f)
{
	for (unsigned i = 0; i < f->set_count; i++)
		lead_to(n, keep_format("%s/package/%s", n->plan->work, f->sets[i]->name),
		        f->sets[i]->list, f->sets[i]->count);
}

static void add_archives(struct ninja *n, const struct manifest *m)
{
	for (unsigned i = 0; i < m->archive_count; i++)
		text_add(&n->archive_words, " %s", word_text(m->archives[i]->path));
	add_sets(n, &m->foreign);
	for (unsigned i = 0; i < m->libraries.count; i++) {
		const struct library *l = m->libraries.list[i];

		add_sets(n, &l->foreign);
		for (unsigned j = 0; j < l->archive_count; j++) {
			const struct archive *a = l->archives[j];

			lead_to(n, keep_format("%s/archive", n->plan->work), a->headers,
			        a->header_count);
			for (unsigned k = 0; k < a->wrapped_count; k++)
				text_add(&n->archive_words, " --wrap=%s", a->wrapped[k]);
		}
	}
}

/* ---- folders that are searched, and what else a compilation gets ---- */

struct search {
	struct text words;
	struct plan *plan; /* whose list of folders grows, too; null: none */
};

static void search_in(struct search *s, const char *option, const char *folder)
{
	text_add(&s->words, " %s %s", option, word_text(folder));
	for (unsigned i = 0; s->plan && i < s->plan->include_count; i++)
		if (strcmp(s->plan->includes[i], folder) == 0)
			return;
	if (s->plan)
		list_add(&s->plan->includes, &s->plan->include_count, folder);
}

static void search_public(struct search *s, const struct foreign *f)
{
	for (unsigned i = 0; i < f->include_count; i++)
		search_in(s, "-I", f->includes[i]);
}

static void search_packages(struct search *s, const char *work, const struct foreign *f)
{
	for (unsigned i = 0; i < f->set_count; i++)
		search_in(s, "-isystem", keep_format("%s/package/%s", work, f->sets[i]->name));
	for (unsigned i = 0; i < f->system_count; i++)
		search_in(s, "-isystem", f->systems[i]);
}

/* What the library requires, and what that requires. */
static void list_required(const struct library *l, const struct library ***list, unsigned *count)
{
	for (unsigned i = 0; i < l->require_count; i++) {
		unsigned k = 0;

		while (k < *count && (*list)[k] != l->requires[i])
			k++;
		if (k < *count)
			continue;
		list_add(list, count, l->requires[i]);
		list_required(l->requires[i], list, count);
	}
}

static const char *extra_words(const struct foreign *f)
{
	struct text t = { 0 };

	for (unsigned i = 0; i < f->define_count; i++)
		text_add(&t, " %s", word_text(keep_format("-D%s", f->defines[i])));
	for (unsigned i = 0; i < f->flag_count; i++)
		text_add(&t, " %s", word_text(f->flags[i]));
	return t.size ? t.s : "";
}

/* The rules own0, own0s (for size) and own0a (assembly) of a library that is a folder's. */
static void add_own_rules(struct ninja *n, const struct manifest *m, unsigned at)
{
	const struct library *l = m->libraries.list[at], **needed = NULL;
	const struct plan *p = n->plan;
	const char *sdk = m->libraries.sdk, *extra = extra_words(&l->foreign);
	struct search s = { .plan = n->plan };
	unsigned count = 0;

	list_required(l, &needed, &count);
	search_in(&s, "-I", l->folder);
	search_public(&s, &l->foreign);
	for (unsigned i = 0; i < count; i++)
		search_public(&s, &needed[i]->foreign);
	search_in(&s, "-I", keep_format("%s/os/include", sdk));
	search_in(&s, "-I", keep_format("%s/abi", sdk));
	search_in(&s, "-isystem", keep_format("%s/archive", p->work));
	search_packages(&s, p->work, &l->foreign);
	for (unsigned i = 0; i < count; i++)
		search_packages(&s, p->work, &needed[i]->foreign);
	const char *dep = " -MD -MF $out.d -c $source -o $out\n";
	text_add(&n->t, "rule own%u\n  command = %s $flags $own $traps $lto%s%s%s", at,
	         word_text(p->clang), s.words.s, extra, dep);
	text_add(&n->t, "rule own%us\n  command = %s $flags $own -Oz $traps $lto%s%s%s", at,
	         word_text(p->clang), s.words.s, extra, dep);
	text_add(&n->t, "rule own%ua\n  command = %s $flags $own -x assembler-with-cpp%s%s%s", at,
	         word_text(p->clang), s.words.s, extra, dep);
}

static void add_rules(struct ninja *n, const struct manifest *m)
{
	static const char *const cpus[] = { "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4" };
	const struct plan *p = n->plan;
	const char *sdk = m->libraries.sdk;
	const char *os = keep_format("%s/os", sdk), *public = keep_format("%s/os/include", sdk),
	           *abi = keep_format("%s/abi", sdk), *archive = keep_format("%s/archive", p->work);
	struct search own = { .plan = n->plan }, library = { .plan = n->plan };

	search_in(&own, "-I", m->folder);
	search_in(&own, "-I", keep_format("%s/include", p->work));
	search_public(&own, &m->foreign);
	for (unsigned i = 0; i < m->libraries.count; i++)
		search_public(&own, &m->libraries.list[i]->foreign);
	if (m->internals)
		search_in(&own, "-I", os);
	search_in(&library, "-I", os);
	for (unsigned i = 0; i < 2; i++) {
		struct search *s = i ? &library : &own;

		search_in(s, "-I", public);
		search_in(s, "-I", abi);
		search_in(s, "-isystem", archive);
	}
	search_packages(&own, p->work, &m->foreign);
	for (unsigned i = 0; i < m->libraries.count; i++)
		search_packages(&own, p->work, &m->libraries.list[i]->foreign);
	const char *own_includes = own.words.s, *sdk_includes = library.words.s + 1;
	const char *dep = " -MD -MF $out.d -c $source -o $out\n";
	struct text *t = &n->t;

	text_add(t,
	         "# written by ampoule build; do not edit\nninja_required_version = 1.8\nbar = "
	         "|\nbuilddir = %s\n",
	         path_text(p->work));
	text_add(t, "flags = %s -march=%s%s\nsdk = %s\nown = %s\ntraps = %s\nlto = %s\n",
	         common_flags, cpus[m->cpu_level - 1], m->checked ? " -DAMPOULE_CHECKED" : "",
	         prefix_maps(p, m, true), prefix_maps(p, m, false), trap_flags, lto_flags);
	text_add(t, "rule application\n  command = %s $flags $own $traps $lto%s%s%s",
	         word_text(p->clang), own_includes, extra_words(&m->foreign), dep);
	for (unsigned i = 0; i < m->libraries.count; i++)
		if (m->libraries.list[i]->is_own)
			add_own_rules(n, m, i);
	list_add(&n->plan->includes, &n->plan->include_count, CLANG_INCLUDE);
	list_add(&n->plan->includes, &n->plan->include_count, MUSL_INCLUDE);
	text_add(t, "rule library\n  command = %s $flags $sdk $traps $lto %s%s",
	         word_text(p->clang), sdk_includes, dep);
	text_add(t, "rule small\n  command = %s $flags $sdk -Oz $traps $lto %s%s",
	         word_text(p->clang), sdk_includes, dep);
	text_add(t, "rule native\n  command = %s $flags $sdk $traps %s %s%s", word_text(p->clang),
	         native_flags, sdk_includes, dep);
	text_add(t, "rule assembly\n  command = %s $flags $sdk -x assembler-with-cpp %s%s",
	         word_text(p->clang), sdk_includes, dep);
	text_add(t, "rule bytes\n  command = %s --target=x86_64-pc-linux-gnu -c $source -o $out\n",
	         word_text(p->clang));
	text_add(t,
	         "rule link\n  command = %s -pie --no-dynamic-linker -z text -z norelro -z "
	         "separate-code "
	         "--apply-dynamic-relocs --pack-dyn-relocs=none --gc-sections --icf=all "
	         "--color-diagnostics=always --lto-O2 -mllvm -generate-arange-section "
	         "$shuffle" PLAN_TRACED " -T "
	         "%s -Map=%s "
	         "--why-extract=%s -o $out @$out.objects $lazy%s " PLAN_LIBC " " PLAN_BUILTINS
	         "\n  rspfile = $out.objects\n  rspfile_content = $in_newline\n",
	         word_text(p->lld), word_text(keep_format("%s/image.ld", p->work)),
	         word_text(p->map), word_text(p->why),
	         n->archive_words.size ? n->archive_words.s : "");
}

/* boot_start keeps its order, since start-up order depends on it. */
static void add_link(struct ninja *n, const struct manifest *m)
{
	static const char *const kinds[] = { ".text*", ".rodata*", ".data*", ".bss*" };
	const struct plan *p = n->plan;

	text_add(&n->t, "build %s: link%s", path_text(p->linked), n->objects.s);
	if (n->lazy.size)
		text_add(&n->t, " |%s\n  lazy = --start-lib%s --end-lib", n->lazy.s,
		         n->lazy_words.s);
	text_add(&n->t, "\n  shuffle =");
	/* 2^32 - 1 would mean "reversed". */
	for (unsigned i = 0; i < 4; i++)
		text_add(&n->t, " '--shuffle-sections=%s=%u'", kinds[i],
		         (unsigned)(draw_number(p->seed, kinds[i]) & 0x7fffffff));
	text_add(&n->t, "\ndefault %s\n", path_text(p->linked));

	struct plan_step *s = add_step(n->plan, p->linked);
	add_tool(s, p->lld);
	add_input(s, keep_format("%s/image.ld", p->work));
	add_input(s, PLAN_LIBC);
	add_input(s, PLAN_BUILTINS);
	for (unsigned i = 0; i < m->archive_count; i++)
		add_input(s, m->archives[i]->path);
	for (unsigned i = 0; i < n->object_file_count; i++)
		add_input(s, n->object_files[i]);
}

/* The file that the compiler's words stand in; null if a command line has room for them. */
static const char *write_words(struct plan *p, const char *out, const struct manifest_compile *c)
{
	const char *file = keep_format("%s.words", out);
	struct text t = { 0 };

	for (unsigned i = 0; i < c->argument_count; i++)
		text_add(&t, "%s\n", c->arguments[i]);
	if (t.size <= WORDS_MAX)
		return NULL;
	update(p, file, &t);
	return file;
}

static void add_files(struct ninja *n, const struct manifest *m)
{
	const char *work = n->plan->work, **files = NULL;
	struct text inputs = { 0 };
	unsigned file_count = 0;

	for (unsigned i = 0; i < m->compile_count; i++) {
		const struct manifest_compile *c = m->compiles[i];
		const char *out = keep_format("%s/compiled/%u", work, i);

		text_add(&n->t, "rule compile%u\n  command = %s -o $out -d $out.d -C %s", i,
		         word_text(c->executable), word_text(m->folder));
		const char *list = write_words(n->plan, out, c);
		if (list)
			text_add(&n->t, " %s", word_text(keep_format("--words=%s", list)));
		for (unsigned j = 0; j < c->argument_count && !list; j++)
			text_add(&n->t, " %s", word_text(c->arguments[j]));
		text_add(&n->t, "\nbuild %s: compile%u\n", path_text(out), i);
		text_add(&inputs, " %s", path_text(out));
		list_add(&files, &file_count, out);
		struct plan_step *s = add_step(n->plan, out);
		s->compile = c;
		add_input(s, c->executable);
		if (list)
			add_input(s, list);
		s->has_depfile = true;
	}
	for (unsigned i = 0; i < m->file_count; i++)
		if (m->files[i]->path)
			list_add(&files, &file_count, m->files[i]->path);
	if (m->authorities)
		list_add(&files, &file_count, m->authorities);
	if (!m->file_count && !library_find(&m->libraries, "app/tls"))
		return;
	struct plan_step *s =
	        add_object(n, "bytes", keep_format("%s/files.o", work),
	                   keep_format("%s/files.s", work), inputs.size ? inputs.s : "");
	for (unsigned i = 0; i < file_count; i++)
		add_input(s, files[i]);
}

void plan_write(struct plan *p, const struct manifest *m)
{
	static const char *const folders[] = { "include", "object", "compiled", "archive",
		                               "package" };
	struct ninja n = { .plan = p };

	p->folder = m->folder;
	for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
		if (!folder_make(keep_format("%s/%s", p->work, folders[i])))
			die(126, "cannot make %s/%s: %s", p->work, folders[i], strerror(errno));
	p->ninja_file = keep_format("%s/build.ninja", p->work);
	p->linked = keep_format("%s/linked", p->work);
	p->map = keep_format("%s/map", p->work);
	p->why = keep_format("%s/why", p->work);

	struct text header = { 0 }, config = { 0 }, note = { 0 }, files = { 0 }, layout = { 0 };
	codegen_header(m, &header);
	codegen_config(m, &config);
	codegen_note(m, &note);
	codegen_files(m, p->work, &files);
	codegen_layout(m, codegen_base(p->seed), &layout);
	update(p, keep_format("%s/include/appliance.h", p->work), &header);
	update(p, keep_format("%s/config.c", p->work), &config);
	update(p, keep_format("%s/note.s", p->work), &note);
	update(p, keep_format("%s/files.s", p->work), &files);
	update(p, keep_format("%s/image.ld", p->work), &layout);

	add_archives(&n, m);
	add_rules(&n, m);
	for (unsigned i = 0; i < m->source_count; i++) {
		const char *object = object_name(p->work, "", m->sources[i]);

		add_object(&n, "application", object,
		           keep_format("%s/%s", m->folder, m->sources[i]), "");
		note_object(&n, object, m->sources[i], NULL);
	}
	for (unsigned i = 0; i < m->libraries.count; i++)
		add_library(&n, m, i);
	add_object(&n, "library", keep_format("%s/config.o", p->work),
	           keep_format("%s/config.c", p->work), "");
	add_object(&n, "bytes", keep_format("%s/note.o", p->work),
	           keep_format("%s/note.s", p->work), "");
	add_files(&n, m);
	add_link(&n, m);
	update(p, p->ninja_file, &n.t);
}

/* SPDX-License-Identifier: ISC */
/*
 * Writes the work folder (plan.h):
 *
 *     include/appliance.h   what the application includes
 *     config.c note.s files.s image.ld   generated (codegen.c)
 *     object/NAME.HASH.o    one for each source; HASH is of its path, so that names cannot meet
 *     compiled/N            made by libraries' compilers
 *     archive/NAME.h        what leads to the headers of libraries' archives
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
#include <builder/plan.h>
#include <builder/sha256.h>
#include <builder/text.h>

#define CLANG_INCLUDE "/usr/lib/llvm-19/lib/clang/19/include"
#define MUSL_INCLUDE  "/usr/include/x86_64-linux-musl"

static const char common_flags[] =
        "--target=x86_64-pc-linux-gnu -std=gnu17 -O2 -fpie -fvisibility=hidden -ffunction-sections "
        "-fdata-sections "
        "-fno-omit-frame-pointer -fstack-protector-strong -ftrivial-auto-var-init=zero "
        "-fno-asynchronous-unwind-tables -fno-unwind-tables -fcf-protection=none "
        "-fno-strict-aliasing "
        "-fno-common -ftls-model=local-exec -g -gdwarf-aranges -Wall -Wextra -fcolor-diagnostics "
        "-D__AMPOULE__ "
        "-nostdinc -isystem " CLANG_INCLUDE " -isystem " MUSL_INCLUDE;

/* What traps. Not `integer`: unsigned wrap-around is legal, and hashes and sequence numbers live by
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

static void update(const char *path, const struct text *t)
{
	if (!file_update(path, t))
		die(126, "cannot write %s: %s", path, strerror(errno));
}

/* -ffile-prefix-map for each folder; of those that fit a path, the compiler takes the last, so
 * longer ones go last. */
static const char *prefix_maps(const struct plan *p, const struct manifest *m)
{
	const char *from[] = { m->libraries.sdk, m->folder, p->work },
	           *to[] = { "ampoule/", "", "generated/" };
	struct text t = { 0 };

	for (unsigned pass = 0; pass < 3; pass++)
		for (unsigned i = 0; i < 2; i++)
			if (strlen(from[i]) > strlen(from[i + 1])) {
				const char *f = from[i], *o = to[i];
				from[i] = from[i + 1], to[i] = to[i + 1];
				from[i + 1] = f, to[i + 1] = o;
			}
	text_add(&t, "-ffile-compilation-dir=.");
	for (unsigned i = 0; i < 3; i++)
		text_add(&t, " %s",
		         word_text(keep_format("-ffile-prefix-map=%s/=%s", from[i], to[i])));
	return t.s;
}

struct ninja {
	struct text t, objects;
	struct text archives; /* as paths of build.ninja */
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

static void add_object(struct ninja *n, const char *rule, const char *object, const char *source,
                       const char *after)
{
	text_add(&n->t, "build %s: %s %s | %s%s\n", path_text(object), rule, path_text(source),
	         path_text(n->plan->clang), after);
	text_add(&n->objects, " %s", path_text(object));
}

static void add_sources(struct ninja *n, const struct library *l, const char *rule,
                        const char *const *sources, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *s = sources[i], *object = object_name(n->plan->work, l->name, s);
		bool assembly = s[strlen(s) - 1] == 'S' && strcmp(rule, "library") == 0;

		add_object(n, assembly ? "assembly" : rule, object,
		           keep_format("%s/%s", l->folder, s), "");
		note_object(n, object, s, l);
	}
}

static void add_library(struct ninja *n, const struct library *l)
{
	add_sources(n, l, "library", l->sources, l->source_count);
	add_sources(n, l, "small", l->small, l->small_count);
	add_sources(n, l, "native", l->native, l->native_count);
}

/* Headers of archives stand beside those of another libc, which nobody must find: each is reached
 * through a file of its own that includes it by its full name. */
static void add_archives(struct ninja *n, const struct manifest *m)
{
	const char *folder = keep_format("%s/archive", n->plan->work);

	for (unsigned i = 0; i < m->libraries.count; i++)
		for (unsigned j = 0; j < m->libraries.list[i]->archive_count; j++) {
			const struct archive *a = m->libraries.list[i]->archives[j];

			text_add(&n->archives, " %s", path_text(a->path));
			text_add(&n->archive_words, " %s", word_text(a->path));
			for (unsigned k = 0; k < a->header_count; k++) {
				struct text t = { 0 };

				text_add(&t, "#include \"" ARCHIVE_HEADERS "/%s\"\n",
				         a->headers[k]);
				update(keep_format("%s/%s", folder, a->headers[k]), &t);
			}
		}
}

static void add_rules(struct ninja *n, const struct manifest *m)
{
	static const char *const cpus[] = { "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4" };
	const struct plan *p = n->plan;
	const char *sdk = m->libraries.sdk;
	const char *public_includes =
	        keep_format("-I %s -I %s -isystem %s", word_text(keep_format("%s/os/include", sdk)),
	                    word_text(keep_format("%s/abi", sdk)),
	                    word_text(keep_format("%s/archive", p->work)));
	const char *sdk_includes =
	        keep_format("-I %s %s", word_text(keep_format("%s/os", sdk)), public_includes);
	const char *own_includes = keep_format("-I %s -I %s %s", word_text(m->folder),
	                                       word_text(keep_format("%s/include", p->work)),
	                                       m->internals ? sdk_includes : public_includes);
	const char *dep = " -MD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n";
	struct text *t = &n->t;

	text_add(t,
	         "# written by ampoule build; do not edit\nninja_required_version = 1.8\nbar = "
	         "|\nbuilddir = %s\n",
	         path_text(p->work));
	text_add(t, "flags = %s -march=%s%s %s\ntraps = %s\nlto = %s\n", common_flags,
	         cpus[m->cpu_level - 1], m->checked ? " -DAMPOULE_CHECKED" : "", prefix_maps(p, m),
	         trap_flags, lto_flags);
	text_add(t, "rule application\n  command = %s $flags $traps $lto %s%s", word_text(p->clang),
	         own_includes, dep);
	text_add(t, "rule library\n  command = %s $flags $traps $lto %s%s", word_text(p->clang),
	         sdk_includes, dep);
	text_add(t, "rule small\n  command = %s $flags -Oz $traps $lto %s%s", word_text(p->clang),
	         sdk_includes, dep);
	text_add(t, "rule native\n  command = %s $flags $traps %s %s%s", word_text(p->clang),
	         native_flags, sdk_includes, dep);
	text_add(t, "rule assembly\n  command = %s $flags -x assembler-with-cpp %s%s",
	         word_text(p->clang), sdk_includes, dep);
	text_add(t, "rule bytes\n  command = %s --target=x86_64-pc-linux-gnu -c $in -o $out\n",
	         word_text(p->clang));
	text_add(t,
	         "rule link\n  command = %s -pie --no-dynamic-linker -z text -z norelro -z "
	         "separate-code "
	         "--apply-dynamic-relocs --pack-dyn-relocs=none --gc-sections --icf=all "
	         "--color-diagnostics=always --lto-O2 -mllvm -generate-arange-section $shuffle -T "
	         "%s -Map=%s "
	         "--why-extract=%s -o $out @$out.objects%s " PLAN_LIBC " " PLAN_BUILTINS
	         "\n  rspfile = $out.objects\n  rspfile_content = $in_newline\n",
	         word_text(p->lld), word_text(keep_format("%s/image.ld", p->work)),
	         word_text(p->map), word_text(p->why),
	         n->archive_words.size ? n->archive_words.s : "");
}

/* boot_start keeps its order, since start-up order depends on it. */
static void add_link(struct ninja *n)
{
	static const char *const kinds[] = { ".text*", ".rodata*", ".data*", ".bss*" };
	const struct plan *p = n->plan;

	text_add(&n->t, "build %s: link%s | %s %s %s%s\n  shuffle =", path_text(p->linked),
	         n->objects.s, path_text(p->lld), path_text(keep_format("%s/image.ld", p->work)),
	         PLAN_LIBC " " PLAN_BUILTINS, n->archives.size ? n->archives.s : "");
	/* 2^32 - 1 would mean "reversed". */
	for (unsigned i = 0; i < 4; i++)
		text_add(&n->t, " '--shuffle-sections=%s=%u'", kinds[i],
		         (unsigned)(sha256_draw(p->seed, kinds[i]) & 0x7fffffff));
	text_add(&n->t, "\ndefault %s\n", path_text(p->linked));
}

static void add_files(struct ninja *n, const struct manifest *m)
{
	const char *work = n->plan->work;
	struct text inputs = { 0 };

	for (unsigned i = 0; i < m->compile_count; i++) {
		const struct manifest_compile *c = m->compiles[i];
		const char *out = keep_format("%s/compiled/%u", work, i);

		text_add(&n->t, "rule compile%u\n  command = %s -o $out -d $out.d -C %s", i,
		         word_text(c->executable), word_text(m->folder));
		for (unsigned j = 0; j < c->argument_count; j++)
			text_add(&n->t, " %s", word_text(c->arguments[j]));
		text_add(&n->t, "\n  depfile = $out.d\n  deps = gcc\nbuild %s: compile%u | %s\n",
		         path_text(out), i, path_text(c->executable));
		text_add(&inputs, " %s", path_text(out));
	}
	for (unsigned i = 0; i < m->file_count; i++)
		if (m->files[i]->path)
			text_add(&inputs, " %s", path_text(m->files[i]->path));
	if (m->file_count)
		add_object(n, "bytes", keep_format("%s/files.o", work),
		           keep_format("%s/files.s", work), inputs.s);
}

void plan_write(struct plan *p, const struct manifest *m)
{
	static const char *const folders[] = { "include", "object", "compiled", "archive" };
	struct ninja n = { .plan = p };

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
	update(keep_format("%s/include/appliance.h", p->work), &header);
	update(keep_format("%s/config.c", p->work), &config);
	update(keep_format("%s/note.s", p->work), &note);
	update(keep_format("%s/files.s", p->work), &files);
	update(keep_format("%s/image.ld", p->work), &layout);

	add_archives(&n, m);
	add_rules(&n, m);
	for (unsigned i = 0; i < m->source_count; i++) {
		const char *object = object_name(p->work, "", m->sources[i]);

		add_object(&n, "application", object,
		           keep_format("%s/%s", m->folder, m->sources[i]), "");
		note_object(&n, object, m->sources[i], NULL);
	}
	for (unsigned i = 0; i < m->libraries.count; i++)
		add_library(&n, m->libraries.list[i]);
	add_object(&n, "library", keep_format("%s/config.o", p->work),
	           keep_format("%s/config.c", p->work), "");
	add_object(&n, "bytes", keep_format("%s/note.o", p->work),
	           keep_format("%s/note.s", p->work), "");
	add_files(&n, m);
	add_link(&n);
	update(p->ninja_file, &n.t);
}

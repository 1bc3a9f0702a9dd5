/* SPDX-License-Identifier: ISC */
/*
 * `ampoule build`: reads the manifest, writes the plan, lets ninja compile and link, seals, audits,
 * and puts the image and its debug file where they belong. See ampoule-build(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/audit.h>
#include <builder/complaint.h>
#include <builder/entries.h>
#include <builder/instead.h>
#include <builder/keys.h>
#include <builder/manifest.h>
#include <builder/place.h>
#include <builder/plan.h>
#include <builder/pulled.h>
#include <builder/record.h>
#include <builder/sdk.h>
#include <builder/seal.h>
#include <builder/text.h>
#include <builder/value.h>
#include <builder/words.h>
#include <cli/build_warm.h>
#include <cli/output.h>
#include <tender/image.h>

#define EXIT_BUILD 1 /* sources do not compile or link, or the image is refused */

static const char usage[] =
        "usage: ampoule build [OPTION...] [DIR] [-- OPTION...]\n\n"
        "Builds the appliance in DIR (default: here) into DIR/NAME.amp and DIR/NAME.debug.\n\n"
        "  -o, --output FILE  write the image to FILE, and its symbols beside it\n"
        "      --seed N       lay the image out by this number: the same bytes each time\n"
        "      --keep-seed    use the work folder's last seed again, if there is one\n"
        "      --warm         then run it until it says that it is warm (clone_ready), and write "
        "its "
        "snapshot beside\n"
        "                     it, NAME.snap, for `ampoule clone`; words behind -- are for `ampoule "
        "run`\n"
        "      --warm-timeout TIME\n"
        "                     what it has until then: seconds, or digits and one of ns us ms s m "
        "h; "
        "default: 60s\n"
        "      --checked      an image that looks at its invariants after each turn of its loop\n"
        "      --work FOLDER  keep intermediate files there (default: DIR/.ampoule)\n"
        "  -v, --verbose      show every command\n"
        "  -q, --quiet        say nothing if all goes well\n"
        "  -h, --help         this text\n";

struct options {
	const char *folder, *output, *work;
	bool has_seed, keep_seed, checked, warm, verbose, quiet;
	uint64_t seed;
	const char *warm_timeout;
	char **run_words; /* behind -- */
	int run_count;
};

/* With --warm what is behind "--" is not ours. */
static void split_words(struct options *o, int *argc, char **argv)
{
	int i = 1;
	bool warm = false;
	while (i < *argc && strcmp(argv[i], "--") != 0)
		warm |= !strcmp(argv[i++], "--warm");
	if (i >= *argc || !warm)
		return;
	o->run_words = argv + i + 1;
	o->run_count = *argc - i - 1;
	argv[i] = NULL;
	*argc = i;
}

static void read_options(struct options *o, int argc, char **argv)
{
	enum { SEED = 256, KEEP_SEED, CHECKED, WORK, WARM, WARM_TIMEOUT };
	static const struct option longs[] = { { "output", required_argument, NULL, 'o' },
		                               { "seed", required_argument, NULL, SEED },
		                               { "keep-seed", no_argument, NULL, KEEP_SEED },
		                               { "checked", no_argument, NULL, CHECKED },
		                               { "work", required_argument, NULL, WORK },
		                               { "warm", no_argument, NULL, WARM },
		                               { "warm-timeout", required_argument, NULL,
		                                 WARM_TIMEOUT },
		                               { "verbose", no_argument, NULL, 'v' },
		                               { "quiet", no_argument, NULL, 'q' },
		                               { "help", no_argument, NULL, 'h' },
		                               { 0 } };
	int c;

	*o = (struct options){ .folder = "." };
	split_words(o, &argc, argv);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":o:vqh", longs, NULL)) != -1)
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case SEED:
			if (!value_number(optarg, UINT64_MAX, &o->seed))
				die(AMP_EXIT_USAGE, "--seed %s: not a number from 0 to 2^64 - 1",
				    optarg);
			o->has_seed = true;
			break;
		case KEEP_SEED:
			o->keep_seed = true;
			break;
		case CHECKED:
			o->checked = true;
			break;
		case WORK:
			o->work = optarg;
			break;
		case WARM:
			o->warm = true;
			break;
		case WARM_TIMEOUT:
			o->warm_timeout = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case ':':
			die(AMP_EXIT_USAGE, "%s needs a value: `ampoule build --help`",
			    argv[optind - 1]);
		default:
			die(AMP_EXIT_USAGE, "no option %s: `ampoule build --help` lists them",
			    argv[optind - 1]);
		}
	if (argc - optind > 1)
		die(AMP_EXIT_USAGE, "%s: one folder at a time", argv[optind + 1]);
	if (optind < argc)
		o->folder = argv[optind];
	if (o->warm_timeout && !o->warm)
		die(AMP_EXIT_USAGE, "--warm-timeout is beside --warm");
	if (o->output && !*o->output)
		die(AMP_EXIT_USAGE, "-o: an empty file name");
}

/* An absolute, real path; the folder need not exist yet if `make` is set. */
static const char *real_folder(const char *path, bool make, const char *what)
{
	if (make && (!folder_make(path) || access(path, W_OK) < 0))
		die(AMP_EXIT_TENDER,
		    "cannot write in %s %s: %s; --work FOLDER puts it elsewhere, -o FILE the image",
		    what, path, strerror(errno));
	char *real = realpath(path, NULL);
	if (!real)
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	const char *kept = keep_text(real, strlen(real));
	free(real);
	struct stat st;
	if (stat(kept, &st) < 0 || !S_ISDIR(st.st_mode))
		die(AMP_EXIT_USAGE, "%s is no folder; name the one that holds appliance.yaml",
		    path);
	/* '=' ends a name in the compiler's options, '%' is a random digit in the linker's names of
	 * temporary files, and its list of objects loses backslashes. */
	if (!text_is_clean(kept, strlen(kept)) || strpbrk(kept, "=%\\"))
		die(AMP_EXIT_USAGE,
		    "%s: a path with = %% \\ or control characters cannot be built in: move it",
		    kept);
	return kept;
}

static uint64_t choose_seed(const struct options *o, const char *seed_file)
{
	uint64_t seed;
	size_t size;
	char *old = o->keep_seed ? (char *)file_read(seed_file, &size) : NULL;

	if (o->has_seed)
		return o->seed;
	if (old) {
		old[strcspn(old, "\n")] = 0;
		if (value_number(old, UINT64_MAX, &seed))
			return seed;
	}
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		die(AMP_EXIT_TENDER, "no random numbers: %s", strerror(errno));
	return seed;
}

/* Which kinds of steps failed. */
struct failed {
	bool compiling, linking;
	const char **compilers; /* "COMPILER (of NAME)" of entries under `compile` */
	unsigned compiler_count;
};

/* "FAILED: OUTPUT ": whose it is. */
static void note_failed(struct failed *f, const struct plan *p, const char *line)
{
	const char *output = keep_text(line + 8, strcspn(line + 8, "\n"));
	size_t n = strlen(output);

	while (n && output[n - 1] == ' ')
		n--;
	for (unsigned i = 0; i < p->step_count; i++) {
		const struct plan_step *s = p->steps[i];

		if (strlen(s->output) != n || memcmp(s->output, output, n) != 0)
			continue;
		if (s->compile)
			list_add(&f->compilers, &f->compiler_count,
			         keep_format("%s refuses what %s is made of",
			                     s->compile->compiler->name, s->compile->name));
		else if (strcmp(s->output, p->linked) == 0)
			f->linking = true;
		else
			f->compiling = true;
	}
}

/* Passes on what compilers say, and leaves out ninja's own lines: "FAILED: ..." and the command
 * after it. True if they found the disk full: then clang tells of a crash of its own, at length and
 * for each file, which is left out too. */
static bool pass_on(FILE *from, struct complaint *complaint, struct failed *failed, bool verbose)
{
	FILE *to = verbose ? stdout : stderr;
	char *line = NULL;
	size_t room = 0;
	bool skip = false, full = false;
	ssize_t n;

	while ((n = getline(&line, &room, from)) > 0) {
		full = full || strstr(line, strerror(ENOSPC));
		if (full)
			continue;
		if (skip) {
			skip = false;
			continue;
		}
		const char *s = complaint_plain(line);
		if (strncmp(s, "FAILED: ", 8) == 0) {
			note_failed(failed, complaint->plan, s);
			skip = true;
			continue;
		}
		if (strncmp(line, "ninja: build stopped", 20) == 0 ||
		    strncmp(line, "ninja: no work", 14) == 0)
			continue;
		complaint_line(complaint, line, to);
	}
	complaint_end(complaint, to);
	fflush(to);
	free(line);
	return full;
}

/* Null if all is made, else why not. */
static const char *run_ninja(const struct options *o, const struct plan *p, struct manifest *m,
                             const char *folder)
{
	struct complaint complaint = { .plan = p, .manifest = m };
	struct failed failed = { 0 };
	const char *ninja = plan_find_tool("ninja");
	int out[2];

	if (!ninja)
		die(AMP_EXIT_TENDER, "ninja is not installed: apt-get install ninja-build");
	if (pipe2(out, O_CLOEXEC) < 0)
		die(AMP_EXIT_TENDER, "no pipe: %s", strerror(errno));
	fflush(NULL);
	bool coloured = isatty(2) && !getenv("NO_COLOR");
	pid_t pid = fork();
	if (pid < 0)
		die(AMP_EXIT_TENDER, "cannot start ninja: %s", strerror(errno));
	if (pid == 0) {
		const char *args[] = { "ninja", "-f", p->ninja_file,
			               "-k",    "0",  o->verbose ? "-v" : "--quiet",
			               NULL };

		/* Compilers of libraries read and write paths relative to the appliance's folder.
		 */
		if (chdir(folder) < 0)
			_exit(126);
		dup2(out[1], 1);
		dup2(out[1], 2);
		if (coloured)
			setenv("CLICOLOR_FORCE", "1", 1);
		setenv("NINJA_STATUS", "[%f/%t] ", 0);
		execv(ninja, (char **)(uintptr_t)args);
		_exit(126);
	}
	close(out[1]);
	FILE *from = fdopen(out[0], "r");
	if (!from)
		die(AMP_EXIT_TENDER, "no pipe: %s", strerror(errno));
	bool full = pass_on(from, &complaint, &failed, o->verbose);
	fclose(from);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die(AMP_EXIT_TENDER, "ninja is lost: %s", strerror(errno));
	bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (full && !fine)
		die(AMP_EXIT_TENDER, "cannot write in %s: %s", p->work, strerror(ENOSPC));
	if (complaint.is_refused) {
		unlink(p->linked); /* the next build tells it again */
		return "the sources call what an image cannot have";
	}
	if (fine)
		return NULL;
	struct text why = { 0 };
	if (failed.compiling)
		text_add(&why, "the sources do not compile");
	for (unsigned i = 0; i < failed.compiler_count; i++)
		text_add(&why, "%s%s", why.size ? "; " : "", failed.compilers[i]);
	if (failed.linking)
		text_add(&why, "%sthe sources do not link", why.size ? "; " : "");
	return why.size ? why.s : "ninja failed";
}

/* The debug file's name: NAME.amp has NAME.debug, anything else gets .debug added. */
static const char *debug_name(const char *output)
{
	size_t n = strlen(output);

	if (n > 4 && strcmp(output + n - 4, ".amp") == 0)
		n -= 4;
	return keep_format("%.*s.debug", (int)n, output);
}

/* The application's source that the object is of; null: it is a library's. */
static const char *source_of(const struct plan *p, const char *object)
{
	for (unsigned i = 0; i < p->object_count; i++)
		if (!p->objects[i]->library && strcmp(p->objects[i]->path, object) == 0)
			return p->objects[i]->source;
	return NULL;
}

/* One line for each place; for all that one call pulled in, one line. */
static void audit_sealed(const struct sealed *s, const struct plan *p, const char *shown,
                         struct report *r, struct audit *a)
{
	size_t size;
	const char *map = NULL, *why = NULL, **told = NULL;
	unsigned told_count = 0;

	*a = (struct audit){ 0 };
	for (unsigned i = 0; i < s->code_count; i++)
		audit_code(a, &s->code[i], &s->symbols);
	if (a->finding_count) {
		map = (const char *)file_read(p->map, &size);
		why = (const char *)file_read(p->why, &size);
	}
	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++) {
		const struct audit_finding *f = &a->findings[i];
		struct pulled by = { 0 };

		struct place at;

		if (!f->function) {
			report_at(r, shown, 0, 0, "refused: %s at 0x%llx", f->what,
			          (unsigned long long)f->address);
			continue;
		}
		pulled_find(&by, map, why, f->address);
		if (by.by) {
			const char *call = keep_format("%s %s", by.by, by.call);
			unsigned k = 0;

			while (k < told_count && strcmp(told[k], call) != 0)
				k++;
			if (k < told_count)
				continue;
			list_add(&told, &told_count, call);
		}
		if (!by.by && place_find(&at, p->linked, f->address)) {
			report_at(r, at.file, (int)at.line, (int)at.column,
			          "refused: %s in %s(), at %s+0x%llx of %s", f->what, at.function,
			          f->function, (unsigned long long)f->offset, shown);
			continue;
		}
		const char *whose = by.member ? keep_format(", which is %s", by.member) : "",
		           *asked = by.asker ? keep_format(", asked for by %s using %s", by.asker,
		                                           by.asked)
		                             : "",
		           *who = by.by ? keep_format("%s, pulled in by %s using %s: %s", asked,
		                                      by.by, by.call,
		                                      instead_of(by.asker ? by.asked : by.call))
		                        : "";
		unsigned line = 0;
		const char *source = by.by ? source_of(p, by.object) : NULL;
		if (source)
			line = place_of_call(keep_format("%s/%s", p->folder, source), by.call);
		report_at(r, line ? source : shown, (int)line, 0, "refused: %s in %s+0x%llx%s%s",
		          f->what, f->function, (unsigned long long)f->offset, whose, who);
	}
	if (a->finding_count > AUDIT_FINDINGS)
		report_at(r, shown, 0, 0, "and %llu more",
		          (unsigned long long)(a->finding_count - AUDIT_FINDINGS));
}

/* Whoever has the image would have its keys. */
static void refuse_keys(const struct sealed *s, const struct manifest *m, const char *shown,
                        struct report *r)
{
	const char *what;
	bool named = false;
	size_t at, size;

	for (unsigned i = 0; i < m->file_count; i++) {
		const char *path = m->files[i]->path;
		const uint8_t *bytes = path ? file_read(path, &size) : NULL;
		if (!bytes || !(what = keys_find(bytes, size, &at)))
			continue;
		report_at(r, path, 0, 0, "refused: the image would hold %s: " KEYS_INSTEAD, what);
		named = true;
	}
	if (!named && (what = keys_find(s->image, s->image_size, &at)))
		report_at(r, shown, 0, 0, "refused: it would hold %s, at byte %zu: " KEYS_INSTEAD,
		          what, at);
}

/* What an image is sealed from and as, by which command: another stamp, another image. */
static bool make_stamp(struct text *t, const struct plan *p, const char *output)
{
	const char *files[] = { "/proc/self/exe", p->linked, output, debug_name(output) };
	struct identity id;

	text_add(t, "%s\n%llu\n", output, (unsigned long long)p->seed);
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		if (!identity_of(files[i], &id))
			return false;
		text_add(t, "%s\n", identity_text(&id));
	}
	return true;
}

static bool is_sealed(const struct plan *p, const char *stamp, const char *output)
{
	struct text now = { 0 };
	size_t size;
	const uint8_t *old = file_read(stamp, &size);

	return old && make_stamp(&now, p, output) && size == now.size &&
	       memcmp(old, now.s, size) == 0;
}

static void finish(const struct options *o, const struct plan *p, const struct manifest *m,
                   const char *output)
{
	const char *stamp = keep_format("%s/sealed", p->work), *debug = debug_name(output);
	struct text sealed_as = { 0 };
	struct report report = { 0 };
	struct sealed s;
	struct audit a;
	size_t size;

	if (is_sealed(p, stamp, output)) {
		if (!o->quiet)
			printf("%s is up to date; seed %llu\n", output,
			       (unsigned long long)p->seed);
		return;
	}
	uint8_t *linked = file_read(p->linked, &size);
	if (!linked)
		die(AMP_EXIT_TENDER, "%s: %s", p->linked, strerror(errno));
	size_t map_size;
	const char *map = (const char *)file_read(p->map, &map_size);
	if (!map && m->archive_count)
		die(AMP_EXIT_TENDER, "%s: %s", p->map, strerror(errno));
	if ((!m->archive_count || entries_fill(linked, size, map, m, output, &report)) &&
	    seal(&s, linked, size, p->seed, map, output, &report)) {
		audit_sealed(&s, p, output, &report, &a);
		refuse_keys(&s, m, output, &report);
	}
	if (report_print(&report, stderr))
		exit(EXIT_BUILD);
	if (!file_write(debug, s.debug, s.debug_size, 0644))
		die(AMP_EXIT_TENDER, "cannot write %s: %s", debug, strerror(errno));
	if (!file_write(output, s.image, s.image_size, 0755)) {
		int e = errno;
		unlink(debug); /* of an image that is not there */
		die(AMP_EXIT_TENDER, "cannot write %s: %s", output, strerror(e));
	}
	/* The tender's reader has the last word on what an image is. */
	struct image image;
	struct defect why;
	if (image_open(&image, output, &why) < 0) {
		unlink(output);
		die(EXIT_BUILD, "%s %s; this is a defect of ampoule build", output, why.text);
	}
	image_close(&image);
	if (!make_stamp(&sealed_as, p, output) || !file_update(stamp, &sealed_as))
		die(AMP_EXIT_TENDER, "cannot write %s: %s", stamp, strerror(errno));
	if (o->quiet)
		return;
	printf("%s: %s %s, %.1f KiB (code %.1f, constants %.1f, data %.1f); %llu functions "
	       "audited\n",
	       output, m->name, m->version, (double)s.image_size / 1024, (double)s.text_size / 1024,
	       (double)s.constants_size / 1024, (double)s.data_size / 1024,
	       (unsigned long long)a.functions);
	printf("seed %llu: at 0x%llx, build %02x%02x%02x%02x%02x%02x\n",
	       (unsigned long long)p->seed, (unsigned long long)s.base, s.build_id[0],
	       s.build_id[1], s.build_id[2], s.build_id[3], s.build_id[4], s.build_id[5]);
}

int main(int argc, char **argv)
{
	struct options o;
	struct report report = { 0 };
	struct plan plan = { 0 };

	output_watch("ampoule build");
	die_as("ampoule build");
	read_options(&o, argc, argv);
	const char *folder = real_folder(o.folder, false, "");
	const char *slash = o.folder[strlen(o.folder) - 1] == '/' ? "" : "/";
	const char *shown = strcmp(o.folder, ".") == 0
	                            ? "appliance.yaml"
	                            : keep_format("%s%sappliance.yaml", o.folder, slash);
	struct manifest *m = manifest_read(folder, shown, sdk_folder(), &report);
	if (report_print(&report, stderr))
		return AMP_EXIT_USAGE;
	m->checked = o.checked;

	plan.clang = plan_find_tool("clang-19");
	plan.lld = plan_find_tool("ld.lld-19");
	bool has_libc = access(PLAN_LIBC, R_OK) == 0;
	if (!plan.clang || !plan.lld || !has_libc || access(PLAN_BUILTINS, R_OK) < 0)
		die(AMP_EXIT_TENDER,
		    "%s is not installed: apt-get install clang-19 lld-19 libclang-rt-19-dev "
		    "musl-dev",
		    !plan.clang ? "clang-19"
		    : !plan.lld ? "ld.lld-19"
		    : !has_libc ? PLAN_LIBC
		                : PLAN_BUILTINS);
	plan.work = real_folder(o.work ? o.work : keep_format("%s/.ampoule", folder), true,
	                        "the work folder");

	/* One build at a time in a work folder. Compilers that outlive this process keep the lock. */
	int lock = open(keep_format("%s/lock", plan.work), O_RDWR | O_CREAT, 0644);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		die(AMP_EXIT_TENDER, "cannot lock %s/lock: %s", plan.work, strerror(errno));

	const char *seed_file = keep_format("%s/seed", plan.work);
	plan.seed = choose_seed(&o, seed_file);
	plan_write(&plan, m);
	struct record *record = record_check(&plan);
	const char *why = run_ninja(&o, &plan, m, folder);
	record_write(record, &plan);
	if (why)
		die(EXIT_BUILD, "%s was not built: %s (see above)", m->name, why);
	words_check(&plan, &report);
	if (report_print(&report, stderr))
		return EXIT_BUILD;
	struct text seed = { 0 };
	text_add(&seed, "%llu\n", (unsigned long long)plan.seed);
	if (!file_update(seed_file, &seed))
		die(AMP_EXIT_TENDER, "cannot write %s: %s", seed_file, strerror(errno));

	const char *output = o.output ? o.output
	                     : strcmp(o.folder, ".") == 0
	                             ? keep_format("%s.amp", m->name)
	                             : keep_format("%s%s%s.amp", o.folder, slash, m->name);
	finish(&o, &plan, m, output);
	if (!o.warm)
		return 0;
	close(lock); /* the image is whole, and may run for long */
	return build_warm(output, o.warm_timeout ? o.warm_timeout : BUILD_WARM_TIMEOUT, o.run_words,
	                  o.run_count);
}

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
#include <builder/instead.h>
#include <builder/manifest.h>
#include <builder/plan.h>
#include <builder/pulled.h>
#include <builder/sdk.h>
#include <builder/seal.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/output.h>
#include <tender/image.h>

#define EXIT_BUILD 1 /* sources do not compile or link, or the image is refused */

static const char usage[] =
        "usage: ampoule build [OPTION...] [DIR]\n\n"
        "Builds the appliance in DIR (default: here) into DIR/NAME.amp and DIR/NAME.debug.\n\n"
        "  -o, --output FILE  write the image to FILE, and its symbols beside it\n"
        "      --seed N       lay the image out by this number: the same bytes each time\n"
        "      --keep-seed    use the work folder's last seed again, if there is one\n"
        "      --checked      an image that looks at its invariants after each turn of its loop\n"
        "      --work FOLDER  keep intermediate files there (default: DIR/.ampoule)\n"
        "  -v, --verbose      show every command\n"
        "  -q, --quiet        say nothing if all goes well\n"
        "  -h, --help         this text\n";

struct options {
	const char *folder, *output, *work;
	bool has_seed, keep_seed, checked, verbose, quiet;
	uint64_t seed;
};

static void read_options(struct options *o, int argc, char **argv)
{
	enum { SEED = 256, KEEP_SEED, CHECKED, WORK };
	static const struct option longs[] = { { "output", required_argument, NULL, 'o' },
		                               { "seed", required_argument, NULL, SEED },
		                               { "keep-seed", no_argument, NULL, KEEP_SEED },
		                               { "checked", no_argument, NULL, CHECKED },
		                               { "work", required_argument, NULL, WORK },
		                               { "verbose", no_argument, NULL, 'v' },
		                               { "quiet", no_argument, NULL, 'q' },
		                               { "help", no_argument, NULL, 'h' },
		                               { 0 } };
	int c;

	*o = (struct options){ .folder = "." };
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
	if (o->output && !*o->output)
		die(AMP_EXIT_USAGE, "-o: an empty file name");
}

/* An absolute, real path; the folder need not exist yet if `make` is set. */
static const char *real_folder(const char *path, bool make, const char *what)
{
	if (make && !folder_make(path))
		die(AMP_EXIT_TENDER, "cannot make %s %s: %s", what, path, strerror(errno));
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

/* Passes on what compilers say, and leaves out ninja's own lines: "FAILED: ..." and the command
 * after it. True if they found the disk full: then clang tells of a crash of its own, at length and
 * for each file, which is left out too. */
static bool pass_on(FILE *from, struct complaint *complaint)
{
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
		if (strncmp(line, "FAILED: ", 8) == 0) {
			skip = true;
			continue;
		}
		if (strncmp(line, "ninja: build stopped", 20) == 0 ||
		    strncmp(line, "ninja: no work", 14) == 0)
			continue;
		complaint_line(complaint, line, stderr);
	}
	complaint_end(complaint, stderr);
	free(line);
	return full;
}

static bool run_ninja(const struct options *o, const struct plan *p, struct manifest *m,
                      const char *folder)
{
	struct complaint complaint = { .plan = p, .manifest = m };
	const char *ninja = plan_find_tool("ninja");
	int out[2];

	if (!ninja)
		die(AMP_EXIT_TENDER, "ninja is not installed: apt-get install ninja-build");
	if (pipe2(out, O_CLOEXEC) < 0)
		die(AMP_EXIT_TENDER, "no pipe: %s", strerror(errno));
	fflush(NULL);
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
		if (!o->verbose) {
			dup2(out[1], 1);
			dup2(out[1], 2);
		}
		if (isatty(2) && !getenv("NO_COLOR"))
			setenv("CLICOLOR_FORCE", "1", 1);
		setenv("NINJA_STATUS", "[%f/%t] ", 0);
		execv(ninja, (char **)(uintptr_t)args);
		_exit(126);
	}
	close(out[1]);
	FILE *from = fdopen(out[0], "r");
	if (!from)
		die(AMP_EXIT_TENDER, "no pipe: %s", strerror(errno));
	bool full = pass_on(from, &complaint);
	fclose(from);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die(AMP_EXIT_TENDER, "ninja is lost: %s", strerror(errno));
	bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (full && !fine)
		die(AMP_EXIT_TENDER, "cannot write in %s: %s", p->work, strerror(ENOSPC));
	return fine;
}

/* The debug file's name: NAME.amp has NAME.debug, anything else gets .debug added. */
static const char *debug_name(const char *output)
{
	size_t n = strlen(output);

	if (n > 4 && strcmp(output + n - 4, ".amp") == 0)
		n -= 4;
	return keep_format("%.*s.debug", (int)n, output);
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
		const char *whose = by.member ? keep_format(", which is %s", by.member) : "",
		           *who = by.by ? keep_format(", pulled in by %s using %s: %s", by.by,
		                                      by.call, instead_of(by.call))
		                        : "";
		report_at(r, shown, 0, 0, "refused: %s in %s+0x%llx%s%s", f->what, f->function,
		          (unsigned long long)f->offset, whose, who);
	}
	if (a->finding_count > AUDIT_FINDINGS)
		report_at(r, shown, 0, 0, "and %llu more",
		          (unsigned long long)(a->finding_count - AUDIT_FINDINGS));
}

/* Sealed already from what the linker made, to the same places? */
static bool is_sealed(const struct plan *p, const char *stamp, const struct text *wanted,
                      const char *output)
{
	struct stat linked, image, debug;
	size_t size;
	uint8_t *old = file_read(stamp, &size);

	if (!old || size != wanted->size || memcmp(old, wanted->s, size) != 0 ||
	    stat(p->linked, &linked) < 0 || stat(output, &image) < 0 ||
	    stat(debug_name(output), &debug) < 0)
		return false;
	const struct stat *both[] = { &image, &debug };
	for (unsigned i = 0; i < 2; i++)
		if (both[i]->st_mtim.tv_sec < linked.st_mtim.tv_sec ||
		    (both[i]->st_mtim.tv_sec == linked.st_mtim.tv_sec &&
		     both[i]->st_mtim.tv_nsec < linked.st_mtim.tv_nsec))
			return false;
	return true;
}

static void finish(const struct options *o, const struct plan *p, const struct manifest *m,
                   const char *output)
{
	const char *stamp = keep_format("%s/sealed", p->work), *debug = debug_name(output);
	struct text wanted = { 0 };
	struct report report = { 0 };
	struct sealed s;
	struct audit a;
	size_t size;

	text_add(&wanted, "%s\n%llu\n", output, (unsigned long long)p->seed);
	if (is_sealed(p, stamp, &wanted, output)) {
		if (!o->quiet)
			printf("%s is up to date; seed %llu\n", output,
			       (unsigned long long)p->seed);
		return;
	}
	uint8_t *linked = file_read(p->linked, &size);
	if (!linked)
		die(AMP_EXIT_TENDER, "%s: %s", p->linked, strerror(errno));
	if (seal(&s, linked, size, p->seed, output, &report))
		audit_sealed(&s, p, output, &report, &a);
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
	if (!file_update(stamp, &wanted))
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

	output_watch();
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

	/* One build at a time in a work folder. */
	int lock = open(keep_format("%s/lock", plan.work), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		die(AMP_EXIT_TENDER, "cannot lock %s/lock: %s", plan.work, strerror(errno));

	const char *seed_file = keep_format("%s/seed", plan.work);
	plan.seed = choose_seed(&o, seed_file);
	plan_write(&plan, m);
	if (!run_ninja(&o, &plan, m, folder))
		die(EXIT_BUILD, "%s was not built: the sources do not compile or link (see above)",
		    m->name);
	struct text seed = { 0 };
	text_add(&seed, "%llu\n", (unsigned long long)plan.seed);
	if (!file_update(seed_file, &seed))
		die(AMP_EXIT_TENDER, "cannot write %s: %s", seed_file, strerror(errno));

	const char *output = o.output ? o.output
	                     : strcmp(o.folder, ".") == 0
	                             ? keep_format("%s.amp", m->name)
	                             : keep_format("%s%s%s.amp", o.folder, slash, m->name);
	finish(&o, &plan, m, output);
	return 0;
}

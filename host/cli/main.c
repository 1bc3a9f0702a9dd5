/* SPDX-License-Identifier: ISC */
/*
 * The `ampoule` command. `run` and `doctor` are built in; every other verb is an executable
 * ampoule-VERB beside this one or in ../libexec/ampoule. Linked statically and kept small: its
 * start is part of an appliance's boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/output.h>

int verb_run(int argc, char **argv);
int verb_doctor(int argc, char **argv);

struct verb {
	const char *name, *text;
	int (*run)(int, char **); /* null: an executable of its own */
};

static const struct verb verbs[] = {
	{ "new", "make a new appliance", NULL },
	{ "build", "build an appliance into an image", NULL },
#ifdef HAVE_VERB_RUN
	{ "run", "run an image", verb_run },
#endif
	{ "inspect", "show what an image is made of", NULL },
#ifdef HAVE_VERB_DOCTOR
	{ "doctor", "tell what this host can do, and how fast", verb_doctor },
#endif
};
#define VERBS (sizeof verbs / sizeof *verbs)

static void help(FILE *to)
{
	fputs("usage: ampoule VERB [ARGUMENT...]\n\n", to);
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(to, "  %-10s%s\n", verbs[i].name, verbs[i].text);
	fputs("\n`ampoule help VERB` or `ampoule VERB --help` tells more. Also: ampoule "
	      "--version\n",
	      to);
}

/* Becomes the helper; comes back only if there is none. */
static void become(const char *verb, char **argv)
{
	static const char *const places[] = { "", "../libexec/ampoule/" };
	char own[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

	if (n <= 0 || strchr(verb, '/') || strlen(verb) > 30)
		return;
	own[n] = 0;
	char *slash = strrchr(own, '/');
	if (!slash)
		return;
	slash[1] = 0;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s%sampoule-%s", own, places[i], verb);
		execv(path, argv);
		if (errno != ENOENT && errno != ENOTDIR) {
			fprintf(stderr, "ampoule: cannot run %s: %s\n", path, strerror(errno));
			_exit(AMP_EXIT_TENDER);
		}
	}
}

/* One letter wrong, missing, too many, or the beginning of it: near enough to ask. */
static bool is_near(const char *word, const char *verb)
{
	size_t m = strlen(word), n = strlen(verb), head = 0, tail = 0;

	if (m >= 2 && m < n && strncmp(word, verb, m) == 0)
		return true;
	while (head < m && head < n && word[head] == verb[head])
		head++;
	while (tail < m - head && tail < n - head && word[m - 1 - tail] == verb[n - 1 - tail])
		tail++;
	size_t wrong_word = m - head - tail, wrong_verb = n - head - tail;
	/* Two letters swapped count as two wrong ones. */
	return n > 2 && wrong_word <= 2 && wrong_verb <= 2 && head + tail >= 1 &&
	       wrong_word + wrong_verb <= 4 && (head + tail) * 2 >= n - 1;
}

static int unknown(const char *verb)
{
	for (unsigned i = 0; i < VERBS; i++)
		if (is_near(verb, verbs[i].name)) {
			fprintf(stderr, "ampoule: no verb %s: did you mean %s?\n", verb,
			        verbs[i].name);
			return AMP_EXIT_USAGE;
		}
	fprintf(stderr, "ampoule: no verb %s: `ampoule --help` lists them\n", verb);
	return AMP_EXIT_USAGE;
}

static int run_verb(int argc, char **argv)
{
	for (unsigned i = 0; i < VERBS; i++)
		if (verbs[i].run && strcmp(argv[0], verbs[i].name) == 0)
			return verbs[i].run(argc, argv);
	become(argv[0], argv);
	for (unsigned i = 0; i < VERBS; i++)
		if (strcmp(argv[0], verbs[i].name) == 0) {
			fprintf(stderr,
			        "ampoule: ampoule-%s is not installed beside this command\n",
			        argv[0]);
			return AMP_EXIT_TENDER;
		}
	return unknown(argv[0]);
}

/* A standard descriptor that the caller closed would become the next file that we open: an image's
 * console would then be its TAP device. Taken here by something that fails in the same way. */
static bool hold_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!hold_standard_descriptors())
		return AMP_EXIT_TENDER;
	output_watch();
	if (argc < 2) {
		help(stderr);
		return AMP_EXIT_USAGE;
	}
	const char *first = argv[1];
	bool asks = strcmp(first, "help") == 0;

	if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || (asks && argc == 2)) {
		help(stdout);
		return 0;
	}
	if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
		printf("ampoule %s, ABI %d.%d\n", AMPOULE_VERSION, AMP_ABI_MAJOR, AMP_ABI_MINOR);
		return 0;
	}
	if (asks) {
		char option[] = "--help", *args[] = { argv[2], option, NULL };
		return run_verb(2, args);
	}
	if (*first == '-') {
		fprintf(stderr, "ampoule: no option %s: `ampoule --help` tells how it is called\n",
		        first);
		return AMP_EXIT_USAGE;
	}
	return run_verb(argc - 1, argv + 1);
}

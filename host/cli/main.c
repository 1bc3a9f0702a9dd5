/* SPDX-License-Identifier: ISC */
/*
 * The `ampoule` command. `run`, `clone`, `fork`, `standby`, `doctor` and `verify` are built in; every other verb is an executable
 * ampoule-VERB beside this one or in ../libexec/ampoule. Linked statically and kept small: its
 * start is part of an appliance's boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/fork.h>
#include <cli/near.h>
#include <cli/output.h>

int verb_run(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_verify(int argc, char **argv);

struct verb {
	const char *name, *text;
	int (*run)(int, char **); /* null: an executable of its own */
	const char *helper; /* the one that several verbs share; null: it bears the verb's name */
};

static const struct verb verbs[] = {
	{ "new", "make a new appliance", NULL },
	{ "build", "build an appliance into an image", NULL },
#ifdef HAVE_VERB_RUN
	{ "run", "run an image", verb_run },
	{ "clone", "go on from a snapshot", verb_run },
	{ "standby", "start appliances when somebody asks for them", verb_run },
#endif
	{ "ps", "list the appliances in the background", NULL, "daily" },
	{ "logs", "show what one has written", NULL, "daily" },
	{ "snapshot", "write a picture of one that runs", NULL, "daily" },
	{ "secret", "hand new secrets to one that runs", NULL, "daily" },
#ifdef HAVE_VERB_RUN
	{ "fork", "start clones of one that runs", verb_fork, "daily" },
#endif
	{ "stop", "ask some to end", NULL, "daily" },
	{ "kill", "send some a signal", NULL, "daily" },
	{ "rm", "forget some that have ended", NULL, "daily" },
	{ "wait", "wait until some have ended", NULL, "daily" },
	{ "restart", "stop some, and start them anew", NULL, "daily" },
	{ "attach", "show what one writes, until it has ended", NULL, "daily" },
	{ "stats", "show what some use of the host", NULL, "daily" },
	{ "up", "start the appliances of a file", NULL, "daily" },
	{ "down", "stop and forget the appliances of a file", NULL, "daily" },
	{ "generate", "print a unit for systemd", NULL, "daily" },
	{ "inspect", "show what an image is made of", NULL },
	{ "store", "check, dump, load, copy or grow the store of an appliance", NULL },
	{ "sign", "sign an image", NULL },
	{ "pack", "make of an image what other hypervisors take: QEMU, Firecracker, disks", NULL },
	{ "image", "make OCI images of images, and copy them to and from registries", NULL },
	{ "oci", "run images as containers: the runtime of Podman, containerd and others", NULL },
#ifdef HAVE_VERB_VERIFY
	{ "verify", "tell whether an image is whole, and who signed it", verb_verify },
#endif
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
	/* A helper that runs images does so by us. */
	setenv("AMPOULE_COMMAND", own, 1);
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

static int unknown(const char *verb)
{
	static const struct near_word docker[] = {
		{ "create", "run" },
		{ "start", "restart" },
		{ "top", "stats" },
		{ "images", "image" },
		{ "pull", "image" },
		{ "compose", "up" },
		{ "list", "ps" },
		{ "ls", "ps" },
		{ "status", "ps" },
		{ "delete", "rm" },
		{ "remove", "rm" },
		{ "port", "ps" },
		{ "volume", "store" },
		{ "trust", "sign" },
		{ "init", "new" },
		{ "info", "doctor" },
		{ "container", "ps" },
		{ "log", "logs" },
		{ "push", "image" },
		{ "save", "image" },
		{ "load", "image" },
		{ "commit", "snapshot" },
		{ "checkpoint", "snapshot" },
		{ "events", "logs" },
		{ "history", "inspect" },
		{ "network", "run" },
		{ "systemd", "generate" },
		{ "restore", "clone" },
		{ "search", "image" },
		{ "prune", "rm" },
	};
	/* No verb is near to it, and none will be. */
	if (!strcmp(verb, "exec")) {
		fputs("ampoule: no verb exec: an image is one sealed program without a shell; "
		      "`ampoule inspect`, `logs` and `stats` show what can be known of it\n",
		      stderr);
		return AMP_EXIT_USAGE;
	}
	const char *names[VERBS];
	for (unsigned i = 0; i < VERBS; i++)
		names[i] = verbs[i].name;
	const char *near = near_docker(verb, docker, sizeof docker / sizeof *docker);
	near = near ? near : near_find(verb, names, VERBS);
	if (near)
		fprintf(stderr, "ampoule: no verb %s: did you mean %s?\n", verb, near);
	else
		fprintf(stderr, "ampoule: no verb %s: `ampoule --help` lists them\n", verb);
	return AMP_EXIT_USAGE;
}

/* `inspect NAME` where NAME is no file's: of an appliance in the background. */
static bool is_of_background(int argc, char **argv)
{
	const char *last = argv[argc - 1];
	return !strcmp(argv[0], "inspect") && argc > 1 && *last != '-' && !strpbrk(last, "/.") &&
	       access(last, F_OK);
}

/* `clone NAME` likewise: of one that runs. */
static void clone_is_fork(int argc, char **argv)
{
	static char fork_word[] = "fork";
	const char *last = argv[argc - 1];
	if (!strcmp(argv[0], "clone") && argc > 1 && *last != '-' && strncmp(last, "fd:", 3) &&
	    !strpbrk(last, "/.") && access(last, F_OK))
		argv[0] = fork_word;
}

static int run_verb(int argc, char **argv)
{
	clone_is_fork(argc, argv);
	for (unsigned i = 0; i < VERBS; i++)
		if (verbs[i].run && strcmp(argv[0], verbs[i].name) == 0) {
			int status = verbs[i].run(argc, argv);
			if (status != FORK_ELSEWHERE)
				return status;
		}
	const char *helper = is_of_background(argc, argv) ? "daily" : argv[0];
	for (unsigned i = 0; i < VERBS; i++)
		if (verbs[i].helper && strcmp(argv[0], verbs[i].name) == 0)
			helper = verbs[i].helper;
	become(helper, argv);
	for (unsigned i = 0; i < VERBS; i++)
		if (strcmp(argv[0], verbs[i].name) == 0) {
			fprintf(stderr,
			        "ampoule: ampoule-%s is not installed beside this command\n",
			        helper);
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
	output_watch("ampoule");
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

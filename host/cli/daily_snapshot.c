/* SPDX-License-Identifier: ISC */
/* Verbs that take a picture of an appliance in the background: snapshot writes it to a file; fork, which is fork.c's, starts clones
 * of one that was named by its id. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/take.h>
#include <tender/snapshot_stream.h>

/* 0, or the exit status after a line. */
static int take(struct appliance *a, int fd, bool stops, unsigned long long *pause_us)
{
	struct defect why;
	if (!a->is_held) {
		tell("%s does not run: only what runs has a picture", a->name);
		return AMP_EXIT_USAGE;
	}
	if (!take_picture(a->folder, stops ? TAKE_AND_STOP : TAKE_SNAPSHOT, fd, pause_us, NULL,
	                  &why))
		return 0;
	tell("%s: %s", a->name, why.text);
	return AMP_EXIT_TENDER;
}

static int to_stream(int fd)
{
	static struct snapshot s;
	struct defect why;
	int failed = snapshot_open(&s, fd, &why);
	if (!failed) {
		failed = snapshot_stream_write(&s, 1, &why);
		snapshot_close(&s);
	}
	if (failed)
		tell("the snapshot %s", why.text);
	return failed ? AMP_EXIT_TENDER : 0;
}

/* A file that is there only when it is whole, for its owner alone: it holds all that the image knows. */
static int to_file(struct appliance *a, const char *path, bool stops, unsigned long long *pause_us)
{
	const char *part = keep_format("%s.part-%d", path, getpid());
	int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), status;
	if (fd < 0) {
		tell("%s: %s", part, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	status = take(a, fd, stops, pause_us);
	close(fd);
	if (!status && rename(part, path)) {
		tell("%s: %s", path, strerror(errno));
		status = AMP_EXIT_TENDER;
	}
	if (status)
		unlink(part);
	return status;
}

static int memory_file(void)
{
	int fd = memfd_create("snapshot", 0);
	if (fd < 0)
		die(AMP_EXIT_TENDER, "no memory for a snapshot: %s", strerror(errno));
	return fd;
}

static struct appliance *named(const char *word)
{
	static struct shelf shelf;
	shelf_read(&shelf);
	return shelf_find(&shelf, word);
}

int daily_snapshot(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule snapshot [OPTION...] APPLIANCE\n\n"
	        "Writes a picture of an appliance that runs in the background, while it goes on: "
	        "all that it has in\n"
	        "memory. `ampoule clone` starts others from it, here or on another host. It holds "
	        "its secrets, too.\n\n"
	        "  -o, --output FILE  where to; default: NAME.snap; -: standard output, for "
	        "`ampoule "
	        "clone -`\n"
	        "      --stop         the appliance ends at that point\n"
	        "  -h, --help         this text\n";
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
		                                 { "stop", no_argument, NULL, 's' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	const char *path = NULL;
	bool stops = false;
	unsigned long long pause_us = 0;
	int c, status;
	while ((c = daily_option(argc, argv, ":o:h", options, usage)) != -1) {
		if (c == 'o')
			path = optarg;
		else
			stops = true;
	}
	if (argc - optind != 1)
		die(AMP_EXIT_USAGE, "name one appliance: `ampoule snapshot --help`");
	struct appliance *a = named(argv[optind]);
	if (!a)
		return AMP_EXIT_USAGE;
	if (!path)
		path = keep_format("%s.snap", a->name);
	if (!strcmp(path, "-")) {
		if (isatty(1))
			die(AMP_EXIT_USAGE, "a snapshot is nothing for a terminal: -o FILE");
		int fd = memory_file();
		status = take(a, fd, stops, &pause_us);
		return status ? status : to_stream(fd);
	}
	status = to_file(a, path, stops, &pause_us);
	if (!status)
		printf("%s: it stood still for %llu us\n", path, pause_us);
	return status;
}

int daily_fork(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule fork [OPTION...] APPLIANCE\n\n"
	                            "Starts clones of an appliance that runs in the background, "
	                            "from its memory as it is "
	                            "now: a snapshot\n"
	                            "without a file. The options are those of `ampoule clone`.\n\n"
	                            "  -h, --help  this text\n";
	char **words = keep_array((size_t)argc + 2, sizeof *words);
	if (argc < 2 || !strcmp(argv[argc - 1], "-h") || !strcmp(argv[argc - 1], "--help")) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? AMP_EXIT_USAGE : 0;
	}
	struct appliance *a = named(argv[argc - 1]);
	if (!a)
		return AMP_EXIT_USAGE;
	if (!a->is_held) {
		tell("%s does not run: only what runs can be forked", a->name);
		return AMP_EXIT_USAGE;
	}
	words[0] = keep_format("ampoule");
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	words[argc] = a->name;
	const char *command = getenv("AMPOULE_COMMAND");
	if (command)
		execv(command, words);
	else
		execvp("ampoule", words);
	die(AMP_EXIT_TENDER, "cannot run ampoule: %s", strerror(errno));
}

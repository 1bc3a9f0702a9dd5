/* SPDX-License-Identifier: ISC */
/*
 * `ampoule fork NAME`: a picture in memory, and clones of it by this very process, since each program that is started takes
 * some milliseconds. Help, ids and whatever is wrong with a name are ampoule-daily's, which calls it again by the name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/fork.h>
#include <cli/run.h>
#include <cli/take.h>
#include <supervisor/place.h>

/* The folder of one that runs, or -1. */
static int running(const char *name)
{
	char path[PLACE_PATH_MAX];
	struct defect why;
	int root = place_name_is_valid(name) ? place_open(false, path, &why) : -1;
	int folder = root < 0 ? -1 : place_folder(root, name);
	if (root >= 0)
		close(root);
	if (folder >= 0 && place_is_held(folder))
		return folder;
	if (folder >= 0)
		close(folder);
	return -1;
}

int verb_fork(int argc, char **argv)
{
	static char clone_word[] = "clone", file[32];
	unsigned long long pause_us;
	struct defect why;
	const char *name = argv[argc - 1];
	int base, folder = argc < 2 ? -1 : running(name);
	if (folder < 0)
		return FORK_ELSEWHERE;
	say_as("fork");
	int fd = memfd_create("snapshot", 0);
	if (fd < 0) {
		say("no memory for a snapshot: %s", strerror(errno));
		return AMP_EXIT_TENDER;
	}
	if (take_picture(folder, TAKE_FOR_FORK, fd, &pause_us, &base, &why)) {
		say("%s: %s", name, why.text);
		return AMP_EXIT_TENDER;
	}
	close(folder);
	if (base < 0)
		snprintf(file, sizeof file, "fd:%d", fd);
	else
		snprintf(file, sizeof file, "fd:%d+%d", fd, base);
	argv[0] = clone_word;
	argv[argc - 1] = file;
	return verb_run(argc, argv);
}

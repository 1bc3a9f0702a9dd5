/* SPDX-License-Identifier: ISC */
/* Snapshot and image are opened and looked through once, for all clones. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/clone.h>
#include <cli/several.h>
#include <tender/snapshot_stream.h>
#include <tender/trust.h>

#define PARENT_BYTES 16u /* of a snapshot's digest: its id */

/* A snapshot that can be read again must not be gone on from twice with one's connections. */
static bool is_kept(const char *file)
{
	struct stat st;
	return strncmp(file, "fd:", 3) &&
	       (strcmp(file, "-") || (!fstat(0, &st) && S_ISREG(st.st_mode)));
}

static int descriptor(const char *text, char **end)
{
	long n = strtol(text, end, 10);
	return *end == text || n < 0 || n > INT_MAX ? -1 : fcntl((int)n, F_DUPFD_CLOEXEC, 3);
}

/* *base: what a fork has in common with its parent; -1: nothing. */
static int open_file(const char *file, int *base, struct defect *why)
{
	char *end;
	*base = -1;
	if (!strcmp(file, "-"))
		return snapshot_stream_read(0, why);
	if (!strncmp(file, "fd:", 3)) {
		int fd = descriptor(file + 3, &end);
		bool is_fork = fd >= 0 && *end == '+';
		if (is_fork)
			*base = descriptor(end + 1, &end);
		if (fd >= 0 && !*end && (!is_fork || *base >= 0))
			return fd;
		if (fd >= 0)
			close(fd);
		return defect_set(why, "no such descriptor");
	}
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? defect_set(why, "%s", strerror(errno)) : fd;
}

int clone_from(struct tender_options *o, int fd, int base, bool verify)
{
	static struct snapshot from;
	static struct image image;
	struct defect why;
	if (snapshot_open_fork(&from, fd, base, &why) || (verify && snapshot_verify(&from, &why)) ||
	    snapshot_image(&from, &image, o->path, &why)) {
		say("%s: %s", o->path, why.text);
		return AMP_EXIT_USAGE;
	}
	int status = trust_image(&o->trust, &image, &why);
	if (status) {
		say("%s", why.text);
		return status == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	if (snapshot_fits(&from, &image, &why)) {
		say("%s: %s", o->path, why.text);
		return AMP_EXIT_USAGE;
	}
	o->from = &from;
	o->image = &image;
	return 0;
}

int clone_run(struct tender_options *o, struct detach *d, const char *file, unsigned count)
{
	static char in_memory[16], parent[2 * PARENT_BYTES + 1];
	struct defect why;
	if (o->moved && is_kept(file)) {
		say("%s: connections are kept once, so the snapshot comes by a pipe: `ampoule "
		    "snapshot "
		    "--stop -o - NAME | ampoule clone --keep-connections -`",
		    file);
		return AMP_EXIT_USAGE;
	}
	int base, fd = open_file(file, &base, &why);
	if (fd < 0) {
		say("%s: %s", file, why.text);
		return AMP_EXIT_USAGE;
	}
	o->path = file;
	int status = clone_from(o, fd, base, strncmp(file, "fd:", 3));
	if (status)
		return status;
	if (d->is_wanted && !strcmp(file, "-")) {
		/* The tender is this program, called again: it finds it where it was put. */
		snprintf(in_memory, sizeof in_memory, "fd:%d", fcntl(fd, F_DUPFD, 3));
		o->path = in_memory;
	}
	for (unsigned i = 0; i < PARENT_BYTES; i++)
		snprintf(parent + 2 * i, 3, "%02x", o->from->header.sha256[i]);
	d->generation = o->from->header.generation + 1;
	d->parent = parent;
	return several_run(o, d, count);
}

/* SPDX-License-Identifier: ISC */
/* The snapshot is opened and looked through once, for all clones. */
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

int clone_run(struct tender_options *o, struct detach *d, const char *file, unsigned count)
{
	static struct snapshot s;
	static char in_memory[16], parent[2 * PARENT_BYTES + 1];
	static struct image image; /* all clones map the same pages of it */
	struct defect why;
	if (o->moved && is_kept(file)) {
		say("%s: connections are kept once, so the snapshot comes by a pipe: `ampoule "
		    "snapshot "
		    "--stop -o - NAME | ampoule clone --keep-connections -`",
		    file);
		return AMP_EXIT_USAGE;
	}
	int base, fd = open_file(file, &base, &why),
	          kept = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3),
	          kept_base = base < 0 ? 0 : fcntl(base, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || snapshot_open_fork(&s, fd, base, &why) ||
	    (strncmp(file, "fd:", 3) && snapshot_verify(&s, &why)) ||
	    snapshot_image(&s, &image, file, &why)) {
		say("%s: %s", file, why.text);
		return AMP_EXIT_USAGE;
	}
	/* All clones have the same image: it is looked through once. */
	int status = trust_image(&o->trust, &image, &why);
	if (status) {
		say("%s", why.text);
		return status == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	for (unsigned i = 0; i < PARENT_BYTES; i++)
		snprintf(parent + 2 * i, 3, "%02x", s.header.sha256[i]);
	d->generation = s.header.generation + 1;
	d->parent = parent;
	snapshot_close(&s);
	if (d->is_wanted && !strcmp(file, "-")) {
		/* The tender is this program, called again: it finds it where it was put. */
		kept = fcntl(kept, F_DUPFD, 3);
		snprintf(in_memory, sizeof in_memory, "fd:%d", kept);
		file = in_memory;
	}
	o->path = file;
	o->snapshot = file;
	o->snapshot_fd = kept;
	o->snapshot_base = kept_base;
	o->snapshot_image = image.fd;
	o->trusted = true;
	o->unverified = true;
	return several_run(o, d, count);
}

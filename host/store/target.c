/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <store/format.h>
#include <store/target.h>

uint64_t target_size(const char *path)
{
	struct disk d;
	struct stat s;
	struct defect why;
	if (stat(path, &s) || disk_open(&d, path, DISK_LIVE, &why))
		return 0;
	uint64_t size = d.size;
	disk_close(&d);
	return size;
}

/* May what is there be written over? */
static int may_replace(struct disk *d, bool force, struct defect *why)
{
	struct content c;
	if (format_look(&c, d, why))
		return -1;
	bool empty = c.format == FORMAT_BLANK ||
	             (c.format == FORMAT_BTREE && c.tree_found == TREE_FOUND && !c.state.keys);
	if (empty || force)
		return 0;
	return defect_set(why, "%s holds %s: give another file, or --force to replace it", d->path,
	                  c.words);
}

/* The temporary file of the target that is open: whoever interrupts leaves nothing behind. */
static const char *volatile unfinished;

static void interrupted(int number)
{
	if (unfinished)
		unlink(unfinished);
	_exit(128 + number);
}

static void watch_signals(const char *temporary)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction a = { .sa_handler = interrupted };
	unfinished = temporary;
	for (unsigned k = 0; k < sizeof signals / sizeof *signals; k++)
		sigaction(signals[k], &a, NULL);
}

static int make_file(struct target *t, uint64_t size, const struct stat *old, mode_t mode,
                     struct defect *why)
{
	char beside[sizeof t->temporary];
	snprintf(beside, sizeof beside, "%s.XXXXXX", t->path);
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return defect_set(why, "%s cannot be made: %s", t->path, strerror(errno));
	strcpy(t->temporary, beside);
	watch_signals(t->temporary);
	t->disk = (struct disk){ .path = t->path, .fd = fd, .size = size };
	/* Who may have it stays as it was, where that can be done. */
	if (old && fchown(fd, old->st_uid, old->st_gid))
		mode &= 0600;
	if (fchmod(fd, mode) || ftruncate(fd, (off_t)size))
		return defect_set(why, "%s cannot be made: %s", t->path, strerror(errno));
	return 0;
}

int target_open(struct target *t, const char *path, uint64_t size, bool force, mode_t mode,
                struct defect *why)
{
	struct stat s;
	char real[PATH_MAX];
	*t = (struct target){ .disk.fd = -1, .old.fd = -1 };
	const char *is = realpath(path, real) ? real : path;
	if (strlen(is) >= sizeof t->path)
		return defect_set(why, "%s: the name is too long", path);
	strcpy(t->path, is);
	if (stat(path, &s)) {
		if (errno != ENOENT)
			return defect_set(why, "%s: %s", path, strerror(errno));
		return make_file(t, size, NULL, mode, why);
	}
	if (disk_open(&t->disk, path, DISK_WRITE, why) || may_replace(&t->disk, force, why)) {
		disk_close(&t->disk);
		return -1;
	}
	if (!t->disk.device) {
		t->old = t->disk;
		return make_file(t, size, &s, s.st_mode & 07777, why);
	}
	if (t->disk.size >= size)
		return 0;
	disk_close(&t->disk);
	return defect_set(why, "%s has %llu bytes, and %llu are needed", path,
	                  (unsigned long long)t->disk.size, (unsigned long long)size);
}

static bool folder_flush(const char *path)
{
	char copy[4096 + 32];
	snprintf(copy, sizeof copy, "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return done;
}

int target_done(struct target *t, struct defect *why)
{
	bool done = disk_flush(&t->disk) &&
	            (!*t->temporary || (!rename(t->temporary, t->path) && folder_flush(t->path)));
	if (!done)
		return defect_set(why, "%s cannot be written: %s", t->path, strerror(errno));
	unfinished = NULL;
	*t->temporary = 0;
	target_drop(t);
	return 0;
}

void target_drop(struct target *t)
{
	unfinished = NULL;
	if (*t->temporary)
		unlink(t->temporary);
	*t->temporary = 0;
	disk_close(&t->disk);
	disk_close(&t->old);
}

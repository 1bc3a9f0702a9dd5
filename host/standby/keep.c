/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <standby/keep.h>

#define PART          ".part"
#define SIGNATURE     ".minisig"
#define SIGNATURE_MAX 4096u

void standby_state_path(const struct standby *s, const char *suffix, char *path)
{
	snprintf(path, PATH_MAX, "%s/%s.snap%s", s->plan->folder, s->wires[0].name, suffix);
}

int keep_open(const struct standby *s)
{
	char path[PATH_MAX];
	standby_state_path(s, PART, path);
	unlink(path); /* of a waker that was killed */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		say("%s: its state is not kept: %s: %s", s->wires[0].name, path, strerror(errno));
	return fd;
}

void keep_drop(const struct standby *s)
{
	char path[PATH_MAX];
	standby_state_path(s, PART, path);
	unlink(path);
}

/* The signature is of the image, which is in the state as it was in the file that it was woken from first. */
static void copy_signature(const struct standby *s)
{
	char path[PATH_MAX], text[SIGNATURE_MAX];
	snprintf(path, sizeof path, "%s" SIGNATURE, s->plan->source->path);
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = from < 0 ? -1 : read(from, text, sizeof text);
	if (from >= 0)
		close(from);
	if (n <= 0)
		return;
	standby_state_path(s, SIGNATURE, path);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0 || write(to, text, (size_t)n) != n)
		say("%s: %s: %s", s->wires[0].name, path, strerror(errno));
	if (to >= 0)
		close(to);
}

static int64_t time_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

bool keep_done(struct standby *s)
{
	char part[PATH_MAX], path[PATH_MAX];
	struct stat st;
	standby_state_path(s, PART, part);
	standby_state_path(s, "", path);
	if (lstat(part, &st) || rename(part, path)) {
		say("%s: its state is not kept: %s: %s", s->wires[0].name, path, strerror(errno));
		return false;
	}
	s->kept_device = st.st_dev;
	s->kept_inode = st.st_ino;
	s->kept_at = time_of(&st);
	copy_signature(s);
	return true;
}

int keep_read(const struct standby *s, bool *known)
{
	char path[PATH_MAX];
	struct stat st;
	standby_state_path(s, "", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*known = fd >= 0 && !fstat(fd, &st) && s->kept_at && st.st_dev == s->kept_device &&
	         st.st_ino == s->kept_inode && time_of(&st) == s->kept_at;
	return fd;
}

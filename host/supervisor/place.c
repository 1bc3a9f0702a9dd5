/* SPDX-License-Identifier: ISC */
/* A new folder is made under a name that no appliance can have, and renamed once its lock is held: so that nobody ever sees a
 * young one without, and takes it for lost. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <supervisor/place.h>

#define YOUNG         ".new-" /* folders that are not yet anybody's begin so */
#define LOOKERS_TRIES 5
#define LOOKERS_US    1000
#define YOUNG_AGE     60 /* seconds; older ones are of somebody who was killed on the way */

bool place_name_is_valid(const char *name)
{
	static const char letters[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(name);
	return n && n < PLACE_NAME_MAX && strchr(letters, *name) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
	               n;
}

static int open_folder(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The session's folder, if it is really this user's: sudo keeps the variable of another. */
static const char *session_folder(void)
{
	const char *path = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	if (!path || *path != '/' || stat(path, &st) || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid())
		return NULL;
	return path;
}

int place_open(bool make, char *path, struct defect *why)
{
	const char *session = session_folder();
	struct stat st;
	size_t n;
	why->text[0] = 0;
	if (session)
		n = (size_t)snprintf(path, PLACE_PATH_MAX, "%s/ampoule", session);
	else if (!geteuid())
		n = (size_t)snprintf(path, PLACE_PATH_MAX, "/run/ampoule");
	else
		n = (size_t)snprintf(path, PLACE_PATH_MAX, "/tmp/ampoule-%u", geteuid());
	if (n >= PLACE_PATH_MAX)
		return defect_set(why, "XDG_RUNTIME_DIR is too long");
	if (make && mkdir(path, 0700) && errno != EEXIST)
		return defect_set(why, "cannot make the folder of appliances, %s: %s", path,
		                  strerror(errno));
	int fd = open_folder(AT_FDCWD, path);
	if (fd < 0 && errno == ENOENT && !make)
		return -1;
	if (fd < 0 || fstat(fd, &st))
		return defect_set(why, "cannot open the folder of appliances, %s: %s", path,
		                  strerror(errno));
	if (st.st_uid != geteuid() || st.st_mode & 022) {
		close(fd);
		return defect_set(why,
		                  "%s is for the state of appliances, but %s: set XDG_RUNTIME_DIR "
		                  "to a folder of your own",
		                  path,
		                  st.st_uid != geteuid() ? "belongs to somebody else"
		                                         : "others may write to it");
	}
	return fd;
}

int place_folder(int root, const char *name)
{
	return place_name_is_valid(name) ? open_folder(root, name) : -1;
}

int place_lock(int folder, bool wait)
{
	struct stat held, there;
	int fd = openat(folder, PLACE_LOCK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int failed;
	/* Somebody who only looks holds it for a moment. */
	for (unsigned tries = 0; (failed = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))); tries++)
		if (wait ? errno != EINTR
		         : errno != EWOULDBLOCK || tries == LOOKERS_TRIES || usleep(LOOKERS_US))
			break;
	/* Whoever held it may have deleted it, and with it what it locks. */
	if (!failed &&
	    (fstat(fd, &held) || fstatat(folder, PLACE_LOCK, &there, AT_SYMLINK_NOFOLLOW) ||
	     held.st_ino != there.st_ino)) {
		failed = -1;
		errno = ENOENT;
	}
	if (!failed)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool place_is_held(int folder)
{
	int fd = openat(folder, PLACE_LOCK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return held;
}

static void empty(int folder)
{
	int again = dup(folder);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	if (!d)
		return;
	rewinddir(d);
	/* The lock last: whoever waits for it finds nothing then. */
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, PLACE_LOCK) != 0)
			unlinkat(folder, e->d_name, 0);
	closedir(d);
	unlinkat(folder, PLACE_LOCK, 0);
}

int place_remove(int root, const char *name, int folder)
{
	empty(folder);
	return unlinkat(root, name, AT_REMOVEDIR);
}

/* What somebody who was killed on the way has left. */
static void sweep(int root)
{
	int again = dup(root);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	if (!d)
		return;
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		if (strncmp(e->d_name, YOUNG, sizeof YOUNG - 1) != 0 ||
		    fstatat(root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    st.st_mtime > time(NULL) - YOUNG_AGE)
			continue;
		int folder = open_folder(root, e->d_name);
		if (folder >= 0) {
			place_remove(root, e->d_name, folder);
			close(folder);
		}
	}
	closedir(d);
}

static int take_over(int root, const char *name, int *folder, int *lock, struct defect *why)
{
	*folder = place_folder(root, name);
	*lock = *folder < 0 ? -1 : place_lock(*folder, false);
	if (*lock >= 0)
		return 0;
	int error = errno;
	if (*folder >= 0)
		close(*folder);
	if (error == EWOULDBLOCK)
		return defect_set(why, "%s is running: stop it first, by `ampoule stop %s`", name,
		                  name);
	return defect_set(why, "cannot take the folder of %s over: %s", name, strerror(error));
}

int place_take(int root, const char *name, bool replace, int *folder, int *lock, struct defect *why)
{
	char young[32];
	unsigned draw[2];
	struct stat st;
	if (!fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (replace)
			return take_over(root, name, folder, lock, why);
		goto taken;
	}
	sweep(root);
	if (getrandom(draw, sizeof draw, 0) != sizeof draw)
		return defect_set(why, "no random numbers: %s", strerror(errno));
	snprintf(young, sizeof young, YOUNG "%08x%08x", draw[0], draw[1]);
	*folder = *lock = -1;
	if (mkdirat(root, young, 0700) || (*folder = open_folder(root, young)) < 0 ||
	    (*lock = openat(*folder, PLACE_LOCK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) <
	            0 ||
	    flock(*lock, LOCK_EX | LOCK_NB)) {
		defect_set(why, "cannot make the folder of %s: %s", name, strerror(errno));
	} else if (renameat2(root, young, root, name, RENAME_NOREPLACE)) {
		if (errno == EEXIST)
			defect_set(why, "there is an appliance named %s already", name);
		else
			defect_set(why, "cannot make the folder of %s: %s", name, strerror(errno));
	} else {
		return 0;
	}
	if (*folder >= 0) {
		empty(*folder);
		close(*folder);
	}
	if (*lock >= 0)
		close(*lock);
	unlinkat(root, young, AT_REMOVEDIR);
	return -1;
taken:
	return defect_set(why,
	                  "there is an appliance named %s already: choose another --name, or "
	                  "`ampoule rm -f %s`",
	                  name, name);
}

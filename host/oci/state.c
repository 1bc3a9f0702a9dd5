/* SPDX-License-Identifier: ISC */
/* A process is known by its number and the time of its start: numbers are used again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <oci/state.h>
#include <tender/process.h>

#define FILE_NAME "state.json"

const char *const status_names[] = { "creating", "created", "running", "stopped" };

bool state_is_id(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.");
	return n && n <= STATE_ID_MAX && !id[n] && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

int state_check_id(const char *id, struct defect *why)
{
	return state_is_id(id) ? 0
	                       : defect_set(why,
	                                    "'%s' is no container's ID: letters, digits and "
	                                    "_ + - . (at most %u)",
	                                    id, STATE_ID_MAX);
}

static int name(struct state *s, const char *root, const char *id, struct defect *why)
{
	*s = (struct state){ .id = id, .lock = -1 };
	if (state_check_id(id, why))
		return -1;
	if (snprintf(s->folder, sizeof s->folder, "%s/%s", root, id) >= PATH_MAX - 64)
		return defect_set(why, "--root %s: the path is too long", root);
	return 0;
}

static int make_folders(const char *path)
{
	char part[PATH_MAX];
	snprintf(part, sizeof part, "%s", path);
	for (char *slash = part + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		if (mkdir(part, 0711) && errno != EEXIST)
			return -1;
	}
	return mkdir(part, 0711) && errno != EEXIST ? -1 : 0;
}

static int open_folder(struct state *s, int lock)
{
	s->lock = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return -1;
	struct stat open_one, named;
	/* Whoever had it locked may have removed it. */
	if (!flock(s->lock, lock) && !fstat(s->lock, &open_one) && !stat(s->folder, &named) &&
	    open_one.st_ino == named.st_ino)
		return 0;
	int error = errno == EWOULDBLOCK ? EWOULDBLOCK : ENOENT;
	close(s->lock);
	s->lock = -1;
	errno = error;
	return -1;
}

static void empty_folder(const struct state *s)
{
	DIR *d = fdopendir(dup(s->lock));
	if (!d)
		return;
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			unlinkat(s->lock, e->d_name, 0);
	closedir(d);
}

int state_make(struct state *s, const char *root, const char *id, struct defect *why)
{
	if (name(s, root, id, why))
		return -1;
	if (make_folders(root))
		return defect_set(why, "--root %s: %s", root, strerror(errno));
	bool there = mkdir(s->folder, 0711) && errno == EEXIST;
	/* Who only looks may have it for a moment. */
	if (open_folder(s, there ? LOCK_EX | LOCK_NB : LOCK_EX))
		return there || errno == EWOULDBLOCK
		               ? defect_set(why,
		                            "container %s exists: another runtime is making it", id)
		               : defect_set(why, "%s: %s", s->folder, strerror(errno));
	if (!there)
		return 0;
	/* A runtime that was killed before it had made anything leaves a folder without state. */
	if (faccessat(s->lock, FILE_NAME, F_OK, 0)) {
		empty_folder(s);
		return 0;
	}
	close(s->lock);
	s->lock = -1;
	return defect_set(why, "container %s exists: `ampoule oci delete %s` removes it", id, id);
}

static int read_state(struct state *s, bool alone, struct defect *why)
{
	json_error_t error;
	int fd = openat(s->lock, FILE_NAME, O_RDONLY | O_CLOEXEC);
	s->status = CREATING;
	if (fd < 0) {
		if (alone)
			s->status = STOPPED; /* its runtime was killed */
		return 0;
	}
	s->json = json_loadfd(fd, 0, &error);
	close(fd);
	if (!json_is_object(s->json))
		return defect_set(why,
		                  "%s/" FILE_NAME
		                  " is damaged: `ampoule oci delete --force %s` removes it",
		                  s->folder, s->id);
	s->pid = (pid_t)json_integer_value(json_object_get(s->json, "pid"));
	unsigned long long start =
	        (unsigned long long)json_integer_value(json_object_get(s->json, "processStart"));
	bool lives = s->pid > 0 && start && process_start(s->pid) == start;
	bool waits = !faccessat(s->lock, STATE_START, F_OK, 0);
	if (!lives)
		s->status = STOPPED;
	else if (json_is_true(json_object_get(s->json, "made")))
		s->status = waits ? CREATED : RUNNING;
	else if (alone)
		s->status = STOPPED;
	if (s->status == STOPPED && !lives)
		s->pid = 0;
	return 0;
}

int state_open(struct state *s, const char *root, const char *id, struct defect *why)
{
	if (name(s, root, id, why))
		return -1;
	if (open_folder(s, LOCK_EX))
		return errno == ENOENT ? defect_set(why, "container %s does not exist", id)
		                       : defect_set(why, "%s: %s", s->folder, strerror(errno));
	return read_state(s, true, why);
}

int state_look(struct state *s, const char *root, const char *id, struct defect *why)
{
	if (name(s, root, id, why))
		return -1;
	bool alone = !open_folder(s, LOCK_SH | LOCK_NB);
	if (!alone && errno == EWOULDBLOCK)
		s->lock = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return defect_set(why, "container %s does not exist", id);
	return read_state(s, alone, why);
}

int state_save(struct state *s, json_t *json, struct defect *why)
{
	static const char fresh[] = FILE_NAME ".new";
	int fd = openat(s->lock, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int failed = fd < 0 || json_dumpfd(json, fd, JSON_INDENT(1)) || fsync(fd) ||
	             renameat(s->lock, fresh, s->lock, FILE_NAME);
	if (failed)
		defect_set(why, "%s/" FILE_NAME ": %s", s->folder, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (s->json != json) {
		json_decref(s->json);
		s->json = json;
	}
	return failed ? -1 : 0;
}

void state_remove(struct state *s)
{
	/* state.json goes last but the folder: what is half removed is found as stopped. */
	empty_folder(s);
	rmdir(s->folder);
}

void state_close(struct state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
	json_decref(s->json);
	s->json = NULL;
}

json_t *state_told(const struct state *s)
{
	static const char *const kept[] = { "bundle", "annotations", "rootfs", "created", "owner" };
	json_t *o = json_pack("{s:s, s:s, s:s}", "ociVersion", "1.0.2", "id", s->id, "status",
	                      status_names[s->status]);
	json_object_set_new(o, "pid", json_integer(s->status == STOPPED ? 0 : s->pid));
	for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) {
		json_t *v = json_object_get(s->json, kept[i]);
		if (v)
			json_object_set(o, kept[i], v);
	}
	/* A runtime that was killed in the middle of `create` has left no bundle. */
	if (!json_object_get(o, "bundle"))
		json_object_set_new(o, "bundle", json_string(""));
	return o;
}

/* SPDX-License-Identifier: ISC */
/* Version 1 has a hierarchy a controller below the mount point, version 2 one for all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <oci/group.h>

#define MOUNT       "/sys/fs/cgroup"
#define PAUSE_MS    2
#define PATIENCE_MS 5000 /* what a tender's helpers get to put the host right */

static const char *const controllers[] = { "memory", "cpu", "pids" };
#define CONTROLLERS (sizeof controllers / sizeof *controllers)

static bool is_second(void)
{
	return !access(MOUNT "/cgroup.controllers", F_OK);
}

/* ---- What is wanted ---- */

static int limit(const json_t *of, const char *part, const char *name, uint64_t *to,
                 struct defect *why)
{
	const json_t *v = json_object_get(json_object_get(of, part), name);
	*to = 0;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v))
		return defect_set(why, "config.json: linux.resources.%s.%s: want a whole number",
		                  part, name);
	json_int_t n = json_integer_value(v);
	*to = n > 0 ? (uint64_t)n : 0; /* -1: no limit */
	return 0;
}

int group_limits(struct group_limits *l, const struct bundle *b, struct defect *why)
{
	return limit(b->resources, "memory", "limit", &l->memory, why) ||
	                       limit(b->resources, "cpu", "quota", &l->quota, why) ||
	                       limit(b->resources, "cpu", "period", &l->period, why) ||
	                       limit(b->resources, "cpu", "shares", &l->shares, why) ||
	                       limit(b->resources, "pids", "limit", &l->processes, why)
	               ? -1
	               : 0;
}

/* a-b.slice is in a.slice: systemd.slice(5). */
static void slices(char *to, size_t size, const char *slice)
{
	size_t at = 0, length = strlen(slice);
	for (size_t i = 1; i + 6 <= length && at < size; i++)
		if (slice[i] == '-' || i + 6 == length)
			at += (size_t)snprintf(to + at, size - at, "/%.*s.slice", (int)i, slice);
}

int group_path(char to[PATH_MAX], const struct bundle *b, const char *id, bool systemd,
               struct defect *why)
{
	const char *path = b->cgroup;
	char text[PATH_MAX], slice[PATH_MAX] = "";
	if (!path || !*path) {
		snprintf(to, PATH_MAX, "/ampoule-%s", id);
		return 0;
	}
	if (snprintf(text, sizeof text, "%s", path) >= (int)sizeof text)
		return defect_set(why, "config.json: linux.cgroupsPath is too long");
	char *prefix = systemd ? strchr(text, ':') : NULL,
	     *unit = prefix ? strchr(prefix + 1, ':') : NULL;
	if (systemd && (!unit || strchr(text, '/')))
		return defect_set(why,
		                  "config.json: linux.cgroupsPath: with --systemd-cgroup want "
		                  "SLICE:PREFIX:NAME, not %s",
		                  path);
	int n;
	if (systemd) {
		*prefix++ = *unit++ = 0;
		slices(slice, sizeof slice, *text ? text : "system.slice");
		n = snprintf(to, PATH_MAX, "%s/%s%s%s.scope", slice, prefix, *prefix ? "-" : "",
		             unit);
	} else {
		n = snprintf(to, PATH_MAX, "%s%s", *text == '/' ? "" : "/", text);
	}
	char whole[PATH_MAX + 2];
	snprintf(whole, sizeof whole, "%s/", to);
	if (n >= PATH_MAX - 128 || strstr(whole, "/../") || !to[strspn(to, "/.")])
		return defect_set(why, "config.json: linux.cgroupsPath: no such path: %s", path);
	return 0;
}

/* ---- Making ---- */

static int put(const char *folder, const char *file, const char *format, unsigned long long a,
               unsigned long long b)
{
	char path[2 * PATH_MAX], text[64];
	snprintf(path, sizeof path, "%s/%s", folder, file);
	int n = snprintf(text, sizeof text, format, a, b), fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, text, (size_t)n);
	int error = errno;
	close(fd);
	errno = error;
	return written < 0 ? -1 : 0;
}

static void folder_of(char to[PATH_MAX], bool second, const char *controller, const char *path)
{
	snprintf(to, PATH_MAX, "%s%s%s%.*s", MOUNT, second ? "" : "/", second ? "" : controller,
	         PATH_MAX - 64, path);
}

/* mkdir -p; version 2 hands controllers down group by group, as far as it may. */
static int make(const char *folder, bool second)
{
	char part[PATH_MAX];
	snprintf(part, sizeof part, "%s", folder);
	char *slash = part + sizeof MOUNT - 1;
	do {
		if (second) {
			char now = *slash;
			*slash = 0;
			for (unsigned i = 0; i < CONTROLLERS; i++) {
				char word[32];
				snprintf(word, sizeof word, "+%s", controllers[i]);
				put(part, "cgroup.subtree_control", word, 0, 0);
			}
			*slash = now;
		}
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = 0;
		int failed = mkdir(part, 0755) && errno != EEXIST;
		if (slash)
			*slash = '/';
		if (failed)
			return -1;
	} while (slash);
	return 0;
}

static int set_second(const char *folder, const struct group_limits *l)
{
	/* The scales of both versions: 2 to 262144, and 1 to 10000. */
	uint64_t shares = l->shares > 262144 ? 262144 : l->shares < 2 ? 2 : l->shares;
	uint64_t period = l->period ? l->period : 100000;
	return (l->memory && put(folder, "memory.max", "%llu", l->memory, 0)) ||
	                       (l->quota &&
	                        put(folder, "cpu.max", "%llu %llu", l->quota, period)) ||
	                       (l->shares && put(folder, "cpu.weight", "%llu",
	                                         1 + (shares - 2) * 9999 / 262142, 0)) ||
	                       (l->processes && put(folder, "pids.max", "%llu", l->processes, 0))
	               ? -1
	               : 0;
}

static int set_first(const char *folder, unsigned controller, const struct group_limits *l)
{
	switch (controller) {
	case 0:
		return l->memory ? put(folder, "memory.limit_in_bytes", "%llu", l->memory, 0) : 0;
	case 1:
		return (l->period && put(folder, "cpu.cfs_period_us", "%llu", l->period, 0)) ||
		                       (l->quota &&
		                        put(folder, "cpu.cfs_quota_us", "%llu", l->quota, 0)) ||
		                       (l->shares &&
		                        put(folder, "cpu.shares", "%llu", l->shares, 0))
		               ? -1
		               : 0;
	default:
		return l->processes ? put(folder, "pids.max", "%llu", l->processes, 0) : 0;
	}
}

/* The next group that a tender has made in a folder (cgroup.h); null: there is none. */
static const char *next_below(DIR *d, const char *folder, char to[2 * PATH_MAX])
{
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "ampoule-", 8)) {
			snprintf(to, 2 * PATH_MAX, "%s/%s", folder, e->d_name);
			return to;
		}
	return NULL;
}

static bool has_processes(const char *folder)
{
	char path[2 * PATH_MAX + 32], first;
	snprintf(path, sizeof path, "%s/cgroup.procs", folder);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool has = fd >= 0 && read(fd, &first, 1) == 1;
	if (fd >= 0)
		close(fd);
	return has;
}

/* Is somebody there? Then it is not ours to limit, nor to empty. */
static bool is_taken(const char *folder)
{
	char path[2 * PATH_MAX];
	DIR *d = opendir(folder);
	bool taken = has_processes(folder);
	while (!taken && next_below(d, folder, path))
		taken = has_processes(path);
	if (d)
		closedir(d);
	return taken;
}

static bool is_not_allowed(int error)
{
	return error == EACCES || error == EPERM || error == EROFS || error == ENOENT;
}

static void back_out(const char *path, unsigned count, bool second)
{
	char folder[PATH_MAX];
	for (unsigned i = 0; i < count; i++) {
		folder_of(folder, second, controllers[i], path);
		rmdir(folder);
	}
}

static int enter(const char *path, const struct group_limits *l, pid_t pid, bool *none,
                 struct defect *why)
{
	bool second = is_second();
	char folder[PATH_MAX];
	*none = false;
	for (unsigned i = 0; i < (second ? 1 : CONTROLLERS); i++) {
		folder_of(folder, second, controllers[i], path);
		if (make(folder, second)) {
			int error = errno;
			*none = !i && is_not_allowed(error);
			return *none ? 0
			             : defect_set(why, "control group %s: %s", folder,
			                          strerror(error));
		}
		if (is_taken(folder))
			return defect_set(why, "control group %s has processes of others", folder);
		if ((second ? set_second(folder, l) : set_first(folder, i, l)) ||
		    put(folder, "cgroup.procs", "%llu", (unsigned long long)pid, 0)) {
			int error = errno;
			return defect_set(why, "control group %s: its limits cannot be set: %s",
			                  folder, strerror(error));
		}
	}
	return 0;
}

int group_enter(const char *path, const struct group_limits *l, pid_t pid, bool *none,
                struct defect *why)
{
	int failed = enter(path, l, pid, none, why);
	/* What a process of ours is in already goes with it, by group_remove. */
	if (failed || *none)
		back_out(path, is_second() ? 1 : CONTROLLERS, is_second());
	return failed;
}

static void kill_all(const char *folder)
{
	char path[2 * PATH_MAX + 32];
	int pid;
	snprintf(path, sizeof path, "%s/cgroup.procs", folder);
	FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		if (pid > 0)
			kill(pid, SIGKILL);
	if (f)
		fclose(f);
}

/* The tender's own groups in it, of a run that was killed. */
static void remove_below(const char *folder)
{
	char path[2 * PATH_MAX];
	DIR *d = opendir(folder);
	while (next_below(d, folder, path)) {
		kill_all(path);
		rmdir(path);
	}
	if (d)
		closedir(d);
}

bool group_is_there(const char *path)
{
	bool second = is_second(), there = false;
	char folder[PATH_MAX];
	for (unsigned i = 0; i < (second ? 1 : CONTROLLERS); i++) {
		folder_of(folder, second, controllers[i], path);
		there |= !access(folder, F_OK);
	}
	return there;
}

void group_remove(const char *path)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000 };
	bool second = is_second();
	char folder[PATH_MAX];
	/* The root's processes are everybody's: whatever a state says, these are not killed. */
	if (!path[strspn(path, "/.")])
		return;
	for (unsigned i = 0; i < (second ? 1 : CONTROLLERS); i++) {
		folder_of(folder, second, controllers[i], path);
		for (int ms = 0; ms < 2 * PATIENCE_MS; ms += PAUSE_MS) {
			if (!rmdir(folder) || errno != EBUSY)
				break;
			remove_below(folder);
			if (ms == PATIENCE_MS)
				kill_all(folder);
			nanosleep(&pause, NULL);
		}
	}
}

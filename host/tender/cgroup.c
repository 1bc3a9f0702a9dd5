/* SPDX-License-Identifier: ISC */
/*
 * The mounts are looked for where every distribution has them, and the caller's own group in /proc/self/cgroup.
 *
 * To move a process of any number of threads from group to group, the kernel waits for all processors (RCU): 10 to 30 ms. It
 * need not for a thread that moves itself (version 1's `tasks`, since Linux 5.5), nor for a process that begins in its group
 * (CLONE_INTO_CGROUP, version 2, since 5.7): some 40 us.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <tender/cgroup.h>
#include <tender/text_file.h>

#define MOUNT     "/sys/fs/cgroup"
#define PREFIX    "ampoule-"
#define PERIOD_US 100000u
#define PATH_SIZE 4096u

enum controller { CPU, PIDS, MEMORY };
static const char *const names[CGROUP_CONTROLLERS] = { "cpu", "pids", "memory" };

/* The caller's own group in the hierarchy of that controller; null: of version 2. False: it has none. */
static bool own_path(const char *root, const char *controller, char to[PATH_SIZE])
{
	static char line[PATH_SIZE];
	snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
	FILE *f = fopen(line, "re");
	bool found = false;
	while (f && !found && fgets(line, sizeof line, f)) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*list++ = *path++ = 0;
		path[strcspn(path, "\n")] = 0;
		if (!controller)
			found = !*list && !strcmp(line, "0");
		for (char *word = strtok(list, ","); controller && word && !found;
		     word = strtok(NULL, ","))
			found = !strcmp(word, controller);
		if (found)
			snprintf(to, PATH_SIZE, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

static int set_limit(int group, enum controller c, bool second, const struct cgroup_limits *l)
{
	char text[64];
	unsigned long long quota = (unsigned long long)l->cpu_permille * PERIOD_US / 1000;
	switch (c) {
	case CPU:
		if (second) {
			snprintf(text, sizeof text, "%llu %u", quota, PERIOD_US);
			return text_file_write(group, "cpu.max", text);
		}
		snprintf(text, sizeof text, "%llu", quota);
		return text_file_write(group, "cpu.cfs_quota_us", text);
	case PIDS:
		snprintf(text, sizeof text, "%u", l->processes);
		return text_file_write(group, "pids.max", text);
	default:
		snprintf(text, sizeof text, "%llu", (unsigned long long)l->memory);
		return text_file_write(group, second ? "memory.max" : "memory.limit_in_bytes",
		                       text);
	}
}

static bool wanted(const struct cgroup_limits *l, enum controller c)
{
	return c == CPU ? l->cpu_permille : c == PIDS ? l->processes : l->memory != 0;
}

/* Version 2 has a group's files once the one around it hands the controller down, which it may do if no process is in it. */
static int hand_down(int parent, enum controller c)
{
	char word[16];
	snprintf(word, sizeof word, "+%s", names[c]);
	return text_file_write(parent, "cgroup.subtree_control", word);
}

/* Runs whose monitor was killed have left theirs, which nobody is in. */
static void sweep(int parent)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		char *end;
		if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		long pid = strtol(e->d_name + sizeof PREFIX - 1, &end, 10);
		if (!*end && pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH)
			unlinkat(parent, e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

/* Makes a group below `folder` and sets the limits of `controllers` (bits). Returns those that hold; 0: there is no group. */
static unsigned make_below(struct cgroup *g, const char *folder, unsigned controllers, bool second,
                           const struct cgroup_limits *l, int *error)
{
	unsigned held = 0;
	int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0)
		sweep(parent);
	if (parent < 0 || mkdirat(parent, g->name, 0755)) {
		*error = errno;
		if (parent >= 0)
			close(parent);
		return 0;
	}
	int group = openat(parent, g->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (unsigned c = 0; group >= 0 && c < CGROUP_CONTROLLERS; c++) {
		if (!(controllers & 1u << c))
			continue;
		if (set_limit(group, (enum controller)c, second, l) &&
		    (!second || hand_down(parent, (enum controller)c) ||
		     set_limit(group, (enum controller)c, second, l)))
			*error = errno;
		else
			held |= 1u << c;
	}
	int enter =
	        held ? openat(group, second ? "cgroup.procs" : "tasks", O_WRONLY | O_CLOEXEC) : -1;
	if (group >= 0 && (enter < 0 || !second)) {
		close(group);
		group = -1;
	}
	if (enter < 0) {
		unlinkat(parent, g->name, AT_REMOVEDIR);
		close(parent);
		return 0;
	}
	g->groups[g->count].parent = parent;
	g->groups[g->count].into = group;
	g->groups[g->count++].enter = enter;
	return held;
}

static void remove_last(struct cgroup *g)
{
	uint32_t last = --g->count;
	close(g->groups[last].enter);
	if (g->groups[last].into >= 0)
		close(g->groups[last].into);
	unlinkat(g->groups[last].parent, g->name, AT_REMOVEDIR);
	close(g->groups[last].parent);
}

/* Below the caller's own group; then, if they must be had, below one after the other of those around it. */
static unsigned make_somewhere(struct cgroup *g, const char *root, const char *mount,
                               const char *controller, unsigned controllers,
                               const struct cgroup_limits *l, bool must, int *error)
{
	static char own[PATH_SIZE], folder[3 * PATH_SIZE];
	bool second = !controller;
	if (!own_path(root, controller, own))
		return 0;
	for (;;) {
		uint32_t count = g->count;
		snprintf(folder, sizeof folder, "%s%s%s", root, mount, own);
		unsigned held = make_below(g, folder, controllers, second, l, error);
		char *slash = strrchr(own, '/');
		if (held == controllers || !must || !slash)
			return held;
		if (g->count > count)
			remove_last(g);
		*slash = 0;
	}
}

int cgroup_make(struct cgroup *g, const char *root, const struct cgroup_limits *l, bool must,
                struct defect *why)
{
	static const char *const seconds[] = { MOUNT, MOUNT "/unified" };
	unsigned want = 0, held = 0;
	int error = ENOENT;
	*g = (struct cgroup){ 0 };
	snprintf(g->name, sizeof g->name, PREFIX "%d", (int)getpid());
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++)
		want |= wanted(l, (enum controller)c) ? 1u << c : 0;
	/* Version 1 has a hierarchy a controller; where it has not, version 2 has it. */
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		char mount[64];
		snprintf(mount, sizeof mount, "%s/%s", MOUNT, names[c]);
		if (want & 1u << c)
			held |= make_somewhere(g, root, mount, names[c], 1u << c, l, must, &error);
	}
	for (unsigned i = 0; !held && i < 2; i++)
		held |= make_somewhere(g, root, seconds[i], NULL, want, l, must, &error);
	if (held == want || !must)
		return 0;
	while (g->count)
		remove_last(g);
	return defect_set(
	        why,
	        "this host gives no control group with such limits (%s): run it as root, or "
	        "below `systemd-run --user --scope -p Delegate=yes`",
	        strerror(error));
}

pid_t cgroup_fork(struct cgroup *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		if (g->groups[i].into < 0)
			continue;
		struct clone_args a = { .flags = CLONE_INTO_CGROUP,
			                .exit_signal = SIGCHLD,
			                .cgroup = (uint64_t)g->groups[i].into };
		/* The C library's own fork would only set what a process of several threads needs. */
		long child = syscall(SYS_clone3, &a, sizeof a);
		if (child < 0)
			break; /* an older kernel, or somebody's filter: it moves there */
		if (!child) {
			close(g->groups[i].enter);
			g->groups[i].enter = -1;
		}
		return (pid_t)child;
	}
	return fork();
}

int cgroup_enter(struct cgroup *g, struct defect *why)
{
	int failed = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		int to = g->groups[i].enter;
		if (to >= 0 && write(to, "0", 1) != 1 && !failed)
			failed = defect_set(why, "cannot enter its control group: %s",
			                    strerror(errno));
		if (to >= 0)
			close(to);
		if (g->groups[i].into >= 0)
			close(g->groups[i].into);
		close(g->groups[i].parent);
	}
	return failed;
}

void cgroup_remove(struct cgroup *g)
{
	const struct timespec pause = { 0, 2000000 };
	for (uint32_t i = 0; i < g->count; i++)
		for (unsigned tries = 0; tries < 500; tries++) {
			if (!unlinkat(g->groups[i].parent, g->name, AT_REMOVEDIR) || errno != EBUSY)
				break;
			nanosleep(&pause, NULL);
		}
	g->count = 0;
}

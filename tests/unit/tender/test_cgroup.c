/* SPDX-License-Identifier: ISC */
/*
 * Control groups of both versions, below a folder in the place of the root directory. What the kernel does with such folders is
 * done by __wrap_mkdirat, __wrap_unlinkat and __wrap_text_file_write: a new group of version 1 has its controller's files, one
 * of version 2 those that are handed down to it, which nobody does whose group has processes. Where version 2 is mounted, and
 * groups may be made, a process begins in a real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tender/cgroup.h>
#include <tender/text_file.h>

#define CPU    "cpu.max"
#define PIDS   "pids.max"
#define MEMORY "memory.max"

static char root[64];
static bool real; /* nothing is pretended */

static void put_at(int folder, const char *path, const char *text)
{
	int fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void put(const char *path, const char *text)
{
	char whole[256];
	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *c = whole + strlen(root) + 1; *c; c++)
		if (*c == '/') {
			*c = 0;
			mkdir(whole, 0700);
			*c = '/';
		}
	put_at(AT_FDCWD, whole, text);
}

/* The file's text; null: there is none. */
static const char *get_at(int folder, const char *path)
{
	static char text[256];
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static const char *get(const char *folder, const char *file)
{
	char whole[256];
	snprintf(whole, sizeof whole, "%s%s/ampoule-%d/%s", root, folder, (int)getpid(), file);
	return get_at(AT_FDCWD, whole);
}

int __real_mkdirat(int folder, const char *path, mode_t mode);
int __wrap_mkdirat(int folder, const char *path, mode_t mode);
int __wrap_mkdirat(int folder, const char *path, mode_t mode)
{
	static const char *const firsts[] = { "cpu.cfs_quota_us", "pids.max",
		                              "memory.limit_in_bytes" };
	int failed = __real_mkdirat(folder, path, mode);
	if (failed || real)
		return failed;
	int group = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(group >= 0);
	for (unsigned i = 0; i < 3;
	     i++) /* as the group around it has, but for a hierarchy's root */
		if (!faccessat(folder, firsts[i], F_OK, 0))
			put_at(group, firsts[i], "");
	put_at(group, "tasks", "");
	put_at(group, "cgroup.procs", "");
	const char *down = get_at(folder, "cgroup.subtree_control");
	if (down) {
		unlinkat(group, "tasks", 0);
		put_at(group, "cgroup.subtree_control", "");
		if (strstr(get_at(folder, "cgroup.subtree_control"), "pids"))
			put_at(group, PIDS, "");
		if (strstr(get_at(folder, "cgroup.subtree_control"), "memory"))
			put_at(group, MEMORY, "");
		if (strstr(get_at(folder, "cgroup.subtree_control"), "cpu"))
			put_at(group, CPU, "");
	}
	close(group);
	return 0;
}

int __real_unlinkat(int folder, const char *path, int flags);
int __wrap_unlinkat(int folder, const char *path, int flags);
int __wrap_unlinkat(int folder, const char *path, int flags)
{
	static const char *const files[] = { CPU,
		                             PIDS,
		                             MEMORY,
		                             "cpu.cfs_quota_us",
		                             "memory.limit_in_bytes",
		                             "tasks",
		                             "cgroup.procs",
		                             "cgroup.subtree_control" };
	char whole[128];
	for (unsigned i = 0; !real && flags & AT_REMOVEDIR && i < sizeof files / sizeof *files;
	     i++) {
		snprintf(whole, sizeof whole, "%s/%s", path, files[i]);
		__real_unlinkat(folder, whole, 0);
	}
	return __real_unlinkat(folder, path, flags);
}

int __real_text_file_write(int folder, const char *path, const char *text);
int __wrap_text_file_write(int folder, const char *path, const char *text);
int __wrap_text_file_write(int folder, const char *path, const char *text)
{
	if (!real && !strcmp(path, "cgroup.subtree_control")) {
		const char *inside = get_at(folder, "cgroup.procs"), *controller = text + 1;
		char whole[128];
		if (!inside || *inside) {
			errno = inside ? EBUSY : ENOENT;
			return -1;
		}
		snprintf(whole, sizeof whole, "ampoule-%d/%s.max", (int)getpid(), controller);
		put_at(folder, whole, "");
	}
	return __real_text_file_write(folder, path, text);
}

static int begin(void **state)
{
	(void)state;
	strcpy(root, "/tmp/ampoule-cgroup-XXXXXX");
	real = false;
	return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static const struct cgroup_limits strict = { .processes = 32, .memory = 300 << 20 };
static const struct cgroup_limits share = { .cpu_permille = 250,
	                                    .processes = 32,
	                                    .memory = 300 << 20 };

static void none_is_left(struct cgroup *g, const char *folder)
{
	char command[256];
	cgroup_remove(g);
	snprintf(command, sizeof command, "test -z \"$(find %s%s -name 'ampoule-*')\"", root,
	         folder);
	assert_int_equal(system(command), 0);
}

static void version_1_has_a_group_a_controller(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	put("/proc/self/cgroup", "4:memory:/m\n3:pids:/\n2:cpu,cpuacct:/c\n0::/\n");
	put("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "");
	put("/sys/fs/cgroup/pids/pids.max", "");
	put("/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "");
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_int_equal(g.count, 2);
	assert_string_equal(get("/sys/fs/cgroup/memory/m", "memory.limit_in_bytes"), "314572800");
	assert_string_equal(get("/sys/fs/cgroup/pids", "pids.max"), "32");
	none_is_left(&g, "/sys");
	assert_int_equal(cgroup_make(&g, root, &share, true, &why), 0);
	assert_int_equal(g.count, 3);
	assert_string_equal(get("/sys/fs/cgroup/cpu/c", "cpu.cfs_quota_us"), "25000");
	/* By the file that one thread moves itself by, which nobody waits for. */
	pid_t child = cgroup_fork(&g);
	if (!child)
		_exit(cgroup_enter(&g, &why) != 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(get("/sys/fs/cgroup/pids", "tasks"), "0");
	assert_string_equal(get("/sys/fs/cgroup/pids", "cgroup.procs"), "");
	none_is_left(&g, "/sys");
}

static void version_2_has_one_group(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/cgroup.procs", "");
	put("/sys/fs/cgroup/a/b/cgroup.subtree_control", "cpu memory pids");
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_int_equal(g.count, 1);
	assert_string_equal(get("/sys/fs/cgroup/a/b", MEMORY), "314572800");
	assert_string_equal(get("/sys/fs/cgroup/a/b", PIDS), "32");
	assert_string_equal(get("/sys/fs/cgroup/a/b", CPU), "");
	none_is_left(&g, "/sys");
	assert_int_equal(cgroup_make(&g, root, &share, true, &why), 0);
	assert_string_equal(get("/sys/fs/cgroup/a/b", CPU), "25000 100000");
	none_is_left(&g, "/sys");
}

static void version_2_hands_controllers_down(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cgroup.procs", "");
	put("/sys/fs/cgroup/cgroup.subtree_control", "");
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_string_equal(get("/sys/fs/cgroup", MEMORY), "314572800");
	assert_string_equal(get("/sys/fs/cgroup", PIDS), "32");
	none_is_left(&g, "/sys");
}

/* systemd's scopes and services: the group has processes, the one around it is the user's, too. */
static void limits_that_must_be_had_are_looked_for_outwards(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	put("/proc/self/cgroup", "0::/app.slice/run-1.scope\n");
	put("/sys/fs/cgroup/app.slice/cgroup.procs", "");
	put("/sys/fs/cgroup/app.slice/cgroup.subtree_control", "cpu memory pids");
	put("/sys/fs/cgroup/app.slice/run-1.scope/cgroup.procs", "1\n");
	put("/sys/fs/cgroup/app.slice/run-1.scope/cgroup.subtree_control", "");
	/* The limits of the own group are not left behind for those that nobody has asked for. */
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_int_equal(g.count, 0);
	none_is_left(&g, "/sys");
	assert_int_equal(cgroup_make(&g, root, &share, true, &why), 0);
	assert_int_equal(g.count, 1);
	assert_string_equal(get("/sys/fs/cgroup/app.slice", CPU), "25000 100000");
	none_is_left(&g, "/sys");
}

static void limits_that_cannot_be_had_are_a_defect_and_leave_nothing(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	put("/proc/self/cgroup", "3:pids:/x\n0::/y\n");
	put("/sys/fs/cgroup/pids/x/pids.max", "");
	assert_int_equal(cgroup_make(&g, root, &share, true, &why), -1);
	assert_non_null(strstr(why.text, "this host gives no control group"));
	assert_null(strchr(why.text, '\n'));
	assert_int_equal(g.count, 0);
	none_is_left(&g, "/sys");
	/* What is not asked for is taken as far as it is there. */
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_int_equal(g.count, 1);
	assert_string_equal(get("/sys/fs/cgroup/pids/x", "pids.max"), "32");
	none_is_left(&g, "/sys");
}

static void groups_of_runs_that_were_killed_go(void **state)
{
	(void)state;
	struct cgroup g;
	struct defect why;
	char own[128], gone[128];
	pid_t child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	put("/proc/self/cgroup", "3:pids:/\n");
	put("/sys/fs/cgroup/pids/pids.max", "");
	snprintf(gone, sizeof gone, "%s/sys/fs/cgroup/pids/ampoule-%d", root, (int)child);
	snprintf(own, sizeof own, "%s/sys/fs/cgroup/pids/ampoule-%d", root, (int)getppid());
	assert_int_equal(mkdir(gone, 0700), 0);
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(cgroup_make(&g, root, &strict, false, &why), 0);
	assert_int_equal(access(gone, F_OK), -1);
	assert_int_equal(access(own, F_OK), 0);
	cgroup_remove(&g);
}

/* The kernel's own: a process of which the group is told begins there. */
static void a_process_begins_in_its_group(void **state)
{
	(void)state;
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct cgroup g = { .count = 1 };
	char path[128] = "";
	struct defect why;
	real = true;
	snprintf(g.name, sizeof g.name, "ampoule-%d", (int)getpid());
	int parent = -1;
	for (unsigned i = 0; parent < 0 && i < 2; i++) {
		snprintf(path, sizeof path, "%s/cgroup.subtree_control", mounts[i]);
		if (!access(path, F_OK))
			parent = open(mounts[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (parent < 0 || mkdirat(parent, g.name, 0755))
		skip(); /* no version 2 here, or no right to */
	int into = openat(parent, g.name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	g.groups[0].parent = parent;
	g.groups[0].into = into;
	g.groups[0].enter = openat(into, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	pid_t child = cgroup_fork(&g);
	if (!child) {
		bool there = g.groups[0].enter < 0;
		if (cgroup_enter(&g, &why))
			_exit(2);
		const char *text = get_at(AT_FDCWD, "/proc/self/cgroup");
		_exit(!text || !strstr(text, "/ampoule-") ? 1 : there ? 0 : 3);
	}
	int status = -1;
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	cgroup_remove(&g);
	assert_true(WIFEXITED(status));
	/* 3: an older kernel, or somebody's filter, has made it move there. */
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(version_1_has_a_group_a_controller),
		TEST(version_2_has_one_group),
		TEST(version_2_hands_controllers_down),
		TEST(limits_that_must_be_had_are_looked_for_outwards),
		TEST(limits_that_cannot_be_had_are_a_defect_and_leave_nothing),
		TEST(groups_of_runs_that_were_killed_go),
		TEST(a_process_begins_in_its_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

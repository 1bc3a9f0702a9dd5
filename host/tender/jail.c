/* SPDX-License-Identifier: ISC */
/*
 * Root becomes a user that nobody else is, and only then makes the namespace of users, whose only member that user is: what
 * gets out of everything else is still nobody. Who is not root needs that namespace first, for the one of processes.
 * Inside, the user is called nobody (65534): no id of the host has a name there.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/confinement.h>
#include <tender/jail.h>
#include <tender/monitor.h>
#include <tender/text_file.h>

#define USER_INSIDE   65534u
#define NAMESPACES    (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define PROCESSES_MAX 32u
/* What a tender uses beside the image's memory: page tables, the kernel's side of rings and sockets, buffers of files. */
#define MEMORY_BESIDE (256ull << 20)
/* Of that: the kernel's tables for a page of 4 KiB, which are the host's, KVM's own and those of its slots: 26 bytes of 4096. */
#define MEMORY_TABLES 64u
#define FILES_MAX     512u

/* ---- Users ---- */

/* The new namespace knows one user and one group, which are ours outside. */
static int map_user(unsigned user, unsigned group, struct defect *why)
{
	char users[64], groups[64];
	snprintf(users, sizeof users, "%u %u 1", USER_INSIDE, user);
	snprintf(groups, sizeof groups, "%u %u 1", USER_INSIDE, group);
	if (text_file_write(AT_FDCWD, "/proc/self/setgroups", "deny") ||
	    text_file_write(AT_FDCWD, "/proc/self/gid_map", groups) ||
	    text_file_write(AT_FDCWD, "/proc/self/uid_map", users))
		return defect_set(why, "jail: cannot map its user: %s", strerror(errno));
	return 0;
}

static int new_users(int more, struct defect *why)
{
	unsigned user = geteuid(), group = getegid();
	if (unshare(CLONE_NEWUSER | more))
		return defect_set(why, "jail: this host makes no namespace of users: %s%s",
		                  strerror(errno),
		                  errno == EPERM || errno == ENOSPC
		                          ? ": see user.max_user_namespaces and "
		                            "kernel.unprivileged_userns_clone (sysctl)"
		                          : "");
	return map_user(user, group, why);
}

/* Does this namespace know the user, so that root may become it? */
static bool is_known(unsigned user)
{
	int before = setfsuid(user);
	bool known = setfsuid((uid_t)-1) == (int)user;
	setfsuid((uid_t)before);
	return known;
}

/* Root becomes `user`, and keeps what it takes to make namespaces. */
static int become(unsigned user, struct defect *why)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) || setresgid(user, user, user) ||
	    setresuid(user, user, user))
		return defect_set(why, "jail: cannot become another user: %s", strerror(errno));
	if (syscall(SYS_capget, &head, caps))
		return defect_set(why, "jail: cannot keep its capabilities: %s", strerror(errno));
	caps[0].effective = caps[0].permitted;
	caps[1].effective = caps[1].permitted;
	/* Its own files in /proc stay its own. */
	if (syscall(SYS_capset, &head, caps) || prctl(PR_SET_DUMPABLE, 1))
		return defect_set(why, "jail: cannot keep its capabilities: %s", strerror(errno));
	return 0;
}

/* ---- Files ---- */

/* An empty root that cannot be written to; the host's is not mounted any more. */
static int empty_root(struct defect *why)
{
	static const char *const places[] = { "/tmp", "/run", "/dev", "/" };
	bool mounted = false;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return defect_set(why, "jail: cannot make its mounts private: %s", strerror(errno));
	for (unsigned i = 0; !mounted && i < sizeof places / sizeof *places; i++)
		mounted = !mount("empty", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		                 "size=4k,nr_inodes=1,mode=0555") &&
		          !chdir(places[i]);
	if (!mounted ||
	    mount(NULL, ".", NULL,
	          MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return defect_set(why, "jail: cannot enter an empty root: %s", strerror(errno));
	return 0;
}

/* linux/landlock.h as of Linux 6.12; older kernels know the beginning of it. */
struct landlock_rules {
	uint64_t files, network, scopes;
};

static int landlock(struct jail *j, struct defect *why)
{
	static const uint8_t file_bits[] = { 0, 13, 14, 15, 15, 16 }; /* by ABI */
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	j->no_landlock = abi < 1;
	if (j->no_landlock)
		return 0;
	struct landlock_rules r = { .files = (1ull << file_bits[abi < 5 ? abi : 5]) - 1 };
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	if (abi >= 4)
		r.network = 3; /* bind, connect */
	if (abi >= 6)
		r.scopes = 3; /* abstract sockets, signals */
	int rules = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (rules < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, rules, 0))
		return defect_set(why, "jail: Landlock refuses: %s", strerror(errno));
	close(rules);
	return 0;
}

/* Bytes of this process's address space; 0: not known. */
static uint64_t address_space(void)
{
	char text[64] = "";
	unsigned long long pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 && sscanf(text, "%llu", &pages) == 1 ? pages * 4096 : 0;
}

/* `memory`: of the address space now. */
static int limits(uint64_t memory, struct defect *why)
{
	const struct {
		int resource;
		rlim_t most;
	} all[] = { { RLIMIT_CORE, 0 },
		    { RLIMIT_MSGQUEUE, 0 },
		    { RLIMIT_NOFILE, FILES_MAX },
		    { RLIMIT_AS, memory + MEMORY_BESIDE } };
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		struct rlimit now;
		if (getrlimit(all[i].resource, &now))
			return defect_set(why, "jail: limits: %s", strerror(errno));
		if (now.rlim_max > all[i].most)
			now.rlim_max = all[i].most;
		if (now.rlim_cur > now.rlim_max)
			now.rlim_cur = now.rlim_max;
		if (setrlimit(all[i].resource, &now))
			return defect_set(why, "jail: limits: %s", strerror(errno));
	}
	return 0;
}

/* ---- The two steps ---- */

int jail_enter(struct jail *j, const struct jail_options *o, uint64_t memory, struct defect *why)
{
	static struct cgroup group;
	struct cgroup_limits most = { .cpu_permille = o->cpu_permille };
	struct defect what;
	*j = (struct jail){ .strict = o->strict };
	if (!o->strict && !o->cpu_permille)
		return 0;
	if (o->strict) {
		most.processes = PROCESSES_MAX;
		most.memory = memory + MEMORY_BESIDE + memory / MEMORY_TABLES;
	}
	if (cgroup_make(&group, "", &most, o->cpu_permille, &what))
		return defect_set(why, "--cpus: %s", what.text);
	j->no_group = o->strict && !group.count;
	if (o->strict && !geteuid())
		j->user = confinement_draw_user();
	if (o->strict) {
		/* A container's root, who knows few users, stays what it is outside. */
		j->has_users =
		        !j->user || !is_known(j->user) || (unshare(CLONE_NEWPID) && errno == EPERM);
		if (j->has_users) {
			j->user = 0;
			if (new_users(CLONE_NEWPID, why))
				goto fail;
		}
	}
	monitor_hold();
	pid_t child = cgroup_fork(&group);
	if (child < 0) {
		defect_set(why, "jail: cannot make a process: %s", strerror(errno));
		monitor_release();
		goto fail;
	}
	if (child)
		monitor_run(child, &group);
	monitor_release();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cgroup_enter(&group, &what)) {
		if (o->cpu_permille)
			return defect_set(why, "--cpus: %s", what.text);
		j->no_group = true;
	}
	return 0;
fail:
	cgroup_remove(&group);
	return -1;
}

int jail_close(struct jail *j, struct defect *why)
{
	if (!j->strict)
		return 0;
	uint64_t memory = address_space();
	if (!memory)
		return defect_set(why, "jail: /proc does not tell its size");
	if (j->user && become(j->user, why))
		return -1;
	if (j->has_users) {
		if (unshare(NAMESPACES))
			return defect_set(why, "jail: this host makes no namespaces: %s",
			                  strerror(errno));
	} else if (new_users(NAMESPACES, why)) {
		return -1;
	}
	if (empty_root(why) || landlock(j, why) || limits(memory, why))
		return -1;
	/* Other users' debuggers have no business here; a change of user forgets the other. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return defect_set(why, "jail: %s", strerror(errno));
	return 0;
}

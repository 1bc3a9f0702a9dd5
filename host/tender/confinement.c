/* SPDX-License-Identifier: ISC */
/*
 * An empty network namespace was measured at 0.7 to 4 ms on the reference host, a mount namespace
 * at 0.3 ms: more than the rest of the start-up together. The filter reaches the same end for less:
 * it allows no call that makes a socket or opens a file. What is left against a mistake in it is
 * the empty root directory and the unique user.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/confinement.h>
#include <tender/picture.h>
#include <tender/stop.h>
#include <tender/filter.h>
#include <tender/watchdog.h>

/*
 * A user of its own for each tender, drawn at random from what systemd's list of user numbers calls unused, 1879048192 to
 * 2147352575: above all that it, container managers and directories hand out, below 2^31. A process number would be the same
 * in each PID namespace. Of a thousand tenders on a host, two are the same user with a chance of 1 in 537; then each still
 * has a filter that lets it signal and trace its own child only.
 */
#define USER_FIRST  0x70000000u
#define USERS       0x0ffe0000u
#define USER_NOBODY 65534u

static int empty_root(void)
{
	/* In memory first: a directory of a disk's takes ten times as long. */
	static const char *const where[] = { "/dev/shm/ampoule-XXXXXX", "/run/ampoule-XXXXXX",
		                             "/tmp/ampoule-XXXXXX" };
	for (unsigned i = 0; i < sizeof where / sizeof *where; i++) {
		char path[64];
		int fd = -1;
		sigset_t all, before;
		strcpy(path, where[i]);
		/* A signal that ends us in between would leave the directory behind. */
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, &before);
		bool made = mkdtemp(path);
		if (made) {
			fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			rmdir(path);
		}
		sigprocmask(SIG_SETMASK, &before, NULL);
		if (!made)
			continue;
		int failed = fd < 0 || fchdir(fd) || chroot(".");
		if (fd >= 0)
			close(fd);
		return failed ? -1 : 0;
	}
	return -1;
}

static int other_user(unsigned id)
{
	return setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id) ? -1 : 0;
}

unsigned confinement_draw_user(void)
{
	uint32_t v;
	if (getrandom(&v, sizeof v, 0) != sizeof v)
		abort(); /* the kernel's generator cannot fail once it is up */
	return USER_FIRST + v % USERS;
}

void confinement_drop(void)
{
	char missing[512] = ""; /* three of the longest */
	size_t at = 0;
#define MISSING(what_)                                                                             \
	(at += (size_t)snprintf(missing + at, sizeof missing - at, "%s%s (%s)", at ? ", " : "",    \
	                        what_, strerror(errno)))
	if (!geteuid()) {
		if (empty_root())
			MISSING("no empty root directory");
		/* A user namespace may know few users: then nobody has to do. */
		if (other_user(confinement_draw_user()) && other_user(USER_NOBODY))
			MISSING("no user of its own");
	}
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };
	if (syscall(SYS_capset, &head, none))
		MISSING("capabilities are kept");
#undef MISSING
	if (at)
		say("this host confines the run less than others do: %s", missing);
}

static void allow_all(struct filter *f, const int *calls, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		filter_allow(f, calls[i]);
}
#define ALLOW(filter_, ...)                                                                        \
	allow_all(filter_, (const int[]){ __VA_ARGS__ }, sizeof(int[]){ __VA_ARGS__ } / sizeof(int))

/* What every thread does: time, locks, giving way, polls (of descriptors that are open, which is all that they name), words
 * at the end, the end. */
static void common(struct filter *f)
{
	filter_allow_on(f, SYS_write, 2, NULL, 0);
	ALLOW(f, SYS_futex, SYS_clock_gettime, SYS_poll, SYS_ppoll, SYS_sched_yield,
	      SYS_restart_syscall, SYS_rt_sigreturn, SYS_exit_group);
}

/* Of the rules of one call, what comes often is told first. */
void confinement_image(struct filter *f, const struct confinement_fds *fds,
                       const struct devices *devices)
{
	static const uint64_t requests[] = { KVM_RUN, KVM_GET_SREGS };
	filter_begin(f, SECCOMP_RET_KILL_PROCESS);
	for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
		const struct filter_arg request = { 1, FILTER_EQUAL, requests[i] };
		filter_allow_on(f, SYS_ioctl, fds->vcpu, &request, 1);
	}
	devices_allow(devices, f);
	filter_allow_on(f, SYS_write, fds->kick, NULL, 0);
	filter_allow_on(f, SYS_write, 1, NULL, 0);
	/* AMP_GATE_SEED */
	const struct filter_arg seed[] = { { 1, FILTER_EQUAL, AMP_SEED_SIZE },
		                           { 2, FILTER_EQUAL, 0 } };
	filter_allow_if(f, SYS_getrandom, seed, 2);
	picture_allow(f, fds->image, true);
	common(f);
	stop_allow(f);
	watchdog_allow(f);
	filter_end(f);
}

void confinement_pump(struct filter *f, const struct confinement_fds *fds,
                      const struct devices *devices)
{
	filter_begin(f, SECCOMP_RET_KILL_PROCESS);
	devices_allow(devices, f);
	filter_allow_on(f, SYS_epoll_wait, fds->epoll, NULL, 0);
	filter_allow_on(f, SYS_read, fds->kick, NULL, 0);
	common(f);
	filter_end(f);
}

void confinement_watcher(struct filter *f, const struct confinement_fds *fds,
                         const struct devices *devices)
{
	static const uint64_t requests[] = { PTRACE_GETSIGINFO, PTRACE_GETREGS,   PTRACE_CONT,
		                             PTRACE_LISTEN,     PTRACE_INTERRUPT, PTRACE_SETREGS };
	const struct filter_arg first = { 0, FILTER_EQUAL, (uint64_t)fds->child };
	const struct filter_arg kill[] = { first, { 1, FILTER_EQUAL, SIGKILL } };
	filter_begin(f, SECCOMP_RET_KILL_PROCESS);
	devices_allow(devices, f);
	filter_allow_on(f, SYS_epoll_wait, fds->epoll, NULL, 0);
	filter_allow_on(f, SYS_read, fds->kick, NULL, 0);
	filter_allow_on(f, SYS_write, fds->bell, NULL, 0);
	filter_allow_on(f, SYS_read, fds->signals, NULL, 0);
	for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
		if ((requests[i] == PTRACE_INTERRUPT && !picture_is_offered()) ||
		    (requests[i] == PTRACE_SETREGS && !fds->parts))
			continue;
		const struct filter_arg trace[] = { { 0, FILTER_EQUAL, requests[i] },
			                            { 1, FILTER_EQUAL, (uint64_t)fds->child } };
		filter_allow_if(f, SYS_ptrace, trace, 2);
	}
	filter_allow_if(f, SYS_wait4, &first, 1);
	filter_allow_if(f, SYS_kill, kill, 2);
	filter_allow_if(f, SYS_process_vm_readv, &first, 1);
	picture_allow(f, fds->image, false);
	common(f);
	stop_allow(f);
	watchdog_allow(f);
	filter_end(f);
}

int confinement_close(const struct filter *const *filters, unsigned count, struct defect *why)
{
	if (filter_close_others(filters, count))
		return defect_set(why,
		                  "cannot close descriptors (Linux 5.9 or newer is needed): %s",
		                  strerror(errno));
	return 0;
}

int confinement_seal(const struct filter *f, struct defect *why)
{
	if (filter_install(f, 0))
		return defect_set(why, "cannot confine itself (seccomp): %s", strerror(errno));
	return 0;
}

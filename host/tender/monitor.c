/* SPDX-License-Identifier: ISC */
/*
 * Signals are taken by sigwaitinfo, one at a time. Those of the terminal come to both processes, since both are of its
 * foreground group: the kernel is their sender, and they are not passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/filter.h>
#include <tender/monitor.h>

static sigset_t before;

static void taken(sigset_t *set)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD };
	sigemptyset(set);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(set, signals[i]);
}

void monitor_hold(void)
{
	sigset_t set;
	taken(&set);
	signal(SIGCHLD, SIG_DFL); /* somebody before us may have ignored it */
	sigprocmask(SIG_BLOCK, &set, &before);
}

void monitor_release(void)
{
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* All but the group's, which move to where they are known: from 3 on. */
static int close_all(struct cgroup *g)
{
	int next = 3;
	for (uint32_t i = 0; i < g->count; i++) {
		close(g->groups[i].enter);
		/* Their numbers rise, and each is at least `next`. */
		if (g->groups[i].parent != next)
			dup3(g->groups[i].parent, next, O_CLOEXEC);
		g->groups[i].parent = next++;
	}
	return (int)syscall(SYS_close_range, next, ~0u, 0);
}

static int give_up(pid_t child)
{
	static const int plain[] = { SYS_rt_sigtimedwait, SYS_wait4,           SYS_exit_group,
		                     SYS_rt_sigreturn,    SYS_restart_syscall, SYS_clock_nanosleep,
		                     SYS_nanosleep };
	static struct filter f;
	const struct filter_arg own[] = { { 0, FILTER_EQUAL, (uint64_t)child } },
	                        folder[] = { { 2, FILTER_EQUAL, AT_REMOVEDIR } };
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { 0 }, have[2];
	/* To signal a process of another user, and to remove a group that root has made. */
	const uint32_t keep = 1u << CAP_KILL | 1u << CAP_DAC_OVERRIDE;
	if (syscall(SYS_capget, &head, have))
		return -1;
	caps[0].effective = caps[0].permitted = have[0].permitted & keep;
	if (syscall(SYS_capset, &head, caps))
		return -1;
	filter_begin(&f, SECCOMP_RET_KILL_PROCESS);
	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
		filter_allow(&f, plain[i]);
	filter_allow_if(&f, SYS_kill, own, 1);
	filter_allow_if(&f, SYS_unlinkat, folder, 1);
	filter_end(&f);
	return filter_install(&f, 0);
}

_Noreturn void monitor_run(pid_t child, struct cgroup *g)
{
	sigset_t set;
	siginfo_t info;
	int status;
	if (close_all(g) || give_up(child)) {
		kill(child, SIGKILL);
		say("the process outside of the jail cannot confine itself: %s", strerror(errno));
		cgroup_remove(g);
		_exit(AMP_EXIT_TENDER);
	}
	taken(&set);
	for (;;) {
		int signal = sigwaitinfo(&set, &info);
		if (signal > 0 && signal != SIGCHLD && info.si_code <= 0)
			kill(child, signal);
		if (signal == SIGCHLD && waitpid(child, &status, WNOHANG) == child)
			break;
	}
	cgroup_remove(g);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

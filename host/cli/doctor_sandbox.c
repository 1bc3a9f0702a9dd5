/* SPDX-License-Identifier: ISC */
/*
 * What the sandbox tender leans on, tried as nobody where we are root: a seccomp filter that needs
 * no privilege, ptrace of an own child, the image's address range, FS base from user space; and
 * what a system call costs bare and under a filter, since each gate call is one.
 */
#include "doctor_probe.h"

#include <ampoule_abi.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS        1000   /* of one batch */
#define BATCHES      7      /* the fastest counts */
#define FILTER_ERRNO ENOTTY /* by which the filter shows that it was the one who refused */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static double syscall_ns(void)
{
	uint64_t best = UINT64_MAX;

	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t start = doctor_ns(), ns;

		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		ns = doctor_ns() - start;
		if (ns < best)
			best = ns;
	}
	return (double)best / CALLS;
}

/* Allows all but sched_yield, compared after a list as long as a sandbox's. */
static int install_filter(void)
{
	static const unsigned allowed[] = { SYS_read,       SYS_write,        SYS_ppoll,  SYS_exit,
		                            SYS_exit_group, SYS_rt_sigreturn, SYS_getppid };
	struct sock_filter code[4 + 2 * (sizeof allowed / sizeof allowed[0]) + 3];
	struct sock_fprog program = { .filter = code };
	unsigned n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                         offsetof(struct seccomp_data, arch));
	code[n++] =
	        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                         offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
		code[n++] =
		        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | FILTER_ERRNO);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static bool probe_ptrace(struct doctor_report *report)
{
	struct user_regs_struct regs;
	uint64_t start = doctor_ns(), ns;
	struct doctor_line *line;
	const char *step = "fork";
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0)
		goto fail;
	step = "waitpid";
	if (waitpid(pid, &status, 0) != pid)
		goto fail;
	step = "PTRACE_TRACEME";
	errno = 0;
	if (!WIFSTOPPED(status))
		goto fail;
	step = "PTRACE_GETREGS";
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		goto fail;
	ns = doctor_ns() - start;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	doctor_line(report, "sandbox.ptrace", DOCTOR_OK, (double)ns / 1e3, "us",
	            "ptrace of an own child works: %.0f us to start, stop and read one",
	            (double)ns / 1e3);
	return true;
fail:
	line = doctor_line(
	        report, "sandbox.ptrace", DOCTOR_NOTE, 0, NULL,
	        "ptrace of an own child fails at %s: %s (crash reports may lack registers)", step,
	        errno ? strerror(errno) : "refused");
	doctor_remedy(
	        line,
	        "allow ptrace: sysctl kernel.yama.ptrace_scope=1, or a container profile with it");
	if (pid > 0)
		kill(pid, SIGKILL);
	return false;
}

static bool probe_addresses(struct doctor_report *report)
{
	void *want = (void *)(uintptr_t)AMP_IMAGE_LOW;
	void *got = mmap(want, AMP_PAGE, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == want)
		return true;
	doctor_remedy(doctor_line(report, "sandbox.memory", DOCTOR_MISSING, 0, NULL,
	                          "the image's addresses, %#llx on, cannot be mapped: %s",
	                          (unsigned long long)AMP_IMAGE_LOW,
	                          got == MAP_FAILED ? strerror(errno) : "the kernel chose others"),
	              "lift a limit on address space (ulimit -v unlimited)");
	return false;
}

void doctor_sandbox(struct doctor_report *report)
{
	bool was_root = geteuid() == 0, memory;
	bool nobody = doctor_become_nobody() == 0;
	struct doctor_line *line;
	double bare, filtered;

	memory = probe_addresses(report);
	bare = syscall_ns();
	if (install_filter() < 0) {
		line = doctor_line(report, "sandbox.filter", DOCTOR_MISSING, 0, NULL,
		                   "a seccomp filter cannot be installed: %s", strerror(errno));
		doctor_remedy(line, "use a kernel with CONFIG_SECCOMP_FILTER, or a container "
		                    "profile that allows seccomp()");
		return;
	}
	if (syscall(SYS_sched_yield) == 0 || errno != FILTER_ERRNO) {
		line = doctor_line(report, "sandbox.filter", DOCTOR_MISSING, 0, NULL,
		                   "a seccomp filter installs, but does not filter");
		doctor_remedy(line, "this is not a Linux kernel's seccomp: find out what "
		                    "intercepts system calls here");
		return;
	}
	filtered = syscall_ns();
	doctor_line(report, "sandbox.filter", DOCTOR_OK, filtered - bare > 0 ? filtered - bare : 0,
	            "ns", "seccomp filters work%s; they add %.0f ns to a call",
	            nobody ? was_root ? " for ordinary users too" : " for this user" : "",
	            filtered - bare > 0 ? filtered - bare : 0);
	doctor_line(
	        report, "sandbox.syscall", DOCTOR_OK, filtered, "ns",
	        "%.0f ns for a system call under a filter, %.0f ns without (each gate call is one)",
	        filtered, bare);
	report->sandbox = memory;
	probe_ptrace(report);
}

/* SPDX-License-Identifier: ISC */
/*
 * The tender taken over: the command with an attacker in it, who has any code run at the moment from which on it may have been
 * taken over, right behind the seal (--wrap, meson.build). AMPOULE_ATTACKER names the thread: image, pump or watcher;
 * AMPOULE_ATTACK what is tried there, in the table below. The kernel has to end the process (SIGSYS); the attacker's own end says
 * what came of it else. Never installed; tests/hostile runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <tender/confinement.h>

#define DID    77 /* the call did what was asked */
#define FAILED 78 /* it gave an error */

/* What only a run knows. */
enum { OTHER = 0x70000001, PARENT, SELF, CHILD, VCPU, KICK, EPOLL, ROOM, CODE, PATH, KNOWN };

static const struct attack {
	const char *name;
	long call;
	long args[6];
} attacks[] = {
	/* That the attacker gets to run at all. */
	{ "control", SYS_sched_yield, { 0 } },
	/* Files */
	{ "open", SYS_open, { PATH, O_RDONLY } },
	{ "openat", SYS_openat, { AT_FDCWD, PATH, O_RDONLY } },
	{ "openat2", SYS_openat2, { AT_FDCWD, PATH, ROOM, 24 } },
	{ "creat", SYS_creat, { PATH, 0600 } },
	{ "open_by_handle", SYS_open_by_handle_at, { AT_FDCWD, ROOM, O_RDONLY } },
	{ "memfd", SYS_memfd_create, { PATH, 0 } },
	{ "stat", SYS_newfstatat, { AT_FDCWD, PATH, ROOM, 0 } },
	{ "readlink", SYS_readlink, { PATH, ROOM, 64 } },
	{ "access", SYS_access, { PATH, R_OK } },
	{ "mkdir", SYS_mkdir, { PATH, 0700 } },
	{ "unlink", SYS_unlink, { PATH } },
	{ "rename", SYS_rename, { PATH, PATH } },
	{ "chmod", SYS_chmod, { PATH, 0777 } },
	{ "truncate", SYS_truncate, { PATH, 0 } },
	{ "chdir", SYS_chdir, { PATH } },
	{ "chroot", SYS_chroot, { PATH } },
	{ "mount", SYS_mount, { PATH, PATH, 0, 0, 0 } },
	{ "umount", SYS_umount2, { PATH, 0 } },
	{ "pivot_root", SYS_pivot_root, { PATH, PATH } },
	{ "inotify", SYS_inotify_init1, { 0 } },
	{ "fanotify", SYS_fanotify_init, { 0, 0 } },
	/* Processes */
	{ "fork", SYS_fork, { 0 } },
	{ "clone", SYS_clone, { SIGCHLD, 0, 0, 0, 0 } },
	{ "thread", SYS_clone, { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, ROOM, 0, 0, 0 } },
	{ "clone3", SYS_clone3, { ROOM, 88 } },
	{ "execve", SYS_execve, { PATH, 0, 0 } },
	{ "execveat", SYS_execveat, { AT_FDCWD, PATH, 0, 0, 0 } },
	{ "kill-parent", SYS_kill, { PARENT, SIGKILL } },
	{ "kill-init", SYS_kill, { 1, 0 } },
	{ "kill-all", SYS_kill, { -1, 0 } },
	{ "kill-group", SYS_kill, { 0, 0 } },
	{ "kill-self", SYS_kill, { SELF, 0 } },
	{ "stop-child", SYS_kill, { CHILD, SIGSTOP } },
	{ "ask-child", SYS_kill, { CHILD, 0 } },
	{ "tkill", SYS_tkill, { PARENT, 0 } },
	{ "tgkill", SYS_tgkill, { PARENT, PARENT, 0 } },
	{ "sigqueue", SYS_rt_sigqueueinfo, { PARENT, SIGTERM, ROOM } },
	{ "pidfd", SYS_pidfd_open, { PARENT, 0 } },
	{ "pidfd-signal", SYS_pidfd_send_signal, { OTHER, 0, 0, 0 } },
	{ "pidfd-getfd", SYS_pidfd_getfd, { OTHER, 0, 0 } },
	{ "wait-any", SYS_wait4, { -1, 0, 1, 0 } },
	{ "wait-parent", SYS_wait4, { PARENT, 0, 1, 0 } },
	{ "trace-parent", SYS_ptrace, { PTRACE_ATTACH, PARENT, 0, 0 } },
	{ "seize-parent", SYS_ptrace, { PTRACE_SEIZE, PARENT, 0, 0 } },
	{ "trace-me", SYS_ptrace, { PTRACE_TRACEME, 0, 0, 0 } },
	{ "poke-child", SYS_ptrace, { PTRACE_POKEDATA, CHILD, 0, 0 } },
	{ "set-child-registers", SYS_ptrace, { PTRACE_SETREGS, CHILD, 0, ROOM } },
	{ "detach-child", SYS_ptrace, { PTRACE_DETACH, CHILD, 0, 0 } },
	{ "child-options", SYS_ptrace, { PTRACE_SETOPTIONS, CHILD, 0, 0 } },
	{ "registers-of-parent", SYS_ptrace, { PTRACE_GETREGS, PARENT, 0, ROOM } },
	{ "read-parent", SYS_process_vm_readv, { PARENT, ROOM, 0, ROOM, 0, 0 } },
	{ "write-child", SYS_process_vm_writev, { CHILD, ROOM, 0, ROOM, 0, 0 } },
	{ "write-parent", SYS_process_vm_writev, { PARENT, ROOM, 0, ROOM, 0, 0 } },
	{ "limits", SYS_prlimit64, { PARENT, 7, 0, ROOM } },
	{ "priority", SYS_setpriority, { 0, 0, -20 } },
	{ "schedule", SYS_sched_setattr, { 0, ROOM, 0 } },
	{ "affinity", SYS_sched_setaffinity, { 0, 8, ROOM } },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER } },
	{ "setns", SYS_setns, { OTHER, 0 } },
	{ "session", SYS_setsid, { 0 } },
	/* Sockets */
	{ "socket-inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "socket-unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "socket-netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socket-packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, ROOM } },
	{ "bind", SYS_bind, { OTHER, ROOM, 16 } },
	{ "connect", SYS_connect, { OTHER, ROOM, 16 } },
	{ "listen", SYS_listen, { OTHER, 1 } },
	{ "accept", SYS_accept4, { OTHER, 0, 0, 0 } },
	{ "sendto", SYS_sendto, { OTHER, ROOM, 1, 0, 0, 0 } },
	{ "sendmsg", SYS_sendmsg, { OTHER, ROOM, 0 } },
	{ "sendmmsg", SYS_sendmmsg, { OTHER, ROOM, 1, 0 } },
	{ "recvfrom", SYS_recvfrom, { OTHER, ROOM, 1, MSG_DONTWAIT, 0, 0 } },
	{ "recvmsg", SYS_recvmsg, { OTHER, ROOM, MSG_DONTWAIT } },
	{ "getsockopt", SYS_getsockopt, { OTHER, SOL_SOCKET, SO_ERROR, ROOM, ROOM } },
	{ "setsockopt", SYS_setsockopt, { OTHER, SOL_SOCKET, SO_SNDBUF, ROOM, 4 } },
	/* Descriptors that are not its own, or not for this */
	{ "read", SYS_read, { OTHER, ROOM, 8 } },
	{ "write", SYS_write, { OTHER, ROOM, 8 } },
	{ "readv", SYS_readv, { OTHER, ROOM, 0 } },
	{ "writev", SYS_writev, { OTHER, ROOM, 0 } },
	{ "pread", SYS_pread64, { OTHER, ROOM, 0, 0 } },
	{ "pwrite", SYS_pwrite64, { OTHER, ROOM, 0, 0 } },
	{ "preadv", SYS_preadv, { OTHER, ROOM, 0, 0 } },
	{ "pwritev", SYS_pwritev, { OTHER, ROOM, 0, 0 } },
	{ "pwritev2", SYS_pwritev2, { OTHER, ROOM, 0, 0, 0 } },
	{ "ioctl", SYS_ioctl, { OTHER, 0x5401, ROOM } },
	{ "read-input", SYS_read, { 0, ROOM, 8 } },
	{ "read-output", SYS_read, { 1, ROOM, 8 } },
	{ "write-vcpu", SYS_write, { VCPU, ROOM, 8 } },
	{ "write-epoll", SYS_write, { EPOLL, ROOM, 8 } },
	{ "read-epoll", SYS_read, { EPOLL, ROOM, 8 } },
	{ "output-ioctl", SYS_ioctl, { 1, 0x5412, ROOM } }, /* TIOCSTI */
	{ "epoll_ctl", SYS_epoll_ctl, { EPOLL, 1, OTHER, ROOM } },
	{ "epoll_wait", SYS_epoll_wait, { OTHER, ROOM, 1, 0 } },
	{ "epoll_pwait2", SYS_epoll_pwait2, { EPOLL, ROOM, 1, ROOM, 0, 0 } },
	{ "dup", SYS_dup, { OTHER } },
	{ "dup2", SYS_dup2, { OTHER, 1 } },
	{ "fcntl", SYS_fcntl, { OTHER, F_DUPFD, 0 } },
	{ "close", SYS_close, { OTHER } },
	{ "close_range", SYS_close_range, { 3, ~0u, 0 } },
	{ "sendfile", SYS_sendfile, { 1, OTHER, 0, 8 } },
	{ "splice", SYS_splice, { OTHER, 0, 1, 0, 8, 0 } },
	{ "tee", SYS_tee, { OTHER, 1, 8, 0 } },
	{ "copy_file_range", SYS_copy_file_range, { OTHER, 0, 1, 0, 8, 0 } },
	{ "ftruncate", SYS_ftruncate, { OTHER, 0 } },
	{ "fallocate", SYS_fallocate, { OTHER, 0, 0, 1 } },
	{ "fdatasync", SYS_fdatasync, { OTHER } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, ROOM } },
	{ "io_uring_register", SYS_io_uring_register, { OTHER, 0, 0, 0 } },
	{ "io_uring_enter", SYS_io_uring_enter, { OTHER, 0, 0, 0, 0, 0 } },
	{ "eventfd", SYS_eventfd2, { 0, 0 } },
	{ "pipe", SYS_pipe2, { ROOM, 0 } },
	{ "timerfd", SYS_timerfd_create, { 1, 0 } },
	{ "timerfd_settime", SYS_timerfd_settime, { OTHER, 0, ROOM, 0 } },
	{ "signalfd", SYS_signalfd4, { -1, ROOM, 8, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 0 } },
	{ "userfaultfd-register", SYS_ioctl, { OTHER, (long)UFFDIO_REGISTER, ROOM } },
	{ "userfaultfd-copy", SYS_ioctl, { OTHER, (long)UFFDIO_COPY, ROOM } },
	{ "scan-pages", SYS_ioctl, { OTHER, 0xc0606610, ROOM } },
	{ "mincore", SYS_mincore, { CODE, 4096, 1 } },
	{ "perf", SYS_perf_event_open, { ROOM, 0, -1, -1, 0 } },
	{ "bpf", SYS_bpf, { 0, ROOM, 64 } },
	/* KVM: nothing but to run, and to read registers for a report */
	{ "kvm-set-registers", SYS_ioctl, { VCPU, (long)KVM_SET_REGS, ROOM } },
	{ "kvm-set-special-registers", SYS_ioctl, { VCPU, (long)KVM_SET_SREGS, ROOM } },
	{ "kvm-msrs", SYS_ioctl, { VCPU, (long)KVM_SET_MSRS, ROOM } },
	{ "kvm-cpuid", SYS_ioctl, { VCPU, (long)KVM_SET_CPUID2, ROOM } },
	{ "kvm-memory", SYS_ioctl, { VCPU, (long)KVM_SET_USER_MEMORY_REGION, ROOM } },
	{ "kvm-device", SYS_ioctl, { VCPU, (long)KVM_CREATE_DEVICE, ROOM } },
	{ "kvm-run-other", SYS_ioctl, { OTHER, (long)KVM_RUN, 0 } },
	/* Memory */
	{ "mmap-code",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mmap",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mmap-shared", SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, OTHER, 0 } },
	{ "mprotect-code", SYS_mprotect, { CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC } },
	{ "mprotect-data", SYS_mprotect, { ROOM, 4096, PROT_READ | PROT_EXEC } },
	{ "pkey_mprotect", SYS_pkey_mprotect, { ROOM, 4096, PROT_READ | PROT_EXEC, -1 } },
	{ "mremap", SYS_mremap, { ROOM, 4096, 8192, 1, 0 } },
	{ "munmap", SYS_munmap, { ROOM, 4096 } },
	{ "madvise", SYS_madvise, { ROOM, 4096, 4 } },
	{ "brk", SYS_brk, { 0 } },
	{ "shm", SYS_shmget, { 0, 4096, 01600 } },
	{ "shmat", SYS_shmat, { 0, 0, 0 } },
	/* The rest of the kernel */
	{ "seccomp", SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0, 0 } },
	{ "prctl-dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
	{ "prctl-seccomp", SYS_prctl, { PR_SET_SECCOMP, 2, 0, 0, 0 } },
	{ "arch_prctl", SYS_arch_prctl, { 0x1001, ROOM } },
	{ "personality", SYS_personality, { 0 } },
	{ "setuid", SYS_setuid, { 0 } },
	{ "setgroups", SYS_setgroups, { 0, 0 } },
	{ "capset", SYS_capset, { ROOM, ROOM } },
	{ "sigaction", SYS_rt_sigaction, { SIGSYS, 0, ROOM, 8 } },
	{ "sigprocmask", SYS_rt_sigprocmask, { 0, ROOM, 0, 8 } },
	{ "timer-virtual", SYS_setitimer, { ITIMER_VIRTUAL, ROOM, 0 } },
	{ "timer_create", SYS_timer_create, { 0, 0, ROOM } },
	{ "clock_settime", SYS_clock_settime, { 0, ROOM } },
	{ "modify_ldt", SYS_modify_ldt, { 0, ROOM, 16 } },
	{ "iopl", SYS_iopl, { 3 } },
	{ "ioperm", SYS_ioperm, { 0, 8, 1 } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "kexec", SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "module", SYS_init_module, { 0, 0, PATH } },
	{ "keyctl", SYS_keyctl, { 0, -1, 0, 0, 0 } },
	{ "add_key", SYS_add_key, { PATH, PATH, 0, 0, -1 } },
	{ "syslog", SYS_syslog, { 3, ROOM, 64 } },
	{ "uname", SYS_uname, { ROOM } },
	{ "getpid", SYS_getpid, { 0 } },
	{ "random", SYS_getrandom, { ROOM, 4096, 0 } },
	{ "x32", 0x40000000 + SYS_getpid, { 0 } },
	{ "int80", -1, { 0 } },
};

void __real_confinement_image(struct filter *, const struct confinement_fds *,
                              const struct devices *);
void __real_confinement_pump(struct filter *, const struct confinement_fds *,
                             const struct devices *);
void __real_confinement_watcher(struct filter *, const struct confinement_fds *,
                                const struct devices *);
int __real_confinement_seal(const struct filter *, struct defect *);
void __wrap_confinement_image(struct filter *, const struct confinement_fds *,
                              const struct devices *);
void __wrap_confinement_pump(struct filter *, const struct confinement_fds *,
                             const struct devices *);
void __wrap_confinement_watcher(struct filter *, const struct confinement_fds *,
                                const struct devices *);
int __wrap_confinement_seal(const struct filter *, struct defect *);

static const struct filter *sealed_of_pump;
static const char *first_role;
static struct confinement_fds known;
static uint8_t room[4 * 4096] __attribute__((aligned(4096)));

void __wrap_confinement_image(struct filter *f, const struct confinement_fds *fds,
                              const struct devices *devices)
{
	first_role = "image";
	known = *fds;
	__real_confinement_image(f, fds, devices);
}

void __wrap_confinement_pump(struct filter *f, const struct confinement_fds *fds,
                             const struct devices *devices)
{
	sealed_of_pump = f;
	__real_confinement_pump(f, fds, devices);
}

void __wrap_confinement_watcher(struct filter *f, const struct confinement_fds *fds,
                                const struct devices *devices)
{
	first_role = "watcher";
	known = *fds;
	known.vcpu = -1;
	__real_confinement_watcher(f, fds, devices);
}

static long resolve(long v, const long values[])
{
	return v > OTHER - 1 && v < KNOWN ? values[v - OTHER] : v;
}

static _Noreturn void attack(const struct attack *a, const long values[])
{
	long x[6], result;
	for (unsigned i = 0; i < 6; i++)
		x[i] = resolve(a->args[i], values);
	if (a->call >= 0)
		result = syscall(a->call, x[0], x[1], x[2], x[3], x[4], x[5]);
	else
		__asm__ volatile("int $0x80"
		                 : "=a"(result)
		                 : "a"(20)
		                 : "memory", "r8", "r9", "r10", "r11");
	_exit(result == -1 || (result < 0 && result > -4096) ? FAILED : DID);
}

int __wrap_confinement_seal(const struct filter *f, struct defect *why)
{
	static const char path[] = "/";
	const char *role = f == sealed_of_pump ? "pump" : first_role;
	const char *attacker = getenv("AMPOULE_ATTACKER"), *name = getenv("AMPOULE_ATTACK");
	const struct attack *a = NULL;
	for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++)
		if (name && attacker && !strcmp(attacker, role) && !strcmp(name, attacks[i].name))
			a = &attacks[i];
	if (!a)
		return __real_confinement_seal(f, why);
	/* Both ends: a descriptor that can be read and written, and none of the filter's. */
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) ||
	    write(pair[1], room, 64) != 64)
		_exit(1);
	const long values[] = { pair[0],
		                getppid(),
		                getpid(),
		                known.child > 0 ? known.child : getppid(),
		                known.vcpu >= 0 ? known.vcpu : pair[0],
		                known.kick,
		                known.epoll,
		                (long)room,
		                (long)&attack & -4096l,
		                (long)path };
	if (__real_confinement_seal(f, why))
		_exit(1);
	attack(a, values);
}

/* SPDX-License-Identifier: ISC */
/*
 * From fork to first instruction the child: gives the regions their final rights, drops all
 * descriptors but its console and the kick, unregisters what libc told the kernel about its memory
 * (rseq), waits until the tender has attached, puts on its filter, and jumps into the gate page,
 * whose code unmaps everything that is not the image's.
 *
 * The filter allows getrandom of a seed, write to the console and to the kick, futex on the one control word,
 * exit_group, and the three munmaps of the gate page, each with fixed arguments and only from the
 * gate page. Any other system call raises SIGSYS. Signals are never delivered: the tender sees them
 * first, and no fault of an image is survivable.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/platform/x86.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tender/boot.h>
#include <tender/filter.h>
#include <tender/leave.h>
#include <tender/picture.h>
#include <tender/sandbox.h>
#include <tender/renewal.h>
#include <tender/stop.h>
#include <tender/written.h>

#define RSEQ_SIZE                                                                                  \
	32 /* what libc registers, whatever it says the size is; newer ones tell the truth */
#define GUARD_INSTALL    102               /* MADV_GUARD_INSTALL: Linux 6.13; of files, 6.15 */
#define VDSO_MAX         0x10000ull        /* twice the largest there is */
#define TASK_END         0x7ffffffff000ull /* where user addresses end with 4-level page tables */
#define HWCAP2_FSGSBASE_ 2u
#define FS_BASE_MINOR    3u
#define EPOLL_SIGNALS    1000u
#define SOON_NS          100000u
/* Processor time that the child has until it stops for its tender, which sends it on: a tender that is stopped itself (^Z,
 * SIGSTOP) does not. */
#define TURN_US          100000
#define LAST_PASSES      256u
#define PICTURE_RETRY_MS 1 /* until an image that was not asleep is looked at again */
/* From where on descriptors wait until their numbers in the child are free; or higher, above(). */
#define FD_ABOVE    64
#define FD_NEED     (FD_ABOVE + CHILD_SOCKETS + AMP_DEVICES_MAX)
#define SOCKETS_MAX (AMP_DEVICES_MAX * AMP_NET_QUEUES_MAX)

/* Without it the kernel puts its own FS base back at each switch of tasks, even where the instruction works. */
static bool has_fsgsbase(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_;
}

int sandbox_possible(const struct image *image, struct defect *why)
{
	if (!has_fsgsbase() && image->note.abi_minor < FS_BASE_MINOR)
		return defect_set(why,
		                  "the image is of ABI %u.%u, for which the sandbox needs a "
		                  "processor and kernel with FSGSBASE (Linux 5.9 or newer): "
		                  "build it anew",
		                  image->note.abi_major, image->note.abi_minor);
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < FD_NEED)
		return defect_set(why,
		                  "the sandbox needs %u open files: raise the limit (ulimit -n)",
		                  FD_NEED);
	return 0;
}

void sandbox_gate(struct sandbox *b, struct space *s, const struct image *image,
                  const struct devices *devices, const struct amp_device *views, uint64_t boot,
                  const struct clock *clock)
{
	const struct region *gate = space_region(s, REGION_GATE, 0),
	                    *rings = space_region(s, REGION_RINGS, 0);
	struct gate_data *d = (struct gate_data *)(gate->host + GATE_DATA);
	memcpy(gate->host, gate_sandbox, AMP_PAGE);
	memset(d, 0, AMP_PAGE - GATE_DATA);
	b->control = (struct gate_control *)rings->host;
	b->child = b->timer = b->bell = -1;
	*d = (struct gate_data){
		.device_count = image->note.device_count,
		.control = rings->at,
		.mono = clock->zero,
		.kick = CHILD_KICK,
		.one = 1,
		.entry = s->entry,
		.stack = s->stack,
		.area = s->from ? rings->at + SANDBOX_CONTROL_SIZE - AMP_PAGE
		                : s->stack + 8 - AMP_PAGE,
		.boot = boot,
		.mxcsr = 0x1f80,
		.xsave = !CPU_FEATURE_ACTIVE(OSXSAVE) ? 0
		         : CPU_FEATURE_ACTIVE(XSAVEC) ? 2
		                                      : 1,
		.fs_by_call = !has_fsgsbase(),
	};
	if (d->fs_by_call)
		((struct amp_boot *)space_region(s, REGION_BOOT, 0)->host)->flags |=
		        AMP_BOOT_FS_BASE_BY_GATE;
	d->unmap[0].at = 0;
	d->unmap[0].size = AMP_IMAGE_LOW;
	d->unmap[1].at = AMP_IMAGE_HIGH;
	d->unmap[1].size = TASK_END - AMP_IMAGE_HIGH;
	for (uint32_t i = 0; i < devices->count; i++) {
		uint32_t index = devices->all[i].index;
		devices->all[i].kind->type->gate(&views[index], &d->devices[index]);
	}
}

static uint32_t above(uint32_t numbers)
{
	return numbers > FD_ABOVE ? numbers : FD_ABOVE;
}

static struct gate_data *data_of(struct space *s)
{
	return (struct gate_data *)(space_region(s, REGION_GATE, 0)->host + GATE_DATA);
}

/* The sockets of all devices in the order of their numbers in the child: the first of each device,
 * those of further queues behind them. How many. */
static uint32_t sockets(const struct devices *devices, int to[SOCKETS_MAX])
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < devices->count; i++)
		if (devices->all[i].socket_count)
			to[count++] = devices->all[i].sockets[0];
	for (uint32_t i = 0; i < devices->count; i++)
		for (uint32_t k = 1; k < devices->all[i].socket_count; k++)
			to[count++] = devices->all[i].sockets[k];
	return count;
}

/* What the gate tells of a device with sockets beyond its first queue's rings. */
static void gate_socket(struct gate_device *g, const struct amp_device *v, uint64_t boot,
                        uint64_t number)
{
	g->socket = number;
	g->fill_flags = v->fill.flags;
	g->further = boot + v->queues;
	g->further_count = v->queue_count;
}

int sandbox_sockets(struct sandbox *b, struct space *s, const struct devices *devices,
                    const struct amp_device *views, struct defect *why)
{
	struct gate_data *d = data_of(s);
	int fds[SOCKETS_MAX];
	uint32_t count = sockets(devices, fds), first = 0;
	if (!count)
		return 0;
	struct rlimit files;
	uint32_t need = above(CHILD_SOCKETS + count) + CHILD_SOCKETS + count;
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < need)
		return defect_set(
		        why, "the sandbox needs %u open files: raise the limit (ulimit -n)", need);
	for (uint32_t i = 0; i < devices->count; i++) {
		uint32_t index = devices->all[i].index;
		if (devices->all[i].socket_count)
			gate_socket(&d->devices[index], &views[index], d->boot,
			            CHILD_SOCKETS + first++);
	}
	for (uint32_t n = 0; n < count; n++)
		b->control->polls[2 + n] =
		        (struct pollfd){ .fd = (int)(CHILD_SOCKETS + n), .events = POLLIN };
	b->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	b->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (b->timer < 0 || b->bell < 0)
		return defect_set(why, "cannot make a timer: %s", strerror(errno));
	b->control->polls[0] = (struct pollfd){ .fd = CHILD_TIMER, .events = POLLIN };
	b->control->polls[1] = (struct pollfd){ .fd = CHILD_BELL, .events = POLLIN };
	b->control->timer = UINT64_MAX;
	d->poll_count = 2 + count;
	d->soon[1] = SOON_NS;
	return 0;
}

/* The child: nothing to be done but to end, with words for whoever reads the tender's standard
 * error. */
static _Noreturn void give_up(const char *what)
{
	say("the sandbox cannot be closed: %s: %s", what, strerror(errno));
	_exit(AMP_EXIT_TENDER);
}

static int protection(uint32_t rights)
{
	return (rights & RIGHT_R ? PROT_READ : 0) | (rights & RIGHT_W ? PROT_WRITE : 0) |
	       (rights & RIGHT_X ? PROT_EXEC : 0);
}

/* Guards in page tables cost no mappings of their own, two a stack; older kernels have none, or none in a clone's mappings of a
 * file. The filter allows no call that would take them away. */
static void guard_stacks(const struct space *s, const struct region *r)
{
	bool light = true;
	for (uint64_t at = 0; at < r->size; at += s->stack_stride) {
		light = light && !madvise(r->host + at, s->stack_guard, GUARD_INSTALL);
		if (!light && mprotect(r->host + at, s->stack_guard, PROT_NONE))
			give_up("mprotect of a stack's guard");
	}
}

static void protect(const struct space *s)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		if (r->rights != (RIGHT_R | RIGHT_W) &&
		    mprotect(r->host, r->size, protection(r->rights)))
			give_up("mprotect");
		if (r->kind == REGION_STACKS)
			guard_stacks(s, r);
	}
}

/* Is the page sealed? Other pages of ours lose nothing by the question. */
static bool sealed(uint64_t page)
{
	return mprotect((void *)page, AMP_PAGE, PROT_READ | PROT_WRITE) &&
	       (errno == EPERM || errno == EACCES);
}

/* The kernel's own pages, vDSO and clock data, are to go with all else. Only whole can they be unmapped: a size that is not
 * theirs is EINVAL. A kernel that seals them (Linux 6.16 and newer, by configuration) refuses in any case: then all but
 * these goes. They hold code and clock data of the kernel's, and the filter refuses their system calls. */
static void spare_sealed(struct gate_data *d)
{
	uint64_t low = getauxval(AT_SYSINFO_EHDR), high = low;
	if (!low)
		return;
	for (uint64_t size = AMP_PAGE; size <= VDSO_MAX; size += AMP_PAGE) {
		if (!munmap((void *)low, size))
			return;
		if (errno != EINVAL)
			break;
	}
	while (sealed(high))
		high += AMP_PAGE;
	while (sealed(low - AMP_PAGE))
		low -= AMP_PAGE;
	if (low == high)
		return; /* not sealed, and larger than any: the gate's munmap takes it whole */
	d->unmap[1].size = low - AMP_IMAGE_HIGH;
	d->unmap[2].at = high;
	d->unmap[2].size = TASK_END - high;
}

static void allow_sockets(struct filter *f, const struct gate_data *d)
{
	const struct filter_arg poll[] = { { 0, FILTER_EQUAL, d->control + CONTROL_POLLS },
		                           { 1, FILTER_EQUAL, d->poll_count } };
	const struct filter_arg timer[] = { { 0, FILTER_EQUAL, CHILD_TIMER } };
	const struct filter_arg bell[] = { { 0, FILTER_EQUAL, CHILD_BELL },
		                           { 2, FILTER_EQUAL, 8 } };
	filter_allow_if(f, SYS_ppoll, poll, 2);
	filter_allow_if(f, SYS_timerfd_settime, timer, 1);
	filter_allow_if(f, SYS_read, bell, 2);
	/* Doorbells: no bytes, no address. */
	for (uint32_t i = 0; i < d->device_count; i++) {
		const struct filter_arg ring[] = { { 0, FILTER_EQUAL, d->devices[i].socket },
			                           { 1, FILTER_EQUAL, 0 },
			                           { 2, FILTER_EQUAL, 0 },
			                           { 4, FILTER_EQUAL, 0 } };
		if (d->devices[i].socket)
			filter_allow_if(f, SYS_sendto, ring, 4);
	}
}

struct call {
	uint64_t args[6];
};

/* The mmap by which the image's process parts its heap from its base. */
static struct call part_call(const struct sandbox *b, const struct space *s)
{
	const struct region *heap = space_region((struct space *)s, REGION_HEAP, 0);
	if (!b->base)
		return (struct call){ 0 };
	return (struct call){ { heap->at, heap->size, PROT_READ | PROT_WRITE,
		                MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, (uint64_t)b->base, 0 } };
}

static void make_filter(struct filter *f, const struct sandbox *b, const struct space *s)
{
	const struct region *gate = space_region((struct space *)s, REGION_GATE, 0);
	const struct gate_data *d = (const struct gate_data *)(gate->host + GATE_DATA);
	filter_begin(f, SECCOMP_RET_TRAP);
	filter_within(f, gate->at, gate->at + GATE_DATA + 1);
	const struct filter_arg wait[] = { { 0, FILTER_EQUAL, d->control + CONTROL_WAITING },
		                           { 1, FILTER_EQUAL, FUTEX_WAIT_BITSET } };
	filter_allow_if(f, SYS_futex, wait, 2);
	const struct filter_arg kick[] = { { 0, FILTER_EQUAL, CHILD_KICK },
		                           { 2, FILTER_EQUAL, 8 } };
	filter_allow_if(f, SYS_write, kick, 2);
	for (uint64_t stream = AMP_STREAM_OUTPUT; stream <= AMP_STREAM_LOG; stream++) {
		const struct filter_arg console[] = { { 0, FILTER_EQUAL, stream },
			                              { 2, FILTER_AT_MOST, AMP_PUTS_MAX } };
		filter_allow_if(f, SYS_write, console, 2);
	}
	const struct filter_arg seed[] = { { 1, FILTER_EQUAL, AMP_SEED_SIZE },
		                           { 2, FILTER_EQUAL, 0 } };
	filter_allow_if(f, SYS_getrandom, seed, 2);
	const struct filter_arg fs_base[] = { { 0, FILTER_EQUAL, ARCH_SET_FS } };
	if (d->fs_by_call)
		filter_allow_if(f, SYS_arch_prctl, fs_base, 1);
	filter_allow(f, SYS_exit_group);
	filter_allow(f, SYS_restart_syscall); /* a wait that a stop has interrupted */
	if (d->poll_count)
		allow_sockets(f, d);
	for (unsigned i = 0; i < 3; i++) {
		const struct filter_arg unmap[] = { { 0, FILTER_EQUAL, d->unmap[i].at },
			                            { 1, FILTER_EQUAL, d->unmap[i].size } };
		if (d->unmap[i].size)
			filter_allow_if(f, SYS_munmap, unmap, 2);
	}
	/* Which takes from the image what it has written to its heap, if it makes this call by itself. */
	const struct call part = part_call(b, s);
	const struct filter_arg parts[] = {
		{ 0, FILTER_EQUAL, part.args[0] }, { 1, FILTER_EQUAL, part.args[1] },
		{ 2, FILTER_EQUAL, part.args[2] }, { 3, FILTER_EQUAL, part.args[3] },
		{ 4, FILTER_EQUAL, part.args[4] }, { 5, FILTER_EQUAL, part.args[5] }
	};
	if (b->base)
		filter_allow_if(f, SYS_mmap, parts, 6);
	filter_end(f);
}

/* The heap's base has the number behind all others. */
static void number_base(struct sandbox *b, const struct space *s, const struct devices *devices)
{
	int fds[SOCKETS_MAX];
	b->base = 0;
	if (s->base.own)
		b->base =
		        b->timer < 0 ? CHILD_KICK + 1 : CHILD_SOCKETS + (int)sockets(devices, fds);
}

/* Gives the child its descriptors, by number, and takes all others. */
static void set_descriptors(const struct sandbox *b, const struct space *s, const struct pump *pump)
{
	int fds[CHILD_SOCKETS + SOCKETS_MAX + 1], last = CHILD_KICK;
	fds[CHILD_KICK] = pump->kick;
	if (b->timer >= 0) {
		fds[CHILD_TIMER] = b->timer;
		fds[CHILD_BELL] = b->bell;
		last = CHILD_BELL + (int)sockets(pump->devices, fds + CHILD_SOCKETS);
	}
	if (b->base)
		fds[last = b->base] = s->base.fd;
	for (int n = CHILD_KICK; n <= last; n++)
		if ((fds[n] = fcntl(fds[n], F_DUPFD, above((uint32_t)last + 1))) < 0)
			give_up("moving descriptors");
	for (int n = CHILD_KICK; n <= last; n++)
		if (dup2(fds[n], n) < 0)
			give_up("moving descriptors");
	if (syscall(SYS_close_range, last + 1, ~0u, 0))
		give_up("closing descriptors");
	close(0);
}

static _Noreturn void child(struct sandbox *b, struct space *s, const struct pump *pump,
                            pid_t parent)
{
	static struct filter filter;
	const struct region *gate = space_region(s, REGION_GATE, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(AMP_EXIT_TENDER);
	written_give();
	setsid(); /* ^C and ^Z are the tender's business */
	set_descriptors(b, s, pump);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	const struct itimerval turn = { { 0, TURN_US }, { 0, TURN_US } };
	setitimer(ITIMER_PROF, &turn, NULL);
	struct rlimit zero = { 0, 0 };
	setrlimit(RLIMIT_CORE, &zero);
	spare_sealed((struct gate_data *)(gate->host + GATE_DATA));
	make_filter(&filter, b, s);
	protect(s);
	/* From here on no libc function that might use rseq. */
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	if (__rseq_size && syscall(SYS_rseq, area, RSEQ_SIZE, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) &&
	    syscall(SYS_rseq, area, __rseq_size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG))
		give_up("leaving restartable sequences");
	while (!__atomic_load_n(&b->control->traced, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &b->control->traced, FUTEX_WAIT, 0, NULL, NULL, 0);
	if (filter_install(&filter, 0))
		give_up("seccomp");
	uint64_t enter = gate->at + (uint64_t)(gate_sandbox_enter - gate_sandbox);
	__asm__ volatile("jmp *%0" ::"r"(enter) : "memory");
	__builtin_unreachable();
}

/* A fork in which no signal is handled; a container's filter may know only the older call. */
static pid_t make_process(void)
{
	struct clone_args a = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
	if (pid >= 0 || errno != ENOSYS)
		return pid;
	pid = fork();
	for (int i = 1; !pid && i < NSIG; i++)
		sigaction(i, &by_default, NULL);
	return pid;
}

/* Waits for a change of the child, whatever else comes: requests do by a signal, and half of what is asked of the child cannot be left.
 * False: there is no child. */
static bool await_child(const struct sandbox *b, int *status)
{
	pid_t pid;
	while ((pid = waitpid(b->child, status, 0)) < 0 && errno == EINTR)
		;
	return pid == b->child;
}

/* Waits for the stop behind gate_sandbox_call; what else stops the child meanwhile it does not see. False: it has ended. */
static bool await_call(struct sandbox *b)
{
	int status;
	for (;;) {
		if (!await_child(b, &status))
			return false;
		if (!WIFSTOPPED(status)) {
			b->ended = status;
			return false;
		}
		if (status >> 16 != PTRACE_EVENT_STOP &&
		    (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSYS))
			return true;
		if (ptrace(PTRACE_CONT, b->child, NULL, NULL))
			return false;
	}
}

/* The image stands still, and its process begins to part the heap: a call at a place of the gate, with the registers put back behind it. So
 * the image has no part in it, and a wait that it stands in goes on as if nothing had been. */
static int part(const struct picture_subject *of)
{
	struct sandbox *b = of->of;
	struct space *s = of->space;
	const struct region *gate = space_region(s, REGION_GATE, 0);
	const struct call c = part_call(b, s);
	struct user_regs_struct u;
	if (!b->base || ptrace(PTRACE_GETREGS, b->child, NULL, &b->was))
		return -1;
	u = b->was;
	u.rip = gate->at + (uint64_t)(gate_sandbox_call - gate_sandbox);
	u.orig_rax = ~0ull; /* no call of its own to be made again */
	u.rax = SYS_mmap;
	u.rdi = c.args[0];
	u.rsi = c.args[1];
	u.rdx = c.args[2];
	u.r10 = c.args[3];
	u.r8 = c.args[4];
	u.r9 = c.args[5];
	return ptrace(PTRACE_SETREGS, b->child, NULL, &u) ||
	                       ptrace(PTRACE_CONT, b->child, NULL, NULL)
	               ? -1
	               : 0;
}

/* An image that has ended meanwhile needs no memory. */
static int parted(const struct picture_subject *of)
{
	struct sandbox *b = of->of;
	struct space *s = of->space;
	struct user_regs_struct u = { 0 };
	if (!await_call(b))
		return b->ended ? 0 : -1;
	if (ptrace(PTRACE_GETREGS, b->child, NULL, &u) ||
	    ptrace(PTRACE_SETREGS, b->child, NULL, &b->was))
		return -1;
	errno = (int)-u.rax;
	if (u.rax != space_region(s, REGION_HEAP, 0)->at)
		return -1;
	s->base.parted = true;
	s->heap_owner = b->child;
	return 0;
}

int sandbox_start(struct sandbox *b, struct space *s, const struct pump *pump, struct defect *why)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = EPOLL_SIGNALS };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	b->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (b->signals < 0 || epoll_ctl(pump->epoll, EPOLL_CTL_ADD, b->signals, &e))
		return defect_set(why, "cannot watch a child: %s", strerror(errno));
	/* A tender that has become another user is not to be read by others; its child is, by the
	 * tender. */
	int dumpable = prctl(PR_GET_DUMPABLE);
	prctl(PR_SET_DUMPABLE, 1);
	number_base(b, s, pump->devices);
	b->subject->part = part;
	b->subject->parted = parted;
	b->subject->of = b;
	pid_t parent = getpid(), pid = make_process();
	if (!pid)
		child(b, s, pump, parent);
	if (pid < 0)
		return defect_set(why, "cannot make a process: %s", strerror(errno));
	b->child = pid;
	b->subject->child = pid;
	picture_child(pid);
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL)) {
		defect_set(why,
		           "may not watch its own child (ptrace): %s; see kernel.yama.ptrace_scope",
		           strerror(errno));
		sandbox_end(b);
		return -1;
	}
	prctl(PR_SET_DUMPABLE, dumpable);
	boot_forget(s);
	b->control->held = picture_awaits_warmth();
	__atomic_store_n(&b->control->traced, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &b->control->traced, FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}

void sandbox_end(struct sandbox *b)
{
	int status;
	if (b->child <= 0)
		return;
	kill(b->child, SIGKILL);
	while (await_child(b, &status) && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	b->child = -1;
}

static uint64_t read_image(void *of, uint64_t at, void *to, uint64_t size)
{
	struct iovec here = { to, size }, there = { (void *)at, size };
	ssize_t n = process_vm_readv(((struct sandbox *)of)->child, &here, 1, &there, 1, 0);
	if (n < 0 && size > 1) { /* a part of it may be there */
		uint64_t first = AMP_PAGE - at % AMP_PAGE;
		if (first < size)
			return read_image(of, at, to, first);
	}
	return n < 0 ? 0 : (uint64_t)n;
}

/* The signal that a fault raised, as the exception that it was; false: somebody sent the signal. */
static bool exception(struct sandbox *b, int signal, struct crash *c)
{
	siginfo_t info = { 0 };
	struct user_regs_struct u = { 0 };
	if (ptrace(PTRACE_GETSIGINFO, b->child, NULL, &info) ||
	    ptrace(PTRACE_GETREGS, b->child, NULL, &u))
		return false;
	c->signal = signal;
	c->registers = (struct registers){ u.rax, u.rbx, u.rcx, u.rdx, u.rsi, u.rdi,
		                           u.rbp, u.rsp, u.r8,  u.r9,  u.r10, u.r11,
		                           u.r12, u.r13, u.r14, u.r15, u.rip, u.eflags };
	if (info.si_code <= 0)
		return false;
	switch (signal) {
	case SIGSEGV:
		c->vector = info.si_code == SI_KERNEL ? 13 : 14;
		c->address = (uint64_t)info.si_addr;
		return true;
	case SIGILL:
		c->vector = 6;
		return true;
	case SIGFPE:
		c->vector = info.si_code == FPE_INTDIV || info.si_code == FPE_INTOVF ? 0 : 19;
		return true;
	case SIGTRAP:
		c->vector = info.si_code == SI_KERNEL || info.si_code == TRAP_BRKPT ? 3 : 1;
		return true;
	case SIGBUS:
		c->vector = info.si_code == BUS_ADRALN ? 17 : 12;
		if (info.si_code == BUS_ADRERR) {
			c->vector = -1;
			c->other = "the image file became shorter while it ran, or memory ran out";
		}
		return true;
	case SIGSYS:
		/* As the processor would have reported it where there is no such instruction. */
		c->vector = 6;
		c->registers.rip = (uint64_t)info.si_call_addr - 2;
		return true;
	}
	return false;
}

/* 0: it goes on. 1: it has ended, *result says how. */
static int child_changed(struct sandbox *b, int status, struct crash *c, int *result)
{
	if (WIFEXITED(status)) {
		*result = WEXITSTATUS(status);
		b->child = -1;
		return 1;
	}
	if (WIFSIGNALED(status)) {
		*result = SANDBOX_SIGNAL + WTERMSIG(status);
		b->child = -1;
		return 1;
	}
	int signal = WSTOPSIG(status);
	if (status >> 16 == PTRACE_EVENT_STOP) {
		/* A stop by SIGSTOP or the like, and its end: it stays stopped until SIGCONT. */
		ptrace(signal == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, b->child, NULL, NULL);
		return 0;
	}
	if (signal == SIGPROF) { /* of its turns */
		ptrace(PTRACE_CONT, b->child, NULL, NULL);
		return 0;
	}
	if (exception(b, signal, c)) {
		*result = SANDBOX_CRASHED;
		return 1;
	}
	if (signal == SIGCONT || signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
	    signal == SIGTTOU || signal == SIGCHLD || signal == SIGWINCH || signal == SIGURG) {
		ptrace(PTRACE_CONT, b->child, NULL, (void *)(uintptr_t)signal);
		return 0;
	}
	*result = SANDBOX_SIGNAL + signal;
	return 1;
}

/* If it waits, it does no more, and its word says so. */
static void end_wait(struct sandbox *b)
{
	const uint64_t one = 1;
	if (!__atomic_exchange_n(&b->control->waiting, 0, __ATOMIC_RELAXED))
		return;
	syscall(SYS_futex, &b->control->waiting, FUTEX_WAKE, 1, NULL, NULL, 0);
	if (b->bell >= 0 && write(b->bell, &one, sizeof one) < 0)
		return; /* it rings already */
}

/* After packets have gone into the rings: the child announces its wait, then looks at the rings
 * (gate.S); here it is the other way around. */
static void wake_image(struct sandbox *b, struct pump *pump)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint32_t waiting = __atomic_load_n(&b->control->waiting, __ATOMIC_RELAXED);
	if (!waiting || !pump_ready(pump, waiting))
		return;
	end_wait(b);
}

/* It may look at what it has been told, and then announce its wait: the second wait from here on begins behind that. */
static void wake_for_news(struct sandbox *b)
{
	uint32_t turns = __atomic_load_n(&b->control->turns, __ATOMIC_ACQUIRE);
	if (leave_news)
		b->told_at = turns;
	leave_news = false;
	b->told = turns - b->told_at < 2;
	if (b->told)
		end_wait(b);
}

/* It was held for a picture that is not to be had. */
static void let_go(struct sandbox *b)
{
	b->control->held = 0;
	end_wait(b);
}

/* It does not wait at its gate. */
static bool image_polls(const struct sandbox *b)
{
	return !__atomic_load_n(&b->control->waiting, __ATOMIC_RELAXED);
}

/* An image that has ended may have left packets: its resets are what its clients wait for. Its rings move no more, so this
 * ends; the bound is for those that receive. */
static void send_the_rest(struct pump *pump)
{
	for (unsigned n = 0; n < LAST_PASSES && pump_pending(pump); n++)
		pump_pass(pump);
}

/* The image is asked for a picture, and its devices rest: it is stopped for it, if it waits. 0: it goes on. */
static int stand_still(struct sandbox *b, struct pump *pump, struct crash *c, int *result)
{
	int status;
	if (image_polls(b)) {
		pump_press(pump);
		return 0;
	}
	b->subject->since = clock_mono();
	if (ptrace(PTRACE_INTERRUPT, b->child, NULL, NULL) || !await_child(b, &status))
		return 0;
	if (!WIFSTOPPED(status) || status >> 16 != PTRACE_EVENT_STOP)
		return child_changed(b, status, c, result);
	b->subject->resume = b->control->resume;
	bool ends = !image_polls(b) && picture_take(b->subject);
	if (b->ended)
		return child_changed(b, b->ended, c, result);
	if (!ends)
		ptrace(PTRACE_CONT, b->child, NULL, NULL);
	pump_goes_on(pump);
	*result = 0;
	return ends;
}

/* A step towards a picture. 0: it goes on. */
static int picture_turn(struct sandbox *b, struct pump *pump, struct crash *c, int *result)
{
	int ends = 0;
	if (picture_ahead(b->subject) && picture_due() <= clock_mono() && pump_rests(pump))
		ends = stand_still(b, pump, c, result);
	if (!picture_asked) /* nor do devices wait for one any more */
		pump_goes_on(pump);
	return ends;
}

/* How long the loop may sleep, in milliseconds. Of a picture that was asked for before it had its turn, it may have to look on: packets
 * that came while the image got none are told no more. */
static int sleep_ms(struct pump *pump, bool asked)
{
	if (pump_pending(pump) || (picture_is_busy() && !leave_is_told()) ||
	    (asked && !picture_asked))
		return 0;
	return picture_asked || picture_awaits_warmth() ? PICTURE_RETRY_MS
	                                                : clock_due_ms(pump->clock);
}

int sandbox_loop(struct sandbox *b, struct pump *pump, struct crash *c, struct defect *why)
{
	struct epoll_event events[PUMP_EVENTS + 1];
	int status, result;
	*c = (struct crash){ .vector = -1, .read = read_image, .of = b };
	for (;;) {
		while (pump_pass(pump) ||
		       (image_polls(b) && pump_expects(pump) && !sched_yield()) || pump_stay(pump))
			wake_image(b, pump);
		if (stop_asked() || renewal_pending)
			wake_image(b, pump);
		if (b->control->waiting & AMP_WAIT_WARM)
			picture_warm();
		bool asked = picture_asked;
		if (asked && picture_turn(b, pump, c, &result))
			return result;
		if (b->control->held && !picture_awaits_warmth() && !picture_asked)
			let_go(b);
		if (renewal_pending)
			wake_image(b, pump);
		if (leave_news || b->told)
			wake_for_news(b);
		clock_refresh(pump->clock);
		pump_need_wakeup(pump, true);
		int n = epoll_wait(pump->epoll, events, PUMP_EVENTS + 1, sleep_ms(pump, asked));
		if (n < 0 && errno != EINTR)
			return defect_set(why, "cannot wait: %s", strerror(errno));
		pump_need_wakeup(pump, false);
		pump_woke(pump);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == EPOLL_SIGNALS) {
				struct signalfd_siginfo info;
				if (read(b->signals, &info, sizeof info) < 0 && errno != EAGAIN)
					return defect_set(why, "cannot watch its child: %s",
					                  strerror(errno));
				while (waitpid(b->child, &status, WNOHANG) == b->child)
					if (child_changed(b, status, c, &result)) {
						send_the_rest(pump);
						return result;
					}
			} else if (events[i].data.u32 != PUMP_KICK) {
				pump_event(pump, &events[i]);
			} else {
				uint64_t kicks;
				if (read(pump->kick, &kicks, sizeof kicks) < 0 && errno != EAGAIN)
					return defect_set(why, "lost the kick: %s",
					                  strerror(errno));
			}
		}
	}
}

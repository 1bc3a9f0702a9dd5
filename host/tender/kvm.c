/* SPDX-License-Identifier: ISC */
/*
 * The machine starts in ring 3, in long mode, with interrupts off and no device: KVM_SET_SREGS puts
 * it there. The system area (physical 0, supervisor pages beside the gate) holds what the
 * processor needs to take an exception:
 *
 *   0x1000 GDT   0x1080 TSS with the I/O bitmap   0x1200 IDT   0x1400 stubs   0x8000 the stack of
 * ring 0
 *
 * A stub is `out %al, $PORT_FAULT + vector; hlt`: it changes no register, and its exit tells the
 * vector. Ring 3 may touch the ports PORT_CALL and PORT_KICK and no other (I/O bitmap), which is
 * also all that a hostile image can do with `in` and `out` of its own. Gate calls pass their
 * arguments in registers that KVM leaves in the shared page (KVM_CAP_SYNC_REGS), so that a call
 * costs one ioctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <tender/gate.h>
#include <tender/kvm.h>
#include <tender/kvm_features.h>
#include <tender/pages.h>
#include <tender/picture.h>

#define AT_GDT     0x1000u
#define AT_TSS     0x1080u
#define AT_IDT     0x1200u
#define AT_STUBS   0x1400u
#define AT_STACK   0x8000u
#define STACK_SIZE 0x1000u
#define VECTORS    32u
#define AT_SYSCALL 0xf000u /* where LSTAR points: out of ring 3's reach */
#define STUB_SIZE  4u
#define MSR_STAR   0xc0000081u
#define MSR_LSTAR  0xc0000082u
#define MSR_CSTAR  0xc0000083u

#define KERNEL_CODE 0x08
#define USER_DATA   0x1b
#define USER_CODE   0x23
#define TASK        0x28
#define TSS_SIZE    0x68u
/* KVM_RUN's EAGAIN: what the kernel lacks for it may come back, a process that has ended for one; or never does. */
#define TRIES_FIRST  3u /* before the image has begun: the sandbox can be taken instead */
#define TRIES_LATER  1000u
#define TRY_AGAIN_MS 1
#define BITMAP_SIZE                                                                                \
	(PORT_KICK / 8u +                                                                          \
	 2u) /* covers all ports up to ours; those above are refused              \
	                       */

/* One page for all, and another one for the stack: each costs every machine. */
_Static_assert(AT_GDT + TASK + 16 <= AT_TSS && AT_TSS + TSS_SIZE + BITMAP_SIZE + 1 <= AT_IDT &&
                       AT_IDT + VECTORS * 16 <= AT_STUBS &&
                       AT_STUBS + VECTORS * STUB_SIZE <= AT_GDT + AMP_PAGE,
               "they lie behind each other");

int kvm_open(struct kvm *k, struct defect *why)
{
	*k = (struct kvm){ .system = -1, .vm = -1, .vcpu = -1 };
	k->system = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (k->system < 0)
		return defect_set(why, "/dev/kvm cannot be opened: %s%s", strerror(errno),
		                  errno == EACCES ? " (is the user in group kvm?)" : "");
	if (ioctl(k->system, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		defect_set(why, "/dev/kvm speaks another version of its interface");
		goto fail;
	}
	if (!(ioctl(k->system, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS)) {
		defect_set(why, "KVM lacks KVM_CAP_SYNC_REGS: Linux 4.18 or newer is needed");
		goto fail;
	}
	do
		k->vm = ioctl(k->system, KVM_CREATE_VM, 0);
	while (k->vm < 0 && errno == EINTR);
	if (k->vm < 0) {
		defect_set(why, "KVM makes no virtual machine: %s", strerror(errno));
		goto fail;
	}
	return 0;
fail:
	kvm_close(k);
	return -1;
}

void kvm_close(struct kvm *k)
{
	if (k->vcpu >= 0)
		close(k->vcpu);
	if (k->vm >= 0)
		close(k->vm);
	if (k->system >= 0)
		close(k->system);
	k->vcpu = k->vm = k->system = -1;
}

void kvm_keep(void)
{
	static struct kvm kept;
	struct defect why;
	if (!kvm_open(&kept, &why))
		kept.vcpu = ioctl(kept.vm, KVM_CREATE_VCPU, 0);
}

static void make_descriptors(const struct space *s)
{
	uint8_t *system = s->arena;
	uint64_t *gdt = (uint64_t *)(system + AT_GDT), tss = s->system_at + AT_TSS;
	uint64_t limit = TSS_SIZE + BITMAP_SIZE - 1;
	gdt[KERNEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[USER_DATA / 8] = 0x00cff3000000ffff;
	gdt[USER_CODE / 8] = 0x00affb000000ffff;
	gdt[TASK / 8] = limit | (tss & 0xffffff) << 16 | 0x8bull << 40 | (tss >> 24 & 0xff) << 56;
	gdt[TASK / 8 + 1] = tss >> 32;

	uint8_t *t = system + AT_TSS;
	uint64_t rsp0 = s->system_at + AT_STACK + STACK_SIZE;
	uint16_t bitmap = TSS_SIZE;
	memcpy(t + 4, &rsp0, sizeof rsp0);
	memcpy(t + 0x66, &bitmap, sizeof bitmap);
	memset(t + TSS_SIZE, 0xff, BITMAP_SIZE + 1);
	t[TSS_SIZE + PORT_CALL / 8] = 0xf0;
	t[TSS_SIZE + PORT_KICK / 8] = 0xf0;

	for (unsigned v = 0; v < VECTORS; v++) {
		uint64_t stub = s->system_at + AT_STUBS + v * STUB_SIZE;
		uint64_t *gate = (uint64_t *)(system + AT_IDT + v * 16);
		uint8_t *code = system + AT_STUBS + v * STUB_SIZE;
		/* int3, int1 and into are ring 3's to execute: they are reported as what they are.
		 */
		uint64_t dpl = v == 1 || v == 3 || v == 4 ? 3 : 0;
		code[0] = 0xe6;
		code[1] = (uint8_t)(PORT_FAULT + v);
		code[2] = 0xf4;
		gate[0] = (stub & 0xffff) | KERNEL_CODE << 16 | (0x8e00 | dpl << 13) << 32 |
		          (stub >> 16 & 0xffff) << 48;
		gate[1] = stub >> 32;
	}
}

int kvm_memory(struct kvm *k, struct space *s, uint32_t device_count, struct defect *why)
{
	struct pages pages;
	make_descriptors(s);
	pages_build(&pages, s);
	uint8_t *gate = space_region(s, REGION_GATE, 0)->host;
	memcpy(gate, gate_kvm, AMP_PAGE);
	memset(gate + GATE_DATA, 0, AMP_PAGE - GATE_DATA);
	((struct gate_data *)(gate + GATE_DATA))->device_count = device_count;

	struct kvm_userspace_memory_region slot = { .memory_size = s->arena_size,
		                                    .userspace_addr = (uint64_t)s->arena };
	if (ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return defect_set(why, "KVM does not take %llu MiB of memory: %s",
		                  (unsigned long long)(s->arena_size >> 20), strerror(errno));
	return 0;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t dpl, int code)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
		                     .selector = selector,
		                     .type = type,
		                     .present = 1,
		                     .dpl = dpl,
		                     .db = !code,
		                     .s = 1,
		                     .l = (uint8_t)code,
		                     .g = 1 };
}

static int set_up_vcpu(struct kvm *k, const struct space *s, uint64_t boot)
{
	const struct kvm_features *known = kvm_features();
	if (ioctl(k->vcpu, KVM_SET_CPUID2, &known->head)) /* before XCR0: it allows it */
		return -1;

	struct kvm_sregs sregs;
	if (ioctl(k->vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs = segment(USER_CODE, 11, 3, 1);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment(USER_DATA, 3, 3, 0);
	sregs.tr = (struct kvm_segment){ .base = s->system_at + AT_TSS,
		                         .limit = TSS_SIZE + BITMAP_SIZE - 1,
		                         .selector = TASK,
		                         .type = 11,
		                         .present = 1 };
	sregs.ldt = (struct kvm_segment){ .unusable = 1 };
	sregs.gdt = (struct kvm_dtable){ .base = s->system_at + AT_GDT, .limit = TASK + 15 };
	sregs.idt = (struct kvm_dtable){ .base = s->system_at + AT_IDT, .limit = VECTORS * 16 - 1 };
	sregs.cr3 = s->tables_at;
	sregs.cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs.cr4 = 1 << 5 | 1 << 9 | 1 << 10 | 1 << 16 |
	            1 << 18; /* PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */
	sregs.efer = 0xd00;  /* NXE LMA LME; no SCE: syscall is an invalid opcode */
	if (ioctl(k->vcpu, KVM_SET_SREGS, &sregs))
		return -1;
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = known->xcr0 } } };
	if (ioctl(k->vcpu, KVM_SET_XCRS, &x))
		return -1;

	/* Without EFER.SCE `syscall` is an invalid opcode. PVM jumps to LSTAR all the same, still
	 * in ring 3: it is given an address there that faults and is known. */
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[3];
	} msrs = { .head.nmsrs = 3,
		   .entries = { { .index = MSR_STAR, .data = (uint64_t)KERNEL_CODE << 32 },
		                { .index = MSR_LSTAR, .data = s->system_at + AT_SYSCALL },
		                { .index = MSR_CSTAR, .data = s->system_at + AT_SYSCALL } } };
	if (ioctl(k->vcpu, KVM_SET_MSRS, &msrs) != 3)
		return -1;

	struct kvm_regs r = { .rip = s->entry, .rdi = boot, .rsp = s->stack, .rflags = 2 };
	if (ioctl(k->vcpu, KVM_SET_REGS, &r))
		return -1;

	/* The image's TSC is the host's, where KVM would start it at zero. Old kernels cannot say
	 * so; the clock then comes out wrong only where the processor really offsets it. */
	uint64_t offset = 0;
	struct kvm_device_attr attr = { .group = KVM_VCPU_TSC_CTRL,
		                        .attr = KVM_VCPU_TSC_OFFSET,
		                        .addr = (uint64_t)&offset };
	ioctl(k->vcpu, KVM_SET_DEVICE_ATTR, &attr);
	int khz = ioctl(k->vcpu, KVM_GET_TSC_KHZ, 0);
	k->tsc_khz = khz > 0 ? (uint64_t)khz : 0;
	return 0;
}

int kvm_vcpu(struct kvm *k, const struct space *s, uint64_t boot, struct defect *why)
{
	k->vcpu = ioctl(k->vm, KVM_CREATE_VCPU, 0);
	int size = k->vcpu < 0 ? -1 : ioctl(k->system, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run = size < (int)sizeof *k->run ? MAP_FAILED
	                                       : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
	                                              MAP_SHARED, k->vcpu, 0);
	if (run == MAP_FAILED)
		return defect_set(why, "KVM makes no virtual processor: %s", strerror(errno));
	k->run = run;
	k->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (set_up_vcpu(k, s, boot))
		return defect_set(why, "KVM does not let an image start in ring 3: %s",
		                  strerror(errno));
	return 0;
}

/* Where the kernel's bounds for us let no thread begin, KVM_RUN fails: it makes a worker of ours when it is called first. */
static int cannot_run(int error, struct defect *why)
{
	return defect_set(why, "KVM cannot run the image: %s%s", strerror(error),
	                  error != EAGAIN ? ""
	                                  : ": no thread may begin: raise the limit on processes "
	                                    "(ulimit -u, pids.max, TasksMax)");
}

int kvm_try(struct kvm *k, struct defect *why)
{
	unsigned tries = 0;
	int failed;
	k->run->immediate_exit = 1;
	while ((failed = ioctl(k->vcpu, KVM_RUN, 0)) && errno == EAGAIN && ++tries < TRIES_FIRST)
		poll(NULL, 0, TRY_AGAIN_MS);
	k->run->immediate_exit = 0;
	return failed && errno != EINTR ? cannot_run(errno, why) : 0;
}

int kvm_kick(struct kvm *k, int eventfd, struct defect *why)
{
	struct kvm_ioeventfd bell = {
		.addr = PORT_KICK, .len = 4, .fd = eventfd, .flags = KVM_IOEVENTFD_FLAG_PIO
	};
	if (ioctl(k->vm, KVM_IOEVENTFD, &bell))
		return defect_set(why, "KVM gives no doorbell: %s", strerror(errno));
	return 0;
}

static uint64_t read_image(void *of, uint64_t at, void *to, uint64_t size)
{
	uint64_t done = 0, follow;
	while (done < size) {
		const uint8_t *from = space_bytes(of, at + done, RIGHT_R, &follow);
		if (!from)
			break;
		if (follow > size - done)
			follow = size - done;
		memcpy((uint8_t *)to + done, from, follow);
		done += follow;
	}
	return done;
}

static struct registers registers(const struct kvm_regs *r)
{
	return (struct registers){ r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi,
		                   r->rbp, r->rsp, r->r8,  r->r9,  r->r10, r->r11,
		                   r->r12, r->r13, r->r14, r->r15, r->rip, r->rflags };
}

/* What the processor pushed on the stack of ring 0, below its top: [error code] rip cs rflags rsp
 * ss. */
static void exception(struct kvm *k, const struct space *s, int vector, struct crash *c)
{
	static const uint32_t with_error = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 |
	                                   1u << 14 | 1u << 17 | 1u << 21 | 1u << 29 | 1u << 30;
	const uint64_t *top = (const uint64_t *)(s->arena + AT_STACK + STACK_SIZE);
	struct kvm_sregs sregs = { 0 };
	c->vector = vector;
	c->registers = registers(&k->run->s.regs.regs);
	c->registers.rsp = top[-2];
	c->registers.rflags = top[-3];
	c->registers.rip = top[-5];
	c->error_known = with_error >> vector & 1;
	c->error = c->error_known ? top[-6] : 0;
	if (vector == 14 && !ioctl(k->vcpu, KVM_GET_SREGS, &sregs))
		c->address = sregs.cr2;
	/* `syscall` on PVM: see set_up_vcpu. To be told as where the opcode is invalid. */
	if (vector == 14 && c->registers.rip == s->system_at + AT_SYSCALL) {
		c->vector = 6;
		c->error_known = false;
		c->registers.rip = c->registers.rcx - 2;
		c->registers.rflags = c->registers.r11;
	}
}

/* AMP_GATE_PUTS; the bytes may change while they are written, which only garbles them. */
static int64_t puts_call(struct kvm *k, const struct space *s, uint64_t stream, uint64_t at,
                         uint64_t size)
{
	if (stream != AMP_STREAM_OUTPUT && stream != AMP_STREAM_LOG)
		return AMP_GATE_BAD;
	uint64_t done = 0, follow;
	if (size > AMP_PUTS_MAX)
		size = AMP_PUTS_MAX;
	while (done < size) {
		const uint8_t *from = space_bytes(s, at + done, RIGHT_R, &follow);
		if (!from)
			return done ? (int64_t)done : AMP_GATE_BAD;
		if (follow > size - done)
			follow = size - done;
		ssize_t n = write((int)stream, from, follow);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = (int)stream, .events = POLLOUT };
			poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			if (stream == AMP_STREAM_OUTPUT)
				k->output_error = errno;
			return done ? (int64_t)done : AMP_GATE_BAD;
		} else if (n > 0) {
			done += (uint64_t)n;
		}
	}
	return (int64_t)done;
}

/* AMP_GATE_SEED. */
static int64_t seed_call(const struct space *s, uint64_t at)
{
	uint64_t follow;
	uint8_t *to = space_bytes(s, at, RIGHT_R | RIGHT_W, &follow);
	if (!to || follow < AMP_SEED_SIZE || getrandom(to, AMP_SEED_SIZE, 0) != AMP_SEED_SIZE)
		return AMP_GATE_BAD;
	return 0;
}

/* An exit by I/O. 0: the image goes on. 1: it has ended, *status says how. */
static int serve(struct kvm *k, struct space *s, struct pump *pump, struct timing *timing,
                 struct crash *c, int *status)
{
	struct kvm_run *run = k->run;
	const struct kvm_regs *r = &run->s.regs.regs;
	unsigned port = run->io.port;
	if (run->io.direction == KVM_EXIT_IO_OUT && port >= PORT_FAULT &&
	    port < PORT_FAULT + VECTORS) {
		exception(k, s, (int)(port - PORT_FAULT), c);
		*status = KVM_CRASHED;
		return 1;
	}
	if (port != PORT_CALL || run->io.direction != KVM_EXIT_IO_IN || run->io.size != 4 ||
	    run->io.count != 1) {
		c->vector = -1;
		c->other = "port access outside the gate";
		c->registers = registers(r);
		*status = KVM_CRASHED;
		return 1;
	}
	int64_t result = AMP_GATE_BAD;
	switch (r->rdi) {
	case AMP_GATE_EXIT:
		*status = (int)(r->rsi & 255);
		return 1;
	case AMP_GATE_WAIT:
		k->turns++;
		__atomic_store_n(&k->waits, 1, __ATOMIC_RELAXED);
		k->resume = r->rcx;
		if (__builtin_expect(r->r8 & AMP_WAIT_WARM, 0))
			picture_warm();
		pump_wait(pump, r->rsi, r->r8);
		__atomic_store_n(&k->waits, 0, __ATOMIC_RELAXED);
		result = 0;
		break;
	case AMP_GATE_SEED:
		result = seed_call(s, r->rsi);
		break;
	case AMP_GATE_PUTS:
		if (timing && !timing->output_seen) {
			timing->output_seen = true;
			timing_lap(timing, "first output");
		}
		result = puts_call(k, s, r->rsi, r->r8, r->rcx);
		break;
	}
	int32_t answer = (int32_t)result;
	memcpy((uint8_t *)run + run->io.data_offset, &answer, sizeof answer);
	return 0;
}

int kvm_loop(struct kvm *k, struct space *s, struct pump *pump, struct timing *timing,
             struct crash *c, struct defect *why)
{
	int status;
	unsigned tries = 0;
	*c = (struct crash){ .vector = -1, .read = read_image, .of = s };
	for (;; tries = 0) {
		while (ioctl(k->vcpu, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN && ++tries < TRIES_LATER) {
				poll(NULL, 0, TRY_AGAIN_MS);
				continue;
			}
			if (errno == EFAULT) { /* a page of the arena cannot be had */
				c->other = "the image file became shorter while it ran, or memory "
				           "ran out";
				c->registers = registers(&k->run->s.regs.regs);
				return KVM_CRASHED;
			}
			return cannot_run(errno, why);
		}
		switch (k->run->exit_reason) {
		case KVM_EXIT_IO:
			if (serve(k, s, pump, timing, c, &status))
				return status;
			break;
		case KVM_EXIT_INTR:
			break;
		case KVM_EXIT_SHUTDOWN:
			c->other = "triple fault";
			c->registers = registers(&k->run->s.regs.regs);
			return KVM_CRASHED;
		case KVM_EXIT_INTERNAL_ERROR:
			c->other = "an instruction that KVM cannot emulate";
			c->registers = registers(&k->run->s.regs.regs);
			return KVM_CRASHED;
		case KVM_EXIT_FAIL_ENTRY:
			return defect_set(why, "KVM cannot enter the image (reason 0x%llx)",
			                  (unsigned long long)
			                          k->run->fail_entry.hardware_entry_failure_reason);
		default:
			c->other = "an exit that no image causes";
			c->registers = registers(&k->run->s.regs.regs);
			return KVM_CRASHED;
		}
	}
}

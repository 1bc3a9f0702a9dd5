/* SPDX-License-Identifier: ISC */
/*
 * KVM, seen by `ampoule doctor`: a throw-away VM of 128 KiB runs doctor_guest() first in ring 3, as
 * images run, then in ring 0, and the ticks that it counts are compared with the same code's
 * natively. On a host that is a virtual machine itself, ring 0 may be emulated an instruction at a
 * time while ring 3 is native: that difference is what this probe makes visible.
 *
 * The VM's memory: low pages are the supervisor's (tables, GDT, TSS with I/O bitmap, IDT, stubs),
 * then one page of code and one of data that both rings can use. All of it is mapped at its
 * physical address.
 */
#include "doctor_guest.h"
#include "doctor_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RUN_TRIES     1000u
#define MEMORY        0x20000u
#define AT_PML4       0x1000u
#define AT_PDPT       0x2000u
#define AT_PD         0x3000u
#define AT_PT         0x4000u
#define AT_GDT        0x5000u
#define AT_TSS        0x6000u
#define AT_IDT        0x7000u
#define AT_STUBS      0x8000u
#define AT_STACK      0xa000u /* the supervisor's, for exceptions; grows down */
#define AT_TEXT       0x10000u
#define AT_DATA       0x11000u
#define AT_USER_STACK 0x13000u

#define PTE_P  1ull
#define PTE_W  2ull
#define PTE_U  4ull
#define PTE_NX (1ull << 63)

#define TSS_SIZE  0x68u
#define IO_BITMAP 0x200u /* bytes: ports below 0x1000 */

#define MEASUREMENTS 4
#define SLOW_RATIO   3.0 /* more than this many times native: not native */

struct vm {
	int kvm, vm, vcpu, bell;
	uint8_t *memory;
	struct kvm_run *run;
	int run_size;
	const char *failed; /* the step that failed, with errno */
};

static uint64_t *words(struct vm *vm, uint32_t at)
{
	return (uint64_t *)(void *)(vm->memory + at);
}

static void fill_memory(struct vm *vm)
{
	uint64_t *pt = words(vm, AT_PT), *gdt = words(vm, AT_GDT);
	uint8_t *tss = vm->memory + AT_TSS;
	uint64_t rsp0 = AT_STACK;
	uint16_t bitmap = TSS_SIZE;

	words(vm, AT_PML4)[0] = AT_PDPT | PTE_P | PTE_W | PTE_U;
	words(vm, AT_PDPT)[0] = AT_PD | PTE_P | PTE_W | PTE_U;
	words(vm, AT_PD)[0] = AT_PT | PTE_P | PTE_W | PTE_U;
	for (uint64_t at = AT_PML4; at < AT_TEXT; at += 4096)
		pt[at / 4096] = at | PTE_P | PTE_W;
	pt[AT_TEXT / 4096] = AT_TEXT | PTE_P | PTE_U;
	for (uint64_t at = AT_DATA; at < AT_USER_STACK; at += 4096)
		pt[at / 4096] = at | PTE_P | PTE_W | PTE_U | PTE_NX;

	/* Kernel code 8, kernel data 0x10, user data 0x18, user code 0x20, TSS 0x28. */
	gdt[1] = 0x00af9a000000ffff;
	gdt[2] = 0x00cf92000000ffff;
	gdt[3] = 0x00cff2000000ffff;
	gdt[4] = 0x00affa000000ffff;
	gdt[5] = 0x0000890000000000 | (TSS_SIZE + IO_BITMAP - 1) | (uint64_t)AT_TSS << 16;
	memcpy(tss + 4, &rsp0, sizeof rsp0);
	memcpy(tss + 0x66, &bitmap, sizeof bitmap);
	memset(tss + TSS_SIZE, 0xff, IO_BITMAP);
	memset(tss + TSS_SIZE + DOCTOR_PORT_CALL / 8, 0,
	       (DOCTOR_PORT_DONE - DOCTOR_PORT_CALL) / 8 + 1);

	/* Each exception: mov al, vector; mov dx, port; out dx, al; hlt. */
	for (unsigned v = 0; v < 32; v++) {
		uint64_t stub = AT_STUBS + v * 16, *gate = words(vm, AT_IDT + v * 16);
		const uint8_t code[] = { 0xb0,
			                 (uint8_t)v,
			                 0x66,
			                 0xba,
			                 DOCTOR_PORT_FAULT & 0xff,
			                 DOCTOR_PORT_FAULT >> 8,
			                 0xee,
			                 0xf4 };

		memcpy(vm->memory + stub, code, sizeof code);
		gate[0] = (stub & 0xffff) | 0x8ull << 16 | 0x8e00ull << 32 | (stub >> 16) << 48;
	}
	memcpy(vm->memory + AT_TEXT, (const void *)(uintptr_t)doctor_guest,
	       (uintptr_t)doctor_guest_end - (uintptr_t)doctor_guest);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t ring, bool code)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
		                     .selector = selector,
		                     .type = type,
		                     .present = 1,
		                     .dpl = ring,
		                     .db = !code,
		                     .s = 1,
		                     .l = code,
		                     .g = 1 };
}

/* Puts the vCPU at the start of doctor_guest() in this ring. */
static int enter(struct vm *vm, unsigned ring)
{
	uint16_t code = ring ? 0x23 : 0x08, data = ring ? 0x1b : 0x10;
	struct kvm_regs r = {
		.rip = AT_TEXT, .rsp = AT_USER_STACK, .rflags = 2, .rdi = AT_DATA, .rsi = 1
	};
	struct kvm_sregs s;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs = segment(code, 11, (uint8_t)ring, true);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(data, 3, (uint8_t)ring, false);
	s.tr = (struct kvm_segment){ .base = AT_TSS,
		                     .limit = TSS_SIZE + IO_BITMAP - 1,
		                     .selector = 0x28,
		                     .type = 11,
		                     .present = 1 };
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	s.gdt = (struct kvm_dtable){ .base = AT_GDT, .limit = 55 };
	s.idt = (struct kvm_dtable){ .base = AT_IDT, .limit = 32 * 16 - 1 };
	s.cr3 = AT_PML4;
	s.cr0 = 0x80050033;                /* PG AM WP NE ET MP PE */
	s.cr4 = 1 << 5 | 3 << 9 | 1 << 16; /* PAE OSFXSR OSXMMEXCPT FSGSBASE */
	s.efer = 0xd00;                    /* NXE LMA LME */
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &s) < 0 || ioctl(vm->vcpu, KVM_SET_REGS, &r) < 0)
		return -1;
	memset(vm->memory + AT_DATA, 0, sizeof(struct doctor_guest_data));
	return 0;
}

static int create(struct vm *vm)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEMORY };
	struct kvm_ioeventfd bell = { .addr = DOCTOR_PORT_KICK,
		                      .len = 4,
		                      .flags = KVM_IOEVENTFD_FLAG_PIO };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);

	vm->failed = "KVM_CREATE_VM";
	vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->vm < 0 || !cpuid)
		goto fail;
	vm->failed = "memory";
	vm->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->memory == MAP_FAILED)
		goto fail;
	fill_memory(vm);
	slot.userspace_addr = (uintptr_t)vm->memory;
	vm->failed = "KVM_SET_USER_MEMORY_REGION";
	if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		goto fail;
	vm->failed = "KVM_CREATE_VCPU";
	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		goto fail;
	cpuid->nent = 256;
	vm->failed = "KVM_SET_CPUID2";
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0 ||
	    ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid) < 0)
		goto fail;
	vm->failed = "KVM_IOEVENTFD";
	vm->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	bell.fd = vm->bell;
	if (vm->bell < 0 || ioctl(vm->vm, KVM_IOEVENTFD, &bell) < 0)
		goto fail;
	vm->failed = "vCPU state";
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size <= 0)
		goto fail;
	vm->run = mmap(NULL, (size_t)vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		goto fail;
	free(cpuid);
	return 0;
fail:
	free(cpuid);
	return -1;
}

/* Runs to the guest's next output. Returns the port, or -1 with vm->failed. */
static int run(struct vm *vm)
{
	unsigned tries = 0; /* with EAGAIN, which a limit on processes gives for ever */
	while (ioctl(vm->vcpu, KVM_RUN, 0) < 0) {
		if (errno != EINTR && (errno != EAGAIN || ++tries == RUN_TRIES)) {
			vm->failed = "KVM_RUN";
			return -1;
		}
	}
	switch (vm->run->exit_reason) {
	case KVM_EXIT_IO:
		if (vm->run->io.port != DOCTOR_PORT_FAULT)
			return vm->run->io.port;
		vm->failed = "an exception in the guest";
		break;
	case KVM_EXIT_SHUTDOWN:
		vm->failed = "a triple fault in the guest";
		break;
	default:
		vm->failed = "an unexpected exit of the guest";
	}
	errno = 0;
	return -1;
}

/* Runs doctor_guest() in this ring, from the state that enter() left, to its end. */
static int measure(struct vm *vm, struct doctor_guest_data *data)
{
	int port;

	do
		port = run(vm);
	while (port == DOCTOR_PORT_CALL || port == DOCTOR_PORT_KICK);
	if (port != DOCTOR_PORT_DONE)
		return -1;
	memcpy(data, vm->memory + AT_DATA, sizeof *data);
	return 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Measures some more times; each of *data becomes the least seen. */
static int fastest(struct vm *vm, unsigned ring, struct doctor_guest_data *data)
{
	for (int i = 0; i < MEASUREMENTS; i++) {
		struct doctor_guest_data more;

		if (enter(vm, ring) < 0 || measure(vm, &more) < 0)
			return -1;
		data->loop = lesser(data->loop, more.loop);
		data->calls = lesser(data->calls, more.calls);
		data->kicks = lesser(data->kicks, more.kicks);
	}
	return 0;
}

static int open_kvm(struct doctor_report *report)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), version;
	struct doctor_line *line;

	if (kvm < 0) {
		int error = errno;

		line = doctor_line(report, "kvm.device", DOCTOR_MISSING, 0, NULL, "/dev/kvm: %s",
		                   strerror(error));
		if (error == EACCES || error == EPERM)
			doctor_remedy(line, "let this user open it: sudo usermod -aG kvm $USER, "
			                    "then log in again");
		else
			doctor_remedy(line, "load the module (modprobe kvm_intel or kvm_amd); if "
			                    "it will not load, enable "
			                    "virtualization in the firmware, or nesting if this is "
			                    "a virtual machine");
		return -1;
	}
	version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		line = version < 0 ? doctor_line(report, "kvm.device", DOCTOR_MISSING, 0, NULL,
		                                 "/dev/kvm is not KVM: %s", strerror(errno))
		                   : doctor_line(report, "kvm.device", DOCTOR_MISSING, version,
		                                 "version",
		                                 "/dev/kvm speaks API version %d, not 12", version);
		doctor_remedy(
		        line,
		        version < 0
		                ? "something else lies over /dev/kvm: give this process the real "
		                  "device (containers: --device /dev/kvm)"
		                : "boot Linux 2.6.22 or later, which has version 12");
		close(kvm);
		return -1;
	}
	doctor_line(report, "kvm.device", DOCTOR_OK, version, "version",
	            "/dev/kvm opens; API version %d", version);
	return kvm;
}

static void report_failure(struct doctor_report *report, const char *id, const struct vm *vm)
{
	int error = errno;
	struct doctor_line *line =
	        doctor_line(report, id, DOCTOR_MISSING, 0, NULL, "failed at: %s%s%s", vm->failed,
	                    error ? ": " : "", error ? strerror(error) : "");

	doctor_remedy(line, "images run in the sandbox meanwhile (--tender sandbox); see dmesg for "
	                    "KVM's own words");
}

void doctor_kvm(struct doctor_report *report)
{
	struct doctor_guest_data native, ring3, ring0;
	struct vm vm = { .kvm = open_kvm(report), .vm = -1, .vcpu = -1 };
	double tick, base, ns, ratio;
	struct doctor_line *line;
	uint64_t start;
	int port;

	if (vm.kvm < 0)
		return;
	start = doctor_ns();
	if (create(&vm) < 0 || enter(&vm, 3) < 0) {
		report_failure(report, "kvm.start", &vm);
		return;
	}
	port = run(&vm); /* the first of the calls */
	if (port != DOCTOR_PORT_CALL) {
		report_failure(report, "kvm.start", &vm);
		return;
	}
	ns = (double)(doctor_ns() - start);
	doctor_line(report, "kvm.start", DOCTOR_OK, ns / 1e6, "ms",
	            "%.2f ms from creating a VM to its first call out", ns / 1e6);
	if (measure(&vm, &ring3) < 0 || fastest(&vm, 3, &ring3) < 0) {
		report_failure(report, "kvm.ring3", &vm);
		return;
	}
	for (int i = 0; i < 4; i++) /* the first ones warm up */
		doctor_guest(&native, 0);
	tick = doctor_tsc_ns();
	base = (double)native.loop * tick / DOCTOR_INSTRUCTIONS;
	ns = (double)ring3.loop * tick / DOCTOR_INSTRUCTIONS;
	ratio = ns / base;
	line = doctor_line(report, "kvm.ring3", ratio < SLOW_RATIO ? DOCTOR_OK : DOCTOR_WARNING, ns,
	                   "ns/instruction",
	                   "ring 3, where images run: %.2f ns an instruction, %.1f x native", ns,
	                   ratio);
	if (ratio >= SLOW_RATIO)
		doctor_remedy(line, "guest code is emulated here: run images with --tender "
		                    "sandbox, or on a host with "
		                    "hardware virtualization");
	report->kvm = true;

	ns = (double)ring3.calls * tick / DOCTOR_CALLS;
	doctor_line(report, "kvm.exit", DOCTOR_OK, ns / 1e3, "us",
	            "%.1f us for an exit to user space and back (idle waits cost one)", ns / 1e3);
	ns = (double)ring3.kicks * tick / DOCTOR_KICKS;
	doctor_line(report, "kvm.doorbell", DOCTOR_OK, ns / 1e3, "us",
	            "%.1f us for a doorbell (ioeventfd)", ns / 1e3);

	/* Last, since a host that cannot do it may stop the vCPU for good. */
	if (enter(&vm, 0) < 0 || measure(&vm, &ring0) < 0) {
		doctor_line(report, "kvm.ring0", DOCTOR_NOTE, 0, NULL,
		            "ring 0 does not run here (%s); images never use it", vm.failed);
		return;
	}
	ns = (double)ring0.loop * tick / DOCTOR_INSTRUCTIONS;
	ratio = ns / base;
	if (ratio < SLOW_RATIO)
		doctor_line(report, "kvm.ring0", DOCTOR_OK, ns, "ns/instruction",
		            "ring 0: %.2f ns an instruction, %.1f x native (images never use it)",
		            ns, ratio);
	else
		doctor_line(report, "kvm.ring0", DOCTOR_NOTE, ns, "ns/instruction",
		            "ring 0: %.0f ns an instruction, %.0f x native: emulated (images never "
		            "use it)",
		            ns, ratio);
}

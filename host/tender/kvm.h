/* SPDX-License-Identifier: ISC */
/*
 * The KVM tender's machine: one vCPU that only ever runs the image's ring-3 code, the gate page
 * and, once, the stub of an exception.
 */
#ifndef TENDER_KVM_H
#define TENDER_KVM_H

#include <linux/kvm.h>
#include <stdint.h>

#include <tender/crash.h>
#include <tender/pump.h>
#include <tender/timing.h>

struct kvm {
	int system, vm, vcpu;
	struct kvm_run *run;
	uint64_t tsc_khz;      /* 0: the host does not say */
	uint64_t resume;       /* the third argument of the wait that the image stands in */
	int output_error;      /* errno of the last output that was lost; 0: none */
	uint32_t turns, waits; /* waits at the gate that have begun; one is under way */
};

/* Opens /dev/kvm and makes a virtual machine; -1: KVM does not work here. */
int kvm_open(struct kvm *, struct defect *why);
void kvm_close(struct kvm *);
/* Makes a machine that never runs and is there as long as this process: with the first one of a host the kernel switches its
 * processors to virtualization and patches its own code, and with the last one back. Where that does not work, nothing is kept. */
void kvm_keep(void);

/* Gives it the memory: page tables, descriptors, stubs, gate. */
int kvm_memory(struct kvm *, struct space *, uint32_t device_count, struct defect *why);

/* Makes the vCPU, ready to enter the image. */
int kvm_vcpu(struct kvm *, const struct space *, uint64_t boot, struct defect *why);

/* Asks KVM to run it and to come back before the first instruction: what does not work here is told while there still is
 * another way to run the image. */
int kvm_try(struct kvm *, struct defect *why);

/* Lets the image's kick signal `eventfd`. */
int kvm_kick(struct kvm *, int eventfd, struct defect *why);

/* Runs the image to its end: its exit status, KVM_CRASHED with *crash filled in, or -1 with a
 * defect. */
#define KVM_CRASHED 256
int kvm_loop(struct kvm *, struct space *, struct pump *, struct timing *, struct crash *,
             struct defect *why);

#endif

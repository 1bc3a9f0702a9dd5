/* SPDX-License-Identifier: ISC */
/*
 * What the image may see of the processor, from the processor itself: asking KVM for its list
 * (KVM_GET_SUPPORTED_CPUID) takes longer than all else of a start. Instructions of ring 3 only, and what
 * KVM wants to see for the modes that we switch on.
 */
#ifndef TENDER_KVM_FEATURES_H
#define TENDER_KVM_FEATURES_H

#include <linux/kvm.h>
#include <stdint.h>

struct kvm_features {
	struct kvm_cpuid2 head; /* of KVM_SET_CPUID2, with: */
	struct kvm_cpuid_entry2 entries[24];
	uint64_t xcr0;
};

/* Found once a process, and what a process is forked from. */
const struct kvm_features *kvm_features(void);

#endif

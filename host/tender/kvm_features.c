/* SPDX-License-Identifier: ISC */
/* `cpuid` leaves a machine to ask its host, 1 to 6 us each time: what libc has asked at the start is taken from it. */
#include <cpuid.h>
#include <sys/platform/x86.h>

#include <tender/kvm_features.h>

/* A leaf's registers, as libc keeps them. */
static void kept(unsigned index, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	const unsigned *r = __x86_get_cpuid_feature_leaf(index)->cpuid_array;
	*a = r[0];
	*b = r[1];
	*c = r[2];
	*d = r[3];
}

static void find(struct kvm_features *k)
{
	uint32_t a, b, cx, d, xcr0 = 3;
	struct kvm_cpuid_entry2 *e = k->entries;

	__cpuid(0, a, b, cx, d);
	*e++ = (struct kvm_cpuid_entry2){
		.function = 0, .eax = 0xd, .ebx = b, .ecx = cx, .edx = d
	};
	kept(CPUID_INDEX_1, &a, &b, &cx, &d);
	/* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND
	 * hypervisor */
	uint32_t one =
	        cx & (1u << 0 | 1u << 1 | 1u << 9 | 1u << 12 | 1u << 13 | 1u << 19 | 1u << 20 |
	              1u << 22 | 1u << 23 | 1u << 25 | 1u << 26 | 1u << 28 | 1u << 29 | 1u << 30);
	*e++ = (struct kvm_cpuid_entry2){
		.function = 1,
		.eax = a,
		.ebx = b & 0xff00, /* the size that clflush works on */
		.ecx = one | 1u << 31,
		/* FPU PSE TSC MSR PAE CX8 PGE CMOV PAT CLFSH MMX FXSR SSE SSE2 */
		.edx = d & 0x0789a179,
	};
	kept(CPUID_INDEX_7, &a, &b, &cx, &d);
	/* FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA, AVX-512 F DQ CD BW
	 * VL IFMA */
	uint32_t seven = b & (1u << 0 | 1u << 3 | 1u << 5 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 16 |
	                      1u << 17 | 1u << 18 | 1u << 19 | 1u << 20 | 1u << 21 | 1u << 23 |
	                      1u << 24 | 1u << 28 | 1u << 29 | 1u << 30 | 1u << 31);
	*e++ = (struct kvm_cpuid_entry2){
		.function = 7,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.ebx = seven,
		/* VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ */
		.ecx = cx & (1u << 1 | 1u << 2 | 1u << 6 | 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11 |
		             1u << 12 | 1u << 14),
		.edx = d & 1u << 4, /* FSRM */
	};
	if (one & 1u << 28)
		xcr0 |= 4;
	if (one & 1u << 28 && seven & 1u << 16)
		xcr0 |= 0xe0;
	__cpuid_count(0xd, 0, a, b, cx, d);
	xcr0 &= a;
	*e++ = (struct kvm_cpuid_entry2){ .function = 0xd,
		                          .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		                          .eax = xcr0,
		                          .ebx = b,
		                          .ecx = cx };
	for (uint32_t i = 2; i < 8; i++) {
		if (!(xcr0 & 1u << i))
			continue;
		__cpuid_count(0xd, i, a, b, cx, d);
		*e++ = (struct kvm_cpuid_entry2){ .function = 0xd,
			                          .index = i,
			                          .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			                          .eax = a,
			                          .ebx = b,
			                          .ecx = cx };
	}
	*e++ = (struct kvm_cpuid_entry2){ .function = 0x80000000, .eax = 0x80000008 };
	kept(CPUID_INDEX_80000001, &a, &b, &cx, &d);
	*e++ = (struct kvm_cpuid_entry2){ .function = 0x80000001,
		                          .eax = a,
		                          .ecx = cx & (1u << 0 | 1u << 5 |
		                                       1u << 6), /* LAHF LZCNT SSE4A */
		                          /* NX GBPAGES RDTSCP LM; no SYSCALL */
		                          .edx = d & (1u << 20 | 1u << 26 | 1u << 27 | 1u << 29) };
	kept(CPUID_INDEX_80000008, &a, &b, &cx, &d);
	*e++ = (struct kvm_cpuid_entry2){ .function = 0x80000008, .eax = a };
	k->head.nent = (uint32_t)(e - k->entries);
	k->xcr0 = xcr0;
}

const struct kvm_features *kvm_features(void)
{
	static struct kvm_features found;
	if (!found.head.nent)
		find(&found);
	return &found;
}

/* SPDX-License-Identifier: ISC */
/*
 * Ring 3 may execute what needs no privilege, and nothing more: no port (there is no bitmap), no counters, no system call but the
 * gate's. The kernel may neither execute nor touch pages of ring 3 (SMEP, SMAP): it has memory of its own for what it reads of
 * an image.
 */
#include <string.h>

#include <boot/processor.h>
#include <tender/blake3.h>

#define MSR_STAR    0xc0000081u
#define MSR_LSTAR   0xc0000082u
#define MSR_CSTAR   0xc0000083u
#define MSR_FMASK   0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define FLAGS_OFF   0x47700u /* AC NT DF IF TF and the IOPL, in the kernel's own flags */

#define CR4_TSD_OFF  (1ull << 2)
#define CR4_UMIP     (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE  (1ull << 18)
#define CR4_SMEP     (1ull << 20)
#define CR4_SMAP     (1ull << 21)

#define VECTORS 256u
#define STUB    16u

static struct __attribute__((packed)) {
	uint32_t none;
	uint64_t rsp[3], none_either, ist[7], nor_here;
	uint16_t nor_there, bitmap;
} task;
static uint64_t idt[VECTORS][2];
extern uint64_t gdt_task[2];
extern char stack_top[], stack_other_top[], fault_stubs[], interrupt_stub[], spurious_stub[],
        gate_entry[];
static unsigned level;
static bool fs_base_by_gate, has_avx2;

uint32_t processor_hypervisor(const char signature[12])
{
	if (!(cpuid(1, 0).c >> 31))
		return 0;
	for (uint32_t leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		struct cpuid r = cpuid(leaf, 0);
		uint32_t text[3] = { r.b, r.c, r.d };
		if (!memcmp(text, signature, 12))
			return leaf;
	}
	return 0;
}

static void set_vector(unsigned vector, const char *stub, unsigned ist, unsigned ring)
{
	uint64_t at = (uint64_t)stub;
	idt[vector][0] = (at & 0xffff) | (uint64_t)KERNEL_CODE << 16 |
	                 (0x8e00ull | ist | ring << 13) << 32 | (at >> 16 & 0xffff) << 48;
	idt[vector][1] = at >> 32;
}

static void set_descriptors(void)
{
	uint64_t at = (uint64_t)&task;
	task.rsp[0] = (uint64_t)stack_top;
	task.ist[0] = (uint64_t)stack_other_top;
	task.bitmap = sizeof task; /* none: every port is refused */
	gdt_task[0] =
	        (sizeof task - 1) | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt_task[1] = at >> 32;
	__asm__ volatile("ltr %w0" : : "r"(TASK));
	for (unsigned v = 0; v < 32; v++) {
		/* debug, NMI, double fault, machine check: may come where the stack is not the kernel's yet */
		bool other = v == 1 || v == 2 || v == 8 || v == 18;
		/* int3, int1 and into are ring 3's to execute: they are reported as what they are. */
		set_vector(v, fault_stubs + v * STUB, other, v == 1 || v == 3 || v == 4 ? 3 : 0);
	}
	for (unsigned v = 32; v < VECTORS; v++)
		set_vector(v, v == VECTOR_WAKE ? interrupt_stub : spurious_stub, 0, 0);
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t at;
	} pointer = { sizeof idt - 1, (uint64_t)idt };
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void find_level(struct cpuid one, struct cpuid seven, uint32_t xcr0)
{
	const uint32_t two = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23;
	const uint32_t three = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29;
	const uint32_t three_seven = 1u << 3 | 1u << 5 | 1u << 8;
	const uint32_t four_seven = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
	struct cpuid extended = cpuid(0x80000001, 0);
	level = 1;
	if ((one.c & two) != two || !(extended.c & 1))
		return;
	level = 2;
	if ((one.c & three) != three || (seven.b & three_seven) != three_seven ||
	    !(extended.c >> 5 & 1) || (xcr0 & 6) != 6)
		return;
	level = 3;
	if ((seven.b & four_seven) == four_seven && (xcr0 & 0xe6) == 0xe6)
		level = 4;
}

unsigned processor_level(void)
{
	return level;
}

bool blake3_has_avx2(void)
{
	return has_avx2;
}

bool processor_fs_base_by_gate(void)
{
	return fs_base_by_gate;
}

void processor_fs_base(uint64_t base)
{
	write_msr(MSR_FS_BASE, base);
}

void processor_begin(void)
{
	struct cpuid seven = cpuid(0, 0).a >= 7 ? cpuid(7, 0) : (struct cpuid){ 0 };
	uint64_t cr4;
	uint32_t xcr0 = 0;

	set_descriptors();
	fs_base_by_gate = !(seven.b & 1);
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 &= ~CR4_TSD_OFF;
	cr4 |= fs_base_by_gate ? 0 : CR4_FSGSBASE;
	cr4 |= seven.b >> 7 & 1 ? CR4_SMEP : 0;
	cr4 |= seven.b >> 20 & 1 ? CR4_SMAP : 0;
	cr4 |= seven.c >> 2 & 1 ? CR4_UMIP : 0;
	struct cpuid one = cpuid(1, 0);
	if (one.c >> 26 & 1) {
		cr4 |= CR4_OSXSAVE;
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
		uint32_t may = cpuid(0xd, 0).a;
		xcr0 = 3;
		xcr0 |= one.c >> 28 & 1 ? may & 4 : 0;
		xcr0 |= xcr0 & 4 && seven.b >> 16 & 1 && (may & 0xe0) == 0xe0 ? 0xe0 : 0;
		__asm__ volatile("xsetbv" : : "c"(0), "a"(xcr0), "d"(0));
	} else {
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	}
	has_avx2 = (seven.b >> 5 & 1) && (xcr0 & 6) == 6;
	find_level(cpuid(1, 0), seven, xcr0);
	/* sysret: code 0x20 + 3, data 0x18 + 3; syscall: code 8, data 0x10 */
	write_msr(MSR_STAR, 0x0013000800000000ull);
	write_msr(MSR_LSTAR, (uint64_t)gate_entry);
	write_msr(MSR_CSTAR, (uint64_t)gate_entry);
	write_msr(MSR_FMASK, FLAGS_OFF);
}

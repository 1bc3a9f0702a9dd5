/* SPDX-License-Identifier: ISC */
/* Instructions of ring 0, and what the processor can do. */
#ifndef BOOT_PROCESSOR_H
#define BOOT_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

#define KERNEL_CODE 0x08u
#define TASK        0x28u

/* Vectors above the processor's own. */
enum { VECTOR_WAKE = 0x40, VECTOR_SPURIOUS = 0xff };

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
	                 : "memory");
}

static inline uint64_t read_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void relax(void)
{
	__builtin_ia32_pause();
}

struct cpuid {
	uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t of)
{
	struct cpuid r = { .a = leaf, .c = of };
	__asm__ volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
	return r;
}

/* Who runs us: a base leaf's signature, 12 bytes ("KVMKVMKVM\0\0\0"); its leaf, or 0: none. */
uint32_t processor_hypervisor(const char signature[12]);

/* Descriptors, faults, and all that keeps ring 3 where it belongs. */
void processor_begin(void);

/* Has the processor no FSGSBASE? Then the gate sets FS base (AMP_GATE_FS_BASE), to a canonical address. */
bool processor_fs_base_by_gate(void);
void processor_fs_base(uint64_t base);

/* Of the x86-64 psABI (table 3.1), as far as the hypervisor lets us use it. */
unsigned processor_level(void);

#endif

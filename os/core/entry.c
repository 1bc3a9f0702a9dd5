/* SPDX-License-Identifier: ISC */
/*
 * The image's first instructions. The ABI enters _start as if it were called: checked boot
 * information, the thread block at FS base (below it the image's thread-local variables, in it what
 * musl's libc.a and the stack protector expect at fixed offsets), the seed, which is erased, core's parts, BOOT_START
 * functions, main() on task 0.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <core/boot.h>
#include <core/canary.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/panic.h>
#include <core/start.h>

/* The x86-64 psABI fixes `self` and `canary`; musl 1.2's struct pthread the rest (only what a
 * program without threads reads of it). */
struct thread_block {
	void *self; /* 0x00 */
	uint64_t unused1[4];
	uint64_t canary; /* 0x28 */
	int tid;         /* 0x30 */
	int errno_value; /* 0x34 */
	uint64_t unused2[14];
	const void *locale; /* 0xa8 */
	uint64_t unused3[10];
};
_Static_assert(offsetof(struct thread_block, canary) == 0x28, "psABI");
_Static_assert(offsetof(struct thread_block, errno_value) == 0x34, "musl");
_Static_assert(offsetof(struct thread_block, locale) == 0xa8, "musl");

/* From the linker script (host/builder): the template of the thread-local variables, and boot.h's
 * table. */
extern const uint8_t __tls_start[], __tls_file_end[], __tls_end[];
extern const struct boot_start __start_boot_start[], __stop_boot_start[];
extern const uint8_t __constants_start[], __constants_end[];

bool boot_constant(const void *bytes, size_t size)
{
	uintptr_t at = (uintptr_t)bytes, low = (uintptr_t)__constants_start,
	          high = (uintptr_t)__constants_end;
	return at >= low && at <= high && size <= high - at;
}

bool boot_memory(const void *bytes, size_t size)
{
	uint64_t at = (uintptr_t)bytes;
	for (uint32_t k = 0; k < boot_info->extent_count; k++) {
		const struct amp_extent *e = &boot_info->extents[k];
		if (at >= e->base && at - e->base <= e->size && size <= e->size - (at - e->base))
			return true;
	}
	return false;
}

extern const char __c_locale[]; /* musl's */

_Noreturn void _start(const struct amp_boot *);
int main(int, char **, char **);

/* An absolute symbol: its address is the value, which no register-relative form can reach. */
static inline uint64_t tls_align(void)
{
	uint64_t align;
	__asm__("movabsq $__tls_align, %0" : "=r"(align));
	return align;
}

/*
 * The thread block takes the first pages of the first extent. Variant II of ELF's thread-local
 * storage: the template lies directly below FS base, moved down so that its end is aligned as the
 * linker assumed. Returns the bytes used.
 */
__attribute__((no_stack_protector)) static COLD uint64_t
thread_start(const struct amp_extent *extent)
{
	uint64_t align = tls_align();
	if (align < 64)
		align = 64;
	uint64_t template_size = (uint64_t)(__tls_end - __tls_start);
	uint64_t below = (template_size + align - 1) & -align;
	uint64_t used =
	        (below + align + sizeof(struct thread_block) + AMP_PAGE - 1) & -(uint64_t)AMP_PAGE;
	if (used > extent->size)
		__builtin_trap();

	uint8_t *at = (uint8_t *)((extent->base + below + align - 1) & -align);
	struct thread_block *block = (struct thread_block *)at;
	/* lld's rule: the template's start has the same remainder by its alignment in memory and in
	 * the file. */
	uint64_t pad = -((uint64_t)__tls_start + template_size) & (tls_align() - 1);
	memcpy(at - template_size - pad, __tls_start, (size_t)(__tls_file_end - __tls_start));
	block->self = block;
	block->tid = 1;
	block->locale = __c_locale;
	if (boot_info->flags & AMP_BOOT_FS_BASE_BY_GATE)
		gate_fs_base(block);
	else
		__asm__ volatile("wrfsbase %0" : : "r"(block) : "memory");
	return used;
}

static COLD void run_boot_start(void)
{
	size_t count = (size_t)(__stop_boot_start - __start_boot_start);
	uint64_t done = 0; /* order << 32 | index + 1 of the last one run */
	for (size_t i = 0; i < count; i++) {
		uint64_t best = UINT64_MAX;
		for (size_t j = 0; j < count; j++) {
			uint64_t rank = (uint64_t)__start_boot_start[j].order << 32 | (j + 1);
			if (rank > done && rank < best)
				best = rank;
		}
		done = best;
		const struct boot_start *s = &__start_boot_start[(uint32_t)best - 1];
		int result = s->start();
		if (result < 0)
			panic("start-up: %s failed: %s", s->name, error_text(result));
	}
}

static void call_main(void)
{
	static char name[AMP_NAME_MAX] = "image";
	static char *arguments[] = { name, NULL }, *environment[] = { NULL };
	exit(main(1, arguments, environment));
}

__attribute__((no_stack_protector)) void _start(const struct amp_boot *b)
{
	/* Before this check not even the gate is known to be one: a trap is all that can be done.
	 */
	if (b->magic != AMP_BOOT_MAGIC || b->abi_major != AMP_ABI_MAJOR ||
	    b->abi_minor < AMP_ABI_MINOR || b->size < sizeof *b || b->extent_count == 0)
		__builtin_trap();
	boot_info = b;

	struct amp_extent extents[AMP_EXTENTS_MAX];
	uint32_t count = b->extent_count < AMP_EXTENTS_MAX ? b->extent_count : AMP_EXTENTS_MAX;
	memcpy(extents, b->extents, sizeof extents);
	uint8_t seed[AMP_SEED_SIZE];
	void *seed_at = (void *)extents[0].base;
	memcpy(seed, seed_at, sizeof seed);
	explicit_bzero(seed_at, sizeof seed);
	uint64_t used = thread_start(&extents[0]);
	extents[0].base += used;
	extents[0].size -= used;

	random_start(seed);
	canary_set(canary_draw()); /* no caller of this compares what was there before */
	heap_start(extents, count);
	hash_start();
	task_start();
	run_boot_start();
	call_main();
	__builtin_unreachable();
}

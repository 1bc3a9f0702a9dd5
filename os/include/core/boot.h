/* SPDX-License-Identifier: ISC */
/* The boot information that the tender handed over, checked, and the order of start-up. */
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include <stdbool.h>
#include <stddef.h>

#include <ampoule_abi.h>

/* Never null once main() runs; read-only. */
extern const struct amp_boot *boot_info;

/* The device of that name and type, or null if there is none (or an optional one is absent). */
const struct amp_device *boot_device(const char *name, enum amp_device_type type);

/* True if these bytes lie among the image's constants (files, strings, const data), which nothing can change. */
bool boot_constant(const void *bytes, size_t size);
/* True if all of these bytes lie in one of the memory extents. */
bool boot_memory(const void *bytes, size_t size);

/* What an argument of type secret is: bytes that the image owns, with a NUL behind them. Null and 0: it was not given. They lie
 * in no heap: boot_secret_erase overwrites them, and is the end of them. A clone has what it was given by itself, from its
 * ON_CLONE on, and null for what it was not; what its parent was given and did not erase lies where it lay. */
struct boot_secret {
	char *bytes;
	size_t size;
	uint32_t arg; /* which argument it is of: core/secret.h finds a new version by it */
};
void boot_secret_erase(struct boot_secret);

/*
 * Functions that run before main(), on its task, after all of core has been started. Libraries start themselves
 * in one; net brings its interfaces up there. They run in the order of `order`, then in link order. A negative
 * result ends the image with a line that names the function.
 */
typedef int boot_start_fn(void);
struct boot_start {
	boot_start_fn *start;
	const char *name;
	uint32_t order; /* 100 network devices, 200 storage, 300 services */
	uint32_t reserved;
};
/* aligned(8): the records lie one behind the other, without gaps. */
#define BOOT_START(order_, fn_)                                                                    \
	static const struct boot_start boot_start_##fn_                                            \
	        __attribute__((used, retain, section("boot_start"), aligned(8))) = { fn_, #fn_,    \
		                                                                     order_, 0 }

/* The same as a statement: fn is called at start if, and only if, the function that holds the statement is part of the image.
 * For what has to be there before that function is first called, and in no image that never calls it. (The linker keeps
 * the record; but an optimizer that finds its function dead drops both before.) */
#define BOOT_START_WITH_THIS(order_, fn_)                                                          \
	do {                                                                                       \
		static const struct boot_start boot_start_##fn_                                    \
		        __attribute__((section("boot_start"), aligned(8))) = { fn_, #fn_, order_,  \
			                                                       0 };                \
		__asm__ volatile("" : : "m"(boot_start_##fn_));                                    \
	} while (0)

#endif

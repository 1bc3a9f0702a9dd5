/* SPDX-License-Identifier: ISC */
/* COLD is for functions that run once or on failure: the compiler makes them small instead of fast. */
#ifndef CORE_COLD_H
#define CORE_COLD_H

#if defined(__clang__)
#define COLD __attribute__((cold, minsize, noinline))
#else
#define COLD __attribute__((cold, noinline))
#endif

/* INLINE is for small functions in headers: inlined where speed counts, called in sources that are compiled for size. */
#if defined(__OPTIMIZE_SIZE__)
#define INLINE static __attribute__((noinline, unused))
#else
#define INLINE static inline
#endif

#endif

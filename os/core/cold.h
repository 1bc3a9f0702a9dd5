/* SPDX-License-Identifier: ISC */
/* For functions that run once, or when all is lost: they are made small instead of fast. */
#ifndef CORE_COLD_H
#define CORE_COLD_H

#if defined(__clang__)
#define COLD __attribute__((cold, minsize, noinline))
#else
#define COLD __attribute__((cold, noinline))
#endif

#endif

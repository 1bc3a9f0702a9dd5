/* SPDX-License-Identifier: ISC */
/*
 * RAW marks a local array that is written before it is read. All other locals are zeroed in images
 * (-ftrivial-auto-var-init). For a large array on a hot path, that costs more than the work itself.
 */
#ifndef CORE_RAW_H
#define CORE_RAW_H

#define RAW __attribute__((uninitialized))

#endif

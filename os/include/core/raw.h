/* SPDX-License-Identifier: ISC */
/*
 * RAW: for a local array that is written before it is read. All other locals are zeroed in images
 * (-ftrivial-auto-var-init), which for a large one on a hot path costs more than the work.
 */
#ifndef CORE_RAW_H
#define CORE_RAW_H

#define RAW __attribute__((uninitialized))

#endif

/* SPDX-License-Identifier: ISC */
/* What main.c measures. Each prints lines of JSON: {"work": NAME, "ns": for a packet in and its answer, "hits": of 1}. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct wire;

#define WORK_BATCH 32u /* packets a turn */

/* Is this work wanted? (main.c) */
bool work_wanted(const char *name);

/* us: the interface's address. */
void work_dns(struct wire *, uint32_t us);
void work_http(struct wire *, uint32_t us, const char *name);

#endif

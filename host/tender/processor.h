/* SPDX-License-Identifier: ISC */
/* The host's processor, as libc knows it from its start: asking it again leaves a machine for its host each time. */
#ifndef TENDER_PROCESSOR_H
#define TENDER_PROCESSOR_H

/* x86-64-v1 to v4 (x86-64 psABI, table 3.1). */
unsigned processor_level(void);

#endif

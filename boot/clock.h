/* SPDX-License-Identifier: ISC */
/* Time: the TSC's rate, from whoever knows it or measured, and the wall's. */
#ifndef BOOT_CLOCK_H
#define BOOT_CLOCK_H

#include <stdint.h>

#include <ampoule_abi.h>

/* Knows the rate from here on. After acpi_begin. */
void clock_begin(void);

/* Ticks of the TSC in so many ns; the TSC's value at an image time; the image's time now. */
uint64_t clock_ticks(uint64_t ns);
uint64_t clock_tsc(uint64_t image_ns);
uint64_t clock_now(void);

/* Fills in the image's clock, whose time begins. Corrects it later, when it is time to. */
void clock_start(struct amp_clock *);
void clock_refresh(void);

/* Where the rate is from, for messages. */
const char *clock_source(void);

#endif

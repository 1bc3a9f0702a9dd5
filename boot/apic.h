/* SPDX-License-Identifier: ISC */
/* Interrupts, of which there is one: it wakes the kernel from its sleep. Devices and the timer send it; who has woken is found by
 * looking. */
#ifndef BOOT_APIC_H
#define BOOT_APIC_H

#include <stdint.h>

/* After acpi_begin. */
void apic_begin(void);
/* After clock_begin: sleeps may have an end. */
void apic_time(void);

/* An interrupt has come: the next one may. */
void apic_end(void);

/* Leads a line of the I/O APICs to us, by its edges. */
void apic_line(uint32_t line);

/* What a device writes where, to send us an interrupt (MSI). */
#define APIC_MESSAGE_AT 0xfee00000u
uint32_t apic_message(void);

/* Sleeps until an interrupt comes, or until the time of the TSC has come; UINT64_MAX: never. May return early. */
void apic_sleep(uint64_t tsc);

#endif

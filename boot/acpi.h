/* SPDX-License-Identifier: ISC */
/* Of ACPI's tables, what says where interrupts go and how the machine is switched off. The tables are the hypervisor's: each
 * length is checked, and a sum that is wrong hides a table. No byte code is run. */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include <stdint.h>

#define ACPI_IOAPICS 4u

struct acpi {
	uint32_t ioapic_count;
	struct {
		uint64_t at;
		uint32_t first; /* the number of its first line */
	} ioapics[ACPI_IOAPICS];
	uint16_t control, control_b; /* ports of the power's control registers; 0: none */
	uint16_t event;              /* port of the power button's; 0: none */
	uint32_t event_line;         /* its interrupt */
	uint16_t sleep_type;         /* to be written there for "off" */
	uint64_t sleep_register;     /* hardware-reduced: a register in memory; 0: none */
	uint16_t sleep_port;         /* or a port */
	uint16_t timer; /* port of the timer that counts 3,579,545 times a second; 0: none */
};
extern struct acpi acpi;

/* Reads what there is, from the root pointer or, where that is 0, from where firmware leaves it. */
void acpi_begin(uint64_t rsdp);

/* Switches the machine off, if it can be. */
void acpi_off(void);

#endif

/* SPDX-License-Identifier: ISC */
/* The end of the machine, and being asked for it: ACPI's power button. */
#ifndef BOOT_POWER_H
#define BOOT_POWER_H

#include <stdbool.h>
#include <stdint.h>

/* Where a run's exit status goes, beside the console; 0: nowhere. `name`: the appliance's, or null before it is known. */
void power_begin(uint16_t exit_port);
void power_name(const char *);

/* Has the button been pressed since the last look? */
bool power_asked(void);

/* Says the exit status and switches the machine off. */
_Noreturn void power_off(unsigned status);

#endif

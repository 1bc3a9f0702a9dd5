/* SPDX-License-Identifier: ISC */
/* Off by ACPI; where that does nothing, a reset, which hypervisors that start one machine a process take for its end. */
#include <stdlib.h>

#include <ampoule_abi.h>
#include <boot/acpi.h>
#include <boot/apic.h>
#include <boot/power.h>
#include <boot/processor.h>
#include <boot/xen.h>
#include <tender/defect.h>

#define BUTTON      (1u << 8) /* in both halves of the event block: status, enable */
#define KEYBOARD    0x64u
#define RESET       0xfeu
#define SERIAL_LINE 0x3fdu
#define SENT        0x40u
#define TRIES       100000u

static uint16_t port;
static const char *who = "no image";

void power_begin(uint16_t exit_port)
{
	port = exit_port;
	/* All ones: tables that Xen gives a PVH domain name a port behind which there is nothing. */
	if (acpi.event && in16(acpi.event) == UINT16_MAX)
		acpi.event = 0;
	if (!acpi.event)
		return;
	out16((uint16_t)(acpi.event + 2), BUTTON);
	apic_line(acpi.event_line);
}

void power_name(const char *name)
{
	who = name;
}

bool power_asked(void)
{
	if (xen_asked())
		return true;
	if (!acpi.event || !(in16(acpi.event) & BUTTON))
		return false;
	out16(acpi.event, BUTTON); /* by writing it is cleared */
	return true;
}

void power_off(unsigned status)
{
	if (port)
		out8(port, (uint8_t)status);
	else
		say("%s: exit status %u", who, status);
	for (unsigned i = 0; i < TRIES && !(in8(SERIAL_LINE) & SENT); i++)
		relax();
	xen_off();
	acpi_off();
	out8(KEYBOARD, RESET);
	/* No interrupt table: three faults in a row. */
	static const struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t at;
	} none = { 0, 0 };
	__asm__ volatile("lidt %0; int3" : : "m"(none));
	for (;;)
		__asm__ volatile("cli; hlt");
}

void abort(void)
{
	power_off(AMP_EXIT_TENDER);
}

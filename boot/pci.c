/* SPDX-License-Identifier: ISC */
/* PCI Local Bus 3.0, section 6; MSI-X: 6.8.2. */
#include <stdbool.h>
#include <stdio.h>

#include <boot/apic.h>
#include <boot/memory.h>
#include <boot/pci.h>
#include <boot/processor.h>

#define ADDRESS       0xcf8u
#define DATA          0xcfcu
#define COMMAND       0x04u
#define BARS          0x10u
#define MEMORY        2u
#define MASTER        4u
#define NO_INTX       0x400u
#define DEPTH_MAX     8u /* of bridges */
#define FUNCTIONS_MAX 128u

uint32_t pci_get32(uint32_t at, uint32_t reg)
{
	out32(ADDRESS, 0x80000000u | at | (reg & 0xfc));
	return in32(DATA);
}

void pci_set32(uint32_t at, uint32_t reg, uint32_t v)
{
	out32(ADDRESS, 0x80000000u | at | (reg & 0xfc));
	out32(DATA, v);
}

uint8_t pci_get8(uint32_t at, uint32_t reg)
{
	return (uint8_t)(pci_get32(at, reg) >> (reg & 3) * 8);
}

void pci_place(uint32_t at, char place[PCI_PLACE])
{
	snprintf(place, PCI_PLACE, "PCI %02x:%02x.%x", at >> 16 & 255, at >> 11 & 31, at >> 8 & 7);
}

volatile uint8_t *pci_bar(uint32_t at, uint8_t which, uint32_t offset, uint32_t size)
{
	if (which > 5)
		return NULL;
	uint64_t low = pci_get32(at, BARS + which * 4u);
	if (low & 1)
		return NULL;
	uint64_t base = low & ~15ull;
	if ((low >> 1 & 3) == 2 && which < 5)
		base |= (uint64_t)pci_get32(at, BARS + which * 4u + 4) << 32;
	return base ? memory_device(base + offset, size) : NULL;
}

/* It does not answer to memory meanwhile, since its place is nonsense then. */
uint32_t pci_bar_size(uint32_t at, uint8_t which)
{
	uint32_t reg = BARS + which * 4u, command = pci_get32(at, COMMAND) & 0xffff;
	pci_set32(at, COMMAND, command & ~MEMORY);
	uint32_t was = pci_get32(at, reg);
	pci_set32(at, reg, UINT32_MAX);
	uint32_t mask = pci_get32(at, reg) & ~15u;
	pci_set32(at, reg, was);
	pci_set32(at, COMMAND, command);
	return was & 1 ? 0 : mask ? ~mask + 1 : UINT32_MAX;
}

static void command(uint32_t at, uint32_t off, uint32_t on)
{
	pci_set32(at, COMMAND, ((pci_get32(at, COMMAND) & 0xffff) & ~off) | on | NO_INTX);
}

void pci_enable(uint32_t at)
{
	command(at, 0, MEMORY | MASTER);
}

void pci_disable(uint32_t at)
{
	command(at, MASTER, MEMORY);
}

volatile uint32_t *pci_messages(uint32_t at)
{
	uint8_t cap = pci_get8(at, PCI_POINTER) & 0xfc;
	for (unsigned i = 0; cap && i < PCI_CAPS_MAX; i++, cap = pci_get8(at, cap + 1u) & 0xfc) {
		if (pci_get8(at, cap) != PCI_CAP_MSIX)
			continue;
		uint32_t table = pci_get32(at, cap + 4u);
		pci_set32(at, cap, pci_get32(at, cap) | 1u << 31);
		return (volatile uint32_t *)pci_bar(at, table & 7, table & ~7u, 16);
	}
	return NULL;
}

void pci_message_here(volatile uint32_t *entry)
{
	entry[0] = APIC_MESSAGE_AT;
	entry[1] = 0;
	entry[2] = apic_message();
	entry[3] = 0;
}

/* What was found, once: each look at configuration space is an exit, or two. */
static struct function {
	uint32_t at, id;
} functions[FUNCTIONS_MAX];
static uint32_t function_count;
static bool looked;

/* All functions of all devices of a bus, and behind its bridges. */
static void look_at_bus(uint32_t bus, unsigned depth)
{
	for (uint32_t device = 0; device < 32; device++)
		for (uint32_t function = 0; function < 8; function++) {
			uint32_t at = bus << 16 | device << 11 | function << 8;
			uint32_t id = pci_get32(at, 0);
			if (id == 0xffffffff) {
				if (!function)
					break;
				continue;
			}
			uint8_t type = pci_get8(at, 0x0e);
			if ((type & 0x7f) == 1) {
				uint32_t next = pci_get8(at, 0x19);
				if (next > bus && depth < DEPTH_MAX)
					look_at_bus(next, depth + 1);
			} else if (function_count < FUNCTIONS_MAX) {
				functions[function_count++] = (struct function){ at, id };
			}
			if (!function && !(type & 0x80))
				break;
		}
}

void pci_each(void (*see)(uint32_t at, uint32_t id))
{
	out32(ADDRESS, 0x80000000u);
	if (!looked && in32(ADDRESS) == 0x80000000u) /* is there any? */
		look_at_bus(0, 0);
	looked = true;
	for (uint32_t i = 0; i < function_count; i++)
		see(functions[i].at, functions[i].id);
}

/* SPDX-License-Identifier: ISC */
/* PCI's configuration space, by the ports of mechanism 1, which all platforms have that we know. A function's address is what
 * mechanism 1 makes of bus, device and function. */
#ifndef BOOT_PCI_H
#define BOOT_PCI_H

#include <stdint.h>

#define PCI_PLACE    32u /* bytes of "PCI 00:02.0" and its like */
#define PCI_CLASS    0x08u
#define PCI_POINTER  0x34u
#define PCI_CAPS_MAX 48u
#define PCI_CAP_MSIX 0x11u

uint32_t pci_get32(uint32_t at, uint32_t reg);
void pci_set32(uint32_t at, uint32_t reg, uint32_t v);
uint8_t pci_get8(uint32_t at, uint32_t reg);

/* Where it is, for messages. */
void pci_place(uint32_t at, char place[PCI_PLACE]);

/* `size` bytes of the registers behind base address register `which`. Null: it has none there. */
volatile uint8_t *pci_bar(uint32_t at, uint8_t which, uint32_t offset, uint32_t size);
/* As many bytes as the register says there are, up to 4 GiB. */
uint32_t pci_bar_size(uint32_t at, uint8_t which);

/* Its registers answer, it may use memory, and send interrupts only by message; or its registers answer, and it may do neither. */
void pci_enable(uint32_t at);
void pci_disable(uint32_t at);

/* Switches messages on: the table's first entry, as long as it is used, is ours. Null: it has no MSI-X. */
volatile uint32_t *pci_messages(uint32_t at);
/* Has the table's first entry lead to us. */
void pci_message_here(volatile uint32_t *messages);

/* Shows each function of each device, with its vendor in the low half of `id`. */
void pci_each(void (*see)(uint32_t at, uint32_t id));

#endif

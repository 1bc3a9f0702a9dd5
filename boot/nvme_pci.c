/* SPDX-License-Identifier: ISC */
/* Controllers on PCI: registers behind the first base address, interrupts by MSI-X. */
#include <boot/memory.h>
#include <boot/nvme.h>
#include <boot/pci.h>

#define CLASS 0x010802u /* mass storage, NVM, NVM Express */

struct nvme nvme_controllers[NVME_CONTROLLERS];
uint32_t nvme_count;

static uint32_t get(struct nvme *n, uint32_t at)
{
	return *(volatile uint32_t *)(n->registers + at);
}

static void set(struct nvme *n, uint32_t at, uint32_t v)
{
	*(volatile uint32_t *)(n->registers + at) = v;
}

static void allow(struct nvme *n, bool on)
{
	if (on) {
		pci_enable(n->address);
		if (n->messages)
			pci_message_here(n->messages);
	} else {
		pci_disable(n->address);
	}
}

static bool reach(struct nvme *n, uint32_t bytes)
{
	if (bytes > pci_bar_size(n->address, 0))
		return false;
	n->registers = pci_bar(n->address, 0, 0, bytes);
	return n->registers;
}

static const struct nvme_transport pci = { get, set, allow, reach };

static void look(uint32_t at, uint32_t id)
{
	(void)id;
	if (pci_get32(at, PCI_CLASS) >> 8 != CLASS || nvme_count == NVME_CONTROLLERS)
		return;
	struct nvme *n = &nvme_controllers[nvme_count];
	*n = (struct nvme){ .transport = &pci, .address = at };
	pci_place(at, n->place);
	pci_disable(at);
	n->messages = pci_messages(at);
	if (n->messages)
		nvme_count++;
	else
		say("the disk controller at %s has no MSI-X, which this kernel needs", n->place);
}

void nvme_find(void)
{
	pci_each(look);
}

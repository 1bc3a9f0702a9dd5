/* SPDX-License-Identifier: ISC */
/* An entry that is not empty and not present is of a page that was not touched yet: the table is all that has to be kept. */
#include <string.h>

#include <boot/lazy.h>

#define P       1ull
#define ADDRESS 0x000ffffffffff000ull

bool lazy_page(const struct pages *p, uint64_t address)
{
	uint64_t size, *e = pages_entry(p, address, &size);
	if (!*e || *e & P)
		return false;
	memset((void *)(*e & ADDRESS & ~(size - 1)), 0, size);
	*e |= P;
	return true;
}

void lazy_touch(const struct pages *p, uint64_t address, uint64_t size)
{
	uint64_t end = address + size, step;
	while (address < end) {
		lazy_page(p, address);
		pages_entry(p, address, &step);
		address = (address & ~(step - 1)) + step;
	}
}

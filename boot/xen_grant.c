/* SPDX-License-Identifier: ISC */
/* The table grows by pages of 512 entries, which Xen puts where pages of ours are. The first entries are the tools' own. */
#include <stddef.h>

#include <boot/memory.h>
#include <boot/xen_call.h>
#include <boot/xen_grant.h>

#define PERMIT   1u
#define RESERVED 8u
#define EACH     (4096u / sizeof(struct grant))

struct grant {
	uint16_t flags, domain;
	uint32_t page;
};

static volatile struct grant *entries; /* of the last page */
static uint32_t used, made;

uint32_t grant_page(uint16_t domain, const void *page)
{
	if (used == made) {
		void *more = memory_take(4096);
		if (xen_map(XEN_GRANT_TABLE, made / EACH, more))
			return 0;
		entries = more;
		used = made ? made : RESERVED;
		made += EACH;
	}
	volatile struct grant *g = &entries[used % EACH];
	g->domain = domain;
	g->page = (uint32_t)((uint64_t)page >> 12);
	__atomic_store_n(&g->flags, PERMIT, __ATOMIC_RELEASE);
	return used++;
}

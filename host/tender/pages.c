/* SPDX-License-Identifier: ISC */
/*
 * Page tables. Upper levels allow everything; the last one decides. Accessed and dirty bits are set
 * in advance, so that neither the processor nor a shadowing hypervisor has to write them. Pages are
 * 2 MiB where a region is that large and address and physical place agree, else 4 KiB.
 */
#include <stdlib.h>

#include <tender/pages.h>

#define PTE_P       1ull
#define PTE_W       2ull
#define PTE_U       4ull
#define PTE_A       0x20ull
#define PTE_D       0x40ull
#define PTE_LARGE   0x80ull
#define PTE_NX      (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define LARGE       (2ull << 20)

static uint64_t *table(const struct pages *p, uint64_t physical)
{
	return (uint64_t *)(p->arena + (physical - p->arena_at));
}

static unsigned slot(uint64_t address, int level)
{
	return address >> (12 + 9 * level) & 511;
}

static uint64_t take(struct pages *p)
{
	if (p->next == p->end)
		abort(); /* space.c counted wrongly */
	uint64_t at = p->next;
	p->next += AMP_PAGE;
	return at;
}

/* The table of `level` (0: 4 KiB entries) that covers the address; made on demand. */
static uint64_t *reach(struct pages *p, uint64_t address, int level)
{
	uint64_t *t = table(p, p->at);
	for (int l = 3; l > level; l--) {
		uint64_t *e = &t[slot(address, l)];
		if (!*e)
			*e = take(p) | PTE_P | PTE_W | PTE_U | PTE_A;
		t = table(p, *e & PTE_ADDRESS);
	}
	return t;
}

static void map(struct pages *p, uint64_t at, uint64_t physical, uint64_t size, uint64_t flags)
{
	while (size) {
		if (!(at % LARGE) && !(physical % LARGE) && size >= LARGE) {
			reach(p, at, 1)[slot(at, 1)] = physical | flags | PTE_LARGE;
			at += LARGE, physical += LARGE, size -= LARGE;
			continue;
		}
		uint64_t *t = reach(p, at, 0);
		do {
			t[slot(at, 0)] = physical | flags;
			at += AMP_PAGE, physical += AMP_PAGE, size -= AMP_PAGE;
		} while (size && at % LARGE);
	}
}

uint64_t pages_build(struct pages *p, const struct space *s)
{
	uint64_t tables = s->arena_at + s->tables_at;
	*p = (struct pages){ s->arena, s->arena_at, tables, tables + s->tables_size, tables };
	take(p);
	if (s->kind == SPACE_GUEST)
		map(p, s->system_at, 0, SPACE_SYSTEM_SIZE, PTE_P | PTE_W | PTE_A | PTE_D);
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		uint64_t physical = s->arena_at + r->physical;
		uint64_t flags = PTE_U | PTE_A | (r->rights & RIGHT_W ? PTE_W | PTE_D : 0) |
		                 (r->rights & RIGHT_X ? 0 : PTE_NX);
		if (s->kind != SPACE_BARE || (r->kind != REGION_STACKS && r->kind != REGION_HEAP))
			flags |= PTE_P;
		if (r->kind != REGION_STACKS) {
			map(p, r->at, physical, r->size, flags);
			continue;
		}
		for (uint64_t at = 0; at < r->size; at += s->stack_stride)
			map(p, r->at + at + s->stack_guard, physical + at + s->stack_guard,
			    s->stack_stride - s->stack_guard, flags);
	}
	return p->at;
}

struct pages_right pages_walk(const struct pages *p, uint64_t address)
{
	struct pages_right right = { true, true, true, true, 0 };
	uint64_t at = p->at;
	for (int l = 3; l >= 0; l--) {
		uint64_t e = table(p, at)[slot(address, l)];
		if (!(e & PTE_P))
			return (struct pages_right){ 0 };
		right.user &= !!(e & PTE_U);
		right.write &= !!(e & PTE_W);
		right.execute &= !(e & PTE_NX);
		at = e & PTE_ADDRESS;
		if (!l || e & PTE_LARGE) {
			uint64_t mask = (1ull << (12 + 9 * l)) - 1;
			right.physical = (at & ~mask) | (address & mask);
			break;
		}
	}
	return right;
}

uint64_t *pages_entry(const struct pages *p, uint64_t address, uint64_t *size)
{
	uint64_t at = p->at;
	for (int l = 3;; l--) {
		uint64_t *e = &table(p, at)[slot(address, l)];
		*size = 1ull << (12 + 9 * l);
		if (!l || *e & PTE_LARGE || !*e)
			return e;
		at = *e & PTE_ADDRESS;
	}
}

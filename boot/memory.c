/* SPDX-License-Identifier: ISC */
/*
 * The kernel's tables: memory where it lies (the table's entries 0 to 63, clear of images), and a window for registers above 4 GiB
 * (entry 511). Below 4 GiB pages of 2 MiB are enough, but for those that the kernel itself lies in.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <boot/memory.h>
#include <boot/processor.h>

#define P           1ull
#define W           2ull
#define UNCACHED    0x18ull
#define A           0x20ull
#define D           0x40ull
#define LARGE_E     0x80ull
#define NX          (1ull << 63)
#define LARGE       (2ull << 20)
#define GIB         (1ull << 30)
#define LOW_END     (4 * GIB)
#define DEVICES     (3 * GIB) /* from here to 4 GiB are registers, or memory that is used little */
#define IDENTITY    64u       /* entries of the root: 32 TiB, where images begin */
#define WINDOW      0xffffff8000000000ull
#define WINDOW_SIZE (8 * GIB)
#define RESERVE                                                                                    \
	(1ull << 20) /* that memory_take has left behind memory_rest: a table of addresses */
#define PIECES (PLATFORM_RANGES + 32u)

extern char kernel_begin[], kernel_constants[], kernel_data[], kernel_end[];

static struct range low, large; /* what is left; the same piece of memory where `same` */
static bool same;
static uint64_t *root, *window;
static uint64_t window_next;

static struct range pieces[PIECES];
static uint32_t piece_count;

static void add_piece(uint64_t at, uint64_t end)
{
	at = (at + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	end &= ~(uint64_t)(AMP_PAGE - 1);
	if (end > at && piece_count < PIECES)
		pieces[piece_count++] = (struct range){ at, end - at };
}

/* What lies in [at, end) is somebody's. */
static void except(uint64_t at, uint64_t end)
{
	uint32_t count = piece_count;
	static struct range were[PIECES];
	memcpy(were, pieces, sizeof were);
	piece_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t from = were[i].at, to = from + were[i].size;
		if (end <= from || at >= to) {
			add_piece(from, to);
			continue;
		}
		if (at > from)
			add_piece(from, at);
		if (end < to)
			add_piece(end, to);
	}
}

void *memory_take(uint64_t bytes)
{
	struct range *r = same ? &large : &low;
	bytes = (bytes + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	if (bytes > r->size) {
		say("this machine has too little memory for the kernel: give it more");
		abort();
	}
	void *at = (void *)r->at;
	r->at += bytes;
	r->size -= bytes;
	return memset(at, 0, bytes);
}

void *malloc(size_t bytes)
{
	return memory_take(bytes);
}

void free(void *at)
{
	(void)at;
}

static uint64_t *below(uint64_t *table, unsigned slot)
{
	if (!table[slot])
		table[slot] = (uint64_t)memory_take(AMP_PAGE) | P | W | A;
	return (uint64_t *)(table[slot] & 0x000ffffffffff000ull);
}

static uint64_t rights(uint64_t at)
{
	if (at >= (uint64_t)kernel_begin && at < (uint64_t)kernel_constants)
		return P | A;
	if (at >= (uint64_t)kernel_constants && at < (uint64_t)kernel_data)
		return P | A | NX;
	return P | W | A | D | NX;
}

/* 2 MiB at `at` (a multiple). */
static void map_large(uint64_t at)
{
	uint64_t *directory = below(below(root, at >> 39 & 511), at >> 30 & 511);
	uint64_t *e = &directory[at >> 21 & 511];
	if (at && at >= (uint64_t)kernel_end) {
		*e = at | P | W | A | D | LARGE_E | NX |
		     (at >= DEVICES && at < LOW_END ? UNCACHED : 0);
		return;
	}
	uint64_t *table = below(directory, at >> 21 & 511);
	for (uint64_t k = 0; k < 512; k++)
		if (at || k) /* page zero stays away */
			table[k] = (at + k * AMP_PAGE) | rights(at + k * AMP_PAGE);
}

static void map_high(const struct range *r)
{
	bool giant = cpuid(0x80000001, 0).d >> 26 & 1;
	uint64_t end = r->at + r->size;
	for (uint64_t at = r->at & ~(giant ? GIB - 1 : LARGE - 1); at < end;) {
		if (giant) {
			below(root, at >> 39 & 511)[at >> 30 & 511] =
			        at | P | W | A | D | LARGE_E | NX;
			at += GIB;
		} else {
			map_large(at);
			at += LARGE;
		}
	}
}

void memory_enter(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

int memory_begin(const struct platform *p, struct defect *why)
{
	for (uint32_t i = 0; i < p->range_count; i++)
		if (p->ranges[i].at < (uint64_t)IDENTITY << 39)
			add_piece(p->ranges[i].at, p->ranges[i].at + p->ranges[i].size);
	except(0, 1 << 20); /* firmware's, and what whoever started us has said */
	except((uint64_t)kernel_begin, (uint64_t)kernel_end);
	for (uint32_t i = 0; i < p->module_count; i++)
		except(p->modules[i].at, p->modules[i].at + p->modules[i].size);
	for (uint32_t i = 0; i < piece_count; i++) {
		struct range r = pieces[i];
		if (r.size > large.size)
			large = r;
		if (r.at < LOW_END && r.at + r.size > LOW_END)
			r.size = LOW_END - r.at;
		if (r.at < LOW_END && r.size > low.size)
			low = r;
	}
	same = low.at == large.at;
	if (!large.size)
		return defect_set(why, "the loader names no memory that could be used");

	root = memory_take(AMP_PAGE);
	for (uint64_t at = 0; at < LOW_END; at += LARGE)
		map_large(at);
	if (large.at + large.size > LOW_END)
		map_high(&large);
	window = below(root, 511);
	memory_enter();
	return 0;
}

struct range memory_rest(void)
{
	uint64_t end = large.at + large.size, at = (large.at + RESERVE + LARGE - 1) & ~(LARGE - 1);
	struct range r = { at, at < end ? end - at : 0 };
	if (r.size)
		large.size = at - large.at;
	return r;
}

volatile void *memory_device(uint64_t at, uint64_t size)
{
	if (at && at < LOW_END && size <= LOW_END - at)
		return (volatile void *)at;
	uint64_t first = at & ~(LARGE - 1), to = WINDOW + window_next;
	uint64_t bytes = (at + size - first + LARGE - 1) & ~(LARGE - 1);
	if (!at || at >> 52 || bytes > WINDOW_SIZE - window_next)
		return NULL;
	for (uint64_t k = 0; k < bytes; k += LARGE) {
		uint64_t *directory = below(window, (to + k) >> 30 & 511);
		directory[(to + k) >> 21 & 511] =
		        (first + k) | P | W | A | D | LARGE_E | NX | UNCACHED;
	}
	window_next += bytes;
	return (volatile void *)(to + (at - first));
}

void memory_share(uint64_t *to)
{
	memcpy(to, root, IDENTITY * sizeof *to);
	to[511] = root[511];
}

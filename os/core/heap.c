/* SPDX-License-Identifier: ISC */
/*
 * Small objects. A slab is a run of pages cut into objects of one size; which of them are free is a
 * bit map in its page record, so objects carry no header, free memory holds no links that an
 * attacker could bend, and a second free meets a bit that is set already. Slabs with room of a
 * class are listed, one empty slab a class is kept. Objects above HEAP_SLAB_MAX are page runs.
 */
#include <string.h>

#include <ampoule_abi.h>
#include <core/check.h>
#include <core/cold.h>
#include <core/heap.h>
#include <core/page.h>
#include <core/panic.h>

#define GRAIN 16u

/* Sizes with four steps in each doubling; pages such that little is left over and 256 objects at
 * most fit. */
struct class
{
	uint16_t size; /* bytes of an object */
	uint8_t pages;
	uint16_t objects;
	uint32_t reciprocal; /* 2^32 / size, rounded up: exact quotients for offsets below 64 KiB */
};
#define CLASS(size_, pages_)                                                                       \
	{ size_, pages_, (pages_) * AMP_PAGE / (size_),                                            \
	  (uint32_t)((0x100000000ull + (size_) - 1) / (size_)) }
static const struct class classes[] = {
	CLASS(16, 1),   CLASS(32, 2),   CLASS(48, 3),   CLASS(64, 4),   CLASS(80, 5),
	CLASS(96, 3),   CLASS(112, 7),  CLASS(128, 4),  CLASS(160, 5),  CLASS(192, 3),
	CLASS(224, 7),  CLASS(256, 4),  CLASS(320, 5),  CLASS(384, 3),  CLASS(448, 7),
	CLASS(512, 4),  CLASS(640, 5),  CLASS(768, 6),  CLASS(896, 7),  CLASS(1024, 8),
	CLASS(1280, 5), CLASS(1536, 6), CLASS(1792, 7), CLASS(2048, 8),
};
#define CLASSES (sizeof classes / sizeof classes[0])
_Static_assert(CLASSES == 24, "class_of counts on it");
#define SLAB_PAGES_MAX 8u
_Static_assert(SLAB_PAGES_MAX *AMP_PAGE <= 65536, "reciprocals are exact");

static struct page *with_room[CLASSES]; /* slabs with a free object, by class */
static uint32_t kept_empty;             /* bit c: an empty slab of class c may be among them */

/* The class of the smallest objects that hold size bytes, 1 <= size <= HEAP_SLAB_MAX. */
static inline unsigned class_of(size_t size)
{
	unsigned n = (unsigned)(size - 1) / GRAIN; /* 0 to 127 */
	if (n < 8)
		return n;
	unsigned power = 31 - (unsigned)__builtin_clz(n); /* 3 to 6 */
	return power * 4 + (n >> (power - 2)) - 8;
}

static inline void list_slab(struct page *s)
{
	s->prev = NULL;
	s->next = with_room[s->class];
	if (s->next)
		s->next->prev = s;
	with_room[s->class] = s;
}

static inline void unlist_slab(struct page *s)
{
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		with_room[s->class] = s->next;
}

static COLD struct page *slab_new(unsigned c)
{
	const struct class *class = &classes[c];
	uint32_t dirty;
	struct page *s = page_take(class->pages, PAGE_SLAB, &dirty);
	if (!s)
		return NULL;
	for (unsigned i = 1; i < class->pages; i++) {
		s[i].kind = PAGE_SLAB_REST;
		s[i].back = (uint16_t)i;
	}
	s->class = (uint8_t)c;
	s->free_count = class->objects;
	for (unsigned w = 0; w < PAGE_SLAB_OBJECTS / 64; w++) {
		int bits = (int)class->objects - (int)w * 64;
		s->free[w] = bits >= 64 ? ~0ull : bits > 0 ? (1ull << bits) - 1 : 0;
	}
	list_slab(s);
	return s;
}

static void slab_release(struct page *s)
{
	unlist_slab(s);
	for (unsigned i = 1; i < classes[s->class].pages; i++)
		s[i].kind = PAGE_INSIDE;
	page_give(s);
}

static COLD void slab_emptied(struct page *s)
{
	if (s->next || s->prev)
		slab_release(s);
	else
		kept_empty |= 1u << s->class;
}

/* The bits make sure that failing again and again does not search again and again. */
bool page_reclaim(void)
{
	bool any = false;
	for (; kept_empty; kept_empty &= kept_empty - 1) {
		struct page *s = with_room[__builtin_ctz(kept_empty)], *next;
		for (; s; s = next) {
			next = s->next;
			if (s->free_count == classes[s->class].objects) {
				slab_release(s);
				any = true;
			}
		}
	}
	return any;
}

static inline void *slab_alloc(unsigned c)
{
	struct page *s = with_room[c];
	if (__builtin_expect(!s, 0)) {
		s = slab_new(c);
		if (!s) {
			page_count_failure();
			return NULL;
		}
	}
	unsigned w = 0;
	while (s->free[w] == 0)
		w++;
	unsigned i = w * 64 + (unsigned)__builtin_ctzll(s->free[w]);
	s->free[w] &= s->free[w] - 1;
	if (--s->free_count == 0)
		unlist_slab(s);
	page_count_used(classes[c].size);
	return (uint8_t *)page_address(s) + i * classes[c].size;
}

static inline void slab_free(struct page *s, void *p)
{
	const struct class *class = &classes[s->class];
	uint32_t offset = (uint32_t)((uintptr_t)p - (uintptr_t)page_address(s));
	uint32_t i = (uint32_t)((uint64_t)offset * class->reciprocal >> 32);
	if (i * class->size != offset || i >= class->objects)
		panic("free(%p): this lies within an object of %u bytes", p, class->size);
	uint64_t bit = 1ull << i % 64;
	if (s->free[i / 64] & bit)
		panic("free(%p): freed twice (an object of %u bytes)", p, class->size);
	s->free[i / 64] |= bit;
	page_count_used(-(int64_t)class->size);
	if (++s->free_count == 1)
		list_slab(s);
	else if (s->free_count == class->objects)
		slab_emptied(s);
}

static void *run_alloc(size_t size, uint32_t *dirty)
{
	uint64_t pages = size / AMP_PAGE + (size % AMP_PAGE != 0);
	struct page *p = pages > UINT32_MAX ? NULL : page_take((uint32_t)pages, PAGE_RUN, dirty);
	if (!p) {
		page_count_failure();
		return NULL;
	}
	page_count_used((int64_t)pages * AMP_PAGE);
	return page_address(p);
}

void *heap_alloc(size_t size)
{
	uint32_t dirty;
	if (size <= HEAP_SLAB_MAX)
		return slab_alloc(size == 0 ? 0 : class_of(size));
	return run_alloc(size, &dirty);
}

COLD void *heap_alloc_aligned(size_t size, size_t align)
{
	uint32_t dirty;
	if (align == 0 || (align & (align - 1)) != 0 || align > AMP_PAGE)
		return NULL;
	if (size == 0)
		size = 1;
	/* Slabs start on a page, so objects whose size is a multiple of align are aligned to it. */
	if (size <= HEAP_SLAB_MAX) {
		for (unsigned c = class_of(size); c < CLASSES; c++) {
			if (classes[c].size % align == 0)
				return slab_alloc(c);
		}
	}
	return run_alloc(size, &dirty);
}

void *heap_alloc_zero(size_t count, size_t size)
{
	size_t all;
	uint32_t dirty;
	if (__builtin_mul_overflow(count, size, &all)) {
		page_count_failure();
		return NULL;
	}
	if (all <= HEAP_SLAB_MAX) {
		void *p = slab_alloc(all == 0 ? 0 : class_of(all));
		return p ? memset(p, 0, all) : NULL;
	}
	void *p = run_alloc(all, &dirty);
	if (p && dirty > 0)
		memset(p, 0, (size_t)dirty * AMP_PAGE);
	return p;
}

/* The record of the slab or run that p was allocated in. */
static inline struct page *owner(void *p)
{
	struct page *s = page_of(p);
	if (__builtin_expect(!s, 0))
		panic("free(%p): not memory of the heap", p);
	if (s->kind == PAGE_SLAB_REST)
		s -= s->back;
	if (s->kind == PAGE_SLAB)
		return s;
	if (s->kind != PAGE_RUN || (uintptr_t)p % AMP_PAGE != 0)
		panic("free(%p): nothing is allocated there%s", p,
		      s->kind == PAGE_FREE ? " (freed twice?)" : "");
	return s;
}

void heap_free(void *p)
{
	if (!p)
		return;
	struct page *s = owner(p);
	if (s->kind == PAGE_SLAB) {
		slab_free(s, p);
		return;
	}
	page_count_used(-(int64_t)s->pages * AMP_PAGE);
	page_give(s);
}

static inline size_t size_of(const struct page *s)
{
	return s->kind == PAGE_SLAB ? classes[s->class].size : (size_t)s->pages * AMP_PAGE;
}

size_t heap_size(void *p)
{
	return size_of(owner(p));
}

/* Grows or shrinks a page run in place, if that is possible. */
static COLD bool run_resize(struct page *s, size_t size)
{
	uint64_t pages = size / AMP_PAGE + (size % AMP_PAGE != 0);
	uint32_t before = s->pages;
	if (size <= HEAP_SLAB_MAX || pages > UINT32_MAX || !page_resize(s, (uint32_t)pages))
		return false;
	page_count_used(((int64_t)pages - before) * AMP_PAGE);
	return true;
}

COLD void *heap_resize(void *p, size_t size)
{
	if (!p)
		return heap_alloc(size);
	struct page *s = owner(p);
	size_t have = size_of(s);
	if (s->kind == PAGE_SLAB) {
		if (size <= HEAP_SLAB_MAX && class_of(size == 0 ? 1 : size) == s->class)
			return p;
	} else if (run_resize(s, size)) {
		return p;
	}
	void *to = heap_alloc(size);
	if (!to)
		return size <= have ? p : NULL; /* a smaller one always succeeds */
	memcpy(to, p, size < have ? size : have);
	heap_free(p);
	return to;
}

/* ---- For checks ---- */

static uint32_t slabs_with_room[CLASSES]; /* while heap_is_valid counts */

static COLD bool slab_is_valid(const struct page *s, uint64_t *used)
{
	if (s->class >= CLASSES || s->pages != classes[s->class].pages)
		return false;
	const struct class *class = &classes[s->class];
	uint32_t bits = 0;
	for (unsigned w = 0; w < PAGE_SLAB_OBJECTS / 64; w++)
		bits += (uint32_t)__builtin_popcountll(s->free[w]);
	if (bits != s->free_count || bits > class->objects)
		return false;
	for (unsigned i = 1; i < class->pages; i++)
		if (s[i].kind != PAGE_SLAB_REST || s[i].back != i)
			return false;
	*used += (uint64_t)(class->objects - bits) * class->size;
	slabs_with_room[s->class] += bits > 0;
	return true;
}

COLD bool heap_is_valid(void)
{
	memset(slabs_with_room, 0, sizeof slabs_with_room);
	if (!page_is_valid(slab_is_valid))
		return false;
	for (unsigned c = 0; c < CLASSES; c++) {
		const struct page *before = NULL;
		uint32_t listed = 0;
		for (const struct page *s = with_room[c]; s; before = s, s = s->next)
			if (s->kind != PAGE_SLAB || s->class != c || !s->free_count ||
			    s->prev != before || ++listed > slabs_with_room[c])
				return false;
		if (listed != slabs_with_room[c])
			return false;
	}
	return true;
}

CHECK("core", "each page and object of the heap is free or taken, and counted once", heap_holds)
{
	return heap_is_valid();
}

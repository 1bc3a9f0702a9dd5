/* SPDX-License-Identifier: ISC */
/*
 * Small objects. A slab is a run of pages cut into objects of one size; which of them are free is a
 * bit map in its page record, so objects carry no header, free memory holds no links that an
 * attacker could bend, and a second free meets an object that is not taken. Slabs with room of a
 * class are listed, one empty slab a class is kept. Objects above HEAP_SLAB_MAX are page runs.
 *
 * Against what comes before or after its end of life:
 *   - the last 8 bytes of an object are its canary, of 64 random bits and its address, compared when it is freed; a run's
 *     stand behind what was asked for, and nothing behind them is touched;
 *   - an object is put in a place drawn among the free ones of its slab;
 *   - it is zeroed when it is freed, and has to be zero still when its place is taken again: so nothing is read that was
 *     freed, and what was written after is found, in large objects by chance;
 *   - its place is free only after HELD others have been freed; small runs wait likewise.
 */
#include <string.h>

#include <ampoule_abi.h>
#include <core/check.h>
#include <core/cold.h>
#include <core/heap.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/random.h>

#define GRAIN      16u
#define CANARY     8u  /* bytes */
#define HELD       64u /* freed objects that wait; a power of two */
#define HELD_LARGE 16u /* above 512 bytes: more would not stay in the first cache; a power of two */
#define CHECKED    256u /* bytes of an object up to which all are compared with zero */
#define LINE       64u
#define HELD_RUNS  8u  /* a power of two */
#define HELD_PAGES 16u /* the longest run that is held */
#define ZERO_MAX                                                                                   \
	(1u                                                                                        \
	 << 20) /* bytes of a run up to which it is zeroed: a longer one may never have been touched */

/* Sizes with four steps in each doubling; pages such that little is left over. */
struct class
{
	uint16_t size; /* bytes of an object, its canary included */
	uint8_t pages;
	uint16_t objects;
	uint32_t reciprocal; /* 2^32 / size, rounded up: exact quotients for offsets below 64 KiB */
};
#define FIT(size_, pages_) ((pages_) * AMP_PAGE / (size_))
#define CLASS(size_, pages_)                                                                       \
	{ size_, pages_,                                                                           \
	  FIT(size_, pages_) < PAGE_SLAB_OBJECTS ? FIT(size_, pages_) : PAGE_SLAB_OBJECTS,         \
	  (uint32_t)((0x100000000ull + (size_) - 1) / (size_)) }
static const struct class classes[] = {
	CLASS(16, 1),   CLASS(32, 1),   CLASS(48, 1),   CLASS(64, 2),   CLASS(80, 2),
	CLASS(96, 3),   CLASS(112, 3),  CLASS(128, 4),  CLASS(160, 5),  CLASS(192, 3),
	CLASS(224, 7),  CLASS(256, 4),  CLASS(320, 5),  CLASS(384, 3),  CLASS(448, 7),
	CLASS(512, 4),  CLASS(640, 5),  CLASS(768, 6),  CLASS(896, 7),  CLASS(1024, 8),
	CLASS(1280, 5), CLASS(1536, 6), CLASS(1792, 7), CLASS(2048, 8), CLASS(2560, 5),
};
#define CLASSES (sizeof classes / sizeof classes[0])
_Static_assert(CLASSES == 25, "class_of counts on it");
_Static_assert(HEAP_SLAB_MAX + CANARY == 2560, "the last class is the largest object of a slab");
#define SLAB_PAGES_MAX 8u
_Static_assert(SLAB_PAGES_MAX *AMP_PAGE <= 65536, "reciprocals are exact");
_Static_assert(PAGE_SLAB_OBJECTS == 128, "place_of draws among two words, by a byte");

static struct page *with_room[CLASSES]; /* slabs with a free object, by class */
/* What the next allocation of a class gets. It was drawn with the one before, so that its memory has come into the first cache by then: a
 * place drawn among many is most often far from it. */
static struct drawn_place {
	struct page *slab; /* null: none is drawn */
	uint8_t *at;
	uint32_t object;
} next_of[CLASSES];
static uint32_t kept_empty; /* bit c: an empty slab of class c may be among them */

static uint64_t secret;      /* of the canaries */
static uint8_t drawn[64];    /* random bytes */
static uint32_t drawn_bytes; /* of them, not used yet */
static uint32_t line;        /* counts: which part of a large object is looked at next */
static struct held {
	struct page *slab; /* null: nothing */
	uint32_t object;
} heap_held[HELD + HELD_LARGE];
static struct page *held_runs[HELD_RUNS];
static uint32_t small_next, large_next, run_next; /* where the oldest of each is; free-running */

COLD void page_draw_secrets(void)
{
	secret = random_u64();
}

static __attribute__((noinline)) void draw(void)
{
	random_bytes(drawn, sizeof drawn);
	drawn_bytes = sizeof drawn;
}

static inline uint32_t draw_byte(void)
{
	if (__builtin_expect(drawn_bytes == 0, 0))
		draw();
	return drawn[--drawn_bytes & (sizeof drawn - 1)];
}

/* Of the object or run of `size` bytes at p, canary included. */
static inline uint64_t *canary_of(void *p, size_t size)
{
	return (uint64_t *)((uint8_t *)p + size - CANARY);
}

static inline void protect(void *p, size_t size)
{
	*canary_of(p, size) = secret ^ (uintptr_t)p;
}

static inline void check_end(void *p, size_t size)
{
	if (__builtin_expect(*canary_of(p, size) != (secret ^ (uintptr_t)p), 0))
		panic("free(%p): something wrote past the end of these %zu bytes", p,
		      size - CANARY);
}

/* Four registers' worth at a time; `size` is a multiple of 16, and p of them, too. */
static inline bool is_zero(const void *p, size_t size)
{
	typedef uint64_t lane __attribute__((vector_size(16), may_alias));
	const lane *at = p, *end = at + size / sizeof *at;
	lane a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	for (; end - at >= 4; at += 4) {
		a |= at[0];
		b |= at[1];
		c |= at[2];
		d |= at[3];
	}
	for (; at < end; at++)
		a |= *at;
	a |= b | c | d;
	return (a[0] | a[1]) == 0;
}

static __attribute__((noinline)) _Noreturn void written_after_free(const void *p, size_t size)
{
	panic("heap: something wrote to the %zu bytes at %p after they were freed", size - CANARY,
	      p);
}

/* Of a large object the begin, the end, and a line between, another one each time: all of it would be read from a far cache. */
static inline void check_object(const uint8_t *p, size_t size)
{
	bool zero = size <= CHECKED
	                    ? is_zero(p, size)
	                    : is_zero(p, CHECKED / 2) && is_zero(p + size - LINE, LINE) &&
	                              is_zero(p + (line++ % 64 * (size / LINE) >> 6) * LINE, LINE);
	if (__builtin_expect(!zero, 0))
		written_after_free(p, size);
}

/* The class of the smallest objects that hold size bytes and a canary, size <= HEAP_SLAB_MAX. */
static inline unsigned class_of(size_t size)
{
	unsigned n = (unsigned)(size + CANARY - 1) / GRAIN; /* 0 to 159 */
	if (n < 8)
		return n;
	unsigned power = 31 - (unsigned)__builtin_clz(n); /* 3 to 7 */
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
	ensure(class->objects <= PAGE_SLAB_OBJECTS && class->pages <= SLAB_PAGES_MAX);
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
		s->taken[w] = 0;
	}
	if (dirty > 0)
		memset(page_address(s), 0, (size_t)dirty * AMP_PAGE);
	list_slab(s);
	return s;
}

static void slab_release(struct page *s)
{
	ensure(s->kind == PAGE_SLAB && s->free_count == classes[s->class].objects);
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

/* The object may be handed out again. */
static __attribute__((noinline)) void slab_return(struct page *s, uint32_t i)
{
	s->free[i / 64] |= 1ull << i % 64;
	if (++s->free_count == 1)
		list_slab(s);
	else if (s->free_count == classes[s->class].objects)
		slab_emptied(s);
}

/* As is_zero, with as much at a time as there are registers for: pages go through here by the thousand. */
static __attribute__((noinline)) bool run_is_zero(const uint8_t *p, size_t size)
{
	typedef uint64_t lane __attribute__((vector_size(32), aligned(16), may_alias));
	for (; size >= 8 * sizeof(lane); p += 8 * sizeof(lane), size -= 8 * sizeof(lane)) {
		const lane *at = (const lane *)p;
		lane all = at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7];
		if (all[0] | all[1] | all[2] | all[3])
			return false;
	}
	return is_zero(p, size);
}

static COLD void run_return(struct page *s)
{
	if (!run_is_zero(page_address(s), s->size))
		written_after_free(page_address(s), s->size);
	page_give(s);
}

/* The bits make sure that failing again and again does not search again and again. */
COLD bool page_reclaim(void)
{
	bool any = false;
	for (unsigned k = 0; k < HELD_RUNS; k++) {
		struct page *s = held_runs[k];
		held_runs[k] = NULL;
		if (s)
			run_return(s), any = true;
	}
	for (unsigned c = 0; c < CLASSES; c++) {
		struct drawn_place next = next_of[c];
		next_of[c].slab = NULL;
		if (next.slab)
			slab_return(next.slab, next.object);
	}
	for (unsigned k = 0; k < HELD + HELD_LARGE; k++) {
		struct held h = heap_held[k];
		heap_held[k].slab = NULL;
		if (h.slab)
			slab_return(h.slab, h.object);
	}
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

/* The place of the set bit of that rank, from 0; there is one. */
static inline uint32_t bit_of_rank(uint64_t word, uint32_t rank)
{
#ifdef __BMI2__
	return (uint32_t)__builtin_ctzll(__builtin_ia32_pdep_di(1ull << rank, word));
#else
	for (; rank > 0; rank--)
		word &= word - 1;
	return (uint32_t)__builtin_ctzll(word);
#endif
}

/* A free object of a slab that has one: each as likely as any other. */
static inline uint32_t place_of(const struct page *s)
{
	uint32_t rank = draw_byte() * s->free_count >> 8;
	uint32_t first = (uint32_t)__builtin_popcountll(s->free[0]);
	return rank < first ? bit_of_rank(s->free[0], rank)
	                    : 64 + bit_of_rank(s->free[1], rank - first);
}

/* Draws what the class gives next, which is neither free nor taken then. A slab has room. */
static inline void draw_next(unsigned c)
{
	struct page *s = with_room[c];
	size_t size = classes[c].size;
	uint32_t i = place_of(s);
	s->free[i / 64] &= ~(1ull << i % 64);
	if (--s->free_count == 0)
		unlist_slab(s);
	uint8_t *p = (uint8_t *)page_address(s) + i * size;
	next_of[c] = (struct drawn_place){ s, p, i };
	for (size_t k = 0; k < size && k < CHECKED; k += LINE)
		__builtin_prefetch(p + k, 1);
	__builtin_prefetch(p + size - 1, 1);
}

static COLD bool find_room(unsigned c)
{
	/* What was held may have given this class room, and yet no whole run. */
	return slab_new(c) || with_room[c];
}

/* Zero but for its canary. */
static inline void *slab_alloc(unsigned c)
{
	size_t size = classes[c].size;
	if (__builtin_expect(!next_of[c].slab, 0)) {
		if (!with_room[c] && !find_room(c)) {
			page_count_failure();
			return NULL;
		}
		draw_next(c);
	}
	struct drawn_place next = next_of[c];
	next.slab->taken[next.object / 64] |= 1ull << next.object % 64;
	next_of[c].slab = NULL;
	if (with_room[c])
		draw_next(c);
	page_count_used((int64_t)size);
	check_object(next.at, size);
	protect(next.at, size);
	return next.at;
}

static inline void slab_free(struct page *s, void *p)
{
	const struct class *class = &classes[s->class];
	uint32_t offset = (uint32_t)((uintptr_t)p - (uintptr_t)page_address(s));
	uint32_t i = (uint32_t)((uint64_t)offset * class->reciprocal >> 32);
	if (i * class->size != offset || i >= class->objects)
		panic("free(%p): this lies within an object of %u bytes", p, class->size - CANARY);
	uint64_t bit = 1ull << i % 64;
	if (!(s->taken[i / 64] & bit))
		panic("free(%p): freed twice (an object of %u bytes)", p, class->size - CANARY);
	check_end(p, class->size);
	s->taken[i / 64] &= ~bit;
	page_count_used(-(int64_t)class->size);
	memset(p, 0, class->size);
	/* The oldest of its kind makes place. */
	struct held *h = class->size > 512 ? &heap_held[HELD + large_next++ % HELD_LARGE]
	                                   : &heap_held[small_next++ % HELD];
	struct held before = *h;
	*h = (struct held){ s, i };
	if (before.slab)
		slab_return(before.slab, before.object);
}

static inline uint64_t pages_for(size_t size)
{
	uint64_t pages = size / AMP_PAGE;
	return pages + 1 + (size % AMP_PAGE > AMP_PAGE - CANARY);
}

/* With its canary. */
static inline size_t run_size(size_t size)
{
	return (size + CANARY + GRAIN - 1) & ~(size_t)(GRAIN - 1);
}

static void *run_alloc(size_t size, uint32_t *dirty)
{
	uint64_t pages = pages_for(size);
	struct page *s = pages > UINT32_MAX ? NULL : page_take((uint32_t)pages, PAGE_RUN, dirty);
	if (!s) {
		page_count_failure();
		return NULL;
	}
	page_count_used((int64_t)pages * AMP_PAGE);
	void *p = page_address(s);
	s->size = run_size(size);
	protect(p, s->size);
	return p;
}

static void run_free(struct page *s, void *p)
{
	check_end(p, s->size);
	page_count_used(-(int64_t)s->pages * AMP_PAGE);
	if (s->size <= ZERO_MAX)
		memset(p, 0, s->size);
	if (s->pages > HELD_PAGES) {
		page_give(s);
		return;
	}
	struct page **h = &held_runs[run_next++ % HELD_RUNS], *before = *h;
	s->kind = PAGE_HELD;
	*h = s;
	if (before)
		run_return(before);
}

void *heap_alloc(size_t size)
{
	uint32_t dirty;
	if (size <= HEAP_SLAB_MAX)
		return slab_alloc(class_of(size));
	return run_alloc(size, &dirty);
}

COLD void *heap_alloc_aligned(size_t size, size_t align)
{
	uint32_t dirty;
	if (align == 0 || (align & (align - 1)) != 0 || align > AMP_PAGE)
		return NULL;
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
	if (all <= HEAP_SLAB_MAX)
		return slab_alloc(class_of(all));
	void *p = run_alloc(all, &dirty);
	if (p && dirty > 0) {
		size_t used = (size_t)dirty * AMP_PAGE;
		memset(p, 0, used < all ? used : all);
	}
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

static __attribute__((noinline)) void free_taken(void *p)
{
	struct page *s = owner(p);
	if (s->kind == PAGE_SLAB) {
		slab_free(s, p);
		return;
	}
	run_free(s, p);
}

/* Half of all calls have nothing to free, and are done here. */
void heap_free(void *p)
{
	if (p)
		free_taken(p);
}

/* Without the canary. */
static inline size_t size_of(const struct page *s)
{
	return (s->kind == PAGE_SLAB ? classes[s->class].size : s->size) - CANARY;
}

size_t heap_size(void *p)
{
	return size_of(owner(p));
}

/* Grows or shrinks a page run in place, if that is possible. */
static COLD bool run_resize(struct page *s, size_t size)
{
	uint64_t pages = pages_for(size);
	uint32_t before = s->pages;
	uint8_t *p = page_address(s);
	if (size <= HEAP_SLAB_MAX || pages > UINT32_MAX)
		return false;
	size_t old = s->size, new = run_size(size);
	check_end(p, old);
	if (new < old) {
		*canary_of(p, old) = 0;
		if (old - new <= ZERO_MAX)
			memset(p + new, 0, old - new);
	}
	if (!page_resize(s, (uint32_t)pages))
		return false;
	if (new > old) /* it is the caller's memory now */
		*canary_of(p, old) = 0;
	s->size = new;
	protect(p, new);
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
		if (size <= HEAP_SLAB_MAX && class_of(size) == s->class)
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
	uint32_t bits = 0, taken = 0;
	for (unsigned w = 0; w < PAGE_SLAB_OBJECTS / 64; w++) {
		bits += (uint32_t)__builtin_popcountll(s->free[w]);
		taken += (uint32_t)__builtin_popcountll(s->taken[w]);
		if (s->free[w] & s->taken[w])
			return false;
	}
	if (bits != s->free_count || bits + taken > class->objects)
		return false;
	for (unsigned i = 1; i < class->pages; i++)
		if (s[i].kind != PAGE_SLAB_REST || s[i].back != i)
			return false;
	*used += (uint64_t)taken * class->size;
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

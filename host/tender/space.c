/* SPDX-License-Identifier: ISC */
/*
 * Layout. The image says where segments and stacks are (moves.c); all else goes to addresses
 * drawn at random for each start: one window of whole GiB in a part of the range that the file
 * leaves free, and in it the regions in random order with random gaps. The window keeps page tables
 * few (one page directory a GiB); a clone's, for the little that it does not have from its parent, lies in a GiB that it uses
 * already. The memory behind it is space_memory.h's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <tender/moves.h>
#include <tender/snapshot.h>
#include <tender/space_memory.h>

#define LARGE (2ull << 20)
#define GIB   (1ull << 30)

/* A layout takes some eight numbers, and a call for each were a tenth of a start's. */
static uint64_t random_u64(void)
{
	static uint64_t drawn[8];
	static unsigned left;
	if (!left) {
		if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn)
			abort(); /* the kernel's generator cannot fail once it is up */
		left = sizeof drawn / sizeof *drawn;
	}
	uint64_t v = drawn[--left];
	drawn[left] = 0;
	return v;
}

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static struct region *add(struct space *s, enum region_kind kind, uint32_t index, uint64_t at,
                          uint64_t size, uint32_t rights)
{
	struct region *r = &s->regions[s->region_count++];
	*r = (struct region){ .at = at,
		              .size = round_up(size, AMP_PAGE),
		              .kind = kind,
		              .rights = rights,
		              .index = index };
	return r;
}

static bool window_free(const struct space *s, uint64_t at, uint64_t size)
{
	for (uint32_t i = 0; i < s->region_count; i++)
		if (s->regions[i].size && s->regions[i].at < at + size + LARGE &&
		    at < s->regions[i].at + s->regions[i].size + LARGE)
			return false;
	return true;
}

/* Whole GiB anywhere; 0: there is no room. */
static uint64_t draw_window(const struct space *s, uint64_t size)
{
	uint64_t window = round_up(size, GIB);
	for (int tries = 0; tries < 1000; tries++) {
		uint64_t places = (AMP_IMAGE_HIGH - AMP_IMAGE_LOW) / GIB;
		uint64_t at = AMP_IMAGE_LOW + random_u64() % places * GIB;
		if (window <= AMP_IMAGE_HIGH - at && window_free(s, at, window))
			return at;
	}
	return 0;
}

/* In the GiB of a clone's boot information, for which there are page tables already, here and in a machine's shadow. 0: there is
 * no room. */
static uint64_t draw_beside(struct space *s, uint64_t size)
{
	const struct region *boot = space_region(s, REGION_BOOT, 0);
	if (!s->from || !boot || size > GIB)
		return 0;
	for (int tries = 0; tries < 100; tries++) {
		uint64_t at =
		        boot->at / GIB * GIB + random_u64() % ((GIB - size) / LARGE + 1) * LARGE;
		if (at >= AMP_IMAGE_LOW && size <= AMP_IMAGE_HIGH - at && window_free(s, at, size))
			return at;
	}
	return 0;
}

/* Gives the regions from `first` on, which have sizes only, their addresses. */
static int place(struct space *s, uint32_t first, struct defect *why)
{
	uint32_t count = s->region_count - first, order[REGIONS_MAX];
	uint64_t window = 0, draw, base;

	for (uint32_t i = 0; i < count; i++) {
		order[i] = first + i;
		window += round_up(s->regions[first + i].size, LARGE) + 17 * LARGE;
	}
	s->region_count = first;
	base = draw_beside(s, window);
	base = base ? base : draw_window(s, window);
	s->region_count = first + count;
	if (!base)
		return defect_set(why, "leaves no room for %llu MiB of memory between its segments",
		                  (unsigned long long)(window >> 20));

	draw = random_u64();
	for (uint32_t i = count; i > 1; i--) {
		uint32_t j = (uint32_t)(random_u64() % i), t = order[i - 1];
		order[i - 1] = order[j];
		order[j] = t;
	}
	uint64_t at = base;
	for (uint32_t i = 0; i < count; i++) {
		struct region *r = &s->regions[order[i]];
		at += (1 + (draw & 15)) * LARGE;
		draw = draw >> 4 | draw << 60;
		r->at = at;
		if (r->size < LARGE) { /* small ones start at any page of their 2 MiB */
			uint64_t slack = (LARGE - r->size) / AMP_PAGE + 1;
			r->at += random_u64() % slack * AMP_PAGE;
		}
		at += round_up(r->size, LARGE);
	}
	return 0;
}

/* In the 2 MiB that the gate has for itself: no table is for it alone. */
static void place_system(struct space *s)
{
	uint64_t gate = space_region(s, REGION_GATE, 0)->at, block = gate / LARGE * LARGE;
	s->system_at = gate - block >= SPACE_SYSTEM_SIZE ? block : block + LARGE / 2;
}

static int by_address(const void *a, const void *b)
{
	const struct region *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Physical places in the arena. Large regions keep their address modulo 2 MiB, so that pages.c may use large pages. */
static void place_physical(struct space *s)
{
	uint64_t tables = 1, at = s->kind == SPACE_GUEST ? SPACE_SYSTEM_SIZE : 0;
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		tables += (r->size / LARGE + 2) + (r->size / GIB + 2) + 2;
	}
	s->tables_at = at;
	s->tables_size = (tables + 6) * AMP_PAGE;
	at += s->tables_size;
	/* The small ones first, so that aligning the large ones leaves one gap, not many. */
	for (int large = 0; large < 2; large++) {
		for (uint32_t i = 0; i < s->region_count; i++) {
			struct region *r = &s->regions[i];
			if ((r->size >= LARGE) != large)
				continue;
			if (large)
				at += (r->at - at) % LARGE;
			r->physical = at;
			at += r->size;
		}
	}
	s->arena_size = at;
}

/* What a clone finds where its parent had it; all else has no address that an image keeps. */
static void add_drawn(struct space *s, const struct image *image, const struct space_need *need)
{
	add(s, REGION_BOOT, 0, 0, need->boot, RIGHT_R);
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (need->frames[i])
			add(s, REGION_FRAMES, i, 0, need->frames[i], RIGHT_R | RIGHT_W);
	if (need->heap)
		add(s, REGION_HEAP, 0, 0, need->heap, RIGHT_R | RIGHT_W);
}

/* snapshot_fits has looked at segments, stacks and devices. Boot information may have grown, by receive queues. */
static int add_kept(struct space *s, const struct image *image, const struct space_need *need,
                    struct defect *why)
{
	const struct snapshot_header *h = &s->from->header;
	s->entry = h->entry;
	s->stack = h->stack;
	for (uint32_t i = 0; i < h->region_count; i++) {
		const struct snapshot_region *r = &h->regions[i];
		if (r->kind == REGION_BOOT)
			add(s, REGION_BOOT, 0, r->at, r->size > need->boot ? r->size : need->boot,
			    RIGHT_R);
		else if (r->kind == REGION_HEAP)
			add(s, REGION_HEAP, 0, r->at, r->size + need->secrets, RIGHT_R | RIGHT_W);
		else if (r->kind == REGION_FRAMES)
			add(s, REGION_FRAMES, r->index, r->at, r->size, RIGHT_R | RIGHT_W);
	}
	if (need->secrets && !space_region(s, REGION_HEAP, 0))
		return defect_set(why, "has no memory, and so no place for secrets");
	for (uint32_t i = 0; i < image->note.device_count; i++) {
		const struct region *r = space_region(s, REGION_FRAMES, i);
		uint64_t had = r ? r->size : 0;
		if (had != need->frames[i])
			return defect_set(why,
			                  "device %s has %llu bytes of frames, and its clone's "
			                  "would have %llu: give it a network of the same MTU",
			                  image->devices[i].name, (unsigned long long)had,
			                  (unsigned long long)need->frames[i]);
	}
	return 0;
}

int space_make(struct space *s, enum space_kind kind, const struct image *image,
               const struct space_need *need, struct defect *why)
{
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->base.fd = -1;
	s->from = need->from;
	s->heap_shared = kind != SPACE_CHILD || need->heap_shared;
	s->moved = image->moved;
	s->stack_base = image->note.stack_base;
	s->stack_guard = image_stack_guard(image);
	s->stack_stride = image_stack_stride(image);
	s->stack_count = image->note.stack_count;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		add(s, REGION_SEGMENT, i, g->at, g->size, g->rights);
	}
	add(s, REGION_STACKS, 0, s->stack_base, image_stacks_size(image), RIGHT_R | RIGHT_W);
	s->entry = image->entry;
	s->stack = s->stack_base + s->stack_stride - 8;
	if (s->from && add_kept(s, image, need, why))
		return -1;
	uint32_t first = s->region_count;
	add(s, REGION_GATE, 0, 0, AMP_PAGE, RIGHT_R | RIGHT_X);
	if (need->rings)
		add(s, REGION_RINGS, 0, 0, need->rings, RIGHT_R | RIGHT_W);
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (need->queues[i])
			add(s, REGION_QUEUES, i, 0, need->queues[i], RIGHT_R | RIGHT_W);
	if (!s->from)
		add_drawn(s, image, need);
	if (place(s, first, why))
		return -1;
	if (kind == SPACE_GUEST)
		place_system(s);
	qsort(s->regions, s->region_count, sizeof *s->regions, by_address);
	if (s->from && !space_is_valid(s))
		return defect_set(why, "has regions that lie on each other");

	if (kind != SPACE_CHILD)
		place_physical(s);
	if (space_memory_take(s, need, why))
		goto fail;
	for (uint32_t i = 0; i < s->region_count; i++)
		if (s->regions[i].kind == REGION_SEGMENT &&
		    !(s->from && s->regions[i].rights & RIGHT_W) &&
		    space_memory_load(s, &s->regions[i], image, why))
			goto fail;
	if (moves_apply(s, image, why))
		goto fail;
	if (s->from && space_memory_restore(s, why))
		goto fail;
	return 0;
fail:
	space_free(s);
	return -1;
}

struct region *space_region(struct space *s, enum region_kind kind, uint32_t index)
{
	for (uint32_t i = 0; i < s->region_count; i++)
		if (s->regions[i].kind == kind && s->regions[i].index == index)
			return &s->regions[i];
	return NULL;
}

bool space_guard(const struct space *s, uint64_t address, uint32_t *stack)
{
	if (address < s->stack_base || address - s->stack_base >= s->stack_stride * s->stack_count)
		return false;
	uint64_t offset = address - s->stack_base;
	*stack = (uint32_t)(offset / s->stack_stride);
	return offset % s->stack_stride < s->stack_guard;
}

const struct region *space_find(const struct space *s, uint64_t address)
{
	uint32_t stack;
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		if (address >= r->at && address - r->at < r->size)
			return r->kind == REGION_STACKS && space_guard(s, address, &stack) ? NULL
			                                                                   : r;
	}
	return NULL;
}

uint8_t *space_bytes(const struct space *s, uint64_t address, uint32_t rights, uint64_t *follow)
{
	const struct region *r = space_find(s, address);
	if (!r || (r->rights & rights) != rights)
		return NULL;
	uint64_t offset = address - r->at;
	*follow = r->kind == REGION_STACKS ? s->stack_stride - offset % s->stack_stride
	                                   : r->size - offset;
	return r->host + offset;
}

bool space_is_valid(const struct space *s)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		if (!r->size || r->at % AMP_PAGE || r->size % AMP_PAGE || r->at < AMP_IMAGE_LOW ||
		    r->at >= AMP_IMAGE_HIGH || r->size > AMP_IMAGE_HIGH - r->at)
			return false;
		if ((r->rights & (RIGHT_W | RIGHT_X)) == (RIGHT_W | RIGHT_X))
			return false;
		if (i && r->at < s->regions[i - 1].at + s->regions[i - 1].size)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: ISC */
/*
 * Layout and mapping. The file gives the places of segments and stacks; all else goes to addresses
 * drawn at random for each start: one window of whole GiB in a part of the range that the file
 * leaves free, and in it the regions in random order with random gaps. The window keeps page tables
 * few (one page directory a GiB).
 *
 * Segments are copied from the file when they are small, and mapped privately when they are large
 * and come with many bytes (zones, files compiled in). A mapping shows later changes of the file to
 * the image; that is no more than a hostile file could say in the first place, since the tender
 * never interprets segments' contents. A file cut short while it runs ends the tender with SIGBUS,
 * which run.c turns into a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <tender/space.h>

#define LARGE (2ull << 20)
#define GIB   (1ull << 30)
#define COPY_MAX                                                                                   \
	(128u                                                                                      \
	 << 10) /* file bytes up to which a segment is copied: cheaper than faults            \
	              */

static uint64_t random_u64(void)
{
	uint64_t v = 0;
	if (getrandom(&v, sizeof v, 0) != sizeof v)
		abort(); /* the kernel's generator cannot fail once it is up */
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

/* Gives the regions from `first` on, which have sizes only, their addresses. */
static int place(struct space *s, uint32_t first, struct defect *why)
{
	uint32_t count = s->region_count - first, order[REGIONS_MAX];
	uint64_t window = 0, draw, base = 0;

	for (uint32_t i = 0; i < count; i++) {
		order[i] = first + i;
		window += round_up(s->regions[first + i].size, LARGE) + 17 * LARGE;
	}
	window = round_up(window, GIB);
	uint64_t size = s->region_count;
	s->region_count = first;
	for (int tries = 0; tries < 1000 && !base; tries++) {
		uint64_t places = (AMP_IMAGE_HIGH - AMP_IMAGE_LOW) / GIB;
		uint64_t at = AMP_IMAGE_LOW + random_u64() % places * GIB;
		if (window <= AMP_IMAGE_HIGH - at && window_free(s, at, window))
			base = at;
	}
	s->region_count = (uint32_t)size;
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

static int by_address(const void *a, const void *b)
{
	const struct region *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Physical places, and the arena that backs them. Large regions keep their address modulo 2 MiB, so
 * that pages.c may use large pages. */
static int make_arena(struct space *s, bool heap_shared, struct defect *why)
{
	uint64_t tables = 1, at = SPACE_SYSTEM_SIZE;
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
	/* Over-reserved so that the arena starts at a 2 MiB boundary; the surplus is given back. */
	uint8_t *map = mmap(NULL, at + LARGE, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return defect_set(why, "needs %llu MiB of memory, which the host does not give: %s",
		                  (unsigned long long)(at >> 20), strerror(errno));
	uint8_t *start = (uint8_t *)round_up((uint64_t)map, LARGE);
	if (start > map)
		munmap(map, (size_t)(start - map));
	munmap(start + at, (size_t)(map + LARGE - start));
	s->arena = start;
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		r->host = start + r->physical;
		/* What a disk reads into: a request of many small pages costs more than the disk.
		 */
		if (r->kind == REGION_HEAP && heap_shared)
			madvise(r->host, r->size, MADV_HUGEPAGE);
	}
	return 0;
}

/* Maps the regions at the image's own addresses; see SPACE_CHILD in space.h. */
static int map_regions(struct space *s, bool heap_shared, struct defect *why)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		bool shared = r->kind == REGION_BOOT || r->kind == REGION_RINGS ||
		              r->kind == REGION_FRAMES || r->kind == REGION_QUEUES ||
		              (r->kind == REGION_HEAP && heap_shared);
		void *want = (void *)r->at;
		void *map = mmap(want, r->size, PROT_READ | PROT_WRITE,
		                 (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS |
		                         MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		                 -1, 0);
		if (map != MAP_FAILED && map != want) {
			munmap(map, r->size);
			map = MAP_FAILED;
			errno = EEXIST;
		}
		if (map == MAP_FAILED)
			return defect_set(why, "cannot have %llu KiB at 0x%llx: %s",
			                  (unsigned long long)(r->size >> 10),
			                  (unsigned long long)r->at, strerror(errno));
		r->host = map;
	}
	return 0;
}

static int load(const struct region *r, const struct image_segment *g, int fd, struct defect *why)
{
	uint64_t done = 0;
	if (g->file_size > COPY_MAX) {
		if (mmap(r->host, g->file_size, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
		         (off_t)g->file_offset) == MAP_FAILED)
			return defect_set(why, "cannot be mapped: %s", strerror(errno));
		/* The last page goes on with whatever follows in the file. */
		uint64_t tail = g->file_size % AMP_PAGE;
		if (tail)
			memset(r->host + g->file_size, 0, AMP_PAGE - tail);
		return 0;
	}
	while (done < g->file_size) {
		ssize_t n = pread(fd, r->host + done, g->file_size - done,
		                  (off_t)(g->file_offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return defect_set(why, "cannot be read: %s",
			                  n ? strerror(errno) : "it became shorter meanwhile");
		done += (uint64_t)n;
	}
	return 0;
}

bool space_sharing_is_free(void)
{
	char text[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 && !strstr(text, "[always]");
}

int space_make(struct space *s, enum space_kind kind, const struct image *image,
               const struct space_need *need, struct defect *why)
{
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->heap_shared = kind == SPACE_GUEST || need->heap_shared;
	s->stack_base = image->note.stack_base;
	s->stack_stride = image_stack_stride(image);
	s->stack_count = image->note.stack_count;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		add(s, REGION_SEGMENT, i, g->at, g->size, g->rights);
	}
	add(s, REGION_STACKS, 0, s->stack_base, image_stacks_size(image), RIGHT_R | RIGHT_W);
	uint32_t first = s->region_count;
	add(s, REGION_GATE, 0, 0, AMP_PAGE, RIGHT_R | RIGHT_X);
	add(s, REGION_BOOT, 0, 0, need->boot, RIGHT_R);
	if (need->rings)
		add(s, REGION_RINGS, 0, 0, need->rings, RIGHT_R | RIGHT_W);
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (need->frames[i])
			add(s, REGION_FRAMES, i, 0, need->frames[i], RIGHT_R | RIGHT_W);
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (need->queues[i])
			add(s, REGION_QUEUES, i, 0, need->queues[i], RIGHT_R | RIGHT_W);
	if (need->heap)
		add(s, REGION_HEAP, 0, 0, need->heap, RIGHT_R | RIGHT_W);
	if (place(s, first, why))
		return -1;
	qsort(s->regions, s->region_count, sizeof *s->regions, by_address);

	if (kind == SPACE_GUEST ? make_arena(s, need->heap_shared, why)
	                        : map_regions(s, need->heap_shared, why))
		goto fail;
	for (uint32_t i = 0; i < s->region_count; i++)
		if (s->regions[i].kind == REGION_SEGMENT &&
		    load(&s->regions[i], &image->segments[s->regions[i].index], image->fd, why))
			goto fail;
	return 0;
fail:
	space_free(s);
	return -1;
}

void space_free(struct space *s)
{
	if (s->arena)
		munmap(s->arena, s->arena_size);
	else
		for (uint32_t i = 0; i < s->region_count; i++)
			if (s->regions[i].host)
				munmap(s->regions[i].host, s->regions[i].size);
	memset(s, 0, sizeof *s);
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
	return offset % s->stack_stride < AMP_PAGE;
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

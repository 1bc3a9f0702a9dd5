/* SPDX-License-Identifier: ISC */
/*
 * Memory of the host's behind a space: an arena for a machine, or mappings at the image's own addresses. Segments are copied
 * from the file when they are small, and mapped privately when they are large and come with many bytes (zones, files
 * compiled in), or are a clone's: clones share them. A mapping shows later changes of the file to the image; that is no more than a hostile file could say in the
 * first place, since the tender never interprets segments' contents. A file cut short while it runs ends the tender with
 * SIGBUS, which run.c turns into a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/page_map.h>
#include <tender/snapshot.h>
#include <tender/space_memory.h>

#define LARGE (2ull << 20)
#define STEP  LARGE /* of joining and dropping: a page table's */
/* Runs of a fork's own pages that are mapped: their least size, and how many there may be (vm.max_map_count is 65530). */
#define MAP_PAGES_MIN 16u
#define MAPPINGS_MAX  8192u
#define COPY_MAX      (128u << 10) /* file bytes up to which a segment is copied: cheaper than faults */

/* What clones get of it can be read only, by whomever; what is mapped here now stays the one way to write to it. Where the host
 * lets no such file be made, there is none. */
static void *map_base(struct space *s, const struct region *heap, void *at, int how)
{
	char path[32];
	int fd = memfd_create("heap", MFD_CLOEXEC | MFD_ALLOW_SEALING), only_read = -1;
	void *map = MAP_FAILED;
	if (fd >= 0 && !ftruncate(fd, (off_t)heap->size)) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		only_read = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (only_read >= 0)
		map = mmap(at, heap->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | how,
		           fd, 0);
	if (map != MAP_FAILED &&
	    fcntl(fd, F_ADD_SEALS,
	          F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)) {
		munmap(map, heap->size);
		map = MAP_FAILED;
	}
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED) {
		if (only_read >= 0)
			close(only_read);
		return map;
	}
	s->base = (struct space_base){ .fd = only_read, .size = heap->size, .own = true };
	return map;
}

/* Over the arena's memory, and room for the view: where page tables can be moved whole. */
static void map_arena_base(struct space *s, const struct region *heap)
{
	uint64_t size = heap->size + LARGE, offset = (uint64_t)heap->host % LARGE;
	uint8_t *room =
	        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return;
	uint8_t *view = room + (offset + LARGE - (uint64_t)room % LARGE) % LARGE;
	if (view > room)
		munmap(room, (size_t)(view - room));
	if (room + size > view + heap->size)
		munmap(view + heap->size, (size_t)(room + size - (view + heap->size)));
	/* The arena's own memory stays where that fails. */
	uint8_t *map = map_base(s, heap, view, MAP_FIXED);
	if (map != MAP_FAILED && mremap(map, heap->size, heap->size, MREMAP_MAYMOVE | MREMAP_FIXED,
	                                heap->host) == heap->host) {
		/* Kept free until the heap is parted; behind that nothing is mapped any more but by us. */
		if (mmap(view, heap->size, PROT_NONE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		         0) == view)
			s->base.view = view;
		return;
	}
	if (s->base.fd >= 0)
		close(s->base.fd);
	munmap(view, heap->size);
	s->base = (struct space_base){ .fd = -1 };
}

static int make_arena(struct space *s, const struct space_need *need, struct defect *why)
{
	uint64_t at = s->arena_size;
	/* Over-reserved so that the arena starts at a 2 MiB boundary; the surplus is given back. */
	uint8_t *map = mmap(NULL, at + LARGE, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return defect_set(why, "needs %llu MiB of memory, which the host does not give: %s",
		                  (unsigned long long)(at >> 20), strerror(errno));
	uint8_t *start = (uint8_t *)(((uint64_t)map + LARGE - 1) & ~(LARGE - 1));
	if (start > map)
		munmap(map, (size_t)(start - map));
	munmap(start + at, (size_t)(map + LARGE - start));
	s->arena = start;
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		r->host = start + r->physical;
		/* What a disk reads into: a request of many small pages costs more than the disk.
		 */
		if (r->kind == REGION_HEAP && need->heap_shared)
			madvise(r->host, r->size, MADV_HUGEPAGE);
		else if (r->kind == REGION_HEAP && need->base)
			map_arena_base(s, r);
	}
	return 0;
}

static uint64_t log_size(const struct region *heap)
{
	return (heap->size / AMP_PAGE + 63) / 64 * 8;
}

static int make_log(struct space *s, const struct region *heap, struct defect *why)
{
	void *map = mmap(NULL, log_size(heap), PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return defect_set(why, "there is no memory to note pages: %s", strerror(errno));
	s->heap_log = map;
	return 0;
}

/* Maps the regions at the image's own addresses; see SPACE_CHILD in space.h. */
static int map_regions(struct space *s, const struct space_need *need, struct defect *why)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		bool shared = r->kind == REGION_BOOT || r->kind == REGION_RINGS ||
		              r->kind == REGION_FRAMES || r->kind == REGION_QUEUES ||
		              (r->kind == REGION_HEAP && need->heap_shared);
		void *want = (void *)r->at, *map = MAP_FAILED;
		if (r->kind == REGION_HEAP && need->base)
			map = map_base(s, r, want, MAP_FIXED_NOREPLACE);
		if (map == MAP_FAILED)
			map = mmap(want, r->size, PROT_READ | PROT_WRITE,
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
		if (r->kind == REGION_HEAP && need->heap_shared && make_log(s, r, why))
			return -1;
	}
	return 0;
}

int space_memory_load(const struct space *s, const struct region *r, const struct image *image,
                      struct defect *why)
{
	const struct image_segment *g = &image->segments[r->index];
	if (g->file_size > (s->from ? AMP_PAGE : COPY_MAX)) {
		if (mmap(r->host, g->file_size, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, image->fd,
		         (off_t)g->file_offset) == MAP_FAILED)
			return defect_set(why, "cannot be mapped: %s", strerror(errno));
		/* The last page goes on with whatever follows in the file. */
		uint64_t tail = g->file_size % AMP_PAGE;
		if (tail)
			memset(r->host + g->file_size, 0, AMP_PAGE - tail);
		return 0;
	}
	return image_read(image, r->host, g->file_size, g->file_offset, why);
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

int space_memory_take(struct space *s, const struct space_need *need, struct defect *why)
{
	return s->kind == SPACE_GUEST ? make_arena(s, need, why) : map_regions(s, need, why);
}

/* ---- Base ---- */

int space_memory_part(struct space *s)
{
	struct space_base *b = &s->base;
	const struct region *heap = space_region(s, REGION_HEAP, 0);
	if (b->view && mremap(heap->host, heap->size, heap->size, MREMAP_MAYMOVE | MREMAP_FIXED,
	                      b->view) == MAP_FAILED)
		return -1;
	if (mmap(heap->host, heap->size, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, b->fd, 0) == MAP_FAILED) {
		int error = errno;
		if (b->view && mremap(b->view, heap->size, heap->size,
		                      MREMAP_MAYMOVE | MREMAP_FIXED, heap->host) == MAP_FAILED)
			abort(); /* it was there a moment ago */
		errno = error;
		return -1;
	}
	b->parted = true;
	b->view_at = 0;
	return 0;
}

/* Bytes of the next step; 0: there is none. */
static uint64_t next_step(const struct space_base *b)
{
	uint64_t left = b->own && b->parted && b->view ? b->size - b->view_at : 0;
	return left < STEP ? left : STEP;
}

bool space_memory_join(struct space *s, int page_map)
{
	static uint64_t map[STEP / AMP_PAGE];
	struct space_base *b = &s->base;
	const struct region *heap = space_region(s, REGION_HEAP, 0);
	uint64_t size = next_step(b);
	uint8_t *own = heap->host + b->view_at, *view = b->view + b->view_at;
	ssize_t want = (ssize_t)(size / AMP_PAGE * 8);
	if (!size)
		return false;
	if (pread(page_map, map, (size_t)want, (off_t)((uint64_t)own / AMP_PAGE * 8)) != want)
		return false;
	for (uint64_t k = 0; k < size / AMP_PAGE; k++)
		if (page_map_is_own(map[k]))
			memcpy(view + k * AMP_PAGE, own + k * AMP_PAGE, AMP_PAGE);
	if (mremap(view, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, own) == MAP_FAILED)
		return false;
	b->view_at += size;
	b->parted = b->view_at < b->size;
	return b->parted;
}

bool space_memory_drop(struct space *s)
{
	struct space_base *b = &s->base;
	uint64_t size = next_step(b);
	if (!size || munmap(b->view + b->view_at, size))
		return false;
	b->view_at += size;
	return b->view_at < b->size;
}

/* ---- Of a clone ---- */

/* The heap of a fork: its parent's base, and over it the pages in which the parent's heap differed. Runs of some length are
 * mapped, as long as there are not too many; all others copied. */
static int restore_base(struct space *s, const struct region *heap, const struct snapshot_region *k,
                        struct defect *why)
{
	const struct snapshot *from = s->from;
	const struct snapshot_header *h = &from->header;
	if (mmap(heap->host, h->base_size, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, from->base,
	         (off_t)h->base_at) == MAP_FAILED)
		return defect_set(why, "cannot be mapped: %s", strerror(errno));
	uint32_t mapped = 0;
	for (uint32_t i = 0; i < h->run_count; i++) {
		const struct snapshot_run *r = &from->runs[i];
		if (&h->regions[r->region] != k)
			continue;
		if (r->pages >= MAP_PAGES_MIN && mapped < MAPPINGS_MAX) {
			mapped++;
			if (mmap(heap->host + r->page * AMP_PAGE, r->pages * AMP_PAGE,
			         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			         from->fd, (off_t)(k->file_at + r->page * AMP_PAGE)) == MAP_FAILED)
				return defect_set(why, "cannot be mapped: %s", strerror(errno));
		} else if (snapshot_read_run(from, r, heap->host, why)) {
			return -1;
		}
	}
	return 0;
}

/* What it is forked from in its turn. */
static struct space_base base_of(const struct snapshot *from, const struct snapshot_region *k)
{
	const struct snapshot_header *h = &from->header;
	if (h->base_size)
		return (struct space_base){
			.fd = from->base, .at = h->base_at, .size = h->base_size, .parted = true
		};
	return (struct space_base){
		.fd = from->fd, .at = k->file_at, .size = k->size, .parted = true
	};
}

/* Memory of the image's own is the file's until it is written; what is shared with this process is copied. Behind the heap there
 * may be new secrets. */
int space_memory_restore(struct space *s, struct defect *why)
{
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		const struct snapshot_region *k = snapshot_region(s->from, r->kind, r->index);
		if (!k || r->kind == REGION_BOOT)
			continue;
		if (s->kind == SPACE_CHILD &&
		    (r->kind == REGION_FRAMES || (r->kind == REGION_HEAP && s->heap_shared))) {
			if (snapshot_read(s->from, k, r->host, why))
				return -1;
			continue;
		}
		if (r->kind == REGION_HEAP && s->from->header.base_size) {
			if (restore_base(s, r, k, why))
				return -1;
		} else if (mmap(r->host, k->size, PROT_READ | PROT_WRITE,
		                MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, s->from->fd,
		                (off_t)k->file_at) == MAP_FAILED) {
			return defect_set(why, "cannot be mapped: %s", strerror(errno));
		}
		if (r->kind == REGION_HEAP)
			s->base = base_of(s->from, k);
	}
	return 0;
}

void space_free(struct space *s)
{
	const struct region *heap = space_region(s, REGION_HEAP, 0);
	if (s->base.own && s->base.view && (s->base.parted || !s->base.view_at))
		munmap(s->base.view + s->base.view_at, s->base.size - s->base.view_at);
	if (s->base.own)
		close(s->base.fd);
	if (s->heap_log)
		munmap(s->heap_log, log_size(heap));
	if (s->arena)
		munmap(s->arena, s->arena_size);
	else
		for (uint32_t i = 0; i < s->region_count; i++)
			if (s->regions[i].host)
				munmap(s->regions[i].host, s->regions[i].size);
	memset(s, 0, sizeof *s);
}

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
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tender/snapshot.h>
#include <tender/space_memory.h>

#define LARGE    (2ull << 20)
#define COPY_MAX (128u << 10) /* file bytes up to which a segment is copied: cheaper than faults */

static int make_arena(struct space *s, bool heap_shared, struct defect *why)
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
		if (r->kind == REGION_HEAP && heap_shared)
			madvise(r->host, r->size, MADV_HUGEPAGE);
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
		if (r->kind == REGION_HEAP && heap_shared && make_log(s, r, why))
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

int space_memory_take(struct space *s, bool heap_shared, struct defect *why)
{
	return s->kind == SPACE_GUEST ? make_arena(s, heap_shared, why)
	                              : map_regions(s, heap_shared, why);
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
		} else if (mmap(r->host, k->size, PROT_READ | PROT_WRITE,
		                MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, s->from->fd,
		                (off_t)k->file_at) == MAP_FAILED) {
			return defect_set(why, "cannot be mapped: %s", strerror(errno));
		}
	}
	return 0;
}

void space_free(struct space *s)
{
	const struct region *heap = space_region(s, REGION_HEAP, 0);
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

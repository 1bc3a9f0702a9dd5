/* SPDX-License-Identifier: ISC */
/* The reader's side of a snapshot file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/platform/x86.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/moves.h>
#include <tender/sha256.h>
#include <tender/snapshot.h>

#define PIECE (32u << 10) /* bytes that are read at a time: into pages that are touched once */

static uint8_t piece[PIECE];

static int read_at(int fd, void *to, uint64_t size, uint64_t at, struct defect *why)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t n = pread(fd, (uint8_t *)to + done, size - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return defect_set(why, "cannot be read: %s", strerror(errno));
		if (!n)
			return defect_set(why, "is cut short: copy or take it again");
		done += (uint64_t)n;
	}
	return 0;
}

/* ---- Sums ---- */

/* CRC-32C (RFC 3720 §12.1) by the processor's instruction, which each x86-64-v2 has; else by a table. */
static uint32_t sum_table(uint32_t sum, const uint8_t *p, uint64_t size)
{
	static uint32_t table[256];
	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;
			for (int k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
			table[i] = c;
		}
	while (size--)
		sum = table[(sum ^ *p++) & 255] ^ sum >> 8;
	return sum;
}

__attribute__((target("sse4.2"))) static uint32_t sum_processor(uint32_t sum, const uint8_t *p,
                                                                uint64_t size)
{
	uint64_t s = sum, word;
	for (; size >= 8; size -= 8, p += 8) {
		memcpy(&word, p, 8);
		s = __builtin_ia32_crc32di(s, word);
	}
	for (; size; size--)
		s = __builtin_ia32_crc32qi((uint32_t)s, *p++);
	return (uint32_t)s;
}

uint32_t snapshot_sum(uint32_t sum, const void *bytes, uint64_t size)
{
	return ~(CPU_FEATURE_ACTIVE(SSE4_2) ? sum_processor(~sum, bytes, size)
	                                    : sum_table(~sum, bytes, size));
}

void snapshot_digest(const struct snapshot_header *h, uint8_t to[32])
{
	static struct snapshot_header copy;
	struct sha256 s;
	copy = *h;
	memset(copy.sha256, 0, sizeof copy.sha256);
	sha256_start(&s);
	sha256_add(&s, &copy, sizeof copy);
	sha256_end(&s, to);
}

/* ---- Checks ---- */

static bool is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return n < size;
}

static bool is_kept(uint32_t kind)
{
	return kind == REGION_SEGMENT || kind == REGION_STACKS || kind == REGION_BOOT ||
	       kind == REGION_FRAMES || kind == REGION_HEAP;
}

static const struct snapshot_region *region_of(const struct snapshot_header *h, uint32_t kind,
                                               uint32_t index)
{
	for (uint32_t i = 0; i < h->region_count; i++)
		if (h->regions[i].kind == kind && h->regions[i].index == index)
			return &h->regions[i];
	return NULL;
}

/* Ascending in memory, each in its place in the file. */
static int check_regions(const struct snapshot_header *h, struct defect *why)
{
	uint64_t at = AMP_IMAGE_LOW, file_at = SNAPSHOT_REGIONS_AT;
	if (h->region_count > SNAPSHOT_REGIONS_MAX)
		return defect_set(why, "is damaged: it has %u regions", h->region_count);
	for (uint32_t i = 0; i < h->region_count; i++) {
		const struct snapshot_region *r = &h->regions[i];
		bool bytes = r->kind != REGION_BOOT;
		if (!is_kept(r->kind) || r->index >= AMP_DEVICES_MAX || !r->size ||
		    r->size % AMP_PAGE || r->at % AMP_PAGE || r->at < at ||
		    r->at >= AMP_IMAGE_HIGH || r->size > AMP_IMAGE_HIGH - r->at ||
		    (bytes && (r->file_at < file_at || r->file_at % AMP_PAGE ||
		               r->file_at > SNAPSHOT_BYTES_MAX ||
		               r->size > SNAPSHOT_BYTES_MAX - r->file_at)))
			return defect_set(why, "is damaged: region %u lies nowhere", i);
		for (uint32_t k = 0; k < i; k++)
			if (h->regions[k].kind == r->kind && h->regions[k].index == r->index)
				return defect_set(why, "is damaged: region %u is there twice", i);
		at = r->at + r->size;
		file_at = bytes ? r->file_at + r->size : file_at;
	}
	const struct snapshot_region *heap = region_of(h, REGION_HEAP, 0);
	if (h->base_size % AMP_PAGE || h->base_at % AMP_PAGE || h->base_at > SNAPSHOT_BYTES_MAX ||
	    (h->base_size && (!heap || h->base_size > heap->size)) || (!h->base_size && h->base_at))
		return defect_set(why, "is damaged: its base lies nowhere");
	if (h->image_at < file_at || h->image_at > h->file_size ||
	    h->image_size > h->file_size - h->image_at || h->image_size > IMAGE_FILE_MAX ||
	    h->table_at < h->image_at + h->image_size || h->table_at > h->file_size)
		return defect_set(why, "is damaged: image and table lie nowhere");
	return 0;
}

int snapshot_check(const struct snapshot_header *h, uint64_t file_size, struct defect *why)
{
	uint8_t digest[32];
	if (h->magic != SNAPSHOT_MAGIC)
		return defect_set(why, "is not a snapshot");
	if (h->version != SNAPSHOT_VERSION || h->size != sizeof *h)
		return defect_set(why, "is a snapshot of version %u; this tender knows version %u",
		                  h->version, SNAPSHOT_VERSION);
	snapshot_digest(h, digest);
	if (memcmp(digest, h->sha256, sizeof digest))
		return defect_set(
		        why,
		        "is damaged: its header does not match its digest: copy or take it again");
	if (h->file_size != file_size)
		return defect_set(why, "is %s: it has %llu bytes of %llu: copy or take it again",
		                  file_size < h->file_size ? "cut short" : "damaged",
		                  (unsigned long long)file_size, (unsigned long long)h->file_size);
	if (h->file_size > SNAPSHOT_BYTES_MAX || h->run_count > SNAPSHOT_RUNS_MAX ||
	    h->device_count > AMP_DEVICES_MAX || h->arg_count > AMP_ARGS_MAX)
		return defect_set(why, "is damaged: its header has impossible numbers");
	if (h->abi_major != AMP_ABI_MAJOR || h->abi_minor > AMP_ABI_MINOR ||
	    h->abi_minor < SNAPSHOT_MINOR_MIN)
		return defect_set(why,
		                  "is of an image of ABI %u.%u; this tender goes on from %u.%u to "
		                  "%u.%u",
		                  h->abi_major, h->abi_minor, AMP_ABI_MAJOR, SNAPSHOT_MINOR_MIN,
		                  AMP_ABI_MAJOR, AMP_ABI_MINOR);
	if (h->image_ns >> 62 || h->generation >> 62 || h->ended > 1)
		return defect_set(why, "is damaged: its header has impossible numbers");
	if (!is_text(h->name, sizeof h->name) ||
	    !is_text(h->image_version, sizeof h->image_version) ||
	    !is_text(h->tender, sizeof h->tender))
		return defect_set(why, "is damaged: a name in it is none");
	for (uint32_t i = 0; i < h->device_count; i++)
		if (!is_text(h->devices[i].name, AMP_NAME_MAX))
			return defect_set(why, "is damaged: a name in it is none");
	for (uint32_t i = 0; i < h->device_count; i++)
		if (h->devices[i].mac[0] & 1)
			return defect_set(why, "is damaged: a MAC address in it is a group's");
	if (check_regions(h, why))
		return -1;
	if (h->run_count * sizeof(struct snapshot_run) != h->file_size - h->table_at)
		return defect_set(why, "is damaged: its table is not as long as it says");
	return 0;
}

static int check_runs(const struct snapshot *s, struct defect *why)
{
	const struct snapshot_header *h = &s->header;
	uint64_t page = 0, touched = 0;
	uint32_t region = 0;
	for (uint32_t i = 0; i < h->run_count; i++) {
		const struct snapshot_run *r = &s->runs[i];
		if (r->region != region)
			page = 0;
		if (r->region < region || r->region >= h->region_count ||
		    h->regions[r->region].kind == REGION_BOOT || !r->pages || r->page < page ||
		    r->page > h->regions[r->region].size / AMP_PAGE ||
		    r->pages > h->regions[r->region].size / AMP_PAGE - r->page)
			return defect_set(why, "is damaged: run %u of its table lies nowhere", i);
		region = r->region;
		page = r->page + r->pages;
		touched += r->pages;
	}
	if (touched != h->touched)
		return defect_set(why, "is damaged: its table has %llu pages of %llu",
		                  (unsigned long long)touched, (unsigned long long)h->touched);
	return 0;
}

static int load(struct snapshot *s, struct defect *why)
{
	struct snapshot_header *h = &s->header;
	struct stat st;
	if (fstat(s->fd, &st))
		return defect_set(why, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return defect_set(why, "is not a regular file");
	if ((uint64_t)st.st_size < sizeof *h)
		return defect_set(why, "is not a snapshot");
	if (read_at(s->fd, h, sizeof *h, 0, why) || snapshot_check(h, (uint64_t)st.st_size, why))
		return -1;
	uint64_t size = h->run_count * sizeof *s->runs;
	s->runs = malloc(size ? size : 1);
	if (!s->runs)
		return defect_set(why, "needs %llu KiB for its table, which are not there",
		                  (unsigned long long)(size >> 10));
	if (read_at(s->fd, s->runs, size, h->table_at, why))
		return -1;
	if (read_at(s->fd, s->args, h->arg_count * sizeof *s->args, SNAPSHOT_ARGS_AT, why))
		return -1;
	return snapshot_check_table(s, why);
}

int snapshot_check_table(const struct snapshot *s, struct defect *why)
{
	const struct snapshot_header *h = &s->header;
	uint64_t size = h->run_count * sizeof *s->runs;
	uint8_t digest[32];
	struct sha256 sum;
	sha256_start(&sum);
	sha256_add(&sum, s->args, h->arg_count * sizeof *s->args);
	sha256_add(&sum, s->runs, size);
	sha256_end(&sum, digest);
	if (memcmp(digest, h->table_sha256, sizeof digest))
		return defect_set(
		        why,
		        "is damaged: its table does not match its digest: copy or take it again");
	for (uint32_t i = 0; i < h->arg_count; i++)
		if (s->args[i].set > 1 || s->args[i].text[AMP_TEXT_MAX - 1])
			return defect_set(why, "is damaged: argument %u has no value", i);
	return check_runs(s, why);
}

static int check_base(const struct snapshot *s, struct defect *why)
{
	const struct snapshot_header *h = &s->header;
	struct stat st;
	if (!h->base_size)
		return 0;
	if (s->base < 0)
		return defect_set(why, "is of a fork, and not whole without its parent's memory");
	if (fstat(s->base, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < h->base_at + h->base_size)
		return defect_set(why, "is of a fork, and this is not its parent's memory");
	return 0;
}

int snapshot_open_fork(struct snapshot *s, int fd, int base, struct defect *why)
{
	s->fd = fd;
	s->base = base;
	s->runs = NULL;
	if (!load(s, why) && !check_base(s, why))
		return 0;
	snapshot_close(s);
	return -1;
}

int snapshot_open(struct snapshot *s, int fd, struct defect *why)
{
	return snapshot_open_fork(s, fd, -1, why);
}

void snapshot_close(struct snapshot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->base >= 0)
		close(s->base);
	free(s->runs);
	s->fd = s->base = -1;
	s->runs = NULL;
}

/* ---- Contents ---- */

int snapshot_verify(const struct snapshot *s, struct defect *why)
{
	for (uint32_t i = 0; i < s->header.run_count; i++) {
		const struct snapshot_run *r = &s->runs[i];
		uint64_t at = s->header.regions[r->region].file_at + r->page * AMP_PAGE,
		         left = r->pages * AMP_PAGE;
		uint32_t sum = 0;
		for (uint64_t n; left; left -= n, at += n) {
			n = left < PIECE ? left : PIECE;
			if (read_at(s->fd, piece, n, at, why))
				return -1;
			sum = snapshot_sum(sum, piece, n);
		}
		if (sum != r->sum)
			return defect_set(why,
			                  "is damaged: its memory at 0x%llx does not match its "
			                  "sum: copy or take it again",
			                  (unsigned long long)(s->header.regions[r->region].at +
			                                       r->page * AMP_PAGE));
	}
	return 0;
}

int snapshot_image(const struct snapshot *s, struct image *image, const char *path,
                   struct defect *why)
{
	off_t at = (off_t)s->header.image_at;
	int to = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		return defect_set(why, "its image cannot be copied: %s", strerror(errno));
	for (uint64_t left = s->header.image_size, n; left; left -= n, at += (off_t)n) {
		n = left < PIECE ? left : PIECE;
		if (read_at(s->fd, piece, n, (uint64_t)at, why))
			goto fail;
		if (write(to, piece, n) != (ssize_t)n) {
			defect_set(why, "its image cannot be copied: %s", strerror(errno));
			goto fail;
		}
	}
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
		defect_set(why, "its image cannot be sealed: %s", strerror(errno));
		goto fail;
	}
	image_of(image, path, to);
	return 0;
fail:
	close(to);
	return -1;
}

const struct snapshot_region *snapshot_region(const struct snapshot *s, enum region_kind kind,
                                              uint32_t index)
{
	return region_of(&s->header, kind, index);
}

/* A region that has to be there, of that place and size. */
static bool lies(const struct snapshot *s, enum region_kind kind, uint32_t index, uint64_t at,
                 uint64_t size)
{
	const struct snapshot_region *r = snapshot_region(s, kind, index);
	return r && r->at == at && r->size == size;
}

/* Is that address in memory of the image's own? */
static bool is_written(const struct snapshot *s, uint64_t at)
{
	for (uint32_t i = 0; i < s->header.region_count; i++) {
		const struct snapshot_region *r = &s->header.regions[i];
		if (r->kind != REGION_BOOT && at >= r->at && at - r->at < r->size)
			return true;
	}
	return false;
}

int snapshot_fits(const struct snapshot *s, struct image *image, struct defect *why)
{
	const struct snapshot_header *h = &s->header;
	const struct amp_note *n = &image->note;
	uint32_t frames = 0, found = 0;
	bool runs = false;
	if (memcmp(h->build_id, n->build_id, sizeof h->build_id) || strcmp(h->name, n->name) ||
	    h->abi_minor != n->abi_minor || h->cpu_level != n->cpu_level ||
	    h->device_count != n->device_count || h->arg_count != n->arg_count)
		return defect_set(why, "is of another image than the one in it");
	if (moves_set(image, h->moved, why))
		return -1;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		if (g->rights & RIGHT_X && h->entry >= g->at && h->entry - g->at < g->size)
			runs = true;
		if (!(g->rights & RIGHT_W))
			continue;
		if (!lies(s, REGION_SEGMENT, i, g->at, g->size))
			return defect_set(why, "does not have segment %u of its image", i);
		found++;
	}
	if (!lies(s, REGION_STACKS, 0, n->stack_base, image_stacks_size(image)))
		return defect_set(why, "does not have the stacks of its image");
	if (!runs || h->stack % 16 != 8 || !is_written(s, h->stack - 8))
		return defect_set(why, "goes on where no code or no stack is");
	for (uint32_t i = 0; i < h->device_count; i++) {
		const struct snapshot_device *d = &h->devices[i];
		const struct snapshot_region *r = snapshot_region(s, REGION_FRAMES, i);
		if (d->type &&
		    (d->type != image->devices[i].type || strcmp(d->name, image->devices[i].name)))
			return defect_set(why, "has other devices than its image");
		if ((r != NULL) != (d->type == AMP_DEVICE_NET) || (r && r->size != d->size))
			return defect_set(why, "does not have the frames of device %s", d->name);
		frames += r != NULL;
	}
	/* Those, boot information, and the heap if there is one. */
	bool heap = snapshot_region(s, REGION_HEAP, 0), boot = snapshot_region(s, REGION_BOOT, 0);
	if (!boot || h->region_count != found + 1 + frames + boot + heap)
		return defect_set(why, "has regions that its image does not have");
	return 0;
}

void snapshot_args(const struct snapshot *s, struct args *to)
{
	for (uint32_t i = 0; i < s->header.arg_count; i++) {
		if (to->values[i].set || !s->args[i].set)
			continue;
		to->values[i].number = s->args[i].number;
		to->values[i].set = 1;
		memcpy(to->values[i].text, s->args[i].text, AMP_TEXT_MAX);
	}
}

/* The first run that ends behind that page of the region. */
static uint32_t find(const struct snapshot *s, uint32_t region, uint64_t page)
{
	uint32_t low = 0, high = s->header.run_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct snapshot_run *r = &s->runs[middle];
		if (r->region < region || (r->region == region && r->page + r->pages <= page))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool snapshot_has(const struct snapshot *s, const struct snapshot_region *r, uint64_t page)
{
	uint32_t region = (uint32_t)(r - s->header.regions), i = find(s, region, page);
	return i < s->header.run_count && s->runs[i].region == region && s->runs[i].page <= page;
}

int snapshot_read_run(const struct snapshot *s, const struct snapshot_run *run, uint8_t *region,
                      struct defect *why)
{
	const struct snapshot_region *r = &s->header.regions[run->region];
	return read_at(s->fd, region + run->page * AMP_PAGE, run->pages * AMP_PAGE,
	               r->file_at + run->page * AMP_PAGE, why);
}

/* What its base has of the heap, but for holes. */
static int read_base(const struct snapshot *s, uint8_t *to, struct defect *why)
{
	uint64_t at = s->header.base_at, end = at + s->header.base_size;
	while (at < end) {
		off_t from = lseek(s->base, (off_t)at, SEEK_DATA),
		      hole = from < 0 ? -1 : lseek(s->base, from, SEEK_HOLE);
		if (hole < 0 || (uint64_t)from >= end)
			return from < 0 && errno != ENXIO
			               ? defect_set(why, "cannot be read: %s", strerror(errno))
			               : 0;
		uint64_t stop = (uint64_t)hole < end ? (uint64_t)hole : end;
		if (read_at(s->base, to + ((uint64_t)from - s->header.base_at),
		            stop - (uint64_t)from, (uint64_t)from, why))
			return -1;
		at = stop;
	}
	return 0;
}

int snapshot_read(const struct snapshot *s, const struct snapshot_region *r, uint8_t *to,
                  struct defect *why)
{
	uint32_t region = (uint32_t)(r - s->header.regions);
	if (r->kind == REGION_HEAP && s->header.base_size && read_base(s, to, why))
		return -1;
	for (uint32_t i = find(s, region, 0);
	     i < s->header.run_count && s->runs[i].region == region; i++)
		if (snapshot_read_run(s, &s->runs[i], to, why))
			return -1;
	return 0;
}

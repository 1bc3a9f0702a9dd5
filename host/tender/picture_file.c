/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tender/clear.h>
#include <tender/page_map.h>
#include <tender/picture.h>
#include <tender/picture_file.h>
#include <tender/sha256.h>
#include <tender/snapshot.h>
#include <tender/written.h>

#define CHUNK     64u   /* pages that are looked at together; a step is about as long */
#define RUNS      512u  /* of the table, written together */
#define MAP_AHEAD 4096u /* entries of a page map that are read together */
/* Of a page map's entry: Documentation/admin-guide/mm/pagemap.rst. */
struct writer {
	const struct picture_subject *of;
	int fd, page_map;
	bool any_page;
	/* The heap's base is to be had beside the file. The heap is not parted from it yet: all of it is there. */
	bool has_base, is_base;
	bool no_sums;                /* a fork's: nobody reads the file before its pages are used */
	uint64_t data_from, data_to; /* of the base: there is data, as far as we know */
	struct snapshot_header header;
	const struct region *regions[SNAPSHOT_REGIONS_MAX]; /* as those of the header */
	uint64_t *there[SNAPSHOT_REGIONS_MAX]; /* a bit a page that has been written to the file */
	uint64_t image_done;
	uint32_t region; /* where the next step begins */
	uint64_t page;
	struct sha256 table;
	struct snapshot_run runs[RUNS];
	uint32_t run_count; /* in runs, not written yet */
	const char *what;   /* null: no error yet */
	int error;
	uint64_t map[MAP_AHEAD];
	uint64_t map_at, map_count; /* which entries of the page map are in `map` */
	uint8_t chunk[CHUNK * AMP_PAGE] __attribute__((aligned(4096)));
};
static struct writer writer;
static uint64_t *room; /* of all `there` */
static uint64_t room_size;

static bool is_kept(const struct region *r)
{
	return r->kind == REGION_STACKS || r->kind == REGION_BOOT || r->kind == REGION_FRAMES ||
	       r->kind == REGION_HEAP || (r->kind == REGION_SEGMENT && r->rights & RIGHT_W);
}

static uint64_t words_of(const struct region *r)
{
	return (r->size / AMP_PAGE + 63) / 64;
}

void picture_file_room(const struct space *s)
{
	uint64_t words = 0;
	for (uint32_t i = 0; i < s->region_count; i++)
		words += is_kept(&s->regions[i]) ? words_of(&s->regions[i]) : 0;
	room_size = words * sizeof *room;
	void *map = mmap(NULL, room_size, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	room = map == MAP_FAILED ? NULL : map;
}

void picture_file_allow(struct filter *f, const struct space *s, int fd)
{
	filter_allow_on(f, SYS_lseek, s->base.fd, NULL, 0);
	filter_allow_on(f, SYS_pwrite64, fd, NULL, 0);
	filter_allow_on(f, SYS_pread64, fd, NULL, 0);
	filter_allow(f, SYS_mincore);
}

static void fail(struct writer *w, const char *what)
{
	if (w->what)
		return;
	w->what = what;
	w->error = errno;
}

const char *picture_file_error(int *error)
{
	*error = writer.error;
	return writer.what;
}

uint64_t picture_file_pages(void)
{
	return writer.header.touched;
}

static void put(struct writer *w, const void *bytes, uint64_t size, uint64_t at)
{
	for (uint64_t done = 0; done < size && !w->what;) {
		ssize_t n = pwrite(w->fd, (const uint8_t *)bytes + done, size - done,
		                   (off_t)(at + done));
		if (n <= 0 && errno != EINTR)
			fail(w, "cannot be written");
		done += n > 0 ? (uint64_t)n : 0;
	}
}

/* ---- Pages ---- */

static bool is_there(const struct writer *w, uint32_t region, uint64_t page)
{
	return w->there[region][page / 64] >> page % 64 & 1;
}

/* Consecutive ones that are to be there. */
static void put_pages(struct writer *w, uint32_t region, uint64_t page, const uint8_t *bytes,
                      uint64_t pages)
{
	put(w, bytes, pages * AMP_PAGE, w->header.regions[region].file_at + page * AMP_PAGE);
	for (uint64_t k = page; k < page + pages; k++)
		w->there[region][k / 64] |= 1ull << k % 64;
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)page;
	for (uint32_t i = 0; i < AMP_PAGE / 8; i += 8)
		if (word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] |
		    word[i + 6] | word[i + 7])
			return false;
	return true;
}

/* Does this process see the region as the image does? */
static bool is_seen(const struct picture_subject *of, const struct region *r)
{
	return !of->child || r->kind == REGION_FRAMES ||
	       (r->kind == REGION_HEAP && of->space->heap_shared && !of->space->heap_owner);
}

static bool is_in_base(const struct writer *w, const struct region *r)
{
	return w->is_base && r->kind == REGION_HEAP;
}

/* Is the page, which may not be mapped, in a base that the picture is to be whole without? What a clone's own file has is told of by
 * that. */
static bool base_has(struct writer *w, const struct region *r, uint64_t page)
{
	const struct space *s = w->of->space;
	const struct space_base *b = &s->base;
	uint64_t at = page * AMP_PAGE;
	if (r->kind != REGION_HEAP || b->fd < 0 || at >= b->size ||
	    (s->from && b->fd == s->from->fd))
		return false;
	at += b->at;
	if (at < w->data_from || at >= w->data_to) {
		off_t from = lseek(b->fd, (off_t)at, SEEK_DATA),
		      to = from < 0 ? -1 : lseek(b->fd, from, SEEK_HOLE);
		if (from < 0 && errno == ENXIO)
			return false;
		if (to < 0)
			return true;
		w->data_from = (uint64_t)from;
		w->data_to = (uint64_t)to;
	}
	return at >= w->data_from && at < w->data_to;
}

/* Does the page differ from the base's, as far as its entry in the page map tells? */
static bool is_own(const struct writer *w, const struct snapshot_region *was, uint64_t page,
                   uint64_t entry)
{
	const struct space *s = w->of->space;
	if (page * AMP_PAGE >= s->base.size)
		return page_map_has(entry);
	return page_map_is_own(entry) ||
	       (was && s->base.fd != s->from->fd && snapshot_has(s->from, was, page));
}

/* The same of a page that is shared with another process, in whose map it may be missing. */
static bool is_resident(struct writer *w, const struct region *r, uint64_t page)
{
	uint64_t at = (uint64_t)r->host / AMP_PAGE + page, left = r->size / AMP_PAGE - page,
	         count = left < MAP_AHEAD ? left : MAP_AHEAD;
	if (w->any_page)
		return true;
	if (at - w->map_at >= w->map_count) {
		if (mincore(r->host + page * AMP_PAGE, count * AMP_PAGE, (uint8_t *)w->map))
			return true;
		w->map_at = at;
		w->map_count = count;
	}
	return ((const uint8_t *)w->map)[at - w->map_at] & 1;
}

/* May the page hold anything? */
static bool is_touched(struct writer *w, const struct region *r, const struct snapshot_region *was,
                       uint64_t page)
{
	uint64_t entry = (uint64_t)r->host / AMP_PAGE + page;
	if (w->of->child && is_seen(w->of, r))
		return is_resident(w, r, page);
	if (w->page_map < 0)
		return true;
	if (entry - w->map_at >= w->map_count) {
		uint64_t left = r->size / AMP_PAGE - page,
		         count = left < MAP_AHEAD ? left : MAP_AHEAD;
		ssize_t n = pread(w->page_map, w->map, count * 8, (off_t)(entry * 8));
		w->map_at = entry;
		w->map_count = n > 0 ? (uint64_t)n / 8 : 0;
		if (!w->map_count)
			return true;
	}
	if (w->has_base && r->kind == REGION_HEAP)
		return is_own(w, was, page, w->map[entry - w->map_at]);
	return page_map_has(w->map[entry - w->map_at]) ||
	       (was && snapshot_has(w->of->space->from, was, page)) || base_has(w, r, page);
}

/* How many of the pages lie before the next stack's guard; 0: the first is in one. */
static uint64_t before_guard(const struct writer *w, const struct region *r, uint64_t page,
                             uint64_t pages)
{
	uint64_t follow;
	if (!space_bytes(w->of->space, r->at + page * AMP_PAGE, RIGHT_R, &follow))
		return 0;
	return follow / AMP_PAGE < pages ? follow / AMP_PAGE : pages;
}

/* Pages in a process of its own; null: they are not accessible. */
static const uint8_t *fetch(struct writer *w, const struct region *r, uint64_t page, uint64_t pages)
{
	struct iovec to = { w->chunk, pages * AMP_PAGE },
	             from = { (void *)(r->at + page * AMP_PAGE), pages * AMP_PAGE };
	ssize_t n = process_vm_readv(w->of->child, &to, 1, &from, 1, 0);
	return n == (ssize_t)(pages * AMP_PAGE) ? w->chunk : NULL;
}

/* May a page that is zero be left out? Of a fork's none is looked through: it lives only as long as its clones. */
static bool is_hole(const struct writer *w, uint32_t region, uint64_t page, const uint8_t *bytes)
{
	return !w->no_sums && !is_there(w, region, page) && is_zero(bytes);
}

/* The file's bytes are what a clone maps: a page that is zero now, and was not, is written, too. */
static void put_accessible(struct writer *w, uint32_t region, uint64_t page, uint64_t pages)
{
	const struct region *r = w->regions[region];
	const uint8_t *bytes =
	        is_seen(w->of, r) ? r->host + page * AMP_PAGE : fetch(w, r, page, pages);
	for (uint64_t k = 0, n; bytes && k < pages; k += n) {
		for (n = 0; k + n < pages &&
		            !is_hole(w, region, page + k + n, bytes + (k + n) * AMP_PAGE);)
			n++;
		if (n)
			put_pages(w, region, page + k, bytes + k * AMP_PAGE, n);
		else
			n = 1;
	}
}

/* At most CHUNK pages. */
static void put_touched(struct writer *w, uint32_t region, uint64_t page, uint64_t pages)
{
	for (uint64_t n; pages; page += n, pages -= n) {
		n = before_guard(w, w->regions[region], page, pages);
		if (n)
			put_accessible(w, region, page, n);
		else
			n = 1;
	}
}

/* ---- Steps ---- */

/* The region that the next step is about; null: there is none. */
static const struct region *at_hand(struct writer *w)
{
	for (; w->region < w->header.region_count; w->region++, w->page = 0, w->map_count = 0) {
		const struct region *r = w->regions[w->region];
		if (r->kind != REGION_BOOT && w->page < r->size / AMP_PAGE)
			return r;
	}
	w->region = 0;
	w->page = 0;
	w->map_count = 0;
	return NULL;
}

/* Where devices write, the image's own writes say nothing. */
static bool is_watched(const struct writer *w, const struct region *r)
{
	return r->kind != REGION_BOOT && r->kind != REGION_FRAMES && !is_in_base(w, r);
}

bool picture_file_watch(void)
{
	struct writer *w = &writer;
	for (uint32_t k = 0; k < w->header.region_count; k++) {
		const struct region *r = w->regions[k];
		bool shared = r->kind == REGION_HEAP && is_seen(w->of, r);
		/* The kernel drops its note about a shared page with the page's entry. */
		if (is_watched(w, r) &&
		    ((shared && w->any_page) || !written_watch(w->page_map, r->at, r->size)))
			return false;
	}
	return true;
}

static void watch(struct writer *w, const struct region *r, uint64_t page, uint64_t pages)
{
	struct written_range ranges[WRITTEN_RANGES];
	uint64_t at = r->at + page * AMP_PAGE, end = at + pages * AMP_PAGE;
	while (at < end)
		if (written_scan(w->page_map, &at, end, 0, true, false, ranges) < 0) {
			fail(w, "cannot be watched");
			return;
		}
}

bool picture_file_touched(bool watched)
{
	struct writer *w = &writer;
	const struct snapshot *from = w->of->space->from;
	const struct region *r = at_hand(w);
	if (!r || w->what)
		return false;
	const struct snapshot_region *was = from ? snapshot_region(from, r->kind, r->index) : NULL;
	uint64_t end = r->size / AMP_PAGE, n = 0;
	if (is_in_base(w, r))
		w->page = end;
	for (uint32_t k = 0; k < MAP_AHEAD && w->page < end && !is_touched(w, r, was, w->page); k++)
		w->page++;
	while (n < CHUNK && w->page + n < end && is_touched(w, r, was, w->page + n))
		n++;
	if (n && watched && is_watched(w, r))
		watch(w, r, w->page, n);
	if (n)
		put_touched(w, w->region, w->page, n);
	w->page += n;
	return true;
}

/* What this process has written to in the image's place, in [page, end) of its heap. */
static uint64_t put_logged(struct writer *w, uint64_t page, uint64_t end)
{
	uint64_t *log = w->of->space->heap_log, pages = 0;
	for (; page < end; page++) {
		if (!log[page / 64])
			page |= 63;
		else if (log[page / 64] >> page % 64 & 1) {
			log[page / 64] &= ~(1ull << page % 64);
			put_touched(w, w->region, page, 1);
			pages++;
		}
	}
	return pages;
}

bool picture_file_written(bool again, uint64_t *pages)
{
	struct writer *w = &writer;
	struct written_range ranges[WRITTEN_RANGES];
	const struct region *r = at_hand(w);
	if (!r || w->what)
		return false;
	if (!is_watched(w, r)) {
		w->page = r->size / AMP_PAGE;
		return true;
	}
	uint64_t at = r->at + w->page * AMP_PAGE;
	int count = written_scan(w->page_map, &at, r->at + r->size, CHUNK, again,
	                         w->has_base && r->kind == REGION_HEAP, ranges);
	if (count < 0)
		fail(w, "cannot be watched");
	for (int i = 0; i < count && !w->what; i++) {
		uint64_t page = (ranges[i].from - r->at) / AMP_PAGE,
		         left = (ranges[i].to - ranges[i].from) / AMP_PAGE;
		*pages += left;
		for (uint64_t n; left; page += n, left -= n) {
			n = left < CHUNK ? left : CHUNK;
			put_touched(w, w->region, page, n);
		}
	}
	uint64_t next = (at - r->at) / AMP_PAGE;
	if (r->kind == REGION_HEAP && w->of->space->heap_log)
		*pages += put_logged(w, w->page, next);
	w->page = next;
	return true;
}

void picture_file_frames(void)
{
	struct writer *w = &writer;
	for (uint32_t k = 0; k < w->header.region_count; k++) {
		const struct region *r = w->regions[k];
		w->map_count = 0;
		for (uint64_t page = 0, n, end = r->size / AMP_PAGE;
		     r->kind == REGION_FRAMES && page < end && !w->what; page += n ? n : 1) {
			for (n = 0;
			     n < CHUNK && page + n < end && is_touched(w, r, NULL, page + n);)
				n++;
			if (n)
				put_touched(w, k, page, n);
		}
	}
	w->map_count = 0;
}

bool picture_file_image(void)
{
	struct writer *w = &writer;
	const struct snapshot_header *h = &w->header;
	uint64_t left = h->image_size - w->image_done,
	         size = left < sizeof w->chunk ? left : sizeof w->chunk;
	if (!left || w->what)
		return false;
	ssize_t n = pread(w->of->image->fd, w->chunk, size, (off_t)w->image_done);
	if (n <= 0) {
		fail(w, "its image file cannot be read");
		return false;
	}
	put(w, w->chunk, (uint64_t)n, h->image_at + w->image_done);
	w->image_done += (uint64_t)n;
	return true;
}

/* ---- The table ---- */

static void put_runs(struct writer *w)
{
	struct snapshot_header *h = &w->header;
	uint64_t size = w->run_count * sizeof *w->runs;
	sha256_add(&w->table, w->runs, size);
	put(w, w->runs, size, h->table_at + h->run_count * sizeof *w->runs);
	h->run_count += w->run_count;
	w->run_count = 0;
	if (h->run_count > SNAPSHOT_RUNS_MAX - RUNS) {
		errno = E2BIG;
		fail(w, "has too many pieces");
	}
}

/* Consecutive pages, whose bytes are in the chunk, unless there are no sums. */
static void note_pages(struct writer *w, uint64_t page, uint64_t pages)
{
	uint64_t size = pages * AMP_PAGE;
	struct snapshot_run *last = w->run_count ? &w->runs[w->run_count - 1] : NULL;
	w->header.touched += pages;
	if (last && last->region == w->region && last->page + last->pages == page) {
		last->sum = w->no_sums ? 0 : snapshot_sum(last->sum, w->chunk, size);
		last->pages += pages;
		return;
	}
	if (w->run_count == RUNS)
		put_runs(w);
	w->runs[w->run_count++] =
	        (struct snapshot_run){ .region = w->region,
		                       .sum = w->no_sums ? 0 : snapshot_sum(0, w->chunk, size),
		                       .page = page,
		                       .pages = pages };
}

bool picture_file_table(void)
{
	struct writer *w = &writer;
	const struct region *r = at_hand(w);
	if (!r || w->what)
		return false;
	const uint64_t *there = w->there[w->region];
	uint64_t end = r->size / AMP_PAGE, n = 0;
	while (w->page < end && !is_there(w, w->region, w->page))
		w->page = there[w->page / 64] ? w->page + 1 : (w->page | 63) + 1;
	while (n < CHUNK && w->page + n < end && is_there(w, w->region, w->page + n))
		n++;
	uint64_t from = w->header.regions[w->region].file_at + w->page * AMP_PAGE;
	for (uint64_t done = 0; done < n * AMP_PAGE && !w->no_sums;) {
		ssize_t got =
		        pread(w->fd, w->chunk + done, n * AMP_PAGE - done, (off_t)(from + done));
		if (got <= 0 && errno != EINTR) {
			fail(w, "cannot be read back");
			return false;
		}
		done += got > 0 ? (uint64_t)got : 0;
	}
	if (n)
		note_pages(w, w->page, n);
	w->page += n;
	return true;
}

/* ---- The header ---- */

static void describe_devices(struct writer *w)
{
	const struct picture_subject *of = w->of;
	w->header.device_count = of->image->note.device_count;
	for (uint32_t i = 0; i < w->header.device_count; i++) {
		struct snapshot_device *d = &w->header.devices[i];
		const struct region *frames =
		        space_region((struct space *)of->space, REGION_FRAMES, i);
		memcpy(d->name, of->image->devices[i].name, sizeof d->name);
		d->type = of->views[i].type;
		if (d->type == AMP_DEVICE_BLOCK) {
			d->size = of->views[i].block.size;
			d->sector_size = of->views[i].block.sector_size;
		} else if (frames) {
			d->size = frames->size;
			memcpy(d->mac, of->views[i].mac, sizeof d->mac);
		}
	}
}

/* Where everything goes. The image's size is what it was when it was opened. */
static void lay_out(struct writer *w)
{
	struct snapshot_header *h = &w->header;
	const struct space *s = w->of->space;
	uint64_t at = SNAPSHOT_REGIONS_AT, *there = room;
	h->region_count = 0;
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		if (!is_kept(r) || h->region_count == SNAPSHOT_REGIONS_MAX)
			continue;
		w->regions[h->region_count] = r;
		w->there[h->region_count] = there;
		there += words_of(r);
		struct snapshot_region *k = &h->regions[h->region_count++];
		*k = (struct snapshot_region){ .kind = r->kind,
			                       .index = r->index,
			                       .at = r->at,
			                       .size = r->size,
			                       .file_at = r->kind == REGION_BOOT ? 0 : at };
		at += r->kind == REGION_BOOT ? 0 : r->size;
	}
	h->image_at = at;
	h->image_size = w->of->image->file_size;
	h->table_at = (at + h->image_size + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
}

bool picture_file_begin(const struct picture_subject *of, int fd, int page_map, bool any_page,
                        bool forks)
{
	const struct space_base *base = &of->space->base;
	struct writer *w = &writer;
	if (!room)
		return false;
	w->of = of;
	w->fd = fd;
	w->page_map = page_map;
	w->any_page = any_page;
	w->what = NULL;
	w->image_done = w->page = w->map_count = 0;
	w->region = w->run_count = 0;
	w->header = (struct snapshot_header){ 0 };
	w->no_sums = forks;
	w->has_base = forks && base->fd >= 0;
	w->is_base = w->has_base && !base->parted;
	w->data_from = w->data_to = 0;
	lay_out(w);
	if (w->has_base) {
		w->header.base_at = base->at;
		w->header.base_size = base->size;
	}
	clear_words(room, room_size);
	sha256_start(&w->table);
	return true;
}

static void put_args(struct writer *w)
{
	const struct args *args = w->of->args;
	for (uint32_t i = 0; i < w->header.arg_count; i++) {
		struct snapshot_arg a = { .number = args->values[i].number,
			                  .set = args->values[i].set };
		memcpy(a.text, args->values[i].text, sizeof a.text);
		sha256_add(&w->table, &a, sizeof a);
		put(w, &a, sizeof a, SNAPSHOT_ARGS_AT + i * sizeof a);
	}
}

void picture_file_point(const struct picture_subject *of, uint64_t entry, bool ends)
{
	struct writer *w = &writer;
	const struct amp_note *n = &of->image->note;
	struct snapshot_header *h = &w->header;
	h->magic = SNAPSHOT_MAGIC;
	h->version = SNAPSHOT_VERSION;
	h->size = sizeof *h;
	h->cpu_level = n->cpu_level;
	h->arg_count = n->arg_count;
	h->abi_major = n->abi_major;
	h->abi_minor = n->abi_minor;
	h->image_ns = clock_image(of->clock);
	h->wall_ns = clock_wall();
	h->moved = of->image->moved;
	h->ended = ends;
	h->entry = entry;
	h->stack = of->resume + 8;
	memcpy(h->build_id, n->build_id, sizeof h->build_id);
	memcpy(h->name, n->name, sizeof h->name);
	memcpy(h->image_version, n->version, sizeof h->image_version);
	snprintf(h->tender, sizeof h->tender, "%s", of->tender);
	if (of->space->from) {
		h->generation = of->space->from->header.generation + 1;
		memcpy(h->parent, of->space->from->header.sha256, sizeof h->parent);
	}
	describe_devices(w);
	put_args(w);
}

void picture_file_end(void)
{
	struct writer *w = &writer;
	struct snapshot_header *h = &w->header;
	put_runs(w);
	h->file_size = h->table_at + h->run_count * sizeof(struct snapshot_run);
	sha256_end(&w->table, h->table_sha256);
	snapshot_digest(h, h->sha256);
	put(w, h, sizeof *h, 0);
}

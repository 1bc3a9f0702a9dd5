/* SPDX-License-Identifier: ISC */
/*
 * Behind the seal nothing is allocated and nothing opened. A request's descriptor is moved to a number that was chosen
 * before (`slot`), so that the filter can name it. The header is written last: a file without one is no snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tender/picture.h>
#include <tender/renewal.h>
#include <tender/sha256.h>
#include <tender/snapshot.h>

#define CHUNK     64u   /* pages that are looked at together */
#define RUNS      512u  /* of the table, written together */
#define MAP_AHEAD 4096u /* entries of a page map that are read together */
#define PRESENT                                                                                    \
	(3ull << 62) /* in memory, or swapped out: Documentation/admin-guide/mm/pagemap.rst */

volatile sig_atomic_t picture_asked;

static int control = -1, slot = -1, nothing = -1, page_map = -1, processes = -1;
static bool has_swap;     /* a shared page that is not resident may be there all the same */
static bool when_warm;    /* the file is in `slot`, and the image is not warm yet */
static bool is_taken;     /* a picture is */
static bool wanted, ends; /* a request is there; the image is to end behind it */

static void on_request(int signal)
{
	(void)signal;
	picture_asked = 1;
}

void picture_open(void)
{
	const char *text = getenv(PICTURE_SOCKET);
	struct sigaction a = { .sa_handler = on_request };
	struct stat st;
	if (!text)
		return;
	int fd = atoi(text);
	unsetenv(PICTURE_SOCKET);
	if (fd < 3 || fstat(fd, &st) || !S_ISSOCK(st.st_mode))
		return;
	struct sysinfo host;
	has_swap = sysinfo(&host) || host.totalswap;
	nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	slot = fcntl(nothing, F_DUPFD_CLOEXEC, 3);
	page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (nothing < 0 || slot < 0 || renewal_open(nothing) || sigaction(SIGIO, &a, NULL) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETOWN, getpid()) ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC))
		return;
	signal(SIGCHLD, SIG_IGN); /* the writers of pictures are waited for by nobody */
	control = fd;
}

bool picture_is_offered(void)
{
	return slot >= 0;
}

int picture_when_warm(int fd, struct defect *why)
{
	slot = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (slot < 0 || nothing < 0)
		return defect_set(why, "no descriptor is left: %s", strerror(errno));
	when_warm = ends = true;
	return 0;
}

void picture_warm(void)
{
	if (!when_warm)
		return;
	when_warm = false;
	wanted = true;
	picture_asked = 1;
}

bool picture_awaits_warmth(void)
{
	return when_warm;
}

bool picture_is_taken(void)
{
	return is_taken;
}

void picture_prepare(void)
{
	signal(SIGCHLD,
	       SIG_DFL); /* here no writer is forked, and the image's stops are to be told */
	if (slot >= 0)
		processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void picture_child(pid_t child)
{
	char path[32];
	if (slot < 0)
		return;
	if (page_map >= 0)
		close(page_map);
	snprintf(path, sizeof path, "%d/pagemap", child);
	page_map = processes < 0 ? -1 : openat(processes, path, O_RDONLY | O_CLOEXEC);
	if (processes >= 0)
		close(processes);
	processes = -1;
}

void picture_allow(struct filter *f, const struct image *image, bool forks)
{
	const struct filter_arg to_slot[] = { { 1, FILTER_EQUAL, (uint64_t)slot },
		                              { 2, FILTER_EQUAL, O_CLOEXEC } },
	                        fork[] = { { 0, FILTER_EQUAL, SIGCHLD }, { 1, FILTER_EQUAL, 0 } };
	if (slot < 0)
		return;
	filter_allow_on(f, SYS_recvmsg, control, NULL, 0);
	filter_allow_on(f, SYS_sendto, control, NULL, 0);
	filter_allow_on(f, SYS_pwrite64, slot, NULL, 0);
	filter_allow_on(f, SYS_pread64, image->fd, NULL, 0);
	filter_allow_on(f, SYS_pread64, page_map, NULL, 0);
	filter_keep(f, nothing);
	filter_allow_if(f, SYS_dup3, to_slot, 2);
	renewal_allow(f);
	filter_allow(f, SYS_close);
	filter_allow(f, SYS_mincore);
	if (forks)
		filter_allow_if(f, SYS_clone, fork, 2);
}

/* ---- The writer ---- */

struct writer {
	const struct picture_subject *of;
	struct snapshot_header header;
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

static void fail(struct writer *w, const char *what)
{
	if (w->what)
		return;
	w->what = what;
	w->error = errno;
}

static void put(struct writer *w, const void *bytes, uint64_t size, uint64_t at)
{
	for (uint64_t done = 0; done < size && !w->what;) {
		ssize_t n = pwrite(slot, (const uint8_t *)bytes + done, size - done,
		                   (off_t)(at + done));
		if (n <= 0 && errno != EINTR)
			fail(w, "cannot be written");
		done += n > 0 ? (uint64_t)n : 0;
	}
}

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

/* Consecutive pages that are there. */
static void put_pages(struct writer *w, uint32_t region, uint64_t page, const uint8_t *bytes,
                      uint64_t pages)
{
	uint64_t size = pages * AMP_PAGE;
	struct snapshot_run *last = w->run_count ? &w->runs[w->run_count - 1] : NULL;
	put(w, bytes, size, w->header.regions[region].file_at + page * AMP_PAGE);
	w->header.touched += pages;
	if (last && last->region == region && last->page + last->pages == page) {
		last->sum = snapshot_sum(last->sum, bytes, size);
		last->pages += pages;
		return;
	}
	if (w->run_count == RUNS)
		put_runs(w);
	w->runs[w->run_count++] = (struct snapshot_run){
		.region = region, .sum = snapshot_sum(0, bytes, size), .page = page, .pages = pages
	};
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
	       (r->kind == REGION_HEAP && of->space->heap_shared);
}

/* The same of a page that is shared with another process, in whose map it may be missing. */
static bool is_resident(struct writer *w, const struct region *r, uint64_t page)
{
	uint64_t at = (uint64_t)r->host / AMP_PAGE + page, left = r->size / AMP_PAGE - page,
	         count = left < MAP_AHEAD ? left : MAP_AHEAD;
	if (has_swap)
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
	if (page_map < 0)
		return true;
	if (entry - w->map_at >= w->map_count) {
		uint64_t left = r->size / AMP_PAGE - page,
		         count = left < MAP_AHEAD ? left : MAP_AHEAD;
		ssize_t n = pread(page_map, w->map, count * 8, (off_t)(entry * 8));
		w->map_at = entry;
		w->map_count = n > 0 ? (uint64_t)n / 8 : 0;
		if (!w->map_count)
			return true;
	}
	return w->map[entry - w->map_at] & PRESENT ||
	       (was && snapshot_has(w->of->space->from, was, page));
}

/* A page in a process of its own; null: it is not accessible, as a stack's guard. */
static const uint8_t *fetch(struct writer *w, const struct region *r, uint64_t page, uint64_t pages)
{
	struct iovec to = { w->chunk, pages * AMP_PAGE },
	             from = { (void *)(r->at + page * AMP_PAGE), pages * AMP_PAGE };
	ssize_t n = process_vm_readv(w->of->child, &to, 1, &from, 1, 0);
	return n == (ssize_t)(pages * AMP_PAGE) ? w->chunk : NULL;
}

static void put_touched(struct writer *w, uint32_t region, const struct region *r, uint64_t page,
                        uint64_t pages)
{
	const uint8_t *bytes =
	        is_seen(w->of, r) ? r->host + page * AMP_PAGE : fetch(w, r, page, pages);
	if (!bytes && pages > 1) { /* some of them are guards */
		for (uint64_t k = 0; k < pages; k++)
			put_touched(w, region, r, page + k, 1);
		return;
	}
	for (uint64_t k = 0, n; bytes && k < pages; k += n) {
		n = 1;
		if (is_zero(bytes + k * AMP_PAGE))
			continue;
		while (k + n < pages && !is_zero(bytes + (k + n) * AMP_PAGE))
			n++;
		put_pages(w, region, page + k, bytes + k * AMP_PAGE, n);
	}
}

static void put_region(struct writer *w, uint32_t region, const struct region *r)
{
	const struct snapshot *from = w->of->space->from;
	const struct snapshot_region *was = from ? snapshot_region(from, r->kind, r->index) : NULL;
	uint64_t end = r->size / AMP_PAGE;
	w->map_count = 0;
	for (uint64_t page = 0, n; page < end && !w->what; page += n) {
		n = 1;
		if (!is_touched(w, r, was, page))
			continue;
		while (n < CHUNK && page + n < end && is_touched(w, r, was, page + n))
			n++;
		put_touched(w, region, r, page, n);
	}
}

static void put_image(struct writer *w)
{
	struct snapshot_header *h = &w->header;
	for (uint64_t at = 0; at < h->image_size && !w->what;) {
		uint64_t left = h->image_size - at,
		         size = left < sizeof w->chunk ? left : sizeof w->chunk;
		ssize_t n = pread(w->of->image->fd, w->chunk, size, (off_t)at);
		if (n <= 0) {
			fail(w, "its image file cannot be read");
			return;
		}
		put(w, w->chunk, (uint64_t)n, h->image_at + at);
		at += (uint64_t)n;
	}
}

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

static void describe(struct writer *w, uint64_t entry)
{
	const struct picture_subject *of = w->of;
	const struct amp_note *n = &of->image->note;
	struct snapshot_header *h = &w->header;
	*h = (struct snapshot_header){ .magic = SNAPSHOT_MAGIC,
		                       .version = SNAPSHOT_VERSION,
		                       .size = sizeof *h,
		                       .cpu_level = n->cpu_level,
		                       .arg_count = n->arg_count,
		                       .abi_major = n->abi_major,
		                       .abi_minor = n->abi_minor,
		                       .image_ns = clock_image(of->clock),
		                       .wall_ns = clock_wall(),
		                       .moved = of->image->moved,
		                       .ended = ends,
		                       .entry = entry,
		                       .stack = of->resume + 8 };
	memcpy(h->build_id, n->build_id, sizeof h->build_id);
	memcpy(h->name, n->name, sizeof h->name);
	memcpy(h->image_version, n->version, sizeof h->image_version);
	snprintf(h->tender, sizeof h->tender, "%s", of->tender);
	if (of->space->from) {
		h->generation = of->space->from->header.generation + 1;
		memcpy(h->parent, of->space->from->header.sha256, sizeof h->parent);
	}
	describe_devices(w);
}

/* Where everything goes. The image's size is what it was when it was opened. */
static void lay_out(struct writer *w)
{
	struct snapshot_header *h = &w->header;
	const struct space *s = w->of->space;
	uint64_t at = SNAPSHOT_REGIONS_AT;
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		bool kept = r->kind == REGION_STACKS || r->kind == REGION_BOOT ||
		            r->kind == REGION_FRAMES || r->kind == REGION_HEAP ||
		            (r->kind == REGION_SEGMENT && r->rights & RIGHT_W);
		if (!kept || h->region_count == SNAPSHOT_REGIONS_MAX)
			continue;
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

static void put_all(struct writer *w)
{
	struct snapshot_header *h = &w->header;
	const struct space *s = w->of->space;
	sha256_start(&w->table);
	lay_out(w);
	put_args(w);
	for (uint32_t k = 0; k < h->region_count; k++)
		for (uint32_t i = 0; i < s->region_count; i++)
			if (s->regions[i].at == h->regions[k].at &&
			    h->regions[k].kind != REGION_BOOT)
				put_region(w, k, &s->regions[i]);
	put_image(w);
	put_runs(w);
	h->file_size = h->table_at + h->run_count * sizeof(struct snapshot_run);
	sha256_end(&w->table, h->table_sha256);
	snapshot_digest(h, h->sha256);
	put(w, h, sizeof *h, 0);
}

/* ---- Requests ---- */

static void request_done(void)
{
	dup3(nothing, slot, O_CLOEXEC);
	wanted = false;
	picture_asked = 0;
}

static void tell(const char *text)
{
	if (control >= 0)
		sendto(control, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
	else if (strcmp(text, PICTURE_BEGUN) != 0 && strncmp(text, "ok", 2) != 0)
		say("no snapshot: %s", text);
}

static void answer(const char *text)
{
	tell(text);
	request_done();
}

/* Takes what has come. */
static void take_requests(void)
{
	for (;;) {
		char text[PICTURE_TEXT] = "";
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr head;
		} extra = { { 0 } };
		struct iovec v = { text, sizeof text - 1 };
		struct msghdr m = { .msg_iov = &v,
			            .msg_iovlen = 1,
			            .msg_control = &extra,
			            .msg_controllen = sizeof extra };
		int fd = -1;
		picture_asked = 0;
		if (recvmsg(control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
		bool cancels = fd < 0 && !strcmp(text, PICTURE_CANCEL);
		if (cancels)
			renewal_cancel();
		if (cancels && wanted)
			request_done();
		const char *done = fd < 0 ? renewal_done() : NULL;
		if (done)
			tell(done);
		if (fd < 0)
			continue;
		if (!strcmp(text, PICTURE_SECRETS)) {
			const char *wrong = renewal_take(fd);
			if (wrong)
				tell(wrong);
			close(fd);
			continue;
		}
		wanted = dup3(fd, slot, O_CLOEXEC) == slot;
		ends = !strcmp(text, PICTURE_STOP);
		close(fd);
	}
}

bool picture_wanted(void)
{
	if (control >= 0)
		take_requests();
	if (wanted)
		picture_asked = 1;
	return wanted;
}

static bool read_word(const struct picture_subject *of, uint64_t at, uint64_t *word)
{
	uint64_t follow;
	const uint8_t *from = space_bytes(of->space, at, RIGHT_R | RIGHT_W, &follow);
	struct iovec to = { word, sizeof *word }, where = { (void *)at, sizeof *word };
	if (!from || follow < sizeof *word)
		return false;
	if (of->child)
		return process_vm_readv(of->child, &to, 1, &where, 1, 0) == sizeof *word;
	memcpy(word, from, sizeof *word);
	return true;
}

/* Microseconds, which `say` does not need: nothing here may allocate. */
static void answer_done(struct writer *w, uint64_t pause_ns)
{
	char text[PICTURE_TEXT];
	if (w->what)
		snprintf(text, sizeof text, "%s: %s", w->what, strerrordesc_np(w->error));
	else
		snprintf(text, sizeof text, "ok %llu %llu", (unsigned long long)(pause_ns / 1000),
		         (unsigned long long)w->header.touched);
	answer(text);
}

bool picture_take(const struct picture_subject *of)
{
	struct writer *w = &writer;
	uint64_t entry, began = clock_mono();
	if (!wanted)
		return false;
	if (of->image->note.abi_minor < SNAPSHOT_MINOR_MIN) {
		answer("its image is older than snapshots: build it again");
		return false;
	}
	if (!of->resume) {
		answer("its image was built without clones in mind: build it again");
		return false;
	}
	if (of->resume % 16 || !read_word(of, of->resume, &entry)) {
		answer("its image waits where no clone can go on");
		return false;
	}
	tell(PICTURE_BEGUN);
	w->of = of;
	w->what = NULL;
	w->run_count = 0;
	describe(w, entry);
	if (!of->child && !ends) {
		long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid < 0) {
			answer("no process could be made to write it");
			return false;
		}
		if (pid) { /* the image goes on */
			request_done();
			return false;
		}
	}
	uint64_t pause = clock_mono() - began;
	put_all(w);
	if (of->child || ends)
		pause = clock_mono() - began;
	answer_done(w, pause);
	if (!of->child && !ends)
		_exit(0);
	is_taken = !w->what;
	return ends && (is_taken || control < 0);
}

/* SPDX-License-Identifier: ISC */
/* A block device over a file or a block device of the host: block_file behind block_rings. */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/device/block_rings.h>
#include <tender/device/device.h>

extern const struct device_kind device_block;

struct block {
	struct block_file file;
	struct block_rings rings; /* file null: not placed yet */
};

/* Is the file what the image wants? The defect names it by the text. */
static bool suits(const struct block_file *f, const struct device_wish *w, struct defect *why)
{
	const struct amp_note_device *n = w->note;
	struct defect what;
	if (f->size < n->size_min)
		defect_set(&what,
		           "has %llu bytes; the image needs %llu: enlarge it with truncate -s %llu",
		           (unsigned long long)f->size, (unsigned long long)n->size_min,
		           (unsigned long long)n->size_min);
	else if (f->read_only && !(n->flags & AMP_NOTE_DEVICE_READ_ONLY))
		defect_set(&what, "the image writes to it: give it without ,ro");
	else if (!block_file_check(f, n->format, &what))
		return true;
	defect_set(why, "%s: %s", w->text, what.text);
	return false;
}

static int block_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct block *b = d->state;
	int opened =
	        block_file_open(&b->file, w->text, w->note->flags & AMP_NOTE_DEVICE_READ_ONLY, why);
	if (opened)
		return opened == BLOCK_FILE_WORDS ? AMP_EXIT_USAGE : AMP_EXIT_TENDER;
	b->file.power_gone = w->ending;
	return suits(&b->file, w, why) ? 0 : AMP_EXIT_TENDER;
}

static void block_need(const struct device *d, struct device_need *need)
{
	need->rings = block_rings_size(d->note->ring_size);
	need->heap = DEVICE_HEAP_NEEDED;
}

static int block_place(struct device *d, const struct device_place *to, struct defect *why)
{
	struct block *b = d->state;
	const struct block_layout layout = { .file = &b->file,
		                             .ring_size = d->note->ring_size,
		                             .rings = to->rings,
		                             .heap = to->heap,
		                             .heap_log = to->heap_log,
		                             .view = to->view };
	(void)why;
	if (b->rings.file)
		block_rings_close(&b->rings);
	block_rings_open(&b->rings, &layout);
	to->view->features |= to->concurrent;
	block_rings_start(&b->rings, d->note->ring_size);
	return 0;
}

/* The kernel's ring takes only what block_rings has told it to, on the file that it holds itself; without it one request
 * follows the other. The model of lost power uses memory that grows. */
static void block_allow(const struct device *d, struct filter *f)
{
	static const int plain[] = { SYS_preadv, SYS_pwritev, SYS_fdatasync, SYS_fallocate },
	                 cut[] = { SYS_pread64, SYS_pwrite64 },
	                 memory[] = { SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_getrandom };
	const struct filter_arg anonymous[] = {
		{ 2, FILTER_EQUAL, PROT_READ | PROT_WRITE },
		{ 3, FILTER_EQUAL, MAP_PRIVATE | MAP_ANONYMOUS },
	};
	const struct block *b = d->state;
	rate_allow(&d->rate, f);
	filter_keep(f, b->rings.copy.fd); /* whoever copies the file finds it there */
	filter_allow_on(f, SYS_io_uring_enter, block_rings_ring(&b->rings), NULL, 0);
	for (unsigned i = 0; !b->rings.jobs && i < sizeof plain / sizeof *plain; i++)
		filter_allow_on(f, plain[i], b->file.fd, NULL, 0);
	if (!b->file.cut)
		return;
	for (unsigned i = 0; i < sizeof cut / sizeof *cut; i++)
		filter_allow_on(f, cut[i], b->file.fd, NULL, 0);
	for (unsigned i = 0; i < sizeof memory / sizeof *memory; i++)
		filter_allow(f, memory[i]);
	filter_allow_if(f, SYS_mmap, anonymous, 2);
}

static uint32_t take_at_rate(struct rate *rate, struct block_rings *r)
{
	uint64_t bytes = r->bytes_taken;
	rate_fill(rate, clock_mono());
	r->bytes_left = rate_left(rate, RATE_BYTES);
	r->ops_left = rate_left(rate, RATE_OPS);
	uint32_t taken = block_rings_take(r);
	rate_spend(rate, RATE_BYTES, r->bytes_taken - bytes);
	rate_spend(rate, RATE_OPS, taken);
	rate_hold(rate);
	return taken;
}

/* The kernel finishes a request in the thread that has submitted it: the image's own leaves that to
 * the other one, where there is one. */
static uint32_t block_pass(struct device *d, enum device_pass which)
{
	struct block_rings *r = &((struct block *)d->state)->rings;
	uint32_t work = 0;
	if (which != DEVICE_PASS_KICK)
		work |= block_rings_reap(r);
	if (which != DEVICE_PASS_WAIT && !d->hold)
		work |= d->rate.set ? take_at_rate(&d->rate, r) : block_rings_take(r);
	d->untold = r->copy.held; /* no descriptor tells of a hold's end */
	return work;
}

static bool block_ready(const struct device *d, uint64_t events)
{
	const struct block *b = d->state;
	return events & AMP_WAIT_BLOCK && ring_unread(&b->rings.answers);
}

static bool block_pending(struct device *d)
{
	return !d->hold && block_rings_pending(&((struct block *)d->state)->rings);
}

static void block_wakeup(struct device *d, bool need)
{
	ring_wakeup(&((struct block *)d->state)->rings.requests, need);
}

static uint32_t block_polls(const struct device *d, struct pollfd *to)
{
	const struct block *b = d->state;
	uint32_t n = 0;
	if (b->rings.event >= 0)
		to[n++] = (struct pollfd){ .fd = b->rings.event, .events = POLLIN };
	if (d->rate.set)
		to[n++] = (struct pollfd){ .fd = d->rate.timer, .events = POLLIN };
	return n;
}

static void block_woke(struct device *d)
{
	const struct block *b = d->state;
	uint64_t times;
	if (b->rings.event >= 0)
		(void)!read(b->rings.event, &times, sizeof times);
	rate_woke(&d->rate);
}

static bool block_soon(const struct device *d, uint64_t now)
{
	return block_rings_soon(&((const struct block *)d->state)->rings, now);
}

static bool block_busy(const struct device *d)
{
	return ((const struct block *)d->state)->rings.in_flight;
}

static void block_report(const struct device *d)
{
	const struct block_rings *r = &((const struct block *)d->state)->rings;
	const struct block_counts *n = &r->counts;
	say("device %u: %llu reads (%llu bytes), %llu writes (%llu bytes), %llu flushes, %llu "
	    "discards, %llu failed; from the image: bad requests %llu, impossible counters %llu",
	    d->index, (unsigned long long)n->reads, (unsigned long long)n->bytes_read,
	    (unsigned long long)n->writes, (unsigned long long)n->bytes_written,
	    (unsigned long long)n->flushes, (unsigned long long)n->discards,
	    (unsigned long long)n->failed, (unsigned long long)n->bad,
	    (unsigned long long)(r->requests.lies + r->answers.lies));
}

static void block_close(struct device *d)
{
	struct block *b = d->state;
	if (b->rings.file)
		block_rings_close(&b->rings);
	block_file_close(&b->file);
}

const struct device_kind device_block = {
	.prefix = "",
	.form = "FILE",
	.help = "  --block NAME=FILE[,ro][,rate=BYTES][,iops=COUNT]\n"
	        "                            connects the image's block device NAME to a file or "
	        "block "
	        "device, "
	        "for this\n"
	        "                            image alone unless it only reads; with at most that "
	        "many "
	        "bytes and requests\n"
	        "                            a second\n",
	.type = &device_type_block,
	.state_size = sizeof(struct block),
	.keeps_rate = true,
	.open = block_open,
	.need = block_need,
	.place = block_place,
	.allow = block_allow,
	.pass = block_pass,
	.ready = block_ready,
	.pending = block_pending,
	.wakeup = block_wakeup,
	.polls = block_polls,
	.woke = block_woke,
	.soon = block_soon,
	.busy = block_busy,
	.report = block_report,
	.close = block_close,
};

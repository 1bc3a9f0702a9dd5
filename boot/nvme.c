/* SPDX-License-Identifier: ISC */
/* Sections are of the base specification where nothing else is said. */
#include <string.h>

#include <boot/clock.h>
#include <boot/image_side.h>
#include <boot/memory.h>
#include <boot/nvme.h>
#include <boot/processor.h>

/* Registers (3.1.3). */
enum { CAP = 0x00, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30 };
#define CC_ON      (1u | 6u << 16 | 4u << 20) /* entries of 64 and 16 bytes, pages of 4 KiB */
#define COMMAND    0xffffu /* of a completion's last word; as a number it is no command's */
#define STATUS(c)  ((c).status >> 17 & 0x7ff)
#define CSTS_READY 1u
#define CSTS_FATAL 2u
#define CSTS_GONE  UINT32_MAX /* what is read where there is nothing any more */

/* Commands: of the admin queue (5), and of the command set (NVM Command Set 3.2). */
enum { MAKE_SQ = 0x01, MAKE_CQ = 0x05, IDENTIFY = 0x06, SET_FEATURES = 0x09 };
enum { FLUSH = 0x00, WRITE = 0x01, READ = 0x02, DATASET = 0x09 };
enum { OF_NAMESPACE = 0, OF_CONTROLLER = 1, LIST = 2 }; /* what IDENTIFY is of */
#define NUMBER_OF_QUEUES 7u
#define DEALLOCATE       4u

#define ADMIN_DEPTH 4u
#define LIST_MAX    (AMP_PAGE / sizeof(uint64_t))
#define PIECE_MAX                                                                                  \
	(LIST_MAX / 2 *                                                                            \
	 AMP_PAGE) /* 1 MiB: the first page may be a part of one, and the list has room */
#define OWN 0u     /* the piece of the kernel's own */
#ifndef WAIT_TICKS /* of the TSC: a controller that is silent for so long before the start is broken */
#define WAIT_TICKS (1ull << 36)
#endif
#define LATE_NS  30000000000ull /* a command that takes longer has been lost */
#define RESET_NS 5000000000ull  /* and for so long a reset may keep the image waiting */

static uint16_t le16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint64_t le64(const uint8_t *at)
{
	uint64_t v;
	memcpy(&v, at, sizeof v);
	return v;
}

static uint32_t le32(const uint8_t *at)
{
	return (uint32_t)le64(at);
}

static uint32_t get(struct nvme *n, uint32_t at)
{
	return n->transport->get(n, at);
}

static void set(struct nvme *n, uint32_t at, uint32_t v)
{
	n->transport->set(n, at, v);
}

static void set64(struct nvme *n, uint32_t at, const volatile void *p)
{
	set(n, at, (uint32_t)(uint64_t)p);
	set(n, at + 4, (uint32_t)((uint64_t)p >> 32));
}

/* ---- Queues ---- */

static void queue_clear(struct nvme_queue *q)
{
	memset(q->sq, 0, AMP_PAGE);
	memset((void *)(uintptr_t)q->cq, 0, AMP_PAGE);
	q->tail = q->head = 0;
	q->phase = true;
}

static void queue_make(struct nvme *n, struct nvme_queue *q, uint16_t id, uint16_t depth)
{
	*q = (struct nvme_queue){ .id = id,
		                  .depth = depth,
		                  .doorbell = NVME_DOORBELLS + 2u * id * n->stride,
		                  .sq = memory_take(AMP_PAGE),
		                  .cq = memory_take(AMP_PAGE) };
	queue_clear(q);
}

/* There is room: fewer are under way than the queue has entries. */
static void queue_put(struct nvme_queue *q, const struct nvme_command *c)
{
	q->sq[q->tail] = *c;
	q->tail = (uint16_t)((q->tail + 1) % q->depth);
}

static void queue_ring(struct nvme *n, const struct nvme_queue *q)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	set(n, q->doorbell, q->tail);
}

/* Copies the next completion, whatever it is of; one of another queue is of no command. False: there is none. */
static bool queue_take(struct nvme_queue *q, struct nvme_completion *to)
{
	volatile struct nvme_completion *c = &q->cq[q->head];
	to->status = __atomic_load_n(&c->status, __ATOMIC_ACQUIRE);
	if ((bool)(to->status >> 16 & 1) != q->phase)
		return false;
	to->result = c->result;
	to->head = c->head;
	if (++q->head == q->depth) {
		q->head = 0;
		q->phase = !q->phase;
	}
	if (to->head >> 16 != q->id) {
		q->lies++;
		to->status |= COMMAND;
	}
	return true;
}

/* What was taken may be written again. */
static void queue_taken(struct nvme *n, const struct nvme_queue *q)
{
	set(n, q->doorbell + n->stride, q->head);
}

/* ---- The controller ---- */

/* Waits until it is ready, or is not. False: it says that it is broken, or nothing. */
static bool wait_ready(struct nvme *n, bool want, uint64_t ticks)
{
	uint64_t end = read_tsc() + ticks;
	for (;;) {
		uint32_t s = get(n, CSTS);
		if (s == CSTS_GONE || (want && s & CSTS_FATAL))
			return false;
		if ((bool)(s & CSTS_READY) == want)
			return true;
		if (read_tsc() > end)
			return false;
		relax();
	}
}

/* One command, and its completion: 0, or the status; -1: none came. */
static int ask(struct nvme *n, struct nvme_command *c, uint32_t *result, uint64_t ticks)
{
	static uint16_t number;
	struct nvme_completion got;
	const uint32_t mine = number++ & 0xff;
	uint64_t end = read_tsc() + ticks;
	c->first |= mine << 16;
	queue_put(&n->admin, c);
	queue_ring(n, &n->admin);
	for (;;) {
		if (queue_take(&n->admin, &got)) {
			queue_taken(n, &n->admin);
			if ((got.status & COMMAND) == mine) {
				if (result)
					*result = got.result;
				return (int)STATUS(got);
			}
			n->admin.lies++;
		}
		if (read_tsc() > end)
			return -1;
		relax();
	}
}

/* Its page is n->identity then; all of it is copied before it is believed. */
static int identify(struct nvme *n, uint32_t what, uint32_t nsid)
{
	struct nvme_command c = {
		.first = IDENTIFY, .nsid = nsid, .prp = { (uint64_t)n->identity }, .d = { what }
	};
	return ask(n, &c, NULL, WAIT_TICKS);
}

/* From off to ready, with an empty admin queue. False: it does not become that. */
static bool switch_on(struct nvme *n, uint64_t ticks)
{
	queue_clear(&n->admin);
	set(n, AQA, (ADMIN_DEPTH - 1) << 16 | (ADMIN_DEPTH - 1));
	set64(n, ASQ, n->admin.sq);
	set64(n, ACQ, n->admin.cq);
	set(n, CC, CC_ON);
	return wait_ready(n, true, ticks);
}

/* As many pairs as wanted; how many there may be. */
static uint32_t agree_on_queues(struct nvme *n, uint32_t want, uint64_t ticks)
{
	uint32_t may = 0;
	struct nvme_command c = { .first = SET_FEATURES,
		                  .d = { NUMBER_OF_QUEUES, (want - 1) << 16 | (want - 1) } };
	if (ask(n, &c, &may, ticks))
		return 0;
	uint32_t sq = (may & 0xffff) + 1, cq = (may >> 16) + 1, least = sq < cq ? sq : cq;
	return least < want ? least : want;
}

/* Tells the controller of a pair of queues. */
static bool queue_announce(struct nvme *n, const struct nvme_queue *q, uint64_t ticks)
{
	const uint32_t of = (uint32_t)(q->depth - 1) << 16 | q->id;
	struct nvme_command cq = { .first = MAKE_CQ,
		                   .prp = { (uint64_t)q->cq },
		                   .d = { of, 3 } }; /* in one piece; interrupts, message 0 */
	struct nvme_command sq = { .first = MAKE_SQ,
		                   .prp = { (uint64_t)q->sq },
		                   .d = { of, (uint32_t)q->id << 16 | 1 } };
	return !ask(n, &cq, NULL, ticks) && !ask(n, &sq, NULL, ticks);
}

/* What it is: how it may be asked. */
static int read_controller(struct nvme *n, struct defect *why)
{
	uint8_t *id = n->identity;
	if (identify(n, OF_CONTROLLER, 0))
		return defect_set(why, "the disk controller at %s does not say what it is",
		                  n->place);
	uint8_t most = id[77], sq = id[512], cq = id[513];
	if ((sq & 15) > 6 || sq >> 4 < 6 || (cq & 15) > 4 || cq >> 4 < 4)
		return defect_set(why,
		                  "the disk controller at %s takes no entries of 64 and 16 bytes",
		                  n->place);
	n->piece_most = most && most < 8 ? (uint64_t)AMP_PAGE << most : PIECE_MAX;
	n->discards = le16(id + 520) & 4;
	n->caches = id[525] & 1;
	memcpy(n->serial, id + 4, NVME_SERIAL);
	for (uint32_t i = NVME_SERIAL; i && (n->serial[i - 1] == ' ' || !n->serial[i - 1]); i--)
		n->serial[i - 1] = 0;
	return 0;
}

/* What a namespace is. False: nobody can use it, and it is told why. */
static bool read_namespace(struct nvme *n, struct nvme_disk *d, uint32_t nsid)
{
	const uint8_t *id = n->identity;
	if (identify(n, OF_NAMESPACE, nsid)) {
		say("the disk at %s, namespace %u, does not say what it is", n->place, nsid);
		return false;
	}
	uint64_t sectors = le64(id);
	uint8_t format = (uint8_t)((id[26] & 15) | (id[26] >> 1 & 0x30)), last = id[25];
	uint32_t is = format <= last && format < 64 ? le32(id + 128 + 4u * format) : 0;
	uint32_t shift = is >> 16 & 255;
	if ((shift != 9 && shift != 12) || (is & 0xffff) ||
	    sectors > (uint64_t)INT64_MAX >> shift) {
		say("the disk at %s, namespace %u, has %llu sectors of 2^%u bytes, and %u more of "
		    "metadata each: sectors of 512 or 4096 bytes without metadata can be used",
		    n->place, nsid, (unsigned long long)sectors, shift, is & 0xffff);
		return false;
	}
	*d = (struct nvme_disk){ .controller = n,
		                 .nsid = nsid,
		                 .current = NVME_PIECES,
		                 .extent = { sectors << shift, 1u << shift, id[99] & 1 } };
	return true;
}

static int find_disks(struct nvme *n, struct defect *why)
{
	uint32_t list[NVME_DISKS], count = 0;
	if (identify(n, LIST, 0))
		return defect_set(why, "the disk controller at %s does not say what disks it has",
		                  n->place);
	for (; count < NVME_DISKS && le32(n->identity + 4u * count); count++) {
		list[count] = le32(n->identity + 4u * count);
		if (count && list[count] <= list[count - 1])
			return defect_set(
			        why, "the disk controller at %s has a list of disks out of order",
			        n->place);
	}
	if (!count)
		return 0;
	uint32_t may = agree_on_queues(n, count, WAIT_TICKS);
	for (uint32_t i = 0; i < count && n->disk_count < may; i++) {
		struct nvme_disk *d = memory_take(sizeof *d);
		if (!read_namespace(n, d, list[i]))
			continue;
		queue_make(n, &d->q, (uint16_t)(n->disk_count + 1), n->depth_most);
		d->lists = memory_take(NVME_PIECES * (uint64_t)AMP_PAGE);
		if (!queue_announce(n, &d->q, WAIT_TICKS))
			return defect_set(why, "the disk controller at %s makes no queues",
			                  n->place);
		n->disks[n->disk_count++] = d;
	}
	return 0;
}

int nvme_open(struct nvme *n, struct defect *why)
{
	if (!n->transport->reach(n, NVME_DOORBELLS))
		return defect_set(why, "the disk controller at %s has no registers", n->place);
	uint32_t low = get(n, CAP), high = get(n, CAP + 4);
	uint32_t most = (low & 0xffff) + 1;
	n->stride = 4u << (high & 15);
	n->depth_most = (uint16_t)(most < NVME_DEPTH ? most : NVME_DEPTH);
	if (!(high >> 5 & 1) || high >> 16 & 15 || most < 2)
		return defect_set(why,
		                  "the disk controller at %s has not the NVM command set, pages of "
		                  "4 KiB and queues of two entries",
		                  n->place);
	if (!n->transport->reach(n, NVME_DOORBELLS + 2 * (NVME_DISKS + 1) * n->stride))
		return defect_set(why,
		                  "the disk controller at %s has doorbells beyond its registers",
		                  n->place);
	set(n, CC, 0);
	if (!wait_ready(n, false, WAIT_TICKS))
		return defect_set(why, "the disk controller at %s cannot be reset", n->place);
	n->transport->allow(n, true);
	n->identity = memory_take(AMP_PAGE);
	queue_make(n, &n->admin, 0, ADMIN_DEPTH);
	if (!switch_on(n, WAIT_TICKS))
		return defect_set(why, "the disk controller at %s does not become ready", n->place);
	n->check = UINT64_MAX;
	return read_controller(n, why) || find_disks(n, why) ? -1 : 0;
}

/* ---- Commands ---- */

static uint32_t free_piece(const struct nvme_disk *d)
{
	uint32_t i = 0;
	if (d->in_flight + 1u >= d->q.depth)
		return NVME_PIECES;
	while (i < NVME_PIECES && d->pieces[i].used)
		i++;
	return i;
}

static void put(struct nvme_disk *d, uint32_t piece, uint32_t job, struct nvme_command *c)
{
	uint64_t deadline = job == NVME_PIECES ? UINT64_MAX : read_tsc() + clock_ticks(LATE_NS);
	c->first |= piece << 16;
	c->nsid = d->nsid;
	d->pieces[piece] = (struct nvme_piece){ true, job, deadline };
	d->in_flight++;
	if (deadline < d->controller->check)
		d->controller->check = deadline;
	queue_put(&d->q, c);
}

/* The next piece that is done, and how. False: none is. */
static bool next(struct nvme_disk *d, uint32_t *piece, bool *failed)
{
	struct nvme_completion got;
	/* At most once around: one that lies without end keeps nobody here. */
	for (uint32_t tries = 0; tries < d->q.depth && queue_take(&d->q, &got); tries++) {
		*piece = got.status & COMMAND;
		if (*piece < NVME_PIECES && d->pieces[*piece].used) {
			d->pieces[*piece].used = false;
			d->in_flight--;
			*failed = STATUS(got);
			return true;
		}
		d->q.lies++;
	}
	return false;
}

/*
 * Pages of a command (PRPs, 4.1.1): the first may begin anywhere, all others at a page's first byte, and all but the last go to its end.
 * So a command ends where a part does not go on with the next one so.
 */
static uint64_t gather(struct nvme_disk *d, struct nvme_job *j, struct nvme_command *c,
                       uint64_t *list)
{
	uint64_t done = 0, most = d->controller->piece_most;
	uint32_t pages = 0;
	while (j->part < j->part_count && done < most) {
		const struct iovec *v = &j->parts[j->part];
		uint64_t at = (uint64_t)v->iov_base + j->at, n = AMP_PAGE - at % AMP_PAGE;
		if (pages && (at % AMP_PAGE || (c->prp[0] + done) % AMP_PAGE))
			break; /* the second test: of the first page's end; later pages are whole */
		if (n > v->iov_len - j->at)
			n = v->iov_len - j->at;
		if (n > most - done)
			n = most - done;
		if (!pages)
			c->prp[0] = at;
		else
			list[pages - 1] = at;
		pages++;
		done += n;
		j->at += n;
		if (j->at == v->iov_len) {
			j->part++;
			j->at = 0;
		}
		if (pages == LIST_MAX)
			break;
	}
	c->prp[1] = pages == 2 ? list[0] : pages > 2 ? (uint64_t)list : 0;
	return done;
}

/* Of a read or a write: where, and how much. */
static void aim(const struct nvme_disk *d, struct nvme_command *c, uint64_t at, uint64_t size)
{
	uint64_t sector = at / d->extent.sector_size;
	c->d[0] = (uint32_t)sector;
	c->d[1] = (uint32_t)(sector >> 32);
	c->d[2] = (uint32_t)(size / d->extent.sector_size - 1);
}

static int read(void *of, void *to, uint32_t size, uint64_t at)
{
	struct nvme_disk *d = of;
	struct nvme_job j = { .part_count = 1, .parts = { { to, size } } };
	struct nvme_command c = { .first = READ };
	uint32_t piece;
	bool failed;
	if (d->controller->dead || at > d->extent.size || size > d->extent.size - at ||
	    at % d->extent.sector_size || size % d->extent.sector_size || !size ||
	    d->pieces[OWN].used || gather(d, &j, &c, d->lists) != size)
		return -1;
	aim(d, &c, at, size);
	put(d, OWN, NVME_PIECES, &c);
	queue_ring(d->controller, &d->q);
	for (uint64_t end = read_tsc() + WAIT_TICKS; read_tsc() < end; relax()) {
		if (!next(d, &piece, &failed) || piece != OWN)
			continue;
		queue_taken(d->controller, &d->q);
		return failed ? -1 : 0;
	}
	return -1;
}

static bool is_whole(const struct nvme_job *j)
{
	return !j->left;
}

/* Answers a job whose pieces have all come back. */
static void end_job(struct nvme_disk *d, uint32_t which)
{
	struct nvme_job *j = &d->jobs[which];
	if (j->pieces || which == d->current)
		return;
	image_block_answer(&d->answers, j->request.id, j->failed ? AMP_BLOCK_FAILED : 0);
	j->used = false;
	d->job_count--;
}

static void done(struct nvme_disk *d, uint32_t piece, bool failed)
{
	uint32_t job = d->pieces[piece].job;
	if (job == NVME_PIECES) /* the kernel's own, which was given up */
		return;
	struct nvme_job *j = &d->jobs[job];
	j->failed |= failed;
	j->pieces--;
	end_job(d, job);
}

static uint32_t reap(struct nvme_disk *d)
{
	uint32_t piece, n = 0;
	uint16_t head = d->q.head;
	bool failed, phase = d->q.phase;
	while (n < d->q.depth && next(d, &piece, &failed)) {
		done(d, piece, failed);
		n++;
	}
	if (head != d->q.head || phase != d->q.phase)
		queue_taken(d->controller, &d->q);
	return n;
}

/* Puts as much as there is room for of the current job. */
static void issue(struct nvme_disk *d)
{
	uint32_t which = d->current;
	struct nvme_job *j = &d->jobs[which];
	const struct amp_block_request *q = &j->request;
	for (uint32_t piece; j->left && (piece = free_piece(d)) < NVME_PIECES;) {
		uint64_t *list = d->lists + piece * LIST_MAX, size = j->left;
		struct nvme_command c = { 0 };
		if (q->op == AMP_BLOCK_FLUSH) {
			c.first = FLUSH;
		} else if (q->op == AMP_BLOCK_DISCARD) {
			const struct {
				uint32_t attributes, count;
				uint64_t sector;
			} range = { 0, (uint32_t)(q->size / d->extent.sector_size),
				    q->offset / d->extent.sector_size };
			memcpy(list, &range, sizeof range);
			c.first = DATASET;
			c.prp[0] = (uint64_t)list;
			c.d[1] = DEALLOCATE;
		} else {
			c.first = q->op == AMP_BLOCK_READ ? READ : WRITE;
			size = gather(d, j, &c, list);
			aim(d, &c, q->offset + q->size - j->left, size);
		}
		j->left -= size;
		j->pieces++;
		put(d, piece, which, &c);
	}
	if (is_whole(j))
		d->current = NVME_PIECES;
}

/* A request that fits becomes the current job. False: there are too many. */
static bool begin(struct nvme_disk *d, const struct amp_block_request *q, const struct iovec *v)
{
	uint32_t which = 0;
	while (which < NVME_PIECES && d->jobs[which].used)
		which++;
	if (which == NVME_PIECES)
		return false;
	struct nvme_job *j = &d->jobs[which];
	*j = (struct nvme_job){ .used = true, .request = *q };
	j->part_count = q->op <= AMP_BLOCK_WRITE ? q->part_count : 0;
	j->left = q->op == AMP_BLOCK_FLUSH ? 1 : q->size;
	memcpy(j->parts, v, j->part_count * sizeof *v);
	image_block_touch(&d->heap, d->pages, v, j->part_count);
	d->job_count++;
	d->current = which;
	issue(d);
	return true;
}

/* Does it do nothing, and well? Without a cache there is nothing to flush; what was discarded may read as anything. */
static bool is_nothing(const struct nvme_disk *d, const struct amp_block_request *q)
{
	return (q->op == AMP_BLOCK_FLUSH && !d->controller->caches) ||
	       (q->op == AMP_BLOCK_DISCARD &&
	        (!d->controller->discards || q->size / d->extent.sector_size > UINT32_MAX));
}

static uint32_t take(struct nvme_disk *d)
{
	uint16_t tail = d->q.tail;
	if (d->current < NVME_PIECES)
		issue(d);
	uint32_t ready = ring_ready(&d->requests), taken = 0,
	         room = ready ? ring_free(&d->answers) : 0;
	for (; taken < ready && room > d->job_count && d->current == NVME_PIECES; taken++) {
		struct amp_block_request q;
		struct iovec v[AMP_BLOCK_PARTS_MAX];
		image_block_look(&d->requests, taken, &d->heap, d->pages, &q);
		if (!block_request_fits(&d->extent, &d->heap, &q, v)) {
			image_block_answer(&d->answers, q.id, AMP_BLOCK_BAD);
			room--;
		} else if (d->controller->dead) {
			image_block_answer(&d->answers, q.id, AMP_BLOCK_FAILED);
			room--;
		} else if (is_nothing(d, &q)) {
			image_block_answer(&d->answers, q.id, 0);
			room--;
		} else if (!begin(d, &q, v)) {
			break;
		}
	}
	if (taken) {
		d->requests.mine += taken;
		__atomic_store_n(d->requests.consumer, d->requests.mine, __ATOMIC_RELEASE);
	}
	if (tail != d->q.tail)
		queue_ring(d->controller, &d->q);
	return taken;
}

/* ---- A controller that is silent ---- */

/* Nothing of it is under way any more, and it writes nowhere: all that was fails. */
static void fail_all(struct nvme_disk *d)
{
	uint32_t current = d->current;
	d->current = NVME_PIECES;
	for (uint32_t i = 0; i < NVME_PIECES; i++) {
		if (!d->pieces[i].used)
			continue;
		d->pieces[i].used = false;
		done(d, i, true);
	}
	if (current < NVME_PIECES && d->jobs[current].used) {
		d->jobs[current].failed = true;
		end_job(d, current);
	}
	d->in_flight = 0;
}

static bool start_again(struct nvme *n, uint64_t ticks)
{
	set(n, CC, 0);
	if (!wait_ready(n, false, ticks))
		return false;
	n->transport->allow(n, true);
	if (!switch_on(n, ticks) || agree_on_queues(n, n->disk_count, ticks) < n->disk_count)
		return false;
	for (uint32_t i = 0; i < n->disk_count; i++) {
		queue_clear(&n->disks[i]->q);
		if (!queue_announce(n, &n->disks[i]->q, ticks))
			return false;
	}
	return true;
}

static void reset(struct nvme *n)
{
	n->transport->allow(n, false); /* from here on memory is ours, whatever it does */
	for (uint32_t i = 0; i < n->disk_count; i++)
		fail_all(n->disks[i]);
	n->check = UINT64_MAX;
	bool again = !n->reset && start_again(n, clock_ticks(RESET_NS));
	n->dead = !again;
	n->reset = true;
	if (!again)
		n->transport->allow(n, false);
	say("the disk controller at %s has not answered for %llu s: %s", n->place,
	    LATE_NS / 1000000000ull, again ? "it was reset" : "it stays off");
}

/* Resets it if a command is overdue; else finds out when the next one will be. */
static void check(struct nvme *n)
{
	uint64_t now = read_tsc(), earliest = UINT64_MAX;
	if (now < n->check)
		return;
	for (uint32_t i = 0; i < n->disk_count; i++)
		for (uint32_t k = 0; k < NVME_PIECES; k++)
			if (n->disks[i]->pieces[k].used &&
			    n->disks[i]->pieces[k].deadline < earliest)
				earliest = n->disks[i]->pieces[k].deadline;
	n->check = earliest;
	if (now >= earliest)
		reset(n);
}

/* ---- The driver ---- */

static int place(void *of, const struct driver_room *room, struct defect *why)
{
	struct nvme_disk *d = of;
	(void)why;
	d->heap = room->heap;
	d->pages = room->pages;
	block_request_lay_out(&d->requests, &d->answers, &d->extent, &room->rings,
	                      d->note->ring_size, room->view);
	return 0;
}

static uint32_t pass(void *of)
{
	struct nvme_disk *d = of;
	uint32_t n = d->controller->dead ? 0 : reap(d);
	if (d->in_flight)
		check(d->controller);
	return n + take(d);
}

static bool ready(const void *of, uint64_t events)
{
	const struct nvme_disk *d = of;
	return events & AMP_WAIT_BLOCK && ring_unread(&d->answers);
}

/* A message is sent for each completion: there is nothing to switch on. */
static void listen(void *of, uint64_t events)
{
	(void)of;
	(void)events;
}

static void woke(void *of)
{
	(void)of;
}

static bool idle(const void *of)
{
	const struct nvme_disk *d = of;
	return !d->job_count;
}

static uint64_t until(const void *of)
{
	const struct nvme_disk *d = of;
	return d->in_flight ? d->controller->check : UINT64_MAX;
}

const struct driver nvme_driver = { place, pass, ready, listen, woke, idle, read, until };

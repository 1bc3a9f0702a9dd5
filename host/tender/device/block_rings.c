/* SPDX-License-Identifier: ISC */
/*
 * request -> copy -> check each part against the image's heap -> job -> kernel -> answer. The
 * kernel reads and writes the image's memory while the image may do the same: that garbles the
 * image's own data only.
 *
 * A request is taken only if its answer has a place, whatever the image does to its counters
 * meanwhile; so nothing is ever done that cannot be told.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/device/block_request.h>
#include <tender/device/block_rings.h>

#define IN_FLIGHT_MAX 256u /* jobs; more wait in the ring */

/* What few and little time mean; how long the image takes to ask again; the longest that is waited.
 */
#define SOON_DEPTH   4u
#define SOON_NEXT_NS 10000u
#define SOON_STAY_NS 300000u

struct job {
	struct job *next; /* free ones */
	uint64_t id, at;
	uint64_t from, size; /* as it was asked for */
	uint32_t op;
	int count, first; /* parts; the first that is not done yet */
	uint64_t left;    /* bytes */
	bool few;         /* it was one of few */
	struct iovec v[AMP_BLOCK_PARTS_MAX];
};

struct block_jobs {
	struct io_uring ring;
	struct job *free;
	struct job all[IN_FLIGHT_MAX];
};

void block_rings_open(struct block_rings *d, const struct block_layout *l)
{
	*d = (struct block_rings){ .file = l->file,
		                   .heap = l->heap,
		                   .heap_log = l->heap_log,
		                   .event = -1,
		                   .bytes_left = UINT64_MAX,
		                   .ops_left = UINT64_MAX };
	if (!l->file->read_only)
		block_copy_open(&d->copy, l->file);
	const struct block_extent disk = { l->file->size, l->file->sector_size,
		                           l->file->read_only };
	block_request_lay_out(&d->requests, &d->answers, &disk, &l->rings, l->ring_size, l->view);
}

/* Only these, only on this file: the tender's system-call filter does not see into the ring. */
static int restrict_ring(struct io_uring *ring, int fd)
{
	static const uint8_t ops[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
		                       IORING_OP_FALLOCATE };
	struct io_uring_restriction r[sizeof ops + 1];
	memset(r, 0, sizeof r);
	for (unsigned k = 0; k < sizeof ops; k++) {
		r[k].opcode = IORING_RESTRICTION_SQE_OP;
		r[k].sqe_op = ops[k];
	}
	r[sizeof ops].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	r[sizeof ops].sqe_flags = IOSQE_FIXED_FILE;
	return io_uring_register_files(ring, &fd, 1) ||
	       io_uring_register_restrictions(ring, r, sizeof ops + 1) ||
	       io_uring_enable_rings(ring);
}

/* Cooperative: what is done is noted when the thread that submitted is in the kernel next, without
 * an interrupt. */
static int start_ring(uint32_t depth, struct io_uring *ring)
{
	return io_uring_queue_init(depth, ring,
	                           IORING_SETUP_R_DISABLED | IORING_SETUP_COOP_TASKRUN) &&
	       io_uring_queue_init(depth, ring, IORING_SETUP_R_DISABLED);
}

void block_rings_start(struct block_rings *d, uint32_t ring_size)
{
	cpu_set_t cpus;
	if (d->file->cut || d->file->fail_at)
		return;
	d->spare = !sched_getaffinity(0, sizeof cpus, &cpus) && CPU_COUNT(&cpus) > 1;
	struct block_jobs *j = calloc(1, sizeof *j);
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint32_t depth = ring_size < IN_FLIGHT_MAX ? ring_size : IN_FLIGHT_MAX;
	if (j && event >= 0 && !start_ring(depth, &j->ring)) {
		if (!io_uring_register_eventfd(&j->ring, event) &&
		    !restrict_ring(&j->ring, d->file->fd)) {
			for (uint32_t k = 0; k < depth; k++) {
				j->all[k].next = j->free;
				j->free = &j->all[k];
			}
			d->jobs = j;
			d->event = event;
			return;
		}
		io_uring_queue_exit(&j->ring);
	}
	if (event >= 0)
		close(event);
	free(j);
}

int block_rings_ring(const struct block_rings *d)
{
	return d->jobs ? d->jobs->ring.ring_fd : -1;
}

void block_rings_close(struct block_rings *d)
{
	if (d->jobs)
		io_uring_queue_exit(&d->jobs->ring);
	free(d->jobs);
	block_copy_close(&d->copy);
	if (d->event >= 0)
		close(d->event);
	d->jobs = NULL;
	d->event = -1;
}

/* ---- Answers ---- */

static void answer(struct block_rings *d, uint64_t id, int32_t result)
{
	struct amp_block_answer a = { .id = id, .result = result };
	memcpy((struct amp_block_answer *)d->answers.entries +
	               (d->answers.mine & (d->answers.size - 1)),
	       &a, sizeof a);
	d->answers.mine++;
	__atomic_store_n(d->answers.producer, d->answers.mine, __ATOMIC_RELEASE);
}

static void count(struct block_rings *d, uint32_t op, uint64_t bytes, bool done)
{
	struct block_counts *c = &d->counts;
	if (!done) {
		c->failed++;
		return;
	}
	switch (op) {
	case AMP_BLOCK_READ:
		c->reads++;
		c->bytes_read += bytes;
		break;
	case AMP_BLOCK_WRITE:
		c->writes++;
		c->bytes_written += bytes;
		break;
	case AMP_BLOCK_FLUSH:
		c->flushes++;
		break;
	default:
		c->discards++;
	}
}

/* ---- Requests ---- */

/* Whatever became of it: some of it may have been done. */
static void note(struct block_rings *d, uint32_t op, uint64_t at, uint64_t size)
{
	if (op == AMP_BLOCK_WRITE || op == AMP_BLOCK_DISCARD)
		block_copy_note(&d->copy, at, size);
}

/* The first `size` bytes of these parts have been read into. */
static void log_read(struct block_rings *d, const struct iovec *v, int count, uint64_t size)
{
	for (int k = 0; d->heap_log && k < count && size; k++) {
		uint64_t n = v[k].iov_len < size ? v[k].iov_len : size,
		         from = (uint64_t)((uint8_t *)v[k].iov_base - d->heap.bytes);
		for (uint64_t page = from / AMP_PAGE; n && page <= (from + n - 1) / AMP_PAGE;
		     page++)
			d->heap_log[page / 64] |= 1ull << page % 64;
		size -= n;
	}
}

static void now(struct block_rings *d, const struct amp_block_request *q, struct iovec *v)
{
	int error = 0;
	switch (q->op) {
	case AMP_BLOCK_READ:
		error = block_file_read(d->file, v, (int)q->part_count, q->offset);
		log_read(d, v, (int)q->part_count, q->size);
		break;
	case AMP_BLOCK_WRITE:
		error = block_file_write(d->file, v, (int)q->part_count, q->offset);
		break;
	case AMP_BLOCK_FLUSH:
		error = block_file_flush(d->file);
		break;
	default:
		error = block_file_discard(d->file, q->offset, q->size);
	}
	count(d, q->op, q->size, !error);
	note(d, q->op, q->offset, q->size);
	answer(d, q->id, error ? AMP_BLOCK_FAILED : 0);
}

static void submit(struct block_jobs *jobs, struct job *j)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&jobs->ring); /* as many as jobs: never null */
	switch (j->op) {
	case AMP_BLOCK_READ:
		io_uring_prep_readv(s, 0, j->v + j->first, (unsigned)(j->count - j->first), j->at);
		break;
	case AMP_BLOCK_WRITE:
		io_uring_prep_writev(s, 0, j->v + j->first, (unsigned)(j->count - j->first), j->at);
		break;
	case AMP_BLOCK_FLUSH:
		io_uring_prep_fsync(s, 0, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(s, 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		                        (off_t)j->at, (off_t)j->left);
	}
	io_uring_sqe_set_flags(s, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(s, j);
}

/* Something of a job is done. True: it goes on. */
static bool go_on(struct job *j, int32_t result)
{
	if (result == -EINTR)
		return true;
	if (result <= 0 || j->op > AMP_BLOCK_WRITE)
		return false;
	uint64_t n = (uint32_t)result;
	j->at += n;
	j->left -= n < j->left ? n : j->left;
	while (j->first < j->count && n >= j->v[j->first].iov_len)
		n -= j->v[j->first++].iov_len;
	if (j->first < j->count) {
		j->v[j->first].iov_base = (uint8_t *)j->v[j->first].iov_base + n;
		j->v[j->first].iov_len -= n;
	}
	return j->left != 0;
}

uint32_t block_rings_reap(struct block_rings *d)
{
	struct block_jobs *jobs = d->jobs;
	struct io_uring_cqe *c;
	uint32_t n = 0;
	if (!jobs || !d->in_flight)
		return 0;
	while (!io_uring_peek_cqe(&jobs->ring, &c)) {
		struct job *j = io_uring_cqe_get_data(c);
		int32_t result = c->res;
		io_uring_cqe_seen(&jobs->ring, c);
		n++;
		if (j->op == AMP_BLOCK_READ)
			log_read(d, j->v + j->first, j->count - j->first, j->left);
		if (go_on(j, result)) {
			submit(jobs, j);
			continue;
		}
		bool done = j->op == AMP_BLOCK_DISCARD ||
		            (j->op == AMP_BLOCK_FLUSH ? !result : !j->left);
		uint64_t bytes = 0;
		for (int k = 0; k < j->count; k++)
			bytes += j->v[k].iov_len; /* those that were shortened have been done
			                             otherwise */
		count(d, j->op, bytes, done);
		note(d, j->op, j->from, j->size);
		answer(d, j->id, done ? 0 : AMP_BLOCK_FAILED);
		if (j->few)
			d->moved = clock_mono();
		d->in_flight--;
		j->next = jobs->free;
		jobs->free = j;
	}
	if (n)
		block_copy_leave(&d->copy, d->in_flight);
	if (n && io_uring_sq_ready(&jobs->ring)) /* the rest of what was done in part */
		io_uring_submit(&jobs->ring);
	return n;
}

/* How many requests may be taken now. */
static uint32_t room(struct block_rings *d)
{
	uint32_t n = ring_free(&d->answers);
	return n > d->in_flight ? n - d->in_flight : 0;
}

uint32_t block_rings_take(struct block_rings *d)
{
	const struct block_extent disk = { d->file->size, d->file->sector_size,
		                           d->file->read_only };
	uint32_t most = ring_ready(&d->requests), taken = 0;
	uint32_t places = most ? room(d) : 0;
	if (most > places)
		most = places;
	d->copy.held = false;
	if (most && !block_copy_enter(&d->copy, d->in_flight)) {
		sched_yield(); /* the pump stays awake for the end of the hold: others go first */
		return 0;
	}
	for (; taken < most && (!d->jobs || d->jobs->free) && d->bytes_left && d->ops_left;
	     taken++, d->ops_left--) {
		struct amp_block_request q;
		struct iovec parts[AMP_BLOCK_PARTS_MAX];
		struct job *j = d->jobs ? d->jobs->free : NULL;
		struct iovec *v = j ? j->v : parts;
		memcpy(&q,
		       (struct amp_block_request *)d->requests.entries +
		               ((d->requests.mine + taken) & (d->requests.size - 1)),
		       sizeof q);
		__asm__ volatile("" ::: "memory");
		if (!block_request_fits(&disk, &d->heap, &q, v)) {
			d->counts.bad++;
			answer(d, q.id, AMP_BLOCK_BAD);
			continue;
		}
		uint64_t moves = q.op <= AMP_BLOCK_WRITE ? q.size : 0;
		d->bytes_left -= moves < d->bytes_left ? moves : d->bytes_left;
		d->bytes_taken += moves;
		if (!j) {
			now(d, &q, v);
			continue;
		}
		d->jobs->free = j->next;
		j->id = q.id;
		j->op = q.op;
		j->at = q.offset;
		j->left = q.op == AMP_BLOCK_FLUSH ? 0 : q.size;
		j->from = q.offset;
		j->size = q.size;
		j->first = 0;
		j->count = q.op <= AMP_BLOCK_WRITE ? (int)q.part_count : 0;
		j->few = d->in_flight++ < SOON_DEPTH;
		if (j->few)
			d->moved = clock_mono();
		submit(d->jobs, j);
	}
	if (taken) {
		d->requests.mine += taken;
		__atomic_store_n(d->requests.consumer, d->requests.mine, __ATOMIC_RELEASE);
	}
	if (d->jobs && io_uring_sq_ready(&d->jobs->ring))
		io_uring_submit(&d->jobs->ring);
	if (most)
		block_copy_leave(&d->copy, d->in_flight);
	return taken;
}

bool block_rings_soon(const struct block_rings *d, uint64_t now)
{
	return d->spare && d->in_flight <= SOON_DEPTH &&
	       now - d->moved < (d->in_flight ? SOON_STAY_NS : SOON_NEXT_NS);
}

bool block_rings_pending(struct block_rings *d)
{
	return d->bytes_left && d->ops_left && ring_ready(&d->requests) && room(d) &&
	       (!d->jobs || d->jobs->free);
}

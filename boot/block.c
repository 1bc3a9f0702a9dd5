/* SPDX-License-Identifier: ISC */
/* Each request is a header, the parts and a byte of status, in one chain; header and status are the kernel's own memory. What the
 * disk answers is one of two things: done, or not. */
#include <string.h>

#include <boot/block.h>
#include <boot/image_side.h>
#include <boot/memory.h>
#include <boot/processor.h>

#define F_SIZE_MAX (1ull << 1)
#define F_READONLY (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH    (1ull << 9)
#define F_DISCARD  (1ull << 13)

enum { READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11 };
#define SECTOR     512u
#define PIECES_MAX 64u
#ifndef WAIT_TICKS /* of the TSC: a disk that is silent for so long before the start is broken */
#define WAIT_TICKS (1ull << 36)
#endif
#define STATUS_NONE 0xffu

struct block_job {
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	struct {
		uint64_t sector;
		uint32_t count, flags;
	} range;
	uint64_t id;
	uint8_t serial
	        [BLOCK_SERIAL]; /* of GET_ID: a disk that answers too late still writes to its own */
	volatile uint8_t status;
};

int block_open(struct block *b, struct virtio *disk, struct defect *why)
{
	uint64_t sectors = 0;
	uint32_t size = 0;
	*b = (struct block){ .disk = disk };
	if (virtio_agree(disk, F_SIZE_MAX | F_READONLY | F_BLK_SIZE | F_FLUSH | F_DISCARD, why))
		return -1;
	virtio_config(disk, 0, &sectors, sizeof sectors);
	if (disk->features & F_BLK_SIZE)
		virtio_config(disk, 20, &size, sizeof size);
	b->extent.sector_size = size == 4096 ? 4096 : SECTOR;
	if (sectors > INT64_MAX / SECTOR)
		return defect_set(why, "the disk at %s says that it has %llu sectors", disk->place,
		                  (unsigned long long)sectors);
	b->extent.size = sectors * SECTOR / b->extent.sector_size * b->extent.sector_size;
	b->extent.read_only = disk->features & F_READONLY;
	b->flushes = disk->features & F_FLUSH;
	b->discards = disk->features & F_DISCARD;
	b->discard_most = UINT32_MAX;
	if (b->discards)
		virtio_config(disk, 36, &b->discard_most, sizeof b->discard_most);
	b->piece_most = AMP_BLOCK_SIZE_MAX;
	if (disk->features & F_SIZE_MAX)
		virtio_config(disk, 8, &b->piece_most, sizeof b->piece_most);
	if (b->piece_most < AMP_PAGE)
		return defect_set(why, "the disk at %s takes pieces of %u bytes, too small",
		                  disk->place, b->piece_most);
	if (virtio_queue(disk, 0, &b->q, VIRTQ_SIZE_MAX, why))
		return -1;
	if (b->q.size < AMP_BLOCK_PARTS_MAX + 2)
		return defect_set(why, "the disk at %s has a queue of %u entries, too few",
		                  disk->place, b->q.size);
	b->jobs = memory_take(VIRTQ_SIZE_MAX * sizeof *b->jobs);
	virtio_begin(disk);
	struct virtq_part parts[3];
	struct block_job *j = &b->jobs[b->q.free_first];
	j->head.type = GET_ID;
	j->status = STATUS_NONE;
	parts[0] = (struct virtq_part){ &j->head, sizeof j->head, false };
	parts[1] = (struct virtq_part){ j->serial, sizeof j->serial, true };
	parts[2] = (struct virtq_part){ &j->status, 1, true };
	virtq_give(&b->q, parts, 3);
	virtio_kick(disk, 0, &b->q);
	uint64_t end = read_tsc() + WAIT_TICKS;
	while (virtq_take(&b->q, &size) == VIRTQ_NONE)
		if (read_tsc() > end)
			return defect_set(why, "the disk at %s does not answer", disk->place);
	if (!j->status)
		memcpy(b->serial, j->serial, BLOCK_SERIAL);
	return 0;
}

int block_read(struct block *b, void *to, uint32_t bytes, uint64_t at)
{
	struct virtq_part parts[3];
	struct block_job *j = &b->jobs[b->q.free_first];
	uint32_t size;
	j->head.type = READ;
	j->head.sector = at / SECTOR;
	j->status = STATUS_NONE;
	parts[0] = (struct virtq_part){ &j->head, sizeof j->head, false };
	parts[1] = (struct virtq_part){ to, bytes, true };
	parts[2] = (struct virtq_part){ &j->status, 1, true };
	if (at > b->extent.size || bytes > b->extent.size - at ||
	    virtq_give(&b->q, parts, 3) == VIRTQ_NONE)
		return -1;
	virtio_kick(b->disk, 0, &b->q);
	uint64_t end = read_tsc() + WAIT_TICKS;
	while (virtq_take(&b->q, &size) == VIRTQ_NONE)
		if (read_tsc() > end)
			return -1;
	return j->status ? -1 : 0;
}

int block_place(struct block *b, const struct driver_room *room, struct defect *why)
{
	(void)why;
	b->heap = room->heap;
	b->pages = room->pages;
	block_request_lay_out(&b->requests, &b->answers, &b->extent, &room->rings,
	                      b->note->ring_size, room->view);
	return 0;
}

static uint32_t reap(struct block *b)
{
	uint32_t head, size, n = 0;
	while ((head = virtq_take(&b->q, &size)) != VIRTQ_NONE) {
		b->in_flight--;
		image_block_answer(&b->answers, b->jobs[head].id,
		                   b->jobs[head].status ? AMP_BLOCK_FAILED : 0);
		n++;
	}
	return n;
}

/* The chain of a request that fits. 0: the queue is full; -1: the disk cannot do such a one. */
static int chain(struct block *b, const struct amp_block_request *q, const struct iovec *v)
{
	struct virtq_part parts[PIECES_MAX + 2];
	struct block_job *j = &b->jobs[b->q.free_first];
	uint32_t n = 1;
	uint32_t type = q->op == AMP_BLOCK_READ    ? READ
	                : q->op == AMP_BLOCK_WRITE ? WRITE
	                : q->op == AMP_BLOCK_FLUSH ? FLUSH
	                                           : DISCARD;
	if (!b->q.free_count)
		return 0;
	if (type == DISCARD)
		parts[n++] = (struct virtq_part){ &j->range, sizeof j->range, false };
	for (uint32_t k = 0; type <= WRITE && k < q->part_count; k++)
		for (uint64_t done = 0; done < v[k].iov_len;) {
			uint64_t left = v[k].iov_len - done, most = b->piece_most / SECTOR * SECTOR;
			uint32_t step = (uint32_t)(left < most ? left : most);
			if (n == PIECES_MAX)
				return -1;
			parts[n++] = (struct virtq_part){ (uint8_t *)v[k].iov_base + done, step,
				                          type == READ };
			done += step;
		}
	parts[n++] = (struct virtq_part){ &j->status, 1, true };
	parts[0] = (struct virtq_part){ &j->head, sizeof j->head, false };
	if (n > b->q.size)
		return -1;
	if (n > b->q.free_count)
		return 0;
	j->head.type = type;
	j->head.reserved = 0;
	j->head.sector = type <= WRITE ? q->offset / SECTOR : 0;
	j->range.sector = q->offset / SECTOR;
	j->range.count = (uint32_t)(q->size / SECTOR);
	j->range.flags = 0;
	j->status = STATUS_NONE;
	j->id = q->id;
	if (type <= WRITE)
		image_block_touch(&b->heap, b->pages, v, q->part_count);
	virtq_give(&b->q, parts, n);
	b->in_flight++;
	return 1;
}

static uint32_t take(struct block *b)
{
	uint32_t ready = ring_ready(&b->requests), taken = 0,
	         room = ready ? ring_free(&b->answers) : 0;
	for (; taken < ready && room > b->in_flight; taken++) {
		struct amp_block_request q;
		struct iovec v[AMP_BLOCK_PARTS_MAX];
		image_block_look(&b->requests, taken, &b->heap, b->pages, &q);
		int done = 0;
		if (!block_request_fits(&b->extent, &b->heap, &q, v)) {
			image_block_answer(&b->answers, q.id, AMP_BLOCK_BAD);
			room--;
		} else if ((q.op == AMP_BLOCK_FLUSH && !b->flushes) ||
		           (q.op == AMP_BLOCK_DISCARD &&
		            (!b->discards || q.size / SECTOR > b->discard_most))) {
			/* Without a cache there is nothing to flush; what was discarded may read as anything. */
			image_block_answer(&b->answers, q.id, 0);
			room--;
		} else if (!(done = chain(b, &q, v))) {
			break;
		} else if (done < 0) {
			image_block_answer(&b->answers, q.id, AMP_BLOCK_FAILED);
			room--;
		}
	}
	if (taken) {
		b->requests.mine += taken;
		__atomic_store_n(b->requests.consumer, b->requests.mine, __ATOMIC_RELEASE);
	}
	virtio_kick(b->disk, 0, &b->q);
	return taken;
}

uint32_t block_pass(struct block *b)
{
	return reap(b) + take(b);
}

bool block_ready(const struct block *b, uint64_t events)
{
	return events & AMP_WAIT_BLOCK && ring_unread(&b->answers);
}

void block_listen(struct block *b)
{
	virtq_listen(&b->q, b->in_flight);
}

void block_woke(struct block *b)
{
	b->disk->transport->settle(b->disk);
	virtq_listen(&b->q, false);
}

static int place_of(void *of, const struct driver_room *room, struct defect *why)
{
	return block_place(of, room, why);
}

static uint32_t pass_of(void *of)
{
	return block_pass(of);
}

static bool ready_of(const void *of, uint64_t events)
{
	return block_ready(of, events);
}

static void listen_of(void *of, uint64_t events)
{
	(void)events;
	block_listen(of);
}

static void woke_of(void *of)
{
	block_woke(of);
}

static bool idle_of(const void *of)
{
	return !((const struct block *)of)->in_flight;
}

static int read_of(void *of, void *to, uint32_t size, uint64_t at)
{
	return block_read(of, to, size, at);
}

const struct driver block_driver = { place_of, pass_of, ready_of, listen_of,
	                             woke_of,  idle_of, read_of };

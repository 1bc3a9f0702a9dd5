/* SPDX-License-Identifier: ISC */
/*
 * The tender's side of a block device's rings: counters of any value, requests and parts that may change between any two
 * reads (fresh_weak, as in net_rings.c). The file is done one request after another, without io_uring.
 */
// eva: -eva-precision 0 -eva-slevel 20 -eva-alloc-builtin fresh_weak
#define _GNU_SOURCE
#include <prove.h>
#include <stdlib.h>

typedef struct {
	unsigned long bits[16];
} cpu_set_t;
int sched_getaffinity(int pid, size_t size, cpu_set_t *cpus);
int CPU_COUNT(const cpu_set_t *cpus);

/* What is done to the file changes nothing of the tender's, but the image's memory. */
#include <tender/device/block_file.h>
//@ assigns \result, ((uint8_t *)parts->iov_base)[0 .. parts->iov_len - 1] \from at;
int block_file_read(struct block_file *f, struct iovec *parts, int count, uint64_t at);
//@ assigns \result \from at;
int block_file_write(struct block_file *f, struct iovec *parts, int count, uint64_t at);
//@ assigns \result \from \nothing;
int block_file_flush(struct block_file *f);
//@ assigns \result \from at, size;
int block_file_discard(struct block_file *f, uint64_t at, uint64_t size);

/* A copy that somebody makes meanwhile only says whether requests wait for it. */
#include <tender/device/block_copy.h>
//@ assigns \result \from in_flight; ensures \result \in {0, 1};
bool block_copy_enter(struct block_copy *c, uint32_t in_flight);

#include <tender/device/block_request.c>
#include <tender/device/block_rings.c>
#include <tender/device/ring.c>

#define RING 64u
#define HEAP 65536u

int main(void)
{
	struct block_rings d;
	struct amp_device view = { 0 };
	struct block_file file = { .sector_size = 512 };
	uint32_t size = 2 * RING_HEAD +
	                RING * (sizeof(struct amp_block_request) + sizeof(struct amp_block_answer));
	uint8_t *rings = calloc(1, size), *heap = calloc(1, HEAP);
	if (!rings || !heap)
		return 1;
	Frama_C_make_unknown((char *)rings, size);
	Frama_C_make_unknown((char *)heap, HEAP);
	prove_any(file.size);
	file.read_only = prove_number(0, 1);
	const struct block_layout layout = { .file = &file,
		                             .ring_size = RING,
		                             .rings = { 0x10000, size, rings },
		                             .heap = { 0x100000, HEAP, heap },
		                             .view = &view };
	block_rings_open(&d, &layout);
	prove_any(d.requests.mine);
	prove_any(d.answers.mine);
	block_rings_take(&d);
	block_rings_pending(&d);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes a block device's rings from the image's side: an input is a list of lies (counters,
 * requests, parts) with passes of the pump between them, over a file in memory, one request after
 * another. Rings and heap are blocks of exactly their size, so that AddressSanitizer sees a step
 * outside; the file must keep its size. What an honest image asks at the end is done.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/device/block_rings.h>

#define RING    64u
#define HEAP    (64u << 10)
#define HEAP_AT 0x300000000000ull
#define SIZE    (64u << 10)
#define STEP    16u /* bytes of input */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
	COUNTER,
	NEAR_COUNTER,
	ANY_REQUEST,
	NEAR_REQUEST,
	ANY_PART,
	NEAR_PART,
	TAKE,
	PENDING,
	READ_ONLY,
	KINDS
};

static struct amp_block_request near_request(const uint8_t *input)
{
	struct amp_block_request q = { .id = input[2],
		                       .op = input[3] % 5,
		                       .part_count = input[4] % (AMP_BLOCK_PARTS_MAX + 2),
		                       .offset = input[5] * 512ull,
		                       .size = input[6] * 512ull,
		                       .parts = HEAP_AT + input[7] % 32 * 8 };
	if (input[8] & 1)
		q.offset += input[9];
	if (input[8] & 2)
		q.size += input[9];
	if (input[8] & 4)
		q.parts = HEAP_AT + HEAP - input[9] % 64 * 16;
	if (input[8] & 8)
		q.offset = -q.offset;
	if (input[8] & 16)
		q.size = q.part_count * 512ull;
	return q;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static int fd = -1;
	struct block_file file = { .size = SIZE, .sector_size = 512 };
	struct block_rings d;
	struct amp_device view = { 0 };
	struct stat s;
	uint8_t *rings = calloc(1, block_rings_size(RING)), *heap = NULL;
	if (fd < 0)
		fd = memfd_create("block", MFD_CLOEXEC);
	assert(rings && fd >= 0 && !ftruncate(fd, SIZE) &&
	       !posix_memalign((void **)&heap, 512, HEAP));
	memset(heap, 0, HEAP);
	file.fd = fd;
	const struct block_layout layout = {
		.file = &file,
		.ring_size = RING,
		.rings = { (uint64_t)rings, block_rings_size(RING), rings },
		.heap = { HEAP_AT, HEAP, heap },
		.view = &view,
	};
	block_rings_open(&d, &layout);
	assert(d.copy.shared);
	d.copy.shared->word = size % 2 ? BLOCK_COPY_NOTE : BLOCK_COPY_NONE;
	struct amp_ring *const requests = &view.block.requests, *const answers =
	                                                                &view.block.answers;
	struct amp_block_request *asked = (struct amp_block_request *)requests->entries;
	struct amp_block_part *parts = (struct amp_block_part *)heap;

	for (; size >= STEP; input += STEP, size -= STEP) {
		struct amp_ring *r = input[1] & 1 ? requests : answers;
		uint32_t *counter = (uint32_t *)(input[1] & 2 ? r->producer : r->consumer);
		uint32_t *next = (uint32_t *)requests->producer;
		uint64_t value;
		memcpy(&value, input + 8, sizeof value);
		switch (input[0] % KINDS) {
		case COUNTER:
			*counter = (uint32_t)value;
			break;
		case NEAR_COUNTER:
			*counter += (uint32_t)value % (RING + 2);
			break;
		case ANY_REQUEST:
			memcpy((uint8_t *)&asked[input[1] % RING] +
			               input[2] % (sizeof *asked / 8) * 8,
			       &value, 8);
			break;
		case NEAR_REQUEST:
			asked[(*next)++ & (RING - 1)] = near_request(input);
			break;
		case ANY_PART:
			memcpy(heap + (input[1] | input[2] << 8) % (HEAP / 8) * 8, &value, 8);
			break;
		case NEAR_PART:
			parts[input[1] % 64] =
			        (struct amp_block_part){ HEAP_AT + input[2] * 512ull -
				                                 (input[4] & 1 ? 512 : 0),
				                         input[3] % 5 * 512ull };
			break;
		case TAKE:
			block_rings_take(&d);
			block_rings_reap(&d);
			break;
		case PENDING:
			block_rings_pending(&d);
			break;
		case READ_ONLY:
			file.read_only = input[1] & 1;
			break;
		}
	}
	assert(!fstat(fd, &s) && s.st_size == SIZE);

	/* An image that tells the truth again is served. */
	*(uint32_t *)answers->consumer = *(uint32_t *)answers->producer = d.answers.mine;
	*(uint32_t *)requests->consumer = *(uint32_t *)requests->producer = d.requests.mine;
	memset(heap, 0x77, 512);
	parts = (struct amp_block_part *)(heap + 512);
	*parts = (struct amp_block_part){ HEAP_AT, 512 };
	file.read_only = false;
	for (unsigned op = AMP_BLOCK_READ; op <= AMP_BLOCK_FLUSH; op++)
		asked[(*(uint32_t *)requests->producer)++ & (RING - 1)] =
		        (struct amp_block_request){ .id = op,
			                            .op = op,
			                            .part_count = 1,
			                            .size = 512,
			                            .parts = HEAP_AT + 512 };
	assert(block_rings_take(&d) == 3 &&
	       *(uint32_t *)answers->producer - *(uint32_t *)answers->consumer == 3);
	for (unsigned k = 0; k < 3; k++) {
		const struct amp_block_answer *a =
		        (const struct amp_block_answer *)answers->entries +
		        ((d.answers.mine - 3 + k) & (RING - 1));
		assert(a->id == k && a->result == 0);
	}
	block_rings_close(&d);
	free(rings);
	free(heap);
	return 0;
}

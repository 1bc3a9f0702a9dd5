/* SPDX-License-Identifier: ISC */
/*
 * Generation g writes its SECTORS sectors of 512 bytes at place g % PLACES, in several requests at
 * once, waits, flushes, and only then prints "g". A sector holds g, its number, and words that
 * follow from both: so whoever looks later can tell for each sector which generation it is of, and
 * whether it is whole.
 */
#include <core/error.h>
#include <core/task.h>

#include "try.h"

#define PLACES   16u
#define SECTORS  64u /* of 512 bytes */
#define REQUESTS 8u

static struct block_request requests[REQUESTS];
static struct block_part parts[REQUESTS];
static struct task_queue all_done = TASK_QUEUE_INIT(all_done);
static uint32_t left;

static void done(struct block_request *r)
{
	need(r->result == OK, "a write gave %d", r->result);
	if (--left == 0)
		task_wake_all(&all_done);
}

void cut_run(struct block *b, uint64_t seed)
{
	uint8_t *memory = pages_or_fail(SECTORS * 512);
	for (uint64_t g = 1;; g++) {
		uint64_t at = g % PLACES * SECTORS * 512;
		for (uint32_t s = 0; s < SECTORS; s++) {
			uint64_t *w = (uint64_t *)(memory + s * 512);
			w[0] = g;
			w[1] = s;
			for (uint32_t i = 2; i < 64; i++)
				w[i] = mix(seed ^ g << 32 ^ s << 8 ^ i);
		}
		left = REQUESTS;
		for (uint32_t r = 0; r < REQUESTS; r++) {
			uint64_t size = SECTORS * 512 / REQUESTS;
			parts[r] = (struct block_part){ memory + r * size, size };
			requests[r] = (struct block_request){ .op = BLOCK_WRITE,
				                              .at = at + r * size,
				                              .parts = &parts[r],
				                              .part_count = 1,
				                              .done = done };
			block_submit(b, &requests[r]);
		}
		while (left)
			task_wait(&all_done, UINT64_MAX);
		need(block_flush(b) == OK, "a flush failed");
		printf("%llu\n", (unsigned long long)g);
		fflush(stdout);
	}
}

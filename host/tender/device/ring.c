/* SPDX-License-Identifier: ISC */
/* Each counter and the flags have cache lines of their own, since they are written by different processors. */
#include <tender/device/ring.h>

void ring_open(struct ring *r, struct amp_ring *view, const struct device_memory *m, uint64_t head,
               uint64_t entries, uint32_t size)
{
	*r = (struct ring){ .producer = (uint32_t *)(m->bytes + head),
		            .consumer = (uint32_t *)(m->bytes + head + RING_COUNTERS_APART),
		            .flags = (uint32_t *)(m->bytes + head + 2 * RING_COUNTERS_APART),
		            .entries = m->bytes + entries,
		            .size = size };
	*view = (struct amp_ring){ .producer = m->at + head,
		                   .consumer = m->at + head + RING_COUNTERS_APART,
		                   .flags = m->at + head + 2 * RING_COUNTERS_APART,
		                   .entries = m->at + entries,
		                   .size = size };
}

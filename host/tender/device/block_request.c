/* SPDX-License-Identifier: ISC */
/* Each part is copied once and checked against the image's heap. */
#include <string.h>

#include <tender/device/block_request.h>

uint64_t block_rings_size(uint32_t ring_size)
{
	return whole_pages(2 * RING_HEAD + ring_size * (sizeof(struct amp_block_request) +
	                                                sizeof(struct amp_block_answer)));
}

void block_request_lay_out(struct ring *requests, struct ring *answers,
                           const struct block_extent *disk, const struct device_memory *rings,
                           uint32_t ring_size, struct amp_device *view)
{
	ring_open(requests, &view->block.requests, rings, 0, 2 * RING_HEAD, ring_size);
	ring_open(answers, &view->block.answers, rings, RING_HEAD,
	          2 * RING_HEAD + ring_size * sizeof(struct amp_block_request), ring_size);
	view->type = AMP_DEVICE_BLOCK;
	view->features = disk->read_only ? AMP_BLOCK_READ_ONLY : 0;
	view->block.size = disk->size;
	view->block.sector_size = disk->sector_size;
}

bool block_request_fits(const struct block_extent *f, const struct device_memory *heap,
                        const struct amp_block_request *q, struct iovec *v)
{
	uint64_t sector = f->sector_size, sum = 0;
	if (q->reserved || q->op > AMP_BLOCK_DISCARD)
		return false;
	if (q->op == AMP_BLOCK_FLUSH)
		return true;
	if (q->offset % sector || q->size % sector || !q->size || q->offset > f->size ||
	    q->size > f->size - q->offset || (q->op != AMP_BLOCK_READ && f->read_only))
		return false;
	if (q->op == AMP_BLOCK_DISCARD)
		return true;
	if (!q->part_count || q->part_count > AMP_BLOCK_PARTS_MAX || q->size > AMP_BLOCK_SIZE_MAX)
		return false;
	uint64_t bytes = q->part_count * sizeof(struct amp_block_part), at = q->parts - heap->at;
	if (at > heap->size || bytes > heap->size - at)
		return false;
	for (uint32_t k = 0; k < q->part_count; k++) {
		struct amp_block_part p;
		memcpy(&p, heap->bytes + at + k * sizeof p, sizeof p);
		__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
		uint64_t from = p.addr - heap->at;
		if (!p.size || p.size % sector || p.addr % sector || from > heap->size ||
		    p.size > heap->size - from || p.size > q->size - sum)
			return false;
		v[k] = (struct iovec){ heap->bytes + from, p.size };
		sum += p.size;
	}
	return sum == q->size;
}

int block_format_check(const uint8_t *head, uint32_t size, const char *format, struct defect *why)
{
	/* Where a store keeps several roots, one of them is enough: the store itself repairs the
	 * others. */
	static const struct {
		const char *format, *magic;
		uint32_t size, count, at[4];
	} known[] = { { "btree", "ampbtree", 8, 4, { 0, 3584, 4096, 7680 } },
		      { "fat", "\x55\xaa", 2, 1, { 510 } },
		      { "sqlite", "sqlite\0", 8, 2, { 0, 4096 } } };
	uint8_t any = 0;
	for (uint32_t k = 0; k < AMP_BLOCK_BLANK && k < size; k++)
		any |= head[k];
	for (unsigned k = 0; any && k < sizeof known / sizeof *known; k++) {
		bool there = strncmp(format, known[k].format, AMP_FORMAT_MAX) != 0;
		for (uint32_t i = 0; !there && i < known[k].count; i++)
			there = known[k].at[i] + known[k].size <= size &&
			        !memcmp(head + known[k].at[i], known[k].magic, known[k].size);
		if (!there)
			return defect_set(why,
			                  "holds something else than a %s: give it another file, "
			                  "or an empty one",
			                  known[k].format);
	}
	return 0;
}

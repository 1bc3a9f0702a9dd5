/* SPDX-License-Identifier: ISC */
#include <string.h>

#include <boot/image_side.h>
#include <boot/lazy.h>

void image_net_open(struct net_rings *r, const struct driver_room *room,
                    const struct amp_note_device *note, uint16_t mtu, const uint8_t mac[6],
                    uint32_t features)
{
	uint32_t frame_size = net_frame_size(mtu);
	const struct net_layout layout = { .fd = -1,
		                           .mtu = net_mtu(mtu, frame_size),
		                           .ring_size = note->ring_size,
		                           .frame_count = note->frame_count,
		                           .frame_size = frame_size,
		                           .rings = room->rings,
		                           .frames = room->frames,
		                           .view = room->view };
	net_rings_open(r, &layout);
	features |= AMP_NET_TX_DIRECT | (room->heap.size ? AMP_NET_TX_MEMORY : 0);
	if (room->abi_minor < 3)
		features &= ~AMP_NET_TX_SEGMENT6;
	r->features = room->abi_minor < 1 ? 0 : features;
	for (uint32_t k = 0; k < room->constant_count; k++)
		r->segments[r->segment_count++] = room->constants[k];
	if (r->features & AMP_NET_TX_MEMORY)
		r->segments[r->segment_count++] = room->heap;
	room->view->features = r->features;
	memcpy(room->view->mac, mac, sizeof room->view->mac);
}

void image_net_complete(struct net_rings *d, const struct amp_desc *c, uint32_t count)
{
	struct ring *r = &d->completion;
	for (uint32_t k = 0; k < count; k++)
		if (!(c[k].options & AMP_DESC_DIRECT))
			((uint64_t *)r->entries)[r->mine++ & (r->size - 1)] = c[k].addr;
	__atomic_store_n(r->producer, r->mine, __ATOMIC_RELEASE);
}

void image_block_look(const struct ring *requests, uint32_t at, const struct device_memory *heap,
                      const struct pages *pages, struct amp_block_request *q)
{
	memcpy(q,
	       (struct amp_block_request *)requests->entries +
	               ((requests->mine + at) & (requests->size - 1)),
	       sizeof *q);
	__asm__ volatile("" ::: "memory");
	uint64_t parts = q->part_count * sizeof(struct amp_block_part);
	/* The array of parts lies in the heap, too. */
	if (q->op <= AMP_BLOCK_WRITE && q->part_count <= AMP_BLOCK_PARTS_MAX &&
	    q->parts - heap->at <= heap->size && parts <= heap->size - (q->parts - heap->at))
		lazy_touch(pages, q->parts, parts);
}

void image_block_touch(const struct device_memory *heap, const struct pages *pages,
                       const struct iovec *v, uint32_t count)
{
	for (uint32_t k = 0; k < count; k++)
		lazy_touch(pages, heap->at + (uint64_t)((uint8_t *)v[k].iov_base - heap->bytes),
		           v[k].iov_len);
}

void image_block_answer(struct ring *answers, uint64_t id, int32_t result)
{
	const struct amp_block_answer a = { .id = id, .result = result };
	memcpy((struct amp_block_answer *)answers->entries + (answers->mine & (answers->size - 1)),
	       &a, sizeof a);
	answers->mine++;
	__atomic_store_n(answers->producer, answers->mine, __ATOMIC_RELEASE);
}

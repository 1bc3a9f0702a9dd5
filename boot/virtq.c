/* SPDX-License-Identifier: ISC */
/* avail: flags, index, ring, used_event. used: flags, index, ring of {id, len} (32 bits each), avail_event. */
#include <boot/virtq.h>

#define PAGE         4096u /* `used` lies on one: what virtio before 1 wants, and later ones allow */
#define NEXT         1u
#define WRITE        2u
#define NO_INTERRUPT 1u
#define NO_NOTIFY    1u

static uint32_t avail_at(uint16_t size)
{
	return size * (uint32_t)sizeof(struct virtq_desc);
}

static uint32_t used_at(uint16_t size)
{
	return (avail_at(size) + 6 + 2u * size + PAGE - 1) & ~(PAGE - 1);
}

uint32_t virtq_bytes(uint16_t size)
{
	return (used_at(size) + 6 + 8u * size + PAGE - 1) & ~(PAGE - 1);
}

void virtq_open(struct virtq *q, void *memory, uint16_t size, bool events)
{
	uint8_t *at = memory;
	*q = (struct virtq){ .size = size,
		             .events = events,
		             .descs = memory,
		             .avail = (volatile uint16_t *)(at + avail_at(size)),
		             .used = (volatile uint16_t *)(at + used_at(size)),
		             .free_count = size };
	for (uint16_t i = 0; i < size; i++)
		q->next[i] = (uint16_t)(i + 1);
	virtq_listen(q, false);
}

uint32_t virtq_give(struct virtq *q, const struct virtq_part *parts, uint32_t count)
{
	uint16_t head = q->free_first, at = head;
	uint32_t room = 0;
	if (!count || count > q->free_count)
		return VIRTQ_NONE;
	for (uint32_t k = 0; k < count; k++) {
		bool last = k + 1 == count;
		q->descs[at] = (struct virtq_desc){ (uint64_t)parts[k].at, parts[k].size,
			                            (uint16_t)((last ? 0 : NEXT) |
			                                       (parts[k].in ? WRITE : 0)),
			                            last ? 0 : q->next[at] };
		room += parts[k].in ? parts[k].size : 0;
		if (!last)
			at = q->next[at];
	}
	q->free_first = q->next[at];
	q->free_count = (uint16_t)(q->free_count - count);
	q->parts[head] = (uint16_t)count;
	q->room[head] = room;
	q->avail[2 + q->given % q->size] = head;
	q->given++;
	return head;
}

bool virtq_publish(struct virtq *q)
{
	if (q->given == q->told)
		return false;
	__atomic_store_n(&q->avail[1], q->given, __ATOMIC_RELEASE);
	__atomic_thread_fence(
	        __ATOMIC_SEQ_CST); /* it looks at the index after it has asked to be told */
	uint16_t was = q->told;
	q->told = q->given;
	if (!q->events)
		return !(q->used[0] & NO_NOTIFY);
	uint16_t event = q->used[2 + 4 * q->size];
	return (uint16_t)(q->given - event - 1) < (uint16_t)(q->given - was);
}

bool virtq_ready(const struct virtq *q)
{
	return __atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) != q->seen;
}

uint32_t virtq_take(struct virtq *q, uint32_t *size)
{
	/* Lies are passed over, but only as many as the queue has entries at a time. */
	for (uint32_t tries = 0; tries < q->size && virtq_ready(q); tries++) {
		const volatile uint32_t *entry =
		        (const volatile uint32_t *)(const volatile void *)(q->used + 2 +
		                                                           4 * (q->seen % q->size));
		uint32_t head = entry[0], wrote = entry[1];
		q->seen++;
		if (head >= q->size || !q->parts[head]) {
			q->lies++;
			continue;
		}
		uint16_t last = (uint16_t)head;
		for (uint16_t k = 1; k < q->parts[head]; k++)
			last = q->next[last];
		q->next[last] = q->free_first;
		q->free_first = (uint16_t)head;
		q->free_count = (uint16_t)(q->free_count + q->parts[head]);
		q->parts[head] = 0;
		*size = wrote < q->room[head] ? wrote : q->room[head];
		return head;
	}
	return VIRTQ_NONE;
}

void virtq_listen(struct virtq *q, bool on)
{
	if (q->events)
		q->avail[2 + q->size] = on ? q->seen : (uint16_t)(q->seen + 0x8000u);
	q->avail[0] = on ? 0 : NO_INTERRUPT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

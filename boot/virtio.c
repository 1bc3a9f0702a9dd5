/* SPDX-License-Identifier: ISC */
/* Section 3.1.1, step by step. */
#include <string.h>

#include <boot/memory.h>
#include <boot/virtio.h>

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 128 };
#define RESET_TRIES 1000000u

struct virtio virtio_devices[VIRTIO_DEVICES];
uint32_t virtio_count;

struct virtio *virtio_add(enum virtio_kind kind, const struct virtio_transport *transport)
{
	if (virtio_count == VIRTIO_DEVICES)
		return NULL;
	struct virtio *v = &virtio_devices[virtio_count++];
	*v = (struct virtio){ .kind = kind, .transport = transport };
	return v;
}

void virtio_find(const struct words *w)
{
	virtio_pci_find();
	virtio_mmio_find(w);
}

struct virtio *virtio_next(enum virtio_kind kind, const struct virtio *after)
{
	struct virtio *v = after ? &virtio_devices[after - virtio_devices + 1] : virtio_devices;
	for (; v < virtio_devices + virtio_count; v++)
		if (v->kind == kind && !v->used)
			return v;
	return NULL;
}

int virtio_stop(struct virtio *v, struct defect *why)
{
	uint32_t tries = 0;
	v->transport->set_status(v, 0);
	while (v->transport->status(v))
		if (++tries == RESET_TRIES)
			return defect_set(why, "the device at %s cannot be reset", v->place);
	v->used = false;
	return 0;
}

int virtio_agree(struct virtio *v, uint64_t want, struct defect *why)
{
	const struct virtio_transport *t = v->transport;
	uint32_t tries = 0;
	t->set_status(v, 0);
	while (t->status(v) && ++tries < RESET_TRIES)
		;
	t->set_status(v, ACKNOWLEDGE);
	t->set_status(v, ACKNOWLEDGE | DRIVER);
	uint64_t has = t->features(v);
	if (!v->legacy)
		want |= VIRTIO_VERSION_1;
	v->features = has & (want | VIRTIO_EVENT_IDX);
	if (!v->legacy && !(has & VIRTIO_VERSION_1))
		return defect_set(why, "the device at %s is no virtio 1 device", v->place);
	t->accept(v, v->features);
	if (v->legacy)
		return 0;
	t->set_status(v, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(t->status(v) & FEATURES_OK)) {
		t->set_status(v, FAILED);
		return defect_set(why,
		                  "the device at %s does not agree on features (it has 0x%llx)",
		                  v->place, (unsigned long long)has);
	}
	return 0;
}

int virtio_queue(struct virtio *v, uint16_t which, struct virtq *q, uint16_t most,
                 struct defect *why)
{
	uint16_t size = v->transport->queue_most(v, which);
	if (size > most)
		size = most;
	if (size > VIRTQ_SIZE_MAX)
		size = VIRTQ_SIZE_MAX;
	while (size & (size - 1)) /* a power of two */
		size &= (uint16_t)(size - 1);
	if (size < 4)
		return defect_set(why, "the device at %s has no queue %u", v->place, which);
	virtq_open(q, memory_take(virtq_bytes(size)), size, v->features & VIRTIO_EVENT_IDX);
	if (v->transport->queue_set(v, which, q))
		return 0;
	return defect_set(why, "the device at %s does not take queue %u", v->place, which);
}

void virtio_begin(struct virtio *v)
{
	v->used = true;
	v->transport->set_status(v,
	                         ACKNOWLEDGE | DRIVER | (v->legacy ? 0 : FEATURES_OK) | DRIVER_OK);
}

void virtio_kick(struct virtio *v, uint16_t which, struct virtq *q)
{
	if (virtq_publish(q))
		v->transport->notify(v, which);
}

void virtio_config(const struct virtio *v, uint32_t at, void *to, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = at + i < v->config_size ? v->config[at + i] : 0;
}

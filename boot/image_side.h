/* SPDX-License-Identifier: ISC */
/* What drivers do alike on the image's side of a device: laying it out, looking at what it asks for, and answering. */
#ifndef BOOT_IMAGE_SIDE_H
#define BOOT_IMAGE_SIDE_H

#include <boot/driver.h>
#include <tender/device/net_packet.h>

/* Lays a network device out, whose card can do `features` (AMP_NET_*): the image is told of those that its ABI knows. */
void image_net_open(struct net_rings *, const struct driver_room *, const struct amp_note_device *,
                    uint16_t mtu, const uint8_t mac[6], uint32_t features);

/* Completes the frames of a packet's descriptors at once. */
void image_net_complete(struct net_rings *, const struct amp_desc *, uint32_t count);

/* Copies the request that is `at` entries on; its array of parts, as far as it has one, can be read then. */
void image_block_look(const struct ring *requests, uint32_t at, const struct device_memory *heap,
                      const struct pages *, struct amp_block_request *);

/* Has the parts of a request that fits be there. */
void image_block_touch(const struct device_memory *heap, const struct pages *, const struct iovec *,
                       uint32_t count);

void image_block_answer(struct ring *answers, uint64_t id, int32_t result);

#endif

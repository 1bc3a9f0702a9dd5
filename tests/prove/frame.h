/* SPDX-License-Identifier: ISC */
/* A frame of unknown bytes and of unknown size, which ends where its memory ends. */
#ifndef PROVE_FRAME_H
#define PROVE_FRAME_H

#include <prove.h>
#include <net/interface_internal.h>

/* The sum's code uses vectors, which Frama-C does not read: what it is given has to be readable. */
/*@ requires \valid_read((const uint8_t *)bytes + (0 .. n - 1));
    assigns \result \from sum, ((const uint8_t *)bytes)[0 .. n - 1]; */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n);

static uint8_t prove_area[AMP_FRAME_SIZE];
static struct frame prove_one;
static struct frames prove_frames = {
	.area = prove_area, .all = &prove_one, .count = 1, .frame_size = AMP_FRAME_SIZE, .shift = 11
};
static struct interface prove_interface;

static inline struct frame *prove_frame(uint32_t size)
{
	prove_any(prove_area);
	prove_one.frames = &prove_frames;
	prove_one.owner = FRAME_OURS;
	prove_one.references = 1;
	prove_one.start = (uint16_t)(AMP_FRAME_SIZE - size);
	prove_one.size = (uint16_t)size;
	prove_one.flags = (uint8_t)prove_number(0, 255);
	return &prove_one;
}

static inline struct interface *prove_any_interface(void)
{
	struct interface *i = &prove_interface;
	prove_any(i->mac);
	prove_any(i->mac_word);
	prove_any(i->address);
	prove_any(i->mask);
	prove_any(i->broadcast);
	prove_any(i->gateway);
	i->mtu = (uint16_t)prove_number(68, AMP_FRAME_SIZE - AMP_FRAME_HEADROOM - 14);
	return i;
}

/* An image with one address: of further ones, only those that have them carry the code. */
const bool interface_further = false, interface_routed = false;
const bool interface_ip6 = false, interface_ip6_automatic = false;

/* An ensure() that can fail would end the image: to reach it is an alarm. */
//@ requires \false; assigns \nothing; ensures \false;
_Noreturn void panic(const char *format, ...);

#endif

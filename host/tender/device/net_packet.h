/* SPDX-License-Identifier: ISC */
/*
 * One network device's packets, seen from the tender: what of the image's descriptors is believed, and where received
 * packets lie. Everything that is read from the image is a copy. How packets come and go is net_rings.c's business, or
 * the boot kernel's.
 */
#ifndef TENDER_DEVICE_NET_PACKET_H
#define TENDER_DEVICE_NET_PACKET_H

#include <sys/uio.h>

#include <tender/device/net_rings.h>

#define ETHERNET_HEADER 14u
#define VLAN_TAG        4u
#define NEEDS_CSUM      1u /* struct amp_frame_header */
#define DATA_VALID      2u
#define SEGMENT_TCP4    1u
#define SEGMENT_TCP6    4u

/* Copies the descriptors of the packet that is `at` entries on in tx, of which `ready` may be read: how many, at most
 * AMP_PACKET_DESCS_MAX; how many of them are frames; and whether it goes on behind them. */
uint32_t net_packet_take(const struct net_rings *, uint32_t at, uint32_t ready, struct amp_desc *,
                         uint32_t *frames, bool *more);

/* Where the bytes of these descriptors lie, and the header that belongs before them. False: the packet does not fit. */
bool net_packet_fits(const struct net_rings *, const struct amp_desc *, uint32_t count,
                     struct iovec *, struct amp_frame_header *, uint32_t *bytes);

/* Where the next packet may go: up to `most` frames from fill entry `at` on. Only those up to the first that is none. */
uint32_t net_frames_offered(const struct net_rings *, uint32_t at, uint32_t ready, uint64_t *to,
                            uint32_t most);

/* Frames that a received packet of so many bytes takes. */
uint32_t net_frames_for(const struct net_rings *, uint32_t size);

/* Writes the descriptors of a packet that lies in these frames, `at` entries on in rx. */
void net_packet_announce(struct net_rings *, uint32_t at, const uint64_t *frames, uint32_t size,
                         const struct amp_frame_header *);

#endif

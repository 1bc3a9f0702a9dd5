/* SPDX-License-Identifier: ISC */
/*
 * A virtio network card (virtio 1.2, section 5.1) as a network device of the image's. Nothing is copied: the card reads and writes the
 * image's frames, and the header that it puts before a packet is the one that the image's ABI has there, too. Only
 * packets that span several frames are moved together, since the card leaves gaps between their parts.
 */
#ifndef BOOT_NET_H
#define BOOT_NET_H

#include <boot/driver.h>
#include <boot/virtio.h>
#include <tender/device/net_packet.h>

struct net {
	struct virtio *card;
	const struct pages *pages; /* the image's memory is there once it is touched */
	const struct amp_note_device *note;
	struct net_rings rings;
	struct virtq rx, tx;
	uint8_t mac[6];
	uint16_t mtu;
	bool merges;                    /* a packet may come in several frames */
	uint64_t frame[VIRTQ_SIZE_MAX]; /* of rx, by head: the frame's place in the area */
	uint32_t frames_given;
	struct amp_frame_header *headers;       /* of tx, by head */
	uint64_t (*sent)[AMP_PACKET_DESCS_MAX]; /* of tx, by head: what is to be completed */
	uint32_t sent_count[VIRTQ_SIZE_MAX];
	uint32_t frames_out; /* completions that are due */
	bool tx_full;        /* packets wait for the card */
	/* A packet of which some frames have come. */
	uint64_t held[AMP_PACKET_DESCS_MAX];
	uint32_t held_size[AMP_PACKET_DESCS_MAX], held_count, held_want;
	uint64_t lies; /* of the card */
};

/* Agrees with the card. -1 with a defect. */
int net_open(struct net *, struct virtio *, const struct amp_note_device *, struct defect *why);

int net_place(struct net *, const struct driver_room *, struct defect *why);

/* Both directions, a batch each: how much was moved. */
uint32_t net_pass(struct net *);
/* Is one of the events AMP_WAIT_* there? */
bool net_ready(const struct net *, uint64_t events);
/* Before a sleep for these events, and after it. */
void net_listen(struct net *, uint64_t events);
void net_woke(struct net *);

/* All of it. `of` is a struct net. */
extern const struct driver net_driver;

#endif

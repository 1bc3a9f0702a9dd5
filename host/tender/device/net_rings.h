/* SPDX-License-Identifier: ISC */
/*
 * One network device: moves packets between a packet file descriptor (one packet a read or write: a
 * TAP device, a packet socket, or a datagram socket in tests) or a stream of packets (net_stream.h) and
 * the four rings and the frame area that it shares with the image.
 */
#ifndef TENDER_DEVICE_NET_RINGS_H
#define TENDER_DEVICE_NET_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/device/ring.h>

/* Ring entries that one pass moves in each direction, and the rest of a packet. */
#define NET_BATCH 256u

/* A struct amp_frame_header without num_buffers, struct virtio_net_hdr. */
#define NET_HEADER_SHORT 10u

struct net_counts {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t
	        rx_own; /* of rx_packets: sent to one receiver (IEEE 802: the first bit on the wire is clear) */
	uint64_t rx_no_frame; /* fill entries that name no frame */
	uint64_t rx_too_long; /* packets larger than a frame or the MTU allows */
	uint64_t tx_bad;      /* packets whose descriptors or metadata do not fit */
	uint64_t tx_failed;   /* packets that the host did not take */
};

struct net_stream;

struct net_rings {
	int fd;                    /* non-blocking; not owned */
	struct net_stream *stream; /* null: a packet a read or write; else fd is a stream of them */
	uint32_t features;         /* AMP_NET_*: what the image was told that it may use */
	bool vnet;                 /* a struct amp_frame_header precedes each packet at fd, */
	uint32_t header;           /* ... bytes of it: all, or NET_HEADER_SHORT */
	bool vouched;              /* no packet at fd needs its checksum looked at */
	uint32_t segment_count;
	/* Those of the image's that it cannot write, and its memory extent: what AMP_DESC_DIRECT may name. */
	struct device_memory segments[AMP_SEGMENTS_MAX + 1];
	const struct device_memory *heap; /* that extent; null: it is not among them */
	const int *heap_owner;            /* as in device.h */
	uint32_t frame_size, frame_count;
	uint8_t *frames; /* the frame area in this process */
	uint16_t mtu;
	bool rx_blocked; /* packets may wait at fd, but there is no frame or no room for them */
	/* How many of both it takes to go on: of the packet that waits in `overflow`, or 1. */
	uint32_t rx_need;
	bool gone;        /* the host's device is: fd will never have a packet again */
	bool tx_skip;     /* in the middle of a packet that has too many descriptors */
	uint32_t tx_need; /* free completions that the next packet of tx takes */
	uint32_t held;    /* bytes of a packet that waits in `overflow` for frames; 0: none */
	uint32_t
	        wide; /* that many packets are still read into as many frames as the largest takes */
	struct amp_frame_header held_header;
	uint8_t *overflow; /* NET_OVERFLOW bytes, with RX_LARGE */
	/* Bytes that may still go each way; a packet that begins before there are none goes whole. */
	uint64_t tx_left, rx_left;
	struct ring fill, rx, tx, completion;
	struct net_counts counts;
};

/* A network device to be laid out. */
struct net_layout {
	int fd;
	uint16_t mtu;
	uint32_t ring_size, frame_count, frame_size;
	struct device_memory rings; /* shared, zero */
	struct device_memory frames;
	struct amp_device *view; /* the image's */
};

/* Bytes of a frame for packets of that MTU, and the largest MTU up to it that fits there. */
uint32_t net_frame_size(uint16_t mtu);
uint16_t net_mtu(uint16_t mtu, uint32_t frame_size);

/* Fills in all of the image's view but mac, name, features and rings. */
void net_view(const struct net_layout *);

/* Bytes of shared memory for the rings of a device. */
uint64_t net_rings_size(uint32_t ring_size);

/* Lays rings and frames out, and fills in the image's view of it. mac, name and features are the caller's. */
void net_rings_open(struct net_rings *, const struct net_layout *);

/* What lets the image ask for more than single frames: features are AMP_NET_TX_*, AMP_NET_RX_* (the caller tells the image
 * the same), vnet as in struct net_rings, `overflow` NET_OVERFLOW bytes that live as long as the device. */
#define NET_OVERFLOW (AMP_PACKET_MAX + 4u + 1u)
void net_rings_offload(struct net_rings *, uint32_t features, bool vnet, uint8_t *overflow);
/* fd is the stream's; to be called after net_rings_open. vouched: as in struct net_rings. */
void net_rings_stream(struct net_rings *, struct net_stream *, bool vouched);
/* RX_LARGE needs rings and frames enough that a whole packet always finds its place. */
bool net_rings_take_large(uint32_t ring_size, uint32_t frame_count);

/* Moves up to NET_BATCH ring entries, the last packet's rest included; how many ring entries it has consumed, or 1 if a whole batch was
 * dropped without one. Zero: nothing is to be done now. */
uint32_t net_rings_send(struct net_rings *);
uint32_t net_rings_receive(struct net_rings *);

/* Is there work in the rings that a kick would announce? */
bool net_rings_pending(struct net_rings *);

#endif

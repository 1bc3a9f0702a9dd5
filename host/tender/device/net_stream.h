/* SPDX-License-Identifier: ISC */
/*
 * Ethernet frames over a stream socket, each after its length in 4 bytes, big-endian: what passt, QEMU's `-netdev stream`
 * and others speak. Frames that go out are gathered, straight from the image's memory, and leave many at a time; what
 * comes in is read in large pieces. Nothing that the other side sends makes this side wait, or take more memory than is here.
 */
#ifndef TENDER_DEVICE_NET_STREAM_H
#define TENDER_DEVICE_NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <ampoule_abi.h>
#include <tender/defect.h>
#include <tender/device/net_guard.h>
#include <tender/device/net_pace.h>
#include <tender/filter.h>

#define NET_STREAM_LENGTH 4u
/* Bytes. The kernel takes so many at once or none, so that readers who cannot cope with half a length never see one; a
 * larger frame goes alone. */
#define NET_STREAM_BATCH   32768u
#define NET_STREAM_VECTORS 512u
#define NET_STREAM_IN      (256u << 10)
#define NET_STREAM_OUT     (2 * (AMP_PACKET_MAX + NET_STREAM_LENGTH)) /* two batches */

struct net_stream {
	int fd;        /* not owned */
	int room;      /* an epoll descriptor: readable when what was held back may go on */
	uint32_t most; /* bytes of the largest frame that the other side takes */
	bool readdress; /* frames to no address are the image's: nobody has told the other side its own yet */
	uint8_t mac[6];          /* with readdress: the image's */
	struct net_guard *guard; /* null: everything may go; not owned */
	struct net_pace *pace;   /* with a guard; null: everything may be read at once; not owned */
	bool gone;               /* the other side has closed, or said what makes no sense */
	uint32_t bad;            /* the length that it said; 0: none */
	uint8_t tcp;  /* of the frame that was read last, if it is TCP: IP's version; else 0 */
	bool drained; /* in this pass, all that there was has been read */
	uint32_t in_at, in_end;   /* what has been read and not yet been taken */
	uint32_t out_at, out_end; /* what the socket did not take yet, */
	uint32_t out_second;      /* and where the second batch begins there, if there is one */
	uint32_t vectors, bytes, packets; /* gathered, not yet sent */
	uint32_t lengths[NET_STREAM_VECTORS];
	struct iovec v[NET_STREAM_VECTORS];
	uint8_t looked_at
	        [NET_STREAM_VECTORS]
	        [NET_GUARD_LOOK]; /* with a guard: packets' first bytes, which the image has no more */
	uint8_t out[NET_STREAM_OUT];
	uint8_t in
	        [NET_STREAM_IN]; /* from its first byte on, so that what little traffic there is touches little memory */
};

/* `fd` is non-blocking and stays the caller's. -1 with a defect; net_stream_close is due in any case. Of a stream that is zero
 * else. */
int net_stream_open(struct net_stream *, int fd, uint32_t most, struct defect *why);
void net_stream_close(struct net_stream *);

/* May a packet be added? Otherwise earlier ones wait for the other side. */
bool net_stream_ready(struct net_stream *);
/* Adds a packet of at most AMP_PACKET_DESCS_MAX pieces, which stay until net_stream_flush. False: it is too large, or may not
 * go. */
bool net_stream_add(struct net_stream *, const struct iovec *, uint32_t count, uint32_t size);
void net_stream_flush(struct net_stream *);

/* To be called before a run of net_stream_read. */
static inline void net_stream_begin(struct net_stream *s)
{
	s->drained = false;
}
/* Copies the next frame, or as much of it as fits; its whole size. 0: none is there. */
uint32_t net_stream_read(struct net_stream *, const struct iovec *, uint32_t count);

/* Does something wait for the other side? Then `room` tells when to go on. */
static inline bool net_stream_waits(const struct net_stream *s)
{
	return s->out_at < s->out_end;
}

/* The system calls beyond read. */
void net_stream_allow(const struct net_stream *, struct filter *);

#endif

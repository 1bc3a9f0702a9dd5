/* SPDX-License-Identifier: ISC */
/*
 * A network device whose packets come and go through one descriptor, one a read or write or in a stream. Any
 * number of kinds are such devices: a kind's `open` gets the descriptor and fills in the upper half
 * of struct packets, with which its own state begins; its other functions may be these.
 */
#ifndef TENDER_DEVICE_PACKETS_H
#define TENDER_DEVICE_PACKETS_H

#include <tender/device/device.h>
#include <tender/device/net_rings.h>
#include <tender/device/net_stream.h>

struct packets {
	/* The kind's: */
	int fd;            /* non-blocking; -1: none. packets_close closes it. */
	int undo;          /* undo.h's, which stays open until packets_close; -1: none */
	bool vnet;         /* a struct amp_frame_header precedes each packet, */
	bool short_header; /* ... without its last field */
	uint32_t features; /* AMP_NET_*: what the host does of checksums and segments, both ways */
	uint16_t mtu;
	uint8_t mac[6]; /* the image's */
	struct net_stream *
	        stream; /* null: a packet a read or write. Its memory is the kind's; packets_close closes it. */
	bool vouched; /* as in struct net_rings; with stream */
	/* These functions': */
	struct net_rings rings;
	uint8_t overflow[NET_OVERFLOW]; /* untouched, and so no memory, until used */
};

/* To be called by `open` before all else: there are no descriptors. */
void packets_begin(struct packets *);
/* To be called by `open` once fd is there. */
void packets_opened(struct device *);

/* A locally administered MAC address, the same each time for the same host and names. */
void packets_mac(uint8_t mac[6], const char *image, const char *device, const char *name);
/* The one that is wished, or that one. */
void packets_take_mac(uint8_t mac[6], const struct device_wish *, const char *name);

/* As in struct device_kind. */
void packets_need(const struct device *, struct device_need *);
int packets_place(struct device *, const struct device_place *, struct defect *why);
uint32_t packets_pass(struct device *, enum device_pass);
bool packets_ready(const struct device *, uint64_t events);
bool packets_pending(struct device *);
void packets_wakeup(struct device *, bool need);
void packets_allow(const struct device *, struct filter *);
void packets_woke(struct device *);
uint32_t packets_polls(const struct device *, struct pollfd *to);
void packets_report(const struct device *);
void packets_close(struct device *);

/* In a struct device_kind: those of these functions that no kind does in another way. */
#define PACKETS_FUNCTIONS                                                                          \
	.type = &device_type_net, .keeps_rate = true, .need = packets_need, .pass = packets_pass,  \
	.ready = packets_ready, .pending = packets_pending, .wakeup = packets_wakeup,              \
	.polls = packets_polls, .woke = packets_woke, .report = packets_report

#endif

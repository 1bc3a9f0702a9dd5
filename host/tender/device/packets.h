/* SPDX-License-Identifier: ISC */
/*
 * A network device whose packets come and go through one descriptor, one a read or write. Any
 * number of kinds are such devices: a kind's `open` gets the descriptor and fills in the upper half
 * of struct packets, with which its own state begins; its other functions may be these.
 */
#ifndef TENDER_DEVICE_PACKETS_H
#define TENDER_DEVICE_PACKETS_H

#include <tender/device/device.h>
#include <tender/device/net_rings.h>

struct packets {
	/* The kind's: */
	int fd;            /* non-blocking; -1: none. packets_close closes it. */
	bool vnet;         /* a struct amp_frame_header precedes each packet */
	uint32_t features; /* AMP_NET_*: what the host does of checksums and segments, both ways */
	uint16_t mtu;
	uint8_t mac[6]; /* the image's */
	/* These functions': */
	struct net_rings rings;
	uint8_t overflow[NET_OVERFLOW]; /* untouched, and so no memory, until used */
};

/* To be called by `open` once fd is there. */
void packets_opened(struct device *);

/* A locally administered MAC address, the same each time for the same host and names. */
void packets_mac(uint8_t mac[6], const char *image, const char *device, const char *name);

/* As in struct device_kind. */
void packets_need(const struct device *, struct device_need *);
int packets_place(struct device *, const struct device_place *, struct defect *why);
uint32_t packets_pass(struct device *, enum device_pass);
bool packets_ready(const struct device *, uint64_t events);
bool packets_pending(struct device *);
void packets_wakeup(struct device *, bool need);
uint32_t packets_polls(const struct device *, struct pollfd *to);
void packets_report(const struct device *);
void packets_close(struct device *);

#endif

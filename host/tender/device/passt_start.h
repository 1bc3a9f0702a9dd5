/* SPDX-License-Identifier: ISC */
/*
 * Starts passt, the user-mode network (https://passt.top): a process of the same user that ends the image's connections in
 * sockets of its own, for which nobody needs rights or preparation. It goes to the background by itself, confined, and ends
 * when our end of its socket is closed, whatever closes it. One that does not, is killed: the passt of 2023 can be led into a
 * loop without an end by what the image sends.
 */
#ifndef TENDER_DEVICE_PASST_START_H
#define TENDER_DEVICE_PASST_START_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tender/defect.h>
#include <tender/device/publish.h>

#define PASST_PUBLISH_MAX 64u
#define PASST_START_MS    10000

/* One family of the image's network. */
struct passt_family {
	bool on;
	struct net_ip address, gateway; /* of the image, and what it takes for its router */
	struct net_ip
	        resolver; /* queries to this address are for the host's name server; no family: there is none */
};

struct passt_setup {
	struct passt_family ip4, ip6;
	uint8_t prefix; /* of IPv4's address */
	uint16_t mtu;
	bool loopback; /* what is for the gateway is for the host's loopback: without it, UDP from there gets no answers */
	char interface[IFNAMSIZ]; /* of the host, for passt to look at; "": that of the route by default */
	uint32_t count;
	struct publish publish[PASST_PUBLISH_MAX];
};

struct passt_process {
	pid_t pid;  /* while it starts; else 0 */
	int errors; /* what it says meanwhile; -1: none */
	int undo;   /* who kills it goes on while this is open (undo.h): the device's; -1: nobody */
	struct passt_life *life;
};

/* Returns our end of its socket, non-blocking; it goes on starting meanwhile. -1 with a defect. */
int passt_start(struct passt_process *, const struct passt_setup *, struct defect *why);
/* Waits until it listens, at most PASST_START_MS. -1 with a defect. */
int passt_wait(struct passt_process *, struct defect *why);
/* Gives a start up; nothing where there is none under way. */
void passt_give_up(struct passt_process *);

#endif

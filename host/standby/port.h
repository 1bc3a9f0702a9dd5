/* SPDX-License-Identifier: ISC */
/*
 * The waker's port in a bridge of the host: a TAP device of its own, by which it is there for all who sleep behind that bridge. It
 * answers questions for their addresses in their place, under their MAC addresses, so that the bridge sends it what is for them.
 * Whoever is woken is lent a TAP device in the same bridge, which goes back to a pool: the kernel takes 17 ms to close one.
 *
 * A packet socket on the bridge would hear the same, but what it sends does not reach the host's own stack; a port's does.
 */
#ifndef STANDBY_PORT_H
#define STANDBY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <standby/filter.h>
#include <standby/wire.h>

struct port;

/* One for each bridge: the same one for the same name. Null with a defect. */
struct port *port_open(const char *bridge, struct defect *why);
struct port *port_first(void);
struct port *port_next(const struct port *);
const char *port_bridge(const struct port *);

/* A sleeper with these addresses: wire number `n` of that standby. -1 with a defect. */
int port_join(struct port *, struct wire *, const struct filter_wish *, uint32_t standby, uint8_t n,
              struct defect *why);
void port_leave(struct wire *); /* the last one that joined */

/* Readable when there are frames; when interfaces have changed: then ask port_is_gone. */
int port_fd(const struct port *);
int port_watch(const struct port *);
bool port_is_gone(struct port *);

enum port_frame_kind {
	PORT_FOR_ONE,  /* who is woken by it */
	PORT_QUESTION, /* for one who is awake */
	PORT_NEWS      /* for all who are awake at this port */
};

struct port_frame {
	enum port_frame_kind kind;
	uint32_t standby;     /* but for news, */
	uint8_t wire;         /* ... and this */
	const uint8_t *bytes; /* until the next call */
	size_t size;
};

/* The next frame for somebody; answers what asks no more than an answer, at most *budget frames in all.
 * False: there is none, or *budget is 0. */
bool port_read(struct port *, struct port_frame *, uint32_t *budget);

/* Devices are made before somebody needs them, one a call, when there is nothing else to do. */
bool port_wants_more(const struct port *);
void port_make_one(struct port *);

/* Gives it a device, to which the bridge sends what is for it from now on, and what was held. False after a line. */
bool port_lend(struct wire *);
/* What is in the device's queue and for it is held. False: the bridge is gone. */
bool port_take_back(struct wire *);
/* To its device; of one that sleeps: held. */
void port_pass_on(struct wire *, const uint8_t *frame, size_t size);

/* All devices of all ports, at the end: at once, which takes as long as one. */
void port_close_all(void);

#endif

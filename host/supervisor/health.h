/* SPDX-License-Identifier: ISC */
/*
 * Whether an appliance answers, as seen from the host: a connection that is taken (tcp), an answer of HTTP with a status below
 * 400 (http), an answer of a name server without error (dns), or the answer to a line of the image's own protocol (command).
 * One question at a time, on a socket that never blocks. What is asked is the image's own word (its note), or the user's.
 */
#ifndef SUPERVISOR_HEALTH_H
#define SUPERVISOR_HEALTH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/health_note.h>

#define HEALTH_START_MS 50u /* between questions until the first good answer */
#define HEALTH_QUIET_MS                                                                            \
	100u /* a connection that stands so long is taken: a forwarder takes it before the image does */

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

struct health {
	struct amp_note_health note; /* kind 0: nothing is asked */
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	} address;

	enum health_status status;
	uint32_t failures;  /* in a row */
	uint64_t began;     /* ms: the appliance; all times are CLOCK_MONOTONIC */
	uint64_t next, end; /* the next question; the end of this one */
	int fd;             /* -1: none under way */
	bool sent;
	uint32_t got;
	char head[AMP_TEXT_MAX]; /* of the answer */
};

/* As health_note.h has it, with [ADDRESS:] in front of the port: of a host, 127.0.0.1 unless given; IPv6's in brackets. */
int health_parse(struct health *, const char *text, struct defect *);
/* What an image says of itself, asked where one of these texts of -p publishes the port. False: none does, and nothing is
 * asked. `six`: it has no IPv4. */
bool health_of_image(struct health *, const struct amp_note_health *, bool six,
                     const char *const *ports, unsigned count);
#define HEALTH_ADDRESSED_MAX (HEALTH_TEXT_MAX + INET6_ADDRSTRLEN + 3)
/* What is asked, as health_parse reads it. */
const char *health_text(const struct health *, char room[HEALTH_ADDRESSED_MAX]);
const char *health_status_name(enum health_status);

void health_begin(struct health *, uint64_t now); /* the appliance has started */
void health_stop(struct health *);                /* it has ended */
short health_events(const struct health *);       /* what to wait for on fd */
uint64_t health_due(const struct health *);       /* when to call health_turn at the latest */
/* Goes on with whatever is possible. True: the status has changed. */
bool health_turn(struct health *, uint64_t now);

#endif

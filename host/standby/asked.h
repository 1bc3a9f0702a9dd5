/* SPDX-License-Identifier: ISC */
/*
 * What a frame asks of those who sleep: an answer in their place to a question for an address (ARP, RFC 826; neighbour
 * solicitation, RFC 4861), or to be woken. Those who are awake hear by us what was said to many: who is asked for hears the
 * question, and all of them hear news of neighbours and routers. A frame comes from anybody and says anything: each has at most
 * one answer, at most 8 bytes longer than itself, and nothing is kept of who sent it.
 */
#ifndef STANDBY_ASKED_H
#define STANDBY_ASKED_H

#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>
#include <standby/sleepers.h>

#define ASKED_ANSWER_MAX  86u /* bytes of the longest answer: a neighbour advertisement */
#define ASKED_FILTER_SIZE 16u

enum asked {
	ASKED_NOTHING,
	ASKED_ANSWER, /* is in `answer` */
	ASKED_ALL,    /* the same, and it goes to all nodes: who is asked does not know who asks */
	ASKED_TO_WAKE_UP, /* `sleeper` */
	ASKED_AWAKE, /* `sleeper`, who is awake: a question for him alone, whomever it was sent to */
	ASKED_NEWS   /* nobody; those who are awake may want to hear it */
};

struct asked_frame {
	uint32_t sleeper; /* number in the table; with ANSWER, too */
	uint32_t answer_size;
	uint8_t answer[ASKED_ANSWER_MAX];
};

enum asked asked_of(const struct sleepers *, const uint8_t *frame, size_t size,
                    struct asked_frame *);

/* A program of the kernel's packet filter that drops most of what asks nothing whoever sleeps: what is said to many and is neither
 * a question nor news. How many instructions. */
unsigned asked_filter(struct sock_filter to[ASKED_FILTER_SIZE]);

#endif

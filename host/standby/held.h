/* SPDX-License-Identifier: ISC */
/* Frames for somebody who sleeps behind a bridge's port and cannot be woken yet. All of them together, and one's, are bounded in
 * bytes, whoever sends them; what is beyond that is lost, as in a full queue. */
#ifndef STANDBY_HELD_H
#define STANDBY_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELD_DEFAULT  (16u << 20)  /* bytes of all, unless --hold says else */
#define HELD_EACH_MAX (128u << 10) /* bytes of one: a few segments as the host has joined them */

struct held_frame {
	struct held_frame *next;
	uint32_t size;
	uint8_t bytes[]; /* a struct amp_frame_header, then the frame */
};

struct held {
	struct held_frame *first, *last;
	uint32_t bytes;
};

void held_limit(uint64_t bytes); /* of all */
uint64_t held_bytes(void);       /* of all, what keeps them included */

/* `header`: null: an empty one. False: there is no room. */
bool held_add(struct held *, const void *header, const void *frame, size_t size);
/* The first one, which is the caller's then; free() it. Null: there is none. */
struct held_frame *held_take(struct held *);
void held_drop(struct held *);

#endif

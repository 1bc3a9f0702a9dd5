/* SPDX-License-Identifier: ISC */
/*
 * New versions of secrets for the image that runs (abi: struct amp_secrets). They come as a descriptor over the socket that the
 * supervisor has made before the start (picture_request.h): a file of struct renewal_head and, behind it, each version's bytes in
 * the order of its entries. They are read straight to where the image finds them; this process keeps none.
 *
 * The image may write anything there at any time: of what it writes, two words are read, once each.
 */
#ifndef TENDER_RENEWAL_H
#define TENDER_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/filter.h>
#include <tender/image.h>

#define RENEWAL_MAGIC 0x736577656e6d61ull /* "amnews" */

struct renewal_head {
	uint64_t magic;
	uint32_t count, reserved; /* 1 to AMP_ARGS_MAX; zero */
	struct renewal_entry {
		char name[AMP_NAME_MAX]; /* of the argument */
		uint32_t size, reserved; /* at most AMP_SECRET_MAX; zero */
	} entries[AMP_ARGS_MAX];
};

/* Does it take any? */
bool renewal_possible(const struct image *);

/* To be called as long as descriptors may be made. `nothing` is one that stays open: what the slot is when it is free. -1: no. */
int renewal_open(int nothing);
bool renewal_is_offered(void);

/* Where they go in this process; null: nowhere. The image stays the caller's. */
void renewal_place(struct amp_secrets *, const struct image *);

/* A request has come. What is wrong, in words; null: the image has them before it. The descriptor stays the caller's. */
const char *renewal_take(int fd);
/* Has the image done something with them? "ok", or what is wrong; once. Null: not yet. */
const char *renewal_done(void);
/* Nobody waits for that any more. */
void renewal_cancel(void);

/* Versions that it has not taken. */
extern bool renewal_pending;

/* Is it what a wait for these AMP_WAIT_* bits waits for? */
bool renewal_ready(uint64_t events);

void renewal_allow(struct filter *);

#endif

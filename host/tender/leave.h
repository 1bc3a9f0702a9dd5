/* SPDX-License-Identifier: ISC */
/*
 * An image that ends behind a picture, so that a clone can take its place, is told some time before (abi: leave_at_ns). What
 * its peers send in between would be lost: it has them hold back, and meanwhile gets what was on its way.
 *
 * All of it on the thread that takes the picture.
 */
#ifndef TENDER_LEAVE_H
#define TENDER_LEAVE_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/clock.h>

/* How long it has: what is on its way in a network of one place has come by then, several times over. */
#define LEAVE_NS 10000000u
/* How much later it goes on as before, if it is still there: devices come to rest, and an image that is busy waits. */
#define LEAVE_SPARE_NS 20000000u

/* Whose boot information it is. An image of a minor that does not know of it is never told. */
void leave_place(struct amp_boot *, uint16_t abi_minor, const struct clock *);

/* From when on, by CLOCK_MONOTONIC, its picture may be taken; 0: at any time. The first call tells it, and later ones again where
 * the picture was not taken in time. */
uint64_t leave_due(void);
/* It goes on after all. */
void leave_over(void);
bool leave_is_told(void);

/* It has been told something that it does not see while it waits. Who has ended its wait sets it back. */
extern bool leave_news;

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Clones. The host may take a picture of a running image (`ampoule snapshot`) and start any number of images from it, here or
 * elsewhere, now or later (`ampoule clone`). Each of them goes on from the event loop's wait with all of the memory that the
 * first one had there. Libraries see to what has to be new before anything else runs: random numbers, the keys of TCP,
 * addresses (the clone's own, from arguments or DHCP), neighbours, rings. TCP connections are gone, and whoever is blocked on
 * one gets ERR_RESET; listeners stay; but where the clone takes its original's place, connections go on, too. Figures begin at
 * zero. Image time goes on where it stood; wall-clock time jumps.
 *
 * What an application has made of a time, an address or a random number before is its own to renew: by on_clone. Secrets in
 * memory are in the picture, and then in each clone.
 *
 *	static void renew(void)
 *	{
 *		random_bytes(instance_id, sizeof instance_id);
 *	}
 *	ON_CLONE(900, renew);
 */
#ifndef CORE_CLONE_H
#define CORE_CLONE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Functions that run in a clone before anything else does, on the stack of the event loop: they must not block. They run in
 * the order of `order`, then in link order.
 */
typedef void clone_fn(void);
struct clone_record {
	clone_fn *fn;
	uint64_t
	        order; /* 100 core, 150 protocols, 200 devices, 300 services, 900 the application */
};
#define ON_CLONE(order_, fn_)                                                                      \
	static const struct clone_record clone_record_##fn_                                        \
	        __attribute__((used, retain, section("on_clone"), aligned(8))) = { fn_, order_ }

/* The same as a statement: fn is called if, and only if, the function that holds the statement is part of the image. */
#define ON_CLONE_WITH_THIS(order_, fn_)                                                            \
	do {                                                                                       \
		static const struct clone_record clone_record_##fn_                                \
		        __attribute__((section("on_clone"), aligned(8))) = { fn_, order_ };        \
		__asm__ volatile("" : : "m"(clone_record_##fn_));                                  \
	} while (0)

/* For one more, which is known at run time; once. Called after those of the records, in the order of their registration. */
struct clone_handler {
	struct clone_handler *next;
	void (*begin)(struct clone_handler *); /* must not block */
};
void clone_on(struct clone_handler *);

/* Says that the image is warm: all is read in, and nothing is begun that a clone would do better itself. Whoever has started it
 * with `ampoule run --warm FILE` gets a picture of it as it next waits, and it ends there. Else it means nothing. */
void clone_ready(void);
bool clone_is_ready(void); /* for the event loop */

/* 0 in an image that was started; grows by one from each picture to its clones. */
uint64_t clone_generation(void);

/* A clone that goes on in its original's place (`ampoule clone --keep-connections`): addresses and connections are the
 * original's, which has ended. Random numbers and the keys of those who draw them anew are new all the same. */
bool clone_is_moved(void);

/* For the event loop: this is a clone that has begun. */
void clone_begin(void);

#endif

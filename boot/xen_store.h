/* SPDX-License-Identifier: ISC */
/*
 * Xenstore over its ring (public/io/xs_wire.h): where the tools say which devices there are, and where both halves of a device say how
 * far they are. A request waits for its answer; watches fire meanwhile, and are kept until somebody asks. Of its
 * transactions none is needed: what a frontend says counts from its `state` on, which is written last. Without a Xen, or
 * once the daemon has said what cannot be, each request fails.
 */
#ifndef BOOT_XEN_STORE_H
#define BOOT_XEN_STORE_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_PATH 256u
/* Watches, at most. */
#define STORE_WATCHES 64u
#define STORE_NONE    UINT32_MAX

/* The ring, and the port behind it. After events_begin. */
void store_begin(volatile void *ring, uint32_t port);

/* Copies what is at a path, of which at most `size` - 1 bytes and a zero: how many it has; -1: there is nothing, or more. A list is the
 * names below it, each with a zero. */
int store_read(const char *path, char *to, uint32_t size);
int store_list(const char *path, char *to, uint32_t size);
int store_write(const char *path, const char *value);

/* Watches a path: the watch's number; STORE_NONE: it cannot be. It fires at once, too. */
uint32_t store_watch(const char *path);
/* Has it fired since it was asked last? Takes in what the daemon has said meanwhile. */
bool store_fired(uint32_t watch);

/* Sleeps until the daemon says something, for `ns` at most. */
void store_wait(uint64_t ns);

#endif

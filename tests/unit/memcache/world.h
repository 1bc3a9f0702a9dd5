/* SPDX-License-Identifier: ISC */
/* A server over the HTTP tests' TCP (../http/fake.h), and talking with it. Included behind cmocka.
 */
#ifndef TEST_MEMCACHE_WORLD_H
#define TEST_MEMCACHE_WORLD_H

#include <string.h>

#include <app/memcache/connection.h>
#include <app/memcache/memcache.h>

#include "../http/fake.h"

extern struct memcache_server *server;

void world_open(const struct memcache_options *); /* null: 4 MiB, all else by default */
void world_close(void); /* everything must have ended, and nothing be left */

/* Says it in one piece, and returns all that is answered, as a text; until the next call. */
const char *world_say(struct tcp_connection *, const char *);
const char *world_say_bytes(struct tcp_connection *, const void *, uint64_t size);
const char *world_heard(struct tcp_connection *); /* since the last time */
/* Ends it, by FIN if it is still open. */
void world_leave(struct tcp_connection *);

#define assert_said(c_, say_, want_)                                                               \
	do {                                                                                       \
		const char *got_ = world_say(c_, say_);                                            \
		if (strcmp(got_, want_) != 0)                                                      \
			fail_msg("said: %s\nwanted: %s\ngot: %s", say_, want_, got_);              \
	} while (0)

#endif

/* SPDX-License-Identifier: ISC */
/* The world around app/acme on the host: an authority that says what a test wants, a device in memory, a clock. */
#ifndef ACME_WORLD_H
#define ACME_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <app/acme/internal.h>

struct world_answer { /* null: no such field */
	int error;    /* of the connection */
	uint32_t status;
	const char *nonce, *location, *retry_after, *type, *date;
	const char *body;
	uint32_t size;
	bool endless; /* the body comes again and again */
};
/* What is answered to a request. */
extern void (*world_authority)(const char *method, const char *target, const char *body,
                               uint32_t size, struct world_answer *);
extern uint64_t world_now_ns; /* clock_now() */
extern int64_t world_wall;    /* seconds */
extern uint32_t world_requests;
extern long world_allocated, world_logged;
extern char world_log[4096]; /* the last lines */
extern bool world_has_device;
extern char world_shown[256]; /* whose TLS-ALPN-01 is shown now; "": nobody's */

void world_reset(void);
void world_make_chain(char *to, uint32_t room, EVP_PKEY *key, const char *const *names,
                      int64_t from, int64_t until);

#endif

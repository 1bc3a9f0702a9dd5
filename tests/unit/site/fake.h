/* SPDX-License-Identifier: ISC */
/* A server of the test's own under site.c and status.c: it calls a route's handler for a path, and keeps what it said. */
#ifndef FAKE_H
#define FAKE_H

#include <app/http/http.h>

enum said { SAID_NOTHING, SAID_RESOURCE, SAID_PREPARED, SAID_STATIC, SAID_BYTES, SAID_FAILED };
struct answer {
	enum said said;
	uint32_t status;
	struct http_resource resource;
	char type[128], fields[12000]; /* of a prepared reply; of http_set */
	uint8_t body[65536];
	uint64_t size;
};
extern const char *fake_query, *fake_host; /* of all requests */
/* Serves GET for the path on that port; false: no route. The answer is good until the next one. */
bool fake_get(uint16_t port, const char *path, uint32_t size, struct answer *);
extern char fake_log[1024];       /* the last line */
extern uint32_t fake_routes_full; /* so many routes can be had yet */
extern bool fake_memory_fails;
void fake_reset(void);
uint32_t fake_live(void); /* allocations that were not freed */

#endif

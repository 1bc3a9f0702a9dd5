/* SPDX-License-Identifier: ISC */
/* The server of the tests, and what it needs of core beyond the fake: extents full of garbage, a
 * hash without a key. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include <ampoule_abi.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/panic.h>

struct memcache_server *server;

void *extent_alloc(size_t pages)
{
	void *p = fake.memory_fails ? NULL : aligned_alloc(AMP_PAGE, pages * AMP_PAGE);
	fake.allocated += p != NULL;
	return p ? memset(p, 0xa5, pages * AMP_PAGE) : NULL;
}

void extent_free(void *p, size_t pages)
{
	(void)pages;
	fake.allocated--;
	free(p);
}

uint64_t hash_bytes(const void *bytes, size_t size)
{
	uint64_t h = 14695981039346656037u;
	for (size_t k = 0; k < size; k++)
		h = (h ^ ((const uint8_t *)bytes)[k]) * 1099511628211u;
	return h ^ h >> 32;
}

void panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

void world_open(const struct memcache_options *o)
{
	static const struct memcache_options small = { .memory = 4u << 20 };
	fake_start();
	if (memcache_serve(&server, o ? o : &small))
		abort();
}

void world_close(void)
{
	if (server->served.counters.now || server->served.charged || server->store.memory.pinned ||
	    !memcache_memory_is_valid(&server->store.memory))
		abort();
	timer_stop(&server->crawler);
	timer_stop(&server->watch_timer);
	timer_stop(&server->served.stop_timer);
	memcache_store_close(&server->store);
	heap_free(server);
	server = NULL;
	if (fake.allocated)
		abort();
	fake_stop();
}

/* What each connection's answers were compared up to. */
static struct {
	struct tcp_connection *of;
	uint64_t at;
} heard[16];

const char *world_heard(struct tcp_connection *c)
{
	uint32_t k = 0;
	while (heard[k].of && heard[k].of != c)
		k++;
	if (!heard[k].of || heard[k].at > c->out_size) {
		heard[k].of = c;
		heard[k].at = 0;
	}
	const char *p = c->out + heard[k].at;
	heard[k].at = c->out_size;
	return p;
}

const char *world_say_bytes(struct tcp_connection *c, const void *bytes, uint64_t size)
{
	fake_queue(c, bytes, size);
	fake_run(c);
	return world_heard(c);
}

const char *world_say(struct tcp_connection *c, const char *text)
{
	return world_say_bytes(c, text, strlen(text));
}

void world_leave(struct tcp_connection *c)
{
	for (uint32_t k = 0; k < 16; k++) {
		if (heard[k].of == c)
			heard[k].of = NULL;
	}
	if (!c->closed && !c->aborted && !c->gone)
		fake_queue_fin(c);
	fake_run(c);
	if (!c->closed && !c->aborted && !c->gone)
		abort();
	fake_forget(c);
}

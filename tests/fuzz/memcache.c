/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the memcached: two bytes say how the rest, a client's stream in text or in packets, is cut,
 * and whether it reads. What comes out must not depend on that; the store must be valid, nothing pinned, and
 * nothing be left but what was stored.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct result {
	uint64_t size, hash;
	bool shut;
};

static struct result run(const uint8_t *data, size_t size, uint32_t cut, bool slow)
{
	struct result r = { 0 };
	world_open(&(struct memcache_options){ .memory = 1u << 20 });
	struct tcp_connection *c = fake_accept();
	if (!c)
		abort();
	c->out_room = slow ? 3000 : 1u << 20;
	c->stalled = slow;
	for (size_t at = 0; at < size;) {
		size_t n = cut == 0 ? size : 1;
		if (cut > 1) {
			cut = cut * 1103515245u + 12345u;
			n = 1 + (cut >> 16) % 40;
		}
		n = n < size - at ? n : size - at;
		fake_queue(c, data + at, n);
		at += n;
	}
	fake_run(c);
	if (!memcache_memory_is_valid(&server->store.memory))
		abort();
	c->stalled = false;
	fake_run(c);
	if (!c->aborted)
		fake_queue_fin(c);
	fake_run(c);
	r.size = c->out_size;
	for (uint64_t k = 0; k < c->out_size; k++)
		r.hash = r.hash * 31 + (uint8_t)c->out[k];
	r.shut = c->shut;
	if (!c->aborted && !c->closed)
		abort();
	fake_forget(c);
	fake_advance(100 * SECOND); /* the crawler sees it all */
	world_close();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct result whole = run(data + 2, size - 2, 0, false),
	              bytes = run(data + 2, size - 2, 1, false);
	struct result cut = run(data + 2, size - 2, 2u + data[0], data[1] & 1);
	/* How many bytes have come, and gone, is told as of that moment. */
	if (memmem(data, size, "stats", 5) || memmem(data, size, "\x80\x10", 2))
		return 0;
	if (whole.shut != bytes.shut || whole.shut != cut.shut || whole.size != bytes.size ||
	    whole.size != cut.size || whole.hash != bytes.hash || whole.hash != cut.hash)
		abort();
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes DNS over TCP: two bytes say how the rest, a client's stream, is cut, and when it reads.
 * Queries and transfers are answered over a small zone; what comes out must not depend on the cuts,
 * and nothing may be left.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/tcp.h>

#include "../http/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct world w;
static struct dns_counters counters;
static long before;

static void start(void)
{
	static const char zone[] =
	        "$TTL 3600\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\nwww CNAME ns1\n"
	        "*.wild A 192.0.2.7\nsub NS ns1.sub\nns1.sub A 192.0.2.9\nold DNAME ns1\n";
	const struct dns_policy policy = { 0 };
	struct dns_allow allow;

	world_open(&w, (const char *const[]){ "e.", zone, NULL });
	fake_start();
	if (!dns_allow_parse(&allow, "0.0.0.0/0") ||
	    dns_tcp_serve(&w.db, &policy, &allow, &counters, NULL, 53, NULL, NULL) < 0)
		abort();
	before = fake.allocated;
}

struct result {
	uint64_t size, hash;
	bool aborted;
};

static struct result run(const uint8_t *data, size_t size, uint32_t cut, bool slow)
{
	struct tcp_connection *c = fake_accept();
	struct result r = { 0 };

	if (!c)
		abort();
	c->out_room = 70000;
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
	c->stalled = false;
	fake_run(c);
	if (!c->aborted)
		fake_queue_fin(c);
	fake_run(c);
	uint64_t at = 0;
	for (; at + 2 <= c->out_size;
	     at += 2u + ((uint8_t)c->out[at] << 8 | (uint8_t)c->out[at + 1]))
		;
	if (!c->aborted && at != c->out_size)
		abort(); /* whole messages */
	r.size = c->out_size;
	for (uint64_t k = 0; k < c->out_size; k++)
		r.hash = r.hash * 31 + (uint8_t)c->out[k];
	r.aborted = c->aborted;
	if (!c->aborted && !c->closed)
		abort();
	if (fake.allocated != before)
		abort();
	fake_forget(c);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.blob)
		start();
	if (size < 2)
		return 0;
	struct result whole = run(data + 2, size - 2, 0, false),
	              bytes = run(data + 2, size - 2, 1, false);
	struct result cut = run(data + 2, size - 2, 2u + data[0], data[1] & 1);
	if (whole.aborted != bytes.aborted || whole.aborted != cut.aborted ||
	    whole.size != bytes.size || whole.size != cut.size || whole.hash != bytes.hash ||
	    whole.hash != cut.hash)
		abort();
	return 0;
}

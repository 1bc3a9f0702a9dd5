/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes queries: an input is a packet, answered over a small zone in which every kind of answer
 * occurs; with and without the cache, which must agree.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/cache.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char zone[] =
        "$TTL 3600\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\n@ NS ns.other.test.\n@ MX 10 mail\n"
        "ns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\nmail A 192.0.2.2\nwww CNAME mail\nring CNAME ring\n"
        "*.wild A 192.0.2.7\n*.wild MX 10 any.wild\na.ent.wild A 192.0.2.8\nsub NS ns1.sub\nsub NS "
        "ns1\n"
        "sub DS 1 8 200 ABCD\nns1.sub A 192.0.2.9\nold DNAME mail\nround DNAME round.round\n"
        "child NS ns.child\nchild DS 2 8 200 EF01\nns.child A 192.0.2.12\ntochild CNAME www.child\n"
        "_s._tcp SRV 0 0 80 mail\n";
static const char child[] =
        "$TTL 60\n@ SOA ns host 9 1 1 1 600\n@ NS ns\nns A 192.0.2.112\nwww A 192.0.2.113\n";

static struct world w;
static struct dns_cache cache;
static void *memory;

static void start(void)
{
	static const char *const zones[] = { "e.", zone, "child.e.", child, NULL };
	static const uint64_t key[2] = { 1, 2 };
	uint64_t size = dns_cache_size(DNS_CACHE_BYTES_MIN);
	memory = aligned_alloc(64, (size + 63) / 64 * 64);

	world_open(&w, zones);
	w.responder.policy.version = "fuzz";
	if (!memory)
		abort();
	dns_cache_init(&cache, memory, size, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t plain[4096], cached[4096];
	static char text[1 << 18];

	if (!w.blob)
		start();
	uint32_t a = dns_answer(&w.responder, data, (uint32_t)size, plain, sizeof plain);
	uint32_t b = dns_answer_cached(&w.responder, &cache, data, (uint32_t)size, cached,
	                               sizeof cached);
	if (a != b || memcmp(plain, cached, a) != 0 || a > DNS_UDP_SIZE_DEFAULT)
		abort();
	world_render(text, sizeof text, plain, a); /* it decodes, or the test fails */
	return 0;
}

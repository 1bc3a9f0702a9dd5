/* SPDX-License-Identifier: ISC */
#include "appliance.h"

#include <app/dns/dns.h>
#include <app/status/status.h>
#include <core/clock.h>
#include <core/file.h>
#include <core/metric.h>
#include <core/task.h>
#include <net/resolver.h>
#include <store/block_memory.h>
#include <store/btree/btree.h>

static const uint64_t bounds[] = { 1 * NS_PER_MS, 10 * NS_PER_MS, 100 * NS_PER_MS };
static struct metric_histogram lookups = { .bounds = bounds, .bound_count = 3 };

static void read(const void *of, void *to)
{
	*(uint64_t *)to = (uint64_t)of;
}

static const struct metric rows[] = {
	{ "lookup_seconds", "How long names took.", 0, METRIC_HISTOGRAM, METRIC_NS },
};
static const struct metric_group group = METRIC_GROUP("figures", NULL, rows, read);
static struct metric_source source = { .group = &group, .of = &lookups };

int main(void)
{
	struct dns_server *server;
	static struct btree_lru lru[2];
	struct btree *trees[2];
	for (unsigned k = 0; k < 2; k++) {
		struct block *b = block_memory_open(k ? "second" : "first", 1 << 20);
		if (!b || btree_open(&trees[k], b,
		                     &(struct btree_options){ .policy = &btree_policy_lru,
		                                              .policy_of = &lru[k],
		                                              .cache = 65536,
		                                              .create = true }))
			return 1;
	}
	if (dns_serve(&server, file_find("zones"), NULL) ||
	    status_serve(&(struct status_options){ .port = 81, .name = "figures" }))
		return 1;
	metric_add(&source);
	struct net_address address;
	uint64_t start = clock_now();
	resolver_lookup("example.net", &address, 1, start + 50 * NS_PER_MS);
	metric_observe(&lookups, clock_now() - start);
	task_sleep_until(CLOCK_NEVER);
	return 0;
}

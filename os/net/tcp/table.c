/* SPDX-License-Identifier: ISC */
/*
 * The table of connections, by addresses and ports. It grows with them; its hash is keyed, since peers
 * choose ports.
 */
#include <net/tcp/internal.h>

#include <core/check.h>
#include <core/hash.h>
#include <core/heap.h>

#define BUCKETS_FIRST 64u

_Static_assert(!(BUCKETS_FIRST & (BUCKETS_FIRST - 1)), "hashes are masked");
_Static_assert(sizeof(struct tcp_address) == 12, "no padding: it is hashed as it lies");

static struct tcp_connection **table;
static uint32_t buckets, connections;

static struct tcp_connection **bucket(const struct tcp_address *a)
{
	return &table[hash_bytes(a, sizeof *a) & (buckets - 1)];
}

static bool same(const struct tcp_address *a, const struct tcp_address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

struct tcp_connection *tcp_table_find(const struct tcp_address *a)
{
	if (!table)
		return NULL;
	struct tcp_connection *c = *bucket(a);
	while (c && !same(&c->address, a))
		c = c->chain;
	return c;
}

static bool table_grow(void)
{
	uint32_t old = buckets, size = old ? 2 * old : BUCKETS_FIRST;
	struct tcp_connection **from = table,
	                      **to = heap_alloc_zero(size, sizeof(struct tcp_connection *));
	if (!to)
		return table != NULL; /* longer chains, then */
	table = to;
	buckets = size;
	for (uint32_t k = 0; k < old; k++) {
		for (struct tcp_connection *c = from[k], *next; c; c = next) {
			next = c->chain;
			struct tcp_connection **at = bucket(&c->address);
			c->chain = *at;
			*at = c;
		}
	}
	heap_free(from);
	return true;
}

bool tcp_table_ready(void)
{
	return connections < buckets || table_grow();
}

void tcp_table_add(struct tcp_connection *c)
{
	ensure(table && !tcp_table_find(&c->address));
	struct tcp_connection **at = bucket(&c->address);
	c->chain = *at;
	*at = c;
	connections++;
}

void tcp_table_remove(struct tcp_connection *c)
{
	struct tcp_connection **at = bucket(&c->address);
	ensure(connections);
	while (*at != c) {
		ensure(*at);
		at = &(*at)->chain;
	}
	*at = c->chain;
	connections--;
}

void tcp_table_each(void (*fn)(struct tcp_connection *, const void *), const void *what)
{
	for (uint32_t k = 0; k < buckets; k++) {
		for (struct tcp_connection *c = table[k]; c; c = c->chain)
			fn(c, what);
	}
}

struct tcp_connection *tcp_table_any(void)
{
	for (uint32_t k = 0; k < buckets; k++) {
		if (table[k])
			return table[k];
	}
	return NULL;
}

void tcp_table_clear(void)
{
	ensure(!connections);
	heap_free(table);
	table = NULL;
	buckets = 0;
}

/* ---- For checks ---- */

/* Of every connection in the table; `holds` null: the table itself. */
static bool all_hold(bool (*holds)(const struct tcp_connection *))
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < buckets; k++)
		for (const struct tcp_connection *c = table[k]; c; c = c->chain)
			if (n++ == connections || (holds && !c->gone && !holds(c)))
				return false;
	return n == connections;
}

static bool queue_holds(const struct tcp_connection *c)
{
	return tcp_queue_is_valid(&c->queue);
}

static bool receive_holds(const struct tcp_connection *c)
{
	return tcp_receive_is_valid(&c->receive);
}

static bool recovery_holds(const struct tcp_connection *c)
{
	return tcp_recovery_is_valid(&c->recovery);
}

CHECK("net", "TCP: the table holds as many connections as are counted", table_holds)
{
	return all_hold(NULL);
}

CHECK("net", "TCP: what is to be sent adds up to its pieces", queues_hold)
{
	return all_hold(queue_holds);
}

CHECK("net", "TCP: what was received lies in order, holes between it", receivers_hold)
{
	return all_hold(receive_holds);
}

CHECK("net", "TCP: what was sent is under way, acknowledged or lost, and counted once",
      recoveries_hold)
{
	return all_hold(recovery_holds);
}

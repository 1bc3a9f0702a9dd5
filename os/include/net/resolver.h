/* SPDX-License-Identifier: ISC */
/*
 * A stub resolver with a cache (RFC 1034 §5.3.1, 1035, 2308, 5452, 7766): names to IPv4 addresses, by the servers that
 * DHCP or the manifest (`resolvers`) gave. Over UDP with random ports and IDs, over TCP where an answer is truncated.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stdint.h>

#define RESOLVER_SERVERS_MAX    3u     /* asked in turn; more are left away */
#define RESOLVER_ADDRESSES_MAX  8u     /* of a name; more are left away */
#define RESOLVER_CACHE_MAX      256u   /* names; the one least recently used goes */
#define RESOLVER_TTL_MAX_S      86400u /* a longer TTL is taken as this */
#define RESOLVER_NEGATIVE_MAX_S 300u   /* the same for "no such name" (RFC 2308) */
#define RESOLVER_TRY_NS                                                                            \
	(2ull * 1000000000)    /* before the next server, or the next round, is asked */
#define RESOLVER_ROUNDS     2u /* through all servers */
#define RESOLVER_CNAMES_MAX 8u /* in a chain */

/* One entry of the manifest's `resolvers`, generated into the image. address_arg: index of the argument of type ipv4
 * whose value is used instead of the constant beside it, 0.0.0.0 being none; -1: the constant. */
struct resolver_config {
	uint32_t address;
	int32_t address_arg;
};
extern const struct resolver_config resolver_configs[];
extern const uint32_t resolver_config_count;

/* Blocks the task. A dotted quad is its own answer. Returns how many addresses (host byte order) were put into `to`,
 * at most `count`; ERR_ABSENT (no such name, or none with an address), ERR_TIMEOUT (deadline, or nobody answers),
 * ERR_UNREACHABLE (no server is known), ERR_MALFORMED (not a name), ERR_MEMORY. Several tasks that ask for one name
 * at a time cause one query. */
int resolver_lookup(const char *name, uint32_t *to, uint32_t count, uint64_t deadline_ns);

/* Servers of one's own instead of the manifest's, or, where that names none, DHCP's; count 0: those again. Copied; at
 * most RESOLVER_SERVERS_MAX. */
void resolver_use(const uint32_t *servers, uint32_t count);
void resolver_forget(void); /* empties the cache */

struct resolver_counters {
	uint64_t asked, hits, sent, answers, timeouts, truncated, refused;
	uint64_t bad; /* answers that do not parse, or that nobody asked for */
};
struct resolver_counters resolver_counters(void);

#endif

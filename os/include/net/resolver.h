/* SPDX-License-Identifier: ISC */
/*
 * A stub resolver with a cache (RFC 1034 §5.3.1, 1035, 2308, 2782, 5452, 6761, 6891, 7766, 8767). It asks the servers that the
 * manifest (`resolvers`), DHCP, DHCPv6 or routers gave, of either family: over UDP with random ports and IDs, over TCP where an answer is truncated.
 *
 * A server that does not answer, or refuses, is asked last for a while, so that it delays one name and not each.
 * When no server answers, an expired answer is given once more, within a bound. `localhost` and all names below it are
 * this image (RFC 6761); they are never asked for. A name without a dot is first looked up in DHCP's domain.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include <net/address.h>

#define RESOLVER_SERVERS_MAX 3u /* further ones are ignored */
#define RESOLVER_ADDRESSES_MAX                                                                     \
	8u /* that resolver_lookup remembers of a name; further ones are ignored */
#define RESOLVER_DATA_MAX       4096u  /* bytes of an answer's records; further ones are ignored */
#define RESOLVER_TTL_MAX_S      86400u /* a longer TTL is taken as this */
#define RESOLVER_NEGATIVE_MAX_S 300u   /* the same for "no such name" (RFC 2308) */
#define RESOLVER_STALE_TTL_S                                                                       \
	30u /* how long a stale answer is good, until servers are asked again */
#define RESOLVER_ROUNDS        2u    /* through all servers */
#define RESOLVER_CNAMES_MAX    8u    /* in a chain */
#define RESOLVER_NAME_TEXT_MAX 1010u /* bytes of a name as text, its NUL included */

/* Bounds. Zero means the default, which stands at the end of each line. */
struct resolver_options {
	uint64_t
	        try_ns; /* in the first round, before the next server is asked; twice that later: 1 s */
	uint64_t dead_ns;  /* how long a server that failed is asked last: 30 s */
	uint64_t stale_ns; /* how long after its TTL an answer may still be given: a day */
	uint32_t
	        cache_bytes; /* of the cache, from the heap; the least recently used name is dropped: 64 KiB */
	uint32_t
	        asking_max; /* names that are asked for at a time; one more gets ERR_MEMORY: 1,024 */
	bool no_search, no_edns; /* no use of DHCP's domain; no EDNS */
};
/* To be called before the first name is asked for. */
void resolver_set_options(const struct resolver_options *);

/* One entry of the manifest's `resolvers`, generated into the image. address_arg: index of the argument of type ipv4 or ip6
 * whose value is used instead of the constant beside it, 0.0.0.0 and nothing being none; -1: the constant. */
struct resolver_config {
	struct net_address address;
	int32_t address_arg;
};
extern const struct resolver_config resolver_configs[];
extern const uint32_t resolver_config_count;

/*
 * A name's addresses: IPv4's, and in an image with IPv6 both families', in the order in which to try them (RFC 6724 §6).
 * A family of which no interface has an address is not asked for. Blocks the task. An address in text is its own answer.
 * Returns how many addresses were put into `to`, at most `count`, or
 *   ERR_ABSENT       no such name, or none with an address
 *   ERR_TIMEOUT      the deadline, or no server answers
 *   ERR_REFUSED      the servers refuse to answer (REFUSED)
 *   ERR_FAILED       the servers answer, but cannot tell (SERVFAIL, or an answer that does not parse)
 *   ERR_UNREACHABLE  no server is known, or none can be reached
 *   ERR_MALFORMED    not a name
 *   ERR_MEMORY
 * Several tasks that ask for one name at a time cause one query.
 */
int resolver_lookup(const char *name, struct net_address *to, uint32_t count, uint64_t deadline_ns);

struct tcp_connection;
struct tcp_options;
/*
 * A connection to a name: the first of its addresses that answers. They are tried in resolver_lookup's order, families by turns,
 * each RESOLVER_ATTEMPT_NS after the one before or as soon as that has failed (RFC 8305). Blocks the task. Errors of
 * resolver_lookup and of tcp_connect, of the last address that failed. *connection is set on success only.
 */
int resolver_connect(struct tcp_connection **, const char *name, uint16_t port,
                     const struct tcp_options *, uint64_t deadline_ns);
#define RESOLVER_ATTEMPT_NS 250000000ull

enum resolver_type {
	RESOLVER_A = 1,
	RESOLVER_NS = 2,
	RESOLVER_PTR = 12,
	RESOLVER_MX = 15,
	RESOLVER_TXT = 16,
	RESOLVER_AAAA = 28,
	RESOLVER_SRV = 33,
};

/* Names are absolute, without the last dot (the root is "."), with \DDD for bytes that are not printable and \. for a dot in
 * a label: NUL-terminated, and without NUL before. */
struct resolver_record {
	uint16_t preference;   /* MX; SRV: its priority */
	uint16_t weight, port; /* SRV */
	uint16_t size;         /* TXT: bytes of `text` */
	union {
		uint32_t a; /* host byte order */
		uint8_t aaaa[16];
		const char *
		        name; /* NS, PTR; MX: the exchange; SRV: the target, "." being "no such service" */
		const char *text; /* TXT: its strings, joined; may hold any byte; a NUL follows */
	};
};

struct resolver_records {
	uint32_t count;
	uint32_t ttl_s; /* how long they are good */
	struct resolver_record at[];
};

/*
 * A name's records of a type, in one block that the caller frees by heap_free. MX come by preference; SRV in the order in which
 * to try them (RFC 2782: by priority, then at random by weight); others in the server's order. With RESOLVER_PTR an
 * address in text stands for the name below in-addr.arpa or ip6.arpa. Errors are those above; after one, *records is null.
 */
int resolver_query(const char *name, enum resolver_type, struct resolver_records **,
                   uint64_t deadline_ns);

/* Asks these servers instead of the manifest's (or DHCP's, if the manifest names none). Count 0 returns to those. The
 * list is copied; at most RESOLVER_SERVERS_MAX are used. */
void resolver_use(const struct net_address *servers, uint32_t count);
void resolver_forget(void); /* empties the cache, and forgets what is known of servers */

struct resolver_counters {
	uint64_t asked, hits, sent, answers, timeouts, truncated;
	uint64_t refused, failed; /* answers: REFUSED; SERVFAIL, or not to be parsed */
	uint64_t unreachable;     /* tries that ended by an ICMP error or for want of a route */
	uint64_t stale;           /* answers given after their time */
	uint64_t bad;             /* messages that were not asked for, or that do not parse */
};
struct resolver_counters resolver_counters(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * What the resolver's files know of each other: messages (message.c), what is remembered of names (cache.c) and of servers
 * (server.c), asking (query.c), and what callers see (lookup.c). Names are in wire format, in lower case, uncompressed.
 */
#ifndef NET_RESOLVER_INTERNAL_H
#define NET_RESOLVER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <net/resolver.h>

#define RESOLVER_NAME_MAX     255u
#define RESOLVER_OPT_SIZE     11u /* EDNS's record without options */
#define RESOLVER_QUESTION_MAX (12u + RESOLVER_NAME_MAX + 4u + RESOLVER_OPT_SIZE)
#define RESOLVER_UDP_MAX      1232u /* what a datagram may have; without EDNS it has 512 */

extern struct resolver_options resolver_options; /* with the defaults in place */
extern struct resolver_counters resolver_counts;
void resolver_metrics_add(void); /* metrics.c; more than once means nothing */

struct resolver_name {
	uint8_t size;
	uint8_t wire[RESOLVER_NAME_MAX];
};

/* A name and a type: what is asked for, shared, remembered. */
struct resolver_key {
	uint16_t type;
	struct resolver_name name;
};

/* A set of records: each is two bytes of size and its data, in which names are uncompressed. */
struct resolver_set {
	uint32_t count; /* 0: there is none */
	uint32_t size;  /* bytes */
	uint32_t ttl_s; /* within the bounds of resolver.h; 0: not to be remembered */
	const uint8_t *data;
};

struct resolver_answer {
	struct resolver_set set; /* of `data` */
	uint8_t data[RESOLVER_DATA_MAX];
};

enum resolver_outcome {
	RESOLVER_ANSWER,    /* also that there is none */
	RESOLVER_CNAME,     /* the chain leaves the message: ask for key->name */
	RESOLVER_TRUNCATED, /* ask by TCP */
	RESOLVER_REFUSED,   /* the server will not tell, or refers to others */
	RESOLVER_FAILED,    /* the server cannot tell */
	RESOLVER_PLAIN,     /* the server does not know EDNS: ask without */
	RESOLVER_GARBAGE,   /* the answer to our question, but it does not parse */
	RESOLVER_ALIEN,     /* not an answer to our question */
};

/* ---- message.c ---- */

bool resolver_name_parse(struct resolver_name *, const char *text);
bool resolver_name_same(const struct resolver_name *, const struct resolver_name *);
/* Writes it as text (resolver.h), NUL included; `to` has RESOLVER_NAME_TEXT_MAX bytes. Returns the bytes written. */
uint32_t resolver_name_print(char *to, const uint8_t *wire);
/* Returns its size. */
uint32_t resolver_question(uint8_t to[RESOLVER_QUESTION_MAX], uint16_t id,
                           const struct resolver_key *, bool edns);
/* Judges what came. key->name is the one asked for, and the chain's end afterwards; *cnames counts what was followed;
 * answer->set.ttl_s is the least of it and what was there. */
enum resolver_outcome resolver_read(const uint8_t *message, uint32_t size, uint16_t id, bool edns,
                                    struct resolver_key *, uint32_t *cnames,
                                    struct resolver_answer *);

/* ---- cache.c, by the name that was first asked for ---- */

enum resolver_age { RESOLVER_UNKNOWN, RESOLVER_STALE, RESOLVER_FRESH };
/* The set is good until the next call of cache.c. */
enum resolver_age resolver_cache_get(const struct resolver_key *, struct resolver_set *);
void resolver_cache_put(const struct resolver_key *, const struct resolver_set *);
/* No server answers: a stale one is fresh for RESOLVER_STALE_TTL_S. */
void resolver_cache_revive(const struct resolver_key *);
void resolver_cache_clear(void);

/* ---- server.c ---- */

/* The servers in the order in which to ask them; how many. */
uint32_t resolver_servers(struct net_address to[RESOLVER_SERVERS_MAX]);
void resolver_server_failed(struct net_address); /* silence, refusal, unreachable */
void resolver_server_answered(struct net_address);
bool resolver_server_has_edns(struct net_address);
void resolver_server_is_plain(struct net_address);
void resolver_server_forget(void);

/* ---- order.c: RFC 6724 §6; only images with IPv6 have it ---- */

void resolver_order(struct net_address *, uint32_t count);

/* ---- query.c ---- */

/* From the cache or from servers, with others who ask for the same. OK: *answer is filled in, set.count 0 for an absent
 * one. */
int resolver_ask(const struct resolver_key *, struct resolver_answer *, uint64_t deadline_ns);

#endif

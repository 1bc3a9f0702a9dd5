/* SPDX-License-Identifier: ISC */
/*
 * Memoised responses, as in the paper's DNS appliance: what was answered once is copied the next
 * time. A zone compiled into an image never changes, so that entries never expire; memory is fixed
 * at the start.
 *
 * A response depends on the question (name in lower case, type, class), on EDNS (without, with,
 * with DO) and on the room for it; on nothing else but ID, RD and the question's spelling, which
 * are the query's own. So an entry holds the response without its question, and is good for a range
 * of limits: all from its size on if it is complete, the one that it was made for if it is not.
 * Only queries that decode cleanly get here (DNS_ANSWER).
 *
 * Sets of DNS_CACHE_WAYS slots; an entry takes one, or two that lie together; each set drops by second
 * chance. Found by SipHash under a secret key, so that nobody can choose which entries collide; and if
 * they did, it would cost them their own hits, no time. Where hardly anything is asked for twice before
 * it is dropped (zones much larger than the memory), looking up and putting in cost more than they
 * bring: then only a share of the names is memoised, until that is seen to pay again.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include <app/dns/answer.h>

#define DNS_CACHE_WAYS 8u
#define DNS_CACHE_SLOT                                                                             \
	256u /* bytes: 16, key and response; what does not fit into two is not kept */
#define DNS_CACHE_BYTES_MIN (DNS_CACHE_WAYS * DNS_CACHE_SLOT * 16u)

struct dns_cache_set;

struct dns_cache {
	struct dns_cache_set *sets;
	uint8_t *slots;
	uint32_t set_count;
	uint32_t looked;      /* lookups since it was last seen whether they pay */
	bool sparse;          /* they did not */
	uint64_t hits_before; /* then */
	uint64_t key[2];
	uint64_t hits, misses;
};

/* How much memory a cache takes that may have `bytes`: less or equal, 0 if that is below
 * DNS_CACHE_BYTES_MIN. */
uint64_t dns_cache_size(uint64_t bytes);

/* Makes one in `memory`: dns_cache_size() bytes, aligned to 64, which stay the caller's. Most of it
 * is not touched before it is used. The key is secret and random. */
void dns_cache_init(struct dns_cache *, void *memory, uint64_t bytes, const uint64_t key[2]);

/* What is looked for: of a decoded query. */
struct dns_cache_key {
	uint64_t hash;
	uint32_t size;
	uint8_t bytes[DNS_NAME_MAX + 5]; /* name, type, class, EDNS */
};
void dns_cache_key(const struct dns_cache *, struct dns_cache_key *, const struct dns_query *);

/* If the response is known for this limit, writes it behind the question that stands in `message`
 * already, and its header but for the ID. Returns its size, or 0. */
uint32_t dns_cache_get(struct dns_cache *, const struct dns_cache_key *, const struct dns_query *,
                       uint8_t *message, uint32_t limit);

/* Keeps a response, made for that limit. */
void dns_cache_put(struct dns_cache *, const struct dns_cache_key *, const struct dns_query *,
                   const uint8_t *message, uint32_t size, uint32_t limit, bool complete);

/* dns_answer() (answer.h) with a cache before it; a null one is none. */
uint32_t dns_answer_cached(struct dns_responder *, struct dns_cache *, const uint8_t *query,
                           uint32_t size, uint8_t *response, uint32_t room);

#endif

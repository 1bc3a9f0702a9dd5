/* SPDX-License-Identifier: ISC */
/*
 * How often something may happen for a key: requests of an address, wrong passwords for a name. `burst` at once, and then one
 * each interval.
 *
 * The counts lie in a table whose size never changes, and nothing is ever thrown out of it: no flood of others makes a count be
 * forgotten. Two keys that fall into one place add up; each key has two places under a hash that is drawn at boot, and the lesser
 * counts, so that hardly anybody is taken for somebody else. A flood from so many networks that it fills the table delays
 * others, too: that is the price. What is refused is not counted: nobody has to wait longer for it.
 *
 * (Connections of an address are http_options.per_address_max's.)
 */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include <app/http/http.h>

#define HTTP_LIMIT_PLACES_DEFAULT 4096u /* of each of two rows; 8 bytes each */

struct http_limit;
struct http_limit_options {
	uint32_t burst;       /* at least 1 */
	uint64_t interval_ns; /* at least 1 */
	uint32_t places;      /* 0: the default */
};
/* From the heap. ERR_MEMORY, ERR_INVALID. */
int http_limit_open(struct http_limit **, const struct http_limit_options *);
void http_limit_close(struct http_limit *);

/* What was counted, to be taken back. */
struct http_limit_taken {
	uint32_t places[2];
	uint64_t added[2]; /* ns */
};
/* How long until it may happen; 0: now. Counts nothing. */
uint64_t http_limit_wait(const struct http_limit *, const void *key, uint32_t size);
/* 0: it may, and is counted; or how many ns to wait. `taken` may be null. */
uint64_t http_limit_take(struct http_limit *, const void *key, uint32_t size,
                         struct http_limit_taken *taken);
/* It did not happen: what was added, and not more, is taken back. Once. */
void http_limit_back(struct http_limit *, const struct http_limit_taken *);

/* Whom a request counts for: its address; of IPv6 the network of 64 bits, of which one peer has all addresses (RFC 4291 §2.5.4). */
struct net_address http_limit_peer(const struct http_exchange *);

/* For http_before; the context is a struct http_limit. A peer that asks too often is answered 429 with Retry-After. */
bool http_limit_before(struct http_exchange *, void *limit);
/* The answer: 429 with Retry-After, in whole seconds. */
int http_limit_refuse(struct http_exchange *, uint64_t wait_ns);

#endif

/* SPDX-License-Identifier: ISC */
/* What the resolver's files know of each other: messages (resolver_message.c) and what is
 * remembered (resolver_cache.c). Names are in wire format, in lower case, uncompressed. */
#ifndef NET_RESOLVER_INTERNAL_H
#define NET_RESOLVER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <net/resolver.h>

#define RESOLVER_NAME_MAX     255u
#define RESOLVER_QUESTION_MAX (12u + RESOLVER_NAME_MAX + 4u)

struct resolver_name {
	uint8_t size;
	uint8_t wire[RESOLVER_NAME_MAX];
};

struct resolver_answer {
	uint32_t addresses[RESOLVER_ADDRESSES_MAX];
	uint32_t count; /* 0: there is no address */
	uint32_t ttl_s; /* within the bounds of resolver.h; 0: not to be remembered */
};

enum resolver_outcome {
	RESOLVER_ANSWER,    /* also that there is none */
	RESOLVER_CNAME,     /* the chain leaves the message: ask for `name` */
	RESOLVER_TRUNCATED, /* ask by TCP */
	RESOLVER_REFUSED,   /* the server does not know, or will not tell: ask another */
	RESOLVER_GARBAGE,   /* the answer to our question, but it does not parse */
	RESOLVER_ALIEN,     /* not an answer to our question */
};

bool resolver_name_parse(struct resolver_name *, const char *text);
bool resolver_name_same(const struct resolver_name *, const struct resolver_name *);
/* Returns its size. */
uint32_t resolver_question(uint8_t to[RESOLVER_QUESTION_MAX], uint16_t id,
                           const struct resolver_name *);
/* Judges what came. *name is the one asked for, and the chain's end afterwards; *cnames counts what
 * was followed; answer->ttl_s is the least of it and what was there. */
enum resolver_outcome resolver_read(const uint8_t *message, uint32_t size, uint16_t id,
                                    struct resolver_name *name, uint32_t *cnames,
                                    struct resolver_answer *);

/* By the name that was first asked for. False: nothing is known, or not any more. */
bool resolver_cache_get(const struct resolver_name *, struct resolver_answer *);
void resolver_cache_put(const struct resolver_name *, const struct resolver_answer *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Memoised responses: see cache.h. The tags of a set share a line with its second-chance bits, so
 * that a miss touches nothing else, and a hit its entry besides. A wide entry lies in the two slots
 * of a pair, under the first one's tag.
 */
#include <app/dns/cache.h>

#include <core/bytes.h>
#include <core/hash.h>

#define WINDOW      4096u /* lookups, after which it is seen anew whether memoising pays */
#define WINDOW_PAYS 512u  /* hits among them that are worth it */
#define SPARSE_SHARE                                                                               \
	16u /* when it does not pay: one of so many names goes on, to see when it does */

struct dns_cache_set {
	uint16_t tags[DNS_CACHE_WAYS]; /* of the hash; 0: the slot is free, or the second of a wide
	                                  entry */
	uint8_t used;                  /* a bit for each slot: hit since the hand passed */
	uint8_t wide;                  /* a bit for the first slot of each wide entry */
	uint8_t hand;                  /* the slot to be dropped next, unless it was used */
	uint8_t padding[13];
};

struct entry {          /* in a slot, or in two */
	uint16_t flags; /* of the header, without RD */
	uint16_t counts[3];
	uint16_t size;                 /* of the response's bytes behind the question */
	uint16_t limit_min, limit_max; /* good for these limits */
	uint16_t key_size;
	uint8_t bytes[]; /* key, then response */
};
_Static_assert(sizeof(struct entry) == 16, "what a slot has left is DNS_CACHE_SLOT - 16");
_Static_assert(sizeof(struct dns_cache_set) == 32, "two sets a line");

#define BYTES_PER_SET ((uint64_t)sizeof(struct dns_cache_set) + DNS_CACHE_WAYS * DNS_CACHE_SLOT)

static uint32_t set_count(uint64_t bytes)
{
	uint64_t sets = bytes / BYTES_PER_SET;
	return sets < 1u << 30 ? (uint32_t)sets : 1u << 30;
}

uint64_t dns_cache_size(uint64_t bytes)
{
	return bytes < DNS_CACHE_BYTES_MIN ? 0 : set_count(bytes) * BYTES_PER_SET;
}

void dns_cache_init(struct dns_cache *c, void *memory, uint64_t bytes, const uint64_t key[2])
{
	uint32_t sets = set_count(bytes);

	*c = (struct dns_cache){
		.slots = memory,
		.sets = (struct dns_cache_set *)((uint8_t *)memory +
		                                 (uint64_t)sets * DNS_CACHE_WAYS * DNS_CACHE_SLOT),
		.set_count = sets,
		.key = { key[0], key[1] },
	};
	memset(c->sets, 0, sets * sizeof *c->sets);
}

void dns_cache_key(const struct dns_cache *c, struct dns_cache_key *k, const struct dns_query *q)
{
	struct bytes_out out = bytes_out(k->bytes, sizeof k->bytes);

	bytes_put_copy(&out, q->key.lower, q->key.size);
	bytes_put_u16(&out, q->type);
	bytes_put_u16(&out, q->class);
	bytes_put_u8(&out, (uint8_t)(q->edns + q->dnssec_ok));
	k->size = out.at;
	k->hash = hash_bytes_keyed(c->key, k->bytes, k->size);
}

static uint16_t tag_of(const struct dns_cache_key *k)
{
	uint16_t tag = (uint16_t)k->hash;
	return tag ? tag : 1;
}

/* The hash's upper half, spread over the sets. */
static uint32_t set_of(const struct dns_cache *c, const struct dns_cache_key *k)
{
	return (uint32_t)((k->hash >> 32) * c->set_count >> 32);
}

static struct entry *entry_at(const struct dns_cache *c, uint32_t set, unsigned way)
{
	return (struct entry *)(c->slots + ((uint64_t)set * DNS_CACHE_WAYS + way) * DNS_CACHE_SLOT);
}

/* The slot of that key, whatever its limits; DNS_CACHE_WAYS: none. */
static unsigned find(const struct dns_cache *c, const struct dns_cache_key *k, uint32_t set)
{
	uint16_t tag = tag_of(k);

	for (unsigned way = 0; way < DNS_CACHE_WAYS; way++) {
		if (c->sets[set].tags[way] != tag)
			continue;
		const struct entry *e = entry_at(c, set, way);
		if (e->key_size == k->size && memcmp(e->bytes, k->bytes, k->size) == 0)
			return way;
	}
	return DNS_CACHE_WAYS;
}

/* Does this lookup take place? Now and then it is looked at how many hit. */
static bool pays(struct dns_cache *c, const struct dns_cache_key *k)
{
	if (++c->looked == WINDOW) {
		uint64_t hits = c->hits - c->hits_before;
		c->sparse = hits * (c->sparse ? SPARSE_SHARE : 1) < WINDOW_PAYS;
		c->hits_before = c->hits;
		c->looked = 0;
	}
	return !c->sparse || (k->hash >> 16) % SPARSE_SHARE == 0;
}

uint32_t dns_cache_get(struct dns_cache *c, const struct dns_cache_key *k,
                       const struct dns_query *q, uint8_t *message, uint32_t limit)
{
	uint32_t set = set_of(c, k);
	unsigned way = find(c, k, set);
	const struct entry *e = entry_at(c, set, way % DNS_CACHE_WAYS);

	if (way == DNS_CACHE_WAYS || limit < e->limit_min || limit > e->limit_max) {
		c->misses++;
		return 0;
	}
	c->hits++;
	c->sets[set].used |= (uint8_t)(1u << way);
	struct bytes_out out = bytes_out(message, limit);
	bytes_put(&out, 2); /* ID */
	bytes_put_u16(&out, (uint16_t)(e->flags | (q->flags & DNS_RD)));
	bytes_put_u16(&out, 1);
	for (unsigned i = 0; i < 3; i++)
		bytes_put_u16(&out, e->counts[i]);
	bytes_put(&out, q->question_end - DNS_HEADER_SIZE);
	bytes_put_copy(&out, e->bytes + e->key_size, e->size);
	return out.failed ? 0 : out.at; /* limit_min is its size, so that it cannot fail */
}

/* The slot whose tag speaks for this one. */
static unsigned first_of(const struct dns_cache_set *s, unsigned way)
{
	return s->wide & 1u << (way & ~1u) ? way & ~1u : way;
}

static void drop(struct dns_cache_set *s, unsigned way)
{
	way = first_of(s, way);
	s->tags[way] = 0;
	s->wide &= (uint8_t)~(1u << way);
}

/* Makes room: a free slot, or the first that was not hit since the hand came by. Wide: a pair of
 * them. */
static unsigned make_room(struct dns_cache_set *s, bool wide)
{
	unsigned step = wide ? 2 : 1;
	for (unsigned way = 0; way < DNS_CACHE_WAYS; way += step) {
		if (!s->tags[first_of(s, way)] && (!wide || !s->tags[way + 1]))
			return way;
	}
	for (;;) {
		unsigned way = s->hand & ~(step - 1);
		unsigned bits = wide ? 3u << way : 1u << first_of(s, way);
		bool spared = s->used & bits;
		s->used &= (uint8_t)~bits;
		s->hand = (uint8_t)((way + step) % DNS_CACHE_WAYS);
		if (spared)
			continue;
		drop(s, way);
		if (wide)
			drop(s, way + 1);
		return way;
	}
}

void dns_cache_put(struct dns_cache *c, const struct dns_cache_key *k, const struct dns_query *q,
                   const uint8_t *message, uint32_t size, uint32_t limit, bool complete)
{
	uint32_t set = set_of(c, k);
	struct dns_cache_set *s = &c->sets[set];
	uint32_t tail = size - q->question_end,
	         whole = (uint32_t)sizeof(struct entry) + k->size + tail;

	if (whole > 2 * DNS_CACHE_SLOT || limit > UINT16_MAX)
		return;
	bool wide = whole > DNS_CACHE_SLOT;
	unsigned way = find(c, k, set); /* there for another limit */
	if (way < DNS_CACHE_WAYS && wide != (bool)(s->wide & 1u << way)) {
		drop(s, way);
		way = DNS_CACHE_WAYS;
	}
	if (way == DNS_CACHE_WAYS)
		way = make_room(s, wide);
	struct entry *e = entry_at(c, set, way);
	s->tags[way] = tag_of(k);
	s->wide |= (uint8_t)(wide << way);
	s->used &= (uint8_t)~(1u << way);
	e->flags = bytes_load_u16(message + 2) & (uint16_t)~DNS_RD;
	for (unsigned i = 0; i < 3; i++)
		e->counts[i] = bytes_load_u16(message + 6 + 2 * i);
	e->size = (uint16_t)tail;
	e->limit_min = (uint16_t)(complete ? size : limit);
	e->limit_max = (uint16_t)(complete ? UINT16_MAX : limit);
	e->key_size = (uint16_t)k->size;
	memcpy(e->bytes, k->bytes, k->size);
	memcpy(e->bytes + k->size, message + q->question_end, tail);
}

uint32_t dns_answer_cached(struct dns_responder *a, struct dns_cache *c, const uint8_t *query,
                           uint32_t size, uint8_t *response, uint32_t room)
{
	struct dns_query *q = &a->query;
	struct dns_cache_key k RAW;
	bool complete;

	if (!c || room < DNS_UDP_MIN || dns_query_read(q, query, size) != DNS_ANSWER)
		return dns_answer(a, query, size, response, room);
	if (response != query)
		memcpy(response, query, q->question_end);
	dns_cache_key(c, &k, q);
	if (!pays(c, &k))
		return dns_answer_query(a, response, room, &complete);
	uint32_t limit = dns_response_limit(a, q, room);
	uint32_t end = dns_cache_get(c, &k, q, response, limit);
	if (end)
		return end;
	end = dns_answer_query(a, response, room, &complete);
	dns_cache_put(c, &k, q, response, end, limit, complete);
	return end;
}

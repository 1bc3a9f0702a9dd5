/* SPDX-License-Identifier: ISC */
/*
 * Memoised responses: see cache.h. The tags of a set share one line with its second-chance bits, so
 * that a miss touches nothing else, and a hit the slot besides.
 */
#include <app/dns/cache.h>

#include <core/bytes.h>
#include <core/hash.h>

struct dns_cache_set {
	uint32_t tags[DNS_CACHE_WAYS]; /* of the hash; 0: the slot is free */
	uint8_t used;                  /* a bit for each slot: hit since the hand passed */
	uint8_t hand;                  /* the slot to be dropped next, unless it was used */
	uint8_t padding[14];
};

struct dns_cache_slot {
	uint16_t flags; /* of the header, without RD */
	uint16_t counts[3];
	uint16_t size;                 /* of the response's bytes behind the question */
	uint16_t limit_min, limit_max; /* good for these limits */
	uint16_t key_size;
	uint8_t bytes[DNS_CACHE_SLOT - 16]; /* key, then response */
};
_Static_assert(sizeof(struct dns_cache_slot) == DNS_CACHE_SLOT, "slots have their size");
_Static_assert(sizeof(struct dns_cache_set) == 32, "two sets a line");

#define BYTES_PER_SET ((uint64_t)sizeof(struct dns_cache_set) + DNS_CACHE_WAYS * DNS_CACHE_SLOT)

static uint32_t set_count(uint64_t bytes)
{
	uint32_t sets = 1;

	while (sets < 1u << 30 && 2 * sets * BYTES_PER_SET <= bytes)
		sets *= 2;
	return sets;
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
		.set_mask = sets - 1,
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

static uint32_t tag_of(const struct dns_cache_key *k)
{
	uint32_t tag = (uint32_t)(k->hash >> 32);
	return tag ? tag : 1;
}

static struct dns_cache_slot *slot_at(const struct dns_cache *c, uint32_t set, unsigned way)
{
	return &c->slots[(uint64_t)set * DNS_CACHE_WAYS + way];
}

/* The slot of that key, whatever its limits; DNS_CACHE_WAYS: none. */
static unsigned find(const struct dns_cache *c, const struct dns_cache_key *k, uint32_t set)
{
	uint32_t tag = tag_of(k);

	for (unsigned way = 0; way < DNS_CACHE_WAYS; way++) {
		const struct dns_cache_slot *slot = slot_at(c, set, way);
		if (c->sets[set].tags[way] == tag && slot->key_size == k->size &&
		    memcmp(slot->bytes, k->bytes, k->size) == 0)
			return way;
	}
	return DNS_CACHE_WAYS;
}

uint32_t dns_cache_get(struct dns_cache *c, const struct dns_cache_key *k,
                       const struct dns_query *q, uint8_t *message, uint32_t limit)
{
	uint32_t set = (uint32_t)k->hash & c->set_mask;
	unsigned way = find(c, k, set);
	const struct dns_cache_slot *slot = slot_at(c, set, way % DNS_CACHE_WAYS);

	if (way == DNS_CACHE_WAYS || limit < slot->limit_min || limit > slot->limit_max) {
		c->misses++;
		return 0;
	}
	c->hits++;
	c->sets[set].used |= (uint8_t)(1u << way);
	struct bytes_out out = bytes_out(message, limit);
	bytes_put(&out, 2); /* ID */
	bytes_put_u16(&out, (uint16_t)(slot->flags | (q->flags & DNS_RD)));
	bytes_put_u16(&out, 1);
	for (unsigned i = 0; i < 3; i++)
		bytes_put_u16(&out, slot->counts[i]);
	bytes_put(&out, q->question_end - DNS_HEADER_SIZE);
	bytes_put_copy(&out, slot->bytes + slot->key_size, slot->size);
	return out.failed ? 0 : out.at; /* limit_min is its size, so that it cannot fail */
}

void dns_cache_put(struct dns_cache *c, const struct dns_cache_key *k, const struct dns_query *q,
                   const uint8_t *message, uint32_t size, uint32_t limit, bool complete)
{
	uint32_t set = (uint32_t)k->hash & c->set_mask;
	struct dns_cache_set *s = &c->sets[set];
	uint32_t tail = size - q->question_end;

	if (k->size + tail > sizeof slot_at(c, 0, 0)->bytes || limit > UINT16_MAX)
		return;
	unsigned way = find(c, k, set); /* there for another limit */
	if (way == DNS_CACHE_WAYS) {
		for (way = 0; way < DNS_CACHE_WAYS && s->tags[way]; way++)
			;
		while (way == DNS_CACHE_WAYS) {
			if (!(s->used & 1u << s->hand))
				way = s->hand;
			s->used &= (uint8_t)~(1u << s->hand);
			s->hand = (uint8_t)((s->hand + 1) % DNS_CACHE_WAYS);
		}
	}
	struct dns_cache_slot *slot = slot_at(c, set, way);
	s->tags[way] = tag_of(k);
	s->used &= (uint8_t)~(1u << way);
	slot->flags = bytes_load_u16(message + 2) & (uint16_t)~DNS_RD;
	for (unsigned i = 0; i < 3; i++)
		slot->counts[i] = bytes_load_u16(message + 6 + 2 * i);
	slot->size = (uint16_t)tail;
	slot->limit_min = (uint16_t)(complete ? size : limit);
	slot->limit_max = (uint16_t)(complete ? UINT16_MAX : limit);
	slot->key_size = (uint16_t)k->size;
	memcpy(slot->bytes, k->bytes, k->size);
	memcpy(slot->bytes + k->size, message + q->question_end, tail);
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
	uint32_t limit = dns_response_limit(a, q, room);
	uint32_t end = dns_cache_get(c, &k, q, response, limit);
	if (end)
		return end;
	end = dns_answer_query(a, response, room, &complete);
	dns_cache_put(c, &k, q, response, end, limit, complete);
	return end;
}

/* SPDX-License-Identifier: ISC */
/*
 * Numbers of addresses. The table grows with what is held, and a number that nobody holds is the next one to be given.
 * What holds numbers is bounded by its own kind's bounds: connections by memory, neighbours and addresses by their tables,
 * packets by being one at a time. The hash is keyed: peers choose addresses.
 */
#include <net/ip6/internal.h>

#include <core/hash.h>
#include <core/heap.h>

#define FIRST_SIZE  64u
#define NUMBERS_MAX (1u << 22) /* 160 MiB: more connections than that have no memory before */
#define WORD(k_)    (127u << IP6_WORD_BITS | ((k_) + 1))
#define INDEX(w_)   (((w_) & ((1u << IP6_WORD_BITS) - 1)) - 1)
#define NONE        UINT32_MAX

_Static_assert(!(FIRST_SIZE & (FIRST_SIZE - 1)), "hashes are masked");
_Static_assert(NUMBERS_MAX < 1u << IP6_WORD_BITS, "a word says which one");

struct number {
	uint8_t address[16];
	const struct interface *link; /* of an address that means this link alone; else null */
	uint32_t holds;               /* 0: free */
	uint32_t next;                /* in its bucket, or among the free ones */
};

static struct number *all;
static uint32_t *buckets; /* as many as numbers */
static uint32_t size, used, free_first = NONE;

static uint32_t *bucket(const uint8_t address[16])
{
	return &buckets[hash_bytes(address, 16) & (size - 1)];
}

static const struct interface *link_of(const uint8_t address[16], const struct interface *i)
{
	bool link = (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) ||
	            (address[0] == 0xff && (address[1] & 15) <= 2);
	return !link ? NULL : i ? i : interface_find(NULL);
}

static bool grow(void)
{
	uint32_t more = size ? 2 * size : FIRST_SIZE;
	if (more > NUMBERS_MAX)
		return false;
	struct number *larger = heap_resize(all, more * sizeof *all);
	if (!larger)
		return false;
	all = larger;
	uint32_t *heads = heap_resize(buckets, more * sizeof *buckets);
	if (!heads)
		return false;
	buckets = heads;
	for (uint32_t k = size; k < more; k++) {
		all[k].holds = 0;
		all[k].next = free_first;
		free_first = k;
	}
	size = more;
	memset(buckets, 0xff, size * sizeof *buckets);
	for (uint32_t k = 0; k < size; k++) {
		if (!all[k].holds)
			continue;
		uint32_t *at = bucket(all[k].address);
		all[k].next = *at;
		*at = k;
	}
	return true;
}

uint32_t ip6_number_known(const uint8_t address[16], const struct interface *i)
{
	const struct interface *link = link_of(address, i);
	uint32_t k = size ? *bucket(address) : NONE;
	while (k != NONE && (all[k].link != link || memcmp(all[k].address, address, 16) != 0))
		k = all[k].next;
	return k == NONE ? 0 : WORD(k);
}

uint32_t ip6_number(const uint8_t address[16], const struct interface *i)
{
	static const uint8_t none[16];
	uint32_t word = ip6_number_known(address, i);
	if (word) {
		all[INDEX(word)].holds++;
		return word;
	}
	if (memcmp(address, none, 16) == 0 || (free_first == NONE && !grow()))
		return 0;
	uint32_t k = free_first, *at = bucket(address);
	struct number *n = &all[k];
	free_first = n->next;
	memcpy(n->address, address, 16);
	n->link = link_of(address, i);
	n->holds = 1;
	n->next = *at;
	*at = k;
	used++;
	return WORD(k);
}

static struct number *held(uint32_t word)
{
	uint32_t k = INDEX(word);
	ensure(k < size && all[k].holds);
	return &all[k];
}

const uint8_t *ip6_number_bytes(uint32_t word)
{
	return held(word)->address;
}

struct net_address ip6_number_address(uint32_t word)
{
	struct net_address a;
	memcpy(a.bytes, held(word)->address, sizeof a.bytes);
	return a;
}

const struct interface *ip6_number_link(uint32_t word)
{
	return held(word)->link;
}

void ip6_number_hold(uint32_t word)
{
	held(word)->holds++;
}

void ip6_number_release(uint32_t word)
{
	struct number *n = held(word);
	uint32_t k = (uint32_t)(n - all);
	if (--n->holds)
		return;
	uint32_t *at = bucket(n->address);
	while (*at != k)
		at = &all[*at].next;
	*at = n->next;
	n->next = free_first;
	free_first = k;
	used--;
}

uint32_t ip6_digest(uint32_t word)
{
	return (uint32_t)hash_bytes(held(word)->address, 16);
}

uint32_t ip6_number_total(void)
{
	return used;
}

void ip6_number_stop(void)
{
	if (used)
		return;
	heap_free(all);
	heap_free(buckets);
	all = NULL;
	buckets = NULL;
	size = used = 0;
	free_first = NONE;
}

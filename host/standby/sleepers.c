/* SPDX-License-Identifier: ISC */
/* Open addressing: who is looked for lies in his slot or in one of those behind it, before the first empty one. */
#include <stdlib.h>
#include <string.h>

#include <standby/sleepers.h>

#define SLOTS_FIRST 16u
#define FNV_BASIS   0xcbf29ce484222325ull
#define FNV_PRIME   0x100000001b3ull

static uint32_t hash(const void *bytes, size_t size)
{
	const uint8_t *b = bytes;
	uint64_t h = FNV_BASIS;
	for (size_t i = 0; i < size; i++)
		h = (h ^ b[i]) * FNV_PRIME;
	return (uint32_t)(h ^ h >> 32);
}

/* ---- Looked up ---- */

/* The slot that has it, or the empty one where it belongs. There is one: half of them are empty. */
static uint32_t mac_slot(const struct sleepers *s, const uint8_t mac[6])
{
	uint32_t mask = s->mac_slots - 1, i = hash(mac, 6) & mask;
	while (s->macs[i] && memcmp(s->all[s->macs[i] - 1].mac, mac, 6) != 0)
		i = (i + 1) & mask;
	return i;
}

static uint32_t ip4_slot(const struct sleepers *s, uint32_t address)
{
	uint32_t mask = s->ip4_slots - 1, i = hash(&address, sizeof address) & mask;
	while (s->ip4[i].sleeper && s->ip4[i].address != address)
		i = (i + 1) & mask;
	return i;
}

static uint32_t ip6_slot(const struct sleepers *s, const uint8_t address[16])
{
	uint32_t mask = s->ip6_slots - 1, i = hash(address, 16) & mask;
	while (s->ip6[i].sleeper && memcmp(s->ip6[i].address, address, 16) != 0)
		i = (i + 1) & mask;
	return i;
}

uint32_t sleepers_by_mac(const struct sleepers *s, const uint8_t mac[6])
{
	return s->mac_slots ? s->macs[mac_slot(s, mac)] - 1 : SLEEPERS_NONE;
}

uint32_t sleepers_by_ip4(const struct sleepers *s, uint32_t address)
{
	return s->ip4_slots ? s->ip4[ip4_slot(s, address)].sleeper - 1 : SLEEPERS_NONE;
}

uint32_t sleepers_by_ip6(const struct sleepers *s, const uint8_t address[16])
{
	return s->ip6_slots ? s->ip6[ip6_slot(s, address)].sleeper - 1 : SLEEPERS_NONE;
}

/* ---- Room ---- */

static uint32_t slots_for(uint32_t count)
{
	uint32_t n = SLOTS_FIRST;
	while (n < 2 * count)
		n *= 2;
	return n;
}

static bool grow_macs(struct sleepers *s, uint32_t count)
{
	uint32_t slots = slots_for(count);
	if (count > s->room) {
		uint32_t room = s->room + s->room / 2 + SLOTS_FIRST;
		struct sleeper *all = realloc(s->all, room * sizeof *all);
		if (!all)
			return false;
		s->all = all;
		s->room = room;
	}
	if (slots == s->mac_slots)
		return true;
	uint32_t *macs = calloc(slots, sizeof *macs);
	if (!macs)
		return false;
	free(s->macs);
	s->macs = macs;
	s->mac_slots = slots;
	for (uint32_t i = 0; i < s->count; i++)
		s->macs[mac_slot(s, s->all[i].mac)] = i + 1;
	return true;
}

static bool grow_ip4(struct sleepers *s, uint32_t count)
{
	uint32_t slots = count ? slots_for(count) : 0, old_slots = s->ip4_slots;
	if (slots == old_slots)
		return true;
	struct sleepers_ip4 *old = s->ip4, *new = calloc(slots, sizeof *new);
	if (!new)
		return false;
	s->ip4 = new;
	s->ip4_slots = slots;
	for (uint32_t i = 0; i < old_slots; i++)
		if (old[i].sleeper)
			s->ip4[ip4_slot(s, old[i].address)] = old[i];
	free(old);
	return true;
}

static bool grow_ip6(struct sleepers *s, uint32_t count)
{
	uint32_t slots = count ? slots_for(count) : 0, old_slots = s->ip6_slots;
	if (slots == old_slots)
		return true;
	struct sleepers_ip6 *old = s->ip6, *new = calloc(slots, sizeof *new);
	if (!new)
		return false;
	s->ip6 = new;
	s->ip6_slots = slots;
	for (uint32_t i = 0; i < old_slots; i++)
		if (old[i].sleeper)
			s->ip6[ip6_slot(s, old[i].address)] = old[i];
	free(old);
	return true;
}

/* ---- Added ---- */

static bool is_there(const struct sleepers *s, const struct filter_wish *w)
{
	if (sleepers_by_mac(s, w->mac) != SLEEPERS_NONE)
		return true;
	for (uint32_t i = 0; i < w->ip4_count; i++)
		if (sleepers_by_ip4(s, w->ip4[i]) != SLEEPERS_NONE)
			return true;
	for (uint32_t i = 0; i < w->ip6_count; i++)
		if (sleepers_by_ip6(s, w->ip6[i]) != SLEEPERS_NONE)
			return true;
	return false;
}

enum sleepers_added sleepers_add(struct sleepers *s, const struct filter_wish *w, uint32_t standby,
                                 uint8_t wire)
{
	if (is_there(s, w))
		return SLEEPERS_TWICE;
	if (!grow_macs(s, s->count + 1) || !grow_ip4(s, s->ip4_count + w->ip4_count) ||
	    !grow_ip6(s, s->ip6_count + w->ip6_count))
		return SLEEPERS_NO_MEMORY;
	struct sleeper *new = &s->all[s->count++];
	*new = (struct sleeper){ .wire = wire, .standby = standby };
	memcpy(new->mac, w->mac, sizeof new->mac);
	s->macs[mac_slot(s, new->mac)] = s->count;
	/* One of its own twice is one. */
	for (uint32_t i = 0; i < w->ip4_count; i++) {
		struct sleepers_ip4 *at = &s->ip4[ip4_slot(s, w->ip4[i])];
		s->ip4_count += !at->sleeper;
		*at = (struct sleepers_ip4){ w->ip4[i], s->count };
	}
	for (uint32_t i = 0; i < w->ip6_count; i++) {
		struct sleepers_ip6 *at = &s->ip6[ip6_slot(s, w->ip6[i])];
		s->ip6_count += !at->sleeper;
		memcpy(at->address, w->ip6[i], sizeof at->address);
		at->sleeper = s->count;
	}
	return SLEEPERS_ADDED;
}

/* An emptied slot would hide those behind it: all are filled anew. It is rare, an error of a command line. */
void sleepers_drop_last(struct sleepers *s)
{
	uint32_t last = s->count--;
	struct sleepers old = *s;
	memset(s->macs, 0, s->mac_slots * sizeof *s->macs);
	for (uint32_t i = 0; i < s->count; i++)
		s->macs[mac_slot(s, s->all[i].mac)] = i + 1;
	s->ip4 = calloc(old.ip4_slots, sizeof *s->ip4);
	s->ip6 = calloc(old.ip6_slots, sizeof *s->ip6);
	s->ip4_count = s->ip6_count = 0;
	s->ip4_slots = s->ip4 ? old.ip4_slots : 0;
	s->ip6_slots = s->ip6 ? old.ip6_slots : 0;
	for (uint32_t i = 0; i < s->ip4_slots; i++)
		if (old.ip4[i].sleeper && old.ip4[i].sleeper != last) {
			s->ip4[ip4_slot(s, old.ip4[i].address)] = old.ip4[i];
			s->ip4_count++;
		}
	for (uint32_t i = 0; i < s->ip6_slots; i++)
		if (old.ip6[i].sleeper && old.ip6[i].sleeper != last) {
			s->ip6[ip6_slot(s, old.ip6[i].address)] = old.ip6[i];
			s->ip6_count++;
		}
	free(old.ip4);
	free(old.ip6);
}

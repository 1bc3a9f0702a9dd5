/* SPDX-License-Identifier: ISC */
/*
 * Looking names up in the database (layout: database.h). The hash of every suffix of a name is
 * computed in one pass from the right; an existing name is then found with one probe. For one that
 * does not exist, the closest encloser is its parent most of the time; if not, existence being
 * monotone up the tree, it is found by bisection: a name of 127 labels costs no more than eight
 * probes.
 */
#include <app/dns/database.h>

#include <core/error.h>

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_MALFORMED;
}

int dns_database_open(struct dns_database *db, const void *data, uint64_t size, const char **why)
{
	const struct db_header *h = data;

	if (size < sizeof *h + DB_TAIL)
		return refuse(why, "it is too short");
	if (h->magic != DB_MAGIC)
		return refuse(why, "it is not a zone database");
	if (h->version != DB_VERSION)
		return refuse(why, "it was made by another version of ampoule-dns-zones");
	if (h->size != size || size > UINT32_MAX)
		return refuse(why, "its size is not what it says");
	uint32_t end = (uint32_t)size - DB_TAIL;
	if (h->slot_bits > 28 || h->slots < sizeof *h ||
	    h->slots + (sizeof(struct db_slot) << h->slot_bits) > end)
		return refuse(why, "its hash table lies outside of it");
	if (h->zones < sizeof *h ||
	    h->zones + (uint64_t)h->zone_count * sizeof(struct db_zone) > end)
		return refuse(why, "its list of zones lies outside of it");
	if (h->zone_count == 0)
		return refuse(why, "there is no zone in it");
	*db = (struct dns_database){
		.base = data,
		.end = end,
		.slot_mask = (1u << h->slot_bits) - 1,
		.probe_max = h->probe_max,
		.labels_max = h->labels_max,
		.root = h->root,
		.zones = h->zones,
		.zone_count = h->zone_count,
		.names = h->names,
		.records = h->records,
		.seed = h->seed,
		.slots = (const struct db_slot *)((const uint8_t *)data + h->slots),
	};
	const struct db_name *root = db_name(db, db->root);
	if (!root || root->size != 1 || root->labels != 0 || !(root->flags & DB_EXISTS))
		return refuse(why, "its root is missing");
	return OK;
}

unsigned dns_key_read(struct dns_key *key, const uint8_t *from, uint32_t size)
{
	unsigned at = 0, labels = 0;

	for (;;) {
		if (at >= size || at >= DNS_NAME_MAX)
			return 0;
		unsigned length = from[at];
		if (length > DNS_LABEL_MAX)
			return 0; /* a pointer, or one of the label types that came to nothing */
		key->starts[labels] = (uint8_t)at;
		if (length == 0)
			break;
		at += length + 1;
		labels++; /* at most 127 of them fit into DNS_NAME_MAX */
	}
	at++; /* the root's byte */
	key->size = (uint8_t)at;
	key->labels = (uint8_t)labels;
	memcpy(key->lower, from, at);
	memset(key->lower + at, 0, 8);
	/* Length bytes are below 'A', so that they pass unchanged. Whole vectors: the room is
	 * there. */
	for (unsigned i = 0; i < at; i += 32)
		for (unsigned j = 0; j < 32; j++) {
			uint8_t c = key->lower[i + j];
			key->lower[i + j] = (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 32 : 0));
		}
	return at;
}

/* The name that ends key with `labels` labels, whose hash is given; 0: not there. */
static uint32_t probe(const struct dns_database *db, const struct dns_key *key, unsigned labels,
                      uint64_t hash)
{
	unsigned start = key->starts[key->labels - labels];
	unsigned size = key->size - start;
	uint32_t tag = (uint32_t)(hash >> 32);
	uint32_t at = (uint32_t)hash & db->slot_mask;

	for (uint32_t i = 0; i < db->probe_max; i++, at = (at + 1) & db->slot_mask) {
		const struct db_slot *slot = &db->slots[at];
		if (slot->name == 0)
			return 0;
		if (slot->tag != tag)
			continue;
		const struct db_name *n = db_name(db, slot->name);
		if (n && n->size == size && memcmp(n->wire, key->lower + start, size) == 0)
			return slot->name;
	}
	return 0;
}

struct dns_found dns_database_find(const struct dns_database *db, const struct dns_key *key)
{
	uint64_t hash[DNS_LABELS_MAX] RAW;
	unsigned known = key->labels < db->labels_max ? key->labels : db->labels_max;

	hash[0] = db->seed;
	for (unsigned i = 1; i <= known; i++) {
		unsigned start = key->starts[key->labels - i],
		         end = key->starts[key->labels - i + 1];
		hash[i] = dns_suffix_hash(hash[i - 1], key->lower + start, end - start);
	}
	if (key->labels == 0)
		return (struct dns_found){ db->root, true };
	if (known == key->labels) {
		uint32_t at = probe(db, key, known, hash[known]);
		if (at)
			return (struct dns_found){ at, true };
		known--;
	}
	/* The most labels of an ancestor that is there lie in [low, high]. */
	unsigned low = 0, high = known;
	uint32_t best = db->root;
	for (unsigned try = high; low < high; try = (low + high + 1) / 2) {
		uint32_t at = probe(db, key, try, hash[try]);
		if (at) {
			best = at;
			low = try;
		} else {
			high = try - 1;
		}
	}
	return (struct dns_found){ best, false };
}

/* SPDX-License-Identifier: ISC */
/*
 * The zone database: what builder.c makes at build time and answer.c reads in place. One blob,
 * position independent: every reference in it is an offset from its first byte, so that it needs no
 * parsing, no relocation and no heap; a page is touched when an answer needs it.
 *
 *	header | hash slots | names, each followed by the RRsets that it owns | zones | DB_TAIL zero
 * bytes
 *
 * A *name* exists once for each domain name that the zones mention (case ignored): owners, their
 * ancestors up to the root, and targets of compressible data. The hash finds names by dns_suffix_*
 *(below). A name's zone is the deepest hosted zone that encloses it, and its RRsets are that
 * zone's; what a parent zone knows of a hosted child's apex (its NS, its DS) hangs off the apex as a
 * second name record, `above`.
 *
 * The blob may be damaged: readers get at it through db_name, db_rrset and db_zone only, which
 * check that what they return lies within it. Numbers are little-endian; nothing is aligned, hence
 * the packed structures.
 */
#ifndef DNS_DATABASE_H
#define DNS_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/raw.h>
#include <string.h>

#include <app/dns/name.h>

#define DB_MAGIC   0x73656e6f5a706d41ull /* "AmpZones" */
#define DB_VERSION 2u
#define DB_TAIL                                                                                    \
	512u /* zero bytes at the end: any fixed part and name can be read at any offset before */

struct __attribute__((packed)) db_header {
	uint64_t magic;
	uint32_t version;
	uint32_t zone_count;
	uint64_t size;      /* of the whole blob, DB_TAIL included; less than 2^32 */
	uint64_t seed;      /* of the hash; the builder chose it so that no probe is long */
	uint32_t slots;     /* offset of the slots; a multiple of 64 */
	uint32_t slot_bits; /* there are 2^slot_bits */
	uint32_t zones;     /* offset of zone_count struct db_zone */
	uint32_t names;     /* how many can be found */
	uint32_t records;
	uint32_t labels_max; /* of any name in here */
	uint32_t root;       /* offset of the root's name */
	uint32_t probe_max;  /* slots that a look-up reads at the most */
};

/* A slot of the open hash table; linear probing, a zero name ends the search. */
struct __attribute__((packed)) db_slot {
	uint32_t name;
	uint32_t tag; /* the hash's upper half */
};

enum db_name_flag {
	DB_EXISTS = 1, /* it, or something below it, owns records; else it is a mere target */
	DB_APEX = 2,
	DB_CUT = 4,    /* delegated: has NS and is not the apex */
	DB_DNAME = 8,  /* what is below is redirected */
	DB_CASED = 16, /* has capital letters: the name as written follows the lower-case one */
};

struct __attribute__((packed)) db_rrset_ref {
	uint16_t type;
	uint16_t reserved;
	uint32_t rrset;
};

struct __attribute__((packed)) db_name {
	uint32_t parent; /* the name without its first label; 0 at the root */
	uint32_t
	        zone; /* struct db_zone; 0: in none of ours, or in one for transfers alone, of which
	                  * the apex shows its SOA and nothing else is there */
	uint32_t cover; /* the topmost DB_CUT or DB_DNAME name at or above it, in its zone; 0: none
	                  */
	uint32_t wildcard; /* its child `*`, if that exists in its zone; 0: none */
	uint32_t above; /* an apex: the same name as the parent zone sees it, if that is hosted; 0:
	                   not */
	uint16_t rrset_count;
	uint8_t flags;
	uint8_t labels; /* the root's not counted */
	uint8_t size;   /* bytes of its wire form */
	uint8_t wire[]; /* lower case; then as written (DB_CASED); then rrset_count struct
	                 * db_rrset_ref, in the order of the master file */
};

/*
 * An RRset, ready to go out. Plain (shape.names is 0): the records in full wire form, each with the
 * owner as a pointer to the question (0xc00c), so that an answer is one copy. Else each record is
 * shape.prefix bytes, shape.names offsets (uint32_t) of names to be compressed, shape.suffix bytes:
 * its data alone.
 */
struct __attribute__((packed)) db_rrset {
	uint32_t owner; /* struct db_name */
	uint32_t ttl;
	uint32_t size; /* of the records */
	uint16_t type;
	uint16_t count; /* of records; never 0 */
	uint16_t extra_a, extra_aaaa,
	        extra_other; /* offsets of RRsets (uint32_t) for the additional section, after
	                      * the records: A first, then AAAA, then the rest */
	struct __attribute__((packed)) {
		uint8_t prefix, names, suffix;
	} shape;
	uint8_t reserved;
	uint8_t records[];
};

struct __attribute__((packed)) db_zone {
	uint32_t apex; /* struct db_name */
	uint32_t soa;  /* RRset for negative answers: its TTL is the lesser of its own and its
	                  minimum */
	uint32_t ns;   /* RRset */
	uint32_t sets; /* offsets of its RRsets (uint32_t), as a transfer sends them; glue and what
	                  is occluded included */
	uint32_t set_count;
};

/* ---- Hash ---- */

static inline uint64_t dns_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t dns_load_u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* The hash of a name from that of the name without its first label (the root's is the seed).
 * `label` is its length byte and lower-case text, `size` bytes in all; 7 bytes after them must be
 * readable. */
static inline uint64_t dns_suffix_hash(uint64_t above, const uint8_t *label, unsigned size)
{
	uint64_t h = above ^ 0x9e3779b97f4a7c15ull;
	for (; size > 8; size -= 8, label += 8)
		h = dns_mix(h ^ dns_load_u64(label), 0xd6e8feb86659fd93ull);
	uint64_t last = dns_load_u64(label) & (~0ull >> (64 - 8 * size));
	return dns_mix(h ^ last, 0xa0761d6478bd642full) + above;
}

/* ---- Reading ---- */

struct dns_database {
	const uint8_t *base;
	uint32_t end; /* offset of the tail: no structure begins at or after it */
	uint32_t slot_mask, probe_max, labels_max;
	uint32_t root, zones, zone_count, names, records;
	uint64_t seed;
	const struct db_slot *slots;
};

/* Checks magic, version, size and the header's offsets; touches the first page only. `data` must
 * stay. ERR_MALFORMED; *why says what is wrong. */
int dns_database_open(struct dns_database *, const void *data, uint64_t size, const char **why);

/* The name at an offset, or null if that cannot be one. */
static inline const struct db_name *db_name(const struct dns_database *db, uint32_t at)
{
	if (at < sizeof(struct db_header) || at >= db->end)
		return NULL;
	const struct db_name *n = (const struct db_name *)(db->base + at);
	uint64_t refs = at + sizeof *n + (n->flags & DB_CASED ? 2u : 1u) * n->size +
	                n->rrset_count * sizeof(struct db_rrset_ref);
	return refs <= db->end + DB_TAIL && n->size != 0 ? n : NULL;
}

/* Its wire form as written. */
static inline const uint8_t *db_name_wire(const struct db_name *n)
{
	return n->wire + (n->flags & DB_CASED ? n->size : 0);
}

static inline const struct db_rrset_ref *db_name_rrsets(const struct db_name *n)
{
	return (const struct db_rrset_ref *)(n->wire + (n->flags & DB_CASED ? 2u : 1u) * n->size);
}

/* The offset of the RRset of that type, or 0. */
static inline uint32_t db_name_rrset(const struct db_name *n, uint16_t type)
{
	const struct db_rrset_ref *r = db_name_rrsets(n);
	for (unsigned i = 0; i < n->rrset_count; i++)
		if (r[i].type == type)
			return r[i].rrset;
	return 0;
}

static inline const struct db_rrset *db_rrset(const struct dns_database *db, uint32_t at)
{
	if (at < sizeof(struct db_header) || at >= db->end)
		return NULL;
	const struct db_rrset *s = (const struct db_rrset *)(db->base + at);
	uint64_t extras = (uint64_t)s->extra_a + s->extra_aaaa + s->extra_other;
	return at + sizeof *s + s->size + 4 * extras <= db->end + DB_TAIL ? s : NULL;
}

static inline const struct db_zone *db_zone(const struct dns_database *db, uint32_t at)
{
	if (at < sizeof(struct db_header) || at >= db->end)
		return NULL;
	return (const struct db_zone *)(db->base + at);
}

/* A name to look for, taken apart in one pass. */
struct dns_key {
	uint8_t size;                     /* of the wire form */
	uint8_t labels;                   /* the root's not counted */
	uint8_t starts[DNS_LABELS_MAX];   /* where each label begins; the root's last */
	uint8_t lower[DNS_NAME_MAX + 33]; /* the name in lower case, and room for whole words */
};

/* Fills it from a name at `from`, of which `size` bytes are readable: no compression. Returns the
 * name's size, or 0 if it is malformed. */
unsigned dns_key_read(struct dns_key *, const uint8_t *from, uint32_t size);

struct dns_found {
	uint32_t at; /* the name itself, or its closest encloser among names that exist; 0: damaged
	              */
	bool exact;
};
struct dns_found dns_database_find(const struct dns_database *, const struct dns_key *);

#endif

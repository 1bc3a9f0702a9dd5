/* SPDX-License-Identifier: ISC */
/*
 * Writing responses: see response.h. All writing goes through struct bytes_out, all references into
 * the database through its checked readers; an offset that leads nowhere sets `damaged`, from which
 * answer.c makes SERVFAIL.
 */
#include <app/dns/response.h>

#include <app/dns/query.h>
#include <app/dns/type.h>

#define POINTER     0xc000u
#define POINTER_MAX 0x3fffu
#define IS_THERE    1u /* the offset noted for an RRset */

static unsigned known_slot(uint32_t reference)
{
	return (reference * 0x9e3779b1u) >> (32 - DNS_KNOWN_BITS);
}

/* Where it stands in the message; 0: nowhere. */
static uint16_t known(const struct dns_response *r, uint32_t reference)
{
	uint64_t want = (uint64_t)reference << 32 | (uint32_t)r->epoch << 16;

	for (unsigned i = known_slot(reference);; i = (i + 1) & ((1u << DNS_KNOWN_BITS) - 1)) {
		uint64_t entry = r->known[i];
		if ((entry & ~0xffffull) == want)
			return (uint16_t)entry;
		if ((uint16_t)(entry >> 16) != r->epoch)
			return 0;
	}
}

static void know(struct dns_response *r, uint32_t reference, uint32_t offset)
{
	if (r->known_count == DNS_KNOWN_MAX || offset > POINTER_MAX)
		return;
	unsigned i = known_slot(reference);
	while ((uint16_t)(r->known[i] >> 16) == r->epoch)
		i = (i + 1) & ((1u << DNS_KNOWN_BITS) - 1);
	r->known[i] = (uint64_t)reference << 32 | (uint32_t)r->epoch << 16 | offset;
	r->known_order[r->known_count++] = (uint16_t)i;
}

/* Takes back what was noted since there were `count`; newest first, so that no probe sequence
 * breaks. */
static void forget(struct dns_response *r, uint16_t count)
{
	while (r->known_count > count)
		r->known[r->known_order[--r->known_count]] = 0;
}

static void forget_all(struct dns_response *r)
{
	r->known_count = 0;
	if (++r->epoch == 0) { /* once in 65535 responses; 0 marks free slots */
		memset(r->known, 0, sizeof r->known);
		r->epoch = 1;
	}
}

void dns_response_begin(struct dns_response *r, const struct dns_database *db, uint8_t *message,
                        uint32_t question_end, uint32_t limit)
{
	r->db = db;
	r->out = bytes_out(message, limit);
	r->out.at = question_end;
	r->counts[0] = r->counts[1] = r->counts[2] = 0;
	r->truncated = r->reduced = r->damaged = false;
	forget_all(r);
}

void dns_response_question(struct dns_response *r, const struct dns_key *key, uint32_t encloser)
{
	const struct db_name *n = db_name(r->db, encloser);

	know(r, DNS_MADE_QUERY, DNS_HEADER_SIZE);
	/* The ancestors of what exists are in the message as well: their names are the question's
	 * end. */
	for (uint32_t at = encloser; n && n->labels && n->labels <= key->labels;) {
		know(r, at, DNS_HEADER_SIZE + key->starts[key->labels - n->labels]);
		at = n->parent;
		const struct db_name *parent = db_name(r->db, at);
		if (!parent || parent->labels != n->labels - 1)
			break;
		n = parent;
	}
}

static void fail(struct dns_response *r)
{
	r->damaged = true;
	r->out.failed = true;
}

static void put_name(struct dns_response *r, uint32_t reference)
{
	uint16_t at = known(r, reference);
	if (at) {
		bytes_put_u16(&r->out, (uint16_t)(POINTER | at));
		return;
	}
	if (reference < DNS_MADE_MAX) {
		const struct dns_made *made = &r->made[reference];
		know(r, reference, r->out.at);
		bytes_put_copy(&r->out, made->wire, made->own);
		reference = made->encloser;
	}
	const struct db_name *n = db_name(r->db, reference);
	if (!n) {
		fail(r);
		return;
	}
	const uint8_t *wire = db_name_wire(n);
	unsigned size = n->size, own = 0;
	while (n->labels && !(at = known(r, reference))) {
		know(r, reference, r->out.at + own);
		own += 1u + wire[own];
		reference = n->parent;
		const struct db_name *parent = db_name(r->db, reference);
		if (!parent || own >= size || parent->labels != n->labels - 1) {
			fail(r);
			return;
		}
		n = parent;
	}
	bytes_put_copy(&r->out, wire, own);
	if (n->labels)
		bytes_put_u16(&r->out, (uint16_t)(POINTER | at));
	else
		bytes_put_u8(&r->out, 0);
}

/* These two are written out in both of their callers: every answer goes through the first one's. */
#define TWICE static inline __attribute__((always_inline))

TWICE void put_plain_record(struct dns_response *r, struct bytes_in *in, uint32_t owner)
{
	bytes_skip(in, 2);
	const uint8_t *fixed = bytes_get(in, 10);
	uint32_t size = fixed ? bytes_load_u16(fixed + 8) : 0;
	if (!bytes_skip(in, size)) {
		fail(r);
		return;
	}
	put_name(r, owner);
	bytes_put_copy(&r->out, fixed, 10 + size);
}

/* Records in wire form, their owner a pointer of two bytes. */
static void put_plain(struct dns_response *r, const struct db_rrset *s, uint32_t owner)
{
	struct bytes_in in = bytes_in(s->records, s->size);
	uint16_t at = known(r, owner);

	if (at == DNS_HEADER_SIZE) { /* as they are */
		bytes_put_copy(&r->out, s->records, s->size);
		return;
	}
	for (unsigned i = 0; i < s->count && !r->out.failed; i++)
		put_plain_record(r, &in, owner);
}

TWICE void put_compressed_record(struct dns_response *r, const struct db_rrset *s,
                                 struct bytes_in *in, uint32_t owner)
{
	put_name(r, owner);
	bytes_put_u16(&r->out, s->type);
	bytes_put_u16(&r->out, DNS_IN);
	bytes_put_u32(&r->out, s->ttl);
	uint32_t length = r->out.at;
	bytes_put_u16(&r->out, 0);
	const uint8_t *prefix = bytes_get(in, s->shape.prefix);
	if (prefix)
		bytes_put_copy(&r->out, prefix, s->shape.prefix);
	for (unsigned j = 0; j < s->shape.names; j++) {
		uint32_t name = 0;
		bytes_copy(in, &name, sizeof name);
		put_name(r, name);
	}
	const uint8_t *suffix = bytes_get(in, s->shape.suffix);
	if (in->failed) {
		fail(r);
		return;
	}
	bytes_put_copy(&r->out, suffix, s->shape.suffix);
	if (!r->out.failed)
		bytes_patch_u16(&r->out, length, (uint16_t)(r->out.at - length - 2));
}

static void put_compressed(struct dns_response *r, const struct db_rrset *s, uint32_t owner)
{
	struct bytes_in in = bytes_in(s->records, s->size);

	for (unsigned i = 0; i < s->count && !r->out.failed; i++)
		put_compressed_record(r, s, &in, owner);
}

/* After something was written since `mark`: keeps it, or takes it all back. */
static bool settle(struct dns_response *r, enum dns_section section, unsigned count, uint32_t mark,
                   uint16_t known_mark, bool required)
{
	if (!r->out.failed) {
		r->counts[section] = (uint16_t)(r->counts[section] + count);
		return true;
	}
	bytes_rewind(&r->out, mark);
	forget(r, known_mark);
	if (required)
		r->truncated = true;
	else
		r->reduced = true;
	return false;
}

bool dns_response_rrset(struct dns_response *r, enum dns_section section, uint32_t rrset,
                        uint32_t owner, bool required)
{
	uint32_t mark = r->out.at;
	uint16_t known_mark = r->known_count;

	if (r->truncated || r->damaged)
		return false;
	const struct db_rrset *s = db_rrset(r->db, rrset);
	if (!s) {
		fail(r);
		return false;
	}
	if (s->shape.names)
		put_compressed(r, s, owner);
	else
		put_plain(r, s, owner);
	if (!settle(r, section, s->count, mark, known_mark, required))
		return false;
	know(r, rrset, IS_THERE);
	return true;
}

bool dns_response_records(struct dns_response *r, uint32_t rrset, struct dns_part *part)
{
	const struct db_rrset *s = db_rrset(r->db, rrset);
	struct bytes_in in = bytes_in(s ? s->records : NULL, s ? s->size : 0);

	if (!s || !bytes_seek(&in, part->at)) {
		fail(r);
		return false;
	}
	while (part->records < s->count) {
		/* Full: names near each other in a zone are like each other, so that to begin anew
		 * costs less than to go on with the oldest. */
		if (r->known_count > DNS_KNOWN_MAX - DNS_LABELS_MAX / 2)
			forget_all(r);
		uint32_t mark = r->out.at;
		uint16_t known_mark = r->known_count;
		if (s->shape.names)
			put_compressed_record(r, s, &in, s->owner);
		else
			put_plain_record(r, &in, s->owner);
		if (!settle(r, DNS_SECTION_ANSWER, 1, mark, known_mark, false))
			return false;
		part->records++;
		part->at = in.at;
	}
	return true;
}

bool dns_response_cname(struct dns_response *r, uint32_t owner, uint32_t target, uint32_t ttl)
{
	uint32_t mark = r->out.at;
	uint16_t known_mark = r->known_count;

	if (r->truncated || r->damaged)
		return false;
	put_name(r, owner);
	bytes_put_u16(&r->out, DNS_CNAME);
	bytes_put_u16(&r->out, DNS_IN);
	bytes_put_u32(&r->out, ttl);
	uint32_t length = r->out.at;
	bytes_put_u16(&r->out, 0);
	put_name(r, target);
	if (!r->out.failed)
		bytes_patch_u16(&r->out, length, (uint16_t)(r->out.at - length - 2));
	return settle(r, DNS_SECTION_ANSWER, 1, mark, known_mark, true);
}

bool dns_response_has(const struct dns_response *r, uint32_t rrset)
{
	return known(r, rrset) != 0;
}

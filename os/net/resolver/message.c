/* SPDX-License-Identifier: ISC */
/*
 * Questions written and answers judged (RFC 1035 §4.1, RFC 2308, RFC 5452 §9.1). Only records that
 * the question's name leads to are believed, whatever else a message carries. A compression pointer
 * must lead to before the name that it stands in began, and each further one to before that, so
 * that no chain of them is endless.
 */
#include <string.h>

#include <core/bytes.h>
#include <net/resolver/internal.h>

#define HEADER        12u
#define LABEL_MAX     63u
#define TYPE_NS       2u
#define TYPE_CNAME    5u
#define TYPE_SOA      6u
#define TYPE_OPT      41u
#define CLASS_IN      1u
#define FLAG_QR       0x8000u
#define OPCODE        0x7800u
#define FLAG_TC       0x0200u
#define FLAG_RD       0x0100u
#define RCODE         0x000fu
#define FORMERR       1u
#define NXDOMAIN      3u
#define NOTIMP        4u
#define RCODE_REFUSED 5u

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool resolver_name_parse(struct resolver_name *n, const char *text)
{
	uint32_t at = 0;

	while (*text) {
		uint32_t label = at++, size = 0;
		for (; *text && *text != '.'; text++) {
			uint8_t c = (uint8_t)*text;
			/* The last byte is the root's. */
			if (c <= ' ' || c >= 127 || size == LABEL_MAX ||
			    at >= RESOLVER_NAME_MAX - 1)
				return false;
			n->wire[at++] = lower(c);
			size++;
		}
		if (size == 0)
			return false;
		n->wire[label] = (uint8_t)size;
		if (*text == '.')
			text++;
	}
	if (at == 0)
		return false;
	n->wire[at++] = 0;
	n->size = (uint8_t)at;
	return true;
}

bool resolver_name_same(const struct resolver_name *a, const struct resolver_name *b)
{
	return a->size == b->size && memcmp(a->wire, b->wire, a->size) == 0;
}

/* Bytes that a text takes as they are (RFC 4343 §2.1), and those that a backslash precedes. */
static uint32_t print_byte(char *to, uint8_t c)
{
	uint32_t size = 0;

	if (c <= ' ' || c >= 127) {
		to[size++] = '\\';
		to[size++] = (char)('0' + c / 100);
		to[size++] = (char)('0' + c / 10 % 10);
		c = (uint8_t)('0' + c % 10);
	} else if (c == '.' || c == '\\') {
		to[size++] = '\\';
	}
	to[size++] = (char)c;
	return size;
}

uint32_t resolver_name_print(char *to, const uint8_t *wire)
{
	uint32_t size = 0;

	while (*wire) {
		if (size)
			to[size++] = '.';
		for (uint32_t n = *wire++; n; n--)
			size += print_byte(to + size, *wire++);
	}
	if (!size)
		to[size++] = '.';
	to[size++] = '\0';
	return size;
}

uint32_t resolver_question(uint8_t to[RESOLVER_QUESTION_MAX], uint16_t id,
                           const struct resolver_key *k, bool edns)
{
	struct bytes_out out = bytes_out(to, RESOLVER_QUESTION_MAX);

	bytes_put_u16(&out, id);
	bytes_put_u16(&out, FLAG_RD);
	bytes_put_u16(&out, 1);
	bytes_put_u16(&out, 0);
	bytes_put_u16(&out, 0);
	bytes_put_u16(&out, edns);
	bytes_put_copy(&out, k->name.wire, k->name.size);
	bytes_put_u16(&out, k->type);
	bytes_put_u16(&out, CLASS_IN);
	if (edns) { /* RFC 6891 §6.1.2: root, OPT, our size, version 0, no options */
		bytes_put_u8(&out, 0);
		bytes_put_u16(&out, TYPE_OPT);
		bytes_put_u16(&out, RESOLVER_UDP_MAX);
		bytes_put_u32(&out, 0);
		bytes_put_u16(&out, 0);
	}
	return out.at;
}

static uint8_t as_it_is(uint8_t c)
{
	return c;
}

static void get_name_by(struct bytes_in *in, struct resolver_name *n, uint8_t (*fold)(uint8_t))
{
	struct bytes_in at = *in;
	uint32_t floor = in->at, size = 0;
	bool jumped = false;

	for (;;) {
		uint8_t label = bytes_get_u8(&at);
		if (label > LABEL_MAX) {
			uint32_t to = (label & 0x3fu) << 8 | bytes_get_u8(&at);
			if (!jumped)
				in->at = at.at;
			jumped = true;
			if (label < 0xc0 || to >= floor || at.failed || !bytes_seek(&at, to))
				break;
			floor = to;
			continue;
		}
		const uint8_t *bytes = bytes_get(&at, label);
		if (!bytes || size + label + 1 + (label ? 1u : 0u) > RESOLVER_NAME_MAX)
			break;
		n->wire[size++] = label;
		for (uint32_t k = 0; k < label; k++)
			n->wire[size++] = fold(bytes[k]);
		if (label == 0) {
			if (!jumped)
				in->at = at.at;
			n->size = (uint8_t)size;
			return;
		}
	}
	in->failed = true;
	n->size = 0;
}

static void get_name(struct bytes_in *in, struct resolver_name *n)
{
	get_name_by(in, n, lower);
}

struct record {
	struct resolver_name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	uint32_t data, size; /* offset in the message */
};

static bool get_record(struct bytes_in *in, struct record *r)
{
	get_name(in, &r->owner);
	r->type = bytes_get_u16(in);
	r->class = bytes_get_u16(in);
	r->ttl_s = bytes_get_u32(in);
	if (r->ttl_s > INT32_MAX)
		r->ttl_s = 0; /* RFC 2181 §8 */
	r->size = bytes_get_u16(in);
	r->data = in->at;
	return bytes_skip(in, r->size);
}

static void least(uint32_t *ttl, uint32_t other)
{
	if (other < *ttl)
		*ttl = other;
}

/* Bytes before the name in the data of a type that ends with one; -1: it has none. */
static int bytes_before_name(uint16_t type)
{
	return type == RESOLVER_NS || type == RESOLVER_PTR ? 0
	       : type == RESOLVER_MX                       ? 2
	       : type == RESOLVER_SRV                      ? 6
	                                                   : -1;
}

static bool strings_fit(const uint8_t *data, uint32_t size)
{
	uint32_t at = 0;

	while (at < size)
		at += 1u + data[at];
	return at == size && size;
}

/* Adds the record's data if it is well-formed and there is room. */
static void take(struct bytes_in in, const struct record *r, struct resolver_answer *a)
{
	const uint8_t *data = in.base + r->data;
	struct resolver_name name = { .size = 0 };
	uint32_t size = r->size;
	int before = bytes_before_name(r->type);

	if ((r->type == RESOLVER_A && size != 4) || (r->type == RESOLVER_AAAA && size != 16) ||
	    (r->type == RESOLVER_TXT && !strings_fit(data, size)) || (int)size < before)
		return;
	if (before >= 0) {
		in.at = r->data + (uint32_t)before;
		get_name_by(&in, &name, as_it_is);
		if (in.failed || in.at != r->data + size)
			return;
		size = (uint32_t)before;
	}
	uint32_t whole = size + name.size;
	if (2u + whole > sizeof a->data - a->set.size)
		return;
	uint8_t *to = a->data + a->set.size;
	bytes_store_u16(to, (uint16_t)whole);
	memcpy(to + 2, data, size);
	memcpy(to + 2 + size, name.wire, name.size);
	a->set.size += 2u + whole;
	a->set.count++;
	least(&a->set.ttl_s, r->ttl_s);
}

static void clear(struct resolver_answer *a)
{
	a->set.count = a->set.size = 0;
	a->set.data = a->data;
}

/* One pass over the answer section for what the name has: records of the type, or else an alias, which becomes the name. */
static bool follow(struct bytes_in in, uint32_t records, struct resolver_key *key,
                   struct resolver_answer *a)
{
	struct resolver_name alias, *name = &key->name;
	uint32_t alias_ttl = UINT32_MAX;
	struct record r;

	alias.size = 0;
	for (; records > 0; records--) {
		if (!get_record(&in, &r))
			return false;
		if (r.class != CLASS_IN || !resolver_name_same(&r.owner, name))
			continue;
		if (r.type == key->type) {
			take(in, &r, a);
		} else if (r.type == TYPE_CNAME && alias.size == 0) {
			struct bytes_in data = in;
			data.at = r.data;
			get_name(&data, &alias);
			if (!data.failed && data.at == r.data + r.size)
				alias_ttl = r.ttl_s;
			else
				alias.size = 0;
		}
	}
	if (a->set.count || alias.size == 0)
		return false;
	*name = alias;
	least(&a->set.ttl_s, alias_ttl);
	return true;
}

/* No record: is that so (RFC 2308 §2), and for how long? False: a referral, or nothing at all. */
static bool negative(struct bytes_in in, uint32_t records, bool absent, struct resolver_answer *a)
{
	bool soa = false, referral = false;
	struct record r;

	for (; records > 0 && get_record(&in, &r); records--) {
		if (r.class == CLASS_IN && r.type == TYPE_NS)
			referral = true;
		if (r.class != CLASS_IN || r.type != TYPE_SOA || r.size < 22)
			continue;
		soa = true;
		least(&a->set.ttl_s, r.ttl_s);
		least(&a->set.ttl_s, bytes_load_u32(in.base + r.data + r.size - 4));
		least(&a->set.ttl_s, RESOLVER_NEGATIVE_MAX_S);
	}
	if (!soa)
		a->set.ttl_s = 0; /* RFC 2308 §5 */
	return soa || absent || !referral;
}

enum resolver_outcome resolver_read(const uint8_t *message, uint32_t size, uint16_t id, bool edns,
                                    struct resolver_key *key, uint32_t *cnames,
                                    struct resolver_answer *a)
{
	struct bytes_in in = bytes_in(message, size);
	struct resolver_name asked;
	struct record r;

	uint16_t id_seen = bytes_get_u16(&in), flags = bytes_get_u16(&in);
	uint16_t questions = bytes_get_u16(&in), answers = bytes_get_u16(&in);
	uint16_t authorities = bytes_get_u16(&in);
	bytes_skip(&in, 2);
	if (in.failed || id_seen != id || !(flags & FLAG_QR) || flags & OPCODE)
		return RESOLVER_ALIEN;
	uint16_t rcode = flags & RCODE;
	/* A server that does not know EDNS may not even repeat the question (RFC 6891 §7). */
	if (edns && (rcode == FORMERR || rcode == NOTIMP) && questions == 0)
		return RESOLVER_PLAIN;
	if (questions != 1)
		return RESOLVER_ALIEN;
	get_name(&in, &asked);
	uint16_t type = bytes_get_u16(&in), class = bytes_get_u16(&in);
	if (in.failed || type != key->type || class != CLASS_IN ||
	    !resolver_name_same(&asked, &key->name))
		return RESOLVER_ALIEN;
	if (edns && (rcode == FORMERR || rcode == NOTIMP))
		return RESOLVER_PLAIN;
	if (flags & FLAG_TC)
		return RESOLVER_TRUNCATED;
	bool absent = rcode == NXDOMAIN;
	if (rcode && !absent)
		return rcode == RCODE_REFUSED ? RESOLVER_REFUSED : RESOLVER_FAILED;

	struct bytes_in section = in;
	for (uint32_t n = 0; n < answers; n++)
		if (!get_record(&in, &r))
			return RESOLVER_GARBAGE;
	clear(a);
	uint32_t before = *cnames;
	while (follow(section, answers, key, a))
		if (++*cnames > RESOLVER_CNAMES_MAX) {
			clear(a);
			a->set.ttl_s = 0;
			return RESOLVER_ANSWER;
		}
	if (!a->set.count) {
		uint32_t ttl_s = a->set.ttl_s;
		bool sure = negative(in, authorities, absent, a);
		if (*cnames != before && !absent && (a->set.ttl_s == 0 || !sure)) {
			a->set.ttl_s = ttl_s;
			return RESOLVER_CNAME;
		}
		if (!sure)
			return RESOLVER_REFUSED;
	} else if (absent) { /* contradicts itself */
		clear(a);
		a->set.ttl_s = 0;
	}
	least(&a->set.ttl_s, RESOLVER_TTL_MAX_S);
	return RESOLVER_ANSWER;
}

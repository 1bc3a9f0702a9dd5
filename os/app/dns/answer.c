/* SPDX-License-Identifier: ISC */
/*
 * Answering queries from the database (RFC 1034 §4.3.2). The search starts with one look-up of the
 * question's name; names that CNAMEs lead to need none, because the database links them. What the
 * zone says of a name (delegated, redirected, covered by a wildcard) was worked out by the builder,
 * so that one flag word decides. The answer section is written as the chain is followed; authority
 * and additional sections come after it.
 */
#include <app/dns/answer.h>

#include <core/cold.h>

#include <app/dns/type.h>

enum { SET_ANSWER, SET_AUTHORITY, SETS };

/* One answer in the making. */
struct search {
	struct dns_responder *a;
	struct dns_response *r;
	const struct dns_database *db;
	const struct dns_query *q;
	enum dns_rcode rcode;
	bool authoritative;
	bool refers;    /* SET_AUTHORITY is a delegation's */
	unsigned chain; /* CNAMEs and DNAMEs followed so far */
	unsigned made;  /* numbers of made names in use */
	struct {
		uint32_t rrset, name;
	} followed[DNS_CHAIN_MAX]; /* CNAMEs, and the names that they were followed from */
	uint32_t sets[SETS];       /* RRsets whose extras go to the additional section; 0: none */
};

/* Where the search is: a name that exists, or the closest encloser of one that does not. */
struct place {
	uint32_t at;   /* in the database */
	uint32_t name; /* the full name: `at`, a target that does not exist, or a made one */
	bool exact;
};

void dns_responder_init(struct dns_responder *a, const struct dns_database *db,
                        const struct dns_policy *policy)
{
	memset(a, 0, sizeof *a);
	a->db = db;
	if (policy)
		a->policy = *policy;
	if (a->policy.udp_size == 0)
		a->policy.udp_size = DNS_UDP_SIZE_DEFAULT;
	if (a->policy.udp_size < DNS_UDP_MIN)
		a->policy.udp_size = DNS_UDP_MIN;
}

static void damaged(struct search *s)
{
	s->r->damaged = true;
}

static void add_answer(struct search *s, uint32_t rrset, uint32_t owner)
{
	if (dns_response_rrset(s->r, DNS_SECTION_ANSWER, rrset, owner, true) &&
	    (!s->a->policy.minimal || s->q->type == DNS_NS))
		s->sets[SET_ANSWER] = rrset;
}

/* RFC 2308 §2, §3: the SOA, with the TTL that negative answers have. */
static void add_soa(struct search *s, const struct db_zone *zone)
{
	const struct db_rrset *soa = db_rrset(s->db, zone->soa);

	if (s->q->class == DNS_CLASS_ANY)
		return;
	if (!soa)
		damaged(s);
	else
		dns_response_rrset(s->r, DNS_SECTION_AUTHORITY, zone->soa, soa->owner, true);
}

/* RFC 1034 §4.3.2, 3b: the delegation's NS; its glue follows as the set's extras. */
static void refer(struct search *s, const struct db_name *cut)
{
	uint32_t at = db_name_rrset(cut, DNS_NS);
	const struct db_rrset *ns = db_rrset(s->db, at);

	if (!ns) {
		damaged(s);
		return;
	}
	if (s->chain == 0)
		s->authoritative = false;
	if (dns_response_rrset(s->r, DNS_SECTION_AUTHORITY, at, ns->owner, true)) {
		s->sets[SET_AUTHORITY] = at;
		s->refers = true;
	}
}

/* The zone's own NS, which a positive answer carries if there is room. */
static void add_ns(struct search *s, const struct db_zone *zone)
{
	const struct db_rrset *ns;

	if (s->a->policy.minimal || s->q->class == DNS_CLASS_ANY || s->q->type == DNS_DNSKEY ||
	    s->q->type == DNS_DS || s->q->type == DNS_ANY || dns_response_has(s->r, zone->ns))
		return;
	ns = db_rrset(s->db, zone->ns);
	if (!ns)
		damaged(s);
	else if (dns_response_rrset(s->r, DNS_SECTION_AUTHORITY, zone->ns, ns->owner, false))
		s->sets[SET_AUTHORITY] = zone->ns;
}

/* The place of a name that the database mentions: itself, or its closest encloser. */
static bool place_of(const struct search *s, uint32_t name, struct place *p)
{
	const struct db_name *n = db_name(s->db, name);

	*p = (struct place){ name, name, true };
	while (n && !(n->flags & DB_EXISTS)) {
		const struct db_name *parent = db_name(s->db, n->parent);
		if (!parent || parent->labels >= n->labels)
			return false;
		p->at = n->parent;
		p->exact = false;
		n = parent;
	}
	return n != NULL;
}

/* The DNAME's target is its owner or below it. */
static bool leads_into_itself(const struct db_name *dname, const struct db_rrset *set)
{
	struct dns_key target RAW;
	unsigned size = dns_key_read(&target, set->records + 12, set->size - 12);

	return size >= dname->size &&
	       memcmp(target.lower + size - dname->size, dname->wire, dname->size) == 0;
}

/* Below a DNAME (RFC 6672 §3.2): adds it and the CNAME made from it, and moves on to the new name.
 * False: the answer ends here. */
static bool redirect(struct search *s, const struct db_name *dname, struct place *p)
{
	uint32_t at = db_name_rrset(dname, DNS_DNAME);
	const struct db_rrset *set = db_rrset(s->db, at);
	uint8_t name[DNS_NAME_MAX + 1] RAW;
	unsigned own;
	struct dns_key key RAW;

	if (!set || set->size < 13) {
		damaged(s);
		return false;
	}
	/* The labels before the DNAME's owner, and its target. */
	if (p->name < DNS_MADE_MAX) {
		const struct dns_made *from = &s->r->made[p->name];
		const struct db_name *encloser = db_name(s->db, from->encloser);
		if (!encloser || encloser->size < dname->size) {
			damaged(s);
			return false;
		}
		own = from->own;
		memcpy(name, from->wire, own);
		const uint8_t *wire = db_name_wire(encloser);
		unsigned more = encloser->size - dname->size;
		if (own + more > DNS_NAME_MAX) {
			damaged(s);
			return false;
		}
		memcpy(name + own, wire, more);
		own += more;
	} else {
		const struct db_name *from = db_name(s->db, p->name);
		if (!from || from->size < dname->size) {
			damaged(s);
			return false;
		}
		own = from->size - dname->size;
		memcpy(name, db_name_wire(from), own);
	}
	if (!dns_response_has(s->r, at))
		add_answer(s, at, set->owner);
	else if (leads_into_itself(dname, set))
		return false; /* it was taken before, and it would be for ever */
	const uint8_t *target = set->records + 12;
	unsigned target_size = set->size - 12;
	if (target_size > DNS_NAME_MAX || own + target_size > DNS_NAME_MAX) {
		s->rcode = DNS_YXDOMAIN; /* RFC 6672 §2.2 */
		return false;
	}
	memcpy(name + own, target, target_size);
	if (dns_key_read(&key, name, own + target_size) != own + target_size) {
		damaged(s);
		return false;
	}
	if (s->made == DNS_MADE_MAX)
		return false;
	struct dns_found found = dns_database_find(s->db, &key);
	const struct db_name *n = db_name(s->db, found.at);
	if (!n || n->size > key.size) {
		damaged(s);
		return false;
	}
	struct place to = { found.at, found.at, found.exact };
	if (!found.exact) {
		struct dns_made *made = &s->r->made[s->made];
		made->own = (uint8_t)(key.size - n->size);
		memcpy(made->wire, name, made->own);
		made->encloser = found.at;
		to.name = s->made++;
	}
	dns_response_cname(s->r, p->name, to.name, set->ttl);
	if (s->q->type == DNS_CNAME)
		return false; /* the CNAME made is what was asked for */
	*p = to;
	return true;
}

/* The name exists, or a wildcard stands in for it: `data` has its RRsets. True: a CNAME leads to
 * *p. */
static bool take(struct search *s, const struct db_name *data, struct place *p,
                 const struct db_zone *zone)
{
	uint32_t set = 0;

	if (s->q->type == DNS_ANY) {
		if (data->rrset_count)
			set = db_name_rrsets(data)[0].rrset; /* RFC 8482 §4.1 */
	} else {
		set = db_name_rrset(data, s->q->type);
	}
	if (set) {
		add_answer(s, set, p->name);
		add_ns(s, zone);
		return false;
	}
	uint32_t alias = db_name_rrset(data, DNS_CNAME);
	if (!alias) {
		add_soa(s, zone); /* NODATA: RFC 2308 §2.2 */
		return false;
	}
	const struct db_rrset *cname = db_rrset(s->db, alias);
	uint32_t target = 0;
	if (!cname || cname->shape.prefix || cname->shape.names != 1 ||
	    cname->size < sizeof target) {
		damaged(s);
		return false;
	}
	memcpy(&target, cname->records, sizeof target);
	for (unsigned i = 0; i < s->chain; i++)
		if (s->followed[i].rrset == alias && s->followed[i].name == p->name)
			return false; /* a loop */
	s->followed[s->chain].rrset = alias;
	s->followed[s->chain].name = p->name;
	add_answer(s, alias, p->name);
	s->sets[SET_ANSWER] = 0;
	if (!place_of(s, target, p)) {
		damaged(s);
		return false;
	}
	return true;
}

/* Not ours: what a chain leads to elsewhere, the client asks there. Of a zone for transfers alone
 * its secondaries want to see the SOA. */
static COLD void foreign(struct search *s, const struct place *p, const struct db_name *n)
{
	uint32_t soa = p->exact && s->q->type == DNS_SOA ? db_name_rrset(n, DNS_SOA) : 0;

	if (s->chain > 0)
		return;
	if (!soa) {
		s->rcode = DNS_REFUSED;
		return;
	}
	s->authoritative = s->q->class != DNS_CLASS_ANY;
	add_answer(s, soa, p->name);
}

/* One step: what the zone says of this place. True: go on from *p. */
static bool step(struct search *s, struct place *p)
{
	const struct db_name *n = db_name(s->db, p->at);
	if (!n) {
		damaged(s);
		return false;
	}
	/* DS belongs to the parent's side of a cut (RFC 4035 §3.1.4.1). */
	uint32_t self = p->at;
	if (p->exact && s->q->type == DNS_DS && n->flags & DB_APEX && n->above) {
		self = n->above;
		n = db_name(s->db, self);
		if (!n) {
			damaged(s);
			return false;
		}
	}
	if (n->zone == 0) {
		foreign(s, p, n);
		return false;
	}
	const struct db_zone *zone = db_zone(s->db, n->zone);
	if (!zone) {
		damaged(s);
		return false;
	}
	if (s->q->class != DNS_CLASS_ANY)
		s->authoritative = true;
	if (n->cover) {
		const struct db_name *cover = db_name(s->db, n->cover);
		bool at_cover = p->exact && n->cover == self;
		if (!cover) {
			damaged(s);
			return false;
		}
		if (cover->flags & DB_CUT) {
			if (!(at_cover && s->q->type == DNS_DS)) {
				refer(s, cover);
				return false;
			}
		} else if (!at_cover) {
			return redirect(s, cover, p);
		}
	}
	if (p->exact)
		return take(s, n, p, zone);
	if (n->wildcard) { /* RFC 4592 §3.3.1: its child `*` is the source of synthesis */
		const struct db_name *star = db_name(s->db, n->wildcard);
		if (!star) {
			damaged(s);
			return false;
		}
		return take(s, star, p, zone);
	}
	s->rcode = DNS_NXDOMAIN; /* also at the end of a chain: RFC 6604 §3 */
	add_soa(s, zone);
	return false;
}

/* Addresses that nobody but this referral can give: of a name server at or below the cut (RFC 9471
 * §2.1). */
static COLD bool is_glue(const struct search *s, uint32_t owner)
{
	const struct db_name *n = db_name(s->db, owner), *cut = NULL;
	const struct db_rrset *ns = s->refers ? db_rrset(s->db, s->sets[SET_AUTHORITY]) : NULL;

	if (ns)
		cut = db_name(s->db, ns->owner);
	while (n && cut && n->labels > cut->labels) {
		const struct db_name *parent = db_name(s->db, n->parent);
		n = parent && parent->labels < n->labels ? parent : NULL;
	}
	return n && cut && n->size == cut->size && memcmp(n->wire, cut->wire, n->size) == 0;
}

/*
 * Addresses of the targets in what was added, each kind for all of them before the next: once
 * something does not fit, the kinds after it are left out. Glue is not optional: without all of it
 * a response over UDP is truncated.
 */
static void add_extras(struct search *s)
{
	for (unsigned kind = 0; kind < 3 && (!s->r->reduced || s->refers); kind++) {
		bool full = s->r->reduced;
		for (unsigned i = 0; i < SETS; i++) {
			const struct db_rrset *set =
			        s->sets[i] ? db_rrset(s->db, s->sets[i]) : NULL;
			if (!set)
				continue;
			unsigned counts[3] = { set->extra_a, set->extra_aaaa, set->extra_other };
			const uint8_t *list = set->records + set->size;
			for (unsigned k = 0; k < kind; k++)
				list += 4u * counts[k];
			for (unsigned j = 0; j < counts[kind]; j++) {
				uint32_t at;
				memcpy(&at, list + 4u * j, sizeof at);
				const struct db_rrset *extra = db_rrset(s->db, at);
				if (!extra) {
					damaged(s);
					return;
				}
				if (dns_response_has(s->r, at))
					continue;
				if (s->r->known_count == DNS_KNOWN_MAX && !s->refers)
					return; /* could not tell what is there already */
				if (full && !is_glue(s, extra->owner))
					continue;
				if (!dns_response_rrset(s->r, DNS_SECTION_ADDITIONAL, at,
				                        extra->owner, false) &&
				    is_glue(s, extra->owner)) {
					s->r->truncated = true;
					return;
				}
			}
		}
	}
}

/* One of the server's own names (RFC 4892), and the text that it has. */
static const char *chaos_text(const struct dns_policy *policy, const struct dns_key *key)
{
	static const struct {
		uint8_t size;
		char wire[16];
		bool identity;
	} names[] = {
		{ 14, "\7version\4bind", false },
		{ 16, "\7version\6server", false },
		{ 11, "\2id\6server", true },
		{ 15, "\10hostname\4bind", true },
	};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (key->size == names[i].size && memcmp(key->lower, names[i].wire, key->size) == 0)
			return names[i].identity ? policy->identity : policy->version;
	return NULL;
}

static enum dns_rcode answer_chaos(struct dns_responder *a)
{
	const struct dns_query *q = &a->query;
	struct dns_response *r = &a->response;
	const char *text = chaos_text(&a->policy, &q->key);

	if (!text || (q->type != DNS_TXT && q->type != DNS_ANY))
		return DNS_REFUSED;
	size_t size = strlen(text);
	if (size > 255)
		size = 255;
	uint32_t mark = r->out.at;
	bytes_put_u16(&r->out, 0xc000 | DNS_HEADER_SIZE);
	bytes_put_u16(&r->out, DNS_TXT);
	bytes_put_u16(&r->out, DNS_CH);
	bytes_put_u32(&r->out, 0);
	bytes_put_u16(&r->out, (uint16_t)(size + 1));
	bytes_put_u8(&r->out, (uint8_t)size);
	bytes_put_copy(&r->out, text, (uint32_t)size);
	if (r->out.failed) {
		bytes_rewind(&r->out, mark);
		r->truncated = true;
	} else {
		r->counts[DNS_SECTION_ANSWER] = 1;
	}
	return DNS_NOERROR;
}

/* The end of OPT, for which there is more room then. */
static COLD void put_keepalive(struct dns_responder *a)
{
	struct bytes_out *out = &a->response.out;

	out->size += DNS_KEEPALIVE_SIZE;
	bytes_put_u16(out, DNS_KEEPALIVE_SIZE);
	bytes_put_u16(out, DNS_KEEPALIVE);
	bytes_put_u16(out, sizeof a->policy.keepalive);
	bytes_put_u16(out, a->policy.keepalive);
}

uint32_t dns_answer_finish(struct dns_responder *a, uint8_t *message, unsigned rcode,
                           bool authoritative)
{
	const struct dns_query *q = &a->query;
	struct dns_response *r = &a->response;
	uint16_t flags = (uint16_t)(DNS_QR | (q->flags & DNS_RD) | (rcode & 15));

	if (authoritative)
		flags |= DNS_AA;
	if (r->truncated)
		flags |= DNS_TC;
	uint16_t additional = r->counts[DNS_SECTION_ADDITIONAL];
	if (q->edns) { /* RFC 6891 §6.1.1; there is room: dns_answer_query kept it free */
		r->out.size += DNS_OPT_SIZE;
		bytes_put_u8(&r->out, 0);
		bytes_put_u16(&r->out, DNS_OPT);
		bytes_put_u16(&r->out, a->policy.udp_size);
		bytes_put_u8(&r->out, (uint8_t)(rcode >> 4));
		bytes_put_u8(&r->out, 0);
		bytes_put_u16(&r->out, q->dnssec_ok ? 0x8000u : 0); /* RFC 3225 §3 */
		if (dns_answer_keepalive(a))
			put_keepalive(a);
		else
			bytes_put_u16(&r->out, 0);
		additional++;
	}
	uint32_t end = r->out.at;
	struct bytes_out header = bytes_out(message, DNS_HEADER_SIZE);
	bytes_put(&header, 2); /* ID: the query's */
	bytes_put_u16(&header, flags);
	bytes_put_u16(&header, 1);
	bytes_put_u16(&header, r->counts[DNS_SECTION_ANSWER]);
	bytes_put_u16(&header, r->counts[DNS_SECTION_AUTHORITY]);
	bytes_put_u16(&header, additional);
	return end;
}

/* The response has nothing but its question, so far. */
static void begin(struct dns_responder *a, uint8_t *message, uint32_t room)
{
	uint32_t limit = dns_response_limit(a, &a->query, room) - dns_answer_opt_size(a);

	dns_response_begin(&a->response, a->db, message, a->query.question_end, limit);
}

uint32_t dns_answer_query(struct dns_responder *a, uint8_t *message, uint32_t room, bool *complete)
{
	const struct dns_query *q = &a->query;
	struct dns_response *r = &a->response;
	struct search s = { .a = a, .r = r, .db = a->db, .q = q, .made = DNS_MADE_QUERY + 1 };

	begin(a, message, room);
	*complete = true;
	if (q->class == DNS_CH) {
		enum dns_rcode rcode = answer_chaos(a);
		*complete = !r->truncated;
		return dns_answer_finish(a, message, rcode, false);
	}
	if ((q->class != DNS_IN && q->class != DNS_CLASS_ANY) || q->type == DNS_AXFR ||
	    q->type == DNS_IXFR)
		return dns_answer_finish(a, message, DNS_REFUSED, false);

	struct dns_found found = dns_database_find(a->db, &q->key);
	const struct db_name *n = db_name(a->db, found.at);
	if (!n || n->size > q->key.size) {
		r->damaged = true;
	} else {
		struct place p = { found.at, found.exact ? found.at : DNS_MADE_QUERY, found.exact };
		struct dns_made *made = &r->made[DNS_MADE_QUERY];
		made->own = (uint8_t)(q->key.size - n->size);
		memcpy(made->wire, q->key.lower,
		       made->own); /* lower: cache.c may keep what is made */
		made->encloser = found.at;
		dns_response_question(r, &q->key, found.at);
		while (s.chain < DNS_CHAIN_MAX && step(&s, &p) && !r->damaged)
			s.chain++;
		if (!r->truncated && !r->reduced)
			add_extras(&s);
	}
	if (r->damaged) {
		begin(a, message, room);
		return dns_answer_finish(a, message, DNS_SERVFAIL, false);
	}
	*complete = !r->truncated && !r->reduced;
	return dns_answer_finish(a, message, s.rcode, s.authoritative);
}

/* A header alone: what cannot be understood is not repeated. */
static uint32_t reject(uint8_t *response, uint16_t query_flags, enum dns_rcode rcode)
{
	struct bytes_out out = bytes_out(response, DNS_HEADER_SIZE);

	bytes_put(&out, 2);
	bytes_put_u16(&out, (uint16_t)(DNS_QR | (query_flags & (DNS_OPCODE | DNS_RD)) | rcode));
	bytes_put_u64(&out, 0);
	return out.at;
}

uint32_t dns_answer(struct dns_responder *a, const uint8_t *query, uint32_t size, uint8_t *response,
                    uint32_t room)
{
	bool complete;
	enum dns_verdict verdict = dns_query_read(&a->query, query, size);

	if (verdict == DNS_DROP || room < DNS_UDP_MIN)
		return 0;
	uint32_t keep = verdict == DNS_ANSWER || verdict == DNS_REJECT_VERSION
	                        ? a->query.question_end
	                        : DNS_HEADER_SIZE;
	if (response != query)
		memcpy(response, query, keep);
	switch (verdict) {
	case DNS_ANSWER:
		return dns_answer_query(a, response, room, &complete);
	case DNS_REJECT_VERSION:
		begin(a, response, room);
		return dns_answer_finish(a, response, DNS_BADVERS, false);
	case DNS_REJECT_OPCODE:
		return reject(response, a->query.flags, DNS_NOTIMP);
	default:
		return reject(response, a->query.flags, DNS_FORMERR);
	}
}

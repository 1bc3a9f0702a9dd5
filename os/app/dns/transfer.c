/* SPDX-License-Identifier: ISC */
/*
 * Zone transfers out: transfer.h. The zone's list of RRsets (database.h) is gone through once;
 * where a message is full, the place is kept, within an RRset if need be, and the next message goes
 * on from there.
 */
#include <app/dns/transfer.h>

#include <core/error.h>

#include <app/dns/type.h>

enum stage { FIRST_SOA, ZONE, LAST_SOA, DONE };

/* The zone of an apex; one for transfers alone has none in its name (database.h). */
static const struct db_zone *zone_of(const struct dns_database *db, uint32_t at,
                                     const struct db_name *apex)
{
	const struct db_zone *zone = apex->zone ? db_zone(db, apex->zone) : NULL;

	for (uint32_t i = 0; !zone && i < db->zone_count; i++) {
		zone = db_zone(db, db->zones + i * (uint32_t)sizeof *zone);
		if (zone && zone->apex != at)
			zone = NULL;
	}
	return zone;
}

int dns_transfer_begin(struct dns_transfer *t, const struct dns_responder *a)
{
	const struct dns_found found = dns_database_find(a->db, &a->query.key);
	const struct db_name *apex = db_name(a->db, found.at);

	if (!apex)
		return ERR_MALFORMED;
	if (!found.exact || !(apex->flags & DB_APEX))
		return ERR_ABSENT;
	const struct db_zone *zone = zone_of(a->db, found.at, apex);
	uint32_t soa = db_name_rrset(apex, DNS_SOA);
	if (!zone || !soa || zone->sets > a->db->end ||
	    zone->set_count > (a->db->end - zone->sets) / sizeof(uint32_t))
		return ERR_MALFORMED;
	*t = (struct dns_transfer){ .db = a->db,
		                    .apex = found.at,
		                    .soa = soa,
		                    .sets = zone->sets,
		                    .set_count = zone->set_count };
	return OK;
}

/* The RRset in work; the SOA, which comes first and last, is passed over in the list. */
static uint32_t current(struct dns_transfer *t)
{
	if (t->stage != ZONE)
		return t->soa;
	for (; t->next < t->set_count; t->next++) {
		uint32_t rrset;
		memcpy(&rrset, t->db->base + t->sets + t->next * sizeof rrset, sizeof rrset);
		if (rrset != t->soa)
			return rrset;
	}
	t->stage = LAST_SOA;
	return t->soa;
}

/* Fills the message. False: the next record does not fit into an empty one. */
static bool fill(struct dns_transfer *t, struct dns_response *r)
{
	while (t->stage != DONE) {
		uint32_t rrset = current(t);
		if (!dns_response_records(r, rrset, &t->part))
			return r->counts[DNS_SECTION_ANSWER] && !r->damaged;
		t->part = (struct dns_part){ 0 };
		if (t->stage == ZONE)
			t->next++;
		else
			t->stage++;
	}
	return true;
}

uint32_t dns_transfer_next(struct dns_transfer *t, struct dns_responder *a, uint8_t *message,
                           uint32_t room)
{
	struct dns_response *r = &a->response;
	bool first = !t->started;

	if (t->stage == DONE || t->damaged)
		return 0;
	uint32_t opt = first ? dns_answer_opt_size(a) : 0;
	dns_response_begin(r, t->db, message, first ? a->query.question_end : DNS_HEADER_SIZE,
	                   DNS_TRANSFER_MESSAGE - opt);
	if (first)
		dns_response_question(r, &a->query.key, t->apex);
	t->started = true;
	if (!fill(t, r)) {
		r->out.size = room - opt;
		if (r->damaged || !fill(t, r)) {
			t->damaged = true;
			return 0;
		}
	}
	if (first) {
		t->id = bytes_load_u16(message);
		t->flags = (uint16_t)(DNS_QR | DNS_AA | (a->query.flags & DNS_RD));
		return dns_answer_finish(a, message, DNS_NOERROR, true);
	}
	struct bytes_out header = bytes_out(message, DNS_HEADER_SIZE);
	bytes_put_u16(&header, t->id);
	bytes_put_u16(&header, t->flags);
	bytes_put_u16(&header, 0); /* RFC 5936 §2.2.2: the question need not be repeated */
	bytes_put_u16(&header, r->counts[DNS_SECTION_ANSWER]);
	bytes_put_u32(&header, 0);
	return r->out.at;
}

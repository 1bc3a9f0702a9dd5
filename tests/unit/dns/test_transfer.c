/* SPDX-License-Identifier: ISC */
/* Zone transfers: what is in them, how it is cut into messages, and who may have them. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/bytes.h>
#include <core/error.h>

#include <app/dns/allow.h>
#include <app/dns/transfer.h>
#include <app/dns/type.h>

#define ROOM 65535u

static struct world w;
static struct dns_transfer transfer;
static char *text; /* all records, a line each, as world_render writes them */
static size_t text_size;
static uint32_t messages, records, largest, total;

static void take(const uint8_t *message, uint32_t size)
{
	static char rendered[1 << 20];

	assert_true(size <= ROOM);
	world_render(rendered, sizeof rendered, message, size);
	assert_int_equal(bytes_load_u16(message), 0x1234);
	assert_int_equal(bytes_load_u16(message + 2), 0x8400);
	assert_int_equal(bytes_load_u16(message + 4),
	                 messages == 0); /* the question: in the first */
	assert_int_equal(bytes_load_u16(message + 8), 0);
	records += bytes_load_u16(message + 6);
	total += size;
	largest = size > largest ? size : largest;
	messages++;
	const char *body = strchr(rendered, '\n') + 1;
	text = realloc(text, text_size + strlen(body) + 1);
	assert_non_null(text);
	strcpy(text + text_size, body);
	text_size += strlen(body);
}

/* The whole of it. Returns dns_transfer_begin's result. */
static int fetch(const char *query)
{
	static uint8_t packet[600], message[ROOM];
	uint32_t size = world_query(packet, query);

	free(text);
	text = NULL;
	text_size = messages = records = largest = total = 0;
	uint32_t n = dns_answer(&w.responder, packet, size, message, ROOM);
	assert_true(n >= 12);
	assert_int_equal(message[3] & 15, DNS_REFUSED);
	int result = dns_transfer_begin(&transfer, &w.responder);
	while (result == OK &&
	       (n = dns_transfer_next(&transfer, &w.responder, message, ROOM)) > 0) {
		take(message, n);
		memset(&w.responder.query, 0xee,
		       sizeof w.responder.query); /* others ask meanwhile */
	}
	return result;
}

static int close_world(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	world_close(&w);
	return 0;
}

#define RRSIG(type_, rest_) #type_ " 13 1 60 20300101000000 20200101000000 1 z. " rest_

/* A zone that is there for its secondaries: all of it, and each signature with the TTL of what it
 * covers (RFC 4034 §3), which changes what a ZONEMD and the signature itself are made over. */
static void a_signed_zone_is_there_for_transfers_alone(void **state)
{
	(void)state;
	world_rules.signed_for_transfer = true;
	world_open(
	        &w,
	        (const char *const[]){
	                "z.",
	                "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns 300 A 192.0.2.1\n"
	                "@ RRSIG " RRSIG(
	                        SOA,
	                        "AQ==") "\nns 30 TXT x\n"
	                                "ns 300 RRSIG " RRSIG(A, "Ag==") "\nns 30 RRSIG " RRSIG(
	                                        TXT,
	                                        "Aw==") "\n"
	                                                "ns 5 RRSIG " RRSIG(
	                                                        NSEC,
	                                                        "BA==") "\nns 5 NSEC @ A RRSIG "
	                                                                "NSEC\n"
	                                                                "sub NS ns.sub\nns.sub A "
	                                                                "192.0.2.2\n*.w A "
	                                                                "192.0.2.3\nl CNAME ns\n",
	                "sub.z.", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.2\n", "o.",
	                "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.2\nl CNAME ns.z.\n",
	                NULL });
	world_rules.signed_for_transfer = false;
	assert_string_equal(w.report, "");
	assert_int_equal(fetch("z. AXFR"), OK);
	assert_non_null(strstr(text, "AN ns.z. 300 RRSIG 0001"));
	assert_non_null(strstr(text, "AN ns.z. 30 RRSIG 0010"));
	assert_non_null(strstr(text, "AN ns.z. 5 RRSIG 002f"));
	assert_non_null(strstr(text, "AN ns.z. 5 NSEC "));
	assert_int_equal(records, 14);
	world_expect(&w, "z. SOA", "NOERROR aa\nAN z. 60 SOA ns.z. h.z. 1 2 3 4 5\n");
	world_expect(&w, "z. NS", "REFUSED\n");
	world_expect(&w, "ns.z. A", "REFUSED\n");
	world_expect(&w, "ns.z. SOA", "REFUSED\n");
	world_expect(&w, "x.w.z. A", "REFUSED\n");
	world_expect(&w, "l.z. A", "REFUSED\n");
	world_expect(&w, "no.z. A", "REFUSED\n");
	world_expect(&w, "sub.z. A", "NOERROR aa\nNS sub.z. 5 SOA ns.sub.z. h.sub.z. 1 2 3 4 5\n");
	world_expect(&w, "sub.z. DS", "NOERROR aa\nNS sub.z. 5 SOA ns.sub.z. h.sub.z. 1 2 3 4 5\n");
	world_expect(&w, "l.o. A", "NOERROR aa\nAN l.o. 60 CNAME ns.z.\n");
	assert_int_equal(fetch("sub.z. AXFR"), OK);
	assert_int_equal(fetch("ns.z. AXFR"), ERR_ABSENT);
}

/* The lowest TTL of a set counts for all of it, and so for its signature. */
static void a_signatures_ttl_follows_its_sets(void **state)
{
	(void)state;
	world_rules.signed_for_transfer = true;
	world_open(&w, (const char *const[]){
	                       "z.",
	                       "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n"
	                       "ns 300 RRSIG " RRSIG(
	                               A, "Ag==") "\n"
	                                          "ns 300 A 192.0.2.1\nns 200 A 192.0.2.2\n",
	                       NULL });
	world_rules.signed_for_transfer = false;
	assert_int_equal(fetch("z. AXFR"), OK);
	assert_non_null(strstr(text, "AN ns.z. 200 RRSIG 0001"));
}

static void all_of_a_zone_comes_between_two_soas(void **state)
{
	(void)state;
	world_open(&w, (const char *const[]){
	                       "example.",
	                       "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	                       "WWW CNAME ns\n@ MX 1 mail\n*.wild TXT \"x\"\nold DNAME ns\n"
	                       "occluded.old A 192.0.2.3\nsub NS ns.sub\nns.sub A 192.0.2.2\n",
	                       NULL });
	assert_int_equal(fetch("example. AXFR"), OK);
	assert_string_equal(text, "AN example. 60 SOA ns.example. h.example. 1 2 3 4 5\n"
	                          "AN example. 60 NS ns.example.\n"
	                          "AN example. 60 MX 1 mail.example.\n"
	                          "AN ns.example. 60 A 192.0.2.1\n"
	                          "AN WWW.example. 60 CNAME ns.example.\n"
	                          "AN *.wild.example. 60 TXT \"x\"\n"
	                          "AN old.example. 60 DNAME ns.example.\n"
	                          "AN occluded.old.example. 60 A 192.0.2.3\n"
	                          "AN sub.example. 60 NS ns.sub.example.\n"
	                          "AN ns.sub.example. 60 A 192.0.2.2\n"
	                          "AN example. 60 SOA ns.example. h.example. 1 2 3 4 5\n");
	assert_int_equal(messages, 1);
	assert_false(transfer.damaged);
}

static void a_hosted_child_keeps_to_itself_and_its_parent_has_the_glue(void **state)
{
	(void)state;
	world_open(&w,
	           (const char *const[]){
	                   "e.",
	                   "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	                   "child NS ns.child\nchild DS 2 8 200 EF01\nns.child A 192.0.2.12\n",
	                   "child.e.", "$TTL 60\n@ SOA ns h 9 2 3 4 5\n@ NS ns\nns A 192.0.2.112\n",
	                   NULL });
	assert_int_equal(fetch("e. AXFR"), OK);
	assert_non_null(strstr(text, "AN ns.child.e. 60 A 192.0.2.12\n"));
	assert_non_null(strstr(text, "AN child.e. 60 NS ns.child.e.\n"));
	assert_non_null(strstr(text, "AN child.e. 60 DS "));
	assert_null(strstr(text, "192.0.2.112"));
	assert_int_equal(records, 7);
	assert_int_equal(fetch("child.e. AXFR"), OK);
	assert_string_equal(text, "AN child.e. 60 SOA ns.child.e. h.child.e. 9 2 3 4 5\n"
	                          "AN child.e. 60 NS ns.child.e.\n"
	                          "AN ns.child.e. 60 A 192.0.2.112\n"
	                          "AN child.e. 60 SOA ns.child.e. h.child.e. 9 2 3 4 5\n");
}

static void the_name_must_be_a_zones(void **state)
{
	(void)state;
	world_open(&w, (const char *const[]){
	                       "e.", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n",
	                       NULL });
	assert_int_equal(fetch("ns.e. AXFR"), ERR_ABSENT);
	assert_int_equal(fetch("none.e. AXFR"), ERR_ABSENT);
	assert_int_equal(fetch("elsewhere. AXFR"), ERR_ABSENT);
	assert_int_equal(fetch(". AXFR"), ERR_ABSENT);
	assert_int_equal(fetch("E. AXFR"), OK);
}

static void edns_is_answered_in_the_first_message(void **state)
{
	(void)state;
	world_open(&w, (const char *const[]){
	                       "e.", "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n",
	                       NULL });
	assert_int_equal(fetch("e. AXFR edns=4096"), OK);
	assert_non_null(strstr(text, "AR OPT 1232"));
	assert_int_equal(records, 4);
}

/* Lines of a master file that a format makes of the numbers below n. */
static char *many(const char *head, const char *format, unsigned n)
{
	size_t room = strlen(head) + n * (strlen(format) + 24) + 1, at = strlen(head);
	char *zone = malloc(room);

	assert_non_null(zone);
	strcpy(zone, head);
	for (unsigned k = 0; k < n; k++)
		at += (size_t)snprintf(zone + at, room - at, format, k, k / 250, k % 250);
	return zone;
}

#define HEAD "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"

static void messages_are_full_and_names_in_them_short(void **state)
{
	(void)state;
	char *zone = many(HEAD, "host%u A 10.1.%u.%u\n", 20000);
	world_open(&w, (const char *const[]){ "a.long.zone.name.example.", zone, NULL });
	free(zone);
	assert_int_equal(fetch("a.long.zone.name.example. AXFR"), OK);
	assert_int_equal(records, 20004);
	assert_true(largest <= DNS_TRANSFER_MESSAGE);
	/* The owner's own label, a pointer, and the record: nothing is wasted but a message's end.
	 */
	assert_true(total < 20000 * (10 + 2 + 14) + messages * 100);
	assert_true(messages <= total / (DNS_TRANSFER_MESSAGE - 64) + 1);
	assert_non_null(strstr(text, "AN host0.a.long.zone.name.example. 60 A 10.1.0.0\n"));
	assert_non_null(strstr(text, "AN host19999.a.long.zone.name.example. 60 A 10.1.79.249\n"));
}

static void names_are_short_to_the_end_of_a_message(void **state)
{
	(void)state;
	char *zone = many(HEAD,
	                  "a.group-of-a-long-name-%1$u A 10.1.%2$u.%3$u\n"
	                  "b.group-of-a-long-name-%1$u A 10.2.%2$u.%3$u\n",
	                  4000);
	world_open(&w, (const char *const[]){ "e.", zone, NULL });
	free(zone);
	assert_int_equal(fetch("e. AXFR"), OK);
	assert_int_equal(records, 8004);
	/* a, the group with its four digits, a pointer; b, a pointer. */
	assert_true(total < 4000 * (2 + 28 + 2 + 14 + 2 + 2 + 14) + messages * 200);
}

static void rrsets_that_are_larger_than_a_message_are_cut(void **state)
{
	(void)state;
	char *zone = many(HEAD "vast TXT \"",
	                  "\"\nvast TXT \"text number %u, as long as it is, %u %u", 1000);
	zone = realloc(zone, strlen(zone) + 3);
	assert_non_null(zone);
	strcat(zone, "\"\n");
	world_open(&w, (const char *const[]){ "e.", zone, NULL });
	free(zone);
	assert_int_equal(fetch("e. AXFR"), OK);
	assert_int_equal(records, 1001 + 4);
	assert_true(largest <= DNS_TRANSFER_MESSAGE);
	assert_non_null(strstr(text, "\"text number 999, as long as it is, 3 249\""));
	assert_false(transfer.damaged);
}

static void records_that_are_larger_than_a_message_get_one_of_their_own(void **state)
{
	(void)state;
	size_t at = strlen(HEAD);
	char *zone = malloc(200000);
	assert_non_null(zone);
	strcpy(zone, HEAD);
	for (unsigned k = 0; k < 3; k++) {
		at += (size_t)sprintf(zone + at, "long%u TXT", k);
		for (unsigned n = 0; n < 220; n++)
			at += (size_t)sprintf(zone + at, " \"%0200u\"", n);
		at += (size_t)sprintf(zone + at, "\nshort%u A 192.0.2.9\n", k);
	}
	world_open(&w, (const char *const[]){ "e.", zone, NULL });
	free(zone);
	assert_int_equal(fetch("e. AXFR"), OK);
	assert_int_equal(records, 10);
	assert_true(largest > 220 * 201 && largest <= ROOM);
	assert_false(transfer.damaged);
}

static void damaged_databases_end_transfers_and_nothing_else(void **state)
{
	(void)state;
	uint64_t seed = 7;
	world_rules.signed_for_transfer = true;
	world_open(&w,
	           (const char *const[]){
	                   "e.",
	                   HEAD
	                   "a MX 1 b\nb TXT x\nc SRV 1 2 3 d\nsub NS ns.sub\nns.sub A 192.0.2.2\n",
	                   "z.", HEAD "@ RRSIG " RRSIG(SOA, "AQ==") "\n", NULL });
	world_rules.signed_for_transfer = false;
	uint8_t *whole = malloc(w.size), *copy = malloc(w.size);
	assert_true(whole && copy);
	memcpy(whole, w.blob, w.size);
	uint32_t refused = 0;
	for (unsigned n = 0; n < 20000; n++) {
		static uint8_t packet[600], message[ROOM];
		struct dns_database db;
		const char *why;
		memcpy(copy, whole, w.size);
		for (unsigned k = world_random(&seed) % 3; k < 3; k++)
			copy[world_random(&seed) % w.size] = (uint8_t)world_random(&seed);
		if (dns_database_open(&db, copy, w.size, &why) < 0)
			continue;
		w.responder.db = &db;
		dns_answer(&w.responder, packet, world_query(packet, n % 2 ? "e. AXFR" : "z. AXFR"),
		           message, ROOM);
		bool ended = dns_transfer_begin(&transfer, &w.responder) < 0;
		for (unsigned m = 0; !ended; m++) {
			assert_true(m < 1000); /* it comes to an end */
			ended = dns_transfer_next(&transfer, &w.responder, message, ROOM) == 0;
		}
		refused += transfer.damaged;
	}
	assert_true(refused > 0);
	w.responder.db = &w.db;
	free(whole);
	free(copy);
}

static void lists_of_networks_are_read_strictly(void **state)
{
	(void)state;
	struct dns_allow a;
	assert_true(dns_allow_parse(&a, NULL));
	assert_int_equal(a.count, 0);
	assert_true(dns_allow_parse(&a, ""));
	assert_false(dns_allow_has(&a, net_ip4(0xc0000201)));
	assert_true(dns_allow_parse(&a, " 192.0.2.1, 10.20.30.40/8,198.51.100.0/24 "));
	assert_int_equal(a.count, 3);
	assert_true(dns_allow_has(&a, net_ip4(0xc0000201)));
	assert_false(dns_allow_has(&a, net_ip4(0xc0000202)));
	assert_true(dns_allow_has(&a, net_ip4(0x0aff0001)));
	assert_true(dns_allow_has(&a, net_ip4(0xc63364ff)));
	assert_false(dns_allow_has(&a, net_ip4(0xc63365ff)));
	assert_true(dns_allow_parse(&a, "0.0.0.0/0"));
	assert_true(dns_allow_has(&a, net_ip4(0xffffffff)));
	struct net_address six = { .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	assert_false(dns_allow_has(&a, six));
	assert_true(dns_allow_parse(&a, "192.0.2.1 2001:db8::/32"));
	assert_true(dns_allow_has(&a, six));
	six.bytes[3] ^= 1;
	assert_false(dns_allow_has(&a, six));
	const char *bad[] = { "any",
		              "192.0.2",
		              "192.0.2.256",
		              "192.0.2.1/33",
		              "192.0.2.1/",
		              "192.0.2.1x",
		              "1.2.3.4.5",
		              "0001.2.3.4",
		              "-1.2.3.4",
		              "192.0.2.1;192.0.2.2",
		              "2001:db8:::1",
		              "1.2.3.4/-1",
		              "2001:db8::/129",
		              "::ffff:1.2.3.4",
		              "12345::" };
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
		if (dns_allow_parse(&a, bad[n]))
			fail_msg("%s is taken", bad[n]);
	char full[(DNS_ALLOW_MAX + 1) * 8 + 1] = "";
	for (unsigned n = 0; n < DNS_ALLOW_MAX; n++)
		strcat(full, "1.2.3.4 ");
	assert_true(dns_allow_parse(&a, full));
	strcat(full, "1.2.3.4");
	assert_false(dns_allow_parse(&a, full));
}

int main(void)
{
#define T(f_) cmocka_unit_test_teardown(f_, close_world)
	const struct CMUnitTest tests[] = {
		T(all_of_a_zone_comes_between_two_soas),
		T(a_signed_zone_is_there_for_transfers_alone),
		T(a_signatures_ttl_follows_its_sets),
		T(a_hosted_child_keeps_to_itself_and_its_parent_has_the_glue),
		T(the_name_must_be_a_zones),
		T(edns_is_answered_in_the_first_message),
		T(messages_are_full_and_names_in_them_short),
		T(names_are_short_to_the_end_of_a_message),
		T(rrsets_that_are_larger_than_a_message_are_cut),
		T(records_that_are_larger_than_a_message_get_one_of_their_own),
		T(damaged_databases_end_transfers_and_nothing_else),
		cmocka_unit_test(lists_of_networks_are_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

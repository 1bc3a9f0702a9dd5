/* SPDX-License-Identifier: ISC */
/* Building databases (checks of zones), finding names in them, and damage done to them. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/bytes.h>
#include <app/dns/type.h>
#include <core/error.h>

#define SOA "$TTL 60\n@ SOA ns.o. h.o. 1 1 1 1 1\n"
#define TOP SOA "@ NS ns.o.\n"

/* One zone named z. Everything reported, or "" */
static void expect_report(const char *zone, int errors, const char *report)
{
	static struct world w;
	const char *const zones[] = { "z.", zone, NULL };
	int result = world_build(&w, zones);

	if (result != errors || strcmp(w.report, report) != 0)
		fail_msg("%s\nresult %d, expected %d; it says:\n%s", zone, result, errors,
		         w.report);
	world_close(&w);
}

static void accepts_a_sound_zone(void **state)
{
	(void)state;
	expect_report(TOP "a A 192.0.2.1\n*.b CNAME a\nc NS ns.c\nc DS 1 8 200 AB\nns.c A "
	                  "192.0.2.2\nd DNAME a\n",
	              0, "");
}

static void wants_soa_and_ns_at_the_apex(void **state)
{
	(void)state;
	expect_report("$TTL 1\na A 192.0.2.1\n", 2,
	              "z.:1: zone z. has no SOA record: add one\n"
	              "z.:1: zone z. has no NS records: add those of its name servers\n");
	expect_report(TOP "@ SOA ns.o. h.o. 2 1 1 1 1\n", 1,
	              "z.:4: z. has 2 SOA records: there can be only one\n");
	expect_report(TOP "a SOA ns.o. h.o. 1 1 1 1 1\n", 1,
	              "z.:4: SOA at a.z.: it belongs at the zone's name, z.\n");
}

static void rejects_records_out_of_the_zone(void **state)
{
	(void)state;
	expect_report(
	        TOP "a.y. A 192.0.2.1\n", 1,
	        "z.:4: a.y. is not within the zone z.: is a final dot missing, or one too many?\n");
}

static void rejects_other_data_beside_a_cname(void **state) /* RFC 2181 §10.1 */
{
	(void)state;
	expect_report(TOP "a CNAME b\na A 192.0.2.1\n", 1,
	              "z.:5: a.z. has a CNAME (line 4) and A: a CNAME stands alone\n");
	expect_report(TOP "a CNAME b\na CNAME c\n", 1,
	              "z.:5: a.z. has 2 CNAME records: there can be only one\n");
	expect_report(TOP "a CNAME b\na CNAME B\n", 0, ""); /* the same twice is one */
}

static void checks_dnames(void **state) /* RFC 6672 §2.3, §2.4 */
{
	(void)state;
	expect_report(TOP "a DNAME b\na DNAME c\n", 1,
	              "z.:5: a.z. has 2 DNAME records: there can be only one\n");
	expect_report(
	        TOP "a DNAME b\na NS ns.o.\n", 1,
	        "z.:4: a.z. has NS (line 5) and DNAME: a name is delegated or redirected, not both "
	        "(RFC 6672 §2.3)\n");
	expect_report(TOP "a DNAME b\nc.a A 192.0.2.1\n", 0,
	              "z.:5: warning: c.a.z. A is hidden by the DNAME at a.z. (RFC 6672 §2.4)\n");
	expect_report(TOP "@ DNAME b.\n", 0, "");
}

static void warns_of_delegations_that_do_not_work(void **state) /* RFC 1034 §4.2.1 */
{
	(void)state;
	expect_report(TOP "c NS ns.c\n", 0,
	              "z.:4: warning: c.z. NS: ns.c.z. has no address in this zone: add its A or "
	              "AAAA (glue)\n");
	expect_report(
	        TOP "c NS ns\n", 0,
	        "z.:4: warning: c.z. NS: ns.z. has no address in this zone: add its A or AAAA\n");
	expect_report(TOP "c NS ns.o.\nt.c TXT x\n", 0,
	              "z.:5: warning: t.c.z. TXT is hidden by the delegation of c.z.\n");
	expect_report(TOP "c NS ns.d\nd NS ns.o.\n", 0, ""); /* another delegation's affair */
	expect_report(TOP "c NS www\nwww CNAME o.\n", 0,
	              "z.:4: warning: c.z. NS: www.z. is an alias; it must be the name itself (RFC "
	              "2181 §10.3)\n");
	expect_report(TOP "c DS 1 8 200 AB\n", 0,
	              "z.:4: warning: c.z. has DS but no NS: it is not a delegation\n");
	expect_report(
	        TOP "*.c NS ns.o.\n", 0,
	        "z.:4: warning: *.c.z.: a wildcard with NS does not work (RFC 4592 §4.2, §4.4)\n");
}

static void takes_the_lowest_ttl_of_a_set(void **state) /* RFC 2181 §5.2 */
{
	static struct world w;
	const char *const zones[] = {
		"z.", TOP "a 300 A 192.0.2.1\na 100 A 192.0.2.2\na 200 A 192.0.2.3\n", NULL
	};
	(void)state;
	world_open(&w, zones);
	assert_string_equal(w.report, "z.:5: warning: a.z. A has TTL 100, others of its set have "
	                              "300: the lower one is used for all\n"
	                              "z.:6: warning: a.z. A has TTL 200, others of its set have "
	                              "100: the lower one is used for all\n");
	world_expect(&w, "a.z. A",
	             "NOERROR aa\nAN a.z. 100 A 192.0.2.1\nAN a.z. 100 A 192.0.2.2\n"
	             "AN a.z. 100 A 192.0.2.3\nNS z. 60 NS ns.o.\n");
	world_close(&w);
}

static void merges_duplicates(void **state) /* RFC 2181 §5 */
{
	static struct world w;
	const char *const zones[] = {
		"z.",
		TOP "a A 192.0.2.2\na A 192.0.2.1\na A 192.0.2.2\na TXT x\na TXT X\na TXT x\n"
		    "a MX 1 o.\na MX 1 O.\n",
		NULL
	};
	(void)state;
	world_open(&w, zones);
	world_expect(
	        &w, "a.z. A",
	        "NOERROR aa\nAN a.z. 60 A 192.0.2.2\nAN a.z. 60 A 192.0.2.1\nNS z. 60 NS ns.o.\n");
	world_expect(&w, "a.z. TXT",
	             "NOERROR aa\nAN a.z. 60 TXT \"x\"\nAN a.z. 60 TXT \"X\"\nNS z. 60 NS ns.o.\n");
	world_expect(&w, "a.z. MX", "NOERROR aa\nAN a.z. 60 MX 1 o.\nNS z. 60 NS ns.o.\n");
	world_close(&w);
}

/* Names have no case (RFC 4343), in whatever type they are; other data has. */
static void merges_duplicates_that_differ_in_the_case_of_a_name(void **state)
{
	static const struct {
		const char *type, *one, *other;
		unsigned records;
	} rows[] = {
		{ "SRV", "0 0 1 a.o.", "0 0 1 A.O.", 1 },
		{ "RP", "a.o. b.o.", "a.O. B.o.", 1 },
		{ "AFSDB", "1 a.o.", "1 A.o.", 1 },
		{ "NAPTR", "1 1 u x y a.o.", "1 1 u x y A.o.", 1 },
		{ "NAPTR", "1 1 u x y a.o.", "1 1 u X y a.o.", 2 },
		{ "PX", "1 a.o. b.o.", "1 a.o. B.o.", 1 },
		{ "KX", "1 a.o.", "1 a.O.", 1 },
		{ "HTTPS", "1 a.o. alpn=h2", "1 A.o. alpn=h2", 1 },
		{ "HTTPS", "1 a.o. alpn=h2", "1 a.o. alpn=H2", 2 },
		{ "HIP", "2 200100107B1A74DF365639CC39F1D578 AQID a.o. b.o.",
		  "2 200100107B1A74DF365639CC39F1D578 AQID a.o. B.o.", 1 },
		{ "LP", "1 a.o.", "1 A.o.", 1 },
		{ "CAA", "0 issue a.o", "0 issue A.o", 2 },
		{ "SPF", "a", "A", 2 },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		static struct world w;
		char zone[512], query[64];
		uint8_t response[4096];
		sprintf(zone, TOP "a %s %s\na %s %s\n", rows[i].type, rows[i].one, rows[i].type,
		        rows[i].other);
		world_open(&w, (const char *const[]){ "z.", zone, NULL });
		sprintf(query, "a.z. %s", rows[i].type);
		world_ask(&w, query, response);
		if (bytes_load_u16(response + 6) != rows[i].records)
			fail_msg("%s %s, %s: %u records", rows[i].type, rows[i].one, rows[i].other,
			         bytes_load_u16(response + 6));
		world_close(&w);
	}
	expect_report(TOP "a DNAME b.o.\na DNAME B.o.\n", 0, ""); /* there may be one only */
}

/* Signatures and denials would be missing from the answers. */
static void refuses_signed_zones(void **state)
{
#define SIGNED(line_, type_)                                                                       \
	"z.:" line_ ": zone z. is signed, it has " type_                                           \
	": signed zones cannot be served yet; give the zone as it was before signing and take "    \
	"its "                                                                                     \
	"DS out of the parent, or serve it to secondaries alone by --signed=transfer\n"
	(void)state;
	expect_report(TOP "@ RRSIG SOA 13 1 60 20300101000000 20200101000000 1 z. AA==\n"
	                  "@ RRSIG NS 13 1 60 20300101000000 20200101000000 1 z. AA==\n"
	                  "@ NSEC a SOA NS RRSIG NSEC\n",
	              1, SIGNED("4", "RRSIG"));
	expect_report(TOP "a NSEC @ NS RRSIG NSEC\n", 1, SIGNED("4", "NSEC"));
	expect_report(TOP "2t7b4g4vsa5smi47k61mv5bv1a22bojr NSEC3 1 0 0 - "
	                  "2t7b4g4vsa5smi47k61mv5bv1a22bojr MX\n",
	              1, SIGNED("4", "NSEC3"));
	expect_report(TOP "a SIG A 5 1 60 20300101000000 20200101000000 1 z. AA==\n", 1,
	              SIGNED("4", "SIG"));
	expect_report(TOP "a NXT @ A\n", 1, SIGNED("4", "NXT"));
	/* What a zone has before it is signed. */
	expect_report(TOP "@ DNSKEY 257 3 13 AQID\n@ CDS 1 13 200 AB\n@ CDNSKEY 257 3 13 AQID\n"
	                  "@ NSEC3PARAM 1 0 0 -\nc NS ns.o.\nc DS 1 8 200 AB\n",
	              0, "");
}

static void leaves_records_out_of_the_zone_out_if_told(void **state)
{
	(void)state;
	world_rules.drop_out_of_zone = true;
	expect_report(TOP "a.y. A 192.0.2.1\nb A 192.0.2.2\nxz. A 192.0.2.1\n", 0,
	              "z.:4: warning: a.y. is not within the zone z.: it is left out\n"
	              "z.:6: warning: xz. is not within the zone z.: it is left out\n");
	world_rules.drop_out_of_zone = false;
}

static void rejects_a_zone_given_twice(void **state)
{
	static struct world w;
	const char *const zones[] = { "z.", TOP, "Z.", TOP, NULL };
	(void)state;
	assert_int_equal(world_build(&w, zones), 1);
	assert_string_equal(w.report, "Z.:1: zone z. is given twice (also by z.): drop one\n");
	world_close(&w);
}

static void rejects_types_that_are_no_data(void **state) /* RFC 6895 §3.1 */
{
	static struct world w;
	const char *const zones[] = { "z.", TOP "a TYPE250 \\# 1 00\n", NULL };
	(void)state;
	assert_int_not_equal(world_build(&w, zones), 0);
	assert_non_null(strstr(w.report, "z.:4: "));
	world_close(&w);
}

static void rejects_data_that_does_not_fit_its_type(void **state)
{
	static struct world w;
	const char *const zones[] = { "z.", TOP "a NS \\# 3 016100\nb MX \\# 3 000A01\n", NULL };
	(void)state;
	assert_int_not_equal(world_build(&w, zones), 0);
	assert_non_null(strstr(w.report, "z.:5: "));
	world_close(&w);
}

/* ---- Finding ---- */

static void check_find(const struct world *w, const char *text, const char *expected, bool exact)
{
	static const struct dns_name root = { 1, { 0 } };
	struct dns_name name, want;
	struct dns_key key;

	assert_int_equal(dns_name_parse(&name, text, strlen(text), &root), 0);
	assert_int_equal(dns_name_parse(&want, expected, strlen(expected), &root), 0);
	assert_int_equal(dns_key_read(&key, name.wire, name.size), name.size);
	struct dns_found found = dns_database_find(&w->db, &key);
	const struct db_name *n = db_name(&w->db, found.at);
	assert_non_null(n);
	if (found.exact != exact || n->size != want.size ||
	    memcmp(n->wire, want.wire, want.size) != 0)
		fail_msg("%s: found %s%.*s", text, found.exact ? "" : "near ", n->size, n->wire);
}

static void finds_names_or_their_closest_enclosers(void **state)
{
	static struct world w;
	const char *const zones[] = {
		"b.c.d.", TOP "a A 192.0.2.1\nx.y.w A 192.0.2.1\nt CNAME target.nowhere\n", NULL
	};
	(void)state;
	world_open(&w, zones);
	check_find(&w, "a.b.c.d.", "a.b.c.d.", true);
	check_find(&w, "A.B.c.D.", "a.b.c.d.", true);
	check_find(&w, "q.a.b.c.d.", "a.b.c.d.", false);
	check_find(&w, "1.2.3.4.5.6.7.8.9.a.b.c.d.", "a.b.c.d.", false);
	check_find(&w, "y.w.b.c.d.", "y.w.b.c.d.", true);
	check_find(&w, "z.w.b.c.d.", "w.b.c.d.", false);
	check_find(&w, "1.2.z.w.b.c.d.", "w.b.c.d.", false);
	check_find(&w, "c.d.", "c.d.", true);
	check_find(&w, "q.d.", "d.", false);
	check_find(&w, "org.", ".", false);
	check_find(&w, ".", ".", true);
	check_find(&w, "target.nowhere.b.c.d.", "b.c.d.", false); /* a mere target does not exist */
	world_close(&w);
}

static void finds_every_name_of_a_large_zone(void **state)
{
	enum { N = 20000 };
	static struct world w;
	char *zone = malloc(64 * N), *p = zone;
	(void)state;
	assert_non_null(zone);
	p += sprintf(p, TOP);
	for (unsigned i = 0; i < N; i++)
		p += sprintf(p, "n%u%s A 10.0.%u.%u\n", i, i % 7 ? "" : ".deep.er", i >> 8,
		             i & 255);
	const char *const zones[] = { "z.", zone, NULL };
	world_open(&w, zones);
	free(zone);
	for (unsigned i = 0; i < N; i++) {
		char name[64], missing[64];
		sprintf(name, "n%u%s.z.", i, i % 7 ? "" : ".deep.er");
		check_find(&w, name, name, true);
		sprintf(missing, "m%u.z.", i);
		check_find(&w, missing, "z.", false);
	}
	assert_int_equal(w.db.names, N + 4); /* z, deep.er.z, er.z, the root */
	assert_true(w.db.probe_max <= 64);
	world_close(&w);
}

/* ---- Damage ---- */

static void refuses_what_is_not_a_database(void **state)
{
	static struct world w;
	const char *const zones[] = { "z.", TOP, NULL };
	struct dns_database db;
	const char *why;
	(void)state;
	world_open(&w, zones);
	for (uint64_t size = 0; size < w.size; size++) { /* cut short */
		uint8_t *copy = test_malloc(size + 1);
		memcpy(copy, w.blob, size);
		assert_int_equal(dns_database_open(&db, copy, size, &why), ERR_MALFORMED);
		test_free(copy);
	}
	w.blob[0] ^= 1;
	assert_int_equal(dns_database_open(&db, w.blob, w.size, &why), ERR_MALFORMED);
	assert_string_equal(why, "it is not a zone database");
	w.blob[0] ^= 1;
	w.blob[8] ^= 1;
	assert_int_equal(dns_database_open(&db, w.blob, w.size, &why), ERR_MALFORMED);
	assert_string_equal(why, "it was made by another version of ampoule-dns-zones");
	w.blob[8] ^= 1;
	assert_int_equal(dns_database_open(&db, w.blob, w.size, &why), OK);
	world_close(&w);
}

static void survives_damage(void **state)
{
	static const char *const queries[] = {
		"a.z. A",     "x.c.z. A", "q.w.z. MX edns=4096", "no.z. A", "r.d.z. A",
		"chain.z. A", "z. SOA",   "z. NS edns=512",      "c.z. DS", "q.r.s.t.z. A",
		"k.z. A",     "k.z. DS",  "i.k.z. TXT"
	};
	static struct world w;
	const char *const zones[] = {
		"z.",
		SOA "@ NS ns\n@ NS ns.c\nns A 192.0.2.1\nns AAAA ::1\na A 192.0.2.2\nA TXT x\n"
		    "c NS ns.c\nc NS ns\nc DS 1 8 200 AB\nns.c A 192.0.2.3\n*.w MX 5 a\nd DNAME w\n"
		    "Chain CNAME chain2\nchain2 CNAME a\nx.y.s.t A 192.0.2.4\nk NS ns.k\n"
		    "k DS 1 8 200 CD\nns.k A 192.0.2.5\n",
		"k.z.", TOP "i TXT x\n", NULL
	};
	uint64_t random = 42;
	unsigned opened = 0;
	(void)state;
	world_open(&w, zones);
	for (unsigned round = 0; round < 20000; round++) {
		/* Its own allocation, so that reading past its end is found. */
		uint8_t *copy = malloc(w.size), response[4096];
		static struct dns_responder responder;
		struct dns_database db;
		const char *why;
		assert_non_null(copy);
		memcpy(copy, w.blob, w.size);
		for (unsigned n = 1 + world_random(&random) % 6; n; n--) {
			uint32_t at = world_random(&random) % (uint32_t)(w.size - DB_TAIL);
			if (world_random(&random) % 2)
				copy[at] = (uint8_t)world_random(&random);
			else
				copy[at] ^= (uint8_t)(1u << world_random(&random) % 8);
		}
		if (dns_database_open(&db, copy, w.size, &why) == OK) {
			opened++;
			dns_responder_init(&responder, &db, NULL);
			for (unsigned i = 0; i < sizeof queries / sizeof *queries; i++) {
				uint8_t query[600];
				uint32_t size = world_query(query, queries[i]);
				uint32_t end = dns_answer(&responder, query, size, response,
				                          sizeof response);
				assert_in_range(end, 12, 1232);
			}
		}
		free(copy);
	}
	assert_true(opened > 10000);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_sound_zone),
		cmocka_unit_test(wants_soa_and_ns_at_the_apex),
		cmocka_unit_test(rejects_records_out_of_the_zone),
		cmocka_unit_test(rejects_other_data_beside_a_cname),
		cmocka_unit_test(checks_dnames),
		cmocka_unit_test(warns_of_delegations_that_do_not_work),
		cmocka_unit_test(takes_the_lowest_ttl_of_a_set),
		cmocka_unit_test(merges_duplicates),
		cmocka_unit_test(merges_duplicates_that_differ_in_the_case_of_a_name),
		cmocka_unit_test(refuses_signed_zones),
		cmocka_unit_test(leaves_records_out_of_the_zone_out_if_told),
		cmocka_unit_test(rejects_a_zone_given_twice),
		cmocka_unit_test(rejects_types_that_are_no_data),
		cmocka_unit_test(rejects_data_that_does_not_fit_its_type),
		cmocka_unit_test(finds_names_or_their_closest_enclosers),
		cmocka_unit_test(finds_every_name_of_a_large_zone),
		cmocka_unit_test(refuses_what_is_not_a_database),
		cmocka_unit_test(survives_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

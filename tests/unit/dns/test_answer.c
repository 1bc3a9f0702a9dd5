/* SPDX-License-Identifier: ISC */
/* Whole answers, by behaviour. The zones are small enough to be checked by eye. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include <app/dns/query.h>

static const char example[] = "$TTL 3600\n"
                              "@ SOA ns1 host 1 7200 3600 1209600 300\n"
                              "@ NS ns1\n"
                              "@ NS ns.other.test.\n"
                              "@ MX 10 mail\n"
                              "@ TXT \"apex\"\n"
                              "ns1 A 192.0.2.1\n"
                              "ns1 AAAA 2001:db8::1\n"
                              "mail A 192.0.2.2\n"
                              "Mixed.Case A 192.0.2.3\n"
                              "www CNAME web\n"
                              "web A 192.0.2.4\n"
                              "web A 192.0.2.5\n"
                              "web TXT \"hello\"\n"
                              "far CNAME www.other.test.\n"
                              "dead CNAME nowhere\n"
                              "empty CNAME mail\n"
                              "ring1 CNAME ring2\n"
                              "ring2 CNAME ring1\n"
                              "incut CNAME host.sub\n"
                              "x.y.z A 192.0.2.6\n"
                              "*.wild A 192.0.2.7\n"
                              "*.wild MX 10 mail\n"
                              "sub.wild TXT \"not the wildcard\"\n"
                              "a.ent.wild A 192.0.2.8\n"
                              "*.alias CNAME mail\n"
                              "wmx MX 10 any.wild\n"
                              "sub NS ns1.sub\n"
                              "sub NS ns1\n"
                              "sub DS 1 8 200 ABCD\n"
                              "ns1.sub A 192.0.2.9\n"
                              "ns1.sub AAAA 2001:db8::9\n"
                              "hidden.sub TXT \"occluded\"\n"
                              "deeper.sub NS ns1\n"
                              "subx A 192.0.2.10\n"
                              "glued MX 5 ns1.sub\n"
                              "old DNAME web\n"
                              "host.web A 192.0.2.11\n"
                              "hop DNAME old\n"
                              "out DNAME other.test.\n"
                              "self DNAME self\n"
                              "long DNAME "
                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                              "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
                              "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.\n"
                              "_s._tcp SRV 0 0 80 web\n"
                              "odd TYPE65280 \\# 3 010203\n"
                              "child NS ns.child\n"
                              "child DS 2 8 200 EF01\n"
                              "ns.child A 192.0.2.12\n"
                              "tochild CNAME www.child\n"
                              "tozone2 CNAME www.second.test.\n";
static const char child[] = "$TTL 60\n"
                            "@ SOA ns host 9 1 1 1 600\n"
                            "@ NS ns\n"
                            "ns A 192.0.2.112\n"
                            "www A 192.0.2.113\n";
static const char second[] = "$TTL 60\n"
                             "@ SOA ns.example. host 5 1 1 1 30\n"
                             "@ NS ns1.example.\n"
                             "www A 192.0.2.114\n"
                             "back CNAME web.example.\n"
                             "bad CNAME nothing.example.\n";
static const char *const zones[] = { "example.", example, "child.example.", child, "second.test.",
	                             second,     NULL };

#define SOA      "NS example. 300 SOA ns1.example. host.example. 1 7200 3600 1209600 300\n"
#define CHILDSOA "NS child.example. 60 SOA ns.child.example. host.child.example. 9 1 1 1 600\n"
#define NS       "NS example. 3600 NS ns1.example.\nNS example. 3600 NS ns.other.test.\n"
#define NSADDR                                                                                     \
	"AR ns1.example. 3600 A 192.0.2.1\nAR ns1.example. 3600 AAAA "                             \
	"20010db8000000000000000000000001\n"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_open(&w, zones);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

#define TEST(name_)            static void name_(void **state)
#define ASK(query_, expected_) world_expect(&w, query_, expected_)
#define BEGIN                  (void)state

TEST(answers_with_the_rrset_and_the_zones_name_servers) /* RFC 1034 §4.3.2 3a, §6.2 */
{
	BEGIN;
	ASK("mail.example. A", "NOERROR aa\nAN mail.example. 3600 A 192.0.2.2\n" NS NSADDR);
	ASK("web.example. A",
	    "NOERROR aa\nAN web.example. 3600 A 192.0.2.4\nAN web.example. 3600 A 192.0.2.5\n" NS
	            NSADDR);
	ASK("web.example. TXT", "NOERROR aa\nAN web.example. 3600 TXT \"hello\"\n" NS NSADDR);
}

TEST(answers_at_the_apex_without_repeating_records) /* RFC 2181 §5: an RRset once */
{
	BEGIN;
	ASK("example. NS", "NOERROR aa\nAN example. 3600 NS ns1.example.\nAN example. 3600 NS "
	                   "ns.other.test.\n" NSADDR);
	ASK("example. SOA", "NOERROR aa\nAN example. 3600 SOA ns1.example. host.example. 1 7200 "
	                    "3600 1209600 300\n" NS NSADDR);
	ASK("ns1.example. A", "NOERROR aa\nAN ns1.example. 3600 A 192.0.2.1\n" NS
	                      "AR ns1.example. 3600 AAAA 20010db8000000000000000000000001\n");
}

TEST(says_nodata_with_the_soa) /* RFC 2308 §2.2, TTL §3 */
{
	BEGIN;
	ASK("mail.example. AAAA", "NOERROR aa\n" SOA);
	ASK("mail.example. TYPE65281", "NOERROR aa\n" SOA);
}

TEST(says_nxdomain_with_the_soa) /* RFC 2308 §2.1 */
{
	BEGIN;
	ASK("nothing.example. A", "NXDOMAIN aa\n" SOA);
	ASK("a.b.c.d.e.f.nothing.example. A", "NXDOMAIN aa\n" SOA);
	ASK("x.mail.example. A", "NXDOMAIN aa\n" SOA);
}

TEST(uses_the_soas_ttl_where_it_is_below_the_minimum) /* RFC 2308 §3 */
{
	BEGIN;
	ASK("nothing.child.example. A", "NXDOMAIN aa\n" CHILDSOA);
}

TEST(gives_nodata_for_empty_non_terminals) /* RFC 4592 §2.2.2, RFC 8020 */
{
	BEGIN;
	ASK("z.example. A", "NOERROR aa\n" SOA);
	ASK("y.z.example. A", "NOERROR aa\n" SOA);
	ASK("other.z.example. A", "NXDOMAIN aa\n" SOA);
}

TEST(adds_addresses_of_mail_exchangers_and_services) /* RFC 1035 §3.3.9, RFC 2782 */
{
	BEGIN;
	ASK("example. MX", "NOERROR aa\nAN example. 3600 MX 10 mail.example.\n" NS
	                   "AR mail.example. 3600 A 192.0.2.2\n" NSADDR);
	ASK("_s._tcp.example. SRV",
	    "NOERROR aa\nAN _s._tcp.example. 3600 SRV 0 0 80 web.example.\n" NS
	    "AR web.example. 3600 A 192.0.2.4\nAR web.example. 3600 A 192.0.2.5\n" NSADDR);
}

TEST(adds_addresses_that_a_wildcard_makes) /* RFC 4592 §3.3.1 */
{
	BEGIN;
	ASK("wmx.example. MX", "NOERROR aa\nAN wmx.example. 3600 MX 10 any.wild.example.\n" NS
	                       "AR any.wild.example. 3600 A 192.0.2.7\n" NSADDR);
}

TEST(gives_no_glue_as_an_exchangers_address) /* RFC 1034 §4.2.1: glue is not our data */
{
	BEGIN;
	ASK("glued.example. MX",
	    "NOERROR aa\nAN glued.example. 3600 MX 5 ns1.sub.example.\n" NS NSADDR);
}

TEST(refers_to_delegated_zones_with_glue) /* RFC 1034 §4.3.2 3b */
{
	static const char referral[] =
	        "NOERROR\nNS sub.example. 3600 NS ns1.sub.example.\n"
	        "NS sub.example. 3600 NS ns1.example.\n"
	        "AR ns1.sub.example. 3600 A 192.0.2.9\n"
	        "AR ns1.example. 3600 A 192.0.2.1\n"
	        "AR ns1.sub.example. 3600 AAAA 20010db8000000000000000000000009\n"
	        "AR ns1.example. 3600 AAAA 20010db8000000000000000000000001\n";
	BEGIN;
	ASK("sub.example. A", referral);
	ASK("sub.example. NS", referral);
	ASK("any.thing.sub.example. TXT", referral);
	ASK("ns1.sub.example. A", referral);
	ASK("sub.example. ANY", referral);
}

TEST(hides_what_lies_below_a_delegation) /* RFC 2181 §6.1; the topmost cut counts */
{
	static const char referral[] =
	        "NOERROR\nNS sub.example. 3600 NS ns1.sub.example.\n"
	        "NS sub.example. 3600 NS ns1.example.\n"
	        "AR ns1.sub.example. 3600 A 192.0.2.9\n"
	        "AR ns1.example. 3600 A 192.0.2.1\n"
	        "AR ns1.sub.example. 3600 AAAA 20010db8000000000000000000000009\n"
	        "AR ns1.example. 3600 AAAA 20010db8000000000000000000000001\n";
	BEGIN;
	ASK("hidden.sub.example. TXT", referral);
	ASK("deeper.sub.example. NS", referral);
	ASK("deeper.sub.example. DS", referral);
	ASK("subx.example. A", "NOERROR aa\nAN subx.example. 3600 A 192.0.2.10\n" NS NSADDR);
}

TEST(answers_ds_at_a_cut_from_the_parent) /* RFC 4035 §3.1.4.1 */
{
	BEGIN;
	ASK("sub.example. DS", "NOERROR aa\nAN sub.example. 3600 DS 000108c8abcd\n");
	ASK("child.example. DS", "NOERROR aa\nAN child.example. 3600 DS 000208c8ef01\n");
	ASK("example. DS", "NOERROR aa\n" SOA);
	ASK("second.test. DS",
	    "NOERROR aa\nNS second.test. 30 SOA ns.example. host.second.test. 5 1 1 1 30\n");
}

TEST(answers_from_the_child_where_parent_and_child_are_hosted) /* RFC 1034 §4.3.2 step 2 */
{
	BEGIN;
	ASK("child.example. NS", "NOERROR aa\nAN child.example. 60 NS ns.child.example.\n"
	                         "AR ns.child.example. 60 A 192.0.2.112\n");
	ASK("ns.child.example. A", "NOERROR aa\nAN ns.child.example. 60 A 192.0.2.112\n"
	                           "NS child.example. 60 NS ns.child.example.\n");
	ASK("nothing.child.example. A", "NXDOMAIN aa\n" CHILDSOA);
}

TEST(follows_cname_chains) /* RFC 1034 §3.6.2, §4.3.2 3a */
{
	BEGIN;
	ASK("www.example. A",
	    "NOERROR aa\nAN www.example. 3600 CNAME web.example.\n"
	    "AN web.example. 3600 A 192.0.2.4\nAN web.example. 3600 A 192.0.2.5\n" NS NSADDR);
	ASK("www.example. CNAME",
	    "NOERROR aa\nAN www.example. 3600 CNAME web.example.\n" NS NSADDR);
	ASK("www.example. ANY", "NOERROR aa\nAN www.example. 3600 CNAME web.example.\n");
}

TEST(ends_chains_outside_of_its_zones) /* RFC 1034 §4.3.2 3a, 4 */
{
	BEGIN;
	ASK("far.example. A", "NOERROR aa\nAN far.example. 3600 CNAME www.other.test.\n");
}

TEST(follows_chains_across_hosted_zones)
{
	BEGIN;
	ASK("tozone2.example. A",
	    "NOERROR aa\nAN tozone2.example. 3600 CNAME www.second.test.\n"
	    "AN www.second.test. 60 A 192.0.2.114\nNS second.test. 60 NS ns1.example.\n");
	ASK("back.second.test. A",
	    "NOERROR aa\nAN back.second.test. 60 CNAME web.example.\n"
	    "AN web.example. 3600 A 192.0.2.4\nAN web.example. 3600 A 192.0.2.5\n" NS NSADDR);
	ASK("tochild.example. A",
	    "NOERROR aa\nAN tochild.example. 3600 CNAME www.child.example.\n"
	    "AN www.child.example. 60 A 192.0.2.113\n"
	    "NS child.example. 60 NS ns.child.example.\nAR ns.child.example. 60 A 192.0.2.112\n");
}

TEST(gives_the_rcode_of_the_chains_end) /* RFC 6604 §3, RFC 2308 §2.1 */
{
	BEGIN;
	ASK("dead.example. A", "NXDOMAIN aa\nAN dead.example. 3600 CNAME nowhere.example.\n" SOA);
	ASK("empty.example. AAAA", "NOERROR aa\nAN empty.example. 3600 CNAME mail.example.\n" SOA);
	ASK("bad.second.test. A",
	    "NXDOMAIN aa\nAN bad.second.test. 60 CNAME nothing.example.\n" SOA);
}

TEST(refers_at_the_end_of_a_chain) /* RFC 1034 §4.3.2 3b; AA is the first owner's, RFC 1035 §4.1.1
                                    */
{
	BEGIN;
	ASK("incut.example. A",
	    "NOERROR aa\nAN incut.example. 3600 CNAME host.sub.example.\n"
	    "NS sub.example. 3600 NS ns1.sub.example.\nNS sub.example. 3600 NS ns1.example.\n"
	    "AR ns1.sub.example. 3600 A 192.0.2.9\nAR ns1.example. 3600 A 192.0.2.1\n"
	    "AR ns1.sub.example. 3600 AAAA 20010db8000000000000000000000009\n"
	    "AR ns1.example. 3600 AAAA 20010db8000000000000000000000001\n");
}

TEST(ends_cname_loops) /* RFC 1034 §3.6.2 */
{
	BEGIN;
	ASK("ring1.example. A", "NOERROR aa\nAN ring1.example. 3600 CNAME ring2.example.\n"
	                        "AN ring2.example. 3600 CNAME ring1.example.\n");
}

TEST(synthesizes_from_wildcards) /* RFC 4592 §3.3 */
{
	BEGIN;
	ASK("q.wild.example. A", "NOERROR aa\nAN q.wild.example. 3600 A 192.0.2.7\n" NS NSADDR);
	ASK("p.q.wild.example. A", "NOERROR aa\nAN p.q.wild.example. 3600 A 192.0.2.7\n" NS NSADDR);
	ASK("q.wild.example. MX", "NOERROR aa\nAN q.wild.example. 3600 MX 10 mail.example.\n" NS
	                          "AR mail.example. 3600 A 192.0.2.2\n" NSADDR);
	ASK("*.wild.example. A", "NOERROR aa\nAN *.wild.example. 3600 A 192.0.2.7\n" NS NSADDR);
	ASK("q.wild.example. ANY", "NOERROR aa\nAN q.wild.example. 3600 A 192.0.2.7\n");
	ASK("q.alias.example. A", "NOERROR aa\nAN q.alias.example. 3600 CNAME mail.example.\n"
	                          "AN mail.example. 3600 A 192.0.2.2\n" NS NSADDR);
}

TEST(gives_wildcard_nodata) /* RFC 4592 §2.2.1 */
{
	BEGIN;
	ASK("q.wild.example. TXT", "NOERROR aa\n" SOA);
}

TEST(does_not_use_a_wildcard_where_the_closest_encloser_is_lower) /* RFC 4592 §2.2.1, §3.3.1 */
{
	BEGIN;
	ASK("wild.example. A", "NOERROR aa\n" SOA);
	ASK("sub.wild.example. A", "NOERROR aa\n" SOA);
	ASK("q.sub.wild.example. A", "NXDOMAIN aa\n" SOA);
	ASK("ent.wild.example. A", "NOERROR aa\n" SOA);
	ASK("q.ent.wild.example. A", "NXDOMAIN aa\n" SOA);
	ASK("q.*.wild.example. A", "NXDOMAIN aa\n" SOA); /* §2.2.1's last example */
}

TEST(redirects_below_a_dname) /* RFC 6672 §2.2, §3.1 */
{
	BEGIN;
	ASK("host.old.example. A", "NOERROR aa\nAN old.example. 3600 DNAME web.example.\n"
	                           "AN host.old.example. 3600 CNAME host.web.example.\n"
	                           "AN host.web.example. 3600 A 192.0.2.11\n" NS NSADDR);
	ASK("no.old.example. A", "NXDOMAIN aa\nAN old.example. 3600 DNAME web.example.\n"
	                         "AN no.old.example. 3600 CNAME no.web.example.\n" SOA);
	ASK("host.old.example. CNAME", "NOERROR aa\nAN old.example. 3600 DNAME web.example.\n"
	                               "AN host.old.example. 3600 CNAME host.web.example.\n");
	ASK("a.b.out.example. A", "NOERROR aa\nAN out.example. 3600 DNAME other.test.\n"
	                          "AN a.b.out.example. 3600 CNAME a.b.other.test.\n");
	ASK("host.hop.example. A", "NOERROR aa\nAN hop.example. 3600 DNAME old.example.\n"
	                           "AN host.hop.example. 3600 CNAME host.old.example.\n"
	                           "AN old.example. 3600 DNAME web.example.\n"
	                           "AN host.old.example. 3600 CNAME host.web.example.\n"
	                           "AN host.web.example. 3600 A 192.0.2.11\n" NS NSADDR);
}

TEST(does_not_redirect_the_dnames_owner) /* RFC 6672 §2.3 */
{
	BEGIN;
	ASK("old.example. DNAME",
	    "NOERROR aa\nAN old.example. 3600 DNAME web.example.\n" NS NSADDR);
	ASK("old.example. A", "NOERROR aa\n" SOA);
}

TEST(says_yxdomain_if_the_redirected_name_is_too_long) /* RFC 6672 §2.2 */
{
	BEGIN;
	ASK("dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd."
	    "eeeeeeeeeeeeeeeeeeeeeeeeee.long.example. A",
	    "YXDOMAIN aa\nAN long.example. 3600 DNAME "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
	    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.\n");
}

TEST(ends_dname_loops)
{
	BEGIN;
	ASK("x.self.example. A", "NOERROR aa\nAN self.example. 3600 DNAME self.example.\n"
	                         "AN x.self.example. 3600 CNAME x.self.example.\n");
}

TEST(answers_any_with_the_first_rrset) /* RFC 8482 §4.1 */
{
	BEGIN;
	ASK("web.example. ANY",
	    "NOERROR aa\nAN web.example. 3600 A 192.0.2.4\nAN web.example. 3600 A 192.0.2.5\n");
	ASK("nothing.example. ANY", "NXDOMAIN aa\n" SOA);
	ASK("z.example. ANY", "NOERROR aa\n" SOA);
}

TEST(serves_types_that_it_does_not_know) /* RFC 3597 §3 */
{
	BEGIN;
	ASK("odd.example. TYPE65280",
	    "NOERROR aa\nAN odd.example. 3600 TYPE65280 010203\n" NS NSADDR);
}

TEST(refuses_what_it_does_not_host) /* RFC 8906 §7: REFUSED, no records */
{
	BEGIN;
	ASK("other.test. A", "REFUSED\n");
	ASK(". NS", "REFUSED\n");
	ASK("test. A", "REFUSED\n");
	ASK("other.test. A rd edns=4096 do", "REFUSED rd\nAR OPT 1232 ext=0 version=0 do\n");
}

TEST(refuses_zone_transfers_over_udp) /* RFC 5936 §4.2; they belong to TCP */
{
	BEGIN;
	ASK("example. AXFR", "REFUSED\n");
	ASK("example. IXFR", "REFUSED\n");
}

TEST(handles_classes) /* RFC 1035 §3.2.4; class ANY is never authoritative, RFC 1034 §3.7.1 */
{
	BEGIN;
	ASK("mail.example. A CLASS4", "REFUSED\n");
	ASK("mail.example. A CLASS65000", "REFUSED\n");
	ASK("mail.example. A ANY", "NOERROR\nAN mail.example. 3600 A 192.0.2.2\n");
	ASK("nothing.example. A ANY", "NXDOMAIN\n");
}

TEST(tells_its_version_and_identity_only_if_configured) /* RFC 4892 */
{
	BEGIN;
	ASK("version.bind. TXT CH", "REFUSED\n");
	ASK("id.server. TXT CH", "REFUSED\n");
	w.responder.policy.version = "ampoule";
	w.responder.policy.identity = "one";
	ASK("version.bind. TXT CH", "NOERROR\nAN version.bind. 0 CH TXT \"ampoule\"\n");
	ASK("VERSION.server. TXT CH", "NOERROR\nAN VERSION.server. 0 CH TXT \"ampoule\"\n");
	ASK("id.server. TXT CH", "NOERROR\nAN id.server. 0 CH TXT \"one\"\n");
	ASK("hostname.bind. TXT CH", "NOERROR\nAN hostname.bind. 0 CH TXT \"one\"\n");
	ASK("hostname.bind. A CH", "REFUSED\n");
	ASK("example. TXT CH", "REFUSED\n");
	w.responder.policy.version = w.responder.policy.identity = NULL;
}

TEST(keeps_the_questions_case_and_ignores_it) /* RFC 4343 §3, §4.1 */
{
	uint8_t response[4096], query[600];
	BEGIN;
	ASK("mAiL.eXaMpLe. A",
	    "NOERROR aa\nAN mAiL.eXaMpLe. 3600 A 192.0.2.2\n"
	    "NS eXaMpLe. 3600 NS ns1.eXaMpLe.\nNS eXaMpLe. 3600 NS ns.other.test.\n"
	    "AR ns1.eXaMpLe. 3600 A 192.0.2.1\n"
	    "AR ns1.eXaMpLe. 3600 AAAA 20010db8000000000000000000000001\n");
	ASK("mixed.case.example. A",
	    "NOERROR aa\nAN mixed.case.example. 3600 A 192.0.2.3\n" NS NSADDR);
	uint32_t size = world_query(query, "mAiL.eXaMpLe. A");
	world_ask(&w, "mAiL.eXaMpLe. A", response);
	assert_memory_equal(query + 12, response + 12, size - 12);
}

TEST(compresses_all_names_that_may_be) /* RFC 1035 §4.1.4, RFC 3597 §4 */
{
	uint8_t response[4096];
	BEGIN;
	/* Header 12, question 10 + 4; MX 2+10+2+(5+2); NS 2+10+(4+2), 2+10+(3+6+5+1...
	 * "ns.other.test."). */
	assert_int_equal(world_ask(&w, "example. MX", response),
	                 12 + 9 + 4 + (12 + 2 + 7) + (12 + 6) + (12 + 15) + 16 + 16 + 28);
	/* SRV's target is not compressed: in the data "web.example." is whole. */
	assert_int_equal(world_ask(&w, "_s._tcp.example. SRV", response),
	                 12 + 17 + 4 + (12 + 6 + 13) + (12 + 6) + (12 + 15) + (16 + 4) + 16 + 16 +
	                         28);
}

TEST(keeps_to_512_bytes_without_edns_and_to_the_clients_size_with_it) /* RFC 1035 §4.2.1, RFC 6891
                                                                         §6.2.5 */
{
	static char zone[20000] = "$TTL 1\n@ SOA ns.o. h.o. 1 1 1 1 1\n@ NS ns.o.\n";
	const char *const fat[] = { "fat.", zone, NULL };
	struct world f;
	uint8_t response[4096];
	BEGIN;
	for (unsigned i = 0; i < 20; i++)
		sprintf(zone + strlen(zone), "big TXT %02u-%.60s\n", i,
		        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
		        "yyyyy");
	world_open(&f, fat);
	/* 20 records of 12 + 64 bytes: 1553 in all. */
	world_expect(&f, "big.fat. TXT", "NOERROR aa tc\n");
	world_expect(&f, "big.fat. TXT edns=512", "NOERROR aa tc\nAR OPT 1232 ext=0 version=0\n");
	world_expect(&f, "big.fat. TXT edns=4096", "NOERROR aa tc\nAR OPT 1232 ext=0 version=0\n");
	assert_int_equal(world_ask(&f, "big.fat. TXT edns=4096", response), 12 + 13 + 11);
	f.responder.policy.udp_size = 4096;
	assert_int_equal(world_ask(&f, "big.fat. TXT edns=1500", response), 12 + 13 + 11);
	uint32_t size = world_ask(&f, "big.fat. TXT edns=4096", response);
	assert_int_equal(bytes_load_u16(response + 6), 20);
	assert_int_equal(size, 12 + 13 + 20 * 76 + 18 + 11); /* the zone's NS fits in, too */
	world_close(&f);
}

TEST(leaves_out_what_is_optional_before_it_truncates) /* RFC 2181 §9 */
{
	static char zone[8192] = "$TTL 1\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n";
	const char *const many[] = { "many.", zone, NULL };
	struct world f;
	uint8_t response[4096];
	BEGIN;
	for (unsigned i = 0; i < 26; i++)
		sprintf(zone + strlen(zone), "h A 192.0.2.%u\n", i);
	sprintf(zone + strlen(zone), "cut NS ns.cut\n");
	for (unsigned i = 0; i < 40; i++)
		sprintf(zone + strlen(zone), "ns.cut A 198.51.100.%u\n", i);
	world_open(&f, many);
	/* 26 * 16 + 24 = 440 bytes: the NS (16) fits, its address (16) fits. One more byte less and
	 * they do not. */
	assert_int_equal(world_ask(&f, "h.many. A", response), 12 + 12 + 26 * 16 + 17 + 16);
	/* Glue is not optional (RFC 9471 §3.1). */
	world_expect(&f, "x.cut.many. A", "NOERROR tc\nNS cut.many. 1 NS ns.cut.many.\n");
	world_ask(&f, "x.cut.many. A edns=1232", response);
	assert_int_equal(bytes_load_u16(response + 10), 41);
	world_close(&f);
}

TEST(serves_the_root_zone)
{
	static const char text[] =
	        "$TTL 86400\n. SOA a.root. h.root. 1 1 1 1 900\n. NS a.root.\n"
	        "a.root. A 192.0.2.53\ntest. NS ns.test.\nns.test. A 192.0.2.54\n";
	const char *const root[] = { ".", text, NULL };
	struct world r;
	BEGIN;
	world_open(&r, root);
	world_expect(&r, ". NS",
	             "NOERROR aa\nAN . 86400 NS a.root.\nAR a.root. 86400 A 192.0.2.53\n");
	world_expect(&r, "www.test. A",
	             "NOERROR\nNS test. 86400 NS ns.test.\nAR ns.test. 86400 A 192.0.2.54\n");
	world_expect(&r, "nothing. A", "NXDOMAIN aa\nNS . 900 SOA a.root. h.root. 1 1 1 1 900\n");
	world_expect(&r, "root. A", "NOERROR aa\nNS . 900 SOA a.root. h.root. 1 1 1 1 900\n");
	world_expect(&r, ". DS", "NOERROR aa\nNS . 900 SOA a.root. h.root. 1 1 1 1 900\n");
	world_close(&r);
}

TEST(answers_minimally_if_told_to) /* as NSD's minimal-responses: yes */
{
	BEGIN;
	w.responder.policy.minimal = true;
	ASK("mail.example. A", "NOERROR aa\nAN mail.example. 3600 A 192.0.2.2\n");
	ASK("example. MX", "NOERROR aa\nAN example. 3600 MX 10 mail.example.\n");
	ASK("nothing.example. A", "NXDOMAIN aa\n" SOA);
	ASK("child.example. NS", "NOERROR aa\nAN child.example. 60 NS ns.child.example.\n"
	                         "AR ns.child.example. 60 A 192.0.2.112\n");
	ASK("glue.sub.example. A",
	    "NOERROR\nNS sub.example. 3600 NS ns1.sub.example.\n"
	    "NS sub.example. 3600 NS ns1.example.\n"
	    "AR ns1.sub.example. 3600 A 192.0.2.9\nAR ns1.example. 3600 A 192.0.2.1\n"
	    "AR ns1.sub.example. 3600 AAAA 20010db8000000000000000000000009\n"
	    "AR ns1.example. 3600 AAAA 20010db8000000000000000000000001\n");
	w.responder.policy.minimal = false;
}

/* `count` servers of a delegation, below it or beside it, whose addresses make a response long. */
static void make_delegation(char *zone, size_t room, bool below, unsigned count, unsigned addresses)
{
	size_t at =
	        (size_t)snprintf(zone, room, "$TTL 1\n@ SOA ns.o. h.o. 1 1 1 1 1\n@ NS ns.o.\n");

	for (unsigned i = 0; i < count; i++) {
		char name[80];
		snprintf(name, sizeof name, "%u-%.59s%s", i,
		         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		         below ? ".cut" : "");
		at += (size_t)snprintf(zone + at, room - at, "cut NS %s\n", name);
		for (unsigned j = 0; j < addresses; j++)
			at += (size_t)snprintf(zone + at, room - at,
			                       "%s AAAA 2001:db8::%u:%u\n%s A 10.0.%u.%u\n", name,
			                       i, j, name, i, j);
	}
}

/* What RFC 9471 §3.1 asks for: all of a delegation's own glue, or TC. */
TEST(a_referral_without_all_of_its_glue_is_truncated)
{
	static const struct {
		bool below;
		unsigned count, addresses;
		const char *query;
		unsigned
		        records; /* in the additional section, OPT not counted; 99: some, but not all */
		bool truncated;
	} cases[] = {
		{ true, 6, 1, "xxxxxxxxxxxxxxxxxxxxx.cut.z. A", 0, true }, /* none of it fits */
		{ true, 6, 1, "x.cut.z. A edns=600", 99, true },           /* some of it */
		{ true, 6, 1, "x.cut.z. A edns=740", 99, true }, /* all of A, not of AAAA */
		{ true, 6, 1, "x.cut.z. A edns=1232", 12, false },
		{ true, 13, 4, "x.cut.z. A edns=1232", 99, true },
		{ false, 6, 1, "xxxxxxxxxxxxxxxxxxxxx.cut.z. A", 0,
		  false }, /* others can be asked for it */
		{ false, 6, 1, "x.cut.z. A edns=600", 99, false },
	};
	char zone[20000];
	(void)state;

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world f;
		uint8_t response[4096];
		make_delegation(zone, sizeof zone, cases[i].below, cases[i].count,
		                cases[i].addresses);
		world_open(&f, (const char *const[]){ "z.", zone, NULL });
		assert_true(world_ask(&f, cases[i].query, response) > 12);
		unsigned found =
		        bytes_load_u16(response + 10) - (strstr(cases[i].query, "edns") != NULL);
		if ((bytes_load_u16(response + 2) >> 9 & 1) != cases[i].truncated)
			fail_msg("case %u: %u of its addresses are there", i, found);
		assert_int_equal(bytes_load_u16(response + 8), cases[i].count);
		if (cases[i].records != 99)
			assert_int_equal(found, cases[i].records);
		else
			assert_in_range(found, 1, 2 * cases[i].count * cases[i].addresses - 1);
		world_close(&f);
	}
}

TEST(a_large_delegation_comes_whole_over_a_stream)
{
	char zone[200000];
	struct world f;
	static uint8_t query[600], response[65535];
	(void)state;

	make_delegation(zone, sizeof zone, true, 150, 4);
	world_open(&f, (const char *const[]){ "z.", zone, NULL });
	f.responder.policy.stream = true;
	uint32_t size = world_query(query, "x.cut.z. A");
	dns_answer(&f.responder, query, size, response, sizeof response);
	assert_int_equal(bytes_load_u16(response + 2) & DNS_TC, 0);
	assert_int_equal(bytes_load_u16(response + 10), 150 * 4 * 2);
	world_close(&f);
}

TEST(tells_clients_over_a_stream_how_long_they_may_be_idle) /* RFC 7828 §3.2, §3.3 */
{
	BEGIN;
	ASK("child.example. SOA edns=1232 keepalive",
	    "NOERROR aa\nAN child.example. 60 SOA ns.child.example. host.child.example. 9 1 1 1 "
	    "600\n"
	    "NS child.example. 60 NS ns.child.example.\n"
	    "AR ns.child.example. 60 A 192.0.2.112\nAR OPT 1232 ext=0 version=0\n");
	w.responder.policy.stream = true;
	w.responder.policy.keepalive = 100;
	ASK("child.example. SOA edns=1232 keepalive",
	    "NOERROR aa\nAN child.example. 60 SOA ns.child.example. host.child.example. 9 1 1 1 "
	    "600\n"
	    "NS child.example. 60 NS ns.child.example.\n"
	    "AR ns.child.example. 60 A 192.0.2.112\nAR OPT 1232 ext=0 version=0 000b00020064\n");
	ASK("example. TXT edns=1232 version=1 keepalive",
	    "NOERROR\nAR OPT 1232 ext=1 version=0 000b00020064\n");
	ASK("child.example. SOA edns=1232",
	    "NOERROR aa\nAN child.example. 60 SOA ns.child.example. host.child.example. 9 1 1 1 "
	    "600\n"
	    "NS child.example. 60 NS ns.child.example.\n"
	    "AR ns.child.example. 60 A 192.0.2.112\nAR OPT 1232 ext=0 version=0\n");
	ASK("child.example. SOA edns=1232 option=11", /* 8 bytes are no question for it */
	    "NOERROR aa\nAN child.example. 60 SOA ns.child.example. host.child.example. 9 1 1 1 "
	    "600\n"
	    "NS child.example. 60 NS ns.child.example.\n"
	    "AR ns.child.example. 60 A 192.0.2.112\nAR OPT 1232 ext=0 version=0\n");
	w.responder.policy.stream = false;
}

TEST(answers_in_place_as_it_answers_elsewhere)
{
	static const char *const queries[] = { "mail.example. A edns=1232 do", "x.sub.example. A",
		                               "host.hop.example. A edns=512",
		                               "dead.example. MX rd" };
	BEGIN;
	for (unsigned i = 0; i < sizeof queries / sizeof *queries; i++) {
		uint8_t query[4096] = { 0 }, response[4096];
		uint32_t size = world_query(query, queries[i]);
		uint32_t a = dns_answer(&w.responder, query, size, response, sizeof response);
		uint32_t b = dns_answer(&w.responder, query, size, query, sizeof query);
		assert_int_equal(a, b);
		assert_memory_equal(query, response, a);
	}
}

/* ---- Hostile queries ---- */

/* The query in memory of its own size, so that reading past it is found. */
static uint32_t answer_exact(const uint8_t *query, uint32_t size, uint8_t *response)
{
	uint8_t *copy = test_malloc(size ? size : 1);
	if (size)
		memcpy(copy, query, size);
	uint32_t end = dns_answer(&w.responder, copy, size, response, 4096);
	test_free(copy);
	return end;
}

static void expect_raw(const char *what, const uint8_t *query, uint32_t size, const char *expected)
{
	uint8_t response[4096];
	static char text[65536];
	uint32_t end = answer_exact(query, size, response);

	world_render(text, sizeof text, response, end);
	if (strcmp(text, expected) != 0)
		fail_msg("%s: expected %s, got %s", what, expected, text);
}

TEST(survives_queries_cut_at_each_byte)
{
	uint8_t query[600];
	uint32_t size = world_query(query, "host.old.example. A edns=1232 do option=10");
	BEGIN;
	for (uint32_t i = 0; i < size; i++)
		expect_raw("cut", query, i, i < 12 ? "nothing" : "FORMERR no-question\n");
	/* What follows a query is ignored. */
	query[size] = 0xff;
	uint8_t response[4096];
	assert_true(answer_exact(query, size + 1, response) > 100);
}

TEST(drops_responses) /* RFC 8906 §3: QR=1 is never answered, or two servers would talk for ever */
{
	uint8_t query[600];
	uint32_t size = world_query(query, "mail.example. A");
	BEGIN;
	query[2] |= 0x80;
	expect_raw("QR", query, size, "nothing");
}

TEST(rejects_malformed_questions)
{
	uint8_t q[600];
	uint32_t size;
	BEGIN;
	size = world_query(q, "mail.example. A");
	q[12] = 0xc0; /* a pointer to itself */
	q[13] = 12;
	expect_raw("pointer", q, size, "FORMERR no-question\n");
	size = world_query(q, "mail.example. A");
	q[17] = 0xc0; /* one to its beginning */
	q[18] = 12;
	expect_raw("pointer after label", q, size, "FORMERR no-question\n");
	size = world_query(q, "mail.example. A");
	q[12] = 0x41; /* RFC 2671's bit labels */
	expect_raw("label type", q, size, "FORMERR no-question\n");
	/* 256 bytes of labels */
	memset(q + 12, 0, 300);
	for (unsigned at = 12; at < 12 + 256; at += 64) {
		q[at] = 63;
		memset(q + at + 1, 'a', 63);
	}
	expect_raw("long", q, 12 + 256 + 5, "FORMERR no-question\n");
}

TEST(rejects_wrong_counts) /* RFC 9619: one question */
{
	static const struct {
		uint8_t offset, value;
	} counts[] = { { 5, 0 }, { 5, 2 }, { 7, 1 }, { 9, 1 }, { 11, 1 }, { 11, 2 } };
	uint8_t q[600];
	BEGIN;
	for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
		uint32_t size = world_query(q, "mail.example. A");
		q[counts[i].offset] = counts[i].value;
		expect_raw("count", q, size, "FORMERR no-question\n");
	}
}

TEST(rejects_malformed_opt) /* RFC 6891 §6.1.1, §6.1.2 */
{
	uint8_t q[600];
	uint32_t size;
	BEGIN;
	size = world_query(q, "mail.example. A edns=1232 option=10");
	q[size - 9] = 9; /* the option's length goes past the record */
	expect_raw("option length", q, size, "FORMERR no-question\n");
	size = world_query(q, "mail.example. A edns=1232");
	q[size - 11] = 1; /* its owner is not the root */
	expect_raw("owner", q, size, "FORMERR no-question\n");
	size = world_query(q, "mail.example. A edns=1232");
	q[size - 9] = 1; /* another type: A */
	expect_raw("type", q, size, "FORMERR no-question\n");
	size = world_query(q, "mail.example. A edns=1232");
	memcpy(q + size, q + size - 11, 11); /* two of them */
	q[11] = 2;
	expect_raw("two", q, size + 11, "FORMERR no-question\n");
}

TEST(answers_the_longest_name)
{
	char name[1024] = "";
	BEGIN;
	for (unsigned i = 0; i < 123; i++)
		strcat(name, "x.");
	strcat(name, "example. A"); /* 123 * 2 + 9 = 255 bytes, 124 labels */
	ASK(name, "NXDOMAIN aa\n" SOA);
	strcpy(name, "");
	for (unsigned i = 0; i < 120; i++)
		strcat(name, "y.");
	strcat(name, "out.example. A edns=1232");
	uint8_t response[4096];
	uint32_t end = world_ask(&w, name, response);
	static char text[8192];
	world_render(text, sizeof text, response, end); /* it decodes */
	assert_int_equal(bytes_load_u16(response + 6), 2);
}

TEST(survives_random_mutations)
{
	static const char *const seeds[] = { "host.hop.example. A edns=1232 do option=3",
		                             "q.wild.example. MX",
		                             "any.sub.example. AAAA edns=512",
		                             "version.bind. TXT CH",
		                             "tochild.example. A edns=4096",
		                             "long.example. ANY" };
	uint64_t random = 0x9e3779b97f4a7c15;
	static char text[65536];
	unsigned answered = 0;
	BEGIN;
	for (unsigned i = 0; i < 60000; i++) {
		uint8_t q[600], response[4096];
		uint32_t size = world_query(q, seeds[i % 6]);
		for (unsigned n = 1 + world_random(&random) % 4; n; n--)
			q[2 + world_random(&random) % (size - 2)] =
			        (uint8_t)(world_random(&random) % 7 ? world_random(&random)
			                                            : world_random(&random) % 64);
		if (world_random(&random) % 8 == 0)
			size -= world_random(&random) % size;
		uint32_t end = answer_exact(q, size, response);
		assert_true(end <= 1232);
		answered += end != 0;
		world_render(text, sizeof text, response, end); /* whatever it is, it decodes */
	}
	assert_true(answered > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_with_the_rrset_and_the_zones_name_servers),
		cmocka_unit_test(answers_at_the_apex_without_repeating_records),
		cmocka_unit_test(says_nodata_with_the_soa),
		cmocka_unit_test(says_nxdomain_with_the_soa),
		cmocka_unit_test(uses_the_soas_ttl_where_it_is_below_the_minimum),
		cmocka_unit_test(gives_nodata_for_empty_non_terminals),
		cmocka_unit_test(adds_addresses_of_mail_exchangers_and_services),
		cmocka_unit_test(adds_addresses_that_a_wildcard_makes),
		cmocka_unit_test(gives_no_glue_as_an_exchangers_address),
		cmocka_unit_test(refers_to_delegated_zones_with_glue),
		cmocka_unit_test(hides_what_lies_below_a_delegation),
		cmocka_unit_test(answers_ds_at_a_cut_from_the_parent),
		cmocka_unit_test(answers_from_the_child_where_parent_and_child_are_hosted),
		cmocka_unit_test(follows_cname_chains),
		cmocka_unit_test(ends_chains_outside_of_its_zones),
		cmocka_unit_test(follows_chains_across_hosted_zones),
		cmocka_unit_test(gives_the_rcode_of_the_chains_end),
		cmocka_unit_test(refers_at_the_end_of_a_chain),
		cmocka_unit_test(ends_cname_loops),
		cmocka_unit_test(synthesizes_from_wildcards),
		cmocka_unit_test(gives_wildcard_nodata),
		cmocka_unit_test(does_not_use_a_wildcard_where_the_closest_encloser_is_lower),
		cmocka_unit_test(redirects_below_a_dname),
		cmocka_unit_test(does_not_redirect_the_dnames_owner),
		cmocka_unit_test(says_yxdomain_if_the_redirected_name_is_too_long),
		cmocka_unit_test(ends_dname_loops),
		cmocka_unit_test(answers_any_with_the_first_rrset),
		cmocka_unit_test(serves_types_that_it_does_not_know),
		cmocka_unit_test(refuses_what_it_does_not_host),
		cmocka_unit_test(refuses_zone_transfers_over_udp),
		cmocka_unit_test(handles_classes),
		cmocka_unit_test(tells_its_version_and_identity_only_if_configured),
		cmocka_unit_test(keeps_the_questions_case_and_ignores_it),
		cmocka_unit_test(compresses_all_names_that_may_be),
		cmocka_unit_test(keeps_to_512_bytes_without_edns_and_to_the_clients_size_with_it),
		cmocka_unit_test(leaves_out_what_is_optional_before_it_truncates),
		cmocka_unit_test(serves_the_root_zone),
		cmocka_unit_test(answers_minimally_if_told_to),
		cmocka_unit_test(a_referral_without_all_of_its_glue_is_truncated),
		cmocka_unit_test(a_large_delegation_comes_whole_over_a_stream),
		cmocka_unit_test(tells_clients_over_a_stream_how_long_they_may_be_idle),
		cmocka_unit_test(answers_in_place_as_it_answers_elsewhere),
		cmocka_unit_test(survives_queries_cut_at_each_byte),
		cmocka_unit_test(drops_responses),
		cmocka_unit_test(rejects_malformed_questions),
		cmocka_unit_test(rejects_wrong_counts),
		cmocka_unit_test(rejects_malformed_opt),
		cmocka_unit_test(answers_the_longest_name),
		cmocka_unit_test(survives_random_mutations),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

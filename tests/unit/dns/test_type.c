/* SPDX-License-Identifier: ISC */
/* Types and classes: names, numbers, layouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <app/dns/field/field.h>
#include <app/dns/type.h>

static int number(const char *text)
{
	return dns_type_number(text, strlen(text));
}

static void every_number_prints_to_a_name_that_reads_back(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= 65535; type++) {
		char text[16];
		memset(text, 'x', sizeof text);
		dns_type_text((uint16_t)type, text);
		assert_non_null(memchr(text, '\0', sizeof text));
		assert_int_equal(number(text), type);
		for (char *c = text; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? *c + 32 : *c;
		assert_int_equal(number(text), type);
		snprintf(text, sizeof text, "TYPE%u", type);
		assert_int_equal(number(text), type);
	}
}

static void knows_all_names_of_bind(void **state)
{
	/* named-rrchecker -T of BIND 9.18, and the types of questions and messages. */
	static const char all[] =
	        "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN "
	        "RT NSAP NSAP-PTR "
	        "SIG KEY PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK APL "
	        "DS SSHFP "
	        "IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA HIP NINFO RKEY "
	        "TALINK CDS "
	        "CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT BRID SPF UINFO UID GID "
	        "UNSPEC NID L32 "
	        "L64 LP EUI48 EUI64 URI CAA AVC DOA AMTRELAY RESINFO WALLET TA DLV "
	        "OPT TKEY TSIG IXFR AXFR MAILB MAILA ANY";
	unsigned count = 0;

	(void)state;
	for (const char *at = all; *at; count++) {
		size_t size = strcspn(at, " ");
		char text[16];
		int type = dns_type_number(at, size);
		assert_true(type > 0);
		dns_type_text((uint16_t)type, text);
		assert_int_equal(strlen(text), size);
		assert_memory_equal(text, at, size);
		at += size + (at[size] == ' ');
	}
	assert_int_equal(count, 94);
}

static void refuses_what_is_no_type(void **state)
{
	static const char *const rows[] = {
		"",          "AA",          "AAAAA",       "N",      "TYPE",   "TYPE65536",
		"TYPE99999", "TYPE-1",      "TYPEA",       "TYPE+1", "TYPE 1", "TYPE000001",
		"NSEC3PARA", "NSEC3PARAMS", "OPENPGPKEYX", "1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(number(rows[i]), -1);
	assert_int_equal(dns_type_number("A\0", 2), -1);
	assert_int_equal(dns_type_number("MXX", 2), DNS_MX);
}

static void only_rfc_1035_types_have_compressible_names(void **state)
{
	static const char wanted[] = "NS MD MF CNAME SOA MB MG MR PTR MINFO MX ";

	(void)state;
	char found[sizeof wanted * 2] = "";
	for (unsigned type = 0; type <= 65535; type++) {
		const char *layout = dns_type_layout((uint16_t)type);
		if (!layout || !strchr(layout, 'n'))
			continue;
		char text[16];
		dns_type_text((uint16_t)type, text);
		assert_true(strlen(found) + strlen(text) + 2 < sizeof found);
		strcat(strcat(found, text), " ");
	}
	assert_string_equal(found, wanted);
}

static void every_letter_of_a_layout_is_a_kind_of_field(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= 65535; type++) {
		const char *layout = dns_type_layout((uint16_t)type);
		for (; layout && *layout; layout++) {
			const struct dns_field *field = dns_field(*layout);
			assert_non_null(field);
			assert_true(field->parse && field->walk && field->print);
		}
	}
}

static void layouts_depend_on_the_class(void **state)
{
	(void)state;
	assert_string_equal(dns_type_layout(DNS_A), "a");
	assert_string_equal(dns_type_layout_in(DNS_A, DNS_IN), "a");
	assert_string_equal(dns_type_layout_in(DNS_A, DNS_HS), "a");
	assert_string_equal(dns_type_layout_in(DNS_A, DNS_CH), "No");
	assert_null(dns_type_layout_in(DNS_A, 300));
	assert_null(dns_type_layout_in(DNS_AAAA, DNS_CH));
	assert_string_equal(dns_type_layout_in(DNS_MX, 300), "2n");
	assert_string_equal(dns_type_layout(DNS_SOA), "nn4tttt");
	assert_null(dns_type_layout(65280));
	assert_null(dns_type_layout(0));
}

static void meta_types_are_those_of_rfc_6895(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= 65535; type++)
		assert_int_equal(dns_type_is_meta((uint16_t)type),
		                 type == 0 || type == 41 || (type >= 128 && type <= 255));
}

static void reads_and_prints_classes(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(dns_class_number("in", 2), 1);
	assert_int_equal(dns_class_number("CHAOS", 5), 3);
	assert_int_equal(dns_class_number("Hs", 2), 4);
	assert_int_equal(dns_class_number("CLASS65535", 10), 65535);
	assert_int_equal(dns_class_number("CLASS65536", 10), -1);
	assert_int_equal(dns_class_number("CLASS", 5), -1);
	assert_int_equal(dns_class_number("I", 1), -1);
	for (unsigned class = 0; class <= 65535; class ++) {
		dns_class_text((uint16_t)class, text);
		assert_int_equal(dns_class_number(text, strlen(text)), class);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_prints_to_a_name_that_reads_back),
		cmocka_unit_test(knows_all_names_of_bind),
		cmocka_unit_test(refuses_what_is_no_type),
		cmocka_unit_test(only_rfc_1035_types_have_compressible_names),
		cmocka_unit_test(every_letter_of_a_layout_is_a_kind_of_field),
		cmocka_unit_test(layouts_depend_on_the_class),
		cmocka_unit_test(meta_types_are_those_of_rfc_6895),
		cmocka_unit_test(reads_and_prints_classes),
	};
	return cmocka_run_group_tests_name("dns_type", tests, NULL, NULL);
}

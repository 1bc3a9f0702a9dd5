/* SPDX-License-Identifier: ISC */
/*
 * RFC 8906 §8, "Testing": each query of its list, with the answer that it expects. §8.1.5 and
 * §8.2.11 need TCP, which the image does not have yet.
 */
#include "world.h"

#include <string.h>

static const char zone[] =
        "$TTL 3600\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
        "big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"1123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"2123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"3123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"4123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"5123456789012345678901234567890123456789012345678901234567890123456789\"\n"
        "big TXT \"6123456789012345678901234567890123456789012345678901234567890123456789\"\n";
static const char *const zones[] = { "example.", zone, NULL };

#define SOA                                                                                        \
	"AN example. 3600 SOA ns.example. host.example. 1 2 3 4 5\nNS example. 3600 NS "           \
	"ns.example.\n"                                                                            \
	"AR ns.example. 3600 A 192.0.2.1\n"
#define NODATA  "NS example. 5 SOA ns.example. host.example. 1 2 3 4 5\n"
#define OPT     "AR OPT 1232 ext=0 version=0\n"
#define OPTDO   "AR OPT 1232 ext=0 version=0 do\n"
#define BADVERS "NOERROR\nAR OPT 1232 ext=1 version=0\n" /* RCODE 16: 1 << 4 | 0 */

static struct world w;

static void expect(void **state, const char *query, const char *response)
{
	(void)state;
	world_expect(&w, query, response);
}

static void s8_1_1_is_configured_for_the_zone(void **state)
{
	expect(state, "example. SOA", "NOERROR aa\n" SOA);
}

static void s8_1_2_answers_unknown_types(void **state)
{
	expect(state, "example. TYPE1000", "NOERROR aa\n" NODATA);
}

static void s8_1_3_1_answers_with_cd(void **state)
{
	expect(state, "example. SOA cd", "NOERROR aa\n" SOA);
}

static void s8_1_3_2_answers_with_ad(void **state)
{
	expect(state, "example. SOA ad", "NOERROR aa\n" SOA);
}

static void s8_1_3_3_does_not_copy_the_reserved_bit(void **state)
{
	expect(state, "example. SOA zbit", "NOERROR aa\n" SOA);
}

static void s8_1_3_4_answers_with_rd(void **state)
{
	expect(state, "example. SOA rd", "NOERROR aa rd\n" SOA);
}

static void s8_1_4_rejects_unknown_opcodes(void **state)
{
	uint8_t query[12] = { 0x12, 0x34, 15 << 3 }, response[4096];
	char text[256];

	(void)state;
	world_render(text, sizeof text, response,
	             dns_answer(&w.responder, query, sizeof query, response, sizeof response));
	assert_string_equal(text, "NOTIMP opcode=15 no-question\n");
	for (unsigned opcode = 1; opcode < 16; opcode++) { /* with a question, too; IQUERY to DSO */
		uint8_t full[600];
		uint32_t size = world_query(full, "example. SOA");
		full[2] = (uint8_t)(opcode << 3);
		uint32_t end = dns_answer(&w.responder, full, size, response, sizeof response);
		assert_int_equal(end, 12);
		assert_int_equal(bytes_load_u16(response + 2), 0x8004 | opcode << 11);
	}
}

static void s8_2_1_answers_minimal_edns(void **state)
{
	expect(state, "example. SOA edns=1232", "NOERROR aa\n" SOA OPT);
}

static void s8_2_2_negotiates_the_version(void **state)
{
	expect(state, "example. SOA edns=1232 version=1", BADVERS);
	expect(state, "example. SOA edns=1232 version=255", BADVERS);
}

static void s8_2_3_ignores_unknown_options(void **state)
{
	expect(state, "example. SOA edns=1232 option=100", "NOERROR aa\n" SOA OPT);
}

static void s8_2_4_ignores_unknown_flags(void **state)
{
	expect(state, "example. SOA edns=1232 z", "NOERROR aa\n" SOA OPT);
}

static void s8_2_5_negotiates_the_version_with_unknown_flags(void **state)
{
	expect(state, "example. SOA edns=1232 version=1 z", BADVERS);
}

static void s8_2_6_negotiates_the_version_with_unknown_options(void **state)
{
	expect(state, "example. SOA edns=1232 version=1 option=100", BADVERS);
}

static void s8_2_7_has_opt_in_truncated_responses(void **state)
{
	expect(state, "big.example. TXT edns=512 do", "NOERROR aa tc\n" OPTDO);
}

static void s8_2_8_answers_dnssec_queries(void **state)
{
	expect(state, "example. SOA edns=1232 do", "NOERROR aa\n" SOA OPTDO);
}

static void s8_2_9_negotiates_the_version_with_dnssec(void **state)
{
	expect(state, "example. SOA edns=1232 version=1 do",
	       "NOERROR\nAR OPT 1232 ext=1 version=0 do\n");
}

static void s8_2_10_ignores_several_defined_options(void **state)
{
	/* NSID, client subnet, expire, cookie (RFC 7873 §5.2.5: to be ignored where not
	 * implemented) */
	expect(state, "example. SOA edns=1232 option=3 option=8 option=9 option=10",
	       "NOERROR aa\n" SOA OPT);
}

static void s3_answers_all_combinations_of_flags(void **state)
{
	for (unsigned i = 0; i < 128; i++) {
		char query[128] = "example. SOA", expected[512];
		static const char *const flags[] = { " ad", " cd", " zbit", " tc",
			                             " aa", " ra", " rd" };
		for (unsigned j = 0; j < 7; j++)
			if (i & 1u << j)
				strcat(query, flags[j]);
		strcpy(expected, i & 64 ? "NOERROR aa rd\n" : "NOERROR aa\n");
		expect(state, query, strcat(expected, SOA));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s8_1_1_is_configured_for_the_zone),
		cmocka_unit_test(s8_1_2_answers_unknown_types),
		cmocka_unit_test(s8_1_3_1_answers_with_cd),
		cmocka_unit_test(s8_1_3_2_answers_with_ad),
		cmocka_unit_test(s8_1_3_3_does_not_copy_the_reserved_bit),
		cmocka_unit_test(s8_1_3_4_answers_with_rd),
		cmocka_unit_test(s8_1_4_rejects_unknown_opcodes),
		cmocka_unit_test(s8_2_1_answers_minimal_edns),
		cmocka_unit_test(s8_2_2_negotiates_the_version),
		cmocka_unit_test(s8_2_3_ignores_unknown_options),
		cmocka_unit_test(s8_2_4_ignores_unknown_flags),
		cmocka_unit_test(s8_2_5_negotiates_the_version_with_unknown_flags),
		cmocka_unit_test(s8_2_6_negotiates_the_version_with_unknown_options),
		cmocka_unit_test(s8_2_7_has_opt_in_truncated_responses),
		cmocka_unit_test(s8_2_8_answers_dnssec_queries),
		cmocka_unit_test(s8_2_9_negotiates_the_version_with_dnssec),
		cmocka_unit_test(s8_2_10_ignores_several_defined_options),
		cmocka_unit_test(s3_answers_all_combinations_of_flags),
	};
	world_open(&w, zones);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_close(&w);
	return failed;
}

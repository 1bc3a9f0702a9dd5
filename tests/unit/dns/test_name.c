/* SPDX-License-Identifier: ISC */
/* Domain names: text both ways, compression pointers as an attacker writes them, order, parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <core/error.h>
#include <app/dns/name.h>

static const struct dns_name root = { 1, { 0 } };

static struct dns_name name(const char *text)
{
	struct dns_name n;
	assert_int_equal(dns_name_parse(&n, text, strlen(text), &root), OK);
	return n;
}

static void parses_text_to_wire(void **state)
{
	static const struct {
		const char *text, *wire;
		size_t size;
	} rows[] = {
		{ ".", "", 1 },
		{ "a.", "\1a", 3 },
		{ "www.Example.org.", "\3www\7Example\3org", 17 },
		{ "www", "\3www\1o\1p", 9 },
		{ "@", "\1o\1p", 5 },
		{ "\\@", "\1@\1o\1p", 7 },
		{ "x.@", "\1x\1@\1o\1p", 9 },
		{ "a\\.b.", "\3a.b", 5 },
		{ "\\000\\255\\065.", "\3\0\377A", 5 },
		{ "\\\\\\\"\\ .", "\3\\\" ", 5 },
		{ "*.a.", "\1*\1a", 5 },
		{ "1.2.",
		  "\1"
		  "1\1"
		  "2",
		  5 },
	};
	struct dns_name origin = name("o.p."), n;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(dns_name_parse(&n, rows[i].text, strlen(rows[i].text), &origin),
		                 OK);
		assert_int_equal(n.size, rows[i].size);
		assert_memory_equal(n.wire, rows[i].wire, rows[i].size);
	}
}

static void refuses_bad_text(void **state)
{
	static const char *const malformed[] = {
		"",    "..",   ".a.",    "a..b.",  "a..",   "\\", "a\\",
		"\\1", "\\12", "\\1x2.", "\\256.", "\\999", ".a",
	};
	struct dns_name n;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
		why = NULL;
		assert_int_equal(
		        dns_name_parse_why(&n, malformed[i], strlen(malformed[i]), &root, &why),
		        ERR_MALFORMED);
		assert_non_null(why);
	}
	assert_int_equal(dns_name_parse(&n, "a", 1, NULL), ERR_MALFORMED);
	assert_int_equal(dns_name_parse(&n, "@", 1, NULL), ERR_MALFORMED);
	assert_int_equal(dns_name_parse(&n, "a.", 2, NULL), OK);
}

static void keeps_the_limits_of_63_and_255_bytes(void **state)
{
	char text[600];
	struct dns_name n, origin = name("o.");
	size_t at = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(dns_name_parse(&n, text, 63, &root), OK);
	assert_int_equal(n.size, 65);
	assert_int_equal(dns_name_parse(&n, text, 64, &root), ERR_TOO_BIG);
	/* Three labels of 63 and one of 61 bytes are 255 bytes; one byte more is too many. */
	for (unsigned label = 0; label < 4; label++) {
		at += label < 3 ? 63 : 61;
		text[at++] = '.';
	}
	assert_int_equal(dns_name_parse(&n, text, at, &root), OK);
	assert_int_equal(n.size, DNS_NAME_MAX);
	assert_int_equal(dns_name_parse(&n, text, at - 1, &root), OK);
	assert_int_equal(n.size, DNS_NAME_MAX);
	assert_int_equal(dns_name_parse(&n, text, at - 1, &origin), ERR_TOO_BIG);
	text[at - 1] = 'x';
	text[at++] = '.';
	assert_int_equal(dns_name_parse(&n, text, at, &root), ERR_TOO_BIG);
	/* 127 labels of a byte; then 128. */
	for (at = 0; at < 256; at += 2)
		memcpy(text + at, "a.", 2);
	assert_int_equal(dns_name_parse(&n, text, 254, &root), OK);
	assert_int_equal(dns_name_labels(&n), DNS_LABELS_MAX - 1);
	assert_int_equal(dns_name_parse(&n, text, 255, &root), ERR_TOO_BIG);
	assert_int_equal(dns_name_parse(&n, text, 256, &root), ERR_TOO_BIG);
}

static void prints_every_byte_so_that_it_parses_back(void **state)
{
	struct dns_name n = { 0 }, back;
	char text[DNS_NAME_TEXT_MAX];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		n = (struct dns_name){ 5, { 3, 'a', (uint8_t)c, 'b', 0 } };
		size_t size = dns_name_text(&n, text);
		assert_int_equal(size, strlen(text));
		assert_int_equal(dns_name_parse(&back, text, size, NULL), OK);
		assert_int_equal(back.size, 5);
		assert_memory_equal(back.wire, n.wire, 5);
	}
	/* The longest text there is. */
	unsigned at = 0;
	for (unsigned label = 0; label < 4; label++) {
		unsigned size = label < 3 ? 63 : 61;
		n.wire[at++] = (uint8_t)size;
		memset(n.wire + at, 0xff, size);
		at += size;
	}
	n.wire[at++] = 0;
	n.size = (uint8_t)at;
	assert_int_equal(dns_name_text(&n, text), 4 * 250 + 4);
	assert_int_equal(dns_name_parse(&back, text, strlen(text), NULL), OK);
	assert_true(dns_name_equal(&n, &back));
	dns_name_text(&root, text);
	assert_string_equal(text, ".");
	n = name("A\\.b.\\@x.\\000.");
	dns_name_text(&n, text);
	assert_string_equal(text, "A\\.b.\\@x.\\000.");
}

static void reads_compressed_names(void **state)
{
	static const uint8_t message[] = "\3www\7example\3org\0" /* 0..16 */
	                                 "\4mail\xc0\x04"        /* 17..23 */
	                                 "\1x\xc0\x11" /* 24: to a name that ends in a pointer */
	                                 "\xc0\x18";   /* 28 */
	struct bytes_in in = bytes_in(message, sizeof message - 1);
	struct dns_name n, expected;

	(void)state;
	assert_int_equal(dns_name_read(&in, &n), OK);
	assert_int_equal(in.at, 17);
	assert_int_equal(dns_name_read(&in, &n), OK);
	assert_int_equal(in.at, 24);
	expected = name("mail.example.org.");
	assert_true(dns_name_equal(&n, &expected));
	assert_int_equal(dns_name_read(&in, &n), OK);
	assert_int_equal(in.at, 28);
	expected = name("x.mail.example.org.");
	assert_true(dns_name_equal(&n, &expected));
	assert_int_equal(dns_name_read(&in, &n), OK);
	assert_int_equal(in.at, 30);
	assert_true(dns_name_equal(&n, &expected));
}

static void refuses_pointers_that_do_not_go_back(void **state)
{
	static const struct {
		uint8_t message[8];
		uint32_t size, at;
	} rows[] = {
		{ { 0xc0, 0 }, 2, 0 },            /* to itself */
		{ { 1, 'a', 0xc0, 0 }, 4, 0 },    /* to the name it ends */
		{ { 0xc0, 2, 0xc0, 0 }, 4, 0 },   /* forward, and a loop of two */
		{ { 0xc0, 2, 0xc0, 0 }, 4, 2 },   /* the same from its other side */
		{ { 0xc0, 2, 1, 'a', 0 }, 5, 0 }, /* forward to a good name */
		{ { 0xc0, 200 }, 2, 0 },          /* beyond the end */
		{ { 0, 0xc0 }, 2, 1 },            /* cut in the middle */
		{ { 3, 'a', 'b' }, 3, 0 },        /* label cut */
		{ { 1, 'a' }, 2, 0 },             /* no end */
		{ { 0x40, 0 }, 2, 0 },            /* other kinds of label */
		{ { 0x80, 0 }, 2, 0 },
		{ { 0, 0x41, 0 }, 3, 1 },
		{ { 0 }, 0, 0 },
	};
	struct dns_name n;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes_in in = bytes_in(rows[i].message, rows[i].size);
		bytes_seek(&in, rows[i].at);
		assert_int_equal(dns_name_read(&in, &n), ERR_MALFORMED);
		assert_true(in.failed);
	}
}

static void reads_long_chains_of_pointers_up_to_255_bytes(void **state)
{
	uint8_t message[4096];
	struct dns_name n;
	uint32_t at = 1, names = 0;

	(void)state;
	message[0] = 0;
	/* Each name is a label and a pointer to the one before. */
	for (uint32_t before = 0; at + 4 < sizeof message; names++) {
		uint32_t start = at;
		message[at++] = 1;
		message[at++] = 'a';
		message[at++] = (uint8_t)(0xc0 | before >> 8);
		message[at++] = (uint8_t)before;
		before = start;
		struct bytes_in in = bytes_in(message, at);
		bytes_seek(&in, start);
		/* names + 1 labels */
		assert_int_equal(dns_name_read(&in, &n), names + 1 <= 127 ? OK : ERR_MALFORMED);
	}
	/* Pointers without labels: long, but they end. */
	at = 1;
	for (uint32_t before = 0; at + 2 < sizeof message; at += 2) {
		message[at] = (uint8_t)(0xc0 | before >> 8);
		message[at + 1] = (uint8_t)before;
		before = at;
	}
	struct bytes_in in = bytes_in(message, at);
	bytes_seek(&in, at - 2);
	assert_int_equal(dns_name_read(&in, &n), OK);
	assert_int_equal(n.size, 1);
}

static void compares_in_canonical_order(void **state)
{
	/* RFC 4034 §6.1 */
	static const char *const order[] = {
		"example.",         "a.example.",      "yljkjljk.a.example.",
		"Z.a.example.",     "zABC.a.EXAMPLE.", "z.example.",
		"\\001.z.example.", "*.z.example.",    "\\200.z.example.",
	};
	size_t count = sizeof order / sizeof order[0];

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			struct dns_name a = name(order[i]), b = name(order[j]);
			int r = dns_name_compare(&a, &b);
			assert_true(i < j ? r < 0 : i > j ? r > 0 : r == 0);
			assert_int_equal(dns_name_equal(&a, &b), i == j);
		}
}

static void knows_what_lies_within(void **state)
{
	static const struct {
		const char *name, *ancestor;
		bool within;
	} rows[] = {
		{ "a.b.", "b.", true },
		{ "a.B.", "b.", true },
		{ "b.", "b.", true },
		{ "ab.", "b.", false },
		{ "b.", "a.b.", false },
		{ "a.c.", "b.", false },
		{ "a.", ".", true },
		{ ".", ".", true },
		{ "\\001b.", "b.", false },
		{ "x\\001b.", "b.", false },
		{ "example.org.x.", "org.", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dns_name a = name(rows[i].name), b = name(rows[i].ancestor);
		assert_int_equal(dns_name_within(&a, &b), rows[i].within);
	}
}

static void takes_names_apart(void **state)
{
	struct dns_name n = name("*.A.b."), part, expected;

	(void)state;
	assert_int_equal(dns_name_labels(&n), 3);
	assert_int_equal(dns_name_labels(&root), 0);
	assert_true(dns_name_is_wildcard(&n));
	dns_name_strip(&part, &n, 1);
	assert_false(dns_name_is_wildcard(&part));
	expected = name("a.B.");
	assert_true(dns_name_equal(&part, &expected));
	dns_name_strip(&part, &part, 2); /* in place, to the root */
	assert_true(dns_name_equal(&part, &root));
	expected = name("**.a.");
	assert_false(dns_name_is_wildcard(&expected));
	n = name("A\\200Z[.");
	dns_name_lower(&n);
	assert_memory_equal(n.wire, "\4a\310z[", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_text_to_wire),
		cmocka_unit_test(refuses_bad_text),
		cmocka_unit_test(keeps_the_limits_of_63_and_255_bytes),
		cmocka_unit_test(prints_every_byte_so_that_it_parses_back),
		cmocka_unit_test(reads_compressed_names),
		cmocka_unit_test(refuses_pointers_that_do_not_go_back),
		cmocka_unit_test(reads_long_chains_of_pointers_up_to_255_bytes),
		cmocka_unit_test(compares_in_canonical_order),
		cmocka_unit_test(knows_what_lies_within),
		cmocka_unit_test(takes_names_apart),
	};
	return cmocka_run_group_tests_name("dns_name", tests, NULL, NULL);
}

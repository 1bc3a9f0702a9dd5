/* SPDX-License-Identifier: ISC */
/* Frames, UTF-8, the handshake's digest, offers of compression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <app/websocket/internal.h>
#include <core/error.h>

static int parse(struct websocket_frame *f, const char *bytes, uint32_t size)
{
	/* The sanitizer sees what is read behind the end. */
	uint8_t *copy = test_malloc(size ? size : 1);
	memcpy(copy, bytes, size);
	int n = websocket_frame_parse(f, copy, size);
	test_free(copy);
	return n;
}

static void heads_are_parsed_at_each_cut(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t size;
		uint64_t payload;
	} heads[] = {
		{ "\x81\x80mask", 6, 0 },
		{ "\x81\xfdmask", 6, 125 },
		{ "\x82\xfe\x00\x7emask", 8, 126 },
		{ "\x82\xfe\xff\xffmask", 8, 65535 },
		{ "\x82\xff\0\0\0\0\0\1\0\0mask", 14, 65536 },
		{ "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 14, INT64_MAX },
	};
	struct websocket_frame f;
	(void)state;
	for (uint32_t k = 0; k < sizeof heads / sizeof *heads; k++) {
		for (uint32_t n = 0; n < heads[k].size; n++)
			assert_int_equal(parse(&f, heads[k].bytes, n), 0);
		assert_int_equal(parse(&f, heads[k].bytes, heads[k].size), heads[k].size);
		assert_int_equal(f.size, heads[k].payload);
		assert_memory_equal(f.mask, "mask", 4);
		assert_true(f.fin);
	}
}

static void heads_that_break_a_rule_are_refused(void **state)
{
	static const struct {
		const char *bytes, *why;
		uint32_t size; /* at which it is known */
	} heads[] = {
		{ "\xa1", "RSV2", 1 },
		{ "\x91", "RSV3", 1 },
		{ "\x83", "opcode 3", 1 },
		{ "\x87", "opcode 7", 1 },
		{ "\x8b", "opcode 11", 1 },
		{ "\x8f", "opcode 15", 1 },
		{ "\x09", "a ping that is a fragment", 1 },
		{ "\xc9", "RSV1 of a ping", 1 },
		{ "\xc8", "RSV1 of a Close", 1 },
		{ "\x81\x05", "no mask", 2 },
		{ "\x89\xfe", "a ping of two bytes of length", 2 },
		{ "\x88\xff", "a Close of eight", 2 },
		{ "\x81\xfe\x00\x7d", "125 in two bytes", 4 },
		{ "\x81\xff\0\0\0\0\0\0\xff\xff", "65535 in eight", 10 },
		{ "\x81\xff\x80\0\0\0\0\0\0\0", "the top bit", 10 },
	};
	struct websocket_frame f;
	(void)state;
	for (uint32_t k = 0; k < sizeof heads / sizeof *heads; k++) {
		if (parse(&f, heads[k].bytes, heads[k].size) != ERR_MALFORMED)
			fail_msg("%s is taken", heads[k].why);
		if (heads[k].size > 1 && parse(&f, heads[k].bytes, heads[k].size - 1) != 0)
			fail_msg("%s is seen too early", heads[k].why);
	}
}

static void heads_are_printed_as_they_are_parsed(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 1ull << 40 };
	(void)state;
	for (uint32_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		uint8_t head[WEBSOCKET_HEAD_MAX];
		struct websocket_frame f;
		uint32_t n = websocket_frame_print(head, 0x82, sizes[k]);
		head[1] |= 0x80;
		memcpy(head + n, "mask", 4);
		assert_int_equal(websocket_frame_parse(&f, head, n + 4), n + 4);
		assert_int_equal(f.size, sizes[k]);
	}
}

static void masks_go_on_where_they_were(void **state)
{
	uint8_t from[64], to[64];
	const uint8_t mask[4] = { 0x11, 0x22, 0x44, 0x88 };
	(void)state;
	for (uint32_t k = 0; k < sizeof from; k++)
		from[k] = (uint8_t)(k * 7);
	for (uint32_t at = 0; at < 9; at++) {
		for (uint32_t size = 0; size + at <= 40; size++) {
			memset(to, 0xaa, sizeof to);
			websocket_unmask(to, from + at, size, mask, at);
			for (uint32_t k = 0; k < size; k++)
				assert_int_equal(to[k], from[at + k] ^ mask[(at + k) % 4]);
			assert_int_equal(to[size], 0xaa);
		}
	}
}

/* As RFC 3629 has it, by its numbers. */
static bool is_character(const uint8_t *p, uint32_t size)
{
	uint32_t v = size == 1   ? p[0]
	             : size == 2 ? (p[0] & 31u) << 6 | (p[1] & 63u)
	             : size == 3 ? (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u)
	                         : (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 |
	                                   (p[3] & 63u);
	static const uint8_t leads[] = { 0x80, 0xe0, 0xf0, 0xf8 },
	                     marks[] = { 0, 0xc0, 0xe0, 0xf0 };
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	if ((p[0] & leads[size - 1]) != marks[size - 1])
		return false;
	for (uint32_t k = 1; k < size; k++) {
		if ((p[k] & 0xc0) != 0x80)
			return false;
	}
	return v >= least[size - 1] && v <= 0x10ffff && (v < 0xd800 || v > 0xdfff);
}

static bool whole(const uint8_t *p, uint32_t size)
{
	struct websocket_utf8 u = { 0 };
	return websocket_utf8_next(&u, p, size) && !u.more;
}

static void utf8_is_what_its_rfc_says(void **state)
{
	static const uint8_t some[] = {
		0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff
	};
	uint8_t p[4];
	(void)state;
	for (uint32_t a = 0; a < 256; a++) {
		p[0] = (uint8_t)a;
		assert_int_equal(whole(p, 1), is_character(p, 1));
		for (uint32_t b = 0; b < 256; b++) {
			p[1] = (uint8_t)b;
			bool two = (is_character(p, 1) && is_character(p + 1, 1)) ||
			           is_character(p, 2);
			assert_int_equal(whole(p, 2), two);
			for (uint32_t k = 0; k < sizeof some * sizeof some; k++) {
				p[2] = some[k / sizeof some];
				p[3] = some[k % sizeof some];
				if (a >= 0xe0 && a < 0xf0)
					assert_int_equal(whole(p, 3), is_character(p, 3));
				if (a >= 0xf0)
					assert_int_equal(whole(p, 4), is_character(p, 4));
			}
		}
	}
}

static void utf8_ends_with_its_first_wrong_byte(void **state)
{
	static const struct {
		const char *text;
		uint32_t good; /* bytes that may begin a text */
	} texts[] = {
		{ "ASCII, and then\xc0\xaf", 15 },
		{ "\xed\xa0\x80", 1 },
		{ "\xf4\x90\x80\x80", 1 },
		{ "\xf8\x88\x80\x80\x80", 0 },
		{ "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90", 12 },
		{ "eight+8!\xe2\x82\xff", 10 },
	};
	(void)state;
	for (uint32_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		const uint8_t *p = (const uint8_t *)texts[k].text;
		struct websocket_utf8 u = { 0 };
		for (uint32_t n = 0; n < texts[k].good; n++)
			assert_true(websocket_utf8_next(&u, p + n, 1));
		assert_false(websocket_utf8_next(&u, p + texts[k].good, 1));
		memset(&u, 0, sizeof u);
		assert_true(websocket_utf8_next(&u, p, texts[k].good));
		memset(&u, 0, sizeof u);
		assert_false(websocket_utf8_next(&u, p, texts[k].good + 1));
	}
}

static void sha1_is_the_standards(void **state)
{
	static const struct {
		const char *text, *digest;
	} some[] = {
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
		  "b37a4f2cc0624f1690f64606cf385945b2bec4ea" }, /* RFC 6455 §1.3 */
	};
	(void)state;
	for (uint32_t k = 0; k < sizeof some / sizeof *some; k++) {
		uint8_t digest[WEBSOCKET_SHA1_SIZE];
		char text[2 * WEBSOCKET_SHA1_SIZE + 1];
		websocket_sha1(digest, some[k].text, (uint32_t)strlen(some[k].text));
		for (uint32_t n = 0; n < sizeof digest; n++)
			snprintf(text + 2 * n, 3, "%02x", digest[n]);
		assert_string_equal(text, some[k].digest);
	}
}

static const char *offer(const char *text, bool context)
{
	static char answer[WEBSOCKET_AGREED_MAX];
	struct websocket_agreed a;
	if (!websocket_offer(&a, (struct http_text){ text, (uint32_t)strlen(text) }, context, 12))
		return "declined";
	websocket_agreed_print(answer, &a);
	return answer;
}

static void offers_are_answered(void **state)
{
#define FRESH "; server_no_context_takeover; client_no_context_takeover"
	static const struct {
		const char *offer, *fresh, *context;
	} some[] = {
		{ "permessage-deflate", "permessage-deflate" FRESH, "permessage-deflate" },
		{ "permessage-deflate; client_max_window_bits", "permessage-deflate" FRESH,
		  "permessage-deflate; client_max_window_bits=12" },
		{ "Permessage-Deflate ;client_max_window_bits = \"10\"", "permessage-deflate" FRESH,
		  "permessage-deflate; client_max_window_bits=10" },
		{ "permessage-deflate; server_max_window_bits=9",
		  "permessage-deflate" FRESH "; server_max_window_bits=9",
		  "permessage-deflate; server_max_window_bits=9" },
		{ "permessage-deflate; server_max_window_bits=15",
		  "permessage-deflate" FRESH "; server_max_window_bits=12",
		  "permessage-deflate; server_max_window_bits=12" },
		{ "permessage-deflate; server_no_context_takeover", "permessage-deflate" FRESH,
		  "permessage-deflate; server_no_context_takeover" },
		{ "permessage-deflate; client_no_context_takeover; client_max_window_bits=8",
		  "permessage-deflate" FRESH, "permessage-deflate; client_no_context_takeover" },
	};
	static const char *const declined[] = {
		"x-webkit-deflate-frame",
		"permessage-deflate; who_knows",
		"permessage-deflate; server_max_window_bits",
		"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=16",
		"permessage-deflate; server_max_window_bits=012",
		"permessage-deflate; client_max_window_bits=7",
		"permessage-deflate; client_max_window_bits=",
		"permessage-deflate; client_max_window_bits=+9",
		"permessage-deflate; client_max_window_bits=4294967305",
		"permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
		"permessage-deflate;",
		"permessage-deflate; ; client_max_window_bits",
		"",
	};
	(void)state;
	for (uint32_t k = 0; k < sizeof some / sizeof *some; k++) {
		assert_string_equal(offer(some[k].offer, false), some[k].fresh);
		assert_string_equal(offer(some[k].offer, true), some[k].context);
	}
	for (uint32_t k = 0; k < sizeof declined / sizeof *declined; k++) {
		if (strcmp(offer(declined[k], true), "declined") != 0)
			fail_msg("%s is taken", declined[k]);
	}
}

static void codes_are_those_that_may_be_sent(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 70000; code++) {
		bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		            (code >= 3000 && code < 5000);
		assert_int_equal(websocket_code_is_sent(code), good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_parsed_at_each_cut),
		cmocka_unit_test(heads_that_break_a_rule_are_refused),
		cmocka_unit_test(heads_are_printed_as_they_are_parsed),
		cmocka_unit_test(masks_go_on_where_they_were),
		cmocka_unit_test(utf8_is_what_its_rfc_says),
		cmocka_unit_test(utf8_ends_with_its_first_wrong_byte),
		cmocka_unit_test(sha1_is_the_standards),
		cmocka_unit_test(offers_are_answered),
		cmocka_unit_test(codes_are_those_that_may_be_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

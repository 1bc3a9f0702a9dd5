/* SPDX-License-Identifier: ISC */
/* The meta commands, as memcached 1.6.18 answers them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include <core/base64.h>

#include "world.h"

static struct tcp_connection *c;

static int begin(void **state)
{
	(void)state;
	world_open(NULL);
	c = fake_accept();
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_leave(c);
	world_close();
	return 0;
}

static void gets_what_is_asked_for(void **state)
{
	(void)state;
	assert_said(c, "mg m\r\n", "EN\r\n");
	assert_said(c, "mg m k O5\r\n", "EN km O5\r\n");
	assert_said(c, "mg m v q\r\nmn\r\n", "MN\r\n");
	assert_said(c, "set m 7 0 3\r\nabc\r\n", "STORED\r\n");
	assert_said(c, "mg m\r\n", "HD\r\n");
	assert_said(c, "set m 7 0 3\r\nabc\r\n", "STORED\r\n");
	assert_said(c, "mg m s v f t k O123 h l\r\n", "VA 3 s3 f7 t-1 km O123 h0 l0\r\nabc\r\n");
	assert_said(c, "mg m h\r\n", "HD h1\r\n");
	fake_advance(3 * SECOND);
	assert_said(c, "mg m l u\r\nmg m l\r\nmg m l\r\n", "HD l3\r\nHD l3\r\nHD l0\r\n");
	assert_said(c, "mg m T30 t\r\n", "HD t30\r\n");
	assert_said(c, "mg m q v Px Ly\r\n", "VA 3\r\nabc\r\n");
	assert_said(c, "mg m O\r\n", "HD O\r\n");
}

static void the_first_to_come_renews(void **state)
{
	(void)state;
	assert_said(c, "ms m 3 T30\r\nabc\r\n", "HD\r\n");
	assert_said(c, "mg m R20 v\r\n", "VA 3\r\nabc\r\n");
	assert_said(c, "mg m R60 t v\r\n", "VA 3 t30 W\r\nabc\r\n");
	assert_said(c, "mg m R60 v\r\nmg m v\r\n", "VA 3 Z\r\nabc\r\nVA 3 Z\r\nabc\r\n");
	assert_said(c, "ms m 1\r\nx\r\nmg m R60 v\r\n", "HD\r\nVA 1\r\nx\r\n");
	assert_said(c, "mg n N30 v t s\r\n", "VA 0 t30 s0 W\r\n\r\n");
	assert_said(c, "mg n N30 v t\r\n", "VA 0 t30 Z\r\n\r\n");
	assert_said(c, "ms n 2\r\nhi\r\nmg n v t\r\n", "HD\r\nVA 2 t-1\r\nhi\r\n");
}

static void stale_items_say_so(void **state)
{
	(void)state;
	assert_said(c, "set d 0 0 1\r\nx\r\nmd d I T30\r\n", "STORED\r\nHD\r\n");
	assert_said(c, "mg d v t\r\nmg d v t\r\nget d\r\n",
	            "VA 1 t30 X W\r\nx\r\nVA 1 t30 Z X\r\nx\r\nVALUE d 0 1\r\nx\r\nEND\r\n");
	assert_said(c, "ms d 1\r\ny\r\nmg d v t\r\n", "HD\r\nVA 1 t-1\r\ny\r\n");
	assert_said(c, "ms d 2 C1 I\r\nhi\r\nmg d v\r\nmg d v\r\n",
	            "HD\r\nVA 2 X W\r\nhi\r\nVA 2 Z X\r\nhi\r\n");
}

static void sets_by_mode(void **state)
{
	(void)state;
	assert_said(c, "ms m 2 MR\r\nhi\r\n", "NS\r\n");
	assert_said(c, "ms m 2 MA\r\nhi\r\n", "NS\r\n");
	assert_said(c, "ms m 2 C1\r\nhi\r\n", "NF\r\n");
	assert_said(c, "ms m 2 ME T30 F5 k O1\r\nhi\r\n", "HD km O1\r\n");
	assert_said(c, "mg m t f v\r\n", "VA 2 t30 f5\r\nhi\r\n");
	assert_said(c, "ms m 2 ME q k\r\nhi\r\n", "NS km\r\n");
	assert_said(c, "ms m 2 MA\r\nzz\r\nms m 2 MP\r\nyy\r\nmg m v\r\n",
	            "HD\r\nHD\r\nVA 6\r\nyyhizz\r\n");
	assert_said(c, "ms m 2 MS q\r\nhi\r\nmn\r\n", "MN\r\n");
	assert_said(c, "ms m 2 C1\r\nhi\r\n", "EX\r\n");
	char want[100];
	const char *got = world_say(c, "ms m 1 c\r\nx\r\nmg m c\r\n");
	unsigned long long a = 0, b = 1;
	assert_int_equal(sscanf(got, "HD c%llu\r\nHD c%llu\r\n", &a, &b), 2);
	assert_int_equal(a, b);
	snprintf(want, sizeof want, "ms m 1 C%llu\r\ny\r\n", a);
	assert_said(c, want, "HD\r\n");
	assert_said(c, want, "EX\r\n");
}

static void a_stale_value_keeps_its_time_and_its_winner(void **state)
{
	(void)state;
	assert_said(c, "set t 0 0 3\r\nabc\r\n", "STORED\r\n");
	assert_said(c, "md t I T30\r\n", "HD\r\n");
	assert_said(c, "mg t t v\r\n", "VA 3 t30 X W\r\nabc\r\n");
	assert_said(c, "ms t 1 I T90 C1\r\nx\r\n", "HD\r\n");
	assert_said(c, "mg t t v\r\n", "VA 1 t30 Z X\r\nx\r\n");
	assert_said(c, "ms t 1 T90\r\ny\r\n", "HD\r\n");
	assert_said(c, "mg t t v\r\n", "VA 1 t90\r\ny\r\n");
}

static void deletes(void **state)
{
	(void)state;
	assert_said(c, "md m k O1 q\r\n", "NF km O1\r\n");
	assert_said(c, "ms m 1\r\nx\r\nmd m C99\r\n", "HD\r\nEX\r\n");
	assert_said(c, "md m q\r\nmd m\r\n", "NF\r\n");
	assert_said(c, "md m v\r\n", "NF\r\n");
}

static void counts(void **state)
{
	(void)state;
	assert_said(c, "ma z\r\n", "NF\r\n");
	assert_said(c, "ma z N0 v t k O2\r\n", "VA 1 t-1 kz O2\r\n0\r\n");
	assert_said(c, "ma z v\r\nma z D5 v\r\nma z MD D2 v\r\nma z M- v\r\nma z M+ v t\r\n",
	            "VA 1\r\n1\r\nVA 1\r\n6\r\nVA 1\r\n4\r\nVA 1\r\n3\r\nVA 1 t-1\r\n4\r\n");
	assert_said(c, "ma z q\r\nma z q v\r\nma z C1\r\nma z T30 t v\r\n",
	            "EX\r\nVA 1 t30\r\n7\r\n");
	assert_said(c, "ma y N30 J13 v t\r\nma y J99 v\r\n", "VA 2 t30\r\n13\r\nVA 2\r\n14\r\n");
	assert_said(c, "ma y MD D100 v\r\n", "VA 1\r\n0\r\n");
	assert_said(c, "ma z MX\r\n", "CLIENT_ERROR invalid mode for ma M token\r\n");
	assert_said(c, "ma z Dx\r\nma z Mincr\r\nma z v v\r\n",
	            "CLIENT_ERROR invalid or duplicate flag\r\nCLIENT_ERROR invalid or duplicate "
	            "flag\r\n"
	            "CLIENT_ERROR invalid or duplicate flag\r\n");
	assert_said(c, "set t 0 0 1\r\nx\r\nma t q\r\n",
	            "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

static void binary_keys_come_in_base64(void **state)
{
	(void)state;
	assert_said(c, "mg Zm9v b k v\r\n", "EN kZm9v b\r\n");
	assert_said(c, "ms Zm9v 2 b k\r\nhi\r\nget foo\r\n",
	            "HD kZm9v b\r\nVALUE foo 0 2\r\nhi\r\nEND\r\n");
	assert_said(c, "mg Zm9v b k v\r\nmg foo k v\r\n",
	            "VA 2 kZm9v b\r\nhi\r\nVA 2 kZm9v b\r\nhi\r\n");
	assert_said(c, "mg foo k b v\r\n", "CLIENT_ERROR error decoding key\r\n");
	assert_said(c, "md Zm9v b k\r\n", "HD kZm9v b\r\n");
	assert_said(c, "mg Z*** b\r\nmg Zm9 b\r\nmg ==== b\r\nmg Z=== b\r\n",
	            "CLIENT_ERROR error decoding key\r\nCLIENT_ERROR error decoding key\r\n"
	            "CLIENT_ERROR error decoding key\r\nCLIENT_ERROR error decoding key\r\n");
}

static void base64_is_what_it_was(void **state)
{
	(void)state;
	char bytes[64], text[BASE64_SIZE(64)], back[64 + 3];
	for (uint32_t n = 1; n < sizeof bytes; n++) {
		for (uint32_t k = 0; k < n; k++)
			bytes[k] = (char)(k * 37 + n * 101);
		uint32_t size = base64_encode(text, bytes, n);
		assert_int_equal(size, BASE64_SIZE(n));
		assert_int_equal(base64_decode(back, text, size), n);
		assert_memory_equal(back, bytes, n);
	}
}

static void debugs(void **state)
{
	(void)state;
	assert_said(c, "me m\r\n", "EN\r\n");
	assert_said(c, "ms m 1 T10\r\nx\r\n", "HD\r\n");
	unsigned long long cas, size;
	assert_int_equal(sscanf(world_say(c, "me m\r\n"),
	                        "ME m exp=-10 la=0 cas=%llu fetch=no cls=1 size=%llu\r\n", &cas,
	                        &size),
	                 2);
}

static void errors_are_those_of_memcached(void **state)
{
	(void)state;
	assert_said(c, "mg\r\nmd\r\nma\r\nms\r\nmx a\r\nm\r\nmgg a\r\n",
	            "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n");
	assert_said(c, "me\r\n", "CLIENT_ERROR bad command line format\r\n");
	assert_said(c, "ms m\r\n", "CLIENT_ERROR bad command line format\r\n");
	assert_said(c, "ms m x\r\n", "CLIENT_ERROR bad command line format\r\n");
	assert_said(c, "ms m -1\r\n", "CLIENT_ERROR bad command line format\r\n");
	assert_said(c, "ms m 2 MX\r\nhi\r\nmn\r\n",
	            "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n");
	assert_said(c, "ms m 2 M\r\nhi\r\nmn\r\n",
	            "CLIENT_ERROR incorrect length for M token\r\nMN\r\n");
	assert_said(c, "ms m 2 Fx\r\nhi\r\nmn\r\n",
	            "CLIENT_ERROR bad command line format\r\nMN\r\n");
	assert_said(c, "ms m 2 Tx\r\nhi\r\nmn\r\n",
	            "CLIENT_ERROR bad token in command line format\r\nMN\r\n");
	assert_said(c, "ms m 2\r\nhix\r\nmn\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n");
	assert_said(c, "mg m v v\r\n", "CLIENT_ERROR duplicate flag\r\n");
	assert_said(c, "mg m z\r\nmg m ?\r\nmg m \xff\r\n",
	            "CLIENT_ERROR invalid flag\r\nCLIENT_ERROR invalid flag\r\nCLIENT_ERROR "
	            "invalid flag\r\n");
	assert_said(c, "mg m N\r\n", "CLIENT_ERROR bad token in command line format\r\n");
	assert_said(c, "mg m O12345678901234567890123456789012\r\n",
	            "CLIENT_ERROR opaque token too long\r\n");
	assert_said(c, "mg m b c f h k l q s t u v O1 P L T1 N1 R1 C1 D1 J1 F1 MS I\r\n",
	            "CLIENT_ERROR options flags are too long\r\n");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gets_what_is_asked_for),
		TEST(the_first_to_come_renews),
		TEST(stale_items_say_so),
		TEST(a_stale_value_keeps_its_time_and_its_winner),
		TEST(sets_by_mode),
		TEST(deletes),
		TEST(counts),
		TEST(binary_keys_come_in_base64),
		TEST(base64_is_what_it_was),
		TEST(debugs),
		TEST(errors_are_those_of_memcached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

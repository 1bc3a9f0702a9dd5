/* SPDX-License-Identifier: ISC */
/* The binary protocol: packets and their answers as memcached 1.6.18 gives them, heads that lie, and
 * every cut of a stream. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#include <core/bytes.h>

#define OPAQUE 0xdeadbeefu

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

/* ---- Packets to say ---- */

static uint8_t said[8192];
static uint32_t said_size;

struct part {
	const void *bytes;
	uint32_t size;
};
#define NONE    ((struct part){ NULL, 0 })
#define TEXT(t) ((struct part){ t, sizeof(t) - 1 })

/* Appends a packet whose body is announced as `body` bytes. */
static void add_lying(uint8_t opcode, struct part extras, struct part key, struct part value,
                      uint64_t cas, uint32_t body)
{
	struct bytes_out out = bytes_out(said + said_size, sizeof said - said_size);
	bytes_put_u8(&out, 0x80);
	bytes_put_u8(&out, opcode);
	bytes_put_u16(&out, (uint16_t)key.size);
	bytes_put_u8(&out, (uint8_t)extras.size);
	bytes_put_u8(&out, 0);
	bytes_put_u16(&out, 0);
	bytes_put_u32(&out, body);
	bytes_put_u32(&out, OPAQUE);
	bytes_put_u64(&out, cas);
	const struct part parts[] = { extras, key, value };
	for (uint32_t k = 0; k < 3; k++)
		if (parts[k].size)
			bytes_put_copy(&out, parts[k].bytes, parts[k].size);
	assert_false(out.failed);
	said_size += out.at;
}

static void add(uint8_t opcode, struct part extras, struct part key, struct part value,
                uint64_t cas)
{
	add_lying(opcode, extras, key, value, cas, extras.size + key.size + value.size);
}

static void add_noop(void)
{
	add(0x0a, NONE, NONE, NONE, 0);
}

static struct part numbers(uint32_t a, uint32_t b)
{
	static uint8_t bytes[8];
	bytes_store_u32(bytes, a);
	bytes_store_u32(bytes + 4, b);
	return (struct part){ bytes, 8 };
}

static struct part number(uint32_t a)
{
	static uint8_t bytes[4];
	bytes_store_u32(bytes, a);
	return (struct part){ bytes, 4 };
}

static struct part counting(uint64_t delta, uint64_t initial, uint32_t expires)
{
	static uint8_t bytes[20];
	bytes_store_u64(bytes, delta);
	bytes_store_u64(bytes + 8, initial);
	bytes_store_u32(bytes + 16, expires);
	return (struct part){ bytes, 20 };
}

/* ---- Answers ---- */

static struct bytes_in heard;

static void say(void)
{
	const char *at = world_say_bytes(c, said, said_size);
	heard = bytes_in(at, c->out_size - (uint64_t)(at - c->out));
	said_size = 0;
}

static uint64_t last_cas;

static void hear(uint8_t opcode, uint16_t status, uint32_t extras, uint32_t key, struct part body)
{
	assert_int_equal(bytes_get_u8(&heard), 0x81);
	assert_int_equal(bytes_get_u8(&heard), opcode);
	assert_int_equal(bytes_get_u16(&heard), key);
	assert_int_equal(bytes_get_u8(&heard), extras);
	assert_int_equal(bytes_get_u8(&heard), 0);
	assert_int_equal(bytes_get_u16(&heard), status);
	assert_int_equal(bytes_get_u32(&heard), body.size);
	assert_int_equal(bytes_get_u32(&heard), OPAQUE);
	last_cas = bytes_get_u64(&heard);
	assert_true(bytes_left(&heard) >= body.size);
	assert_memory_equal(heard.base + heard.at, body.size ? body.bytes : "", body.size);
	bytes_skip(&heard, body.size);
	assert_false(heard.failed);
}

static void hear_done(uint8_t opcode)
{
	hear(opcode, 0, 0, 0, NONE);
}

static void hear_error(uint8_t opcode, uint16_t status)
{
	static const char *const texts[] = {
		[1] = "Not found",          [2] = "Data exists for key.",
		[3] = "Too large.",         [4] = "Invalid arguments",
		[5] = "Not stored.",        [6] = "Non-numeric server-side value for incr or decr",
		[0x81] = "Unknown command", [0x82] = "Out of memory allocating item",
	};
	hear(opcode, status, 0, 0, (struct part){ texts[status], (uint32_t)strlen(texts[status]) });
	assert_int_equal(last_cas, 0);
}

static void hear_nothing_more(void)
{
	assert_int_equal(bytes_left(&heard), 0);
}

/* ---- What is done ---- */

static void stores_and_gets(void **state)
{
	(void)state;
	add(0x00, NONE, TEXT("a"), NONE, 0);
	add(0x01, numbers(7, 0), TEXT("a"), TEXT("hello"), 0);
	add(0x00, NONE, TEXT("a"), NONE, 0);
	add(0x0c, NONE, TEXT("a"), NONE, 0);
	add(0x0c, NONE, TEXT("zz"), NONE, 0);
	add(0x01, numbers(0, 0), TEXT("e"), NONE, 0);
	add(0x00, NONE, TEXT("e"), NONE, 0);
	say();
	hear_error(0x00, 1);
	hear_done(0x01);
	uint64_t cas = last_cas;
	assert_int_not_equal(cas, 0);
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\7hello"));
	assert_int_equal(last_cas, cas);
	hear(0x0c, 0, 4, 1, TEXT("\0\0\0\7ahello"));
	hear(0x0c, 1, 0, 2, TEXT("zz"));
	hear_done(0x01);
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\0"));
	hear_nothing_more();
}

static void quiet_packets_tell_what_is_not_expected(void **state)
{
	(void)state;
	add(0x11, numbers(7, 0), TEXT("a"), TEXT("hello"), 0);
	add(0x09, NONE, TEXT("zz"), NONE, 0);
	add(0x0d, NONE, TEXT("zz"), NONE, 0);
	add(0x09, NONE, TEXT("a"), NONE, 0);
	add(0x0d, NONE, TEXT("a"), NONE, 0);
	add(0x12, numbers(7, 0), TEXT("a"), TEXT("x"), 0);
	add(0x13, numbers(7, 0), TEXT("zz"), TEXT("x"), 0);
	add(0x19, NONE, TEXT("a"), TEXT("!"), 0);
	add(0x1a, NONE, TEXT("a"), TEXT("?"), 0);
	add(0x19, NONE, TEXT("zz"), TEXT("!"), 0);
	add(0x14, NONE, TEXT("zz"), NONE, 0);
	add(0x15, counting(1, 5, 0), TEXT("n"), NONE, 0);
	add(0x15, counting(2, 5, 0), TEXT("n"), NONE, 0);
	add(0x16, counting(1, 5, 0), TEXT("n"), NONE, 0);
	add(0x15, counting(1, 5, 0), TEXT("a"), NONE, 0);
	add(0x1e, number(100), TEXT("zz"), NONE, 0);
	add(0x24, number(100), TEXT("zz"), NONE, 0);
	add(0x00, NONE, TEXT("a"), NONE, 0);
	add(0x00, NONE, TEXT("n"), NONE, 0);
	add(0x14, NONE, TEXT("a"), NONE, 0);
	add(0x18, NONE, NONE, NONE, 0);
	add_noop();
	say();
	hear(0x09, 0, 4, 0, TEXT("\0\0\0\7hello"));
	hear(0x0d, 0, 4, 1, TEXT("\0\0\0\7ahello"));
	hear_error(0x12, 2);
	hear_error(0x13, 1);
	hear_error(0x19, 5);
	hear_error(0x14, 1);
	hear_error(0x15, 6);
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\7?hello!"));
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\0006"));
	hear_done(0x0a);
	hear_nothing_more();
}

static void cas_numbers_are_compared(void **state)
{
	(void)state;
	add(0x01, numbers(0, 0), TEXT("a"), TEXT("1"), 0);
	say();
	hear_done(0x01);
	uint64_t cas = last_cas;
	add(0x01, numbers(0, 0), TEXT("a"), TEXT("2"), cas + 100);
	add(0x02, numbers(0, 0), TEXT("a"), TEXT("2"), cas + 100);
	add(0x01, numbers(0, 0), TEXT("zz"), TEXT("2"), cas);
	add(0x0e, NONE, TEXT("a"), TEXT("2"), cas + 100);
	add(0x04, NONE, TEXT("a"), NONE, cas + 100);
	add(0x01, numbers(0, 0), TEXT("a"), TEXT("3"), cas);
	say();
	hear_error(0x01, 2);
	hear_error(0x02, 2);
	hear_error(0x01, 1);
	hear_error(0x0e, 2);
	hear_error(0x04, 2);
	hear_done(0x01);
	assert_true(last_cas > cas);
	add(0x05, counting(1, 0, 0), TEXT("a"), NONE, cas);
	add(0x05, counting(1, 0, 0), TEXT("a"), NONE, last_cas);
	add(0x05, counting(1, 9, 0), TEXT("new"), NONE,
	    cas); /* one that is made has none to compare */
	say();
	hear_error(0x05, 2);
	hear(0x05, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\4"));
	cas = last_cas;
	hear(0x05, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\11"));
	add(0x04, NONE, TEXT("a"), NONE, cas);
	add(0x00, NONE, TEXT("a"), NONE, 0);
	say();
	hear_done(0x04);
	hear_error(0x00, 1);
}

static void numbers_count(void **state)
{
	(void)state;
	add(0x05, counting(1, 5, 0xffffffff), TEXT("n"), NONE, 0);
	add(0x05, counting(1, 5, 0), TEXT("n"), NONE, 0);
	add(0x05, counting(UINT64_MAX, 0, 0), TEXT("n"), NONE, 0);
	add(0x06, counting(100, 0, 0), TEXT("n"), NONE, 0);
	add(0x06, counting(1, 300, 0), TEXT("m"), NONE, 0);
	add(0x06, counting(201, 0, 0), TEXT("m"), NONE, 0);
	add(0x00, NONE, TEXT("m"), NONE, 0);
	say();
	hear_error(0x05, 1);
	hear(0x05, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\5"));
	hear(0x05, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\4"));
	hear(0x06, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\0"));
	hear(0x06, 0, 0, 0, TEXT("\0\0\0\0\0\0\1\54"));
	hear(0x06, 0, 0, 0, TEXT("\0\0\0\0\0\0\0\143"));
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\00099 "));
}

static void times_to_live_are_set_and_end(void **state)
{
	(void)state;
	add(0x01, numbers(7, 2), TEXT("a"), TEXT("x"), 0);
	add(0x1c, number(10), TEXT("a"), NONE, 0);
	add(0x1c, number(10), TEXT("zz"), NONE, 0);
	add(0x1d, number(10), TEXT("zz"), NONE, 0);
	add(0x23, number(10), TEXT("zz"), NONE, 0);
	say();
	hear_done(0x01);
	hear(0x1c, 0, 4, 0, TEXT("\0\0\0\7"));
	hear_error(0x1c, 1);
	hear_error(0x1d, 1);
	hear(0x23, 1, 0, 2, TEXT("zz"));
	fake_advance(5 * SECOND);
	add(0x23, number(20), TEXT("a"), NONE, 0);
	say();
	hear(0x23, 0, 4, 1, TEXT("\0\0\0\7ax"));
	fake_advance(15 * SECOND);
	add(0x1d, number(1), TEXT("a"), NONE, 0);
	say();
	hear(0x1d, 0, 4, 0, TEXT("\0\0\0\7x"));
	fake_advance(2 * SECOND);
	add(0x00, NONE, TEXT("a"), NONE, 0);
	add(0x11, numbers(0, 0), TEXT("b"), TEXT("x"), 0);
	add(0x08, number(2), NONE, NONE, 0);
	add(0x00, NONE, TEXT("b"), NONE, 0);
	say();
	hear_error(0x00, 1);
	hear_done(0x08);
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\0x"));
	fake_advance(3 * SECOND);
	add(0x00, NONE, TEXT("b"), NONE, 0);
	say();
	hear_error(0x00, 1);
}

static void what_is_too_large_is_read_and_refused(void **state)
{
	(void)state;
	uint8_t piece[1000] = { 0 };
	static const uint8_t opcodes[] = { 0x01, 0x11, 0x02, 0x03, 0x0e, 0x0f };
	add(0x11, numbers(0, 0), TEXT("a"), TEXT("old"), 0);
	for (uint32_t k = 0; k < sizeof opcodes; k++) {
		struct part extras = opcodes[k] >= 0x0e && opcodes[k] < 0x11 ? NONE : numbers(0, 0);
		add_lying(opcodes[k], extras, TEXT("a"), NONE, 0, extras.size + 1 + 2000000);
		say();
		hear_error(opcodes[k], 3);
		for (uint32_t n = 0; n < 2000; n++)
			fake_queue(c, piece, sizeof piece);
		fake_run(c);
		add(0x00, NONE, TEXT("a"), NONE, 0);
		say();
		hear_error(0x00, 1); /* a set that failed must not leave the old one */
		hear_nothing_more();
	}
	/* A value that grows too large is not stored. */
	server->store.item_max = 1000;
	add(0x11, numbers(0, 0), TEXT("g"), (struct part){ piece, 800 }, 0);
	add(0x0e, NONE, TEXT("g"), (struct part){ piece, 800 }, 0);
	add_noop();
	say();
	hear_error(0x0e, 5);
	hear_done(0x0a);
}

static void figures_are_told_one_by_one(void **state)
{
	(void)state;
	add(0x10, NONE, TEXT("reset and more"), NONE, 0);
	add(0x10, NONE, TEXT("nothing"), NONE, 0);
	add(0x10, NONE, TEXT("items"), NONE, 0);
	say();
	hear_done(0x10);
	hear_error(0x10, 1);
	hear_done(0x10);
	hear_nothing_more();
	static const struct part groups[] = { NONE, TEXT("settings"), TEXT("slabs") };
	for (uint32_t k = 0; k < 3; k++) {
		add(0x10, NONE, groups[k], NONE, 0);
		say();
		uint32_t n = 0, key = 1;
		while (key) {
			bytes_skip(&heard, 2);
			key = bytes_get_u16(&heard);
			bytes_skip(&heard, 4);
			uint32_t body = bytes_get_u32(&heard);
			assert_true(key ? body > key : body == 0);
			bytes_skip(&heard, 12 + body);
			assert_false(heard.failed);
			n += key > 0;
		}
		hear_nothing_more();
		assert_true(k == 2 ? n >= 2 : n > 5);
	}
}

static void the_rest_is_answered(void **state)
{
	(void)state;
	add(0x0b, NONE, NONE, NONE, 0);
	add(0x20, NONE, NONE, NONE, 0); /* there is no SASL */
	add(0x21, NONE, TEXT("PLAIN"), TEXT("\0u\0p"), 0);
	add(0x22, NONE, TEXT("PLAIN"), TEXT("\0u\0p"), 0);
	add(0x55, TEXT("ex"), TEXT("key"), TEXT("value"), 0);
	add(0x1b, number(1), NONE, NONE, 0);
	add(0xff, NONE, NONE, NONE, 0);
	add_noop();
	say();
	hear(0x0b, 0, 0, 0, TEXT("1.6.18"));
	static const uint8_t unknown[] = { 0x20, 0x21, 0x22, 0x55, 0x1b, 0xff };
	for (uint32_t k = 0; k < sizeof unknown; k++)
		hear_error(unknown[k], 0x81);
	hear_done(0x0a);
	hear_nothing_more();
	assert_false(c->shut);
	add(0x07, NONE, NONE, NONE, 0);
	add_noop();
	say();
	hear_done(0x07);
	hear_nothing_more();
	assert_true(c->shut);
	world_leave(c);
	c = fake_accept();
	add(0x17, NONE, NONE, NONE, 0);
	say();
	hear_nothing_more();
	assert_true(c->shut);
}

/* One answer, and the end. */
static void ends(uint8_t opcode, uint16_t status)
{
	add_noop();
	say();
	if (status)
		hear_error(opcode, status);
	hear_nothing_more();
	assert_true(c->shut);
	world_leave(c);
	c = fake_accept();
}

static void heads_that_lie_end_the_connection(void **state)
{
	(void)state;
	char key[300];
	memset(key, 'k', sizeof key);
	struct part longest = { key, 250 }, longer = { key, 251 };
	add_lying(0x00, NONE, TEXT("abc"), NONE, 0, 2);
	ends(0x00, 0x81);
	add_lying(0x01, numbers(0, 0), TEXT("abc"), NONE, 0, 10);
	ends(0x01, 0x81);
	add_lying(0x55, NONE, TEXT("abc"), NONE, 0, 0);
	ends(0x55, 0x81);
	add(0x00, NONE, longer, NONE, 0);
	ends(0x00, 4);
	add(0x55, NONE, longer, NONE, 0);
	ends(0x55, 4);
	static const struct {
		uint8_t opcode, extras, key, value;
	} wrong[] = {
		{ 0x00, 0, 0, 0 },  { 0x00, 1, 1, 0 }, { 0x00, 0, 1, 1 },  { 0x01, 0, 1, 5 },
		{ 0x01, 7, 1, 5 },  { 0x01, 8, 0, 5 }, { 0x04, 0, 0, 0 },  { 0x04, 0, 1, 1 },
		{ 0x05, 0, 1, 0 },  { 0x05, 8, 1, 0 }, { 0x05, 20, 0, 0 }, { 0x05, 20, 1, 1 },
		{ 0x07, 0, 1, 0 },  { 0x08, 0, 1, 0 }, { 0x08, 5, 0, 0 },  { 0x0a, 0, 1, 0 },
		{ 0x0a, 0, 0, 1 },  { 0x0b, 1, 0, 0 }, { 0x0e, 0, 0, 1 },  { 0x0e, 1, 1, 1 },
		{ 0x10, 1, 1, 0 },  { 0x10, 0, 1, 1 }, { 0x1c, 0, 1, 0 },  { 0x1c, 4, 0, 0 },
		{ 0x1d, 4, 1, 1 },  { 0x20, 0, 1, 0 }, { 0x21, 0, 0, 1 },  { 0x22, 1, 1, 0 },
		{ 0x24, 20, 1, 0 },
	};
	for (uint32_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		add(wrong[k].opcode, (struct part){ key, wrong[k].extras },
		    (struct part){ key, wrong[k].key }, (struct part){ key, wrong[k].value }, 0);
		ends(wrong[k].opcode, 4);
	}
	add_noop();
	say();
	memcpy(said, "\x81", 1); /* not what a client says */
	said_size = 24;
	ends(0, 0);
	add(0x00, NONE, longest, NONE, 0);
	add_noop();
	say();
	hear_error(0x00, 1);
	hear_done(0x0a);
}

static void what_never_comes_holds_little(void **state)
{
	(void)state;
	/* Heads of the largest key and body, and then nothing: no more than these is kept. */
	static const uint8_t opcodes[] = { 0x00, 0x01, 0x0e, 0x10, 0x55 };
	for (uint32_t k = 0; k < sizeof opcodes; k++) {
		struct tcp_connection *other = fake_accept();
		uint8_t head[24] = { 0x80, opcodes[k], 0xff, 0xff, 0,    0,
			             0,    0,          0xff, 0xff, 0xff, 0xff };
		uint64_t before = server->served.charged;
		world_say_bytes(other, head, sizeof head);
		assert_true(server->served.charged - before <= 1024);
		world_leave(other);
	}
}

static void the_first_byte_decides(void **state)
{
	(void)state;
	assert_said(c, "set t 0 0 1\r\nx\r\n", "STORED\r\n");
	add_noop(); /* its opcode ends a line, its rest begins another */
	const char *got = world_say_bytes(c, said, said_size);
	said_size = 0;
	assert_string_equal(got, "ERROR\r\n");
	world_leave(c);
	c = fake_accept();
	add_noop();
	say();
	hear_done(0x0a);
	assert_said(c, "get t\r\nget t\r\nget t\r\nget t\r\n", "");
	assert_true(c->shut);
}

static void keys_of_any_bytes_break_no_text(void **state)
{
	(void)state;
	add(0x11, numbers(0, 0), TEXT("a\r\nEND\r\n"), TEXT("x"), 0);
	add(0x00, NONE, TEXT("a\r\nEND\r\n"), NONE, 0);
	say();
	hear(0x00, 0, 4, 0, TEXT("\0\0\0\0x"));
	struct tcp_connection *text = fake_accept();
	assert_string_equal(world_say(text, "mg YQ0KRU5EDQo= b k v\r\n"),
	                    "VA 1 kYQ0KRU5EDQo= b\r\nx\r\n");
	world_leave(text);
}

/* ---- Streams ---- */

static void make_stream(void)
{
	said_size = 0;
	add(0x01, numbers(7, 0), TEXT("a"), TEXT("hello"), 0);
	add(0x11, numbers(7, 0), TEXT("b"), TEXT("quiet"), 0);
	add(0x0e, NONE, TEXT("a"), TEXT(" world"), 0);
	add(0x0d, NONE, TEXT("a"), NONE, 0);
	add(0x09, NONE, TEXT("none"), NONE, 0);
	add(0x05, counting(3, 10, 0), TEXT("n"), NONE, 0);
	add(0x55, TEXT("ex"), TEXT("key"), TEXT("value"), 0);
	add(0x23, number(100), TEXT("b"), NONE, 0);
	add(0x01, numbers(0, 0), TEXT("e"), NONE, 0);
	add_noop();
	add(0x0a, NONE, TEXT("x"), NONE, 0);
}

static void cuts_make_no_difference(void **state)
{
	(void)state;
	make_stream();
	uint32_t size = said_size;
	const char *got = world_say_bytes(c, said, size);
	uint64_t whole_size = c->out_size;
	char *whole = malloc(whole_size);
	memcpy(whole, got, whole_size);
	assert_true(whole_size > 250);
	for (uint32_t cut = 0; cut < size; cut++) {
		world_leave(c);
		world_close();
		begin(NULL);
		for (uint32_t at = 0; at < size;) { /* at 0: byte by byte */
			uint32_t n = !cut ? 1 : at ? size - at : cut;
			fake_queue(c, said + at, n);
			at += n;
		}
		fake_run(c);
		assert_int_equal(c->out_size, whole_size);
		assert_memory_equal(c->out, whole, whole_size);
		assert_true(c->shut);
	}
	free(whole);
}

static void who_does_not_read_is_not_answered_more(void **state)
{
	(void)state;
	char *value = malloc(100000);
	memset(value, 'v', 100000);
	said_size = 0;
	add_lying(0x11, numbers(0, 0), TEXT("big"), NONE, 0, 8 + 3 + 100000);
	say();
	world_say_bytes(c, value, 100000);
	c->stalled = true;
	c->out_room = 3000;
	uint64_t before = c->out_size;
	for (uint32_t k = 0; k < 50; k++)
		add(0x00, NONE, TEXT("big"), NONE, 0);
	say();
	assert_true(c->out_size - before <= 3000);
	assert_int_equal(server->store.memory.pinned, 1);
	c->stalled = false;
	fake_run(c);
	assert_int_equal(c->out_size - before, 50u * (24 + 4 + 100000));
	free(value);
}

static bool news;

static bool kept_pending(void *of, uint64_t *ticket)
{
	(void)of;
	*ticket = 1;
	bool is = news;
	news = false;
	return is;
}

static void kept_changed(void *of, const char *key, uint32_t size)
{
	(void)of;
	(void)key;
	(void)size;
	news = true;
}

static void answers_wait_until_they_are_permanent(void **state)
{
	(void)state;
	static const struct memcache_backend backend = { .changed = kept_changed,
		                                         .pending = kept_pending };
	memcache_set_backend(server, &backend);
	add(0x01, numbers(0, 0), TEXT("a"), TEXT("x"), 0);
	say();
	hear_nothing_more();
	memcache_committed(server, 1, 0);
	fake_run(c);
	assert_int_equal(c->out_size, 24);
	assert_int_equal(c->out[7], 0);
	world_heard(c);
	add(0x01, numbers(0, 0), TEXT("a"), TEXT("x"), 0);
	add_noop();
	say();
	memcache_committed(server, 1, -1);
	fake_run(c);
	const char *got = world_heard(c);
	heard = bytes_in(got, c->out_size - 24);
	hear(0x0a, 0x84, 0, 0, TEXT("not stored: the device failed, or is full"));
	hear_nothing_more();
	assert_true(c->shut);
	memcache_set_backend(server, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stores_and_gets),
		TEST(quiet_packets_tell_what_is_not_expected),
		TEST(cas_numbers_are_compared),
		TEST(numbers_count),
		TEST(times_to_live_are_set_and_end),
		TEST(what_is_too_large_is_read_and_refused),
		TEST(figures_are_told_one_by_one),
		TEST(the_rest_is_answered),
		TEST(heads_that_lie_end_the_connection),
		TEST(what_never_comes_holds_little),
		TEST(the_first_byte_decides),
		TEST(keys_of_any_bytes_break_no_text),
		TEST(cuts_make_no_difference),
		TEST(who_does_not_read_is_not_answered_more),
		TEST(answers_wait_until_they_are_permanent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * What HTTP/2's servers have been attacked with, each by its name: after it the connection is at its end, or its cost is bounded, and
 * another client is answered. And requests that RFC 9113 §8 calls malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http2/internal.h>
#include <core/error.h>

#include "client.h"

#define MEMORY (192u << 10)

static struct client c;

static void serve(const struct http2_options *two)
{
	client_serve(NULL, two);
	client_open_raw(&c);
}

static int set_up(void **state)
{
	(void)state;
	serve(&(struct http2_options){ .memory_max = MEMORY });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	client_close(&c);
	return client_end();
}

static void others_are_answered(void)
{
	struct client other;
	client_open(&other);
	struct answer *a = client_get(&other, "/");
	assert_int_equal(a->status, 200);
	client_close(&other);
}

static struct http2_counters counters(void)
{
	struct http2_counters n;
	http2_counters(app.server, &n);
	return n;
}

static uint64_t most_charged;

static void run(void)
{
	fake_run(c.tcp);
	client_read(&c);
	uint64_t charged = app.server->served.charged;
	most_charged = charged > most_charged ? charged : most_charged;
}

static void assert_calmed(void)
{
	run();
	assert_int_equal(counters().calmed, 1);
	assert_true(c.goaway);
	assert_int_equal(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_false(fake_open(c.tcp));
	others_are_answered();
}

/* GET, http, a literal :path, :authority a. */
static uint32_t head_of(uint8_t *to, uint8_t method, const char *path)
{
	uint32_t n = (uint32_t)strlen(path);
	memcpy(to, (uint8_t[]){ method, 0x86, 0x44, (uint8_t)n }, 4);
	memcpy(to + 4, path, n);
	memcpy(to + 4 + n,
	       "\x41\x01"
	       "a",
	       3);
	return n + 7;
}

static void ask(int32_t stream, uint8_t method, const char *path, bool end)
{
	uint8_t head[200];
	uint32_t n = head_of(head, method, path);
	client_frame(&c, NGHTTP2_HEADERS,
	             (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0)),
	             stream, head, n);
}
#define GET  0x82
#define POST 0x83

static void reset(int32_t stream)
{
	client_frame(&c, NGHTTP2_RST_STREAM, 0, stream, (uint8_t[]){ 0, 0, 0, 8 }, 4);
}

/* ---- Floods ---- */

static void rapid_reset(void **state) /* CVE-2023-44487 */
{
	(void)state;
	for (int32_t k = 0; k < 1000; k++) {
		ask(2 * k + 1, GET, "/later", true);
		reset(2 * k + 1);
	}
	assert_calmed();
	assert_int_equal(app.waiting, 0);
	assert_true(counters().streams < 200);
}

static void rapid_reset_of_tasks(void **state)
{
	(void)state;
	client_close(&c);
	assert_int_equal(client_end(), 0);
	serve(&(struct http2_options){ .streams_max = 10 });
	/* Tasks of streams that were reset still count: no more than ten at once. */
	for (int32_t k = 0; k < 100; k++) {
		ask(2 * k + 1, POST, "/task", false);
		reset(2 * k + 1);
	}
	for (int k = 0; k < 400; k++) { /* all of it in one piece */
		struct fake_piece *p = c.tcp->pieces, *n = p->next;
		if (!n)
			break;
		struct fake_piece *both = malloc(sizeof *both + p->size + n->size);
		*both = (struct fake_piece){ .next = n->next, .size = p->size + n->size };
		memcpy(both->bytes, p->bytes, p->size);
		memcpy(both->bytes + p->size, n->bytes, n->size);
		c.tcp->pieces = both;
		if (!both->next)
			c.tcp->last = &both->next;
		free(p);
		free(n);
	}
	run();
	assert_true(counters().streams <= 10);
	assert_true(counters().refused >= 90);
	others_are_answered();
}

static void resets_that_we_are_made_to_send(void **state) /* CVE-2025-8671 */
{
	(void)state;
	for (int32_t k = 0; k < 1000; k++) {
		ask(2 * k + 1, GET, "/later", true);
		client_frame(&c, NGHTTP2_WINDOW_UPDATE, 0, 2 * k + 1, (uint8_t[]){ 0, 0, 0, 0 }, 4);
	}
	run();
	assert_false(fake_open(c.tcp));
	assert_true(counters().streams < 200);
	others_are_answered();
}

static void ping_flood(void **state) /* CVE-2019-9512 */
{
	(void)state;
	for (int k = 0; k < 2000; k++)
		client_frame(&c, NGHTTP2_PING, 0, 0, "12345678", 8);
	assert_calmed();
}

static void settings_flood(void **state) /* CVE-2019-9515 */
{
	(void)state;
	for (int k = 0; k < 2000; k++)
		client_frame(&c, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
	assert_calmed();
}

static void priority_flood(void **state) /* CVE-2019-9513 */
{
	(void)state;
	for (int k = 0; k < 2000; k++)
		client_frame(&c, NGHTTP2_PRIORITY, 0, 2 * k + 1, (uint8_t[]){ 0, 0, 0, 0, 7 }, 5);
	assert_calmed();
}

static void window_update_flood(void **state)
{
	(void)state;
	for (int k = 0; k < 2000; k++)
		client_frame(&c, NGHTTP2_WINDOW_UPDATE, 0, 0, (uint8_t[]){ 0, 0, 0, 1 }, 4);
	assert_calmed();
}

static void unknown_frames(void **state)
{
	(void)state;
	for (int k = 0; k < 2000; k++)
		client_frame(&c, 0x42, 0, 0, "abc", 3);
	run(); /* they are passed over, and cost their bytes */
	assert_true(fake_open(c.tcp));
	others_are_answered();
}

static void empty_frames(void **state) /* CVE-2019-9518 */
{
	(void)state;
	ask(1, POST, "/echo", false);
	for (int k = 0; k < 2000; k++)
		client_frame(&c, NGHTTP2_DATA, 0, 1, NULL, 0);
	assert_calmed();
}

static void a_peaceful_client_is_not_calmed(void **state)
{
	(void)state;
	for (int k = 0; k < 100;
	     k++) { /* a ping each second, and window updates for what it takes */
		client_frame(&c, NGHTTP2_PING, 0, 0, "12345678", 8);
		ask(2 * k + 1, GET, "/file", true);
		for (int n = 0; n < 20; n++)
			client_frame(&c, NGHTTP2_WINDOW_UPDATE, 0, 0, (uint8_t[]){ 0, 0, 0, 36 },
			             4);
		run();
		fake_advance(SECOND);
	}
	assert_true(fake_open(c.tcp));
	assert_int_equal(counters().streams, 100);
	assert_int_equal(c.pings, 100);
}

static void answers_that_are_not_read(void **state)
{
	(void)state;
	/* PINGs within the credit, whose answers nobody takes: nghttp2 keeps no more than a bound. */
	c.tcp->stalled = true;
	c.tcp->out_room = 0;
	for (int k = 0; k < 900; k++)
		client_frame(&c, NGHTTP2_PING, 0, 0, "12345678", 8);
	most_charged = 0;
	fake_run(c.tcp);
	assert_true(app.server->served.charged < 3 * MEMORY / 2);
	assert_int_equal(counters().failed, 1);
	others_are_answered();
	fake_advance(130 * SECOND);
	assert_false(fake_open(c.tcp));
	c.tcp->stalled = false;
}

/* ---- Heads ---- */

static void continuation_flood(void **state) /* CVE-2024-28182 and others */
{
	(void)state;
	uint8_t head[200];
	uint32_t n = head_of(head, GET, "/");
	client_frame(&c, NGHTTP2_HEADERS, 0, 1, head, n);
	for (int k = 0; k < 2000 && fake_open(c.tcp); k++) {
		client_frame(&c, NGHTTP2_CONTINUATION, 0, 1, "\x00\x01x\x01y", 5);
		run();
	}
	assert_false(fake_open(c.tcp));
	others_are_answered();
}

static void empty_continuations(void **state)
{
	(void)state;
	client_frame(&c, NGHTTP2_HEADERS, 0, 1, "", 0);
	for (int k = 0; k < 2000 && fake_open(c.tcp); k++) {
		client_frame(&c, NGHTTP2_CONTINUATION, 0, 1, "", 0);
		run();
	}
	assert_false(fake_open(c.tcp));
	others_are_answered();
}

/* A field of 3,000 bytes enters the table, and then costs a byte each time. */
static void hpack_bomb(void **state) /* CVE-2016-1544, CVE-2016-6581 */
{
	(void)state;
	static uint8_t block[16000];
	uint32_t n = head_of(block, GET, "/");
	memcpy(block + n, "\x40\x01x\x7f\xb9\x16", 6); /* 127 + 0x39 + 0x16 * 128 = 3000 */
	memset(block + n + 6, 'v', 3000);
	n += 3006;
	memset(block + n, 0xbe, sizeof block - n); /* index 62 */
	client_frame(&c, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	             block, sizeof block);
	most_charged = 0;
	assert_calmed();
	assert_true(most_charged < MEMORY);
}

static void a_large_head_is_refused_and_the_connection_goes_on(void **state)
{
	(void)state;
	static uint8_t block[16000];
	uint32_t n = head_of(block, GET, "/");
	for (int k = 0; k < 7; k++) { /* 21,000 bytes in all */
		memcpy(block + n, k ? "\xbe" : "\x40\x01x\x7f\xb9\x16", k ? 1 : 6);
		n += k ? 1 : 6;
		if (k)
			continue;
		memset(block + n, 'v', 3000);
		n += 3000;
	}
	client_frame(&c, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	             block, n);
	ask(3, GET, "/", true);
	run();
	struct http_counters m;
	http_counters(app.server, &m);
	assert_int_equal(m.too_large, 1);
	assert_int_equal(m.responses[4], 1);
	assert_int_equal(m.responses[2], 1);
	assert_true(fake_open(c.tcp));
}

static void many_fields_are_refused(void **state)
{
	(void)state;
	uint8_t block[1000];
	uint32_t n = head_of(block, GET, "/");
	for (int k = 0; k < 101; k++, n += 5)
		memcpy(block + n, "\x00\x01x\x01y", 5);
	client_frame(&c, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	             block, n);
	run();
	struct http_counters m;
	http_counters(app.server, &m);
	assert_int_equal(m.too_large, 1);
	assert_true(fake_open(c.tcp));
}

static void a_head_that_does_not_end(void **state)
{
	(void)state;
	uint8_t head[200];
	uint32_t n = head_of(head, GET, "/");
	client_frame(&c, NGHTTP2_HEADERS, 0, 1, head, n);
	run();
	assert_true(fake_open(c.tcp));
	fake_advance(12 * SECOND);
	client_read(&c);
	assert_false(fake_open(c.tcp));
	others_are_answered();
}

/* ---- Slow ones ---- */

static void a_body_that_dribbles(void **state)
{
	(void)state;
	static const char *const targets[] = { "/strict", "/gathered", "/echo" };
	for (int k = 0; k < 3; k++)
		ask(2 * k + 1, POST, targets[k], false);
	run();
	for (int s = 0; s < 15; s++) {
		for (int k = 0; k < 3; k++)
			client_frame(&c, NGHTTP2_DATA, 0, 2 * k + 1, "x", 1);
		run();
		fake_advance(SECOND);
	}
	struct http_counters m;
	http_counters(app.server, &m);
	assert_int_equal(m.timed_out, 3);
	assert_int_equal(app.bodies, 0);
	assert_true(fake_open(c.tcp));
}

static void a_response_that_nobody_takes(void **state) /* data dribble, CVE-2019-9511 */
{
	(void)state;
	client_close(&c);
	assert_int_equal(client_end(), 0);
	client_serve(&(struct http_options){ .send_ns = 20 * SECOND }, NULL);
	client_open_raw(&c);
	/* INITIAL_WINDOW_SIZE 0: nothing may be sent. */
	client_frame(&c, NGHTTP2_SETTINGS, 0, 0, (uint8_t[]){ 0, 4, 0, 0, 0, 0 }, 6);
	app.big = 50000;
	for (int k = 0; k < 20; k++)
		ask(2 * k + 1, GET, "/big", true);
	run();
	uint64_t held = app.server->served.charged;
	assert_true(held < 250000); /* not twenty times 50,000 */
	for (int s = 0; s < 200; s++)
		fake_advance(SECOND);
	assert_true(counters().stalled > 0);
	assert_true(app.server->served.charged < 100000);
	others_are_answered();
}

static void one_byte_windows(void **state)
{
	(void)state;
	client_frame(&c, NGHTTP2_SETTINGS, 0, 0, (uint8_t[]){ 0, 4, 0, 0, 0, 1 }, 6);
	ask(1, GET, "/file", true);
	run();
	for (int k = 0; k < 35; k++) {
		client_frame(&c, NGHTTP2_WINDOW_UPDATE, 0, 1, (uint8_t[]){ 0, 0, 0, 1 }, 4);
		run();
	}
	assert_int_equal(c.data_frames, 36);
	assert_true(fake_open(c.tcp));
}

static void bodies_that_nobody_reads_are_bounded(void **state)
{
	(void)state;
	static uint8_t piece[16000];
	/* /later takes no body: it waits for it within the window, and no further. */
	for (int k = 0; k < 20; k++)
		ask(2 * k + 1, POST, "/later", false);
	for (int n = 0; n < 4; n++) {
		for (int k = 0; k < 20; k++)
			client_frame(&c, NGHTTP2_DATA, 0, 2 * k + 1, piece, sizeof piece);
	}
	most_charged = 0;
	run();
	assert_true(most_charged < 3 * MEMORY / 2);
	fake_advance(2 * SECOND);
	others_are_answered();
}

static void streams_are_bounded(void **state)
{
	(void)state;
	for (int k = 0; k < 150; k++)
		ask(2 * k + 1, GET, "/later", true);
	run();
	assert_true(app.waiting <= 100);
	fake_advance(2 * SECOND);
	others_are_answered();
}

static void memory_is_bounded(void **state)
{
	(void)state;
	static uint8_t block[14000];
	most_charged = 0;
	for (int k = 0; k < 90; k++) { /* heads of 13 KiB that wait for an answer */
		uint32_t n = head_of(block, GET, "/later");
		memcpy(block + n, "\x00\x01x\x7f\x81\x64", 6); /* 127 + 1 + 0x64 * 128 = 12928 */
		memset(block + n + 6, 'v', 12928);
		client_frame(&c, NGHTTP2_HEADERS,
		             NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 2 * k + 1, block,
		             n + 6 + 12928);
		run();
	}
	assert_true(most_charged < 2 * MEMORY);
	assert_true(counters().refused > 0);
	fake_advance(2 * SECOND);
	others_are_answered();
}

static void no_memory_at_all(void **state)
{
	(void)state;
	run();
	fake.memory_fails = true;
	ask(1, GET, "/", true);
	fake_run(c.tcp);
	fake.memory_fails = false;
	others_are_answered();
}

/* ---- What is malformed (RFC 9113 §8) ---- */

struct field {
	const char *name, *value;
};
#define METHOD    { ":method", "GET" }
#define SCHEME    { ":scheme", "http" }
#define PATH      { ":path", "/" }
#define AUTHORITY { ":authority", "a" }

/* Literals without an index. */
static void ask_fields(int32_t stream, const struct field *fields, bool end)
{
	uint8_t block[2000];
	uint32_t n = 0;
	for (; fields->name; fields++) {
		uint32_t a = (uint32_t)strlen(fields->name), b = (uint32_t)strlen(fields->value);
		block[n++] = 0;
		block[n++] = (uint8_t)a;
		memcpy(block + n, fields->name, a);
		n += a;
		block[n++] = (uint8_t)b;
		memcpy(block + n, fields->value, b);
		n += b;
	}
	client_frame(&c, NGHTTP2_HEADERS,
	             (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0)),
	             stream, block, n);
}

/* Neither is answered with a 2xx or 5xx, nor does the handler see it, nor is the connection lost. */
static void malformed_heads(void **state)
{
	(void)state;
	static const struct field bad[][8] = {
		{ SCHEME, PATH, AUTHORITY },
		{ METHOD, PATH, AUTHORITY },
		{ METHOD, SCHEME, AUTHORITY },
		{ METHOD, SCHEME, PATH },
		{ METHOD, METHOD, SCHEME, PATH, AUTHORITY },
		{ METHOD, SCHEME, PATH, PATH, AUTHORITY },
		{ METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY },
		{ METHOD, SCHEME, PATH, AUTHORITY, { ":unknown", "x" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { ":status", "200" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { ":protocol", "websocket" } },
		{ METHOD, SCHEME, { "x", "y" }, PATH, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "x" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "*" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "http://b/" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "/#x" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "/ HTTP/1.1" }, AUTHORITY },
		{ METHOD, SCHEME, { ":path", "/\r\nx: y" }, AUTHORITY },
		{ METHOD, SCHEME, PATH, { ":authority", "user@a" } },
		{ METHOD, SCHEME, PATH, { ":authority", "" } },
		{ METHOD, SCHEME, PATH, { ":authority", "a:70000" } },
		{ METHOD, SCHEME, PATH, { ":authority", "a b" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "host", "b" } },
		{ METHOD, SCHEME, PATH, { "host", "a" }, { "host", "a" } },
		{ { ":method", "G T" }, SCHEME, PATH, AUTHORITY },
		{ { ":method", "" }, SCHEME, PATH, AUTHORITY },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "X-Upper", "y" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "", "y" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "a b", "y" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "a:b", "y" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "x", "a\r\nb: c" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "x", "a\nb" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "x", " a" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "x", "a\t" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "connection", "close" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "keep-alive", "1" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "proxy-connection", "x" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "transfer-encoding", "chunked" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "upgrade", "x" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "te", "gzip" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "content-length", "1" } },
		{ METHOD, SCHEME, PATH, AUTHORITY, { "content-length", "x" } },
		{ METHOD,
		  SCHEME,
		  PATH,
		  AUTHORITY,
		  { "content-length", "0" },
		  { "content-length", "0" } },
		{ { ":method", "CONNECT" }, SCHEME, PATH, AUTHORITY },
	};
	const unsigned count = sizeof bad / sizeof *bad;
	for (unsigned k = 0; k < count; k++) {
		struct http_counters before, after;
		http_counters(app.server, &before);
		ask_fields((int32_t)(2 * k + 1), bad[k], true);
		run();
		http_counters(app.server, &after);
		if (after.responses[2] != before.responses[2] ||
		    after.responses[5] != before.responses[5] || !fake_open(c.tcp))
			fail_msg("case %u was taken", k);
		fake_advance(SECOND); /* credit comes back */
	}
	ask(2 * (int32_t)count + 1, GET, "/", true);
	run();
	struct http_counters after;
	http_counters(app.server, &after);
	assert_int_equal(after.responses[2], 1);
}

static void connect_is_not_implemented(void **state)
{
	(void)state;
	ask_fields(1,
	           (struct field[]){
	                   { ":method", "CONNECT" }, { ":authority", "a:443" }, { NULL, NULL } },
	           false);
	run();
	struct http_counters n;
	http_counters(app.server, &n);
	assert_int_equal(n.responses[5], 1);
	assert_true(fake_open(c.tcp));
}

static void bodies_that_lie_about_their_length(void **state)
{
	(void)state;
	static const struct field five[] = { { ":method", "POST" },     SCHEME,
		                             { ":path", "/strict" },    AUTHORITY,
		                             { "content-length", "5" }, { NULL, NULL } };
	ask_fields(1, five, false);
	client_frame(&c, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "1234", 4);
	ask_fields(3, five, false);
	client_frame(&c, NGHTTP2_DATA, 0, 3, "123456", 6);
	run();
	assert_int_equal(app.bodies, 0);
	assert_int_equal(app.body_error, ERR_CLOSED);
	struct http_counters n;
	http_counters(app.server, &n);
	assert_int_equal(n.responses[2], 0);
	assert_true(fake_open(c.tcp));
}

static void a_wrong_preface(void **state)
{
	(void)state;
	struct tcp_connection *t = fake_accept();
	fake_queue(t, PREFACE, sizeof PREFACE - 1);
	fake_queue(t, "no frame, and no frame, and no frame", 36);
	fake_run(t);
	assert_false(fake_open(t));
	fake_queue_fin(t);
	fake_run(t);
	others_are_answered();
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rapid_reset),
		T(rapid_reset_of_tasks),
		T(resets_that_we_are_made_to_send),
		T(ping_flood),
		T(settings_flood),
		T(priority_flood),
		T(window_update_flood),
		T(unknown_frames),
		T(empty_frames),
		T(a_peaceful_client_is_not_calmed),
		T(answers_that_are_not_read),
		T(continuation_flood),
		T(empty_continuations),
		T(hpack_bomb),
		T(a_large_head_is_refused_and_the_connection_goes_on),
		T(many_fields_are_refused),
		T(a_head_that_does_not_end),
		T(a_body_that_dribbles),
		T(a_response_that_nobody_takes),
		T(one_byte_windows),
		T(bodies_that_nobody_reads_are_bounded),
		T(streams_are_bounded),
		T(memory_is_bounded),
		T(no_memory_at_all),
		T(malformed_heads),
		T(connect_is_not_implemented),
		T(bodies_that_lie_about_their_length),
		T(a_wrong_preface),
	};
	cmocka_set_test_filter(getenv("TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}

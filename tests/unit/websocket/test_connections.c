/* SPDX-License-Identifier: ISC */
/* The handshake; tasks and handlers; times, slow clients, compression, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "client.h"

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up_routes, tear_down_routes)

/* ---- The handshake ---- */

static void the_handshake_is_answered(void **state)
{
	(void)state;
	request_with("/watch", "");
	frame(0x81, "behind it"); /* in the same go */
	fake_run(c);
	assert_int_equal(it.accepted, OK);
	assert_starts(c->out, "HTTP/1.1 101 Switching Protocols\r\nDate: ");
	assert_has(c->out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT);
	assert_lacks(c->out, "Sec-WebSocket-Protocol");
	assert_lacks(c->out, "Sec-WebSocket-Extensions");
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	assert_frame(0x81, "behind it");
}

static void what_is_no_handshake_is_refused(void **state)
{
	static const struct {
		const char *request, *status;
	} some[] = {
		{ "GET /watch HTTP/1.1\r\nHost: h\r\n\r\n", "426" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "426" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 8\r\n\r\n",
		  "426" },
		{ "GET /watch HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		  "426" },
		{ "POST /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		  "426" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: short==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		  "400" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Key: " KEY "\r\n"
		  "Sec-WebSocket-Version: 13\r\n\r\n",
		  "400" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY
		  "\r\nSec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nabc",
		  "400" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY
		  "\r\nSec-WebSocket-Version: 13\r\nOrigin: http://evil\r\n\r\n",
		  "403" },
		{ "GET /watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
		  "Origin: http://h\r\nSec-Fetch-Site: cross-site\r\n\r\n",
		  "403" },
	};
	(void)state;
	for (uint32_t k = 0; k < sizeof some / sizeof *some; k++) {
		c = fake_open(c) ? c : fake_accept();
		answer();
		send(some[k].request);
		const char *got = answer();
		if (strncmp(got + 9, some[k].status, 3) != 0)
			fail_msg("%u: %s", k, got);
		if (*some[k].status == '4' && some[k].status[1] == '2')
			assert_has(got, "\r\nConnection: Upgrade\r\nUpgrade: "
			                "websocket\r\nSec-WebSocket-Version: 13\r\n");
		assert_true(it.accepted == ERR_MALFORMED || it.accepted == ERR_REFUSED);
	}
	c = fake_open(c) ? c : fake_accept();
	assert_string_equal(body_of(get("/")), "Hello"); /* HTTP goes on */
}

static void subprotocols_and_origins_are_chosen(void **state)
{
	static const char *const protocols[] = { "b", "a", NULL }, *const origins[] = {
		"https://x.org", NULL
	};
	(void)state;
	it.options.protocols = protocols;
	it.options.origins = origins;
	open_with("/watch", "Sec-WebSocket-Protocol: c, a\r\nSec-WebSocket-Protocol: b\r\n"
	                    "Origin: https://x.org\r\n");
	assert_has(c->out, "\r\nSec-WebSocket-Protocol: b\r\n");
	assert_string_equal(websocket_protocol(it.socket), "b");
	fake_queue_fin(c);
	fake_run(c);
	c = fake_accept();
	request_with("/watch", "Origin: https://y.org\r\n");
	fake_run(c);
	assert_starts(c->out, "HTTP/1.1 403 ");
	c = fake_open(c) ? c : fake_accept();
	answer();
	request_with("/watch", "Sec-WebSocket-Protocol: A\r\n"); /* no page, no protocol of ours */
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 101 ");
	assert_null(websocket_protocol(it.socket));
}

static void a_handshake_without_memory_or_stack_is_503(void **state)
{
	(void)state;
	fake.tasks_fail = true;
	request_with("/task", "");
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 503 ");
	assert_int_equal(it.accepted, ERR_MEMORY);
}

/* ---- Tasks ---- */

static void a_task_reads_messages(void **state)
{
	(void)state;
	request_with("/task", "");
	frame(0x81, "one");
	frame(0x02, "tw");
	frame(0x80, "o");
	frame(0x89, "ping");
	frame(0x81, "");
	close_frame(4000, "bye");
	fake_run(c);
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	assert_frame(0x81, "one");
	assert_frame(0x82, "two");
	assert_frame(0x8a, "ping");
	assert_frame(0x81, "");
	assert_close(4000);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.code, 4000);
}

static void a_task_reads_pieces(void **state)
{
	char text[2500];
	const uint8_t *p;
	uint64_t n, all = 0;
	(void)state;
	memset(text, 'x', sizeof text);
	it.options.pieces = true;
	it.options.piece_max = 1000;
	request_with("/task", "");
	frame_cut(0x82, text, 2500, 300);
	frame(0x81, "");
	close_frame(1000, "");
	fake_run(c);
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	for (bool first = true;; first = false) {
		uint8_t head = next(&p, &n);
		assert_int_equal(head & 0x7f, first ? 2 : 0);
		assert_true(n <= 1000);
		all += n;
		if (head & 0x80)
			break;
	}
	assert_int_equal(all, 2500);
	assert_true(it.messages >= 4);
	assert_frame(0x81, "");
	assert_close(1000);
}

/* A message and what ends the connection, in one go. */
static void queue_both(const char *end, uint32_t size)
{
	char both[64] = "\x81\x82\0\0\0\0hi";
	memcpy(both + 8, end, size);
	fake_queue(c, both, 8 + size);
}

static void what_came_before_the_end_is_answered(void **state)
{
	(void)state;
	request_with("/task", "");
	queue_both("\x88\x82\0\0\0\0\x03\xe8", 8);
	fake_run(c);
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	assert_frame(0x81, "hi");
	assert_close(1000);
	c = fake_accept();
	request_with("/task", "");
	queue_both("\x83", 1);
	fake_run(c);
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	assert_frame(0x81, "hi");
	assert_close(WEBSOCKET_PROTOCOL);
	assert_int_equal(it.ended, 2);
}

static void never_come_back(struct websocket *w, void *context)
{
	struct websocket_message m;
	struct task_queue nothing;
	(void)context;
	task_queue_init(&nothing);
	assert_int_equal(websocket_read(w, &m, CLOCK_NEVER), OK);
	uint64_t begun = clock_now();
	while (!websocket_code(w))
		task_wait(&nothing, clock_now() + SECOND);
	assert_in_range(clock_now() - begun, 4 * SECOND, 7 * SECOND);
	assert_int_equal(websocket_code(w), 1000);
	it.ended++;
}

static void enter_never(struct http_exchange *x, void *context)
{
	it.accepted = websocket_accept(x, NULL, never_come_back, context);
}

static void a_task_that_does_not_come_back_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(http_route(app.server, "GET", "/never", enter_never, NULL), OK);
	request_with("/never", "");
	queue_both("\x88\x82\0\0\0\0\x03\xe8", 8);
	fake_run(c);
	assert_int_equal(it.ended, 1);
	it.seen = (uint64_t)(strstr(c->out, "\r\n\r\n") + 4 - c->out);
	assert_close(1000);
}

static void pings_that_are_not_taken_are_answered_later(void **state)
{
	uint32_t pongs = 0;
	const uint8_t *p;
	uint64_t n;
	(void)state;
	open_watch();
	c->rate = 100000; /* bytes a second */
	for (int k = 0; k < 2000; k++)
		frame(0x89, "0123456789012345678901234567890123456789");
	fake_run(c);
	assert_true(c->out_size - it.seen < 80000);
	for (int k = 0; k < 10; k++)
		fake_advance(SECOND);
	for (; next(&p, &n) == 0x8a; pongs++)
		assert_int_equal(n, 40);
	assert_int_equal(pongs, 2000);
}

static void return_early(struct websocket *w, void *context)
{
	struct websocket_message m;
	assert_int_equal(websocket_read(w, &m, clock_now() + SECOND), ERR_TIMEOUT);
	websocket_send_text(w, "and that is that");
	(void)context;
	it.ended++;
}

static void enter_early(struct http_exchange *x, void *context)
{
	it.accepted = websocket_accept(x, NULL, return_early, context);
}

static void a_task_that_returns_closes(void **state)
{
	(void)state;
	assert_int_equal(http_route(app.server, "GET", "/early", enter_early, NULL), OK);
	open_with("/early", "");
	assert_frame(0x81, "and that is that");
	assert_close(1000);
	assert_false(c->shut);
	close_frame(1000, "");
	fake_run(c);
	assert_true(c->shut);
	assert_nothing();
}

static void a_reader_that_waits_does_not_miss_the_end(void **state)
{
	(void)state;
	request_with("/task", "");
	frame(0x81, "one");
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.messages, 1);
	assert_int_equal(it.code, WEBSOCKET_ABNORMAL);
}

/* ---- Times ---- */

static void a_silent_client_is_pinged_and_ended(void **state)
{
	(void)state;
	open_watch();
	fake_advance(29 * SECOND);
	assert_nothing();
	fake_advance(2 * SECOND);
	assert_frame(0x89, "");
	frame(0x8a, "");
	fake_run(c);
	fake_advance(29 * SECOND);
	assert_nothing();
	fake_advance(2 * SECOND);
	assert_frame(0x89, "");
	fake_advance(21 * SECOND);
	assert_true(c->aborted);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.code, WEBSOCKET_ABNORMAL);
}

static void who_says_nothing_for_long_is_closed_if_asked(void **state)
{
	(void)state;
	it.options.idle_ns = 100 * SECOND;
	open_watch();
	for (int k = 0; k < 9; k++) { /* it answers pings */
		frame(0x8a, "");
		fake_run(c);
		fake_advance(10 * SECOND);
	}
	assert_nothing();
	frame(0x8a, "");
	fake_run(c);
	fake_advance(11 * SECOND);
	assert_close(WEBSOCKET_GOING_AWAY);
}

static void a_message_that_trickles_is_ended(void **state)
{
	char text[60000];
	(void)state;
	memset(text, 'x', sizeof text);
	open_watch();
	frame_cut(0x01, text, 100, 0);
	fake_run(c);
	for (int k = 0; k < 20 && fake_open(c); k++) {
		frame_cut(0x00, text, 2000, 0);
		fake_run(c);
		fake_advance(SECOND);
	}
	assert_true(fake_open(c)); /* 2000 bytes a second are enough */
	for (int k = 0; k < 60 && fake_open(c); k++) {
		frame_cut(0x00, text, 10, 0);
		fake_run(c);
		fake_advance(SECOND);
	}
	assert_close(WEBSOCKET_POLICY);
}

static void our_close_waits_for_its_answer_but_not_for_ever(void **state)
{
	(void)state;
	open_watch();
	assert_int_equal(websocket_close(it.socket, 1005, NULL), ERR_INVALID);
	assert_int_equal(websocket_close(it.socket, 1000, "\xff"), ERR_INVALID);
	assert_int_equal(websocket_close(it.socket, 4001, "enough"), OK);
	assert_int_equal(websocket_close(it.socket, 4001, "enough"), ERR_CLOSED);
	assert_int_equal(websocket_send_text(it.socket, "x"), ERR_CLOSED);
	assert_int_equal(websocket_ping(it.socket, "x", 1), ERR_CLOSED);
	frame(0x81, "what was on its way");
	frame(0x01, "\xff");
	fake_run(c);
	assert_close(4001);
	assert_int_equal(it.messages, 0);
	assert_false(c->shut);
	fake_advance(6 * SECOND);
	assert_true(c->shut);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.code, 4001);
}

static void the_images_end_is_told(void **state)
{
	(void)state;
	open_watch();
	http_stop(app.server, clock_now() + 20 * SECOND, NULL, NULL);
	fake_run(c);
	assert_close(WEBSOCKET_GOING_AWAY);
	close_frame(1001, "");
	fake_run(c);
	fake_advance(SECOND);
	assert_int_equal(it.ended, 1);
}

/* ---- Slow clients ---- */

static void a_slow_client_is_ended(void **state)
{
	static char big[60000];
	(void)state;
	it.options.unsent_max = 100000;
	open_watch();
	c->stalled = true;
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, sizeof big), OK);
	assert_true(websocket_unsent(it.socket) >= sizeof big);
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, sizeof big), ERR_TOO_BIG);
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, 1), ERR_CLOSED);
	fake_advance(SECOND);
	assert_true(c->aborted);
	assert_int_equal(it.ended, 1);
	assert_int_equal(it.code, WEBSOCKET_POLICY);
}

static void or_misses_messages(void **state)
{
	static char big[60000];
	(void)state;
	it.options.unsent_max = 100000;
	it.options.slow = WEBSOCKET_SLOW_SKIP;
	open_watch();
	c->stalled = true;
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, sizeof big), OK);
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, sizeof big), ERR_AGAIN);
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, 1000), OK);
	c->stalled = false;
	fake_run(c);
	assert_int_equal(websocket_send(it.socket, WEBSOCKET_BINARY, big, sizeof big), OK);
	fake_run(c);
	assert_true(fake_open(c));
}

static int waited;

static void send_much(struct websocket *w, void *context)
{
	static char big[60000];
	(void)context;
	for (int k = 0; k < 10 && !waited; k++)
		waited = websocket_send(w, WEBSOCKET_BINARY, big, sizeof big);
	it.ended++;
}

static void enter_much(struct http_exchange *x, void *context)
{
	it.options =
	        (struct websocket_options){ .unsent_max = 100000, .slow = WEBSOCKET_SLOW_WAIT };
	it.accepted = websocket_accept(x, &it.options, send_much, context);
}

static void or_makes_a_task_wait(void **state)
{
	const uint8_t *p;
	uint64_t n;
	(void)state;
	waited = 0;
	assert_int_equal(http_route(app.server, "GET", "/much", enter_much, NULL), OK);
	open_with("/much", "");
	assert_int_equal(waited, OK);
	for (int k = 0; k < 10; k++) {
		assert_int_equal(next(&p, &n), 0x82);
		assert_int_equal(n, 60000);
	}
	assert_close(1000);
	close_frame(1000, "");
	fake_run(c);
	c = fake_accept();
	request_with("/much", "");
	c->stalled = true;
	fake_run(c);
	assert_int_equal(waited, ERR_CLOSED); /* it has stalled for too long */
}

static void pieces_are_one_message(void **state)
{
	(void)state;
	open_watch();
	struct websocket *w = it.socket;
	assert_int_equal(websocket_send_piece(w, WEBSOCKET_TEXT, "a", 1, false), OK);
	assert_int_equal(websocket_send_text(w, "in between"), ERR_AGAIN);
	assert_int_equal(websocket_ping(w, "p", 1), OK);
	assert_int_equal(websocket_send_piece(w, WEBSOCKET_TEXT, "b", 1, false), OK);
	assert_int_equal(websocket_send_piece(w, WEBSOCKET_TEXT, "c", 1, true), OK);
	assert_int_equal(websocket_send_text(w, "behind"), OK);
	fake_run(c);
	assert_frame(0x01, "a");
	assert_frame(0x89, "p");
	assert_frame(0x00, "b");
	assert_frame(0x80, "c");
	assert_frame(0x81, "behind");
}

static void without_memory_it_ends(void **state)
{
	char text[3000];
	(void)state;
	memset(text, 'x', sizeof text);
	open_watch();
	fake.memory_fails = true;
	frame_cut(0x81, text, sizeof text, 0);
	fake_run(c);
	fake.memory_fails = false;
	assert_close(WEBSOCKET_TRY_LATER);
}

/* ---- Compression ---- */

static uint32_t squeeze(z_stream *z, const void *bytes, uint32_t size, uint8_t *to, uint32_t room,
                        int flush)
{
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = size;
	z->next_out = to;
	z->avail_out = room;
	int result = deflate(z, flush);
	assert_true(result == Z_OK || result == Z_STREAM_END);
	return room - z->avail_out - (flush == Z_SYNC_FLUSH ? 4 : 0);
}

static void stretch(z_stream *z, const uint8_t *bytes, uint64_t size, const char *want)
{
	static const uint8_t tail[] = { 0, 0, 0xff, 0xff };
	char out[4096];
	z->next_out = (uint8_t *)out;
	z->avail_out = sizeof out;
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = (uint32_t)size;
	assert_int_equal(inflate(z, Z_SYNC_FLUSH), Z_OK);
	z->next_in = (Bytef *)(uintptr_t)tail;
	z->avail_in = sizeof tail;
	int result = inflate(z, Z_SYNC_FLUSH);
	assert_true(result == Z_OK || result == Z_BUF_ERROR);
	assert_int_equal(sizeof out - z->avail_out, strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

#define TEXT "a text that says that a text that says that it says a text says more"

static void talk_deflated(bool context)
{
	z_stream out = { 0 }, in = { 0 };
	uint8_t bytes[4096];
	const uint8_t *p;
	uint64_t n, last = 0;
	assert_int_equal(deflateInit2(&out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(inflateInit2(&in, -15), Z_OK);
	for (int k = 0; k < 3; k++) {
		uint32_t size =
		        squeeze(&out, TEXT, sizeof TEXT - 1, bytes, sizeof bytes, Z_SYNC_FLUSH);
		frame_cut(0x41, bytes, 5, 0); /* in two frames: RSV1 is the first one's */
		frame_cut(0x80, bytes + 5, size - 5, 2);
		fake_run(c);
		assert_int_equal(next(&p, &n), 0xc1);
		stretch(&in, p, n, TEXT);
		assert_true(k == 0 || (context ? n < last / 2 : n == last));
		last = k ? last : n;
		if (!context) {
			deflateReset(&out);
			inflateReset(&in);
		}
	}
	frame(0x81, "short"); /* either side may leave one as it is */
	fake_run(c);
	assert_frame(0x81, "short");
	deflateEnd(&out);
	inflateEnd(&in);
}

static void messages_are_deflated(void **state)
{
	(void)state;
	it.options.deflate = &websocket_deflate;
	open_with("/watch",
	          "Sec-WebSocket-Extensions: x, permessage-deflate; client_max_window_bits\r\n");
	assert_has(c->out, "\r\nSec-WebSocket-Extensions: permessage-deflate; "
	                   "server_no_context_takeover; client_no_context_takeover\r\n");
	assert_true(websocket_is_deflated(it.socket));
	talk_deflated(false);
}

static void contexts_are_kept_if_asked(void **state)
{
	(void)state;
	it.options.deflate = &websocket_deflate;
	it.options.deflate_context = true;
	open_with("/watch", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	assert_has(c->out, "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
	talk_deflated(true);
}

static void last_blocks_may_be_amid_a_message(void **state)
{
	z_stream out = { 0 };
	uint8_t bytes[4096];
	const uint8_t *p;
	uint64_t n;
	(void)state;
	it.options.deflate = &websocket_deflate;
	open_with("/watch", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	/* RFC 7692 §7.2.3.4: BFINAL, then a byte of zero; and two such streams in one message. */
	assert_int_equal(deflateInit2(&out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	uint32_t size = squeeze(&out, "Hello", 5, bytes, sizeof bytes, Z_FINISH);
	deflateReset(&out);
	size += squeeze(&out, " you", 4, bytes + size, (uint32_t)sizeof bytes - size, Z_FINISH);
	bytes[size++] = 0;
	frame_cut(0xc1, bytes, size, 0);
	fake_run(c);
	assert_frame(0x81, "Hello you");
	/* §7.2.3.3: a block without compression. */
	frame_cut(0xc1, "\x00\x05\x00\xfa\xffHello\x00", 11, 0);
	fake_run(c);
	assert_frame(0x81, "Hello");
	/* §7.2.3.6: an empty message. */
	frame_cut(0xc1, "\x02\x00", 2, 0);
	fake_run(c);
	assert_int_equal(next(&p, &n), 0x81);
	assert_int_equal(n, 0);
	deflateEnd(&out);
}

static void a_bomb_ends_with_1009(void **state)
{
	static uint8_t zeros[1 << 20], bytes[8192];
	z_stream out = { 0 };
	(void)state;
	it.options.deflate = &websocket_deflate;
	it.options.message_max = (1 << 20) - 1;
	open_with("/watch", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	assert_int_equal(deflateInit2(&out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	uint32_t size = squeeze(&out, zeros, sizeof zeros - 1, bytes, sizeof bytes, Z_SYNC_FLUSH);
	it.silent = true;
	frame_cut(0xc2, bytes, size, 0);
	fake_run(c);
	assert_int_equal(it.messages, 1); /* just as much as may be */
	deflateReset(&out);
	size = squeeze(&out, zeros, sizeof zeros, bytes, sizeof bytes, Z_SYNC_FLUSH);
	frame_cut(0xc2, bytes, size, 0);
	fake_run(c);
	assert_close(WEBSOCKET_TOO_BIG);
	deflateEnd(&out);
}

static void what_cannot_be_inflated_ends_with_1007(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t size;
	} some[] = { { "\xff\xff\xff", 3 },     /* no such kind of block */
		     { "\x00\x05\x00\xfa", 4 }, /* its length is cut */
		     { "\xf2\x48\xcd", 3 },     /* it ends amid a block */
		     { "\xf2\x01\x00\xff", 4 } };
	(void)state;
	it.options.deflate = &websocket_deflate;
	for (uint32_t k = 0; k < sizeof some / sizeof *some; k++) {
		open_with("/watch", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
		frame_cut(0xc1, some[k].bytes, some[k].size, 0);
		fake_run(c);
		assert_close(WEBSOCKET_BAD_DATA);
		assert_int_equal(it.messages, 0);
		fake_queue_fin(c);
		fake_run(c);
		c = fake_accept();
	}
	open_with("/watch", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	frame(0x41, "a");
	frame(0xc0, "b"); /* RSV1 on what goes on */
	fake_run(c);
	assert_close(WEBSOCKET_PROTOCOL);
}

static void a_quiet_connection_is_small(void **state)
{
	(void)state;
	open_watch();
	frame(0x81, "hello");
	fake_run(c);
	assert_true(sizeof(struct websocket) + sizeof(struct http_connection) <= 900);
	assert_int_equal(app.server->served.charged, sizeof(struct websocket));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_handshake_is_answered),
		TEST(what_is_no_handshake_is_refused),
		TEST(subprotocols_and_origins_are_chosen),
		TEST(a_handshake_without_memory_or_stack_is_503),
		TEST(a_task_reads_messages),
		TEST(a_task_reads_pieces),
		TEST(what_came_before_the_end_is_answered),
		TEST(a_task_that_does_not_come_back_is_not_waited_for),
		TEST(pings_that_are_not_taken_are_answered_later),
		TEST(a_task_that_returns_closes),
		TEST(a_reader_that_waits_does_not_miss_the_end),
		TEST(a_silent_client_is_pinged_and_ended),
		TEST(who_says_nothing_for_long_is_closed_if_asked),
		TEST(a_message_that_trickles_is_ended),
		TEST(our_close_waits_for_its_answer_but_not_for_ever),
		TEST(the_images_end_is_told),
		TEST(a_slow_client_is_ended),
		TEST(or_misses_messages),
		TEST(or_makes_a_task_wait),
		TEST(pieces_are_one_message),
		TEST(without_memory_it_ends),
		TEST(messages_are_deflated),
		TEST(contexts_are_kept_if_asked),
		TEST(last_blocks_may_be_amid_a_message),
		TEST(a_bomb_ends_with_1009),
		TEST(what_cannot_be_inflated_ends_with_1007),
		TEST(a_quiet_connection_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

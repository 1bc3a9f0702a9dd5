/* SPDX-License-Identifier: ISC */
/* Requests with bodies: on the loop, in a task, left alone; in chunks and not; too large, too slow,
 * cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <core/error.h>

#include "talk.h"

#define POST(path_, fields_) "POST " path_ " HTTP/1.1\r\nHost: h\r\n" fields_ "\r\n\r\n"
#define CHUNKED              "Transfer-Encoding: chunked"

static void bodies_arrive_whole_however_they_are_cut(void **state)
{
	static const char *const paths[] = { "/echo", "/task" };
	static const char *const bodies[] = {
		"Content-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
		"Transfer-Encoding: chunked\r\n\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
		"Transfer-Encoding: CHUNKED\r\n\r\n1;x\r\na\r\n2 ; "
		"y=\"z;\"\r\nbc\r\n0017\r\ndefghijklmnopqrstuvwxyz\r\n"
		"000;last\r\nT: trailer\r\nU:\r\n\r\n",
	};
	(void)state;
	srand(2);
	for (int k = 0; k < 2 * 3 * 40; k++) {
		char text[400];
		uint32_t size = (uint32_t)snprintf(
		        text, sizeof text,
		        "POST %s HTTP/1.1\r\nHost: h\r\n%sGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		        paths[k % 2], bodies[k / 2 % 3]);
		answer();
		for (uint32_t at = 0, n; at < size; at += n) {
			n = k < 6 ? size : k < 12 ? 1 : 1 + (uint32_t)rand() % 20;
			n = n < size - at ? n : size - at;
			fake_queue(c, text + at, n);
		}
		fake_run(c);
		const char *a = answer();
		assert_starts(a, "HTTP/1.1 200 OK\r\n");
		const char *body = body_of(a);
		assert_starts(body, "abcdefghijklmnopqrstuvwxyzHTTP/1.1 200 OK\r\n");
		assert_string_equal(body_of(body), "Hello");
		assert_true(fake_open(c));
	}
}

static void an_empty_body_ends_at_once(void **state)
{
	(void)state;
	send(POST("/strict", "X: y"));
	assert_has(answer(), "\r\n\r\nbody");
	send(POST("/strict", "Content-Length: 0"));
	assert_has(answer(), "\r\n\r\nbody");
	send(POST("/strict", CHUNKED) "0\r\n\r\n");
	assert_has(answer(), "\r\n\r\nbody");
	send(POST("/task", "Content-Length: 0"));
	assert_has(answer(), "Content-Length: 0\r\n");
	send(POST("/strict", "Expect: 100-continue"));
	assert_starts(answer(), "HTTP/1.1 200 "); /* nothing to go on with */
}

static void continue_is_said_when_the_body_is_wanted(void **state)
{
	static const char *const paths[] = { "/echo", "/task" };
	(void)state;
	for (int k = 0; k < 2; k++) {
		char text[200];
		snprintf(text, sizeof text,
		         "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: "
		         "100-Continue\r\n\r\n",
		         paths[k]);
		fake_queue(c, text, strlen(text));
		if (k) /* a task that blocks gets the next piece */
			fake_queue(c, "abc", 3);
		fake_run(c);
		const char *a = answer();
		assert_starts(a, "HTTP/1.1 100 Continue\r\n\r\n");
		if (!k) {
			assert_string_equal(a, "HTTP/1.1 100 Continue\r\n\r\n");
			send("abc");
			a = answer();
			assert_starts(a, "HTTP/1.1 200 OK\r\n");
		}
		assert_has(a, "\r\n\r\nabc");
	}
	/* To one who speaks HTTP/1.0, never (RFC 9110 §10.1.1). */
	send("POST /echo HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(answer(), "");
	send("x");
	assert_starts(answer(), "HTTP/1.1 200 ");
}

static void who_waits_for_continue_and_is_refused_loses_the_connection(void **state)
{
	(void)state;
	send(POST("/ignore", "Content-Length: 3\r\nExpect: 100-continue"));
	const char *a = answer();
	assert_starts(a, "HTTP/1.1 200 ");
	assert_has(a, "Connection: close\r\n");
	assert_true(c->shut);
}

static void a_body_that_nobody_wants_is_skipped(void **state)
{
	(void)state;
	send(POST("/ignore", "Content-Length: 37") "GET /users/smuggled HTTP/1.1\r\nHost: hGET / "
	                                           "HTTP/1.1\r\nHost: h\r\n\r\n");
	const char *a = answer();
	assert_has(a, "ignored");
	assert_has(a, "Hello");
	assert_lacks(a, "smuggled");
	send(POST("/ignore", CHUNKED) "3\r\nabc\r\n");
	assert_has(answer(), "ignored");
	send("0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_has(answer(), "Hello");
	send(POST("/nowhere", "Content-Length: 3") "abc" POST(
	        "/", "Content-Length: 3") "abcGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	a = answer();
	assert_starts(a, "HTTP/1.1 404 ");
	assert_has(a, "HTTP/1.1 405 ");
	assert_has(a, "Hello");
	assert_true(fake_open(c));
}

static void an_unwanted_body_that_is_malformed_ends_the_connection_after_the_answer(void **state)
{
	(void)state;
	send(POST("/ignore", CHUNKED) "3\r\nabcX");
	assert_has(answer(), "ignored");
	assert_true(c->shut && !c->aborted);
	fake_queue_fin(c);
	fake_run(c);
	assert_true(c->closed);
}

static void an_unwanted_body_that_never_ends_ends_the_connection(void **state)
{
	static char chunk[65536];
	(void)state;
	send(POST("/ignore", CHUNKED));
	for (int k = 0; k < 6; k++) {
		send("10000\r\n");
		fake_queue(c, chunk, sizeof chunk);
		fake_run(c);
		send("\r\n");
	}
	assert_has(answer(), "ignored");
	assert_true(c->shut && !c->aborted);
	c = fake_accept();
	send(POST("/ignore", "Content-Length: 500000")); /* too much to wait for */
	assert_true(c->shut);
	c = fake_accept();
	send(POST("/ignore", "Content-Length: 5000"));
	assert_true(fake_open(c));
	fake_advance(11 * SECOND);
	assert_true(c->aborted);
}

static void bodies_past_the_limit_get_413(void **state)
{
	static char much[2000];
	(void)state;
	tear_down(state);
	begin(&(struct http_options){ .body_max = 1000 });
	memset(much, 'x', sizeof much - 1);
	send(POST("/echo", "Content-Length: 1001"));
	assert_starts(answer(), "HTTP/1.1 413 ");
	assert_true(c->shut);
	c = fake_accept();
	answer();
	send(POST("/echo", CHUNKED) "3e9\r\n");
	send(much);
	assert_starts(answer(), "HTTP/1.1 413 ");
	assert_int_equal(app.body_error, ERR_TOO_BIG);
	assert_true(c->shut);
	c = fake_accept();
	answer();
	queue(POST("/task", CHUNKED) "3e9\r\n");
	send(much);
	assert_starts(answer(), "HTTP/1.1 413 ");
	assert_true(c->shut);
	c = fake_accept();
	answer();
	send(POST("/echo", "Content-Length: 1000"));
	much[1000] = 0;
	send(much);
	assert_starts(answer(), "HTTP/1.1 200 ");
	assert_true(fake_open(c));
}

static void slow_bodies_get_408(void **state)
{
	(void)state;
	send(POST("/echo", "Content-Length: 1000000"));
	for (int k = 0; k < 9; k++) {
		fake_advance(SECOND);
		send("x");
	}
	assert_string_equal(answer(), "");
	fake_advance(2 * SECOND);
	assert_starts(answer(), "HTTP/1.1 408 ");
	assert_int_equal(app.body_error, ERR_TIMEOUT);
	assert_true(c->shut);
	/* One that comes at its rate has all the time that it needs. */
	static char second[1100];
	memset(second, 'x', sizeof second - 1);
	c = fake_accept();
	answer();
	send(POST("/echo", "Content-Length: 32970"));
	for (int k = 0; k < 30; k++) {
		send(second);
		assert_true(fake_open(c));
		fake_advance(SECOND);
	}
	assert_starts(answer(), "HTTP/1.1 200 ");
	/* In a task, the read has a deadline. */
	c = fake_accept();
	answer();
	send(POST("/task", "Content-Length: 5") "ab");
	assert_starts(answer(), "HTTP/1.1 408 ");
}

static void bodies_that_are_cut_off_are_told_to_their_handler(void **state)
{
	(void)state;
	send(POST("/echo", "Content-Length: 5") "ab");
	fake_queue_fin(c);
	fake_run(c);
	assert_int_equal(app.body_error, ERR_CLOSED);
	assert_int_equal(app.bodies, 0);
	assert_true(c->aborted);
	c = fake_accept();
	send(POST("/echo", CHUNKED) "5\r\nab");
	app.body_error = 0;
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(app.body_error, ERR_CLOSED);
	assert_int_equal(app.bodies, 0);
	c = fake_accept();
	queue(POST("/task", "Content-Length: 5") "ab");
	fake_queue_fin(c);
	fake_run(c);
	assert_int_equal(app.body_error, ERR_CLOSED);
	c = fake_accept();
	queue(POST("/task", "Content-Length: 5") "ab");
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(app.body_error, ERR_RESET);
	/* Who answers an error by himself is heard. */
	c = fake_accept();
	send(POST("/strict", CHUNKED) "x");
	assert_starts(c->out, "HTTP/1.1 422 ");
	assert_true(c->shut && !c->aborted);
	c = fake_accept();
	queue(POST("/strict", "Content-Length: 5"));
	fake_queue_fin(c);
	fake_run(c);
	assert_starts(c->out, "HTTP/1.1 422 ");
	assert_true(c->closed && !c->aborted);
	c = fake_accept();
	send(POST("/strict", "Content-Length: 5"));
	fake_advance(12 * SECOND);
	assert_starts(c->out, "HTTP/1.1 422 ");
	assert_true(c->shut && !c->aborted);
}

static void a_response_before_the_body_survives_the_clients_end(void **state)
{
	(void)state;
	queue(POST("/ignore", "Content-Length: 5") "ab");
	fake_queue_fin(c);
	fake_run(c);
	assert_has(c->out, "ignored");
	assert_true(c->closed && !c->aborted);
}

static void tasks_answer_as_they_go(void **state)
{
	(void)state;
	send("GET /task/stream HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	const char *a = answer();
	assert_has(a, "\r\n\r\n6\r\npiece \r\n6\r\npiece \r\n6\r\npiece \r\n6\r\npiece "
	              "\r\n3\r\nend\r\n0\r\n\r\nHTTP/1.1 200 OK");
	assert_has(a, "Hello");
	send("GET /task/silent HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 500 ");
	assert_true(fake_open(c));
	fake.tasks_fail = true;
	send("GET /task/silent HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 503 ");
	fake.tasks_fail = false;
	assert_true(c->shut);
	c = fake_accept(); /* one that takes nothing */
	c->stalled = true;
	c->out_room = 10;
	send("GET /task/stream HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(c->aborted);
}

/* ---- Bodies for tasks ---- */

static void a_body_that_trickles_holds_no_task(void **state)
{
	(void)state;
	struct tcp_connection *slow[100];
	for (int k = 0; k < 100; k++) {
		slow[k] = c = fake_accept();
		send(POST("/gathered", "Content-Length: 100") "a");
	}
	for (int k = 0; k < 9; k++) {
		fake_advance(SECOND);
		for (int j = 0; j < 100; j++) {
			fake_queue(slow[j], "a", 1);
			fake_run(slow[j]);
		}
	}
	assert_int_equal(app.tasks, 0);
	fake_advance(2 * SECOND);
	for (int k = 0; k < 100; k++) {
		assert_starts(slow[k]->out, "HTTP/1.1 408 ");
		assert_true(slow[k]->shut);
	}
	assert_int_equal(app.tasks, 0);
	c = fake_accept();
}

static void bodies_for_a_task_are_gathered_however_they_are_cut(void **state)
{
	static const char *const bodies[] = {
		"Content-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
		"Transfer-Encoding: "
		"chunked\r\n\r\n5\r\nabcde\r\n15;x\r\nfghijklmnopqrstuvwxyz\r\n0\r\n"
		"T: x\r\n\r\n",
	};
	(void)state;
	srand(3);
	for (int k = 0; k < 2 * 40; k++) {
		char text[400];
		uint32_t size = (uint32_t)snprintf(
		        text, sizeof text,
		        "POST /gathered HTTP/1.1\r\nHost: h\r\n%sGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		        bodies[k % 2]);
		answer();
		for (uint32_t at = 0, n; at < size; at += n) {
			n = k < 2 ? size : k < 4 ? 1 : 1 + (uint32_t)rand() % 20;
			n = n < size - at ? n : size - at;
			fake_queue(c, text + at, n);
		}
		fake_run(c);
		const char *a = answer();
		assert_starts(a, "HTTP/1.1 200 OK\r\n");
		assert_starts(body_of(a), "abcdefghijklmnopqrstuvwxyzHTTP/1.1 200 OK\r\n");
	}
	assert_int_equal(app.tasks, 80);
}

static void of_long_bodies_the_task_reads_the_rest(void **state)
{
	static char text[8192], body[4000];
	(void)state;
	memset(body, 'x', sizeof body - 1);
	body[0] = 'a';
	body[sizeof body - 2] = 'z';
	/* In chunks: 1,000 bytes are gathered. */
	snprintf(text, sizeof text, POST("/gathered", CHUNKED) "f9f\r\n%s\r\n0\r\n\r\n", body);
	for (size_t at = 0; at < strlen(text); at += 700)
		fake_queue(c, text + at, strlen(text) - at < 700 ? strlen(text) - at : 700);
	fake_run(c);
	const char *a = answer();
	assert_starts(a, "HTTP/1.1 200 ");
	assert_string_equal(body_of(a), body);
	/* Of a known length: the task has it from its begin. */
	snprintf(text, sizeof text, POST("/gathered", "Content-Length: 3999") "%s", body);
	send(text);
	a = answer();
	assert_starts(a, "HTTP/1.1 200 ");
	assert_string_equal(body_of(a), body);
	assert_true(fake_open(c));
}

static void gathered_bodies_have_the_bounds_of_all(void **state)
{
	(void)state;
	tear_down(state);
	begin(&(struct http_options){ .body_max = 500 });
	send(POST("/gathered", CHUNKED) "1f5\r\n");
	char much[600];
	memset(much, 'x', sizeof much);
	fake_queue(c, much, 501);
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 413 ");
	assert_true(c->shut);
	c = fake_accept();
	send(POST("/gathered", CHUNKED) "3\r\nabcX");
	assert_starts(answer(), "HTTP/1.1 400 ");
	assert_true(c->shut);
	c = fake_accept();
	queue(POST("/gathered", "Content-Length: 5") "ab");
	fake_queue_fin(c);
	fake_run(c);
	assert_true(c->aborted);
	c = fake_accept();
	answer();
	send(POST("/gathered", "Content-Length: 5\r\nExpect: 100-continue"));
	assert_string_equal(answer(), "HTTP/1.1 100 Continue\r\n\r\n");
	send("abcde");
	assert_starts(answer(), "HTTP/1.1 200 ");
	c = fake_accept();
	answer();
	send(POST("/gathered", "Content-Length: 400"));
	fake.memory_fails = true;
	fake_queue(c, much, 300);
	fake_run(c);
	fake.memory_fails = false;
	assert_starts(answer(), "HTTP/1.1 503 ");
	assert_int_equal(app.tasks, 1);
}

static void a_body_that_a_task_reads_has_to_come_at_its_rate(void **state)
{
	(void)state;
	app.patience = 3600 * SECOND;
	queue(POST("/task", "Content-Length: 5000"));
	for (int k = 0; k < 200; k++)
		queue("x");
	c->pace = SECOND / 4;
	uint64_t begun = fake.now;
	fake_run(c);
	assert_int_equal(app.body_error, ERR_TIMEOUT);
	assert_true(fake.now - begun <= 11 * SECOND);
	assert_starts(answer(), "HTTP/1.1 408 ");
	assert_true(c->shut);
	/* One that comes at its rate has all the time that it needs. */
	c = fake_accept();
	answer();
	queue(POST("/task", "Content-Length: 30000"));
	char second[1501];
	memset(second, 'x', 1500);
	for (int k = 0; k < 20; k++)
		fake_queue(c, second, 1500);
	c->pace = SECOND;
	begun = fake.now;
	fake_run(c);
	assert_true(fake.now - begun >= 20 * SECOND);
	assert_starts(answer(), "HTTP/1.1 200 ");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(bodies_arrive_whole_however_they_are_cut),
		TEST(an_empty_body_ends_at_once),
		TEST(continue_is_said_when_the_body_is_wanted),
		TEST(who_waits_for_continue_and_is_refused_loses_the_connection),
		TEST(a_body_that_nobody_wants_is_skipped),
		TEST(an_unwanted_body_that_is_malformed_ends_the_connection_after_the_answer),
		TEST(an_unwanted_body_that_never_ends_ends_the_connection),
		TEST(bodies_past_the_limit_get_413),
		TEST(slow_bodies_get_408),
		TEST(bodies_that_are_cut_off_are_told_to_their_handler),
		TEST(a_response_before_the_body_survives_the_clients_end),
		TEST(tasks_answer_as_they_go),
		TEST(a_body_that_trickles_holds_no_task),
		TEST(bodies_for_a_task_are_gathered_however_they_are_cut),
		TEST(of_long_bodies_the_task_reads_the_rest),
		TEST(gathered_bodies_have_the_bounds_of_all),
		TEST(a_body_that_a_task_reads_has_to_come_at_its_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

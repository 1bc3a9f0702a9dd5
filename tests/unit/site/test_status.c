/* SPDX-License-Identifier: ISC */
/* The status port: what it says is well-formed, complete, and escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <app/status/status.h>
#include <core/error.h>
#include <net/tcp.h>

#include "fake.h"

static struct answer answer;

static const char *get(const char *path)
{
	assert_true(fake_get(81, path, (uint32_t)strlen(path), &answer));
	assert_int_equal(answer.said, SAID_BYTES);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.fields, "Cache-Control: no-store\r\n"));
	assert_true(answer.size < sizeof answer.body);
	return (const char *)answer.body;
}

static void serve(const char *name)
{
	static struct http_server *const site =
	        (void *)&answer; /* the fake looks at nothing in it */
	fake_reset();
	assert_int_equal(
	        status_serve(&(struct status_options){ .port = 81, .name = name, .http = site }),
	        OK);
}

static json_t *parsed(void)
{
	json_error_t e;
	json_t *j = json_loads(get("/status.json"), JSON_REJECT_DUPLICATES, &e);
	if (!j)
		fail_msg("line %d, column %d: %s", e.line, e.column, e.text);
	return j;
}

static json_int_t figure(const json_t *j, const char *group, const char *name)
{
	const json_t *v = json_object_get(json_object_get(j, group), name);
	if (!json_is_integer(v))
		fail_msg("there is no %s.%s", group, name);
	return json_integer_value(v);
}

static void json_has_all_groups(void **state)
{
	(void)state;
	serve("web");
	json_t *j = parsed();
	assert_string_equal(answer.type, "application/json");
	assert_string_equal(json_string_value(json_object_get(j, "name")), "web");
	assert_int_equal(figure(j, "appliance", "uptime_seconds"), 98765);
	assert_int_equal(figure(j, "http", "connections_now"), 3);
	assert_int_equal(figure(j, "http", "requests"), 12345);
	assert_int_equal(figure(j, "http", "responses_2xx"), 77);
	assert_int_equal(figure(j, "tcp", "retransmitted"), 4242);
	assert_int_equal(json_object_size(json_object_get(j, "tcp")), TCP_COUNT_MAX);
	assert_int_equal(figure(j, "memory", "used_bytes"), 54321);
	assert_int_equal(figure(j, "loop", "turns"), 1);
	json_decref(j);
}

static void prometheus_has_a_line_a_figure(void **state)
{
	(void)state;
	serve("web");
	char *text = strdup(get("/metrics")), *rest = text;
	uint32_t lines = 0;
	assert_string_equal(answer.type, "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(text, "ampoule_tcp_retransmitted 4242\n"));
	assert_non_null(strstr(text, "ampoule_http_connections 9223372036854775807\n"));
	for (const char *line; (line = strsep(&rest, "\n")) && *line; lines++) {
		size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
		if (line[n] != ' ' || !line[n + 1] ||
		    line[n + 1 + strspn(line + n + 1, "0123456789")])
			fail_msg("%s", line);
	}
	assert_true(lines > TCP_COUNT_MAX + 10);
	free(text);
}

static void page_shows_the_figures(void **state)
{
	(void)state;
	serve("web");
	const char *text = get("/");
	assert_string_equal(answer.type, "text/html; charset=utf-8");
	assert_non_null(strstr(text, "<h1>web</h1>"));
	assert_non_null(strstr(text, "retransmitted<td>4242\n"));
	assert_non_null(strstr(text, "width:100%;"));
	assert_string_equal(text + strlen(text) - 8, "</html>\n"); /* whole */
}

static void names_are_escaped(void **state)
{
	static const char name[] = "</title><script>'\"&\\\n%s\x7f";
	(void)state;
	serve(name);
	const char *text = get("/");
	assert_null(strstr(text, "<script"));
	assert_non_null(strstr(
	        text,
	        "&#x003c;/"
	        "title&#x003e;&#x003c;script&#x003e;&#x0027;&#x0022;&#x0026;&#x005c;&#x000a;%s"));
	json_t *j = parsed();
	assert_string_equal(json_string_value(json_object_get(j, "name")), name);
	json_decref(j);
}

static void a_long_name_cuts_nothing_else_open(void **state)
{
	static char name[20000];
	(void)state;
	memset(name, 'x', sizeof name - 1);
	serve(name);
	assert_true(strlen(get("/")) < sizeof answer.body); /* bounded, whatever is lost */
	assert_true(strlen(get("/status.json")) < sizeof answer.body);
}

static void without_a_port_there_is_none(void **state)
{
	(void)state;
	fake_reset();
	assert_int_equal(status_serve(&(struct status_options){ .port = 0 }), OK);
	assert_false(fake_get(0, "/", 1, &answer));
}

static void errors_are_handed_on(void **state)
{
	struct http_server *other;
	(void)state;
	fake_reset();
	assert_int_equal(http_serve(&other, &(struct http_options){ .port = 81 }), OK);
	assert_int_equal(status_serve(&(struct status_options){ .port = 81 }), ERR_EXISTS);
	for (uint32_t k = 0; k < 3; k++) {
		fake_reset();
		fake_routes_full = k;
		assert_int_equal(status_serve(&(struct status_options){ .port = 81 }), ERR_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_all_groups),
		cmocka_unit_test(prometheus_has_a_line_a_figure),
		cmocka_unit_test(page_shows_the_figures),
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(a_long_name_cuts_nothing_else_open),
		cmocka_unit_test(without_a_port_there_is_none),
		cmocka_unit_test(errors_are_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

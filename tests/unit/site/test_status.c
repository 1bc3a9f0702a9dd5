/* SPDX-License-Identifier: ISC */
/* The status port: what it says is well-formed, complete, and escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <app/status/status.h>
#include <core/error.h>
#include <core/metric.h>

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
	fake_reset();
	assert_int_equal(status_serve(&(struct status_options){ .port = 81, .name = name }), OK);
}

/* ---- A group of two shops, and one of everything else ---- */

struct shop {
	uint64_t orders, age_ns, good, bad;
	struct metric_source source;
};

static void read_shop(const void *of, void *to)
{
	memcpy(to, of, offsetof(struct shop, source));
}

static const struct metric shop_rows[] = {
	{ "orders_total", "Orders.", offsetof(struct shop, orders), METRIC_COUNTER, METRIC_ONE },
	{ "age_seconds", "Age of the oldest.", offsetof(struct shop, age_ns), METRIC_GAUGE,
	  METRIC_NS },
	{ "answers_total{class=\"2xx\"}", "Answers.", offsetof(struct shop, good), METRIC_COUNTER,
	  METRIC_ONE },
	{ "answers_total{class=\"5xx\"}", NULL, offsetof(struct shop, bad), METRIC_COUNTER,
	  METRIC_ONE },
};
static const struct metric_group shop_group = METRIC_GROUP("shop", "port", shop_rows, read_shop);

static const uint64_t bounds[] = { 1000000, 500000000 };
static struct metric_histogram took;

static void read_took(const void *of, void *to)
{
	*(uint64_t *)to = (uint64_t)(uintptr_t)of;
}

static const struct metric took_rows[] = {
	{ "seconds", "How long it took.", 0, METRIC_HISTOGRAM, METRIC_NS },
};
static const struct metric_group took_group = METRIC_GROUP("took", NULL, took_rows, read_took);
static struct metric_source took_source = { .group = &took_group, .of = &took };
static struct shop shops[2];

static int open_shops(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		shops[k] = (struct shop){ .orders = 5 + k, .age_ns = 1500000000, .bad = k };
		shops[k].source = (struct metric_source){ .group = &shop_group, .of = &shops[k] };
		metric_register(&shops[k].source);
		if (!k) {
			took = (struct metric_histogram){ .bounds = bounds, .bound_count = 2 };
			metric_register(&took_source);
		}
	}
	shops[1].source.is = "a\"b\\c\n<";
	return 0;
}

static int close_shops(void **state)
{
	(void)state;
	metric_drop(&shops[0].source);
	metric_drop(&shops[1].source);
	metric_drop(&shops[1].source); /* once more means nothing */
	metric_drop(&took_source);
	return 0;
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
	assert_int_equal(figure(j, "memory", "used_bytes"), 54321);
	assert_int_equal(figure(j, "memory", "failures"), 9);
	assert_int_equal(figure(j, "loop", "turns"), 1);
	assert_int_equal(figure(j, "tasks", "live"), 2);
	assert_true(
	        json_is_real(json_object_get(json_object_get(j, "appliance"), "uptime_seconds")));
	assert_null(json_object_get(j, "shop"));
	json_decref(j);
}

static void sources_of_a_group_are_told_apart(void **state)
{
	(void)state;
	serve("web");
	json_t *j = parsed();
	assert_int_equal(figure(j, "shop", "orders"), 5);
	assert_int_equal(figure(j, "shop", "answers_5xx"), 0);
	assert_int_equal(figure(j, "shop a\"b\\c\n<", "orders"), 6);
	assert_int_equal(figure(j, "shop a\"b\\c\n<", "answers_5xx"), 1);
	json_decref(j);
	assert_non_null(strstr(get("/metrics"),
	                       "# HELP ampoule_shop_orders_total Orders.\n"
	                       "# TYPE ampoule_shop_orders_total counter\n"
	                       "ampoule_shop_orders_total{port=\"1\"} 5\n"
	                       "ampoule_shop_orders_total{port=\"a\\\"b\\\\c\\n<\"} 6\n"
	                       "# HELP ampoule_shop_age_seconds Age of the oldest.\n"
	                       "# TYPE ampoule_shop_age_seconds gauge\n"
	                       "ampoule_shop_age_seconds{port=\"1\"} 1.500000000\n"));
	assert_non_null(strstr(get("/metrics"),
	                       "# TYPE ampoule_shop_answers_total counter\n"
	                       "ampoule_shop_answers_total{port=\"1\",class=\"2xx\"} 0\n"
	                       "ampoule_shop_answers_total{port=\"1\",class=\"5xx\"} 0\n"
	                       "ampoule_shop_answers_total{port=\"a"));
}

static void a_histogram_is_cumulative(void **state)
{
	(void)state;
	serve("web");
	metric_observe(&took, 1000000);
	metric_observe(&took, 1000001);
	metric_observe(&took, 500000001);
	assert_non_null(strstr(get("/metrics"),
	                       "# TYPE ampoule_took_seconds histogram\n"
	                       "ampoule_took_seconds_bucket{le=\"0.001000000\"} 1\n"
	                       "ampoule_took_seconds_bucket{le=\"0.500000000\"} 2\n"
	                       "ampoule_took_seconds_bucket{le=\"+Inf\"} 3\n"
	                       "ampoule_took_seconds_sum 0.502000002\n"
	                       "ampoule_took_seconds_count 3\n"));
	json_t *j = parsed();
	assert_int_equal(figure(j, "took", "seconds_count"), 3);
	json_decref(j);
}

static void many_sources_make_a_long_page(void **state)
{
	static struct shop more[3000];
	(void)state;
	serve("web");
	for (uint32_t k = 0; k < 80; k++) {
		more[k].source = (struct metric_source){ .group = &shop_group, .of = &more[k] };
		metric_register(&more[k].source);
	}
	assert_true(strlen(get("/metrics")) > 16384);
	assert_non_null(strstr(get("/metrics"), "ampoule_shop_orders_total{port=\"80\"} 0\n"));
	for (uint32_t k = 80; k < 3000; k++) {
		more[k].source =
		        (struct metric_source){ .group = &shop_group,
			                        .of = &more[k],
			                        .is = "a label that is long, since many such make "
			                              "a page longer than any may be" };
		metric_register(&more[k].source);
	}
	/* Beyond the bound there is none, rather than a part of one. */
	assert_true(fake_get(81, "/metrics", 8, &answer));
	assert_int_equal(answer.said, SAID_FAILED);
	assert_int_equal(answer.status, 503);
	for (uint32_t k = 0; k < 3000; k++)
		metric_drop(&more[k].source);
}

static void without_memory_there_is_no_page(void **state)
{
	(void)state;
	serve("web");
	fake_memory_fails = true;
	assert_true(fake_get(81, "/metrics", 8, &answer));
	assert_int_equal(answer.said, SAID_FAILED);
	fake_memory_fails = false;
}

static void page_shows_the_figures(void **state)
{
	(void)state;
	serve("web");
	const char *text = get("/");
	assert_string_equal(answer.type, "text/html; charset=utf-8");
	assert_non_null(strstr(text, "<h1>web</h1>"));
	assert_non_null(strstr(text, "used_bytes<td>54321\n"));
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
		cmocka_unit_test_setup_teardown(sources_of_a_group_are_told_apart, open_shops,
		                                close_shops),
		cmocka_unit_test_setup_teardown(a_histogram_is_cumulative, open_shops, close_shops),
		cmocka_unit_test(many_sources_make_a_long_page),
		cmocka_unit_test(without_memory_there_is_no_page),
		cmocka_unit_test(page_shows_the_figures),
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(a_long_name_cuts_nothing_else_open),
		cmocka_unit_test(without_a_port_there_is_none),
		cmocka_unit_test(errors_are_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

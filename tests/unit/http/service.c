/* SPDX-License-Identifier: ISC */
/* A server of the service kit's, behind app.h: a route for each part of it. */
#include "app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/auth.h>
#include <app/http/cookie.h>
#include <app/http/form.h>
#include <app/http/multipart.h>
#include <app/http/origin.h>
#include <app/http/http_internal.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/random.h>

struct app app;
const bool http_carried = false;

/* The next number each time: what is drawn is not what is tried. */
void random_bytes(void *to, size_t size)
{
	for (size_t k = 0; k < size; k += 4) {
		uint32_t r = random_u32();
		memcpy((char *)to + k, &r, size - k < 4 ? size - k : 4);
	}
}

struct answer {
	char text[8192];
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void say(struct answer *a, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(a->text + a->size, sizeof a->text - a->size, format, list);
	va_end(list);
	a->size += (size_t)n;
	if (a->size >= sizeof a->text)
		a->size = sizeof a->text - 1;
}

static void reply(struct http_exchange *x, const struct answer *a)
{
	http_reply(x, 200, "text/plain", a->text, (uint32_t)a->size);
}

static void hello(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, 200, "Hello");
}

static void fields(struct http_exchange *x, void *context)
{
	struct answer a = { .size = 0 };
	struct http_text name, value, target = http_target(x);
	(void)context;
	say(&a, "%.*s", (int)target.size, target.bytes);
	for (uint32_t at = 0; http_field_next(x, &at, &name, &value);)
		say(&a, "|%.*s=%.*s", (int)name.size, name.bytes, (int)value.size, value.bytes);
	reply(x, &a);
}

static void cookie(struct http_exchange *x, void *context)
{
	struct http_text value = http_cookie(x, "session");
	(void)context;
	if (value.bytes)
		http_reply(x, 200, NULL, value.bytes, value.size);
	else
		http_fail(x, 404);
}

static void basic(struct http_exchange *x, void *context)
{
	struct answer a = { .size = 0 };
	char user[16], password[16];
	(void)context;
	int error = http_basic(x, user, sizeof user, password, sizeof password);
	if (error == ERR_ABSENT) {
		http_demand_basic(x, "the shed");
		return;
	}
	say(&a, "%d %s %s", error, error ? "" : user, error ? "" : password);
	reply(x, &a);
}

static void bearer(struct http_exchange *x, void *context)
{
	struct http_text token = http_bearer(x);
	(void)context;
	if (!token.bytes)
		http_demand_bearer(x, "the shed",
		                   http_header(x, "authorization").bytes ? "invalid_token" : NULL);
	else
		http_reply(x, 200, NULL, token.bytes, token.size);
}

static void origin(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, 200, http_same_origin(x) ? "own" : "foreign");
}

static void form(struct http_exchange *x, void *context)
{
	struct answer a = { .size = 0 };
	char body[256], name[8], value[16];
	(void)context;
	int64_t size = http_form_read(x, body, sizeof body, clock_now() + NS_PER_S);
	app.body_error = size < 0 ? (int)size : 0;
	if (size < 0)
		return;
	struct http_text rest = { body, (uint32_t)size };
	int more;
	while ((more = http_form_next(&rest, name, sizeof name, value, sizeof value)) > 0)
		say(&a, "[%s=%s]", name, value);
	say(&a, "%d", more);
	reply(x, &a);
}

/* ---- Parts ---- */

static int part_begin(void *context, const struct http_part *part)
{
	if (strcmp(part->name, "stop") == 0)
		return ERR_READ_ONLY;
	say(context, "<%s %s %s>", part->name, part->filename ? part->filename : "-",
	    part->type ? part->type : "-");
	return OK;
}

static int part_data(void *context, const uint8_t *bytes, uint32_t size)
{
	say(context, "%.*s", (int)size, bytes);
	return OK;
}

static int part_end(void *context)
{
	say(context, "$");
	return OK;
}

static const struct http_part_handlers parts = { part_begin, part_data, part_end };

static void parts_in_task(struct http_exchange *x, void *context)
{
	struct answer a = { .size = 0 };
	(void)context;
	app.body_error = http_multipart_read(x, &parts, &a, clock_now() + NS_PER_S);
	if (app.body_error == OK)
		reply(x, &a);
	else if (app.body_error == ERR_READ_ONLY)
		http_fail(x, 409);
}

struct upload {
	struct http_multipart parser;
	struct answer answer;
};

static void parts_body(struct http_exchange *x, void *context, const uint8_t *bytes, uint32_t size,
                       int error)
{
	struct upload *u = context;
	http_multipart_take(&u->parser, bytes, size);
	if (size)
		return;
	if (!error && !(error = http_multipart_end(&u->parser)))
		reply(x, &u->answer);
	else
		http_fail(x, 400);
	app.body_error = error;
	app.bodies--;
	free(u);
}

static void parts_on_loop(struct http_exchange *x, void *context)
{
	struct upload *u = calloc(1, sizeof *u);
	(void)context;
	if (http_multipart_open(&u->parser, x, &parts, &u->answer)) {
		free(u);
		http_fail(x, 415);
		return;
	}
	app.bodies++;
	http_on_body(x, parts_body, u);
}

static void count(struct http_exchange *x, void *context)
{
	struct answer a = { .size = 0 };
	char bytes[16384];
	int64_t n, size = 0;
	(void)context;
	while ((n = http_read(x, bytes, sizeof bytes, clock_now() + NS_PER_S)) > 0)
		size += n;
	app.body_error = (int)n;
	say(&a, "%d", (int)size);
	if (n)
		http_fail(x, n == ERR_TOO_BIG ? 413 : 400);
	else
		reply(x, &a);
}

static void lines(struct http_exchange *x, void *context)
{
	char text[6000] = "X-Long: ";
	(void)context;
	memset(text + 8, 'y', 5000);
	memcpy(text + 5008, "\r\nContent-Type: a/b\r\n", 22);
	http_set(x, "X-Own", "1");
	http_begin_with(x, 203, text, (uint32_t)strlen(text), 4);
	http_write(x, "body", 4);
	http_end(x);
}

void app_start(const struct http_options *options)
{
	struct http_server *s;
	memset(&app, 0, sizeof app);
	if (http_serve(&s, options))
		abort();
	app.server = s;
	int error = http_route(s, "GET", "/", hello, NULL);
	error |= http_route(s, "GET", "/fields", fields, NULL);
	error |= http_route(s, "GET", "/cookie", cookie, NULL);
	error |= http_route(s, "GET", "/basic", basic, NULL);
	error |= http_route(s, "GET", "/bearer", bearer, NULL);
	error |= http_route(s, "GET", "/origin", origin, NULL);
	error |= http_route(s, "GET", "/lines", lines, NULL);
	error |= http_route_task(s, "POST", "/form", form, NULL);
	error |= http_route_task(s, "POST", "/parts", parts_in_task, NULL);
	error |= http_route_gather(s, "POST", "/parts", 0);
	error |= http_route(s, "POST", "/loop", parts_on_loop, NULL);
	error |= http_route_task(s, "POST", "/few", count, NULL);
	error |= http_route_body(s, "POST", "/few", 100);
	error |= http_route_task(s, "POST", "/many", count, NULL);
	error |= http_route_body(s, "POST", "/many", 4u << 20);
	if (error)
		abort();
}

static void free_all(void *list) /* `next` is the first member */
{
	while (list) {
		void *next = *(void **)list;
		heap_free(list);
		list = next;
	}
}

void app_stop(void)
{
	struct http_server *s = app.server;
	timer_stop(&s->served.stop_timer);
	if (s->served.counters.now || s->served.charged || app.bodies)
		abort();
	free_all(s->routes);
	free_all(s->hooks);
	while (s->pool) {
		struct http_exchange *x = s->pool;
		s->pool = x->next;
		heap_free(x);
	}
	heap_free(s);
}

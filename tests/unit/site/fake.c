/* SPDX-License-Identifier: ISC */
/* What os/app/http, os/net and os/core do for a site, in a process of the host. */
#include "fake.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/loop.h>
#include <core/task.h>

struct http_server {
	uint16_t port;
};
struct http_exchange {
	struct http_text path;
	struct answer *answer;
};

static struct http_server servers[4];
static struct {
	struct http_server *server;
	const char *pattern;
	http_handler_fn *handler;
	void *context;
} routes[8];
static uint32_t server_count, route_count, live;
char fake_log[1024];
uint32_t fake_routes_full = 8;
bool fake_memory_fails;

void fake_reset(void)
{
	server_count = route_count = 0;
	fake_routes_full = 8;
	fake_memory_fails = false;
	*fake_log = 0;
}

bool fake_get(uint16_t port, const char *path, uint32_t size, struct answer *a)
{
	struct http_exchange x = { { path, size }, a };
	memset(a, 0, sizeof *a);
	for (int star = 0; star < 2; star++) { /* literal patterns first */
		for (uint32_t k = 0; k < route_count; k++) {
			const char *pattern = routes[k].pattern;
			bool fits =
			        star ? strcmp(pattern, "/*path") == 0
			             : strlen(pattern) == size && memcmp(pattern, path, size) == 0;
			if (routes[k].server->port == port && fits) {
				routes[k].handler(&x, routes[k].context);
				return true;
			}
		}
	}
	return false;
}

/* ---- http ---- */

int http_serve(struct http_server **to, const struct http_options *o)
{
	for (uint32_t k = 0; k < server_count; k++) {
		if (servers[k].port == o->port)
			return ERR_EXISTS;
	}
	assert(server_count < 4);
	servers[server_count].port = o->port;
	*to = &servers[server_count++];
	return OK;
}

int http_route(struct http_server *s, const char *method, const char *pattern,
               http_handler_fn *handler, void *context)
{
	assert(strcmp(method, "GET") == 0);
	if (route_count >= fake_routes_full)
		return ERR_MEMORY;
	routes[route_count].server = s;
	routes[route_count].pattern = pattern;
	routes[route_count].handler = handler;
	routes[route_count++].context = context;
	return OK;
}

const char *fake_query = "", *fake_host = "";

struct http_text http_host_name(const struct http_exchange *x)
{
	(void)x;
	return (struct http_text){ fake_host, (uint32_t)strlen(fake_host) };
}

struct http_text http_header(const struct http_exchange *x, const char *name)
{
	(void)x;
	assert(strcmp(name, "accept-encoding") == 0);
	return (struct http_text){ "gzip, br", 8 };
}

struct http_text http_query(const struct http_exchange *x)
{
	(void)x;
	return (struct http_text){ fake_query, (uint32_t)strlen(fake_query) };
}

struct http_text http_path(const struct http_exchange *x)
{
	return x->path;
}

static void begin(struct http_exchange *x, enum said said, uint32_t status)
{
	assert(x->answer->said == SAID_NOTHING); /* one reply a request */
	x->answer->said = said;
	x->answer->status = status;
}

int http_reply_resource(struct http_exchange *x, const struct http_resource *r)
{
	begin(x, SAID_RESOURCE, 200);
	x->answer->resource = *r;
	return OK;
}

static void keep(struct http_exchange *x, const char *type, const void *bytes, uint64_t size)
{
	snprintf(x->answer->type, sizeof x->answer->type, "%s", type ? type : "");
	assert(size <= sizeof x->answer->body);
	if (size)
		memcpy(x->answer->body, bytes, size);
	x->answer->size = size;
}

int http_reply_prepared(struct http_exchange *x, uint32_t status, const char *fields, uint32_t size,
                        const void *body, uint64_t body_size)
{
	begin(x, SAID_PREPARED, status);
	assert(size < sizeof x->answer->fields);
	memcpy(x->answer->fields, fields, size);
	keep(x, NULL, body, body_size);
	return OK;
}

int http_reply_static(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
                      uint64_t size)
{
	begin(x, SAID_STATIC, status);
	keep(x, type, bytes, size);
	return OK;
}

int http_reply(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
               uint32_t size)
{
	begin(x, SAID_BYTES, status);
	keep(x, type, bytes, size);
	return OK;
}

int http_set(struct http_exchange *x, const char *name, const char *value)
{
	size_t n = strlen(x->answer->fields);
	snprintf(x->answer->fields + n, sizeof x->answer->fields - n, "%s: %s\r\n", name, value);
	return OK;
}

int http_fail(struct http_exchange *x, uint32_t status)
{
	begin(x, SAID_FAILED, status);
	return OK;
}

/* ---- core ---- */

void *heap_alloc_zero(size_t count, size_t size)
{
	live += !fake_memory_fails;
	return fake_memory_fails ? NULL : calloc(count, size);
}

void *heap_alloc(size_t size)
{
	return heap_alloc_zero(1, size);
}

void *heap_resize(void *p, size_t size)
{
	return fake_memory_fails ? NULL : realloc(p, size);
}

void heap_free(void *p)
{
	live -= p != NULL;
	free(p);
}

uint32_t fake_live(void)
{
	return live;
}

struct heap_figures heap_figures(void)
{
	return (struct heap_figures){
		.total = 16 << 20, .used = 54321, .peak = 65432, .failures = 9
	};
}

struct loop_figures loop_figures(void)
{
	return (struct loop_figures){ .turns = 1 };
}

struct task_figures task_figures(void)
{
	return (struct task_figures){ .live = 2, .stacks = 8 };
}

uint64_t clone_generation(void)
{
	return 0;
}

uint64_t clock_now(void)
{
	return 98765 * NS_PER_S;
}

int64_t clock_wall(void)
{
	return 1700000000 * (int64_t)NS_PER_S;
}

bool log_wants(enum log_level level)
{
	(void)level;
	return true;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	va_list ap;
	(void)level, (void)who;
	va_start(ap, format);
	vsnprintf(fake_log, sizeof fake_log, format, ap);
	va_end(ap);
}

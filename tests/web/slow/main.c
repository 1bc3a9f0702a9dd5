/* SPDX-License-Identifier: ISC */
/* GET /loop/N, /task/N: N bytes. POST /body: a task reads it, and answers with its size; /read: as it comes. */
#include "appliance.h"

#include <stdlib.h>

#include <app/http/http.h>
#include <app/status/status.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

static void big(struct http_exchange *x, void *context)
{
	uint32_t size = 0;
	struct http_text n = http_parameter(x, "n");
	(void)context;
	for (uint32_t k = 0; k < n.size && k < 8; k++)
		size = size * 10 + (uint32_t)(n.bytes[k] - '0');
	char *bytes = heap_alloc(size + 1);
	if (!bytes) {
		http_fail(x, 500);
		return;
	}
	for (uint32_t k = 0; k < size; k++)
		bytes[k] = (char)('a' + k % 23);
	http_reply(x, 200, "text/plain", bytes, size);
	heap_free(bytes);
}

static void body(struct http_exchange *x, void *context)
{
	char piece[512], text[32];
	uint64_t size = 0;
	int64_t n;
	(void)context;
	while ((n = http_read(x, piece, sizeof piece, clock_now() + 60 * NS_PER_S)) > 0)
		size += (uint64_t)n;
	if (n < 0) {
		http_fail(x, n == ERR_TIMEOUT ? 408 : 400);
		return;
	}
	print_text(text, sizeof text, "%llu\n", (unsigned long long)size);
	http_reply_text(x, 200, text);
}

int main(void)
{
	struct http_server *s;
	if (http_serve(&s, &(struct http_options){ .send_ns = arg_stall() }) ||
	    http_route(s, "GET", "/loop/:n", big, NULL) ||
	    http_route_task(s, "GET", "/task/:n", big, NULL) ||
	    http_route_task(s, "POST", "/body", body, NULL) ||
	    http_route_task(s, "POST", "/read", body, NULL) ||
	    status_serve(&(struct status_options){ .port = arg_status(), .name = "slow" }))
		return 1;
	http_route_gather(s, "POST", "/read", 0);
	return http_run(s);
}

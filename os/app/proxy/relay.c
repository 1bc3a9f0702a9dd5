/* SPDX-License-Identifier: ISC */
/*
 * A request in a task of its own: to a server, and the answer back. What breaks after the answer's head has gone can only be
 * told by breaking the client's connection, which the exchange's end in amid a stream does.
 */
#include <app/proxy/internal.h>

#include <string.h>

#include <app/http/http_internal.h>
#include <core/heap.h>

#define PIECE_SIZE 16384u

struct relay {
	struct proxy *proxy;
	struct http_exchange *x;
	struct http_client *client;
	struct proxy_upstream *upstream; /* whose the answer is */
	struct http_response response;
	int client_error; /* the request itself came to a bad end */
	char method[32], target[HTTP_TARGET_MAX + 1];
	char fields[PROXY_FIELDS_MAX];
	uint8_t bytes[PIECE_SIZE];
};

static uint64_t soon(const struct relay *r)
{
	return clock_now() + r->proxy->options.answer_ns;
}

/* ---- The request ---- */

static void copy(char *to, struct http_text from)
{
	memcpy(to, from.bytes, from.size);
	to[from.size] = 0;
}

/* What is sent; 0, or the status that refuses it. */
static uint32_t prepare(struct relay *r)
{
	struct http_text method = http_method(r->x), target = http_target(r->x),
	                 query = http_query(r->x);
	if (method.size >= sizeof r->method)
		return 501;
	copy(r->method, method);
	if (strcmp(r->method, "TRACE") == 0) /* it would show what this proxy adds */
		return 405;
	if (*target.bytes != '/') { /* absolute-form: the authority is Host's */
		struct http_text path = http_raw_path(r->x);
		memcpy(r->target, path.bytes, path.size);
		r->target[path.size] = '?';
		copy(r->target + path.size + (query.size > 0), query);
	} else {
		copy(r->target, target);
	}
	return proxy_fields_request(r->proxy, r->x, r->fields) ? 0 : 431;
}

/* RFC 9110 §9.2.2; and there is nothing that could not be sent again. */
static bool repeatable(const struct relay *r)
{
	static const char *const names[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
		if (strcmp(r->method, names[k]) == 0)
			return http_body_size(r->x) == 0;
	}
	return false;
}

/* The body, as it comes. 0: go on with end; 1: the answer is here already. */
static int send_body(struct relay *r)
{
	int64_t n;
	while ((n = http_read(r->x, r->bytes, PIECE_SIZE, CLOCK_NEVER)) > 0) {
		if (http_client_write(r->client, r->bytes, (uint32_t)n, soon(r)))
			return 0; /* there may be an answer that says why */
		int early = http_client_early(r->client, &r->response, soon(r));
		if (early < 0 || (early && r->response.status >= 300))
			return early;
	}
	r->client_error = (int)n;
	return n ? (int)n : 0;
}

/* One server. 0: its answer's head is here. */
static int ask(struct relay *r)
{
	uint64_t size = http_body_size(r->x);
	r->client_error = OK;
	int error = http_client_begin(r->client, r->method, r->target, r->fields, size, soon(r));
	if (!error && size) {
		int done = send_body(r);
		if (done)
			return done < 0 ? done : OK;
	}
	return error ? error : http_client_end(r->client, &r->response, soon(r));
}

static int ask_any(struct relay *r)
{
	struct proxy *p = r->proxy;
	struct proxy_upstream *u;
	bool again = repeatable(r);
	uint32_t tried = 0;
	int error = ERR_UNREACHABLE;
	for (uint32_t k = 0; k < p->options.tries && (u = proxy_upstream_next(p, &tried)); k++) {
		p->counters.retried += k > 0;
		/* What must not be sent twice goes to no connection that may be closed by now. */
		error = http_pool_take(u->pool, &r->client, !again,
		                       clock_now() + p->options.connect_ns);
		if (error) {
			r->client = NULL;
			proxy_upstream_failed(p, u);
			continue;
		}
		error = ask(r);
		if (!error) {
			r->upstream = u;
			return OK;
		}
		http_client_close(r->client);
		r->client = NULL;
		if (!again || (error != ERR_CLOSED && error != ERR_RESET))
			return error;
		/* It may have been the kept connection's fault. */
		if (p->count == 1)
			tried = 0;
	}
	return error;
}

/* ---- The answer ---- */

static bool has_body(uint32_t status)
{
	return status != 204 && status != 304;
}

/* Whole: http_end was called. */
static bool answer(struct relay *r)
{
	uint32_t status = r->response.status;
	int size = proxy_fields_response(r->client, r->fields);
	if (size < 0 || status < 200 || status > 599) { /* 101: nobody asked for it */
		http_fail(r->x, 502);
		return false;
	}
	if (http_begin_with(r->x, status, r->fields, (uint32_t)size,
	                    has_body(status) ? r->response.size : HTTP_UNKNOWN))
		return false;
	int64_t n;
	while ((n = http_client_read(r->client, r->bytes, PIECE_SIZE, soon(r))) > 0) {
		if (http_write(r->x, r->bytes, (uint32_t)n))
			return false;
	}
	return n == 0 && http_end(r->x) == OK;
}

static uint32_t status_of(const struct relay *r, int error)
{
	if (r->client_error)
		return error == ERR_TOO_BIG ? 413 : error == ERR_TIMEOUT ? 408 : 400;
	return error == ERR_TIMEOUT   ? 504
	       : error == ERR_INVALID ? 400
	       : error == ERR_MEMORY  ? 503
	                              : 502;
}

static void handle(struct relay *r)
{
	uint32_t refused = prepare(r);
	if (refused) {
		http_fail(r->x, refused);
		return;
	}
	int error = ask_any(r);
	if (error) {
		r->proxy->counters.failed += !r->client_error;
		http_fail(r->x, status_of(r, error));
		return;
	}
	if (answer(r)) {
		http_pool_give(r->upstream->pool, r->client);
	} else {
		r->proxy->counters.failed++;
		http_client_close(r->client);
	}
}

void proxy_handle(struct http_exchange *x, void *context)
{
	struct relay *r = heap_alloc(sizeof *r);
	if (!r) {
		http_fail(x, 503);
		return;
	}
	r->proxy = context;
	r->x = x;
	r->client = NULL;
	r->proxy->counters.requests++;
	handle(r);
	heap_free(r);
}

int proxy_route(struct http_server *s, struct proxy *p, uint64_t body_max)
{
	int error = http_route_task(s, NULL, "/*rest", proxy_handle, p);
	return error ? error : http_route_body(s, NULL, "/*rest", body_max);
}

/* SPDX-License-Identifier: ISC */
/* What handlers ask about a request, and a body that a task reads. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>

struct http_text http_method(const struct http_exchange *x)
{
	return http_span_text(&x->head, x->head.method);
}

struct http_text http_target(const struct http_exchange *x)
{
	return http_span_text(&x->head, x->head.target);
}

struct http_text http_path(const struct http_exchange *x)
{
	return x->path;
}

struct http_text http_raw_path(const struct http_exchange *x)
{
	return x->target.raw_path;
}

struct http_text http_query(const struct http_exchange *x)
{
	return x->target.query;
}

struct http_text http_host(const struct http_exchange *x)
{
	return x->target.authority.bytes ? x->target.authority : http_header(x, "host");
}

struct http_text http_host_name(const struct http_exchange *x)
{
	struct http_text all = http_host(x), name = all;
	if (all.bytes)
		http_authority_split(all, &name);
	return name;
}

bool http_field_next(const struct http_exchange *x, uint32_t *at, struct http_text *name,
                     struct http_text *value)
{
	return http_head_next(&x->head, at, name, value);
}

struct http_text http_header_next(const struct http_exchange *x, const char *name, uint32_t *at)
{
	return http_head_find(&x->head, name, (uint32_t)strlen(name), at);
}

struct http_text http_header(const struct http_exchange *x, const char *name)
{
	uint32_t at = 0;
	return http_head_find(&x->head, name, (uint32_t)strlen(name), &at);
}

struct http_text http_parameter(const struct http_exchange *x, const char *name)
{
	for (uint32_t k = 0; k < x->parameter_count; k++) {
		const struct http_parameter *p = &x->parameters[k];
		if (http_text_is((struct http_text){ p->name, p->name_size }, name))
			return p->value;
	}
	return (struct http_text){ NULL, 0 };
}

struct net_address http_peer(const struct http_exchange *x, uint16_t *port)
{
	if (port)
		*port = x->peer_port;
	return x->peer;
}

const struct tcp_served *http_served(const struct http_exchange *x)
{
	return x->connection ? &x->connection->served : NULL;
}

/* ---- The body ---- */

uint64_t http_body_size(const struct http_exchange *x)
{
	return x->head.chunked ? HTTP_UNKNOWN : x->head.length;
}

void http_on_body(struct http_exchange *x, http_body_fn *fn, void *context)
{
	x->on_body = fn;
	x->body_context = context;
	if (x->connection && http_carrier(x))
		http_carrier(x)->body(x);
	else if (x->connection && !x->in_task)
		http_connection_body(x->connection);
}

/* tcp_peek within the time that the client has: what it sends must not fall below HTTP_BODY_RATE_MIN. Only
 * waiting counts, not what the handler does between reads. */
static int64_t wait_for_body(struct http_exchange *x, const uint8_t **bytes, uint64_t deadline_ns)
{
	struct http_connection *c = x->connection;
	struct http_server *server = c->server; /* a stream's connection may end meanwhile */
	uint64_t begun = clock_now(), time = (x->body_taken / HTTP_BODY_RATE_MIN + 1) * NS_PER_S;
	time = time > HTTP_BODY_GRACE_NS ? time : HTTP_BODY_GRACE_NS;
	uint64_t until = begun + (time > x->body_waited ? time - x->body_waited : 0);
	until = until < deadline_ns ? until : deadline_ns;
	int64_t there = http_carrier(x) ? http_carrier(x)->peek(x, bytes, until)
	                                : tcp_served_peek(&c->served, bytes, until);
	x->body_waited += clock_now() - begun;
	if (there == ERR_TIMEOUT && x->body_waited >= time) {
		server->counters.timed_out++;
		x->close_after = true;
	}
	return there;
}

/* Of a stream, which says itself where the body ends. */
static int64_t read_stream(struct http_exchange *x, void *to, uint32_t size, uint64_t deadline_ns)
{
	const uint8_t *bytes;
	if (x->body_done || !size)
		return 0;
	int64_t there = wait_for_body(x, &bytes, deadline_ns);
	if (there <= 0) {
		x->body_done = !there;
		return there;
	}
	uint32_t got = there < size ? (uint32_t)there : size;
	memcpy(to, bytes, got);
	http_carrier(x)->consume(x, got);
	x->body_taken += got;
	if (x->body_taken > x->connection->server->options.body_max) {
		x->close_after = true;
		return ERR_TOO_BIG;
	}
	return got;
}

int64_t http_read(struct http_exchange *x, void *to, uint32_t size, uint64_t deadline_ns)
{
	if (!x->connection || !x->in_task)
		return ERR_CLOSED;
	struct http_connection *c = x->connection;
	if (x->gathered_at < x->gathered_size && size) {
		uint32_t left = x->gathered_size - x->gathered_at, n = size < left ? size : left;
		memcpy(to, x->gathered + x->gathered_at, n);
		x->gathered_at += n;
		return n;
	}
	if (!x->body_done)
		http_continue(x);
	if (http_carrier(x))
		return read_stream(x, to, size, deadline_ns);
	while (!x->body_done && size) {
		const uint8_t *bytes;
		int64_t there = wait_for_body(x, &bytes, deadline_ns);
		if (there <= 0)
			return there ? there : ERR_CLOSED;
		uint32_t used = (uint32_t)there, got;
		if (!x->head.chunked) {
			got = used < size ? used : size;
			got = got < x->body_left ? got : (uint32_t)x->body_left;
			memcpy(to, bytes, got);
			tcp_served_consume(&c->served, got);
			x->body_left -= got;
			x->body_taken += got;
			x->body_done = !x->body_left;
			return got;
		}
		const uint8_t *data;
		/* No more than fits is looked at as data: a chunk may go on. */
		enum http_chunk_result r = http_chunk_next(
		        &x->chunk, bytes, used < size ? used : size, &used, &data, &got);
		if (r == CHUNK_DATA)
			memcpy(to, data, got);
		tcp_served_consume(&c->served, used);
		if (r == CHUNK_BAD) {
			x->close_after = true;
			return ERR_MALFORMED;
		}
		x->body_done = r == CHUNK_END;
		if (r != CHUNK_DATA)
			continue;
		x->body_taken += got;
		if (x->body_taken > http_body_max(c->server, x->route)) {
			x->close_after = true;
			return ERR_TOO_BIG;
		}
		return got;
	}
	return 0;
}

void http_on_gone(struct http_exchange *x, void (*gone)(struct http_exchange *, void *),
                  void *context)
{
	x->on_gone = gone;
	x->gone_context = context;
}

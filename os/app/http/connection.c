/* SPDX-License-Identifier: ISC */
/*
 * A connection's bytes: heads and bodies in, one exchange at a time. Bytes that cannot be used yet
 * stay in TCP's window. A plain handler runs inside received(), on the head as it lies in the
 * frame. One routed to a task gets the connection for itself: no handlers are set while it runs,
 * and tcp_peek() is how it reads. Times, bounds and the end are net/tcp_served.h's.
 */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>

#define PIPELINED_MAX 64u /* responses on their way, until more requests are looked at */
#define DRAIN_MAX                                                                                  \
	(256u << 10) /* bytes of a body that nobody wanted, thrown away to keep the connection */
#define REQUEST_ROOM 4096u /* bytes that a request takes, about: without them, none is begun */

static struct http_connection *of(struct tcp_served *c)
{
	return container_of(c, struct http_connection, served);
}

/* ---- Birth and end ---- */

static bool opened(struct tcp_served *s)
{
	struct http_connection *c = of(s);
	c->server = container_of(s->server, struct http_server, served);
	return true;
}

static void ended(struct tcp_served *s)
{
	struct http_connection *c = of(s);
	struct http_exchange *x = c->exchange;
	if (x) { /* not one in a task: nothing ends the connection under it */
		c->exchange = NULL;
		http_exchange_gone(c->server, x);
		http_exchange_give(c->server, x);
	}
	heap_free(c->head);
	c->head = NULL;
}

static void set_idle(struct http_connection *c)
{
	c->state = STATE_HEAD;
	tcp_served_idle(&c->served);
}

void http_connection_drop_soon(struct http_connection *c)
{
	c->state = STATE_WAIT;
	tcp_served_drop_soon(&c->served);
}

bool http_connection_keep(struct http_connection *c)
{
	const struct http_exchange *x = c->exchange;
	uint32_t n = c->head_room + (x ? (uint32_t)sizeof *x + x->head.size : 0);
	return tcp_served_keep(&c->served, n);
}

/* The request came to a bad end. If its handler has not answered, we do; if it was about to, there
 * is nothing to say. */
static void give_up(struct http_connection *c, struct http_exchange *x, uint32_t status)
{
	if (!c->served.tcp || c->exchange != x)
		return;
	if (x->phase == PHASE_HANDLER)
		http_fail(x, status);
	else
		tcp_served_drop(&c->served);
}

/* When there is not even an exchange. */
static void no_room(struct http_connection *c)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
	                           "Content-Length: 0\r\n\r\n";
	c->server->counters.responses[5]++;
	c->server->counters.connections_refused++;
	if (tcp_served_write_static(&c->served, text, sizeof text - 1))
		tcp_served_drop(&c->served);
	else
		tcp_served_end(&c->served);
}

void http_connection_refuse(struct http_connection *c, uint32_t status)
{
	struct http_exchange *x =
	        c->state == STATE_GATHER ? http_gather_exchange(c) : http_exchange_take(c->server);
	heap_free(c->head);
	c->head = NULL;
	c->head_size = c->head_room = 0;
	if (!x) {
		no_room(c);
		return;
	}
	c->server->counters.connections_refused += status == 503;
	x->connection = c;
	x->peer = c->served.remote;
	x->peer_port = c->served.remote_port;
	c->exchange = x;
	c->state = STATE_WAIT;
	x->body_done = x->close_after = true;
	bool entered = c->entered;
	c->entered = true;
	http_fail(x, status);
	c->entered = entered;
	if (c->served.tcp)
		http_connection_keep(c);
}

static void body_end(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	http_body_fn *fn = x->on_body;
	c->state = STATE_WAIT;
	tcp_served_busy(&c->served, c->server->options.send_ns);
	x->on_body = NULL;
	if (fn)
		fn(x, x->body_context, NULL, 0, OK);
}

/* ---- Times ---- */

static void expired(struct tcp_served *s)
{
	struct http_connection *c = of(s);
	struct http_exchange *x = c->exchange;
	switch ((enum http_state)c->state) {
	case STATE_HEAD:
	case STATE_GATHER:
		c->server->counters.timed_out++;
		http_connection_refuse(c, 408);
		return;
	case STATE_BODY:
		if (x->body_done) {
			body_end(c);
			return;
		}
		c->server->counters.timed_out++;
		c->entered = true;
		x->close_after = x->body_done = true;
		if (x->on_body) {
			http_body_fn *fn = x->on_body;
			x->on_body = NULL;
			fn(x, x->body_context, NULL, 0, ERR_TIMEOUT);
		}
		give_up(c, x, 408);
		c->entered = false;
		return;
	case STATE_WAIT: /* the handler takes its time */
		tcp_served_deadline(s, c->server->options.send_ns);
		return;
	case STATE_DRAIN:
		tcp_served_drop(s);
	}
}

/* Its memory is needed. Who has not been answered yet is told. */
static void crowded(struct tcp_served *s)
{
	struct http_connection *c = of(s);
	bool waits = c->state == STATE_GATHER || (c->state == STATE_HEAD && c->head_size);
	if (waits && !tcp_served_sending(s))
		http_connection_refuse(c, 503);
}

/* ---- Exchanges ---- */

void http_keep_head(struct http_exchange *x)
{
	const char *old = x->head.base;
	if (x->copy || !x->head.size)
		return;
	char *copy = heap_alloc(x->head.size);
	if (!copy) { /* then the request is forgotten */
		x->close_after = true;
		x->head = (struct http_head){ .base = "", .minor = 1 };
		x->path = (struct http_text){ "", 0 };
		x->target = (struct http_target){ .query = { "", 0 } };
		x->parameter_count = 0;
		return;
	}
	memcpy(copy, old, x->head.size);
	struct http_text *texts[] = { &x->path, &x->target.raw_path, &x->target.query,
		                      &x->target.authority };
	for (uint32_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		const char *p = texts[k]->bytes;
		if (p >= old && p <= old + x->head.size)
			texts[k]->bytes = copy + (p - old);
	}
	for (uint32_t k = 0; k < x->parameter_count; k++) {
		const char *p = x->parameters[k].value.bytes;
		if (p >= old && p <= old + x->head.size)
			x->parameters[k].value.bytes = copy + (p - old);
	}
	x->copy = copy;
	x->head.base = copy;
}

void http_continue(struct http_exchange *x)
{
	if (x->head.expect_continue && !x->continued && x->phase == PHASE_HANDLER) {
		x->continued = true;
		if (http_carrier(x))
			http_carrier(x)->say_continue(x);
		else
			http_send(x, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	}
}

void http_connection_body(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	if (c->state == STATE_BODY)
		return;
	c->state = STATE_BODY;
	if (x->body_done) { /* there is only its end to tell */
		if (!c->entered)
			tcp_served_owed(&c->served, 0, 0);
		return;
	}
	http_continue(x);
	tcp_served_owed(&c->served, HTTP_BODY_GRACE_NS, HTTP_BODY_RATE_MIN);
	if (!c->entered)
		tcp_resume(c->served.tcp);
}

void http_connection_next(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	bool close = x->close_after || x->head.close || c->served.server->stopping,
	     rest = !x->body_done;
	c->exchange = NULL;
	if (!close && rest && x->body_left != HTTP_UNKNOWN && x->body_left > DRAIN_MAX)
		close = true;
	if (!close && rest) { /* the exchange stays for its place in the body */
		c->exchange = x;
		x->on_body = NULL;
		c->state = STATE_DRAIN;
		tcp_served_owed(&c->served, c->server->options.head_ns, HTTP_BODY_RATE_MIN);
	} else {
		http_exchange_give(c->server, x);
		if (close || (c->served.finished && !c->entered)) {
			tcp_served_end(&c->served);
			return;
		}
		set_idle(c);
	}
	if (!c->entered && c->served.tcp && c->served.state != TCP_SERVED_LINGER)
		tcp_resume(c->served.tcp);
}

static void run_task(void *arg)
{
	struct http_exchange *x = arg;
	struct http_connection *c = x->connection;
	x->route->handler(x, x->route->context);
	if (x->phase == PHASE_HANDLER)
		http_fail(x, 500);
	x->in_task = false;
	if (x->broken || x->phase == PHASE_STREAM)
		c->served.broken = true;
	tcp_served_enter(&c->served);
	tcp_served_from_task(&c->served);
	if (tcp_served_leave(&c->served))
		http_connection_next(c);
}

/* Calls the handler, in whatever way it wants. */
static void dispatch(struct http_connection *c, struct http_exchange *x)
{
	const struct http_route *r = x->route;
	if (!r->task) {
		r->handler(x, r->context);
		return;
	}
	if (http_carrier(x)) {
		http_carrier(x)->start_task(x);
		return;
	}
	http_keep_head(x);
	c->state = STATE_WAIT;
	if (!x->copy) {
		http_fail(x, 503);
		return;
	}
	x->in_task = true;
	if (task_spawn("http", run_task, x)) {
		tcp_served_to_task(&c->served);
		return;
	}
	x->in_task = false;
	x->close_after = true;
	http_fail(x, 503);
}

static bool known_method(struct http_text m)
{
	static const char *const names[] = { "GET",     "HEAD",  "POST",  "PUT",    "DELETE",
		                             "OPTIONS", "PATCH", "TRACE", "CONNECT" };
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
		if (http_text_is(m, names[k]))
			return true;
	}
	return false;
}

static void no_route(struct http_exchange *x)
{
	char allowed[128];
	uint32_t n =
	        http_route_allowed(x->connection->server, x->path, allowed, sizeof allowed - 1);
	allowed[n] = 0;
	if (!n) {
		http_fail(x, known_method(http_method(x)) ? 404 : 501);
		return;
	}
	http_set(x, "Allow", allowed);
	if (http_text_is(http_method(x), "OPTIONS"))
		http_reply(x, 204, NULL, NULL, 0);
	else
		http_fail(x, known_method(http_method(x)) ? 405 : 501);
}

static bool body_fits(struct http_connection *c, struct http_exchange *x)
{
	const struct http_head *h = &x->head;
	if (!h->has_length || h->length <= http_body_max(c->server, x->route))
		return true;
	c->server->counters.too_large++;
	x->close_after = true;
	http_fail(x, 413);
	return false;
}

void http_connection_handle(struct http_connection *c, struct http_exchange *x)
{
	struct http_head *h = &x->head;
	x->head_only = http_text_is(http_method(x), "HEAD");
	if (!http_route_bounded && !body_fits(c, x))
		return;
	if (!http_target_parse(&x->target, http_span_text(h, h->target), http_method(x))) {
		c->server->counters.malformed++;
		x->close_after = true;
		http_fail(x, http_text_is(http_method(x), "CONNECT") ? 501 : 400);
		return;
	}
	if (x->target.asterisk) {
		http_set(x, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
		http_reply(x, 204, NULL, NULL, 0);
		return;
	}
	x->path = x->target.raw_path;
	if (!x->target.plain) {
		x->path_copy = heap_alloc(x->path.size + 1);
		uint32_t n = x->path_copy ? http_path_decode(x->path_copy, x->path) : 0;
		if (!n) {
			c->server->counters.malformed++;
			http_fail(x, x->path_copy ? 400 : 503);
			return;
		}
		x->path = (struct http_text){ x->path_copy, n };
	}
	x->route = http_route_find(c->server, http_method(x), x->path, x->parameters,
	                           &x->parameter_count);
	if (http_route_bounded && !body_fits(c, x))
		return;
	if (x->route && x->route->task && !http_carrier(x) && !x->gathered &&
	    http_gather_begin(c, x))
		return;
	if (http_hooked && !http_hooks_before(c, x))
		return;
	if (x->route)
		dispatch(c, x);
	else
		no_route(x);
}

/* A whole head at base. */
static void request(struct http_connection *c, const char *base, uint32_t size, uint32_t status)
{
	struct http_exchange *x = http_exchange_take(c->server);
	struct http_server *s = c->server;
	c->requests++;
	s->counters.requests++;
	if (!x) {
		no_room(c);
		return;
	}
	x->peer = c->served.remote;
	x->peer_port = c->served.remote_port;
	x->connection = c;
	c->exchange = x;
	c->state = STATE_WAIT;
	tcp_served_busy(&c->served, s->options.send_ns);
	x->head.size = 0;
	if (!status)
		status = http_head_request(&x->head, base, size);
	if (status) {
		if (status == 431 || status == 414)
			s->counters.too_large++;
		else
			s->counters.malformed++;
		if (!x->head.size) { /* it was not even parsed */
			x->head.base = "";
			x->head.minor = 1;
			x->head.field_count = 0;
			x->head.method = x->head.target = (struct http_span){ 0, 0 };
		}
		x->head.close = x->close_after = x->body_done = true;
		x->head.expect_continue = false;
		http_fail(x, status);
		return;
	}
	x->body_left = x->head.chunked ? HTTP_UNKNOWN : x->head.length;
	x->body_done = !x->head.chunked && !x->head.length;
	if (!tcp_served_room(&c->served, REQUEST_ROOM)) {
		s->counters.connections_refused++;
		x->close_after = true;
		http_fail(x, 503);
		return;
	}
	http_connection_handle(c, x);
	if (c->served.tcp && c->exchange == x && c->state == STATE_BODY && x->body_done)
		body_end(c);
	if (!c->served.tcp || c->exchange != x)
		return;                       /* it has been given back */
	bool told = http_hooked && x->broken; /* hooks are told of it later */
	if (x->phase != PHASE_DONE || told) {
		http_keep_head(x); /* what it lies in goes now */
		http_connection_keep(c);
	}
}

/* ---- In ---- */

/* Gathers a head that comes in pieces; how many bytes were taken. */
static uint32_t take_head(struct http_connection *c, const char *bytes, uint32_t size)
{
	uint32_t most = c->server->options.head_max;
	if (!c->head_size) {
		uint32_t at = 0;
		int64_t found = http_head_scan(bytes, size < most ? size : most, &at);
		if (found == 2 && at == 2) /* an empty line before the request (RFC 9112 §2.2) */
			return 2;
		if (found > 0) {
			request(c, bytes, (uint32_t)found, 0);
			return (uint32_t)found;
		}
		if (found < 0 || size >= most) {
			request(c, NULL, 0,
			        found < 0                   ? 400
			        : memchr(bytes, '\n', most) ? 431
			                                    : 414);
			return size;
		}
		c->head_at = 0;
		tcp_served_busy(&c->served, c->server->options.head_ns);
	}
	uint32_t n = size < most - c->head_size ? size : most - c->head_size;
	if (c->head_size + n > c->head_room) {
		uint32_t room = c->head_room ? c->head_room : 512;
		while (room < c->head_size + n)
			room *= 2;
		char *head = tcp_served_keep(&c->served, room) ? heap_resize(c->head, room) : NULL;
		if (!head) {
			http_connection_refuse(c, 503);
			return size;
		}
		c->head = head;
		c->head_room = room;
	}
	memcpy(c->head + c->head_size, bytes, n);
	uint32_t before = c->head_size;
	c->head_size += n;
	int64_t found = http_head_scan(c->head, c->head_size, &c->head_at);
	if (!found && c->head_size < most)
		return n;
	if (found == 2) { /* an empty line before the request */
		c->head_size = 0;
		set_idle(c);
		return 2 - before;
	}
	uint32_t status = found > 0                             ? 0
	                  : found < 0                           ? 400
	                  : memchr(c->head, '\n', c->head_size) ? 431
	                                                        : 414;
	uint32_t taken = found > 0 ? (uint32_t)found - before : size;
	char *head = c->head; /* the next one may be gathered before this one's exchange ends */
	c->head = NULL;
	c->head_size = c->head_room = 0;
	tcp_served_keep(&c->served, 0);
	request(c, head, found > 0 ? (uint32_t)found : 0, status);
	heap_free(head);
	return taken;
}

/* Hands a part of the body on. False: the connection has ended. */
static bool body_part(struct http_connection *c, const uint8_t *bytes, uint32_t size)
{
	struct http_exchange *x = c->exchange;
	x->body_taken += size;
	c->served.got += size;
	if (x->on_body && c->state == STATE_BODY)
		x->on_body(x, x->body_context, bytes, size, OK);
	return c->served.tcp && c->exchange == x;
}

static void body_bad(struct http_connection *c, int error)
{
	struct http_exchange *x = c->exchange;
	c->server->counters.malformed++;
	x->close_after = true;
	x->body_done = true;
	if (c->state == STATE_DRAIN) { /* the response has gone, and must not be lost by a reset */
		http_connection_next(c);
		return;
	}
	if (c->state == STATE_BODY && x->on_body) {
		http_body_fn *fn = x->on_body;
		x->on_body = NULL;
		fn(x, x->body_context, NULL, 0, error);
	}
	give_up(c, x, error == ERR_TOO_BIG ? 413 : 400);
}

static uint32_t take_body(struct http_connection *c, const uint8_t *bytes, uint32_t size)
{
	struct http_exchange *x = c->exchange;
	uint32_t used = size < x->body_left ? size : (uint32_t)x->body_left, data_size = used;
	const uint8_t *data = bytes;
	if (x->head.chunked) {
		enum http_chunk_result r =
		        http_chunk_next(&x->chunk, bytes, size, &used, &data, &data_size);
		if (r == CHUNK_BAD) {
			body_bad(c, ERR_MALFORMED);
			return size;
		}
		x->body_done = r == CHUNK_END;
		if (r != CHUNK_DATA)
			data_size = 0;
		if (x->body_taken + data_size > http_body_max(c->server, x->route)) {
			c->server->counters.too_large++;
			body_bad(c, ERR_TOO_BIG);
			return size;
		}
	} else {
		x->body_left -= used;
		x->body_done = !x->body_left;
	}
	if (data_size && !body_part(c, data, data_size))
		return used;
	if (c->state == STATE_DRAIN && x->body_taken > DRAIN_MAX)
		x->close_after = x->body_done = true;
	if (!x->body_done)
		return used;
	if (c->state == STATE_DRAIN)
		http_connection_next(c);
	else
		body_end(c);
	return used;
}

/* Small responses are bounded by their number, too. */
static bool many_unread(struct http_connection *c)
{
	if (c->undrained >= PIPELINED_MAX)
		tcp_served_pause(&c->served);
	return c->undrained >= PIPELINED_MAX;
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct http_connection *c = of(s);
	uint32_t used = 0;
	bool stop = false;
	c->entered = true;
	if (!tcp_served_sending(s))
		c->undrained = 0;
	while (used < size && s->tcp && s->state != TCP_SERVED_LINGER && !stop) {
		uint32_t left = size - used;
		switch ((enum http_state)c->state) {
		case STATE_HEAD:
			if (many_unread(c) || tcp_served_full(s))
				stop = true;
			else
				used += take_head(c, (const char *)bytes + used, left);
			break;
		case STATE_GATHER:
			used += http_gather_take(c, bytes + used, left);
			break;
		case STATE_BODY:
		case STATE_DRAIN:
			used += take_body(c, bytes + used, left);
			break;
		case STATE_WAIT:
			stop = true;
		}
	}
	c->entered = false;
	return used;
}

static void finished(struct tcp_served *s)
{
	struct http_connection *c = of(s);
	switch ((enum http_state)c->state) {
	case STATE_HEAD:
	case STATE_DRAIN:
		tcp_served_close(s);
		return;
	case STATE_BODY: { /* it will not come any more */
		struct http_exchange *x = c->exchange;
		if (x->on_body) {
			http_body_fn *fn = x->on_body;
			x->on_body = NULL;
			c->entered = true;
			fn(x, x->body_context, NULL, 0, ERR_CLOSED);
			c->entered = false;
		}
		if (s->state != TCP_SERVED_LINGER)
			tcp_served_drop(s);
		return;
	}
	case STATE_GATHER:
		tcp_served_drop(s);
		return;
	case STATE_WAIT: /* it still wants its answer */
		return;
	}
}

const struct tcp_served_protocol http_protocol = { .size = sizeof(struct http_connection),
	                                           .opened = opened,
	                                           .received = received,
	                                           .finished = finished,
	                                           .expired = expired,
	                                           .crowded = crowded,
	                                           .ended = ended };

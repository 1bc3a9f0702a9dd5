/* SPDX-License-Identifier: ISC */
/*
 * A connection's life: heads and bodies in, one exchange at a time. Bytes that cannot be used yet
 * stay in TCP's window. A plain handler runs inside received(), on the head as it lies in the
 * frame. One routed to a task gets the connection for itself: no handlers are set while it runs,
 * and tcp_peek() is how it reads.
 *
 * received() may end the connection in many ways: it is then marked (tcp null) and freed when
 * received() is left.
 */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>

#define LINGER_NS     (5 * NS_PER_S)
#define PIPELINED_MAX 64u /* responses on their way, until more requests are looked at */
#define DRAIN_MAX                                                                                  \
	(256u << 10) /* bytes of a body that nobody wanted, thrown away to keep the connection */
#define BODY_RATE_GRACE (10 * NS_PER_S)

static const struct tcp_handlers handlers;

/* ---- Times ---- */

static void expired(struct timer *);

/* The timer is moved only when the new deadline is earlier: it looks again when it fires. */
static void set_deadline(struct http_connection *c, uint64_t from_now)
{
	c->deadline = clock_coarse() + from_now;
	if (!timer_is_set(&c->timer) || c->deadline < c->timer.deadline)
		timer_set(&c->timer, c->deadline, expired);
}

/* ---- Birth and end ---- */

static void set_list(struct http_connection *c, struct list *to)
{
	list_remove(&c->all);
	list_append(to, &c->all);
}

static void set_idle(struct http_connection *c)
{
	c->state = STATE_HEAD;
	set_list(c, &c->server->idle);
	set_deadline(c, c->server->options.idle_ns);
}

bool http_connection_open(struct http_server *s, struct tcp_connection *tcp)
{
	struct http_connection *c = heap_alloc_zero(1, sizeof *c);
	if (!c)
		return false;
	struct tcp_info info;
	tcp_info(tcp, &info);
	c->server = s;
	c->tcp = tcp;
	c->peer = info.remote;
	c->peer_port = info.remote_port;
	list_init(&c->all);
	s->counters.connections++;
	s->counters.connections_now++;
	set_idle(c);
	tcp_watch(tcp, &handlers, c);
	return true;
}

/* TCP's handle is gone, or has been given back. */
static void end(struct http_connection *c)
{
	struct http_server *s = c->server;
	struct http_exchange *x = c->exchange;
	c->tcp = NULL;
	if (x) { /* not one in a task: nothing ends the connection under it */
		c->exchange = NULL;
		x->connection = NULL;
		if (x->phase != PHASE_DONE || x->broken)
			s->counters.responses[0]++;
		if (x->phase != PHASE_DONE) {
			x->phase = PHASE_DONE;
			if (x->on_body)
				x->on_body(x, x->body_context, NULL, 0, ERR_CLOSED);
			if (x->on_gone)
				x->on_gone(x, x->gone_context);
		}
		http_exchange_give(s, x);
	}
	timer_stop(&c->timer);
	list_remove(&c->all);
	heap_free(c->head);
	c->head = NULL;
	s->counters.connections_now--;
	if (!c->entered)
		heap_free(c);
}

void http_connection_drop(struct http_connection *c)
{
	if (!c->tcp)
		return;
	tcp_abort(c->tcp);
	end(c);
}

void http_connection_drop_soon(struct http_connection *c)
{
	c->state = STATE_WAIT;
	set_deadline(c, 0);
}

/* We have said everything. */
static void linger(struct http_connection *c)
{
	c->state = STATE_LINGER;
	if (c->finished) {
		tcp_close(c->tcp);
		end(c);
		return;
	}
	tcp_shutdown(c->tcp);
	set_deadline(c, LINGER_NS);
	tcp_resume(c->tcp); /* what waits is thrown away: unread bytes would make a reset of our
	                       close */
}

/* The request came to a bad end. If its handler has not answered, we do; if it was about to, there
 * is nothing to say. */
static void give_up(struct http_connection *c, struct http_exchange *x, uint32_t status)
{
	if (!c->tcp || c->exchange != x)
		return;
	if (x->phase == PHASE_HANDLER)
		http_fail(x, status);
	else
		http_connection_drop(c);
}

static void body_end(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	http_body_fn *fn = x->on_body;
	c->state = STATE_WAIT;
	set_deadline(c, c->server->options.send_ns);
	x->on_body = NULL;
	if (fn)
		fn(x, x->body_context, NULL, 0, OK);
}

static void expired(struct timer *t)
{
	struct http_connection *c = container_of(t, struct http_connection, timer);
	uint64_t now = clock_coarse();
	if (now < c->deadline) {
		timer_set(t, c->deadline, expired);
		return;
	}
	if (c->exchange && c->exchange->broken && !c->exchange->in_task) {
		http_connection_drop(c);
		return;
	}
	if (c->exchange && c->exchange->in_task) { /* its calls have deadlines of their own */
		set_deadline(c, c->server->options.send_ns);
		return;
	}
	struct tcp_info info;
	tcp_info(c->tcp, &info);
	bool progress = info.bytes_sent != c->sent_before,
	     sending = info.unsent || info.unacknowledged;
	c->sent_before = info.bytes_sent;
	if (sending &&
	    c->state != STATE_BODY) { /* its time runs when it has got what it asked for */
		if (progress) {
			set_deadline(c, c->server->options.send_ns);
		} else {
			c->server->counters.timed_out++;
			http_connection_drop(c);
		}
		return;
	}
	switch ((enum http_state)c->state) {
	case STATE_HEAD:
		if (!c->head_size) { /* idle */
			tcp_close(c->tcp);
			end(c);
			return;
		}
		c->server->counters.timed_out++;
		struct http_exchange *x = http_exchange_take(c->server);
		if (!x) {
			http_connection_drop(c);
			return;
		}
		x->connection = c;
		c->exchange = x;
		x->body_done = x->close_after = true;
		x->head.minor = 1;
		c->entered = true;
		http_fail(x, 408);
		c->entered = false;
		if (!c->tcp)
			heap_free(c);
		return;
	case STATE_BODY: {
		x = c->exchange;
		if (x->body_done) {
			body_end(c);
			return;
		}
		uint64_t seconds = (now - c->body_began) / NS_PER_S;
		if (x->body_taken >= seconds * HTTP_BODY_RATE_MIN) {
			set_deadline(c, NS_PER_S);
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
		if (!c->tcp)
			heap_free(c);
		return;
	}
	case STATE_WAIT: /* the handler takes its time */
		set_deadline(c, c->server->options.send_ns);
		return;
	case STATE_DRAIN:
	case STATE_LINGER:
		http_connection_drop(c);
	}
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
			set_deadline(c, 0);
		return;
	}
	http_continue(x);
	c->body_began = clock_coarse();
	set_deadline(c, BODY_RATE_GRACE);
	if (!c->entered)
		tcp_resume(c->tcp);
}

void http_connection_next(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	bool close = x->close_after || x->head.close, rest = !x->body_done;
	c->exchange = NULL;
	if (!close && rest && x->body_left != HTTP_UNKNOWN && x->body_left > DRAIN_MAX)
		close = true;
	if (!close && rest) { /* the exchange stays for its place in the body */
		c->exchange = x;
		x->on_body = NULL;
		c->state = STATE_DRAIN;
		set_deadline(c, c->server->options.head_ns);
	} else {
		http_exchange_give(c->server, x);
		if (close) {
			linger(c);
			return;
		}
		if (c->finished && !c->entered) {
			linger(c);
			return;
		}
		set_idle(c);
	}
	if (!c->entered)
		tcp_resume(c->tcp);
}

static void run_task(void *arg)
{
	struct http_exchange *x = arg;
	struct http_connection *c = x->connection;
	x->route->handler(x, x->route->context);
	if (x->phase == PHASE_HANDLER)
		http_fail(x, 500);
	x->in_task = false;
	if (x->broken || x->phase == PHASE_STREAM) {
		http_connection_drop(c);
		return;
	}
	tcp_watch(c->tcp, &handlers, c);
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
	http_keep_head(x);
	c->state = STATE_WAIT;
	if (!x->copy) {
		http_fail(x, 503);
		return;
	}
	x->in_task = true;
	if (task_spawn("http", run_task, x)) {
		tcp_watch(c->tcp, NULL, NULL);
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

/* The head is checked: what and who. */
static void handle(struct http_connection *c, struct http_exchange *x)
{
	struct http_head *h = &x->head;
	x->head_only = http_text_is(http_method(x), "HEAD");
	x->body_left = h->chunked ? HTTP_UNKNOWN : h->length;
	x->body_done = !h->chunked && !h->length;
	if (h->has_length && h->length > c->server->options.body_max) {
		c->server->counters.too_large++;
		x->close_after = true;
		http_fail(x, 413);
		return;
	}
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
	if (!x) {
		http_connection_drop(c);
		return;
	}
	x->peer = c->peer;
	x->peer_port = c->peer_port;
	x->connection = c;
	c->exchange = x;
	c->requests++;
	s->counters.requests++;
	c->state = STATE_WAIT;
	set_list(c, &s->busy);
	c->deadline = clock_coarse() + s->options.send_ns;
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
	handle(c, x);
	if (c->tcp && c->exchange == x && c->state == STATE_BODY && x->body_done)
		body_end(c);
	if (c->tcp && c->exchange == x && x->phase != PHASE_DONE)
		http_keep_head(x); /* what it lies in goes now */
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
		set_list(c, &c->server->busy);
		set_deadline(c, c->server->options.head_ns);
	}
	uint32_t n = size < most - c->head_size ? size : most - c->head_size;
	if (c->head_size + n > c->head_room) {
		uint32_t room = c->head_room ? c->head_room : 512;
		while (room < c->head_size + n)
			room *= 2;
		char *head = heap_resize(c->head, room);
		if (!head) {
			http_connection_drop(c);
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
	request(c, head, found > 0 ? (uint32_t)found : 0, status);
	heap_free(head);
	return taken;
}

/* Hands a part of the body on. False: the connection has ended. */
static bool body_part(struct http_connection *c, const uint8_t *bytes, uint32_t size)
{
	struct http_exchange *x = c->exchange;
	x->body_taken += size;
	if (x->on_body && c->state == STATE_BODY)
		x->on_body(x, x->body_context, bytes, size, OK);
	return c->tcp && c->exchange == x;
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
		if (x->body_taken + data_size > c->server->options.body_max) {
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

static uint32_t received(void *context, struct tcp_connection *tcp, const uint8_t *bytes,
                         uint32_t size)
{
	struct http_connection *c = context;
	uint32_t used = 0;
	bool stop = false;
	(void)tcp;
	c->entered = true;
	while (used < size && c->tcp && !stop) {
		uint32_t left = size - used;
		switch ((enum http_state)c->state) {
		case STATE_HEAD:
			if (c->undrained >= PIPELINED_MAX)
				stop = true;
			else
				used += take_head(c, (const char *)bytes + used, left);
			break;
		case STATE_BODY:
		case STATE_DRAIN:
			used += take_body(c, bytes + used, left);
			break;
		case STATE_WAIT:
			stop = true;
			break;
		case STATE_LINGER:
			used = size;
		}
	}
	c->entered = false;
	if (!c->tcp) {
		heap_free(c);
		return size;
	}
	return used;
}

static void finished(void *context, struct tcp_connection *tcp)
{
	struct http_connection *c = context;
	c->finished = true;
	switch ((enum http_state)c->state) {
	case STATE_HEAD:
	case STATE_DRAIN:
	case STATE_LINGER:
		tcp_close(tcp);
		end(c);
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
		if (c->tcp)
			http_connection_drop(c);
		else
			heap_free(c);
		return;
	}
	case STATE_WAIT: /* it still wants its answer */
		return;
	}
}

static void drained(void *context, struct tcp_connection *tcp)
{
	struct http_connection *c = context;
	bool full = c->undrained >= PIPELINED_MAX;
	c->undrained = 0;
	if (c->state == STATE_HEAD && !c->head_size)
		set_deadline(c, c->server->options.idle_ns);
	if (full)
		tcp_resume(tcp);
}

static void closed(void *context, struct tcp_connection *tcp, int reason)
{
	(void)tcp, (void)reason;
	end(context);
}

static const struct tcp_handlers handlers = {
	.received = received, .finished = finished, .drained = drained, .closed = closed
};

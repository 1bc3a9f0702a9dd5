/* SPDX-License-Identifier: ISC */
/*
 * Responses. What is written is TCP's at once, and leaves with all else that the connection says in
 * this turn: head and body go as one. On the loop nothing blocks: a client that takes nothing fills
 * the send buffer, and is dropped.
 */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/print.h>

/* ---- Bytes to TCP ---- */

int http_send(struct http_exchange *x, const void *bytes, uint32_t size)
{
	struct http_connection *c = x->connection;
	if (!c || !c->served.tcp)
		return ERR_CLOSED;
	if (http_carrier(x))
		return http_carrier(x)->send(x, bytes, size, false);
	return x->in_task ? tcp_served_task_write(&c->served, bytes, size)
	                  : tcp_served_write(&c->served, bytes, size);
}

int http_send_static(struct http_exchange *x, const void *bytes, uint64_t size)
{
	struct http_connection *c = x->connection;
	if (!c || !c->served.tcp)
		return ERR_CLOSED;
	if (http_carrier(x))
		return http_carrier(x)->send(x, bytes, size, true);
	return x->in_task ? tcp_served_task_write_static(&c->served, bytes, size)
	                  : tcp_served_write_static(&c->served, bytes, size);
}

/* The body of a whole response. What TCP has no room for is held, and the task goes on, if there is memory. */
static int send_body(struct http_exchange *x, const void *bytes, uint32_t size)
{
	struct tcp_served *c = &x->connection->served;
	if (!http_carrier(x) && x->in_task && tcp_served_reserve(c, size))
		return tcp_served_write(c, bytes, size);
	return http_send(x, bytes, size);
}

/* On the loop, what is not ended by http_end may fill the send buffer, but no more: nobody waits for the client. */
static bool fits(struct http_exchange *x, uint64_t size)
{
	if (http_carrier(x))
		return http_carrier(x)->room(x, size, false);
	struct tcp_served *c = &x->connection->served;
	if (x->in_task || c->copied + size <= TCP_SEND_MAX)
		return true;
	tcp_served_look(c);
	return c->copied + size <= TCP_SEND_MAX;
}

uint64_t http_unsent(struct http_exchange *x)
{
	if (!x->connection)
		return 0;
	if (http_carrier(x))
		return http_carrier(x)->unsent(x);
	struct tcp_served *c = &x->connection->served;
	tcp_served_look(c);
	return c->copied;
}

/* There is memory for the body of a response that a handler on the loop gives. */
static bool body_has_room(struct http_exchange *x, uint64_t size)
{
	return http_carrier(x) ? http_carrier(x)->room(x, size, true)
	                       : tcp_served_reserve(&x->connection->served, size);
}

/* A response that could not be sent whole leaves nothing to go on with. */
int http_failed(struct http_exchange *x, int error)
{
	x->close_after = x->broken = true;
	x->phase = PHASE_DONE;
	x->on_body = NULL;
	x->on_gone = NULL;
	/* Not now: a handler that does not look at what its writes return goes on with the
	 * exchange. */
	if (http_carrier(x))
		http_carrier(x)->failed(x);
	else if (!x->in_task && x->connection)
		http_connection_drop_soon(x->connection);
	return error == ERR_MEMORY ? error : ERR_CLOSED;
}

void http_complete(struct http_exchange *x)
{
	struct http_connection *c = x->connection;
	x->phase = PHASE_DONE;
	x->on_gone = NULL;
	c->undrained++;
	c->server->counters.responses[http_class(x->status)]++;
	c->server->counters.bytes_out += x->out_bytes;
	if (c->server->options.access_log)
		http_log(x);
	if (http_hooked)
		http_hooks_after(c->server, x);
	if (http_carrier(x))
		http_carrier(x)->complete(x);
	else if (!x->in_task)
		http_connection_next(c);
}

/* ---- Fields ---- */

static bool owned_by_server(const char *name)
{
	static const char *const names[] = { "date", "connection", "content-length",
		                             "transfer-encoding", "content-type" };
	struct http_text t = { name, (uint32_t)strlen(name) };
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
		if (http_text_is_nocase(t, names[k]))
			return true;
	}
	return false;
}

static bool field_append(struct http_exchange *x, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);
	if (n + v + 4 > sizeof x->fields - x->fields_size)
		return false;
	char *p = x->fields + x->fields_size;
	memcpy(p, name, n);
	memcpy(p + n, ": ", 2);
	memcpy(p + n + 2, value, v);
	memcpy(p + n + 2 + v, "\r\n", 2);
	x->fields_size += (uint32_t)(n + v + 4);
	return true;
}

int http_set(struct http_exchange *x, const char *name, const char *value)
{
	if (!*name || owned_by_server(name) || x->phase != PHASE_HANDLER)
		return ERR_INVALID;
	for (const char *p = name; *p; p++) {
		if (!http_is_token(*p))
			return ERR_INVALID;
	}
	for (const char *p = value; *p; p++) { /* no second line in a first one */
		if (((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return ERR_INVALID;
	}
	return field_append(x, name, value) ? OK : ERR_TOO_BIG;
}

/* ---- Whole responses ---- */

/* A response that finds no memory: what there is to say is short. */
static int no_room(struct http_exchange *x)
{
	x->connection->server->counters.connections_refused++;
	x->close_after = true;
	x->fields_size = 0;
	int error = http_fail(x, 503);
	return error ? error : ERR_MEMORY;
}

static int reply(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
                 uint64_t size, bool is_static)
{
	if (x->phase != PHASE_HANDLER || status < 200 || status > 599)
		return ERR_INVALID;
	if (!x->connection)
		return ERR_CLOSED;
	if (type && !field_append(x, "Content-Type", type))
		return ERR_TOO_BIG;
	if (!is_static && size > TCP_SERVED_SMALL && !x->head_only && !x->in_task &&
	    !body_has_room(x, size))
		return no_room(x);
	int error = http_send_head(x, status, "", 0, size);
	if (!error && size && !x->head_only && !x->no_body) {
		error = is_static ? http_send_static(x, bytes, size)
		                  : send_body(x, bytes, (uint32_t)size);
		x->out_bytes = size;
	}
	if (error)
		return http_failed(x, error);
	http_complete(x);
	return OK;
}

int http_reply(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
               uint32_t size)
{
	return reply(x, status, type, bytes, size, false);
}

int http_reply_static(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
                      uint64_t size)
{
	return reply(x, status, type, bytes, size, true);
}

int http_reply_text(struct http_exchange *x, uint32_t status, const char *text)
{
	return reply(x, status, "text/plain; charset=utf-8", text, strlen(text), false);
}

int http_reply_prepared(struct http_exchange *x, uint32_t status, const char *fields,
                        uint32_t fields_size, const void *body, uint64_t size)
{
	if (x->phase != PHASE_HANDLER)
		return ERR_INVALID;
	if (!x->connection)
		return ERR_CLOSED;
	int error = http_send_head(x, status, fields, fields_size, HTTP_UNKNOWN);
	if (!error && size && !x->head_only && !x->no_body) {
		error = http_send_static(x, body, size);
		x->out_bytes = size;
	}
	if (error)
		return http_failed(x, error);
	http_complete(x);
	return OK;
}

int http_fail(struct http_exchange *x, uint32_t status)
{
	char page[160];
	if (x->phase == PHASE_HANDLER) /* what the handler was about to send is not this page */
		http_forget_representation(x, false);
	const char *reason = http_reason(status);
	int size = print_text(page, sizeof page,
	                      "<!DOCTYPE html>\n<title>%u %s</title>\n<h1>%u %s</h1>\n", status,
	                      reason, status, reason);
	int error = reply(x, status, "text/html; charset=utf-8", page, (uint64_t)size, false);
	if (error != ERR_TOO_BIG)
		return error;
	x->fields_size = 0; /* the handler's fields leave no room for ours */
	return reply(x, status, "text/html; charset=utf-8", page, (uint64_t)size, false);
}

/* ---- Streams ---- */

static int begin(struct http_exchange *x, uint32_t status, const char *type, const char *lines,
                 uint32_t lines_size, uint64_t size)
{
	if (x->phase != PHASE_HANDLER || status < 200 || status > 599)
		return ERR_INVALID;
	if (!x->connection)
		return ERR_CLOSED;
	if (type && !field_append(x, "Content-Type", type))
		return ERR_TOO_BIG;
	bool body = status != 204 && status != 304;
	if (size == HTTP_UNKNOWN && body && !http_carrier(x)) {
		x->chunked_out = x->head.minor > 0;
		x->close_after |= !x->chunked_out;
	}
	x->phase = PHASE_STREAM;
	x->out_left = size;
	int error = http_send_head(x, status, lines, lines_size, size);
	return error ? http_failed(x, error) : OK;
}

int http_begin(struct http_exchange *x, uint32_t status, const char *type, uint64_t size)
{
	return begin(x, status, type, "", 0, size);
}

int http_begin_with(struct http_exchange *x, uint32_t status, const char *fields,
                    uint32_t fields_size, uint64_t size)
{
	return begin(x, status, NULL, fields, fields_size, size);
}

/* What precedes each piece: a chunk's size. */
static int piece(struct http_exchange *x, uint64_t size, bool *skip)
{
	if (x->phase != PHASE_STREAM)
		return ERR_CLOSED;
	if (x->out_left != HTTP_UNKNOWN) {
		if (size > x->out_left)
			return ERR_TOO_BIG;
		x->out_left -= size;
	}
	*skip = x->head_only || x->no_body || !size;
	if (*skip)
		return OK;
	x->out_bytes += size;
	if (!x->chunked_out)
		return OK;
	char line[20];
	uint32_t n = 0, shift = 60;
	while (shift && !(size >> shift & 15))
		shift -= 4;
	for (;; shift -= 4) {
		line[n++] = "0123456789abcdef"[size >> shift & 15];
		if (!shift)
			break;
	}
	line[n++] = '\r';
	line[n++] = '\n';
	return http_send(x, line, n);
}

static int piece_end(struct http_exchange *x, int error)
{
	if (!error && x->chunked_out)
		error = http_send(x, "\r\n", 2);
	return error ? http_failed(x, error) : OK;
}

int http_write(struct http_exchange *x, const void *bytes, uint32_t size)
{
	bool skip = false;
	int error = piece(x, size, &skip);
	if (error == ERR_TOO_BIG || x->phase != PHASE_STREAM)
		return error ? error : ERR_CLOSED;
	if (!error && skip)
		return OK;
	if (!error && !fits(x, size))
		error = ERR_MEMORY;
	return piece_end(x, error ? error : http_send(x, bytes, size));
}

int http_write_static(struct http_exchange *x, const void *bytes, uint64_t size)
{
	bool skip = false;
	int error = piece(x, size, &skip);
	if (error == ERR_TOO_BIG || x->phase != PHASE_STREAM)
		return error ? error : ERR_CLOSED;
	if (!error && skip)
		return OK;
	return piece_end(x, error ? error : http_send_static(x, bytes, size));
}

int http_end(struct http_exchange *x)
{
	if (x->phase != PHASE_STREAM)
		return ERR_CLOSED;
	if (http_carrier(x) && !x->connection)
		return http_failed(x, ERR_CLOSED);
	if (x->out_left != HTTP_UNKNOWN && x->out_left && !x->head_only && !x->no_body)
		return http_failed(
		        x, ERR_CLOSED); /* the client has to see that something is missing */
	int error = x->chunked_out && !x->head_only ? http_send(x, "0\r\n\r\n", 5) : OK;
	if (error)
		return http_failed(x, error);
	http_complete(x);
	return OK;
}

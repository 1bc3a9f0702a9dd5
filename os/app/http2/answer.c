/* SPDX-License-Identifier: ISC */
/* Responses: heads become fields of HPACK, bodies wait in pieces until nghttp2 asks for them (output.c). */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>

#define FIELDS_MAX 256u
#define PIECE_ROOM 1024u       /* of a piece, so that small writes share it */
#define TASK_MAX   (64u << 10) /* bytes of a task's response that wait; then the task does */

static struct http2_stream *of(const struct http_exchange *x)
{
	return (struct http2_stream *)x->stream;
}

/* ---- Heads ---- */

struct fields {
	nghttp2_nv list[FIELDS_MAX];
	uint32_t count;
	uint64_t length; /* what a Content-Length says; HTTP_UNKNOWN */
	bool too_many;
};
static struct fields fields; /* nghttp2 copies it */

static void add(const char *name, size_t name_size, const char *value, size_t size)
{
	if (fields.count == FIELDS_MAX) {
		fields.too_many = true;
		return;
	}
	fields.list[fields.count++] =
	        (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, name_size,
		              size, NGHTTP2_NV_FLAG_NONE };
}

/* What is said of a connection of HTTP/1 (RFC 9113 §8.2.2). */
static bool of_connection(struct http_text name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection",
		                             "transfer-encoding", "upgrade" };
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
		if (http_text_is_nocase(name, names[k]))
			return true;
	}
	return false;
}

/* Lines "name: value", each with CRLF. */
static void add_lines(const char *p, size_t size)
{
	const char *end = p + size;
	while (p < end) {
		const char *line_end = memchr(p, '\r', (size_t)(end - p));
		line_end = line_end ? line_end : end;
		const char *colon = memchr(p, ':', (size_t)(line_end - p));
		if (colon) {
			struct http_text name = { p, (uint32_t)(colon - p) };
			const char *value = colon + 1;
			while (value < line_end && (*value == ' ' || *value == '\t'))
				value++;
			struct http_text v = { value, (uint32_t)(line_end - value) };
			if (http_text_is_nocase(name, "content-length"))
				http_number(v, &fields.length);
			if (!of_connection(name))
				add(name.bytes, name.size, v.bytes, v.size);
		}
		p = line_end + 2;
	}
}

static void collect(struct http_exchange *x, uint32_t status, uint64_t length, char number[24],
                    char code[4])
{
	const char *server = x->connection->server->options.name;
	memcpy(code,
	       (char[]){ (char)('0' + status / 100), (char)('0' + status / 10 % 10),
	                 (char)('0' + status % 10) },
	       3);
	fields.count = 0;
	fields.length = length;
	fields.too_many = false;
	add(":status", 7, code, 3);
	add_lines(http_date_line(), DATE_LINE_SIZE);
	if (server)
		add("server", 6, server, strlen(server));
	if (length != HTTP_UNKNOWN && status != 204)
		add("content-length", 14, number, http_number_print(number, length));
	add_lines(x->fields, x->fields_size);
}

int http2_answer_head(struct http_exchange *x, uint32_t status, const char *lines, uint32_t size,
                      const char *more, uint64_t length)
{
	struct http2_stream *s = of(x);
	char number[24], code[4];
	if (!x->connection || s->gone)
		return ERR_CLOSED;
	x->status = status;
	x->no_body = status == 204 || status == 304;
	collect(x, status, length, number, code);
	add_lines(lines, size);
	add_lines(more, strlen(more));
	if (fields.too_many)
		return ERR_TOO_BIG;
	s->out_left = fields.length;
	bool ends = x->head_only || x->no_body || !fields.length;
	s->out_done |= ends;
	const nghttp2_data_provider body = { .source = { .ptr = s },
		                             .read_callback = http2_on_read };
	if (nghttp2_submit_response(s->session->engine, s->id, fields.list, fields.count,
	                            ends ? NULL : &body))
		return ERR_MEMORY;
	http2_soon(s->session);
	return OK;
}

void http2_answer_continue(struct http_exchange *x)
{
	struct http2_stream *s = of(x);
	const nghttp2_nv status = { (uint8_t *)(uintptr_t)":status", (uint8_t *)(uintptr_t)"100", 7,
		                    3, NGHTTP2_NV_FLAG_NONE };
	if (!x->connection || s->gone || s->in_ended)
		return;
	nghttp2_submit_headers(s->session->engine, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1,
	                       NULL);
	http2_soon(s->session);
}

/* ---- Bodies ---- */

bool http2_answer_room(struct http_exchange *x, uint64_t size, bool whole)
{
	struct http2_stream *s = of(x);
	if (x->in_task)
		return true;
	return s->session && (whole || s->copied + size <= TCP_SEND_MAX) &&
	       tcp_served_room(http2_served(s->session), size);
}

uint64_t http2_answer_unsent(struct http_exchange *x)
{
	return of(x)->copied;
}

static struct http2_piece *last_piece(struct http2_stream *s)
{
	return s->out ? container_of(s->out_last, struct http2_piece, next) : NULL;
}

static bool queue(struct http2_stream *s, const uint8_t *bytes, uint64_t size, bool is_static)
{
	struct http2_piece *p = last_piece(s);
	if (!s->out_size)
		s->moved_at = clock_coarse();
	s->out_size += size;
	if (!is_static && p && p->bytes == p->data && p->room - p->size >= size) {
		memcpy(p->data + p->size, bytes, size);
		p->size += size;
		s->copied += size;
		return true;
	}
	p = http2_piece_new(s->session, is_static ? 0 : size > PIECE_ROOM ? size : PIECE_ROOM);
	if (!p) {
		s->out_size -= size;
		return false;
	}
	p->next = NULL;
	p->bytes = is_static ? bytes : memcpy(p->data, bytes, size);
	p->size = size;
	*s->out_last = p;
	s->out_last = &p->next;
	s->copied += is_static ? 0 : size;
	return true;
}

static void resume(struct http2_stream *s)
{
	if (s->deferred)
		nghttp2_session_resume_data(s->session->engine, s->id);
	s->deferred = false;
	http2_soon(s->session);
}

/* A task waits until the client has taken enough. */
static int wait_for_room(struct http2_stream *s)
{
	uint64_t patience = s->server->http->options.send_ns;
	while (s->session && !s->gone && s->copied >= TASK_MAX) {
		uint64_t until = s->moved_at + patience;
		if (clock_now() >= until)
			return ERR_TIMEOUT;
		task_wait(&s->waiters, until);
	}
	return s->session && !s->gone ? OK : ERR_CLOSED;
}

static int send_in_task(struct http2_stream *s, const uint8_t *bytes, uint64_t size)
{
	while (size) {
		int error = wait_for_room(s);
		if (error)
			return error;
		uint64_t n = size < TASK_MAX ? size : TASK_MAX;
		if (!queue(s, bytes, n, false))
			return ERR_MEMORY;
		if (s->out_left != HTTP_UNKNOWN)
			s->out_left -= n < s->out_left ? n : s->out_left;
		s->out_done |= !s->out_left;
		resume(s);
		bytes += n;
		size -= n;
	}
	return OK;
}

int http2_answer_send(struct http_exchange *x, const void *bytes, uint64_t size, bool is_static)
{
	struct http2_stream *s = of(x);
	if (!s->session || s->gone)
		return ERR_CLOSED;
	if (!size || s->out_done)
		return OK;
	if (x->in_task && !is_static)
		return send_in_task(s, bytes, size);
	if (!queue(s, bytes, size, is_static))
		return ERR_MEMORY;
	if (s->out_left != HTTP_UNKNOWN)
		s->out_left -= size < s->out_left ? size : s->out_left;
	s->out_done |= !s->out_left;
	resume(s);
	return OK;
}

void http2_answer_done(struct http2_stream *s)
{
	if (!s->session || s->gone)
		return;
	s->out_done = true;
	resume(s);
}

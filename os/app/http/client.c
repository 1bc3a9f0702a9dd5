/* SPDX-License-Identifier: ISC */
/* The client: one connection, one request at a time; heads are copied into a buffer of its own,
 * bodies are read where TCP has them. */
#include <app/http/client.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/log.h>
#include <net/resolver.h>

#include <app/http/http_internal.h>

#define HOST_MAX    256u
#define ANSWERS_MAX 16u /* 1xx responses before the one that counts */

struct http_client {
	struct tcp_connection *tcp; /* null: closed */
	uint32_t address;
	uint16_t port;
	bool used; /* a response has come on this connection: it may have been closed since */
	bool body_done, to_end;
	uint64_t body_left;
	struct http_chunk chunk;
	struct http_head head;
	uint32_t head_size;
	char host[HOST_MAX];
	char bytes[HTTP_HEAD_MAX];
};

static int open_connection(struct http_client *c, uint64_t deadline_ns)
{
	c->used = false;
	c->body_done = true;
	return tcp_connect(&c->tcp, c->address, c->port, &(struct tcp_options){ .no_delay = true },
	                   deadline_ns);
}

static void close_connection(struct http_client *c)
{
	if (c->tcp)
		tcp_close(c->tcp);
	c->tcp = NULL;
}

static bool text_fits(const char *text, const char *never)
{
	for (const char *p = text; *p; p++) {
		if ((uint8_t)*p < 0x20 || *p == 0x7f || strchr(never, *p))
			return false;
	}
	return true;
}

int http_client_open(struct http_client **to, const char *host, uint16_t port, uint64_t deadline_ns)
{
	struct http_text all = { host, (uint32_t)strlen(host) }, name;
	if (all.size >= HOST_MAX || !http_authority_split(all, &name) || name.size != all.size ||
	    !name.size)
		return ERR_INVALID;
	struct http_client *c = heap_alloc_zero(1, sizeof *c);
	if (!c)
		return ERR_MEMORY;
	memcpy(c->host, host, strlen(host));
	c->port = port;
	int n = resolver_lookup(host, &c->address, 1, deadline_ns);
	int error = n < 0 ? n : n == 0 ? ERR_ABSENT : open_connection(c, deadline_ns);
	if (error) {
		heap_free(c);
		return error;
	}
	*to = c;
	return OK;
}

void http_client_close(struct http_client *c)
{
	if (!c)
		return;
	close_connection(c);
	heap_free(c);
}

/* ---- Sending ---- */

static int put(struct http_client *c, const char *text, uint64_t deadline_ns)
{
	return tcp_write(c->tcp, text, (uint32_t)strlen(text), deadline_ns);
}

/* Further lines: each "name: value" and CRLF, nothing else. */
static bool lines_fit(const char *p)
{
	while (*p) {
		const char *name = p;
		while (http_is_token(*p))
			p++;
		if (p == name || *p != ':')
			return false;
		while (*p && *p != '\r' && *p != '\n' && *p != 0x7f &&
		       ((uint8_t)*p >= 0x20 || *p == '\t'))
			p++;
		if (p[0] != '\r' || p[1] != '\n')
			return false;
		p += 2;
	}
	return true;
}

static int send_request(struct http_client *c, const char *method, const char *target,
                        const char *fields, const char *type, const void *body, uint32_t size,
                        uint64_t deadline_ns)
{
	char digits[22];
	const char *pieces[] = { method, " ", target, " HTTP/1.1\r\nHost: ", c->host };
	int error = OK;
	for (uint32_t k = 0; !error && k < sizeof pieces / sizeof *pieces; k++)
		error = put(c, pieces[k], deadline_ns);
	if (!error && c->port != 80) {
		digits[0] = ':';
		digits[1 + http_number_print(digits + 1, c->port)] = 0;
		error = put(c, digits, deadline_ns);
	}
	error = error ? error : put(c, "\r\n", deadline_ns);
	if (!error && type) {
		error = put(c, "Content-Type: ", deadline_ns);
		error = error ? error : put(c, type, deadline_ns);
		error = error ? error : put(c, "\r\n", deadline_ns);
	}
	bool wants_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	                  strcmp(method, "PATCH") == 0;
	if (!error && (size || wants_body)) {
		digits[http_number_print(digits, size)] = 0;
		error = put(c, "Content-Length: ", deadline_ns);
		error = error ? error : put(c, digits, deadline_ns);
		error = error ? error : put(c, "\r\n", deadline_ns);
	}
	if (!error && fields)
		error = put(c, fields, deadline_ns);
	error = error ? error : put(c, "\r\n", deadline_ns);
	return error || !size ? error : tcp_write(c->tcp, body, size, deadline_ns);
}

/* ---- Receiving ---- */

/* A field that goes on in the next line (RFC 9112 §5.2): the line's end becomes spaces. Behind the first line, which
 * is none, such a line stays and is malformed. */
static void unfold(char *bytes, uint32_t size)
{
	char *end = bytes + size, *p = memchr(bytes, '\n', size);
	while ((p = memchr(p + 1, '\n', (size_t)(end - p) - 1)) && p + 1 < end) {
		if (p[1] == ' ' || p[1] == '\t')
			p[-1] = p[0] = ' ';
	}
}

/* Gathers one head. */
static int read_head(struct http_client *c, uint64_t deadline_ns)
{
	uint32_t at = 0;
	c->head_size = 0;
	for (;;) {
		const uint8_t *bytes;
		int64_t there = tcp_peek(c->tcp, &bytes, deadline_ns);
		if (there <= 0)
			return there ? (int)there : ERR_CLOSED;
		uint32_t before = c->head_size, room = HTTP_HEAD_MAX - before;
		uint32_t n = there < room ? (uint32_t)there : room;
		memcpy(c->bytes + before, bytes, n);
		c->head_size += n;
		int64_t found = http_head_scan(c->bytes, c->head_size, &at);
		if (found < 0)
			return ERR_MALFORMED;
		if (found) {
			tcp_consume(c->tcp, (uint32_t)found - before);
			c->head_size = (uint32_t)found;
			unfold(c->bytes, c->head_size);
			return http_head_response(&c->head, c->bytes, c->head_size) ? OK
			                                                            : ERR_MALFORMED;
		}
		tcp_consume(c->tcp, n);
		if (c->head_size == HTTP_HEAD_MAX)
			return ERR_TOO_BIG;
	}
}

/* RFC 9112 §6.3: how long is the body of this response? */
static void body_open(struct http_client *c, bool head_only)
{
	uint32_t status = c->head.status;
	c->chunk = (struct http_chunk){ .folds = true };
	c->to_end = false;
	c->body_left = 0;
	if (head_only || status == 204 || status == 304) {
		c->body_done = true;
		return;
	}
	c->to_end = !c->head.chunked && !c->head.has_length;
	c->body_left = c->head.has_length ? c->head.length : HTTP_UNKNOWN;
	c->body_done = c->body_left == 0;
}

/* What it says of its content, though there is none behind a HEAD's. */
static uint64_t response_size(const struct http_client *c)
{
	uint32_t status = c->head.status;
	if (status == 204 || status == 304)
		return 0;
	return c->head.has_length ? c->head.length : HTTP_UNKNOWN;
}

int64_t http_client_read(struct http_client *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	while (!c->body_done && size) {
		const uint8_t *bytes, *data;
		if (!c->tcp)
			return ERR_CLOSED;
		int64_t there = tcp_peek(c->tcp, &bytes, deadline_ns);
		if (there == 0 && c->to_end) {
			c->body_done = true;
			return 0;
		}
		if (there <= 0)
			return there ? there : ERR_CLOSED;
		uint32_t used = there < size ? (uint32_t)there : size, got = used;
		data = bytes;
		if (c->head.chunked) {
			enum http_chunk_result r =
			        http_chunk_next(&c->chunk, bytes, used, &used, &data, &got);
			if (r == CHUNK_BAD) {
				close_connection(c);
				return ERR_MALFORMED;
			}
			c->body_done = r == CHUNK_END;
			got = r == CHUNK_DATA ? got : 0;
		} else if (!c->to_end) {
			used = got = got < c->body_left ? got : (uint32_t)c->body_left;
			c->body_left -= got;
			c->body_done = !c->body_left;
		}
		memcpy(to, data, got);
		tcp_consume(c->tcp, used);
		if (got)
			return got;
	}
	return 0;
}

static int try_request(struct http_client *c, const char *method, const char *target,
                       const char *fields, const char *type, const void *body, uint32_t size,
                       uint64_t deadline_ns)
{
	int error = send_request(c, method, target, fields, type, body, size, deadline_ns);
	for (uint32_t k = 0; !error && k < ANSWERS_MAX; k++) {
		error = read_head(c, deadline_ns);
		if (!error && (c->head.status >= 200 || c->head.status == 101))
			return OK;
	}
	return error ? error : ERR_MALFORMED;
}

int http_client_request(struct http_client *c, const char *method, const char *target,
                        const char *fields, const char *type, const void *body, uint32_t size,
                        struct http_response *response, uint64_t deadline_ns)
{
	char rest[512];
	bool repeatable = strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
	for (const char *p = method; *p; p++) {
		if (!http_is_token(*p))
			return ERR_INVALID;
	}
	if (!*method || target[0] != '/' || !text_fits(target, " #") ||
	    (fields && !lines_fit(fields)) || (type && !text_fits(type, "")))
		return ERR_INVALID;
	/* What is left of the last response. */
	while (c->tcp && !c->body_done) {
		if (http_client_read(c, rest, sizeof rest, deadline_ns) < 0)
			close_connection(c);
	}
	if (c->tcp && c->used && (c->head.close || c->to_end))
		close_connection(c);
	int error = c->tcp ? OK : open_connection(c, deadline_ns);
	if (error)
		return error;
	bool kept = c->used;
	error = try_request(c, method, target, fields, type, body, size, deadline_ns);
	if ((error == ERR_CLOSED || error == ERR_RESET) && kept && repeatable && !c->head_size) {
		close_connection(c);
		error = open_connection(c, deadline_ns);
		if (!error)
			error = try_request(c, method, target, fields, type, body, size,
			                    deadline_ns);
	}
	bool head_only = strcmp(method, "HEAD") == 0;
	if (!error && c->head.coded && !head_only) {
		/* Nobody asked for one (TE), and its bytes would be taken for the content. */
		uint32_t at = 0;
		struct http_text coding = http_head_field(&c->head, "transfer-encoding", &at);
		log_warning("http", "%s answers in a transfer coding that nobody asked for: %.*s",
		            c->host, (int)coding.size, coding.bytes);
		error = ERR_MALFORMED;
	}
	if (error) {
		close_connection(c);
		return error;
	}
	c->used = true;
	body_open(c, head_only);
	*response = (struct http_response){ .status = c->head.status, .size = response_size(c) };
	return OK;
}

int http_client_get(struct http_client *c, const char *target, struct http_response *response,
                    uint64_t deadline_ns)
{
	return http_client_request(c, "GET", target, NULL, NULL, NULL, 0, response, deadline_ns);
}

struct http_text http_client_header(const struct http_client *c, const char *name)
{
	uint32_t at = 0;
	return c->used ? http_head_field(&c->head, name, &at) : (struct http_text){ NULL, 0 };
}

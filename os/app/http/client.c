/* SPDX-License-Identifier: ISC */
/* The client: one connection, one request at a time; heads are copied into a buffer of its own,
 * bodies are read where TCP has them. */
#include <app/http/client.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/print.h>
#include <net/resolver.h>
#include <net/tcp_served.h>

#include <app/http/http_internal.h>

#define HOST_MAX    256u
#define OUT_MAX     2048u /* bytes of a request that become one record of a layer */
#define ANSWERS_MAX 16u   /* 1xx responses before the one that counts */

struct http_client {
	struct tcp_connection *tcp;           /* null: closed */
	const struct tcp_client_layer *layer; /* null: none */
	void *layer_context, *stream;
	uint8_t *out; /* what goes through the layer soon */
	uint32_t out_size;
	struct net_address address; /* that answered */
	uint16_t port;
	bool used; /* a response has come on this connection: it may have been closed since */
	bool body_done, to_end, head_only;
	bool cut;   /* a write of its body has failed: nothing can follow */
	bool asked; /* a request was begun, whose answer has not come */
	uint64_t
	        out_left; /* of its body, to be sent; HTTP_UNKNOWN: in chunks, up to the last one */
	uint64_t body_left;
	struct http_chunk chunk;
	struct http_head head;
	uint32_t head_size;
	char host[HOST_MAX];
	char bytes[HTTP_HEAD_MAX];
};

/* ---- The connection, through a layer or not ---- */

static bool is_layered(const struct http_client *c)
{
	return tcp_served_layered && c->layer;
}

static void close_connection(struct http_client *c)
{
	if (c->tcp && is_layered(c))
		c->layer->close(c->stream);
	else if (c->tcp)
		tcp_close(c->tcp);
	c->tcp = NULL;
}

/* An IPv6 address stands in brackets (RFC 3986 §3.2.2). */
static void bare_host(const struct http_client *c, char name[HOST_MAX])
{
	size_t size = strlen(c->host), bracket = c->host[0] == '[' && c->host[size - 1] == ']';
	memcpy(name, c->host + bracket, size - 2 * bracket);
	name[size - 2 * bracket] = '\0';
}

/* TCP is open; what is above it follows. */
static int open_layer(struct http_client *c, uint64_t deadline_ns)
{
	char name[HOST_MAX];
	if (!is_layered(c))
		return OK;
	bare_host(c, name);
	c->out_size = 0;
	int error = c->layer->open(&c->stream, c->layer_context, c->tcp, name, deadline_ns);
	if (!error)
		return OK;
	tcp_close(c->tcp);
	c->tcp = NULL;
	return error;
}

static int flush_out(struct http_client *c, uint64_t deadline_ns)
{
	uint32_t size = c->out_size;
	c->out_size = 0;
	return size ? c->layer->write(c->stream, c->out, size, deadline_ns) : OK;
}

static int write_all(struct http_client *c, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	if (!is_layered(c))
		return tcp_write(c->tcp, bytes, size, deadline_ns);
	if (size > OUT_MAX - c->out_size) {
		int error = flush_out(c, deadline_ns);
		if (error || size > OUT_MAX)
			return error ? error : c->layer->write(c->stream, bytes, size, deadline_ns);
	}
	memcpy(c->out + c->out_size, bytes, size);
	c->out_size += size;
	return OK;
}

static int64_t peek(struct http_client *c, const uint8_t **bytes, uint64_t deadline_ns)
{
	if (!is_layered(c))
		return tcp_peek(c->tcp, bytes, deadline_ns);
	int error = flush_out(c, deadline_ns);
	return error ? error : c->layer->peek(c->stream, bytes, deadline_ns);
}

static void consume(struct http_client *c, uint32_t size)
{
	if (is_layered(c))
		c->layer->consume(c->stream, size);
	else
		tcp_consume(c->tcp, size);
}

static int open_connection(struct http_client *c, uint64_t deadline_ns)
{
	c->used = c->cut = false;
	c->body_done = true;
	int error = tcp_connect(&c->tcp, c->address, c->port,
	                        &(struct tcp_options){ .no_delay = true }, deadline_ns);
	return error ? error : open_layer(c, deadline_ns);
}

static bool text_fits(const char *text, const char *never)
{
	for (const char *p = text; *p; p++) {
		if ((uint8_t)*p < 0x20 || *p == 0x7f || strchr(never, *p))
			return false;
	}
	return true;
}

/* The first connection goes to whichever of the host's addresses answers, later ones to the same. */
static int open_first(struct http_client *c, uint64_t deadline_ns)
{
	char name[HOST_MAX];
	struct tcp_info info;
	bare_host(c, name);
	c->body_done = true;
	int error = resolver_connect(&c->tcp, name, c->port,
	                             &(struct tcp_options){ .no_delay = true }, deadline_ns);
	if (error)
		return error;
	tcp_info(c->tcp, &info);
	c->address = info.remote;
	return open_layer(c, deadline_ns);
}

int http_client_open_over(struct http_client **to, const char *host, uint16_t port,
                          const struct tcp_client_layer *layer, void *context, uint64_t deadline_ns)
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
	c->layer = layer;
	c->layer_context = context;
	if (is_layered(c) && !(c->out = heap_alloc(OUT_MAX))) {
		heap_free(c);
		return ERR_MEMORY;
	}
	int error = open_first(c, deadline_ns);
	if (error) {
		http_client_close(c);
		return error;
	}
	*to = c;
	return OK;
}

int http_client_open(struct http_client **to, const char *host, uint16_t port, uint64_t deadline_ns)
{
	return http_client_open_over(to, host, port, NULL, NULL, deadline_ns);
}

void http_client_close(struct http_client *c)
{
	if (!c)
		return;
	close_connection(c);
	if (tcp_served_layered)
		heap_free(c->out);
	heap_free(c);
}

/* ---- Sending ---- */

static int put(struct http_client *c, const char *text, uint64_t deadline_ns)
{
	return write_all(c, text, (uint32_t)strlen(text), deadline_ns);
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

static int put_length(struct http_client *c, uint64_t size, uint64_t deadline_ns)
{
	char digits[22];
	if (size == HTTP_UNKNOWN)
		return put(c, "Transfer-Encoding: chunked\r\n", deadline_ns);
	digits[http_number_print(digits, size)] = 0;
	int error = put(c, "Content-Length: ", deadline_ns);
	error = error ? error : put(c, digits, deadline_ns);
	return error ? error : put(c, "\r\n", deadline_ns);
}

/* Ours, if the caller's lines do not begin with one. */
static int put_host(struct http_client *c, const char *fields, uint64_t deadline_ns)
{
	char digits[24] = "";
	if (fields && strncmp(fields, "Host:", 5) == 0)
		return OK;
	if (c->port != (is_layered(c) ? 443 : 80)) {
		digits[0] = ':';
		digits[1 + http_number_print(digits + 1, c->port)] = 0;
	}
	int error = put(c, "Host: ", deadline_ns);
	error = error ? error : put(c, c->host, deadline_ns);
	error = error ? error : put(c, digits, deadline_ns);
	return error ? error : put(c, "\r\n", deadline_ns);
}

static int send_head(struct http_client *c, const char *method, const char *target,
                     const char *fields, const char *type, uint64_t size, uint64_t deadline_ns)
{
	const char *pieces[] = { method, " ", target, " HTTP/1.1\r\n" };
	int error = OK;
	for (uint32_t k = 0; !error && k < sizeof pieces / sizeof *pieces; k++)
		error = put(c, pieces[k], deadline_ns);
	error = error ? error : put_host(c, fields, deadline_ns);
	if (!error && type) {
		error = put(c, "Content-Type: ", deadline_ns);
		error = error ? error : put(c, type, deadline_ns);
		error = error ? error : put(c, "\r\n", deadline_ns);
	}
	bool wants_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	                  strcmp(method, "PATCH") == 0;
	if (!error && (size || wants_body))
		error = put_length(c, size, deadline_ns);
	if (!error && fields)
		error = put(c, fields, deadline_ns);
	return error ? error : put(c, "\r\n", deadline_ns);
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
		int64_t there = peek(c, &bytes, deadline_ns);
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
			consume(c, (uint32_t)found - before);
			c->head_size = (uint32_t)found;
			unfold(c->bytes, c->head_size);
			return http_head_response(&c->head, c->bytes, c->head_size) ? OK
			                                                            : ERR_MALFORMED;
		}
		consume(c, n);
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
		int64_t there = peek(c, &bytes, deadline_ns);
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
		consume(c, used);
		if (got)
			return got;
	}
	return 0;
}

/* The head of the answer that counts. */
static int read_answer(struct http_client *c, uint64_t deadline_ns)
{
	int error = OK;
	for (uint32_t k = 0; !error && k < ANSWERS_MAX; k++) {
		error = read_head(c, deadline_ns);
		if (!error && (c->head.status >= 200 || c->head.status == 101))
			return OK;
	}
	return error ? error : ERR_MALFORMED;
}

/* Looks at the answer, if there is no error; else the connection is of no use any more. */
static int answered(struct http_client *c, int error, struct http_response *response)
{
	if (!error && c->head.coded && !c->head_only) {
		/* Nobody asked for one (TE), and its bytes would be taken for the content. */
		uint32_t at = 0;
		struct http_text coding = HTTP_FIELD(&c->head, "transfer-encoding", &at);
		log_warning("http", "%s answers in a transfer coding that nobody asked for: %.*s",
		            c->host, (int)coding.size, coding.bytes);
		error = ERR_MALFORMED;
	}
	if (error) {
		close_connection(c);
		return error;
	}
	c->used = true;
	c->asked = false;
	body_open(c, c->head_only);
	*response = (struct http_response){ .status = c->head.status, .size = response_size(c) };
	return OK;
}

/* Is the connection at the end of a response behind which another request may follow? */
static bool may_go_on(const struct http_client *c)
{
	return c->tcp && c->body_done && !c->asked && !c->cut &&
	       !(c->used && (c->head.close || c->to_end)) && !c->out_left;
}

/* Reads what is left of the last response, and opens the connection where it cannot go on. */
static int make_ready(struct http_client *c, const char *method, const char *target,
                      const char *fields, const char *type, uint64_t deadline_ns)
{
	char rest[512];
	for (const char *p = method; *p; p++) {
		if (!http_is_token(*p))
			return ERR_INVALID;
	}
	if (!*method || target[0] != '/' || !text_fits(target, " #") ||
	    (fields && !lines_fit(fields)) || (type && !text_fits(type, "")))
		return ERR_INVALID;
	while (c->tcp && !c->body_done && !c->out_left) {
		if (http_client_read(c, rest, sizeof rest, deadline_ns) < 0)
			close_connection(c);
	}
	if (!may_go_on(c))
		close_connection(c);
	c->head_only = strcmp(method, "HEAD") == 0;
	c->out_left = 0;
	int error = c->tcp ? OK : open_connection(c, deadline_ns);
	c->asked = true;
	return error;
}

int http_client_request(struct http_client *c, const char *method, const char *target,
                        const char *fields, const char *type, const void *body, uint32_t size,
                        struct http_response *response, uint64_t deadline_ns)
{
	bool repeatable = strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
	int error = make_ready(c, method, target, fields, type, deadline_ns);
	if (error)
		return error;
	for (;;) {
		bool kept = c->used;
		c->head_size = 0;
		error = send_head(c, method, target, fields, type, size, deadline_ns);
		if (!error && size)
			error = write_all(c, body, size, deadline_ns);
		error = error ? error : read_answer(c, deadline_ns);
		if ((error != ERR_CLOSED && error != ERR_RESET) || !kept || !repeatable ||
		    c->head_size)
			return answered(c, error, response);
		close_connection(c);
		error = open_connection(c, deadline_ns);
		if (error)
			return error;
	}
}

/* ---- Bodies as they are made ---- */

int http_client_begin(struct http_client *c, const char *method, const char *target,
                      const char *fields, uint64_t size, uint64_t deadline_ns)
{
	int error = make_ready(c, method, target, fields, NULL, deadline_ns);
	if (error)
		return error;
	c->head_size = 0;
	c->out_left = size;
	error = send_head(c, method, target, fields, NULL, size, deadline_ns);
	if (error)
		close_connection(c);
	return error;
}

int http_client_write(struct http_client *c, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	char line[12];
	int error = OK;
	if (!c->tcp || (c->out_left != HTTP_UNKNOWN && size > c->out_left))
		return c->tcp ? ERR_TOO_BIG : ERR_CLOSED;
	if (!size)
		return OK;
	if (c->out_left == HTTP_UNKNOWN) {
		print_text(line, sizeof line, "%x\r\n", size);
		error = put(c, line, deadline_ns);
	} else {
		c->out_left -= size;
	}
	error = error ? error : write_all(c, bytes, size, deadline_ns);
	if (!error && c->out_left == HTTP_UNKNOWN)
		error = put(c, "\r\n", deadline_ns);
	c->cut |= error != OK;
	return error;
}

int http_client_early(struct http_client *c, struct http_response *response, uint64_t deadline_ns)
{
	const uint8_t *bytes;
	if (!c->tcp || !c->asked)
		return c->tcp != NULL;
	if (peek(c, &bytes, clock_now()) == ERR_TIMEOUT)
		return 0;
	int error = answered(c, read_answer(c, deadline_ns), response);
	return error ? error : 1;
}

int http_client_end(struct http_client *c, struct http_response *response, uint64_t deadline_ns)
{
	if (!c->tcp)
		return ERR_CLOSED;
	/* Behind half a chunk, its end would be data, and what follows it, too. */
	if (c->out_left == HTTP_UNKNOWN && !c->cut) {
		c->cut = put(c, "0\r\n\r\n", deadline_ns) != OK;
		c->out_left = 0;
	}
	/* What was not sent whole is answered all the same, by servers that want no more of it. */
	return c->asked ? answered(c, read_answer(c, deadline_ns), response) : OK;
}

bool http_client_kept(struct http_client *c)
{
	const uint8_t *bytes;
	/* Bytes that nobody asked for are no answer to the next request. */
	return may_go_on(c) && c->used && peek(c, &bytes, clock_now()) == ERR_TIMEOUT;
}

bool http_client_field_next(const struct http_client *c, uint32_t *at, struct http_text *name,
                            struct http_text *value)
{
	return c->used && http_head_next(&c->head, at, name, value);
}

int http_client_get(struct http_client *c, const char *target, struct http_response *response,
                    uint64_t deadline_ns)
{
	return http_client_request(c, "GET", target, NULL, NULL, NULL, 0, response, deadline_ns);
}

struct http_text http_client_header(const struct http_client *c, const char *name)
{
	uint32_t at = 0;
	return c->used ? http_head_find(&c->head, name, (uint32_t)strlen(name), &at)
	               : (struct http_text){ NULL, 0 };
}

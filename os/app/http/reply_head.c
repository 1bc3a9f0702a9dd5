/* SPDX-License-Identifier: ISC */
/* Heads of responses: each one has them, so this is compiled for speed. What begins them is the
 * same for all of a turn of the event loop that have the same status. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/print.h>

COLD const char *http_date_line(void)
{
	static char line[DATE_LINE_SIZE + 1];
	static int64_t of = -1;
	int64_t now = clock_wall() / (int64_t)NS_PER_S;
	if (now != of) {
		char date[HTTP_DATE_SIZE];
		http_date_print(date, now);
		memcpy(line, "Date: ", 6);
		memcpy(line + 6, date, HTTP_DATE_SIZE - 1);
		memcpy(line + 6 + HTTP_DATE_SIZE - 1, "\r\n", 3);
		of = now;
	}
	return line;
}

struct line {
	char bytes[768];
	uint32_t size;
};

static __attribute__((noinline)) void add(struct line *l, const char *text, size_t size)
{
	if (size <= sizeof l->bytes - l->size) {
		memcpy(l->bytes + l->size, text, size);
		l->size += (uint32_t)size;
	}
}

#define ADD(line_, text_) add(line_, text_, sizeof text_ - 1)

/* In place: the compiler makes one or two stores of it. */
static inline void add_line_end(struct line *l)
{
	if (sizeof l->bytes - l->size >= 2) {
		memcpy(l->bytes + l->size, "\r\n", 2);
		l->size += 2;
	}
}

/* Status line and date, looked at again after DATE_KEPT_NS (or if the clock went back). */
#define DATE_KEPT_NS (10 * NS_PER_MS)
static struct {
	uint64_t made;
	uint32_t status, size;
	char bytes[128];
} start;

static COLD void start_make(uint32_t status)
{
	int n = print_text(start.bytes, sizeof start.bytes, "HTTP/1.1 %u %s\r\n%s", status,
	                   http_reason(status), http_date_line());
	start.size = (uint32_t)n;
	start.status = status;
	start.made = clock_coarse();
}

int http_send_head(struct http_exchange *x, uint32_t status, const char *lines, uint32_t size,
                   uint64_t length)
{
	return http_send_head_and(x, status, lines, size, "", length);
}

int http_send_head_and(struct http_exchange *x, uint32_t status, const char *lines, uint32_t size,
                       const char *more, uint64_t length)
{
	struct http_connection *c = x->connection;
	if (http_carrier(x))
		return http_carrier(x)->head(x, status, lines, size, more, length);
	struct line l RAW;
	char number[40];
	l.size = 0;
	if (!c)
		return ERR_CLOSED;
	x->status = status;
	x->close_after |= x->head.close;
	x->no_body = status == 204 || status == 304 || status < 200;
	/* A client that waits for 100 may send its body or not: only the connection's end is clear
	 * to both. */
	if (!x->body_done && ((x->head.expect_continue && !x->continued) || c->served.finished))
		x->close_after = true;
	if (c->served.server->stopping)
		x->close_after = true;
	if (c->server->options.requests_max && c->requests >= c->server->options.requests_max)
		x->close_after = true;
	if (start.status != status || clock_coarse() - start.made >= DATE_KEPT_NS)
		start_make(status);
	add(&l, start.bytes, start.size);
	const char *name = c->server->options.name;
	if (name) {
		ADD(&l, "Server: ");
		add(&l, name, strlen(name));
		ADD(&l, "\r\n");
	}
	if (x->close_after)
		ADD(&l, "Connection: close\r\n");
	else if (x->head.minor == 0)
		ADD(&l, "Connection: keep-alive\r\n");
	if (length != HTTP_UNKNOWN && status != 204 && status >= 200) {
		memcpy(number, "Content-Length: ", 16);
		uint32_t n = 16 + http_number_print(number + 16, length);
		memcpy(number + n, "\r\n", 2);
		add(&l, number, n + 2);
	} else if (x->chunked_out) {
		ADD(&l, "Transfer-Encoding: chunked\r\n");
	}
	size_t more_size = strlen(more);
	if (!x->fields_size && size + more_size <= sizeof l.bytes - l.size - 2) {
		add(&l, lines, size);
		if (more_size)
			add(&l, more, more_size);
		add_line_end(&l);
		return http_send(x, l.bytes, l.size);
	}
	int error = http_send(x, l.bytes, l.size);
	if (!error && x->fields_size)
		error = http_send(x, x->fields, x->fields_size);
	if (!error && size)
		error = http_send(x, lines, size);
	if (!error && more_size)
		error = http_send(x, more, (uint32_t)more_size);
	return error ? error : http_send(x, "\r\n", 2);
}

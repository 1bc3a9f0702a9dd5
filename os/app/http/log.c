/* SPDX-License-Identifier: ISC */
/*
 * The access log, in Combined Log Format. Lines are gathered and written once a turn of the loop.
 * What a client sent is escaped: it cannot end a line or a quoted field.
 */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/gate.h>

#define BUFFER_SIZE 8192u
#define REST_MAX    160u /* bytes of a line but for the fields */

static char buffer[BUFFER_SIZE];
static uint32_t size;
static struct timer timer;

static void flush(struct timer *t)
{
	(void)t;
	if (size)
		gate_puts(AMP_STREAM_OUTPUT, buffer, size);
	size = 0;
}

void http_log_room(uint32_t bytes)
{
	if (BUFFER_SIZE - size < bytes)
		flush(&timer);
}

void http_log_soon(void)
{
	if (!timer_is_set(&timer))
		timer_set(&timer, clock_coarse(), flush);
}

void http_log_put(const char *bytes, uint32_t n)
{
	if (n <= BUFFER_SIZE - size) {
		memcpy(buffer + size, bytes, n);
		size += n;
	}
}

static void put_text(const char *text)
{
	http_log_put(text, (uint32_t)strlen(text));
}

static void put_number(uint64_t v)
{
	char digits[20];
	http_log_put(digits, http_number_print(digits, v));
}

static void put_escaped(struct http_text t)
{
	if (!t.size) {
		put_text("-");
		return;
	}
	for (uint32_t k = 0; k < t.size && k < HTTP_LOG_TEXT_MAX; k++) {
		uint8_t c = (uint8_t)t.bytes[k];
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			http_log_put((const char *)&c, 1);
		} else {
			char hex[4] = { '\\', 'x', "0123456789abcdef"[c >> 4],
				        "0123456789abcdef"[c & 15] };
			http_log_put(hex, 4);
		}
	}
}

/* 10/Oct/2000:13:55:36 +0000, from HTTP's form of the date. */
static void put_time(void)
{
	const char *d = http_date_line() + 11; /* behind "Date: Tue, " */
	http_log_put(d, 2);
	put_text("/");
	http_log_put(d + 3, 3);
	put_text("/");
	http_log_put(d + 7, 4);
	put_text(":");
	http_log_put(d + 12, 8);
	put_text(" +0000");
}

static uint32_t room_for(struct http_text t)
{
	return 4 * (t.size < HTTP_LOG_TEXT_MAX ? t.size : HTTP_LOG_TEXT_MAX);
}

void http_log(const struct http_exchange *x)
{
	struct http_text method = http_method(x), target = http_span_text(&x->head, x->head.target);
	struct http_text referer = http_header(x, "referer"), agent = http_header(x, "user-agent");
	http_log_room(room_for(method) + room_for(target) + room_for(referer) + room_for(agent) +
	              REST_MAX);
	char peer[NET_ADDRESS_TEXT_MAX];
	net_address_print(peer, x->peer);
	put_text(peer);
	put_text(" - - [");
	put_time();
	put_text("] \"");
	put_escaped(method);
	put_text(" ");
	put_escaped(target);
	put_text(http_carrier(x) ? " HTTP/2.0\" "
	         : x->head.minor ? " HTTP/1.1\" "
	                         : " HTTP/1.0\" ");
	put_number(x->status);
	put_text(" ");
	put_number(x->out_bytes);
	put_text(" \"");
	put_escaped(referer);
	put_text("\" \"");
	put_escaped(agent);
	put_text("\"\n");
	http_log_soon();
}

/* SPDX-License-Identifier: ISC */
/* DNS over HTTPS (RFC 8484): a query is a request, and its response the body of 200, whatever its RCODE. */
#include <app/nameserver/tls/internal.h>

#include <string.h>

#include <core/base64.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

#define QUERY_MAX                                                                                  \
	4096u /* bytes; a name, a question and EDNS options with padding have room (RFC 8467) */
#define TEXT_MAX (BASE64_SIZE(QUERY_MAX) + 4u)

static const char type[] = "application/dns-message";

static uint8_t response[DNS_MESSAGE_MAX]; /* one at a time: it is copied by the reply */

static void answer(struct http_exchange *x, struct dns_server *server, const void *query,
                   uint32_t size)
{
	char kept[32];
	uint32_t ttl, n = dns_serve_message(server, query, size, response, sizeof response, &ttl);
	if (!n) {
		http_fail(x, 400);
		return;
	}
	print_text(kept, sizeof kept, "max-age=%u", ttl);
	http_set(x, "Cache-Control", kept);
	http_reply(x, 200, type, response, n);
}

/* Base64url without padding (RFC 4648 §5), in place. 0: it is none. */
static uint32_t decode(char *text, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++) {
		if (text[k] == '+' || text[k] == '/' || text[k] == '=')
			return 0;
		text[k] = text[k] == '-' ? '+' : text[k] == '_' ? '/' : text[k];
	}
	while (size % 4)
		text[size++] = '=';
	return base64_decode(text, text, size);
}

static void get(struct http_exchange *x, void *context)
{
	char text[TEXT_MAX];
	int n = http_form_value(http_query(x), "dns", text, sizeof text - 3);
	if (n == ERR_TOO_BIG) {
		http_fail(x, 414);
		return;
	}
	uint32_t size = n > 0 ? decode(text, (uint32_t)n) : 0;
	if (size)
		answer(x, context, text, size);
	else
		http_fail(x, 400);
}

struct body {
	struct dns_server *server;
	uint32_t size;
	uint8_t bytes[QUERY_MAX];
};

/* As it comes; no more than fits (http_route_body). On an error the exchange is gone. */
static void take(struct http_exchange *x, void *context, const uint8_t *bytes, uint32_t size,
                 int error)
{
	struct body *b = context;
	uint32_t room = sizeof b->bytes - b->size, n = size < room ? size : room;
	if (!error && size) {
		memcpy(b->bytes + b->size, bytes, n);
		b->size += n;
		return;
	}
	if (!error)
		answer(x, b->server, b->bytes, b->size);
	heap_free(b);
}

static void post(struct http_exchange *x, void *context)
{
	struct http_text given = http_header(x, "Content-Type");
	if (!given.bytes || !http_text_is_nocase(given, type)) {
		http_fail(x, 415);
		return;
	}
	struct body *b = heap_alloc_zero(1, sizeof *b);
	if (!b) {
		http_fail(x, 503);
		return;
	}
	b->server = context;
	http_on_body(x, take, b);
}

int nameserver_tls_route(struct http_server *http, struct dns_server *server)
{
	int error = http_route(http, "GET", NAMESERVER_PATH, get, server);
	error = error ? error : http_route(http, "POST", NAMESERVER_PATH, post, server);
	return error ? error : http_route_body(http, "POST", NAMESERVER_PATH, QUERY_MAX);
}

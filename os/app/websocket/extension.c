/* SPDX-License-Identifier: ISC */
/*
 * Offers of permessage-deflate (RFC 7692 §5, §7.1), of which the first that can be taken is. One with a parameter that nobody knows, or twice, or
 * with a value that it must not have, is passed over, as the RFC wants it. A window of 8 bits for what we send is, too: zlib has
 * none.
 */
#include <app/websocket/internal.h>

#include <core/print.h>

#define BITS_LEAST 9u
#define BITS_MOST  15u

static struct http_text trim(struct http_text t)
{
	while (t.size && (t.bytes[0] == ' ' || t.bytes[0] == '\t'))
		t.bytes++, t.size--;
	while (t.size && (t.bytes[t.size - 1] == ' ' || t.bytes[t.size - 1] == '\t'))
		t.size--;
	return t;
}

/* Up to a semicolon, and without it. False: no more. */
static bool next_part(struct http_text *rest, struct http_text *part)
{
	if (!rest->bytes)
		return false;
	uint32_t n = 0;
	while (n < rest->size && rest->bytes[n] != ';')
		n++;
	*part = trim((struct http_text){ rest->bytes, n });
	if (n == rest->size)
		rest->bytes = NULL;
	else
		*rest = (struct http_text){ rest->bytes + n + 1, rest->size - n - 1 };
	return true;
}

static void split(struct http_text part, struct http_text *name, struct http_text *value)
{
	uint32_t n = 0;
	while (n < part.size && part.bytes[n] != '=')
		n++;
	*name = trim((struct http_text){ part.bytes, n });
	*value = (struct http_text){ NULL, 0 };
	if (n == part.size)
		return;
	*value = trim((struct http_text){ part.bytes + n + 1, part.size - n - 1 });
	if (value->size >= 2 && value->bytes[0] == '"' && value->bytes[value->size - 1] == '"')
		*value = (struct http_text){ value->bytes + 1, value->size - 2 };
}

/* 8 to 15, without a zero in front; 0: it is not. */
static uint8_t window(struct http_text v)
{
	uint64_t n;
	if (!v.size || v.bytes[0] == '0' || !http_number(v, &n) || n < 8 || n > BITS_MOST)
		return 0;
	return (uint8_t)n;
}

enum { SERVER_FRESH = 1, CLIENT_FRESH = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

static uint32_t which(struct http_text name)
{
	static const char *const names[] = { "server_no_context_takeover",
		                             "client_no_context_takeover", "server_max_window_bits",
		                             "client_max_window_bits" };
	for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
		if (http_text_is_nocase(name, names[k]))
			return 1u << k;
	}
	return 0;
}

bool websocket_offer(struct websocket_agreed *to, struct http_text offer, bool context,
                     uint8_t bits)
{
	struct http_text rest = offer, part, name, value;
	struct websocket_agreed a = { .deflate = true,
		                      .server_fresh = !context,
		                      .client_fresh = !context };
	uint32_t seen = 0;
	next_part(&rest, &part);
	if (!http_text_is_nocase(part, "permessage-deflate"))
		return false;
	while (next_part(&rest, &part)) {
		split(part, &name, &value);
		uint32_t it = which(name);
		uint8_t n = value.bytes ? window(value) : 0;
		bool wrong = it == SERVER_BITS   ? n < BITS_LEAST
		             : it == CLIENT_BITS ? value.bytes && !n
		                                 : value.bytes != NULL;
		if (!it || seen & it || wrong)
			return false;
		seen |= it;
		a.server_fresh |= it == SERVER_FRESH;
		a.client_fresh |= it == CLIENT_FRESH;
		if (it == SERVER_BITS)
			a.server_bits = n < bits ? n : bits;
		if (it == CLIENT_BITS)
			a.client_bits = n && n < bits ? n : bits;
	}
	if (a.client_fresh) /* one window serves all: the client may have what it likes */
		a.client_bits = 0;
	*to = a;
	return true;
}

uint32_t websocket_agreed_print(char to[WEBSOCKET_AGREED_MAX], const struct websocket_agreed *a)
{
	char server[32] = "", client[32] = "";
	if (a->server_bits)
		print_text(server, sizeof server, "; server_max_window_bits=%u", a->server_bits);
	if (a->client_bits)
		print_text(client, sizeof client, "; client_max_window_bits=%u", a->client_bits);
	return (uint32_t)print_text(to, WEBSOCKET_AGREED_MAX, "permessage-deflate%s%s%s%s",
	                            a->server_fresh ? "; server_no_context_takeover" : "",
	                            a->client_fresh ? "; client_no_context_takeover" : "", server,
	                            client);
}

/* SPDX-License-Identifier: ISC */
/* Which fields go on. Those of one hop do not (RFC 9110 §7.6.1), nor what says where a message ends: that is said anew. */
#include <app/proxy/internal.h>

#include <string.h>

#include <app/http/http_internal.h>
#include <app/http/id.h>
#include <core/print.h>

#define NAME "ampoule"

struct lines {
	char *to;
	uint32_t size;
	bool full;
};

static void put(struct lines *l, const char *bytes, uint32_t size)
{
	l->full |= size >= PROXY_FIELDS_MAX - l->size;
	if (l->full)
		return;
	memcpy(l->to + l->size, bytes, size);
	l->size += size;
	l->to[l->size] = 0;
}

static void put_text(struct lines *l, const char *text)
{
	put(l, text, (uint32_t)strlen(text));
}

static void put_field(struct lines *l, struct http_text name, struct http_text value)
{
	put(l, name.bytes, name.size);
	put(l, ": ", 2);
	put(l, value.bytes, value.size);
	put(l, "\r\n", 2);
}

static bool listed(struct http_text name, const char *const *list)
{
	while (*list && !http_text_is_nocase(name, *list))
		list++;
	return *list != NULL;
}

static const char *const hop[] = { "connection",
	                           "content-length",
	                           "expect",
	                           "host",
	                           "http2-settings",
	                           "keep-alive",
	                           "proxy-authenticate",
	                           "proxy-authorization",
	                           "proxy-connection",
	                           "te",
	                           "trailer",
	                           "transfer-encoding",
	                           "upgrade",
	                           NULL };
static const char *const of_proxies[] = { "forwarded",
	                                  "x-forwarded-for",
	                                  "x-forwarded-host",
	                                  "x-forwarded-proto",
	                                  "x-forwarded-port",
	                                  "x-real-ip",
	                                  NULL };

/* Does a Connection field's value name it? */
static bool nominated(struct http_text list, struct http_text name)
{
	struct http_text option;
	while (http_list_next(&list, &option)) {
		if (option.size != name.size)
			continue;
		uint32_t k = 0;
		while (k < name.size && http_lower(option.bytes[k]) == http_lower(name.bytes[k]))
			k++;
		if (k == name.size)
			return true;
	}
	return false;
}

/* ---- To the server ---- */

static bool goes_on(const struct proxy *p, const struct http_exchange *x, struct http_text name)
{
	struct http_text list;
	if (listed(name, hop) || http_text_is_nocase(name, "x-request-id") ||
	    memchr(name.bytes, '_', name.size))
		return false;
	if (listed(name, of_proxies))
		return p->options.trusted && !http_text_is_nocase(name, "x-forwarded-for");
	for (uint32_t at = 0; (list = http_header_next(x, "connection", &at)).bytes;) {
		if (nominated(list, name))
			return false;
	}
	return true;
}

/* Who asks, by the two ways of saying it. */
static void put_forwarded(const struct proxy *p, struct http_exchange *x, struct lines *l)
{
	const char *proto = p->options.secure ? "https" : "http";
	struct http_text host = http_host(x), before;
	char peer[NET_ADDRESS_TEXT_MAX];
	bool ip4 = net_is_ip4(http_peer(x, NULL));
	net_address_print(peer, http_peer(x, NULL));
	put_text(l, "X-Forwarded-For: ");
	for (uint32_t at = 0;
	     p->options.trusted && (before = http_header_next(x, "x-forwarded-for", &at)).bytes;) {
		put(l, before.bytes, before.size);
		put_text(l, ", ");
	}
	put_text(l, peer);
	if (!p->options.trusted) {
		put_text(l, "\r\nX-Forwarded-Proto: ");
		put_text(l, proto);
		if (host.size) {
			put_text(l, "\r\nX-Forwarded-Host: ");
			put(l, host.bytes, host.size);
		}
	}
	put_text(l, ip4 ? "\r\nForwarded: for=" : "\r\nForwarded: for=\"[");
	put_text(l, peer);
	put_text(l, ip4 ? ";proto=" : "]\";proto=");
	put_text(l, proto);
	if (host.size) { /* it has no quote and no backslash (RFC 3986 §3.2.2) */
		put_text(l, ";host=\"");
		put(l, host.bytes, host.size);
		put_text(l, "\"");
	}
	put_text(l, "\r\n");
}

bool proxy_fields_request(const struct proxy *p, struct http_exchange *x, char to[PROXY_FIELDS_MAX])
{
	struct lines l = { .to = to };
	struct http_text name, value, host = http_host(x);
	if (host.size)
		put_field(&l, (struct http_text){ "Host", 4 }, host);
	for (uint32_t at = 0; http_field_next(x, &at, &name, &value);) {
		if (goes_on(p, x, name))
			put_field(&l, name, value);
	}
	put_forwarded(p, x, &l);
	put_text(&l, "X-Request-Id: ");
	put_text(&l, http_id(x));
	put_text(&l, x->head.minor ? "\r\nVia: 1.1 " NAME "\r\n" : "\r\nVia: 1.0 " NAME "\r\n");
	return !l.full;
}

/* ---- To the client ---- */

static bool comes_back(const struct http_client *c, struct http_text name)
{
	struct http_text n, list;
	if (listed(name, hop) || http_text_is_nocase(name, "date"))
		return false;
	for (uint32_t at = 0; http_client_field_next(c, &at, &n, &list);) {
		if (http_text_is_nocase(n, "connection") && nominated(list, name))
			return false;
	}
	return true;
}

int proxy_fields_response(const struct http_client *c, char to[PROXY_FIELDS_MAX])
{
	struct lines l = { .to = to };
	struct http_text name, value;
	for (uint32_t at = 0; http_client_field_next(c, &at, &name, &value);) {
		/* Basic and the like for the client itself go on; what asks for a proxy's does not. */
		if (comes_back(c, name))
			put_field(&l, name, value);
	}
	put_text(&l, "Via: 1.1 " NAME "\r\n");
	return l.full ? -1 : (int)l.size;
}

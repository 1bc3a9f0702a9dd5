/* SPDX-License-Identifier: ISC */
#include <app/http/access.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/print.h>

#define REST_MAX 512u /* bytes of a line but for what the client sent */

static uint32_t room_for(struct http_text t)
{
	return 6 * (t.size < HTTP_LOG_TEXT_MAX ? t.size : HTTP_LOG_TEXT_MAX);
}

static void put(const char *text)
{
	http_log_put(text, (uint32_t)strlen(text));
}

static void put_number(const char *name, uint64_t v)
{
	char digits[20];
	put(name);
	http_log_put(digits, http_number_print(digits, v));
}

static void put_text(const char *name, struct http_text t)
{
	http_log_room(room_for(t) + REST_MAX);
	put(name);
	if (!t.bytes) {
		put("null");
		return;
	}
	put("\"");
	for (uint32_t k = 0; k < t.size && k < HTTP_LOG_TEXT_MAX; k++) {
		uint8_t c = (uint8_t)t.bytes[k];
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			http_log_put((const char *)&c, 1);
		} else {
			static const char digits[] = "0123456789abcdef";
			char escaped[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
			http_log_put(escaped, 6);
		}
	}
	put("\"");
}

/* "2026-11-29T11:10:03Z", from HTTP's form of the date. */
static void put_time(void)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *d = http_date_line() + 11; /* behind "Date: Tue, " */
	char text[24];
	uint32_t month = 0;
	while (month < 11 && memcmp(months + 3 * month, d + 3, 3) != 0)
		month++;
	print_text(text, sizeof text, "%.4s-%02u-%.2sT%.8sZ", d + 7, month + 1, d, d + 12);
	put(text);
}

void http_access_after(struct http_exchange *x, void *context)
{
	struct http_text method = http_method(x), target = http_target(x), host = http_host(x),
	                 referer = http_header(x, "referer"), agent = http_header(x, "user-agent");
	char peer[NET_ADDRESS_TEXT_MAX];
	uint16_t port;
	(void)context;
	http_log_room(REST_MAX);
	net_address_print(peer, http_peer(x, &port));
	put("{\"time\":\"");
	put_time();
	put("\",\"id\":\"");
	put(http_id(x));
	put("\",\"peer\":\"");
	put(peer);
	put_number("\",\"port\":", port);
	put_text(",\"method\":", method);
	put_text(",\"target\":", target);
	put(x->head.minor ? ",\"version\":\"1.1\"" : ",\"version\":\"1.0\"");
	put_text(",\"host\":", host);
	put_number(",\"status\":", x->status);
	put_number(",\"bytes\":", x->out_bytes);
	put_number(",\"ms\":", http_took_ns(x) / NS_PER_MS);
	put_text(",\"referer\":", referer);
	put_text(",\"agent\":", agent);
	put("}\n");
	http_log_soon();
}

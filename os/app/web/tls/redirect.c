/* SPDX-License-Identifier: ISC */
/* What comes by HTTP is sent to the same address by HTTPS. */
#include <app/web/tls/internal.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/print.h>

#define HTTPS_PORT  443u
#define HOST_MAX    255u /* bytes of a name or an address that is sent back */
#define BUFFERS_OF  8u   /* this part of the heap for heads that are read to be answered so */
#define FIELDS_ROOM (HTTP_TARGET_MAX + HOST_MAX + 128u)

static uint16_t https_port;

/* 308: the method stays (RFC 9110 §15.4.9). The server has checked the host's name by its grammar, and a target's bytes. */
static void to_https(struct http_exchange *x, void *context)
{
	struct http_text host = http_host_name(x), path = http_raw_path(x), query = http_query(x);
	char port[8] = "", fields[FIELDS_ROOM];
	(void)context;
	if (!host.size || host.size > HOST_MAX) {
		http_fail(x, 400);
		return;
	}
	if (https_port != HTTPS_PORT)
		print_text(port, sizeof port, ":%u", https_port);
	int n = print_text(fields, sizeof fields,
	                   "Content-Length: 0\r\nLocation: https://%.*s%s%.*s%s%.*s\r\n",
	                   (int)host.size, host.bytes, port, (int)path.size, path.bytes,
	                   query.size ? "?" : "", (int)query.size, query.bytes);
	if (n < 0 || n >= (int)sizeof fields)
		http_fail(x, 414);
	else
		http_reply_prepared(x, 308, fields, (uint32_t)n, NULL, 0);
}

int web_tls_redirect(struct http_server **to, const struct web_options *o, uint16_t port)
{
	struct http_options options = o->http;
	https_port = port;
	/* Beside the half of the heap that HTTPS may fill. */
	options.buffers_max = heap_figures().total / BUFFERS_OF;
	int error = http_serve(to, &options);
	return error ? error : http_route(*to, NULL, "/*path", to_https, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Serves the site compiled into the image by HTTPS, and sends what comes by HTTP there. */
#include "appliance.h"

#include <stdio.h>

#include <app/http/http.h>
#include <app/site/site.h>
#include <app/status/status.h>
#include <app/tls/tls.h>
#include <core/file.h>

/* The same address by HTTPS (RFC 9110 §15.4.9: the method stays). */
static void to_https(struct http_exchange *x, void *context)
{
	struct http_text host = http_host_name(x), path = http_raw_path(x), query = http_query(x);
	char location[1024], port[8] = "";
	(void)context;
	if (arg_https() != 443)
		snprintf(port, sizeof port, ":%u", arg_https());
	int n = snprintf(location, sizeof location, "https://%.*s%s%.*s%s%.*s", (int)host.size,
	                 host.bytes, port, (int)path.size, path.bytes, query.size ? "?" : "",
	                 (int)query.size, query.bytes);
	if (!host.size)
		http_fail(x, 400);
	else if (n >= (int)sizeof location || http_set(x, "Location", location))
		http_fail(x, 414);
	else
		http_fail(x, 308);
}

static int redirect(void)
{
	struct http_server *server;
	if (!arg_http())
		return 0;
	return http_serve(&server, &(struct http_options){ .port = arg_http() }) ||
	       http_route(server, NULL, "/*path", to_https, NULL);
}

int main(void)
{
	struct boot_secret chain = arg_certificate(), key = arg_key();
	struct http_options options = { .port = arg_https() };
	struct http_server *server;
	struct site *site;
	struct tls *tls;

	if (tls_open(&tls, NULL) || tls_certificate(tls, "certificate and key", chain.bytes,
	                                            chain.size, key.bytes, key.size))
		return 1;
	boot_secret_erase(key);
	return site_open(&site, file_find("site")) ||
	       http_serve_over(&server, &options, &tls_layer, tls) || site_route(server, site) ||
	       redirect() ||
	       status_serve(&(struct status_options){ .port = arg_status(), .name = "https" }) ||
	       http_run(server);
}

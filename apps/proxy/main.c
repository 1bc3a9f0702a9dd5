/* SPDX-License-Identifier: ISC */
/* A reverse proxy, streaming both ways. */
#include "appliance.h"

#include <app/http/access.h>
#include <app/http/hook.h>
#include <app/http/limit.h>
#include <app/proxy/proxy.h>
#include <app/status/status.h>
#include <app/tls/tls.h>

/* TLS in front, if there is a certificate. */
static int listen(struct http_server **server)
{
	struct boot_secret chain = arg_certificate(), key = arg_key();
	struct http_options options = { .port = arg_port() ? arg_port() : chain.size ? 443 : 80 };
	struct tls *tls;

	if (!chain.size)
		return http_serve(server, &options);
	if (tls_open(&tls, NULL) || tls_certificate(tls, "certificate and key", chain.bytes,
	                                            chain.size, key.bytes, key.size))
		return 1;
	boot_secret_erase(key);
	return http_serve_over(server, &options, &tls_layer, tls);
}

/* So many requests of an address at once, and then as many a second. */
static int limit(struct http_server *server)
{
	struct http_limit_options options = { .burst = arg_burst() };
	struct http_limit *l;

	if (!arg_burst())
		return 0;
	options.interval_ns = 1000000000 / arg_burst();
	return http_limit_open(&l, &options) || http_before(server, http_limit_before, l);
}

int main(void)
{
	struct proxy_options options = { .upstreams = arg_upstreams(),
		                         .health = arg_health(),
		                         .health_ns = arg_interval(),
		                         .connect_ns = arg_connect(),
		                         .answer_ns = arg_answer(),
		                         .secure = arg_certificate().size != 0,
		                         .trusted = arg_trusted() };
	struct http_server *server;
	struct proxy *proxy;

	if (proxy_open(&proxy, &options) || listen(&server) || limit(server) ||
	    (arg_log() && http_after(server, http_access_after, NULL)) ||
	    proxy_route(server, proxy, arg_body()) ||
	    status_serve(&(struct status_options){ .port = arg_status(), .name = "proxy" }))
		return 1;
	return http_run(server);
}

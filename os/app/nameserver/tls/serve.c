/* SPDX-License-Identifier: ISC */
/* Two listeners, each with a TLS of its own, since a client of one protocol is not one of the other's (RFC 7301): who offers others is refused. */
#include <app/nameserver/tls/internal.h>

#include <app/http2/http2.h>
#include <app/tls/secrets.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define BUFFERS_OF                                                                                 \
	8u /* this part of the heap for the buffers of HTTPS, beside what TCP and TLS may have */

static const char pair[] = "certificate and key"; /* as messages name them */

static int open_tls(struct tls **to, const char *const *protocols,
                    const struct nameserver_tls_options *t)
{
	const struct tls_secrets secrets = { .certificate = t->certificate,
		                             .key = t->key,
		                             .staple = t->staple };
	int error = tls_open(to, &(struct tls_options){ .protocols = protocols });
	return error ? error : tls_secrets(*to, pair, &secrets);
}

static int serve_tls(struct dns_server *server, const struct nameserver_options *o,
                     const struct nameserver_tls_options *t)
{
	static const char *const protocols[] = { "dot", NULL };
	const struct dns_options dns = nameserver_dns(o);
	struct tls *tls;
	int error = open_tls(&tls, protocols, t);
	return error ? error : dns_serve_over(server, &tls_layer, tls, t->tls, &dns);
}

static int serve_https(struct dns_server *server, const struct nameserver_options *o,
                       const struct nameserver_tls_options *t)
{
	const struct dns_tcp_limits *l = &o->dns.tcp;
	const struct http_options options = {
		.interface = o->dns.interface,
		.port = t->https,
		.connections_max = l->connections ? l->connections : DNS_TCP_CONNECTIONS,
		.per_address_max = l->per_address ? l->per_address : DNS_TCP_PER_ADDRESS,
		.buffers_max = l->buffers ? l->buffers : heap_figures().total / BUFFERS_OF,
		.idle_ns = l->idle_ns,
		.send_ns = l->idle_ns
	};
	struct http_server *http;
	struct tls *tls;
	int error = open_tls(&tls, http2_protocols, t);
	error = error ? error : http_serve_over(&http, &options, &tls_layer, tls);
	error = error ? error : http2_enable(http, NULL);
	return error ? error : nameserver_tls_route(http, server);
}

int nameserver_tls_serve(struct dns_server *server, const struct nameserver_options *o,
                         const struct nameserver_tls_options *t)
{
	int error = OK;
	if (!t->tls && !t->https) {
		log_error("nameserver", "tls and https are both 0: give one of them a port");
		return ERR_INVALID;
	}
	if (t->tls)
		error = serve_tls(server, o, t);
	if (!error && t->https)
		error = serve_https(server, o, t);
	boot_secret_erase(t->key);
	return error;
}

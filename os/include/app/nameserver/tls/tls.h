/* SPDX-License-Identifier: ISC */
/*
 * DNS over TLS (RFC 7858) and DNS over HTTPS (RFC 8484) beside a name server's UDP and TCP, from the arguments of its manifest:
 *
 *	static const struct nameserver_options o = NAMESERVER_OPTIONS; (in a function)
 *	return nameserver_serve(&server, &o) ||
 *	       nameserver_tls_serve(server, &o, &(struct nameserver_tls_options)NAMESERVER_TLS_OPTIONS) || nameserver_run();
 *
 * Over HTTPS queries are taken by GET (?dns=, base64url) and POST at /dns-query, by HTTP/2 and HTTP/1.1. Cache-Control is the answer's
 * least TTL. Zones are transferred over TLS as over TCP (RFC 9103), and not over HTTPS. The certificate and its OCSP response may be
 * renewed while it runs (app/tls/secrets.h).
 */
#ifndef NAMESERVER_TLS_TLS_H
#define NAMESERVER_TLS_TLS_H

#include <app/nameserver/nameserver.h>
#include <core/boot.h>

struct nameserver_tls_options {
	struct boot_secret certificate, key; /* PEM; the key is erased once it is read */
	struct boot_secret staple;           /* an OCSP response in DER; null: none */
	uint16_t tls, https;                 /* ports; 0: it is not served so */
};

/* Of the arguments that come with the library. */
#define NAMESERVER_TLS_OPTIONS                                                                     \
	{                                                                                          \
		.certificate = arg_certificate(),                                                  \
		.key = arg_key(),                                                                  \
		.staple = arg_staple(),                                                            \
		.tls = arg_tls(),                                                                  \
		.https = arg_https(),                                                              \
	}

#define NAMESERVER_PATH "/dns-query"

/* To be called once. ERR_INVALID: both ports are 0; and the errors of tls_secrets, dns_serve_over, http_serve_over and http2_enable. One line
 * in the log says why. */
int nameserver_tls_serve(struct dns_server *, const struct nameserver_options *,
                         const struct nameserver_tls_options *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * A web service by HTTPS that gets and renews its certificate by itself (app/acme/acme.h), where names were given at start;
 * without them it is app/web/tls/tls.h's. The manifest adds a block device and servers to ask for names:
 *
 *	libraries: [app/web, app/web/tls, app/web/acme]
 *	blocks: [{name: acme, size: 1M, format: btree, optional: true}]
 *	resolvers: [$resolver]
 *
 *	return web_acme_serve(&server, &(struct web_options)WEB_OPTIONS, &(struct web_tls_options)WEB_TLS_OPTIONS,
 *	                      &(struct web_acme_options)WEB_ACME_OPTIONS) ||
 *	       http_run(server);
 *
 * Until the first certificate is there, handshakes fail. HTTP answers `/.well-known/acme-challenge/`, and does what it does for
 * all else.
 */
#ifndef WEB_ACME_ACME_H
#define WEB_ACME_ACME_H

#include <app/acme/acme.h>
#include <app/web/tls/tls.h>

struct web_acme_options {
	struct acme_options acme; /* tls and challenges are filled in */
	struct boot_secret
	        names; /* in place of acme.domains, which an argument has room for 127 bytes of */
	const char *challenge; /* "any", "http-01", "tls-alpn-01" */
};

/* Of the arguments that come with the library. */
#define WEB_ACME_OPTIONS                                                                           \
	{                                                                                          \
		.acme = {                                                                          \
			.domains = arg_acme_domain(),                                              \
			.terms_agreed = arg_acme_terms(),                                          \
			.contact = arg_acme_contact(),                                             \
			.directory = arg_acme_directory(),                                         \
			.retry_ns = arg_acme_retry(),                                              \
			.authorities = arg_acme_ca(),                                              \
			.binding = arg_acme_binding(),                                             \
			.binding_key = arg_acme_binding_key(),                                     \
		},                                                                                 \
		.names = arg_acme_names(),                                                         \
		.challenge = arg_acme_challenge(),                                                 \
	}

/* As web_tls_serve, and errors of acme_open. ERR_INVALID: names and a certificate are given. To be called once, in a task. */
int web_acme_serve(struct http_server **, const struct web_options *,
                   const struct web_tls_options *, const struct web_acme_options *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * A web service by HTTPS, HTTP/2 and HTTP/1.1, where a certificate was given at start; what comes by HTTP is sent there. Without a
 * certificate it is app/web/web.h's, by HTTP. apps/web is the example.
 *
 *	struct http_server *server;
 *	return web_tls_serve(&server, &(struct web_options)WEB_OPTIONS, &(struct web_tls_options)WEB_TLS_OPTIONS) ||
 *	       http_run(server);
 *
 * `ampoule secret` puts another certificate or OCSP response in place (app/tls/secrets.h). Where a token for renewal was given, too, `PUT /.well-known/ampoule/certificate` by HTTPS with `Authorization: Bearer TOKEN` puts
 * another certificate in place: its body is the chain and its key, in PEM. It is answered 200; 400 if they are not taken (a line in
 * the log says why, and the old ones stay), 401 without the token, and 429 to an address that has tried wrong ones too often.
 */
#ifndef WEB_TLS_TLS_H
#define WEB_TLS_TLS_H

#include <stddef.h>
#include <stdint.h>

#include <app/web/web.h>
#include <core/boot.h>

#define WEB_TLS_TOKEN_MIN   16u
#define WEB_TLS_TOKEN_MAX   256u
#define WEB_TLS_RENEWAL_MAX (128u << 10)         /* bytes of a new chain and key together */
#define WEB_TLS_RENEWAL_NS  (30ull * 1000000000) /* for them to come */
#define WEB_TLS_WRONG_MAX   5u /* tokens that an address may try at once; then one in */
#define WEB_TLS_WRONG_NS    (60ull * 1000000000)

struct web_tls_options {
	struct boot_secret certificate, key; /* PEM; the key is erased once it is read */
	struct boot_secret staple;           /* an OCSP response in DER; null: none */
	struct boot_secret renewal;          /* a Bearer token; null: no renewal that way */
	uint16_t https;                      /* 0: 443 */
	uint16_t redirect; /* the port that clients know HTTPS by; 0: nobody is sent there */
	uint64_t hsts_ns;  /* Strict-Transport-Security (RFC 6797); below a second: none */
};

/* Of the arguments that come with the library. */
#define WEB_TLS_OPTIONS                                                                            \
	{                                                                                          \
		.certificate = arg_certificate(),                                                  \
		.key = arg_key(),                                                                  \
		.staple = arg_staple(),                                                            \
		.renewal = arg_renewal(),                                                          \
		.https = arg_https(),                                                              \
		.redirect = arg_redirect(),                                                        \
		.hsts_ns = arg_hsts(),                                                             \
	}

/*
 * The server is that of HTTPS, or of HTTP without a certificate. Of HTTP beside HTTPS, port 0 is none. To be called once. ERR_INVALID:
 * a token that is too short, a key without a certificate; ERR_EXISTS: once more; and the errors of tls_open, tls_certificate,
 * http2_enable and web_serve. One line in the log says why.
 */
int web_tls_serve(struct http_server **, const struct web_options *,
                  const struct web_tls_options *);

/* As tls_certificate_renew, for what comes by another way. ERR_ABSENT: there is no HTTPS. */
int web_tls_renew(const char *chain, size_t chain_size, const char *key, size_t key_size);

#endif

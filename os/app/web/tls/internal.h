/* SPDX-License-Identifier: ISC */
#ifndef WEB_TLS_INTERNAL_H
#define WEB_TLS_INTERNAL_H

#include <app/web/tls/tls.h>

struct tls;

/* Listens by HTTP and sends everybody to the port of HTTPS, with their path and query. */
int web_tls_redirect(struct http_server **, const struct web_options *, uint16_t port);

/* A struct tls that speaks for all versions of HTTP; it has no certificate yet. */
int web_tls_open(struct tls **);
/* The site by HTTPS, and what is beside it by HTTP: null, if that is nothing. */
int web_tls_listen(struct http_server **https, struct http_server **http, struct tls *,
                   const struct web_options *, const struct web_tls_options *);

/* Takes another certificate from who has the token. ERR_INVALID: it is none. */
int web_tls_renewal(struct http_server *, struct boot_secret token);

#endif

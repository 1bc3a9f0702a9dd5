/* SPDX-License-Identifier: ISC */
#ifndef WEB_TLS_INTERNAL_H
#define WEB_TLS_INTERNAL_H

#include <app/web/tls/tls.h>

/* Listens by HTTP and sends everybody to the port of HTTPS, with their path and query. */
int web_tls_redirect(const struct web_options *, uint16_t port);

/* Takes another certificate from who has the token. ERR_INVALID: it is none. */
int web_tls_renewal(struct http_server *, struct boot_secret token);

#endif

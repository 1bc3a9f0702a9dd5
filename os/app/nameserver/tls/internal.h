/* SPDX-License-Identifier: ISC */
#ifndef NAMESERVER_TLS_INTERNAL_H
#define NAMESERVER_TLS_INTERNAL_H

#include <app/http/http.h>
#include <app/nameserver/tls/tls.h>

/* Queries by GET and POST (https.c). */
int nameserver_tls_route(struct http_server *, struct dns_server *);

#endif

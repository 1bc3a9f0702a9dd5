/* SPDX-License-Identifier: ISC */
/*
 * What a request says of who asks: names and passwords (Basic, RFC 7617) and tokens (Bearer, RFC 6750). Both are readable for
 * whoever listens: serve them over TLS. Compare them by bytes_same (core/sha256.h), and count wrong ones (limit.h).
 */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <app/http/http.h>

/* ERR_ABSENT: it says none. ERR_MALFORMED: no base64, no colon, or a control character in it; ERR_TOO_BIG. Both get a NUL. */
int http_basic(const struct http_exchange *, char *user, uint32_t user_room, char *password,
               uint32_t password_room);
/* The token, where it lies in the request; null bytes: there is none, or what is there has other bytes than a token may. */
struct http_text http_bearer(const struct http_exchange *);

/* Answers 401 with what is wanted. The realm is a text without quotes and backslashes, for people. ERR_INVALID: it is not. */
int http_demand_basic(struct http_exchange *, const char *realm);
/* `error`: null if the request had no token, or "invalid_token" and the like of RFC 6750 §3.1. */
int http_demand_bearer(struct http_exchange *, const char *realm, const char *error);

#endif

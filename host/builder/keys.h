/* SPDX-License-Identifier: ISC */
/* Private keys among bytes: whoever has an image would have them, so that none is compiled in. */
#ifndef BUILD_KEYS_H
#define BUILD_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* What the first one is ("a private key in PEM"), and where; null: there is none. Finds PEM of any kind (RFC 7468), PKCS #8
 * (RFC 5958), RSA's own form (RFC 8017 A.1.2) and that of elliptic curves (RFC 5915); not what is compressed or encrypted
 * as a whole. */
const char *keys_find(const uint8_t *bytes, size_t size, size_t *at);

/* How to hand one over instead, for messages. */
#define KEYS_INSTEAD                                                                               \
	"make it an argument (`key: {type: secret}`) and hand it over at start: `ampoule run "     \
	"--set "                                                                                   \
	"key=@FILE`"

#endif

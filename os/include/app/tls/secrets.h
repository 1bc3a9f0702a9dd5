/* SPDX-License-Identifier: ISC */
/*
 * A server's certificate from the secrets of its image, as they are given at the start and as `ampoule secret` hands new ones over while
 * it runs (core/secret.h; their arguments are `renewable: true`):
 *
 *	struct tls_secrets s = { .certificate = arg_certificate(), .key = arg_key(), .staple = arg_staple() };
 *	tls_secrets(tls, "site", &s);
 *	boot_secret_erase(s.key);
 */
#ifndef TLS_SECRETS_H
#define TLS_SECRETS_H

#include <app/tls/tls.h>
#include <core/boot.h>

struct tls_secrets {
	struct boot_secret certificate, key;
	struct boot_secret staple; /* tls_staple's; null bytes: none yet */
};

/*
 * tls_certificate and tls_staple of what was given. A response that cannot be stapled is no error: a line in the log says why. From then on
 * a new certificate with its key takes their place (tls_certificate_renew), and a new response that of the one before; what
 * came without the other is refused. ERR_MEMORY, and tls_certificate's errors.
 */
int tls_secrets(struct tls *, const char *name, const struct tls_secrets *);

#endif

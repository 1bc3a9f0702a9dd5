/* SPDX-License-Identifier: ISC */
/*
 * A memcached through TLS, and not in clear, from the arguments of its manifest:
 *
 *	struct kv_options o = KV_OPTIONS;
 *	return kv_tls_serve(&o, &(struct kv_tls_options)KV_TLS_OPTIONS) || kv_run();
 *
 * Who has `authorities` shows only clients with a certificate of theirs in. The certificate and its OCSP response may be renewed while
 * it runs (app/tls/secrets.h).
 */
#ifndef KV_TLS_TLS_H
#define KV_TLS_TLS_H

#include <app/kv/kv.h>
#include <core/boot.h>

struct kv_tls_options {
	struct boot_secret certificate, key; /* PEM; the key is erased once it is read */
	struct boot_secret staple;           /* an OCSP response in DER; null: none */
	struct boot_secret
	        authorities; /* PEM: who signs clients' certificates; null: clients need none */
};

/* Of the arguments that come with the library. */
#define KV_TLS_OPTIONS                                                                             \
	{                                                                                          \
		.certificate = arg_certificate(),                                                  \
		.key = arg_key(),                                                                  \
		.staple = arg_staple(),                                                            \
		.authorities = arg_authorities(),                                                  \
	}

/* As kv_serve, and the errors of tls_open and tls_secrets. */
int kv_tls_serve(const struct kv_options *, const struct kv_tls_options *);

#endif

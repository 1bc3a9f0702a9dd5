/* SPDX-License-Identifier: ISC */
#include <app/kv/tls/tls.h>

#include <app/tls/secrets.h>
#include <core/error.h>

int kv_tls_serve(const struct kv_options *o, const struct kv_tls_options *t)
{
	static const char *const protocols[] = { "memcache", NULL };
	const struct tls_options options = { .protocols = protocols,
		                             .clients = t->authorities.bytes ? TLS_CLIENTS_VERIFIED
		                                                             : TLS_CLIENTS_ANY,
		                             .authorities = t->authorities.bytes,
		                             .authorities_size = t->authorities.size };
	const struct tls_secrets secrets = { .certificate = t->certificate,
		                             .key = t->key,
		                             .staple = t->staple };
	struct kv_options over = *o;
	struct tls *tls;
	int error = tls_open(&tls, &options);
	error = error ? error : tls_secrets(tls, "certificate and key", &secrets);
	boot_secret_erase(t->key);
	if (error)
		return error;
	over.memcache.layer = &tls_layer;
	over.memcache.layer_context = tls;
	return kv_serve(&over);
}

/* SPDX-License-Identifier: ISC */
/* A certificate of secrets, and their new versions. */
#include <app/tls/secrets.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/secret.h>

struct renewal { /* as long as the context, which is as long as the image */
	struct secret_listener listener;
	struct tls *tls;
	const char *name;
	struct boot_secret certificate, key, staple; /* which arguments they are */
};

static int renewed(struct secret_listener *l)
{
	struct renewal *r = container_of(l, struct renewal, listener);
	struct boot_secret chain = secret_renewed(r->certificate), key = secret_renewed(r->key),
	                   staple = secret_renewed(r->staple);
	bool has_staple = r->staple.arg != r->certificate.arg && staple.bytes;
	if (!chain.bytes != !key.bytes) {
		log_error("tls",
		          "%s: the %s came alone: hand over a certificate and its key at once",
		          r->name, chain.bytes ? "certificate" : "key");
		return ERR_INVALID;
	}
	int error = chain.bytes ? tls_certificate_renew(r->tls, r->name, chain.bytes, chain.size,
	                                                key.bytes, key.size)
	                        : OK;
	if (!error && chain.bytes)
		log_info("tls", "%s: another certificate is in place", r->name);
	return error || !has_staple ? error
	                            : tls_staple(r->tls, r->name, staple.bytes, staple.size);
}

int tls_secrets(struct tls *t, const char *name, const struct tls_secrets *s)
{
	int error = tls_certificate(t, name, s->certificate.bytes, s->certificate.size,
	                            s->key.bytes, s->key.size);
	if (error)
		return error;
	struct renewal *r = heap_alloc_zero(1, sizeof *r);
	if (!r)
		return ERR_MEMORY;
	*r = (struct renewal){ .listener.renewed = renewed,
		               .tls = t,
		               .name = name,
		               .certificate = s->certificate,
		               .key = s->key,
		               .staple = s->staple };
	secret_listen(&r->listener);
	if (s->staple.bytes)
		tls_staple(t, name, s->staple.bytes, s->staple.size);
	return OK;
}

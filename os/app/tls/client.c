/* SPDX-License-Identifier: ISC */
/* Whom clients trust, and who they are. */
#include <app/tls/client_internal.h>

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

/* ---- Verification ---- */

/* The subject as RFC 2253 writes it is one of those. */
static bool is_revoked(const struct tls_client *c, const X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());
	const char *text = NULL;
	bool found = true; /* for want of memory, too */
	if (out && X509_NAME_print_ex(out, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
		size_t size = (size_t)BIO_get_mem_data(out, &text);
		const char *const *name = c->options.revoked;
		while (*name && (strlen(*name) != size || (size && memcmp(*name, text, size) != 0)))
			name++;
		found = *name;
	}
	BIO_free(out);
	return found;
}

/* For each certificate of the chain: a good one may still be on the list. */
static int look(int fine, X509_STORE_CTX *chain)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const X509 *x = X509_STORE_CTX_get_current_cert(chain);
	if (!fine || !c->options.revoked || !x || !is_revoked(c, x))
		return fine;
	X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REVOKED);
	return 0;
}

/* ---- Sessions ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_stream *s = SSL_get_app_data(ssl);
	tls_sessions_put(&s->client->sessions, s->host, s->port, session);
	return 1; /* it is ours */
}

/* ---- Contexts ---- */

static int trust(struct tls_client *c)
{
	const struct tls_client_options *o = &c->options;
	const char *text = o->authorities;
	size_t size = o->authorities_size;
	if (!text) {
		text = (const char *)tls_authorities_file.data;
		size = tls_authorities_file.size;
	}
	if (!size && !o->authorities) {
		log_error("tls", "the image has no authorities: name a file of them in its "
		                 "manifest (ca: FILE)");
		return ERR_ABSENT;
	}
	int error = tls_authorities_read(&c->authorities, text, size);
	return error ? error : tls_authorities_use(&c->authorities, c->context) ? OK : ERR_MEMORY;
}

static int offer(struct tls_client *c)
{
	struct tls_protocols p;
	if (!c->options.protocols)
		return OK;
	if (!tls_protocols_list(&p, c->options.protocols) || !p.size)
		return ERR_INVALID;
	return SSL_CTX_set_alpn_protos(c->context, p.bytes, p.size) ? ERR_MEMORY : OK;
}

static int make_context(struct tls_client *c)
{
	c->context = SSL_CTX_new(TLS_client_method());
	if (!c->context || !tls_context_begin(c->context))
		return ERR_MEMORY;
	SSL_CTX_set_app_data(c->context, c);
	SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, look);
	X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(c->context),
	                                X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!c->options.no_sessions) {
		SSL_CTX_set_session_cache_mode(c->context,
		                               SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(c->context, keep_session);
	}
	int error = offer(c);
	return error ? error : trust(c);
}

int tls_client_open(struct tls_client **to, const struct tls_client_options *o)
{
	static const struct tls_client_options none;
	struct tls_client *c = heap_alloc_zero(1, sizeof *c);
	if (!c)
		return ERR_MEMORY;
	c->options = o ? *o : none;
	if (!c->options.handshake_ns)
		c->options.handshake_ns = TLS_CLIENT_HANDSHAKE_NS;
	tls_sessions_start(&c->sessions, c->options.sessions_max ? c->options.sessions_max
	                                                         : TLS_CLIENT_SESSIONS_MAX);
	int error = tls_engine_start() ? make_context(c) : ERR_MEMORY;
	if (!error && !(c->method = tls_stream_method()))
		error = ERR_MEMORY;
	ERR_clear_error();
	if (error) {
		tls_client_close(c);
		return error;
	}
	if (metric_shown)
		tls_client_metrics_add(c);
	*to = c;
	return OK;
}

void tls_client_close(struct tls_client *c)
{
	if (!c)
		return;
	metric_forget(&c->metrics);
	tls_sessions_forget(&c->sessions);
	SSL_CTX_free(c->context);
	tls_authorities_forget(&c->authorities);
	BIO_meth_free(c->method);
	heap_free(c);
}

int tls_client_certificate(struct tls_client *c, const char *name, const char *chain,
                           size_t chain_size, const char *key, size_t key_size)
{
	struct tls_pair p;
	int error = tls_pair_read(&p, name, chain, chain_size, key, key_size);
	if (error)
		return error;
	error = tls_pair_use(c->context, name, &p);
	tls_pair_forget(&p);
	tls_sessions_forget(&c->sessions); /* they are the certificate's that was shown */
	return error;
}

const char *tls_client_reason(const struct tls_client *c)
{
	return c->reason;
}

void tls_client_counters(const struct tls_client *c, struct tls_client_counters *to)
{
	*to = c->counters;
}

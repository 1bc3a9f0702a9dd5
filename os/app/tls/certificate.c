/* SPDX-License-Identifier: ISC */
/* A certificate and its key, from texts. What is wrong with them is told in one line. */
#define _GNU_SOURCE /* memmem */
#include <app/tls/internal.h>

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

void tls_pair_forget(struct tls_pair *p)
{
	X509_free(p->own);
	sk_X509_pop_free(p->others, X509_free);
	EVP_PKEY_free(p->key);
	*p = (struct tls_pair){ .own = NULL };
}

/* No pass phrase is ever asked for. */
static int no_phrase(char *to, int size, int writes, void *context)
{
	(void)to, (void)size, (void)writes;
	*(bool *)context = true;
	return -1;
}

static bool has(const char *text, size_t size, const char *what)
{
	return memmem(text, size, what, strlen(what)) != NULL;
}

static int read_chain(struct tls_pair *p, const char *name, const char *text, size_t size)
{
	BIO *in = BIO_new_mem_buf(text, (int)size);
	X509 *x = NULL;
	p->others = sk_X509_new_null();
	if (!in || !p->others) {
		BIO_free(in);
		return ERR_MEMORY;
	}
	p->own = PEM_read_bio_X509(in, NULL, NULL, NULL);
	while (p->own && sk_X509_num(p->others) < (int)TLS_CHAIN_MAX &&
	       (x = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (!sk_X509_push(p->others, x))
			X509_free(x);
	BIO_free(in);
	unsigned long error = ERR_peek_last_error();
	bool is_end = ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
	if (p->own && is_end) {
		ERR_clear_error();
		return OK;
	}
	if (p->own && sk_X509_num(p->others) >= (int)TLS_CHAIN_MAX)
		log_error("tls", "%s: more than %u certificates", name, TLS_CHAIN_MAX);
	else if (!p->own && is_end)
		log_error("tls",
		          "%s: no certificate in it; it is PEM, and begins with -----BEGIN "
		          "CERTIFICATE-----%s",
		          name, has(text, size, "PRIVATE KEY") ? ": this is a key" : "");
	else
		log_error("tls", "%s: certificate %d cannot be read: %s", name,
		          p->own ? sk_X509_num(p->others) + 2 : 1, tls_reason());
	ERR_clear_error();
	return ERR_MALFORMED;
}

static int read_key(struct tls_pair *p, const char *name, const char *text, size_t size)
{
	bool is_locked = false;
	BIO *in = BIO_new_mem_buf(text, (int)size);
	if (!in)
		return ERR_MEMORY;
	p->key = PEM_read_bio_PrivateKey(in, NULL, no_phrase, &is_locked);
	BIO_free(in);
	if (p->key) {
		ERR_clear_error();
		return OK;
	}
	is_locked |= has(text, size, "ENCRYPTED");
	if (is_locked)
		log_error("tls",
		          "%s: the private key is locked by a pass phrase; `openssl pkey` takes it "
		          "off",
		          name);
	else if (!has(text, size, "PRIVATE KEY"))
		log_error("tls",
		          "%s: no private key in it; it is PEM, and begins with -----BEGIN PRIVATE "
		          "KEY-----%s",
		          name, has(text, size, "CERTIFICATE") ? ": this is a certificate" : "");
	else
		log_error("tls", "%s: the private key cannot be read: %s", name, tls_reason());
	ERR_clear_error();
	return ERR_MALFORMED;
}

/* "2026-11-29" of a time in a certificate. */
static const char *date(const ASN1_TIME *t, char to[16])
{
	struct tm tm;
	if (!ASN1_TIME_to_tm(t, &tm))
		return "a time that cannot be read";
	snprintf(to, 16, "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday);
	return to;
}

/* False: it has expired. */
static bool look_at_dates(const char *name, const X509 *x)
{
	char text[16];
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0) {
		log_error("tls", "%s: the certificate has expired on %s: clients will refuse it",
		          name, date(X509_get0_notAfter(x), text));
		return false;
	}
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		log_error("tls",
		          "%s: the certificate is not valid before %s: clients will refuse it",
		          name, date(X509_get0_notBefore(x), text));
	return true;
}

int tls_pair_use(SSL_CTX *c, const char *name, const struct tls_pair *p)
{
	if (SSL_CTX_use_cert_and_key(c, p->own, p->key, p->others, 1) == 1)
		return OK;
	log_error("tls", "%s: the certificate cannot be used: %s", name, tls_reason());
	return ERR_INVALID;
}

int tls_pair_read(struct tls_pair *p, const char *name, const char *chain, size_t chain_size,
                  const char *key, size_t key_size)
{
	*p = (struct tls_pair){ .own = NULL };
	if (!chain_size || !key_size) {
		log_error("tls", "%s: no %s was given", name,
		          chain_size ? "private key" : "certificate");
		return ERR_MALFORMED;
	}
	ERR_clear_error();
	int error = read_chain(p, name, chain, chain_size);
	error = error ? error : read_key(p, name, key, key_size);
	if (!error && X509_check_private_key(p->own, p->key) != 1) {
		ERR_clear_error();
		log_error("tls", "%s: the private key is not the one of this certificate", name);
		error = ERR_INVALID;
	}
	if (error) {
		tls_pair_forget(p);
		return error;
	}
	return OK;
}

/* Certificate i of the server is that pair from now on: what was there goes when the last connection that has it ends. */
static int put(struct tls *t, uint32_t i, const char *name, struct tls_pair *p)
{
	SSL_CTX *c = tls_context_new(t);
	int error = c ? tls_pair_use(c, name, p) : ERR_MEMORY;
	if (error) {
		SSL_CTX_free(c);
		return error;
	}
	heap_free(t->staples[i].bytes); /* it is about the one before */
	t->staples[i] = (struct tls_staple){ .bytes = NULL };
	SSL_CTX_free(t->contexts[i]);
	X509_free(t->certificates[i]);
	t->contexts[i] = c;
	t->certificates[i] = p->own;
	t->names[i] = name;
	p->own = NULL;
	return OK;
}

int tls_certificate(struct tls *t, const char *name, const char *chain, size_t chain_size,
                    const char *key, size_t key_size)
{
	struct tls_pair p;
	if (t->count == TLS_CERTIFICATES_MAX)
		return ERR_TOO_BIG;
	int error = tls_pair_read(&p, name, chain, chain_size, key, key_size);
	if (error)
		return error;
	look_at_dates(name, p.own);
	error = put(t, t->count, name, &p);
	t->count += !error;
	tls_pair_forget(&p);
	return error;
}

int tls_certificate_renew(struct tls *t, const char *name, const char *chain, size_t chain_size,
                          const char *key, size_t key_size)
{
	struct tls_pair p;
	uint32_t i = 0;
	while (i < t->count && strcmp(t->names[i], name) != 0)
		i++;
	if (i == t->count)
		return ERR_ABSENT;
	int error = tls_pair_read(&p, name, chain, chain_size, key, key_size);
	if (!error)
		error = look_at_dates(name, p.own) ? put(t, i, t->names[i], &p) : ERR_INVALID;
	if (error)
		log_error("tls", "%s: the certificate before stays in use", name);
	tls_pair_forget(&p);
	return error;
}

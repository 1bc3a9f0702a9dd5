/* SPDX-License-Identifier: ISC */
/*
 * Authorities: a text with a hundred certificates and more, of which a client needs two or three. So a list is kept of where in the text
 * whose certificate is, by a hash of its subject, and one is made an object when a chain first names it. OpenSSL keeps it from then on.
 */
#include <app/tls/client_internal.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define LIST_FIRST 64u

static X509 *read_at(const struct tls_authorities *a, uint32_t at)
{
	BIO *in = BIO_new_mem_buf(a->text + at, (int)(a->size - at));
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	BIO_free(in);
	return x;
}

static bool hash_name(const X509_NAME *name, uint32_t *to)
{
	int fine = 0;
	*to = (uint32_t)X509_NAME_hash_ex(name, NULL, NULL, &fine);
	return fine;
}

static bool add(struct tls_authorities *a, const X509 *x, uint32_t at)
{
	if (a->count % LIST_FIRST == 0) {
		struct tls_authority *more =
		        heap_resize(a->list, (a->count + LIST_FIRST) * sizeof *more);
		if (!more)
			return false;
		a->list = more;
	}
	a->list[a->count].at = at;
	return hash_name(X509_get_subject_name(x), &a->list[a->count++].name);
}

int tls_authorities_read(struct tls_authorities *a, const char *text, size_t size)
{
	BIO *in = size <= INT32_MAX ? BIO_new_mem_buf(text, (int)size) : NULL;
	bool fine = in != NULL;
	X509 *x;
	*a = (struct tls_authorities){ .text = text, .size = (uint32_t)size };
	ERR_clear_error();
	for (uint32_t at = 0; fine && (x = PEM_read_bio_X509(in, NULL, NULL, NULL));) {
		fine = add(a, x, at);
		X509_free(x);
		at = a->size - (uint32_t)BIO_ctrl_pending(in);
	}
	BIO_free(in);
	if (!fine)
		return ERR_MEMORY;
	bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	if (is_end && a->count) {
		ERR_clear_error();
		return OK;
	}
	if (is_end)
		log_error("tls",
		          "authorities: no certificate in PEM (-----BEGIN CERTIFICATE-----)");
	else
		log_error("tls", "authorities: certificate %u cannot be read: %s", a->count + 1,
		          tls_reason());
	ERR_clear_error();
	return ERR_MALFORMED;
}

void tls_authorities_forget(struct tls_authorities *a)
{
	heap_free(a->list);
	X509_LOOKUP_meth_free(a->method);
	a->list = NULL;
	a->method = NULL;
}

/* OpenSSL has none of that name yet: all that are so named go into its store, and one is the answer. */
static int find(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *to)
{
	const struct tls_authorities *a = X509_LOOKUP_get_method_data(lookup);
	uint32_t hash;
	int found = 0;
	if (type != X509_LU_X509 || !hash_name(name, &hash))
		return 0;
	for (uint32_t i = 0; i < a->count; i++) {
		X509 *x = a->list[i].name == hash ? read_at(a, a->list[i].at) : NULL;
		if (x && X509_NAME_cmp(X509_get_subject_name(x), name) == 0 &&
		    X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), x) && !found &&
		    X509_OBJECT_set1_X509(to, x)) {
			found = 1;
			X509_free(
			        x); /* its reader takes a reference of its own: the store's holds until then */
		}
		X509_free(x);
	}
	return found;
}

bool tls_authorities_use(struct tls_authorities *a, SSL_CTX *c)
{
	a->method = X509_LOOKUP_meth_new("ampoule");
	if (!a->method || !X509_LOOKUP_meth_set_get_by_subject(a->method, find))
		return false;
	X509_LOOKUP *lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(c), a->method);
	return lookup && X509_LOOKUP_set_method_data(lookup, a);
}

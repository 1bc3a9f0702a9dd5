/* SPDX-License-Identifier: ISC */
/*
 * OCSP stapling (RFC 6066 §8, RFC 8446 §4.4.2.1): a response of the authority's (RFC 6960) that the server shows beside its certificate. It is
 * checked when it is given, and shown until its time is over.
 */
#include <app/tls/internal.h>

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define SKEW_S 300 /* that clocks may differ by */

static const char expired[] = "its time is over: ask the authority for another one";

/* ---- What is shown ---- */

static int show(SSL *ssl, void *context)
{
	struct tls *t = context;
	const SSL_CTX *c = SSL_get_SSL_CTX(ssl);
	uint32_t i = 0;
	/* One that was renewed meanwhile has none. */
	while (i < t->count && t->contexts[i] != c)
		i++;
	const struct tls_staple *s = i < t->count ? &t->staples[i] : NULL;
	if (!s || !s->bytes || time(NULL) > s->until)
		return SSL_TLSEXT_ERR_NOACK;
	uint8_t *copy = OPENSSL_memdup(s->bytes, s->size);
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->size); /* which is its own now */
	t->counters.stapled++;
	return SSL_TLSEXT_ERR_OK;
}

void tls_staple_forget(struct tls_staple *s)
{
	heap_free(s->bytes);
	*s = (struct tls_staple){ .bytes = NULL };
}

/* ---- What is given ---- */

/* By serial number and the issuer's name; its key is looked at where the response is verified. */
static bool is_of(const OCSP_SINGLERESP *one, const X509 *own)
{
	ASN1_OCTET_STRING *name;
	ASN1_OBJECT *algorithm;
	ASN1_INTEGER *serial;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(one);
	OCSP_id_get0_info(&name, &algorithm, NULL, &serial, id);
	if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(own)))
		return false;
	EVP_MD *md = EVP_MD_fetch(NULL, OBJ_nid2sn(OBJ_obj2nid(algorithm)), NULL);
	bool fine = md && X509_NAME_digest(X509_get_issuer_name(own), md, hash, &size) &&
	            (int)size == ASN1_STRING_length(name) &&
	            !memcmp(hash, ASN1_STRING_get0_data(name), size);
	EVP_MD_free(md);
	return fine;
}

/* By the certificate's issuer, or by who has its leave (RFC 6960 §4.2.2.2). */
static bool is_signed(OCSP_BASICRESP *basic, SSL_CTX *c)
{
	STACK_OF(X509) *chain = NULL;
	SSL_CTX_get0_chain_certs(c, &chain);
	if (!chain || !sk_X509_num(chain))
		return true; /* there is nobody to ask: clients do */
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *issuer = sk_X509_new_null();
	bool fine = store && issuer && sk_X509_push(issuer, sk_X509_value(chain, 0)) &&
	            X509_STORE_add_cert(store, sk_X509_value(chain, 0)) &&
	            X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) &&
	            OCSP_basic_verify(basic, issuer, store, OCSP_TRUSTOTHER) == 1;
	sk_X509_free(issuer);
	X509_STORE_free(store);
	return fine;
}

static bool until_of(const ASN1_GENERALIZEDTIME *next, int64_t *until)
{
	struct tm tm;
	if (!next || !ASN1_TIME_to_tm(next, &tm))
		return false;
	*until = timegm(&tm);
	return true;
}

/* What is wrong with it, in words; null: nothing. */
static const char *check_one(OCSP_BASICRESP *basic, const X509 *own, int64_t *until)
{
	OCSP_SINGLERESP *one = NULL;
	ASN1_GENERALIZEDTIME *now, *next;
	for (int k = 0; k < OCSP_resp_count(basic) && !one; k++)
		if (is_of(OCSP_resp_get0(basic, k), own))
			one = OCSP_resp_get0(basic, k);
	if (!one)
		return "it is another certificate's";
	int status = OCSP_single_get0_status(one, NULL, NULL, &now, &next);
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return "it says that the certificate is revoked";
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return "it says that the authority does not know the certificate";
	if (!until_of(next, until))
		return "it does not say until when it is good";
	if (X509_cmp_time(now, &(time_t){ time(NULL) + SKEW_S }) > 0)
		return "its time has not come yet";
	return time(NULL) > *until ? expired : NULL;
}

static const char *check(const uint8_t *bytes, size_t size, SSL_CTX *c, const X509 *own,
                         int64_t *until)
{
	const uint8_t *at = bytes;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
	if (!response || at != bytes + size) {
		OCSP_RESPONSE_free(response);
		return "it is no OCSP response in DER, as `openssl ocsp -respout FILE` writes it";
	}
	OCSP_BASICRESP *basic = OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL
	                                ? OCSP_response_get1_basic(response)
	                                : NULL;
	const char *wrong =
	        basic ? check_one(basic, own, until) : "the authority has answered by an error";
	if (!wrong && !is_signed(basic, c))
		wrong = "it is not signed by the certificate's authority";
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return wrong;
}

int tls_staple(struct tls *t, const char *name, const void *bytes, size_t size)
{
	int64_t until = 0;
	uint32_t i = 0;
	while (i < t->count && strcmp(t->names[i], name) != 0)
		i++;
	if (i == t->count)
		return ERR_ABSENT;
	ERR_clear_error();
	const char *wrong = size > TLS_STAPLE_MAX ? "it is longer than 16 KiB"
	                                          : check(bytes, size, t->contexts[i],
	                                                  t->certificates[i], &until);
	ERR_clear_error();
	if (wrong) {
		log_error("tls", "%s: the OCSP response is not stapled: %s", name, wrong);
		return wrong == expired ? ERR_TIMEOUT : ERR_INVALID;
	}
	uint8_t *copy = heap_alloc(size);
	if (!copy)
		return ERR_MEMORY;
	memcpy(copy, bytes, size);
	tls_staple_forget(&t->staples[i]);
	t->staples[i] =
	        (struct tls_staple){ .bytes = copy, .size = (uint32_t)size, .until = until };
	SSL_CTX_set_tlsext_status_arg(t->contexts[i], t);
	SSL_CTX_set_tlsext_status_cb(t->contexts[i], show);
	return OK;
}

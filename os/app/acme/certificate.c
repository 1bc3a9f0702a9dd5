/* SPDX-License-Identifier: ISC */
/* What an authority has signed, or what lay on a device: is it what was asked for, and for how long? */
#include <app/acme/internal.h>

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <core/error.h>
#include <core/log.h>

#include <app/tls/internal.h>

#define SERIAL_MAX 20u /* RFC 5280 §4.1.2.2 */

static bool read_time(const ASN1_TIME *t, int64_t *to)
{
	struct tm tm;
	if (!ASN1_TIME_to_tm(t, &tm))
		return false;
	*to = acme_time(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	                tm.tm_sec);
	return true;
}

/* RFC 9773 §4.1: the signer's key identifier, a dot, and the serial number as DER has it. */
static void print_id(char to[ACME_ID_MAX], const X509 *x)
{
	const ASN1_OCTET_STRING *signer = X509_get0_authority_key_id((X509 *)x);
	uint8_t serial[SERIAL_MAX + 8], *end = serial;
	int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), NULL);
	to[0] = '\0';
	if (!signer || ASN1_STRING_length(signer) < 1 || ASN1_STRING_length(signer) > 32 ||
	    size < 3 || size > (int)SERIAL_MAX + 2)
		return;
	i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &end);
	uint32_t n = acme_base64url_print(to, ASN1_STRING_get0_data(signer),
	                                  (uint32_t)ASN1_STRING_length(signer));
	to[n++] = '.';
	acme_base64url_print(to + n, serial + 2, (uint32_t)size - 2);
}

static int look_at_names(const X509 *x, const struct acme_names *names)
{
	for (uint32_t k = 0; k < names->count; k++) {
		if (X509_check_host((X509 *)x, names->at[k], 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
		                    NULL) != 1) {
			ERR_clear_error();
			log_error("acme", "the certificate is not for %s", names->at[k]);
			return ERR_INVALID;
		}
	}
	return OK;
}

int acme_certificate_look(struct acme_life *to, const char *chain, uint32_t chain_size,
                          const char *key, uint32_t key_size, const struct acme_names *names)
{
	struct tls_pair p;
	char text[ACME_TIME_TEXT];
	int64_t now = acme_now();
	int error = tls_pair_read(&p, "acme", chain, chain_size, key, key_size);
	if (error)
		return error;
	error = look_at_names(p.own, names);
	if (!error && (!read_time(X509_get0_notBefore(p.own), &to->from) ||
	               !read_time(X509_get0_notAfter(p.own), &to->to) || to->to <= to->from)) {
		log_error("acme", "the certificate has no span of time in which it is good");
		error = ERR_INVALID;
	}
	if (!error && to->to <= now) {
		log_error("acme", "the certificate was good until %s",
		          acme_time_print(text, to->to));
		log_error("acme", "the clock says %s: if that is wrong, set the host's",
		          acme_time_print(text, now));
		error = ERR_INVALID;
	}
	if (!error)
		print_id(to->id, p.own);
	tls_pair_forget(&p);
	return error;
}

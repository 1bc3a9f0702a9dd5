/* SPDX-License-Identifier: ISC */
/*
 * TLS-ALPN-01 (RFC 8737): who asks for the protocol acme-tls/1 and a name that is being validated is shown a certificate made for
 * that, and nothing else of the server. And a server that has no certificate yet. Nothing of this is in an image without app/acme.
 */
#include <app/tls/internal.h>

#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include <core/bytes.h>
#include <core/error.h>
#include <core/log.h>

#define HOST_NAME_SIZE 254u

static const uint8_t protocol[] = "\x0a"
                                  "acme-tls/1"; /* RFC 7301 §3.1's form */
#define PROTOCOL_SIZE (sizeof protocol - 1)

static SSL_CTX *shown; /* null: nothing is validated now */
static char shown_name[HOST_NAME_SIZE];

/* It asks for that protocol alone, as RFC 8737 §3 has it. */
static bool asks(SSL *ssl)
{
	const unsigned char *bytes;
	size_t size;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
	                              &bytes, &size) != 1)
		return false;
	struct bytes_in in = bytes_in(bytes, size);
	return bytes_get_u16(&in) == PROTOCOL_SIZE && bytes_left(&in) == PROTOCOL_SIZE &&
	       memcmp(bytes + 2, protocol, PROTOCOL_SIZE) == 0;
}

/* RFC 6066 §3: a list of names, of which there may be one of hosts. */
static bool names_it(SSL *ssl)
{
	const unsigned char *bytes;
	size_t size, length = strlen(shown_name);
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1)
		return false;
	struct bytes_in in = bytes_in(bytes, size);
	bool whole = bytes_get_u16(&in) == bytes_left(&in) &&
	             bytes_get_u8(&in) == TLSEXT_NAMETYPE_host_name;
	uint16_t n = bytes_get_u16(&in);
	return whole && !in.failed && n == length && bytes_left(&in) == n &&
	       strncasecmp((const char *)bytes + 5, shown_name, length) == 0;
}

static int look(SSL *ssl, int *alert, void *context)
{
	(void)context;
	if (!asks(ssl))
		return SSL_CLIENT_HELLO_SUCCESS;
	if (shown && names_it(ssl) && SSL_set_SSL_CTX(ssl, shown))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_CLIENT_HELLO_ERROR;
}

static int agree(SSL *ssl, const unsigned char **to, unsigned char *size,
                 const unsigned char *offered, unsigned offered_size, void *context)
{
	(void)ssl, (void)offered, (void)offered_size, (void)context;
	*to = protocol + 1; /* it was looked at before (look) */
	*size = PROTOCOL_SIZE - 1;
	return SSL_TLSEXT_ERR_OK;
}

static int keep_certificate(SSL *ssl, int *alert, void *context)
{
	(void)ssl, (void)alert, (void)context;
	return SSL_TLSEXT_ERR_OK;
}

void tls_validation_watch(SSL_CTX *c)
{
	SSL_CTX_set_client_hello_cb(c, look, NULL);
}

bool tls_validation_is(const SSL *ssl)
{
	const unsigned char *agreed = NULL;
	unsigned size = 0;
	SSL_get0_alpn_selected(ssl, &agreed, &size);
	return size == PROTOCOL_SIZE - 1 && memcmp(agreed, protocol + 1, size) == 0;
}

int tls_validation_begin(struct tls *t)
{
	if (t->contexts[0])
		return ERR_EXISTS;
	t->contexts[0] = tls_context_new(t);
	return t->contexts[0] ? OK : ERR_MEMORY;
}

void tls_validation_hide(struct tls *t)
{
	(void)t;
	SSL_CTX_free(shown);
	shown = NULL;
}

int tls_validation_show(struct tls *t, const char *name, const uint8_t *certificate, uint32_t size,
                        EVP_PKEY *key)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	X509 *x = d2i_X509(NULL, &certificate, (long)size);
	bool fine = c && x && strlen(name) < sizeof shown_name && tls_context_begin(c) &&
	            SSL_CTX_use_cert_and_key(c, x, key, NULL, 1) == 1;
	X509_free(x);
	ERR_clear_error();
	tls_validation_hide(t);
	if (!fine) {
		SSL_CTX_free(c);
		return ERR_MEMORY;
	}
	SSL_CTX_set_app_data(c, t); /* tickets' keys are the server's */
	SSL_CTX_set_alpn_select_cb(c, agree, NULL);
	SSL_CTX_set_tlsext_servername_callback(c, keep_certificate);
	memcpy(shown_name, name, strlen(name) + 1);
	shown = c;
	return OK;
}

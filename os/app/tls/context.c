/* SPDX-License-Identifier: ISC */
/* A server's settings, which all its certificates share. */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

/* Forward secrecy and authenticated encryption only; TLS 1.3's suites are all so. */
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups[] = "X25519:P-256:P-384";
/* Server's preference, but for clients without AES instructions, which put ChaCha20 first. */
#define FLAGS                                                                                      \
	(SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |    \
	 SSL_OP_NO_COMPRESSION)
#define MODES (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY)

const char *tls_reason(void)
{
	unsigned long error = ERR_get_error();
	const char *text = error ? ERR_reason_error_string(error) : NULL;
	ERR_clear_error();
	return text ? text : error ? "it is not known why" : "the peer went away";
}

/* ERR_clear_error writes all of the list's places, of which most often none was used. */
void tls_errors_forget(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

struct tls *tls_of_context(SSL_CTX *c)
{
	return SSL_CTX_get_app_data(c);
}

/* ---- Protocols ---- */

bool tls_protocols_list(struct tls_protocols *to, const char *const *names)
{
	to->size = 0;
	for (; *names; names++) {
		size_t n = strlen(*names);
		if (!n || n > 255 || n + 1 > sizeof to->bytes - to->size)
			return false;
		to->bytes[to->size] = (uint8_t)n;
		memcpy(to->bytes + to->size + 1, *names, n);
		to->size += (uint32_t)n + 1;
	}
	return true;
}

static int choose_protocol(SSL *ssl, const unsigned char **to, unsigned char *size,
                           const unsigned char *offered, unsigned offered_size, void *context)
{
	struct tls *t = context;
	(void)ssl;
	unsigned char *found;
	if (SSL_select_next_proto(&found, size, t->protocols.bytes, t->protocols.size, offered,
	                          offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol (RFC 7301 §3.2) */
	*to = found;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- Certificates by the name that a client gives ---- */

static int choose_certificate(SSL *ssl, int *alert, void *context)
{
	struct tls *t = context;
	(void)alert;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	for (uint32_t i = 0; name && t->count > 1 && i < t->count; i++) {
		if (X509_check_host(t->certificates[i], name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, t->contexts[i]);
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* ---- Clients' certificates ---- */

static int read_authorities(struct tls *t)
{
	const struct tls_options *o = &t->options;
	if (o->clients == TLS_CLIENTS_ANY)
		return OK;
	BIO *in = BIO_new_mem_buf(o->authorities, o->authorities ? (int)o->authorities_size : 0);
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	uint32_t count = 0;
	t->authorities = store;
	t->authority_names = names;
	if (!in || !store || !names) {
		BIO_free(in);
		return ERR_MEMORY;
	}
	for (X509 *x; (x = PEM_read_bio_X509(in, NULL, NULL, NULL)); count++) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));
		bool fine = name && X509_STORE_add_cert(store, x) && sk_X509_NAME_push(names, name);
		X509_free(x);
		if (!fine) {
			BIO_free(in);
			return ERR_MEMORY;
		}
	}
	BIO_free(in);
	ERR_clear_error(); /* the end of the texts */
	if (!count)
		log_error("tls", "authorities of clients: no certificate in PEM (-----BEGIN "
		                 "CERTIFICATE-----)");
	return count ? OK : ERR_MALFORMED;
}

static bool ask_clients(struct tls *t, SSL_CTX *c)
{
	if (t->options.clients == TLS_CLIENTS_ANY)
		return true;
	STACK_OF(X509_NAME) *names = SSL_dup_CA_list(t->authority_names);
	if (!names || !X509_STORE_up_ref(t->authorities))
		return false;
	SSL_CTX_set_cert_store(c, t->authorities);
	SSL_CTX_set_client_CA_list(c, names);
	SSL_CTX_set_verify(c,
	                   SSL_VERIFY_PEER | (t->options.clients == TLS_CLIENTS_VERIFIED
	                                              ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT
	                                              : 0),
	                   NULL);
	return true;
}

/* ---- Contexts ---- */

bool tls_context_begin(SSL_CTX *c)
{
	SSL_CTX_set_options(c, FLAGS);
	SSL_CTX_set_mode(c, MODES);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(c, 32 << 10);
	SSL_CTX_set_verify_depth(c, TLS_CHAIN_MAX);
	return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(c, suites) && SSL_CTX_set1_groups_list(c, groups);
}

SSL_CTX *tls_context_new(struct tls *t)
{
	static const unsigned char id[] = "ampoule";
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return NULL;
	SSL_CTX_set_app_data(c, t);
	SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_ENABLE_KTLS);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, t);
	SSL_CTX_set_tlsext_servername_callback(c, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(c, t);
	tls_tickets_use(c);
	if (tls_validated)
		tls_validation_watch(c);
	if (tls_context_begin(c) && SSL_CTX_set_session_id_context(c, id, sizeof id - 1) &&
	    ask_clients(t, c))
		return c;
	SSL_CTX_free(c);
	return NULL;
}

/* Nothing of OpenSSL's is given back at the end, and no file configures it. */
bool tls_engine_start(void)
{
	return OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG |
	                                OPENSSL_INIT_LOAD_SSL_STRINGS |
	                                OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	                        NULL);
}

int tls_open(struct tls **to, const struct tls_options *o)
{
	static const char *const http[] = { "http/1.1", NULL };
	static const struct tls_options none;
	struct tls *t = heap_alloc_zero(1, sizeof *t);
	if (!t)
		return ERR_MEMORY;
	t->options = o ? *o : none;
	if (!t->options.handshake_ns)
		t->options.handshake_ns = TLS_HANDSHAKE_NS;
	if (!t->options.protocols)
		t->options.protocols = http;
	int error = tls_engine_start() ? OK : ERR_MEMORY;
	if (!error && !tls_protocols_list(&t->protocols, t->options.protocols))
		error = ERR_INVALID;
	error = error ? error
	              : tls_tickets_start(&t->tickets, t->options.ticket_ns ? t->options.ticket_ns
	                                                                    : TLS_TICKET_NS);
	error = error ? error : read_authorities(t);
	if (!error && !(t->method = tls_bio_method()))
		error = ERR_MEMORY;
	if (error) {
		X509_STORE_free(t->authorities);
		sk_X509_NAME_pop_free(t->authority_names, X509_NAME_free);
		heap_free(t);
		return error;
	}
	if (metric_shown)
		tls_metrics_add(t);
	*to = t;
	return OK;
}

void tls_counters(const struct tls *t, struct tls_counters *to)
{
	*to = t->counters;
}

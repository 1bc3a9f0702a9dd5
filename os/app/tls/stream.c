/* SPDX-License-Identifier: ISC */
/*
 * A client's connection, used by a task. OpenSSL reads from where TCP shows bytes and never blocks: what it wants is waited for between
 * its calls, so that another task's calls come in between. What it writes goes to TCP at once; what TCP has no room for is kept until the
 * call is over, and then waited for.
 */
#include <app/tls/client_internal.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <net/resolver.h>

#define PLAIN_MAX 16384u
#define SHOWN_MAX                                                                                  \
	(64u << 10) /* bytes from TCP in one call: what they are answered with is kept meanwhile */
#define REST_MAX 8u /* records that are looked at when nobody wants them any more */

/* ---- OpenSSL's way in and out ---- */

static int bio_write(BIO *bio, const char *bytes, int size)
{
	struct tls_stream *s = BIO_get_data(bio);
	uint32_t left = (uint32_t)size, n = 0;
	BIO_clear_retry_flags(bio);
	/* While TCP shows bytes, it is left alone. */
	if (!s->out_size && !s->cur)
		n = tcp_write_some(s->tcp, bytes, left);
	left -= n;
	if (!left)
		return size;
	uint8_t *out = heap_resize(s->out, s->out_size + left);
	if (!out) {
		ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
		return -1;
	}
	memcpy(out + s->out_size, bytes + n, left);
	s->out = out;
	s->out_size += left;
	return size;
}

static int bio_read(BIO *bio, char *to, int size)
{
	struct tls_stream *s = BIO_get_data(bio);
	uint32_t left = s->cur_size - s->cur_read,
	         n = left < (uint32_t)size ? left : (uint32_t)size;
	BIO_clear_retry_flags(bio);
	if (!n) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, s->cur + s->cur_read, n);
	s->cur_read += n;
	return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_stream_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tcp stream");
	if (m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_ctrl(m, bio_control) && BIO_meth_set_create(m, bio_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- Calls of OpenSSL ---- */

/* Why it failed; the reason is put where tls_client_reason finds it. */
static int failed(struct tls_stream *s)
{
	struct tls_client *c = s->client;
	unsigned long error = ERR_peek_error();
	long verdict = SSL_get_verify_result(s->ssl);
	s->failed = true;
	if (verdict != X509_V_OK) {
		c->counters.distrusted++;
		snprintf(c->reason, sizeof c->reason, "%s", X509_verify_cert_error_string(verdict));
		ERR_clear_error();
		return ERR_REFUSED;
	}
	bool told =
	        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
	snprintf(c->reason, sizeof c->reason, "%s", tls_reason());
	return ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE ? ERR_MEMORY
	       : told                                        ? ERR_FAILED
	                                                     : ERR_MALFORMED;
}

/* TCP takes what OpenSSL has read and written. */
static int settle(struct tls_stream *s, uint64_t deadline_ns)
{
	uint32_t read = s->cur_read, size = s->out_size;
	s->cur = NULL;
	s->cur_size = s->cur_read = 0;
	if (read)
		tcp_consume(s->tcp, read);
	if (!size)
		return OK;
	int error = tcp_write(s->tcp, s->out, size, deadline_ns);
	heap_free(s->out);
	s->out = NULL;
	s->out_size = 0;
	return error;
}

enum call { HANDSHAKE, READ, WRITE };

/* How much of `bytes` was read or written; 1: the handshake is done; 0: the peer's goodbye; or an error. */
static int64_t call(struct tls_stream *s, enum call which, void *bytes, uint32_t size,
                    uint64_t deadline_ns)
{
	while (!s->failed) {
		ERR_clear_error();
		int result = which == HANDSHAKE ? SSL_do_handshake(s->ssl)
		             : which == READ    ? SSL_read(s->ssl, bytes, (int)size)
		                                : SSL_write(s->ssl, bytes, (int)size);
		int want = SSL_get_error(s->ssl, result);
		int error =
		        result <= 0 && want != SSL_ERROR_WANT_READ && want != SSL_ERROR_ZERO_RETURN
		                ? failed(s)
		                : OK;
		int sent = settle(s, deadline_ns);
		if (result > 0 && !sent)
			return result;
		if (want == SSL_ERROR_ZERO_RETURN)
			s->peer_ended = true;
		if (error || sent || s->peer_ended)
			return error ? error : sent;
		int64_t there = tcp_peek(s->tcp, &s->cur, deadline_ns);
		if (there <= 0) {
			s->cur = NULL;
			return there ? there : ERR_CLOSED;
		}
		s->cur_size = there < SHOWN_MAX ? (uint32_t)there : SHOWN_MAX;
	}
	return ERR_CLOSED;
}

/* ---- Opening ---- */

static void forget(struct tls_stream *s)
{
	SSL_free(s->ssl);
	heap_free(s->out);
	heap_free(s->plain);
	heap_free(s);
}

/* Whom the peer has to be, and what it is told of that: in small letters, without the root's dot. */
static bool expect(struct tls_stream *s)
{
	struct net_address address;
	if (net_address_parse(s->host, &address))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), s->host);
	return SSL_set1_host(s->ssl, s->host) && SSL_set_tlsext_host_name(s->ssl, s->host);
}

static int name_host(struct tls_stream *s, const char *host)
{
	size_t size = strlen(host);
	size -= size > 1 && host[size - 1] == '.';
	if (!size || size >= sizeof s->host)
		return ERR_INVALID;
	for (size_t k = 0; k < size; k++)
		s->host[k] = host[k] >= 'A' && host[k] <= 'Z' ? (char)(host[k] | 0x20) : host[k];
	return OK;
}

static bool make_engine(struct tls_stream *s)
{
	struct tls_client *c = s->client;
	s->ssl = SSL_new(c->context);
	BIO *bio = s->ssl ? BIO_new(c->method) : NULL;
	if (!bio)
		return false;
	BIO_set_data(bio, s);
	SSL_set_bio(s->ssl, bio, bio);
	SSL_set_app_data(s->ssl, s);
	SSL_set_connect_state(s->ssl);
	SSL_SESSION *session = tls_sessions_take(&c->sessions, s->host, s->port);
	bool fine = !session || SSL_set_session(s->ssl, session);
	SSL_SESSION_free(session);
	return fine && expect(s);
}

static int shake(struct tls_stream *s, uint64_t deadline_ns)
{
	struct tls_client *c = s->client;
	uint64_t limit = clock_now() + c->options.handshake_ns;
	int64_t result = call(s, HANDSHAKE, NULL, 0, deadline_ns < limit ? deadline_ns : limit);
	if (result > 0) {
		c->counters.handshakes++;
		c->counters.resumed += SSL_session_reused(s->ssl);
		return OK;
	}
	c->counters.failed++;
	if (!s->failed)
		snprintf(c->reason, sizeof c->reason, "%s",
		         error_text(result ? (int)result : ERR_CLOSED));
	return result ? (int)result : ERR_CLOSED;
}

int tls_start(struct tls_stream **to, struct tls_client *c, struct tcp_connection *tcp,
              const char *host, uint64_t deadline_ns)
{
	struct tls_stream *s = heap_alloc_zero(1, sizeof *s);
	struct tcp_info info;
	int error = s ? name_host(s, host) : ERR_MEMORY;
	c->reason[0] = '\0';
	if (!error) {
		tcp_info(tcp, &info);
		s->client = c;
		s->tcp = tcp;
		s->port = info.remote_port;
		ERR_clear_error();
		error = make_engine(s) ? shake(s, deadline_ns) : ERR_MEMORY;
	}
	if (!error) {
		*to = s;
		return OK;
	}
	if (!c->reason[0])
		snprintf(c->reason, sizeof c->reason, "%s", error_text(error));
	if (s)
		forget(s);
	return error;
}

int tls_connect(struct tls_stream **to, struct tls_client *c, const char *host, uint16_t port,
                uint64_t deadline_ns)
{
	struct tcp_connection *tcp;
	int error = resolver_connect(&tcp, host, port, &(struct tcp_options){ .no_delay = true },
	                             deadline_ns);
	if (error) {
		snprintf(c->reason, sizeof c->reason, "%s", error_text(error));
		return error;
	}
	error = tls_start(to, c, tcp, host, deadline_ns);
	if (error)
		tcp_close(tcp);
	return error;
}

/* ---- Reading and writing ---- */

int64_t tls_read(struct tls_stream *s, void *to, uint32_t size, uint64_t deadline_ns)
{
	if (s->plain_size) {
		uint32_t n = s->plain_size < size ? s->plain_size : size;
		memcpy(to, s->plain + s->plain_at, n);
		tls_consume(s, n);
		return n;
	}
	if (s->peer_ended || !size)
		return 0;
	return call(s, READ, to, size < INT32_MAX ? size : INT32_MAX, deadline_ns);
}

int64_t tls_peek(struct tls_stream *s, const uint8_t **bytes, uint64_t deadline_ns)
{
	if (!s->plain_size) {
		if (!s->plain && !(s->plain = heap_alloc(PLAIN_MAX)))
			return ERR_MEMORY;
		int64_t n = tls_read(s, s->plain, PLAIN_MAX, deadline_ns);
		if (n <= 0)
			return n;
		s->plain_at = 0;
		s->plain_size = (uint32_t)n;
	}
	*bytes = s->plain + s->plain_at;
	return s->plain_size;
}

void tls_consume(struct tls_stream *s, uint32_t size)
{
	s->plain_at += size;
	s->plain_size -= size;
}

int tls_write(struct tls_stream *s, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	const uint8_t *at = bytes;
	while (size) {
		uint32_t n = size < PLAIN_MAX ? size : PLAIN_MAX;
		union {
			const void *in;
			void *out;
		} piece = { .in = at };
		int64_t result = call(s, WRITE, piece.out, n, deadline_ns);
		if (result <= 0)
			return result ? (int)result : ERR_CLOSED;
		at += result;
		size -= (uint32_t)result;
	}
	return OK;
}

static void say_goodbye(struct tls_stream *s)
{
	if (s->failed || SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN)
		return;
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	ERR_clear_error();
}

int tls_finish(struct tls_stream *s, uint64_t deadline_ns)
{
	int64_t n;
	say_goodbye(s);
	int error = settle(s, deadline_ns);
	if (error)
		return error;
	tcp_shutdown(s->tcp);
	if (!s->plain && !(s->plain = heap_alloc(PLAIN_MAX)))
		return ERR_MEMORY;
	s->plain_size = 0;
	do
		n = tls_read(s, s->plain, PLAIN_MAX, deadline_ns);
	while (n > 0);
	/* Many say no goodbye when they were told one. */
	return n == ERR_CLOSED && !s->failed ? OK : (int)n;
}

/* What has come and was not read would make a reset of the close (RFC 2525 §2.17); most often these are tickets. */
static void read_rest(struct tls_stream *s)
{
	uint8_t some[256];
	for (uint32_t k = 0; k < REST_MAX && !s->peer_ended; k++)
		if (call(s, READ, some, sizeof some, 0) <= 0)
			return;
}

void tls_close(struct tls_stream *s)
{
	if (!s)
		return;
	read_rest(s);
	say_goodbye(s);
	tcp_close(s->tcp);
	forget(s);
}

/* ---- Looking ---- */

void tls_stream_info(const struct tls_stream *s, struct tls_stream_info *to)
{
	const unsigned char *protocol;
	unsigned size;
	*to = (struct tls_stream_info){ .version = SSL_get_version(s->ssl),
		                        .cipher = SSL_get_cipher_name(s->ssl),
		                        .resumed = SSL_session_reused(s->ssl) };
	SSL_get0_alpn_selected(s->ssl, &protocol, &size);
	if (size < sizeof to->protocol && size)
		memcpy(to->protocol, protocol, size);
}

/* ---- As a layer ---- */

static int layer_open(void **to, void *context, struct tcp_connection *tcp, const char *host,
                      uint64_t deadline_ns)
{
	struct tls_stream *s;
	int error = tls_start(&s, context, tcp, host, deadline_ns);
	if (!error)
		*to = s;
	return error;
}

static int64_t layer_peek(void *s, const uint8_t **bytes, uint64_t deadline_ns)
{
	return tls_peek(s, bytes, deadline_ns);
}

static void layer_consume(void *s, uint32_t size)
{
	tls_consume(s, size);
}

static int layer_write(void *s, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	return tls_write(s, bytes, size, deadline_ns);
}

static void layer_close(void *s)
{
	tls_close(s);
}

const struct tcp_client_layer tls_client_layer = { .open = layer_open,
	                                           .peek = layer_peek,
	                                           .consume = layer_consume,
	                                           .write = layer_write,
	                                           .close = layer_close };

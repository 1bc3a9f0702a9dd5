/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes TLS through the library: what comes to a server (tls_layer, tls_starttls_layer) and to a client (tls_stream). The first byte says
 * which, and whether the other side is the input itself, byte by byte, or OpenSSL, whose records go through a relay that the input
 * commands: it cuts, changes, drops, doubles, adds and ends. The second byte says how it is cut.
 *
 * Whatever the relay does, what the library shows as plaintext is what the other side has written, up to somewhere. Without a
 * change it is all of that. Nothing is charged to a connection that has ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <app/tls/client_internal.h>
#include <app/tls/internal.h>
#include <app/tls/starttls.h>
#include <core/clock.h>
#include <core/clone.h>
#include <core/error.h>
#include <core/random.h>

#include "../http/fake.h"

#define HOST     "fuzz.example"
#define TEXT_MAX (1u << 20) /* of plaintext that one side writes */
#define OUT_MAX  (4u << 20)

enum { CLIENT = 1, OPENSSL = 2, STARTTLS = 4, SLOW = 8, OLD = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* ---- What the library finds instead of the rest of core ---- */
const struct file tls_authorities_file;
const bool tls_validated = true;

uint64_t clone_generation(void)
{
	return 0;
}

void random_bytes(void *to, uint64_t size)
{
	for (uint64_t k = 0; k < size; k++)
		((uint8_t *)to)[k] = (uint8_t)random_u32();
}

/* ---- The two sides ---- */
static struct tls *tls;
static struct tls_client *trust;
static SSL_CTX *client_context, *server_context;
static struct tcp_server server, starttls_server;
static char chain[8192], key[4096];

struct text {
	uint8_t *bytes;
	uint32_t size;
};
static struct text said, shown; /* by the other side; by the library */

static struct {                  /* the relay */
	const uint8_t *at, *end; /* of its commands */
	struct tcp_connection *tcp;
	SSL *engine;
	uint64_t out_at; /* of the library's bytes: the engine has had them */
	uint32_t cut;
	bool changed; /* something was done to the other side's bytes */
} relay;

static void add(struct text *t, const void *bytes, uint32_t size)
{
	if (size > TEXT_MAX - t->size)
		abort();
	memcpy(t->bytes + t->size, bytes, size);
	t->size += size;
}

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* In clear, an S upgrades. Behind TLS all is echoed. */
static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	if (tls_is_clear(s)) {
		const uint8_t *start = memchr(bytes, 'S', size);
		if (start && tls_upgrade(s) < 0)
			tcp_served_drop(s);
		return start ? (uint32_t)(start - bytes) + 1 : size;
	}
	/* Some of it is left for the next time. */
	uint32_t n = size > 3 ? size - size / 3 : size;
	add(&shown, bytes, n);
	need(!relay.engine ||
	             (shown.size <= said.size && !memcmp(shown.bytes, said.bytes, shown.size)),
	     "other bytes came than were written");
	if (tcp_served_write(s, bytes, n) < 0)
		tcp_served_drop(s);
	else if (n < size)
		tcp_resume(s->tcp);
	return n;
}

static const struct tcp_served_protocol echo = { .size = sizeof(struct tcp_served),
	                                         .received = received };

static void write_pem(BIO *out, char *to, size_t room)
{
	char *text;
	long n = BIO_get_mem_data(out, &text);
	need(n > 0 && (size_t)n < room, "PEM");
	memcpy(to, text, (size_t)n);
	to[n] = 0;
	BIO_free(out);
}

/* No key is kept in a file. */
static void make_certificate(void)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509V3_CTX v;
	BIO *out = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400l * 365);
	X509_set_pubkey(x, k);
	X509_NAME *name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)HOST, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509V3_set_ctx(&v, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v, NID_subject_alt_name, "DNS:" HOST);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	need(X509_sign(x, k, EVP_sha256()) > 0, "a certificate");
	PEM_write_bio_X509(out, x);
	PEM_write_bio_PrivateKey(secret, k, NULL, NULL, 0, NULL, NULL);
	client_context = SSL_CTX_new(TLS_client_method());
	server_context = SSL_CTX_new(TLS_server_method());
	X509_STORE_add_cert(SSL_CTX_get_cert_store(client_context), x);
	SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_use_certificate(server_context, x);
	SSL_CTX_use_PrivateKey(server_context, k);
	write_pem(out, chain, sizeof chain);
	write_pem(secret, key, sizeof key);
	X509_free(x);
	EVP_PKEY_free(k);
}

static void listen_at(struct tcp_server *s, uint16_t port, const struct tcp_layer *layer)
{
	need(!tcp_server_open(s, &echo, NULL, port, NULL, &(struct tcp_server_limits){ 0 }),
	     "listens");
	tcp_server_layer(s, layer, tls);
}

static void start(void)
{
	static const char *const protocols[] = { "echo", NULL };
	fake_start();
	need(!tls_open(&tls, &(struct tls_options){ .protocols = protocols }), "tls_open");
	make_certificate();
	need(!tls_certificate(tls, "it", chain, strlen(chain), key, strlen(key)),
	     "tls_certificate");
	need(!tls_client_open(&trust,
	                      &(struct tls_client_options){ .authorities = chain,
	                                                    .authorities_size = strlen(chain) }),
	     "tls_client_open");
	said.bytes = malloc(TEXT_MAX);
	shown.bytes = malloc(TEXT_MAX);
}

/* ---- The relay ---- */

static uint8_t command(void)
{
	return relay.at < relay.end ? *relay.at++ : 0;
}

/* Cut as the second byte says. */
static void deliver(const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t n = relay.cut == 0 ? size : 1;
		if (relay.cut > 1) {
			relay.cut = relay.cut * 1103515245u + 12345u;
			n = 1 + (relay.cut >> 16) % ((relay.cut >> 8) % 8 ? 60 : 6000);
		}
		n = n < size - at ? n : size - at;
		fake_queue(relay.tcp, bytes + at, n);
		at += n;
	}
}

static bool engine_takes(void)
{
	uint8_t bytes[2048];
	BIO *in = SSL_get_rbio(relay.engine);
	uint64_t size = relay.tcp->out_size - relay.out_at;
	if (!size)
		return false;
	BIO_write(in, relay.tcp->out + relay.out_at, (int)size);
	relay.out_at += size;
	ERR_clear_error();
	for (int n; (n = SSL_read(relay.engine, bytes, sizeof bytes)) > 0;)
		;
	SSL_do_handshake(relay.engine);
	return true;
}

/* What it has to say goes on as one command wants it to. */
static bool engine_gives(uint8_t how)
{
	char *text;
	BIO *out = SSL_get_wbio(relay.engine);
	size_t size = (size_t)BIO_get_mem_data(out, &text), n = command() + 1u, k;
	if (!size)
		return false;
	uint8_t *bytes = malloc(2 * size + 256);
	memcpy(bytes, text, size);
	(void)BIO_reset(out);
	relay.changed |= how % 8 > 1;
	switch (how % 8) {
	case 2: /* a byte is another one */
		k = (n * 257u + command()) % size;
		bytes[k] ^= (uint8_t)(1u << command() % 8);
		break;
	case 3: /* the end is missing */
		size -= n < size ? n : size;
		break;
	case 4: /* the beginning is */
		n = n < size ? n : size;
		memmove(bytes, bytes + n, size -= n);
		break;
	case 5: /* all of it twice */
		memcpy(bytes + size, bytes, size);
		size *= 2;
		break;
	case 6: /* bytes of the input's come before */
		n = n < (size_t)(relay.end - relay.at) ? n : (size_t)(relay.end - relay.at);
		memmove(bytes + n, bytes, size);
		memcpy(bytes, relay.at, n);
		relay.at += n;
		size += n;
		break;
	case 7: /* a record's head says something else */
		bytes[n % (size < 5 ? size : 5)] = command();
		break;
	default:
		break;
	}
	deliver(bytes, size);
	free(bytes);
	return true;
}

static void engine_says(uint8_t what)
{
	static uint8_t bytes[16384];
	uint32_t size = 1 + (what < 200 ? what : (uint32_t)what * 60u);
	if (!SSL_is_init_finished(relay.engine) || size > TEXT_MAX - said.size)
		return;
	for (uint32_t k = 0; k < size; k++)
		bytes[k] = (uint8_t)(said.size + k * 31u);
	ERR_clear_error();
	if (SSL_write(relay.engine, bytes, (int)size) == (int)size)
		add(&said, bytes, size);
}

static void engine_make(SSL_CTX *c, bool old)
{
	relay.engine = SSL_new(c);
	SSL_set_bio(relay.engine, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (old)
		SSL_set_max_proto_version(relay.engine, TLS1_2_VERSION);
}

/* One command of the input's: true until there are no more. */
static bool obey(void)
{
	if (relay.at == relay.end)
		return false;
	uint8_t what = command();
	switch (what >> 4) {
	case 0:
		engine_says(command());
		break;
	case 1:
		if (SSL_is_init_finished(relay.engine) &&
		    SSL_version(relay.engine) == TLS1_3_VERSION)
			SSL_key_update(relay.engine, what & 1);
		break;
	case 2:
		SSL_shutdown(relay.engine);
		break;
	case 3:
		relay.changed = true;
		fake_queue_fin(relay.tcp);
		break;
	case 4:
		fake.memory_fails = what & 1;
		relay.changed |= what & 1;
		break;
	default:
		engine_gives(what);
		break;
	}
	return true;
}

/* ---- To a server ---- */

static void end_all(struct tcp_server *s)
{
	fake.memory_fails = false;
	relay.tcp->stalled = false;
	if (fake_open(relay.tcp))
		fake_queue_reset(relay.tcp);
	fake_run(relay.tcp);
	fake_advance(200 * SECOND); /* what lingers ends */
	need(!s->counters.now && !s->charged, "something is left of a connection");
	fake_forget(relay.tcp);
}

static void to_server(uint8_t mode, const uint8_t *data, size_t size)
{
	struct tcp_server *s = mode & STARTTLS ? &starttls_server : &server;
	fake.listening = false;
	listen_at(s, 443, mode & STARTTLS ? &tls_starttls_layer : &tls_layer);
	relay.tcp = fake_accept();
	if (mode & SLOW)
		relay.tcp->out_room = 3000;
	if (!(mode & OPENSSL)) {
		deliver(data, size);
		fake_run(relay.tcp);
		fake_queue_fin(relay.tcp);
		fake_run(relay.tcp);
		end_all(s);
		return;
	}
	engine_make(client_context, mode & OLD);
	SSL_set_connect_state(relay.engine);
	SSL_set1_host(relay.engine, HOST);
	SSL_set_tlsext_host_name(relay.engine, HOST);
	if (mode & STARTTLS)
		deliver((const uint8_t *)"clear wordS", 11);
	SSL_do_handshake(relay.engine);
	for (bool more = true; more;) {
		more = obey();
		fake_run(relay.tcp);
		engine_takes();
	}
	fake.memory_fails = false;
	for (int k = 0; k < 1000 && (engine_gives(0) || engine_takes()); k++)
		fake_run(relay.tcp);
	fake_advance(SECOND);
	need(relay.changed || mode & SLOW || shown.size == said.size,
	     "something that was written did not come");
	SSL_free(relay.engine);
	relay.engine = NULL;
	end_all(s);
}

/* ---- To a client ---- */

/* While it waits. */
static void answer(void)
{
	for (int k = 0; k < 64 && !relay.tcp->pieces; k++) {
		bool moved = engine_takes();
		moved |= obey();
		moved |= engine_gives(0);
		if (!moved)
			return;
	}
}

static void to_client(uint8_t mode, const uint8_t *data, size_t size)
{
	struct tls_stream *s = NULL;
	uint8_t bytes[700];
	uint64_t until = fake.now + 20 * SECOND;
	relay.tcp = fake_new();
	if (mode & OPENSSL) {
		engine_make(server_context, mode & OLD);
		SSL_set_accept_state(relay.engine);
		fake.peers = answer;
	} else {
		deliver(data, size);
		fake_queue_fin(relay.tcp);
	}
	if (!tls_start(&s, trust, relay.tcp, HOST, until)) {
		int64_t n;
		need(relay.engine, "a host without a key is believed");
		while (tls_write(s, "question", 8, until) == OK &&
		       (n = tls_read(s, bytes, sizeof bytes, until)) > 0) {
			add(&shown, bytes, (uint32_t)n);
			need(shown.size <= said.size &&
			             !memcmp(shown.bytes, said.bytes, shown.size),
			     "other bytes came than were written");
		}
		fake.peers = NULL;
		tls_close(s);
	} else {
		tcp_close(relay.tcp);
	}
	fake.peers = NULL;
	fake.memory_fails = false;
	SSL_free(relay.engine);
	relay.engine = NULL;
	fake_forget(relay.tcp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!tls)
		start();
	if (size < 2)
		return 0;
	said.size = shown.size = 0;
	memset(&relay, 0, sizeof relay);
	relay.cut = data[1];
	relay.at = data + 2;
	relay.end = data + size;
	if (data[0] & CLIENT)
		to_client(data[0], data + 2, size - 2);
	else
		to_server(data[0], data + 2, size - 2);
	ERR_clear_error();
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * What this library's files know of each other.
 *
 *   context.c      a server's settings; certificate.c its certificates, and which a client gets; ticket.c sessions' keys
 *   secrets.c      certificates of secrets, which may be renewed; staple.c the authority's word on them
 *   layer.c        a connection: records in, records out (net/tcp_served.h); starttls.c one that begins in clear
 *   seal.c         records that go out, encrypted where TCP sends them from
 *   client.c       whom clients trust and who they are (client_internal.h); stream.c a connection of theirs, session.c what is resumed,
 *                  authority.c who signs
 *   validation.c   who validates a name for an authority (app/acme)
 *   memory.c       what OpenSSL allocates, by the names of its own functions
 *   turn.c         whose handshake goes on in this turn of the loop
 *   provider.c     which algorithms are linked; system.c what libcrypto finds instead of an operating system, thread.c instead of threads
 *   hmac.c         TLS 1.3's key schedule; fetch.c what libcrypto looks up by name, remembered; x25519.c public keys of handshakes
 */
#ifndef TLS_INTERNAL_H
#define TLS_INTERNAL_H

#include <openssl/ssl.h>

#include <core/list.h>
#include <core/metric.h>

#include <net/tcp.h>

#include <app/tls/tls.h>

/* ---- ticket.c ---- */
struct tls_ticket_key {
	uint8_t name[16], cipher[32], mac[32];
};
struct tls_tickets {
	struct tls_ticket_key now, before;
	uint64_t period_ns, renew_at;
	uint64_t generation; /* of clones, which have keys of their own */
	bool has_before;
	EVP_CIPHER *aes;
};
int tls_tickets_start(struct tls_tickets *, uint64_t period_ns);
void tls_tickets_use(SSL_CTX *);

/* ---- context.c ---- */
struct tls_protocols { /* RFC 7301 §3.1's form */
	uint8_t bytes[256];
	uint32_t size;
};
/* False: one is empty, or they are too long. */
bool tls_protocols_list(struct tls_protocols *, const char *const *names);
struct tls_staple { /* of a certificate; bytes null: none */
	uint8_t *bytes;
	uint32_t size;
	int64_t until; /* seconds since 1970 */
};
void tls_staple_forget(struct tls_staple *); /* staple.c */
struct tls {
	SSL_CTX *contexts[TLS_CERTIFICATES_MAX]; /* [0]: where connections begin */
	X509 *certificates[TLS_CERTIFICATES_MAX];
	const char *names[TLS_CERTIFICATES_MAX]; /* tls_certificate's */
	struct tls_staple staples[TLS_CERTIFICATES_MAX];
	uint32_t count;
	BIO_METHOD *method;
	struct tls_options options;
	struct tls_protocols protocols;
	X509_STORE *authorities;
	STACK_OF(X509_NAME) * authority_names;
	struct tls_tickets tickets;
	struct tls_counters counters;
	struct metric_source metrics;
};
void tls_metrics_add(struct tls *); /* metrics.c */
bool tls_engine_start(void);        /* before anything else of OpenSSL */
bool tls_context_begin(SSL_CTX *);  /* what servers and clients share */
SSL_CTX *tls_context_new(struct tls *);
struct tls *tls_of_context(SSL_CTX *);
/* The first reason in libcrypto's list, which is emptied. */
const char *tls_reason(void);
void tls_errors_forget(void); /* before a call whose result SSL_get_error is asked for */

/* ---- certificate.c ---- */
struct tls_pair {
	X509 *own;
	STACK_OF(X509) * others;
	EVP_PKEY *key;
};
/* Reads what tls_certificate takes; the two fit each other. */
int tls_pair_read(struct tls_pair *, const char *name, const char *chain, size_t chain_size,
                  const char *key, size_t key_size);
int tls_pair_use(SSL_CTX *, const char *name, const struct tls_pair *);
void tls_pair_forget(struct tls_pair *);

/* ---- seal.c ---- */
struct tls_seal {               /* what we encrypt a connection's records with, in libssl's place */
	EVP_CIPHER_CTX *cipher; /* null: libssl does */
	uint8_t iv[12], type;
	uint64_t sequence;
};
#define TLS_SEAL_MORE 22u /* bytes that a record has more than what is in it: head, type and tag */
/* With what libssl gives for the kernel (BIO_CTRL_SET_KTLS_SEND). False: it is to go on itself. */
bool tls_seal_start(struct tls_seal *, const void *crypto_info);
void tls_seal_end(struct tls_seal *);
/* A record of these bytes (a record's at most) into room for TLS_SEAL_MORE more. False: it could not be made, and nothing of it is there. */
bool tls_seal_record(struct tls_seal *, const void *bytes, uint32_t size, const struct tcp_room *);

/* ---- layer.c ---- */
struct tls_connection {
	struct tcp_layer_state state; /* the first member */
	struct tls *tls;
	struct tcp_served *served;
	SSL *ssl; /* null until a record is there */
	struct tls_seal seal;
	const uint8_t *cur; /* what SSL reads now */
	uint32_t cur_size;
	uint8_t *in; /* a record that is not whole */
	uint32_t in_size, in_room;
	uint8_t *out; /* records that TCP had no room for */
	uint32_t out_size, out_at;
	bool flushing;  /* a task waits for room for the next of them */
	uint8_t *plain; /* what was decrypted and not taken */
	uint32_t plain_size, plain_at;
	struct list waiting; /* for its turn; empty: it does not */
	bool may_go;         /* it is called: its turn may be now */
	bool owing;  /* the last byte that was read is left with TCP, so that it is shown again */
	bool shaken; /* its handshake is done */
	bool failed, peer_ended;
	bool clear; /* starttls.c: it is not upgraded yet */
};
BIO_METHOD *tls_bio_method(void);
/* Of each layer that is TLS, and harmless before the connection is. */
bool tls_layer_flush(struct tcp_served *);
int tls_layer_flush_in_task(struct tcp_served *, uint64_t deadline_ns);
void tls_layer_ending(struct tcp_served *);
bool tls_layer_speaks(const struct tcp_served *, const char *protocol);
void tls_layer_ended(struct tcp_served *);

/* ---- validation.c ---- */
extern const bool tls_validated; /* the builder's: the image has app/acme */
/* A server that has no certificate yet: handshakes fail until it gets one. ERR_EXISTS: it has. */
int tls_validation_begin(struct tls *);
/* From now on a client that asks for acme-tls/1 and this name gets this certificate (DER). There is one such name at a time. */
int tls_validation_show(struct tls *, const char *name, const uint8_t *certificate, uint32_t size,
                        EVP_PKEY *key);
void tls_validation_hide(struct tls *);
void tls_validation_watch(SSL_CTX *);
bool tls_validation_is(
        const SSL *); /* acme-tls/1 was agreed upon: no byte is read or written (RFC 8737 §4) */

/* ---- hmac.c ---- */
extern const OSSL_DISPATCH tls_schedule_functions[]; /* TLS13-KDF, of provider.c's table */

/* ---- turn.c ---- */
/* May the connection take a step of its handshake now? If not, it is resumed when it may. */
bool tls_turn_take(struct tls_connection *);
void tls_turn_leave(struct tls_connection *); /* it ends */

#endif

/* SPDX-License-Identifier: ISC */
/* What the client's files know of each other. */
#ifndef TLS_CLIENT_INTERNAL_H
#define TLS_CLIENT_INTERNAL_H

#include <core/file.h>

#include <app/tls/client.h>
#include <app/tls/internal.h>

/* ---- authority.c ---- */
struct tls_authority {
	uint32_t name; /* X509_NAME_hash_ex of its subject */
	uint32_t at;   /* where its text begins */
};
struct tls_authorities {
	const char *text; /* PEM; not owned */
	uint32_t size, count;
	struct tls_authority *list;
	X509_LOOKUP_METHOD *method;
};
/* The manifest's `ca`, which `ampoule build` writes (host/builder/codegen.c). Size 0: there is none. */
extern const struct file tls_authorities_file;
/* ERR_MALFORMED: none, or one that cannot be read, which is logged; ERR_MEMORY. To be forgotten in any case. */
int tls_authorities_read(struct tls_authorities *, const char *text, size_t size);
/* The context finds them from now on. False: no memory. */
bool tls_authorities_use(struct tls_authorities *, SSL_CTX *);
void tls_authorities_forget(struct tls_authorities *);

/* ---- session.c ---- */
struct tls_sessions {
	struct list all; /* the one that was put in first is first */
	uint32_t count, max;
};
void tls_sessions_start(struct tls_sessions *, uint32_t max);
void tls_sessions_put(struct tls_sessions *, const char *host, uint16_t port, SSL_SESSION *);
/* The newest that can be resumed, which is the caller's from now on; null: none. */
SSL_SESSION *tls_sessions_take(struct tls_sessions *, const char *host, uint16_t port);
void tls_sessions_forget(struct tls_sessions *);

/* ---- client.c ---- */
#define TLS_REASON_MAX 160u
struct tls_client {
	SSL_CTX *context;
	BIO_METHOD *method;
	struct tls_client_options options;
	struct tls_authorities authorities;
	struct tls_sessions sessions;
	struct tls_client_counters counters;
	char reason[TLS_REASON_MAX];
	struct metric_source metrics;
};
void tls_client_metrics_add(struct tls_client *); /* client_metrics.c */

/* ---- stream.c ---- */
#define TLS_HOST_MAX 256u
struct tls_stream {
	struct tls_client *client;
	struct tcp_connection *tcp;
	SSL *ssl;
	const uint8_t *cur; /* what TCP shows, and SSL has not read */
	uint32_t cur_size, cur_read;
	uint8_t *out; /* records that TCP had no room for */
	uint32_t out_size;
	uint8_t *plain; /* tls_peek's: what was decrypted and not taken */
	uint32_t plain_size, plain_at;
	bool failed, peer_ended;
	uint16_t port;
	char host[TLS_HOST_MAX];
};
BIO_METHOD *tls_stream_method(void);

#endif

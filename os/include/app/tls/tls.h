/* SPDX-License-Identifier: ISC */
/*
 * TLS 1.3 (RFC 8446) and 1.2 (RFC 5246) for servers over net/tcp_served.h, by Debian's OpenSSL archives. A protocol serves
 * over it unchanged:
 *
 *	struct tls *tls;
 *	tls_open(&tls, NULL) || tls_certificate(tls, "site", chain, chain_size, key, key_size) ||
 *	        http_serve_over(&server, &options, &tls_layer, tls);
 *
 * Cipher suites are those with forward secrecy and authenticated encryption. Versions below 1.2, renegotiation, compression
 * and early data are refused. Sessions are resumed by tickets whose keys live in memory and change; nothing is kept for a
 * client.
 *
 * Bounds. What a client sends before its first record is whole is kept as it comes, and nothing else is allocated for it until
 * then. No step of a handshake, which is what costs time, begins after 200 us of others in a turn of the event loop: others are served in
 * between, and handshakes wait for each other in the order in which they came. A connection that is not open within
 * handshake_ns is closed; until then it counts as idle, so that it makes room for others.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/tcp_served.h>

struct tls;

#define TLS_HANDSHAKE_NS (10ull * 1000000000)
#define TLS_TICKET_NS                                                                              \
	(12ull * 3600 * 1000000000) /* a ticket's key; it opens tickets for as long again */
#define TLS_CERTIFICATES_MAX 64u
#define TLS_CHAIN_MAX        10u /* certificates in a file, the server's own included */

enum tls_clients {
	TLS_CLIENTS_ANY,      /* they are not asked for a certificate */
	TLS_CLIENTS_ASKED,    /* one that is shown has to be good */
	TLS_CLIENTS_VERIFIED, /* without a good one the handshake fails */
};

struct tls_options { /* zero means the default above */
	uint64_t handshake_ns, ticket_ns;
	/* Protocols over TLS that the server speaks (RFC 7301), best first, up to a null: {"http/1.1", NULL}, which is also the
	 * default. Not copied. A client that asks for others only is refused. */
	const char *const *protocols;
	enum tls_clients clients;
	const char *
	        authorities; /* PEM: who may sign clients' certificates; good while tls_open runs */
	size_t authorities_size;
};

/* A context for servers, without a certificate yet. Options may be null. ERR_MEMORY; ERR_MALFORMED: the authorities are no
 * certificates, which is logged. */
int tls_open(struct tls **, const struct tls_options *);

/*
 * Adds a certificate, in PEM: its own, then those that lead to an authority. A client that names a host (RFC 6066 §3) gets
 * the first whose names fit, or else the very first. `name` (not copied) is for
 * messages and for tls_certificate_renew. What is wrong is logged in one line. ERR_MALFORMED:
 * no certificate, or no key; ERR_INVALID: the key is another certificate's, or too weak; ERR_TOO_BIG: more than
 * TLS_CERTIFICATES_MAX. One that has expired is used all the same, with a line in the log. The caller's texts can be erased
 * afterwards.
 */
int tls_certificate(struct tls *, const char *name, const char *chain, size_t chain_size,
                    const char *key, size_t key_size);

/*
 * Puts another certificate in the place of the one that was added under this name: connections that begin from now on get it, those that
 * are open go on. ERR_ABSENT: there is none of that name. What is wrong with the new one is logged in a line, and the old one stays:
 * as above, and ERR_INVALID: it has expired.
 */
int tls_certificate_renew(struct tls *, const char *name, const char *chain, size_t chain_size,
                          const char *key, size_t key_size);

/*
 * The authority's word that the certificate of this name is not revoked (an OCSP response, RFC 6960, in DER), which clients that ask get
 * beside it (RFC 6066 §8; RFC 8446 §4.4.2.1), until its time is over. Copied; in the place of the one before; it goes with its certificate where
 * that is renewed. It is not stapled, and a line in the log says why: ERR_INVALID: it is no such response, another certificate's, revoked, not in time yet, without an
 * end, or not signed as it has to be (which is looked at where the issuer's certificate is in the chain); ERR_TIMEOUT: its
 * time is over. ERR_ABSENT: no certificate has this name. ERR_MEMORY.
 */
#define TLS_STAPLE_MAX 16384u /* bytes */
int tls_staple(struct tls *, const char *name, const void *response, size_t size);

/* For http_serve_over and tcp_server_layer; the context is a struct tls, with one certificate at least. */
extern const struct tcp_layer tls_layer;

/* ---- Of a connection that is open ---- */
struct tls_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_128_GCM_SHA256" */
	const char *server_name;      /* null: the client named none */
	bool resumed, client_verified;
	char client_name
	        [256]; /* of its certificate's subject, as RFC 2253 writes it; "": it has shown none */
};
/* False: it is not open, or goes through no TLS. */
bool tls_info(const struct tcp_served *, struct tls_info *);

struct tls_counters {
	uint64_t handshakes, resumed, failed;
	uint64_t stapled;  /* handshakes with an OCSP response */
	uint64_t in_place; /* behind which records are encrypted in place: TLS 1.3 and AES-GCM */
	uint64_t waiting;  /* handshakes that wait for their turn, as of now */
};
void tls_counters(const struct tls *, struct tls_counters *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * TLS 1.3 (RFC 8446) and 1.2 (RFC 5246) for tasks that connect, by Debian's OpenSSL archives:
 *
 *	struct tls_client *trust;
 *	struct tls_stream *s;
 *	tls_client_open(&trust, NULL) || tls_connect(&s, trust, "example.org", 853, deadline) ||
 *	        tls_write(s, bytes, size, deadline);
 *
 * or below a protocol whose client takes a layer: http_client_open_over(&c, "example.org", 443, &tls_client_layer, trust, deadline).
 *
 * A peer has to show a chain of certificates that leads to an authority that is trusted, and whose first one is for the
 * host that was asked for (RFC 6125; RFC 5280 §6). There is no way to leave that out. Suites, versions and groups are the
 * server's (tls.h). Sessions are kept by host and port, and a later connection resumes one (RFC 8446 §2.2; each ticket once).
 *
 * Bounds. A handshake has handshake_ns, whatever the deadline of the call. What a peer sends is kept to one record (18 KiB), its
 * chain to TLS_CHAIN_MAX certificates of 32 KiB in all, and its sessions to sessions_max.
 *
 * A stream is used by one task at a time. Deadlines are times of clock_now().
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/tcp.h>
#include <net/tcp_client.h>

struct tls_client; /* whom to trust, and who one is; for any number of streams */
struct tls_stream;

#define TLS_CLIENT_HANDSHAKE_NS (10ull * 1000000000)
#define TLS_CLIENT_SESSIONS_MAX 64u /* of some 4 KiB; the one that was least recently put in goes */

struct tls_client_options { /* zero means the default */
	/* Authorities, in PEM. Not copied: they stay as they are while the client is open. Null: those of the image, which are the manifest's
	 * `ca`, or Debian's ca-certificates as of the build. */
	const char *authorities;
	size_t authorities_size;
	/* Subjects that are refused wherever in a chain they stand, as `openssl x509 -subject -nameopt RFC2253` writes them
	 * ("CN=Stolen,O=Example"), up to a null. Not copied. */
	const char *const *revoked;
	/* Protocols that are offered (RFC 7301), best first, up to a null; not copied. Null: none is named. */
	const char *const *protocols;
	uint64_t handshake_ns;
	uint32_t sessions_max;
	bool no_sessions; /* nothing is kept or resumed */
};

/* ERR_MEMORY; ERR_MALFORMED: no certificate is among the authorities; ERR_ABSENT: the image has none; both are logged.
 * ERR_INVALID: the protocols. Options may be null. */
int tls_client_open(struct tls_client **, const struct tls_client_options *);
/* Its streams are closed before. */
void tls_client_close(struct tls_client *);

/* What is shown to servers that ask for a certificate: as tls_certificate (tls.h). A second call replaces the first's. */
int tls_client_certificate(struct tls_client *, const char *name, const char *chain,
                           size_t chain_size, const char *key, size_t key_size);

/*
 * Connects to a host (a name, resolved as resolver_connect does it, or an address as text, without brackets), and opens the stream. Errors are
 * resolver_connect's, and
 *   ERR_REFUSED    the host's certificate is not trusted, or for other hosts; or TCP was refused
 *   ERR_FAILED     the host has broken the handshake off
 *   ERR_MALFORMED  what it says is no TLS, or breaks its rules
 *   ERR_TIMEOUT    the deadline, or handshake_ns
 *   ERR_CLOSED, ERR_RESET, ERR_MEMORY
 * tls_client_reason says why.
 */
int tls_connect(struct tls_stream **, struct tls_client *, const char *host, uint16_t port,
                uint64_t deadline_ns);
/* The same over a connection that is open (STARTTLS). It belongs to the stream if this succeeds. `host` is what the peer's
 * certificate has to be for; with an address no name is told to the peer (RFC 6066 §3). */
int tls_start(struct tls_stream **, struct tls_client *, struct tcp_connection *, const char *host,
              uint64_t deadline_ns);
/* Why the last tls_connect or tls_start failed, in words ("certificate has expired"); good until the next. */
const char *tls_client_reason(const struct tls_client *);

/* As tcp_read, tcp_peek, tcp_consume and tcp_write (net/tcp.h), whose errors they have, and ERR_MALFORMED. 0 bytes: the peer
 * has said its goodbye (close_notify). Where it ends without one, which an attacker can make it do, that is ERR_CLOSED. */
int64_t tls_read(struct tls_stream *, void *to, uint32_t size, uint64_t deadline_ns);
int64_t tls_peek(struct tls_stream *, const uint8_t **bytes, uint64_t deadline_ns);
void tls_consume(struct tls_stream *, uint32_t size);
int tls_write(struct tls_stream *, const void *bytes, uint32_t size, uint64_t deadline_ns);
/* Says goodbye, and reads and drops what still comes until the peer has said its own or has closed: it has everything then. For those
 * who only write: a close alone can be overtaken by a reset, where the peer has sent tickets that nobody has read. */
int tls_finish(struct tls_stream *, uint64_t deadline_ns);
/* Says goodbye, which waits for nothing, and gives stream and connection back (tcp_close). Null: nothing. */
void tls_close(struct tls_stream *);

struct tls_stream_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_128_GCM_SHA256" */
	char protocol[256];           /* that was agreed upon; "": none */
	bool resumed;
};
void tls_stream_info(const struct tls_stream *, struct tls_stream_info *);

/* For protocols' clients; the context is a struct tls_client. A stream is a struct tls_stream. */
extern const struct tcp_client_layer tls_client_layer;

struct tls_client_counters {
	uint64_t handshakes, resumed, failed;
	uint64_t distrusted; /* of those that failed: for their certificate */
};
void tls_client_counters(const struct tls_client *, struct tls_client_counters *);

#endif

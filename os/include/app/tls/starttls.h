/* SPDX-License-Identifier: ISC */
/*
 * STARTTLS for servers over net/tcp_served.h: a connection that begins in clear and goes on through TLS when the client asks for it (SMTP: RFC
 * 3207; XMPP: RFC 6120 §5). The layer is put below the protocol as tls_layer is, with the same struct tls:
 *
 *	tcp_server_layer(&server, &tls_starttls_layer, tls);
 *
 * The protocol writes that it agrees, calls tls_upgrade, and returns from `received` how much it has taken: up to the end of the client's
 * word, and nothing behind. Whatever the client has sent behind that word belongs to TLS: commands in clear among it break the handshake,
 * and never reach the protocol, not now and not later. From tls_upgrade on the protocol has to forget what it learnt before: what
 * it is shown next came through TLS. A task's client upgrades by tls_start (client.h).
 */
#ifndef TLS_STARTTLS_H
#define TLS_STARTTLS_H

#include <app/tls/tls.h>

extern const struct tcp_layer tls_starttls_layer;

/* To be called by the protocol in `received`, when all that it has written is TCP's. The connection is IDLE, and has
 * tls_options' handshake_ns to be open; what is written meanwhile is held, and goes out through TLS. ERR_INVALID: it is not
 * over this layer, or not in clear any more; ERR_AGAIN: something that was written is still held: the client has sent more than one
 * command without waiting, and takes no answers. */
int tls_upgrade(struct tcp_served *);

/* Is it still in clear? What may only be said through TLS (a password) is refused then. */
bool tls_is_clear(const struct tcp_served *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * What stands between a task and a TCP connection that it has opened: TLS, as a client (app/tls/client.h). A protocol whose client takes
 * such a layer needs to know nothing of it, and an image whose libraries have none carries nothing of it: tcp_served_layered
 * (net/tcp_served.h) is false then.
 */
#ifndef NET_TCP_CLIENT_H
#define NET_TCP_CLIENT_H

#include <stdint.h>

#include <net/tcp.h>

struct tcp_client_layer {
	/* Makes a stream of an open connection to `host`, a name or an address as text. Blocks until it is open. From then on the stream owns the
	 * connection; after an error the caller still does. */
	int (*open)(void **stream, void *context, struct tcp_connection *, const char *host,
	            uint64_t deadline_ns);
	/* As tcp_peek, tcp_consume, tcp_write and tcp_close. */
	int64_t (*peek)(void *stream, const uint8_t **bytes, uint64_t deadline_ns);
	void (*consume)(void *stream, uint32_t size);
	int (*write)(void *stream, const void *bytes, uint32_t size, uint64_t deadline_ns);
	void (*close)(void *stream);
};

#endif

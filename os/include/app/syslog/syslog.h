/* SPDX-License-Identifier: ISC */
/*
 * Sends the image's log lines (core/log.h) to a receiver of syslog, in the form of RFC 5424: over UDP (RFC 5426), TCP with octet
 * counting (RFC 6587 §3.4.1) or TLS (RFC 5425). They are written to the console as before.
 *
 *	syslog_start(&(struct syslog_options){ .host = "logs.example.org", .tcp = true, .software = "shop", .version = "1.2" });
 *
 *	<132>1 2026-11-29T16:05:09.123456Z shop shop - net [origin software="shop" swVersion="1.2"][meta sequenceId="7"] text
 *
 * Who logs never waits: a line goes into a queue of bounded bytes, from which a task sends. While the receiver is away
 * the queue fills; what comes then is dropped, counted, and told by a line of its own once there is room. A connection that fails is opened
 * again after a time that doubles from RETRY_FIRST to RETRY_MAX. The line that it failed with is sent again; what TCP had
 * taken before, and the receiver had not, is lost, since syslog has no acknowledgements: sequenceId shows gaps, and lines that come twice.
 * Lines of the sending task itself go to the console only. What is queued when the image exits is lost.
 */
#ifndef SYSLOG_SYSLOG_H
#define SYSLOG_SYSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp_client.h>

#define SYSLOG_PORT           514u
#define SYSLOG_TLS_PORT       6514u
#define SYSLOG_QUEUE_DEFAULT  (64u << 10)
#define SYSLOG_RETRY_FIRST_NS 500000000ull
#define SYSLOG_RETRY_MAX_NS   (30ull * 1000000000)
#define SYSLOG_CONNECT_NS     (10ull * 1000000000) /* for a name, a connection and its handshake */
#define SYSLOG_WRITE_NS       (30ull * 1000000000) /* a receiver that takes nothing for so long is gone */
#define SYSLOG_FACILITY       16u                  /* local0 */

struct syslog_options { /* zero means the default; not copied, but for the struct itself */
	const char
	        *host; /* a name or an address; null or "": nothing is sent, and nothing is done */
	uint16_t port; /* SYSLOG_PORT; with a layer SYSLOG_TLS_PORT */
	bool tcp;
	const struct tcp_client_layer
	        *layer; /* &tls_client_layer, with a struct tls_client; null: none */
	void *layer_context;
	const char *software, *version; /* the appliance's; software: its name; version: not told */
	uint8_t facility;               /* 1 to 23 */
	uint32_t queue_max;             /* bytes, 4096 at least: SYSLOG_QUEUE_DEFAULT */
	uint64_t retry_max_ns;
};

/* Once. A task of the image's is taken for it. ERR_MEMORY (no stack for the task), ERR_EXISTS, ERR_INVALID. */
int syslog_start(const struct syslog_options *);

struct syslog_counters {
	uint64_t lines;       /* that were logged */
	uint64_t sent, bytes; /* handed to UDP, TCP or TLS */
	uint64_t dropped;     /* for want of room */
	uint64_t failed;      /* tries that failed: no address, no connection, a write */
	uint64_t queued;      /* bytes, as of now */
};
struct syslog_counters syslog_counters(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * An authoritative name server from the arguments of its manifest: the zones that the compiler dns-zones made, over UDP and TCP. The
 * library brings the arguments along (docs/manifest.md):
 *
 *	#include "appliance.h"
 *	#include <app/nameserver/nameserver.h>
 *	...
 *	return nameserver_serve(NULL, &(struct nameserver_options)NAMESERVER_OPTIONS) || nameserver_run();
 *
 * The same over TLS and HTTPS beside that is app/nameserver/tls/tls.h, of which nothing is in an image that does not name it.
 */
#ifndef NAMESERVER_NAMESERVER_H
#define NAMESERVER_NAMESERVER_H

#include <app/dns/dns.h>
#include <core/file.h>

#define NAMESERVER_TRANSFERS 4u /* texts, which are one: an argument has 127 bytes at the most */

struct nameserver_options {
	const struct file *zones;
	const char *transfers[NAMESERVER_TRANSFERS];
	struct dns_options dns; /* its transfers are those above */
};

/* Of the arguments that come with the library, and of the file `zones`. */
#define NAMESERVER_OPTIONS                                                                         \
	{                                                                                          \
		.zones = file_find("zones"),                                                       \
		.transfers = { arg_transfers(), arg_transfers_2(), arg_transfers_3(),              \
			       arg_transfers_4() },                                                \
		.dns = {                                                                           \
			.port = arg_port(),                                                        \
			.udp_size = arg_udp_size(),                                                \
			.cache_bytes = arg_cache(),                                                \
			.no_cache = arg_cache() == 0,                                              \
			.tcp = { .connections = arg_tcp_connections(),                             \
			         .per_address = arg_tcp_per_address(),                             \
			         .transfers = arg_tcp_transfers(),                                 \
			         .rate = arg_tcp_rate(),                                           \
			         .unsent = arg_tcp_unsent(),                                       \
			         .idle_ns = arg_tcp_idle(),                                        \
			         .buffers = arg_tcp_buffers() },                                   \
		},                                                                                 \
	}

/* Errors are dns_serve's; the reason is logged. */
int nameserver_serve(struct dns_server **, const struct nameserver_options *);

/* What dns_serve and dns_serve_over take: the texts of transfers are joined, in memory of the library's. */
struct dns_options nameserver_dns(const struct nameserver_options *);

/* Queries are answered on the event loop; main() ends with this, which does not return. */
int nameserver_run(void);

#endif

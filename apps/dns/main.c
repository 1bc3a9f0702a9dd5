/* SPDX-License-Identifier: ISC */
/* Serves the zones compiled into the image: an authoritative name server. */
#include "appliance.h"

#include <app/dns/dns.h>
#include <core/file.h>
#include <core/clock.h>
#include <core/task.h>

/* The four texts as one: an argument has 127 bytes at the most. */
static const char *transfers(void)
{
	static char all[4 * 128];
	const char *const parts[] = { arg_transfers(), arg_transfers_2(), arg_transfers_3(),
		                      arg_transfers_4() };
	size_t at = 0;

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (at > 0 && *parts[i])
			all[at++] = ' ';
		for (const char *p = parts[i]; *p && at + 2 < sizeof all; p++)
			all[at++] = *p;
	}
	return all;
}

int main(void)
{
	struct dns_server *server;
	struct dns_options options = { .port = arg_port(),
		                       .udp_size = arg_udp_size(),
		                       .cache_bytes = arg_cache(),
		                       .no_cache = arg_cache() == 0,
		                       .transfers = transfers(),
		                       .tcp = { .connections = arg_tcp_connections(),
		                                .per_address = arg_tcp_per_address(),
		                                .transfers = arg_tcp_transfers(),
		                                .rate = arg_tcp_rate(),
		                                .unsent = arg_tcp_unsent(),
		                                .idle_ns = arg_tcp_idle(),
		                                .buffers = arg_tcp_buffers() } };

	if (dns_serve(&server, file_find("zones"), &options) < 0)
		return 1;
	for (;;)
		task_sleep_until(CLOCK_NEVER); /* queries are answered on the event loop */
}

/* SPDX-License-Identifier: ISC */
/* Serves the zones compiled into the image: an authoritative name server. */
#include "appliance.h"

#include <app/dns/dns.h>
#include <core/file.h>
#include <core/task.h>

int main(void)
{
	struct dns_server *server;
	struct dns_options options = { .port = arg_port(),
		                       .transfers = arg_transfers(),
		                       .tcp = { .connections = arg_tcp_connections(),
		                                .per_address = arg_tcp_per_address(),
		                                .transfers = arg_tcp_transfers(),
		                                .unsent = arg_tcp_unsent(),
		                                .idle_ns = arg_tcp_idle(),
		                                .buffers = arg_tcp_buffers() } };

	if (dns_serve(&server, file_find("zones"), &options) < 0)
		return 1;
	for (;;)
		task_sleep(UINT64_MAX); /* queries are answered on the event loop */
}

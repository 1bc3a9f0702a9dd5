/* SPDX-License-Identifier: ISC */
/* Serves the zones compiled into the image: an authoritative name server. */
#include "appliance.h"

#include <app/dns/dns.h>
#include <core/file.h>
#include <core/task.h>

int main(void)
{
	struct dns_server *server;
	struct dns_options options = { .port = arg_port(), .transfers = arg_transfers() };

	if (dns_serve(&server, file_find("zones"), &options) < 0)
		return 1;
	for (;;)
		task_sleep(UINT64_MAX); /* queries are answered on the event loop */
}

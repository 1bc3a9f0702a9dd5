/* SPDX-License-Identifier: ISC */
/* Serves the zones compiled into the image by UDP and TCP, and by TLS and HTTPS. */
#include "appliance.h"

#include <app/nameserver/tls/tls.h>

int main(void)
{
	const struct nameserver_options o = NAMESERVER_OPTIONS;
	struct dns_server *server;
	return nameserver_serve(&server, &o) ||
	       nameserver_tls_serve(server, &o,
	                            &(struct nameserver_tls_options)NAMESERVER_TLS_OPTIONS) ||
	       nameserver_run();
}

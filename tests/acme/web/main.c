/* SPDX-License-Identifier: ISC */
/* The site of apps/web, by HTTPS with a certificate that is asked for. */
#include "appliance.h"

#include <app/web/acme/acme.h>

int main(void)
{
	struct http_server *server;
	return web_acme_serve(&server, &(struct web_options)WEB_OPTIONS,
	                      &(struct web_tls_options)WEB_TLS_OPTIONS,
	                      &(struct web_acme_options)WEB_ACME_OPTIONS) ||
	       http_run(server);
}

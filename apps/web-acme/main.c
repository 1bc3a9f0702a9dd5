/* SPDX-License-Identifier: ISC */
/* Serves the site compiled into the image by HTTPS, with a certificate that an authority signs while it runs. */
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

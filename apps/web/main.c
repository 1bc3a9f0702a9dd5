/* SPDX-License-Identifier: ISC */
/* Serves the site compiled into the image by HTTPS, if it was given a certificate, or else by HTTP. */
#include "appliance.h"

#include <app/web/tls/tls.h>

int main(void)
{
	struct http_server *server;
	return web_tls_serve(&server, &(struct web_options)WEB_OPTIONS,
	                     &(struct web_tls_options)WEB_TLS_OPTIONS) ||
	       http_run(server);
}

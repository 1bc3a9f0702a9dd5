/* SPDX-License-Identifier: ISC */
/* Serves the site compiled into the image by HTTP. */
#include "appliance.h"

#include <app/web/web.h>

int main(void)
{
	struct http_server *server;
	return web_serve(&server, &(struct web_options)WEB_OPTIONS) || http_run(server);
}

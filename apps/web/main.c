/* SPDX-License-Identifier: ISC */
/* Serves the site compiled into the image; and a status page, where the manifest or `--set status=PORT` asks for one. */
#include "appliance.h"

#include <app/http/http.h>
#include <app/site/site.h>
#include <app/status/status.h>
#include <core/file.h>

int main(void)
{
	struct site *site;
	struct http_server *server;
	struct http_options options = { .port = arg_port(),
		                        .access_log = arg_log(),
		                        .connections_max = arg_connections(),
		                        .per_address_max = arg_per_address(),
		                        .unsent_max = arg_unsent(),
		                        .buffers_max = arg_buffers(),
		                        .head_ns = arg_head(),
		                        .idle_ns = arg_idle(),
		                        .send_ns = arg_stall() };

	if (site_open(&site, file_find("site")) || http_serve(&server, &options) ||
	    site_route(server, site) ||
	    status_serve(&(struct status_options){ .port = arg_status(), .name = "web" }))
		return 1;
	return http_run(server);
}

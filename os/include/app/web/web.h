/* SPDX-License-Identifier: ISC */
/*
 * A web service from the arguments of its manifest: a site, a port of HTTP with its bounds, and a status page. The library brings
 * the arguments along (docs/manifest.md), so that naming it is all that a manifest has to do:
 *
 *	#include "appliance.h"
 *	#include <app/web/web.h>
 *	...
 *	struct http_server *server;
 *	return web_serve(&server, &(struct web_options)WEB_OPTIONS) || http_run(server);
 *
 * The same by HTTPS is app/web/tls/tls.h, of which nothing is in an image that does not name it. Routes of the application's
 * own are added between the two, and go before the site.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdint.h>

#include <app/http/http.h>
#include <core/file.h>

struct web_options {
	const char *name;         /* for the status page's title */
	const struct file *site;  /* made by the compiler web-site; null: there is none */
	struct http_options http; /* the port of HTTP, and the bounds */
	uint16_t status;          /* port of the status page; 0: none */
};

/* Of the arguments that come with the library, and of the file `site`. */
#define WEB_OPTIONS                                                                                \
	{                                                                                          \
		.name = APPLIANCE_NAME, .site = file_find("site"), .status = arg_status(),         \
		.http = {                                                                          \
			.port = arg_port(),                                                        \
			.access_log = arg_log(),                                                   \
			.connections_max = arg_connections(),                                      \
			.per_address_max = arg_per_address(),                                      \
			.unsent_max = arg_unsent(),                                                \
			.buffers_max = arg_buffers(),                                              \
			.head_ns = arg_head(),                                                     \
			.idle_ns = arg_idle(),                                                     \
			.send_ns = arg_stall(),                                                    \
		},                                                                                 \
	}

/* Serves by HTTP. Errors are those of http_serve, site_open, site_route and status_serve; the reason is logged. */
int web_serve(struct http_server **, const struct web_options *);

/* The two halves of it, for servers of other kinds: the site, and the status page. */
int web_site(struct http_server *, const struct web_options *);
int web_status(const struct web_options *);

#endif

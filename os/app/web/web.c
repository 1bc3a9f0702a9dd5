/* SPDX-License-Identifier: ISC */
#include <app/web/web.h>

#include <app/site/site.h>
#include <app/status/status.h>
#include <core/error.h>

int web_site(struct http_server *server, const struct web_options *o)
{
	struct site *site;
	if (!o->site)
		return OK;
	int error = site_open(&site, o->site);
	return error ? error : site_route(server, site);
}

int web_status(const struct web_options *o)
{
	return status_serve(&(struct status_options){ .port = o->status, .name = o->name });
}

int web_serve(struct http_server **to, const struct web_options *o)
{
	int error = http_serve(to, &o->http);
	error = error ? error : web_site(*to, o);
	return error ? error : web_status(o);
}

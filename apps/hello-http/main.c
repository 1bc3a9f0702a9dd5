/* SPDX-License-Identifier: ISC */
#include "appliance.h"
#include <app/http/http.h>

static void hello(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, 200, "Hello, world\n");
}

int main(void)
{
	struct http_server *server;
	return http_serve(&server, &(struct http_options){ .port = arg_port() }) ||
	       http_route(server, "GET", "/", hello, NULL) || http_run(server);
}

/* SPDX-License-Identifier: ISC */
#include "appliance.h"
#include <app/http/http.h>

static void hello(struct http_exchange *x, void *context)
{
	http_reply_text(x, 200, context);
}

int main(void)
{
	struct http_server *s;
	return http_serve(&s, NULL) || http_route(s, "GET", "/", hello, "Hello\n") || http_run(s);
}

/* SPDX-License-Identifier: ISC */
/* Answers at /; /hang never gives its turn back; /ill says from then on that it is not well. */
#include <stdbool.h>

#include "appliance.h"
#include <app/http/http.h>

static bool is_ill;

static void answer(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_text(x, is_ill ? 500 : 200, "here\n");
}

static void fall_ill(struct http_exchange *x, void *context)
{
	(void)context;
	is_ill = true;
	http_reply_text(x, 200, "ill\n");
}

static void hang(struct http_exchange *x, void *context)
{
	(void)x;
	(void)context;
	for (volatile bool forever = true; forever;)
		;
}

int main(void)
{
	struct http_server *s;
	return http_serve(&s, NULL) || http_route(s, "GET", "/", answer, NULL) ||
	       http_route(s, "GET", "/ill", fall_ill, NULL) ||
	       http_route(s, "GET", "/hang", hang, NULL) || http_run(s);
}

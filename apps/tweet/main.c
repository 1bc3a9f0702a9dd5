/* SPDX-License-Identifier: ISC */
/* The paper's dynamic web appliance: people post, and follow each other. */
#include "appliance.h"

#include <app/http/http.h>
#include <app/status/status.h>
#include <core/log.h>
#include <store/block.h>

#include "attempt.h"
#include "model.h"
#include "tweet.h"

int main(void)
{
	struct http_server *s;
	struct block *data = block_find("data");
	if (!data)
		log_warning("tweet", "there is no device (--block data=FILE): all is in memory, "
		                     "and gone with this image");
	if (attempt_open(arg_attempts(), arg_attempts_address()) || model_open(data, arg_cache()) ||
	    http_serve(&s, &(struct http_options){ .port = arg_port(), .body_max = 16384 }) ||
	    pages_route(s) || api_route(s) ||
	    status_serve(&(struct status_options){ .port = arg_status(), .name = "tweet" }))
		return 1;
	return http_run(s);
}

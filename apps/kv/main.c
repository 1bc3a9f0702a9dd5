/* SPDX-License-Identifier: ISC */
/* A memcached; durable if the manifest says so, which the compiler folds: the B-tree is linked only
 * then. */
#include "appliance.h"

#include <app/memcache/durable/durable.h>
#include <app/memcache/memcache.h>
#include <app/status/status.h>
#include <core/log.h>
#include <core/clock.h>
#include <core/task.h>
#include <store/block.h>

static int serve(struct memcache_server **server, const struct memcache_options *options)
{
	if (!arg_durable())
		return memcache_serve(server, options);
	struct block *data = block_find("data");
	if (!data) {
		log_error("kv",
		          "this image keeps its items: give it a device by --block data=FILE");
		return 1;
	}
	return memcache_durable_serve(server, data, options);
}

int main(void)
{
	struct memcache_server *server;
	uint64_t item = arg_item_max() < UINT32_MAX ? arg_item_max() : UINT32_MAX;

	if (serve(&server, &(struct memcache_options){ .port = arg_port(),
	                                               .memory = arg_items(),
	                                               .item_max = (uint32_t)item,
	                                               .connections_max = arg_connections(),
	                                               .unsent_max = arg_unsent(),
	                                               .watch_max = arg_watch(),
	                                               .buffers_max = arg_buffers(),
	                                               .stall_ns = arg_stall(),
	                                               .idle_ns = arg_idle() }) ||
	    status_serve(&(struct status_options){ .port = arg_status(), .name = "kv" }))
		return 1;
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}

/* SPDX-License-Identifier: ISC */
#include <app/kv/kv.h>

#include <app/status/status.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/log.h>
#include <core/task.h>
#include <store/block.h>

int kv_serve(const struct kv_options *o)
{
	struct memcache_server *server;
	struct block *data = o->durable ? block_find("data") : NULL;
	if (o->durable && !data) {
		log_error("kv",
		          "this image keeps its items: give it a device by --block data=FILE");
		return ERR_ABSENT;
	}
	int error = o->durable ? o->durable(&server, data, &o->memcache)
	                       : memcache_serve(&server, &o->memcache);
	if (error)
		return error;
	return status_serve(&(struct status_options){ .port = o->status, .name = o->name });
}

int kv_run(void)
{
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}

/* SPDX-License-Identifier: ISC */
/*
 * A memcached from the arguments of its manifest, with a status page. The library brings all of them along (docs/manifest.md) but one,
 * `durable`, which the manifest has: it decides what is linked.
 *
 *	#include "appliance.h"
 *	#include <app/kv/kv.h>
 *	...
 *	return kv_serve(&(struct kv_options)KV_OPTIONS) || kv_run();
 *
 * The same through TLS is app/kv/tls/tls.h, of which nothing is in an image that does not name it.
 */
#ifndef KV_KV_H
#define KV_KV_H

#include <app/memcache/durable/durable.h>
#include <app/memcache/memcache.h>

struct kv_options {
	const char *name; /* for the status page's title */
	/* memcache_durable_serve: items are kept on the block device `data`. Null: in memory only, and the B-tree is not linked. */
	int (*durable)(struct memcache_server **, struct block *, const struct memcache_options *);
	struct memcache_options memcache;
	uint16_t status; /* port of the status page; 0: none */
};

#define KV_OPTIONS                                                                                 \
	{                                                                                          \
		.name = APPLIANCE_NAME, .durable = arg_durable() ? memcache_durable_serve : 0,     \
		.status = arg_status(), .memcache = {                                              \
			.port = arg_port(),                                                        \
			.memory = arg_items(),                                                     \
			.item_max = arg_item_max() < UINT32_MAX ? (uint32_t)arg_item_max()         \
			                                        : UINT32_MAX,                      \
			.connections_max = arg_connections(),                                      \
			.unsent_max = arg_unsent(),                                                \
			.watch_max = arg_watch(),                                                  \
			.buffers_max = arg_buffers(),                                              \
			.stall_ns = arg_stall(),                                                   \
			.idle_ns = arg_idle(),                                                     \
		},                                                                                 \
	}

/* To be called from a task, once. ERR_ABSENT: durable, and there is no device; and the errors of memcache_serve, memcache_durable_serve and
 * status_serve. The reason is logged. */
int kv_serve(const struct kv_options *);

/* Commands are answered on the event loop; main() ends with this, which does not return. */
int kv_run(void);

#endif

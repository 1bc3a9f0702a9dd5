/* SPDX-License-Identifier: ISC */
/* "stats": figures under memcached's names, those that there are here. */
#include <app/memcache/connection.h>

#include <string.h>

#include <app/memcache/number.h>
#include <core/clock.h>
#include <core/heap.h>
#include <net/tcp.h>

static void tell(struct memcache_connection *c, const char *name, const char *value, uint32_t size)
{
	if (c->protocol == PROTOCOL_BINARY) {
		memcache_binary_stat(c, name, value, size);
		return;
	}
	REPLY(c, "STAT ");
	memcache_reply_bytes(c, name, (uint32_t)strlen(name));
	REPLY(c, " ");
	memcache_reply_bytes(c, value, size);
	REPLY(c, "\r\n");
}

static void figure(struct memcache_connection *c, const char *name, uint64_t value)
{
	char text[NUMBER_SIZE];
	tell(c, name, text, memcache_number_print(text, value));
}

static void words(struct memcache_connection *c, const char *name, const char *value)
{
	tell(c, name, value, (uint32_t)strlen(value));
}

static const char *const names[MEMCACHE_COUNTS] = {
	[MEMCACHE_GET_HITS] = "get_hits",
	[MEMCACHE_GET_MISSES] = "get_misses",
	[MEMCACHE_GET_EXPIRED] = "get_expired",
	[MEMCACHE_GET_FLUSHED] = "get_flushed",
	[MEMCACHE_SETS] = "cmd_set",
	[MEMCACHE_TOUCHES] = "cmd_touch",
	[MEMCACHE_FLUSHES] = "cmd_flush",
	[MEMCACHE_METAS] = "cmd_meta",
	[MEMCACHE_DELETE_HITS] = "delete_hits",
	[MEMCACHE_DELETE_MISSES] = "delete_misses",
	[MEMCACHE_INCR_HITS] = "incr_hits",
	[MEMCACHE_INCR_MISSES] = "incr_misses",
	[MEMCACHE_DECR_HITS] = "decr_hits",
	[MEMCACHE_DECR_MISSES] = "decr_misses",
	[MEMCACHE_CAS_HITS] = "cas_hits",
	[MEMCACHE_CAS_MISSES] = "cas_misses",
	[MEMCACHE_CAS_BAD] = "cas_badval",
	[MEMCACHE_TOUCH_HITS] = "touch_hits",
	[MEMCACHE_TOUCH_MISSES] = "touch_misses",
	[MEMCACHE_STORED] = "total_items",
	[MEMCACHE_RECLAIMED] = "reclaimed",
	[MEMCACHE_NO_MEMORY] = "store_no_memory",
	[MEMCACHE_TOO_LARGE] = "store_too_large",
};

static void general(struct memcache_connection *c)
{
	const struct memcache_server *s = c->server;
	const struct memcache_store *t = &s->store;
	struct memcache_counters n;

	memcache_counters(s, &n);
	figure(c, "pid", 1); /* an image is one process, if any */
	figure(c, "uptime", (clock_now() - s->started) / NS_PER_S);
	figure(c, "time", (uint64_t)(clock_wall() / (int64_t)NS_PER_S));
	words(c, "version", s->options.version);
	figure(c, "pointer_size", 64);
	figure(c, "max_connections", s->options.connections_max);
	figure(c, "curr_connections", n.connections_now);
	figure(c, "total_connections", n.connections);
	figure(c, "rejected_connections", n.connections_refused);
	figure(c, "idle_kicks", n.timed_out);
	figure(c, "cmd_get", t->counts[MEMCACHE_GET_HITS] + t->counts[MEMCACHE_GET_MISSES]);
	for (uint32_t k = 0; k < MEMCACHE_COUNTS; k++)
		figure(c, names[k], t->counts[k]);
	figure(c, "bytes_read", s->counters.bytes_in);
	figure(c, "bytes_written", s->counters.bytes_out);
	figure(c, "limit_maxbytes",
	       s->options.memory - (uint64_t)(t->memory.reserve - 1) * t->memory.size);
	figure(c, "threads", 1);
	figure(c, "hash_bytes", (uint64_t)t->table.size * 4);
	figure(c, "hash_is_expanding", t->table.old != NULL);
	figure(c, "bytes", t->memory.live);
	figure(c, "curr_items", t->table.count);
	figure(c, "evictions", t->memory.evictions);
	figure(c, "log_watchers", s->watchers_now);
	figure(c, "log_watcher_skipped", s->watch_skipped);
	figure(c, "log_watcher_sent", s->watch_sent);
	figure(c, "segments", t->memory.count);
	figure(c, "segments_free", t->memory.free_count);
	figure(c, "segments_pinned", t->memory.pinned);
	figure(c, "segments_cleaned", t->memory.cleaned);
}

static void settings(struct memcache_connection *c)
{
	const struct memcache_options *o = &c->server->options;

	figure(c, "maxbytes", o->memory);
	figure(c, "maxconns", o->connections_max);
	figure(c, "tcpport", o->port);
	figure(c, "udpport", 0);
	figure(c, "verbosity", 0);
	words(c, "evictions", o->keep ? "off" : "on");
	figure(c, "num_threads", 1);
	words(c, "cas_enabled", "yes");
	words(c, "flush_enabled", "yes");
	figure(c, "item_size_max", c->server->store.item_max);
	figure(c, "idle_timeout", o->idle_ns / NS_PER_S);
}

/* There are no size classes: all is told as class 1, which "me" and "lru_crawler" name, too. */
static void items(struct memcache_connection *c)
{
	const struct memcache_store *t = &c->server->store;
	if (!t->table.count)
		return;
	figure(c, "items:1:number", t->table.count);
	figure(c, "items:1:mem_requested", t->memory.live);
	figure(c, "items:1:evicted", t->memory.evictions);
	figure(c, "items:1:outofmemory", t->counts[MEMCACHE_NO_MEMORY]);
	figure(c, "items:1:reclaimed", t->counts[MEMCACHE_RECLAIMED]);
}

static void slabs(struct memcache_connection *c)
{
	const struct memcache_store *t = &c->server->store;
	uint32_t used = t->memory.count - t->memory.free_count;
	if (used) {
		figure(c, "1:chunk_size", ITEM_UNIT);
		figure(c, "1:chunks_per_page", t->memory.size / ITEM_UNIT);
		figure(c, "1:total_pages", used);
		figure(c, "1:total_chunks", (uint64_t)used * t->memory.size / ITEM_UNIT);
		figure(c, "1:used_chunks", t->memory.live / ITEM_UNIT);
		figure(c, "1:free_chunks",
		       ((uint64_t)used * t->memory.size - t->memory.live) / ITEM_UNIT);
		figure(c, "1:mem_requested", t->memory.live);
	}
	figure(c, "active_slabs", used > 0);
	figure(c, "total_malloced", (uint64_t)used * t->memory.size);
}

void memcache_stats_reset(struct memcache_server *s)
{
	memset(s->store.counts, 0, sizeof s->store.counts);
	s->counters = (struct memcache_counters){ .commands = 0 };
	s->served.counters = (struct tcp_server_counters){ .now = s->served.counters.now };
	s->store.memory.evictions = s->store.memory.cleaned = 0;
}

bool memcache_stats_of(struct memcache_connection *c, struct word group)
{
	if (!group.size)
		general(c);
	else if (WORD_IS(group, "settings"))
		settings(c);
	else if (WORD_IS(group, "items"))
		items(c);
	else if (WORD_IS(group, "slabs"))
		slabs(c);
	else
		return false;
	return true;
}

void memcache_stats(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	if (n > 1 && WORD_IS(w[1], "reset")) {
		memcache_stats_reset(c->server);
		REPLY(c, "RESET\r\n");
	} else if (n > 1 && WORD_IS(w[1], "conns")) {
		memcache_dump_begin(c, true);
	} else if (memcache_stats_of(c, n > 1 ? w[1] : (struct word){ "", 0 })) {
		REPLY(c, "END\r\n");
	} else {
		REPLY(c, "ERROR\r\n");
	}
}

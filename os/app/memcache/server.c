/* SPDX-License-Identifier: ISC */
/* Listening, the crawler's pace, and what ends the wait for a backend. */
#include <app/memcache/connection.h>

#include <string.h>

#include <core/check.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define KEEP_ALIVE_NS (600ull * NS_PER_S) /* a client that went away without a word */
#define CRAWL_NS      (20 * NS_PER_MS)    /* between two steps of a pass */
#define CRAWL_IDLE_NS NS_PER_S            /* between two passes */
#define CRAWL_ITEMS   4096u               /* of a step: less than a millisecond */

static void crawl(struct timer *t)
{
	struct memcache_server *s = container_of(t, struct memcache_server, crawler);
	memcache_tick(&s->store, clock_coarse());
	memcache_crawl(&s->store, CRAWL_ITEMS);
	timer_set_in(t, s->store.crawl_at ? CRAWL_NS : CRAWL_IDLE_NS, crawl);
}

static bool items_hold(const void *of)
{
	const struct memcache_server *s = of;
	return memcache_memory_is_valid(&s->store.memory) &&
	       memcache_table_is_valid(&s->store.table);
}

int memcache_open(struct memcache_server **to, const struct memcache_options *o)
{
	static const struct memcache_options none;
	struct memcache_server *s = heap_alloc_zero(1, sizeof *s);

	if (!s)
		return ERR_MEMORY;
	o = o ? o : &none;
	s->options = *o;
	s->options.port = o->port ? o->port : MEMCACHE_PORT;
	s->options.memory = o->memory ? o->memory : MEMCACHE_MEMORY_DEFAULT;
	s->options.connections_max =
	        o->connections_max ? o->connections_max : MEMCACHE_CONNECTIONS_MAX;
	s->options.stall_ns = o->stall_ns ? o->stall_ns : MEMCACHE_STALL_NS;
	s->options.unsent_max = o->unsent_max ? o->unsent_max : MEMCACHE_UNSENT_MAX;
	s->options.watch_max = o->watch_max ? o->watch_max : MEMCACHE_WATCH_MAX;
	if (s->options.watch_max < MEMCACHE_WATCH_MIN)
		s->options.watch_max = MEMCACHE_WATCH_MIN;
	s->options.version = o->version ? o->version : MEMCACHE_VERSION;
	s->started = clock_now();
	list_init(&s->waiting);
	list_init(&s->watchers);
	int error = memcache_store_open(&s->store, s->options.memory, s->options.item_max);
	if (error) {
		log_error("memcache", "%llu bytes for items: %s",
		          (unsigned long long)s->options.memory, error_text(error));
		heap_free(s);
		return error;
	}
	s->store.memory.keep = o->keep;
	check_watch(s, items_hold, "app/memcache",
	            "each item is in the table and in its segment's count");
	*to = s;
	return OK;
}

int memcache_listen(struct memcache_server *s)
{
	const struct memcache_options *o = &s->options;
	const struct tcp_options tcp = { .send_max = o->unsent_max,
		                         .keep_alive_ns = KEEP_ALIVE_NS,
		                         .no_delay = true };
	int error = tcp_server_open(
	        &s->served, &memcache_protocol, o->interface, o->port, &tcp,
	        &(struct tcp_server_limits){ .connections_max = o->connections_max,
	                                     .unsent_max = o->unsent_max,
	                                     .buffers_max = o->buffers_max,
	                                     .idle_ns = o->idle_ns ? o->idle_ns : CLOCK_NEVER,
	                                     .stall_ns = o->stall_ns });
	if (error) {
		log_error("memcache", "port %u: %s", s->options.port, error_text(error));
		return error;
	}
	/* Nobody has connected yet: that takes a turn of the loop. */
	if (tcp_served_layered && o->layer)
		tcp_server_layer(&s->served, o->layer, o->layer_context);
	return OK;
}

void memcache_begin(struct memcache_server *s)
{
	struct list *const lists[] = { &s->served.idle, &s->served.busy };
	s->begun = true;
	if (metric_shown)
		memcache_metrics_add(s);
	timer_set_in(&s->crawler, CRAWL_IDLE_NS, crawl);
	for (uint32_t k = 0; k < 2; k++)
		for (struct list *at = lists[k]->next; at != lists[k]; at = at->next)
			tcp_resume(container_of(at, struct tcp_served, all)->tcp);
}

int memcache_serve_over(struct memcache_server **to, const struct memcache_options *o,
                        const struct tcp_layer *layer, void *context)
{
	static const struct memcache_options none;
	struct memcache_options over = o ? *o : none;
	over.layer = layer;
	over.layer_context = context;
	return memcache_serve(to, &over);
}

int memcache_serve(struct memcache_server **to, const struct memcache_options *o)
{
	int error = memcache_open(to, o);
	if (error)
		return error;
	error = memcache_listen(*to);
	if (error) {
		check_forget(*to);
		memcache_store_close(&(*to)->store);
		heap_free(*to);
		return error;
	}
	memcache_begin(*to);
	return OK;
}

void memcache_stop(struct memcache_server *s, uint64_t deadline_ns,
                   void (*stopped)(void *context, uint32_t left), void *context)
{
	tcp_server_stop(&s->served, deadline_ns, stopped, context);
}

void memcache_set_backend(struct memcache_server *s, const struct memcache_backend *b)
{
	s->store.backend = b;
}

struct memcache_store *memcache_store_of(struct memcache_server *s)
{
	return &s->store;
}

void memcache_committed(struct memcache_server *s, uint64_t ticket, int error)
{
	struct list *next;
	/* Who goes on may have to wait anew, behind all others; the first of the list waits for
	 * longest. */
	for (struct list *at = s->waiting.next; at != &s->waiting; at = next) {
		struct memcache_connection *c =
		        container_of(at, struct memcache_connection, waiting);
		next = at->next;
		if (c->ticket <= ticket)
			memcache_connection_committed(c, error);
	}
}

void memcache_counters(const struct memcache_server *s, struct memcache_counters *to)
{
	const struct tcp_server_counters *n = &s->served.counters;
	*to = s->counters;
	to->connections = n->connections;
	to->connections_now = n->now;
	to->connections_refused = n->refused;
	to->made_room = n->made_room;
	to->crowded = n->crowded;
	to->timed_out += n->stalled + n->idled;
}

/* SPDX-License-Identifier: ISC */
/*
 * A memcached: the text protocol, the meta commands and the binary protocol of memcached 1.6 over
 * TCP, with items in a fixed amount of memory (memory.h), lost at the end unless a backend keeps
 * them (durable/durable.h).
 *
 * A connection speaks the binary protocol if its first byte is 0x80. Answers are memcached's, byte
 * by byte, with two exceptions: a packet that is not known is skipped as long as it is (memcached
 * skips its key and extras twice, and takes the middle of the next one for a packet), and one that
 * has a value where there can be none is refused.
 *
 * It does not have UDP and SASL. The commands that steer memcached's own threads
 * and slabs (slabs, lru) are answered ERROR. "watch" tells fetchers, mutations, evictions and
 * connevents; it knows memcached's other words, of which nothing happens here. A get may have any number of keys: they are taken
 * as they come, and a connection never holds more than 8 KiB of a line.
 */
#ifndef MEMCACHE_MEMCACHE_H
#define MEMCACHE_MEMCACHE_H

#include <stdbool.h>
#include <stdint.h>

struct interface;
struct memcache_backend;
struct tcp_layer;
struct memcache_server;
struct memcache_store;

#define MEMCACHE_PORT            11211u
#define MEMCACHE_MEMORY_DEFAULT  (64ull << 20)
#define MEMCACHE_CONNECTIONS_MAX 1024u
#define MEMCACHE_STALL_NS        (60ull * 1000000000)
#define MEMCACHE_UNSENT_MAX      (2u << 20)
#define MEMCACHE_WATCH_MAX       (256u << 10)
#define MEMCACHE_WATCH_MIN       (4u << 10)
#define MEMCACHE_WATCHERS_MAX    20u

struct memcache_options {            /* zero means the default */
	struct interface *interface; /* null: all */
	uint16_t port;               /* MEMCACHE_PORT */
	uint64_t memory;          /* bytes for items, taken at the start; MEMCACHE_MEMORY_DEFAULT */
	uint32_t item_max;        /* bytes of an item, head and key included; 1 MiB */
	uint32_t connections_max; /* MEMCACHE_CONNECTIONS_MAX; for more, those that are silent for
	                             longest make room, or they are refused */
	uint32_t
	        unsent_max; /* bytes of answers that a client has not acknowledged: until then nothing
	                             more is done for it; MEMCACHE_UNSENT_MAX */
	uint64_t
	        buffers_max; /* bytes that all connections hold; half of the heap. Beyond it those go
	                             that would hold them for longest */
	uint32_t
	        watch_max; /* bytes of lines that a watcher has not taken: what comes then, it is not
	                       told, but how many they were; MEMCACHE_WATCH_MAX */
	uint64_t idle_ns;  /* a silent connection is closed after this; 0: never */
	uint64_t stall_ns;   /* one that acknowledges nothing; one in the middle of a command
	                             for so long, if less than 1 KiB a second comes; MEMCACHE_STALL_NS */
	const char *version; /* the answer to "version"; null: that of the memcached whose protocol
	                             this is */
	bool keep;           /* nothing is evicted: when the memory is full, storing fails */
	/* Between TCP and the protocol, as &tls_layer and a struct tls (app/tls/tls.h): nobody is served in clear. Null: none. */
	const struct tcp_layer *layer;
	void *layer_context;
};
#define MEMCACHE_VERSION "1.6.18"

/* Serves from now on, on the event loop. ERR_EXISTS (the port), ERR_MEMORY, ERR_INVALID; the reason
 * is logged. */
int memcache_serve(struct memcache_server **, const struct memcache_options *);
/* The same with the options' layer. */
int memcache_serve_over(struct memcache_server **, const struct memcache_options *,
                        const struct tcp_layer *, void *context);
/* The steps of memcache_serve, for a caller that fills the store before memcache_begin. Clients can connect from
 * memcache_listen on, and wait for their answers until it begins. */
int memcache_open(struct memcache_server **, const struct memcache_options *);
int memcache_listen(struct memcache_server *);
void memcache_begin(struct memcache_server *);

/* The orderly end: no new connections; a silent one is closed at once, others after the command that they are in.
 * `stopped` (may be null) is called once: when all have ended, or at the deadline, when the others were reset. */
void memcache_stop(struct memcache_server *, uint64_t deadline_ns,
                   void (*stopped)(void *context, uint32_t left), void *context);

/* Sets the backend that is told of changes; before memcache_begin. */
void memcache_set_backend(struct memcache_server *, const struct memcache_backend *);
struct memcache_store *memcache_store_of(struct memcache_server *);
/* Called by the backend when it has kept everything up to this ticket: the answers that waited for it
 * are sent. With an error they are not: clients get SERVER_ERROR, and their connections are closed. */
void memcache_committed(struct memcache_server *, uint64_t ticket, int error);

struct memcache_counters {
	uint64_t connections_now, connections, connections_refused;
	uint64_t made_room, crowded; /* ended while silent for new ones; for their memory */
	uint64_t commands, bytes_in, bytes_out;
	uint64_t malformed; /* lines that are no command */
	uint64_t timed_out; /* connections, for stalling or idling */
};
void memcache_counters(const struct memcache_server *, struct memcache_counters *);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * "watch": lines about what happens, in memcached's words. A line is made when somebody watches its
 * kind, and copied into the ring of each who does. A timer then gives the rings to TCP. Who does not
 * read has a full ring, and is told how many lines it missed; nobody else waits for it. When nobody
 * watches, an event costs a test of memcache_store.watched.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <app/memcache/number.h>
#include <core/clock.h>
#include <core/heap.h>

#define WATCH_NS     NS_PER_MS /* from a line to when it goes to TCP, with others */
#define LINE_SIZE    1024u     /* of the longest line: its key as URLs have it, and 250 bytes */
#define SKIPPED_SIZE (sizeof "skipped=\n" - 1 + NUMBER_SIZE)
_Static_assert(LINE_SIZE >= DUMP_KEY_MAX + 250 && MEMCACHE_WATCH_MIN >= LINE_SIZE + SKIPPED_SIZE,
               "a line has room");

struct line {
	char bytes[LINE_SIZE];
	uint32_t size;
};

static void put(struct line *l, const char *text)
{
	uint32_t size = (uint32_t)strlen(text);
	memcpy(l->bytes + l->size, text, size);
	l->size += size;
}

static void put_number(struct line *l, const char *name, int64_t value)
{
	put(l, name);
	if (value < 0)
		put(l, "-");
	l->size += memcache_number_print(l->bytes + l->size,
	                                 value < 0 ? (uint64_t)-value : (uint64_t)value);
}

/* ---- Telling ---- */

static void append(struct watching *w, const char *bytes, uint32_t size)
{
	uint32_t end = (w->at + w->used) % w->size, first = w->size - end;
	first = first < size ? first : size;
	memcpy(w->ring + end, bytes, first);
	memcpy(w->ring, bytes + first, size - first);
	w->used += size;
}

bool memcache_watch_on(struct memcache_connection *c)
{
	struct watching *w = c->watching;
	while (w->used && c->served.tcp) {
		uint32_t part = w->size - w->at < w->used ? w->size - w->at : w->used;
		uint32_t n = memcache_reply_give(c, w->ring + w->at, part);
		w->at = (w->at + n) % w->size;
		w->used -= n;
		if (n < part)
			return false;
	}
	return true;
}

static void tell(struct timer *t)
{
	struct memcache_server *s = container_of(t, struct memcache_server, watch_timer);
	struct list *next;
	for (struct list *at = s->watchers.next; at != &s->watchers; at = next) {
		struct memcache_connection *c = container_of(at, struct watching, all)->of;
		next = at->next;
		tcp_served_enter(&c->served);
		if (c->state == STATE_WATCH && !memcache_reply_is_stuck(c))
			memcache_watch_on(c);
		tcp_served_leave(&c->served);
	}
}

static void begin(struct memcache_server *s, struct line *l, const char *type)
{
	int64_t micros = clock_wall() / 1000;
	l->size = 0;
	put_number(l, "ts=", micros / 1000000);
	put_number(l, ".", 1000000 + micros % 1000000);
	l->size -= 7; /* six digits: the one before them only kept the zeros */
	memmove(l->bytes + l->size, l->bytes + l->size + 1, 6);
	l->size += 6;
	put_number(l, " gid=", (int64_t)++s->watch_lines);
	put(l, " type=");
	put(l, type);
}

static void put_key(struct line *l, const struct memcache_event *e)
{
	put(l, " key=");
	l->size += memcache_dump_key(l->bytes + l->size, e->key, e->key_size);
}

static void end(struct memcache_server *s, struct line *l, uint32_t what)
{
	put(l, "\n");
	list_each (at, &s->watchers) {
		struct watching *w = container_of(at, struct watching, all);
		struct line skipped = { .size = 0 };
		if (!(w->events & what))
			continue;
		if (w->skipped) {
			put_number(&skipped, "skipped=", (int64_t)w->skipped);
			put(&skipped, "\n");
		}
		if (w->size - w->used < l->size + skipped.size) {
			w->skipped++;
			s->watch_skipped++;
			continue;
		}
		append(w, skipped.bytes, skipped.size);
		append(w, l->bytes, l->size);
		w->skipped = 0;
		s->watch_sent++;
	}
	if (!timer_is_set(&s->watch_timer))
		timer_set_in(&s->watch_timer, WATCH_NS, tell);
}

static void happened(struct memcache_store *store, const struct memcache_event *e)
{
	static const char *const found[] = { [MEMCACHE_IS_NOT] = " status=not_found",
		                             [MEMCACHE_IS] = " status=found",
		                             [MEMCACHE_WAS_FLUSHED] = " status=flushed",
		                             [MEMCACHE_HAS_EXPIRED] = " status=expired" };
	static const char *const results[] = { [MEMCACHE_OK] = " status=stored",
		                               [MEMCACHE_NOT_STORED] = " status=not_stored",
		                               [MEMCACHE_EXISTS] = " status=exists",
		                               [MEMCACHE_NOT_FOUND] = " status=not_found",
		                               [MEMCACHE_NOT_A_NUMBER] = " status=not_stored",
		                               [MEMCACHE_OUT_OF_MEMORY] = " status=no_memory",
		                               [MEMCACHE_TOO_BIG] = " status=too_large" };
	static const char *const modes[] = {
		[MEMCACHE_SET] = " cmd=set",         [MEMCACHE_ADD] = " cmd=add",
		[MEMCACHE_REPLACE] = " cmd=replace", [MEMCACHE_APPEND] = " cmd=append",
		[MEMCACHE_PREPEND] = " cmd=prepend", [MEMCACHE_CAS] = " cmd=cas"
	};
	struct memcache_server *s = container_of(store, struct memcache_server, store);
	struct line l;
	switch (e->what) {
	case MEMCACHE_FETCHERS:
		begin(s, &l, "item_get");
		put_key(&l, e);
		put(&l, found[e->status]);
		put_number(&l, " clsid=", e->status != MEMCACHE_IS_NOT);
		put_number(&l, " cfd=", s->acting);
		put_number(&l, " size=", e->size);
		break;
	case MEMCACHE_MUTATIONS:
		begin(s, &l, "item_store");
		put_key(&l, e);
		put(&l, results[e->status]);
		put(&l, modes[e->mode]);
		put_number(&l, " ttl=", e->left < 0 ? 0 : e->left);
		put_number(&l, " clsid=1 cfd=", s->acting);
		put_number(&l, " size=", e->size);
		break;
	default:
		begin(s, &l, "eviction");
		put_key(&l, e);
		put(&l, e->fetched ? " fetch=yes" : " fetch=no");
		put_number(&l, " ttl=", e->left);
		put_number(&l, " la=", e->idle);
		put_number(&l, " clsid=1 size=", e->size);
	}
	end(s, &l, e->what);
}

void memcache_watch_connection(struct memcache_connection *c, bool ended)
{
	struct line l;
	begin(c->server, &l, ended ? "conn_close rip=" : "conn_new rip=");
	l.size += memcache_dump_address(l.bytes + l.size, c);
	put_number(&l, " rport=", c->served.remote_port);
	put(&l, " transport=tcp");
	if (ended)
		put(&l, c->served.finished || c->state == STATE_CLOSING ? " reason=normal"
		                                                        : " reason=error");
	put_number(&l, " cfd=", c->number);
	end(c->server, &l, MEMCACHE_CONNECTIONS);
}

/* ---- Who watches ---- */

static void look_who_watches(struct memcache_server *s)
{
	s->store.watch = happened;
	s->store.watched = 0;
	list_each (at, &s->watchers)
		s->store.watched |= container_of(at, struct watching, all)->events;
}

/* All of them are of a known kind; what they are. */
static bool read_kinds(const struct word *w, uint32_t n, uint32_t *events)
{
	*events = n ? 0 : MEMCACHE_FETCHERS;
	for (uint32_t k = 0; k < n; k++) {
		if (WORD_IS(w[k], "fetchers"))
			*events |= MEMCACHE_FETCHERS;
		else if (WORD_IS(w[k], "mutations"))
			*events |= MEMCACHE_MUTATIONS;
		else if (WORD_IS(w[k], "evictions"))
			*events |= MEMCACHE_EVICTIONS;
		else if (WORD_IS(w[k], "connevents"))
			*events |= MEMCACHE_CONNECTIONS;
		else if (!WORD_IS(w[k], "sysevents") && !WORD_IS(w[k], "rawcmds") &&
		         !WORD_IS(w[k], "proxyreqs") && !WORD_IS(w[k], "proxyevents") &&
		         !WORD_IS(w[k], "proxyuser")) /* of these, nothing happens */
			return false;
	}
	return true;
}

void memcache_watch(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	struct memcache_server *s = c->server;
	uint32_t size = s->options.watch_max, events;
	if (!read_kinds(w + 1, n - 1, &events)) {
		memcache_reply_line(c, "ERROR");
		return;
	}
	if (s->watchers_now == MEMCACHE_WATCHERS_MAX) {
		memcache_reply_line(c, "WATCHER_TOO_MANY log watcher limit reached");
		return;
	}
	struct watching *to = tcp_served_keep(&c->served, c->line_room + c->held_room + size)
	                              ? heap_alloc(sizeof *to + size)
	                              : NULL;
	if (!to) {
		memcache_connection_keep(c, c->line_room, c->held_room);
		memcache_reply_line(c, "WATCHER_FAILED failed to add log watcher");
		return;
	}
	*to = (struct watching){ .of = c, .events = events, .size = size };
	list_append(&s->watchers, &to->all);
	s->watchers_now++;
	c->watching = to;
	c->state = STATE_WATCH;
	look_who_watches(s);
	memcache_reply_line(c, "OK");
}

void memcache_watch_end(struct memcache_connection *c)
{
	list_remove(&c->watching->all);
	heap_free(c->watching);
	c->watching = NULL;
	c->server->watchers_now--;
	look_who_watches(c->server);
}

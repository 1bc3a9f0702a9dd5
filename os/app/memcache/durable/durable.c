/* SPDX-License-Identifier: ISC */
/*
 * The backend over a B-tree. Keys that have changed are noted, each once, and a task writes what
 * they are by then: so a commit holds the last state of each key, and costs the same however often
 * it changed meanwhile.
 *
 * Two kinds of record: "i" KEY, the item; and "f", the number of the last flush, at or below which
 * items are gone: their records are removed later, as the store's crawler finds them.
 */
#include <app/memcache/durable/durable.h>

#include <string.h>

#include <app/memcache/store.h>
#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/task.h>
#include <store/btree/btree.h>

#define RECORD_HEAD                                                                                \
	21u /* flags u32, date u64 (seconds since 1970, 0: never), CAS u64, bits u8; then the      \
	       value */
#define BATCH_CHANGES 256u
#define BATCH_BYTES   (1u << 20)
#define CACHE_BYTES   (1u << 20) /* pages of the tree; nothing is read from it but at the start */
#define KEPT_BITS     (ITEM_BINARY | ITEM_STALE | ITEM_WON)
#define RECORD_MAX    BTREE_VALUE_MAX
#define SEEN          1024u
#define RETRY_NS      (100 * NS_PER_MS) /* after an error: a full device */
_Static_assert(RECORD_HEAD <= sizeof(struct memcache_item) && DURABLE_ITEM_MAX <= RECORD_MAX,
               "what fits into an item fits into its record");

/* A key that has changed. */
struct note {
	struct note *next; /* in the order of change */
	struct note *same; /* in the chain of `seen` */
	uint64_t number;   /* of the first change since it was last written */
	uint32_t hash;
	uint8_t size;
	char key[ITEM_KEY_MAX];
};

static struct {
	struct memcache_server *server;
	struct memcache_store *store;
	struct memcache_backend backend;
	struct btree *tree;
	struct btree_lru lru;
	struct note *first, **last;
	struct note *seen[SEEN]; /* those of the list, by hash */
	uint64_t changes, told;  /* counted; pending() has told of so many */
	uint64_t flushed;        /* to be written; 0: nothing */
	bool lost; /* a change could not be noted: nothing may be acknowledged any more */
	struct task_queue work;
	uint8_t *bytes; /* BATCH_BYTES, of the commit in the making */
	uint8_t *old;   /* RECORD_MAX, of what is read */
	struct btree_change batch[BATCH_CHANGES];
} d;

/* ---- Noting ---- */

/* Keyed: nobody can make one chain of all that waits. */
static uint32_t hash_of(const char *key, uint32_t size)
{
	return (uint32_t)hash_bytes(key, size);
}

static struct note *find_note(const char *key, uint32_t size, uint32_t hash)
{
	struct note *n = d.seen[hash % SEEN];
	while (n && !(n->hash == hash && n->size == size && !memcmp(n->key, key, size)))
		n = n->same;
	return n;
}

static void changed(void *of, const char *key, uint32_t size)
{
	(void)of;
	uint32_t hash = hash_of(key, size);
	struct note **chain = &d.seen[hash % SEEN];
	d.changes++;
	task_wake_all(&d.work);
	if (find_note(key, size, hash))
		return;
	struct note *n = heap_alloc(offsetof(struct note, key) + size);
	if (!n) {
		d.lost = true;
		return;
	}
	n->next = NULL;
	n->number = d.changes;
	n->same = *chain;
	n->hash = hash;
	n->size = (uint8_t)size;
	memcpy(n->key, key, size);
	*chain = n;
	*d.last = n;
	d.last = &n->next;
}

static void flushed(void *of, uint64_t cas)
{
	(void)of;
	d.flushed = cas;
	d.changes++;
	task_wake_all(&d.work);
}

static bool pending(void *of, uint64_t *ticket)
{
	(void)of;
	bool news = d.told != d.changes;
	d.told = *ticket = d.changes;
	return news;
}

/* ---- Writing ---- */

/* The store's seconds begin with each start; on the device they are dates. 0: never. */
static int64_t date_of(const struct memcache_item *i)
{
	return i->expires ? d.store->began_wall + (int64_t)i->expires - MEMCACHE_SECONDS_FROM : 0;
}

static uint32_t expiry_of(int64_t date)
{
	int64_t at = date - d.store->began_wall + MEMCACHE_SECONDS_FROM;
	return !date ? 0 : at < 1 ? 1 : at > UINT32_MAX ? UINT32_MAX : (uint32_t)at;
}

/* The key's record as it has to be now, at d.bytes + *used; false: no room for it in this batch. */
static bool record(struct btree_change *to, const struct note *n, uint32_t *used)
{
	struct bytes_out out = bytes_out(d.bytes + *used, BATCH_BYTES - *used);
	struct memcache_key key = { n->key, n->size, false };
	bytes_put_u8(&out, 'i');
	bytes_put_copy(&out, n->key, n->size);
	uint32_t key_size = out.at;
	struct memcache_item *i = memcache_peek(d.store, &key);
	if (i) {
		bytes_put_u32(&out, i->flags);
		bytes_put_u64(&out, (uint64_t)date_of(i));
		bytes_put_u64(&out, i->cas);
		bytes_put_u8(&out, i->bits & KEPT_BITS);
		bytes_put_copy(&out, memcache_item_value(i), i->value_size);
	}
	if (out.failed)
		return false;
	*to = (struct btree_change){ .key = out.base,
		                     .key_size = key_size,
		                     .value = i ? out.base + key_size : NULL,
		                     .value_size = out.at - key_size };
	*used += out.at;
	return true;
}

/* A record's item comes back to memory; one that is dead is noted, so that its record goes. */
static int restore(const uint8_t *key, uint32_t key_size, const uint8_t *bytes, uint32_t size)
{
	struct bytes_in in = bytes_in(bytes, size);
	uint32_t flags = bytes_get_u32(&in);
	int64_t date = (int64_t)bytes_get_u64(&in);
	uint64_t cas = bytes_get_u64(&in);
	uint8_t bits = bytes_get_u8(&in);
	if (in.failed || key_size < 2 || key_size > 1 + ITEM_KEY_MAX || date < 0)
		return ERR_MALFORMED;
	struct memcache_key k = { (const char *)key + 1, key_size - 1, (bits & ITEM_BINARY) != 0 };
	if (cas > d.store->cas)
		d.store->cas = cas;
	uint32_t expires = expiry_of(date), value = bytes_left(&in);
	if (cas <= d.store->flushed || (expires && expires <= d.store->now)) {
		changed(NULL, k.bytes, k.size);
		return OK;
	}
	struct memcache_item *i = memcache_fits(d.store, &k, value)
	                                  ? memcache_new(d.store, &k, flags, expires, value)
	                                  : NULL;
	if (!i)
		return ERR_TOO_BIG;
	bytes_copy(&in, memcache_item_value(i), value);
	memcpy(memcache_item_value(i) + value, "\r\n", 2);
	i->bits |= bits & KEPT_BITS;
	memcache_restore(d.store, i, cas);
	return OK;
}

static void forget(struct note *n)
{
	struct note **at = &d.seen[n->hash % SEEN];
	while (*at != n)
		at = &(*at)->same;
	*at = n->same;
}

/* Takes notes into the batch, as many as fit; they are no longer noted then, so that a change
 * during the commit is noted anew. Returns how many changes there are; *ticket: everything up to it
 * is in this batch, or was before. */
static uint32_t gather(uint64_t *ticket)
{
	uint32_t count = 0, used = 0;
	if (d.flushed) {
		struct bytes_out out = bytes_out(d.bytes, 9);
		bytes_put_u8(&out, 'f');
		bytes_put_u64(&out, d.flushed);
		d.batch[count++] = (struct btree_change){
			.key = d.bytes, .key_size = 1, .value = d.bytes + 1, .value_size = 8
		};
		used = out.at;
	}
	while (d.first && count < BATCH_CHANGES && record(&d.batch[count], d.first, &used)) {
		struct note *n = d.first;
		count++;
		d.first = n->next;
		if (!d.first)
			d.last = &d.first;
		forget(n);
		heap_free(n);
	}
	*ticket = d.first ? d.first->number - 1 : d.changes;
	return count;
}

/* The item as the device has it, in place of what memory has. */
static void take_back(const struct btree_change *change)
{
	struct memcache_key key = { (const char *)change->key + 1, change->key_size - 1, false };
	uint32_t size = 0;
	int error = btree_get(d.tree, change->key, change->key_size, d.old, RECORD_MAX, &size);
	if (find_note(key.bytes, key.size,
	              hash_of(key.bytes, key.size))) /* changed again since: that is tried next */
		return;
	struct memcache_item *i = memcache_peek(d.store, &key);
	if (i)
		memcache_forget(d.store, i);
	if (!error)
		restore((const uint8_t *)change->key, change->key_size, d.old, size);
}

static void write_on(void *arg)
{
	(void)arg;
	for (;;) {
		while (!d.first && !d.flushed && !d.lost)
			task_wait(&d.work, CLOCK_NEVER);
		uint64_t ticket, mark = d.flushed;
		uint32_t count = gather(&ticket);
		int error = d.lost ? ERR_MEMORY : OK;
		d.lost = false;
		error = error ? error : btree_apply(d.tree, d.batch, count);
		if (!error) {
			if (d.flushed == mark)
				d.flushed = 0;
			memcache_committed(d.server, ticket, OK);
			continue;
		}
		/* Whoever waits is told, though something of his may be permanent: that is what an
		 * error leaves open. */
		log_error("memcache", "%u changes were not stored: %s", count, error_text(error));
		for (uint32_t k = mark ? 1 : 0; k < count; k++)
			take_back(&d.batch[k]);
		memcache_committed(d.server, UINT64_MAX, error);
		task_sleep(RETRY_NS);
	}
}

/* ---- Reading at the start ---- */

static void damage(void *of, uint64_t page, const char *what)
{
	(void)of;
	log_error("memcache", "page %llu of the device is damaged: %s", (unsigned long long)page,
	          what);
}

static int load_one(struct btree_cursor *c, const uint8_t *key, uint32_t key_size)
{
	uint32_t size = btree_cursor_value_size(c);
	if (key[0] != 'i')
		return OK;
	if (size > RECORD_MAX)
		return ERR_MALFORMED;
	int error = btree_cursor_value(c, d.old, size);
	return error < 0 ? error : restore(key, key_size, d.old, size);
}

static int load(void)
{
	struct btree_snapshot *snapshot;
	struct btree_cursor cursor;
	uint8_t mark[8];
	uint64_t gone = 0;
	uint32_t size;
	int error = btree_get(d.tree, "f", 1, mark, sizeof mark, &size);
	if (!error && size == sizeof mark)
		gone = bytes_load_u64(mark);
	if (error && error != ERR_ABSENT)
		return error;
	d.store->cas = d.store->flushed = gone;
	error = btree_snapshot_open(d.tree, &snapshot);
	if (error)
		return error;
	btree_cursor_open(&cursor, snapshot);
	for (error = btree_cursor_seek(&cursor, "i", 1); !error;
	     error = btree_cursor_next(&cursor)) {
		const uint8_t *key = btree_cursor_key(&cursor, &size);
		error = load_one(&cursor, key, size);
		if (error)
			break;
	}
	btree_cursor_close(&cursor);
	btree_snapshot_close(snapshot);
	return error == ERR_ABSENT ? OK : error;
}

int memcache_durable_serve(struct memcache_server **to, struct block *block,
                           const struct memcache_options *o)
{
	struct memcache_options options = *o;
	options.keep = true;
	if (!options.item_max || options.item_max > DURABLE_ITEM_MAX)
		options.item_max = DURABLE_ITEM_MAX;
	d.last = &d.first;
	task_queue_init(&d.work);
	d.bytes = heap_alloc(BATCH_BYTES);
	d.old = heap_alloc(RECORD_MAX);
	int error = d.bytes && d.old ? memcache_open(&d.server, &options) : ERR_MEMORY;
	if (error)
		return error;
	d.store = memcache_store_of(d.server);
	error = btree_open(&d.tree, block,
	                   &(struct btree_options){ .policy = &btree_policy_lru,
	                                            .policy_of = &d.lru,
	                                            .cache = CACHE_BYTES,
	                                            .create = true,
	                                            .damage = damage });
	error = error ? error : load();
	if (error) {
		log_error("memcache", "%s: %s", block->name, error_text(error));
		return error;
	}
	d.backend = (struct memcache_backend){ .changed = changed,
		                               .flushed = flushed,
		                               .pending = pending };
	memcache_set_backend(d.server, &d.backend);
	if (!task_spawn("commit", write_on, NULL)) {
		log_error("memcache",
		          "no stack for the task that commits: the manifest has to grant one more");
		return ERR_MEMORY;
	}
	*to = d.server;
	return memcache_listen(d.server);
}

void memcache_durable_figures(struct btree_figures *to)
{
	btree_figures(d.tree, to);
}

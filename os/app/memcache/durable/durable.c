/* SPDX-License-Identifier: ISC */
/*
 * The backend over a B-tree. Keys that have changed are noted, each once, and a task writes what
 * they are by then: so a commit holds the last state of each key, and costs the same however often
 * it changed meanwhile.
 *
 * Three kinds of record:
 *
 *   "i" KEY  the item
 *   "f"      the number of the last flush, at or below which items are gone (their records are removed
 *            later, as the store's crawler finds them); and the date of one that is to come
 *   "c"      a CAS number above all that a client was ever told: a start goes on from there, whatever
 *            has become of the items. It moves in steps, so that few commits write it.
 *
 * A note stays until its commit has ended. So whoever is told about a key, changed by him or not, finds
 * the ticket to wait for: nobody sees what a power cut could still take back.
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
#define DEVICE_MIN    (64u << 10)       /* bytes: less is no store's */
#define RETRY_NS      (100 * NS_PER_MS) /* after an error: a full device */
#define CAS_STEP      (1u << 20)        /* numbers that a start may skip */
#define RESERVED_MAX  2u                /* changes of a batch that are no items: "f" and "c" */
_Static_assert(RECORD_HEAD <= sizeof(struct memcache_item) && DURABLE_ITEM_MAX <= RECORD_MAX,
               "what fits into an item fits into its record");

/* A key that has changed. */
struct note {
	struct note *next; /* in the order of change */
	struct note *same; /* in the chain of `seen` */
	uint64_t number;   /* of the first change since it was last written */
	uint64_t latest;   /* of the last one */
	uint32_t hash;
	bool writing; /* it is in the commit under way: another change is another note */
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
	struct note *writing; /* a list of those in the commit under way */
	struct note
	        *seen[SEEN]; /* those of both lists, by hash; of one key the newest comes first */
	uint64_t changes, told; /* counted; pending() has told of so many */
	uint64_t looked;        /* the ticket of what was looked at since then; 0: none */
	uint64_t flush;         /* the last flush's ticket, until it is permanent; 0: none */
	bool flush_due;         /* it is to be written */
	uint64_t cas_kept;      /* what the device has in "c" */
	bool lost; /* a change could not be noted: nothing may be acknowledged any more */
	struct task_queue work;
	uint8_t *bytes; /* BATCH_BYTES, of the commit in the making */
	uint8_t *old;   /* RECORD_MAX, of what is read */
	struct btree_change batch[RESERVED_MAX + BATCH_CHANGES];
} d;

/* ---- Noting ---- */

/* Keyed: nobody can make one chain of all that waits. */
static uint32_t hash_of(const char *key, uint32_t size)
{
	return (uint32_t)hash_bytes(key, size);
}

/* The newest one of the key. */
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
	struct note **chain = &d.seen[hash % SEEN], *n = find_note(key, size, hash);
	d.changes++;
	task_wake_all(&d.work);
	if (n && !n->writing) {
		n->latest = d.changes;
		return;
	}
	n = heap_alloc(offsetof(struct note, key) + size);
	if (!n) {
		d.lost = true;
		return;
	}
	n->next = NULL;
	n->number = n->latest = d.changes;
	n->same = *chain;
	n->hash = hash;
	n->writing = false;
	n->size = (uint8_t)size;
	memcpy(n->key, key, size);
	*chain = n;
	*d.last = n;
	d.last = &n->next;
}

static void flushed(void *of)
{
	(void)of;
	d.flush = ++d.changes;
	d.flush_due = true;
	task_wake_all(&d.work);
}

static void looked(void *of, const char *key, uint32_t size, uint32_t hash)
{
	(void)of;
	if (!d.first && !d.writing && !d.flush)
		return;
	const struct note *n = find_note(key, size, hash);
	uint64_t ticket = n && n->latest > d.flush ? n->latest : d.flush;
	if (ticket > d.looked)
		d.looked = ticket;
}

static bool pending(void *of, uint64_t *ticket)
{
	(void)of;
	bool news = d.told != d.changes;
	*ticket = news ? d.changes : d.looked;
	news = news || d.looked;
	d.told = d.changes;
	d.looked = 0;
	return news;
}

/* ---- Writing ---- */

/* The store's seconds begin with each start; on the device they are dates. 0: never. */
static int64_t date_at(uint32_t second)
{
	return d.store->began_wall + (int64_t)second - MEMCACHE_SECONDS_FROM;
}

static int64_t date_of(const struct memcache_item *i)
{
	return i->expires ? date_at(i->expires) : 0;
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

static void put_record(struct btree_change *to, char kind, const uint64_t *words, uint32_t count,
                       uint32_t *used)
{
	struct bytes_out out = bytes_out(d.bytes + *used, BATCH_BYTES - *used);
	bytes_put_u8(&out, (uint8_t)kind);
	for (uint32_t k = 0; k < count; k++)
		bytes_put_u64(&out, words[k]);
	*to = (struct btree_change){
		.key = out.base, .key_size = 1, .value = out.base + 1, .value_size = 8 * count
	};
	*used += out.at;
}

/* A batch: what is written in one commit. */
struct batch {
	uint32_t count, items_from; /* of d.batch; where its items begin */
	uint64_t ticket;            /* everything up to it is in this batch, or was before */
	uint64_t flush;             /* the ticket of the flush in it; 0: none */
	uint64_t cas;               /* its "c" */
};

/* Takes notes into the batch, as many as fit; a change during the commit is noted anew. A flush goes
 * first: what was stored after it is never there without it. */
static void gather(struct batch *b)
{
	uint32_t used = 0;
	*b = (struct batch){ .cas = d.cas_kept };
	if (d.flush_due) {
		int64_t date = d.store->flush_at ? date_at(d.store->flush_at) : 0;
		put_record(&d.batch[b->count++], 'f',
		           (uint64_t[]){ d.store->flushed, (uint64_t)date }, 2, &used);
		b->flush = d.flush;
		d.flush_due = false;
	}
	if (d.store->cas > d.cas_kept) {
		b->cas = d.store->cas + CAS_STEP;
		put_record(&d.batch[b->count++], 'c', &b->cas, 1, &used);
	}
	b->items_from = b->count;
	while (d.first && b->count < RESERVED_MAX + BATCH_CHANGES &&
	       record(&d.batch[b->count], d.first, &used)) {
		struct note *n = d.first;
		b->count++;
		d.first = n->next;
		if (!d.first)
			d.last = &d.first;
		n->writing = true;
		n->next = d.writing;
		d.writing = n;
	}
	b->ticket = d.first ? d.first->number - 1 : d.changes;
}

static void let_notes_go(void)
{
	struct note *n;
	while ((n = d.writing)) {
		d.writing = n->next;
		forget(n);
		heap_free(n);
	}
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
		while (!d.first && !d.flush_due && !d.lost)
			task_wait(&d.work, CLOCK_NEVER);
		struct batch b;
		gather(&b);
		int error = d.lost ? ERR_MEMORY : OK;
		d.lost = false;
		error = error ? error : btree_apply(d.tree, d.batch, b.count);
		let_notes_go();
		if (!error) {
			d.cas_kept = b.cas;
			if (d.flush == b.flush)
				d.flush = 0;
			memcache_committed(d.server, b.ticket, OK);
			continue;
		}
		/* Whoever waits is told, though something of his may be permanent: that is what an
		 * error leaves open. */
		log_error("memcache", "%u changes were not stored: %s", b.count, error_text(error));
		d.flush_due = d.flush_due || b.flush;
		for (uint32_t k = b.items_from; k < b.count; k++)
			take_back(&d.batch[k]);
		memcache_committed(d.server, UINT64_MAX, error);
		task_sleep_until(clock_now() + RETRY_NS);
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

/* The numbers of a record that is not an item's; those that it lacks, or all if it is not there, are
 * zero. */
static int load_numbers(const char *name, uint64_t *to, uint32_t count)
{
	uint8_t bytes[16] = { 0 };
	uint32_t size;
	int error = btree_get(d.tree, name, 1, bytes, sizeof bytes, &size);
	if (error && error != ERR_ABSENT)
		return error;
	for (uint32_t k = 0; k < count; k++)
		to[k] = bytes_load_u64(bytes + 8 * k);
	return OK;
}

static int load_marks(void)
{
	struct memcache_store *s = d.store;
	uint64_t flush[2];
	int error = load_numbers("f", flush, 2);
	error = error ? error : load_numbers("c", &d.cas_kept, 1);
	if (error)
		return error;
	s->flushed = flush[0];
	s->cas = d.cas_kept > flush[0] ? d.cas_kept : flush[0];
	if (!flush[1])
		return OK;
	if ((int64_t)flush[1] < 0)
		return ERR_MALFORMED;
	s->flush_at = expiry_of((int64_t)flush[1]);
	if (s->flush_at <= s->now) /* while nobody looked; its number is above all items' */
		memcache_flush(s, 0);
	return OK;
}

static int load(void)
{
	struct btree_snapshot *snapshot;
	struct btree_cursor cursor;
	uint32_t size;
	int error = load_marks();
	if (error)
		return error;
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
	error = memcache_listen(d.server); /* who comes while the store loads waits */
	if (error)
		return error;
	error = btree_open(&d.tree, block,
	                   &(struct btree_options){ .policy = &btree_policy_lru,
	                                            .policy_of = &d.lru,
	                                            .cache = CACHE_BYTES,
	                                            .create = true,
	                                            .damage = damage });
	d.backend = (struct memcache_backend){
		.changed = changed, .flushed = flushed, .looked = looked, .pending = pending
	};
	memcache_set_backend(d.server, &d.backend);
	if (error == ERR_TOO_BIG && block->size >= DEVICE_MIN)
		return error; /* the store has said it */
	error = error ? error : load();
	if (error) {
		log_error("memcache", "%s: %s", block->name, error_text(error));
		return error;
	}
	if (!task_spawn("commit", write_on, NULL)) {
		log_error("memcache",
		          "no stack for the task that commits: the manifest has to grant one more");
		return ERR_MEMORY;
	}
	*to = d.server;
	memcache_begin(d.server);
	return OK;
}

void memcache_durable_figures(struct btree_figures *to)
{
	btree_figures(d.tree, to);
}

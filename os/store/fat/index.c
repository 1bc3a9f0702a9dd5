/* SPDX-License-Identifier: ISC */
/*
 * Where the names of a large directory are: for each slot that begins a long name, or is a short one,
 * the name's hash, in chains. What it finds is read from the directory and compared, so a wrong answer is
 * not possible, and a volume's contents are never only here. It is made when a search has gone through
 * INDEX_FROM slots, and follows each change. All of them together have at most fat_options.index bytes. A
 * directory that does not fit is searched from its begin, as small ones are.
 */
#include <store/fat/internal.h>

#include <core/heap.h>

#define SIZE_MIN 1024u /* slots */
#define OLD      1024u /* uses of others */

/* Of a slot. */
struct record {
	uint32_t hash;
	uint32_t next : 24; /* of the chain: a slot and 1 more; 0: none */
	uint32_t back : 8;  /* slots from the entry's first to this one */
};

static uint64_t bytes_of(uint32_t size)
{
	return size * sizeof(struct record) + size / 2 * sizeof(uint32_t);
}

static void let_go(struct fat *f, struct index *x)
{
	if (x->size)
		f->index_bytes -= bytes_of(x->size);
	heap_free(x->records);
	heap_free(x->heads);
	*x = (struct index){ .size = 0 };
}

void fat_index_drop(struct fat *f, uint32_t directory)
{
	if (f->too_large == directory)
		f->too_large = INDEX_NONE;
	for (uint32_t k = 0; k < INDEXES; k++)
		if (f->indexes[k].size && f->indexes[k].directory == directory)
			let_go(f, &f->indexes[k]);
}

void fat_index_close(struct fat *f)
{
	for (uint32_t k = 0; k < INDEXES; k++)
		let_go(f, &f->indexes[k]);
}

struct index *fat_index_of(const struct scan *s)
{
	struct fat *f = s->fat;
	for (uint32_t k = 0; k < INDEXES && !s->mend; k++) {
		struct index *x = &f->indexes[k];
		if (x->size && x->directory == s->chain.first) {
			x->used = ++f->index_turn;
			return x;
		}
	}
	return NULL;
}

/* ---- Records ---- */

static uint32_t *head(const struct index *x, uint32_t hash)
{
	return &x->heads[hash & (x->size / 2 - 1)];
}

static void put(struct index *x, uint32_t slot, uint32_t back, uint32_t hash)
{
	uint32_t *h = head(x, hash);
	x->records[slot] = (struct record){ hash, *h, back };
	*h = slot + 1;
}

static void take(struct index *x, uint32_t slot)
{
	struct record *r = &x->records[slot];
	uint32_t *h = head(x, r->hash), at = *h;
	if (at == slot + 1) {
		*h = r->next;
		return;
	}
	while (at && x->records[at - 1].next != slot + 1)
		at = x->records[at - 1].next;
	if (at)
		x->records[at - 1].next = r->next;
}

/* One to give up for another of so many slots: none that is larger, unless nobody has asked it for long. Else two directories
 * by turns would each have to be read anew. */
static struct index *victim(struct fat *f, const struct index *but, uint32_t size)
{
	struct index *best = NULL;
	for (uint32_t k = 0; k < INDEXES; k++) {
		struct index *x = &f->indexes[k];
		bool may = x->size <= size || f->index_turn - x->used > OLD;
		if (x != but && x->size && may && (!best || x->used < best->used))
			best = x;
	}
	return best;
}

static void refuse(struct fat *f, uint32_t directory)
{
	f->too_large = directory;
	f->too_large_at = f->index_turn;
}

/* Room for that slot; false: there is none, and it is dropped. */
static bool grow(struct fat *f, struct index *x, uint32_t slot)
{
	uint32_t size = x->size ? x->size : SIZE_MIN, old = x->size;
	while (size <= slot)
		size *= 2;
	if (size == old)
		return true;
	uint64_t more = bytes_of(size) - (old ? bytes_of(old) : 0);
	uint64_t most = f->options.index ? f->options.index : INDEX_DEFAULT;
	struct index *other;
	while (f->index_bytes + more > most && (other = victim(f, x, size)))
		let_go(f, other);
	bool fits = f->index_bytes + more <= most;
	struct record *records = fits ? heap_resize(x->records, size * sizeof *records) : NULL;
	uint32_t *heads = records ? heap_alloc_zero(size / 2, sizeof *heads) : NULL;
	if (records)
		x->records = records;
	if (!heads) {
		refuse(f, x->directory);
		let_go(f, x);
		return false;
	}
	f->index_bytes += more;
	uint32_t *was = x->heads, chains = old / 2;
	x->heads = heads;
	x->size = size;
	for (uint32_t k = 0; k < chains; k++)
		for (uint32_t at = was[k], next; at; at = next) {
			struct record r = records[at - 1];
			next = r.next;
			put(x, at - 1, r.back, r.hash);
		}
	heap_free(was);
	return true;
}

static uint32_t short_hash(const uint8_t raw[11])
{
	uint16_t letters[12];
	return fat_name_hash(letters, fat_name_from_short(raw, 0, letters));
}

static bool add(struct fat *f, struct index *x, const struct entry *e)
{
	if (!grow(f, x, e->slot))
		return false;
	put(x, e->slot, e->slot - e->first, short_hash(e->raw));
	if (e->units_count)
		put(x, e->first, 0, fat_name_hash(e->units, e->units_count));
	return true;
}

/* ---- Following the directory ---- */

void fat_index_added(const struct scan *s, const struct entry *e)
{
	struct index *x = fat_index_of(s);
	if (!x)
		return;
	x->chain = s->chain; /* the next search for room begins where this one ended */
	add(s->fat, x, e);
}

void fat_index_erased(const struct scan *s, const struct entry *e)
{
	struct index *x = fat_index_of(s);
	if (!x)
		return;
	take(x, e->slot);
	if (e->units_count)
		take(x, e->first);
	uint32_t from =
	        e->first > ENTRY_SLOTS ? e->first - ENTRY_SLOTS : 0; /* free before it, too */
	for (uint32_t k = 0; k <= ENTRY_SLOTS; k++)
		if (x->room[k] > from)
			x->room[k] = from;
}

uint32_t fat_index_room(const struct scan *s, uint32_t need)
{
	const struct index *x = fat_index_of(s);
	return x ? x->room[need] : 0;
}

void fat_index_taken(const struct scan *s, uint32_t need, uint32_t at)
{
	struct index *x = fat_index_of(s);
	for (uint32_t k = need; x && k <= ENTRY_SLOTS; k++)
		if (x->room[k] < at + need)
			x->room[k] = at + need;
}

/* ---- Looking ---- */

struct index *fat_index_make(const struct scan *of)
{
	struct fat *f = of->fat;
	struct index *x = NULL;
	struct scan s;
	struct entry e;
	int error;
	if (of->mend || (f->too_large == of->chain.first && f->index_turn - f->too_large_at <= OLD))
		return NULL;
	for (uint32_t k = 0; k < INDEXES && !x; k++)
		x = f->indexes[k].size ? NULL : &f->indexes[k];
	if (!x) {
		x = victim(f, NULL, of->slot);
		if (!x) {
			refuse(f, of->chain.first);
			return NULL;
		}
		let_go(f, x);
	}
	x->directory = of->chain.first;
	x->used = ++f->index_turn;
	fat_scan_open(&s, f, of->chain.first);
	while (!(error = fat_scan_next(&s, &e)))
		if (!add(f, x, &e))
			return NULL;
	if (error != ERR_ABSENT || !x->size) {
		let_go(f, x);
		return NULL;
	}
	x->chain = s.chain;
	return x;
}

bool fat_index_has_short(const struct index *x, const uint8_t raw[11])
{
	uint32_t hash = short_hash(raw);
	for (uint32_t at = *head(x, hash); at; at = x->records[at - 1].next)
		if (x->records[at - 1].hash == hash)
			return true;
	return false;
}

int fat_index_find(struct index *x, struct scan *s, const struct name *name, struct entry *e)
{
	uint32_t hash = fat_name_hash(name->units, name->size), best = SLOTS_MAX;
	int error = OK;
	s->chain = x->chain;
	for (uint32_t at = *head(x, hash); at && !error; at = x->records[at - 1].next) {
		const struct record *r = &x->records[at - 1];
		uint32_t first = at - 1 - r->back;
		if (r->hash != hash || first >= best)
			continue;
		s->slot = first;
		error = fat_scan_next(s, e);
		if (!error && fat_entry_is_named(e, name))
			best = first;
	}
	if (!error && best < SLOTS_MAX) {
		s->slot = best; /* the first of that name, as a search finds it */
		error = fat_scan_next(s, e);
	}
	x->chain = s->chain;
	return error ? error : best < SLOTS_MAX ? OK : ERR_ABSENT;
}

bool fat_index_is_valid(const struct fat *f)
{
	uint64_t bytes = 0;
	for (uint32_t k = 0; k < INDEXES; k++) {
		const struct index *x = &f->indexes[k];
		bytes += x->size ? bytes_of(x->size) : 0;
		for (uint32_t h = 0, count = 0; h < x->size / 2; h++)
			for (uint32_t at = x->heads[h]; at; at = x->records[at - 1].next)
				if (at > x->size || count++ > x->size ||
				    head(x, x->records[at - 1].hash) != &x->heads[h])
					return false;
	}
	return bytes == f->index_bytes;
}

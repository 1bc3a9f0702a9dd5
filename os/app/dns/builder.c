/* SPDX-License-Identifier: ISC */
/*
 * From records to a database. Names, the RRsets at them (a *node* is what one zone has at one
 * name), and records are kept in growing arrays and refer to each other by index + 1, 0 being none.
 * A name comes after its parent, so that what is inherited from above (zone, cover) needs one pass
 * forward, and what rises from below (existence) one pass backward. Then the checks, then two
 * passes over the same order: one gives everything its offset, one writes.
 */
#include <app/dns/builder.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/error.h>

#include <app/dns/database.h>
#include <app/dns/rdata.h>
#include <app/dns/type.h>

#define PROBE_GOAL   48u /* slots read in the worst look-up */
#define SEED_TRIES   8u
#define FILE_BUCKETS 65536u
#define TYPE_X25     19u
#define TYPE_ISDN    20u
#define TYPE_KX      36u

struct name {
	uint32_t parent, next;    /* next: in its bucket */
	uint32_t nodes;           /* of all zones that have records here */
	uint32_t apex_of, zone;   /* zones */
	uint32_t cover, wildcard; /* names */
	uint32_t copies;          /* sets that a wildcard makes here, for additional sections */
	uint64_t wire;            /* offset in the pool, as written */
	uint64_t hash;            /* with seed 0 while building, then with the final one */
	uint32_t out;             /* offset in the blob */
	uint8_t size, labels, flags;
	bool cased;
};

struct node {
	uint32_t name, zone, next;
	uint32_t sets, last_set;
	uint32_t out; /* of its own name record, where it is the parent's view of an apex */
	uint16_t set_count;
};

struct set {
	uint32_t owner; /* name */
	uint32_t next;
	uint32_t records, last_record;
	uint32_t count;
	uint32_t ttl;
	uint32_t zone;
	uint32_t extras; /* index into extras, sorted by kind; extra_count of them */
	uint16_t extra_count[3];
	uint32_t out;
	uint16_t type;
};

struct record {
	uint32_t next;
	uint32_t line;
	const char *file;
	uint64_t data; /* offset in the pool */
	uint32_t ttl;  /* as written; counts for RRSIG alone, others have their set's */
	uint16_t size;
};

struct zone {
	uint32_t apex; /* name */
	uint32_t soa;  /* set: for negative answers */
	uint32_t sets_out, set_count, filled;
	const char *file;
	bool is_signed;
	bool hidden; /* for transfers alone: of its names only the apex's SOA is found */
};

struct file {
	uint32_t next; /* in its bucket */
	char *name;    /* owned */
};

/* A growing array; element 0 is never used. */
#define ARRAY(type_)                                                                               \
	struct {                                                                                   \
		type_ *at;                                                                         \
		uint64_t count, room;                                                              \
	}

struct dns_builder {
	dns_report_fn *report;
	void *context;
	struct dns_builder_rules rules;
	unsigned errors;
	ARRAY(struct name) names;
	ARRAY(struct node) nodes;
	ARRAY(struct set) sets;
	ARRAY(struct record) records;
	ARRAY(struct zone) zones;
	ARRAY(uint32_t) extras; /* sets */
	ARRAY(uint8_t) pool;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t zone;      /* the one being filled */
	uint32_t copies;    /* the first set that stands for another one: negative SOAs, wildcards'
	                        extras */
	uint32_t zones_out; /* offset of the zones in the blob */
	ARRAY(struct file) files;
	uint32_t file_buckets[FILE_BUCKETS];
	const char *last_file; /* the one that was asked for last: mostly it is the next, too */
};

static bool grow(void **at, uint64_t *room, uint64_t need, size_t size)
{
	if (need <= *room)
		return true;
	uint64_t more = *room ? *room * 2 : 64;
	while (more < need)
		more *= 2;
	void *p = realloc(*at, more * size);
	if (!p)
		return false;
	*at = p;
	*room = more;
	return true;
}

/* Appends a zeroed element to an array and gives its index, or 0. */
#define APPEND(array_)                                                                             \
	(grow((void **)&(array_).at, &(array_).room, (array_).count + 1, sizeof *(array_).at) &&   \
	                 (array_).count < UINT32_MAX                                               \
	         ? (memset(&(array_).at[(array_).count], 0, sizeof *(array_).at),                  \
	            (uint32_t)(array_).count++)                                                    \
	         : 0)

static bool pool_put(struct dns_builder *b, const void *bytes, uint32_t size, uint64_t *at)
{
	/* 8 more: hashing reads whole words. */
	if (!grow((void **)&b->pool.at, &b->pool.room, b->pool.count + size + 8, 1))
		return false;
	*at = b->pool.count;
	memcpy(b->pool.at + b->pool.count, bytes, size);
	b->pool.count += size;
	return true;
}

__attribute__((format(printf, 5, 6))) static void complain(struct dns_builder *b, const char *file,
                                                           uint32_t line, bool error,
                                                           const char *format, ...)
{
	char text[2 * DNS_NAME_TEXT_MAX + 256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (error)
		b->errors++;
	b->report(b->context, file, line, error, text);
}

static const char *text_of(const struct dns_builder *b, uint32_t name, char *to)
{
	const struct name *n = &b->names.at[name];
	struct dns_name wire = { .size = n->size };

	memcpy(wire.wire, b->pool.at + n->wire, n->size);
	dns_name_text(&wire, to);
	return to;
}

/* ---- Names ---- */

static void lower(uint8_t *to, const uint8_t *from, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = dns_lower(from[i]);
}

static uint64_t label_hash(uint64_t above, const uint8_t *label)
{
	uint8_t padded[DNS_LABEL_MAX + 1 + 8] = { 0 };

	lower(padded, label, label[0] + 1u);
	return dns_suffix_hash(above, padded, label[0] + 1u);
}

static bool label_equal(const uint8_t *a, const uint8_t *b)
{
	if (a[0] != b[0])
		return false;
	for (unsigned i = 1; i <= a[0]; i++)
		if (dns_lower(a[i]) != dns_lower(b[i]))
			return false;
	return true;
}

static bool rehash(struct dns_builder *b)
{
	uint32_t size = (b->bucket_mask + 1) * 2;
	uint32_t *buckets = calloc(size, sizeof *buckets);
	if (!buckets)
		return false;
	for (uint32_t i = 1; i < b->names.count; i++) {
		struct name *n = &b->names.at[i];
		n->next = buckets[n->hash & (size - 1)];
		buckets[n->hash & (size - 1)] = i;
	}
	free(b->buckets);
	b->buckets = buckets;
	b->bucket_mask = size - 1;
	return true;
}

/* The child of `parent` that the wire form at `wire` (`size` bytes, its parent's included) names;
 * made if need be and `make`. 0: none, or no memory. */
static uint32_t child(struct dns_builder *b, uint32_t parent, const uint8_t *wire, unsigned size,
                      bool make)
{
	uint64_t hash = label_hash(b->names.at[parent].hash, wire);

	for (uint32_t i = b->buckets[hash & b->bucket_mask]; i; i = b->names.at[i].next) {
		const struct name *n = &b->names.at[i];
		if (n->hash == hash && n->parent == parent &&
		    label_equal(b->pool.at + n->wire, wire))
			return i;
	}
	if (!make || (b->names.count > b->bucket_mask && !rehash(b)))
		return 0;
	uint64_t at;
	uint32_t i = APPEND(b->names);
	if (!i || !pool_put(b, wire, size, &at))
		return 0;
	struct name *n = &b->names.at[i];
	n->parent = parent;
	n->wire = at;
	n->hash = hash;
	n->size = (uint8_t)size;
	n->labels = (uint8_t)(b->names.at[parent].labels + 1);
	for (unsigned j = 0; j < size; j++)
		n->cased |= wire[j] != dns_lower(wire[j]);
	n->next = b->buckets[hash & b->bucket_mask];
	b->buckets[hash & b->bucket_mask] = i;
	return i;
}

static uint32_t intern(struct dns_builder *b, const uint8_t *wire, unsigned size, bool make)
{
	uint8_t starts[DNS_LABELS_MAX];
	unsigned labels = 0;

	for (unsigned at = 0; wire[at]; at += wire[at] + 1u)
		starts[labels++] = (uint8_t)at;
	uint32_t i = 1; /* the root */
	while (labels && i) {
		unsigned at = starts[--labels];
		i = child(b, i, wire + at, size - at, make);
	}
	return i;
}

/* `inner` is `outer` or below it. */
static bool within(const struct dns_builder *b, uint32_t inner, uint32_t outer)
{
	while (inner && b->names.at[inner].labels > b->names.at[outer].labels)
		inner = b->names.at[inner].parent;
	return inner == outer;
}

/* ---- Nodes and sets ---- */

static uint32_t node_of(const struct dns_builder *b, uint32_t name, uint32_t zone)
{
	uint32_t i = b->names.at[name].nodes;

	while (i && b->nodes.at[i].zone != zone)
		i = b->nodes.at[i].next;
	return i;
}

static uint32_t set_of(const struct dns_builder *b, uint32_t node, uint16_t type)
{
	uint32_t i = node ? b->nodes.at[node].sets : 0;

	while (i && b->sets.at[i].type != type)
		i = b->sets.at[i].next;
	return i;
}

struct dns_builder *dns_builder_new(dns_report_fn *report, void *context)
{
	struct dns_builder *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->report = report;
	b->context = context;
	b->bucket_mask = 63;
	b->buckets = calloc(b->bucket_mask + 1, sizeof *b->buckets);
	/* Element 0 of each array is nothing; name 1 is the root. */
	b->pool.count = 0;
	uint64_t root;
	bool ok = b->buckets != NULL;
	ok = ok && (APPEND(b->names), b->names.at) && (APPEND(b->nodes), b->nodes.at) &&
	     (APPEND(b->sets), b->sets.at) && (APPEND(b->records), b->records.at) &&
	     (APPEND(b->zones), b->zones.at) && (APPEND(b->extras), b->extras.at) &&
	     (APPEND(b->files), b->files.at) && APPEND(b->names) == 1 && pool_put(b, "", 1, &root);
	if (!ok) {
		dns_builder_free(b);
		return NULL;
	}
	b->names.at[1].wire = root;
	b->names.at[1].size = 1;
	return b;
}

void dns_builder_free(struct dns_builder *b)
{
	if (!b)
		return;
	free(b->names.at);
	free(b->nodes.at);
	free(b->sets.at);
	free(b->records.at);
	free(b->zones.at);
	free(b->extras.at);
	free(b->pool.at);
	for (uint64_t i = 1; i < b->files.count; i++)
		free(b->files.at[i].name);
	free(b->files.at);
	free(b->buckets);
	free(b);
}

void dns_builder_set_rules(struct dns_builder *b, struct dns_builder_rules rules)
{
	b->rules = rules;
}

/* A copy of the file's name that lives as long as the builder; null: no memory. */
static const char *keep_file(struct dns_builder *b, const char *file)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	if (b->last_file && strcmp(b->last_file, file) == 0)
		return b->last_file;
	for (const char *p = file; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	uint32_t *bucket = &b->file_buckets[hash % FILE_BUCKETS], i = *bucket;
	while (i && strcmp(b->files.at[i].name, file) != 0)
		i = b->files.at[i].next;
	if (!i) {
		char *copy = strdup(file);
		i = copy ? APPEND(b->files) : 0;
		if (!i) {
			free(copy);
			return NULL;
		}
		b->files.at[i] = (struct file){ *bucket, copy };
		*bucket = i;
	}
	return b->last_file = b->files.at[i].name;
}

int dns_builder_zone(struct dns_builder *b, const struct dns_name *origin, const char *file)
{
	char text[DNS_NAME_TEXT_MAX];
	uint32_t apex = intern(b, origin->wire, origin->size, true);

	if (!apex)
		return ERR_MEMORY;
	if (b->names.at[apex].apex_of) {
		complain(b, file, 1, true, "zone %s is given twice (also by %s): drop one",
		         text_of(b, apex, text), b->zones.at[b->names.at[apex].apex_of].file);
		return ERR_EXISTS;
	}
	const char *kept = keep_file(b, file);
	b->zone = kept ? APPEND(b->zones) : 0;
	if (!b->zone)
		return ERR_MEMORY;
	b->zones.at[b->zone] = (struct zone){ .apex = apex, .file = kept };
	b->names.at[apex].apex_of = b->zone;
	return OK;
}

/* Whether the type is there only where a zone is signed: RRSIG, NSEC, NSEC3, and what was before
 * them (RFC 2535). */
static bool is_signature(uint16_t type)
{
	return type == DNS_RRSIG || type == DNS_NSEC || type == DNS_NSEC3 || type == DNS_SIG ||
	       type == DNS_NXT;
}

/*
 * A validating resolver refuses the answers of a signed zone if signatures and denials do not come
 * with them, and that answering cannot do: so such a zone is refused, at its first such record, or
 * kept for transfers alone.
 */
static void meet_signature(struct dns_builder *b, const struct dns_record *r)
{
	struct zone *zone = &b->zones.at[b->zone];
	char text[DNS_NAME_TEXT_MAX], type[16];

	if (zone->is_signed)
		return;
	zone->is_signed = true;
	zone->hidden = b->rules.signed_for_transfer;
	if (zone->hidden)
		return;
	dns_type_text(r->type, type);
	complain(b, r->file, r->line, true,
	         "zone %s is signed, it has %s: signed zones cannot be served yet; give the zone "
	         "as it was before signing and take its DS out of the parent, or serve it to "
	         "secondaries alone by --signed=transfer",
	         text_of(b, zone->apex, text), type);
}

int dns_builder_record(struct dns_builder *b, const struct dns_record *r)
{
	char text[DNS_NAME_TEXT_MAX], zone_text[DNS_NAME_TEXT_MAX], type[16];
	struct zone *zone = &b->zones.at[b->zone];

	if (r->class != DNS_IN) {
		complain(b, r->file, r->line, true, "class %u: only IN is served", r->class);
		return OK;
	}
	if (dns_type_is_meta(r->type)) {
		dns_type_text(r->type, type);
		complain(b, r->file, r->line, true, "%s is not a type of data: remove the record",
		         type);
		return OK;
	}
	struct dns_name apex = { .size = b->names.at[zone->apex].size };
	memcpy(apex.wire, b->pool.at + b->names.at[zone->apex].wire, apex.size);
	if (!dns_name_within(&r->owner, &apex)) {
		bool drop = b->rules.drop_out_of_zone;
		dns_name_text(&r->owner, text);
		complain(b, r->file, r->line, !drop, "%s is not within the zone %s: %s", text,
		         text_of(b, zone->apex, zone_text),
		         drop ? "it is left out" : "is a final dot missing, or one too many?");
		return OK;
	}
	uint32_t name = intern(b, r->owner.wire, r->owner.size, true);
	if (!name)
		return ERR_MEMORY;
	zone = &b->zones.at[b->zone];
	if (r->type == DNS_SOA && name != zone->apex) {
		complain(b, r->file, r->line, true, "SOA at %s: it belongs at the zone's name, %s",
		         text_of(b, name, text), text_of(b, zone->apex, zone_text));
		return OK;
	}

	if (is_signature(r->type))
		meet_signature(b, r);
	uint32_t node = node_of(b, name, b->zone);
	if (!node) {
		node = APPEND(b->nodes);
		if (!node)
			return ERR_MEMORY;
		b->nodes.at[node] = (struct node){ .name = name,
			                           .zone = b->zone,
			                           .next = b->names.at[name].nodes };
		b->names.at[name].nodes = node;
	}
	uint32_t set = set_of(b, node, r->type);
	if (!set) {
		set = APPEND(b->sets);
		if (!set)
			return ERR_MEMORY;
		b->sets.at[set] = (struct set){
			.owner = name, .ttl = r->ttl, .zone = b->zone, .type = r->type
		};
		struct node *n = &b->nodes.at[node];
		if (n->last_set)
			b->sets.at[n->last_set].next = set;
		else
			n->sets = set;
		n->last_set = set;
		n->set_count++;
	}
	uint64_t data;
	const char *file = keep_file(b, r->file);
	uint32_t record = APPEND(b->records);
	if (!file || !record || !pool_put(b, r->data, r->size, &data))
		return ERR_MEMORY;
	b->records.at[record] = (struct record){
		.file = file, .line = r->line, .data = data, .ttl = r->ttl, .size = r->size
	};
	struct set *s = &b->sets.at[set];
	if (s->ttl != r->ttl && r->type != DNS_RRSIG) {
		/* RFC 2181 §5.2: as if all had the lowest. Signatures are no RRset (RFC 4034 §3).
		 * */
		dns_type_text(r->type, type);
		complain(b, r->file, r->line, false,
		         "%s %s has TTL %u, others of its set have %u: the lower one is used for "
		         "all",
		         text_of(b, name, text), type, r->ttl, s->ttl);
		if (r->ttl < s->ttl)
			s->ttl = r->ttl;
	}
	if (s->last_record)
		b->records.at[s->last_record].next = record;
	else
		s->records = record;
	s->last_record = record;
	s->count++;
	return OK;
}

/* ---- Data ---- */

struct shape {
	uint16_t prefix, names, suffix;
};

/* The types whose names are compressed: RFC 1035's (RFC 3597 §4). */
static struct shape shape_of(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case 3 /* MD */:
	case 4 /* MF */:
	case DNS_CNAME:
	case 7 /* MB */:
	case 8 /* MG */:
	case 9 /* MR */:
	case DNS_PTR:
		return (struct shape){ 0, 1, 0 };
	case DNS_SOA:
		return (struct shape){ 0, 2, 20 };
	case 14 /* MINFO */:
		return (struct shape){ 0, 2, 0 };
	case DNS_MX:
		return (struct shape){ 2, 1, 0 };
	default:
		return (struct shape){ 0, 0, 0 };
	}
}

/* The size of the name at `at`, within `size` bytes; 0: it is none. */
static unsigned name_size(const uint8_t *at, unsigned size)
{
	unsigned n = 0;

	while (n < size && n < DNS_NAME_MAX) {
		if (at[n] > DNS_LABEL_MAX)
			return 0;
		if (at[n] == 0)
			return n + 1;
		n += at[n] + 1u;
	}
	return 0;
}

/* Where the target is that has addresses to go along (NSD's choice of types; RFC 1035 §3.3, RFC
 * 2782); -1: none. */
static int target_at(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case 7 /* MB */:
		return 0;
	case DNS_MX:
	case TYPE_KX:
	case 21 /* RT */:
		return 2;
	case DNS_SRV:
		return 6;
	default:
		return -1;
	}
}

struct sorted {
	const uint8_t *data; /* names in it in lower case */
	uint32_t size, record, order;
};

static int compare_data(const struct sorted *a, const struct sorted *b)
{
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return memcmp(a->data, b->data, a->size);
}

static int compare_sorted(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;
	int c = compare_data(a, b);

	return c ? c : a->order < b->order ? -1 : a->order > b->order;
}

static int compare_order(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;

	return a->order < b->order ? -1 : a->order > b->order;
}

/* Drops records whose data is there before (RFC 2181 §5), case in names not considered (RFC 4343);
 * the order stays. */
static bool merge_duplicates(struct dns_builder *b, struct set *s)
{
	uint32_t n = 0;
	uint64_t bytes = 0;

	if (s->count < 2)
		return true;
	for (uint32_t r = s->records; r; r = b->records.at[r].next)
		bytes += b->records.at[r].size;
	struct sorted *all = malloc(s->count * sizeof *all + bytes);
	if (!all)
		return false;
	uint8_t *data = (uint8_t *)(all + s->count);
	for (uint32_t r = s->records; r; r = b->records.at[r].next, n++) {
		const struct record *record = &b->records.at[r];
		memcpy(data, b->pool.at + record->data, record->size);
		dns_rdata_fold(s->type, DNS_IN, data, record->size);
		all[n] = (struct sorted){ data, record->size, r, n };
		data += record->size;
	}
	qsort(all, n, sizeof *all, compare_sorted);
	uint32_t kept = 1;
	for (uint32_t i = 1; i < n; i++)
		if (compare_data(&all[i], &all[kept - 1]) != 0)
			all[kept++] = all[i];
	if (kept < n) {
		qsort(all, kept, sizeof *all, compare_order);
		for (uint32_t i = 0; i < kept; i++)
			b->records.at[all[i].record].next = i + 1 < kept ? all[i + 1].record : 0;
		s->count = kept;
		s->last_record = all[kept - 1].record;
	}
	free(all);
	return true;
}

/* ---- Checks ---- */

#define RECORD(set_) (&b->records.at[b->sets.at[set_].records])

static void check_sets(struct dns_builder *b, uint32_t set)
{
	char text[DNS_NAME_TEXT_MAX], type[16];
	const struct set *s = &b->sets.at[set];
	uint64_t bytes = 0;

	dns_type_text(s->type, type);
	for (uint32_t r = s->records; r; r = b->records.at[r].next) {
		const struct record *record = &b->records.at[r];
		const uint8_t *data = b->pool.at + record->data;
		if (!dns_rdata_check(s->type, DNS_IN, data, record->size))
			complain(b, record->file, record->line, true,
			         "%s: this is not data of type %s", text_of(b, s->owner, text),
			         type);
		bytes += 12u + record->size;
	}
	if ((s->type == DNS_SOA || s->type == DNS_CNAME || s->type == DNS_DNAME) && s->count > 1)
		complain(b, RECORD(set)->file, b->records.at[s->last_record].line, true,
		         "%s has %u %s records: there can be only one", text_of(b, s->owner, text),
		         s->count, type);
	if (s->count > UINT16_MAX || bytes > 65000)
		complain(b, RECORD(set)->file, RECORD(set)->line, true,
		         "%s %s: the set has %u records, more than a message can hold",
		         text_of(b, s->owner, text), type, s->count);
}

/* A CNAME stands alone (RFC 1034 §3.6.2, RFC 2181 §10.1), but for its DNSSEC records (RFC 4034 §3,
 * §4). */
static void check_node(struct dns_builder *b, uint32_t node)
{
	char text[DNS_NAME_TEXT_MAX], cover[DNS_NAME_TEXT_MAX], type[16];
	const struct node *n = &b->nodes.at[node];
	const struct name *name = &b->names.at[n->name];
	uint32_t cname = set_of(b, node, DNS_CNAME), ns = set_of(b, node, DNS_NS),
	         dname = set_of(b, node, DNS_DNAME);
	bool apex = b->zones.at[n->zone].apex == n->name;
	bool own = name->zone == n->zone; /* not the data of a parent below the apex of a child that
	                                     is hosted, too */

	for (uint32_t s = n->sets; s; s = b->sets.at[s].next) {
		uint16_t t = b->sets.at[s].type;
		dns_type_text(t, type);
		check_sets(b, s);
		if (cname && t != DNS_CNAME && t != DNS_RRSIG && t != DNS_NSEC && t != 25 /* KEY */)
			complain(b, RECORD(s)->file, RECORD(s)->line, true,
			         "%s has a CNAME (line %u) and %s: a CNAME stands alone",
			         text_of(b, n->name, text), RECORD(cname)->line, type);
		bool hidden = own && name->cover && name->cover != n->name;
		bool at_cut = name->flags & DB_CUT && own;
		bool glue = t == DNS_A || t == DNS_AAAA;
		if (hidden && b->names.at[name->cover].flags & DB_DNAME)
			complain(b, RECORD(s)->file, RECORD(s)->line, false,
			         "%s %s is hidden by the DNAME at %s (RFC 6672 §2.4)",
			         text_of(b, n->name, text), type, text_of(b, name->cover, cover));
		else if ((hidden && !glue) || (at_cut && !glue && t != DNS_NS && t != DNS_DS &&
		                               t != DNS_NSEC && t != DNS_RRSIG && t != DNS_DNAME))
			complain(b, RECORD(s)->file, RECORD(s)->line, false,
			         "%s %s is hidden by the delegation of %s",
			         text_of(b, n->name, text), type, text_of(b, name->cover, cover));
		if (t == DNS_DS && !ns && !apex && own)
			complain(b, RECORD(s)->file, RECORD(s)->line, false,
			         "%s has DS but no NS: it is not a delegation",
			         text_of(b, n->name, text));
	}
	if (dname && ns && !apex)
		complain(b, RECORD(dname)->file, RECORD(dname)->line, true,
		         "%s has NS (line %u) and DNAME: a name is delegated or redirected, not "
		         "both "
		         "(RFC 6672 §2.3)",
		         text_of(b, n->name, text), RECORD(ns)->line);
	const uint8_t *wire = b->pool.at + name->wire;
	if ((ns || dname) && wire[0] == 1 && wire[1] == '*')
		complain(b, RECORD(ns ? ns : dname)->file, RECORD(ns ? ns : dname)->line, false,
		         "%s: a wildcard with %s does not work (RFC 4592 §4.2, §4.4)",
		         text_of(b, n->name, text), ns ? "NS" : "DNAME");
}

/* The node of `zone` that answers for that name, a wildcard considered; 0: none. *wild: it is the
 * wildcard's. */
static uint32_t data_of(const struct dns_builder *b, uint32_t name, uint32_t zone, bool *wild)
{
	uint32_t node = node_of(b, name, zone);
	const struct name *n = &b->names.at[name];

	*wild = false;
	if (node || n->zone != zone || n->flags & DB_EXISTS || n->cover)
		return node;
	uint32_t at = name;
	while (!(b->names.at[at].flags & DB_EXISTS))
		at = b->names.at[at].parent;
	*wild = true;
	return b->names.at[at].wildcard ? node_of(b, b->names.at[at].wildcard, zone) : 0;
}

/* NS and MX targets: addresses where this zone has to give them, and no aliases (RFC 2181 §10.3).
 */
static void check_targets(struct dns_builder *b, uint32_t set)
{
	char text[DNS_NAME_TEXT_MAX], target_text[DNS_NAME_TEXT_MAX], type[16];
	const struct set *s = &b->sets.at[set];

	if (s->type != DNS_NS && s->type != DNS_MX)
		return;
	dns_type_text(s->type, type);
	for (uint32_t r = s->records; r; r = b->records.at[r].next) {
		const struct record *record = &b->records.at[r];
		unsigned at = (unsigned)target_at(s->type);
		bool wild;
		uint32_t target =
		        intern(b, b->pool.at + record->data + at, record->size - at, false);
		if (!target || target == 1 || !within(b, target, b->zones.at[s->zone].apex))
			continue;
		const struct name *t = &b->names.at[target];
		uint32_t data = data_of(b, target, s->zone, &wild);
		if (set_of(b, data, DNS_CNAME)) {
			complain(b, record->file, record->line, false,
			         "%s %s: %s is an alias; it must be the name itself (RFC 2181 "
			         "§10.3)",
			         text_of(b, s->owner, text), type, text_of(b, target, target_text));
			continue;
		}
		/* Below the cut of another delegation the address is that zone's affair. */
		bool elsewhere = t->zone != s->zone || (t->cover && t->cover != s->owner);
		if (s->type == DNS_NS && !elsewhere && !set_of(b, data, DNS_A) &&
		    !set_of(b, data, DNS_AAAA))
			complain(b, record->file, record->line, false,
			         "%s NS: %s has no address in this zone: add its A or AAAA%s",
			         text_of(b, s->owner, text), text_of(b, target, target_text),
			         t->cover ? " (glue)" : "");
	}
}

static void check_zone(struct dns_builder *b, uint32_t zone)
{
	char text[DNS_NAME_TEXT_MAX];
	const struct zone *z = &b->zones.at[zone];
	uint32_t node = node_of(b, z->apex, zone);

	if (!set_of(b, node, DNS_SOA))
		complain(b, z->file, 1, true, "zone %s has no SOA record: add one",
		         text_of(b, z->apex, text));
	if (!set_of(b, node, DNS_NS))
		complain(b, z->file, 1, true,
		         "zone %s has no NS records: add those of its name servers",
		         text_of(b, z->apex, text));
}

/* ---- Working out what answers need ---- */

/* Interns the names in compressible data and the targets. Before the passes over names. */
static bool intern_targets(struct dns_builder *b)
{
	for (uint32_t i = 1; i < b->sets.count; i++) {
		struct shape shape = shape_of(b->sets.at[i].type);
		int target = target_at(b->sets.at[i].type);
		for (uint32_t r = b->sets.at[i].records; r; r = b->records.at[r].next) {
			const struct record record = b->records.at[r];
			uint8_t data[DNS_NAME_MAX];
			unsigned at = shape.names   ? shape.prefix
			              : target >= 0 ? (unsigned)target
			                            : 0;
			unsigned names = shape.names ? shape.names : target >= 0 ? 1 : 0;
			for (unsigned j = 0; j < names && at < record.size; j++) {
				unsigned n =
				        name_size(b->pool.at + record.data + at, record.size - at);
				if (n == 0)
					break; /* check_sets reports it */
				memcpy(data, b->pool.at + record.data + at,
				       n); /* the pool may move */
				if (!intern(b, data, n, true))
					return false;
				at += n;
			}
		}
	}
	return true;
}

static void work_out(struct dns_builder *b)
{
	uint32_t count = (uint32_t)b->names.count;
	struct name *names = b->names.at;

	for (uint32_t i = 1; i < count; i++)
		names[i].zone = names[i].apex_of ? names[i].apex_of : names[names[i].parent].zone;
	for (uint32_t i = 1; i < count; i++)
		if (names[i].apex_of || node_of(b, i, names[i].zone))
			names[i].flags |= DB_EXISTS;
	names[1].flags |= DB_EXISTS;
	for (uint32_t i = count; --i > 1;)
		if (names[i].flags & DB_EXISTS)
			names[names[i].parent].flags |= DB_EXISTS;
	for (uint32_t i = 1; i < count; i++) {
		struct name *n = &names[i];
		uint32_t node = n->zone ? node_of(b, i, n->zone) : 0;
		const uint8_t *wire = b->pool.at + n->wire;
		if (n->zone == 0)
			continue;
		if (n->apex_of)
			n->flags |= DB_APEX;
		else
			n->cover = names[n->parent].cover;
		if (n->cover == 0 && set_of(b, node, DNS_NS) && !n->apex_of) {
			n->flags |= DB_CUT;
			n->cover = i;
		} else if (n->cover == 0 && set_of(b, node, DNS_DNAME)) {
			n->flags |= DB_DNAME;
			n->cover = i;
		}
		if (n->flags & DB_EXISTS && wire[0] == 1 && wire[1] == '*' && !n->apex_of)
			names[n->parent].wildcard = i;
	}
}

static uint32_t copy_set(struct dns_builder *b, uint32_t from, uint32_t owner, uint32_t ttl)
{
	uint32_t set = APPEND(b->sets);

	if (set) {
		b->sets.at[set] = b->sets.at[from];
		b->sets.at[set].owner = owner;
		b->sets.at[set].ttl = ttl;
		b->sets.at[set].next = 0;
	}
	return set;
}

/* The set of that type for the additional section, under the target's name. *failed: no memory. */
static uint32_t extra_set(struct dns_builder *b, uint32_t target, uint32_t node, bool wild,
                          uint16_t type, bool *failed)
{
	uint32_t set = set_of(b, node, type);

	if (!set || !wild)
		return set;
	/* What a wildcard makes needs a set of its own, with the target as owner. */
	for (uint32_t i = b->names.at[target].copies; i; i = b->sets.at[i].next)
		if (b->sets.at[i].type == type)
			return i;
	uint32_t copy = copy_set(b, set, target, b->sets.at[set].ttl);
	*failed |= copy == 0;
	if (copy) {
		b->sets.at[copy].next = b->names.at[target].copies;
		b->names.at[target].copies = copy;
	}
	return copy;
}

/* Lists the RRsets that accompany this one (RFC 1034 §4.3.2 step 6). */
static bool find_extras(struct dns_builder *b, uint32_t set)
{
	static const uint16_t kinds[] = { DNS_A, DNS_AAAA, TYPE_X25, TYPE_ISDN };
	uint16_t type = b->sets.at[set].type;
	uint32_t zone = b->sets.at[set].zone;
	int at = target_at(type);
	bool failed = false;

	if (at < 0)
		return true;
	b->sets.at[set].extras = (uint32_t)b->extras.count;
	for (unsigned k = 0; k < (type == 21 /* RT: RFC 1183 §3.3 */ ? 4 : 2); k++) {
		for (uint32_t r = b->sets.at[set].records; r; r = b->records.at[r].next) {
			const struct record *record = &b->records.at[r];
			bool wild;
			uint32_t target = intern(b, b->pool.at + record->data + at,
			                         record->size - (unsigned)at, false);
			if (!target || !within(b, target, b->zones.at[zone].apex))
				continue;
			const struct name *t = &b->names.at[target];
			/* Addresses below a cut are glue: for NS only (RFC 1034 §4.2.1). */
			bool foreign = t->zone != zone ||
			               (t->cover && b->names.at[t->cover].flags & DB_CUT);
			bool redirected = t->zone == zone && t->cover && t->cover != target &&
			                  b->names.at[t->cover].flags & DB_DNAME;
			if ((foreign && type != DNS_NS) || redirected)
				continue;
			uint32_t node = data_of(b, target, zone, &wild);
			uint32_t extra = extra_set(b, target, node, wild, kinds[k], &failed);
			uint32_t place = extra ? APPEND(b->extras) : 0;
			if (failed || (extra && !place))
				return false;
			struct set *s = &b->sets.at[set];
			unsigned kind = k < 2 ? k : 2;
			if (extra && s->extra_count[kind] < UINT16_MAX) {
				b->extras.at[place] = extra;
				s->extra_count[kind]++;
			}
		}
	}
	return true;
}

/* The zone's SOA as negative answers carry it (RFC 2308 §3). */
static bool negative_soa(struct dns_builder *b, uint32_t zone)
{
	uint32_t soa = set_of(b, node_of(b, b->zones.at[zone].apex, zone), DNS_SOA);
	const struct set *s = &b->sets.at[soa];
	const struct record *record = &b->records.at[s->records];
	const uint8_t *p = b->pool.at + record->data + record->size - 4;
	uint32_t minimum = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	b->zones.at[zone].soa = copy_set(b, soa, s->owner, s->ttl < minimum ? s->ttl : minimum);
	return b->zones.at[zone].soa != 0;
}

/* A signature has the TTL of what it covers (RFC 4034 §3), whatever that became. */
static void signature_ttls(struct dns_builder *b, uint32_t set)
{
	const struct set *s = &b->sets.at[set];
	uint32_t node = node_of(b, s->owner, s->zone);

	if (s->type != DNS_RRSIG)
		return;
	for (uint32_t r = s->records; r; r = b->records.at[r].next) {
		struct record *record = &b->records.at[r];
		uint32_t covered = set_of(b, node, bytes_load_u16(b->pool.at + record->data));
		if (covered)
			record->ttl = b->sets.at[covered].ttl;
	}
}

/* ---- Hash ---- */

/* Hashes all names with the seed; the longest probe in a table of 2^bits slots, filled in. */
static uint32_t fill_slots(struct dns_builder *b, uint64_t seed, unsigned bits,
                           struct db_slot *slots)
{
	uint32_t mask = (1u << bits) - 1, longest = 1;

	memset(slots, 0, sizeof *slots << bits);
	for (uint32_t i = 1; i < b->names.count; i++) {
		struct name *n = &b->names.at[i];
		n->hash = i == 1 ? seed
		                 : label_hash(b->names.at[n->parent].hash, b->pool.at + n->wire);
		if (!(n->flags & DB_EXISTS))
			continue;
		uint32_t at = (uint32_t)n->hash & mask, probe = 1;
		for (; slots[at].name; at = (at + 1) & mask)
			probe++;
		slots[at] = (struct db_slot){ n->out, (uint32_t)(n->hash >> 32) };
		if (probe > longest)
			longest = probe;
	}
	return longest + 1; /* a free slot ends the search */
}

/* ---- Writing ---- */

struct image {
	uint8_t *base; /* null: only sizes are wanted */
	uint64_t at;
};

static void put(struct image *o, const void *bytes, uint64_t size)
{
	if (o->base && size)
		memcpy(o->base + o->at, bytes, size);
	o->at += size;
}

static uint32_t name_out(const struct dns_builder *b, uint32_t name)
{
	return name ? b->names.at[name].out : 0;
}

static uint32_t zone_out(const struct dns_builder *b, uint32_t zone)
{
	return zone ? b->zones_out + (zone - 1) * (uint32_t)sizeof(struct db_zone) : 0;
}

/* Queries may see that set. */
static bool shows(const struct dns_builder *b, uint32_t node, uint16_t type)
{
	return type == DNS_SOA || !b->zones.at[b->nodes.at[node].zone].hidden;
}

static uint16_t shown_sets(const struct dns_builder *b, uint32_t node)
{
	if (node && !shows(b, node, 0))
		return set_of(b, node, DNS_SOA) != 0;
	return node ? b->nodes.at[node].set_count : 0;
}

static void put_name(const struct dns_builder *b, struct image *o, const struct name *n,
                     const struct db_name *fixed, uint32_t node)
{
	uint8_t wire[DNS_NAME_MAX];

	lower(wire, b->pool.at + n->wire, n->size);
	put(o, fixed, sizeof *fixed);
	put(o, wire, n->size);
	if (n->cased)
		put(o, b->pool.at + n->wire, n->size);
	for (uint32_t s = node ? b->nodes.at[node].sets : 0; s; s = b->sets.at[s].next) {
		if (!shows(b, node, b->sets.at[s].type))
			continue;
		struct db_rrset_ref ref = { b->sets.at[s].type, 0, b->sets.at[s].out };
		put(o, &ref, sizeof ref);
	}
}

static void put_set(struct dns_builder *b, struct image *o, struct set *s)
{
	struct shape shape = shape_of(s->type);
	uint64_t start = o->at;
	struct db_rrset fixed = {
		.owner = b->names.at[s->owner].out,
		.ttl = s->ttl,
		.type = s->type,
		.count = (uint16_t)s->count,
		.extra_a = s->extra_count[0],
		.extra_aaaa = s->extra_count[1],
		.extra_other = s->extra_count[2],
		.shape = { (uint8_t)shape.prefix, (uint8_t)shape.names, (uint8_t)shape.suffix },
	};

	s->out = (uint32_t)o->at;
	o->at += sizeof fixed; /* written last: the size is not known */
	for (uint32_t r = s->records; r; r = b->records.at[r].next) {
		const struct record *record = &b->records.at[r];
		const uint8_t *data = b->pool.at + record->data;
		if (shape.names == 0) {
			uint8_t head[12] = { 0xc0, 0x0c };
			bytes_store_u16(head + 2, s->type);
			bytes_store_u16(head + 4, DNS_IN);
			bytes_store_u32(head + 6, s->type == DNS_RRSIG ? record->ttl : s->ttl);
			bytes_store_u16(head + 10, record->size);
			put(o, head, sizeof head);
			put(o, data, record->size);
			continue;
		}
		put(o, data, shape.prefix);
		unsigned at = shape.prefix;
		for (unsigned i = 0; i < shape.names; i++) {
			unsigned n = name_size(data + at, record->size - at);
			uint32_t out = b->names.at[intern(b, data + at, n, false)].out;
			put(o, &out, sizeof out);
			at += n;
		}
		put(o, data + at, shape.suffix);
	}
	fixed.size = (uint32_t)(o->at - start - sizeof fixed);
	unsigned extras = s->extra_count[0] + s->extra_count[1] + s->extra_count[2];
	for (unsigned i = 0; i < extras; i++)
		put(o, &b->sets.at[b->extras.at[s->extras + i]].out, sizeof(uint32_t));
	uint64_t end = o->at;
	o->at = start;
	put(o, &fixed, sizeof fixed);
	o->at = end;
}

/* The RRsets of each zone, in the order of the names. */
static void put_lists(struct dns_builder *b, struct image *o)
{
	for (uint32_t n = 1; n < b->nodes.count; n++)
		b->zones.at[b->nodes.at[n].zone].set_count +=
		        o->base ? 0 : b->nodes.at[n].set_count;
	for (uint32_t z = 1; z < b->zones.count; z++) {
		b->zones.at[z].sets_out = (uint32_t)o->at;
		o->at += b->zones.at[z].set_count * sizeof(uint32_t);
		b->zones.at[z].filled = 0;
	}
	uint64_t end = o->at;
	for (uint32_t i = 1; o->base && i < b->names.count; i++)
		for (uint32_t v = b->names.at[i].nodes; v; v = b->nodes.at[v].next)
			for (uint32_t s = b->nodes.at[v].sets; s; s = b->sets.at[s].next) {
				struct zone *zone = &b->zones.at[b->nodes.at[v].zone];
				o->at = zone->sets_out + zone->filled++ * sizeof(uint32_t);
				put(o, &b->sets.at[s].out, sizeof(uint32_t));
			}
	o->at = end;
}

/* Everything from the names on, in one order for both passes. Returns the offset of the zones. */
static uint64_t put_all(struct dns_builder *b, struct image *o)
{
	for (uint32_t i = 1; i < b->names.count; i++) {
		struct name *n = &b->names.at[i];
		uint32_t node = n->zone ? node_of(b, i, n->zone) : 0;
		uint32_t above = 0;
		uint32_t parent_zone = n->apex_of ? b->names.at[n->parent].zone : 0;
		bool hidden = b->zones.at[n->zone].hidden; /* zone 0 is not */
		uint8_t cased = n->cased ? DB_CASED : 0;
		/* An apex below another zone of ours: first the parent's view of it. */
		if (parent_zone && i != 1 && !b->zones.at[parent_zone].hidden) {
			uint32_t view = node_of(b, i, parent_zone);
			bool cut = set_of(b, view, DNS_NS), dname = set_of(b, view, DNS_DNAME);
			uint32_t cover = name_out(b, b->names.at[n->parent].cover);
			above = (uint32_t)o->at;
			if (!cover && (cut || dname))
				cover = above;
			struct db_name fixed = {
				.parent = b->names.at[n->parent].out,
				.zone = zone_out(b, parent_zone),
				.cover = cover,
				.rrset_count = view ? b->nodes.at[view].set_count : 0,
				.flags =
				        (uint8_t)(DB_EXISTS | cased |
				                  (cover == above ? (cut ? DB_CUT : DB_DNAME) : 0)),
				.labels = n->labels,
				.size = n->size,
			};
			put_name(b, o, n, &fixed, view);
		}
		n->out = (uint32_t)o->at;
		struct db_name fixed = {
			.parent = name_out(b, n->parent),
			.zone = hidden ? 0 : zone_out(b, n->zone),
			.cover = hidden ? 0 : name_out(b, n->cover),
			.wildcard = hidden ? 0 : name_out(b, n->wildcard),
			.above = above,
			.rrset_count = shown_sets(b, node),
			.flags = n->flags | cased,
			.labels = n->labels,
			.size = n->size,
		};
		put_name(b, o, n, &fixed, node);
		for (uint32_t v = n->nodes; v; v = b->nodes.at[v].next)
			for (uint32_t s = b->nodes.at[v].sets; s; s = b->sets.at[s].next)
				put_set(b, o, &b->sets.at[s]);
	}
	for (uint32_t s = b->copies; s < b->sets.count; s++)
		put_set(b, o, &b->sets.at[s]);
	put_lists(b, o);
	uint64_t zones = o->at;
	for (uint32_t z = 1; z < b->zones.count; z++) {
		const struct zone *zone = &b->zones.at[z];
		uint32_t ns = set_of(b, node_of(b, zone->apex, z), DNS_NS);
		struct db_zone fixed = { b->names.at[zone->apex].out, b->sets.at[zone->soa].out,
			                 b->sets.at[ns].out, zone->sets_out, zone->set_count };
		put(o, &fixed, sizeof fixed);
	}
	return zones;
}

static int write_blob(struct dns_builder *b, uint8_t **blob, uint64_t *size)
{
	uint32_t found = 0, records = 0, labels_max = 0;
	unsigned bits = 3;
	struct image o = { NULL, 0 };

	for (uint32_t i = 1; i < b->names.count; i++) {
		const struct name *n = &b->names.at[i];
		found += n->flags & DB_EXISTS ? 1 : 0;
		if (n->flags & DB_EXISTS && n->labels > labels_max)
			labels_max = n->labels;
	}
	for (uint32_t i = 1; i < b->copies; i++)
		records += b->sets.at[i].count;
	while ((uint64_t)found * 2 > 1ull << bits)
		bits++;

	/* A table with no long run: first other seeds, then more room. The names' offsets do not
	 * matter yet. */
	struct db_slot *slots = NULL;
	uint64_t seed = 0;
	uint32_t probe_max = 0;
	for (unsigned try = 0;; try++) {
		if (try % SEED_TRIES == 0) {
			if (try)
				bits++;
			if (bits > 28)
				break;
			free(slots);
			slots = malloc(sizeof *slots << bits);
			if (!slots)
				return ERR_MEMORY;
			for (uint32_t i = 1; i < b->names.count; i++)
				b->names.at[i].out = 1;
		}
		seed = dns_mix(try + 1, 0x9e3779b97f4a7c15ull);
		probe_max = fill_slots(b, seed, bits, slots);
		if (probe_max <= PROBE_GOAL)
			break;
	}
	/* `intern` needs the hashes that it knows. */
	for (uint32_t i = 1; i < b->names.count; i++)
		b->names.at[i].hash = i == 1 ? 0
		                             : label_hash(b->names.at[b->names.at[i].parent].hash,
		                                          b->pool.at + b->names.at[i].wire);
	if (bits > 28) {
		free(slots);
		return ERR_TOO_BIG;
	}

	uint64_t slots_at = (sizeof(struct db_header) + 63) / 64 * 64;
	uint64_t names_at = slots_at + (sizeof *slots << bits);
	o.at = names_at;
	uint64_t zones_at = put_all(b, &o);
	*size = o.at + DB_TAIL;
	if (*size > UINT32_MAX) {
		free(slots);
		return ERR_TOO_BIG;
	}
	o.base = calloc(1, *size);
	if (!o.base) {
		free(slots);
		return ERR_MEMORY;
	}
	b->zones_out = (uint32_t)zones_at;
	o.at = names_at;
	put_all(b, &o);
	struct db_header header = {
		.magic = DB_MAGIC,
		.version = DB_VERSION,
		.zone_count = (uint32_t)b->zones.count - 1,
		.size = *size,
		.seed = seed,
		.slots = (uint32_t)slots_at,
		.slot_bits = bits,
		.zones = (uint32_t)zones_at,
		.names = found,
		.records = records,
		.labels_max = labels_max,
		.root = b->names.at[1].out,
		.probe_max = probe_max,
	};
	fill_slots(b, seed, bits, slots);
	memcpy(o.base + slots_at, slots, sizeof *slots << bits);
	memcpy(o.base, &header, sizeof header);
	free(slots);
	*blob = o.base;
	return OK;
}

int dns_builder_finish(struct dns_builder *b, uint8_t **blob, uint64_t *size)
{
	if (!intern_targets(b))
		return ERR_MEMORY;
	for (uint32_t i = 1; i < b->sets.count; i++)
		if (!merge_duplicates(b, &b->sets.at[i]))
			return ERR_MEMORY;
	work_out(b);
	for (uint32_t z = 1; z < b->zones.count; z++)
		check_zone(b, z);
	for (uint32_t n = 1; n < b->nodes.count; n++)
		check_node(b, n);
	if (b->errors)
		return (int)b->errors;
	b->copies = (uint32_t)b->sets.count;
	for (uint32_t s = 1; s < b->copies; s++)
		signature_ttls(b, s);
	for (uint32_t s = 1; s < b->copies; s++)
		check_targets(b, s);
	for (uint32_t s = 1; s < b->copies; s++)
		if (!find_extras(b, s))
			return ERR_MEMORY;
	for (uint32_t z = 1; z < b->zones.count; z++)
		if (!negative_soa(b, z))
			return ERR_MEMORY;
	return write_blob(b, blob, size);
}

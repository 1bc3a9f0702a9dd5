/* SPDX-License-Identifier: ISC */
/*
 * The binary protocol, as memcached 1.6 has it: packets of a head of 24 bytes, extras, a key and a
 * value. A head is checked before anything that it announces is waited for, so that a connection
 * never holds more of a packet than PACKET_MAX. What a packet does is the text protocol's; here are
 * only its words.
 *
 * Quiet opcodes leave out what a client expects: that something was stored, or is not there. Errors
 * are always told. One that a client cannot go on behind ends the connection.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <core/bytes.h>

#define HEAD          24u
#define PACKET_ANSWER 0x81u
#define FLAGS_SIZE    4u          /* the extras of what is got */
#define NO_SEED       0xffffffffu /* the time to live of a number that is not to be made */

enum status {
	STATUS_OK = 0,
	STATUS_NOT_FOUND = 1,
	STATUS_EXISTS = 2,
	STATUS_TOO_LARGE = 3,
	STATUS_INVALID = 4,
	STATUS_NOT_STORED = 5,
	STATUS_NOT_A_NUMBER = 6,
	STATUS_UNKNOWN = 0x81,
	STATUS_NO_MEMORY = 0x82,
	STATUS_INTERNAL = 0x84,
};

enum action {
	ACTION_NONE, /* no such opcode */
	ACTION_GET,
	ACTION_TOUCH,
	ACTION_GET_AND_TOUCH,
	ACTION_STORE,
	ACTION_JOIN,
	ACTION_DELETE,
	ACTION_ADD,
	ACTION_SUBTRACT,
	ACTION_QUIT,
	ACTION_FLUSH,
	ACTION_NOTHING,
	ACTION_VERSION,
	ACTION_STAT,
	ACTION_REFUSE, /* known, and not here */
};

enum shape_bits {
	QUIET = 1,
	KEY = 2,       /* there must be one */
	KEY_MAY = 4,   /* there may be one */
	VALUE = 8,     /* there may be one */
	FEWER = 16,    /* or no extras at all */
	TELL_KEY = 32, /* the answer has the key */
};

/* What an opcode does, and what its packet must consist of. */
struct shape {
	uint8_t action, extras, bits, mode;
};

#define STORES(mode_) ACTION_STORE, 8, KEY | VALUE, MEMCACHE_##mode_
#define JOINS(mode_)  ACTION_JOIN, 0, KEY | VALUE, MEMCACHE_##mode_
static const struct shape shapes[] = {
	[0x00] = { ACTION_GET, 0, KEY, 0 },
	[0x01] = { STORES(SET) },
	[0x02] = { STORES(ADD) },
	[0x03] = { STORES(REPLACE) },
	[0x04] = { ACTION_DELETE, 0, KEY, 0 },
	[0x05] = { ACTION_ADD, 20, KEY, 0 },
	[0x06] = { ACTION_SUBTRACT, 20, KEY, 0 },
	[0x07] = { ACTION_QUIT, 0, 0, 0 },
	[0x08] = { ACTION_FLUSH, 4, FEWER, 0 },
	[0x09] = { ACTION_GET, 0, KEY | QUIET, 0 },
	[0x0a] = { ACTION_NOTHING, 0, 0, 0 },
	[0x0b] = { ACTION_VERSION, 0, 0, 0 },
	[0x0c] = { ACTION_GET, 0, KEY | TELL_KEY, 0 },
	[0x0d] = { ACTION_GET, 0, KEY | TELL_KEY | QUIET, 0 },
	[0x0e] = { JOINS(APPEND) },
	[0x0f] = { JOINS(PREPEND) },
	[0x10] = { ACTION_STAT, 0, KEY_MAY, 0 },
	[0x11] = { ACTION_STORE, 8, KEY | VALUE | QUIET, MEMCACHE_SET },
	[0x12] = { ACTION_STORE, 8, KEY | VALUE | QUIET, MEMCACHE_ADD },
	[0x13] = { ACTION_STORE, 8, KEY | VALUE | QUIET, MEMCACHE_REPLACE },
	[0x14] = { ACTION_DELETE, 0, KEY | QUIET, 0 },
	[0x15] = { ACTION_ADD, 20, KEY | QUIET, 0 },
	[0x16] = { ACTION_SUBTRACT, 20, KEY | QUIET, 0 },
	[0x17] = { ACTION_QUIT, 0, QUIET, 0 },
	[0x18] = { ACTION_FLUSH, 4, FEWER | QUIET, 0 },
	[0x19] = { ACTION_JOIN, 0, KEY | VALUE | QUIET, MEMCACHE_APPEND },
	[0x1a] = { ACTION_JOIN, 0, KEY | VALUE | QUIET, MEMCACHE_PREPEND },
	[0x1c] = { ACTION_TOUCH, 4, KEY, 0 },
	[0x1d] = { ACTION_GET_AND_TOUCH, 4, KEY, 0 },
	[0x1e] = { ACTION_GET_AND_TOUCH, 4, KEY | QUIET, 0 },
	[0x20] = { ACTION_REFUSE, 0, 0, 0 }, /* SASL: its mechanisms, a first and a next step */
	[0x21] = { ACTION_REFUSE, 0, KEY | VALUE, 0 },
	[0x22] = { ACTION_REFUSE, 0, KEY | VALUE, 0 },
	[0x23] = { ACTION_GET_AND_TOUCH, 4, KEY | TELL_KEY, 0 },
	[0x24] = { ACTION_GET_AND_TOUCH, 4, KEY | TELL_KEY | QUIET, 0 },
};
#define EXTRAS_MAX 20u
#define PACKET_MAX (HEAD + EXTRAS_MAX + ITEM_KEY_MAX)

struct request {
	struct shape shape;
	uint32_t extras_size, key_size, body_size; /* the body is extras, key and value */
	uint64_t cas;
	const char *extras;
	struct memcache_key key;
};

static struct memcache_store *store(struct memcache_connection *c)
{
	return &c->server->store;
}

/* ---- Telling ---- */

static void put_head(struct memcache_connection *c, enum status status, uint32_t extras,
                     uint32_t key, uint32_t body, uint64_t cas)
{
	uint8_t head[HEAD] = { PACKET_ANSWER, c->packet.opcode };
	bytes_store_u16(head + 2, (uint16_t)key);
	head[4] = (uint8_t)extras;
	bytes_store_u16(head + 6, (uint16_t)status);
	bytes_store_u32(head + 8, body);
	bytes_store_u32(head + 12, c->packet.opaque);
	bytes_store_u64(head + 16, cas);
	memcache_reply_bytes(c, head, sizeof head);
}

static void put_text(struct memcache_connection *c, enum status status, const char *text)
{
	uint32_t size = (uint32_t)strlen(text);
	put_head(c, status, 0, 0, size, 0);
	memcache_reply_bytes(c, text, size);
}

static void put_error(struct memcache_connection *c, enum status status)
{
	static const char *const texts[] = {
		[STATUS_NOT_FOUND] = "Not found",
		[STATUS_EXISTS] = "Data exists for key.",
		[STATUS_TOO_LARGE] = "Too large.",
		[STATUS_INVALID] = "Invalid arguments",
		[STATUS_NOT_STORED] = "Not stored.",
		[STATUS_NOT_A_NUMBER] = "Non-numeric server-side value for incr or decr",
		[STATUS_UNKNOWN] = "Unknown command",
	};
	put_text(c, status, texts[status]);
}

static void put_done(struct memcache_connection *c, uint64_t cas)
{
	if (!c->quiet)
		put_head(c, STATUS_OK, 0, 0, 0, cas);
}

/* ---- Getting ---- */

static void put_item(struct memcache_connection *c, struct memcache_item *i, bool key, bool value)
{
	uint32_t key_size = key ? i->key_size : 0, value_size = value ? i->value_size : 0;
	uint8_t flags[FLAGS_SIZE];
	bytes_store_u32(flags, i->flags);
	put_head(c, STATUS_OK, FLAGS_SIZE, key_size, FLAGS_SIZE + key_size + value_size, i->cas);
	memcache_reply_bytes(c, flags, sizeof flags);
	memcache_reply_bytes(c, memcache_item_key(i), key_size);
	if (value) {
		uint32_t from = i->head_size + 2u;
		memcache_reply_item(c, i, from, from + value_size);
	}
}

static void get(struct memcache_connection *c, const struct request *r)
{
	struct memcache_store *s = store(c);
	bool tell_key = r->shape.bits & TELL_KEY;
	struct memcache_item *i;
	if (r->shape.action == ACTION_GET)
		i = memcache_command_look(s, &r->key);
	else
		i = memcache_command_touch(s, &r->key,
		                           memcache_expiry(s, bytes_load_u32(r->extras)));
	if (i) {
		put_item(c, i, tell_key, r->shape.action != ACTION_TOUCH);
	} else if (!c->quiet && tell_key) {
		put_head(c, STATUS_NOT_FOUND, 0, r->key.size, r->key.size, 0);
		memcache_reply_bytes(c, r->key.bytes, r->key.size);
	} else if (!c->quiet) {
		put_error(c, STATUS_NOT_FOUND);
	}
}

/* ---- Storing ---- */

void memcache_binary_uploaded(struct memcache_connection *c, enum memcache_result result)
{
	switch (result) {
	case MEMCACHE_OK:
		put_done(c, c->upload.how.new_cas);
		return;
	case MEMCACHE_EXISTS:
		put_error(c, STATUS_EXISTS);
		return;
	case MEMCACHE_NOT_FOUND:
		put_error(c, STATUS_NOT_FOUND);
		return;
	default:
		put_error(c, c->packet.mode == MEMCACHE_ADD       ? STATUS_EXISTS
		             : c->packet.mode == MEMCACHE_REPLACE ? STATUS_NOT_FOUND
		                                                  : STATUS_NOT_STORED);
	}
}

void memcache_binary_refuse(struct memcache_connection *c, bool large)
{
	if (large)
		put_error(c, STATUS_TOO_LARGE);
	else
		put_text(c, STATUS_NO_MEMORY, "Out of memory allocating item");
}

void memcache_binary_failed(struct memcache_connection *c)
{
	put_text(c, STATUS_INTERNAL, NOT_PERMANENT);
}

/* How much of `rest` was its value. */
static uint32_t put(struct memcache_connection *c, const struct request *r, const char *rest,
                    uint32_t rest_size)
{
	bool join = r->shape.action == ACTION_JOIN;
	struct storing_command what = {
		.key = r->key,
		.size = r->body_size - r->extras_size - r->key_size,
		.how = { .mode = r->shape.mode, .cas = r->cas },
		.kind = UPLOAD_BINARY,
	};
	struct memcache_item *over;
	if (!join) {
		what.flags = bytes_load_u32(r->extras);
		what.expires = memcache_expiry(store(c), bytes_load_u32(r->extras + 4));
		if (r->cas)
			what.how.mode = MEMCACHE_CAS;
	}
	c->packet.mode = (uint8_t)what.how.mode;
	uint32_t used = memcache_command_store(c, &what, rest, rest_size, &over);
	if (over)
		put_done(c, over->cas);
	return used;
}

/* ---- Changing ---- */

static void delete(struct memcache_connection *c, const struct request *r)
{
	struct memcache_item *i = memcache_find(store(c), &r->key);
	if (i && r->cas && r->cas != i->cas) {
		put_error(c, STATUS_EXISTS);
		return;
	}
	memcache_command_delete(store(c), i);
	if (i)
		put_done(c, 0);
	else
		put_error(c, STATUS_NOT_FOUND);
}

static void put_number(struct memcache_connection *c, uint64_t value, uint64_t cas)
{
	uint8_t bytes[8];
	if (c->quiet)
		return;
	bytes_store_u64(bytes, value);
	put_head(c, STATUS_OK, 0, 0, sizeof bytes, cas);
	memcache_reply_bytes(c, bytes, sizeof bytes);
}

static void arithmetic(struct memcache_connection *c, const struct request *r)
{
	struct memcache_store *s = store(c);
	uint64_t delta = bytes_load_u64(r->extras), value = bytes_load_u64(r->extras + 8);
	uint32_t expires = bytes_load_u32(r->extras + 16);
	bool subtract = r->shape.action == ACTION_SUBTRACT;
	struct memcache_item *i = memcache_find(s, &r->key);

	if (!i && expires == NO_SEED) {
		s->counts[subtract ? MEMCACHE_DECR_MISSES : MEMCACHE_INCR_MISSES]++;
		put_error(c, STATUS_NOT_FOUND);
	} else if (!i) {
		i = memcache_seed(s, &r->key, memcache_expiry(s, expires), value);
		if (i)
			put_number(c, value, i->cas);
		else
			put_text(c, STATUS_NO_MEMORY, "Out of memory allocating new item");
	} else {
		switch (memcache_add(s, &i, delta, subtract, r->cas, &value)) {
		case MEMCACHE_OK:
			s->counts[subtract ? MEMCACHE_DECR_HITS : MEMCACHE_INCR_HITS]++;
			put_number(c, value, i->cas);
			break;
		case MEMCACHE_EXISTS:
			put_error(c, STATUS_EXISTS);
			break;
		case MEMCACHE_NOT_A_NUMBER:
			put_error(c, STATUS_NOT_A_NUMBER);
			break;
		default:
			put_text(c, STATUS_NO_MEMORY, "Out of memory incrementing value");
		}
	}
}

static void flush(struct memcache_connection *c, const struct request *r)
{
	struct memcache_store *s = store(c);
	s->counts[MEMCACHE_FLUSHES]++;
	memcache_flush(s, r->extras_size ? memcache_expiry(s, bytes_load_u32(r->extras)) : 0);
	put_done(c, 0);
}

/* ---- Figures ---- */

void memcache_binary_stat(struct memcache_connection *c, const char *name, const char *value,
                          uint32_t value_size)
{
	uint32_t name_size = (uint32_t)strlen(name);
	put_head(c, STATUS_OK, 0, name_size, name_size + value_size, 0);
	memcache_reply_bytes(c, name, name_size);
	memcache_reply_bytes(c, value, value_size);
}

/* memcached looks only at how "reset" and "settings" begin. */
static void stat(struct memcache_connection *c, const struct request *r)
{
	struct word group = { r->key.bytes, r->key.size };
	if (group.size >= 8 && !memcmp(group.at, "settings", 8))
		group.size = 8;
	if (group.size >= 5 && !memcmp(group.at, "reset", 5)) {
		memcache_stats_reset(c->server);
	} else if (!memcache_stats_of(c, group)) {
		put_error(c, STATUS_NOT_FOUND);
		return;
	}
	memcache_binary_stat(c, "", "", 0); /* there are no more */
}

/* ---- Which ---- */

/* A key that a text answer must not have in it as it is. */
static bool is_binary(const char *key, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++)
		if ((uint8_t)key[k] <= ' ' || key[k] == 127)
			return true;
	return false;
}

static void decode(struct request *r, const char *head)
{
	uint8_t opcode = (uint8_t)head[1];
	*r = (struct request){
		.shape = opcode < sizeof shapes / sizeof *shapes
		                 ? shapes[opcode]
		                 : (struct shape){ .action = ACTION_NONE },
		.extras_size = (uint8_t)head[4],
		.key_size = bytes_load_u16(head + 2),
		.body_size = bytes_load_u32(head + 8),
		.cas = bytes_load_u64(head + 16),
	};
}

/* Says what is wrong with it, by its head; false: nothing is. */
static bool refused(struct memcache_connection *c, const struct request *r, const char *head)
{
	uint8_t bits = r->shape.bits;
	uint32_t value = r->body_size - r->extras_size - r->key_size;

	if ((uint8_t)head[0] != PACKET_REQUEST) {
		memcache_connection_hang_up(c);
		c->server->counters.malformed++;
		return true;
	}
	c->packet =
	        (struct packet){ .opcode = (uint8_t)head[1], .opaque = bytes_load_u32(head + 12) };
	c->quiet = bits & QUIET;
	bool broken = (uint64_t)r->key_size + r->extras_size > r->body_size;
	bool fits = (r->extras_size == r->shape.extras || (bits & FEWER && !r->extras_size)) &&
	            (r->key_size ? bits & (KEY | KEY_MAY) : !(bits & KEY)) &&
	            (!value || bits & VALUE);
	if (broken) {
		put_error(c, STATUS_UNKNOWN);
	} else if (r->key_size > ITEM_KEY_MAX) {
		put_error(c, STATUS_INVALID);
	} else if (r->shape.action == ACTION_NONE || (fits && r->shape.action == ACTION_REFUSE)) {
		put_error(c, STATUS_UNKNOWN);
		c->server->counters.malformed++;
		memcache_command_swallow(c, r->body_size);
		return true;
	} else if (!fits) {
		put_error(c, STATUS_INVALID);
	} else {
		return false;
	}
	c->server->counters.malformed++;
	memcache_connection_hang_up(c);
	return true;
}

static uint32_t act(struct memcache_connection *c, const struct request *r, const char *rest,
                    uint32_t rest_size)
{
	c->server->counters.commands++;
	switch ((enum action)r->shape.action) {
	case ACTION_GET:
	case ACTION_TOUCH:
	case ACTION_GET_AND_TOUCH:
		get(c, r);
		break;
	case ACTION_STORE:
	case ACTION_JOIN:
		return put(c, r, rest, rest_size);
	case ACTION_DELETE:
		delete (c, r);
		break;
	case ACTION_ADD:
	case ACTION_SUBTRACT:
		arithmetic(c, r);
		break;
	case ACTION_FLUSH:
		flush(c, r);
		break;
	case ACTION_QUIT:
		put_done(c, 0);
		memcache_connection_hang_up(c);
		break;
	case ACTION_NOTHING:
		put_done(c, 0);
		break;
	case ACTION_VERSION:
		put_text(c, STATUS_OK, c->server->options.version);
		break;
	case ACTION_STAT:
		stat(c, r);
		break;
	case ACTION_NONE: /* refused() has said so */
	case ACTION_REFUSE:
		break;
	}
	return 0;
}

/* Keeps the begin of a packet, up to so many bytes of it; how many it took. */
static uint32_t gather(struct memcache_connection *c, const char *bytes, uint32_t size,
                       uint32_t want)
{
	uint32_t n = want - c->line_size < size ? want - c->line_size : size;
	if (c->line_size)
		memcache_append_line(c, bytes, n);
	else
		memcache_keep_line(c, bytes, n);
	return n;
}

uint32_t memcache_binary(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	struct request r;
	bool kept = c->line_size > 0;
	uint32_t have = kept ? c->line_size : size, used = 0;

	if (have < HEAD) {
		used = gather(c, bytes, size, HEAD);
		if (!c->served.tcp || c->line_size < HEAD)
			return used;
		have = HEAD;
		kept = true;
	}
	const char *head = kept ? c->line : bytes;
	decode(&r, head);
	if (refused(c, &r, head)) {
		c->line_size = 0;
		return kept ? used : HEAD;
	}
	uint32_t whole = HEAD + r.extras_size + r.key_size;
	if (have < whole) {
		used += gather(c, bytes + used, size - used, whole);
		if (!c->served.tcp || c->line_size < whole)
			return used;
		head = c->line;
	} else if (!kept) {
		used = whole;
	}
	r.extras = head + HEAD;
	r.key = (struct memcache_key){ r.extras + r.extras_size, r.key_size, false };
	r.key.binary = is_binary(r.key.bytes, r.key.size);
	c->line_size = 0; /* it stays where it is */
	return used + act(c, &r, bytes + used, size - used);
}

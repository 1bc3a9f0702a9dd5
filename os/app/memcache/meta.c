/* SPDX-License-Identifier: ISC */
/*
 * The meta commands. A line's flags are read into one struct, all of them, before anything is done;
 * then they are gone through once more, in the client's order, for what is to be told. A value that
 * comes in pieces keeps its line, which is read again when it is there.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <app/memcache/number.h>
#include <core/base64.h>

#define OPAQUE_MAX 31u /* bytes, without its O */
#define BAD_FORMAT "CLIENT_ERROR bad command line format"
#define BAD_TOKEN  "CLIENT_ERROR bad token in command line format"

struct meta {
	const struct word *flags;
	uint32_t flag_count;
	struct memcache_key key;
	char decoded[ITEM_KEY_MAX + 8];
	bool base64, quiet, value, no_bump, invalidate, has_cas, has_time, vivify, has_recache;
	char mode; /* 0: none was given */
	int64_t time, vivify_time, recache;
	uint64_t cas, delta, initial, client_flags;
};

static struct memcache_store *store(struct memcache_connection *c)
{
	return &c->server->store;
}

/* ---- Reading ---- */

/* One flag; what is wrong with it, or null. */
static const char *read_flag(struct meta *m, struct word w)
{
	const char *token = w.at + 1;
	uint32_t size = w.size - 1;
	switch (w.at[0]) {
	case 'T':
		m->has_time = true;
		return memcache_number_read_signed(token, size, &m->time) ? NULL : BAD_TOKEN;
	case 'N':
		m->vivify = true;
		return memcache_number_read_signed(token, size, &m->vivify_time) ? NULL : BAD_TOKEN;
	case 'R':
		m->has_recache = true;
		return memcache_number_read_signed(token, size, &m->recache) ? NULL : BAD_TOKEN;
	case 'C':
		m->has_cas = true;
		return memcache_number_read(token, size, &m->cas) ? NULL : BAD_TOKEN;
	case 'D':
		return memcache_number_read(token, size, &m->delta) ? NULL : BAD_TOKEN;
	case 'J':
		return memcache_number_read(token, size, &m->initial) ? NULL : BAD_TOKEN;
	case 'F':
		return memcache_number_read(token, size, &m->client_flags) ? NULL : BAD_FORMAT;
	case 'M':
		m->mode = size == 1 ? token[0] : 0;
		return size == 1 ? NULL : "CLIENT_ERROR incorrect length for M token";
	case 'O':
		return size <= OPAQUE_MAX ? NULL : "CLIENT_ERROR opaque token too long";
	case 'b':
		m->base64 = true;
		return NULL;
	case 'q':
		m->quiet = true;
		return NULL;
	case 'v':
		m->value = true;
		return NULL;
	case 'u':
		m->no_bump = true;
		return NULL;
	case 'I':
		m->invalidate = true;
		return NULL;
	case 'P':
	case 'L':
	case 'k':
	case 's':
	case 't':
	case 'c':
	case 'f':
	case 'h':
	case 'l':
		return NULL;
	default:
		return "CLIENT_ERROR invalid flag";
	}
}

/* The key and all flags; what is wrong, or null. */
static const char *read_meta(struct meta *m, struct word key, const struct word *flags,
                             uint32_t count)
{
	uint64_t seen[2] = { 0, 0 };
	const char *bad = NULL;

	*m = (struct meta){ .flags = flags, .flag_count = count, .delta = 1 };
	m->key = (struct memcache_key){ key.at, key.size, false };
	for (uint32_t k = 0; k < count; k++) {
		uint8_t c = (uint8_t)flags[k].at[0];
		if (c < 128 && seen[c / 64] >> c % 64 & 1)
			return "CLIENT_ERROR duplicate flag";
		if (c < 128)
			seen[c / 64] |= 1ull << c % 64;
		const char *why = read_flag(m, flags[k]);
		bad = why ? why : bad;
	}
	if (!bad && m->base64) {
		uint32_t n = base64_decode(m->decoded, key.at, key.size);
		m->key = (struct memcache_key){ m->decoded, n, true };
		if (!n || n > ITEM_KEY_MAX)
			bad = "CLIENT_ERROR error decoding key";
	}
	return bad;
}

/* ---- Telling ---- */

/* Every reply's words begin with a space; the line's end comes last. */
static void put_key(struct memcache_connection *c, const struct memcache_key *key)
{
	if (!key->binary) {
		memcache_reply_bytes(c, key->bytes, key->size);
		return;
	}
	char text[BASE64_SIZE(ITEM_KEY_MAX)];
	memcache_reply_bytes(c, text, base64_encode(text, key->bytes, key->size));
}

static void put_number(struct memcache_connection *c, char flag, int64_t value)
{
	char head[3] = { ' ', flag, '-' };
	memcache_reply_bytes(c, head, value < 0 ? 3 : 2);
	memcache_reply_number(c, value < 0 ? (uint64_t)-value : (uint64_t)value);
}

/* Flags that only say back what was said. */
static void put_echo(struct memcache_connection *c, const struct meta *m, struct word flag)
{
	if (flag.at[0] == 'O') {
		REPLY(c, " ");
		memcache_reply_bytes(c, flag.at, flag.size);
	} else if (flag.at[0] == 'k') {
		REPLY(c, " k");
		put_key(c, &m->key);
		if (m->key.binary)
			REPLY(c, " b");
	}
}

/* A status, what is said back, and the CAS number where it is asked for. */
static void put_status(struct memcache_connection *c, const struct meta *m, const char *status,
                       bool tell_cas, uint64_t cas)
{
	memcache_reply_bytes(c, status, 2);
	for (uint32_t k = 0; k < m->flag_count; k++) {
		if (tell_cas && m->flags[k].at[0] == 'c')
			put_number(c, 'c', (int64_t)cas);
		else
			put_echo(c, m, m->flags[k]);
	}
	REPLY(c, "\r\n");
}

/* ---- mg ---- */

static struct memcache_item *vivified(struct memcache_connection *c, const struct meta *m)
{
	struct memcache_store *s = store(c);
	struct memcache_item *i =
	        memcache_new(s, &m->key, 0, memcache_expiry(s, m->vivify_time), 0);
	struct memcache_storing how = { .mode = MEMCACHE_ADD };
	if (!i)
		return NULL;
	memcpy(memcache_item_value(i), "\r\n", 2);
	i->bits |= ITEM_WON;
	return memcache_put(s, i, &how) == MEMCACHE_OK ? i : NULL;
}

static void put_item_flags(struct memcache_connection *c, struct meta *m,
                           const struct memcache_item *i)
{
	m->key = (struct memcache_key){ memcache_item_key(i), i->key_size,
		                        (i->bits & ITEM_BINARY) != 0 };
	for (uint32_t k = 0; k < m->flag_count; k++) {
		char flag = m->flags[k].at[0];
		switch (flag) {
		case 's':
			put_number(c, flag, i->value_size);
			break;
		case 't':
			put_number(c, flag, memcache_left(store(c), i));
			break;
		case 'c':
			put_number(c, flag, (int64_t)i->cas);
			break;
		case 'f':
			put_number(c, flag, i->flags);
			break;
		case 'h':
			put_number(c, flag, (i->bits & ITEM_FETCHED) != 0);
			break;
		case 'l':
			put_number(c, flag, store(c)->now - i->used_at);
			break;
		default:
			put_echo(c, m, m->flags[k]);
		}
	}
}

static void meta_get(struct memcache_connection *c, struct meta *m)
{
	struct memcache_store *s = store(c);
	struct memcache_item *i = memcache_find(s, &m->key);
	bool won = false, sent;

	s->counts[MEMCACHE_METAS]++;
	s->counts[i ? MEMCACHE_GET_HITS : MEMCACHE_GET_MISSES]++;
	if (!i && m->vivify) {
		i = vivified(c, m);
		if (!i) {
			memcache_reply_line(c, "SERVER_ERROR out of memory");
			return;
		}
		won = true;
	}
	if (!i) {
		if (!m->quiet)
			put_status(c, m, "EN", false, 0);
		return;
	}
	sent = !won && i->bits & ITEM_WON;
	if (!won) {
		if (m->has_time)
			memcache_touch(s, i, memcache_expiry(s, m->time));
		won = !sent &&
		      ((m->has_recache && i->expires && memcache_left(s, i) < m->recache) ||
		       i->bits & ITEM_STALE);
		if (won)
			memcache_set_bits(s, i, ITEM_WON, 0);
	}
	if (m->value) {
		REPLY(c, "VA ");
		memcache_reply_number(c, i->value_size);
	} else {
		REPLY(c, "HD");
	}
	put_item_flags(c, m, i);
	if (sent)
		REPLY(c, " Z");
	if (i->bits & ITEM_STALE)
		REPLY(c, " X");
	if (won)
		REPLY(c, " W");
	if (!m->no_bump)
		memcache_used(s, i);
	if (m->value) /* the line's end before the value is in the item, too */
		memcache_reply_item(c, i, i->head_size, memcache_item_text_size(i));
	else
		REPLY(c, "\r\n");
}

/* ---- ms ---- */

/* False: no such mode. */
static bool set_mode(const struct meta *m, enum memcache_mode *to)
{
	switch (m->mode) {
	case 0:
	case 'S':
		*to = m->has_cas ? MEMCACHE_CAS : MEMCACHE_SET;
		return true;
	case 'E':
		*to = MEMCACHE_ADD;
		return true;
	case 'A':
		*to = MEMCACHE_APPEND;
		return true;
	case 'P':
		*to = MEMCACHE_PREPEND;
		return true;
	case 'R':
		*to = m->has_cas ? MEMCACHE_CAS : MEMCACHE_REPLACE; /* as memcached does */
		return true;
	default:
		return false;
	}
}

static void put_set_result(struct memcache_connection *c, const struct meta *m,
                           enum memcache_result result, uint64_t cas)
{
	static const char *const codes[] = {
		[MEMCACHE_OK] = "HD",           [MEMCACHE_NOT_STORED] = "NS",
		[MEMCACHE_EXISTS] = "EX",       [MEMCACHE_NOT_FOUND] = "NF",
		[MEMCACHE_NOT_A_NUMBER] = "NS", [MEMCACHE_OUT_OF_MEMORY] = "NS",
	};
	if (!(m->quiet && result == MEMCACHE_OK))
		put_status(c, m, codes[result], true, cas);
}

void memcache_meta_uploaded(struct memcache_connection *c, const char *line, uint32_t size,
                            enum memcache_result result)
{
	struct word w[WORDS_MAX];
	struct meta m;
	uint32_t n = memcache_words(line, size, w, WORDS_MAX);
	if (n >= 3 && !read_meta(&m, w[1], w + 3, n - 3)) /* it was read before: it is fine */
		put_set_result(c, &m, result, c->upload.how.new_cas);
}

static uint32_t meta_set(struct memcache_connection *c, const struct word *w, uint32_t n,
                         const char *line, uint32_t size, const char *rest, uint32_t rest_size)
{
	struct memcache_store *s = store(c);
	struct meta m;
	int64_t length;
	enum memcache_mode mode = MEMCACHE_SET;

	if (n < 3 || !memcache_number_read_signed(w[2].at, w[2].size, &length) || length < 0 ||
	    length > INT32_MAX - 2) {
		memcache_reply_line(c, BAD_FORMAT);
		return 0;
	}
	const char *bad = read_meta(&m, w[1], w + 3, n - 3);
	if (!bad && !set_mode(&m, &mode))
		bad = "CLIENT_ERROR invalid mode for ms M token";
	if (bad)
		return memcache_command_refuse(c, bad, (uint64_t)length);
	s->counts[MEMCACHE_METAS]++;
	const struct storing_command what = {
		.key = m.key,
		.flags = (uint32_t)m.client_flags,
		.expires = m.has_time ? memcache_expiry(s, m.time) : 0,
		.size = (uint64_t)length,
		.how = { .mode = mode, .cas = m.cas, .invalidate = m.invalidate },
		.kind = UPLOAD_META,
		.line = line,
		.line_size = size,
	};
	struct memcache_item *over;
	uint32_t used = memcache_command_store(c, &what, rest, rest_size, &over);
	if (over)
		put_set_result(c, &m, MEMCACHE_OK, over->cas);
	return used;
}

/* ---- md, ma, me ---- */

static void meta_delete(struct memcache_connection *c, struct meta *m)
{
	struct memcache_store *s = store(c);
	struct memcache_item *i = memcache_find(s, &m->key);

	s->counts[MEMCACHE_METAS]++;
	s->counts[i ? MEMCACHE_DELETE_HITS : MEMCACHE_DELETE_MISSES]++;
	if (!i) {
		put_status(c, m, "NF", false, 0);
		return;
	}
	m->key.binary = (i->bits & ITEM_BINARY) != 0;
	if (m->has_cas && m->cas && m->cas != i->cas) {
		put_status(c, m, "EX", false, 0);
		return;
	}
	if (m->invalidate) {
		if (m->has_time)
			memcache_touch(s, i, memcache_expiry(s, m->time));
		memcache_set_bits(s, i, ITEM_STALE, ITEM_WON);
		memcache_renumber(s, i);
	} else {
		memcache_delete(s, i);
	}
	if (!m->quiet)
		put_status(c, m, "HD", false, 0);
}

static void meta_arithmetic(struct memcache_connection *c, struct meta *m)
{
	struct memcache_store *s = store(c);
	bool subtract = m->mode == 'D' || m->mode == '-', made = false;
	uint64_t value = m->initial;

	if (m->mode && !subtract && m->mode != 'I' && m->mode != '+') {
		memcache_reply_line(c, "CLIENT_ERROR invalid mode for ma M token");
		return;
	}
	struct memcache_item *i = memcache_find(s, &m->key);
	enum memcache_count hits = subtract ? MEMCACHE_DECR_HITS : MEMCACHE_INCR_HITS;
	s->counts[MEMCACHE_METAS]++;
	s->counts[i ? hits : hits + 1]++;
	if (!i && m->vivify) {
		i = memcache_seed(s, &m->key, memcache_expiry(s, m->vivify_time), m->initial);
		made = i != NULL;
		if (!made) {
			put_status(c, m, "NS", false, 0);
			return;
		}
	}
	if (!i) {
		put_status(c, m, "NF", false, 0);
		return;
	}
	m->key.binary = (i->bits & ITEM_BINARY) != 0;
	if (!made) {
		enum memcache_result result =
		        memcache_add(s, &i, m->delta, subtract, m->cas, &value);
		if (result == MEMCACHE_EXISTS) {
			put_status(c, m, "EX", false, 0);
			return;
		}
		if (result == MEMCACHE_NOT_A_NUMBER) {
			memcache_reply_line(
			        c, "CLIENT_ERROR cannot increment or decrement non-numeric value");
			return;
		}
		if (result != MEMCACHE_OK) {
			memcache_reply_line(c, "SERVER_ERROR out of memory");
			return;
		}
		if (m->has_time)
			memcache_touch(s, i, memcache_expiry(s, m->time));
		if (m->quiet)
			return;
	}
	if (m->value) {
		REPLY(c, "VA ");
		memcache_reply_number(c, memcache_number_digits(value));
	} else {
		REPLY(c, "HD");
	}
	for (uint32_t k = 0; k < m->flag_count; k++) {
		if (m->flags[k].at[0] == 't')
			put_number(c, 't', memcache_left(s, i));
		else if (m->flags[k].at[0] == 'c')
			put_number(c, 'c', (int64_t)i->cas);
		else
			put_echo(c, m, m->flags[k]);
	}
	REPLY(c, "\r\n");
	if (m->value) {
		memcache_reply_number(c, value);
		REPLY(c, "\r\n");
	}
}

static void meta_debug(struct memcache_connection *c, struct meta *m)
{
	struct memcache_store *s = store(c);
	struct memcache_item *i = memcache_find(s, &m->key);

	s->counts[MEMCACHE_METAS]++;
	if (!i) {
		REPLY(c, "EN\r\n");
		return;
	}
	m->key.binary = (i->bits & ITEM_BINARY) != 0;
	int64_t left = memcache_left(s, i);
	REPLY(c, "ME ");
	put_key(c, &m->key);
	if (!i->expires || left > 0) /* as 1.6.18 has it: how long it is over */
		REPLY(c, " exp=-");
	else
		REPLY(c, " exp=");
	memcache_reply_number(c, (uint64_t)(left < 0 ? 1 : left));
	REPLY(c, " la=");
	memcache_reply_number(c, s->now - i->used_at);
	memcache_reply_facts(c, i);
	REPLY(c, "\r\n");
}

/* ---- Which ---- */

uint32_t memcache_meta(struct memcache_connection *c, const struct word *w, uint32_t n,
                       const char *line, uint32_t size, const char *rest, uint32_t rest_size)
{
	struct meta m;
	char which = w[0].at[1];

	if (which == 'n') {
		REPLY(c, "MN\r\n");
		return 0;
	}
	if (!memchr("gsdae", which, 5) || (n < 2 && which != 'e')) {
		c->server->counters.malformed++;
		REPLY(c, "ERROR\r\n");
		return 0;
	}
	if (n < 2 || w[1].size > ITEM_KEY_MAX) {
		memcache_reply_line(c, BAD_FORMAT);
		return 0;
	}
	if (n == WORDS_MAX) {
		memcache_reply_line(c, "CLIENT_ERROR options flags are too long");
		return 0;
	}
	if (which == 's')
		return meta_set(c, w, n, line, size, rest, rest_size);
	const char *bad = read_meta(&m, w[1], w + 2, n - 2);
	if (bad && (which == 'd' || which == 'a'))
		bad = "CLIENT_ERROR invalid or duplicate flag";
	if (bad && which != 'e') {
		memcache_reply_line(c, bad);
		return 0;
	}
	switch (which) {
	case 'g':
		meta_get(c, &m);
		break;
	case 'd':
		meta_delete(c, &m);
		break;
	case 'a':
		meta_arithmetic(c, &m);
		break;
	default:
		meta_debug(c, &m);
	}
	return 0;
}

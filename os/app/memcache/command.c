/* SPDX-License-Identifier: ISC */
/*
 * The text protocol: a line's words are counted and checked, then done; errors are memcached's,
 * word by word, because clients look at them. Where the number of words is wrong the answer is
 * ERROR, and a value that follows is taken for the next commands, as memcached does.
 */
#include <app/memcache/connection.h>

#include <string.h>

#include <app/memcache/number.h>

#define BAD_FORMAT  "CLIENT_ERROR bad command line format"
#define BAD_EXPTIME "CLIENT_ERROR invalid exptime argument"
#define BAD_DATA    "CLIENT_ERROR bad data chunk"
#define TOO_LARGE   "SERVER_ERROR object too large for cache"
#define NO_MEMORY   "SERVER_ERROR out of memory storing object"

static uint32_t next_word(const char *line, uint32_t size, uint32_t *at, struct word *w)
{
	while (*at < size && line[*at] == ' ')
		++*at;
	uint32_t begin = *at;
	while (*at < size && line[*at] != ' ')
		++*at;
	*w = (struct word){ line + begin, *at - begin };
	return w->size;
}

uint32_t memcache_words(const char *line, uint32_t size, struct word *to, uint32_t most)
{
	uint32_t n = 0, at = 0;
	while (n < most && next_word(line, size, &at, &to[n]))
		n++;
	return n;
}

struct memcache_item *memcache_command_look(struct memcache_store *s,
                                            const struct memcache_key *key)
{
	struct memcache_item *i = memcache_find(s, key);
	s->counts[i ? MEMCACHE_GET_HITS : MEMCACHE_GET_MISSES]++;
	if (i)
		memcache_used(s, i);
	return i;
}

struct memcache_item *memcache_command_touch(struct memcache_store *s,
                                             const struct memcache_key *key, uint32_t expires)
{
	struct memcache_item *i = memcache_find(s, key);
	s->counts[MEMCACHE_TOUCHES]++;
	s->counts[i ? MEMCACHE_TOUCH_HITS : MEMCACHE_TOUCH_MISSES]++;
	if (i) {
		memcache_used(s, i);
		memcache_touch(s, i, expires);
	}
	return i;
}

void memcache_command_delete(struct memcache_store *s, struct memcache_item *i)
{
	s->counts[i ? MEMCACHE_DELETE_HITS : MEMCACHE_DELETE_MISSES]++;
	if (i)
		memcache_delete(s, i);
}

static bool key_of(struct word w, struct memcache_key *to)
{
	*to = (struct memcache_key){ w.at, w.size, false };
	return w.size <= ITEM_KEY_MAX;
}

/* The last word asks for silence. */
static void look_for_noreply(struct memcache_connection *c, const struct word *w, uint32_t count)
{
	c->quiet = count && WORD_IS(w[count - 1], "noreply");
}

static struct memcache_store *store(struct memcache_connection *c)
{
	return &c->server->store;
}

/* ---- Getting ---- */

/* False: not all of it could be sent. */
static bool get_one(struct memcache_connection *c, const struct memcache_key *key)
{
	struct memcache_store *s = store(c);
	struct memcache_item *i;
	if (c->getting.touch) {
		i = memcache_command_touch(s, key, c->getting.expires);
		s->counts[i ? MEMCACHE_GET_HITS : MEMCACHE_GET_MISSES]++;
	} else {
		i = memcache_command_look(s, key);
	}
	if (!i)
		return true;
	if (!c->getting.cas)
		return memcache_reply_item(c, i, 0, memcache_item_text_size(i));
	memcache_reply_bytes(c, i->text, i->head_size);
	REPLY(c, " ");
	memcache_reply_number(c, i->cas);
	return memcache_reply_item(c, i, i->head_size, memcache_item_text_size(i));
}

/* Nothing more of a line that is still coming is answered. */
static void skip_keys(struct memcache_connection *c)
{
	memcache_reply_line(c, BAD_FORMAT);
	c->line_size = 0;
	c->getting.skip = true;
	c->state = STATE_KEYS;
}

static void get_keys(struct memcache_connection *c, const char *line, uint32_t size)
{
	uint32_t at = 0;
	struct word w;
	while (next_word(line, size, &at, &w)) {
		struct memcache_key key;
		bool stuck = memcache_reply_is_stuck(c), last = at == size;
		if (!stuck && last && c->getting.more) { /* maybe not all of it */
			c->state = STATE_KEYS;
			memcache_keep_line(c, w.at, w.size);
			return;
		}
		c->getting.any = true;
		if (!stuck && key_of(w, &key)) {
			stuck = !get_one(c, &key);
		} else if (!stuck && c->getting.more) {
			skip_keys(c);
			return;
		} else if (stuck)
			at -= w.size;
		if (stuck) {
			c->state = STATE_GET;
			memcache_keep_line(c, line + at, size - at);
			return;
		}
	}
	c->state = c->getting.more ? STATE_KEYS : STATE_LINE;
	if (!c->getting.more)
		REPLY(c, "END\r\n");
}

uint32_t memcache_command_keys(struct memcache_connection *c, const char *bytes, uint32_t size)
{
	uint32_t at = 0;
	while (at < size && !memcache_reply_is_stuck(c)) {
		uint32_t begin = at;
		while (at < size && bytes[at] != ' ' && bytes[at] != '\n')
			at++;
		bool ended = at < size, last = ended && bytes[at] == '\n';
		struct word w = { bytes + begin, at - begin };
		if (!c->getting.skip && w.size && (c->line_size || !ended)) {
			if (c->line_size + w.size > ITEM_KEY_MAX + 1)
				skip_keys(c);
			else if (!(c->line_size ? memcache_append_line(c, w.at, w.size)
			                        : memcache_keep_line(c, w.at, w.size)))
				return size;
		}
		if (!ended)
			return size;
		if (c->line_size)
			w = (struct word){ c->line, c->line_size };
		c->line_size = 0;
		if (last && w.size && w.at[w.size - 1] == '\r')
			w.size--;
		if (w.size && !c->getting.skip) {
			struct memcache_key key;
			c->getting.any = true;
			if (!key_of(w, &key))
				skip_keys(c);
			else if (!get_one(c, &key) || memcache_reply_is_stuck(c))
				return at; /* what ends the key ends nothing more */
		}
		at++;
		if (last) {
			c->state = STATE_LINE;
			if (!c->getting.any)
				REPLY(c, "ERROR\r\n");
			else if (!c->getting.skip)
				REPLY(c, "END\r\n");
			return at;
		}
	}
	return at;
}

uint32_t memcache_command_long_get(struct memcache_connection *c, const char *line, uint32_t size)
{
	uint32_t at = 0;
	struct word name, time;
	int64_t exptime;
	next_word(line, size, &at, &name);
	bool touch = WORD_IS(name, "gat") || WORD_IS(name, "gats");
	if (!touch && !WORD_IS(name, "get") && !WORD_IS(name, "gets"))
		return 0;
	c->quiet = false;
	c->server->counters.commands++;
	c->getting = (struct getting){ .cas = name.size == 4, .touch = touch, .more = true };
	c->state = STATE_KEYS;
	if (!touch)
		return at;
	if (next_word(line, size, &at, &time) && at == size)
		return 0;
	if (time.size && !memcache_number_read_signed(time.at, time.size, &exptime)) {
		memcache_reply_line(c, BAD_EXPTIME);
		c->getting.skip = c->getting.any = true;
	} else if (time.size) {
		c->getting.expires = memcache_expiry(store(c), exptime);
	}
	return at;
}

void memcache_command_get_on(struct memcache_connection *c)
{
	uint32_t size = c->line_size;
	c->line_size = 0; /* the line stays where it is */
	get_keys(c, c->line, size);
}

static void get(struct memcache_connection *c, const char *keys, uint32_t size)
{
	uint32_t at = 0;
	struct word w;
	while (size > ITEM_KEY_MAX && next_word(keys, size, &at, &w)) {
		if (w.size > ITEM_KEY_MAX) { /* then nothing of it is answered */
			memcache_reply_line(c, BAD_FORMAT);
			return;
		}
	}
	get_keys(c, keys, size);
}

static bool is_blank(const char *text, uint32_t size)
{
	uint32_t at = 0;
	while (at < size && text[at] == ' ')
		at++;
	return at == size;
}

static void get_and_touch(struct memcache_connection *c, const char *line, uint32_t size, bool cas)
{
	struct word w;
	uint32_t at = 0;
	int64_t exptime;
	if (!next_word(line, size, &at, &w)) {
		REPLY(c, "ERROR\r\n");
		return;
	}
	if (!memcache_number_read_signed(w.at, w.size, &exptime)) {
		memcache_reply_line(c, BAD_EXPTIME);
		return;
	}
	c->getting = (struct getting){ .cas = cas,
		                       .touch = true,
		                       .expires = memcache_expiry(store(c), exptime) };
	get(c, line + at, size - at);
}

/* ---- Storing ---- */

static void tell_stored(struct memcache_connection *c, enum memcache_result result)
{
	static const char *const texts[] = {
		[MEMCACHE_OK] = "STORED",     [MEMCACHE_NOT_STORED] = "NOT_STORED",
		[MEMCACHE_EXISTS] = "EXISTS", [MEMCACHE_NOT_FOUND] = "NOT_FOUND",
		[MEMCACHE_NOT_A_NUMBER] = "", [MEMCACHE_OUT_OF_MEMORY] = NO_MEMORY,
	};
	memcache_reply_line(c, texts[result]);
}

void memcache_command_uploaded(struct memcache_connection *c, const char *line, uint32_t size)
{
	struct upload *u = &c->upload;
	struct memcache_item *i = u->item;
	char *end = memcache_item_value(i) + i->value_size;
	u->item = NULL;
	c->state = STATE_LINE;
	if (u->kind == UPLOAD_BINARY) {
		memcpy(end, "\r\n", 2);
	} else if (memcmp(end, "\r\n", 2) != 0) {
		memcache_abandon(store(c), i);
		memcache_reply_line(c, BAD_DATA);
		return;
	}
	enum memcache_result result = memcache_put(store(c), i, &u->how);
	if (u->kind == UPLOAD_META)
		memcache_meta_uploaded(c, line, size, result);
	else if (u->kind == UPLOAD_BINARY)
		memcache_binary_uploaded(c, result);
	else
		tell_stored(c, result);
}

void memcache_command_swallow(struct memcache_connection *c, uint64_t size)
{
	c->state = size ? STATE_SWALLOW : STATE_LINE;
	c->swallow = size;
}

/* For a value that cannot be stored: it is read all the same. */
uint32_t memcache_command_refuse(struct memcache_connection *c, const char *why, uint64_t size)
{
	memcache_reply_line(c, why);
	memcache_command_swallow(c, size + 2);
	return 0;
}

static uint32_t no_room(struct memcache_connection *c, const struct storing_command *w, bool large)
{
	if (w->kind != UPLOAD_BINARY)
		return memcache_command_refuse(c, large ? TOO_LARGE : NO_MEMORY, w->size);
	memcache_binary_refuse(c, large);
	memcache_command_swallow(c, w->size);
	return 0;
}

static uint32_t upload(struct memcache_connection *c, const struct storing_command *w,
                       const char *rest, uint32_t rest_size)
{
	struct upload *u = &c->upload;
	uint32_t want = memcache_upload_size(u);
	u->have = 0;
	c->state = STATE_VALUE;
	if (rest_size < want) { /* connection.c goes on */
		if (!memcache_memory_may_wait(&store(c)->memory)) {
			memcache_abandon(store(c), u->item);
			u->item = NULL;
			return no_room(c, w, false);
		}
		if (w->kind == UPLOAD_META)
			memcache_keep_line(c, w->line, w->line_size);
		return 0;
	}
	memcpy(memcache_item_value(u->item), rest, want);
	memcache_command_uploaded(c, w->line, w->line_size);
	return want;
}

uint32_t memcache_command_store(struct memcache_connection *c, const struct storing_command *w,
                                const char *rest, uint32_t rest_size, struct memcache_item **over)
{
	struct memcache_store *s = store(c);
	uint32_t size = (uint32_t)w->size, end = w->kind == UPLOAD_BINARY ? 0 : 2;
	bool set = w->how.mode == MEMCACHE_SET;

	*over = NULL;
	s->counts[MEMCACHE_SETS]++;
	bool fits = memcache_fits(s, &w->key, w->size);
	if (fits && set && rest_size >= size + end &&
	    (!end || (rest[size] == '\r' && rest[size + 1] == '\n'))) {
		*over = memcache_overwrite(s, &w->key, w->flags, w->expires, rest, size);
		if (*over)
			return size + end;
	}
	struct memcache_item *i =
	        fits ? memcache_new(s, &w->key, w->flags, w->expires, size) : NULL;
	if (!i) {
		memcache_refused(s, &w->key, w->how.mode, w->expires, !fits);
		return no_room(c, w, !fits);
	}
	c->upload = (struct upload){ .item = i, .how = w->how, .kind = w->kind };
	return upload(c, w, rest, rest_size);
}

static uint32_t storage(struct memcache_connection *c, const char *line, uint32_t size,
                        enum memcache_mode mode, const char *rest, uint32_t rest_size)
{
	struct word w[9];
	struct memcache_key key;
	uint64_t flags, cas = 0;
	int64_t exptime, length;
	uint32_t n = memcache_words(line, size, w, 9), least = mode == MEMCACHE_CAS ? 6 : 5;

	if (n < least || n > least + 1) {
		REPLY(c, "ERROR\r\n");
		return 0;
	}
	look_for_noreply(c, w, n);
	if (!key_of(w[1], &key) || !memcache_number_read(w[2].at, w[2].size, &flags) ||
	    !memcache_number_read_signed(w[3].at, w[3].size, &exptime) ||
	    !memcache_number_read_signed(w[4].at, w[4].size, &length) || length < 0 ||
	    length > INT32_MAX - 2 ||
	    (mode == MEMCACHE_CAS && !memcache_number_read(w[5].at, w[5].size, &cas))) {
		memcache_reply_line(c, BAD_FORMAT);
		return 0;
	}
	const struct storing_command what = { .key = key,
		                              .flags = (uint32_t)flags,
		                              .expires = memcache_expiry(store(c), exptime),
		                              .size = (uint64_t)length,
		                              .how = { .mode = mode, .cas = cas },
		                              .kind = UPLOAD_TEXT };
	struct memcache_item *over;
	uint32_t used = memcache_command_store(c, &what, rest, rest_size, &over);
	if (over && !c->quiet)
		REPLY(c, "STORED\r\n");
	return used;
}

/* ---- Changing ---- */

static void arithmetic(struct memcache_connection *c, const struct word *w, uint32_t n,
                       bool subtract)
{
	struct memcache_store *s = store(c);
	struct memcache_key key;
	uint64_t delta, value;

	look_for_noreply(c, w, n);
	if (!key_of(w[1], &key)) {
		memcache_reply_line(c, BAD_FORMAT);
		return;
	}
	if (!memcache_number_read(w[2].at, w[2].size, &delta)) {
		memcache_reply_line(c, "CLIENT_ERROR invalid numeric delta argument");
		return;
	}
	struct memcache_item *i = memcache_find(s, &key);
	if (!i) {
		s->counts[subtract ? MEMCACHE_DECR_MISSES : MEMCACHE_INCR_MISSES]++;
		memcache_reply_line(c, "NOT_FOUND");
		return;
	}
	switch (memcache_add(s, &i, delta, subtract, 0, &value)) {
	case MEMCACHE_OK:
		s->counts[subtract ? MEMCACHE_DECR_HITS : MEMCACHE_INCR_HITS]++;
		if (!c->quiet) {
			memcache_reply_number(c, value);
			REPLY(c, "\r\n");
		}
		return;
	case MEMCACHE_NOT_A_NUMBER:
		memcache_reply_line(c,
		                    "CLIENT_ERROR cannot increment or decrement non-numeric value");
		return;
	default:
		memcache_reply_line(c, "SERVER_ERROR out of memory in incr");
	}
}

static void touch(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	struct memcache_key key;
	int64_t exptime;

	look_for_noreply(c, w, n);
	if (!key_of(w[1], &key)) {
		memcache_reply_line(c, BAD_FORMAT);
		return;
	}
	if (!memcache_number_read_signed(w[2].at, w[2].size, &exptime)) {
		memcache_reply_line(c, BAD_EXPTIME);
		return;
	}
	uint32_t expires = memcache_expiry(store(c), exptime);
	bool found = memcache_command_touch(store(c), &key, expires) != NULL;
	memcache_reply_line(c, found ? "TOUCHED" : "NOT_FOUND");
}

static void delete(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	struct memcache_store *s = store(c);
	struct memcache_key key;

	look_for_noreply(c, w, n);
	if (n > 2) { /* "delete KEY 0" was once a time */
		bool zero = WORD_IS(w[2], "0");
		if (!(n == 3 ? zero || c->quiet : zero && c->quiet)) {
			memcache_reply_line(
			        c, "CLIENT_ERROR bad command line format.  Usage: delete <key> "
			           "[noreply]");
			return;
		}
	}
	if (!key_of(w[1], &key)) {
		memcache_reply_line(c, BAD_FORMAT);
		return;
	}
	struct memcache_item *i = memcache_find(s, &key);
	memcache_command_delete(s, i);
	memcache_reply_line(c, i ? "DELETED" : "NOT_FOUND");
}

static void flush_all(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	struct memcache_store *s = store(c);
	int64_t exptime = 0;

	look_for_noreply(c, w, n);
	if (n - c->quiet > 1 && !memcache_number_read_signed(w[1].at, w[1].size, &exptime)) {
		memcache_reply_line(c, BAD_EXPTIME);
		return;
	}
	s->counts[MEMCACHE_FLUSHES]++;
	memcache_flush(s, memcache_expiry(s, exptime));
	memcache_reply_line(c, "OK");
}

static void verbosity(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	uint64_t level;
	look_for_noreply(c, w, n);
	memcache_reply_line(c, memcache_number_read(w[1].at, w[1].size, &level)
	                               ? "OK"
	                               : BAD_FORMAT); /* there is nothing to be verbose */
}

static void cache_memlimit(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	uint64_t mib;
	look_for_noreply(c, w, n);
	if (!memcache_number_read(w[1].at, w[1].size, &mib))
		memcache_reply_line(c, BAD_FORMAT);
	else if (mib < 8)
		memcache_reply_line(c, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
	else if (mib > c->server->options.memory >> 20) /* it was taken at the start */
		memcache_reply_line(c, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
	else {
		memcache_memory_limit(&store(c)->memory, mib << 20);
		memcache_reply_line(c, "OK");
	}
}

/* ---- Which ---- */

static void unknown(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	c->server->counters.malformed++;
	if (n >= 2 && w[n - 1].size >= 5 && !memcmp(w[n - 1].at, "HTTP/", 5)) {
		memcache_connection_hang_up(c); /* a browser was led here, and must not be led on */
		return;
	}
	REPLY(c, "ERROR\r\n");
}

static void other(struct memcache_connection *c, const char *line, uint32_t size)
{
	struct word w[WORDS_MAX];
	uint32_t n = memcache_words(line, size, w, WORDS_MAX);
	struct word name = n ? w[0] : (struct word){ line, 0 };

	if (WORD_IS(name, "incr") || WORD_IS(name, "decr")) {
		if (n == 3 || n == 4) {
			arithmetic(c, w, n, name.at[0] == 'd');
			return;
		}
	} else if (WORD_IS(name, "touch")) {
		if (n == 3 || n == 4) {
			touch(c, w, n);
			return;
		}
	} else if (WORD_IS(name, "delete")) {
		if (n >= 2 && n <= 4) {
			delete (c, w, n);
			return;
		}
	} else if (WORD_IS(name, "flush_all")) {
		if (n <= 3) {
			flush_all(c, w, n);
			return;
		}
	} else if (WORD_IS(name, "verbosity")) {
		if (n == 2 || n == 3) {
			verbosity(c, w, n);
			return;
		}
	} else if (WORD_IS(name, "version")) {
		REPLY(c, "VERSION ");
		memcache_reply_line(c, c->server->options.version);
		return;
	} else if (WORD_IS(name, "stats")) {
		memcache_stats(c, w, n);
		return;
	} else if (WORD_IS(name, "quit")) {
		memcache_connection_hang_up(c);
		return;
	} else if (WORD_IS(name, "lru_crawler")) {
		memcache_lru_crawler(c, w, n);
		return;
	} else if (WORD_IS(name, "watch")) {
		look_for_noreply(c, w, n);
		memcache_watch(c, w, n);
		return;
	} else if (WORD_IS(name, "cache_memlimit")) {
		if (n == 2 || n == 3) {
			cache_memlimit(c, w, n);
			return;
		}
	} else if (WORD_IS(name, "shutdown")) {
		REPLY(c, "ERROR: shutdown not enabled\r\n");
		return;
	} else {
		unknown(c, w, n);
		return;
	}
	c->server->counters.malformed++;
	REPLY(c, "ERROR\r\n");
}

uint32_t memcache_command(struct memcache_connection *c, const char *line, uint32_t size,
                          const char *rest, uint32_t rest_size)
{
	uint32_t at = 0;
	struct word name;

	c->quiet = false;
	c->server->counters.commands++;
	next_word(line, size, &at, &name);
	if (WORD_IS(name, "get") || WORD_IS(name, "gets") || WORD_IS(name, "bget")) {
		c->getting = (struct getting){ .cas = name.size == 4 && name.at[0] == 'g' };
		if (is_blank(line + at, size - at)) {
			c->server->counters.malformed++;
			REPLY(c, "ERROR\r\n");
		} else {
			get(c, line + at, size - at);
		}
		return 0;
	}
	if (WORD_IS(name, "set"))
		return storage(c, line, size, MEMCACHE_SET, rest, rest_size);
	if (name.size == 2 && name.at[0] == 'm') {
		struct word w[WORDS_MAX];
		uint32_t n = memcache_words(line, size, w, WORDS_MAX);
		return memcache_meta(c, w, n, line, size, rest, rest_size);
	}
	if (WORD_IS(name, "gat") || WORD_IS(name, "gats"))
		get_and_touch(c, line + at, size - at, name.size == 4);
	else if (WORD_IS(name, "add"))
		return storage(c, line, size, MEMCACHE_ADD, rest, rest_size);
	else if (WORD_IS(name, "replace"))
		return storage(c, line, size, MEMCACHE_REPLACE, rest, rest_size);
	else if (WORD_IS(name, "append"))
		return storage(c, line, size, MEMCACHE_APPEND, rest, rest_size);
	else if (WORD_IS(name, "prepend"))
		return storage(c, line, size, MEMCACHE_PREPEND, rest, rest_size);
	else if (WORD_IS(name, "cas"))
		return storage(c, line, size, MEMCACHE_CAS, rest, rest_size);
	else
		other(c, line, size);
	return 0;
}

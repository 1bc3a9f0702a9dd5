/* SPDX-License-Identifier: ISC */
/* Changes of one call are one batch of the tree where they fit into one: a post and the timelines
 * of up to FAN followers; further ones follow in batches, and the call returns when all are there.
 */
#include "model.h"

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <core/task.h>
#include <store/block_memory.h>
#include <store/btree/btree.h>

#define KEY_MAX     64u
#define FAN         200u /* timelines of one batch */
#define ITERATIONS  20000u
#define MEMORY_SIZE (64ull << 20)
#define FILL_POSTS  50u /* of somebody newly followed, that come into the timeline */

static struct btree *tree;
static struct btree_lru lru;
static uint64_t last_id;
static struct task_queue names = { .waiting = LIST_INIT(names.waiting) };
static bool names_locked; /* whoever makes a name looks for it first */

static void on_damage(void *of, uint64_t page, const char *what)
{
	(void)of;
	log_error("store", "page %llu is damaged: %s", (unsigned long long)page, what);
}

/* ---- Keys ---- */

struct key {
	uint8_t bytes[KEY_MAX];
	uint32_t size;
};

static void put_u64(uint8_t *to, uint64_t v)
{
	for (int k = 0; k < 8; k++)
		to[k] = (uint8_t)(v >> (56 - 8 * k));
}

static uint64_t get_u64(const uint8_t *from)
{
	uint64_t v = 0;
	for (int k = 0; k < 8; k++)
		v = v << 8 | from[k];
	return v;
}

static struct key key_name(char kind, const char *name)
{
	struct key k = { .size = 1 + (uint32_t)strlen(name) };
	k.bytes[0] = (uint8_t)kind;
	memcpy(k.bytes + 1, name, k.size - 1);
	return k;
}

static struct key key_number(char kind, const char *name, uint64_t number)
{
	struct key k = key_name(kind, name);
	k.bytes[k.size++] = 0;
	put_u64(k.bytes + k.size, ~number);
	k.size += 8;
	return k;
}

static struct key key_pair(char kind, const char *one, const char *other)
{
	struct key k = key_name(kind, one);
	uint32_t size = (uint32_t)strlen(other);
	k.bytes[k.size++] = 0;
	memcpy(k.bytes + k.size, other, size);
	k.size += size;
	return k;
}

static struct key key_post(uint64_t id)
{
	struct key k = { .bytes = { 'p' }, .size = 9 };
	put_u64(k.bytes + 1, id);
	return k;
}

static struct key key_session(const char *token)
{
	struct key k = { .bytes = { 's' }, .size = 1 + SHA256_SIZE };
	sha256(k.bytes + 1, token, strlen(token));
	return k;
}

/* ---- Opening ---- */

/* Numbers go on where the last post has left them. */
static int find_last(void)
{
	struct btree_snapshot *s;
	struct btree_cursor c;
	uint32_t size;
	int error = btree_snapshot_open(tree, &s);
	if (error)
		return error;
	btree_cursor_open(&c, s);
	error = btree_cursor_seek(&c, "q", 1);
	error = error == ERR_ABSENT ? btree_cursor_last(&c)
	        : error             ? error
	                            : btree_cursor_previous(&c);
	if (!error) {
		const uint8_t *key = btree_cursor_key(&c, &size);
		if (size == 9 && key[0] == 'p')
			last_id = get_u64(key + 1);
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	return error == ERR_ABSENT ? OK : error;
}

int model_open(struct block *block, uint64_t cache)
{
	struct btree_options options = { .policy = &btree_policy_lru,
		                         .policy_of = &lru,
		                         .cache = cache,
		                         .create = true,
		                         .damage = on_damage };
	if (!block)
		block = block_memory_open("memory", MEMORY_SIZE);
	if (!block) {
		log_error("tweet",
		          "there is too little memory for a store of %llu MiB: give more by "
		          "--memory, or a device by --block data=FILE",
		          MEMORY_SIZE >> 20);
		return ERR_MEMORY;
	}
	int error = btree_open(&tree, block, &options);
	if (!error)
		error = find_last();
	if (error)
		log_error("tweet", "the store on device %s cannot be opened: %s", block->name,
		          error_text(error));
	return error;
}

/* ---- What is good ---- */

bool name_is_good(const char *name)
{
	size_t size = strlen(name);
	if (size < 2 || size > NAME_MAX_)
		return false;
	for (; *name; name++)
		if (!(*name >= 'a' && *name <= 'z') && !(*name >= '0' && *name <= '9') &&
		    *name != '_')
			return false;
	return true;
}

/* Bytes of the character there; 0: it is no UTF-8 (RFC 3629), or a control character. */
static uint32_t character(const uint8_t *p)
{
	uint32_t n = *p < 0x80   ? 1
	             : *p < 0xc2 ? 0
	             : *p < 0xe0 ? 2
	             : *p < 0xf0 ? 3
	             : *p < 0xf5 ? 4
	                         : 0;
	if (n == 1)
		return (*p >= 0x20 && *p != 0x7f) || *p == '\n';
	for (uint32_t k = 1; k < n; k++) {
		uint8_t low = k == 1 && *p == 0xe0 ? 0xa0 : k == 1 && *p == 0xf0 ? 0x90 : 0x80;
		uint8_t high = k == 1 && *p == 0xed ? 0x9f : k == 1 && *p == 0xf4 ? 0x8f : 0xbf;
		if (p[k] < low || p[k] > high)
			return 0;
	}
	return n;
}

bool text_is_good(char *text)
{
	char *to = text, *from = text;
	uint32_t characters = 0;
	for (; *from; from++) /* line ends of forms are CRLF */
		if (*from != '\r')
			*to++ = *from;
	while (to > text && (to[-1] == ' ' || to[-1] == '\n'))
		to--;
	*to = 0;
	for (from = text; *from == ' ' || *from == '\n';)
		from++;
	memmove(text, from, (size_t)(to - from) + 1);
	for (const uint8_t *p = (const uint8_t *)text; *p; characters++) {
		uint32_t n = character(p);
		if (!n)
			return false;
		p += n;
	}
	return characters && characters <= CHARACTERS_MAX;
}

/* ---- People and sessions ---- */

struct person {
	int64_t since;
	uint8_t salt[16], hash[SHA256_SIZE];
	uint32_t iterations;
	uint32_t reserved;
};

static int get_person(const char *name, struct person *p)
{
	struct key k = key_name('u', name);
	uint32_t size;
	int error = btree_get(tree, k.bytes, k.size, p, sizeof *p, &size);
	return error ? error : size == sizeof *p ? OK : ERR_CORRUPT;
}

static int64_t now_seconds(void)
{
	return clock_wall() / 1000000000;
}

int model_sign_up(const char *name, const char *password)
{
	struct person p = { .since = now_seconds(), .iterations = ITERATIONS }, other;
	struct key k = key_name('u', name);
	if (!name_is_good(name) || strlen(password) < PASSWORD_MIN ||
	    strlen(password) > PASSWORD_MAX)
		return ERR_INVALID;
	int error = get_person(name, &other);
	if (error != ERR_ABSENT)
		return error ? error : ERR_EXISTS;
	random_bytes(p.salt, sizeof p.salt);
	sha256_pbkdf2(p.hash, password, strlen(password), p.salt, sizeof p.salt, p.iterations,
	              task_yield);
	while (names_locked)
		task_wait(&names, UINT64_MAX);
	names_locked = true;
	error = get_person(name, &other);
	error = error == ERR_ABSENT ? btree_put(tree, k.bytes, k.size, &p, sizeof p)
	        : error             ? error
	                            : ERR_EXISTS;
	names_locked = false;
	task_wake_one(&names);
	return error;
}

int model_log_in(const char *name, const char *password, char token[TOKEN_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	struct person p = { .iterations = ITERATIONS };
	uint8_t hash[SHA256_SIZE], random[TOKEN_SIZE / 2], session[8 + NAME_MAX_];
	int error = name_is_good(name) ? get_person(name, &p) : ERR_ABSENT;
	if (error && error != ERR_ABSENT)
		return error;
	/* For a name that is not there, too: how long it takes tells nothing. */
	if (strlen(password) > PASSWORD_MAX)
		return ERR_REFUSED;
	sha256_pbkdf2(hash, password, strlen(password), p.salt, sizeof p.salt, p.iterations,
	              task_yield);
	if (error || !bytes_same(hash, p.hash, sizeof hash))
		return ERR_REFUSED;
	random_bytes(random, sizeof random);
	for (uint32_t i = 0; i < sizeof random; i++) {
		token[2 * i] = digits[random[i] >> 4];
		token[2 * i + 1] = digits[random[i] & 15];
	}
	token[TOKEN_SIZE] = 0;
	struct key k = key_session(token);
	put_u64(session, (uint64_t)clock_wall() + SESSION_NS);
	memcpy(session + 8, name, strlen(name));
	return btree_put(tree, k.bytes, k.size, session, 8 + (uint32_t)strlen(name));
}

int model_log_out(const char *token)
{
	struct key k = key_session(token);
	return btree_delete(tree, k.bytes, k.size);
}

int model_session(const char *token, char name[NAME_MAX_ + 1])
{
	uint8_t session[8 + NAME_MAX_];
	struct key k = key_session(token);
	uint32_t size;
	if (strlen(token) != TOKEN_SIZE)
		return ERR_ABSENT;
	int error = btree_get(tree, k.bytes, k.size, session, sizeof session, &size);
	if (error)
		return error;
	if (size <= 8 || size > sizeof session)
		return ERR_CORRUPT;
	if (get_u64(session) < (uint64_t)clock_wall()) {
		btree_delete(tree, k.bytes, k.size);
		return ERR_ABSENT;
	}
	memcpy(name, session + 8, size - 8);
	name[size - 8] = 0;
	return OK;
}

/* ---- Posts ---- */

struct kept { /* a post as it is kept */
	uint8_t bytes[8 + NAME_MAX_ + 1 + TEXT_MAX_];
	uint32_t size;
};

static void keep(struct kept *to, const char *author, const char *text)
{
	uint32_t name = (uint32_t)strlen(author) + 1, size = (uint32_t)strlen(text);
	put_u64(to->bytes, (uint64_t)now_seconds());
	memcpy(to->bytes + 8, author, name);
	memcpy(to->bytes + 8 + name, text, size);
	to->size = 8 + name + size;
}

static bool unkeep(struct post *to, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *end = size > 8 ? memchr(bytes + 8, 0, size - 8) : NULL;
	if (!end || (size_t)(end - bytes - 8) > NAME_MAX_ ||
	    size - (uint32_t)(end + 1 - bytes) > TEXT_MAX_)
		return false;
	to->time = (int64_t)get_u64(bytes);
	strcpy(to->author, (const char *)bytes + 8);
	to->size = size - (uint32_t)(end + 1 - bytes);
	memcpy(to->text, end + 1, to->size);
	to->text[to->size] = 0;
	return true;
}

/* Calls `take` for each key that begins with the prefix, from `from` on, until it says no. */
typedef bool take_fn(void *of, const uint8_t *key, uint32_t key_size, const struct btree_cursor *);

static int each(const struct key *prefix, const struct key *from, take_fn *take, void *of)
{
	struct btree_snapshot *s;
	struct btree_cursor c;
	int error = btree_snapshot_open(tree, &s);
	if (error)
		return error;
	btree_cursor_open(&c, s);
	for (error = btree_cursor_seek(&c, from->bytes, from->size); !error;
	     error = btree_cursor_next(&c)) {
		uint32_t size;
		const uint8_t *key = btree_cursor_key(&c, &size);
		if (size < prefix->size || memcmp(key, prefix->bytes, prefix->size) ||
		    !take(of, key, size, &c))
			break;
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	return error == ERR_ABSENT ? OK : error;
}

struct gather {
	struct posts *to;
	uint32_t most;
	int error;
};

static bool gather_post(void *of, const uint8_t *key, uint32_t key_size,
                        const struct btree_cursor *c)
{
	struct gather *g = of;
	struct kept k = { .size = btree_cursor_value_size(c) };
	struct posts *to = g->to;
	if (to->count == g->most) {
		to->next = to->all[to->count - 1].id;
		return false;
	}
	struct post *p = &to->all[to->count];
	g->error = k.size <= sizeof k.bytes ? btree_cursor_value(c, k.bytes, sizeof k.bytes)
	                                    : ERR_CORRUPT;
	if (!g->error && !unkeep(p, k.bytes, k.size))
		g->error = ERR_CORRUPT;
	p->id = key[0] == 'p' ? get_u64(key + key_size - 8) : ~get_u64(key + key_size - 8);
	to->count += !g->error;
	return !g->error;
}

static int posts_under(char kind, const char *name, uint64_t before, struct posts *to)
{
	struct key prefix = key_pair(kind, name, ""),
	           from = key_number(kind, name, before ? before - 1 : UINT64_MAX);
	struct gather g = { .to = to, .most = PAGE_POSTS };
	to->count = 0;
	to->next = 0;
	int error = each(&prefix, &from, gather_post, &g);
	return error ? error : g.error;
}

int model_timeline(const char *name, uint64_t before, struct posts *to)
{
	return posts_under('t', name, before, to);
}

int model_posts_of(const char *name, uint64_t before, struct posts *to)
{
	return posts_under('a', name, before, to);
}

int model_all(uint64_t before, struct posts *to)
{
	/* Backwards from the newest. */
	struct btree_snapshot *s;
	struct btree_cursor c;
	struct key end = key_post(before ? before : UINT64_MAX);
	struct gather g = { .to = to, .most = PAGE_POSTS };
	to->count = 0;
	to->next = 0;
	int error = btree_snapshot_open(tree, &s);
	if (error)
		return error;
	btree_cursor_open(&c, s);
	error = btree_cursor_seek(&c, end.bytes, end.size);
	error = error == ERR_ABSENT ? btree_cursor_last(&c)
	        : error             ? error
	                            : btree_cursor_previous(&c);
	for (; !error; error = btree_cursor_previous(&c)) {
		uint32_t size;
		const uint8_t *key = btree_cursor_key(&c, &size);
		if (size != 9 || key[0] != 'p' || !gather_post(&g, key, size, &c))
			break;
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	return error && error != ERR_ABSENT ? error : g.error;
}

/* A batch of changes whose keys live with it. */
struct batch {
	struct btree_change changes[FAN + 8];
	struct key keys[FAN + 8];
	uint32_t count;
	char after[NAME_MAX_ + 1]; /* the last follower in it */
	bool full;
};

static void batch_put(struct batch *b, struct key k, const void *value, uint32_t size)
{
	b->keys[b->count] = k;
	b->changes[b->count] = (struct btree_change){ .key = b->keys[b->count].bytes,
		                                      .key_size = k.size,
		                                      .value = value,
		                                      .value_size = size };
	b->count++;
}

struct fan {
	struct batch *batch;
	const struct kept *post;
	uint64_t id;
};

static bool fan_out(void *of, const uint8_t *key, uint32_t key_size, const struct btree_cursor *c)
{
	struct fan *f = of;
	const uint8_t *name = memchr(key, 0, key_size);
	uint32_t size = name ? key_size - (uint32_t)(name + 1 - key) : 0;
	(void)c;
	if (!size || size > NAME_MAX_)
		return true;
	if (f->batch->count >= FAN) {
		f->batch->full = true;
		return false;
	}
	memcpy(f->batch->after, name + 1, size);
	f->batch->after[size] = 0;
	batch_put(f->batch, key_number('t', f->batch->after, f->id), f->post->bytes, f->post->size);
	return true;
}

int model_post(const char *author, const char *text, uint64_t *id)
{
	struct batch *b = heap_alloc(sizeof *b);
	struct kept *kept = heap_alloc(sizeof *kept);
	struct key prefix = key_pair('b', author, ""), from = prefix;
	int error = b && kept ? OK : ERR_MEMORY;
	if (!error && (!*text || strlen(text) > TEXT_MAX_))
		error = ERR_INVALID;
	if (!error) {
		*id = ++last_id;
		b->count = 0;
		keep(kept, author, text);
		batch_put(b, key_post(*id), kept->bytes, kept->size);
		batch_put(b, key_number('a', author, *id), kept->bytes, kept->size);
		batch_put(b, key_number('t', author, *id), kept->bytes, kept->size);
		do {
			struct fan f = { b, kept, *id };
			b->full = false;
			error = each(&prefix, &from, fan_out, &f);
			if (!error && b->count)
				error = btree_apply(tree, b->changes, b->count);
			b->count = 0;
			from = key_pair('b', author, b->after);
			from.bytes[from.size++] = 0; /* the one behind it */
		} while (!error && b->full);
	}
	heap_free(b);
	heap_free(kept);
	return error;
}

/* ---- Following ---- */

struct count {
	uint64_t count, most;
};

static bool count_one(void *of, const uint8_t *key, uint32_t key_size, const struct btree_cursor *c)
{
	struct count *n = of;
	(void)key, (void)key_size, (void)c;
	return ++n->count < n->most;
}

static int count_under(char kind, const char *name, uint64_t *to)
{
	struct key prefix = key_pair(kind, name, "");
	struct count n = { .most = 1000000 };
	int error = each(&prefix, &prefix, count_one, &n);
	*to = n.count;
	return error;
}

static int follows(const char *who, const char *whom, bool *yes)
{
	struct key k = key_pair('f', who, whom);
	int error = btree_get(tree, k.bytes, k.size, NULL, 0, NULL);
	*yes = !error;
	return error == ERR_ABSENT ? OK : error;
}

int model_profile(const char *name, const char *asking, struct profile *to)
{
	struct person p;
	int error = name_is_good(name) ? get_person(name, &p) : ERR_ABSENT;
	memset(to, 0, sizeof *to);
	if (error)
		return error;
	strcpy(to->name, name);
	to->since = p.since;
	error = count_under('b', name, &to->followers);
	if (!error)
		error = count_under('f', name, &to->following);
	return error || !*asking ? error : follows(asking, name, &to->followed);
}

/* Somebody's posts into a timeline, or out of it. */
static int fill(const char *who, const char *whom, bool in)
{
	struct posts *posts = heap_alloc(sizeof *posts);
	struct batch *b = heap_alloc(sizeof *b);
	struct kept *kept = heap_alloc(PAGE_POSTS * sizeof *kept);
	int error = posts && b && kept ? OK : ERR_MEMORY;
	uint64_t before = 0, done = 0;
	while (!error && (error = model_posts_of(whom, before, posts)) == OK && posts->count) {
		b->count = 0;
		for (uint32_t k = 0; k < posts->count; k++) {
			struct post *p = &posts->all[k];
			keep(&kept[k], p->author, p->text);
			put_u64(kept[k].bytes, (uint64_t)p->time);
			batch_put(b, key_number('t', who, p->id), in ? kept[k].bytes : NULL,
			          in ? kept[k].size : 0);
		}
		error = btree_apply(tree, b->changes, b->count);
		done += posts->count;
		before = posts->next;
		if (!before || (in && done >= FILL_POSTS))
			break;
	}
	heap_free(posts);
	heap_free(b);
	heap_free(kept);
	return error;
}

int model_follow(const char *who, const char *whom, bool follow)
{
	struct key f = key_pair('f', who, whom), b = key_pair('b', whom, who);
	struct btree_change changes[2] = {
		{ .key = f.bytes, .key_size = f.size, .value = follow ? "" : NULL },
		{ .key = b.bytes, .key_size = b.size, .value = follow ? "" : NULL }
	};
	struct person p;
	uint64_t n;
	bool already;
	if (!strcmp(who, whom))
		return ERR_INVALID;
	int error = name_is_good(whom) ? get_person(whom, &p) : ERR_ABSENT;
	if (!error)
		error = follows(who, whom, &already);
	if (error || already == follow)
		return error;
	if (follow && (error = count_under('f', who, &n)))
		return error;
	if (follow && n >= FOLLOWS_MAX)
		return ERR_TOO_BIG;
	error = btree_apply(tree, changes, 2);
	return error ? error : fill(who, whom, follow);
}

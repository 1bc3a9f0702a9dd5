/* SPDX-License-Identifier: ISC */
/*
 * Headers of 512 bytes, each with its contents behind it. Before an entry there may be others that
 * speak of it: pax records ("x", or "g" for all that follow), GNU's long names ("L", "K"). Each
 * step moves on by a header at least, so any input ends.
 */
#include <store/tar/tar.h>

#include <string.h>

#include <core/error.h>

#define RECORDS_MAX                                                                                \
	(64u << 10) /* bytes of one set of pax records, of which the names and numbers are read */

/* The values that extended headers give for the next entry. */
struct said {
	bool any, name, link, size, modified, sparse;
};

void tar_memory(struct tar *t, const void *bytes, uint64_t size)
{
	*t = (struct tar){ .bytes = bytes, .size = size };
}

void tar_device(struct tar *t, struct block *block, void *buffer)
{
	*t = (struct tar){ .block = block, .buffer = buffer, .size = block->size };
}

/* Shows the bytes at `at` in a window of BLOCK_ALIGN bytes: at most `want`; *got says how many. */
static int window(struct tar *t, uint64_t at, uint64_t want, const uint8_t **p, uint64_t *got)
{
	if (at > t->size || !want || at == t->size)
		return ERR_MALFORMED;
	want = want < t->size - at ? want : t->size - at;
	if (t->bytes) {
		*p = t->bytes + at;
		*got = want;
		return OK;
	}
	uint64_t number = at / BLOCK_ALIGN, start = number * BLOCK_ALIGN;
	uint64_t there = t->size - start < BLOCK_ALIGN ? t->size - start : BLOCK_ALIGN;
	if (t->buffered != number + 1) {
		t->buffered = 0;
		int error = block_read(t->block, start, t->buffer, there);
		if (error)
			return error;
		t->buffered = number + 1;
	}
	*p = t->buffer + (at - start);
	*got = there - (at - start) < want ? there - (at - start) : want;
	return OK;
}

static int load(struct tar *t, uint64_t at, void *to, uint64_t size)
{
	uint8_t *bytes = to;
	while (size) {
		const uint8_t *p;
		uint64_t n;
		int error = window(t, at, size, &p, &n);
		if (error)
			return error;
		memcpy(bytes, p, n);
		bytes += n;
		at += n;
		size -= n;
	}
	return OK;
}

/* ---- Fields ---- */

/* Octal digits between spaces and a NUL, or GNU's base 256. False: neither, or too large. */
static bool number(const uint8_t *p, uint32_t size, uint64_t *to)
{
	uint64_t v = 0;
	uint32_t k = 0;
	if (p[0] & 0x80) {
		if (p[0] != 0x80) /* negative, or beyond 64 bits */
			return false;
		for (k = 1; k < size; k++) {
			if (v >> 55)
				return false;
			v = v << 8 | p[k];
		}
		*to = v;
		return true;
	}
	while (k < size && p[k] == ' ')
		k++;
	for (; k < size && p[k] >= '0' && p[k] <= '7'; k++) {
		if (v >> 60)
			return false;
		v = v << 3 | (uint64_t)(p[k] - '0');
	}
	if (k < size && p[k] != ' ' && p[k] != 0)
		return false;
	*to = v;
	return true;
}

static uint32_t length(const uint8_t *p, uint32_t most)
{
	uint32_t n = 0;
	while (n < most && p[n])
		n++;
	return n;
}

static bool header_good(const uint8_t h[TAR_BLOCK])
{
	uint64_t told;
	uint32_t sum = 0;
	int32_t signed_sum = 0; /* as some old ones made it */
	for (uint32_t k = 0; k < TAR_BLOCK; k++) {
		uint8_t byte = k >= 148 && k < 156 ? ' ' : h[k];
		sum += byte;
		signed_sum += (int8_t)byte;
	}
	return number(h + 148, 8, &told) &&
	       (told == sum || (signed_sum >= 0 && told == (uint32_t)signed_sum));
}

static bool is_zero(const uint8_t h[TAR_BLOCK])
{
	for (uint32_t k = 0; k < TAR_BLOCK; k++)
		if (h[k])
			return false;
	return true;
}

static void names(const uint8_t h[TAR_BLOCK], struct tar_entry *e, const struct said *said)
{
	/* GNU's own magic has other fields where ustar has the prefix. */
	bool ustar = memcmp(h + 257, "ustar\0", 6) == 0;
	uint32_t prefix = ustar ? length(h + 345, 155) : 0, n;
	if (!said->name) {
		memcpy(e->name, h + 345, prefix);
		if (prefix)
			e->name[prefix++] = '/';
		n = length(h, 100);
		memcpy(e->name + prefix, h, n);
		e->name[prefix + n] = 0;
	}
	if (!said->link) {
		n = length(h + 157, 100);
		memcpy(e->link, h + 157, n);
		e->link[n] = 0;
	}
}

/* Seconds since 1970. GNU tar writes earlier times in base 256, as negative numbers. */
static bool time_of(const uint8_t h[TAR_BLOCK], int64_t *to)
{
	uint64_t v = 0;
	if (h[136] == 0xff)
		*to = 0;
	else if (number(h + 136, 12, &v))
		*to = v <= INT64_MAX ? (int64_t)v : 0;
	else
		return false;
	return true;
}

/* ---- Extended headers ---- */

static int long_name(struct tar *t, uint64_t at, uint64_t size, char to[TAR_NAME_MAX + 1])
{
	uint64_t n = size < TAR_NAME_MAX + 1 ? size : TAR_NAME_MAX + 1;
	if (!size)
		return ERR_MALFORMED;
	int error = load(t, at, to, n);
	if (error)
		return error;
	if (length((uint8_t *)to, (uint32_t)n) == TAR_NAME_MAX + 1)
		return ERR_TOO_BIG;
	to[n < TAR_NAME_MAX + 1 ? n : TAR_NAME_MAX] = 0;
	return OK;
}

/* Decimal: a size, or the whole seconds of a time. */
static bool decimal(const char *p, uint32_t size, bool fraction, uint64_t *to)
{
	uint64_t v = 0;
	uint32_t k = 0;
	for (; k < size && p[k] >= '0' && p[k] <= '9'; k++) {
		if (v > (UINT64_MAX >> 1) / 10 - 1)
			return false;
		v = 10 * v + (uint64_t)(p[k] - '0');
	}
	*to = v;
	return k && (k == size || (fraction && p[k] == '.'));
}

#define IS(key_) (key_size == sizeof(key_) - 1 && memcmp(key, key_, sizeof(key_) - 1) == 0)

/* One record's value: `at`, `size` in the archive. An empty one takes back what was said. */
static int record(struct tar *t, const char *key, uint32_t key_size, uint64_t at, uint64_t size,
                  struct tar_entry *e, struct said *said)
{
	bool path = IS("path"), link = IS("linkpath");
	char digits[32];
	uint64_t v;
	if (path || link) {
		char *to = path ? e->name : e->link;
		if (size > TAR_NAME_MAX)
			return ERR_TOO_BIG;
		int error = load(t, at, to, size);
		to[size] = 0;
		if (!error && strlen(to) != size)
			return ERR_MALFORMED;
		*(path ? &said->name : &said->link) = size > 0;
		return error;
	}
	if (IS("size") || IS("mtime")) {
		bool is_size = IS("size");
		if (!size) {
			*(is_size ? &said->size : &said->modified) = false;
			return OK;
		}
		if (size > sizeof digits)
			return ERR_MALFORMED;
		int error = load(t, at, digits, size);
		if (error)
			return error;
		if (!is_size && digits[0] == '-') { /* before 1970 */
			e->modified = 0;
		} else if (!decimal(digits, (uint32_t)size, !is_size, &v)) {
			return ERR_MALFORMED;
		} else if (is_size) {
			e->size = v;
		} else {
			e->modified = (int64_t)v;
		}
		*(is_size ? &said->size : &said->modified) = true;
	}
	if (key_size > 11 && memcmp(key, "GNU.sparse.", 11) == 0)
		said->sparse = true;
	return OK;
}

/* "LENGTH KEY=VALUE\n" one behind the other; LENGTH is the whole record's. */
static int records(struct tar *t, uint64_t at, uint64_t size, struct tar_entry *e,
                   struct said *said)
{
	uint64_t end = at + size;
	if (size > RECORDS_MAX)
		return ERR_TOO_BIG;
	while (at < end) {
		char head[64], last = 0;
		uint32_t n = (uint32_t)(end - at < sizeof head ? end - at : sizeof head), k = 0,
		         key;
		uint64_t whole = 0;
		int error = load(t, at, head, n);
		if (error)
			return error;
		for (; k < n && k < 8 && head[k] >= '0' && head[k] <= '9'; k++)
			whole = 10 * whole + (uint64_t)(head[k] - '0');
		if (!k || k == n || head[k] != ' ' || whole > end - at)
			return ERR_MALFORMED;
		for (key = ++k; k < n && head[k] != '='; k++)
			;
		if (whole < k + 2)
			return ERR_MALFORMED;
		error = load(t, at + whole - 1, &last, 1);
		if (error || last != '\n')
			return error ? error : ERR_MALFORMED;
		/* Keys longer than that are none of ours. */
		if (k < n)
			error = record(t, head + key, k - key, at + k + 1, whole - k - 2, e, said);
		if (error)
			return error;
		at += whole;
	}
	return OK;
}

/* ---- Entries ---- */

static enum tar_kind kind_of(uint8_t flag, const char *name)
{
	size_t n = strlen(name);
	switch (flag) {
	case '0':
	case 0:
	case '7':
		return n && name[n - 1] == '/' ? TAR_DIRECTORY : TAR_FILE;
	case '1':
		return TAR_LINK;
	case '2':
		return TAR_SYMBOLIC;
	case '5':
		return TAR_DIRECTORY;
	default:
		return TAR_OTHER;
	}
}

/* More of a sparse file's map, in GNU's old format: blocks of it until one says that it is the
 * last. */
static int skip_map(struct tar *t, struct tar_cursor *c, const uint8_t h[TAR_BLOCK])
{
	uint8_t more = h[482];
	while (more) {
		int error = load(t, c->at + 504, &more, 1);
		if (error)
			return error;
		if (t->size - c->at < TAR_BLOCK)
			return ERR_MALFORMED;
		c->at += TAR_BLOCK;
	}
	return OK;
}

static bool has_contents(uint8_t flag, enum tar_kind kind)
{
	return kind == TAR_FILE || (kind == TAR_OTHER && flag != '3' && flag != '4' && flag != '6');
}

static int finish(struct tar *t, struct tar_cursor *c, const uint8_t h[TAR_BLOCK], uint64_t size,
                  struct tar_entry *e, const struct said *said)
{
	uint64_t mode;
	names(h, e, said);
	if (!number(h + 100, 8, &mode) || (!said->modified && !time_of(h, &e->modified)))
		return ERR_MALFORMED;
	e->mode = (uint32_t)mode & 07777;
	if (!said->size)
		e->size = size;
	e->kind = said->sparse ? TAR_OTHER : kind_of(h[156], e->name);
	/* Links, directories and devices have none, whatever their size says. */
	if (!has_contents(h[156], e->kind))
		e->size = 0;
	int error = h[156] == 'S' ? skip_map(t, c, h) : OK;
	if (error)
		return error;
	for (size_t n = strlen(e->name);
	     e->kind == TAR_DIRECTORY && n > 1 && e->name[n - 1] == '/';)
		e->name[--n] = 0;
	e->at = c->at;
	if (e->size > t->size - e->at || !e->name[0])
		return ERR_MALFORMED;
	e->data = t->bytes ? t->bytes + e->at : NULL;
	c->at += (e->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return OK;
}

/* One header and what belongs to it. */
enum { STEP_ENTRY = OK, STEP_SAID };

static int step(struct tar *t, struct tar_cursor *c, struct tar_entry *e, struct said *said)
{
	uint8_t h[TAR_BLOCK];
	uint64_t size, spoken;
	/* The end is two blocks of zeros; some have one, or none. */
	if (c->at >= t->size)
		return said->any ? ERR_MALFORMED : ERR_ABSENT;
	int error = load(t, c->at, h, sizeof h);
	if (error)
		return error;
	if (is_zero(h))
		return said->any ? ERR_MALFORMED : ERR_ABSENT;
	if (!header_good(h) || !number(h + 124, 12, &size))
		return ERR_MALFORMED;
	c->at += TAR_BLOCK;
	spoken = c->at;
	if (!h[156] || !strchr("xgLKXV", h[156]))
		return finish(t, c, h, size, e, said);
	if (size > t->size - c->at)
		return ERR_MALFORMED;
	c->at += (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	/* g: values for all files, which are ignored; V: a label */
	if (h[156] == 'g' || h[156] == 'V')
		return STEP_SAID;
	said->any = true;
	if (h[156] == 'L')
		error = long_name(t, spoken, size, e->name);
	else if (h[156] == 'K')
		error = long_name(t, spoken, size, e->link);
	else /* x, or Sun's X */
		error = records(t, spoken, size, e, said);
	said->name |= h[156] == 'L';
	said->link |= h[156] == 'K';
	return error ? error : STEP_SAID;
}

int tar_next(struct tar *t, struct tar_cursor *c, struct tar_entry *e)
{
	struct said said = { .name = false };
	struct tar_cursor at = *c; /* not in the middle of anything after an error */
	int result;
	*e = (struct tar_entry){ .kind = TAR_OTHER };
	while ((result = step(t, &at, e, &said)) == STEP_SAID)
		;
	if (result == STEP_ENTRY)
		*c = at;
	return result;
}

static const char *plain(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/'; name++)
			;
	return name;
}

int tar_find(struct tar *t, const char *name, struct tar_entry *e)
{
	struct tar_cursor c = { 0 }, found = { 0 };
	bool any = false;
	for (;;) {
		struct tar_cursor at = c;
		int error = tar_next(t, &c, e);
		if (error == ERR_ABSENT)
			break;
		if (error)
			return error;
		if (strcmp(plain(e->name), plain(name)) == 0) {
			found = at;
			any = true;
		}
	}
	return any ? tar_next(t, &found, e) : ERR_ABSENT;
}

int64_t tar_read(struct tar *t, const struct tar_entry *e, uint64_t at, void *to, uint64_t size)
{
	if (e->at > t->size || e->size > t->size - e->at)
		return ERR_INVALID;
	if (at >= e->size)
		return 0;
	size = size < e->size - at ? size : e->size - at;
	int error = load(t, e->at + at, to, size);
	return error ? error : (int64_t)size;
}

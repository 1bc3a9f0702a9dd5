/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include <store/dump.h>

/* A byte is six at most ("\u0001"), of the longest key and value; and names and spaces. */
#define LINE_MAX_BYTES (6u * (AMP_BTREE_KEY_MAX + AMP_BTREE_VALUE_MAX) + 4096u)

/* ---- Texts ---- */

/* The bytes of the character that begins here; 0: it is none (RFC 3629), or NUL. */
static uint32_t character(const uint8_t *s, uint32_t left)
{
	uint8_t c = s[0];
	uint32_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	if (!c || !n || n > left)
		return 0;
	for (uint32_t k = 1; k < n; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
	    (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static bool is_text(const uint8_t *s, uint32_t size)
{
	for (uint32_t at = 0, n; at < size; at += n)
		if (!(n = character(s + at, size - at)))
			return false;
	return true;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(FILE *to, const uint8_t *s, uint32_t size)
{
	for (uint32_t at = 0; at < size; at += 3) {
		uint32_t n = size - at, w = (uint32_t)s[at] << 16;
		w |= n > 1 ? (uint32_t)s[at + 1] << 8 : 0;
		w |= n > 2 ? s[at + 2] : 0;
		putc_unlocked(digits[w >> 18], to);
		putc_unlocked(digits[w >> 12 & 63], to);
		putc_unlocked(n > 1 ? digits[w >> 6 & 63] : '=', to);
		putc_unlocked(n > 2 ? digits[w & 63] : '=', to);
	}
}

static void put_text(FILE *to, const uint8_t *s, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++) {
		uint8_t c = s[k];
		if (c == '"' || c == '\\')
			putc_unlocked('\\', to);
		if (c == '\n')
			fputs("\\n", to);
		else if (c == '\t')
			fputs("\\t", to);
		else if (c < 0x20)
			fprintf(to, "\\u%04x", c);
		else
			putc_unlocked(c, to);
	}
}

static void put_bytes(FILE *to, const char *name, const uint8_t *s, uint32_t size)
{
	bool text = is_text(s, size);
	fprintf(to, "\"%s%s\":\"", name, text ? "" : "64");
	if (text)
		put_text(to, s, size);
	else
		put_base64(to, s, size);
	putc_unlocked('"', to);
}

void dump_json(FILE *to, struct key key, const uint8_t *value, uint32_t value_size)
{
	putc_unlocked('{', to);
	put_bytes(to, "key", key.bytes, key.size);
	putc_unlocked(',', to);
	put_bytes(to, "value", value, value_size);
	fputs("}\n", to);
}

static void put_numbers(FILE *to, uint32_t a, uint32_t b)
{
	uint8_t bytes[8];
	store_u32(bytes, a);
	store_u32(bytes + 4, b);
	fwrite(bytes, 1, sizeof bytes, to);
}

void dump_raw_begin(FILE *to)
{
	fwrite(DUMP_MAGIC, 1, 8, to);
}

void dump_raw(FILE *to, struct key key, const uint8_t *value, uint32_t value_size)
{
	put_numbers(to, key.size, value_size);
	fwrite(key.bytes, 1, key.size, to);
	fwrite(value, 1, value_size, to);
}

void dump_raw_end(FILE *to, uint64_t count)
{
	uint8_t bytes[8];
	put_numbers(to, 0, 0);
	store_u64(bytes, count);
	fwrite(bytes, 1, sizeof bytes, to);
}

const char *key_text(char to[KEY_TEXT_MAX], struct key key)
{
	uint32_t n = 0;
	to[n++] = '"';
	for (uint32_t k = 0; k < key.size; k++) {
		uint8_t c = key.bytes[k];
		if (n + 9 > KEY_TEXT_MAX) {
			n += (uint32_t)sprintf(to + n, "...");
			break;
		}
		n += (uint32_t)sprintf(
		        to + n, c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? "%c" : "\\x%02x",
		        c);
	}
	to[n++] = '"';
	to[n] = 0;
	return to;
}

/* ---- Reading ---- */

int dump_reader_open(struct dump_reader *r, FILE *from, const char *name, struct defect *why)
{
	char magic[8];
	*r = (struct dump_reader){ .from = from, .name = name };
	r->text = malloc(LINE_MAX_BYTES);
	r->key = malloc(AMP_BTREE_KEY_MAX);
	r->value = malloc(AMP_BTREE_VALUE_MAX);
	if (!r->text || !r->key || !r->value) {
		dump_reader_close(r);
		return defect_set(why, "no memory");
	}
	/* JSON begins with a brace, so one byte tells. */
	int c = getc(from);
	if (c != DUMP_MAGIC[0]) {
		if (c != EOF)
			ungetc(c, from);
		return 0;
	}
	magic[0] = (char)c;
	r->raw = fread(magic + 1, 1, 7, from) == 7 && !memcmp(magic, DUMP_MAGIC, 8);
	if (r->raw)
		return 0;
	dump_reader_close(r);
	return defect_set(why, "%s is no dump: it begins neither with {\"key\" nor with %s", name,
	                  DUMP_MAGIC);
}

void dump_reader_close(struct dump_reader *r)
{
	free(r->text);
	free(r->key);
	free(r->value);
	r->text = NULL;
	r->key = r->value = NULL;
}

__attribute__((format(printf, 3, 4))) static int bad(const struct dump_reader *r,
                                                     struct defect *why, const char *format, ...)
{
	char text[500];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	defect_set(why, "%s, %s %llu: %s", r->name, r->raw ? "entry" : "line",
	           (unsigned long long)r->line, text);
	return DUMP_BAD;
}

static int unreadable(const struct dump_reader *r, struct defect *why)
{
	return bad(r, why, "cannot be read: %s", strerror(errno));
}

static int raw_next(struct dump_reader *r, struct tree_entry *e, struct defect *why)
{
	uint8_t head[8];
	r->line++;
	bool whole = fread(head, 1, sizeof head, r->from) == sizeof head;
	uint32_t key = whole ? load_u32(head) : 0, value = whole ? load_u32(head + 4) : 0;
	if (whole && !key && !value) {
		if (fread(head, 1, sizeof head, r->from) == sizeof head) {
			if (load_u64(head) != r->line - 1)
				return bad(r, why, "the dump had %llu entries",
				           (unsigned long long)load_u64(head));
			return getc(r->from) == EOF ? DUMP_END
			                            : bad(r, why, "there is more behind the end");
		}
		whole = false;
	}
	if (whole && (!key || key > AMP_BTREE_KEY_MAX || value > AMP_BTREE_VALUE_MAX))
		return bad(r, why, "a key of %u bytes and a value of %u: at most %u and %u", key,
		           value, AMP_BTREE_KEY_MAX, AMP_BTREE_VALUE_MAX);
	whole = whole && fread(r->key, 1, key, r->from) == key &&
	        fread(r->value, 1, value, r->from) == value;
	if (!whole)
		return ferror(r->from) ? unreadable(r, why) : bad(r, why, "the dump is cut short");
	*e = (struct tree_entry){ { r->key, key }, r->value, value };
	return DUMP_ENTRY;
}

static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* False: it is no base64 (RFC 4648, section 4), or too long. */
static bool from_base64(const char *s, size_t size, uint8_t *to, uint32_t room, uint32_t *got)
{
	*got = 0;
	if (size % 4)
		return false;
	for (size_t at = 0; at < size; at += 4) {
		uint32_t pad = at + 4 < size ? 0 : (s[at + 3] == '=') + (s[at + 2] == '='), w = 0;
		for (uint32_t k = 0; k < 4; k++) {
			int d = k + pad >= 4 && s[at + k] == '=' ? 0 : digit(s[at + k]);
			if (d < 0)
				return false;
			w = w << 6 | (uint32_t)d;
		}
		if (pad && w & ((1u << 8 * pad) - 1))
			return false;
		for (uint32_t k = 0; k < 3 - pad; k++) {
			if (*got == room)
				return false;
			to[(*got)++] = (uint8_t)(w >> (16 - 8 * k));
		}
	}
	return true;
}

/* The field of that name, plain or as base64. False with a defect. */
static bool field(struct dump_reader *r, const json_t *object, const char *name, uint8_t *to,
                  uint32_t room, uint32_t *size, struct defect *why)
{
	char name64[16];
	snprintf(name64, sizeof name64, "%s64", name);
	const json_t *plain = json_object_get(object, name),
	             *coded = json_object_get(object, name64), *is = plain ? plain : coded;
	if (!is || (plain && coded)) {
		bad(r, why, "want one of \"%s\" and \"%s\"", name, name64);
		return false;
	}
	if (!json_is_string(is)) {
		bad(r, why, "\"%s\" is no string", plain ? name : name64);
		return false;
	}
	const char *s = json_string_value(is);
	size_t length = json_string_length(is);
	bool fits = plain ? length <= room : length <= room / 3 * 4 + 4;
	if (fits && plain) {
		memcpy(to, s, length);
		*size = (uint32_t)length;
	} else if (fits && !from_base64(s, length, to, room, size)) {
		bad(r, why, "\"%s\" is no base64, or too long", name64);
		return false;
	}
	if (!fits)
		bad(r, why, "the %s is longer than %u bytes", name, room);
	return fits;
}

static int object_read(struct dump_reader *r, const json_t *object, struct tree_entry *e,
                       struct defect *why)
{
	uint32_t key, value;
	if (!json_is_object(object))
		return bad(r, why, "want an object: {\"key\": ..., \"value\": ...}");
	if (!field(r, object, "key", r->key, AMP_BTREE_KEY_MAX, &key, why) ||
	    !field(r, object, "value", r->value, AMP_BTREE_VALUE_MAX, &value, why))
		return DUMP_BAD;
	if (!key)
		return bad(r, why, "the key is empty");
	if (json_object_size(object) != 2)
		return bad(r, why, "there is more than a key and a value");
	*e = (struct tree_entry){ { r->key, key }, r->value, value };
	return DUMP_ENTRY;
}

/* A line without its end; -1: there is none; LINE_MAX_BYTES: it is too long. */
static long line_read(struct dump_reader *r)
{
	uint32_t n = 0;
	for (;;) {
		int c = getc_unlocked(r->from);
		if (c == EOF)
			return n ? (long)n : -1;
		if (c == '\n')
			return (long)n;
		if (n == LINE_MAX_BYTES)
			return LINE_MAX_BYTES;
		r->text[n++] = (char)c;
	}
}

static int json_next(struct dump_reader *r, struct tree_entry *e, struct defect *why)
{
	json_error_t error;
	long size;
	do {
		size = line_read(r);
		r->line++;
		if (size < 0)
			return ferror(r->from) ? unreadable(r, why) : DUMP_END;
	} while (!size);
	if (size == LINE_MAX_BYTES)
		return bad(r, why, "the line is too long");
	json_t *object =
	        json_loadb(r->text, (size_t)size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!object)
		return bad(r, why, "no JSON: %s", error.text);
	int result = object_read(r, object, e, why);
	json_decref(object);
	return result;
}

int dump_next(struct dump_reader *r, struct tree_entry *e, struct defect *why)
{
	return r->raw ? raw_next(r, e, why) : json_next(r, e, why);
}

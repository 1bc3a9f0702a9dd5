/* SPDX-License-Identifier: ISC */
/* Commas and colons follow from what was written before. Where a document would not be one (a value
 * without a key in an object), the program is wrong: ensure(). */
#include <app/json/json.h>

#include <string.h>

#include <core/error.h>
#include <core/panic.h>

void json_writer_open(struct json_writer *w, char *to, uint32_t room)
{
	*w = (struct json_writer){ .to = to, .room = room };
}

static void drain(struct json_writer *w)
{
	if (!w->error && w->flush)
		w->error = w->flush(w->of, w->to, w->size);
	w->size = 0;
}

static void put(struct json_writer *w, const char *bytes, uint32_t size)
{
	while (size && !w->error) {
		uint32_t n = w->room - w->size < size ? w->room - w->size : size;
		memcpy(w->to + w->size, bytes, n);
		w->size += n;
		bytes += n;
		size -= n;
		if (size && (!w->flush || !w->room))
			w->error = ERR_TOO_BIG;
		else if (size)
			drain(w);
	}
}

static void put_byte(struct json_writer *w, char c)
{
	put(w, &c, 1);
}

int json_writer_end(struct json_writer *w)
{
	ensure(!w->depth && w->comma && !w->after_key);
	if (w->flush && w->size)
		drain(w);
	return w->error;
}

static bool in_object(const struct json_writer *w)
{
	return w->depth && w->objects[(w->depth - 1) / 64] >> ((w->depth - 1) & 63) & 1;
}

/* What stands before a value. */
static void before(struct json_writer *w)
{
	ensure(in_object(w) ? w->after_key : w->depth || !w->comma);
	if (w->comma && !w->after_key)
		put_byte(w, ',');
	w->comma = true;
	w->after_key = false;
}

static void begin(struct json_writer *w, bool object)
{
	before(w);
	ensure(w->depth < JSON_DEPTH_MAX);
	uint64_t bit = 1ull << (w->depth & 63), *word = &w->objects[w->depth / 64];
	*word = object ? *word | bit : *word & ~bit;
	w->depth++;
	w->comma = false;
	put_byte(w, object ? '{' : '[');
}

static void leave(struct json_writer *w, bool object)
{
	ensure(w->depth && in_object(w) == object && !w->after_key);
	w->depth--;
	w->comma = true;
	put_byte(w, object ? '}' : ']');
}

void json_object(struct json_writer *w)
{
	begin(w, true);
}

void json_object_end(struct json_writer *w)
{
	leave(w, true);
}

void json_array(struct json_writer *w)
{
	begin(w, false);
}

void json_array_end(struct json_writer *w)
{
	leave(w, false);
}

/* Bytes of the character that begins there; 0: it is no UTF-8 (RFC 3629). */
static uint32_t character(const uint8_t *p, uint32_t size)
{
	uint8_t c = *p;
	uint32_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	if (!n || n > size)
		return 0;
	for (uint32_t k = 1; k < n; k++) {
		uint8_t low = k == 1 && c == 0xe0 ? 0xa0 : k == 1 && c == 0xf0 ? 0x90 : 0x80;
		uint8_t high = k == 1 && c == 0xed ? 0x9f : k == 1 && c == 0xf4 ? 0x8f : 0xbf;
		if (p[k] < low || p[k] > high)
			return 0;
	}
	return n;
}

static void put_escape(struct json_writer *w, uint8_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt",
	                  digits[] = "0123456789abcdef";
	const char *at = strchr(from, c);
	char text[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
	if (c && at) {
		text[1] = to[at - from];
		put(w, text, 2);
	} else {
		put(w, text, 6);
	}
}

static void put_text(struct json_writer *w, const char *bytes, uint32_t size)
{
	const uint8_t *p = (const uint8_t *)bytes;
	uint32_t plain = 0; /* from there on: to be put as it is */
	put_byte(w, '"');
	for (uint32_t at = 0; at < size;) {
		uint32_t n = character(p + at, size - at);
		bool escaped =
		        n == 1 && (p[at] < 0x20 || p[at] == '"' || p[at] == '\\' || p[at] == 0x7f ||
		                   (w->html && (p[at] == '<' || p[at] == '>' || p[at] == '&')));
		if (n && !escaped) {
			at += n;
			continue;
		}
		put(w, bytes + plain, at - plain);
		if (n)
			put_escape(w, p[at]);
		else
			put(w, "\xef\xbf\xbd", 3);
		plain = ++at;
	}
	put(w, bytes + plain, size - plain);
	put_byte(w, '"');
}

void json_key_bytes(struct json_writer *w, const char *key, uint32_t size)
{
	ensure(in_object(w) && !w->after_key);
	if (w->comma)
		put_byte(w, ',');
	put_text(w, key, size);
	put_byte(w, ':');
	w->comma = true;
	w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
	json_key_bytes(w, key, (uint32_t)strlen(key));
}

void json_string_bytes(struct json_writer *w, const char *bytes, uint32_t size)
{
	before(w);
	put_text(w, bytes, size);
}

void json_string(struct json_writer *w, const char *text)
{
	json_string_bytes(w, text, (uint32_t)strlen(text));
}

void json_number(struct json_writer *w, const char *text, uint32_t size)
{
	before(w);
	put(w, text, size);
}

static void put_magnitude(struct json_writer *w, bool negative, uint64_t v)
{
	char text[21];
	uint32_t at = sizeof text;
	do
		text[--at] = (char)('0' + v % 10);
	while (v /= 10);
	if (negative)
		text[--at] = '-';
	json_number(w, text + at, (uint32_t)sizeof text - at);
}

void json_integer(struct json_writer *w, int64_t v)
{
	put_magnitude(w, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_unsigned(struct json_writer *w, uint64_t v)
{
	put_magnitude(w, false, v);
}

void json_bool(struct json_writer *w, bool v)
{
	before(w);
	put(w, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json_writer *w)
{
	before(w);
	put(w, "null", 4);
}

/* SPDX-License-Identifier: ISC */
/*
 * A machine that takes a byte at a time, so that a document may be cut anywhere. Bytes of a text
 * are checked as they are gathered; a number ends at the byte behind it, which is looked at again.
 */
#include <app/json/json.h>

#include <string.h>

#include <core/error.h>

enum state {
	VALUE,       /* a value */
	FIRST_VALUE, /* a value or ] */
	FIRST_KEY,   /* a key or } */
	KEY,
	COLON,
	AFTER, /* , or the end of what it is in */
	DONE,
	STRING,
	ESCAPE,
	HEX,
	LOW,       /* \ of the second surrogate */
	LOW_U,     /* its u */
	CONTINUED, /* of a character of several bytes */
	MINUS,
	ZERO,
	WHOLE,
	POINT,
	FRACTION,
	E,
	E_SIGN,
	EXPONENT,
	LITERAL,
	FAILED,
};

static const struct {
	const char *text;
	enum json_event event;
} literals[] = { { "true", JSON_TRUE }, { "false", JSON_FALSE }, { "null", JSON_NULL } };

void json_reader_open(struct json_reader *r, char *text, uint32_t text_room, uint32_t depth_max)
{
	memset(r, 0, sizeof *r);
	r->text = text;
	r->text_room = text_room;
	r->depth_max = (uint16_t)(depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX);
	r->state = VALUE;
}

void json_give(struct json_reader *r, const void *bytes, uint64_t size)
{
	r->at = bytes;
	r->end = r->at + size;
}

void json_finish(struct json_reader *r)
{
	r->last = true;
}

static enum json_event fail(struct json_reader *r, int error, const char *expected)
{
	r->state = FAILED;
	r->error = error;
	r->expected = expected;
	return JSON_ERROR;
}

static bool put(struct json_reader *r, uint8_t byte)
{
	if (r->text_size == r->text_room) {
		fail(r, ERR_TOO_BIG, "a shorter text");
		return false;
	}
	r->text[r->text_size++] = (char)byte;
	return true;
}

static bool put_code(struct json_reader *r, uint32_t c)
{
	if (c < 0x80)
		return put(r, (uint8_t)c);
	if (c < 0x800)
		return put(r, (uint8_t)(0xc0 | c >> 6)) && put(r, (uint8_t)(0x80 | (c & 63)));
	if (c < 0x10000)
		return put(r, (uint8_t)(0xe0 | c >> 12)) &&
		       put(r, (uint8_t)(0x80 | (c >> 6 & 63))) &&
		       put(r, (uint8_t)(0x80 | (c & 63)));
	return put(r, (uint8_t)(0xf0 | c >> 18)) && put(r, (uint8_t)(0x80 | (c >> 12 & 63))) &&
	       put(r, (uint8_t)(0x80 | (c >> 6 & 63))) && put(r, (uint8_t)(0x80 | (c & 63)));
}

static bool in_object(const struct json_reader *r)
{
	return r->depth && r->objects[(r->depth - 1) / 64] >> ((r->depth - 1) & 63) & 1;
}

static enum json_event ended(struct json_reader *r, enum json_event event)
{
	r->state = r->depth ? AFTER : DONE;
	return event;
}

static enum json_event begin(struct json_reader *r, bool object)
{
	if (r->depth == r->depth_max)
		return fail(r, ERR_TOO_BIG, "fewer levels");
	uint64_t bit = 1ull << (r->depth & 63), *word = &r->objects[r->depth / 64];
	*word = object ? *word | bit : *word & ~bit;
	r->depth++;
	r->state = object ? FIRST_KEY : FIRST_VALUE;
	return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_event leave(struct json_reader *r, bool object)
{
	r->depth--;
	return ended(r, object ? JSON_OBJECT_END : JSON_ARRAY_END);
}

static enum json_event begin_value(struct json_reader *r, uint8_t c)
{
	r->text_size = 0;
	switch (c) {
	case '{':
		return begin(r, true);
	case '[':
		return begin(r, false);
	case '"':
		r->is_key = false;
		r->state = STRING;
		return JSON_MORE;
	case '-':
		r->state = MINUS;
		return put(r, c) ? JSON_MORE : JSON_ERROR;
	case '0':
		r->state = ZERO;
		return put(r, c) ? JSON_MORE : JSON_ERROR;
	}
	if (c >= '1' && c <= '9') {
		r->state = WHOLE;
		return put(r, c) ? JSON_MORE : JSON_ERROR;
	}
	for (uint8_t k = 0; k < 3; k++) {
		if (c == (uint8_t)literals[k].text[0]) {
			r->state = LITERAL;
			r->literal = k;
			r->hex = 1;
			return JSON_MORE;
		}
	}
	return fail(r, ERR_MALFORMED, "a value");
}

static enum json_event structure(struct json_reader *r, uint8_t c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return JSON_MORE;
	switch (r->state) {
	case FIRST_VALUE:
		if (c == ']')
			return leave(r, false);
		return begin_value(r, c);
	case VALUE:
		return begin_value(r, c);
	case FIRST_KEY:
		if (c == '}')
			return leave(r, true);
		/* fall through */
	case KEY:
		if (c != '"')
			return fail(r, ERR_MALFORMED,
			            r->state == KEY ? "a key in quotes" : "a key in quotes, or }");
		r->text_size = 0;
		r->is_key = true;
		r->state = STRING;
		return JSON_MORE;
	case COLON:
		if (c != ':')
			return fail(r, ERR_MALFORMED, ":");
		r->state = VALUE;
		return JSON_MORE;
	case AFTER:
		if (c == ',') {
			r->state = in_object(r) ? KEY : VALUE;
			return JSON_MORE;
		}
		if (c == (in_object(r) ? '}' : ']'))
			return leave(r, in_object(r));
		return fail(r, ERR_MALFORMED, in_object(r) ? ", or }" : ", or ]");
	}
	return fail(r, ERR_MALFORMED, "nothing more");
}

/* ---- Strings ---- */

static enum json_event string_byte(struct json_reader *r, uint8_t c)
{
	if (c == '"') {
		if (!r->is_key)
			return ended(r, JSON_STRING);
		r->state = COLON;
		return JSON_KEY;
	}
	if (c == '\\') {
		r->state = ESCAPE;
		return JSON_MORE;
	}
	if (c < 0x20)
		return fail(r, ERR_MALFORMED, "no control character in a string: escape it");
	if (c >= 0x80) {
		/* RFC 3629 §4: what the second byte may be keeps overlong forms, surrogates and
		 * what is beyond U+10FFFF out. */
		if (c < 0xc2 || c > 0xf4)
			return fail(r, ERR_MALFORMED, "UTF-8");
		r->more = (uint8_t)(c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
		r->least = c;
		r->state = CONTINUED;
	}
	return put(r, c) ? JSON_MORE : JSON_ERROR;
}

static enum json_event continued(struct json_reader *r, uint8_t c)
{
	uint8_t low = r->least == 0xe0 ? 0xa0 : r->least == 0xf0 ? 0x90 : 0x80;
	uint8_t high = r->least == 0xed ? 0x9f : r->least == 0xf4 ? 0x8f : 0xbf;
	if (c < low || c > high)
		return fail(r, ERR_MALFORMED, "UTF-8");
	r->least = 0;
	if (!--r->more)
		r->state = STRING;
	return put(r, c) ? JSON_MORE : JSON_ERROR;
}

static enum json_event escape(struct json_reader *r, uint8_t c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;
	if (c == 'u') {
		r->state = HEX;
		r->hex = 0;
		r->code = 0;
		return JSON_MORE;
	}
	if (!at)
		return fail(r, ERR_MALFORMED, "one of \" \\ / b f n r t u");
	r->state = STRING;
	return put(r, (uint8_t)to[at - from]) ? JSON_MORE : JSON_ERROR;
}

static enum json_event hex(struct json_reader *r, uint8_t c)
{
	uint8_t low = c | 32;
	if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'f'))
		return fail(r, ERR_MALFORMED, "four hexadecimal digits");
	r->code = (uint16_t)(r->code << 4 | (c <= '9' ? c - '0' : low - 'a' + 10));
	if (++r->hex < 4)
		return JSON_MORE;
	bool is_high = (r->code & 0xfc00) == 0xd800, is_low = (r->code & 0xfc00) == 0xdc00;
	if (r->high ? !is_low : is_low)
		return fail(r, ERR_MALFORMED,
		            r->high ? "the second half of a surrogate pair" : "no lone surrogate");
	if (is_high) {
		r->high = r->code;
		r->state = LOW;
		return JSON_MORE;
	}
	uint32_t code = r->high ? 0x10000 + ((uint32_t)(r->high & 0x3ff) << 10 | (r->code & 0x3ff))
	                        : r->code;
	r->high = 0;
	r->state = STRING;
	return put_code(r, code) ? JSON_MORE : JSON_ERROR;
}

/* ---- Numbers ---- */

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* True: the byte belongs to the number, and *state is the next. */
static bool number_byte(uint8_t c, uint8_t *state)
{
	switch (*state) {
	case MINUS:
		*state = c == '0' ? ZERO : WHOLE;
		return digit(c);
	case WHOLE:
		if (digit(c))
			return true;
		/* fall through */
	case ZERO:
		if (c == '.')
			*state = POINT;
		else
			*state = E;
		return c == '.' || (c | 32) == 'e';
	case POINT:
		*state = FRACTION;
		return digit(c);
	case FRACTION:
		if (digit(c))
			return true;
		*state = E;
		return (c | 32) == 'e';
	case E:
		*state = c == '+' || c == '-' ? E_SIGN : EXPONENT;
		return c == '+' || c == '-' || digit(c);
	case E_SIGN:
	case EXPONENT:
		*state = EXPONENT;
		return digit(c);
	}
	return false;
}

static bool number_complete(uint8_t state)
{
	return state == ZERO || state == WHOLE || state == FRACTION || state == EXPONENT;
}

static enum json_event literal(struct json_reader *r, uint8_t c)
{
	const char *text = literals[r->literal].text;
	if (c != (uint8_t)text[r->hex])
		return fail(r, ERR_MALFORMED, text);
	if (text[++r->hex])
		return JSON_MORE;
	return ended(r, literals[r->literal].event);
}

static enum json_event byte(struct json_reader *r, uint8_t c)
{
	switch (r->state) {
	case STRING:
		return string_byte(r, c);
	case CONTINUED:
		return continued(r, c);
	case ESCAPE:
		return escape(r, c);
	case HEX:
		return hex(r, c);
	case LOW:
		r->state = LOW_U;
		return c == '\\' ? JSON_MORE
		                 : fail(r, ERR_MALFORMED, "the second half of a surrogate pair");
	case LOW_U:
		r->state = HEX;
		r->hex = 0;
		r->code = 0;
		return c == 'u' ? JSON_MORE
		                : fail(r, ERR_MALFORMED, "the second half of a surrogate pair");
	case LITERAL:
		return literal(r, c);
	default:
		return structure(r, c);
	}
}

static bool in_number(const struct json_reader *r)
{
	return r->state >= MINUS && r->state <= EXPONENT;
}

/* The next byte as one of a number's: JSON_MORE, or JSON_NUMBER (and the byte is not taken), or an
 * error. */
static enum json_event number(struct json_reader *r, uint8_t c)
{
	uint8_t state = r->state;
	if (number_byte(c, &state)) {
		r->state = state;
		return put(r, c) ? JSON_MORE : JSON_ERROR;
	}
	if (number_complete(r->state))
		return ended(r, JSON_NUMBER);
	return fail(r, ERR_MALFORMED, "a digit");
}

static enum json_event finish(struct json_reader *r)
{
	if (in_number(r) && number_complete(r->state))
		return ended(r, JSON_NUMBER);
	if (r->state == DONE)
		return JSON_END;
	return fail(r, ERR_MALFORMED, "more: the document ends too early");
}

enum json_event json_next(struct json_reader *r)
{
	if (r->state == FAILED)
		return JSON_ERROR;
	while (r->at < r->end) {
		bool was_number = in_number(r);
		enum json_event e = was_number ? number(r, *r->at) : byte(r, *r->at);
		if (r->state == FAILED)
			return JSON_ERROR;
		if (!was_number || e != JSON_NUMBER) {
			r->at++;
			r->offset++;
		}
		if (e != JSON_MORE)
			return e;
	}
	return r->last ? finish(r) : JSON_MORE;
}

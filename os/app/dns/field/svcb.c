/* SPDX-License-Identifier: ISC */
/*
 * SvcParams, the parameters of SVCB and HTTPS (RFC 9460 §2.1, §2.2, §7, §8; RFC 9461 §5 dohpath;
 * RFC 9540 ohttp). In text they come in any order, on the wire by rising key; each is written at
 * the end first, then moved to its place. The whole is checked once, after the last, with the same
 * walk that wire data takes.
 */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

enum key {
	MANDATORY,
	ALPN,
	NO_DEFAULT_ALPN,
	PORT,
	IPV4HINT,
	ECH,
	IPV6HINT,
	DOHPATH,
	OHTTP,
	KEYS,
	INVALID_KEY = 65535,
};

/* Keys out of order cost a move of all before them; more of them than this are refused. No real
 * record comes near. */
#define MOVES_MAX 256u

/* The parameters so far. */
struct order {
	uint32_t first; /* where they begin in the output */
	int last;       /* the greatest key; -1: none */
	unsigned moves;
};

static const char keys[KEYS][16] = {
	"mandatory", "alpn",     "no-default-alpn", "port",  "ipv4hint",
	"ech",       "ipv6hint", "dohpath",         "ohttp",
};

/* The number of a key, written by name or as keyNNNNN without leading zeros; -1: it is none. The
 * second form is *generic: its value is the wire form's bytes (RFC 9460 §2.1). */
static int key_number(const char *text, size_t size, bool *generic)
{
	uint64_t number;

	*generic = false;
	for (int i = 0; i < KEYS; i++)
		if (strlen(keys[i]) == size && memcmp(keys[i], text, size) == 0)
			return i;
	*generic = true;
	if (size < 4 || memcmp(text, "key", 3) != 0 || (size > 4 && text[3] == '0') ||
	    !dns_text_number(text + 3, size - 3, 10, INVALID_KEY - 1, &number))
		return -1;
	return (int)number;
}

/* ---- Wire form ---- */

/* Whether the keys that `wanted` lists, rising, are among the parameters. */
static bool has_keys(struct bytes_in parameters, struct bytes_in wanted)
{
	int want = bytes_get_u16(&wanted);

	while (!wanted.failed && !parameters.failed && bytes_left(&parameters) > 0) {
		int key = bytes_get_u16(&parameters);
		bytes_skip(&parameters, bytes_get_u16(&parameters));
		if (key == want)
			want = bytes_get_u16(&wanted);
	}
	return wanted.failed;
}

/* What is wrong with the value of a key, or null. `parameters` are all. */
static const char *value_defect(uint16_t key, struct bytes_in value, struct bytes_in parameters)
{
	uint32_t size = bytes_left(&value);
	int before = 0;

	switch (key) {
	case MANDATORY:
		if (size == 0 || size % 2 != 0)
			return "mandatory lists no keys; write them with commas between";
		for (struct bytes_in v = value; bytes_left(&v) > 0;) {
			int listed = bytes_get_u16(&v);
			if (listed <= before)
				return "mandatory lists itself, or a key twice; take it out";
			before = listed;
		}
		return has_keys(parameters, value)
		               ? NULL
		               : "mandatory lists a key that is not here; add it";
	case ALPN:
		if (size == 0)
			return "alpn has no protocol; write one like h2";
		while (bytes_left(&value) > 0) {
			uint8_t length = bytes_get_u8(&value);
			if (length == 0 || !bytes_skip(&value, length))
				return "alpn has an empty protocol; take the extra comma out";
		}
		return NULL;
	case NO_DEFAULT_ALPN:
	case OHTTP:
		return size == 0 ? NULL : "no-default-alpn and ohttp have no value; take it out";
	case PORT:
		return size == 2 ? NULL : "port must be a number from 0 to 65535; correct it";
	case IPV4HINT:
		return size > 0 && size % 4 == 0 ? NULL
		                                 : "ipv4hint must be IPv4 addresses; correct it";
	case IPV6HINT:
		return size > 0 && size % 16 == 0 ? NULL
		                                  : "ipv6hint must be IPv6 addresses; correct it";
	case ECH:
		return size > 0 ? NULL : "ech has no value; write it in base 64";
	}
	return NULL;
}

static const char *defect(struct bytes_in *in)
{
	struct bytes_in all = *in;
	int before = -1;
	bool alpn = false, no_default = false;

	while (bytes_left(in) > 0) {
		uint16_t key = bytes_get_u16(in);
		struct bytes_in value = bytes_slice(in, bytes_get_u16(in));
		if (value.failed || key <= before || key == INVALID_KEY)
			return "keys must rise";
		const char *why = value_defect(key, value, all);
		if (why)
			return why;
		alpn |= key == ALPN;
		no_default |= key == NO_DEFAULT_ALPN;
		before = key;
	}
	return no_default && !alpn ? "no-default-alpn needs alpn; add it" : NULL;
}

static bool walk(struct dns_walker *w)
{
	return !defect(&w->in);
}

/* ---- Text form ---- */

/* One item after the other of a list with commas, where no escapes can be. */
static bool next_item(const struct dns_token *t, size_t *at, const char **item, size_t *size)
{
	if (*at > t->size)
		return false;
	*item = t->text + *at;
	const char *comma = memchr(*item, ',', t->size - *at);
	*size = comma ? (size_t)(comma - *item) : t->size - *at;
	*at += *size + 1;
	return true;
}

static bool parse_mandatory(struct dns_reader *r, const struct dns_token *value)
{
	const char *item;
	size_t size, at = 0;
	uint32_t first = r->out->at;
	unsigned moves = 0;
	int last = -1;
	bool generic;

	while (next_item(value, &at, &item, &size)) {
		int key = key_number(item, size, &generic);
		if (key < 0)
			return dns_lexer_refuse(r->lexer,
			                        "lists what is no key; write keys with commas "
			                        "between");
		bytes_put_u16(r->out, (uint16_t)key);
		if (r->out->failed)
			return true;
		if (key < last && ++moves > MOVES_MAX)
			return dns_lexer_refuse(r->lexer,
			                        "lists too many keys out of order; write them "
			                        "rising");
		last = key > last ? key : last;
		/* Sorted as they come. */
		for (uint32_t i = r->out->at - 2; i > first; i -= 2) {
			uint8_t *p = r->out->base + i;
			uint16_t before = bytes_load_u16(p - 2);
			if (before <= key)
				break;
			bytes_store_u16(p, before);
			bytes_store_u16(p - 2, (uint16_t)key);
		}
	}
	return true;
}

static bool parse_addresses(struct dns_reader *r, const struct dns_token *value, bool ip6)
{
	const char *item;
	size_t size, at = 0;
	uint8_t address[16];

	while (next_item(value, &at, &item, &size)) {
		if (ip6 ? !dns_text_ip6(item, size, address) : !dns_text_ip4(item, size, address))
			return dns_lexer_refuse(r->lexer,
			                        "lists what is no IPv%c address; write "
			                        "addresses with commas between",
			                        ip6 ? '6' : '4');
		bytes_put_copy(r->out, address, ip6 ? 16 : 4);
	}
	return true;
}

/* A list of strings with commas between, which \, does not count as (RFC 9460 appendix A.1).
 * Decoded in place: the length of an item takes the place of the comma before it, and a byte is set
 * aside for the first. */
static bool parse_protocols(struct dns_reader *r, const struct dns_token *value)
{
	uint32_t length_at = r->out->at;

	bytes_put_u8(r->out, 0);
	if (!dns_reader_decode(r, value) || r->out->failed)
		return !r->lexer->problem->line;
	uint8_t *base = r->out->base;
	uint32_t to = length_at + 1;
	for (uint32_t from = to; from <= r->out->at; from++) {
		if (from == r->out->at || base[from] == ',') {
			uint32_t size = to - length_at - 1;
			if (size == 0 || size > UINT8_MAX)
				return dns_lexer_refuse(r->lexer,
				                        "lists a protocol of %u bytes; write "
				                        "names of 1 to 255 bytes with commas "
				                        "between",
				                        size);
			base[length_at] = (uint8_t)size;
			length_at = to;
			if (from < r->out->at)
				to++;
			continue;
		}
		if (base[from] == '\\' && from + 1 < r->out->at)
			from++;
		base[to++] = base[from];
	}
	bytes_rewind(r->out, to);
	return true;
}

static bool parse_value(struct dns_reader *r, int key, const struct dns_token *value)
{
	struct dns_base64 b = { 0 };
	uint64_t number;

	switch (key) {
	case MANDATORY:
		return parse_mandatory(r, value);
	case ALPN:
		return parse_protocols(r, value);
	case PORT:
		if (!dns_text_number(value->text, value->size, 10, UINT16_MAX, &number))
			return dns_lexer_refuse(r->lexer,
			                        "is not a port; write a number from 0 to 65535");
		bytes_put_u16(r->out, (uint16_t)number);
		return true;
	case IPV4HINT:
	case IPV6HINT:
		return parse_addresses(r, value, key == IPV6HINT);
	case ECH:
		if (!dns_base64_add(&b, value->text, value->size, r->out) || !dns_base64_end(&b))
			return dns_lexer_refuse(r->lexer, "is not base 64; copy the text anew");
		return true;
	}
	return dns_reader_decode(r, value);
}

static void reverse(uint8_t *from, uint8_t *to)
{
	while (from + 1 < to) {
		uint8_t c = *from;
		*from++ = *--to;
		*to = c;
	}
}

/* Moves the parameter that begins at `at` and ends the data to its place by its key. False: the key
 * is there. */
static bool put_in_order(struct bytes_out *out, uint32_t first, uint32_t at, int key)
{
	struct bytes_in before = bytes_in(out->base, at);
	uint32_t place = first;

	bytes_seek(&before, first);
	while (bytes_left(&before) > 0) {
		place = before.at;
		int there = bytes_get_u16(&before);
		if (there == key)
			return false;
		if (there > key)
			break;
		bytes_skip(&before, bytes_get_u16(&before));
		place = before.at;
	}
	/* Turned around piece by piece, then as a whole, the two change places. */
	reverse(out->base + place, out->base + at);
	reverse(out->base + at, out->base + out->at);
	reverse(out->base + place, out->base + out->at);
	return true;
}

/* Writes a parameter and moves it to its place. `value` is null if there was no equals sign. */
static bool place_parameter(struct dns_reader *r, int key, const struct dns_token *value,
                            bool generic, struct order *order)
{
	uint32_t at = r->out->at;

	bytes_put_u16(r->out, (uint16_t)key);
	bytes_put_u16(r->out, 0);
	if (value && !(generic ? dns_reader_decode(r, value) : parse_value(r, key, value)))
		return false;
	if (r->out->failed)
		return true;
	uint32_t size = r->out->at - at - 4;
	if (size > UINT16_MAX)
		return dns_lexer_refuse(r->lexer,
		                        "has a value of more than 65535 bytes; shorten it");
	bytes_patch_u16(r->out, at + 2, (uint16_t)size);
	if (key > order->last) {
		order->last = key;
		return true;
	}
	if (++order->moves > MOVES_MAX)
		return dns_lexer_refuse(r->lexer,
		                        "is one parameter out of order too many; write them by "
		                        "rising key");
	if (!put_in_order(r->out, order->first, at, key))
		return dns_lexer_refuse(r->lexer, "has a key that was there before; take one out");
	return true;
}

static bool parse_parameter(struct dns_reader *r, struct order *order)
{
	struct dns_lexer *x = r->lexer;

	if (!dns_reader_word(r, "a parameter"))
		return false;
	struct dns_token word = x->token, value = { .text = "" };
	const char *equals = memchr(word.text, '=', word.size);
	size_t key_size = equals ? (size_t)(equals - word.text) : word.size;
	bool generic;
	int key = key_number(word.text, key_size, &generic);
	if (key < 0)
		return dns_lexer_refuse(
		        x, "begins with no key of SVCB; write KEY=VALUE with a key such "
		           "as alpn, port or key65280");
	dns_lexer_next(x);
	if (equals) {
		value = word;
		value.text = equals + 1;
		value.size = word.size - key_size - 1;
		if (value.size == 0 && x->token.kind == DNS_TOKEN_QUOTED && x->token.glued) {
			value = x->token;
			dns_lexer_next(x);
		}
	}
	/* Messages are about the parameter. */
	struct dns_token next = x->token;
	x->token = word;
	bool ok = place_parameter(r, key, equals ? &value : NULL, generic, order);
	x->token = next;
	return ok;
}

static bool parse(struct dns_reader *r)
{
	struct order order = { .first = r->out->at, .last = -1 };

	while (!dns_lexer_at_end(r->lexer) && !r->out->failed)
		if (!parse_parameter(r, &order))
			return false;
	if (r->out->failed)
		return dns_lexer_fail(r->lexer, "the data has more than 65535 bytes; shorten it");
	struct bytes_in all = bytes_in(r->out->base + order.first, r->out->at - order.first);
	const char *why = defect(&all);
	return !why || dns_lexer_fail(r->lexer, "%s", why);
}

/* ---- Printing ---- */

static void print_value(struct bytes_out *out, uint16_t key, struct bytes_in *value)
{
	uint32_t size = bytes_left(value);
	const uint8_t *bytes = value->base;

	for (bool separate = false; bytes_left(value) > 0; separate = true) {
		if (separate)
			bytes_put_u8(out, ',');
		switch (key) {
		case MANDATORY: {
			uint16_t listed = bytes_get_u16(value);
			dns_put_text(out, listed < KEYS ? keys[listed] : "key");
			if (listed >= KEYS)
				dns_put_number(out, listed, 10, 1);
			break;
		}
		case PORT:
			dns_put_number(out, bytes_get_u16(value), 10, 1);
			break;
		case IPV4HINT:
			dns_put_ip4(out, bytes_get(value, 4));
			break;
		case IPV6HINT:
			dns_put_ip6(out, bytes_get(value, 16));
			break;
		case ECH:
			dns_put_base64(out, bytes, size);
			bytes_skip(value, size);
			break;
		case ALPN: {
			if (!separate)
				bytes_put_u8(out, '"');
			uint8_t length = bytes_get_u8(value);
			for (; length > 0; length--) {
				const uint8_t *c = bytes_get(value, 1);
				/* Comma and backslash are escaped for the list, and the backslash
				 * of that for the string. */
				if (*c == ',' || *c == '\\')
					dns_put_text(out, "\\\\");
				dns_write_escaped(out, c, 1);
			}
			if (bytes_left(value) == 0)
				bytes_put_u8(out, '"');
			break;
		}
		default:
			bytes_put_u8(out, '"');
			dns_write_escaped(out, bytes, size);
			bytes_put_u8(out, '"');
			bytes_skip(value, size);
		}
	}
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	for (bool separate = false; bytes_left(in) > 0; separate = true) {
		uint16_t key = bytes_get_u16(in);
		struct bytes_in value = bytes_slice(in, bytes_get_u16(in));
		if (separate)
			bytes_put_u8(out, ' ');
		dns_put_text(out, key < KEYS ? keys[key] : "key");
		if (key >= KEYS)
			dns_put_number(out, key, 10, 1);
		if (bytes_left(&value) == 0)
			continue;
		bytes_put_u8(out, '=');
		print_value(out, key, &value);
	}
	return true;
}

const struct dns_field dns_field_svcb = { parse, walk, print };

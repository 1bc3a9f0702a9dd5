/* SPDX-License-Identifier: ISC */
/* Addresses of both families as text (RFC 4291 §2.2, RFC 5952), and networks of them. */
#include <net/address.h>

#include <string.h>

#include <net/interface.h>

bool net_address_within(struct net_address a, struct net_address network, uint8_t prefix)
{
	uint32_t bits = prefix, whole, left;
	if (net_is_ip4(a) != net_is_ip4(network))
		return false;
	bits += net_is_ip4(a) ? 96 : 0;
	bits = bits > 128 ? 128 : bits;
	whole = bits / 8;
	left = bits % 8;
	return memcmp(a.bytes, network.bytes, whole) == 0 &&
	       (!left || (a.bytes[whole] ^ network.bytes[whole]) >> (8 - left) == 0);
}

/* ---- Text ---- */

static char *put_decimal(char *to, uint32_t n)
{
	if (n >= 100)
		*to++ = (char)('0' + n / 100);
	if (n >= 10)
		*to++ = (char)('0' + n / 10 % 10);
	*to++ = (char)('0' + n % 10);
	return to;
}

static char *put_hex(char *to, uint32_t n)
{
	bool begun = false;
	for (int shift = 12; shift >= 0; shift -= 4) {
		uint32_t digit = n >> shift & 15;
		begun |= digit || !shift;
		if (begun)
			*to++ = "0123456789abcdef"[digit];
	}
	return to;
}

static uint32_t group(const struct net_address *a, uint32_t k)
{
	return (uint32_t)a->bytes[2 * k] << 8 | a->bytes[2 * k + 1];
}

/* The longest run of two zero groups or more, the first of equals (RFC 5952 §4.2). */
static uint32_t longest_run(const struct net_address *a, uint32_t *length)
{
	uint32_t best = 8;
	*length = 1;
	for (uint32_t k = 0, run; k < 8; k += run ? run : 1) {
		for (run = 0; k + run < 8 && !group(a, k + run); run++)
			;
		if (run > *length) {
			*length = run;
			best = k;
		}
	}
	return best;
}

uint32_t net_address_print(char to[NET_ADDRESS_TEXT_MAX], struct net_address a)
{
	char *p = to;
	if (!interface_ip6 || net_is_ip4(a)) {
		for (uint32_t k = 12; k < 16; k++) {
			if (k > 12)
				*p++ = '.';
			p = put_decimal(p, a.bytes[k]);
		}
		*p = 0;
		return (uint32_t)(p - to);
	}
	uint32_t length, run = longest_run(&a, &length);
	for (uint32_t k = 0; k < 8; k++) {
		if (k == run) {
			*p++ = ':';
			k += length - 1;
			if (k == 7)
				*p++ = ':';
			continue;
		}
		if (k)
			*p++ = ':';
		p = put_hex(p, group(&a, k));
	}
	*p = 0;
	return (uint32_t)(p - to);
}

/* A.B.C.D, to the text's end. */
static bool read_quad(const char *s, uint8_t to[4])
{
	for (uint32_t k = 0; k < 4; k++) {
		uint32_t n = 0, count = 0;
		for (; *s >= '0' && *s <= '9'; s++, count++) {
			n = n * 10 + (uint32_t)(*s - '0');
			if (count == 3 || n > 255)
				return false;
		}
		if (!count || *s != (k < 3 ? '.' : 0))
			return false;
		s += k < 3;
		to[k] = (uint8_t)n;
	}
	return true;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static bool read_groups(const char *s, struct net_address *to)
{
	uint32_t have = 0, gap = 16; /* bytes; gap: where "::" was */
	if (s[0] == ':') {
		if (s[1] != ':')
			return false;
		gap = 0;
		s += 2;
	}
	while (*s) {
		uint32_t n = 0, count = 0;
		const char *from = s;
		for (; hex_digit(*s) >= 0 && count < 5; s++, count++)
			n = n << 4 | (uint32_t)hex_digit(*s);
		if (*s == '.' && have <= 12) {
			if (!read_quad(from, to->bytes + have))
				return false;
			have += 4;
			break;
		}
		if (!count || count > 4 || have > 14)
			return false;
		to->bytes[have++] = (uint8_t)(n >> 8);
		to->bytes[have++] = (uint8_t)n;
		if (!*s)
			break;
		if (*s++ != ':')
			return false;
		if (*s == ':') {
			if (gap < 16)
				return false;
			gap = have;
			s++;
		} else if (!*s) {
			return false;
		}
	}
	if (gap == 16)
		return have == 16;
	if (have > 14)
		return false;
	memmove(to->bytes + 16 - (have - gap), to->bytes + gap, have - gap);
	memset(to->bytes + gap, 0, 16 - have);
	return true;
}

bool net_address_parse(const char *text, struct net_address *to)
{
	struct net_address a = { .halves = { 0, 0 } };
	uint8_t quad[4];
	if (read_quad(text, quad))
		a = net_ip4((uint32_t)quad[0] << 24 | (uint32_t)quad[1] << 16 |
		            (uint32_t)quad[2] << 8 | quad[3]);
	else if (!interface_ip6 || !strchr(text, ':') || !read_groups(text, &a) || net_is_ip4(a))
		return false;
	*to = a;
	return true;
}

/* SPDX-License-Identifier: ISC */
/*
 * Domain names: read from messages, from and to presentation form, compared and taken apart. The
 * loops over labels trust a struct dns_name to be well-formed, which only dns_name_read and
 * dns_name_parse make; what comes from outside passes through one of these two.
 */
#include <app/dns/name.h>

#include <string.h>

#include <core/error.h>

#define LABEL_POINTER 0xc0u /* the upper bits of a compression pointer's first byte */

int dns_name_read(struct bytes_in *message, struct dns_name *name)
{
	/* `in` follows the pointers; each must lead to before where the labels it ends began, so
	 * that no byte is visited by two chains and a loop cannot be. */
	struct bytes_in in = *message;
	uint32_t began = in.at;
	bool jumped = false;
	unsigned size = 0;

	/*@ loop invariant bytes_in_holds(in) && bytes_in_holds(*message);
	    loop invariant size <= DNS_NAME_MAX;
	    loop assigns in.at, in.failed, message->at, message->failed, began, jumped, size, *name; */
	for (;;) {
		uint8_t length = bytes_get_u8(&in);
		if (in.failed)
			break;
		if (length > DNS_LABEL_MAX) {
			uint32_t target = (length & 0x3fu) << 8 | bytes_get_u8(&in);
			if (in.failed || (length & LABEL_POINTER) != LABEL_POINTER ||
			    target >= began)
				break;
			if (!jumped)
				bytes_seek(message, in.at);
			jumped = true;
			began = target;
			bytes_seek(&in, target);
			continue;
		}
		//@ split length;
		if (size + 1 + length > DNS_NAME_MAX)
			break;
		name->wire[size++] = length;
		if (length == 0) {
			name->size = (uint8_t)size;
			if (!jumped)
				bytes_seek(message, in.at);
			return OK;
		}
		if (!bytes_copy(&in, name->wire + size, length))
			break;
		size += length;
	}
	message->failed = true;
	return ERR_MALFORMED;
}

/* The byte that an escape stands for; *at is at the backslash and moves behind the escape.
 * Negative: bad. */
static int escape(const char *text, size_t size, size_t *at)
{
	size_t i = *at + 1;

	if (i >= size)
		return -1;
	if (text[i] < '0' || text[i] > '9') {
		*at = i + 1;
		return (uint8_t)text[i];
	}
	int value = 0;
	for (size_t end = i + 3; i < end; i++) {
		if (i >= size || text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	*at = i;
	return value <= 255 ? value : -1;
}

int dns_name_parse_why(struct dns_name *name, const char *text, size_t size,
                       const struct dns_name *origin, const char **why)
{
	if (size == 1 && text[0] == '@' && origin) {
		memcpy(name, origin, 1u + origin->size);
		return OK;
	}
	if (size == 1 && text[0] == '.') {
		name->size = 1;
		name->wire[0] = 0;
		return OK;
	}
	uint8_t *wire = name->wire;
	unsigned start = 0, to = 1; /* where the label's length goes, and its next byte */
	size_t at = 0;
	while (at < size) {
		int c = (uint8_t)text[at];
		if (c == '.') {
			if (to == start + 1) {
				*why = "has an empty label; take out the leading or doubled dot";
				return ERR_MALFORMED;
			}
			wire[start] = (uint8_t)(to - start - 1);
			start = to++;
			at++;
			continue;
		}
		if (c == '\\') {
			c = escape(text, size, &at);
			if (c < 0) {
				*why = "has a bad escape; write \\ and a character, or \\ and "
				       "three "
				       "digits from 000 to 255";
				return ERR_MALFORMED;
			}
		} else {
			at++;
		}
		if (to - start > DNS_LABEL_MAX) {
			*why = "has a label of more than 63 bytes; shorten it";
			return ERR_TOO_BIG;
		}
		if (to >= DNS_NAME_MAX) {
			*why = "is a name of more than 255 bytes; shorten it";
			return ERR_TOO_BIG;
		}
		wire[to++] = (uint8_t)c;
	}
	if (to == 1) {
		*why = "is an empty name; write @ for the origin, or . for the root";
		return ERR_MALFORMED;
	}
	if (to == start + 1) {
		if (to > DNS_NAME_MAX) {
			*why = "is a name of more than 255 bytes; shorten it";
			return ERR_TOO_BIG;
		}
		wire[start] = 0;
		name->size = (uint8_t)to;
		return OK;
	}
	wire[start] = (uint8_t)(to - start - 1);
	if (!origin) {
		*why = "is a relative name, but there is no origin; end it with a dot";
		return ERR_MALFORMED;
	}
	if (to + origin->size > DNS_NAME_MAX) {
		*why = "is a name of more than 255 bytes with the origin; shorten it, or end it "
		       "with a dot "
		       "if it is complete";
		return ERR_TOO_BIG;
	}
	memcpy(wire + to, origin->wire, origin->size);
	name->size = (uint8_t)(to + origin->size);
	return OK;
}

int dns_name_parse(struct dns_name *name, const char *text, size_t size,
                   const struct dns_name *origin)
{
	const char *why;

	return dns_name_parse_why(name, text, size, origin, &why);
}

size_t dns_name_text(const struct dns_name *name, char *to)
{
	size_t at = 0;

	if (name->wire[0] == 0)
		to[at++] = '.';
	for (unsigned i = 0; name->wire[i] != 0;) {
		for (unsigned left = name->wire[i++]; left > 0; left--) {
			uint8_t c = name->wire[i++];
			if (c <= ' ' || c >= 0x7f) {
				to[at++] = '\\';
				to[at++] = (char)('0' + c / 100);
				to[at++] = (char)('0' + c / 10 % 10);
				to[at++] = (char)('0' + c % 10);
				continue;
			}
			if (strchr("\"$().;@\\", c))
				to[at++] = '\\';
			to[at++] = (char)c;
		}
		to[at++] = '.';
	}
	to[at] = '\0';
	return at;
}

/* Length bytes are below 'A': lower case leaves them alone, so that bytes can be compared without
 * regard to labels, once the names are in step. */
static bool equal(const uint8_t *a, const uint8_t *b, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (dns_lower(a[i]) != dns_lower(b[i]))
			return false;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->size == b->size && equal(a->wire, b->wire, a->size);
}

bool dns_name_within(const struct dns_name *name, const struct dns_name *ancestor)
{
	unsigned at = 0;

	if (name->size < ancestor->size)
		return false;
	while (name->size - at > ancestor->size)
		at += 1u + name->wire[at];
	return name->size - at == ancestor->size &&
	       equal(name->wire + at, ancestor->wire, ancestor->size);
}

/* Fills `starts` with where each label begins; returns their number, the root's left out. */
static unsigned split(const struct dns_name *name, uint8_t *starts)
{
	unsigned count = 0;

	for (unsigned at = 0; name->wire[at] != 0; at += 1u + name->wire[at])
		starts[count++] = (uint8_t)at;
	return count;
}

int dns_name_compare(const struct dns_name *a, const struct dns_name *b)
{
	uint8_t a_starts[DNS_LABELS_MAX], b_starts[DNS_LABELS_MAX];
	unsigned i = split(a, a_starts), j = split(b, b_starts);

	while (i > 0 && j > 0) {
		const uint8_t *p = a->wire + a_starts[--i], *q = b->wire + b_starts[--j];
		unsigned shorter = *p < *q ? *p : *q;
		for (unsigned k = 1; k <= shorter; k++)
			if (dns_lower(p[k]) != dns_lower(q[k]))
				return dns_lower(p[k]) - dns_lower(q[k]);
		if (*p != *q)
			return *p - *q;
	}
	return (int)i - (int)j;
}

unsigned dns_name_labels(const struct dns_name *name)
{
	uint8_t starts[DNS_LABELS_MAX];

	return split(name, starts);
}

bool dns_name_is_wildcard(const struct dns_name *name)
{
	return name->wire[0] == 1 && name->wire[1] == '*';
}

void dns_name_strip(struct dns_name *to, const struct dns_name *from, unsigned n)
{
	unsigned at = 0;

	for (; n > 0; n--)
		at += 1u + from->wire[at];
	unsigned size = from->size - at;
	memmove(to->wire, from->wire + at, size);
	to->size = (uint8_t)size;
}

void dns_name_lower(struct dns_name *name)
{
	for (unsigned i = 0; i < name->size; i++)
		name->wire[i] = dns_lower(name->wire[i]);
}

/* SPDX-License-Identifier: ISC */
/*
 * Record data in wire form: checked against its type's layout, and searched for names. One walk
 * serves both.
 */
#include <app/dns/rdata.h>

#include <core/error.h>
#include <app/dns/rdata_field.h>
#include <app/dns/type.h>

#define WINDOW_BYTES  32u /* of a type bitmap's window, at the most (RFC 4034 §4.1.2) */
#define NXT_BYTES_MAX 16u

bool dns_walk_name(struct dns_walker *w, bool compressible)
{
	uint32_t at = w->in.at;

	for (;;) {
		uint8_t length = bytes_get_u8(&w->in);
		if (length > DNS_LABEL_MAX || !bytes_skip(&w->in, length) ||
		    w->in.at - at > DNS_NAME_MAX)
			return false;
		if (length == 0)
			break;
	}
	if (w->count < w->room)
		w->names[w->count] = (struct dns_rdata_name){
			.at = (uint16_t)at,
			.size = (uint8_t)(w->in.at - at),
			.compressible = compressible,
		};
	w->count++;
	return true;
}

static bool walk_string(struct bytes_in *in)
{
	return bytes_skip(in, bytes_get_u8(in));
}

/* Windows rise, and none ends in zero bytes. */
static bool walk_bitmap(struct bytes_in *in)
{
	int before = -1;

	while (bytes_left(in) > 0) {
		int window = bytes_get_u8(in);
		uint8_t size = bytes_get_u8(in);
		const uint8_t *bits = bytes_get(in, size);
		if (window <= before || size == 0 || size > WINDOW_BYTES || !bits ||
		    bits[size - 1] == 0 || (window == 0 && bits[0] & 0x80))
			return false;
		before = window;
	}
	return true;
}

static bool walk_nxt(struct bytes_in *in)
{
	uint32_t size = bytes_left(in);
	const uint8_t *bits = bytes_get(in, size);

	return size <= NXT_BYTES_MAX && (size == 0 || (bits[size - 1] != 0 && !(bits[0] & 0x80)));
}

static bool walk_tag(struct bytes_in *in)
{
	uint8_t size = bytes_get_u8(in);
	const uint8_t *tag = bytes_get(in, size);

	if (!tag || size == 0)
		return false;
	for (unsigned i = 0; i < size; i++) {
		uint8_t c = dns_lower(tag[i]);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
			return false;
	}
	return true;
}

static bool walk_digits(struct bytes_in *in)
{
	uint8_t size = bytes_get_u8(in);
	const uint8_t *digits = bytes_get(in, size);

	if (!digits || size < 4)
		return false;
	for (unsigned i = 0; i < size; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

static bool walk_field(struct dns_walker *w, char letter, const uint8_t *data)
{
	struct bytes_in *in = &w->in;

	switch (letter) {
	case 'n':
	case 'N':
		return dns_walk_name(w, letter == 'n');
	case '1':
	case 'g':
	case 'd':
	case 'f':
		return bytes_skip(in, 1);
	case '2':
	case 'o':
	case 'T':
	case 'c':
		return bytes_skip(in, 2);
	case '4':
	case 't':
	case 'D':
	case 'a':
		return bytes_skip(in, 4);
	case 'e':
		return bytes_skip(in, 6);
	case 'i':
	case 'E':
		return bytes_skip(in, 8);
	case 'A':
		return bytes_skip(in, 16);
	case 'H':
	case 's':
		return walk_string(in);
	case 'B': {
		uint8_t size = bytes_get_u8(in);
		return size > 0 && bytes_skip(in, size);
	}
	case 'S':
		do
			if (!walk_string(in))
				return false;
		while (bytes_left(in) > 0);
		return true;
	case 'z':
		return bytes_left(in) == 0 || walk_string(in);
	case 'x':
		return walk_digits(in);
	case 'k':
		return walk_tag(in);
	case 'h':
	case 'b':
		return bytes_left(in) > 0 && bytes_skip(in, bytes_left(in));
	case 'q':
	case 'y':
	case 'j':
		return bytes_skip(in, bytes_left(in));
	case 'm':
		return walk_bitmap(in);
	case 'M':
		return walk_nxt(in);
	case 'p':
		return dns_walk_svcb(in);
	case 'L':
		return dns_walk_loc(in);
	}
	return dns_walk_rare(w, letter, data);
}

uint32_t dns_digest_mismatch(uint16_t type, const uint8_t *data, uint32_t size)
{
	enum { SSHFP = 44, CDS = 59, ZONEMD = 63, TA = 32768, DLV = 32769 };
	/* by kind of digest: RFC 4034 §5.1.4, RFC 5933, RFC 6605; RFC 8976 §2.2.3; RFC 4255, RFC
	 * 6594 */
	static const uint8_t ds[] = { 0, 20, 32, 32, 48 }, zonemd[] = { 0, 48, 64 },
	                     sshfp[] = { 0, 20, 32 };
	const uint8_t *sizes;
	uint32_t known, at; /* where the kind is; the digest comes after */

	switch (type) {
	case DNS_DS:
	case CDS:
	case TA:
	case DLV:
		sizes = ds;
		known = sizeof ds;
		at = 3;
		break;
	case ZONEMD:
		sizes = zonemd;
		known = sizeof zonemd;
		at = 5;
		break;
	case SSHFP:
		sizes = sshfp;
		known = sizeof sshfp;
		at = 1;
		break;
	default:
		return 0;
	}
	if (size <= at || data[at] >= known || sizes[data[at]] == 0)
		return 0;
	return sizes[data[at]] == size - at - 1 ? 0 : sizes[data[at]];
}

int dns_rdata_names(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size,
                    struct dns_rdata_name *names, uint32_t room)
{
	const char *layout = dns_type_layout_in(type, class);
	struct dns_walker w = { .in = bytes_in(data, size), .names = names, .room = room };

	if (size > DNS_DATA_MAX)
		return ERR_MALFORMED;
	if (!layout)
		return 0;
	for (; *layout; layout++) {
		/* A bitmap without types is legal elsewhere, but not in NSEC (RFC 4034 §4.1.2). */
		if (type == DNS_NSEC && *layout == 'm' && bytes_left(&w.in) == 0)
			return ERR_MALFORMED;
		if (!walk_field(&w, *layout, data) || w.in.failed)
			return ERR_MALFORMED;
	}
	if (bytes_left(&w.in) != 0 || dns_digest_mismatch(type, data, size) != 0)
		return ERR_MALFORMED;
	return (int)w.count;
}

bool dns_rdata_check(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size)
{
	return dns_rdata_names(type, class, data, size, NULL, 0) >= 0;
}

/* SPDX-License-Identifier: ISC */
/* A6 (RFC 2874): bits of the prefix, the address's rest, the prefix's name. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

#define A6_BITS 128u

static bool parse(struct dns_reader *r)
{
	uint32_t prefix;
	uint8_t address[16];

	if (!dns_reader_number(r, 10, A6_BITS, &prefix))
		return false;
	bytes_put_u8(r->out, (uint8_t)prefix);
	if (prefix < A6_BITS) {
		if (!dns_reader_ip6_to(r, address))
			return false;
		address[prefix / 8] &= 0xff >> prefix % 8;
		bytes_put_copy(r->out, address + prefix / 8, 16 - prefix / 8);
	}
	return prefix == 0 || dns_reader_name(r);
}

static bool walk(struct dns_walker *w)
{
	uint8_t prefix = bytes_get_u8(&w->in);

	if (prefix > A6_BITS)
		return false;
	const uint8_t *rest = bytes_get(&w->in, 16u - prefix / 8);
	if (!rest || (prefix < A6_BITS && rest[0] & ~(0xff >> prefix % 8)))
		return false;
	return prefix == 0 || dns_walk_name(w, false);
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t prefix = bytes_get_u8(in), address[16] = { 0 };

	dns_put_number(out, prefix, 10, 1);
	if (prefix < A6_BITS) {
		bytes_copy(in, address + prefix / 8, 16u - prefix / 8);
		bytes_put_u8(out, ' ');
		dns_put_ip6(out, address);
	}
	if (prefix > 0) {
		bytes_put_u8(out, ' ');
		dns_write_name(out, in);
	}
	return true;
}

const struct dns_field dns_field_a6 = { parse, walk, print };

/* SPDX-License-Identifier: ISC */
/* Addresses of a fixed size: IPv4, IPv6, locators (RFC 6742), EUI-48 and EUI-64 (RFC 7043). */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

static bool walk_ip4(struct dns_walker *w)
{
	return bytes_skip(&w->in, 4);
}

static bool print_ip4(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_ip4(out, in);
	return true;
}

static bool walk_ip6(struct dns_walker *w)
{
	return bytes_skip(&w->in, 16);
}

static bool print_ip6(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_ip6(out, in);
	return true;
}

/* ---- Groups of hexadecimal digits ---- */

/* Groups of hexadecimal digits: `groups` of `bytes` each, `separator` between. Short groups
 * (leading zeros left out) only if `loose`. */
static bool parse_groups(struct dns_reader *r, unsigned groups, unsigned bytes, char separator,
                         bool loose, const char *example)
{
	const struct dns_token *t = &r->lexer->token;
	size_t at = 0;
	bool ok = true;

	if (!dns_reader_word(r, example))
		return false;
	for (unsigned i = 0; ok && i < groups; i++) {
		size_t end = at;
		uint64_t value = 0;
		while (end < t->size && t->text[end] != separator)
			end++;
		ok = (end < t->size) == (i + 1 < groups) && end - at <= 2u * bytes &&
		     (loose || end - at == 2u * bytes) &&
		     dns_text_number(t->text + at, end - at, 16, UINT16_MAX, &value);
		if (bytes == 1)
			bytes_put_u8(r->out, (uint8_t)value);
		else
			bytes_put_u16(r->out, (uint16_t)value);
		at = end + 1;
	}
	if (!ok)
		return dns_lexer_refuse(r->lexer, "is not of the form wanted; write it like %s",
		                        example);
	dns_lexer_next(r->lexer);
	return true;
}

static bool print_groups(struct bytes_out *out, struct bytes_in *in, unsigned groups,
                         unsigned bytes, char separator)
{
	for (unsigned i = 0; i < groups; i++) {
		if (i > 0)
			bytes_put_u8(out, (uint8_t)separator);
		dns_put_number(out, bytes == 1 ? bytes_get_u8(in) : bytes_get_u16(in), 16,
		               2 * bytes);
	}
	return true;
}

static bool parse_locator(struct dns_reader *r)
{
	return parse_groups(r, 4, 2, ':', true, "2001:db8:1140:1000");
}

static bool walk_u64(struct dns_walker *w)
{
	return bytes_skip(&w->in, 8);
}

static bool print_locator(struct bytes_out *out, struct bytes_in *in)
{
	return print_groups(out, in, 4, 2, ':');
}

static bool parse_eui48(struct dns_reader *r)
{
	return parse_groups(r, 6, 1, '-', false, "00-00-5e-00-53-2a");
}

static bool walk_eui48(struct dns_walker *w)
{
	return bytes_skip(&w->in, 6);
}

static bool print_eui48(struct bytes_out *out, struct bytes_in *in)
{
	return print_groups(out, in, 6, 1, '-');
}

static bool parse_eui64(struct dns_reader *r)
{
	return parse_groups(r, 8, 1, '-', false, "00-00-5e-ef-10-00-00-2a");
}

static bool print_eui64(struct bytes_out *out, struct bytes_in *in)
{
	return print_groups(out, in, 8, 1, '-');
}

const struct dns_field dns_field_ip4 = { dns_reader_ip4, walk_ip4, print_ip4 };
const struct dns_field dns_field_ip6 = { dns_reader_ip6, walk_ip6, print_ip6 };
const struct dns_field dns_field_locator = { parse_locator, walk_u64, print_locator };
const struct dns_field dns_field_eui48 = { parse_eui48, walk_eui48, print_eui48 };
const struct dns_field dns_field_eui64 = { parse_eui64, walk_u64, print_eui64 };

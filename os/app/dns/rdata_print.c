/* SPDX-License-Identifier: ISC */
/*
 * Record data to presentation form. It prints only what dns_rdata_check accepts, field by field
 * along the layout, so that the fields here need no checks; all the rest, and what cannot be said
 * in its type's own form, goes out as RFC 3597's \#.
 */
#include <app/dns/rdata.h>

#include <core/error.h>
#include <app/dns/rdata_field.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

void dns_print_name(struct bytes_out *out, struct bytes_in *in)
{
	struct dns_name name;
	char text[DNS_NAME_TEXT_MAX];

	if (dns_name_read(in, &name) == OK)
		bytes_put_copy(out, text, (uint32_t)dns_name_text(&name, text));
}

void dns_print_escaped(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t c = bytes[i];
		if (c < ' ' || c >= 0x7f) {
			bytes_put_u8(out, '\\');
			dns_put_number(out, c, 10, 3);
			continue;
		}
		if (c == '"' || c == '\\')
			bytes_put_u8(out, '\\');
		bytes_put_u8(out, c);
	}
}

static void print_quoted(struct bytes_out *out, struct bytes_in *in, uint32_t size)
{
	const uint8_t *bytes = bytes_get(in, size);

	bytes_put_u8(out, '"');
	if (bytes)
		dns_print_escaped(out, bytes, size);
	bytes_put_u8(out, '"');
}

static void print_type(struct bytes_out *out, uint16_t type)
{
	char text[16];

	dns_type_text(type, text);
	dns_put_text(out, text);
}

/* The types of `size` bytes of bits, the first of which stands for the type `first`. */
static void print_bits(struct bytes_out *out, struct bytes_in *in, uint32_t first, uint32_t size,
                       bool *separate)
{
	for (uint32_t i = 0; i < size; i++) {
		uint8_t bits = bytes_get_u8(in);
		for (uint32_t bit = 0; bit < 8; bit++) {
			if (!(bits & 0x80 >> bit))
				continue;
			if (*separate)
				bytes_put_u8(out, ' ');
			*separate = true;
			print_type(out, (uint16_t)(first + 8 * i + bit));
		}
	}
}

static void print_bitmap(struct bytes_out *out, struct bytes_in *in)
{
	bool separate = false;

	while (bytes_left(in) > 0 && !in->failed) {
		uint32_t window = bytes_get_u8(in);
		print_bits(out, in, window * 256, bytes_get_u8(in), &separate);
	}
}

static void print_groups(struct bytes_out *out, struct bytes_in *in, unsigned groups,
                         unsigned bytes, char separator)
{
	for (unsigned i = 0; i < groups; i++) {
		if (i > 0)
			bytes_put_u8(out, (uint8_t)separator);
		dns_put_number(out, bytes == 1 ? bytes_get_u8(in) : bytes_get_u16(in), 16,
		               2 * bytes);
	}
}

/* False: only \# can say it. */
static bool print_field(struct bytes_out *out, struct bytes_in *in, char letter,
                        const uint8_t *data)
{
	uint32_t size = bytes_left(in);
	const uint8_t *bytes;
	bool separate = false;

	switch (letter) {
	case 'n':
	case 'N':
		dns_print_name(out, in);
		return true;
	case '1':
	case 'g':
	case 'd':
	case 'f':
		dns_put_number(out, bytes_get_u8(in), 10, 1);
		return true;
	case '2':
	case 'c':
		dns_put_number(out, bytes_get_u16(in), 10, 1);
		return true;
	case 'o':
		dns_put_number(out, bytes_get_u16(in), 8, 1);
		return true;
	case 'T':
		print_type(out, bytes_get_u16(in));
		return true;
	case '4':
	case 't':
		dns_put_number(out, bytes_get_u32(in), 10, 1);
		return true;
	case 'D':
		dns_put_time(out, bytes_get_u32(in));
		return true;
	case 'a':
		if ((bytes = bytes_get(in, 4)))
			dns_put_ip4(out, bytes);
		return true;
	case 'A':
		if ((bytes = bytes_get(in, 16)))
			dns_put_ip6(out, bytes);
		return true;
	case 'i':
		print_groups(out, in, 4, 2, ':');
		return true;
	case 'e':
		print_groups(out, in, 6, 1, '-');
		return true;
	case 'E':
		print_groups(out, in, 8, 1, '-');
		return true;
	case 's':
	case 'z':
	case 'x':
		if (size > 0)
			print_quoted(out, in, bytes_get_u8(in));
		return true;
	case 'S':
		while (bytes_left(in) > 0 && !in->failed) {
			if (separate)
				bytes_put_u8(out, ' ');
			separate = true;
			print_quoted(out, in, bytes_get_u8(in));
		}
		return true;
	case 'q':
		print_quoted(out, in, size);
		return true;
	case 'k':
		size = bytes_get_u8(in);
		if ((bytes = bytes_get(in, size)))
			bytes_put_copy(out, bytes, size);
		return true;
	case 'h':
		if ((bytes = bytes_get(in, size)))
			dns_put_hex(out, bytes, size);
		return true;
	case 'b':
	case 'y':
	case 'j':
		if (letter == 'j' && size == 0)
			bytes_put_u8(out, '-');
		else if ((bytes = bytes_get(in, size)))
			dns_put_base64(out, bytes, size);
		return true;
	case 'H':
		size = bytes_get_u8(in);
		if (size == 0)
			bytes_put_u8(out, '-');
		else if ((bytes = bytes_get(in, size)))
			dns_put_hex(out, bytes, size);
		return true;
	case 'B':
		size = bytes_get_u8(in);
		if ((bytes = bytes_get(in, size)))
			dns_put_base32(out, bytes, size);
		return true;
	case 'm':
		print_bitmap(out, in);
		return true;
	case 'M':
		print_bits(out, in, 0, size, &separate);
		return true;
	case 'p':
		dns_print_svcb(out, in);
		return true;
	case 'L':
		dns_print_loc(out, in);
		return true;
	}
	return dns_print_rare(out, in, letter, data);
}

static void print_generic(struct bytes_out *out, const uint8_t *data, uint32_t size)
{
	dns_put_text(out, "\\# ");
	dns_put_number(out, size, 10, 1);
	if (size > 0) {
		bytes_put_u8(out, ' ');
		dns_put_hex(out, data, size);
	}
}

int dns_rdata_text(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size, char *to,
                   uint32_t room)
{
	const char *layout = dns_type_layout_in(type, class);
	struct bytes_out out = bytes_out(to, room);
	struct bytes_in in = bytes_in(data, size);
	bool own_form = layout && dns_rdata_check(type, class, data, size);

	for (const char *l = layout; own_form && *l; l++) {
		uint32_t before = out.at;
		if (l > layout)
			bytes_put_u8(&out, ' ');
		own_form = print_field(&out, &in, *l, data);
		/* No field, no space. */
		if (l > layout && out.at == before + 1 && !out.failed)
			bytes_rewind(&out, before);
	}
	if (!own_form) {
		bytes_rewind(&out, 0);
		print_generic(&out, data, size);
	}
	bytes_put_u8(&out, '\0');
	return out.failed ? ERR_TOO_BIG : (int)out.at - 1;
}

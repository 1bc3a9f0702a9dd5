/* SPDX-License-Identifier: ISC */
/* Pieces of record data in presentation form: writer.h. */
#include <app/dns/writer.h>

#include <core/error.h>
#include <app/dns/name.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

void dns_write_name(struct bytes_out *out, struct bytes_in *in)
{
	struct dns_name name;
	char text[DNS_NAME_TEXT_MAX];

	if (dns_name_read(in, &name) == OK)
		bytes_put_copy(out, text, (uint32_t)dns_name_text(&name, text));
}

void dns_write_type(struct bytes_out *out, uint16_t type)
{
	char text[16];

	dns_type_text(type, text);
	dns_put_text(out, text);
}

void dns_write_ip4(struct bytes_out *out, struct bytes_in *in)
{
	const uint8_t *address = bytes_get(in, 4);

	if (address)
		dns_put_ip4(out, address);
}

void dns_write_ip6(struct bytes_out *out, struct bytes_in *in)
{
	const uint8_t *address = bytes_get(in, 16);

	if (address)
		dns_put_ip6(out, address);
}

void dns_write_escaped(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
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

void dns_write_quoted(struct bytes_out *out, struct bytes_in *in, uint32_t size)
{
	bytes_put_u8(out, '"');
	dns_write_based(out, in, size, dns_write_escaped);
	bytes_put_u8(out, '"');
}

void dns_write_based(struct bytes_out *out, struct bytes_in *in, uint32_t size,
                     void (*put)(struct bytes_out *, const uint8_t *, uint32_t))
{
	const uint8_t *bytes = bytes_get(in, size);

	if (bytes)
		put(out, bytes, size);
}

void dns_write_space(struct bytes_out *out, bool *separate)
{
	if (*separate)
		bytes_put_u8(out, ' ');
	*separate = true;
}

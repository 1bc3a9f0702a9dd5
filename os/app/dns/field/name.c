/* SPDX-License-Identifier: ISC */
/* Names in record data: those that may be compressed in messages (RFC 1035's types) and those that
 * never are (RFC 3597 §4). */
#include <app/dns/field/field.h>

#include <app/dns/writer.h>

static bool walk_compressible(struct dns_walker *w)
{
	return dns_walk_name(w, true);
}

static bool walk_plain(struct dns_walker *w)
{
	return dns_walk_name(w, false);
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_name(out, in);
	return true;
}

const struct dns_field dns_field_name = { dns_reader_name, walk_compressible, print };
const struct dns_field dns_field_name_plain = { dns_reader_name, walk_plain, print };

/* SPDX-License-Identifier: ISC */
/* The steps of a walk over record data: walker.h. */
#include <app/dns/walker.h>

#include <app/dns/name.h>

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
	for (uint32_t i = at; w->fold && i < w->in.at; i++)
		w->fold[i] = dns_lower(w->fold[i]); /* lengths are below 'A' */
	if (w->count < w->room)
		w->names[w->count] = (struct dns_rdata_name){
			.at = (uint16_t)at,
			.size = (uint8_t)(w->in.at - at),
			.compressible = compressible,
		};
	w->count++;
	return true;
}

const uint8_t *dns_walk_string(struct bytes_in *in, uint8_t least, uint8_t *size)
{
	*size = bytes_get_u8(in);
	return *size >= least ? bytes_get(in, *size) : NULL;
}

bool dns_walk_rest(struct bytes_in *in)
{
	return bytes_skip(in, bytes_left(in));
}

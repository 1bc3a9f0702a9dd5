/* SPDX-License-Identifier: ISC */
#include <app/dns/message.h>

#include <core/bytes.h>

#include <app/dns/query.h>
#include <app/dns/type.h>

#define RCODE      15u
#define POINTER    0xc0u
#define NAME_STEPS 128u /* labels of a name, at most */

/* A name, whose labels end in a zero or a pointer (RFC 1035 §4.1.4). */
static void skip_name(struct bytes_in *in)
{
	for (uint32_t k = 0; k < NAME_STEPS && !in->failed; k++) {
		uint8_t n = bytes_get_u8(in);
		if ((n & POINTER) == POINTER) {
			bytes_skip(in, 1);
			return;
		}
		if (n == 0)
			return;
		bytes_skip(in, n);
	}
}

uint32_t dns_message_ttl(const uint8_t *message, uint32_t size)
{
	struct bytes_in in = bytes_in(message, size);
	uint32_t least = UINT32_MAX;
	bytes_skip(&in, 2);
	uint16_t flags = bytes_get_u16(&in), questions = bytes_get_u16(&in),
	         answers = bytes_get_u16(&in), authority = bytes_get_u16(&in);
	bytes_skip(&in, 2);
	if ((flags & DNS_TC) || ((flags & RCODE) != DNS_NOERROR && (flags & RCODE) != DNS_NXDOMAIN))
		return 0;
	for (uint32_t k = 0; k < questions; k++) {
		skip_name(&in);
		bytes_skip(&in, 4);
	}
	/* A SOA is there where something is not: the last name of a chain, too. */
	for (uint32_t k = 0; k < (uint32_t)answers + authority && !in.failed; k++) {
		skip_name(&in);
		uint16_t type = bytes_get_u16(&in);
		bytes_skip(&in, 2);
		uint32_t ttl = bytes_get_u32(&in);
		bytes_skip(&in, bytes_get_u16(&in));
		if ((k < answers || type == DNS_SOA) && ttl < least)
			least = ttl;
	}
	return in.failed || least == UINT32_MAX ? 0 : least;
}

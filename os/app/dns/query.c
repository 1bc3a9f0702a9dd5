/* SPDX-License-Identifier: ISC */
/*
 * Decoding queries (RFC 1035 §4.1, RFC 6891 §6.1). Strict where a message cannot be understood,
 * deaf to flags that a query has no use for (RFC 8906 §3.1.3): what they say must not change the
 * answer.
 */
#include <app/dns/query.h>

#include <core/bytes.h>

#include <app/dns/type.h>

/*@ requires \valid(in) && bytes_in_holds(*in) && \valid(q) && \valid(version);
    requires \separated(in, q, version); */
/* The one record that a query may carry beside its question. False: it is something else, or
 * malformed. */
static bool read_opt(struct dns_query *q, struct bytes_in *in, uint8_t *version)
{
	uint8_t root = bytes_get_u8(in);
	uint16_t type = bytes_get_u16(in);
	uint16_t udp_size = bytes_get_u16(in);
	bytes_skip(in, 1); /* extended RCODE: a query has none to tell */
	*version = bytes_get_u8(in);
	uint16_t flags = bytes_get_u16(in);
	struct bytes_in options = bytes_slice(in, bytes_get_u16(in));

	if (in->failed || root != 0 || type != DNS_OPT)
		return false;
	/* RFC 6891 §6.1.2: options that we do not know are ignored, cookies (RFC 7873) among them.
	 */
	/*@ loop invariant bytes_in_holds(options);
	    loop assigns options.at, options.failed, q->keepalive; */
	while (bytes_left(&options)) {
		uint16_t code = bytes_get_u16(&options), length = bytes_get_u16(&options);
		bytes_skip(&options, length);
		if (options.failed)
			return false;
		q->keepalive |= code == DNS_KEEPALIVE && length == 0; /* RFC 7828 §3.2.1 */
	}
	q->edns = true;
	q->dnssec_ok = flags & 0x8000u;
	if (udp_size > DNS_UDP_MIN)
		q->udp_size = udp_size;
	return true;
}

enum dns_verdict dns_query_read(struct dns_query *q, const uint8_t *message, uint32_t size)
{
	struct bytes_in in = bytes_in(message, size);

	bytes_skip(&in, 2);
	q->flags = bytes_get_u16(&in);
	uint16_t questions = bytes_get_u16(&in), answers = bytes_get_u16(&in),
	         authorities = bytes_get_u16(&in), additionals = bytes_get_u16(&in);
	if (in.failed || q->flags & DNS_QR)
		return DNS_DROP;
	if (q->flags & DNS_OPCODE)
		return DNS_REJECT_OPCODE;
	/* One question (RFC 9619), and nothing that only a response or an update has. */
	if (questions != 1 || answers != 0 || authorities != 0 || additionals > 1)
		return DNS_REJECT_FORMAT;

	unsigned name = dns_key_read(&q->key, message + DNS_HEADER_SIZE, size - DNS_HEADER_SIZE);
	if (name == 0)
		return DNS_REJECT_FORMAT;
	bytes_skip(&in, name);
	q->type = bytes_get_u16(&in);
	q->class = bytes_get_u16(&in);
	if (in.failed)
		return DNS_REJECT_FORMAT;
	q->question_end = in.at;
	q->udp_size = DNS_UDP_MIN;
	q->edns = q->dnssec_ok = q->keepalive = false;

	uint8_t version = 0;
	if (additionals && !read_opt(q, &in, &version))
		return DNS_REJECT_FORMAT;
	return version == 0 ? DNS_ANSWER
	                    : DNS_REJECT_VERSION; /* what follows is ignored, as NSD does */
}

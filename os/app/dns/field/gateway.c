/* SPDX-License-Identifier: ISC */
/*
 * The gateway of IPSECKEY (RFC 4025) and the relay of AMTRELAY (RFC 8777): none, an IPv4 address,
 * an IPv6 address or a name. Which of them, IPSECKEY says in the second byte of its data, two
 * fields before; a relay says it itself.
 */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

enum gateway { GATEWAY_NONE, GATEWAY_IP4, GATEWAY_IP6, GATEWAY_NAME, GATEWAYS };
#define IPSECKEY_KIND 1u    /* where the kind of the gateway is */
#define AMT_DISCOVERY 0x80u /* the D bit, in the byte of the relay's type (RFC 8777 §4.2) */

static bool parse_any(struct dns_reader *r, uint32_t kind)
{
	switch (kind) {
	case GATEWAY_IP4:
		return dns_reader_ip4(r);
	case GATEWAY_IP6:
		return dns_reader_ip6(r);
	case GATEWAY_NAME:
		return dns_reader_name(r);
	}
	if (!dns_reader_word(r, "a gateway"))
		return false;
	if (!dns_token_is(&r->lexer->token, "."))
		return dns_lexer_refuse(r->lexer,
		                        "is a gateway, but its type is 0; write . for none");
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_any(struct dns_walker *w, uint32_t kind)
{
	switch (kind) {
	case GATEWAY_NONE:
		return true;
	case GATEWAY_IP4:
		return bytes_skip(&w->in, 4);
	case GATEWAY_IP6:
		return bytes_skip(&w->in, 16);
	case GATEWAY_NAME:
		return dns_walk_name(w, false);
	}
	return false;
}

static bool print_any(struct bytes_out *out, struct bytes_in *in, uint32_t kind)
{
	switch (kind) {
	case GATEWAY_NONE:
		bytes_put_u8(out, '.');
		break;
	case GATEWAY_IP4:
		dns_write_ip4(out, in);
		break;
	case GATEWAY_IP6:
		dns_write_ip6(out, in);
		break;
	default:
		dns_write_name(out, in);
	}
	return true;
}

/* precedence type algorithm gateway: the first three went out already. */
static bool parse_gateway(struct dns_reader *r)
{
	if (r->out->failed)
		return true;
	uint8_t kind = r->out->base[r->start + IPSECKEY_KIND];
	if (kind >= GATEWAYS)
		return dns_lexer_fail(r->lexer, "%u is no type of gateway; write 0 to 3", kind);
	return parse_any(r, kind);
}

static bool walk_gateway(struct dns_walker *w)
{
	return walk_any(w, w->in.base[IPSECKEY_KIND]);
}

static bool print_gateway(struct bytes_out *out, struct bytes_in *in)
{
	return print_any(out, in, in->base[IPSECKEY_KIND]);
}

static bool parse_relay(struct dns_reader *r)
{
	uint32_t discovery, kind;

	if (!dns_reader_number(r, 10, 1, &discovery) ||
	    !dns_reader_number(r, 10, GATEWAYS - 1, &kind))
		return false;
	bytes_put_u8(r->out, (uint8_t)((discovery ? AMT_DISCOVERY : 0) | kind));
	return parse_any(r, kind);
}

static bool walk_relay(struct dns_walker *w)
{
	uint32_t kind = bytes_get_u8(&w->in) & ~AMT_DISCOVERY;

	return !w->in.failed && walk_any(w, kind);
}

static bool print_relay(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t kind = bytes_get_u8(in);

	dns_put_text(out, kind & AMT_DISCOVERY ? "1 " : "0 ");
	dns_put_number(out, kind & ~AMT_DISCOVERY, 10, 1);
	bytes_put_u8(out, ' ');
	return print_any(out, in, kind & ~AMT_DISCOVERY);
}

const struct dns_field dns_field_gateway = { parse_gateway, walk_gateway, print_gateway };
const struct dns_field dns_field_relay = { parse_relay, walk_relay, print_relay };

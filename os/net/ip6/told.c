/* SPDX-License-Identifier: ISC */
/*
 * What the tender says of an interface's IPv6 (abi: struct amp_net_word). The address on the link is taken in any case, since no
 * manifest names one; all else where the manifest leaves its addresses open, to routers or to an argument that is not set.
 */
#include <net/ip6/internal.h>

#include <core/boot.h>
#include <core/log.h>

/* The next of this interface's words; null: there are no more. */
static const struct amp_net_word *next_word(const struct ip6 *six, uint32_t *at)
{
	const struct amp_net_word *all = (const struct amp_net_word *)boot_info->net_words;
	while (*at < boot_info->net_word_count) {
		const struct amp_net_word *w = &all[(*at)++];
		if (w->device == six->interface->device.index && w->family == 6)
			return w;
	}
	return NULL;
}

static bool is_link(const struct amp_net_word *w)
{
	return w->address[0] == 0xfe && (w->address[1] & 0xc0) == 0x80;
}

COLD bool ip6_told_link(const struct ip6 *six, uint8_t address[16])
{
	const struct amp_net_word *w;
	for (uint32_t at = 0; (w = next_word(six, &at));) {
		if (w->kind == AMP_NET_WORD_ADDRESS && is_link(w)) {
			memcpy(address, w->address, 16);
			return true;
		}
	}
	return false;
}

COLD bool ip6_told_unset(int32_t arg)
{
	return arg >= 0 && !((const struct amp_arg_value *)boot_info->args)[arg].set;
}

static bool is_open(const struct interface_ip6_config *c)
{
	bool open = c->automatic;
	for (uint32_t k = 0; k < c->address_count; k++)
		open |= ip6_told_unset(c->addresses[k].arg);
	return open;
}

COLD bool ip6_told(const struct ip6 *six)
{
	const struct amp_net_word *w;
	for (uint32_t at = 0; is_open(six->config) && (w = next_word(six, &at));) {
		if (w->kind == AMP_NET_WORD_ADDRESS && !is_link(w))
			return true;
	}
	return false;
}

/* A network on the link that none of our addresses is of. */
static bool link_add(struct ip6 *six, const struct amp_net_word *w)
{
	for (uint32_t k = 0; k < IP6_PREFIXES_MAX; k++) {
		struct ip6_prefix *p = &six->prefixes[k];
		if (p->until)
			continue;
		*p = (struct ip6_prefix){ .prefix = w->prefix, .until = CLOCK_NEVER };
		memcpy(p->address, w->address, 16);
		return true;
	}
	return false;
}

static bool resolver_add(struct ip6 *six, const struct amp_net_word *w)
{
	for (uint32_t k = 0; k < INTERFACE_RESOLVERS_MAX; k++) {
		if (six->resolvers_until[k])
			continue;
		memcpy(six->resolvers[k], w->address, 16);
		six->resolvers_until[k] = CLOCK_NEVER;
		return true;
	}
	return true; /* those before are asked */
}

static bool take(struct ip6 *six, const struct amp_net_word *w)
{
	struct net_address a;
	memcpy(a.bytes, w->address, 16);
	if (w->kind == AMP_NET_WORD_ADDRESS)
		return is_link(w) || ip6_own_find(six, w->address) ||
		       (w->address[0] != 0xff && !net_is_ip4(a) &&
		        ip6_own_add(six, w->address, w->prefix, IP6_STATIC, CLOCK_NEVER,
		                    CLOCK_NEVER));
	if (w->kind == AMP_NET_WORD_RESOLVER)
		return resolver_add(six, w);
	if (w->kind != AMP_NET_WORD_ROUTE)
		return true;
	if (!memcmp(w->gateway, ip6_none, 16))
		return link_add(six, w);
	return ip6_way_add(six, w->address, w->prefix, w->gateway, 0, true, CLOCK_NEVER) == OK;
}

COLD void ip6_told_start(struct ip6 *six)
{
	const struct amp_net_word *w;
	for (uint32_t at = 0; (w = next_word(six, &at));) {
		struct net_address a;
		char text[NET_ADDRESS_TEXT_MAX];
		memcpy(a.bytes, w->address, 16);
		if (w->prefix <= 128 && take(six, w))
			continue;
		net_address_print(text, a);
		log_warning("net", "%s: %s/%u of the tender's does not fit",
		            interface_name(six->interface), text, w->prefix);
	}
}

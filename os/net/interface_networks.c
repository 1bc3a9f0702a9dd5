/* SPDX-License-Identifier: ISC */
/*
 * An interface's addresses beside the first, and its routes beside the gateway. Both are short lists that
 * are looked through; an image whose manifest names none (interface_further, interface_routed) does
 * not carry this file.
 */
#include <net/interface_internal.h>

#include <core/boot.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/log.h>
#include <net/ip4.h>

bool interface_further_has(const struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; k < i->further_count; k++) {
		if (i->further[k].address == address)
			return true;
	}
	return false;
}

bool interface_further_broadcast(const struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; k < i->further_count; k++) {
		if (i->further[k].broadcast && i->further[k].broadcast == address)
			return true;
	}
	return false;
}

bool interface_further_odd(const struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; k < i->further_count; k++) {
		const struct interface_address *a = &i->further[k];
		if (address == a->address || (a->broadcast && (address == a->broadcast ||
		                                               address == (a->address & a->mask))))
			return true;
	}
	return false;
}

const struct interface_address *interface_further_network(const struct interface *i,
                                                          uint32_t address)
{
	const struct interface_address *best = NULL;
	for (uint32_t k = 0; k < i->further_count; k++) {
		const struct interface_address *a = &i->further[k];
		if (!((address ^ a->address) & a->mask) && (!best || a->prefix > best->prefix))
			best = a;
	}
	return best;
}

COLD uint32_t interface_further_source(const struct interface *i, uint32_t to)
{
	uint32_t hop = interface_next_hop(i, to);
	const struct interface_address *a = interface_further_network(i, hop ? hop : to);
	bool first = i->address && !(((hop ? hop : to) ^ i->address) & i->mask);
	if (a && (!first || a->prefix > i->prefix))
		return a->address;
	return i->address ? i->address : i->further[0].address;
}

uint32_t interface_route_hop(const struct interface *i, uint32_t to, uint32_t *match)
{
	const struct interface_address *a =
	        interface_further ? interface_further_network(i, to) : NULL;
	uint32_t hop = i->gateway, best = i->gateway ? INTERFACE_MATCH_GATEWAY : 0;
	if (i->address && !((to ^ i->address) & i->mask)) {
		best = INTERFACE_MATCH_NETWORK + i->prefix;
		hop = to;
	}
	if (a && INTERFACE_MATCH_NETWORK + a->prefix > best) {
		best = INTERFACE_MATCH_NETWORK + a->prefix;
		hop = to;
	}
	for (uint32_t k = 0; k < i->route_count; k++) {
		const struct interface_route *r = &i->routes[k];
		if ((to ^ r->destination) & r->mask || INTERFACE_MATCH_NETWORK + r->prefix <= best)
			continue;
		best = INTERFACE_MATCH_NETWORK + r->prefix;
		hop = r->gateway ? r->gateway : to;
	}
	*match = best;
	return hop;
}

COLD bool interface_route_neighbour(const struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; k < i->route_count; k++) {
		if (i->routes[k].gateway == address)
			return true;
	}
	return interface_next_hop(i, address) == address;
}

COLD bool interface_route_add(struct interface *i, struct interface_route r)
{
	if (i->route_count == INTERFACE_ROUTES_MAX || r.prefix > 32 ||
	    (r.gateway && !ip4_source_fits(r.gateway)))
		return false;
	r.mask = prefix_mask(r.prefix);
	r.destination &= r.mask;
	i->routes[i->route_count++] = r;
	return true;
}

/* An argument's value where the manifest names one: an address above its prefix (AMP_ARG_CIDR), or alone. */
static uint64_t value(int32_t arg, uint64_t constant)
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	return arg >= 0 ? args[arg].number : constant;
}

_Static_assert(INTERFACE_FURTHER_MAX + DHCP_ROUTES_MAX <= INTERFACE_ROUTES_MAX,
               "the manifest's routes and a lease's fit together");

static COLD void further_use(struct interface *i, struct interface_address a)
{
	a.mask = prefix_mask(a.prefix);
	a.broadcast = a.prefix < 31 ? a.address | ~a.mask : 0;
	i->further[i->further_count++] = a;
	log_info("net", "%s: further address " IP4_FORMAT "/%u", interface_name(i),
	         IP4_ARGS(a.address), a.prefix);
}

COLD bool interface_further_add(struct interface *i, uint32_t address, uint8_t prefix)
{
	if (i->further_count == INTERFACE_FURTHER_MAX || !interface_address_fits(address, prefix) ||
	    interface_has(i, address))
		return false;
	further_use(i, (struct interface_address){ .address = address, .prefix = prefix });
	return true;
}

COLD void interface_further_forget(struct interface *i)
{
	while (i->further_count > i->further_own)
		ip4_address_gone(i, i->further[--i->further_count].address);
}

static COLD int further_start(struct interface *i, const struct interface_network_config *c)
{
	uint64_t cidr = value(c->arg, (uint64_t)c->address << 8 | c->prefix);
	struct interface_address a = { .address = (uint32_t)(cidr >> 8), .prefix = (uint8_t)cidr };
	if (!a.address)
		return OK; /* an argument that says: none */
	if (!interface_address_fits(a.address, a.prefix)) {
		log_error("net", "%s: " IP4_FORMAT "/%u is not an address that a host can have",
		          interface_name(i), IP4_ARGS(a.address), a.prefix);
		return ERR_INVALID;
	}
	if (interface_has(i, a.address)) {
		log_error("net", "%s: the address " IP4_FORMAT " is there twice; take one out",
		          interface_name(i), IP4_ARGS(a.address));
		return ERR_EXISTS;
	}
	ensure(i->further_count < INTERFACE_FURTHER_MAX);
	further_use(i, a);
	i->further_own = i->further_count;
	return OK;
}

static COLD int route_start(struct interface *i, const struct interface_route_config *c)
{
	uint64_t to = value(c->to_arg, (uint64_t)c->to << 8 | c->prefix);
	struct interface_route r = { .destination = (uint32_t)(to >> 8), .prefix = (uint8_t)to };
	r.gateway = (uint32_t)value(c->gateway_arg, c->gateway);
	if (!r.gateway)
		return OK; /* an argument that says: none */
	if (!interface_route_add(i, r)) {
		log_error("net", "%s: " IP4_FORMAT " is not an address that a gateway can have",
		          interface_name(i), IP4_ARGS(r.gateway));
		return ERR_INVALID;
	}
	i->route_own = i->route_count;
	return OK;
}

COLD int interface_networks_start(struct interface *i)
{
	const struct interface_config *c = i->config;
	int error = OK;
	for (uint32_t k = 0; interface_further && k < c->address_count && !error; k++)
		error = further_start(i, &c->addresses[k]);
	for (uint32_t k = 0; interface_routed && k < c->route_count && !error; k++)
		error = route_start(i, &c->routes[k]);
	return error;
}

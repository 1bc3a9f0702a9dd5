/* SPDX-License-Identifier: ISC */
/* Which servers there are, and what is known of each: whether it failed lately, and whether it knows EDNS. */
#include <string.h>

#include <ampoule_abi.h>
#include <core/boot.h>
#include <core/clock.h>
#include <net/interface_internal.h>
#include <net/resolver/internal.h>

#define PLAIN_NS (3600 * NS_PER_S) /* a server without EDNS is asked without it for so long */

/* The least recently noted one makes room: only of servers that failed is anything noted. */
static struct note {
	struct net_address address;
	uint64_t bad_until, plain_until; /* ns */
	uint64_t noted_at;
} notes[2 * RESOLVER_SERVERS_MAX];

static struct net_address own[RESOLVER_SERVERS_MAX];
static uint32_t own_count;

void resolver_use(const struct net_address *servers, uint32_t count)
{
	own_count = count < RESOLVER_SERVERS_MAX ? count : RESOLVER_SERVERS_MAX;
	for (uint32_t n = 0; n < own_count; n++)
		own[n] = servers[n];
}

static struct note *known(struct net_address address)
{
	for (uint32_t n = 0; n < sizeof notes / sizeof *notes; n++)
		if (net_address_same(notes[n].address, address))
			return &notes[n];
	return NULL;
}

static struct note *note(struct net_address address)
{
	struct note *at = known(address);

	if (!at) {
		at = notes;
		for (uint32_t n = 1; n < sizeof notes / sizeof *notes; n++)
			if (notes[n].noted_at < at->noted_at)
				at = &notes[n];
		*at = (struct note){ .address = address };
	}
	at->noted_at = clock_now();
	return at;
}

void resolver_server_failed(struct net_address address)
{
	struct note *n = note(address);
	n->bad_until = n->noted_at + resolver_options.dead_ns;
}

void resolver_server_answered(struct net_address address)
{
	struct note *n = known(address);
	if (n)
		n->bad_until = 0;
}

bool resolver_server_has_edns(struct net_address address)
{
	const struct note *n = known(address);
	return !resolver_options.no_edns && (!n || clock_now() >= n->plain_until);
}

void resolver_server_is_plain(struct net_address address)
{
	struct note *n = note(address);
	n->plain_until = n->noted_at + PLAIN_NS;
}

void resolver_server_forget(void)
{
	memset(notes, 0, sizeof notes);
}

static struct net_address argument(const struct amp_arg_value *a)
{
	struct net_address none = { .halves = { 0, 0 } };
	if (!interface_ip6 || !a->text)
		return net_ip4((uint32_t)a->number);
	net_address_parse((const char *)a->text, &none);
	return none;
}

static uint32_t named_in_manifest(struct net_address to[RESOLVER_SERVERS_MAX])
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	uint32_t count = 0;

	for (uint32_t n = 0; n < resolver_config_count && count < RESOLVER_SERVERS_MAX; n++) {
		const struct resolver_config *c = &resolver_configs[n];
		struct net_address address = c->address;
		if (c->address_arg >= 0)
			address = argument(&args[c->address_arg]);
		if (!net_address_none(address))
			to[count++] = address;
	}
	return count;
}

/* What DHCP and routers told an interface, IPv4's first. */
static struct net_address told(const struct interface *i, uint32_t k)
{
	struct net_address none = { .halves = { 0, 0 } };
	if (k < INTERFACE_RESOLVERS_MAX)
		return net_ip4(i->resolvers[k]);
	return interface_ip6 && i->ip6 ? ip6_resolver(i, k - INTERFACE_RESOLVERS_MAX) : none;
}

static uint32_t find(struct net_address to[RESOLVER_SERVERS_MAX])
{
	uint32_t count = own_count;

	memcpy(to, own, sizeof own);
	if (count == 0)
		count = named_in_manifest(to);
	if (count)
		return count;
	for (uint32_t n = 0; n < interface_total(); n++)
		for (uint32_t k = 0;
		     k < 2 * INTERFACE_RESOLVERS_MAX && count < RESOLVER_SERVERS_MAX; k++)
			if (!net_address_none(told(interface_at(n), k)))
				to[count++] = told(interface_at(n), k);
	return count;
}

uint32_t resolver_servers(struct net_address to[RESOLVER_SERVERS_MAX])
{
	struct net_address all[RESOLVER_SERVERS_MAX];
	uint32_t total = find(all), count = 0;
	uint64_t now = clock_now();

	for (int bad = 0; bad <= 1; bad++)
		for (uint32_t n = 0; n < total; n++) {
			const struct note *k = known(all[n]);
			if ((k && k->bad_until > now) == bad)
				to[count++] = all[n];
		}
	return count;
}

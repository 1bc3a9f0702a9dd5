/* SPDX-License-Identifier: ISC */
/*
 * Brings the manifest's interfaces up before main(), and holds what is known of each. A static
 * address, or one that the tender knows, is in use at once; for one from DHCP, tasks wait by interface_wait_address().
 */
#include <net/interface_internal.h>

#include <string.h>

#include <core/boot.h>
#include <core/bytes.h>
#include <core/check.h>
#include <core/clone.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/metric.h>
#include <core/panic.h>
#include <core/print.h>
#include <net/icmp.h>
#include <net/ip4.h>
#include <net/udp.h>

static struct interface *interfaces[AMP_DEVICES_MAX];
static uint32_t started;

struct interface *interface_at(uint32_t n)
{
	return n < started ? interfaces[n] : NULL;
}

uint32_t interface_total(void)
{
	return started;
}

bool interface_address_fits(uint32_t address, uint8_t prefix)
{
	uint32_t host = address & ~prefix_mask(prefix);
	if (prefix > 32 || !ip4_source_fits(address))
		return false;
	return prefix >= 31 || (host && host != ~prefix_mask(prefix)); /* RFC 3021 */
}

/* What was made for the address ends before the next one is taken into use. */
static void address_end(struct interface *i)
{
	uint32_t address = i->address;
	arp_clear(i);
	fragment_clear(i);
	i->address = i->mask = i->broadcast = i->gateway = 0;
	i->prefix = 0;
	if (address)
		ip4_address_gone(i, address);
}

void interface_set_address(struct interface *i, uint32_t address, uint8_t prefix, uint32_t gateway)
{
	if (i->address != address)
		address_end(i);
	arp_clear(i);
	fragment_clear(i);
	i->address = address;
	i->prefix = prefix;
	i->mask = prefix_mask(prefix);
	i->broadcast = prefix < 31 ? address | ~i->mask : 0;
	i->gateway = gateway;
	if (gateway)
		log_info("net", "%s: address " IP4_FORMAT "/%u, gateway " IP4_FORMAT,
		         interface_name(i), IP4_ARGS(address), prefix, IP4_ARGS(gateway));
	else
		log_info("net", "%s: address " IP4_FORMAT "/%u", interface_name(i),
		         IP4_ARGS(address), prefix);
	arp_announce(i);
	task_wake_all(&i->address_waiters);
}

void interface_clear_address(struct interface *i)
{
	if (i->address)
		log_info("net", "%s: address " IP4_FORMAT " given up", interface_name(i),
		         IP4_ARGS(i->address));
	address_end(i);
	i->address_until = CLOCK_NEVER;
	i->mtu = i->device_mtu;
	i->route_count = i->route_own;
	if (interface_further)
		interface_further_forget(i);
	memset(i->resolvers, 0, sizeof i->resolvers);
}

static uint32_t word_ip4(const uint8_t bytes[16])
{
	return bytes_load_u32(bytes);
}

/* What the tender says beside the address. */
static COLD void words_follow(struct interface *i, const struct amp_net_word *w)
{
	uint32_t to = word_ip4(w->address), k = 0;
	if (w->kind == AMP_NET_WORD_RESOLVER) {
		while (k < INTERFACE_RESOLVERS_MAX - 1 && i->resolvers[k])
			k++;
		i->resolvers[k] = i->resolvers[k] ? i->resolvers[k] : to;
	} else if (interface_routed && w->kind == AMP_NET_WORD_ROUTE && w->prefix &&
	           w->prefix <= 32) {
		if (!interface_route_add(
		            i, (struct interface_route){ .destination = to,
		                                         .prefix = w->prefix,
		                                         .gateway = word_ip4(w->gateway) }))
			log_warning("net",
			            "%s: a route of the tender's to " IP4_FORMAT "/%u does not fit",
			            interface_name(i), IP4_ARGS(to), w->prefix);
	}
}

/* The first address that the tender has for the interface, where the configuration leaves it open. Null: none. */
static COLD const struct amp_net_word *told_address(const struct interface *i)
{
	const struct interface_config *c = i->config;
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	const struct amp_net_word *w = (const struct amp_net_word *)boot_info->net_words;
	if (!c->automatic && (c->address_arg < 0 || args[c->address_arg].set))
		return NULL;
	for (uint32_t count = boot_info->net_word_count; count; count--, w++) {
		if (w->device == i->device.index && w->family == 4 &&
		    w->kind == AMP_NET_WORD_ADDRESS)
			return w;
	}
	return NULL;
}

/* That address, its gateway, and what follows it. False: none. */
static COLD bool told(struct interface *i, uint32_t *address, uint8_t *prefix, uint32_t *gateway)
{
	const struct amp_net_word *w = told_address(i);
	if (!w)
		return false;
	const struct amp_net_word *end =
	        (const struct amp_net_word *)boot_info->net_words + boot_info->net_word_count;
	*address = word_ip4(w->address);
	*prefix = w->prefix;
	*gateway = 0;
	for (w++; w < end; w++) {
		if (w->device != i->device.index || w->family != 4)
			continue;
		if (w->kind == AMP_NET_WORD_ADDRESS) {
			if (interface_further && word_ip4(w->address) != *address &&
			    !interface_further_add(i, word_ip4(w->address), w->prefix))
				log_warning("net",
				            "%s: an address of the tender's, " IP4_FORMAT
				            "/%u, does not fit",
				            interface_name(i), IP4_ARGS(word_ip4(w->address)),
				            w->prefix);
		} else if (w->kind == AMP_NET_WORD_ROUTE && !w->prefix) {
			*gateway = word_ip4(w->gateway);
		} else {
			words_follow(i, w);
		}
	}
	return true;
}

static COLD int address_start(struct interface *i)
{
	const struct interface_config *c = i->config;
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	uint32_t address = c->address, gateway = c->gateway;
	uint8_t prefix = c->prefix;
	if (c->address_arg >= 0) { /* AMP_ARG_CIDR */
		address = (uint32_t)(args[c->address_arg].number >> 8);
		prefix = (uint8_t)args[c->address_arg].number;
	}
	bool known = told(i, &address, &prefix, &gateway);
	if (c->gateway_arg >= 0 && (!known || args[c->gateway_arg].set))
		gateway = (uint32_t)args[c->gateway_arg].number;
	if (interface_dhcp && c->dhcp && !known) {
		if (interface_further && i->further_count)
			arp_announce(i);
		return dhcp_open(i);
	}
	if (!interface_address_fits(address, prefix)) {
		log_error("net", "%s: " IP4_FORMAT "/%u is not an address that a host can have",
		          c->name, IP4_ARGS(address), prefix);
		return ERR_INVALID;
	}
	if (gateway && !ip4_source_fits(gateway)) {
		log_error("net", "%s: " IP4_FORMAT " is not an address that a gateway can have",
		          c->name, IP4_ARGS(gateway));
		return ERR_INVALID;
	}
	if (interface_has(i, address)) {
		log_error("net", "%s: the address " IP4_FORMAT " is there twice; take one out",
		          c->name, IP4_ARGS(address));
		return ERR_EXISTS;
	}
	if (gateway == address)
		gateway = 0;
	interface_set_address(i, address, prefix, gateway);
	return OK;
}

/* With the debug log on, the figures are told when they have changed. */
static void figures_log(struct timer *t)
{
	struct interface *i = container_of(t, struct interface, figures);
	char text[400];
	int n = 0;
	uint64_t sum = 0;
	for (uint32_t k = 0; k < interface_counter_total() && n >= 0 && n < (int)sizeof text; k++) {
		sum += i->counts[k];
		if (i->counts[k])
			n += print_text(text + n, sizeof text - (size_t)n, " %s %llu",
			                interface_counter_name(k),
			                (unsigned long long)i->counts[k]);
	}
	if (sum != i->figures_sum)
		log_debug("net", "%s:%s", interface_name(i), text);
	i->figures_sum = sum;
	timer_set_in(t, INTERFACE_FIGURES_NS, figures_log);
}

int interface_open(const struct interface_config *c, const struct amp_device *device)
{
	struct interface *i = heap_alloc_zero(1, sizeof *i);
	if (!i)
		return ERR_MEMORY;
	i->config = c;
	i->device_mtu = i->mtu = device->mtu;
	i->address_until = CLOCK_NEVER;
	memcpy(i->mac, device->mac, sizeof i->mac);
	memcpy(&i->mac_word, device->mac, sizeof i->mac);
	task_queue_init(&i->address_waiters);
	int error = net_device_open(&i->device, device);
	error = error ? error : arp_open(i, &i->arp);
	error = error ? error : fragment_open(i);
	if (interface_further || interface_routed)
		error = error ? error : interface_networks_start(i);
	if (error)
		return error;
	icmp_start();
	interfaces[started++] = i;
	if (metric_shown)
		interface_metrics_add(i);
	if (interface_ip6 && interface_ip6_configs[c - interface_configs])
		error = ip6_open(i);
	if (error)
		return error;
	if (log_wants(LOG_DEBUG))
		timer_set_in(&i->figures, INTERFACE_FIGURES_NS, figures_log);
	return interface_ip6 && c->no_ip4 ? OK : address_start(i);
}

static int net_start(void)
{
	for (uint32_t k = 0; k < interface_config_count && k < AMP_DEVICES_MAX; k++) {
		const struct interface_config *c = &interface_configs[k];
		const struct amp_device *device = boot_device(c->name, AMP_DEVICE_NET);
		/* None: an optional one; the tender has seen to the others. */
		int error = device ? interface_open(c, device) : OK;
		if (error) {
			log_error("net", "%s: cannot be started: %s", c->name, error_text(error));
			return error;
		}
	}
	return OK;
}
BOOT_START(100, net_start);

/* Has the tender an address for us that is not ours? Then the clone is not where its original was. */
static COLD bool stays(const struct interface *i)
{
	const struct amp_net_word *w = told_address(i);
	return !w || interface_has(i, word_ip4(w->address));
}

/* A clone in its original's place: who was told where the addresses are is told anew. */
static COLD void go_on(struct interface *i)
{
	i->mtu = i->mtu < i->device_mtu ? i->mtu : i->device_mtu;
	arp_clear(i);
	if (i->address)
		arp_announce(i);
	if (interface_dhcp)
		dhcp_moved(i);
	if (interface_ip6 && i->ip6)
		ip6_moved(i);
}

/* A clone: another MAC on another wire, and the address that it is given there, or finds. */
static COLD void renew(struct interface *i)
{
	const struct amp_device *device =
	        &((const struct amp_device *)boot_info->devices)[i->device.index];
	net_device_renew(&i->device, device);
	i->device_mtu = device->mtu;
	i->mac_word = 0;
	memcpy(i->mac, device->mac, sizeof i->mac);
	memcpy(&i->mac_word, device->mac, sizeof i->mac);
	if (clone_is_moved() && stays(i)) {
		go_on(i);
		return;
	}
	i->mtu = device->mtu;
	memset(i->counts, 0, sizeof i->counts);
	i->figures_sum = 0;
	if (interface_dhcp)
		dhcp_close(i);
	interface_clear_address(i);
	bool bad = false;
	if (interface_ip6 && i->ip6) {
		ip6_close(i);
		bad = ip6_open(i) != OK;
	}
	if (bad || (!(interface_ip6 && i->config->no_ip4) && address_start(i)))
		panic("net: %s: the clone has no address", interface_name(i));
}

static COLD void renew_all(void)
{
	for (uint32_t k = 0; k < started; k++)
		renew(interfaces[k]);
}
ON_CLONE(200, renew_all);

void interface_stop_all(void)
{
	while (started) {
		struct interface *i = interfaces[--started];
		loop_remove(&i->device.source);
		dhcp_close(i);
		timer_stop(&i->figures);
		interface_clear_address(i);
		if (interface_ip6 && i->ip6)
			ip6_close(i);
		arp_close(&i->arp);
		fragment_close(i);
		heap_free(i->device.frames.all);
		heap_free(i);
	}
	if (interface_ip6)
		ip6_number_stop();
}

struct interface *interface_find(const char *name)
{
	for (uint32_t k = 0; k < started; k++) {
		if (!name || strcmp(name, interfaces[k]->config->name) == 0)
			return interfaces[k];
	}
	return NULL;
}

const char *interface_name(const struct interface *i)
{
	return i->config->name;
}

uint32_t interface_address(const struct interface *i)
{
	return i->address;
}

uint32_t interface_address_at(const struct interface *i, uint32_t n)
{
	if (!n)
		return i->address;
	return interface_further && n <= i->further_count ? i->further[n - 1].address : 0;
}

uint8_t interface_prefix(const struct interface *i)
{
	return i->prefix;
}

uint32_t interface_gateway(const struct interface *i)
{
	return i->gateway;
}

const uint8_t *interface_mac(const struct interface *i)
{
	return i->mac;
}

uint16_t interface_mtu(const struct interface *i)
{
	return i->mtu;
}

uint32_t interface_time_server(const struct interface *i, uint32_t n)
{
	return interface_dhcp && i->address && n < DHCP_SERVERS_MAX ? i->dhcp.lease.time_servers[n]
	                                                            : 0;
}

static bool has_address(const struct interface *i)
{
	return i->address || (interface_ip6 && i->ip6 && ip6_ready(i));
}

struct net_address interface_ip6_at(const struct interface *i, uint32_t n)
{
	struct net_address none = { .halves = { 0, 0 } };
	return interface_ip6 && i->ip6 ? ip6_address_at(i, n) : none;
}

int interface_wait_address(struct interface *i, uint64_t deadline_ns)
{
	while (!has_address(i)) {
		int error = task_wait(&i->address_waiters, deadline_ns);
		if (error && !has_address(i))
			return error;
	}
	return OK;
}

uint64_t interface_counter(const struct interface *i, enum interface_count what)
{
	return what < COUNT_MAX ? i->counts[what] : 0;
}

const char *interface_counter_name(enum interface_count what)
{
	static const char *const names[COUNT_NDP_BAD] = {
		[COUNT_RX_PACKETS] = "rx_packets",
		[COUNT_RX_BYTES] = "rx_bytes",
		[COUNT_TX_PACKETS] = "tx_packets",
		[COUNT_TX_BYTES] = "tx_bytes",
		[COUNT_RX_BAD_DESCRIPTOR] = "rx_bad_descriptor",
		[COUNT_RX_SHORT] = "rx_short",
		[COUNT_RX_OTHER_MAC] = "rx_other_mac",
		[COUNT_RX_UNKNOWN_TYPE] = "rx_unknown_type",
		[COUNT_RX_OTHER_ADDRESS] = "rx_other_address",
		[COUNT_RX_BAD_HEADER] = "rx_bad_header",
		[COUNT_RX_BAD_CHECKSUM] = "rx_bad_checksum",
		[COUNT_RX_BAD_SOURCE] = "rx_bad_source",
		[COUNT_RX_BAD_OPTION] = "rx_bad_option",
		[COUNT_RX_NO_PORT] = "rx_no_port",
		[COUNT_FRAGMENTS] = "fragments",
		[COUNT_REASSEMBLED] = "reassembled",
		[COUNT_FRAGMENT_TIMEOUT] = "fragment_timeout",
		[COUNT_FRAGMENT_LIMIT] = "fragment_limit",
		[COUNT_FRAGMENT_BAD] = "fragment_bad",
		[COUNT_ARP_BAD] = "arp_bad",
		[COUNT_ARP_CONFLICT] = "arp_conflict",
		[COUNT_TX_NO_FRAME] = "tx_no_frame",
		[COUNT_TX_RING_FULL] = "tx_ring_full",
		[COUNT_TX_UNRESOLVED] = "tx_unresolved",
		[COUNT_TX_NO_ROUTE] = "tx_no_route",
		[COUNT_TX_TOO_BIG] = "tx_too_big",
		[COUNT_ICMP_ERRORS_SENT] = "icmp_errors_sent",
		[COUNT_ICMP_LIMITED] = "icmp_limited",
		[COUNT_RX_QUEUE_FULL] = "rx_queue_full",
		[COUNT_DHCP_BAD] = "dhcp_bad",
	};
	static const char *const six[] = { "ndp_bad", "ndp_conflict", "ndp_limit" };
	_Static_assert(sizeof six / sizeof *six == COUNT_MAX - COUNT_NDP_BAD, "a name for each");
	if (interface_ip6 && what >= COUNT_NDP_BAD && what < COUNT_MAX)
		return six[what - COUNT_NDP_BAD];
	return what < COUNT_NDP_BAD ? names[what] : "unknown";
}

CHECK("net", "each frame is free, ours or the tender's, and counted once", frames_hold)
{
	for (uint32_t k = 0; k < started; k++)
		if (interfaces[k] && !frame_area_is_valid(&interfaces[k]->device.frames))
			return false;
	return true;
}

/* SPDX-License-Identifier: ISC */
/*
 * Our addresses. Each is used at once, while it is asked for whether somebody has it (optimistic, RFC 4429); who had it
 * keeps it, and it is tried again later. Interface identifiers are of RFC 7217: a hash of the prefix, what the
 * interface is, and a count of duplicates, so that they are the same after a restart and say nothing about the MAC
 * address. One timer of the interface serves all that has an end.
 */
#include <net/ip6/internal.h>

#include <core/boot.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <core/sha256.h>
#include <core/task.h>

static void run(struct timer *);

/* ---- Looking ---- */

struct ip6_own *ip6_own_find(const struct ip6 *six, const uint8_t address[16])
{
	for (uint32_t k = 0; k < six->own_count; k++) {
		const struct ip6_own *o = &six->own[k];
		if (o->state != IP6_FREE && memcmp(o->address, address, 16) == 0)
			return (struct ip6_own *)o;
	}
	return NULL;
}

bool ip6_has(const struct interface *i, uint32_t number)
{
	const struct ip6 *six = i->ip6;
	for (uint32_t k = 0; six && k < six->own_count; k++) {
		if (six->own[k].word == number && ip6_own_usable(&six->own[k]))
			return true;
	}
	return false;
}

const struct ip6_own *ip6_own_link(const struct ip6 *six)
{
	for (uint32_t k = 0; k < six->own_count; k++) {
		if (six->own[k].kind == IP6_LINK && ip6_own_usable(&six->own[k]))
			return &six->own[k];
	}
	return NULL;
}

bool ip6_ready(const struct interface *i)
{
	for (uint32_t k = 0; k < i->ip6->own_count; k++) {
		if (i->ip6->own[k].kind != IP6_LINK && ip6_own_usable(&i->ip6->own[k]))
			return true;
	}
	return false;
}

struct net_address ip6_address_at(const struct interface *i, uint32_t n)
{
	struct net_address none = { .halves = { 0, 0 } };
	for (uint32_t k = 0; k < i->ip6->own_count; k++) {
		if (ip6_own_usable(&i->ip6->own[k]) && !n--)
			return ip6_number_address(i->ip6->own[k].word);
	}
	return none;
}

struct net_address ip6_resolver(const struct interface *i, uint32_t n)
{
	struct net_address a = { .halves = { 0, 0 } };
	for (uint32_t k = 0; k < INTERFACE_RESOLVERS_MAX; k++) {
		if (i->ip6->resolvers_until[k] > clock_now() && !n--)
			memcpy(a.bytes, i->ip6->resolvers[k], 16);
	}
	return a;
}

bool ip6_unicast(uint32_t number)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	const uint8_t *a = ip6_number_bytes(number);
	return a[0] != 0xff && memcmp(a, loopback, 16) != 0;
}

/* ---- Which one is a packet's source: RFC 6724 §5 ---- */

static uint32_t scope_of(const uint8_t a[16])
{
	if (a[0] == 0xff)
		return a[1] & 15;
	static const uint8_t loopback[16] = { [15] = 1 };
	if ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || memcmp(a, loopback, 16) == 0)
		return 2; /* §3.4: loopback's, too */
	return a[0] == 0xfe && (a[1] & 0xc0) == 0xc0 ? 5 : 14;
}

struct ip6_policy ip6_policy(struct net_address a)
{
	static const struct net_address loopback = { .bytes = { [15] = 1 } };
	const uint8_t *b = a.bytes;
	if (net_is_ip4(a))
		return (struct ip6_policy){ 35, 4 };
	if (net_address_same(a, loopback))
		return (struct ip6_policy){ 50, 0 };
	if (b[0] == 0x20 && b[1] == 0x02)
		return (struct ip6_policy){ 30, 2 };
	if (b[0] == 0x20 && b[1] == 0x01 && !b[2] && !b[3])
		return (struct ip6_policy){ 5, 5 };
	if ((b[0] & 0xfe) == 0xfc)
		return (struct ip6_policy){ 3, 13 };
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0xc0)
		return (struct ip6_policy){ 1, 11 };
	if (b[0] == 0x3f && b[1] == 0xfe)
		return (struct ip6_policy){ 1, 12 };
	if (!a.halves[0] && !a.words[2])
		return (struct ip6_policy){ 1, 3 };
	return (struct ip6_policy){ 40, 1 };
}

uint32_t ip6_scope(struct net_address a)
{
	if (net_is_ip4(a)) /* RFC 6724 §3.2 */
		return a.bytes[12] == 127 || (a.bytes[12] == 169 && a.bytes[13] == 254) ? 2 : 14;
	return scope_of(a.bytes);
}

static uint32_t label_of(const uint8_t a[16])
{
	struct net_address address;
	memcpy(address.bytes, a, 16);
	return ip6_policy(address).label;
}

static uint32_t common_bits(const uint8_t a[16], const uint8_t b[16])
{
	uint32_t n = 0;
	while (n < 64 && !((a[n / 8] ^ b[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return n;
}

/* Is a better than b? */
static bool better(const struct ip6_own *a, const struct ip6_own *b, const uint8_t to[16],
                   uint64_t now)
{
	uint32_t sa = scope_of(a->address), sb = scope_of(b->address), want = scope_of(to);
	bool same_a = memcmp(a->address, to, 16) == 0, same_b = memcmp(b->address, to, 16) == 0;
	if (same_a || same_b)
		return same_a; /* rule 1 */
	if (sa != sb)          /* rule 2 */
		return sa < sb ? sa >= want : sb < want;
	/* One that is not sure yet counts as deprecated (RFC 4429 §2.1). */
	bool old_a = a->preferred_until <= now || a->state == IP6_OPTIMISTIC,
	     old_b = b->preferred_until <= now || b->state == IP6_OPTIMISTIC;
	if (old_a != old_b) /* rule 3 */
		return old_b;
	bool label_a = label_of(a->address) == label_of(to),
	     label_b = label_of(b->address) == label_of(to);
	if (label_a != label_b) /* rule 6 */
		return label_a;
	if ((a->kind == IP6_TEMPORARY) != (b->kind == IP6_TEMPORARY)) /* rule 7 */
		return a->kind == IP6_TEMPORARY;
	return common_bits(a->address, to) > common_bits(b->address, to); /* rule 8 */
}

bool ip6_deprecated(const struct interface *i, uint32_t number)
{
	const struct ip6_own *o = ip6_own_find(i->ip6, ip6_number_bytes(number));
	return o && o->preferred_until <= clock_coarse();
}

uint32_t ip6_source(const struct interface *i, uint32_t to)
{
	const struct ip6 *six = i->ip6;
	const struct ip6_own *best = NULL;
	uint64_t now = clock_coarse();
	for (uint32_t k = 0; six && k < six->own_count; k++) {
		const struct ip6_own *o = &six->own[k];
		if (ip6_own_usable(o) && (!best || better(o, best, ip6_number_bytes(to), now)))
			best = o;
	}
	return best ? best->word : 0;
}

/* ---- Making one ---- */

static void say(const struct ip6 *six, const struct ip6_own *o, const char *what)
{
	char text[NET_ADDRESS_TEXT_MAX];
	net_address_print(text, ip6_number_address(o->word));
	log_info("net", "%s: address %s/%u%s", interface_name(six->interface), text, o->prefix,
	         what);
}

static void probe(struct ip6 *six, struct ip6_own *o)
{
	uint8_t group[16];
	o->state = IP6_OPTIMISTIC;
	o->try_until = clock_now() + six->retransmit; /* RFC 4862 §5.1 */
	ip6_group_solicited(o->address, group);
	if (ip6_group_join(six, group))
		interface_count(six->interface, COUNT_NDP_LIMIT);
	ip6_neighbour_probe(six, o);
	say(six, o, "");
	if (o->kind != IP6_LINK)
		task_wake_all(&six->interface->address_waiters);
	ip6_timer_update(six);
}

struct ip6_own *ip6_own_add(struct ip6 *six, const uint8_t address[16], uint8_t prefix,
                            enum ip6_kind kind, uint64_t preferred_until, uint64_t valid_until)
{
	uint32_t automatic = 0, at = IP6_OWN_MAX;
	for (uint32_t k = IP6_OWN_MAX; k--;) {
		const struct ip6_own *o = &six->own[k];
		if (o->state == IP6_FREE)
			at = k;
		else
			automatic += o->kind >= IP6_AUTO;
	}
	uint32_t word = at == IP6_OWN_MAX || (kind >= IP6_AUTO && automatic >= IP6_AUTO_MAX)
	                        ? 0
	                        : ip6_number(address, six->interface);
	if (!word) {
		interface_count(six->interface, COUNT_NDP_LIMIT);
		return NULL;
	}
	struct ip6_own *o = &six->own[at];
	*o = (struct ip6_own){ .word = word,
		               .prefix = prefix,
		               .kind = (uint8_t)kind,
		               .preferred_until = preferred_until,
		               .valid_until = valid_until,
		               .made_at = clock_now() };
	memcpy(o->address, address, 16);
	if (at >= six->own_count)
		six->own_count = at + 1;
	probe(six, o);
	return o;
}

/* It may not be used any more; whoever uses it hears of that. */
static void end(struct ip6 *six, struct ip6_own *o, enum ip6_state state)
{
	uint8_t group[16];
	bool usable = ip6_own_usable(o);
	o->state = (uint8_t)state;
	if (usable) {
		ip6_group_solicited(o->address, group);
		ip6_group_leave(six, group);
		ip4_address_gone(six->interface, o->word);
	}
}

void ip6_own_remove(struct ip6 *six, struct ip6_own *o)
{
	uint32_t word = o->word;
	say(six, o, " given up");
	end(six, o, IP6_FREE);
	o->word = 0;
	ip6_drop(word);
}

/* RFC 7217 §5. There is no secret that outlives the image's restart: what stands in for it is the image and its MAC address. */
static void identifier(const struct ip6 *six, const uint8_t prefix[16], uint8_t counter,
                       uint8_t to[16])
{
	struct sha256 h;
	uint8_t sum[SHA256_SIZE];
	sha256_begin(&h);
	sha256_add(&h, "ampoule RFC 7217", 16);
	sha256_add(&h, prefix, 8);
	sha256_add(&h, six->interface->mac, 6);
	sha256_add(&h, interface_name(six->interface), strlen(interface_name(six->interface)) + 1);
	sha256_add(&h, &counter, 1);
	sha256_add(&h, interface_host_name, strlen(interface_host_name));
	sha256_end(&h, sum);
	memcpy(to, prefix, 8);
	memcpy(to + 8, sum, 8);
}

static void random_identifier(const uint8_t prefix[16], uint8_t to[16])
{
	memcpy(to, prefix, 8);
	random_bytes(to + 8, 8);
}

static bool fitting(const uint8_t a[16])
{
	static const uint8_t anycast[7] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zero[8], ethernet[5] = { 2, 0, 0x5e, 0xff, 0xfe };
	return memcmp(a + 8, zero, 8) != 0 && memcmp(a + 8, anycast, 7) != 0 &&
	       memcmp(a + 8, ethernet, 5) != 0; /* RFC 5453 and its registry */
}

static void make(const struct ip6 *six, const uint8_t prefix[16], uint8_t *counter, uint8_t to[16])
{
	do
		identifier(six, prefix, (*counter)++, to);
	while (!fitting(to) || ip6_own_find(six, to));
	(*counter)--;
}

void ip6_own_duplicate(struct ip6 *six, struct ip6_own *o)
{
	char text[NET_ADDRESS_TEXT_MAX];
	uint64_t now = clock_now();
	net_address_print(text, ip6_number_address(o->word));
	if (!o->counter)
		log_warning("net", "%s: somebody else has the address %s: it is not used",
		            interface_name(six->interface), text);
	end(six, o, IP6_DUPLICATE);
	o->counter += o->counter < UINT8_MAX;
	/* Another identifier soon, a few times; then at leisure, so that it ends when the trouble does. */
	bool soon = o->kind >= IP6_TEMPORARY ||
	            ((o->kind == IP6_AUTO || o->kind == IP6_LINK) && o->counter < IP6_DAD_TRIES);
	o->try_until = now + (soon ? IP6_RETRANSMIT_NS : IP6_DAD_AGAIN_NS);
	ip6_timer_update(six);
}

static struct ip6_own *base_of(struct ip6 *six, const struct ip6_own *temporary)
{
	for (uint32_t k = 0; k < six->own_count; k++) {
		struct ip6_own *o = &six->own[k];
		if (o->kind == IP6_AUTO && ip6_own_usable(o) &&
		    memcmp(o->address, temporary->address, 8) == 0)
			return o;
	}
	return NULL;
}

static void temporary_add(struct ip6 *six, const struct ip6_own *base, uint8_t counter)
{
	uint8_t address[16];
	uint64_t now = clock_now();
	uint64_t preferred = now + IP6_TEMPORARY_PREFERRED_NS -
	                     random_below(IP6_TEMPORARY_DESYNC_S) * NS_PER_S,
	         valid = now + IP6_TEMPORARY_VALID_NS;
	random_identifier(base->address, address);
	if (!fitting(address) || base->preferred_until <= now + IP6_TEMPORARY_ADVANCE_NS)
		return;
	struct ip6_own *o =
	        ip6_own_add(six, address, 64, IP6_TEMPORARY,
	                    preferred < base->preferred_until ? preferred : base->preferred_until,
	                    valid < base->valid_until ? valid : base->valid_until);
	if (o)
		o->counter = counter;
}

static void try_again(struct ip6 *six, struct ip6_own *o)
{
	uint8_t address[16];
	if (o->kind == IP6_TEMPORARY) { /* RFC 8981 §3.4: another one, a few times */
		const struct ip6_own *base = base_of(six, o);
		uint8_t counter = o->counter;
		ip6_own_remove(six, o);
		if (base && counter < IP6_DAD_TRIES)
			temporary_add(six, base, counter);
		return;
	}
	if (o->kind == IP6_LEASED) {
		memcpy(address, o->address, 16);
		ip6_own_remove(six, o);
		if (interface_ip6_automatic)
			ip6_dhcp_declined(six, address);
		return;
	}
	if (o->kind != IP6_STATIC) {
		make(six, o->address, &o->counter, address);
		uint32_t word = ip6_number(address, six->interface);
		if (!word) {
			o->try_until = clock_now() + IP6_DAD_AGAIN_NS;
			return;
		}
		ip6_drop(o->word);
		o->word = word;
		memcpy(o->address, address, 16);
	}
	probe(six, o);
}

/* ---- What routers' prefixes make ---- */

static void temporary_limit(struct ip6_own *o, uint64_t preferred_until, uint64_t valid_until)
{
	uint64_t preferred = o->made_at + IP6_TEMPORARY_PREFERRED_NS,
	         valid = o->made_at + IP6_TEMPORARY_VALID_NS; /* RFC 8981 §3.4 */
	if (!o->followed)
		o->preferred_until = preferred < preferred_until ? preferred : preferred_until;
	o->valid_until = valid < valid_until ? valid : valid_until;
}

void ip6_own_auto(struct ip6 *six, const uint8_t prefix[16], uint64_t preferred_until,
                  uint64_t valid_until)
{
	uint64_t now = clock_now();
	bool found = false;
	for (uint32_t k = 0; k < six->own_count; k++) {
		struct ip6_own *o = &six->own[k];
		if (o->state == IP6_FREE || (o->kind != IP6_AUTO && o->kind != IP6_TEMPORARY) ||
		    memcmp(o->address, prefix, 8) != 0)
			continue;
		/* RFC 4862 §5.5.3(e): nobody takes an address from us at once by one message. */
		uint64_t valid = valid_until;
		if (valid <= now + IP6_TWO_HOURS_NS && valid < o->valid_until)
			valid = o->valid_until <= now + IP6_TWO_HOURS_NS ? o->valid_until
			                                                 : now + IP6_TWO_HOURS_NS;
		if (o->kind == IP6_TEMPORARY) {
			temporary_limit(o, preferred_until, valid);
			continue;
		}
		found = true;
		o->preferred_until = preferred_until;
		o->valid_until = valid;
	}
	if (found || valid_until <= now)
		return;
	uint8_t address[16], counter = 0;
	make(six, prefix, &counter, address);
	struct ip6_own *o = ip6_own_add(six, address, 64, IP6_AUTO, preferred_until, valid_until);
	if (o && six->config->temporary)
		temporary_add(six, o, 0);
}

/* ---- Time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void look_at(struct ip6 *six, struct ip6_own *o, uint64_t now)
{
	if (o->valid_until <= now) {
		ip6_own_remove(six, o);
		return;
	}
	if (o->state == IP6_OPTIMISTIC && o->try_until <= now) {
		o->state = IP6_VALID;
		if (o->kind == IP6_LINK)
			ip6_group_retell(six);
	}
	if (o->state == IP6_DUPLICATE && o->try_until <= now)
		try_again(six, o);
	if (o->state != IP6_FREE && o->kind == IP6_TEMPORARY && !o->followed &&
	    o->preferred_until <= now + IP6_TEMPORARY_ADVANCE_NS) {
		const struct ip6_own *base = base_of(six, o);
		o->followed = true;
		if (base)
			temporary_add(six, base, 0);
	}
}

static uint64_t next_of(const struct ip6_own *o, uint64_t now)
{
	uint64_t next = o->valid_until;
	if (o->state == IP6_FREE)
		return CLOCK_NEVER;
	if (o->state != IP6_VALID)
		next = earlier(next, o->try_until);
	if (o->kind == IP6_TEMPORARY && !o->followed && o->preferred_until > now)
		next = earlier(next, o->preferred_until - IP6_TEMPORARY_ADVANCE_NS);
	return next;
}

void ip6_timer_update(struct ip6 *six)
{
	uint64_t now = clock_now(), next = CLOCK_NEVER;
	if (interface_ip6_automatic && six->automatic)
		next = earlier(six->solicit_at, ip6_router_expire(six, now));
	for (uint32_t k = 0; k < six->own_count; k++)
		next = earlier(next, next_of(&six->own[k], now));
	if (next == CLOCK_NEVER)
		timer_stop(&six->timer);
	else
		timer_set(&six->timer, next > now ? next : now + 1, run);
}

static void run(struct timer *t)
{
	struct ip6 *six = container_of(t, struct ip6, timer);
	uint64_t now = clock_now();
	for (uint32_t k = 0; k < six->own_count; k++) {
		if (six->own[k].state != IP6_FREE)
			look_at(six, &six->own[k], now);
	}
	if (interface_ip6_automatic && six->solicit_at <= now)
		ip6_router_solicit(six);
	ip6_timer_update(six);
}

/* ---- The manifest's ---- */

/* The address of an argument, or the constant beside it. prefix null: a plain address. False: the argument says none. */
static bool value_of(const struct ip6 *six, const struct interface_ip6_network_config *c,
                     uint8_t address[16], uint8_t *prefix, bool *bad)
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot_info->args;
	struct net_address a;
	char text[NET_ADDRESS_TEXT_MAX + 4];
	memcpy(address, c->address, 16);
	if (prefix)
		*prefix = c->prefix;
	if (c->arg < 0)
		return true;
	uint32_t size = args[c->arg].text_size, at = 0;
	if (!size)
		return false;
	if (size < sizeof text) {
		memcpy(text, (const char *)args[c->arg].text, size);
		text[size] = 0;
		while (text[at] && text[at] != '/')
			at++;
		uint32_t bits = 0;
		for (uint32_t k = at + 1; prefix && k < size; k++)
			bits = bits * 10 + (uint32_t)(text[k] - '0');
		text[at] = 0;
		if (bits <= 128 && net_address_parse(text, &a) && !net_is_ip4(a)) {
			memcpy(address, a.bytes, 16);
			if (prefix)
				*prefix = (uint8_t)bits;
			return true;
		}
	}
	log_error("net", "%s: an argument is not an IPv6 address", interface_name(six->interface));
	*bad = true;
	return false;
}

static int static_start(struct ip6 *six)
{
	const struct interface_ip6_config *c = six->config;
	uint8_t address[16], gateway[16], prefix;
	bool bad = false;
	for (uint32_t k = 0; k < c->address_count && !bad; k++) {
		if (six->told && ip6_told_unset(c->addresses[k].arg))
			continue;
		if (!value_of(six, &c->addresses[k], address, &prefix, &bad))
			continue;
		if (ip6_own_find(six, address)) {
			log_error("net", "%s: an address is there twice; take one out",
			          interface_name(six->interface));
			return ERR_EXISTS;
		}
		if (!ip6_own_add(six, address, prefix, IP6_STATIC, CLOCK_NEVER, CLOCK_NEVER))
			return ERR_MEMORY;
	}
	for (uint32_t k = 0; k < c->route_count && !bad; k++) {
		const struct interface_ip6_route_config *r = &c->routes[k];
		if (six->told && (ip6_told_unset(r->to.arg) || ip6_told_unset(r->gateway.arg)))
			continue;
		if (!value_of(six, &r->to, address, &prefix, &bad) ||
		    !value_of(six, &r->gateway, gateway, NULL, &bad))
			continue;
		int error = ip6_way_add(six, address, prefix, gateway, 0, true, CLOCK_NEVER);
		if (error)
			return error;
	}
	return bad ? ERR_INVALID : OK;
}

COLD int ip6_open(struct interface *i)
{
	static const uint8_t link[16] = { 0xfe, 0x80 };
	uint8_t address[16], counter = 0;
	struct ip6 *six = heap_alloc_zero(1, sizeof *six);
	if (!six)
		return ERR_MEMORY;
	if (i->mtu < IP6_MTU_MIN) {
		log_error("net", "%s: an MTU of %u is too small for IPv6, which needs %u",
		          interface_name(i), i->mtu, IP6_MTU_MIN);
		heap_free(six);
		return ERR_INVALID;
	}
	six->interface = i;
	six->config = interface_ip6_configs[i->config - interface_configs];
	six->mtu = i->mtu;
	six->hops = IP6_HOPS;
	six->retransmit = IP6_RETRANSMIT_NS;
	six->reachable_base = IP6_REACHABLE_NS / NS_PER_MS;
	ip6_neighbour_times(six, 0, 0);
	six->solicit_at = CLOCK_NEVER;
	int error = arp_open(i, &six->neighbours);
	if (error) {
		heap_free(six);
		return error;
	}
	i->ip6 = six;
	if (!ip6_told_link(six, address))
		make(six, link, &counter, address);
	if (!ip6_own_add(six, address, 64, IP6_LINK, CLOCK_NEVER, CLOCK_NEVER))
		return ERR_MEMORY;
	six->told = ip6_told(six);
	six->automatic = six->config->automatic && !six->told;
	error = static_start(six);
	if (!error && six->told)
		ip6_told_start(six);
	if (!error && interface_ip6_automatic && six->automatic) {
		six->solicit_at = clock_now();
		six->solicit_wait = 0;
		ip6_router_solicit(six);
		ip6_timer_update(six);
	}
	return error;
}

COLD void ip6_moved(struct interface *i)
{
	struct ip6 *six = i->ip6;
	six->mtu = six->mtu < i->mtu ? six->mtu : i->mtu;
	arp_forget(&six->neighbours);
	for (uint32_t k = 0; k < six->own_count; k++) {
		if (six->own[k].state == IP6_VALID)
			ip6_neighbour_advertise(six, &six->own[k], ip6_all_nodes, NULL, false);
	}
	ip6_group_retell(six);
	if (!interface_ip6_automatic || !six->automatic)
		return;
	six->solicit_wait = 0; /* the routers' word may be older than it seems */
	ip6_router_solicit(six);
	ip6_timer_update(six);
	ip6_dhcp_moved(six);
}

void ip6_close(struct interface *i)
{
	struct ip6 *six = i->ip6;
	timer_stop(&six->timer);
	timer_stop(&six->group_timer);
	if (interface_ip6_automatic)
		ip6_dhcp_close(six);
	for (uint32_t k = 0; k < six->own_count; k++) {
		if (six->own[k].state != IP6_FREE)
			ip6_own_remove(six, &six->own[k]);
	}
	timer_stop(&six->timer);
	timer_stop(&six->group_timer);
	for (uint32_t k = 0; k < IP6_ROUTERS_MAX; k++)
		ip6_drop(six->routers[k].word);
	for (uint32_t k = 0; k < IP6_ROUTES_MAX; k++)
		ip6_drop(six->ways[k].gateway);
	ip6_redirect_clear(six);
	arp_close(&six->neighbours);
	heap_free(six);
	i->ip6 = NULL;
}

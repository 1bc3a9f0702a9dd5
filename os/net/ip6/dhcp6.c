/* SPDX-License-Identifier: ISC */
/*
 * DHCPv6's client (RFC 8415), where a router says that there is one: for an address and all else, or for name servers alone. One
 * exchange at a time, one address, one timer. A message is believed if it carries our identifier and the number of the
 * exchange under way, and comes from this link.
 */
#include <net/ip6/internal.h>

#include <core/heap.h>
#include <core/random.h>
#include <net/udp.h>

#define CLIENT_PORT   546u
#define SERVER_PORT   547u
#define MESSAGE_MAX   256u
#define SERVER_ID_MAX 130u  /* RFC 8415 §11.1 */
#define MOST_S        3600u /* SOL_MAX_RT, INF_MAX_RT: RFC 8415 §7.6, until a server says another */
#define MOST_S_MIN    60u   /* that is between these: §21.24 */
#define MOST_S_MAX    86400u
#define PAUSE_NS                                                                                   \
	(1 *                                                                                       \
	 NS_PER_S) /* before what was refused begins anew, and at random before the first question (§18.2.6) */
#define PREFERENCE_BEST 255    /* nobody else is waited for */
#define REFRESH_S       86400u /* of name servers: RFC 8415 §7.6 */
#define REFRESH_MIN_S   600u
#define FOREVER         UINT32_MAX

enum message {
	SOLICIT = 1,
	ADVERTISE,
	REQUEST,
	RENEW = 5,
	REBIND,
	REPLY,
	DECLINE = 9,
	INFORMATION = 11
};
enum option {
	CLIENT_ID = 1,
	SERVER_ID,
	ADDRESSES, /* IA_NA */
	WANTED = 6,
	ADDRESS = 5,
	PREFERENCE = 7,
	ELAPSED = 8,
	STATUS = 13,
	RAPID = 14,
	SERVERS = 23,
	REFRESH = 32,
	MOST_SOLICIT = 82,
	MOST_INFORMATION = 83,
};
#define STATUS_NO_BINDING 3u

/* RFC 8415 §7.6: until a message is sent again, seconds, and at most; how often in all. 0: as the server says; for ever. */
static const struct pace {
	uint16_t first, most, tries;
} paces[INFORMATION + 1] = {
	[SOLICIT] = { 1, 0, 0 },   [REQUEST] = { 1, 30, 10 }, [RENEW] = { 10, 600, 0 },
	[REBIND] = { 10, 600, 0 }, [DECLINE] = { 1, 60, 4 },  [INFORMATION] = { 1, 0, 0 },
};

struct dhcp6 {
	struct ip6 *six;
	struct udp_socket *socket;
	struct timer timer;
	uint8_t asking; /* enum message; 0: nothing is asked */
	bool addresses, leased;
	uint32_t sent;                           /* messages of this exchange */
	int preference;                          /* of the best that was offered; -1: nothing was */
	uint32_t most_solicit, most_information; /* s */
	uint32_t id;                             /* 24 bits */
	uint64_t began, wait;
	uint64_t renew_at, rebind_at, ends_at; /* of a lease; renew_at: when to ask again */
	uint8_t address[16];
	uint8_t server[SERVER_ID_MAX];
	uint32_t server_size; /* 0: none */
};

static void run(struct timer *);

static void put_client(struct bytes_out *out, const struct dhcp6 *d)
{
	bytes_put_u16(out, CLIENT_ID);
	bytes_put_u16(out, 10);
	bytes_put_u16(out, 3); /* DUID-LL, Ethernet */
	bytes_put_u16(out, 1);
	bytes_put_copy(out, d->six->interface->mac, 6);
}

static void send(struct dhcp6 *d, uint64_t now)
{
	static const struct net_address all = { .bytes = { 0xff, 2, [13] = 1, 0, 2 } };
	uint8_t message[MESSAGE_MAX];
	struct bytes_out out = bytes_out(message, sizeof message);
	uint64_t elapsed = (now - d->began) / (10 * NS_PER_MS);
	bool to_server = d->asking == REQUEST || d->asking == RENEW || d->asking == DECLINE;
	bool informs = d->asking == INFORMATION;
	bytes_put_u32(&out, (uint32_t)d->asking << 24 | d->id);
	put_client(&out, d);
	if (to_server) {
		bytes_put_u16(&out, SERVER_ID);
		bytes_put_u16(&out, (uint16_t)d->server_size);
		bytes_put_copy(&out, d->server, d->server_size);
	}
	bytes_put_u16(&out, ELAPSED);
	bytes_put_u16(&out, 2);
	bytes_put_u16(&out, elapsed > UINT16_MAX ? UINT16_MAX : (uint16_t)elapsed);
	if (d->asking != DECLINE) {
		bytes_put_u16(&out, WANTED);
		bytes_put_u16(&out, informs ? 6 : 4);
		bytes_put_u16(&out, SERVERS);
		bytes_put_u16(&out, informs ? MOST_INFORMATION : MOST_SOLICIT);
		if (informs) /* §21.23: in no other message */
			bytes_put_u16(&out, REFRESH);
	}
	if (d->asking == SOLICIT) {
		bytes_put_u16(&out, RAPID);
		bytes_put_u16(&out, 0);
	}
	if (!informs) {
		bool known = d->asking != SOLICIT;
		bytes_put_u16(&out, ADDRESSES);
		bytes_put_u16(&out, known ? 40 : 12);
		bytes_put_u32(&out, 1);
		bytes_put_u64(&out, 0);
		if (known) {
			bytes_put_u16(&out, ADDRESS);
			bytes_put_u16(&out, 24);
			bytes_put_copy(&out, d->address, 16);
			bytes_put_u64(&out, 0);
		}
	}
	ensure(!out.failed);
	udp_send(d->socket, all, SERVER_PORT, message, out.at);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* RFC 8415 §15: doubled, up to a bound, with a tenth of chance; a first Solicit waits longer, not less (§18.2.1). */
static void again(struct dhcp6 *d, uint64_t now)
{
	const struct pace *p = &paces[d->asking];
	uint64_t most = p->most                ? p->most
	                : d->asking == SOLICIT ? d->most_solicit
	                                       : d->most_information;
	d->wait = earlier(d->wait ? 2 * d->wait : p->first * NS_PER_S, most * NS_PER_S);
	d->sent++;
	send(d, now);
	uint32_t tenth = (uint32_t)(d->wait / NS_PER_MS / 10);
	uint64_t at = now + d->wait - tenth * NS_PER_MS + random_below(2 * tenth) * NS_PER_MS;
	if (d->asking == SOLICIT && d->sent == 1)
		at = now + d->wait + (1 + random_below(tenth)) * NS_PER_MS;
	if (d->leased)
		at = earlier(at, d->asking == RENEW ? d->rebind_at : d->ends_at);
	timer_set(&d->timer, at, run);
}

static void ask(struct dhcp6 *d, enum message what)
{
	uint64_t now = clock_now();
	d->asking = (uint8_t)what;
	d->id = random_u32() & 0xffffff;
	d->began = now;
	d->wait = 0;
	d->sent = 0;
	d->preference = -1;
	again(d, now);
}

/* Begins anew, soon: no server can have us ask all the time (§14.1). */
static void pause(struct dhcp6 *d)
{
	d->asking = 0;
	timer_set(&d->timer, clock_now() + PAUSE_NS + random_below(1000) * NS_PER_MS, run);
}

static void lease_end(struct dhcp6 *d)
{
	struct ip6_own *o = ip6_own_find(d->six, d->address);
	if (o && o->kind == IP6_LEASED)
		ip6_own_remove(d->six, o);
	d->leased = false;
}

static void run(struct timer *t)
{
	struct dhcp6 *d = container_of(t, struct dhcp6, timer);
	uint64_t now = clock_now();
	if (d->leased && now >= d->ends_at) {
		lease_end(d);
		ask(d, SOLICIT);
	} else if (d->leased && now >= d->rebind_at && d->asking != REBIND) {
		ask(d, REBIND);
	} else if (d->leased && !d->asking) {
		ask(d, RENEW);
	} else if (!d->asking) {
		ask(d, d->addresses ? SOLICIT : INFORMATION);
	} else if (d->asking == SOLICIT && d->preference >= 0) {
		ask(d, REQUEST); /* of those who offered in time, the best */
	} else if (paces[d->asking].tries && d->sent >= paces[d->asking].tries) {
		ask(d, SOLICIT); /* that server has gone */
	} else {
		again(d, now);
	}
}

/* ---- What comes ---- */

struct answer {
	const uint8_t *server, *address, *servers;
	uint32_t server_size, servers_size;
	uint32_t t1, t2, preferred, valid, refresh;
	uint32_t most_solicit, most_information;
	uint16_t status; /* of the addresses */
	uint8_t preference;
	bool ours, refused, rapid;
};

static void decode_addresses(struct bytes_in in, struct answer *a)
{
	if (bytes_get_u32(&in) != 1)
		return;
	a->t1 = bytes_get_u32(&in);
	a->t2 = bytes_get_u32(&in);
	while (bytes_left(&in)) {
		uint16_t type = bytes_get_u16(&in), size = bytes_get_u16(&in);
		struct bytes_in value = bytes_slice(&in, size);
		if (type == STATUS)
			a->status = bytes_get_u16(&value);
		if (type != ADDRESS || a->address)
			continue;
		const uint8_t *address = bytes_get(&value, 16);
		a->preferred = bytes_get_u32(&value);
		a->valid = bytes_get_u32(&value);
		if (!value.failed)
			a->address = address;
	}
}

/* False: it does not parse. */
static bool decode(const struct dhcp6 *d, struct bytes_in in, struct answer *a)
{
	while (bytes_left(&in)) {
		uint16_t type = bytes_get_u16(&in), size = bytes_get_u16(&in);
		struct bytes_in value = bytes_slice(&in, size);
		if (in.failed)
			return false;
		switch (type) {
		case CLIENT_ID:
			a->ours = size == 10 &&
			          memcmp(value.base + value.at + 4, d->six->interface->mac, 6) == 0;
			break;
		case SERVER_ID:
			if (size && size <= SERVER_ID_MAX) {
				a->server = bytes_get(&value, size);
				a->server_size = size;
			}
			break;
		case ADDRESSES:
			decode_addresses(value, a);
			break;
		case STATUS:
			a->refused |= bytes_get_u16(&value) != 0;
			break;
		case RAPID:
			a->rapid = true;
			break;
		case SERVERS:
			a->servers_size = size & ~15u;
			a->servers = bytes_get(&value, a->servers_size);
			break;
		case REFRESH:
			a->refresh = bytes_get_u32(&value);
			break;
		case PREFERENCE:
			a->preference = bytes_get_u8(&value);
			break;
		case MOST_SOLICIT:
			a->most_solicit = bytes_get_u32(&value);
			break;
		case MOST_INFORMATION:
			a->most_information = bytes_get_u32(&value);
			break;
		default:
			break;
		}
	}
	return !in.failed && a->ours && a->server;
}

static uint64_t in_seconds(uint64_t now, uint32_t seconds)
{
	return seconds == FOREVER ? CLOCK_NEVER : now + seconds * NS_PER_S;
}

static void take_servers(struct ip6 *six, const struct answer *a, uint64_t now, uint32_t seconds)
{
	for (uint32_t at = 0, k = 0; at < a->servers_size && k < INTERFACE_RESOLVERS_MAX;
	     at += 16, k++) {
		memcpy(six->resolvers[k], a->servers + at, 16);
		six->resolvers_until[k] = in_seconds(now, seconds);
	}
}

static void take_lease(struct dhcp6 *d, const struct answer *a, uint64_t now)
{
	struct ip6 *six = d->six;
	uint32_t t1 = a->t1 ? a->t1 : a->preferred / 2, t2 = a->t2 ? a->t2 : a->preferred / 5 * 4;
	if (d->leased && memcmp(d->address, a->address, 16) != 0)
		lease_end(d);
	memcpy(d->address, a->address, 16);
	struct ip6_own *o = ip6_own_find(six, d->address);
	uint64_t preferred = in_seconds(now, a->preferred), valid = in_seconds(now, a->valid);
	if (!o)
		o = ip6_own_add(six, d->address, 128, IP6_LEASED, preferred, valid);
	if (!o || o->kind != IP6_LEASED) { /* it is ours by another way, or there is no room */
		pause(d);
		return;
	}
	o->preferred_until = preferred;
	o->valid_until = valid;
	d->leased = true;
	d->asking = 0;
	d->ends_at = valid;
	t1 = t1 < 60 ? 60 : t1; /* a server cannot have us ask all the time */
	d->renew_at = in_seconds(now, t1);
	d->rebind_at = in_seconds(now, t2 < t1 ? t1 : t2);
	ip6_timer_update(six);
	uint64_t next = d->renew_at < d->ends_at ? d->renew_at : d->ends_at;
	if (next == CLOCK_NEVER)
		timer_stop(&d->timer);
	else
		timer_set(&d->timer, next, run);
}

static void take_information(struct dhcp6 *d, const struct answer *a, uint64_t now)
{
	uint32_t refresh = a->refresh < REFRESH_MIN_S ? REFRESH_MIN_S : a->refresh;
	d->asking = 0;
	take_servers(d->six, a, now, refresh < FOREVER / 2 ? 2 * refresh : FOREVER);
	ip6_timer_update(d->six);
	timer_set(&d->timer, now + (refresh < REFRESH_S ? refresh : REFRESH_S) * NS_PER_S, run);
}

static void take_server(struct dhcp6 *d, const struct answer *a)
{
	memcpy(d->server, a->server, a->server_size);
	d->server_size = a->server_size;
}

/* §18.2.9: the first second's offers are compared, the first one after it is taken. */
static void take_offer(struct dhcp6 *d, const struct answer *a)
{
	if (a->preference <= d->preference)
		return;
	d->preference = a->preference;
	take_server(d, a);
	memcpy(d->address, a->address, 16);
	if (d->sent > 1 || a->preference == PREFERENCE_BEST)
		ask(d, REQUEST);
}

/* §18.2.10: the next server may have something; or what we had is no more. */
static void take_refusal(struct dhcp6 *d, const struct answer *a)
{
	bool ended =
	        d->leased && a->address && !a->valid && memcmp(a->address, d->address, 16) == 0;
	if (ended)
		lease_end(d);
	if (d->asking == REQUEST || ended)
		pause(d);
	else if (d->asking >= RENEW && a->status == STATUS_NO_BINDING) {
		take_server(d, a);
		ask(d, REQUEST);
	}
}

static bool is_lease(const struct answer *a)
{
	return a->address && a->valid && a->preferred <= a->valid && a->address[0] != 0xff &&
	       !a->refused && !a->status && (!a->t1 || !a->t2 || a->t1 <= a->t2);
}

static void take(struct dhcp6 *d, uint8_t kind, const struct answer *a, uint64_t now)
{
	bool solicits = d->asking == SOLICIT;
	if (a->most_solicit >= MOST_S_MIN && a->most_solicit <= MOST_S_MAX)
		d->most_solicit = a->most_solicit;
	if (a->most_information >= MOST_S_MIN && a->most_information <= MOST_S_MAX)
		d->most_information = a->most_information;
	if ((kind == ADVERTISE) != solicits && !(solicits && a->rapid))
		return;
	if (d->asking == INFORMATION) {
		take_information(d, a, now);
	} else if (d->asking == DECLINE) {
		pause(d);
	} else if (!is_lease(a)) {
		if (kind == REPLY)
			take_refusal(d, a);
	} else if (kind == ADVERTISE) {
		take_offer(d, a);
	} else {
		take_server(d, a);
		take_servers(d->six, a, now, a->valid);
		take_lease(d, a, now);
	}
}

static void received(void *context, struct udp_packet *p)
{
	struct dhcp6 *d = context;
	struct bytes_in in = bytes_in(p->payload, p->size);
	struct answer a = { .refresh = REFRESH_S };
	uint32_t head = bytes_get_u32(&in);
	uint8_t kind = (uint8_t)(head >> 24);
	const uint8_t *source = p->source.bytes;
	if (in.failed || !d->asking || (head & 0xffffff) != d->id ||
	    p->interface != d->six->interface || source[0] != 0xfe || (source[1] & 0xc0) != 0x80 ||
	    (kind != ADVERTISE && kind != REPLY) || !decode(d, in, &a)) {
		interface_count(p->interface, COUNT_DHCP_BAD);
		return;
	}
	take(d, kind, &a, clock_now());
}

COLD void ip6_dhcp_wanted(struct ip6 *six, bool addresses)
{
	struct dhcp6 *d = six->dhcp;
	if (d) {
		if (addresses && !d->addresses) {
			d->addresses = true;
			ask(d, SOLICIT);
		}
		return;
	}
	d = heap_alloc_zero(1, sizeof *d);
	if (!d || udp_open(&d->socket, six->interface, CLIENT_PORT, received, d)) {
		heap_free(d);
		return;
	}
	d->six = six;
	d->addresses = addresses;
	d->most_solicit = d->most_information = MOST_S;
	six->dhcp = d;
	if (addresses) /* an image is to be there at once: §18.2.1 would have it wait */
		ask(d, SOLICIT);
	else
		timer_set(&d->timer, clock_now() + 1 + random_below((uint32_t)PAUSE_NS), run);
}

COLD void ip6_dhcp_declined(struct ip6 *six, const uint8_t address[16])
{
	struct dhcp6 *d = six->dhcp;
	if (!d || !d->leased || memcmp(d->address, address, 16) != 0)
		return;
	d->leased = false;
	ask(d, DECLINE);
}

COLD void ip6_dhcp_moved(struct ip6 *six)
{
	struct dhcp6 *d = six->dhcp;
	if (d && d->leased && !d->asking)
		ask(d, RENEW);
}

void ip6_dhcp_close(struct ip6 *six)
{
	struct dhcp6 *d = six->dhcp;
	if (!d)
		return;
	timer_stop(&d->timer);
	udp_close(d->socket);
	heap_free(d);
	six->dhcp = NULL;
}

/* SPDX-License-Identifier: ISC */
/*
 * One state, one timer, one transition function: enter(). Input comes by a UDP socket on port 68,
 * which also hears broadcasts, and unicasts to any address while the interface has none.
 * message_decode() checks a whole message; what acts on it cannot fail. Each option is looked for by
 * itself, so that one that is wrong takes no other with it.
 *
 *   INIT -> SELECTING -offer-> REQUESTING -ack-> CHECKING -silence-> BOUND -T1-> RENEWING -T2->
 * REBINDING
 *    ^__________________________nak, too many tries, conflict, end of the
 * lease________________________|
 */
#include <net/dhcp.h>

#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <core/log.h>
#include <core/random.h>
#include <net/interface_internal.h>
#include <net/udp_internal.h>

/* RFC 2131 §2 */
#define OP_REQUEST     1u
#define OP_REPLY       2u
#define FLAG_BROADCAST 0x8000u
#define COOKIE         0x63825363u
#define NAME_SIZE      64u
#define FILE_SIZE      128u
#define MESSAGE_MIN    300u /* BOOTP's (RFC 951); relays drop shorter ones */
#define MESSAGE_MAX    576u

enum type { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE };

/* RFC 2132 */
enum option {
	PAD = 0,
	MASK = 1,
	ROUTER = 3,
	RESOLVER = 6,
	HOST_NAME = 12,
	DOMAIN_NAME = 15,
	MTU = 26,
	TIME_SERVER = 42, /* NTP */
	ADDRESS = 50,
	LEASE = 51,
	OVERLOAD = 52,
	TYPE = 53,
	SERVER = 54,
	PARAMETERS = 55,
	MESSAGE = 56,
	SIZE_MAX_ = 57,
	T1 = 58,
	T2 = 59,
	CLIENT = 61,
	ROUTES = 121, /* RFC 3442 */
	END = 255
};

struct message {
	uint8_t type;
	struct dhcp_lease lease;
};

static struct interface *owner(struct dhcp *d)
{
	return container_of(d, struct interface, dhcp);
}

/* ---- Out ---- */

static void option_u32(struct bytes_out *out, enum option option, uint32_t v)
{
	bytes_put_u8(out, option);
	bytes_put_u8(out, 4);
	bytes_put_u32(out, v);
}

static void client_put(struct bytes_out *out, const uint8_t mac[6])
{
	bytes_put_u8(out, CLIENT);
	bytes_put_u8(out, 7);
	bytes_put_u8(out, 1); /* Ethernet */
	bytes_put_copy(out, mac, 6);
}

static void message_send(struct dhcp *d, enum type type)
{
	/* RFC 3442: the routes before the router */
	static const uint8_t wanted[] = { MASK,      ROUTES,      ROUTER, RESOLVER,
		                          HOST_NAME, DOMAIN_NAME, MTU,    TIME_SERVER,
		                          LEASE,     T1,          T2 };
	struct interface *i = owner(d);
	bool holds = type == RELEASE || d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;
	bool ends = type == RELEASE || type == DECLINE;
	uint8_t buffer[MESSAGE_MAX] = { 0 };
	struct bytes_out out = bytes_out(buffer, sizeof buffer);
	uint64_t seconds = (clock_coarse() - d->started) / NS_PER_S;
	bytes_put_u8(&out, OP_REQUEST);
	bytes_put_u8(&out, 1);
	bytes_put_u8(&out, 6);
	bytes_put_u8(&out, 0);
	bytes_put_u32(&out, d->xid);
	bytes_put_u16(&out, seconds > UINT16_MAX ? UINT16_MAX : (uint16_t)seconds);
	bytes_put_u16(&out, !holds && d->tries >= DHCP_BROADCAST_AFTER ? FLAG_BROADCAST : 0);
	bytes_put_u32(&out, holds ? i->address : 0);
	bytes_put(&out, 12); /* yiaddr, siaddr, giaddr */
	bytes_put_copy(&out, i->mac, 6);
	bytes_put(&out, 10 + NAME_SIZE + FILE_SIZE);
	bytes_put_u32(&out, COOKIE);
	bytes_put_u8(&out, TYPE);
	bytes_put_u8(&out, 1);
	bytes_put_u8(&out, (uint8_t)type);
	client_put(&out, i->mac);
	/* RFC 2131 table 5: which message has which options */
	if (d->state == DHCP_REQUESTING || type == DECLINE)
		option_u32(&out, ADDRESS, d->lease.address);
	if (d->state == DHCP_REQUESTING || ends)
		option_u32(&out, SERVER, d->lease.server);
	if (!ends) {
		uint32_t name = (uint32_t)strlen(interface_host_name);
		bytes_put_u8(&out, HOST_NAME);
		bytes_put_u8(&out, (uint8_t)name);
		bytes_put_copy(&out, interface_host_name, name);
		bytes_put_u8(&out, SIZE_MAX_);
		bytes_put_u8(&out, 2);
		bytes_put_u16(&out, i->device_mtu);
		bytes_put_u8(&out, PARAMETERS);
		bytes_put_u8(&out, sizeof wanted);
		bytes_put_copy(&out, wanted, sizeof wanted);
	}
	bytes_put_u8(&out, END);
	uint32_t size = out.at < MESSAGE_MIN ? MESSAGE_MIN : out.at;
	struct ip4_route r = { .interface = i,
		               .source = holds ? i->address : 0,
		               .destination = d->state == DHCP_RENEWING || type == RELEASE
		                                      ? d->lease.server
		                                      : IP4_BROADCAST };
	if (type == RELEASE) { /* there is no time left to ask ARP */
		r.mac_known = true;
		memcpy(r.mac, d->server_mac, sizeof r.mac);
	}
	udp_send_by(&r, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, buffer,
	            size); /* lost: the timer sends another */
}

/* ---- In ---- */

/* The parts of a message that hold options, in the order of RFC 3396 §5. */
struct fields {
	struct bytes_in part[3];
	uint32_t count;
};

/* What all instances of an option say, one behind the other (RFC 3396 §7). */
struct value {
	uint8_t bytes[DHCP_OPTION_MAX];
	struct bytes_in in;
};

/* False: it is not there, or it is longer than anybody's. An option that runs over its field ends that field: what
 * stands before it counts. */
static bool find(const struct fields *f, enum option wanted, struct value *v)
{
	struct bytes_out out = bytes_out(v->bytes, sizeof v->bytes);
	bool found = false;
	for (uint32_t k = 0; k < f->count; k++) {
		struct bytes_in in = f->part[k];
		while (bytes_left(&in)) {
			uint8_t option = bytes_get_u8(&in);
			if (option == PAD)
				continue;
			struct bytes_in part = { 0 };
			if (option != END)
				part = bytes_slice(&in, bytes_get_u8(&in));
			if (option == END || part.failed || in.failed)
				break;
			if (option != wanted)
				continue;
			found = true;
			bytes_put_copy(&out, part.base, part.size);
		}
	}
	v->in = bytes_in(v->bytes, out.at);
	return found && !out.failed;
}

/* An option that is one number. `to` keeps what it is if the option is not there or not of that size. */
static bool find_number(const struct fields *f, enum option option, uint32_t size, uint32_t *to)
{
	struct value v;
	if (!find(f, option, &v) || bytes_left(&v.in) != size)
		return false;
	*to = size == 1   ? bytes_get_u8(&v.in)
	      : size == 2 ? bytes_get_u16(&v.in)
	                  : bytes_get_u32(&v.in);
	return true;
}

static void find_servers(const struct fields *f, enum option option, uint32_t to[DHCP_SERVERS_MAX])
{
	struct value v;
	if (!find(f, option, &v) || bytes_left(&v.in) % 4)
		return;
	for (uint32_t k = 0; k < DHCP_SERVERS_MAX && bytes_left(&v.in); k++)
		to[k] = bytes_get_u32(&v.in);
}

static void find_name(const struct fields *f, enum option option, char to[DHCP_NAME_MAX])
{
	struct value v;
	if (!find(f, option, &v))
		return;
	uint32_t left = bytes_left(&v.in), n = left < DHCP_NAME_MAX - 1 ? left : DHCP_NAME_MAX - 1;
	bytes_copy(&v.in, to, n);
	to[n] = 0;
}

/* RFC 3442. Where it is there and makes sense, the router's option does not count. */
static bool find_routes(const struct fields *f, struct dhcp_lease *l)
{
	struct value v;
	if (!find(f, ROUTES, &v) || !bytes_left(&v.in))
		return false;
	l->route_count = 0;
	l->gateway = 0;
	while (bytes_left(&v.in)) {
		uint8_t octets[4] = { 0 };
		struct dhcp_route r = { .prefix = bytes_get_u8(&v.in) };
		if (r.prefix > 32 || !bytes_copy(&v.in, octets, (r.prefix + 7u) / 8))
			return false;
		r.destination = bytes_load_u32(octets);
		r.gateway = bytes_get_u32(&v.in);
		if (v.in.failed)
			return false;
		if (!r.prefix && r.gateway && !l->gateway)
			l->gateway = r.gateway;
		else if (l->route_count < DHCP_ROUTES_MAX)
			l->routes[l->route_count++] = r;
	}
	return true;
}

/* What a lease cannot do without. An absent mask is that of the address' class (RFC 791 §3.2). */
static bool lease_decode(const struct fields *f, struct dhcp_lease *l)
{
	struct value v;
	uint32_t mask;
	if (find_number(f, MASK, 4, &mask)) {
		l->prefix = (uint8_t)__builtin_popcount(mask);
		if (mask != prefix_mask(l->prefix))
			return false;
	} else if (find(f, MASK, &v)) {
		return false;
	} else {
		l->prefix = l->address >> 31 == 0 ? 8 : l->address >> 30 == 2 ? 16 : 24;
	}
	return find_number(f, LEASE, 4, &l->seconds) && l->seconds >= DHCP_LEASE_LEAST_S &&
	       l->prefix && interface_address_fits(l->address, l->prefix);
}

/* What is good to know. One of these that is wrong is as if it were not there. */
static void extras_decode(const struct fields *f, struct dhcp_lease *l)
{
	uint32_t mtu = 0;
	find_servers(f, RESOLVER, l->resolvers);
	find_servers(f, TIME_SERVER, l->time_servers);
	find_name(f, HOST_NAME, l->host_name);
	find_name(f, DOMAIN_NAME, l->domain_name);
	find_number(f, MTU, 2, &mtu);
	l->mtu = (uint16_t)mtu;
	find_number(f, T1, 4, &l->t1);
	find_number(f, T2, 4, &l->t2);
	/* RFC 2131 §4.4.5: the defaults, also for what contradicts itself */
	if (!l->t2 || l->t2 >= l->seconds)
		l->t2 = (uint32_t)(l->seconds * 7ull / 8);
	if (!l->t1 || l->t1 >= l->t2)
		l->t1 = l->seconds / 2 < l->t2 ? l->seconds / 2 : l->t2;
	if (!find_routes(f, l)) {
		uint32_t routers[DHCP_SERVERS_MAX] = { 0 };
		find_servers(f, ROUTER, routers);
		l->route_count = 0;
		l->gateway = routers[0]; /* the first one is preferred */
	}
	if (l->gateway && (!ip4_source_fits(l->gateway) || l->gateway == l->address))
		l->gateway = 0;
}

/* RFC 6842: a message that names a client names us. */
static bool names_us(const struct fields *f, const uint8_t mac[6])
{
	struct value v;
	if (!find(f, CLIENT, &v) || bytes_left(&v.in) < 2)
		return true; /* less is no client (RFC 2132 §9.14) */
	const uint8_t *id = bytes_get(&v.in, 7);
	return id && !bytes_left(&v.in) && id[0] == 1 && memcmp(id + 1, mac, 6) == 0;
}

/* True: a message of a server to us, in answer to ours, that can be acted upon. */
static bool message_decode(struct dhcp *d, const struct udp_packet *p, struct message *m)
{
	struct interface *i = owner(d);
	struct bytes_in in = bytes_in(p->payload, p->size);
	uint8_t op = bytes_get_u8(&in), hardware = bytes_get_u8(&in), size = bytes_get_u8(&in);
	bytes_skip(&in, 1);
	uint32_t xid = bytes_get_u32(&in), type = 0, overload = 0;
	bytes_skip(&in, 8); /* secs, flags, ciaddr */
	uint32_t address = bytes_get_u32(&in);
	bytes_skip(&in, 8); /* siaddr, giaddr */
	const uint8_t *mac = bytes_get(&in, 16);
	struct bytes_in name = bytes_slice(&in, NAME_SIZE), file = bytes_slice(&in, FILE_SIZE);
	uint32_t cookie = bytes_get_u32(&in);
	*m = (struct message){ .lease = { .address = address } };
	if (in.failed || op != OP_REPLY || hardware != 1 || size != 6 || cookie != COOKIE ||
	    p->source_port != DHCP_SERVER_PORT || xid != d->xid || memcmp(mac, i->mac, 6) != 0)
		return false;
	struct fields f = { .part = { bytes_slice(&in, bytes_left(&in)) }, .count = 1 };
	struct value v;
	if (find_number(&f, OVERLOAD, 1, &overload) ? overload < 1 || overload > 3
	                                            : find(&f, OVERLOAD, &v))
		return false;
	if (overload & 1)
		f.part[f.count++] = file;
	if (overload & 2)
		f.part[f.count++] = name;
	if (!find_number(&f, TYPE, 1, &type) || !find_number(&f, SERVER, 4, &m->lease.server) ||
	    !ip4_source_fits(m->lease.server) || !names_us(&f, i->mac))
		return false;
	m->type = (uint8_t)type;
	if (type == NAK)
		return true;
	if ((type != OFFER && type != ACK) || !lease_decode(&f, &m->lease))
		return false;
	extras_decode(&f, &m->lease);
	return true;
}

/* ---- States ---- */

static void enter(struct dhcp *, enum dhcp_state);

static uint64_t lease_point(const struct dhcp *d, uint32_t seconds)
{
	if (seconds == DHCP_LEASE_FOREVER)
		return CLOCK_NEVER;
	return d->requested + seconds * NS_PER_S;
}

static void expired(struct timer *);

/* Half of what is left until `end`, but a minute at least, and not past it (RFC 2131 §4.4.5). */
static void renew_later(struct dhcp *d, uint64_t end)
{
	uint64_t now = clock_coarse(), left = end > now ? end - now : 0;
	uint64_t wait = left / 2 > DHCP_RENEW_RETRY_LEAST_S * NS_PER_S
	                        ? left / 2
	                        : DHCP_RENEW_RETRY_LEAST_S * NS_PER_S;
	timer_set(&d->timer, wait < left ? now + wait : end, expired);
}

static void retry_later(struct dhcp *d)
{
	uint32_t seconds = DHCP_RETRY_FIRST_S << (d->tries < 5 ? d->tries - 1 : 4);
	uint64_t wait = seconds * NS_PER_S - NS_PER_S + random_below(2000) * NS_PER_MS;
	_Static_assert(DHCP_RETRY_FIRST_S << 4 == DHCP_RETRY_LAST_S, "the back-off's end");
	timer_set_in(&d->timer, wait, expired);
}

static void ask(struct dhcp *d)
{
	switch (d->state) {
	case DHCP_SELECTING:
		message_send(d, DISCOVER);
		d->tries++;
		retry_later(d);
		break;
	case DHCP_REQUESTING:
		message_send(d, REQUEST);
		d->tries++;
		retry_later(d);
		break;
	case DHCP_RENEWING:
	case DHCP_REBINDING:
		/* A number of its own for each, so that the answer's lease counts from the right
		 * question. */
		d->xid = random_u32();
		d->requested_last = clock_coarse();
		message_send(d, REQUEST);
		d->tries++;
		renew_later(d, lease_point(d, d->state == DHCP_RENEWING ? d->lease.t2
		                                                        : d->lease.seconds));
		break;
	default:
		break;
	}
}

static void probe(struct dhcp *d)
{
	arp_probe(owner(d), d->lease.address);
	d->probes++;
	timer_set_in(&d->timer, DHCP_PROBE_NS, expired);
}

static void bind(struct dhcp *d)
{
	struct interface *i = owner(d);
	struct dhcp_lease *l = &d->lease;
	bool fresh = i->address != l->address || i->prefix != l->prefix || i->gateway != l->gateway;
	i->route_count = i->route_own;
	for (uint32_t k = 0; k < l->route_count; k++)
		interface_route_add(
		        i, (struct interface_route){ .destination = l->routes[k].destination,
		                                     .prefix = l->routes[k].prefix,
		                                     .gateway = l->routes[k].gateway });
	i->mtu = l->mtu >= 576 && l->mtu < i->device_mtu ? l->mtu : i->device_mtu;
	memcpy(i->resolvers, l->resolvers, sizeof i->resolvers);
	if (fresh)
		interface_set_address(i, l->address, l->prefix, l->gateway);
	log_info("dhcp", "%s: lease of " IP4_FORMAT " from " IP4_FORMAT " for %u s",
	         interface_name(i), IP4_ARGS(l->address), IP4_ARGS(l->server), l->seconds);
	i->address_until = lease_point(d, l->seconds);
	if (l->seconds == DHCP_LEASE_FOREVER)
		timer_stop(&d->timer);
	else
		timer_set(&d->timer, lease_point(d, l->t1), expired);
}

/* The only place where the state changes. */
static void enter(struct dhcp *d, enum dhcp_state state)
{
	struct interface *i = owner(d);
	d->state = state;
	d->tries = 0;
	i->arp.probed = 0;
	switch (state) {
	case DHCP_OFF:
	case DHCP_INIT:
		interface_clear_address(i);
		d->lease = (struct dhcp_lease){ 0 };
		break; /* the caller sets the timer */
	case DHCP_SELECTING:
		d->xid = random_u32();
		ask(d);
		break;
	case DHCP_REQUESTING:
		d->requested = clock_coarse();
		ask(d);
		break;
	case DHCP_CHECKING:
		i->arp.probed = d->lease.address;
		d->probes = 0;
		probe(d);
		break;
	case DHCP_BOUND:
		bind(d);
		break;
	case DHCP_RENEWING:
	case DHCP_REBINDING:
		ask(d);
		break;
	}
}

static void restart(struct dhcp *d, uint64_t wait)
{
	enter(d, DHCP_INIT);
	timer_set_in(&d->timer, wait, expired);
}

/* The lease has ended. */
static void ended(struct interface *i)
{
	log_warning("dhcp",
	            "%s: the lease of " IP4_FORMAT
	            " has ended and no server renews it; looking for another",
	            interface_name(i), IP4_ARGS(i->dhcp.lease.address));
	restart(&i->dhcp, 0);
}

static void expired(struct timer *t)
{
	struct dhcp *d = container_of(t, struct dhcp, timer);
	struct interface *i = owner(d);
	uint64_t now = clock_coarse();
	if (d->state >= DHCP_CHECKING && now >= lease_point(d, d->lease.seconds)) {
		ended(i); /* however late this comes */
		return;
	}
	switch (d->state) {
	case DHCP_OFF:
		break;
	case DHCP_INIT:
		d->started = now;
		enter(d, DHCP_SELECTING);
		break;
	case DHCP_SELECTING:
		ask(d);
		break;
	case DHCP_REQUESTING:
		if (d->tries < DHCP_REQUESTS_MAX)
			ask(d);
		else
			restart(d, 0);
		break;
	case DHCP_CHECKING:
		if (d->probes < DHCP_PROBES)
			probe(d);
		else
			enter(d, DHCP_BOUND);
		break;
	case DHCP_BOUND:
		d->started = now;
		enter(d, DHCP_RENEWING);
		break;
	case DHCP_RENEWING:
		if (now < lease_point(d, d->lease.t2))
			ask(d);
		else
			enter(d, DHCP_REBINDING);
		break;
	case DHCP_REBINDING:
		ask(d);
		break;
	}
}

/* The way to the server, or to its relay. */
static void note_server(struct dhcp *d, const struct udp_packet *p)
{
	struct bytes_in in = frame_in(p->frame);
	const struct ethernet_header *h = (const void *)bytes_get(&in, sizeof *h);
	ensure(h);
	memcpy(d->server_mac, h->source, sizeof d->server_mac);
}

static void received(void *context, struct udp_packet *p)
{
	struct dhcp *d = context;
	struct interface *i = owner(d);
	struct message m;
	bool holds = d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;
	if (!message_decode(d, p, &m)) {
		interface_count(i, COUNT_DHCP_BAD);
		return;
	}
	if (d->state == DHCP_SELECTING && m.type == OFFER) {
		d->lease = m.lease; /* the first one that fits */
		enter(d, DHCP_REQUESTING);
	} else if (m.type == ACK && d->state == DHCP_REQUESTING &&
	           m.lease.server == d->lease.server) {
		note_server(d, p);
		d->lease = m.lease;
		enter(d, DHCP_CHECKING);
	} else if (m.type == ACK && holds && m.lease.address == i->address) {
		note_server(d, p);
		d->lease = m.lease;
		d->requested = d->requested_last;
		enter(d, DHCP_BOUND);
	} else if (m.type == NAK &&
	           (holds || (d->state == DHCP_REQUESTING && m.lease.server == d->lease.server))) {
		log_warning("dhcp",
		            "%s: " IP4_FORMAT " refuses the address " IP4_FORMAT
		            "; looking for another",
		            interface_name(i), IP4_ARGS(m.lease.server),
		            IP4_ARGS(d->lease.address));
		restart(d, DHCP_NAK_NS);
	}
}

static void conflict(struct interface *i)
{
	struct dhcp *d = &i->dhcp;
	if (d->state < DHCP_CHECKING)
		return;
	log_warning("dhcp",
	            "%s: somebody else uses " IP4_FORMAT "; declined, looking for another address",
	            interface_name(i), IP4_ARGS(d->lease.address));
	d->state = DHCP_CHECKING; /* RFC 2131 table 5: a DECLINE comes from no address */
	d->xid = random_u32();
	message_send(d, DECLINE);
	restart(d, DHCP_DECLINED_NS);
}

void dhcp_release(struct interface *i)
{
	struct dhcp *d = &i->dhcp;
	if (d->state < DHCP_BOUND)
		return;
	log_info("dhcp", "%s: " IP4_FORMAT " given back", interface_name(i), IP4_ARGS(i->address));
	d->xid = random_u32();
	message_send(d, RELEASE);
	i->device.source.flush(&i->device.source); /* the loop may not turn again */
	timer_stop(&d->timer);
	enter(d, DHCP_OFF);
}

/* At exit: and the tender has a moment to take the message, if this is a task, which can wait. */
static void release_all(void)
{
	for (uint32_t k = 0; k < interface_total(); k++) {
		struct interface *i = interface_at(k);
		if (i->dhcp.state < DHCP_BOUND)
			continue;
		dhcp_release(i);
		for (uint32_t n = 0; n < DHCP_RELEASE_MS && i->device.sending && task_self(); n++)
			task_sleep_until(clock_now() + NS_PER_MS);
	}
}

COLD void dhcp_moved(struct interface *i)
{
	if (i->dhcp.state != DHCP_BOUND)
		return; /* it is asking */
	i->dhcp.started = clock_coarse();
	enter(&i->dhcp, DHCP_RENEWING);
}

void dhcp_close(struct interface *i)
{
	struct dhcp *d = &i->dhcp;
	if (d->socket)
		udp_close(d->socket);
	timer_stop(&d->timer);
	*d = (struct dhcp){ 0 };
	i->address_ended = NULL;
	i->address_conflict = NULL;
}

int dhcp_open(struct interface *i)
{
	static bool registered;
	struct dhcp *d = &i->dhcp;
	int error = udp_open(&d->socket, i, DHCP_CLIENT_PORT, received, d);
	if (error)
		return error;
	if (!registered)
		registered = atexit(release_all) == 0;
	i->address_ended = ended;
	i->address_conflict = conflict;
	d->started = clock_coarse();
	enter(d, DHCP_SELECTING);
	return OK;
}

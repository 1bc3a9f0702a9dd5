/* SPDX-License-Identifier: ISC */
/*
 * One state, one timer, one transition function: enter(). Input comes by a UDP socket on port 68,
 * which also hears broadcasts, and unicasts to any address while the interface has none.
 * message_decode() checks a whole message; what acts on it cannot fail.
 *
 *   INIT -> SELECTING -offer-> REQUESTING -ack-> CHECKING -silence-> BOUND -T1-> RENEWING -T2->
 * REBINDING
 *    ^__________________________nak, too many tries, conflict, end of the
 * lease________________________|
 */
#include <net/dhcp.h>

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

enum type { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK };

/* RFC 2132 */
enum option {
	PAD = 0,
	MASK = 1,
	ROUTER = 3,
	RESOLVER = 6,
	HOST_NAME = 12,
	DOMAIN_NAME = 15,
	MTU = 26,
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
	END = 255
};

struct message {
	uint8_t type;
	uint8_t overload;
	bool mask, client_other; /* has a mask; names another client (RFC 6842) */
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
	static const uint8_t wanted[] = { MASK, ROUTER, RESOLVER, HOST_NAME, DOMAIN_NAME,
		                          MTU,  LEASE,  T1,       T2 };
	struct interface *i = owner(d);
	bool holds = d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;
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
	if (d->state == DHCP_REQUESTING || type == DECLINE) {
		option_u32(&out, ADDRESS, d->lease.address);
		option_u32(&out, SERVER, d->lease.server);
	}
	if (type != DECLINE) {
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
		               .destination = d->state == DHCP_RENEWING ? d->lease.server
		                                                        : IP4_BROADCAST };
	udp_send_by(&r, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, buffer,
	            size); /* lost: the timer sends another */
}

/* ---- In ---- */

static void name_decode(struct bytes_in *value, char to[DHCP_NAME_MAX])
{
	uint32_t n = bytes_left(value) < DHCP_NAME_MAX - 1 ? bytes_left(value) : DHCP_NAME_MAX - 1;
	bytes_copy(value, to, n);
	to[n] = 0;
}

/* One option. Returns false if its value cannot be right. */
static bool option_decode(struct message *m, uint8_t option, struct bytes_in value,
                          const uint8_t mac[6])
{
	struct dhcp_lease *l = &m->lease;
	uint32_t n = bytes_left(&value);
	switch (option) {
	case MASK: {
		uint32_t mask = bytes_get_u32(&value);
		m->mask = true;
		l->prefix = (uint8_t)__builtin_popcount(mask);
		return n == 4 && mask == prefix_mask(l->prefix);
	}
	case ROUTER:
		l->gateway = bytes_get_u32(&value); /* the first one is preferred */
		return n >= 4 && n % 4 == 0;
	case RESOLVER:
		for (uint32_t k = 0; k < 3 && bytes_left(&value) >= 4; k++)
			l->resolvers[k] = bytes_get_u32(&value);
		return n >= 4 && n % 4 == 0;
	case HOST_NAME:
		name_decode(&value, l->host_name);
		return n >= 1;
	case DOMAIN_NAME:
		name_decode(&value, l->domain_name);
		return n >= 1;
	case MTU:
		l->mtu = bytes_get_u16(&value);
		return n == 2;
	case LEASE:
		l->seconds = bytes_get_u32(&value);
		return n == 4;
	case T1:
		l->t1 = bytes_get_u32(&value);
		return n == 4;
	case T2:
		l->t2 = bytes_get_u32(&value);
		return n == 4;
	case SERVER:
		l->server = bytes_get_u32(&value);
		return n == 4 && ip4_source_fits(l->server);
	case TYPE:
		m->type = bytes_get_u8(&value);
		return n == 1;
	case OVERLOAD:
		m->overload = bytes_get_u8(&value);
		return n == 1 && m->overload >= 1 && m->overload <= 3;
	case CLIENT: {
		const uint8_t *id = bytes_get(&value, 7);
		m->client_other = n != 7 || !id || id[0] != 1 || memcmp(id + 1, mac, 6) != 0;
		return true;
	}
	default:
		return true;
	}
}

static bool options_decode(struct message *m, struct bytes_in in, const uint8_t mac[6])
{
	while (bytes_left(&in)) {
		uint8_t option = bytes_get_u8(&in);
		if (option == PAD)
			continue;
		if (option == END)
			return true;
		struct bytes_in value = bytes_slice(&in, bytes_get_u8(&in));
		if (value.failed || !option_decode(m, option, value, mac))
			return false;
	}
	return !in.failed;
}

/* True: a message of a server to us, in answer to ours, whose parts make sense. */
static bool message_decode(struct dhcp *d, const struct udp_packet *p, struct message *m)
{
	struct interface *i = owner(d);
	struct bytes_in in = bytes_in(p->payload, p->size);
	uint8_t op = bytes_get_u8(&in), type = bytes_get_u8(&in), size = bytes_get_u8(&in);
	bytes_skip(&in, 1);
	uint32_t xid = bytes_get_u32(&in);
	bytes_skip(&in, 8); /* secs, flags, ciaddr */
	uint32_t address = bytes_get_u32(&in);
	bytes_skip(&in, 8); /* siaddr, giaddr */
	const uint8_t *mac = bytes_get(&in, 16);
	struct bytes_in name = bytes_slice(&in, NAME_SIZE), file = bytes_slice(&in, FILE_SIZE);
	uint32_t cookie = bytes_get_u32(&in);
	*m = (struct message){ .lease = { .address = address } };
	if (in.failed || op != OP_REPLY || type != 1 || size != 6 || cookie != COOKIE ||
	    p->source_port != DHCP_SERVER_PORT || xid != d->xid || memcmp(mac, i->mac, 6) != 0)
		return false;
	if (!options_decode(m, in, i->mac))
		return false;
	if (m->overload & 1 && !options_decode(m, file, i->mac))
		return false;
	if (m->overload & 2 && !options_decode(m, name, i->mac))
		return false;
	struct dhcp_lease *l = &m->lease;
	if (m->client_other || !l->server)
		return false;
	if (m->type == NAK)
		return true;
	if (m->type != OFFER && m->type != ACK)
		return false;
	if (!m->mask) /* RFC 791 §3.2: by class */
		l->prefix = address >> 31 == 0 ? 8 : address >> 30 == 2 ? 16 : 24;
	/* RFC 2131 §4.4.5: the defaults, also for what contradicts itself */
	if (!l->t2 || l->t2 >= l->seconds)
		l->t2 = (uint32_t)(l->seconds * 7ull / 8);
	if (!l->t1 || l->t1 >= l->t2)
		l->t1 = l->seconds / 2 < l->t2 ? l->seconds / 2 : l->t2;
	if (l->gateway && (!ip4_source_fits(l->gateway) || l->gateway == address))
		l->gateway = 0;
	return l->seconds >= DHCP_LEASE_LEAST_S && l->prefix &&
	       interface_address_fits(address, l->prefix);
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
		break;
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
		d->lease = m.lease;
		enter(d, DHCP_CHECKING);
	} else if (m.type == ACK && holds && m.lease.address == i->address) {
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

int dhcp_open(struct interface *i)
{
	struct dhcp *d = &i->dhcp;
	int error = udp_open(&d->socket, i, DHCP_CLIENT_PORT, received, d);
	if (error)
		return error;
	i->address_ended = ended;
	i->address_conflict = conflict;
	d->started = clock_coarse();
	enter(d, DHCP_SELECTING);
	return OK;
}

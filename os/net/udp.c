/* SPDX-License-Identifier: ISC */
/*
 * Sockets lie in a hash table by port. A datagram for one with a callback is seen where it lies,
 * and answered there: udp_reply() writes the new headers over the old ones. One for a socket
 * without is copied and queued, since a reader may take its time and frames are few.
 */
#include <net/udp_internal.h>

#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/random.h>
#include <core/task.h>
#include <net/checksum.h>
#include <net/icmp.h>
#include <net/igmp.h>
#include <net/interface_internal.h>

#define BUCKETS         256u
#define UDP_PAYLOAD_MAX (IP4_PAYLOAD_MAX - sizeof(struct udp_header))
#define EPHEMERAL_FIRST 1024u /* RFC 6056 §3.2: the whole range, for more to guess */

struct datagram {
	struct list queue;
	struct net_address source;
	uint32_t size;
	uint16_t source_port;
	uint8_t bytes[];
};

struct udp_peer {
	struct net_address address;
	uint16_t port;
};

struct udp_membership {
	struct udp_membership *next;
	struct interface *interface;
	uint32_t group;
};

struct udp_socket {
	struct udp_socket *chain;
	struct interface *interface; /* null: all */
	udp_receive_fn *receive;     /* null: queue */
	void *context;
	struct udp_membership *groups;
	struct list queue; /* of struct datagram */
	struct task_queue readers;
	uint32_t queued;
	uint32_t blocked;   /* tasks inside udp_receive: the last one frees a closed socket */
	uint32_t ends;      /* how often an address has gone while tasks waited */
	udp_error_fn *tell; /* null: udp_receive returns errors */
	int error;          /* that it returns next; OK: none */
	struct udp_peer error_peer;
	struct udp_peer peers[UDP_PEERS_MAX]; /* it has sent to last, if it hears */
	uint8_t peer_next;
	uint16_t port;
	bool hears, closed;
};

/* What a callback's packet is part of. */
struct input {
	struct udp_packet packet;
	const struct ip4_packet *ip;
	bool replied;
};

static struct udp_socket *sockets[BUCKETS];
static bool hearing; /* a socket hears of errors: else images do not carry what tells them */

static struct udp_socket **bucket(uint16_t port)
{
	return &sockets[(port ^ port >> 8) & (BUCKETS - 1)];
}

static inline struct udp_socket *find(const struct interface *i, uint16_t port)
{
	struct udp_socket *s = *bucket(port);
	while (s && (s->port != port || (s->interface && s->interface != i)))
		s = s->chain;
	return s;
}

/* The place in the socket's list where the membership is, or would be put. */
static COLD struct udp_membership **membership(struct udp_socket *s, const struct interface *i,
                                               uint32_t group)
{
	struct udp_membership **at = &s->groups;
	while (*at && ((*at)->interface != i || (*at)->group != group))
		at = &(*at)->next;
	return at;
}

/* ---- In ---- */

static COLD void enqueue(struct udp_socket *s, const struct ip4_packet *p, uint16_t source_port,
                         const uint8_t *payload, uint32_t size)
{
	struct datagram *d = s->queued < UDP_QUEUE_MAX ? heap_alloc(sizeof *d + size) : NULL;
	if (!d) {
		interface_count(p->interface, COUNT_RX_QUEUE_FULL);
		return;
	}
	d->source = ip6_address_of(p->source);
	d->source_port = source_port;
	d->size = size;
	memcpy(d->bytes, payload, size);
	list_append(&s->queue, &d->queue);
	s->queued++;
	task_wake_one(&s->readers);
}

void udp_input(struct ip4_packet *p)
{
	struct interface *i = p->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	const struct udp_header *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	uint32_t size = bytes_load_u16(h->length);
	if (size < sizeof *h || size > p->size) {
		interface_count(i, size < sizeof *h ? COUNT_RX_BAD_HEADER : COUNT_RX_SHORT);
		return;
	}
	uint16_t port = bytes_load_u16(h->destination);
	uint16_t stored;
	memcpy(&stored, h->checksum, sizeof stored);
	if (!stored && ip6_is(p->source)) { /* RFC 8200 §8.1: there is one */
		interface_count(i, COUNT_RX_BAD_CHECKSUM);
		return;
	}
	if (stored && !p->checked) { /* RFC 768: zero means none */
		if (!ip4_checksum_good(p, (uint16_t)size, offsetof(struct udp_header, checksum))) {
			interface_count(i, COUNT_RX_BAD_CHECKSUM);
			return;
		}
	}
	if (!i->address && port != DHCP_CLIENT_PORT && !ip6_is(p->destination) &&
	    !interface_has(i, p->destination)) {
		interface_count(i, COUNT_RX_OTHER_ADDRESS);
		return;
	}
	struct udp_socket *s = find(i, port);
	if (!s ||
	    (ip4_multicast && p->destination >> 28 == 14 && !*membership(s, i, p->destination))) {
		interface_count(i, COUNT_RX_NO_PORT);
		icmp_error(p, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PORT); /* RFC 1122 §4.1.3.1 */
		return;
	}
	uint16_t source_port = bytes_load_u16(h->source);
	uint8_t *payload = p->payload + sizeof *h;
	if (!s->receive) {
		enqueue(s, p, source_port, payload, size - sizeof *h);
		return;
	}
	struct input input = { .packet = { .payload = payload,
		                           .size = size - sizeof *h,
		                           .room = p->room - sizeof *h,
		                           .source = ip6_address_of(p->source),
		                           .destination = ip6_address_of(p->destination),
		                           .source_port = source_port,
		                           .destination_port = port,
		                           .interface = i,
		                           .frame = p->frame },
		               .ip = p };
	s->receive(s->context, &input.packet);
}

/* ---- Out ---- */

int udp_reply(struct udp_packet *packet, uint32_t size)
{
	struct input *input = container_of(packet, struct input, packet);
	const struct ip4_packet *p = input->ip;
	struct interface *i = p->interface;
	/* From where the question went to, or from our address if that was a broadcast. */
	uint32_t source = p->group ? interface_source(i, p->source) : p->destination;
	if (input->replied || !packet->source_port || !interface_has(i, source))
		return ERR_INVALID;
	if (size > packet->room) {
		interface_count(i, COUNT_TX_TOO_BIG);
		return ERR_TOO_BIG;
	}
	input->replied = true;
	uint16_t whole = (uint16_t)(size + sizeof(struct udp_header));
	struct udp_header *h = (void *)p->payload;
	bytes_store_u16(h->source, packet->destination_port);
	bytes_store_u16(h->destination, packet->source_port);
	bytes_store_u16(h->length, whole);
	memset(h->checksum, 0, sizeof h->checksum);
	uint64_t sum = ip4_pseudo(source, p->source, IP4_PROTOCOL_UDP, whole);
	checksum_store_udp(h->checksum, checksum_add(sum, h, whole));
	return ip4_reply(p, source, whole);
}

int udp_send_by(struct ip4_route *r, uint16_t source_port, uint16_t port, const void *bytes,
                uint32_t size)
{
	if (size > UDP_PAYLOAD_MAX) {
		interface_count(r->interface, COUNT_TX_TOO_BIG);
		return ERR_TOO_BIG;
	}
	struct udp_header h = { .checksum = { 0 } };
	uint16_t whole = (uint16_t)(size + sizeof h);
	bytes_store_u16(h.source, source_port);
	bytes_store_u16(h.destination, port);
	bytes_store_u16(h.length, whole);
	uint64_t sum = ip4_pseudo(r->source, r->destination, IP4_PROTOCOL_UDP, whole);
	checksum_store_udp(h.checksum, checksum_add(checksum_add(sum, &h, sizeof h), bytes, size));
	r->protocol = IP4_PROTOCOL_UDP;
	return ip4_send(r, &h, sizeof h, bytes, size);
}

static bool same_peer(struct udp_peer a, struct udp_peer b)
{
	return net_address_same(a.address, b.address) && a.port == b.port;
}

static void note_peer(struct udp_socket *s, struct udp_peer peer)
{
	for (uint32_t k = 0; k < UDP_PEERS_MAX; k++) {
		if (same_peer(s->peers[k], peer))
			return;
	}
	s->peers[s->peer_next++ % UDP_PEERS_MAX] = peer;
}

int udp_send(struct udp_socket *s, struct net_address destination, uint16_t port, const void *bytes,
             uint32_t size)
{
	struct ip4_route r = { .tos = 0 };
	if (!port)
		return ERR_INVALID;
	uint32_t to = ip6_word(destination, s->interface);
	int error = ip4_route(&r, s->interface, to);
	if (!error && s->hears)
		note_peer(s, (struct udp_peer){ destination, port });
	if (!error)
		error = udp_send_by(&r, s->port, port, bytes, size);
	ip6_drop(to);
	return error;
}

/* ---- What became of it ---- */

static void error_set(struct udp_socket *s, int error, struct udp_peer peer)
{
	if (s->tell) {
		s->tell(s->context, error, peer.address, peer.port);
		return;
	}
	s->error = error;
	s->error_peer = peer;
	task_wake_all(&s->readers);
}

/* Calls back with each socket that is open on the interface. It may be closed meanwhile, not others. */
static COLD void each_socket(struct interface *i,
                             void (*fn)(struct udp_socket *, struct interface *, uint32_t),
                             uint32_t address)
{
	for (uint32_t k = 0; k < BUCKETS; k++) {
		for (struct udp_socket *s = sockets[k], *next; s; s = next) {
			next = s->chain;
			if (!s->interface || s->interface == i)
				fn(s, i, address);
		}
	}
}

static COLD void end_waits(struct udp_socket *s, struct interface *i, uint32_t address)
{
	(void)i, (void)address;
	if (s->tell || !s->receive) {
		if (s->blocked) {
			s->ends++;
			task_wake_all(&s->readers);
		} else {
			error_set(s, ERR_UNREACHABLE, (struct udp_peer){ .port = 0 });
		}
	}
}

static COLD void address_gone(struct interface *i, uint32_t address)
{
	each_socket(i, end_waits, address);
}

static COLD bool goes_by(const struct interface *i, struct net_address address, uint32_t next_hop)
{
	uint32_t to = ip6_word(address, i);
	bool does = to && interface_next_hop(i, to) == next_hop;
	ip6_drop(to);
	return does;
}

static COLD void lose_peers(struct udp_socket *s, struct interface *i, uint32_t next_hop)
{
	for (uint32_t k = 0; s->hears && k < UDP_PEERS_MAX; k++) {
		struct udp_peer peer = s->peers[k];
		if (!peer.port || !goes_by(i, peer.address, next_hop))
			continue;
		s->peers[k].port = 0;
		error_set(s, ERR_UNREACHABLE, peer);
		return; /* the callback may have closed it */
	}
}

static COLD void unreachable(struct interface *i, uint32_t next_hop)
{
	if (hearing)
		each_socket(i, lose_peers, next_hop);
}

/* RFC 1122 §4.1.3.3. */
static COLD void report(const struct icmp_report *r)
{
	struct bytes_in in = bytes_in(r->quoted, r->quoted_size);
	uint16_t from = bytes_get_u16(&in);
	struct udp_peer peer = { ip6_address_of(r->destination), bytes_get_u16(&in) };
	struct udp_socket *s = in.failed ? NULL : find(r->interface, from);
	if (!s || !s->hears || (r->type != ICMP_UNREACHABLE && r->type != ICMP_TIME_EXCEEDED) ||
	    (r->type == ICMP_UNREACHABLE && r->code == ICMP_UNREACHABLE_FRAGMENTATION))
		return;
	bool refused = r->type == ICMP_UNREACHABLE &&
	               (r->code == ICMP_UNREACHABLE_PORT || r->code == ICMP_UNREACHABLE_PROTOCOL);
	for (uint32_t k = 0; k < UDP_PEERS_MAX; k++) {
		if (!same_peer(s->peers[k], peer))
			continue;
		error_set(s, refused ? ERR_REFUSED : ERR_UNREACHABLE, peer);
		return;
	}
}

COLD void udp_hear(struct udp_socket *s, udp_error_fn *tell)
{
	hearing = true;
	s->hears = true;
	s->tell = tell;
	icmp_report_set(IP4_PROTOCOL_UDP, report);
}

/* ---- Sockets ---- */

static bool taken(const struct interface *i, uint16_t port)
{
	for (struct udp_socket *s = *bucket(port); s; s = s->chain) {
		if (s->port == port && (!s->interface || !i || s->interface == i))
			return true;
	}
	return false;
}

/* RFC 6056 §3.3.1: at random, then on from there. 0: none is free. */
static COLD uint16_t free_port(const struct interface *i)
{
	uint32_t total = 65536 - EPHEMERAL_FIRST, at = random_below(total);
	for (uint32_t k = 0; k < total; k++) {
		uint16_t port = (uint16_t)(EPHEMERAL_FIRST + (at + k) % total);
		if (!taken(i, port))
			return port;
	}
	return 0;
}

static const struct ip4_protocol protocol = { .input = udp_input,
	                                      .address_gone = address_gone,
	                                      .unreachable = unreachable };

COLD int udp_open(struct udp_socket **to, struct interface *i, uint16_t port,
                  udp_receive_fn *receive, void *context)
{
	if (port ? taken(i, port) : !(port = free_port(i)))
		return ERR_EXISTS;
	struct udp_socket *s = heap_alloc_zero(1, sizeof *s);
	if (!s)
		return ERR_MEMORY;
	s->interface = i;
	s->port = port;
	s->receive = receive;
	s->context = context;
	list_init(&s->queue);
	task_queue_init(&s->readers);
	ip4_protocol_set(IP4_PROTOCOL_UDP, &protocol);
	ip4_udp = true;
	s->chain = *bucket(port);
	*bucket(port) = s;
	*to = s;
	return OK;
}

COLD int udp_join(struct udp_socket *s, struct interface *i, uint32_t group)
{
	i = i ? i : s->interface ? s->interface : interface_find(NULL);
	if (!i || (s->interface && s->interface != i) || group >> 28 != 14)
		return ERR_INVALID;
	struct udp_membership **at = membership(s, i, group);
	if (*at)
		return ERR_EXISTS;
	struct udp_membership *m = heap_alloc(sizeof *m);
	if (!m)
		return ERR_MEMORY;
	int error = igmp_join(i, group);
	if (error) {
		heap_free(m);
		return error;
	}
	*m = (struct udp_membership){ .interface = i, .group = group };
	*at = m;
	return OK;
}

static COLD void leave(struct udp_membership **at)
{
	struct udp_membership *m = *at;
	*at = m->next;
	igmp_leave(m->interface, m->group);
	heap_free(m);
}

COLD int udp_leave(struct udp_socket *s, struct interface *i, uint32_t group)
{
	i = i ? i : s->interface ? s->interface : interface_find(NULL);
	struct udp_membership **at = membership(s, i, group);
	if (!*at)
		return ERR_ABSENT;
	leave(at);
	return OK;
}

COLD void udp_close(struct udp_socket *s)
{
	while (ip4_multicast && s->groups)
		leave(&s->groups);
	struct udp_socket **at = bucket(s->port);
	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	for (struct list *l; (l = list_pop(&s->queue));)
		heap_free(container_of(l, struct datagram, queue));
	s->closed = true;
	if (s->blocked)
		task_wake_all(&s->readers);
	else
		heap_free(s);
}

uint16_t udp_port(const struct udp_socket *s)
{
	return s->port;
}

static COLD int error_take(struct udp_socket *s, struct net_address *source, uint16_t *source_port)
{
	int error = s->error;
	s->error = OK;
	if (source)
		*source = s->error_peer.address;
	if (source_port)
		*source_port = s->error_peer.port;
	return error;
}

int udp_receive(struct udp_socket *s, void *to, uint32_t size, struct net_address *source,
                uint16_t *source_port, uint64_t deadline_ns)
{
	int error = OK;
	uint32_t ends = s->ends;
	if (s->error)
		return error_take(s, source, source_port);
	while (list_empty(&s->queue) && !error) {
		s->blocked++;
		error = task_wait(&s->readers, deadline_ns);
		s->blocked--;
		if (s->closed) {
			if (!s->blocked)
				heap_free(s);
			return ERR_CLOSED;
		}
		if (s->ends != ends && !s->error) /* each task that waited hears of it */
			s->error_peer = (struct udp_peer){ .port = 0 }, s->error = ERR_UNREACHABLE;
		if (s->error)
			return error_take(s, source, source_port);
	}
	struct list *l = list_pop(&s->queue);
	if (!l)
		return error;
	struct datagram *d = container_of(l, struct datagram, queue);
	ensure(s->queued);
	s->queued--;
	if (source)
		*source = d->source;
	if (source_port)
		*source_port = d->source_port;
	int result = (int)d->size;
	if (d->size && size)
		memcpy(to, d->bytes, d->size < size ? d->size : size);
	heap_free(d);
	return result;
}

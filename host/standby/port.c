/* SPDX-License-Identifier: ISC */
/*
 * Two devices are ports of the same bridge: the waker's and that of whoever is awake. Where a MAC address is, the bridge learns
 * from what comes with it as its source: so each hand-over, there and back, is one frame from the new place to the bridge itself,
 * which knows no such protocol and drops it. Frames that came to the old place before that are passed on.
 *
 * A bridge sends what is for many to all its ports. A question for an address of one of a thousand who are awake would have
 * all of them look at it, and each that is woken asks and is asked. So their ports get nothing that is for many, and the waker
 * passes on what is for one of them, and what all of them have to know.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <standby/asked.h>
#include <standby/port.h>
#include <standby/sleepers.h>
#include <tender/device/link.h>
#include <tender/device/rtnl.h>
#include <tender/device/tap_host.h>

#define QUEUE        4096    /* frames that the waker's device keeps while it starts somebody */
#define NOBODY       0x88b5u /* IEEE 802: for local experiments */
#define SHORT_HEADER 10u     /* of struct amp_frame_header what a packet socket takes */
/* Devices that are made before somebody needs them, which takes longer than all else of a wake. 70 to 95 KiB each. */
#define SPARE      128u
#define RETURN_MAX 4096u /* frames: more than a device's queue has */

/* Answers to all nodes, and news, cost everybody: so many at once, and a second. */
#define ALL_BURST  64u
#define ALL_SECOND 16u

struct tap {
	int fd;
	uint32_t interface;
};

struct port {
	struct port *next;
	char bridge[IFNAMSIZ];
	uint32_t interface; /* the bridge's */
	uint8_t mac[6];     /* ... and its address */
	int mtu;
	uint32_t features; /* AMP_NET_*: what was agreed with each device that is lent */
	int fd, out,
	        watch; /* the waker's device; a packet socket to all of them; news of interfaces */
	struct sleepers sleepers;
	struct tap *pool;
	uint32_t pool_count, pool_room, spare; /* spare: as many as it begins to be lent with */
	uint32_t all_left;
	int64_t all_since; /* s */
};

static struct port *ports, *last;
static uint32_t group; /* of all devices that were made: they go as one */
static struct packets
        packets; /* of which the descriptor is wanted, and no memory is touched beside */

/* ---- Making ---- */

static int ask(unsigned long what, struct ifreq *r)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = s < 0 || ioctl(s, what, r) ? errno : 0;
	if (s >= 0)
		close(s);
	return error;
}

/* A TAP device as a port of the bridge. `offloads`: as for somebody who is woken. -1 with a defect, and nothing is left. */
static int make_device(struct port *p, bool offloads, struct tap *d, struct defect *why)
{
	struct tap_host host;
	struct ifreq r = { 0 };
	packets_begin(&packets);
	int failed = tap_attach(&host, &packets, TAP_NAME_ANY, offloads, why);
	d->fd = packets.fd;
	if (failed)
		goto out;
	memcpy(r.ifr_name, host.name, sizeof r.ifr_name - 1);
	d->interface = if_nametoindex(host.name);
	tap_address_high(host.name, !offloads);
	r.ifr_mtu = p->mtu;
	int error = ask(SIOCSIFMTU, &r);
	memset(&r, 0, sizeof r);
	memcpy(r.ifr_name, p->bridge, sizeof r.ifr_name);
	r.ifr_ifindex = (int)d->interface;
	error = error ? error : ask(SIOCBRADDIF, &r);
	if (!error) {
		rtnl_group(d->interface, group);
		if (offloads) {
			rtnl_quiet_port(d->interface);
			p->features = packets.features;
		}
		return 0;
	}
	failed = error == EOPNOTSUPP || error == EINVAL
	                 ? defect_set(why, "%s is not a bridge", p->bridge)
	                 : defect_set(why, "bridge %s: %s", p->bridge, strerror(error));
out:
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	return failed;
}

/* It changes with a bridge's ports. False: the bridge is gone. */
static bool read_address(struct port *p)
{
	struct ifreq r = { 0 };
	memcpy(r.ifr_name, p->bridge, sizeof r.ifr_name);
	if (ask(SIOCGIFHWADDR, &r))
		return false;
	memcpy(p->mac, r.ifr_hwaddr.sa_data, sizeof p->mac);
	return true;
}

static int make_port(struct port *p, struct defect *why)
{
	struct sock_filter program[ASKED_FILTER_SIZE];
	struct sock_fprog filter = { (unsigned short)asked_filter(program), program };
	struct ifreq r = { 0 };
	struct tap own;
	int one = 1;
	p->watch = link_watch(why); /* before the bridge is looked up */
	p->interface = if_nametoindex(p->bridge);
	memcpy(r.ifr_name, p->bridge, sizeof r.ifr_name);
	if (p->watch < 0)
		return -1;
	if (!p->interface)
		return defect_set(why,
		                  "there is no bridge %s: make it (ip link add %s type bridge; ip "
		                  "link set %s up)",
		                  p->bridge, p->bridge, p->bridge);
	int error = ask(SIOCGIFMTU, &r);
	p->mtu = r.ifr_mtu;
	if (error)
		return defect_set(why, "bridge %s: %s", p->bridge, strerror(error));
	p->out = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->out < 0 || setsockopt(p->out, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one))
		return defect_set(why, "cannot make a packet socket: %s", strerror(errno));
	if (make_device(p, false, &own, why))
		return -1;
	p->fd = own.fd;
	if (ioctl(p->fd, TUNATTACHFILTER, &filter))
		return defect_set(why, "no filter on %s: %s", p->bridge, strerror(errno));
	if (if_indextoname(own.interface, r.ifr_name)) {
		r.ifr_qlen = QUEUE;
		ask(SIOCSIFTXQLEN, &r);
	}
	return read_address(p) ? 0 : defect_set(why, "bridge %s was deleted", p->bridge);
}

struct port *port_open(const char *bridge, struct defect *why)
{
	for (struct port *p = ports; p; p = p->next)
		if (!strcmp(p->bridge, bridge))
			return p;
	if (!*bridge || strlen(bridge) >= IFNAMSIZ) {
		defect_set(why, "'%s' is no name for a bridge (1 to %d bytes)", bridge,
		           IFNAMSIZ - 1);
		return NULL;
	}
	while (!group)
		if (getrandom(&group, sizeof group, 0) < 0)
			group = 0;
	struct port *p = calloc(1, sizeof *p);
	if (!p) {
		defect_set(why, "no memory");
		return NULL;
	}
	*p = (struct port){ .fd = -1, .out = -1, .watch = -1 };
	strcpy(p->bridge, bridge);
	if (make_port(p, why)) {
		const int all[] = { p->fd, p->out, p->watch };
		for (unsigned i = 0; i < 3; i++)
			if (all[i] >= 0)
				close(all[i]);
		free(p);
		return NULL;
	}
	*(last ? &last->next : &ports) = p;
	last = p;
	return p;
}

struct port *port_first(void)
{
	return ports;
}

struct port *port_next(const struct port *p)
{
	return p->next;
}

const char *port_bridge(const struct port *p)
{
	return p->bridge;
}

int port_fd(const struct port *p)
{
	return p->fd;
}

int port_watch(const struct port *p)
{
	return p->watch;
}

bool port_is_gone(struct port *p)
{
	char news[8192];
	for (;;) {
		ssize_t n = read(p->watch, news, sizeof news);
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			break;
	}
	return if_nametoindex(p->bridge) != p->interface || !read_address(p);
}

int port_join(struct port *p, struct wire *w, const struct filter_wish *wish, uint32_t standby,
              uint8_t n, struct defect *why)
{
	enum sleepers_added added = sleepers_add(&p->sleepers, wish, standby, n);
	if (added == SLEEPERS_NO_MEMORY)
		return defect_set(why, "no memory");
	if (added != SLEEPERS_ADDED)
		return defect_set(why, "%s: there is a standby with that address behind %s already",
		                  w->name, p->bridge);
	w->sleeper = p->sleepers.count - 1;
	p->spare += p->spare < SPARE;
	w->port = p;
	return 0;
}

void port_leave(struct wire *w)
{
	sleepers_drop_last(&w->port->sleepers);
	held_drop(&w->held);
}

/* ---- Frames that come ---- */

/* The waker's device has headers before its frames, too, as all devices have that tap_host.h makes. */
static bool send_by(int fd, const uint8_t *frame, size_t size)
{
	struct amp_frame_header none = { 0 };
	struct iovec parts[] = { { &none, sizeof none }, { (void *)(uintptr_t)frame, size } };
	return writev(fd, parts, 2) >= 0;
}

static bool may_tell_all(struct port *p)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	if (t.tv_sec != p->all_since) {
		int64_t seconds = t.tv_sec - p->all_since;
		uint64_t left = p->all_left +
		                (seconds > ALL_BURST ? ALL_BURST : (uint64_t)seconds) * ALL_SECOND;
		p->all_left = left > ALL_BURST ? ALL_BURST : (uint32_t)left;
		p->all_since = t.tv_sec;
	}
	bool may = p->all_left;
	p->all_left -= may;
	return may;
}

bool port_read(struct port *p, struct port_frame *to, uint32_t *budget)
{
	static uint8_t bytes[sizeof(struct amp_frame_header) + AMP_PACKET_MAX];
	const uint8_t *frame = bytes + sizeof(struct amp_frame_header);
	struct asked_frame asked;
	for (; *budget; --*budget) {
		ssize_t n = read(p->fd, bytes, sizeof bytes);
		if (n < 0)
			return false;
		size_t size = (size_t)n < sizeof(struct amp_frame_header)
		                      ? 0
		                      : (size_t)n - sizeof(struct amp_frame_header);
		enum asked what = asked_of(&p->sleepers, frame, size, &asked);
		if (what == ASKED_ANSWER || (what == ASKED_ALL && may_tell_all(p)))
			send_by(p->fd, asked.answer, asked.answer_size);
		if (what == ASKED_NEWS && may_tell_all(p)) {
			*to = (struct port_frame){ .kind = PORT_NEWS,
				                   .bytes = frame,
				                   .size = size };
			--*budget;
			return true;
		}
		if (what != ASKED_TO_WAKE_UP && what != ASKED_AWAKE)
			continue;
		const struct sleeper *s = &p->sleepers.all[asked.sleeper];
		*to = (struct port_frame){ what == ASKED_AWAKE ? PORT_QUESTION : PORT_FOR_ONE,
			                   s->standby, s->wire, frame, size };
		--*budget;
		return true;
	}
	return false;
}

/* ---- There and back ---- */

/* Frames with this address as their target come here from now on. */
static void be_here(const struct port *p, int fd, const uint8_t mac[6])
{
	uint8_t frame[ETH_ZLEN] = { 0 };
	memcpy(frame, p->mac, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = NOBODY >> 8;
	frame[13] = NOBODY & 255;
	send_by(fd, frame, sizeof frame);
}

static void give(const struct wire *w, const uint8_t *header, const uint8_t *frame, size_t size)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons((uint16_t)(frame[12] << 8 | frame[13])),
		.sll_ifindex = (int)w->interface,
		.sll_halen = 6,
	};
	struct iovec parts[] = { { (void *)(uintptr_t)header, SHORT_HEADER },
		                 { (void *)(uintptr_t)frame, size } };
	struct msghdr m = { .msg_name = (void *)(uintptr_t)&to,
		            .msg_namelen = sizeof to,
		            .msg_iov = parts,
		            .msg_iovlen = 2 };
	/* What does not fit is lost, as from any queue. */
	while (sendmsg(w->port->out, &m, 0) < 0 && errno == EINTR)
		;
}

void port_pass_on(struct wire *w, const uint8_t *frame, size_t size)
{
	static const uint8_t none[SHORT_HEADER];
	if (w->fd < 0)
		held_add(&w->held, NULL, frame, size);
	else
		give(w, none, frame, size);
}

static bool put_back(struct port *p, struct tap d)
{
	if (p->pool_count == p->pool_room) {
		uint32_t room = p->pool_room * 2 + 16;
		struct tap *pool = realloc(p->pool, room * sizeof *pool);
		if (!pool)
			return false;
		p->pool = pool;
		p->pool_room = room;
	}
	p->pool[p->pool_count++] = d;
	return true;
}

bool port_wants_more(const struct port *p)
{
	return p->pool_count < p->spare;
}

void port_make_one(struct port *p)
{
	struct wire w = { .kind = WIRE_BRIDGE, .port = p };
	struct tap d;
	struct defect why;
	if (make_device(p, true, &d, &why)) {
		p->spare = 0; /* whoever is woken is told why */
		return;
	}
	w.fd = d.fd;
	wire_deaf(&w);
	if (!put_back(p, d)) {
		close(d.fd);
		p->spare = 0;
	}
}

static bool take_device(struct wire *w)
{
	struct port *p = w->port;
	struct tap d;
	struct defect why;
	if (p->pool_count) {
		d = p->pool[--p->pool_count];
	} else if (make_device(p, true, &d, &why)) {
		say("%s: cannot be woken: %s", w->name, why.text);
		return false;
	}
	w->fd = d.fd;
	w->interface = d.interface;
	w->features = p->features;
	return true;
}

bool port_lend(struct wire *w)
{
	struct sleeper *s = &w->port->sleepers.all[w->sleeper];
	if (w->fd < 0 && !take_device(w))
		return false;
	s->is_awake = true;
	wire_pass(w);
	be_here(w->port, w->fd, s->mac);
	for (struct held_frame *f; (f = held_take(&w->held)); free(f))
		give(w, f->bytes, f->bytes + sizeof(struct amp_frame_header),
		     f->size - sizeof(struct amp_frame_header));
	return true;
}

/* What came while nobody read any more. */
static void hold_rest(struct wire *w)
{
	static uint8_t bytes[sizeof(struct amp_frame_header) + AMP_PACKET_MAX];
	const uint8_t *frame = bytes + sizeof(struct amp_frame_header);
	const uint8_t *mac = w->port->sleepers.all[w->sleeper].mac;
	for (unsigned i = 0; i < RETURN_MAX; i++) {
		ssize_t n = read(w->fd, bytes, sizeof bytes);
		if (n < 0)
			return;
		size_t size = (size_t)n;
		if (size < sizeof(struct amp_frame_header) + ETH_HLEN)
			continue;
		struct asked_frame asked;
		size -= sizeof(struct amp_frame_header);
		if (!memcmp(frame, mac, 6) &&
		    asked_of(&w->port->sleepers, frame, size, &asked) == ASKED_TO_WAKE_UP)
			held_add(&w->held, bytes, frame, size);
	}
}

static void give_back(struct wire *w)
{
	struct ifreq r = { 0 };
	if (ioctl(w->fd, TUNGETIFF, &r) || !put_back(w->port, (struct tap){ w->fd, w->interface }))
		close(w->fd);
	w->fd = -1;
}

bool port_take_back(struct wire *w)
{
	struct port *p = w->port;
	struct sleeper *s = &p->sleepers.all[w->sleeper];
	if (w->fd >= 0) {
		be_here(p, p->fd, s->mac);
		wire_deaf(w);
		hold_rest(w);
		give_back(w);
	}
	s->is_awake = false;
	return !port_is_gone(p);
}

void port_close_all(void)
{
	if (ports)
		rtnl_delete_group(group);
}

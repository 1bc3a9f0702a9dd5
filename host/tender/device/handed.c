/* SPDX-License-Identifier: ISC */
/*
 * A network device over a descriptor that the caller hands in: a TAP device, a packet socket that is bound to an interface, a
 * stream socket (frames behind their lengths: net_stream.h) or a datagram socket (a frame each). Which of them it is, it says
 * itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/args.h>
#include <tender/device/handed.h>
#include <tender/device/packets.h>
#include <tender/device/raw_socket.h>
#include <tender/device/tap_host.h>

extern const struct device_kind device_handed;

#define MTU 1500u /* of what does not say its own */

struct handed {
	struct packets packets; /* first: packets.h */
	struct net_stream stream;
	int number;
	char tap[IFNAMSIZ]; /* its name, if it is one */
};

static const struct handed_tap *agreed;
static uint32_t agreed_count;

void handed_agreed(const struct handed_tap *all, uint32_t count)
{
	agreed = all;
	agreed_count = count;
}

static int wrong(int number, const char *is, struct defect *why)
{
	return defect_set(why,
	                  "descriptor %d is %s: want a TAP device, a packet socket bound to an "
	                  "interface, or a stream or datagram socket",
	                  number, is);
}

/* False: nobody has agreed. */
static bool take_agreed(struct handed *h, struct ifreq *r)
{
	for (uint32_t i = 0; i < agreed_count; i++) {
		const struct handed_tap *t = &agreed[i];
		if (t->fd != h->packets.fd)
			continue;
		memcpy(r->ifr_name, t->name, sizeof t->name);
		h->packets.features = t->features;
		h->packets.vnet = true;
		return true;
	}
	return false;
}

static int agree(struct handed *h, struct ifreq *r, bool offloads, struct defect *why)
{
	struct packets *p = &h->packets;
	if (ioctl(p->fd, TUNGETIFF, r))
		return wrong(h->number, "a device that is no TAP device", why);
	if (!(r->ifr_flags & IFF_TAP) || !(r->ifr_flags & IFF_NO_PI))
		return wrong(h->number,
		             r->ifr_flags & IFF_TAP ? "a TAP device without IFF_NO_PI"
		                                    : "a TUN device",
		             why);
	if (r->ifr_flags & IFF_VNET_HDR && !tap_agree(p, offloads))
		return defect_set(why, "its TAP device takes no packet headers: %s",
		                  strerror(errno));
	return 0;
}

static int take_tap(struct handed *h, bool offloads, struct defect *why)
{
	struct ifreq r = { 0 };
	struct packets *p = &h->packets;
	if (!take_agreed(h, &r) && agree(h, &r, offloads, why))
		return -1;
	memcpy(h->tap, r.ifr_name, sizeof h->tap - 1);
	p->mtu = MTU;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && !ioctl(s, SIOCGIFMTU, &r)) /* it may be of another namespace */
		p->mtu = (uint16_t)(r.ifr_mtu > UINT16_MAX ? UINT16_MAX : r.ifr_mtu);
	if (s >= 0)
		close(s);
	return 0;
}

static int take_socket(struct handed *h, bool offloads, struct defect *why)
{
	struct packets *p = &h->packets;
	int domain = 0, type = 0;
	socklen_t size = sizeof domain;
	getsockopt(p->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	size = sizeof type;
	getsockopt(p->fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (domain == AF_PACKET) {
		struct sockaddr_ll a = { 0 };
		size = sizeof a;
		if (getsockname(p->fd, (struct sockaddr *)&a, &size) || !a.sll_ifindex ||
		    type != SOCK_RAW)
			return wrong(h->number, "a packet socket without an interface", why);
		return raw_socket_agree(p, (uint32_t)a.sll_ifindex, offloads, why);
	}
	p->mtu = MTU;
	if (type == SOCK_STREAM && (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6)) {
		int listens = 0;
		size = sizeof listens;
		if (!getsockopt(p->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) && listens)
			return wrong(h->number, "a socket that listens", why);
		p->stream = &h->stream;
		return net_stream_open(p->stream, p->fd, AMP_PACKET_MAX, why);
	}
	if (domain == AF_UNIX)
		return 0;
	return wrong(h->number, "a socket of another kind", why);
}

static int take(struct handed *h, const char *text, bool offloads, struct defect *why)
{
	struct stat s;
	struct defect unused;
	uint64_t number;
	if (arg_parse(AMP_ARG_U16, text, &number, &unused) || number < 3)
		return defect_set(why, "want fd:NUMBER of a descriptor, from 3 on, not '%s'", text);
	h->number = (int)number;
	if (fstat(h->number, &s))
		return defect_set(why, "descriptor %d is not open", h->number);
	int flags = fcntl(h->number, F_GETFL);
	h->packets.fd = h->number;
	if (fcntl(h->number, F_SETFD, FD_CLOEXEC) || fcntl(h->number, F_SETFL, flags | O_NONBLOCK))
		return defect_set(why, "descriptor %d: %s", h->number, strerror(errno));
	if (S_ISCHR(s.st_mode))
		return take_tap(h, offloads, why);
	if (S_ISSOCK(s.st_mode))
		return take_socket(h, offloads, why);
	return wrong(h->number, S_ISREG(s.st_mode) ? "a file" : "neither a device nor a socket",
	             why);
}

static int handed_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	static const uint8_t none[6];
	struct handed *h = d->state;
	packets_begin(&h->packets);
	h->stream.room = -1;
	if (take(h, w->text, w->abi_minor >= 1, why))
		return h->packets.fd < 0 ? AMP_EXIT_USAGE : AMP_EXIT_TENDER;
	if (!memcmp(h->packets.mac, none, sizeof none))
		packets_take_mac(h->packets.mac, w, *h->tap ? h->tap : w->text);
	packets_opened(d);
	return 0;
}

static void handed_last_words(const struct device *d)
{
	const struct handed *h = d->state;
	if (h->stream.bad)
		say("device %s: descriptor %d brought a frame of %u bytes, which is none: frames "
		    "come behind "
		    "their length in 4 bytes, big-endian",
		    d->note->name, h->number, h->stream.bad);
	else if (*h->tap)
		say("device %s: its TAP device %s was deleted: make it again, then start the image "
		    "anew",
		    d->note->name, h->tap);
	else
		say("device %s: the other side of descriptor %d is gone: start the image anew",
		    d->note->name, h->number);
}

const struct device_kind device_handed = {
	.prefix = "fd:",
	.form = "fd:NUMBER",
	.help = "  --net NAME=fd:NUMBER      ... to an open descriptor: a TAP device, packet, "
	        "stream or "
	        "datagram socket\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct handed),
	.open = handed_open,
	.place = packets_place,
	.allow = packets_allow,
	.last_words = handed_last_words,
	.close = packets_close,
};

/* SPDX-License-Identifier: ISC */
/*
 * A network device over a TAP device of the host, through /dev/net/tun: of that name, or created and
 * set up. Checksums and segments as far as host and image have them; else each packet is a whole
 * one, with its checksum.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/packets.h>

extern const struct device_kind device_tap;

struct tap {
	struct packets packets; /* first: packets.h */
	char name[16];
	bool created; /* by us; goes when its descriptor is closed */
};

static int explain(const char *name, bool existed, int error, struct defect *why)
{
	if (error == EBUSY)
		return defect_set(why, "TAP device %s is in use by another process", name);
	if (error == EPERM)
		return defect_set(
		        why,
		        "no permission to %s TAP device %s: run as root, or give it to this user "
		        "with `ip tuntap add dev %s mode tap user $USER`",
		        existed ? "use" : "create", name, name);
	if (error == EINVAL && existed)
		return defect_set(why, "%s is not a TAP device, or one with several queues", name);
	return defect_set(why, "TAP device %s: %s", name, strerror(error));
}

/* Tells the host what we take and asks for the header. What another program asked of a lasting
 * device goes. False: the host would put a header of another size before each packet. */
static bool agree(struct packets *p, bool offloads)
{
	int header = sizeof(struct amp_frame_header), little = 1;
	if (ioctl(p->fd, TUNSETVNETHDRSZ, &header))
		return false;
	p->vnet = true;
	ioctl(p->fd, TUNSETVNETLE, &little); /* where it is not known, it is so anyway */
	if (!offloads) {
		ioctl(p->fd, TUNSETOFFLOAD, 0);
		return true;
	}
	if (!ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN))
		p->features = AMP_NET_RX_CHECKSUM | AMP_NET_RX_LARGE;
	else if (!ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM))
		p->features = AMP_NET_RX_CHECKSUM;
	/* Out, the kernel takes whatever a header says. */
	p->features |= AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT;
	return true;
}

/* Up, if it is ours to say; learns its MTU. */
static int set_up(struct tap *tap, struct ifreq *r, struct defect *why)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = s >= 0;
	if (ok && tap->created) {
		ok = !ioctl(s, SIOCGIFFLAGS, r);
		r->ifr_flags |= IFF_UP;
		ok = ok && !ioctl(s, SIOCSIFFLAGS, r);
	}
	ok = ok && !ioctl(s, SIOCGIFMTU, r);
	if (!ok)
		defect_set(why, "cannot set up TAP device %s: %s", tap->name, strerror(errno));
	if (s >= 0)
		close(s);
	tap->packets.mtu = (uint16_t)(r->ifr_mtu > UINT16_MAX ? UINT16_MAX : r->ifr_mtu);
	return ok ? 0 : -1;
}

static int attach(struct tap *tap, const char *name, bool offloads, struct defect *why)
{
	struct ifreq r = { 0 };
	if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/') || strchr(name, '%') ||
	    strchr(name, ' '))
		return defect_set(why, "'%s' is no name for a TAP device (1 to %d bytes)", name,
		                  IFNAMSIZ - 1);
	memcpy(r.ifr_name, name, strlen(name));
	int fd = tap->packets.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return defect_set(why, "cannot open /dev/net/tun: %s", strerror(errno));
	bool existed = if_nametoindex(name);
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &r))
		return explain(name, existed, errno, why);
	tap->created = !existed;
	memcpy(tap->name, r.ifr_name, sizeof tap->name);
	if (!agree(&tap->packets, offloads))
		return defect_set(why, "TAP device %s takes no packet headers of %zu bytes: %s",
		                  name, sizeof(struct amp_frame_header), strerror(errno));
	return set_up(tap, &r, why);
}

static int tap_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct tap *tap = d->state;
	tap->packets.fd = -1;
	if (attach(tap, w->text, w->abi_minor >= 1, why))
		return AMP_EXIT_TENDER;
	packets_mac(tap->packets.mac, w->image, w->note->name, w->text);
	packets_opened(d);
	return 0;
}

static void tap_last_words(const struct device *d)
{
	const struct tap *tap = d->state;
	if (tap->created)
		say("device %s: its TAP device %s was deleted: start the image anew", d->note->name,
		    tap->name);
	else
		say("device %s: its TAP device %s was deleted: make it again (ip tuntap add dev %s "
		    "mode tap), then start the image anew",
		    d->note->name, tap->name, tap->name);
}

const struct device_kind device_tap = {
	.prefix = "tap:",
	.form = "tap:INTERFACE",
	.help = "  --net NAME=tap:INTERFACE  connects the image's network device NAME to a TAP "
	        "device, "
	        "which is\n"
	        "                            created for this run if it does not exist\n",
	.type = &device_type_net,
	.state_size = sizeof(struct tap),
	.open = tap_open,
	.need = packets_need,
	.place = packets_place,
	.pass = packets_pass,
	.ready = packets_ready,
	.pending = packets_pending,
	.wakeup = packets_wakeup,
	.polls = packets_polls,
	.report = packets_report,
	.last_words = tap_last_words,
	.close = packets_close,
};

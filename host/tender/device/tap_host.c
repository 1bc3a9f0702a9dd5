/* SPDX-License-Identifier: ISC */
/* /dev/net/tun (Documentation/networking/tuntap.rst of Linux). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/tap_host.h>

static int explain(const char *name, bool existed, int error, struct defect *why)
{
	if (error == EBUSY)
		return defect_set(why, "TAP device %s is in use by another process", name);
	if (error == EPERM)
		return defect_set(why,
		                  "no permission to %s TAP device %s: use -p, which needs no "
		                  "rights, or have root "
		                  "give it to this user (ip tuntap add dev %s mode tap user $USER)",
		                  existed ? "use" : "create", name, name);
	if (error == EINVAL && existed)
		return defect_set(why, "%s is not a TAP device, or one with several queues", name);
	return defect_set(why, "TAP device %s: %s", name, strerror(error));
}

/* What another program asked of a lasting device goes, its filter above all: the kernel keeps an address of its memory. */
bool tap_agree(struct packets *p, bool offloads)
{
	int header = sizeof(struct amp_frame_header), little = 1;
	ioctl(p->fd, TUNDETACHFILTER, NULL);
	if (ioctl(p->fd, TUNSETVNETHDRSZ, &header))
		return false;
	p->vnet = true;
	ioctl(p->fd, TUNSETVNETLE, &little); /* where it is not known, it is so anyway */
	if (!offloads) {
		ioctl(p->fd, TUNSETOFFLOAD, 0);
		return true;
	}
	if (!ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) ||
	    !ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN))
		p->features = AMP_NET_RX_CHECKSUM | AMP_NET_RX_LARGE;
	else if (!ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM))
		p->features = AMP_NET_RX_CHECKSUM;
	/* Out, the kernel takes whatever a header says. */
	p->features |= AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT | AMP_NET_TX_SEGMENT6;
	return true;
}

void tap_address_high(const char *name, bool first)
{
	struct ifreq r = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	uint8_t *mac = (uint8_t *)r.ifr_hwaddr.sa_data;
	memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && getrandom(mac, 6, 0) == 6) {
		mac[0] = 0xfe; /* one host's, and locally administered */
		mac[1] = (uint8_t)(first ? mac[1] & 0x7f : mac[1] | 0x80);
		ioctl(s, SIOCSIFHWADDR, &r); /* else it is as it was */
	}
	if (s >= 0)
		close(s);
}

/* Up, if it is ours to say; learns its MTU. */
static int set_up(struct tap_host *tap, struct packets *p, struct ifreq *r, struct defect *why)
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
	p->mtu = (uint16_t)(r->ifr_mtu > UINT16_MAX ? UINT16_MAX : r->ifr_mtu);
	return ok ? 0 : -1;
}

static int tap_closed(struct defect *why)
{
	int error = errno;
	if (error == EACCES || error == EPERM)
		return defect_set(why,
		                  "this user may not open /dev/net/tun: use -p, which needs no "
		                  "rights, or have root allow it to this user alone (setfacl -m "
		                  "u:$USER:rw /dev/net/tun)");
	return defect_set(why, "cannot open /dev/net/tun: %s%s", strerror(error),
	                  error == ENOENT || error == ENODEV
	                          ? ": load the module (modprobe tun), or use -p"
	                          : "");
}

int tap_attach(struct tap_host *tap, struct packets *p, const char *name, bool offloads,
               struct defect *why)
{
	struct ifreq r = { 0 };
	if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/') ||
	    (strchr(name, '%') && strcmp(name, TAP_NAME_ANY)) || strchr(name, ' '))
		return defect_set(why, "'%s' is no name for a TAP device (1 to %d bytes)", name,
		                  IFNAMSIZ - 1);
	memcpy(r.ifr_name, name, strlen(name));
	int fd = p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return tap_closed(why);
	bool existed = if_nametoindex(name);
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NOFILTER;
	if (ioctl(fd, TUNSETIFF, &r))
		return explain(name, existed, errno, why);
	tap->created = !existed;
	memcpy(tap->name, r.ifr_name, sizeof tap->name);
	if (!tap_agree(p, offloads))
		return defect_set(why, "TAP device %s takes no packet headers of %zu bytes: %s",
		                  name, sizeof(struct amp_frame_header), strerror(errno));
	return set_up(tap, p, &r, why);
}

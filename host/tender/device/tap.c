/* SPDX-License-Identifier: ISC */
/* TAP devices through /dev/net/tun. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/tap.h>

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
static bool agree(struct tap *tap, bool offloads)
{
	int header = sizeof(struct amp_frame_header), little = 1;
	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header))
		return false;
	tap->vnet = true;
	ioctl(tap->fd, TUNSETVNETLE, &little); /* where it is not known, it is so anyway */
	if (!offloads) {
		ioctl(tap->fd, TUNSETOFFLOAD, 0);
		return true;
	}
	if (!ioctl(tap->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN))
		tap->features = AMP_NET_RX_CHECKSUM | AMP_NET_RX_LARGE;
	else if (!ioctl(tap->fd, TUNSETOFFLOAD, TUN_F_CSUM))
		tap->features = AMP_NET_RX_CHECKSUM;
	/* Out, the kernel takes whatever a header says. */
	tap->features |= AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT;
	return true;
}

int tap_open(struct tap *tap, const char *name, bool offloads, struct defect *why)
{
	struct ifreq r = { 0 };
	if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/') || strchr(name, '%') ||
	    strchr(name, ' '))
		return defect_set(why, "'%s' is no name for a TAP device (1 to %d bytes)", name,
		                  IFNAMSIZ - 1);
	memcpy(r.ifr_name, name, strlen(name));
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return defect_set(why, "cannot open /dev/net/tun: %s", strerror(errno));
	bool existed = if_nametoindex(name);
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &r)) {
		explain(name, existed, errno, why);
		close(fd);
		return -1;
	}
	*tap = (struct tap){ .fd = fd, .created = !existed };
	memcpy(tap->name, r.ifr_name, sizeof tap->name);
	if (!agree(tap, offloads)) {
		defect_set(why, "TAP device %s takes no packet headers of %zu bytes: %s", name,
		           sizeof(struct amp_frame_header), strerror(errno));
		close(fd);
		return -1;
	}
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = s >= 0;
	if (ok && !existed) {
		ok = !ioctl(s, SIOCGIFFLAGS, &r);
		r.ifr_flags |= IFF_UP;
		ok = ok && !ioctl(s, SIOCSIFFLAGS, &r);
	}
	ok = ok && !ioctl(s, SIOCGIFMTU, &r);
	if (!ok) {
		defect_set(why, "cannot set up TAP device %s: %s", name, strerror(errno));
		close(fd);
	}
	if (s >= 0)
		close(s);
	tap->mtu = (uint16_t)(r.ifr_mtu > UINT16_MAX ? UINT16_MAX : r.ifr_mtu);
	return ok ? 0 : -1;
}

/* FNV-1a, 64 bits, by a separator per part: names need no secrecy, only to differ. */
static uint64_t mix(uint64_t h, const char *text)
{
	do
		h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
	while (*text++);
	return h;
}

void tap_mac(uint8_t mac[6], const char *image, const char *device, const char *name)
{
	char host[64] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, host, sizeof host - 1);
		host[n > 0 ? n : 0] = 0;
		close(fd);
	}
	uint64_t h = mix(mix(mix(mix(0xcbf29ce484222325ull, host), image), device), name);
	h ^= h >> 32;
	memcpy(mac, &h, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2); /* unicast, locally administered (IEEE 802) */
}

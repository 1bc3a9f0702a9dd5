/* SPDX-License-Identifier: ISC */
/* A network device in a bridge of the host: a TAP device that is made and attached for this run, and goes with it. */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/packets.h>
#include <tender/device/tap_host.h>

extern const struct device_kind device_bridge;

struct bridge {
	struct packets packets; /* first: packets.h */
	struct tap_host host;
	char name[IFNAMSIZ];
};

static int explain(const char *name, int error, struct defect *why)
{
	if (error == ENODEV)
		return defect_set(why,
		                  "there is no bridge %s: make it (ip link add %s type bridge; ip "
		                  "link set %s up)",
		                  name, name, name);
	if (error == EOPNOTSUPP || error == EINVAL)
		return defect_set(why, "%s is not a bridge", name);
	if (error == EPERM)
		return defect_set(
		        why,
		        "no permission to attach to bridge %s: use -p, which needs no "
		        "rights, or have root make a TAP device of this user there (ip "
		        "tuntap add dev tap0 mode tap user $USER; ip link set tap0 master "
		        "%s up) for tap:tap0",
		        name, name);
	return defect_set(why, "bridge %s: %s", name, strerror(error));
}

static int ask(unsigned long what, struct ifreq *r)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = s < 0 || ioctl(s, what, r) ? errno : 0;
	if (s >= 0)
		close(s);
	return error;
}

static int attach(struct bridge *b, const char *name, bool offloads, struct defect *why)
{
	struct ifreq r = { 0 };
	if (!*name || strlen(name) >= IFNAMSIZ)
		return defect_set(why, "'%s' is no name for a bridge (1 to %d bytes)", name,
		                  IFNAMSIZ - 1);
	strcpy(b->name, name);
	strcpy(r.ifr_name, name);
	if (!if_nametoindex(name))
		return explain(name, ENODEV, why);
	int error = ask(SIOCGIFMTU, &r), mtu = r.ifr_mtu;
	if (error)
		return explain(name, error, why);
	if (tap_attach(&b->host, &b->packets, TAP_NAME_ANY, offloads, why))
		return -1;
	tap_address_high(b->host.name, false);
	/* A port with a smaller MTU would lower the bridge's. */
	strcpy(r.ifr_name, b->host.name);
	r.ifr_mtu = mtu;
	error = ask(SIOCSIFMTU, &r);
	b->packets.mtu = (uint16_t)(error ? b->packets.mtu : mtu > UINT16_MAX ? UINT16_MAX : mtu);
	memset(&r, 0, sizeof r);
	strcpy(r.ifr_name, name);
	r.ifr_ifindex = (int)if_nametoindex(b->host.name);
	error = ask(SIOCBRADDIF, &r);
	return error ? explain(name, error, why) : 0;
}

static int bridge_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct bridge *b = d->state;
	packets_begin(&b->packets);
	if (attach(b, w->text, w->abi_minor >= 1, why))
		return AMP_EXIT_TENDER;
	packets_take_mac(b->packets.mac, w, w->text);
	packets_opened(d);
	return 0;
}

static void bridge_last_words(const struct device *d)
{
	const struct bridge *b = d->state;
	say("device %s: its TAP device %s in bridge %s was deleted: start the image anew",
	    d->note->name, b->host.name, b->name);
}

const struct device_kind device_bridge = {
	.prefix = "bridge:",
	.form = "bridge:BRIDGE",
	.help = "  --net NAME=bridge:BRIDGE  ... to a bridge, by a TAP device made for this run\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct bridge),
	.open = bridge_open,
	.place = packets_place,
	.allow = packets_allow,
	.last_words = bridge_last_words,
	.close = packets_close,
};

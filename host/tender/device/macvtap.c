/* SPDX-License-Identifier: ISC */
/*
 * A network device beside an interface of the host: a macvtap link with a MAC address of its own, in bridge mode. The host
 * itself does not hear it (nor it the host), other hosts and other such links do. It is made for this run and deleted
 * after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/packets.h>
#include <tender/device/rtnl.h>
#include <tender/device/tap_host.h>
#include <tender/device/undo.h>

extern const struct device_kind device_macvtap;

struct macvtap {
	struct packets packets; /* first: packets.h */
	uint32_t index;         /* of the link */
	char name[IFNAMSIZ];    /* its, and the interface's: */
	char below[IFNAMSIZ];
};

static void delete_link(const void *of)
{
	uint32_t index = if_nametoindex(of);
	if (index)
		rtnl_delete_link(index);
}

/* A name of nobody else's: who deletes the link knows it before there is one, since this process may be killed at any time. */
static int draw_name(struct macvtap *m, struct defect *why)
{
	uint64_t number;
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return defect_set(why, "no random numbers: %s", strerror(errno));
	snprintf(m->name, sizeof m->name, "amp%012llx",
	         (unsigned long long)(number & 0xffffffffffff));
	return 0;
}

/* /dev/tapN, or, where /dev is not the kernel's own, a node made for a moment. */
static int open_node(const struct macvtap *m)
{
	char path[96];
	unsigned major, minor;
	snprintf(path, sizeof path, "/dev/tap%u", m->index);
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(path, sizeof path, "/sys/class/net/%s/macvtap/tap%u/dev", m->name, m->index);
	FILE *f = fopen(path, "re");
	bool known = f && fscanf(f, "%u:%u", &major, &minor) == 2;
	if (f)
		fclose(f);
	if (!known) {
		errno = ENOENT;
		return -1;
	}
	char folder[] = "/dev/shm/ampoule-XXXXXX";
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/tap", folder);
	fd = mknod(path, S_IFCHR | 0600, makedev(major, minor))
	             ? -1
	             : open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error = errno;
	unlink(path);
	rmdir(folder);
	errno = error;
	return fd;
}

/* The link's own address: it lets no other pass. */
static int read_link(struct macvtap *m)
{
	struct ifreq r = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(r.ifr_name, m->name);
	bool ok = s >= 0 && !ioctl(s, SIOCGIFHWADDR, &r);
	memcpy(m->packets.mac, r.ifr_hwaddr.sa_data, sizeof m->packets.mac);
	ok = ok && !ioctl(s, SIOCGIFMTU, &r);
	m->packets.mtu = (uint16_t)(r.ifr_mtu > UINT16_MAX ? UINT16_MAX : r.ifr_mtu);
	if (s >= 0)
		close(s);
	return ok ? 0 : -1;
}

static int make(struct macvtap *m, const char *below, bool offloads, struct defect *why)
{
	uint32_t interface = strlen(below) < IFNAMSIZ ? if_nametoindex(below) : 0;
	if (!interface)
		return defect_set(why, "there is no network interface %s", below);
	strcpy(m->below, below);
	if (draw_name(m, why))
		return -1;
	m->packets.undo = undo_at_end(delete_link, m->name, why);
	if (m->packets.undo < 0)
		return -1;
	int index = rtnl_macvtap(interface, m->name, why);
	if (index < 0)
		return -1;
	m->index = (uint32_t)index;
	if (read_link(m))
		return defect_set(why, "cannot set up the macvtap link: %s", strerror(errno));
	m->packets.fd = open_node(m);
	if (m->packets.fd < 0)
		return defect_set(
		        why,
		        "cannot open the macvtap link's device /dev/tap%u: %s: run as root, "
		        "or use -p, which needs no rights",
		        m->index, strerror(errno));
	if (!tap_agree(&m->packets, offloads))
		return defect_set(why, "the macvtap link takes no packet headers: %s",
		                  strerror(errno));
	return 0;
}

static int macvtap_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct macvtap *m = d->state;
	packets_begin(&m->packets);
	if (make(m, w->text, w->abi_minor >= 1, why))
		return AMP_EXIT_TENDER;
	packets_opened(d);
	return 0;
}

static void macvtap_last_words(const struct device *d)
{
	const struct macvtap *m = d->state;
	say("device %s: its macvtap link %s on %s was deleted: start the image anew", d->note->name,
	    m->name, m->below);
}

const struct device_kind device_macvtap = {
	.prefix = "macvtap:",
	.form = "macvtap:INTERFACE",
	.help = "  --net NAME=macvtap:INTERFACE\n"
	        "                            ... to what an interface is connected to, by a link "
	        "made for "
	        "this run, which\n"
	        "                            the host itself does not hear\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct macvtap),
	.open = macvtap_open,
	.place = packets_place,
	.allow = packets_allow,
	.last_words = macvtap_last_words,
	.close = packets_close,
};

/* SPDX-License-Identifier: ISC */
/*
 * A network device that takes the place of the host on an interface, by a packet socket: what a container's network
 * namespace needs. The interface's addresses and routes move into the image, as words, and come back when the run has
 * ended, however it does. The host forwards nothing from there meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/link.h>
#include <tender/device/packets.h>
#include <tender/device/raw_socket.h>
#include <tender/device/rtnl.h>
#include <tender/device/undo.h>

extern const struct device_kind device_raw;

#define FORWARDING "forwarding" /* IPv4's */
#define DISABLE6   "disable_ipv6"

enum addresses { GUARDED, MOVE, KEEP };

struct raw {
	struct packets packets; /* first: packets.h */
	uint32_t interface;
	char name[IFNAMSIZ];
	enum addresses addresses;
	bool forwarded; /* the host did, from there, */
	bool spoke6;    /* and spoke IPv6 */
	struct rtnl_state state;
};

static int open_setting(const struct raw *r, const char *of)
{
	char path[96];
	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s",
	         strcmp(of, FORWARDING) ? "ipv6" : "ipv4", r->name, of);
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool is(const struct raw *r, const char *of, char value)
{
	char found = 0;
	int fd = open_setting(r, of);
	if (fd < 0)
		return false;
	bool same = read(fd, &found, 1) == 1 && found == value;
	close(fd);
	return same;
}

static void set(const struct raw *r, const char *of, char to)
{
	int fd = open_setting(r, of);
	if (fd < 0)
		return;
	(void)!pwrite(fd, &to, 1, 0);
	close(fd);
}

static void put_back(const void *of)
{
	const struct raw *r = of;
	if (r->spoke6)
		set(r, DISABLE6, '0');
	rtnl_put_back(&r->state);
	if (r->forwarded)
		set(r, FORWARDING, '1');
}

/* A host without the addresses would send on what is for them. And one that still speaks IPv6 would believe a router, and take
 * addresses in the image's place. What puts it back is there first: this process may be killed at any time. */
static int quieten(struct raw *r, struct defect *why)
{
	r->forwarded = is(r, FORWARDING, '1');
	r->spoke6 = r->state.ip6 && is(r, DISABLE6, '0');
	r->packets.undo = undo_at_end(put_back, r, why);
	if (r->packets.undo < 0)
		return -1;
	if (r->forwarded)
		set(r, FORWARDING, '0');
	if (r->spoke6)
		set(r, DISABLE6, '1');
	return 0;
}

/* Is this the network of the whole machine, as far as one can see? */
static bool is_hosts_network(void)
{
	struct stat own, first;
	return !stat("/proc/self/ns/net", &own) && !stat("/proc/1/ns/net", &first) &&
	       own.st_ino == first.st_ino && own.st_dev == first.st_dev;
}

static int read_text(struct raw *r, const char *text, struct defect *why)
{
	size_t size = strcspn(text, ",");
	const char *word = text + size;
	if (!size || size >= IFNAMSIZ)
		return defect_set(why, "'%.*s' is no name of a network interface (1 to %d bytes)",
		                  (int)size, text, IFNAMSIZ - 1);
	memcpy(r->name, text, size);
	if (!strcmp(word, ",addresses=move"))
		r->addresses = MOVE;
	else if (!strcmp(word, ",addresses=keep"))
		r->addresses = KEEP;
	else if (*word)
		return defect_set(why,
		                  "want packet:INTERFACE, and behind a comma addresses=move, "
		                  "addresses=keep or one of " NET_WORDS_FORM ", not '%s'",
		                  word + 1);
	return 0;
}

static void tell_resolvers(struct net_words *w)
{
	char line[256];
	uint32_t count = 0;
	FILE *f = fopen("/etc/resolv.conf", "re");
	while (f && count < 3 && fgets(line, sizeof line, f))
		count += net_words_resolver_line(w, line);
	if (f)
		fclose(f);
}

/* Does somebody else say what the image's addresses and routes are? Resolvers alone do not. */
static bool is_told(const struct net_words *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->all[i].kind != AMP_NET_WORD_RESOLVER)
			return true;
	return false;
}

/* Words that the user gave stand for the interface's own. */
static int move(struct raw *r, struct net_words *given, struct defect *why)
{
	struct net_words own = { 0 };
	if (rtnl_read(&r->state, r->interface, &own, why))
		return -1;
	if (!r->state.size)
		return 0;
	if (r->addresses == GUARDED && is_hosts_network() &&
	    (net_words_gateway(&own, NET_IP4) || net_words_gateway(&own, NET_IP6)))
		return defect_set(
		        why,
		        "%s is how this host reaches others: its addresses would move into "
		        "the image, and the host be cut off; say addresses=move if that is "
		        "meant, or use -p",
		        r->name);
	if (quieten(r, why) || rtnl_lift(&r->state, why))
		return -1;
	if (is_told(given))
		return 0;
	const struct net_words resolvers = *given;
	*given = own;
	given->mtu = resolvers.mtu;
	for (uint32_t i = 0; i < resolvers.count && given->count < NET_WORDS_EACH; i++)
		given->all[given->count++] = resolvers.all[i];
	if (!resolvers.count)
		tell_resolvers(given);
	return 0;
}

static int take(struct device *d, struct raw *r, bool offloads, struct defect *why)
{
	struct ifreq q = { 0 };
	strcpy(q.ifr_name, r->name);
	/* Before the interface is looked up, so that nothing comes between. */
	d->watch = link_watch(why);
	if (d->watch < 0)
		return -1;
	r->interface = if_nametoindex(r->name);
	if (!r->interface)
		return defect_set(why, "there is no network interface %s", r->name);
	int fd = r->packets.fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return defect_set(why, "cannot make a packet socket: %s%s", strerror(errno),
		                  errno == EPERM
		                          ? ": use -p, which needs no rights, or run as root or "
		                            "with CAP_NET_RAW and CAP_NET_ADMIN"
		                          : "");
	if (ioctl(fd, SIOCGIFFLAGS, &q) || !(q.ifr_flags & IFF_UP))
		return defect_set(why, "%s is not up: ip link set %s up", r->name, r->name);
	if (q.ifr_flags & (IFF_LOOPBACK | IFF_NOARP))
		return defect_set(why, "%s is no Ethernet interface", r->name);
	if (raw_socket_agree(&r->packets, r->interface, offloads, why))
		return -1;
	return r->addresses == KEEP ? 0 : move(r, &d->words, why);
}

static int raw_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct raw *r = d->state;
	packets_begin(&r->packets);
	if (read_text(r, w->text, why))
		return AMP_EXIT_USAGE;
	r->state.ip4 = !(w->note->flags & AMP_NOTE_DEVICE_NO_IP4);
	r->state.ip6 = w->note->flags & AMP_NOTE_DEVICE_IP6;
	if (take(d, r, w->abi_minor >= 1, why))
		return AMP_EXIT_TENDER;
	packets_opened(d);
	return 0;
}

static bool raw_lost(struct device *d)
{
	const struct raw *r = d->state;
	return link_gone(d->watch, r->interface, r->packets.fd);
}

static void raw_last_words(const struct device *d)
{
	say("device %s: its interface %s is gone, deleted or moved to another namespace: make it "
	    "again, "
	    "then start the image anew",
	    d->note->name, ((const struct raw *)d->state)->name);
}

static void raw_close(struct device *d)
{
	packets_close(d);
	if (d->watch >= 0)
		close(d->watch);
	d->watch = -1;
}

static void raw_allow(const struct device *d, struct filter *f)
{
	const struct raw *r = d->state;
	const struct filter_arg error[] = { { 1, FILTER_EQUAL, SOL_SOCKET },
		                            { 2, FILTER_EQUAL, SO_ERROR } };
	packets_allow(d, f);
	filter_allow_on(f, SYS_getsockopt, r->packets.fd, error, 2); /* link_gone's */
}

const struct device_kind device_raw = {
	.prefix = "packet:",
	.form = "packet:INTERFACE",
	.help = "  --net NAME=packet:INTERFACE[,addresses=move|keep]\n"
	        "                            ... to an interface in the host's place: its "
	        "addresses are "
	        "the image's\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct raw),
	.open = raw_open,
	.place = packets_place,
	.allow = raw_allow,
	.lost = raw_lost,
	.last_words = raw_last_words,
	.close = raw_close,
};

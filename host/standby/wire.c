/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <standby/port.h>
#include <standby/wire.h>
#include <tender/device/raw_socket.h>
#include <tender/device/tap_host.h>

#define EMPTY_MAX 4096u /* frames: more than a queue holds by default */

static struct packets
        packets; /* of which the descriptor and the address are wanted, and no memory is touched beside */

static int open_tap(struct wire *w, const char *name, bool offloads, struct defect *why)
{
	struct tap_host host;
	packets_begin(&packets);
	int failed = tap_attach(&host, &packets, name, offloads, why);
	w->fd = packets.fd;
	w->features = packets.features;
	return failed;
}

static int open_packet(struct wire *w, const char *name, bool offloads, uint8_t mac[6],
                       struct defect *why)
{
	uint32_t interface = if_nametoindex(name);
	if (!interface)
		return defect_set(why, "there is no network interface %s", name);
	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return defect_set(why, "cannot make a packet socket: %s", strerror(errno));
	wire_deaf(w); /* before it is bound */
	packets_begin(&packets);
	packets.fd = w->fd;
	if (raw_socket_agree(&packets, interface, offloads, why))
		return -1;
	memcpy(mac, packets.mac, sizeof packets.mac);
	return 0;
}

int wire_open(struct wire *w, enum wire_kind kind, const char *name, bool offloads, uint8_t mac[6],
              struct defect *why)
{
	*w = (struct wire){ .fd = -1, .kind = (uint8_t)kind };
	if (strlen(name) >= IFNAMSIZ)
		return defect_set(why, "'%s' is no name of an interface (1 to %d bytes)", name,
		                  IFNAMSIZ - 1);
	strcpy(w->name, name);
	int failed = kind == WIRE_PACKET ? open_packet(w, name, offloads, mac, why)
	                                 : open_tap(w, name, offloads, why);
	if (failed)
		wire_close(w);
	return failed;
}

static bool attach(const struct wire *w, const struct sock_filter *program, unsigned count)
{
	const struct sock_fprog p = { (unsigned short)count, (struct sock_filter *)program };
	return !(w->kind == WIRE_PACKET
	                 ? setsockopt(w->fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p)
	                 : ioctl(w->fd, TUNATTACHFILTER, &p));
}

bool wire_filter(struct wire *w, const struct sock_filter *program, unsigned count)
{
	return w->kind == WIRE_BRIDGE ? port_take_back(w) : attach(w, program, count);
}

void wire_deaf(const struct wire *w)
{
	static const struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	attach(w, none, 1);
}

void wire_pass(const struct wire *w)
{
	int unused = 0;
	if (w->kind == WIRE_PACKET)
		setsockopt(w->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
	else
		ioctl(w->fd, TUNDETACHFILTER, NULL);
}

bool wire_has(const struct wire *w)
{
	struct pollfd p = { w->fd, POLLIN, 0 };
	return poll(&p, 1, 0) > 0 && p.revents & POLLIN;
}

void wire_empty(struct wire *w)
{
	char head[64];
	held_drop(&w->held);
	for (unsigned n = 0; n < EMPTY_MAX && read(w->fd, head, sizeof head) >= 0; n++)
		;
}

bool wire_is_gone(const struct wire *w)
{
	struct ifreq r = { 0 };
	struct sockaddr_ll a = { 0 };
	socklen_t size = sizeof a;
	int error;
	if (w->kind == WIRE_BRIDGE)
		return port_is_gone(w->port);
	if (w->kind == WIRE_TAP)
		return ioctl(w->fd, TUNGETIFF, &r) != 0;
	/* One that was down is heard again when it is up. */
	getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
	return getsockname(w->fd, (struct sockaddr *)&a, &size) || a.sll_ifindex <= 0;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

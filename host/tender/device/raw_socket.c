/* SPDX-License-Identifier: ISC */
/* Kernels before 6.4 know headers of 10 bytes only: the last field, num_buffers, means nothing here anyway. */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <ampoule_abi.h>
#include <tender/device/raw_socket.h>

#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24 /* Linux 6.4 */
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif
#define BUFFER (8 << 20) /* bytes; the host gives what it allows */

static bool headers(struct packets *p)
{
	int size = sizeof(struct amp_frame_header), one = 1;
	if (!setsockopt(p->fd, SOL_PACKET, PACKET_VNET_HDR_SZ, &size, sizeof size))
		return true;
	p->short_header = true;
	return !setsockopt(p->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one);
}

static void buffer(int fd, int force, int plain)
{
	int size = BUFFER;
	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof size))
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

int raw_socket_agree(struct packets *p, uint32_t interface, bool offloads, struct defect *why)
{
	struct ifreq r = { 0 };
	int one = 1;
	if (!if_indextoname(interface, r.ifr_name) || ioctl(p->fd, SIOCGIFHWADDR, &r))
		return defect_set(why, "cannot read the interface: %s", strerror(errno));
	memcpy(p->mac, r.ifr_hwaddr.sa_data, sizeof p->mac);
	if (ioctl(p->fd, SIOCGIFMTU, &r))
		return defect_set(why, "cannot read the interface: %s", strerror(errno));
	p->mtu = (uint16_t)(r.ifr_mtu > UINT16_MAX ? UINT16_MAX : r.ifr_mtu);
	p->vnet = true;
	if (!headers(p))
		return defect_set(why, "the packet socket takes no virtio-net headers: %s",
		                  strerror(errno));
	/* What this host sends there is not for the image. */
	if (setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one))
		return defect_set(why, "needs Linux 4.20 (PACKET_IGNORE_OUTGOING): %s",
		                  strerror(errno));
	setsockopt(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	buffer(p->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	buffer(p->fd, SO_SNDBUFFORCE, SO_SNDBUF);
	/* Segments that the host has joined, and sums that it left out, come whether they are asked for or not. */
	if (offloads)
		p->features = AMP_NET_RX_CHECKSUM | AMP_NET_RX_LARGE | AMP_NET_TX_CHECKSUM |
		              AMP_NET_TX_SEGMENT | AMP_NET_TX_SEGMENT6;
	const struct sockaddr_ll a = { .sll_family = AF_PACKET,
		                       .sll_protocol = htons(ETH_P_ALL),
		                       .sll_ifindex = (int)interface };
	if (bind(p->fd, (const struct sockaddr *)&a, sizeof a))
		return defect_set(why, "cannot listen on the interface: %s", strerror(errno));
	return 0;
}

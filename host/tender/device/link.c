/* SPDX-License-Identifier: ISC */
/*
 * rtnetlink's group of link changes. A bridge that an interface leaves sends RTM_DELLINK for it,
 * too, of its own family. Where changes came faster than they were read, the kernel drops some and
 * says so (ENOBUFS): then the device's own socket is asked, which has an error once its interface
 * is gone (net/xdp/xsk.c: xsk_notifier). Nothing is ever asked of rtnetlink itself, so that the
 * filter lets this socket be read and no more.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/link.h>

int link_watch(struct defect *why)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&to, sizeof to))
		return fd;
	defect_set(why, "cannot watch network interfaces (netlink): %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool has_error(int socket)
{
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) || error == ENETDOWN;
}

/* One message, of which `size` bytes are there. */
static bool tells_end(const struct nlmsghdr *m, size_t size, uint32_t interface)
{
	const struct ifinfomsg *link = NLMSG_DATA(m);
	return m->nlmsg_type == RTM_DELLINK && size >= NLMSG_LENGTH(sizeof *link) &&
	       link->ifi_family == AF_UNSPEC && (uint32_t)link->ifi_index == interface;
}

bool link_gone(int watch, uint32_t interface, int socket)
{
	/* Of a message that is longer the rest is lost, which is none of our business. */
	_Alignas(struct nlmsghdr) uint8_t bytes[8192];
	bool missed = false;
	for (;;) {
		ssize_t n = read(watch, bytes, sizeof bytes);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS)) {
			missed |= errno == ENOBUFS;
			continue;
		}
		if (n <= 0)
			return missed && has_error(socket);
		size_t left = (size_t)n, at = 0;
		while (left >= sizeof(struct nlmsghdr)) {
			const struct nlmsghdr *m = (const struct nlmsghdr *)(bytes + at);
			if (tells_end(m, left, interface))
				return true;
			size_t whole = NLMSG_ALIGN(m->nlmsg_len);
			if (whole < sizeof *m || whole >= left)
				break;
			at += whole;
			left -= whole;
		}
	}
}

/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <tender/rights.h>

union extra {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr head;
};

bool rights_send(int socket, const void *bytes, size_t size, int fd, int flags)
{
	union extra extra = { { 0 } };
	struct iovec v = { (void *)bytes, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	if (fd >= 0) {
		m.msg_control = &extra;
		m.msg_controllen = sizeof extra;
		extra.head.cmsg_level = SOL_SOCKET;
		extra.head.cmsg_type = SCM_RIGHTS;
		extra.head.cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(&extra.head), &fd, sizeof fd);
	}
	return sendmsg(socket, &m, flags) >= 0;
}

ssize_t rights_receive(int socket, void *bytes, size_t size, int *fd, int flags)
{
	union extra extra = { { 0 } };
	struct iovec v = { bytes, size };
	struct msghdr m = { .msg_iov = &v,
		            .msg_iovlen = 1,
		            .msg_control = &extra,
		            .msg_controllen = sizeof extra };
	ssize_t n = recvmsg(socket, &m, flags);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return n;
}

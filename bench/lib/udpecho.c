/* SPDX-License-Identifier: ISC */
/* A UDP echo as Linux does it best with sockets: udpecho ADDRESS PORT; 64 datagrams a system call, each way. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define ROOM  2048

int main(int argc, char **argv)
{
	static char bytes[BATCH][ROOM];
	static struct sockaddr_in from[BATCH];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || fd < 0)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	if (bind(fd, (struct sockaddr *)&to, sizeof to)) {
		perror("udpecho");
		return 1;
	}
	for (;;) {
		for (int k = 0; k < BATCH; k++) {
			parts[k] = (struct iovec){ bytes[k], ROOM };
			messages[k].msg_hdr = (struct msghdr){ .msg_name = &from[k],
				                               .msg_namelen = sizeof from[k],
				                               .msg_iov = &parts[k],
				                               .msg_iovlen = 1 };
		}
		int n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int k = 0; k < n; k++)
			parts[k].iov_len = messages[k].msg_len;
		for (int at = 0; at < n;) {
			int sent = sendmmsg(fd, messages + at, (unsigned)(n - at), 0);
			at += sent > 0 ? sent : 1;
		}
	}
}

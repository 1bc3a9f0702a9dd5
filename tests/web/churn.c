/* SPDX-License-Identifier: ISC */
/*
 * Opens and closes connections, a request each, one after another in each of a few lanes:
 *
 *	churn ADDRESS PORT COUNT LANES server|client SOURCE...
 *
 * server or client says who closes first: the server (the request says Connection: close), or the
 * client (which then has the TIME-WAIT). Source addresses are taken in turn, so that ports last.
 * Prints "COUNT complete, N refused, N broken, N wrong" and how long it took; exits 0 if all were
 * complete. A connection that hangs for 20 s is broken.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LANES_MAX 256
#define HANG_S    20

struct lane {
	int socket; /* -1: nothing to do any more */
	bool sent;
	time_t began;
	size_t size, wanted; /* bytes of the response; of all of it, 0: not known yet */
	char head[2048];
};

static struct sockaddr_storage server;
static const char *request;
static char **sources;
static int source_count, watch;
static bool client_closes;
static uint64_t left, complete, refused, broken, wrong;

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* An address of either family; returns its size. */
static socklen_t parse(const char *text, uint16_t port, struct sockaddr_storage *to)
{
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	memset(to, 0, sizeof *to);
	if (strchr(text, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		inet_pton(AF_INET6, text, &six->sin6_addr);
		return sizeof *six;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	inet_pton(AF_INET, text, &four->sin_addr);
	return sizeof *four;
}

static void open_one(struct lane *l)
{
	static uint64_t turn;
	struct sockaddr_storage from;
	int one = 1;
	l->socket = -1;
	if (!left)
		return;
	left--;
	int s = socket(server.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t size = parse(sources[turn++ % (uint64_t)source_count], 0, &from);
	setsockopt(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (s < 0 || bind(s, (struct sockaddr *)&from, size) ||
	    (connect(s, (struct sockaddr *)&server, size) && errno != EINPROGRESS)) {
		perror("churn");
		exit(2);
	}
	*l = (struct lane){ .socket = s, .began = now() };
	struct epoll_event e = { EPOLLOUT, { .ptr = l } };
	epoll_ctl(watch, EPOLL_CTL_ADD, s, &e);
}

static void next(struct lane *l, uint64_t *count)
{
	(*count)++;
	close(l->socket);
	open_one(l);
}

static void look_at_head(struct lane *l)
{
	l->head[l->size] = 0;
	const char *end = strstr(l->head, "\r\n\r\n"),
	           *length = strcasestr(l->head, "\r\nContent-Length:");
	if (end && length)
		l->wanted = (size_t)(end + 4 - l->head) + strtoul(length + 17, NULL, 10);
}

static void turn(struct lane *l, uint32_t events)
{
	char rest[65536];
	if (!l->sent) {
		int error = 0;
		socklen_t size = sizeof error;
		getsockopt(l->socket, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT) {
			next(l, &refused);
			return;
		}
		if (error || send(l->socket, request, strlen(request), MSG_NOSIGNAL) !=
		                     (ssize_t)strlen(request)) {
			next(l, &broken);
			return;
		}
		l->sent = true;
		struct epoll_event e = { EPOLLIN, { .ptr = l } };
		epoll_ctl(watch, EPOLL_CTL_MOD, l->socket, &e);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	bool in_head = l->size < sizeof l->head - 1 && !l->wanted;
	ssize_t n = in_head ? recv(l->socket, l->head + l->size, sizeof l->head - 1 - l->size, 0)
	                    : recv(l->socket, rest, sizeof rest, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		next(l, &broken);
		return;
	}
	l->size += (size_t)n;
	if (in_head)
		look_at_head(l);
	bool whole = l->wanted && l->size == l->wanted && memcmp(l->head, "HTTP/1.1 200 ", 13) == 0;
	if (n == 0)
		next(l, whole && !client_closes ? &complete : l->size ? &wrong : &broken);
	else if (whole && client_closes)
		next(l, &complete);
}

int main(int argc, char **argv)
{
	static struct lane lanes[LANES_MAX];
	if (argc < 7)
		return 2;
	uint64_t count = left = strtoull(argv[3], NULL, 10);
	int lane_count = atoi(argv[4]);
	client_closes = strcmp(argv[5], "client") == 0;
	request = client_closes
	                  ? "GET /robots.txt HTTP/1.1\r\nHost: churn\r\n\r\n"
	                  : "GET /robots.txt HTTP/1.1\r\nHost: churn\r\nConnection: close\r\n\r\n";
	sources = argv + 6;
	source_count = argc - 6;
	parse(argv[1], (uint16_t)atoi(argv[2]), &server);
	watch = epoll_create1(0);
	struct timespec began, ended;
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (int k = 0; k < lane_count && k < LANES_MAX; k++)
		open_one(&lanes[k]);
	while (complete + refused + broken + wrong < count) {
		struct epoll_event events[LANES_MAX];
		int n = epoll_wait(watch, events, LANES_MAX, 1000);
		for (int k = 0; k < n; k++)
			turn(events[k].data.ptr, events[k].events);
		for (int k = 0; n == 0 && k < lane_count; k++) {
			if (lanes[k].socket >= 0 && now() - lanes[k].began > HANG_S)
				next(&lanes[k], &broken);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	double seconds = (double)(ended.tv_sec - began.tv_sec) +
	                 (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
	printf("%lu complete, %lu refused, %lu broken, %lu wrong, in %.1f s\n", complete, refused,
	       broken, wrong, seconds);
	return complete != count;
}

/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <supervisor/control.h>
#include <supervisor/place.h>
#include <tender/rights.h>

/* By way of the descriptor: a socket's own path is short (unix(7)). */
static struct sockaddr_un address(int folder)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" PLACE_CONTROL, folder);
	return a;
}

int control_listen(int folder)
{
	struct sockaddr_un a = address(folder);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlinkat(folder, PLACE_CONTROL, 0);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64))) {
		close(fd);
		return -1;
	}
	return fd;
}

struct control_request control_parse(const char *text)
{
	static const char *const names[] = { "", "stop", "kill", "restart", "snapshot", "secrets" };
	struct control_request r = { CONTROL_NONE, -1 };
	size_t n = strcspn(text, " ");
	for (enum control_verb v = CONTROL_STOP; v <= CONTROL_SECRETS; v++)
		if (strlen(names[v]) == n && !strncmp(text, names[v], n))
			r.verb = v;
	if (text[n]) {
		char *end;
		errno = 0;
		r.number = strtoll(text + n + 1, &end, 10);
		if (errno || *end || end == text + n + 1 || r.number < 0 ||
		    r.number > INT64_C(1) << 40)
			r.verb = CONTROL_NONE;
	}
	if (r.verb == CONTROL_KILL && (r.number < 1 || r.number > 64))
		r.verb = CONTROL_NONE;
	return r;
}

bool control_send(int socket, const char *text, int fd)
{
	return rights_send(socket, text, strlen(text), fd, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int control_ask(int folder, const char *request, int timeout_ms, char *answer)
{
	return control_ask_with(folder, request, -1, timeout_ms, answer, NULL);
}

int control_ask_with(int folder, const char *request, int with, int timeout_ms, char *answer,
                     int *got)
{
	struct sockaddr_un a = address(folder);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error = 0;
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n = -1;
	int came = -1;
	if (got)
		*got = -1;
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) || !control_send(fd, request, with)) {
		error = errno;
	} else {
		int ready;
		while ((ready = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
			;
		n = ready > 0 ? rights_receive(fd, answer, CONTROL_TEXT_MAX - 1, &came, 0) : -1;
		error = ready ? n ? errno : ECONNRESET : ETIMEDOUT;
	}
	close(fd);
	if (got)
		*got = came;
	else if (came >= 0)
		close(came);
	if (n > 0) {
		answer[n] = 0;
		return 0;
	}
	errno = error;
	return -1;
}

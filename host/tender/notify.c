/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <tender/defect.h>
#include <tender/notify.h>

static int listener = -1;

void notify_open(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;
	if (!n)
		return;
	if ((*path != '/' && *path != '@') || n >= sizeof a.sun_path) {
		say("NOTIFY_SOCKET is not a path of a socket: nobody hears that the image has "
		    "started");
		return;
	}
	memcpy(a.sun_path, path, n);
	/* An abstract name has its length, and no NUL behind (unix(7)). */
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (*path == '@')
		a.sun_path[0] = 0;
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (listener >= 0 && !connect(listener, (struct sockaddr *)&a, size))
		return;
	say("%s: %s: nobody hears that the image has started", path, strerror(errno));
	if (listener >= 0)
		close(listener);
	listener = -1;
}

#define FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

void notify_say(const char *word)
{
	int error = errno;
	/* Who does not hear it draws conclusions of their own. */
	if (listener >= 0)
		(void)!send(listener, word, strlen(word), FLAGS);
	errno = error;
}

void notify_allow(struct filter *f)
{
	const struct filter_arg how[] = { { 3, FILTER_EQUAL, FLAGS }, { 4, FILTER_EQUAL, 0 } };
	if (listener >= 0)
		filter_allow_on(f, SYS_sendto, listener, how, 2);
}

void notify_ready(bool more)
{
	static const char word[] = "READY=1";
	if (listener < 0)
		return;
	if (send(listener, word, sizeof word - 1, FLAGS) < 0)
		say("nobody hears that the image has started: %s", strerror(errno));
	if (more)
		return;
	close(listener);
	listener = -1;
}

/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <oci/spaces.h>

static const int kinds[BUNDLE_SPACES] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };
static struct stat own;

void spaces_begin(void)
{
	/* What cannot be read leaves zeroes, which no namespace has: then the machine's counts. */
	if (stat("/proc/self/ns/net", &own))
		own.st_ino = 0;
}

static void loopback_up(void)
{
	struct ifreq q = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (!ioctl(fd, SIOCGIFFLAGS, &q)) {
		q.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &q);
	}
	close(fd);
}

static int join(const char *path, int kind)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int failed = setns(fd, kind), error = errno;
	close(fd);
	errno = error;
	return failed;
}

int spaces_enter(const struct bundle *b, struct defect *why)
{
	for (unsigned i = 0; i < BUNDLE_SPACES; i++) {
		const char *name = bundle_space_names[i], *path = b->spaces[i].path;
		if (b->spaces[i].wish == SPACE_JOIN && join(path, kinds[i]))
			return defect_set(why, "cannot join the %s namespace %s: %s", name, path,
			                  strerror(errno));
		if (b->spaces[i].wish == SPACE_NEW && unshare(kinds[i]))
			return defect_set(why, "cannot make a %s namespace: %s%s", name,
			                  strerror(errno),
			                  errno == EPERM ? ": run the engine as root, or rootless "
			                                   "in a user namespace of its own"
			                                 : "");
	}
	if (b->spaces[BUNDLE_NETWORK].wish == SPACE_NEW)
		loopback_up();
	return 0;
}

bool spaces_network_is_own(void)
{
	struct stat now, first;
	if (stat("/proc/self/ns/net", &now))
		return true;
	return (own.st_ino == now.st_ino && own.st_dev == now.st_dev) ||
	       (!stat("/proc/1/ns/net", &first) && first.st_ino == now.st_ino &&
	        first.st_dev == now.st_dev);
}

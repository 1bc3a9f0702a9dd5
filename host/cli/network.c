/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/network.h>

uint32_t network_host(const struct network *n, uint32_t number)
{
	return n->subnet + number;
}

const char *network_host_text(const struct network *n, uint32_t number)
{
	uint32_t a = network_host(n, number);
	return keep_format("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* FNV-1a: devices have 15 letters, names more. */
void network_name(struct network *n, const char *project, const char *name)
{
	uint32_t hash = 0x811c9dc5;
	const char *const parts[] = { project, "/", name };
	for (unsigned i = 0; i < 3; i++)
		for (const char *p = parts[i]; *p; p++)
			hash = (hash ^ (uint8_t)*p) * 0x01000193;
	n->name = name;
	snprintf(n->bridge, sizeof n->bridge, "amp-%08x", hash);
}

static int ask(int s, const struct network *n, unsigned long what, uint32_t address, short flags)
{
	struct ifreq r = { 0 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	memcpy(r.ifr_name, n->bridge, IFNAMSIZ);
	if (address)
		memcpy(&r.ifr_addr, &a, sizeof a);
	else
		r.ifr_flags = flags;
	return ioctl(s, what, &r) ? errno : 0;
}

static int explain(const struct network *n, const char *what, int error)
{
	if (error == EPERM || error == EACCES)
		tell("network %s: it is a bridge of the host, which root may make: run this as "
		     "root, "
		     "or have appliances meet by `ports`",
		     n->name);
	else
		tell("network %s: bridge %s cannot be %s: %s", n->name, n->bridge, what,
		     strerror(error));
	return AMP_EXIT_TENDER;
}

int network_make(const struct network *n)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = s < 0 ? errno : ioctl(s, SIOCBRADDBR, n->bridge) ? errno : 0;
	bool is_new = !error;
	if (is_new) {
		error = ask(s, n, SIOCSIFADDR, network_host(n, 1), 0);
		error = error ? error : ask(s, n, SIOCSIFNETMASK, ~0u << (32 - n->prefix), 0);
		error = error ? error : ask(s, n, SIOCSIFFLAGS, 0, IFF_UP);
		if (error)
			ioctl(s, SIOCBRDELBR, n->bridge);
	}
	if (s >= 0)
		close(s);
	if (is_new && !error)
		printf("network %s made: %s\n", n->name, n->bridge);
	return error && error != EEXIST ? explain(n, "made", error) : 0;
}

int network_remove(const struct network *n)
{
	if (!if_nametoindex(n->bridge))
		return 0;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = s < 0 ? errno : ask(s, n, SIOCSIFFLAGS, 0, 0);
	if (!error && ioctl(s, SIOCBRDELBR, n->bridge))
		error = errno;
	if (s >= 0)
		close(s);
	if (!error)
		printf("network %s ended\n", n->name);
	return error ? explain(n, "deleted", error) : 0;
}

/* SPDX-License-Identifier: ISC */
/* Reads what is to be published, and finds out in advance why it could not be: who listens later says less. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tender/args.h>
#include <tender/device/publish.h>

#define PAUSES 200u /* of 5 ms: a second */

static bool port(const char *text, uint16_t *to)
{
	struct defect unused;
	uint64_t number;
	if (arg_parse(AMP_ARG_U16, text, &number, &unused) || !number)
		return false;
	*to = (uint16_t)number;
	return true;
}

/* "8000" or "8000-8010" */
static bool ports(char *text, uint16_t *first, uint16_t *last)
{
	char *dash = strchr(text, '-');
	if (dash)
		*dash = 0;
	return port(text, first) && port(dash ? dash + 1 : text, last) && *first <= *last;
}

static int refuse(const char *text, struct defect *why)
{
	if (*text == '[')
		return defect_set(why,
		                  "%s: want [ADDRESS]:HOST:PORT[/udp], as in [::1]:8080:80: an "
		                  "IPv6 address in brackets, then the host's port and the image's",
		                  text);
	if (!strchr(text, ':'))
		return defect_set(why,
		                  "%s: want " PUBLISH_FORM ", as in 8080:80: the host's port, then "
		                  "the image's",
		                  text);
	return defect_set(why, "%s: want " PUBLISH_FORM ", with ports from 1 to 65535", text);
}

/* Takes the address off the front, if there is one: what follows it; null: it is none. */
static char *take_address(char *text, struct net_ip *to)
{
	char *end = *text == '[' ? strchr(text, ']') : strrchr(text, ':');
	if (*text != '[' && !end)
		return text;
	if (!end || (*text == '[' && end[1] != ':'))
		return NULL;
	uint8_t family = *text == '[' ? NET_IP6 : NET_IP4;
	char *rest = end + 1 + (*text == '[');
	*end = 0;
	/* One of a link alone would have to name the link. */
	return net_ip_parse(text + (*text == '['), to) && to->family == family &&
	                       !net_ip_is_link(to)
	               ? rest
	               : NULL;
}

int publish_parse(struct publish *p, const char *text, struct defect *why)
{
	char copy[96];
	*p = (struct publish){ 0 };
	if (strlen(text) >= sizeof copy)
		return refuse(text, why);
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if (slash) {
		*slash++ = 0;
		p->udp = !strcmp(slash, "udp");
		if (!p->udp && strcmp(slash, "tcp"))
			return defect_set(why, "%s: want /tcp or /udp behind the ports", text);
	}
	char *guest = strrchr(copy, ':');
	uint16_t end;
	if (!guest)
		return refuse(text, why);
	*guest++ = 0;
	char *host = take_address(copy, &p->address);
	if (!host)
		return refuse(text, why);
	if (!ports(host, &p->first, &p->last) || !ports(guest, &p->to, &end))
		return refuse(text, why);
	if (p->last - p->first != end - p->to)
		return defect_set(why, "%s: want as many ports of the image as of the host", text);
	return 0;
}

const char *publish_address(const struct publish *p, char to[PUBLISH_ADDRESS_MAX])
{
	if (!p->address.family || !inet_ntop(p->address.family == NET_IP6 ? AF_INET6 : AF_INET,
	                                     p->address.bytes, to, PUBLISH_ADDRESS_MAX))
		*to = 0;
	return to;
}

static int explain(const struct publish *p, uint16_t number, int error, struct defect *why)
{
	char at[PUBLISH_ADDRESS_MAX];
	const char *protocol = p->udp ? "UDP" : "TCP", *of;
	of = *publish_address(p, at) ? " of " : "";
	if (error == EADDRINUSE)
		return defect_set(why,
		                  "%s port %u%s%s is in use: choose another one, or end who "
		                  "listens there (ss -lnp%c)",
		                  protocol, number, of, at, p->udp ? 'u' : 't');
	if (error == EACCES)
		return defect_set(why,
		                  "%s port %u%s%s is not for this user: choose one from 1024 on, "
		                  "or have root allow it (sysctl "
		                  "net.ipv4.ip_unprivileged_port_start=%u)",
		                  protocol, number, of, at, number);
	if (error == EADDRNOTAVAIL)
		return defect_set(why, "%s port %u%s%s: this host has no such address (ip address)",
		                  protocol, number, of, at);
	return defect_set(why, "%s port %u%s%s: %s", protocol, number, of, at, strerror(error));
}

/* 0 or an errno. */
static int try_port(const struct publish *p, bool six, uint16_t number)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} a = { .four = { .sin_family = AF_INET, .sin_port = htons(number) } };
	socklen_t size = six ? sizeof a.six : sizeof a.four;
	int one = 1, error = 0;
	int fd = socket(six ? AF_INET6 : AF_INET,
	                (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (six) {
		a.six = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			                       .sin6_port = htons(number) };
		memcpy(&a.six.sin6_addr, p->address.bytes, sizeof a.six.sin6_addr);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	} else {
		memcpy(&a.four.sin_addr, p->address.bytes, sizeof a.four.sin_addr);
	}
	/* Connections that have just ended do not count; two that receive datagrams do. */
	if (fd < 0 || (!p->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) ||
	    bind(fd, &a.any, size))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static int try_family(const struct publish *p, bool six, struct defect *why)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	uint32_t pauses = 0;
	for (uint32_t number = p->first; number <= p->last; number++) {
		int error;
		/* The network of a run that has just ended may still be about to end. */
		while ((error = try_port(p, six, (uint16_t)number)) == EADDRINUSE &&
		       pauses++ < PAUSES)
			nanosleep(&pause, NULL);
		if (error)
			return explain(p, (uint16_t)number, error, why);
	}
	return 0;
}

int publish_try(const struct publish *p, uint32_t families, struct defect *why)
{
	if (p->address.family)
		families = p->address.family == NET_IP6 ? PUBLISH_IP6 : PUBLISH_IP4;
	if (families & PUBLISH_IP4 && try_family(p, false, why))
		return -1;
	return families & PUBLISH_IP6 ? try_family(p, true, why) : 0;
}

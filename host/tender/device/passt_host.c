/* SPDX-License-Identifier: ISC */
/* proc(5): /proc/net/route, and its like of IPv6, whose columns are those of net/ipv6/route.c and addrconf.c. */
#include <stdio.h>
#include <string.h>

#include <tender/device/net_words.h>
#include <tender/device/passt_host.h>

#define SCOPE_LINK 0x20u
#define ROUTE_UP   1u

/* Calls for each line of a file, until one says that it is enough. */
static void each_line(const char *path, bool (*take)(void *, const char *), void *context)
{
	char line[256];
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f) && !take(context, line))
		;
	if (f)
		fclose(f);
}

static bool default4(void *interface, const char *line)
{
	char name[IFNAMSIZ];
	unsigned to, flags, mask;
	if (sscanf(line, "%15s %x %*x %x %*d %*d %*d %x", name, &to, &flags, &mask) != 4 || to ||
	    mask || !(flags & ROUTE_UP))
		return false;
	strcpy(interface, name);
	return true;
}

static bool default6(void *interface, const char *line)
{
	char to[33], name[IFNAMSIZ];
	unsigned prefix;
	if (sscanf(line, "%32s %x %*s %*s %*s %*x %*x %*x %*x %15s", to, &prefix, name) != 3 ||
	    prefix || strspn(to, "0") != 32 || !strcmp(name, "lo"))
		return false;
	strcpy(interface, name);
	return true;
}

struct links {
	const char *wanted; /* an interface that would be best */
	char *found;
};

static bool link_local(void *context, const char *line)
{
	struct links *l = context;
	char name[IFNAMSIZ];
	unsigned scope;
	if (sscanf(line, "%*s %*x %*x %x %*x %15s", &scope, name) != 2 || scope != SCOPE_LINK)
		return false;
	bool best = !strcmp(name, l->wanted);
	if (best || !*l->found)
		strcpy(l->found, name);
	return best;
}

static bool name_server(void *context, const char *line)
{
	struct passt_host *h = context;
	struct net_words w = { 0 };
	if (net_words_resolver_line(&w, line)) {
		h->asks4 |= w.all[0].family == NET_IP4;
		h->asks6 |= w.all[0].family == NET_IP6;
	}
	return false;
}

void passt_host_look(struct passt_host *h)
{
	char four[IFNAMSIZ] = "", six[IFNAMSIZ] = "";
	*h = (struct passt_host){ 0 };
	each_line("/proc/net/route", default4, four);
	each_line("/proc/net/ipv6_route", default6, six);
	h->route4 = *four;
	struct links l = { .wanted = *six ? six : four, .found = h->six };
	each_line("/proc/net/if_inet6", link_local, &l);
	each_line("/etc/resolv.conf", name_server, h);
}

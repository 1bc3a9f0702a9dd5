/* SPDX-License-Identifier: ISC */
#include <app/nameserver/nameserver.h>

#include <core/clock.h>
#include <core/task.h>

#define TEXT_MAX 128u

struct dns_options nameserver_dns(const struct nameserver_options *o)
{
	static char all[NAMESERVER_TRANSFERS * TEXT_MAX];
	struct dns_options dns = o->dns;
	size_t at = 0;

	for (unsigned i = 0; i < NAMESERVER_TRANSFERS; i++) {
		const char *p = o->transfers[i] ? o->transfers[i] : "";
		if (at > 0 && *p)
			all[at++] = ' ';
		for (; *p && at + 2 < sizeof all; p++)
			all[at++] = *p;
	}
	all[at] = '\0';
	dns.transfers = all;
	return dns;
}

int nameserver_serve(struct dns_server **to, const struct nameserver_options *o)
{
	const struct dns_options dns = nameserver_dns(o);
	struct dns_server *server;
	return dns_serve(to ? to : &server, o->zones, &dns);
}

int nameserver_run(void)
{
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}

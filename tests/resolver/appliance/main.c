/* SPDX-License-Identifier: ISC */
/* Prints a line for each name: its addresses, or the error. Then the resolver's figures. */
#include "appliance.h"

#include <stdio.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <net/resolver.h>

static void tell(const char *name)
{
	struct net_address to[RESOLVER_ADDRESSES_MAX];
	char text[NET_ADDRESS_TEXT_MAX];
	int n = resolver_lookup(name, to, RESOLVER_ADDRESSES_MAX, clock_now() + 20 * NS_PER_S);

	printf("%s:", name);
	if (n < 0)
		printf(" %s", error_text(n));
	for (int k = 0; k < n; k++)
		printf(" %s", (net_address_print(text, to[k]), text));
	printf("\n");
}

int main(void)
{
	char names[AMP_TEXT_MAX], *rest = names;

	snprintf(names, sizeof names, "%s", arg_names());
	for (char *name; (name = strsep(&rest, " ")) != NULL;)
		if (*name)
			tell(name);
	struct resolver_counters c = resolver_counters();
	printf("asked %llu hits %llu sent %llu truncated %llu dead %llu bad %llu\n",
	       (unsigned long long)c.asked, (unsigned long long)c.hits, (unsigned long long)c.sent,
	       (unsigned long long)c.truncated, (unsigned long long)(c.timeouts + c.unreachable),
	       (unsigned long long)c.bad);
	return 0;
}

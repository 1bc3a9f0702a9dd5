/* SPDX-License-Identifier: ISC */
/* Says the address that it was told, looks a name up, connects there and says what it hears. */
#include "appliance.h"

#include <stdio.h>

#include <core/clock.h>
#include <core/error.h>
#include <net/interface.h>
#include <net/resolver.h>
#include <net/tcp.h>

#define QUAD(a)                                                                                    \
	(unsigned)((a) >> 24), (unsigned)((a) >> 16 & 255), (unsigned)((a) >> 8 & 255),            \
	        (unsigned)((a) & 255)

int main(void)
{
	struct interface *i = interface_find(NULL);
	struct tcp_connection *c;
	struct net_address to = net_ip4(0);
	char text[NET_ADDRESS_TEXT_MAX];
	char heard[64];
	uint64_t deadline = clock_now() + 10 * NS_PER_S;
	int error = interface_wait_address(i, deadline);
	uint32_t own = interface_address(i), gateway = interface_gateway(i);
	printf("address %u.%u.%u.%u/%u gateway %u.%u.%u.%u mtu %u\n", QUAD(own),
	       (unsigned)interface_prefix(i), QUAD(gateway), (unsigned)interface_mtu(i));
	if (error || !*arg_name())
		return error ? 1 : 0;
	error = resolver_lookup(arg_name(), &to, 1, deadline);
	net_address_print(text, to);
	printf("%s is %s (%s)\n", arg_name(), text, error > 0 ? "found" : error_text(error));
	if (error <= 0)
		return 2;
	error = tcp_connect(&c, to, arg_port(), NULL, deadline);
	if (error) {
		printf("connect: %s\n", error_text(error));
		return 3;
	}
	int n = tcp_read(c, heard, sizeof heard, deadline);
	printf("heard %.*s\n", n > 0 ? n : 0, heard);
	tcp_close(c);
	return n > 0 ? 0 : 4;
}

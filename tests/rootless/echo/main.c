/* SPDX-License-Identifier: ISC */
/* Says its addresses; sends datagrams to port 7 back, and tells whoever connects there and sends a byte who that is. */
#include "appliance.h"

#include <stdio.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <net/interface.h>
#include <net/tcp.h>
#include <net/udp.h>

static void echo(void *context, struct udp_packet *packet)
{
	(void)context;
	udp_reply(packet, packet->size);
}

int main(void)
{
	struct interface *i = interface_find(NULL);
	struct udp_socket *datagrams;
	struct tcp_listener *listener;
	struct tcp_connection *c;
	struct net_address a;
	struct tcp_info info;
	char text[NET_ADDRESS_TEXT_MAX];
	if (udp_open(&datagrams, NULL, 7, echo, NULL) || tcp_listen(&listener, NULL, 7, NULL))
		return 1;
	for (uint32_t n = 0; (a = interface_ip6_at(i, n)), !net_address_none(a); n++) {
		net_address_print(text, a);
		printf("address6 %s\n", text);
	}
	for (;;) {
		if (tcp_accept(listener, &c, CLOCK_NEVER))
			return 2;
		/* passt of 2023 acknowledges a connection's beginning with the client's first bytes. */
		tcp_read(c, text, 1, clock_now() + 10 * NS_PER_S);
		tcp_info(c, &info);
		net_address_print(text, info.remote);
		tcp_write(c, text, strlen(text), clock_now() + 10 * NS_PER_S);
		tcp_close(c);
	}
}

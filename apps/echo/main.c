/* SPDX-License-Identifier: ISC */
/* Echoes UDP datagrams (RFC 862), each in the frame it came in. */
#include "appliance.h"

#include <core/clock.h>
#include <core/task.h>
#include <net/udp.h>

static void echo(void *context, struct udp_packet *packet)
{
	(void)context;
	udp_reply(packet, packet->size);
}

int main(void)
{
	struct udp_socket *socket;
	if (udp_open(&socket, NULL, arg_port(), echo, NULL))
		return 1;
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}

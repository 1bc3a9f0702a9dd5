/* SPDX-License-Identifier: ISC */
/* Several addresses, a route and a multicast group: echoes on port 7, to whichever of these. */
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
	if (udp_open(&socket, NULL, 7, echo, NULL) || udp_join(socket, NULL, 0xef010203))
		return 1;
	for (;;)
		task_sleep_until(clock_now() + 3600 * NS_PER_S);
}

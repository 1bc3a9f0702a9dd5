/* SPDX-License-Identifier: ISC */
/* Says each address that it gets, on standard output; echoes on port 7. */
#include <stdio.h>

#include <core/clock.h>
#include <core/gate.h>
#include <core/task.h>
#include <net/interface.h>
#include <net/udp.h>

static void echo(void *context, struct udp_packet *packet)
{
	(void)context;
	udp_reply(packet, packet->size);
}

int main(void)
{
	struct interface *interface = interface_find("service");
	struct udp_socket *socket;
	uint32_t last = 0;
	if (udp_open(&socket, interface, 7, echo, NULL))
		return 1;
	for (;;) {
		char line[64];
		uint32_t now = interface_address(interface);
		if (now != last) {
			int n = snprintf(line, sizeof line, "address %u.%u.%u.%u/%u\n", now >> 24,
			                 now >> 16 & 255, now >> 8 & 255, now & 255,
			                 interface_prefix(interface));
			gate_puts(AMP_STREAM_OUTPUT, line, (uint64_t)n);
			last = now;
		}
		if (!now)
			interface_wait_address(interface, CLOCK_NEVER);
		else
			task_sleep(100 * NS_PER_MS);
	}
}

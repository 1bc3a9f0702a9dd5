/* SPDX-License-Identifier: ISC */
/*
 * Says each address that it gets, on standard output; echoes on port 7. Waits for a datagram on port 8, and says how
 * each wait ends. On port 9, "release" ends it: the address is given back.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/task.h>
#include <net/interface.h>
#include <net/udp.h>

static bool ends;

static void say(const char *format, ...)
{
	char line[64];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	gate_puts(AMP_STREAM_OUTPUT, line, (uint64_t)n);
}

static void echo(void *context, struct udp_packet *packet)
{
	(void)context;
	udp_reply(packet, packet->size);
}

static void end(void *context, struct udp_packet *packet)
{
	(void)context;
	(void)packet;
	ends = true;
}

static void wait_for_datagrams(void *context)
{
	struct udp_socket *socket = context;
	char bytes[8];
	for (;;) {
		int n = udp_receive(socket, bytes, sizeof bytes, NULL, NULL, CLOCK_NEVER);
		say("wait ended: %s\n", n < 0 ? error_text(n) : "datagram");
	}
}

int main(void)
{
	struct interface *interface = interface_find("service");
	struct udp_socket *socket, *waits, *stop;
	uint32_t last = 0;
	if (udp_open(&socket, interface, 7, echo, NULL) || udp_open(&waits, NULL, 8, NULL, NULL) ||
	    udp_open(&stop, NULL, 9, end, NULL) || !task_spawn("waits", wait_for_datagrams, waits))
		return 1;
	while (!ends) {
		uint32_t now = interface_address(interface);
		if (now != last) {
			uint32_t ntp = interface_time_server(interface, 0);
			say("address %u.%u.%u.%u/%u\n", now >> 24, now >> 16 & 255, now >> 8 & 255,
			    now & 255, interface_prefix(interface));
			if (ntp)
				say("ntp %u.%u.%u.%u\n", ntp >> 24, ntp >> 16 & 255, ntp >> 8 & 255,
				    ntp & 255);
			last = now;
		}
		if (!now)
			interface_wait_address(interface, CLOCK_NEVER);
		else
			task_sleep_until(clock_now() + 100 * NS_PER_MS);
	}
	return 0;
}

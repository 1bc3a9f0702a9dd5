/* SPDX-License-Identifier: ISC */
/* By UDP to port 7: a count, a blank and a text. So many lines of the text, numbered from 0, are logged in one go; the answer
 * is syslog's counters. */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/syslog/syslog.h>
#include <app/tls/client.h>
#include <core/clock.h>
#include <core/log.h>
#include <core/task.h>
#include <net/udp.h>

static void received(void *context, struct udp_packet *p)
{
	char text[1500];
	uint32_t size = p->size < sizeof text ? p->size : sizeof text - 1;
	(void)context;
	memcpy(text, p->payload, size);
	text[size] = '\0';
	char *what;
	unsigned long count = strtoul(text, &what, 10);
	for (unsigned long k = 0; k < count; k++)
		log_warning("test", "%lu%s", k, what);
	struct syslog_counters c = syslog_counters();
	int n = snprintf((char *)p->payload, p->room, "%llu %llu %llu %llu %llu",
	                 (unsigned long long)c.lines, (unsigned long long)c.sent,
	                 (unsigned long long)c.dropped, (unsigned long long)c.failed,
	                 (unsigned long long)c.queued);
	udp_reply(p, (uint32_t)n);
}

int main(void)
{
	struct boot_secret authorities = arg_authorities();
	struct tls_client *trust = NULL;
	struct udp_socket *socket;
	if (authorities.size &&
	    tls_client_open(&trust,
	                    &(struct tls_client_options){ .authorities = authorities.bytes,
	                                                  .authorities_size = authorities.size }))
		return 1;
	if (syslog_start(&(struct syslog_options){ .host = "10.0.0.1",
	                                           .tcp = arg_tcp(),
	                                           .layer = trust ? &tls_client_layer : NULL,
	                                           .layer_context = trust,
	                                           .version = "1.0 \"a]\\",
	                                           .queue_max = 16384,
	                                           .retry_max_ns = NS_PER_S }) ||
	    udp_open(&socket, NULL, 7, received, NULL))
		return 1;
	task_sleep_until(CLOCK_NEVER);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* What a server counts, for whoever watches the image. */
#include <app/memcache/connection.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct memcache_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct memcache_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	NOW(connections_now, "connections_now", "Connections that are open."),
	COUNT(connections, "connections_total", "Connections that were taken."),
	COUNT(connections_refused, "connections_refused_total",
	      "Connections that were refused: too many, or no memory."),
	COUNT(made_room, "connections_made_room_total",
	      "Connections that were ended while silent, for new ones."),
	COUNT(crowded, "connections_crowded_total",
	      "Connections that were ended for their memory."),
	COUNT(commands, "commands_total", "Commands."),
	COUNT(bytes_in, "in_bytes_total", "Bytes received."),
	COUNT(bytes_out, "out_bytes_total", "Bytes sent."),
	COUNT(malformed, "malformed_total", "Lines that are no command."),
	COUNT(timed_out, "timed_out_total", "Connections ended for stalling or idling."),
};
_Static_assert(sizeof(struct memcache_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	memcache_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("memcache", "port", rows, read);

void memcache_metrics_add(struct memcache_server *s)
{
	s->metrics = (struct metric_source){ .group = &group, .of = s, .number = s->options.port };
	metric_add(&s->metrics);
}

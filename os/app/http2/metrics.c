/* SPDX-License-Identifier: ISC */
/* What HTTP/2 counts, for whoever watches the image. */
#include <app/http2/internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct http2_counters, field_), METRIC_COUNTER, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(connections, "connections_total", "Connections by HTTP/2."),
	COUNT(streams, "streams_total", "Requests by HTTP/2."),
	COUNT(refused, "refused_total", "Streams that were refused: too many, or no memory."),
	COUNT(calmed, "calmed_total", "Connections ended for frames that move nothing."),
	COUNT(failed, "failed_total", "Connections ended for other errors of the peer."),
	COUNT(stalled, "stalled_total", "Streams whose client took nothing."),
};
_Static_assert(sizeof(struct http2_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	*(struct http2_counters *)to = ((const struct http2_server *)of)->counters;
}

static const struct metric_group group = METRIC_GROUP("http2", "port", rows, read);

void http2_metrics_add(struct http2_server *s)
{
	s->metrics =
	        (struct metric_source){ .group = &group, .of = s, .number = s->http->options.port };
	metric_add(&s->metrics);
}

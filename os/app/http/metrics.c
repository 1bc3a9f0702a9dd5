/* SPDX-License-Identifier: ISC */
/* What a server counts, for whoever watches the image. */
#include <app/http/http_internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct http_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct http_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	NOW(connections_now, "connections_now", "Connections that are open."),
	COUNT(connections, "connections_total", "Connections that were taken."),
	COUNT(connections_refused, "connections_refused_total",
	      "Connections that were refused: too many, or no memory."),
	COUNT(made_room, "connections_made_room_total",
	      "Connections that were ended while idle, for new ones."),
	COUNT(crowded, "connections_crowded_total",
	      "Connections that were ended for their memory."),
	COUNT(requests, "requests_total", "Requests that came in."),
	COUNT(responses[1], "responses_total{class=\"1xx\"}",
	      "Responses, by the first digit of their status."),
	COUNT(responses[2], "responses_total{class=\"2xx\"}", NULL),
	COUNT(responses[3], "responses_total{class=\"3xx\"}", NULL),
	COUNT(responses[4], "responses_total{class=\"4xx\"}", NULL),
	COUNT(responses[5], "responses_total{class=\"5xx\"}", NULL),
	COUNT(responses[0], "aborted_total", "Requests that have got no whole response."),
	COUNT(bytes_out, "body_sent_bytes_total", "Bytes of bodies sent."),
	COUNT(malformed, "malformed_total", "Requests that do not parse."),
	COUNT(timed_out, "timed_out_total", "Connections ended for stalling."),
	COUNT(too_large, "too_large_total", "Requests beyond a bound."),
};
_Static_assert(sizeof(struct http_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	http_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("http", "port", rows, read);

void http_metrics_add(struct http_server *s)
{
	s->metrics = (struct metric_source){ .group = &group, .of = s, .number = s->options.port };
	metric_add(&s->metrics);
}

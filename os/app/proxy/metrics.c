/* SPDX-License-Identifier: ISC */
/* What a proxy counts, for whoever watches the image. */
#include <app/proxy/internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct proxy_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct proxy_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(requests, "requests_total", "Requests that came in."),
	COUNT(failed, "failed_total", "Requests answered with 502 or 504, or broken off."),
	COUNT(retried, "retried_total", "Requests that went to another server."),
	NOW(upstreams, "upstreams", "Servers that there are."),
	NOW(up, "upstreams_up", "Servers that are taken to be up."),
};
_Static_assert(sizeof(struct proxy_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	proxy_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("proxy", "instance", rows, read);

void proxy_metrics_add(struct proxy *p)
{
	p->metrics = (struct metric_source){ .group = &group, .of = p };
	metric_add(&p->metrics);
}

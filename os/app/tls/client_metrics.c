/* SPDX-License-Identifier: ISC */
/* What handshakes from here come to, for whoever watches the image. */
#include <app/tls/client_internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct tls_client_counters, field_), METRIC_COUNTER, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(handshakes, "handshakes_total", "Handshakes with servers that succeeded."),
	COUNT(resumed, "resumed_total", "Handshakes with servers that resumed a session."),
	COUNT(failed, "failed_total", "Handshakes with servers that failed."),
	COUNT(distrusted, "distrusted_total", "Of those that failed, those for the certificate."),
};
_Static_assert(sizeof(struct tls_client_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	tls_client_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("tls_client", "instance", rows, read);

void tls_client_metrics_add(struct tls_client *c)
{
	c->metrics = (struct metric_source){ .group = &group, .of = c };
	metric_add(&c->metrics);
}

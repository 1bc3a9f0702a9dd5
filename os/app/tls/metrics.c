/* SPDX-License-Identifier: ISC */
/* What handshakes come to, for whoever watches the image. */
#include <app/tls/internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct tls_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct tls_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(handshakes, "handshakes_total", "Handshakes that succeeded."),
	COUNT(resumed, "resumed_total", "Handshakes that resumed a session."),
	COUNT(failed, "failed_total", "Handshakes that failed."),
	COUNT(stapled, "stapled_total", "Handshakes with an OCSP response."),
	COUNT(in_place, "in_place_total",
	      "Handshakes behind which records are encrypted in place: TLS 1.3 and AES-GCM."),
	NOW(waiting, "waiting", "Handshakes that wait for their turn."),
};
_Static_assert(sizeof(struct tls_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	tls_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("tls", "instance", rows, read);

void tls_metrics_add(struct tls *t)
{
	t->metrics = (struct metric_source){ .group = &group, .of = t };
	metric_add(&t->metrics);
}

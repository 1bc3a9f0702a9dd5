/* SPDX-License-Identifier: ISC */
/* What asking for certificates comes to, for whoever watches the image. */
#include <app/acme/internal.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct acme_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct acme_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(issued, "issued_total", "Certificates that an authority has signed."),
	COUNT(failed, "failed_total", "Attempts that came to no certificate."),
	COUNT(refused_nonces, "refused_nonces_total",
	      "Requests that were sent again, since their nonce was refused."),
	NOW(expires, "expires_timestamp_seconds",
	    "Until when the certificate in use is good; 0: there is none."),
	NOW(renews, "renews_timestamp_seconds",
	    "When the certificate in use is to be renewed; 0: there is none."),
};
_Static_assert(sizeof(struct acme_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	acme_counters(of, to);
}

static const struct metric_group group = METRIC_GROUP("acme", "instance", rows, read);

void acme_metrics_add(struct acme *a)
{
	a->metrics = (struct metric_source){ .group = &group, .of = a };
	metric_add(&a->metrics);
}

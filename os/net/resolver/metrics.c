/* SPDX-License-Identifier: ISC */
/* What the resolver counts, for whoever watches the image. */
#include <net/resolver/internal.h>

#include <stddef.h>

#include <core/metric.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct resolver_counters, field_), METRIC_COUNTER, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(asked, "asked_total", "Names that were asked for here."),
	COUNT(hits, "hits_total", "Names that were known already."),
	COUNT(sent, "queries_total", "Queries sent to servers."),
	COUNT(answers, "answers_total", "Answers of servers that parse."),
	COUNT(timeouts, "timeouts_total", "Queries without an answer."),
	COUNT(truncated, "truncated_total", "Answers that were asked for again by TCP."),
	COUNT(refused, "refused_total", "Answers that refuse."),
	COUNT(failed, "failed_total", "Answers that tell of a failure, or do not parse."),
	COUNT(unreachable, "unreachable_total", "Queries that could not reach a server."),
	COUNT(stale, "stale_total", "Answers given after their time."),
	COUNT(bad, "bad_total", "Messages that were not asked for."),
};

static void read(const void *of, void *to)
{
	(void)of;
	*(struct resolver_counters *)to = resolver_counts;
}

static const struct metric_group group = METRIC_GROUP("resolver", NULL, rows, read);

void resolver_metrics_add(void)
{
	static struct metric_source source = { .group = &group };
	static bool added;
	if (!added)
		metric_add(&source);
	added = true;
}

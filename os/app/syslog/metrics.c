/* SPDX-License-Identifier: ISC */
/* What syslog counts, for whoever watches the image. */
#include <app/syslog/internal.h>

#include <core/metric.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct syslog_counters, field_), METRIC_COUNTER, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(lines, "lines_total", "Lines that were logged."),
	COUNT(sent, "sent_total", "Messages that were sent."),
	COUNT(bytes, "sent_bytes_total", "Bytes of these."),
	COUNT(dropped, "dropped_total", "Lines for which the queue had no room."),
	COUNT(failed, "failed_total", "Tries to reach the receiver that failed."),
	{ "queued_bytes", "Lines that wait.", offsetof(struct syslog_counters, queued),
	  METRIC_GAUGE, METRIC_ONE },
};

static void read(const void *of, void *to)
{
	(void)of;
	*(struct syslog_counters *)to = syslog_counters();
}

static const struct metric_group group = METRIC_GROUP("syslog", NULL, rows, read);

void syslog_metrics_add(void)
{
	static struct metric_source source = { .group = &group };
	metric_add(&source);
}

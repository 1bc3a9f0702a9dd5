/* SPDX-License-Identifier: ISC */
/* What a server counts, for whoever watches the image. */
#include <app/dns/metrics.h>

#include <stddef.h>

#include <app/dns/dns.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct dns_counters, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct dns_counters, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(queries, "queries_total", "Packets that came in by UDP."),
	COUNT(dropped, "dropped_total", "Packets that were not answered."),
	COUNT(failed, "failed_total", "Responses that could not be sent."),
	COUNT(rcodes[0], "responses_total{rcode=\"NOERROR\"}", "Responses by their RCODE."),
	COUNT(rcodes[1], "responses_total{rcode=\"FORMERR\"}", NULL),
	COUNT(rcodes[2], "responses_total{rcode=\"SERVFAIL\"}", NULL),
	COUNT(rcodes[3], "responses_total{rcode=\"NXDOMAIN\"}", NULL),
	COUNT(rcodes[4], "responses_total{rcode=\"NOTIMP\"}", NULL),
	COUNT(rcodes[5], "responses_total{rcode=\"REFUSED\"}", NULL),
	COUNT(rcodes[6], "responses_total{rcode=\"YXDOMAIN\"}", NULL),
	COUNT(rcodes[7], "responses_total{rcode=\"YXRRSET\"}", NULL),
	COUNT(rcodes[8], "responses_total{rcode=\"NXRRSET\"}", NULL),
	COUNT(rcodes[9], "responses_total{rcode=\"NOTAUTH\"}", NULL),
	COUNT(rcodes[10], "responses_total{rcode=\"NOTZONE\"}", NULL),
	COUNT(cache_hits, "cache_hits_total", "Answers that were remembered."),
	COUNT(cache_misses, "cache_misses_total", "Answers that were made."),
	COUNT(transfers, "transfers_total", "Zones transferred to their end."),
	NOW(tcp_now, "tcp_connections_now", "TCP connections that are open."),
	COUNT(tcp_refused, "tcp_refused_total", "TCP connections that were refused."),
	COUNT(tcp_made_room, "tcp_made_room_total",
	      "TCP connections that were ended while idle, for new ones."),
};
_Static_assert(sizeof(struct dns_counters) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	*(struct dns_counters *)to = dns_counters(of);
}

static const struct metric_group group = METRIC_GROUP("dns", "port", rows, read);

void dns_metrics_add(struct metric_source *m, const struct dns_server *s, uint16_t port)
{
	*m = (struct metric_source){ .group = &group, .of = s, .number = port };
	metric_add(m);
}

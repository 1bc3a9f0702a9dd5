/* SPDX-License-Identifier: ISC */
/* A server's figures, registered. */
#ifndef DNS_METRICS_H
#define DNS_METRICS_H

#include <stdint.h>

#include <core/metric.h>

struct dns_server;

void dns_metrics_add(struct metric_source *, const struct dns_server *, uint16_t port);

#endif

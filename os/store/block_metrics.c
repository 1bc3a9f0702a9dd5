/* SPDX-License-Identifier: ISC */
/* What a device counts, for whoever watches the image. */
#include <store/block_internal.h>

#include <stddef.h>
#include <string.h>

#include <ampoule_abi.h>
#include <core/metric.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct block, field_) - FIRST, METRIC_COUNTER, METRIC_ONE }
#define FIRST offsetof(struct block, reads)

static const struct metric rows[] = {
	COUNT(reads, "reads_total", "Requests to read that are done."),
	COUNT(writes, "writes_total", "Requests to write that are done."),
	COUNT(flushes, "flushes_total", "Flushes that are done."),
	COUNT(errors, "errors_total", "Requests that failed."),
	COUNT(bytes_read, "read_bytes_total", "Bytes read."),
	COUNT(bytes_written, "written_bytes_total", "Bytes written."),
};
_Static_assert(sizeof(struct block) - FIRST <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	memcpy(to, (const uint8_t *)of + FIRST, sizeof(struct block) - FIRST);
}

static const struct metric_group group = METRIC_GROUP("block", "device", rows, read);

void block_metrics_add(const struct block *b)
{
	static struct metric_source sources[AMP_DEVICES_MAX];
	static uint32_t count;
	sources[count] = (struct metric_source){ .group = &group, .of = b, .is = b->name };
	metric_add(&sources[count++]);
}

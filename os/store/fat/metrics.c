/* SPDX-License-Identifier: ISC */
/* What a volume has, for whoever watches the image. */
#include <store/fat/internal.h>

#include <stddef.h>

struct figures {
	uint64_t size, free, lost, cut, mended;
};

static const struct metric rows[] = {
	{ "size_bytes", "Bytes that files can take.", offsetof(struct figures, size), METRIC_GAUGE,
	  METRIC_ONE },
	{ "free_bytes", "Bytes that no file has, waiting changes included.",
	  offsetof(struct figures, free), METRIC_GAUGE, METRIC_ONE },
	{ "mended_total{what=\"cluster\"}", "What was mended when the volume was opened.",
	  offsetof(struct figures, lost), METRIC_COUNTER, METRIC_ONE },
	{ "mended_total{what=\"chain\"}", NULL, offsetof(struct figures, cut), METRIC_COUNTER,
	  METRIC_ONE },
	{ "mended_total{what=\"name\"}", NULL, offsetof(struct figures, mended), METRIC_COUNTER,
	  METRIC_ONE },
};

/* Nothing is read or written for it. */
static void read(const void *of, void *to)
{
	const struct fat *f = of;
	const struct fat_figures *n = &f->figures;
	*(struct figures *)to = (struct figures){ (uint64_t)n->clusters * n->cluster_size,
		                                  (uint64_t)f->free * n->cluster_size, n->lost,
		                                  n->cut, n->names_mended };
}

static const struct metric_group group = METRIC_GROUP("fat", "device", rows, read);

void fat_metrics_add(struct fat *f)
{
	f->metrics = (struct metric_source){ .group = &group, .of = f, .is = f->block->name };
	metric_add(&f->metrics);
}

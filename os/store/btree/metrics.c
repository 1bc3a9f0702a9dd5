/* SPDX-License-Identifier: ISC */
/* What a store counts, for whoever watches the image. */
#include <store/btree/internal.h>

#include <stddef.h>

#define COUNT(field_, name_, help_)                                                                \
	{ name_, help_, offsetof(struct btree_figures, field_), METRIC_COUNTER, METRIC_ONE }
#define NOW(field_, name_, help_)                                                                  \
	{ name_, help_, offsetof(struct btree_figures, field_), METRIC_GAUGE, METRIC_ONE }

static const struct metric rows[] = {
	NOW(keys, "keys", "Keys, as committed."),
	NOW(pages, "pages", "Pages of the device."),
	NOW(pages_used, "pages_used", "Pages that are in use."),
	NOW(depth, "depth", "Levels of the tree."),
	COUNT(generation, "generations_total", "Commits since the store was created."),
	COUNT(commits, "commits_total", "Commits since it was opened."),
	COUNT(changes, "changes_total", "Changes in these."),
	COUNT(reads, "page_reads_total", "Pages read from the device."),
	COUNT(hits, "page_hits_total", "Pages found in memory."),
	COUNT(pages_written, "page_writes_total", "Pages written."),
	NOW(cached, "pages_cached", "Pages in memory."),
};
_Static_assert(sizeof(struct btree_figures) <= METRIC_FIGURES_MAX, "there is room for it");

static void read(const void *of, void *to)
{
	btree_figures(of, to);
}

static const struct metric_group group = METRIC_GROUP("btree", "device", rows, read);

void btree_metrics_add(struct btree *t)
{
	t->metrics = (struct metric_source){ .group = &group, .of = t, .is = t->block->name };
	metric_add(&t->metrics);
}

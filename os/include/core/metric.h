/* SPDX-License-Identifier: ISC */
/*
 * Figures for whoever watches an image, as Prometheus has them: counters, gauges, histograms. Each library that counts describes
 * its figures in a group, and registers what they are of: a server, an interface, a store. app/status shows all that is registered.
 *
 * Nothing is counted for this. A group has a function that reads what the library counts anyway, when somebody asks. An image
 * without app/status has neither descriptions nor readers: metric_shown is a constant, false then, and the linker drops them.
 *
 *	static const struct metric rows[] = {
 *		{ "orders_total", "Orders that came in.", offsetof(struct figures, orders), METRIC_COUNTER, METRIC_ONE },
 *		{ "waiting_seconds", "Age of the oldest.", offsetof(struct figures, age_ns), METRIC_GAUGE, METRIC_NS },
 *	};
 *	static void read(const void *of, void *to)
 *	{
 *		*(struct figures *)to = *(const struct figures *)of;
 *	}
 *	static const struct metric_group group = METRIC_GROUP("shop", NULL, rows, read);
 *	static struct metric_source source = { .group = &group, .of = &figures };
 *	metric_add(&source);
 *
 * is ampoule_shop_orders_total. Names have Prometheus' conventions: snake case, a counter ends in _total, units are seconds and
 * bytes and stand in the name.
 */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include <stdbool.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_unit { METRIC_ONE, METRIC_NS /* nanoseconds; shown as seconds */ };

/* One figure. Figures of one name, with labels of their own, stand one behind the other. */
struct metric {
	const char *
	        name; /* behind "ampoule_GROUP_"; may end in a label: responses_total{class="2xx"}, without what has to be escaped */
	const char *help; /* a sentence; null: the one of the figure before, whose name it has */
	uint16_t
	        at; /* bytes, in what the group's reader gives: a uint64_t, of a histogram the address of its struct */
	uint8_t kind, unit; /* enum metric_kind, enum metric_unit */
};

#define METRIC_FIGURES_MAX 512u /* bytes that a reader may fill in */

struct metric_group {
	const char *name;
	const char *label; /* of what tells its sources apart: "port"; null: there is one source */
	const struct metric *metrics;
	uint32_t count;
	void (*read)(const void *of, void *to); /* `to` is zeroed, and aligned to 8 bytes */
};
#define METRIC_GROUP(name_, label_, metrics_, read_)                                               \
	{ name_, label_, metrics_, sizeof(metrics_) / sizeof *(metrics_), read_ }

/* What a group's figures are of. Its owner embeds it, sets `group` and `of`, and keeps it until metric_forget. */
struct metric_source {
	struct metric_source *next;
	const struct metric_group *group;
	const void *of;
	const char *is;  /* the label's value; null: it is `number` */
	uint32_t number; /* 0, without `is`: one that no other source of the group has */
};

#ifdef __AMPOULE__
extern const bool metric_shown; /* the builder's: the image has app/status */
#else
#define metric_shown false /* a test on the host */
#endif

/* The registry itself. Libraries and applications call metric_add and metric_forget below. */
void metric_register(struct metric_source *);
void metric_drop(struct metric_source *);

/* Once for each source. */
static inline void metric_add(struct metric_source *s)
{
	if (metric_shown)
		metric_register(s);
}
/* Allowed if it is not there. */
static inline void metric_forget(struct metric_source *s)
{
	if (metric_shown)
		metric_drop(s);
}

/* The sources, those of a group one behind the other: groups by when their first source came. Null: the first; null is given
 * behind the last one. */
const struct metric_source *metric_next(const struct metric_source *);

/* A histogram counts, for each bound, the values up to it. Bounds ascend and are in the figure's unit. */
#define METRIC_BOUNDS_MAX 16u
struct metric_histogram {
	const uint64_t *bounds;
	uint32_t bound_count; /* at most METRIC_BOUNDS_MAX */
	uint64_t counts[METRIC_BOUNDS_MAX +
	                1]; /* by the first bound that holds the value; the last: beyond all */
	uint64_t sum;
};
static inline void metric_observe(struct metric_histogram *h, uint64_t value)
{
	uint32_t k = 0;
	while (k < h->bound_count && value > h->bounds[k])
		k++;
	h->counts[k]++;
	h->sum += value;
}

#endif

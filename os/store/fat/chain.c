/* SPDX-License-Identifier: ISC */
/* Clusters one behind the other, by number. The one last used and a few landmarks are kept, so that
 * neither reading on nor jumping about walks from the start. */
#include <store/fat/internal.h>

#define MARKS (sizeof((struct chain *)0)->marks / sizeof(uint32_t))

void fat_chain_open(struct chain *c, uint32_t first)
{
	*c = (struct chain){ .first = first, .step = 1 };
}

_Static_assert(MARKS % 2 == 0, "every second landmark stays");

static void mark(struct chain *c, uint32_t index, uint32_t cluster)
{
	if (index / c->step != c->count + 1 || index % c->step)
		return;
	if (c->count == MARKS) {
		for (uint32_t k = 0; k < MARKS / 2; k++)
			c->marks[k] = c->marks[2 * k + 1];
		c->count = MARKS / 2;
		c->step *= 2;
		mark(c, index, cluster);
		return;
	}
	c->marks[c->count++] = cluster;
}

int fat_chain_get(struct fat *f, struct chain *c, uint32_t index, uint32_t *cluster)
{
	uint32_t at = 0, now = c->first, known = index / c->step;
	if (!now)
		return ERR_ABSENT;
	known = known < c->count ? known : c->count;
	if (known) {
		at = known * c->step;
		now = c->marks[known - 1];
	}
	if (c->cluster && c->index <= index && c->index >= at) {
		at = c->index;
		now = c->cluster;
	}
	if (!fat_cluster_valid(f, now))
		return fat_damaged(f, "a chain begins nowhere", now);
	while (at < index) {
		uint32_t next;
		int error = fat_table_get(f, now, &next);
		if (error)
			return error;
		if (next == TABLE_END)
			return ERR_ABSENT;
		if (!fat_cluster_valid(f, next))
			return fat_damaged(f, "a chain leads nowhere", now);
		now = next;
		mark(c, ++at, now);
	}
	c->index = index;
	c->cluster = now;
	*cluster = now;
	return OK;
}

void fat_chain_shorten(struct chain *c, uint32_t count)
{
	if (!count) {
		fat_chain_open(c, 0);
		return;
	}
	if (c->index >= count)
		c->cluster = 0;
	while (c->count && c->count * c->step >= count)
		c->count--;
}

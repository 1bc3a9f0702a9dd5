/* SPDX-License-Identifier: ISC */
/* A policy: the page that was not used for the longest time goes first. */
#include <store/btree/btree.h>

#include <stddef.h>

static void take_out(struct btree_lru *l, struct btree_cached *c)
{
	if (c->newer)
		c->newer->older = c->older;
	else
		l->newest = c->older;
	if (c->older)
		c->older->newer = c->newer;
	else
		l->oldest = c->newer;
	c->mark = 0;
}

static void gone(void *of, struct btree_cached *c)
{
	take_out(of, c);
}

static void used(void *of, struct btree_cached *c)
{
	struct btree_lru *l = of;
	if (c->mark)
		take_out(l, c);
	c->mark = 1;
	c->newer = NULL;
	c->older = l->newest;
	if (l->newest)
		l->newest->newer = c;
	else
		l->oldest = c;
	l->newest = c;
}

static struct btree_cached *victim(void *of)
{
	struct btree_lru *l = of;
	for (struct btree_cached *c = l->oldest; c; c = c->newer) {
		if (!c->pins)
			return c;
	}
	return NULL;
}

const struct btree_policy btree_policy_lru = { used, gone, victim };

/* SPDX-License-Identifier: ISC */
/* A doubly linked ring of members embedded in structures. An empty list points to itself. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name_)                 { &(name_), &(name_) }
#define container_of(p_, type_, member_) ((type_ *)((char *)(p_) - offsetof(type_, member_)))
#define list_each(at_, list_)                                                                      \
	for (struct list *at_ = (list_)->next; at_ != (list_); at_ = at_->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *l, struct list *member)
{
	member->prev = l->prev;
	member->next = l;
	l->prev->next = member;
	l->prev = member;
}

/* Takes a member out; it is then a list of itself, so that removing it again does no harm. */
static inline void list_remove(struct list *member)
{
	member->prev->next = member->next;
	member->next->prev = member->prev;
	member->next = member->prev = member;
}

/* Takes it out and puts it at the end of l, or of its own list. l is no member that may move. */
static inline void list_move(struct list *l, struct list *member)
{
	member->prev->next = member->next;
	member->next->prev = member->prev;
	list_append(l, member);
}

/* Do all members know their neighbours? Ends for any ring, whole or not. */
static inline bool list_is_valid(const struct list *l)
{
	const struct list *at = l;
	do {
		if (!at->next || at->next->prev != at)
			return false;
		at = at->next;
	} while (at != l);
	return true;
}

static inline struct list *list_pop(struct list *l)
{
	struct list *m = l->next;
	if (m == l)
		return NULL;
	list_remove(m);
	return m;
}

#endif

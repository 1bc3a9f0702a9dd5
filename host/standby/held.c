/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <standby/held.h>

#define BESIDE (sizeof(struct held_frame) + sizeof(struct amp_frame_header) + 16) /* 16: malloc's */

static uint64_t limit = HELD_DEFAULT, all;

void held_limit(uint64_t bytes)
{
	limit = bytes;
}

uint64_t held_bytes(void)
{
	return all;
}

bool held_add(struct held *h, const void *header, const void *frame, size_t size)
{
	const struct amp_frame_header none = { 0 };
	size_t cost = size + BESIDE;
	if (size > HELD_EACH_MAX || h->bytes + cost > HELD_EACH_MAX || all + cost > limit)
		return false;
	struct held_frame *f = malloc(cost);
	if (!f)
		return false;
	f->next = NULL;
	f->size = (uint32_t)(sizeof none + size);
	memcpy(f->bytes, header ? header : &none, sizeof none);
	memcpy(f->bytes + sizeof none, frame, size);
	if (h->last)
		h->last->next = f;
	else
		h->first = f;
	h->last = f;
	h->bytes += (uint32_t)cost;
	all += cost;
	return true;
}

struct held_frame *held_take(struct held *h)
{
	struct held_frame *f = h->first;
	if (!f)
		return NULL;
	size_t cost = f->size - sizeof(struct amp_frame_header) + BESIDE;
	h->first = f->next;
	if (!h->first)
		h->last = NULL;
	h->bytes -= (uint32_t)cost;
	all -= cost;
	return f;
}

void held_drop(struct held *h)
{
	for (struct held_frame *f; (f = held_take(h));)
		free(f);
}

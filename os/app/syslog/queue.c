/* SPDX-License-Identifier: ISC */
/* Lines that wait. Their memory is counted as they take it, what the list needs included. */
#include <app/syslog/internal.h>

#include <string.h>

#include <core/heap.h>

static uint32_t cost(uint32_t size)
{
	return (uint32_t)sizeof(struct syslog_line) + size;
}

void syslog_queue_open(struct syslog_queue *q, uint32_t max)
{
	list_init(&q->lines);
	q->bytes = 0;
	q->max = max;
}

bool syslog_queue_put(struct syslog_queue *q, const char *bytes, uint32_t size)
{
	struct syslog_line *l;
	if (cost(size) > q->max - q->bytes || !(l = heap_alloc(cost(size))))
		return false;
	l->size = size;
	memcpy(l->bytes, bytes, size);
	list_append(&q->lines, &l->link);
	q->bytes += cost(size);
	return true;
}

struct syslog_line *syslog_queue_first(struct syslog_queue *q)
{
	return list_empty(&q->lines) ? NULL : container_of(q->lines.next, struct syslog_line, link);
}

void syslog_queue_drop_first(struct syslog_queue *q)
{
	struct syslog_line *l = syslog_queue_first(q);
	list_remove(&l->link);
	q->bytes -= cost(l->size);
	heap_free(l);
}

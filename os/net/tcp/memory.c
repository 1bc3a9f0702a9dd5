/* SPDX-License-Identifier: ISC */
/* The bound of all connections' buffers together, a share of the heap. */
#include <net/tcp/internal.h>

#include <core/heap.h>

static uint64_t memory_max;

void tcp_memory_start(void)
{
	memory_max = heap_figures().total / TCP_MEMORY_SHARE;
}

uint64_t tcp_memory_left(void)
{
	uint64_t used = tcp_queue_memory() + tcp_receive_memory();
	return used < memory_max ? memory_max - used : 0;
}

bool tcp_memory_short(void)
{
	return tcp_memory_left() < memory_max / 4;
}

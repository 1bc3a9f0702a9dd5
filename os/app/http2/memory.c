/* SPDX-License-Identifier: ISC */
/*
 * What a connection has allocated, by nghttp2 and by us: a sum, which the server's account of all connections is told of. Past
 * memory_max nothing is allocated for it but responses, and a little for nghttp2, so that it can say why it ends.
 */
#include <app/http2/internal.h>

#include <string.h>

#include <core/heap.h>

#define SLACK (32u << 10) /* of nghttp2's own */
#define STEP  4096u       /* the account is kept to so many bytes */

bool http2_memory_left(const struct http2_session *h, uint32_t size)
{
	return h->allocated - h->copied + size <= h->server->options.memory_max;
}

static void *resize(struct http2_session *h, void *old, size_t size, uint32_t slack)
{
	size_t before = old ? heap_size(old) : 0;
	if (size > UINT32_MAX / 2 || h->allocated - h->copied - before + size >
	                                     (uint64_t)h->server->options.memory_max + slack)
		return NULL;
	void *p = heap_resize(old, size);
	if (p)
		h->allocated += heap_size(p) - before;
	return p;
}

void *http2_alloc(struct http2_session *h, uint32_t size)
{
	return resize(h, NULL, size, 0);
}

void *http2_resize(struct http2_session *h, void *p, uint32_t size)
{
	return resize(h, p, size, 0);
}

void http2_free(struct http2_session *h, void *p)
{
	if (p && h)
		h->allocated -= heap_size(p);
	heap_free(p);
}

struct http2_piece *http2_piece_new(struct http2_session *h, uint64_t room)
{
	struct http2_piece *p = heap_alloc(sizeof *p + room);
	if (!p)
		return NULL;
	p->room = room;
	h->allocated += heap_size(p);
	h->copied += heap_size(p);
	return p;
}

void http2_piece_free(struct http2_session *h, struct http2_piece *p)
{
	h->allocated -= heap_size(p);
	h->copied -= heap_size(p);
	heap_free(p);
}

/* ---- nghttp2's ---- */

static void *engine_malloc(size_t size, void *context)
{
	return resize(context, NULL, size, SLACK);
}

static void engine_free(void *p, void *context)
{
	http2_free(context, p);
}

static void *engine_calloc(size_t count, size_t size, void *context)
{
	size_t all;
	if (__builtin_mul_overflow(count, size, &all))
		return NULL;
	void *p = resize(context, NULL, all, SLACK);
	return p ? memset(p, 0, all) : NULL;
}

static void *engine_realloc(void *p, size_t size, void *context)
{
	return resize(context, p, size, SLACK);
}

nghttp2_mem http2_memory(struct http2_session *h)
{
	return (nghttp2_mem){ h, engine_malloc, engine_free, engine_calloc, engine_realloc };
}

void http2_account(struct http2_session *h)
{
	uint64_t n = (h->allocated + STEP - 1) & ~(uint64_t)(STEP - 1);
	struct tcp_served *c = http2_served(h);
	if (c->tcp && !tcp_served_keep(c, n < UINT32_MAX / 2 ? (uint32_t)n : UINT32_MAX / 2))
		tcp_served_drop_soon(c);
}

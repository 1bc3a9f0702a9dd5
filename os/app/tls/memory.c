/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's memory: the heap's, but for the buffers of records. A connection takes one for each record and gives it back, so
 * that idle ones have none; a few are kept here, instead of being zeroed, checked and held back by the heap each time.
 */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/crypto.h>

#include <core/error.h>
#include <core/heap.h>

#define BUFFER_LEAST (16u << 10) /* bytes of what is kept */
#define BUFFER_MOST  (18u << 10)
#define KEPT_MAX     16u

struct block {
	union {
		uint64_t size; /* of what follows */
		struct block *next;
	};
	uint64_t reserved; /* what follows is aligned for anything */
};

static struct block *kept;
static uint32_t kept_count;

static bool is_buffer(uint64_t size)
{
	return size >= BUFFER_LEAST && size <= BUFFER_MOST;
}

static void *alloc(size_t size, const char *file, int line)
{
	struct block *b;
	(void)file, (void)line;
	if (is_buffer(size) && kept) {
		b = kept;
		kept = b->next;
		kept_count--;
	} else {
		b = heap_alloc(sizeof *b + (is_buffer(size) ? BUFFER_MOST : size));
	}
	if (!b)
		return NULL;
	b->size = size;
	return b + 1;
}

static void give(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	if (is_buffer(b->size) && kept_count < KEPT_MAX) {
		b->next = kept;
		kept = b;
		kept_count++;
		return;
	}
	heap_free(b);
}

static void *resize(void *p, size_t size, const char *file, int line)
{
	if (!p)
		return alloc(size, file, line);
	struct block *b = (struct block *)p - 1;
	if (!is_buffer(b->size) && !is_buffer(size)) {
		b = heap_resize(b, sizeof *b + size);
		if (!b)
			return NULL;
		b->size = size;
		return b + 1;
	}
	void *to = alloc(size, file, line);
	if (!to)
		return NULL;
	memcpy(to, p, b->size < size ? b->size : size);
	give(p, file, line);
	return to;
}

void tls_memory_start(void)
{
	/* Too late only if something of OpenSSL's was called before: then all is the heap's. */
	CRYPTO_set_mem_functions(alloc, resize, give);
}

/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's memory: the heap's, but for its large buffers. Given here under the names of libcrypto's own functions (mem.c there), since
 * the heap has already done what these would do again: what it gives is zero, and it erases what it gets back.
 *
 * A connection takes a buffer for each record and for its handshake, and gives it back, so that idle ones have none; a few are kept here,
 * instead of being zeroed, checked and held back by the heap each time.
 */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/crypto.h>

#include <core/heap.h>

#define BUFFER_LEAST (16u << 10) /* bytes of what is kept */
#define BUFFER_MOST                                                                                \
	(22u << 10) /* a handshake's message of 16 KiB, and a third for it to grow into */
#define ROOM_MOST (BUFFER_MOST + 64) /* what the heap may have made of it */
#define KEPT_MAX  16u
#define PAGE      4096u

static void *kept[KEPT_MAX];
static uint32_t kept_count;

static bool is_buffer(size_t size)
{
	return size >= BUFFER_LEAST && size <= BUFFER_MOST;
}

/* Only what has pages of its own begins with one; a few small objects do, too. */
static bool was_buffer(void *p)
{
	if ((uintptr_t)p % PAGE)
		return false;
	size_t room = heap_size(p);
	return room >= BUFFER_MOST && room <= ROOM_MOST;
}

void *CRYPTO_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	if (!size)
		return NULL;
	if (!is_buffer(size))
		return heap_alloc(size);
	return kept_count ? kept[--kept_count] : heap_alloc(BUFFER_MOST);
}

void *CRYPTO_zalloc(size_t size, const char *file, int line)
{
	if (!is_buffer(size))
		return size ? heap_alloc_zero(1, size) : NULL;
	void *p = CRYPTO_malloc(size, file, line);
	if (p)
		memset(p, 0, size);
	return p;
}

void CRYPTO_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (p && kept_count < KEPT_MAX && was_buffer(p))
		kept[kept_count++] = p;
	else
		heap_free(p);
}

void CRYPTO_clear_free(void *p, size_t size, const char *file, int line)
{
	if (p && was_buffer(p))
		explicit_bzero(p, size);
	CRYPTO_free(p, file, line);
}

void *CRYPTO_realloc(void *p, size_t size, const char *file, int line)
{
	if (!p)
		return CRYPTO_malloc(size, file, line);
	if (!size) {
		CRYPTO_free(p, file, line);
		return NULL;
	}
	if (!is_buffer(size) && !was_buffer(p))
		return heap_resize(p, size);
	size_t have = heap_size(p);
	if (is_buffer(size) && was_buffer(p))
		return p;
	void *to = CRYPTO_malloc(size, file, line);
	if (!to)
		return NULL;
	memcpy(to, p, have < size ? have : size);
	CRYPTO_clear_free(p, have, file, line);
	return to;
}

void *CRYPTO_clear_realloc(void *p, size_t before, size_t size, const char *file, int line)
{
	if (p && size && size < before)
		explicit_bzero((uint8_t *)p + size, before - size);
	else if (p && !size)
		CRYPTO_clear_free(p, before, file, line), p = NULL;
	return !p && !size ? NULL : CRYPTO_realloc(p, size, file, line);
}

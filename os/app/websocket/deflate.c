/* SPDX-License-Identifier: ISC */
/*
 * permessage-deflate by zlib (RFC 7692 §7.2). A compressed message is inflated when it is whole, into no more than its bound. So where no
 * context is kept, one inflater and one deflater for each size of window serve all connections: nothing else runs amid a message.
 */
#include <app/websocket/internal.h>

#include <string.h>

#include <core/heap.h>
#include <zlib.h>

#define BITS       12u /* of our window: 4 KiB */
#define BITS_MOST  15u
#define LEVEL      6
#define MEMORY     5   /* zlib's memLevel: 16 KiB of tables */
#define FLUSH_ROOM 64u /* beyond deflateBound: for the flush */
#define OUT_LEAST  1024u
#define INFLATER   7200u /* bytes of zlib's structures beside a window */

static z_stream *inflater;
static z_stream *deflaters[BITS_MOST + 1];

static void *take(void *context, unsigned count, unsigned size)
{
	(void)context;
	return heap_alloc_zero(count, size);
}

static void give(void *context, void *p)
{
	(void)context;
	heap_free(p);
}

static z_stream *make(uint32_t bits, bool inflates)
{
	z_stream *z = heap_alloc_zero(1, sizeof *z);
	if (!z)
		return NULL;
	z->zalloc = take;
	z->zfree = give;
	int result = inflates ? inflateInit2(z, -(int)bits)
	                      : deflateInit2(z, LEVEL, Z_DEFLATED, -(int)bits, MEMORY,
	                                     Z_DEFAULT_STRATEGY);
	if (result == Z_OK)
		return z;
	heap_free(z);
	return NULL;
}

/* The connection's own, or everybody's, as new. Null: no memory. */
static z_stream *use(struct websocket *w, void **own, z_stream **shared, uint32_t bits,
                     bool inflates)
{
	z_stream **z = own ? (z_stream **)own : shared;
	if (!*z) {
		*z = make(bits, inflates);
		if (*z && own)
			w->contexts +=
			        inflates ? INFLATER + (1u << bits) : WEBSOCKET_DEFLATE_MEMORY;
		return *z;
	}
	if (!own)
		inflates ? inflateReset(*z) : deflateReset(*z);
	return *z;
}

static int deflate_message(struct websocket *w, const void *bytes, uint32_t size, uint8_t **to,
                           uint32_t *to_size)
{
	static const uint8_t tail[] = { 0, 0, 0xff, 0xff };
	uint32_t bits = w->agreed.server_bits ? w->agreed.server_bits : BITS;
	bool fresh = w->agreed.server_fresh;
	*to = NULL;
	z_stream *z = use(w, fresh ? NULL : &w->deflater, &deflaters[bits], bits, false);
	if (!z)
		return ERR_MEMORY;
	uint64_t room = deflateBound(z, size) + FLUSH_ROOM;
	uint8_t *out = room < UINT32_MAX ? heap_alloc(room) : NULL;
	if (!out)
		return ERR_MEMORY;
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = size;
	z->next_out = out;
	z->avail_out = (uint32_t)room;
	int result = deflate(z, Z_SYNC_FLUSH);
	uint32_t n = (uint32_t)room - z->avail_out;
	bool whole = result == Z_OK && !z->avail_in && z->avail_out && n > sizeof tail &&
	             memcmp(out + n - sizeof tail, tail, sizeof tail) == 0;
	if (!whole || (fresh && n - sizeof tail >= size)) {
		heap_free(out);
		return whole ? OK : ERR_MEMORY;
	}
	*to = out;
	*to_size = n - (uint32_t)sizeof tail;
	return OK;
}

struct out {
	uint8_t *bytes;
	uint32_t size, room, most;
};

static bool grow(struct out *o)
{
	uint32_t room = o->room ? 2 * o->room : OUT_LEAST;
	room = room <= o->most ? room : o->most + 1; /* one byte, to see that it is too much */
	uint8_t *bytes = heap_resize(o->bytes, room);
	if (!bytes)
		return false;
	o->bytes = bytes;
	o->room = room;
	return true;
}

static int inflate_part(z_stream *z, struct out *o, const uint8_t *bytes, uint32_t size)
{
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = size;
	for (;;) {
		if (o->size > o->most)
			return ERR_TOO_BIG;
		if (o->size == o->room && !grow(o))
			return ERR_MEMORY;
		z->next_out = o->bytes + o->size;
		z->avail_out = o->room - o->size;
		int result = inflate(z, Z_SYNC_FLUSH);
		o->size = o->room - z->avail_out;
		if (result == Z_MEM_ERROR)
			return ERR_MEMORY;
		if (result == Z_STREAM_END) /* a last block is one of many here (§7.2.3.4) */
			inflateResetKeep(z);
		else if (result != Z_OK && result != Z_BUF_ERROR)
			return ERR_MALFORMED;
		else if (result == Z_BUF_ERROR && z->avail_in && z->avail_out)
			return ERR_MALFORMED;
		if (!z->avail_in && z->avail_out)
			return o->size > o->most ? ERR_TOO_BIG : OK;
	}
}

static int inflate_message(struct websocket *w, const uint8_t *bytes, uint32_t size, uint32_t most,
                           uint8_t **to, uint32_t *to_size)
{
	static const uint8_t tail[] = { 0, 0, 0xff, 0xff };
	bool fresh = w->agreed.client_fresh;
	uint32_t bits = fresh || !w->agreed.client_bits ? BITS_MOST : w->agreed.client_bits;
	z_stream *z = use(w, fresh ? NULL : &w->inflater, &inflater, bits, true);
	struct out o = { .most = most };
	if (!z)
		return ERR_MEMORY;
	int error = inflate_part(z, &o, bytes, size);
	if (!error)
		error = inflate_part(z, &o, tail, sizeof tail);
	if (!error && !(z->data_type & 128)) /* it ends amid a block */
		error = ERR_MALFORMED;
	if (error) {
		heap_free(o.bytes);
		return error;
	}
	*to = o.bytes;
	*to_size = o.size;
	return OK;
}

static void ended(struct websocket *w)
{
	if (w->deflater)
		deflateEnd(w->deflater);
	if (w->inflater)
		inflateEnd(w->inflater);
	heap_free(w->deflater);
	heap_free(w->inflater);
	w->deflater = w->inflater = NULL;
	w->contexts = 0;
}

void websocket_deflate_forget(void)
{
	if (inflater)
		inflateEnd(inflater);
	heap_free(inflater);
	inflater = NULL;
	for (uint32_t k = 0; k <= BITS_MOST; k++) {
		if (deflaters[k])
			deflateEnd(deflaters[k]);
		heap_free(deflaters[k]);
		deflaters[k] = NULL;
	}
}

const struct websocket_deflate websocket_deflate = {
	.bits = BITS, .deflate = deflate_message, .inflate = inflate_message, .ended = ended
};

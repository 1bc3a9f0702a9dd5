/* SPDX-License-Identifier: ISC */
/*
 * The bounds-checked cursors through which all wire formats are read and written. Integers are big-endian.
 *
 * A cursor that would leave its buffer fails instead: it stays where it is, `failed` becomes true for good,
 * reads give zero and null, and writes do nothing. A decoder therefore reads a whole header and checks `failed`
 * once. Nothing here allocates; the caller owns the buffer. Raw pointer arithmetic on packet data elsewhere is a
 * defect.
 *
 * The contracts are in ACSL. `make prove` proves them for every size (tests/prove/bytes.c), and the decoders on top.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <core/cold.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes_in {
	const uint8_t *base;
	uint32_t size; /* bytes at base */
	uint32_t at;   /* offset of the next byte; <= size */
	bool failed;
};

struct bytes_out {
	uint8_t *base;
	uint32_t size; /* bytes that fit at base */
	uint32_t at;   /* bytes written; <= size */
	bool failed;
};

/*@ predicate bytes_in_holds(struct bytes_in in) =
        in.at <= in.size && \valid_read(in.base + (0 .. in.size - 1));
    predicate bytes_out_holds(struct bytes_out out) =
        out.at <= out.size && \valid(out.base + (0 .. out.size - 1));
*/

//@ assigns \nothing;
static inline uint16_t bytes_load_u16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap16(v);
}

//@ assigns \nothing;
static inline uint32_t bytes_load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

//@ assigns \nothing;
static inline uint64_t bytes_load_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap64(v);
}

static inline void bytes_store_u16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof v);
}

static inline void bytes_store_u32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof v);
}

static inline void bytes_store_u64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof v);
}

/* ---- Reading ---- */

static inline struct bytes_in bytes_in(const void *base, size_t size)
{
	return (struct bytes_in){ .base = base,
		                  .size = (uint32_t)size,
		                  .failed = size > UINT32_MAX };
}

/*@ requires \valid_read(in) && in->at <= in->size;
    assigns \nothing;
    ensures \result == in->size - in->at; */
static inline uint32_t bytes_left(const struct bytes_in *in)
{
	return in->size - in->at;
}

/* The next n bytes where they lie, or null; moves past them. */
/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in);
    ensures in->failed ==> \result == \null && in->at == \old(in->at);
    ensures !in->failed ==> \result == in->base + \old(in->at) &&
            in->at == \old(in->at) + n && \valid_read(\result + (0 .. n - 1)); */
INLINE const uint8_t *bytes_get(struct bytes_in *in, uint32_t n)
{
	if (in->failed || n > in->size - in->at) {
		in->failed = true;
		return NULL;
	}
	const uint8_t *p = in->base + in->at;
	in->at += n;
	return p;
}

/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in) && (\result ==> in->at == \old(in->at) + n); */
static inline bool bytes_skip(struct bytes_in *in, uint32_t n)
{
	return bytes_get(in, n) != NULL;
}

/* Moves to an absolute offset. */
/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in) && (\result ==> in->at == at); */
static inline bool bytes_seek(struct bytes_in *in, uint32_t at)
{
	if (in->failed || at > in->size) {
		in->failed = true;
		return false;
	}
	in->at = at;
	return true;
}

/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in); */
INLINE uint8_t bytes_get_u8(struct bytes_in *in)
{
	const uint8_t *p = bytes_get(in, 1);
	return p ? *p : 0;
}

/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in); */
INLINE uint16_t bytes_get_u16(struct bytes_in *in)
{
	const uint8_t *p = bytes_get(in, 2);
	return p ? bytes_load_u16(p) : 0;
}

/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in); */
INLINE uint32_t bytes_get_u32(struct bytes_in *in)
{
	const uint8_t *p = bytes_get(in, 4);
	return p ? bytes_load_u32(p) : 0;
}

/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in); */
static inline uint64_t bytes_get_u64(struct bytes_in *in)
{
	const uint8_t *p = bytes_get(in, 8);
	return p ? bytes_load_u64(p) : 0;
}

/* Copies the next n bytes to `to`; on failure `to` is untouched. */
/*@ requires \valid(in) && bytes_in_holds(*in);
    requires \valid((uint8_t *)to + (0 .. n - 1)) && \separated((uint8_t *)to + (0 .. n - 1), in);
    assigns in->at, in->failed, ((uint8_t *)to)[0 .. n - 1];
    ensures bytes_in_holds(*in); */
static inline bool bytes_copy(struct bytes_in *in, void *to, uint32_t n)
{
	const uint8_t *p = bytes_get(in, n);
	if (p)
		memcpy(to, p, n);
	return p != NULL;
}

/* A cursor over the next n bytes; moves past them. A failed one is empty and failed. */
/*@ requires \valid(in) && bytes_in_holds(*in);
    assigns in->at, in->failed;
    ensures bytes_in_holds(*in) && \result.at == 0 && \result.size <= n;
    ensures \valid_read(\result.base + (0 .. \result.size - 1)); */
static inline struct bytes_in bytes_slice(struct bytes_in *in, uint32_t n)
{
	const uint8_t *p = bytes_get(in, n);
	return (struct bytes_in){ .base = p, .size = p ? n : 0, .failed = p == NULL };
}

/* ---- Writing ---- */

static inline struct bytes_out bytes_out(void *base, size_t size)
{
	return (struct bytes_out){ .base = base,
		                   .size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size };
}

/*@ requires \valid_read(out) && out->at <= out->size;
    assigns \nothing;
    ensures \result == out->size - out->at; */
static inline uint32_t bytes_room(const struct bytes_out *out)
{
	return out->size - out->at;
}

/* Room for the next n bytes, which the caller fills, or null; moves past them. */
/*@ requires \valid(out) && bytes_out_holds(*out);
    assigns out->at, out->failed;
    ensures bytes_out_holds(*out);
    ensures out->failed ==> \result == \null && out->at == \old(out->at);
    ensures !out->failed ==> \result == out->base + \old(out->at) &&
            out->at == \old(out->at) + n && \valid(\result + (0 .. n - 1)); */
INLINE uint8_t *bytes_put(struct bytes_out *out, uint32_t n)
{
	if (out->failed || n > out->size - out->at) {
		out->failed = true;
		return NULL;
	}
	uint8_t *p = out->base + out->at;
	out->at += n;
	return p;
}

INLINE void bytes_put_u8(struct bytes_out *out, uint8_t v)
{
	uint8_t *p = bytes_put(out, 1);
	if (p)
		*p = v;
}

INLINE void bytes_put_u16(struct bytes_out *out, uint16_t v)
{
	uint8_t *p = bytes_put(out, 2);
	if (p)
		bytes_store_u16(p, v);
}

INLINE void bytes_put_u32(struct bytes_out *out, uint32_t v)
{
	uint8_t *p = bytes_put(out, 4);
	if (p)
		bytes_store_u32(p, v);
}

static inline void bytes_put_u64(struct bytes_out *out, uint64_t v)
{
	uint8_t *p = bytes_put(out, 8);
	if (p)
		bytes_store_u64(p, v);
}

INLINE void bytes_put_copy(struct bytes_out *out, const void *from, uint32_t n)
{
	uint8_t *p = bytes_put(out, n);
	if (p && n)
		memcpy(p, from, n);
}

/* Overwrites two bytes written before (a length, a count). False if they were not. */
static inline bool bytes_patch_u16(struct bytes_out *out, uint32_t at, uint16_t v)
{
	if (at > out->at || out->at - at < 2)
		return false;
	bytes_store_u16(out->base + at, v);
	return true;
}

/* Drops the bytes written after `at`, and clears `failed`. */
/*@ requires \valid(out) && bytes_out_holds(*out);
    assigns out->at, out->failed;
    ensures bytes_out_holds(*out); */
static inline void bytes_rewind(struct bytes_out *out, uint32_t at)
{
	if (at <= out->at) {
		out->at = at;
		out->failed = false;
	}
}

#endif

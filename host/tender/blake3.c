/* SPDX-License-Identifier: ISC */
/*
 * A tree: its leaves are the input's chunks of 1 KiB, and a parent hashes the values of its two children (section 2.1). All chunks of
 * a group are hashed at once, each in a lane, and so are the parents over them. What is done are subtrees, the larger ones first,
 * on a stack. Two of the same size become one when the next comes and not before, since the last of all parents, which is the root,
 * is hashed with a flag of its own.
 */
#include <string.h>
#if __STDC_HOSTED__
#include <sys/platform/x86.h>
#endif

#include <tender/blake3.h>

#define BLOCK 64u
#define GROUP 8u /* chunks at once */

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t start_value[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* Where the words of the message lie that each round takes, in bytes: the permutation of table 2, again and again. The rounds are a
 * loop: to look a place up costs less than a loop's code six times more. */
static const uint8_t order[7][16] = {
	{ 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60 },
	{ 8, 24, 12, 40, 28, 0, 16, 52, 4, 44, 48, 20, 36, 56, 60, 32 },
	{ 12, 16, 40, 48, 52, 8, 28, 56, 24, 20, 36, 0, 44, 60, 32, 4 },
	{ 40, 28, 48, 36, 56, 12, 52, 60, 16, 0, 44, 8, 20, 32, 4, 24 },
	{ 48, 52, 36, 44, 60, 40, 56, 32, 28, 8, 20, 12, 0, 4, 24, 16 },
	{ 36, 56, 44, 20, 32, 48, 60, 4, 52, 12, 0, 40, 8, 24, 16, 28 },
	{ 44, 60, 20, 0, 4, 36, 32, 24, 56, 40, 8, 48, 12, 16, 28, 52 },
};

/* Of an input that lies anywhere. */
struct __attribute__((packed, may_alias)) loose {
	uint32_t words[16];
};
typedef uint32_t quarter __attribute__((vector_size(16), aligned(1), may_alias));

#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define G(a, b, c, d, x, y)                                                                        \
	do {                                                                                       \
		a += x + b;                                                                        \
		d = ROR16(d ^ a);                                                                  \
		c += d;                                                                            \
		b = ROR(b ^ c, 12);                                                                \
		a += y + b;                                                                        \
		d = ROR8(d ^ a);                                                                   \
		c += d;                                                                            \
		b = ROR(b ^ c, 7);                                                                 \
	} while (0)

#define LANES 1
#define TARGET
#include <tender/blake3_lanes.h>
#define LANES  4
#define TARGET __attribute__((target("sse2")))
#include <tender/blake3_lanes.h>
#define LANES  8
#define TARGET __attribute__((target("avx2")))
#include <tender/blake3_lanes.h>

#if __STDC_HOSTED__
bool blake3_has_avx2(void)
{
	return CPU_FEATURE_ACTIVE(AVX2);
}
#endif

/* `count` inputs of as many blocks, which follow each other. Their values may take the inputs' place. */
static void hash_all(const struct blake3 *h, uint32_t (*out)[8], const uint8_t *in, unsigned count,
                     unsigned blocks, uint64_t counter)
{
	const size_t stride = blocks * BLOCK;
	for (unsigned n; count; count -= n, out += n, in += n * stride, counter += n) {
		n = count >= 8 && h->lanes >= 8 ? 8 : count >= 4 && h->lanes >= 4 ? 4 : 1;
		if (n == 8)
			hash8(out, in, stride, blocks, counter);
		else if (n == 4)
			hash4(out, in, stride, blocks, counter);
		else
			hash1(out, in, stride, blocks, counter);
	}
}

/* The last two become one. */
static void join(struct blake3 *h, uint32_t flags)
{
	uint32_t value[8];
	memcpy(value, start_value, sizeof value);
	h->depth--;
	compress1(value, h->stack[h->depth - 1], 0, 0, BLOCK, PARENT | flags);
	memcpy(h->stack[h->depth - 1], value, sizeof value);
	h->levels[h->depth - 1]++;
}

/* A subtree's value follows those that are there. */
static void push(struct blake3 *h, const uint32_t value[8], unsigned level)
{
	while (h->depth > 1 && h->levels[h->depth - 1] == h->levels[h->depth - 2])
		join(h, 0);
	memcpy(h->stack[h->depth], value, sizeof h->stack[0]);
	h->levels[h->depth++] = (uint8_t)level;
}

/* As many chunks, a power of two of which h->chunks is a multiple. */
static void add_chunks(struct blake3 *h, const uint8_t *bytes, unsigned count)
{
	uint32_t values[GROUP][8];
	unsigned level = 0;
	hash_all(h, values, bytes, count, BLAKE3_CHUNK / BLOCK, h->chunks);
	h->chunks += count;
	for (; count > 2; level++) {
		count /= 2;
		hash_all(h, values, (const uint8_t *)values, count, 1, 0);
	}
	for (unsigned i = 0; i < count; i++)
		push(h, values[i], level);
}

void blake3_start(struct blake3 *h)
{
	h->lanes = blake3_has_avx2() ? 8 : 4;
	h->chunks = h->held = h->depth = 0;
}

void blake3_add(struct blake3 *h, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	while (size) {
		/* A chunk waits for what follows: it may be the only one, and then is the root. */
		if (h->held == BLAKE3_CHUNK) {
			add_chunks(h, h->chunk, 1);
			h->held = 0;
		}
		size_t n = BLAKE3_CHUNK - h->held < size ? BLAKE3_CHUNK - h->held : size;
		if (!h->held && size > BLAKE3_CHUNK) {
			unsigned count = GROUP;
			while (count * BLAKE3_CHUNK > size || h->chunks % count)
				count /= 2;
			add_chunks(h, p, count);
			n = count * BLAKE3_CHUNK;
		} else {
			memcpy(h->chunk + h->held, p, n);
			h->held += (unsigned)n;
		}
		p += n;
		size -= n;
	}
}

/* The last chunk, which may be short. */
static void end_chunk(struct blake3 *h)
{
	uint32_t value[8], m[16];
	unsigned at = 0;
	memcpy(value, start_value, sizeof value);
	memset(h->chunk + h->held, 0, BLAKE3_CHUNK - h->held);
	for (bool last = false; !last; at += BLOCK) {
		unsigned left = h->held - at, n = left < BLOCK ? left : BLOCK;
		last = left <= BLOCK;
		load1(m, h->chunk + at, 0);
		compress1(value, m, (uint32_t)h->chunks, (uint32_t)(h->chunks >> 32), n,
		          (at ? 0 : CHUNK_START) | (last ? CHUNK_END | (h->chunks ? 0 : ROOT) : 0));
	}
	push(h, value, 0);
}

void blake3_end(struct blake3 *h, uint8_t digest[BLAKE3_SIZE])
{
	if (h->held || !h->chunks)
		end_chunk(h);
	while (h->depth > 1)
		join(h, h->depth == 2 ? ROOT : 0);
	memcpy(digest, h->stack[0], BLAKE3_SIZE);
}

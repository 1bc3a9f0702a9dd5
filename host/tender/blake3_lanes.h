/* SPDX-License-Identifier: ISC */
/*
 * BLAKE3's compression of LANES inputs at once, each in its lane of vectors: blake3.c includes this once for each width. LANES is
 * 1, where a word is a number, or 4 or 8; TARGET is what compilers have to be told, also where the rest may use no vectors (boot/). Words of a lane's input become the vectors of all lanes'
 * words by 4 x 4 transpositions within 16 bytes, so lanes 4 to 7 lie beside 0 to 3.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define V           JOIN(lanes, LANES)
#define COMPRESS    JOIN(compress, LANES)
#define LOAD        JOIN(load, LANES)
#define STORE       JOIN(store, LANES)
#define HASH        JOIN(hash, LANES)

#if LANES == 1
typedef uint32_t V;
#define ROR16(x) ROR(x, 16)
#define ROR8(x)  ROR(x, 8)
#define NUMBERS  0u
#elif LANES == 4
typedef uint32_t V __attribute__((vector_size(16)));
typedef uint16_t halves4 __attribute__((vector_size(16)));
#define ROR16(x)   ((V)__builtin_shufflevector((halves4)(x), (halves4)(x), 1, 0, 3, 2, 5, 4, 7, 6))
#define ROR8(x)    ROR(x, 8)
#define NUMBERS    ((V){ 0, 1, 2, 3 })
#define LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
typedef uint32_t V __attribute__((vector_size(32)));
typedef uint8_t bytes8 __attribute__((vector_size(32)));
#define ROR16(x)                                                                                   \
	((V)__builtin_shufflevector((bytes8)(x), (bytes8)(x), 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8,   \
	                            9, 14, 15, 12, 13, 18, 19, 16, 17, 22, 23, 20, 21, 26, 27, 24, \
	                            25, 30, 31, 28, 29))
#define ROR8(x)                                                                                    \
	((V)__builtin_shufflevector((bytes8)(x), (bytes8)(x), 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11,   \
	                            8, 13, 14, 15, 12, 17, 18, 19, 16, 21, 22, 23, 20, 25, 26, 27, \
	                            24, 29, 30, 31, 28))
#define NUMBERS    ((V){ 0, 1, 2, 3, 4, 5, 6, 7 })
#define LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#endif

#define WORD(at) (*(const V *)((const uint8_t *)m + (at) * (sizeof(V) / 4)))

/* Section 2.2. The chaining value `h` becomes the next. */
TARGET static inline void COMPRESS(V h[8], const V m[16], V counter_low, V counter_high,
                                   uint32_t size, uint32_t flags)
{
	V v[16];
	for (unsigned i = 0; i < 8; i++)
		v[i] = h[i];
	for (unsigned i = 0; i < 4; i++)
		v[8 + i] = (V){ 0 } + start_value[i];
	v[12] = counter_low;
	v[13] = counter_high;
	v[14] = (V){ 0 } + size;
	v[15] = (V){ 0 } + flags;
	for (unsigned r = 0; r < 7; r++) {
		const uint8_t *at = order[r];
		G(v[0], v[4], v[8], v[12], WORD(at[0]), WORD(at[1]));
		G(v[1], v[5], v[9], v[13], WORD(at[2]), WORD(at[3]));
		G(v[2], v[6], v[10], v[14], WORD(at[4]), WORD(at[5]));
		G(v[3], v[7], v[11], v[15], WORD(at[6]), WORD(at[7]));
		G(v[0], v[5], v[10], v[15], WORD(at[8]), WORD(at[9]));
		G(v[1], v[6], v[11], v[12], WORD(at[10]), WORD(at[11]));
		G(v[2], v[7], v[8], v[13], WORD(at[12]), WORD(at[13]));
		G(v[3], v[4], v[9], v[14], WORD(at[14]), WORD(at[15]));
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] = v[i] ^ v[8 + i];
}

#if LANES > 1
TARGET static inline void JOIN(transpose, LANES)(V r[4])
{
	V a = LOW(r[0], r[2]), b = HIGH(r[0], r[2]), c = LOW(r[1], r[3]), d = HIGH(r[1], r[3]);
	r[0] = LOW(a, c);
	r[1] = HIGH(a, c);
	r[2] = LOW(b, d);
	r[3] = HIGH(b, d);
}
#endif

/* A block of each lane's input, which lie `stride` bytes apart. */
TARGET static inline void LOAD(V m[16], const uint8_t *in, size_t stride)
{
#if LANES == 1
	(void)stride;
	for (unsigned i = 0; i < 16; i++)
		m[i] = ((const struct loose *)in)->words[i];
#else
	for (unsigned i = 0; i < 16; i += 4) {
		for (unsigned k = 0; k < 4; k++) {
			const uint8_t *at = in + k * stride + 4 * i;
#if LANES == 4
			m[i + k] = *(const quarter *)at;
#else
			m[i + k] = __builtin_shufflevector(*(const quarter *)at,
			                                   *(const quarter *)(at + 4 * stride), 0,
			                                   1, 2, 3, 4, 5, 6, 7);
#endif
		}
		JOIN(transpose, LANES)(m + i);
	}
#endif
}

TARGET static inline void STORE(uint32_t out[LANES][8], V h[8])
{
#if LANES == 1
	__builtin_memcpy(out, h, 32);
#else
	for (unsigned i = 0; i < 8; i += 4) {
		JOIN(transpose, LANES)(h + i);
		for (unsigned k = 0; k < LANES; k++)
			__builtin_memcpy(out[k] + i, (const uint8_t *)&h[i + k % 4] + k / 4 * 16,
			                 16);
	}
#endif
}

/* Inputs of as many blocks: chunks, which count, or parents of one. */
TARGET static void HASH(uint32_t out[LANES][8], const uint8_t *in, size_t stride, unsigned blocks,
                        uint64_t counter)
{
	V h[8], m[16];
	bool parent = blocks == 1;
	for (unsigned i = 0; i < 8; i++)
		h[i] = (V){ 0 } + start_value[i];
	V low = (V){ 0 }, high = (V){ 0 };
	if (!parent) {
		low += (uint32_t)counter + NUMBERS; /* no carry: it is a multiple of LANES */
		high += (uint32_t)(counter >> 32);
	}
	for (unsigned b = 0; b < blocks; b++) {
		LOAD(m, in + (size_t)b * BLOCK, stride);
		COMPRESS(h, m, low, high, BLOCK,
		         parent ? PARENT
		                : (b ? 0 : CHUNK_START) | (b + 1 == blocks ? CHUNK_END : 0));
	}
	STORE(out, h);
}

#undef V
#undef COMPRESS
#undef LOAD
#undef STORE
#undef HASH
#undef JOIN
#undef JOIN_
#undef ROR16
#undef ROR8
#undef NUMBERS
#undef LOW
#undef HIGH
#undef WORD
#undef LANES
#undef TARGET

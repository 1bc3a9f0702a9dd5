/* SPDX-License-Identifier: ISC */
/* SHA-1 (FIPS 180-4 §6.1), which the handshake asks for (RFC 6455 §4.2.2). It protects nothing there. */
#include <app/websocket/internal.h>

#include <string.h>

static inline uint32_t turn(uint32_t v, uint32_t by)
{
	return v << by | v >> (32 - by);
}

static void block(uint32_t h[5], const uint8_t *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	for (uint32_t k = 0; k < 16; k++)
		w[k] = (uint32_t)p[4 * k] << 24 | (uint32_t)p[4 * k + 1] << 16 |
		       (uint32_t)p[4 * k + 2] << 8 | p[4 * k + 3];
	for (uint32_t k = 16; k < 80; k++)
		w[k] = turn(w[k - 3] ^ w[k - 8] ^ w[k - 14] ^ w[k - 16], 1);
	for (uint32_t k = 0; k < 80; k++) {
		uint32_t f = k < 20   ? (b & c) | (~b & d)
		             : k < 40 ? b ^ c ^ d
		             : k < 60 ? (b & c) | (b & d) | (c & d)
		                      : b ^ c ^ d;
		static const uint32_t constants[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
			                              0xca62c1d6 };
		uint32_t t = turn(a, 5) + f + e + constants[k / 20] + w[k];
		e = d;
		d = c;
		c = turn(b, 30);
		b = a;
		a = t;
	}
	const uint32_t sums[] = { a, b, c, d, e };
	for (uint32_t k = 0; k < 5; k++)
		h[k] += sums[k];
}

void websocket_sha1(uint8_t to[WEBSOCKET_SHA1_SIZE], const void *bytes, uint32_t size)
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t text[128] = { 0 };
	if (size > sizeof text - 9) /* the length and the bit behind it have to fit */
		__builtin_trap();
	memcpy(text, bytes, size);
	text[size] = 0x80;
	uint32_t blocks = size + 9 > 64 ? 2 : 1, bits = size * 8;
	text[blocks * 64 - 2] = (uint8_t)(bits >> 8);
	text[blocks * 64 - 1] = (uint8_t)bits;
	for (uint32_t k = 0; k < blocks; k++)
		block(h, text + 64 * k);
	for (uint32_t k = 0; k < WEBSOCKET_SHA1_SIZE; k++)
		to[k] = (uint8_t)(h[k / 4] >> (24 - 8 * (k % 4)));
}

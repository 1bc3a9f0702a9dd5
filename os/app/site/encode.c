/* SPDX-License-Identifier: ISC */
/* Compressing from one part of the database to its end, a piece at a time. */
#include <brotli/encode.h>
#include <string.h>
#include <zlib.h>

#include "builder.h"

#define PIECE (1u << 18)
/* Brotli's best takes a second and more for a megabyte: it is for the first megabytes of a site, and for no large file. */
#define BEST_FILE (1u << 20)
#define BEST_SITE (32ull << 20)
#define GOOD_SITE (256ull << 20)
#define WINDOW_MAX                                                                                 \
	22 /* bits: what each client takes; 16 MiB of window would take a third of our memory's bound */

static uint8_t in[PIECE], out[PIECE];

static size_t read_piece(uint64_t *at, uint64_t *left)
{
	size_t n = *left < PIECE ? (size_t)*left : PIECE;
	site_put_read(*at, in, n);
	*at += n;
	*left -= n;
	return n;
}

/* What was taken so far is as much as the result may have. */
static bool is_too_much(uint64_t begin, uint64_t most)
{
	return site_put_end() - begin >= most;
}

static bool gzip(uint64_t at, uint64_t left, uint64_t begin, uint64_t most)
{
	z_stream z = { 0 };
	int result = deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
	if (result != Z_OK)
		site_checked(NULL);
	while (result != Z_STREAM_END && !is_too_much(begin, most)) {
		if (!z.avail_in && left) {
			z.avail_in = (uInt)read_piece(&at, &left);
			z.next_in = in;
		}
		z.next_out = out;
		z.avail_out = PIECE;
		result = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
		site_put(out, PIECE - z.avail_out);
	}
	deflateEnd(&z);
	return result == Z_STREAM_END;
}

static uint32_t quality(uint64_t size)
{
	static uint64_t best, good;
	if (size <= BEST_FILE && best + size <= BEST_SITE) {
		best += size;
		return BROTLI_MAX_QUALITY;
	}
	if (good + size <= GOOD_SITE) {
		good += size;
		return 9;
	}
	return 5;
}

static bool br(uint64_t at, uint64_t left, uint64_t begin, uint64_t most, bool is_text)
{
	BrotliEncoderState *e = site_checked(BrotliEncoderCreateInstance(NULL, NULL, NULL));
	const uint8_t *next_in = in;
	size_t in_size = 0;
	BrotliEncoderSetParameter(e, BROTLI_PARAM_QUALITY, quality(left));
	BrotliEncoderSetParameter(e, BROTLI_PARAM_LGWIN, WINDOW_MAX);
	BrotliEncoderSetParameter(e, BROTLI_PARAM_SIZE_HINT,
	                          left < UINT32_MAX ? (uint32_t)left : UINT32_MAX);
	if (is_text)
		BrotliEncoderSetParameter(e, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT);
	while (!BrotliEncoderIsFinished(e) && !is_too_much(begin, most)) {
		if (!in_size && left) {
			in_size = read_piece(&at, &left);
			next_in = in;
		}
		uint8_t *next_out = out;
		size_t room = PIECE;
		if (!BrotliEncoderCompressStream(
		            e, left ? BROTLI_OPERATION_PROCESS : BROTLI_OPERATION_FINISH, &in_size,
		            &next_in, &room, &next_out, NULL))
			site_checked(NULL);
		site_put(out, PIECE - room);
	}
	bool done = BrotliEncoderIsFinished(e);
	BrotliEncoderDestroyInstance(e);
	return done;
}

uint64_t site_encode(enum site_coding coding, uint64_t at, uint64_t size, uint64_t most,
                     bool is_text)
{
	uint64_t begin = site_put_end();
	bool done = coding == SITE_GZIP ? gzip(at, size, begin, most)
	                                : br(at, size, begin, most, is_text);
	if (done && site_put_end() - begin < most)
		return site_put_end() - begin;
	site_put_back(begin);
	return 0;
}

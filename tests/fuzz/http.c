/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the HTTP server: two bytes say how the rest, a client's stream, is cut. It is served
 * whole, as cut, and byte by byte: what is answered, and how the connection ends, must be the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct result {
	char *out;
	uint64_t size;
	bool aborted;
};

/* cut 0: whole; 1: bytes; else pseudo-random pieces. */
static struct result serve(const uint8_t *data, size_t size, uint32_t cut)
{
	fake_start();
	app_start(&(struct http_options){ .body_max = 1500, .access_log = true });
	struct tcp_connection *c = fake_accept();
	for (size_t at = 0; at < size;) {
		size_t n = cut == 0 ? size : 1;
		if (cut > 1) {
			cut = cut * 1103515245u + 12345u;
			n = 1 + (cut >> 16) % ((cut >> 8) % 16 ? 12 : 300);
		}
		n = n < size - at ? n : size - at;
		fake_queue(c, data + at, n);
		at += n;
	}
	fake_queue_fin(c);
	fake_run(c);
	for (int k = 0; k < 40 && !c->closed && !c->aborted; k++)
		fake_advance(10 * SECOND);
	if (!c->closed && !c->aborted)
		abort();
	struct result r = { malloc(c->out_size + 1), c->out_size, c->aborted };
	memcpy(r.out, c->out, c->out_size + 1);
	fake_advance(SECOND);
	app_stop();
	if (fake.allocated)
		abort();
	fake_stop();
	return r;
}

static void compare(const struct result *whole, struct result *other, const char *how)
{
	if (whole->size != other->size || memcmp(whole->out, other->out, whole->size) != 0 ||
	    whole->aborted != other->aborted) {
		fprintf(stderr, "whole (%saborted):\n%s\n---- %s (%saborted):\n%s\n",
		        whole->aborted ? "" : "not ", whole->out, how, other->aborted ? "" : "not ",
		        other->out);
		abort();
	}
	free(other->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	uint32_t cut = (uint32_t)(data[0] | data[1] << 8) + 2;
	struct result whole = serve(data + 2, size - 2, 0), cut_up = serve(data + 2, size - 2, cut);
	compare(&whole, &cut_up, "cut");
	struct result bytes = serve(data + 2, size - 2, 1);
	compare(&whole, &bytes, "bytes");
	free(whole.out);
	return 0;
}

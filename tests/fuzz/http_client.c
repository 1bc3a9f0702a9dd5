/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the HTTP client: two bytes say how the rest, a server's stream on a kept connection, is
 * cut. Two requests are made; what comes of them must not depend on the cuts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/client.h>
#include <core/error.h>

#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct result {
	int64_t error[2];
	uint32_t status[2];
	uint64_t size[2], hash[2];
};

static void read_all(struct http_client *c, struct result *r, int k)
{
	uint8_t bytes[61];
	int64_t n;
	while ((n = http_client_read(c, bytes, sizeof bytes, fake.now + SECOND)) > 0) {
		for (int64_t b = 0; b < n; b++)
			r->hash[k] = r->hash[k] * 31 + bytes[b];
		r->size[k] += (uint64_t)n;
	}
	r->error[k] = n;
	struct http_text type = http_client_header(c, "Content-Type");
	for (uint32_t b = 0; b < type.size; b++)
		r->hash[k] = r->hash[k] * 31 + (uint8_t)type.bytes[b];
}

static struct result ask(const uint8_t *data, size_t size, uint32_t cut)
{
	struct result r;
	struct http_client *c;
	struct http_response response = { 0 };
	memset(&r, 0, sizeof r);
	fake_start();
	struct tcp_connection *t = fake.next_server[fake.servers++] = fake_new();
	for (size_t at = 0; at < size;) {
		size_t n = cut == 0 ? size : 1;
		if (cut > 1) {
			cut = cut * 1103515245u + 12345u;
			n = 1 + (cut >> 16) % ((cut >> 8) % 16 ? 12 : 300);
		}
		n = n < size - at ? n : size - at;
		fake_queue(t, data + at, n);
		at += n;
	}
	fake_queue_fin(t);
	if (http_client_open(&c, "example.org", 80, SECOND))
		abort();
	for (int k = 0; k < 2; k++) {
		r.error[k] = k ? http_client_request(c, "HEAD", "/", NULL, NULL, NULL, 0, &response,
		                                     fake.now + SECOND)
		               : http_client_get(c, "/", &response, fake.now + SECOND);
		r.status[k] = response.status;
		if (!r.error[k])
			read_all(c, &r, k);
	}
	http_client_close(c);
	if (fake.allocated)
		abort();
	fake_stop();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct result whole = ask(data + 2, size - 2, 0), bytes = ask(data + 2, size - 2, 1);
	struct result cut = ask(data + 2, size - 2, (uint32_t)(data[0] | data[1] << 8) + 2);
	if (memcmp(&whole, &bytes, sizeof whole) != 0 || memcmp(&whole, &cut, sizeof whole) != 0)
		abort();
	return 0;
}

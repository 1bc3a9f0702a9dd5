/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the HTTP/2 server: a connection's preface, then what the input says, as a list of records of a kind, flags, a stream and up to 255 bytes of
 * payload that become frames, or of bytes as they are; two bytes in front say how it is cut. Whatever comes, all is given
 * back at the end, and no more is held meanwhile than the bound.
 */
#include <stdlib.h>
#include <string.h>

#include <app/http2/internal.h>

#include "app.h"
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MEMORY     (96u << 10)
#define KIND_BYTES 0xff /* no frame */
#define PIECES_MAX 400u

static void queue_frame(struct tcp_connection *c, const uint8_t *record, uint8_t size)
{
	uint8_t frame[9 + 255] = { 0, 0, size, record[0], record[1], 0, 0, 0, record[2] };
	memcpy(frame + 9, record + 4, size);
	fake_queue(c, frame, 9u + size);
}

/* Requests without Huffman's code are what an input is likely to have. */
static void queue_records(struct tcp_connection *c, const uint8_t *data, size_t size)
{
	for (uint32_t k = 0; size >= 4 && k < PIECES_MAX; k++) {
		uint8_t n = data[3] < size - 4 ? data[3] : (uint8_t)(size - 4);
		if (data[0] == KIND_BYTES)
			fake_queue(c, data + 4, n);
		else
			queue_frame(c, data, n);
		data += 4 + n;
		size -= 4u + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	fake_start();
	app_start(&(struct http_options){ .body_max = 1500, .access_log = true });
	app.big = 40000;
	app.flood = 2;
	if (http2_enable(app.server, &(struct http2_options){ .clear = true,
	                                                      .memory_max = MEMORY,
	                                                      .streams_max = 8,
	                                                      .control_max = 60 }))
		abort();
	struct tcp_connection *c = fake_accept();
	fake_queue(c, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	c->out_room = data[0] & 1 ? 3000 : TCP_SEND_MAX;
	c->rate = data[0] & 2 ? 2000 : 0;
	queue_records(c, data + 2, size - 2);
	fake_run(c);
	for (int k = 0; k < data[1] % 16 && !c->closed && !c->aborted; k++)
		fake_advance(SECOND);
	/* One response of flood's and what nghttp2 may have beyond it. */
	if (app.server->served.charged > MEMORY + (400u << 10))
		abort();
	c->rate = 0;
	c->out_room = TCP_SEND_MAX;
	fake_queue_fin(c);
	fake_run(c);
	for (int k = 0; k < 40 && !c->closed && !c->aborted; k++)
		fake_advance(10 * SECOND);
	if (!c->closed && !c->aborted)
		abort();
	fake_advance(SECOND);
	http2_forget(app.server);
	app_stop();
	if (fake.allocated)
		abort();
	fake_stop();
	return 0;
}

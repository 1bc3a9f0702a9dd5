/* SPDX-License-Identifier: ISC */
/*
 * Frames to TCP. They are gathered in one block for all connections, which is written when it is full, so that a record of TLS holds as
 * many as fit; a frame of data with its head is just as long. Over clear TCP constant bytes go from where they lie.
 */
#include <app/http2/internal.h>

#include <string.h>

#include <core/clock.h>

#define BLOCK        16384u
#define FRAME_HEAD   9u
#define STATIC_LEAST 2048u /* bytes that are worth a piece of their own in TCP's queue */

static uint8_t block[BLOCK];
static uint32_t block_size;

static void write_block(struct http2_session *h)
{
	uint32_t size = block_size;
	block_size = 0;
	if (size && tcp_served_write(http2_served(h), block, size))
		tcp_served_drop_soon(http2_served(h));
}

static void put(struct http2_session *h, const uint8_t *bytes, uint64_t size)
{
	while (size) {
		uint32_t n = size < BLOCK - block_size ? (uint32_t)size : BLOCK - block_size;
		memcpy(block + block_size, bytes, n);
		block_size += n;
		bytes += n;
		size -= n;
		if (block_size == BLOCK)
			write_block(h);
	}
}

/* TCP has no room, or the connection is at its end. */
static bool blocked(const struct http2_session *h)
{
	const struct tcp_served *c = http2_served(h);
	return !c->tcp || c->pieces || c->broken || c->state == TCP_SERVED_LINGER;
}

/* ---- Data ---- */

ssize_t http2_on_read_length(nghttp2_session *engine, uint8_t type, int32_t id,
                             int32_t session_window, int32_t stream_window, uint32_t frame_max,
                             void *context)
{
	uint32_t n = BLOCK - FRAME_HEAD;
	(void)engine, (void)type, (void)id, (void)context;
	n = n < frame_max ? n : frame_max;
	n = (int32_t)n < session_window ? n : (uint32_t)session_window;
	return (int32_t)n < stream_window ? (int32_t)n : stream_window;
}

ssize_t http2_on_read(nghttp2_session *engine, int32_t id, uint8_t *to, size_t size,
                      uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct http2_stream *s = source->ptr;
	(void)engine, (void)id, (void)to, (void)context;
	if (!s->out_size && !s->out_done) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	uint64_t n = size < s->out_size ? size : s->out_size;
	if (n == s->out_size && s->out_done)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	return (ssize_t)n;
}

static void piece_pop(struct http2_stream *s)
{
	struct http2_piece *p = s->out;
	s->out = p->next;
	if (!s->out)
		s->out_last = &s->out;
	if (p->bytes == p->data)
		s->copied -= p->size;
	http2_piece_free(s->session, p);
}

void http2_pieces_free(struct http2_stream *s)
{
	while (s->out)
		piece_pop(s);
	s->out_size = 0;
}

static void put_static(struct http2_session *h, const uint8_t *bytes, uint64_t size)
{
	write_block(h);
	if (tcp_served_write_static(http2_served(h), bytes, size))
		tcp_served_drop_soon(http2_served(h));
}

int http2_on_send_data(nghttp2_session *engine, nghttp2_frame *frame, const uint8_t *head,
                       size_t size, nghttp2_data_source *source, void *context)
{
	struct http2_session *h = context;
	struct http2_stream *s = source->ptr;
	(void)engine, (void)frame;
	if (blocked(h))
		return NGHTTP2_ERR_WOULDBLOCK;
	bool clear = !tcp_served_layer(http2_served(h));
	put(h, head, FRAME_HEAD);
	http2_flood_forgive(h, size ? 2 : 0);
	s->moved_at = clock_coarse();
	s->out_size -= size;
	while (size) {
		struct http2_piece *p = s->out;
		uint64_t left = p->size - s->out_at;
		uint32_t n = left < size ? (uint32_t)left : (uint32_t)size;
		bool constant = p->bytes != p->data && clear && n >= STATIC_LEAST &&
		                tcp_write_room(http2_served(h)->tcp) > block_size + n;
		if (constant)
			put_static(h, p->bytes + s->out_at, n);
		else
			put(h, p->bytes + s->out_at, n);
		size -= n;
		s->out_at += n;
		if (s->out_at < p->size)
			break;
		s->out_at = 0;
		piece_pop(s);
	}
	task_wake_all(&s->waiters);
	return 0;
}

/* ---- All that is due ---- */

static void send(struct http2_session *h)
{
	h->depth++;
	while (!blocked(h)) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(h->engine, &bytes);
		if (n < 0)
			tcp_served_drop_soon(http2_served(h));
		if (n <= 0)
			break;
		put(h, bytes, (uint64_t)n);
	}
	write_block(h);
	h->depth--;
}

void http2_pump(struct http2_session *h)
{
	if (h->depth || !http2_served(h)->tcp)
		return;
	do
		send(h);
	while (!blocked(h) && http2_request_next(h));
	http2_account(h);
	http2_settle(h);
}

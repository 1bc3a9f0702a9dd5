/* SPDX-License-Identifier: ISC */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include <app/http2/internal.h>

struct body {
	const uint8_t *bytes;
	uint64_t size, at;
};

struct answer *client_answer(struct client *c, int32_t stream)
{
	if ((uint32_t)stream / 2 >= ANSWERS_MAX)
		abort();
	return &c->answers[stream / 2];
}

/* ---- nghttp2's side ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
                     void *context)
{
	struct answer *a = client_answer(context, f->hd.stream_id);
	(void)session, (void)flags;
	if (name_size == 7 && memcmp(name, ":status", 7) == 0) {
		a->status = (uint32_t)atoi((const char *)value);
		a->continues += a->status == 100;
		return 0;
	}
	size_t n = strlen(a->fields);
	if (n + name_size + size + 4 < sizeof a->fields) {
		memcpy(a->fields + n, name, name_size);
		memcpy(a->fields + n + name_size, ": ", 2);
		memcpy(a->fields + n + name_size + 2, value, size);
		memcpy(a->fields + n + name_size + 2 + size, "\n", 2);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t size, void *context)
{
	struct client *c = context;
	struct answer *a = client_answer(c, stream);
	(void)session, (void)flags;
	a->body = realloc(a->body, a->size + size + 1);
	memcpy(a->body + a->size, bytes, size);
	a->size += size;
	a->body[a->size] = 0;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *context)
{
	struct client *c = context;
	(void)session;
	if (f->hd.type == NGHTTP2_DATA && f->hd.length) {
		struct answer *a = client_answer(c, f->hd.stream_id);
		c->data_frames++;
		a->first = a->first ? a->first : c->data_frames;
		a->last = c->data_frames;
	}
	if (f->hd.type == NGHTTP2_GOAWAY) {
		c->goaway = true;
		c->goaway_code = f->goaway.error_code;
		c->goaway_last = f->goaway.last_stream_id;
	}
	c->resets += f->hd.type == NGHTTP2_RST_STREAM;
	c->pings += f->hd.type == NGHTTP2_PING && f->hd.flags & NGHTTP2_FLAG_ACK;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *context)
{
	struct answer *a = client_answer(context, stream);
	struct body *b = nghttp2_session_get_stream_user_data(session, stream);
	a->closed = true;
	a->code = code;
	free(b);
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct body *b = source->ptr;
	uint64_t n = b->size - b->at < size ? b->size - b->at : size;
	(void)session, (void)stream, (void)context;
	memcpy(to, b->bytes + b->at, n);
	b->at += n;
	if (b->at == b->size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static struct client *clients;

static void start(struct client *c, bool says)
{
	nghttp2_session_callbacks *callbacks;
	memset(c, 0, sizeof *c);
	c->next = clients;
	clients = c;
	c->tcp = fake_accept();
	c->raw = !says;
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

void client_open(struct client *c)
{
	start(c, true);
}

void client_open_raw(struct client *c)
{
	start(c, false);
	client_raw(c, PREFACE, sizeof PREFACE - 1);
	client_frame(c, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

/* ---- What is said ---- */

static bool write_all(struct client *c)
{
	const uint8_t *bytes;
	ssize_t n;
	bool any = false;
	while ((n = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
		any = true;
		if (fake_open(c->tcp))
			fake_queue(c->tcp, bytes, (uint64_t)n);
	}
	return any;
}

/* For one who speaks in bytes: what would end nghttp2's client does not end this one. */
static void count_frames(struct client *c)
{
	while (c->tcp->out_size - c->seen >= 9) {
		const uint8_t *p = (const uint8_t *)c->tcp->out + c->seen;
		uint32_t size = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		if (c->tcp->out_size - c->seen - 9 < size)
			return;
		c->seen += 9 + size;
		c->data_frames += p[3] == NGHTTP2_DATA && size;
		c->resets += p[3] == NGHTTP2_RST_STREAM;
		c->pings += p[3] == NGHTTP2_PING && p[4] & NGHTTP2_FLAG_ACK;
		if (p[3] == NGHTTP2_GOAWAY) {
			c->goaway = true;
			c->goaway_code = (uint32_t)p[13 + 0] << 24 | (uint32_t)p[14] << 16 |
			                 (uint32_t)p[15] << 8 | p[16];
		}
	}
}

void client_read(struct client *c)
{
	uint64_t size = c->tcp->out_size - c->seen;
	if (c->raw)
		count_frames(c);
	if (!size || c->raw)
		return;
	nghttp2_session_mem_recv(c->session, (const uint8_t *)c->tcp->out + c->seen, size);
	c->seen += size;
}

void client_run(struct client *c)
{
	do {
		fake_run(c->tcp);
		client_read(c);
	} while (write_all(c) || c->tcp->pieces);
}

void client_raw(struct client *c, const void *bytes, uint64_t size)
{
	fake_queue(c->tcp, bytes, size);
}

void client_frame(struct client *c, uint8_t type, uint8_t flags, int32_t stream,
                  const void *payload, uint32_t size)
{
	uint8_t *frame = malloc(9 + size);
	memcpy(frame,
	       (uint8_t[]){ (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags,
	                    (uint8_t)((uint32_t)stream >> 24), (uint8_t)(stream >> 16),
	                    (uint8_t)(stream >> 8), (uint8_t)stream },
	       9);
	if (size)
		memcpy(frame + 9, payload, size);
	fake_queue(c->tcp, frame, 9 + size);
	free(frame);
}

int32_t client_ask(struct client *c, const char *method, const char *path, const char *const *lines,
                   const void *bytes, uint64_t size)
{
	nghttp2_nv nv[40];
	const char *first[][2] = { { ":method", method },
		                   { ":scheme", "http" },
		                   { ":authority", "a.example" },
		                   { ":path", path } };
	uint32_t count = 0;
	for (uint32_t k = 0; k < 4; k++) {
		if (first[k][1])
			nv[count++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)first[k][0],
				                    (uint8_t *)(uintptr_t)first[k][1],
				                    strlen(first[k][0]), strlen(first[k][1]), 0 };
	}
	for (; lines && *lines; lines++) {
		const char *colon = strchr(*lines + 1, ':');
		nv[count++] =
		        (nghttp2_nv){ (uint8_t *)(uintptr_t)*lines, (uint8_t *)(uintptr_t)colon + 2,
			              (size_t)(colon - *lines), strlen(colon + 2), 0 };
	}
	struct body *b = NULL;
	nghttp2_data_provider provider = { .read_callback = read_body };
	if (bytes) {
		b = malloc(sizeof *b);
		*b = (struct body){ bytes, size, 0 };
		provider.source.ptr = b;
	}
	return nghttp2_submit_request(c->session, NULL, nv, count, bytes ? &provider : NULL, b);
}

struct answer *client_get(struct client *c, const char *path)
{
	int32_t stream = client_ask(c, "GET", path, NULL, NULL, 0);
	write_all(c);
	client_run(c);
	return client_answer(c, stream);
}

void client_close(struct client *c)
{
	if (fake_open(c->tcp))
		fake_queue_fin(c->tcp);
	fake_run(c->tcp);
	client_read(c);
	struct client **at = &clients;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	nghttp2_session_del(c->session);
	for (uint32_t k = 0; k < ANSWERS_MAX; k++)
		free(c->answers[k].body);
}

static void peers(void)
{
	for (struct client *c = clients; c; c = c->next) {
		client_read(c);
		if (!c->raw)
			write_all(c);
	}
}

void client_serve(const struct http_options *o, const struct http2_options *two)
{
	struct http2_options options = two ? *two : (struct http2_options){ .clear = true };
	fake_start();
	app_start(o);
	options.clear = true;
	fake.peers = peers;
	if (http2_enable(app.server, &options))
		abort();
}

int client_end(void)
{
	fake_advance(200 * SECOND);
	http2_forget(app.server);
	app_stop();
	int left = (int)fake.allocated;
	fake_stop();
	return left;
}

/* SPDX-License-Identifier: ISC */
/*
 * Bodies that are put together before a task is spawned for them: a client has to send its body before it
 * gets a stack. Until then the connection holds the head and what came of the body, in one block
 * that grows as they come, and no exchange; the head is parsed again when the body is there.
 */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/heap.h>

#define ROOM_FIRST 256u /* bytes for a body, at first */

bool http_gather_begin(struct http_connection *c, struct http_exchange *x)
{
	const struct http_head *h = &x->head;
	uint32_t most = x->route->gather;
	if (x->body_done || !most || (!h->chunked && h->length > most))
		return false;
	uint32_t room = h->size +
	                (!h->chunked && h->length < ROOM_FIRST ? (uint32_t)h->length : ROOM_FIRST);
	char *head = tcp_served_keep(&c->served, room) ? heap_alloc(room) : NULL;
	if (!head) {
		c->server->counters.connections_refused++;
		x->close_after = true;
		http_fail(x, 503);
		return true;
	}
	http_continue(x);
	memcpy(head, h->base, h->size);
	c->head = head;
	c->head_size = c->head_at = h->size;
	c->head_room = room;
	c->chunk = (struct http_chunk){ .left = 0 };
	c->body_left = x->body_left;
	c->gather = most;
	if (http_route_bounded) {
		uint64_t max = http_body_max(c->server, x->route);
		c->body_most = max < UINT32_MAX ? (uint32_t)max : UINT32_MAX;
	}
	c->continued = x->continued;
	c->exchange = NULL;
	http_exchange_give(c->server, x);
	c->state = STATE_GATHER;
	tcp_served_owed(&c->served, HTTP_BODY_GRACE_NS, HTTP_BODY_RATE_MIN);
	return true;
}

struct http_exchange *http_gather_exchange(struct http_connection *c)
{
	struct http_exchange *x = http_exchange_take(c->server);
	if (!x)
		return NULL;
	http_head_request(&x->head, c->head, c->head_at); /* it was good before */
	x->copy = c->head;
	x->gathered = c->head + c->head_at;
	x->gathered_size = c->head_size - c->head_at;
	x->body_taken = x->gathered_size;
	x->body_left = c->body_left;
	x->chunk = c->chunk;
	x->continued = c->continued;
	c->head = NULL;
	c->head_size = c->head_room = 0;
	return x;
}

static void whole(struct http_connection *c, bool done)
{
	struct http_exchange *x = http_gather_exchange(c);
	if (!x) {
		http_connection_refuse(c, 503);
		return;
	}
	x->connection = c;
	x->peer = c->served.remote;
	x->peer_port = c->served.remote_port;
	x->body_done = done;
	c->exchange = x;
	c->state = STATE_WAIT;
	tcp_served_busy(&c->served, c->server->options.send_ns);
	http_connection_handle(c, x);
	if (c->served.tcp && (!c->exchange || c->exchange == x))
		http_connection_keep(c);
}

static bool append(struct http_connection *c, const uint8_t *bytes, uint32_t size)
{
	uint32_t need = c->head_size + size;
	if (need > c->head_room) {
		uint32_t room = c->head_room, most = c->head_at + c->gather;
		while (room < need)
			room *= 2;
		room = room < most || need > most ? room : most;
		char *head = tcp_served_keep(&c->served, room) ? heap_resize(c->head, room) : NULL;
		if (!head)
			return false;
		c->head = head;
		c->head_room = room;
	}
	memcpy(c->head + c->head_size, bytes, size);
	c->head_size = need;
	return true;
}

uint32_t http_gather_take(struct http_connection *c, const uint8_t *bytes, uint32_t size)
{
	uint32_t used = size < c->body_left ? size : (uint32_t)c->body_left, n = used;
	const uint8_t *data = bytes;
	bool done;
	if (c->body_left == HTTP_UNKNOWN) {
		enum http_chunk_result r =
		        http_chunk_next(&c->chunk, bytes, size, &used, &data, &n);
		if (r == CHUNK_BAD) {
			c->server->counters.malformed++;
			http_connection_refuse(c, 400);
			return size;
		}
		done = r == CHUNK_END;
		n = r == CHUNK_DATA ? n : 0;
		if (c->head_size - c->head_at + n >
		    (http_route_bounded ? c->body_most : c->server->options.body_max)) {
			c->server->counters.too_large++;
			http_connection_refuse(c, 413);
			return size;
		}
	} else {
		c->body_left -= used;
		done = !c->body_left;
	}
	c->served.got += n;
	if (n && !append(c, data, n)) {
		http_connection_refuse(c, 503);
		return size;
	}
	if (done || c->head_size - c->head_at >= c->gather)
		whole(c, done);
	return used;
}

/* SPDX-License-Identifier: ISC */
/* The opening handshake (RFC 6455 §4.2). */
#include <app/websocket/internal.h>

#include <string.h>

#include <core/base64.h>
#include <core/heap.h>
#include <core/print.h>

#include <app/http/origin.h>

#define KEY_SIZE     24u  /* 16 bytes in base 64 */
#define PROTOCOL_MAX 100u /* bytes of a subprotocol's name */

/* ---- The request ---- */

static bool lists(const struct http_exchange *x, const char *field, const char *token)
{
	struct http_text rest, element;
	uint32_t at = 0;
	while ((rest = http_header_next(x, field, &at)).bytes) {
		while (http_list_next(&rest, &element)) {
			if (http_text_is_nocase(element, token))
				return true;
		}
	}
	return false;
}

/* The one field of that name; null bytes: there is none, or several. */
static struct http_text only(const struct http_exchange *x, const char *field)
{
	uint32_t at = 0;
	struct http_text t = http_header_next(x, field, &at);
	return http_header_next(x, field, &at).bytes ? (struct http_text){ NULL, 0 } : t;
}

static bool key_is_good(struct http_text key)
{
	char bytes[KEY_SIZE];
	return key.size == KEY_SIZE && base64_decode(bytes, key.bytes, KEY_SIZE) == 16;
}

static int say_upgrade(struct http_exchange *x)
{
	static const char body[] = "This is for WebSocket, version 13.\n";
	static const char fields[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	                             "Sec-WebSocket-Version: 13\r\n"
	                             "Content-Type: text/plain; charset=utf-8\r\n"
	                             "Content-Length: 35\r\n";
	_Static_assert(sizeof body - 1 == 35, "Content-Length");
	http_reply_prepared(x, 426, fields, sizeof fields - 1, body, sizeof body - 1);
	return ERR_MALFORMED;
}

static int fail(struct http_exchange *x, uint32_t status, int error)
{
	http_fail(x, status);
	return error;
}

static bool origin_may(const struct http_exchange *x, const char *const *origins)
{
	struct http_text origin = http_header(x, "origin");
	if (!origins)
		return http_same_origin(x);
	for (; *origins; origins++) {
		if (strcmp(*origins, "*") == 0 || http_text_is(origin, *origins))
			return true;
	}
	return !origin.bytes;
}

/* OK, or it has been answered. */
static int check(struct http_exchange *x, const struct websocket_options *o)
{
	if (http_carrier(x))
		return fail(x, 400, ERR_MALFORMED);
	if (!http_text_is(http_method(x), "GET") || x->head.minor == 0 ||
	    !lists(x, "upgrade", "websocket") || !lists(x, "connection", "upgrade"))
		return say_upgrade(x);
	struct http_text version = only(x, "sec-websocket-version");
	if (!http_text_is(version, "13"))
		return say_upgrade(x);
	if (!key_is_good(only(x, "sec-websocket-key")) || !x->body_done || !http_host(x).size)
		return fail(x, 400, ERR_MALFORMED);
	if (!origin_may(x, o->origins))
		return fail(x, 403, ERR_REFUSED);
	if (x->connection->served.server->stopping)
		return fail(x, 503, ERR_MEMORY);
	return OK;
}

/* ---- The answer ---- */

static const char *choose(const struct http_exchange *x, const char *const *protocols)
{
	for (; protocols && *protocols; protocols++) {
		struct http_text rest, element;
		uint32_t at = 0;
		if (strlen(*protocols) > PROTOCOL_MAX)
			continue;
		while ((rest = http_header_next(x, "sec-websocket-protocol", &at)).bytes) {
			while (http_list_next(&rest, &element)) {
				if (http_text_is(element, *protocols))
					return *protocols;
			}
		}
	}
	return NULL;
}

static void agree(struct websocket *w, const struct http_exchange *x)
{
	struct http_text rest, element;
	uint32_t at = 0;
	while ((rest = http_header_next(x, "sec-websocket-extensions", &at)).bytes) {
		while (http_list_next(&rest, &element)) {
			if (websocket_offer(&w->agreed, element, w->options.deflate_context,
			                    w->options.deflate->bits))
				return;
		}
	}
}

static uint32_t answer(const struct websocket *w, struct http_text key, char *to, uint32_t room)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[KEY_SIZE + sizeof guid], accept[BASE64_SIZE(WEBSOCKET_SHA1_SIZE) + 1];
	char agreed[WEBSOCKET_AGREED_MAX] = "";
	uint8_t digest[WEBSOCKET_SHA1_SIZE];
	memcpy(text, key.bytes, KEY_SIZE);
	memcpy(text + KEY_SIZE, guid, sizeof guid);
	websocket_sha1(digest, text, KEY_SIZE + sizeof guid - 1);
	accept[base64_encode(accept, digest, sizeof digest)] = 0;
	if (w->agreed.deflate)
		websocket_agreed_print(agreed, &w->agreed);
	return (uint32_t)print_text(to, room,
	                            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	                            "Sec-WebSocket-Accept: %s\r\n%s%s%s%s%s%s\r\n",
	                            accept, w->protocol ? "Sec-WebSocket-Protocol: " : "",
	                            w->protocol ? w->protocol : "", w->protocol ? "\r\n" : "",
	                            *agreed ? "Sec-WebSocket-Extensions: " : "", agreed,
	                            *agreed ? "\r\n" : "");
}

static struct websocket *make(const struct http_exchange *x, const struct websocket_options *o)
{
	struct websocket *w = heap_alloc_zero(1, sizeof *w);
	if (!w)
		return NULL;
	w->options = *o;
	struct websocket_options *p = &w->options;
	p->message_max = o->message_max ? o->message_max : WEBSOCKET_MESSAGE_MAX;
	p->message_max = p->message_max < UINT32_MAX / 4 ? p->message_max : UINT32_MAX / 4;
	p->piece_max = o->piece_max ? o->piece_max : WEBSOCKET_PIECE_MAX;
	p->unsent_max = o->unsent_max ? o->unsent_max : WEBSOCKET_UNSENT_MAX;
	p->ping_ns = o->ping_ns ? o->ping_ns : WEBSOCKET_PING_NS;
	p->pong_ns = o->pong_ns ? o->pong_ns : WEBSOCKET_PONG_NS;
	p->close_ns = o->close_ns ? o->close_ns : WEBSOCKET_CLOSE_NS;
	p->rate_min = o->rate_min ? o->rate_min : WEBSOCKET_RATE_MIN;
	w->protocol = choose(x, o->protocols);
	if (o->deflate && !o->pieces)
		agree(w, x);
	task_queue_init(&w->readers);
	task_queue_init(&w->senders);
	return w;
}

/* 101. The exchange is no more, but for ERR_INVALID. */
static int take(struct websocket *w, struct http_exchange *x)
{
	char lines[256 + PROTOCOL_MAX + WEBSOCKET_AGREED_MAX];
	struct tcp_served *s = &x->connection->served;
	uint32_t size = answer(w, only(x, "sec-websocket-key"), lines, sizeof lines);
	int error = http_take(x, lines, size, &websocket_served, w);
	if (!error)
		websocket_begin(w, s);
	return error;
}

static int refused(int error)
{
	websocket_all.refused++;
	return error;
}

/* A connection's handle for a request that is good. Null: it has been answered, but for ERR_INVALID and ERR_CLOSED. */
static int admit(struct http_exchange *x, const struct websocket_options *o, struct websocket **to)
{
	static const struct websocket_options none;
	o = o ? o : &none;
	*to = NULL;
	if (!x->connection || x->in_task || x->phase != PHASE_HANDLER)
		return x->connection ? ERR_INVALID : ERR_CLOSED;
	int error = check(x, o);
	if (error)
		return refused(error);
	*to = make(x, o);
	return *to ? OK : refused(fail(x, 503, ERR_MEMORY));
}

int websocket_accept(struct http_exchange *x, const struct websocket_options *o, websocket_fn *fn,
                     void *context)
{
	struct websocket *w;
	int error = admit(x, o, &w);
	if (error)
		return error;
	if (!task_spawn("websocket", websocket_run, w)) { /* it first runs when we have returned */
		heap_free(w);
		return refused(fail(x, 503, ERR_MEMORY));
	}
	error = take(w, x);
	if (error)
		return refused(error);
	w->fn = fn;
	w->context = context;
	return OK;
}

int websocket_accept_watch(struct http_exchange *x, struct websocket **to,
                           const struct websocket_options *o,
                           const struct websocket_handlers *handlers, void *context)
{
	struct websocket *w;
	int error = admit(x, o, &w);
	if (error)
		return error;
	w->handlers = handlers;
	w->context = context;
	error = take(w, x);
	if (error) {
		heap_free(w);
		return refused(error);
	}
	*to = w;
	return OK;
}

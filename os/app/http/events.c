/* SPDX-License-Identifier: ISC */
/* Server-sent events: each is written whole, or the client is ended. */
#include <app/http/events.h>

#include <string.h>

#include <core/heap.h>

#include <app/http/http_internal.h>

#define ID_MAX 256u /* bytes of a Last-Event-ID */

struct http_events {
	struct http_exchange *exchange; /* null: the client has gone */
	struct http_events_options options;
	struct timer timer; /* the next comment; or `ended`, which is due */
	void (*ended)(void *context);
	void *context;
};

struct http_text http_events_last_id(const struct http_exchange *x)
{
	struct http_text id = http_header(x, "last-event-id");
	if (id.bytes && (id.size > ID_MAX || memchr(id.bytes, 0, id.size)))
		return (struct http_text){ NULL, 0 };
	return id;
}

/* ---- The end ---- */

static void tell(struct timer *t)
{
	struct http_events *e = container_of(t, struct http_events, timer);
	void (*ended)(void *) = e->ended;
	void *context = e->context;
	heap_free(e);
	if (ended)
		ended(context);
}

static void tell_soon(struct http_events *e)
{
	e->exchange = NULL;
	timer_set(&e->timer, clock_coarse(), tell);
}

static void gone(struct http_exchange *x, void *context)
{
	(void)x;
	tell_soon(context);
}

void http_events_end(struct http_events *e)
{
	if (!e)
		return;
	timer_stop(&e->timer);
	if (e->exchange) {
		http_on_gone(e->exchange, NULL, NULL);
		http_end(e->exchange);
	}
	heap_free(e);
}

/* ---- Events ---- */

static void keep(struct timer *);

/* All of it is taken, or the client ends. */
static int write_all(struct http_events *e, const char *bytes, uint32_t size)
{
	struct http_exchange *x = e->exchange;
	if (!x)
		return ERR_CLOSED;
	int error = http_unsent(x) > e->options.unsent_max ? ERR_TOO_BIG : OK;
	if (error)
		http_failed(x, ERR_CLOSED);
	else
		error = http_write(x, bytes, size);
	if (error)
		tell_soon(e);
	else if (e->options.keep_ns != CLOCK_NEVER)
		timer_set(&e->timer, clock_coarse() + e->options.keep_ns, keep);
	return error;
}

static void keep(struct timer *t)
{
	write_all(container_of(t, struct http_events, timer), ":\n\n", 3);
}

static bool one_line(const char *text)
{
	return !text || !strpbrk(text, "\r\n");
}

static char *put(char *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

static char *put_field(char *to, const char *name, const char *value)
{
	if (!value)
		return to;
	to = put(to, name, strlen(name));
	to = put(to, ": ", 2);
	to = put(to, value, strlen(value));
	return put(to, "\n", 1);
}

/* A line of data for each of the text's. */
static char *put_data(char *to, const char *p, const char *end)
{
	for (;;) {
		const char *line = p;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		to = put(to, "data: ", 6);
		to = put(to, line, (size_t)(p - line));
		to = put(to, "\n", 1);
		if (p == end)
			return to;
		p += p + 1 < end && p[0] == '\r' && p[1] == '\n' ? 2 : 1;
	}
}

static size_t lines_of(const char *data, uint32_t size)
{
	size_t n = 1;
	for (uint32_t k = 0; k < size; k++)
		n += data[k] == '\n' || data[k] == '\r';
	return n;
}

int http_events_send(struct http_events *e, const struct http_event *v)
{
	size_t name = v->name ? strlen(v->name) : 0, id = v->id ? strlen(v->id) : 0;
	size_t room = name + id + v->size + 7 * lines_of(v->data, v->size) + 32;
	if (!one_line(v->name) || !one_line(v->id))
		return ERR_INVALID;
	if (!e->exchange)
		return ERR_CLOSED;
	char *text = room < UINT32_MAX ? heap_alloc(room) : NULL, *to = text;
	if (!text) { /* it would miss one */
		http_failed(e->exchange, ERR_CLOSED);
		tell_soon(e);
		return ERR_MEMORY;
	}
	to = put_field(to, "event", v->name);
	to = put_field(to, "id", v->id);
	to = put_data(to, v->data, v->data + v->size);
	to = put(to, "\n", 1);
	int error = write_all(e, text, (uint32_t)(to - text));
	heap_free(text);
	return error;
}

/* ---- The begin ---- */

static int begin(struct http_events *e, struct http_exchange *x)
{
	char line[40];
	int error = http_set(x, "Cache-Control", "no-store");
	if (error)
		return error;
	http_on_gone(x, gone, e);
	error = http_begin(x, 200, "text/event-stream", HTTP_UNKNOWN);
	if (error)
		return error;
	memcpy(line, "retry: ", 7);
	uint32_t n = 7 + http_number_print(line + 7, e->options.retry_ms);
	memcpy(line + n, "\n\n", 2);
	/* Something has to come: some clients tell their user only then that they are connected. */
	return e->options.retry_ms ? http_write(x, line, n + 2) : http_write(x, ":\n\n", 3);
}

int http_events_begin(struct http_exchange *x, struct http_events **to,
                      const struct http_events_options *o, void (*ended)(void *context),
                      void *context)
{
	static const struct http_events_options none;
	struct http_events *e = heap_alloc_zero(1, sizeof *e);
	if (!e) {
		http_fail(x, 503);
		return ERR_MEMORY;
	}
	e->options = o ? *o : none;
	if (!e->options.unsent_max)
		e->options.unsent_max = HTTP_EVENTS_UNSENT_MAX;
	if (!e->options.keep_ns)
		e->options.keep_ns = HTTP_EVENTS_KEEP_NS;
	e->exchange = x;
	int error = begin(e, x);
	if (error) {
		heap_free(e);
		return error;
	}
	e->ended = ended;
	e->context = context;
	if (e->options.keep_ns != CLOCK_NEVER)
		timer_set(&e->timer, clock_coarse() + e->options.keep_ns, keep);
	*to = e;
	return OK;
}

/* SPDX-License-Identifier: ISC */
#include <app/http/hook.h>

#include <app/http/http_internal.h>

#include <core/heap.h>

bool http_hooked;

static int add(struct http_server *s, struct http_hook hook)
{
	struct http_hook *h = heap_alloc(sizeof *h), **last = &s->hooks;
	if (!h)
		return ERR_MEMORY;
	while (*last)
		last = &(*last)->next;
	*h = hook;
	*last = h;
	http_hooked = true;
	return OK;
}

int http_before(struct http_server *s, http_before_fn *fn, void *context)
{
	return add(s, (struct http_hook){ .before = fn, .context = context });
}

int http_after(struct http_server *s, http_after_fn *fn, void *context)
{
	return add(s, (struct http_hook){ .after = fn, .context = context });
}

bool http_hooks_before(struct http_connection *c, struct http_exchange *x)
{
	const uint64_t done = c->undrained;
	x->began = clock_coarse();
	for (const struct http_hook *h = c->server->hooks; h; h = h->next) {
		if (h->before && !h->before(x, h->context))
			return false;
		/* One that has answered and says that it has not is not to be believed. */
		if (!c->served.tcp || c->undrained != done ||
		    (!http_carrier(x) && c->exchange != x) || x->phase != PHASE_HANDLER)
			return false;
	}
	return true;
}

void http_hooks_after(struct http_server *s, struct http_exchange *x)
{
	for (const struct http_hook *h = s->hooks; h; h = h->next) {
		if (h->after)
			h->after(x, h->context);
	}
}

uint32_t http_status(const struct http_exchange *x)
{
	return x->status;
}

uint64_t http_body_bytes_out(const struct http_exchange *x)
{
	return x->out_bytes;
}

uint64_t http_took_ns(const struct http_exchange *x)
{
	return x->began ? clock_coarse() - x->began : 0;
}

/* SPDX-License-Identifier: ISC */
/* Listening, the pool of exchanges, and figures. */
#include <app/http/http_internal.h>

#include <stddef.h>
#include <string.h>

#include <core/heap.h>
#include <core/log.h>

#define PORT_DEFAULT 80u
#define NAME_MAX     64u
#define POOL_MAX     64u /* exchanges that are kept for the next requests */

struct http_exchange *http_exchange_take(struct http_server *s)
{
	struct http_exchange *x = s->pool;
	if (x) {
		s->pool = x->next;
		s->pool_count--;
	} else if (!(x = heap_alloc(sizeof *x))) {
		return NULL;
	}
	memset(x, 0, offsetof(struct http_exchange, head.fields));
	x->head.base = "";
	if (http_carried)
		x->stream = NULL;
	return x;
}

void http_exchange_give(struct http_server *s, struct http_exchange *x)
{
	heap_free(x->copy);
	heap_free(x->path_copy);
	if (s->pool_count >= POOL_MAX) {
		heap_free(x);
		return;
	}
	x->next = s->pool;
	s->pool = x;
	s->pool_count++;
}

void http_exchange_unanswered(struct http_server *s, struct http_exchange *x)
{
	s->counters.responses[0]++;
	if (http_hooked) {
		x->status = 0;
		http_hooks_after(s, x);
	}
}

void http_exchange_gone(struct http_server *s, struct http_exchange *x)
{
	x->connection = NULL;
	if (x->phase != PHASE_DONE || x->broken)
		http_exchange_unanswered(s, x);
	if (x->phase == PHASE_DONE)
		return;
	x->phase = PHASE_DONE;
	if (x->on_body)
		x->on_body(x, x->body_context, NULL, 0, ERR_CLOSED);
	if (x->on_gone)
		x->on_gone(x, x->gone_context);
}

static inline int serve(struct http_server **to, const struct http_options *o,
                        const struct tcp_layer *layer, void *context)
{
	static const struct http_options none;
	o = o ? o : &none;
	if (o->name && strlen(o->name) > NAME_MAX)
		return ERR_INVALID;
	struct http_server *s = heap_alloc_zero(1, sizeof *s);
	if (!s)
		return ERR_MEMORY;
	s->options = *o;
	s->options.port = o->port ? o->port : PORT_DEFAULT;
	s->options.connections_max = o->connections_max ? o->connections_max : HTTP_CONNECTIONS_MAX;
	s->options.head_max =
	        o->head_max && o->head_max < HTTP_HEAD_MAX ? o->head_max : HTTP_HEAD_MAX;
	s->options.body_max = o->body_max ? o->body_max : HTTP_BODY_DEFAULT;
	s->options.head_ns = o->head_ns ? o->head_ns : HTTP_HEAD_NS;
	s->options.idle_ns = o->idle_ns ? o->idle_ns : HTTP_IDLE_NS;
	s->options.send_ns = o->send_ns ? o->send_ns : HTTP_SEND_NS;
	s->options.gather_max = o->gather_max ? o->gather_max : HTTP_GATHER_DEFAULT;
	int error = tcp_server_open(
	        &s->served, &http_protocol, o->interface, s->options.port,
	        &(struct tcp_options){ .no_delay = true },
	        &(struct tcp_server_limits){ .connections_max = s->options.connections_max,
	                                     .per_address_max = o->per_address_max,
	                                     .unsent_max = o->unsent_max ? o->unsent_max
	                                                                 : HTTP_UNSENT_MAX,
	                                     .buffers_max = o->buffers_max,
	                                     .idle_ns = s->options.idle_ns,
	                                     .stall_ns = s->options.send_ns });
	if (error) {
		log_error("http", "port %u: %s", s->options.port, error_text(error));
		heap_free(s);
		return error;
	}
	if (layer)
		tcp_server_layer(&s->served, layer, context);
	if (metric_shown)
		http_metrics_add(s);
	*to = s;
	return OK;
}

int http_serve(struct http_server **to, const struct http_options *o)
{
	return serve(to, o, NULL, NULL);
}

int http_serve_over(struct http_server **to, const struct http_options *o,
                    const struct tcp_layer *layer, void *context)
{
	return serve(to, o, layer, context);
}

int http_run(struct http_server *s)
{
	tcp_server_wait(&s->served);
	return OK;
}

void http_stop(struct http_server *s, uint64_t deadline_ns,
               void (*stopped)(void *context, uint32_t left), void *context)
{
	tcp_server_stop(&s->served, deadline_ns, stopped, context);
}

void http_counters(const struct http_server *s, struct http_counters *to)
{
	const struct tcp_server_counters *n = &s->served.counters;
	*to = s->counters;
	to->connections = n->connections;
	to->connections_now = n->now;
	to->connections_refused += n->refused;
	to->made_room = n->made_room;
	to->crowded = n->crowded;
	to->timed_out += n->stalled;
}

/* SPDX-License-Identifier: ISC */
/* Listening, the pool of exchanges, and figures. */
#include <app/http/http_internal.h>

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
	/* All but the arrays, which say by counts what of them is there. */
	struct http_head *h = &x->head;
	x->connection = NULL;
	x->next = NULL;
	x->copy = x->path_copy = NULL;
	x->target = (struct http_target){ .plain = false };
	x->path = (struct http_text){ NULL, 0 };
	x->parameter_count = x->fields_size = x->status = 0;
	x->phase = PHASE_HANDLER;
	x->head_only = x->chunked_out = x->close_after = x->in_task = x->continued = x->broken =
	        x->body_done = x->no_body = false;
	x->body_left = x->body_taken = x->out_bytes = x->out_left = 0;
	x->chunk = (struct http_chunk){ .left = 0 };
	x->gathered = NULL;
	x->gathered_size = x->gathered_at = 0;
	x->body_waited = 0;
	x->on_body = NULL;
	x->on_gone = NULL;
	x->route = NULL;
	x->peer = x->peer_port = 0;
	h->base = "";
	h->size = 0;
	h->method = h->target = (struct http_span){ 0, 0 };
	h->field_count = 0;
	h->chunked = h->has_length = h->close = h->keep_alive = h->expect_continue = false;
	h->length = 0;
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

int http_serve(struct http_server **to, const struct http_options *o)
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
	*to = s;
	return OK;
}

int http_run(struct http_server *s)
{
	(void)s;
	for (;;)
		task_sleep(UINT64_MAX);
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

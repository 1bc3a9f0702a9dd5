/* SPDX-License-Identifier: ISC */
/* A connection that is in clear until it is upgraded: everything goes straight through, and then through tls_layer. */
#include <app/tls/internal.h>
#include <app/tls/starttls.h>

#include <core/error.h>

static struct tls_connection *of(const struct tcp_served *s)
{
	return (struct tls_connection *)tcp_served_layer_state(s);
}

static void opened(struct tcp_served *s)
{
	struct tls_connection *c = of(s);
	c->tls = s->server->layer_context;
	c->served = s;
	c->clear = true;
	list_init(&c->waiting);
	tcp_served_layer_open(s);
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct tls_connection *c = of(s);
	if (!c->clear)
		return tls_layer.received(s, bytes, size);
	uint32_t used = s->protocol->received(s, bytes, size);
	if (!s->tcp || s->state == TCP_SERVED_LINGER || c->clear || used >= size)
		return used;
	/* The client does not wait for our word: what it goes on with is TLS, or the end. */
	return used + tls_layer.received(s, bytes + used, size - used);
}

static uint64_t write(struct tcp_served *s, const void *bytes, uint64_t size)
{
	if (!of(s)->clear)
		return tls_layer.write(s, bytes, size);
	uint32_t n = tcp_write_some(s->tcp, bytes, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX);
	tcp_served_wrote(s, n, true);
	return n;
}

static int64_t peek(struct tcp_served *s, const uint8_t **bytes, uint64_t deadline_ns)
{
	return of(s)->clear ? tcp_peek(s->tcp, bytes, deadline_ns)
	                    : tls_layer.peek(s, bytes, deadline_ns);
}

static void consume(struct tcp_served *s, uint32_t size)
{
	if (of(s)->clear)
		tcp_consume(s->tcp, size);
	else
		tls_layer.consume(s, size);
}

/* The layer's other functions have nothing to do before there is a TLS connection, and see so. */
const struct tcp_layer tls_starttls_layer = { .size = sizeof(struct tls_connection),
	                                      .opened = opened,
	                                      .received = received,
	                                      .write = write,
	                                      .flush = tls_layer_flush,
	                                      .flush_in_task = tls_layer_flush_in_task,
	                                      .ending = tls_layer_ending,
	                                      .peek = peek,
	                                      .consume = consume,
	                                      .speaks = tls_layer_speaks,
	                                      .ended = tls_layer_ended };

int tls_upgrade(struct tcp_served *s)
{
	if (!tls_is_clear(s) || !s->tcp)
		return ERR_INVALID;
	struct tls_connection *c = of(s);
	if (s->pieces)
		return ERR_AGAIN;
	c->clear = c->state.open = false;
	tcp_served_idle(s);
	if (s->tcp) {
		tls_layer.opened(s);
		s->strict = true; /* as of one that begins so */
	}
	return OK;
}

bool tls_is_clear(const struct tcp_served *s)
{
	return tcp_served_layer(s) == &tls_starttls_layer && of(s)->clear;
}

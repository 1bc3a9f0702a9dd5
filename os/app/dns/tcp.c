/* SPDX-License-Identifier: ISC */
/*
 * DNS over TCP. Connections, their times and their memory are net/tcp_served.h's. Queries are put together in their
 * connection's buffer, however segments cut them. Answers are made in one buffer for all connections; a client that
 * does not read its answers is not read from either. Cold beside UDP: no cache of answers. A zone's transfer
 * has a buffer of its own, whose message goes out as TCP takes it; only then is the next one made.
 * Queries behind it wait.
 */
#include <app/dns/tcp.h>

#include <string.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <net/tcp_served.h>

#include <app/dns/transfer.h>
#include <app/dns/type.h>

#define ANSWER_MAX 65535u
#define RATE_MIN   1024u /* bytes a second of a query that is coming, after the time for idling */

struct server {
	struct tcp_server served;
	struct dns_responder responder;
	struct dns_allow allow;
	uint32_t transfers, transfers_max; /* under way; at once */
	uint32_t rate;                     /* of each, in bytes a second, at least */
	struct list waiting;               /* clients that want one, in their order */
	struct timer turn;                 /* some of these can begin */
	struct dns_counters *counters;
	uint8_t answer[2 + ANSWER_MAX];
};

struct sending {
	struct dns_transfer transfer;
	uint32_t size, sent; /* bytes of the message, its length included */
	uint8_t message[2 + ANSWER_MAX];
};

struct client { /* BUSY amid a query and a transfer, and waiting for one. served.got: bytes of a query, or of a transfer */
	struct tcp_served served;
	struct list line; /* in the server's `waiting` */
	bool waiting;     /* for its turn; `query` holds what it asked */
	struct server *server;
	struct sending *sending; /* null: no transfer */
	uint32_t have;
	uint8_t query[2 + DNS_TCP_QUERY_MAX]; /* with its length; the first `have` bytes */
};

static struct client *of(struct tcp_served *s)
{
	return container_of(s, struct client, served);
}

static void take_turns(struct timer *);

static void stop_sending(struct client *c)
{
	struct server *s = c->server;

	if (!c->sending)
		return;
	s->transfers--;
	/* From the loop: this may be amid another connection's events. */
	if (!list_empty(&s->waiting))
		timer_set_in(&s->turn, 0, take_turns);
	heap_free(c->sending);
	c->sending = NULL;
	tcp_served_keep(&c->served, 0);
}

static void stop_waiting(struct client *c)
{
	if (c->waiting)
		list_remove(&c->line);
	c->waiting = false;
}

/* As much of the transfer as TCP takes. False: it cannot go on. */
static bool send_zone(struct client *c)
{
	struct server *s = c->server;
	struct sending *out = c->sending;

	for (;;) {
		uint32_t n = tcp_served_write_some(&c->served, out->message + out->sent,
		                                   out->size - out->sent);
		out->sent += n;
		c->served.got += n;
		if (out->sent < out->size)
			return true; /* `writable` follows */
		n = dns_transfer_next(&out->transfer, &s->responder, out->message + 2, ANSWER_MAX);
		if (n == 0)
			break;
		bytes_store_u16(out->message, (uint16_t)n);
		out->size = n + 2;
		out->sent = 0;
	}
	if (out->transfer.damaged)
		return false;
	s->counters->transfers++;
	c->served.rate = 0;
	stop_sending(c);
	tcp_resume(c->served.tcp);
	return true;
}

/* The query in the responder is for a zone, whose header and question are in s->answer: makes the
 * first message. Otherwise the code of the response that there is to be instead. */
static enum dns_rcode begin_zone(struct client *c)
{
	struct server *s = c->server;

	if (!dns_allow_has(&s->allow, c->served.remote))
		return DNS_REFUSED;
	if (s->transfers >= s->transfers_max) {
		list_append(&s->waiting, &c->line);
		c->waiting = true;
		return DNS_NOERROR;
	}
	if (!tcp_served_keep(&c->served, sizeof *c->sending))
		return DNS_SERVFAIL;
	c->sending = heap_alloc(sizeof *c->sending);
	if (!c->sending) {
		tcp_served_keep(&c->served, 0);
		return DNS_SERVFAIL;
	}
	s->transfers++;
	struct sending *out = c->sending;
	int result = dns_transfer_begin(&out->transfer, &s->responder);
	if (result == OK) {
		memcpy(out->message + 2, s->answer + 2, s->responder.query.question_end);
		out->size = 2 + dns_transfer_next(&out->transfer, &s->responder, out->message + 2,
		                                  ANSWER_MAX);
		out->sent = 0;
		bytes_store_u16(out->message, (uint16_t)(out->size - 2));
	}
	if (result == OK && !out->transfer.damaged)
		return DNS_NOERROR;
	stop_sending(c);
	return result == ERR_ABSENT ? DNS_NOTAUTH : DNS_SERVFAIL;
}

static bool answer(struct client *c, const uint8_t *query, uint32_t size)
{
	struct server *s = c->server;

	uint32_t n = dns_answer(&s->responder, query, size, s->answer + 2, ANSWER_MAX);
	if (n == 0) {
		s->counters->dropped++;
		return true;
	}
	const struct dns_query *q = &s->responder.query;
	if ((s->answer[5] & 15) == DNS_REFUSED && q->type == DNS_AXFR && q->class == DNS_IN)
		s->answer[5] = (uint8_t)((s->answer[5] & 0xf0) | begin_zone(c));
	if (c->waiting)
		return true;
	s->counters->rcodes[s->answer[5] & 15]++;
	if (c->sending)
		return send_zone(c);
	bytes_store_u16(s->answer, (uint16_t)n);
	if (tcp_served_write(&c->served, s->answer, n + 2) == OK)
		return true;
	s->counters->failed++;
	return false;
}

/* How much of the bytes belongs to the query in the making. */
static uint32_t gather(struct client *c, const uint8_t *bytes, uint32_t size)
{
	uint32_t want = c->have < 2 ? 2 : 2u + bytes_load_u16(c->query);
	uint32_t n = size < want - c->have ? size : want - c->have;

	memcpy(c->query + c->have, bytes, n);
	c->have += n;
	return n;
}

/* After something came, or went. */
static void settle(struct client *c)
{
	struct tcp_served *s = &c->served;
	if (c->sending &&
	    !s->rate) /* others wait for its turn: it has to go on, however it acknowledges */
		tcp_served_owed(s, s->server->limits.stall_ns, c->server->rate);
	else if (c->sending)
		; /* its time runs */
	else if (c->waiting)
		tcp_served_busy(s, CLOCK_NEVER); /* we are late */
	else if (s->finished)
		tcp_served_close(s);
	else if (!c->have)
		tcp_served_idle(s);
	else if (!s->rate)
		tcp_served_owed(s, s->server->limits.idle_ns, RATE_MIN);
}

/* Begins what waits, as far as there is room for it. */
static void take_turns(struct timer *t)
{
	struct server *s = container_of(t, struct server, turn);

	while (s->transfers < s->transfers_max && !list_empty(&s->waiting)) {
		struct client *c = container_of(s->waiting.next, struct client, line);
		stop_waiting(c);
		tcp_served_enter(&c->served);
		if (!answer(c, c->query + 2, bytes_load_u16(c->query))) {
			tcp_served_drop(&c->served);
		} else {
			if (!c->sending) /* over, or refused: queries behind it go on */
				tcp_resume(c->served.tcp);
			settle(c);
		}
		tcp_served_leave(&c->served);
	}
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct client *c = of(s);
	uint32_t at = 0;

	while (at < size && !c->sending && !c->waiting && !tcp_served_full(s)) {
		at += gather(c, bytes + at, size - at);
		if (c->have < 2)
			continue;
		uint32_t length = bytes_load_u16(c->query);
		bool good = length <= DNS_TCP_QUERY_MAX;
		if (good && c->have < 2 + length)
			continue;
		if (good) {
			c->have = 0;
			s->rate = 0;
			c->server->counters->queries++;
			good = answer(c, c->query + 2, length);
		}
		if (!good) {
			tcp_served_drop(s);
			return size;
		}
	}
	settle(c);
	return at;
}

static void writable(struct tcp_served *s)
{
	struct client *c = of(s);

	if (!c->sending)
		return;
	if (send_zone(c))
		settle(c);
	else
		tcp_served_drop(s);
}

static void finished(struct tcp_served *s)
{
	if (!of(s)->sending && !of(s)->waiting)
		tcp_served_close(s);
}

static bool opened(struct tcp_served *s)
{
	of(s)->server = container_of(s->server, struct server, served);
	return true;
}

static void ended(struct tcp_served *s)
{
	stop_waiting(of(s));
	stop_sending(of(s));
}

static const struct tcp_served_protocol protocol = { .size = sizeof(struct client),
	                                             .opened = opened,
	                                             .received = received,
	                                             .finished = finished,
	                                             .writable = writable,
	                                             .ended = ended };

int dns_tcp_serve(const struct dns_database *db, const struct dns_policy *policy,
                  const struct dns_allow *transfers, struct dns_counters *counters,
                  struct interface *interface, uint16_t port, const struct dns_tcp_limits *limits,
                  struct tcp_server **served)
{
	static const struct dns_tcp_limits none;
	const struct dns_tcp_limits *l = limits ? limits : &none;
	struct server *s = heap_alloc_zero(1, sizeof *s);
	struct dns_policy streamed = *policy;

	if (!s)
		return ERR_MEMORY;
	streamed.stream = true;
	uint64_t idle_ns = l->idle_ns ? l->idle_ns : DNS_TCP_IDLE_NS;
	uint64_t keepalive = idle_ns / DNS_KEEPALIVE_UNIT_NS;
	streamed.keepalive = keepalive < UINT16_MAX ? (uint16_t)keepalive : UINT16_MAX;
	dns_responder_init(&s->responder, db, &streamed);
	s->allow = *transfers;
	s->transfers_max = l->transfers ? l->transfers : DNS_TCP_TRANSFERS;
	s->rate = l->rate ? l->rate : DNS_TCP_RATE;
	s->counters = counters;
	list_init(&s->waiting);
	int result = tcp_server_open(
	        &s->served, &protocol, interface, port,
	        &(struct tcp_options){
	                .receive_max = 16384, .send_max = 4 * (ANSWER_MAX + 2), .no_delay = true },
	        &(struct tcp_server_limits){
	                .connections_max = l->connections ? l->connections : DNS_TCP_CONNECTIONS,
	                .per_address_max = l->per_address ? l->per_address : DNS_TCP_PER_ADDRESS,
	                .unsent_max = l->unsent ? l->unsent : DNS_TCP_UNSENT,
	                .buffers_max = l->buffers,
	                .idle_ns = idle_ns,
	                .stall_ns = idle_ns });
	if (result < 0) {
		heap_free(s);
		return result;
	}
	if (served)
		*served = &s->served;
	return OK;
}

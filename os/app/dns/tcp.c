/* SPDX-License-Identifier: ISC */
/*
 * DNS over TCP. Queries are put together in their connection's buffer, however segments cut them.
 * Answers are made in one buffer for all connections and copied into TCP's; a client that does not
 * read its answers is not read from either. Cold beside UDP: no cache of answers. A zone's transfer
 * has a buffer of its own, whose message goes out as TCP takes it; only then is the next one made.
 * Queries behind it wait.
 */
#include <app/dns/tcp.h>

#include <string.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/timer.h>
#include <net/tcp.h>

#include <app/dns/transfer.h>
#include <app/dns/type.h>

#define ANSWER_MAX 65535u
#define SEND_MAX   (4u * (ANSWER_MAX + 2u))

struct server {
	struct dns_responder responder;
	struct dns_allow allow;
	struct dns_tcp_bounds bounds;
	uint32_t transfers;  /* under way */
	struct list waiting; /* clients that want one, in their order */
	struct timer turn;   /* some of these can begin */
	struct dns_counters *counters;
	struct tcp_listener *listener;
	struct list clients;
	uint32_t total;
	uint8_t answer[2 + ANSWER_MAX];
};

struct sending {
	struct dns_transfer transfer;
	uint32_t size, sent; /* bytes of the message, its length included */
	uint8_t message[2 + ANSWER_MAX];
};

struct client {
	struct list link;
	struct list line; /* in the server's `waiting` */
	bool waiting;     /* for its turn; `query` holds what it asked */
	struct server *server;
	struct tcp_connection *connection;
	struct timer idle;
	uint32_t address;
	bool stalled;            /* there was no room for an answer */
	bool ended;              /* the client has no more queries */
	struct sending *sending; /* null: no transfer */
	uint32_t have;
	uint8_t query[2 + DNS_TCP_QUERY_MAX]; /* with its length; the first `have` bytes */
};

static void take_turns(struct timer *);

static void stop_sending(struct client *c)
{
	struct server *s = c->server;

	if (c->sending) {
		s->transfers--;
		/* From the loop: this may be amid another connection's events. */
		if (!list_empty(&s->waiting))
			timer_set_in(&s->turn, 0, take_turns);
	}
	heap_free(c->sending);
	c->sending = NULL;
}

static void stop_waiting(struct client *c)
{
	if (c->waiting)
		list_remove(&c->line);
	c->waiting = false;
}

static void forget(struct client *c)
{
	stop_waiting(c);
	stop_sending(c);
	timer_stop(&c->idle);
	list_remove(&c->link);
	c->server->total--;
	heap_free(c);
}

static void idle(struct timer *t)
{
	struct client *c = container_of(t, struct client, idle);

	if (c->waiting) { /* it is us who are late */
		timer_set_in(t, DNS_TCP_IDLE_NS, idle);
		return;
	}
	if (c->stalled || c->have || c->sending)
		tcp_abort(c->connection);
	else
		tcp_close(c->connection);
	forget(c);
}

/* As much of the transfer as TCP takes. False: it cannot go on. */
static bool send_zone(struct client *c)
{
	struct server *s = c->server;
	struct sending *out = c->sending;

	for (;;) {
		uint32_t n = tcp_write_some(c->connection, out->message + out->sent,
		                            out->size - out->sent);
		if (n)
			timer_set_in(&c->idle, DNS_TCP_IDLE_NS, idle);
		out->sent += n;
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
	stop_sending(c);
	tcp_resume(c->connection);
	return true;
}

/* The query in the responder is for a zone, whose header and question are in s->answer: makes the
 * first message. Otherwise the code of the response that there is to be instead. */
static enum dns_rcode begin_zone(struct client *c)
{
	struct server *s = c->server;

	if (!dns_allow_has(&s->allow, c->address))
		return DNS_REFUSED;
	if (s->transfers >= s->bounds.transfers) {
		list_append(&s->waiting, &c->line);
		c->waiting = true;
		return DNS_NOERROR;
	}
	c->sending = heap_alloc(sizeof *c->sending);
	if (!c->sending)
		return DNS_SERVFAIL;
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

	timer_set_in(&c->idle, DNS_TCP_IDLE_NS, idle);
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
	if (tcp_write_some(c->connection, s->answer, n + 2) == n + 2)
		return true;
	s->counters->failed++;
	return false;
}

/* A transfer that had its turn late is over, or was refused: queries behind it go on. */
static void end_of_answer(struct client *c)
{
	if (!c->ended) {
		tcp_resume(c->connection);
		return;
	}
	tcp_close(c->connection);
	forget(c);
}

/* Begins what waits, as far as there is room for it. */
static void take_turns(struct timer *t)
{
	struct server *s = container_of(t, struct server, turn);

	while (s->transfers < s->bounds.transfers && !list_empty(&s->waiting)) {
		struct client *c = container_of(s->waiting.next, struct client, line);
		stop_waiting(c);
		if (!answer(c, c->query + 2, bytes_load_u16(c->query))) {
			tcp_abort(c->connection);
			forget(c);
		} else if (!c->sending) {
			end_of_answer(c);
		}
	}
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

static uint32_t received(void *context, struct tcp_connection *connection, const uint8_t *bytes,
                         uint32_t size)
{
	struct client *c = context;
	uint32_t at = 0;

	while (at < size) {
		c->stalled =
		        c->sending || c->waiting || tcp_write_room(connection) < ANSWER_MAX + 2;
		if (c->stalled)
			break;
		at += gather(c, bytes + at, size - at);
		if (c->have < 2)
			continue;
		uint32_t length = bytes_load_u16(c->query);
		bool good = length <= DNS_TCP_QUERY_MAX;
		if (good && c->have < 2 + length)
			continue;
		if (good) {
			c->have = 0;
			c->server->counters->queries++;
			good = answer(c, c->query + 2, length);
		}
		if (!good) {
			tcp_abort(connection);
			forget(c);
			return size;
		}
	}
	return at;
}

static void drained(void *context, struct tcp_connection *connection)
{
	struct client *c = context;

	if (c->stalled && !c->sending && !c->waiting)
		tcp_resume(connection);
}

static void writable(void *context, struct tcp_connection *connection)
{
	struct client *c = context;

	if (!c->sending)
		return;
	if (!send_zone(c)) {
		tcp_abort(connection);
		forget(c);
	} else if (c->ended && !c->sending) {
		tcp_close(connection);
		forget(c);
	}
}

static void finished(void *context, struct tcp_connection *connection)
{
	struct client *c = context;

	c->ended = true;
	if (c->sending || c->waiting)
		return;
	tcp_close(connection);
	forget(c);
}

static void closed(void *context, struct tcp_connection *connection, int reason)
{
	(void)connection;
	(void)reason;
	forget(context);
}

static const struct tcp_handlers handlers = {
	.received = received,
	.finished = finished,
	.writable = writable,
	.drained = drained,
	.closed = closed,
};

static bool accepted(void *context, struct tcp_connection *connection)
{
	struct server *s = context;
	struct tcp_info info;
	uint32_t same = 0;

	tcp_info(connection, &info);
	list_each (at, &s->clients)
		same += container_of(at, struct client, link)->address == info.remote;
	if (s->total >= DNS_TCP_CONNECTIONS || same >= DNS_TCP_PER_ADDRESS)
		return false;
	struct client *c = heap_alloc_zero(1, sizeof *c);
	if (!c)
		return false;
	c->server = s;
	c->connection = connection;
	c->address = info.remote;
	list_append(&s->clients, &c->link);
	s->total++;
	timer_set_in(&c->idle, DNS_TCP_IDLE_NS, idle);
	tcp_watch(connection, &handlers, c);
	return true;
}

int dns_tcp_serve(const struct dns_database *db, const struct dns_policy *policy,
                  const struct dns_allow *transfers, const struct dns_tcp_bounds *bounds,
                  struct dns_counters *counters, struct interface *interface, uint16_t port)
{
	struct server *s = heap_alloc_zero(1, sizeof *s);
	struct dns_policy streamed = *policy;

	if (!s)
		return ERR_MEMORY;
	streamed.stream = true;
	streamed.keepalive = (uint16_t)(DNS_TCP_IDLE_NS / DNS_KEEPALIVE_UNIT_NS);
	dns_responder_init(&s->responder, db, &streamed);
	s->allow = *transfers;
	s->bounds = *bounds;
	s->counters = counters;
	list_init(&s->clients);
	list_init(&s->waiting);
	int result = tcp_listen(&s->listener, port,
	                        &(struct tcp_options){ .interface = interface,
	                                               .receive_max = 16384,
	                                               .send_max = SEND_MAX,
	                                               .no_delay = true });
	if (result < 0) {
		heap_free(s);
		return result;
	}
	tcp_listen_watch(s->listener, accepted, s);
	return OK;
}

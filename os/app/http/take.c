/* SPDX-License-Identifier: ISC */
/* A connection that goes on in another protocol, behind 101 (RFC 9110 §15.2.2). Only images whose libraries do so have this. */
#include <app/http/http_internal.h>

#include <string.h>

int http_take(struct http_exchange *x, const char *lines, uint32_t size,
              const struct tcp_served_protocol *protocol, void *taken)
{
	static const char status[] = "HTTP/1.1 101 Switching Protocols\r\n";
	struct http_connection *c = x->connection;
	if (!c || !c->served.tcp)
		return ERR_CLOSED;
	if (http_carrier(x) || x->in_task || x->phase != PHASE_HANDLER || !x->body_done ||
	    c->served.server->stopping)
		return ERR_INVALID;
	struct tcp_served *s = &c->served;
	int error = tcp_served_write(s, status, sizeof status - 1);
	if (!error)
		error = tcp_served_write(s, http_date_line(), DATE_LINE_SIZE);
	if (!error && x->fields_size)
		error = tcp_served_write(s, x->fields, x->fields_size);
	if (!error)
		error = tcp_served_write(s, lines, size);
	if (error)
		return http_failed(x, error);
	x->status = 101;
	x->phase = PHASE_DONE;
	c->server->counters.responses[1]++;
	if (c->server->options.access_log)
		http_log(x);
	if (http_hooked)
		http_hooks_after(c->server, x);
	c->exchange = NULL;
	http_exchange_give(c->server, x);
	c->state = STATE_WAIT; /* until it has returned, HTTP reads nothing */
	c->taken = taken;
	s->protocol = protocol;
	tcp_served_busy(s, CLOCK_NEVER);
	tcp_resume(s->tcp); /* what has come behind the request */
	return OK;
}
